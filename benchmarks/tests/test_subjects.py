from __future__ import annotations

import sys

import pytest

from bench.programs import C, Program, Programs
from bench.subjects import C_CLIENT, LEAST, ONCE, RUBY_AMQP, SUBJECTS, Subject

ARGUMENTS = "mq.example.org 5673 fleet ann p/w e_in e_out production 2"


def subject(name: str) -> Subject:
    return next(each for each in SUBJECTS if each.name == name)


@pytest.mark.parametrize(("guarantee", "confirmed"), [(ONCE, "0"), (LEAST, "1")])
def test_a_program_is_started_with_the_arguments_of_all_programs(
    guarantee: str, confirmed: str
) -> None:
    code = "import sys; print(*sys.argv[1:], 'peer is ready', flush=True); sys.stdin.read()"
    echo = Program("Echo", (), lambda _: [], lambda _: [sys.executable, "-c", code])
    peer = Subject("echo", program=echo)
    url = "amqp://ann:p%2Fw@mq.example.org:5673/fleet"
    with (
        Programs() as programs,
        peer.process(url, "e", programs, guarantee=guarantee, queues=2) as process,
    ):
        process.wait_for(f"{ARGUMENTS} {confirmed} peer is ready", 5)


def test_a_program_that_cannot_be_prepared_is_missing_and_no_other_peer_is() -> None:
    programs = Programs()
    programs.missing["C"] = "it needs gcc"
    assert subject(C_CLIENT).program is C
    assert subject(C_CLIENT).missing(programs) == "it needs gcc"
    assert subject(RUBY_AMQP).missing(programs) == ""
    assert Subject("x", needs="no_such_package").missing(programs) == (
        "the package no_such_package is not installed"
    )


def test_who_has_at_most_once_alone_is_asked_for_no_more() -> None:
    assert subject(RUBY_AMQP).guarantees == (ONCE,)
    assert all(each.guarantees[-1] == LEAST for each in SUBJECTS if each.name != RUBY_AMQP)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda each: each.name)
def test_what_fans_out_has_at_least_once(subject: Subject) -> None:
    assert LEAST in subject.guarantees or not subject.fans_out
