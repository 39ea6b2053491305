"""The checker can fail: a history by hand for each violation, and for what is none."""

import pytest

from faults.checker import Verdict, check
from faults.history import Event, History, Kind

WEB = "web01"
LIFE = "instance"


def command(id: str, at: float = 0.0, *, outputs: int = 2) -> list[Event]:
    """All that happens to a command when nothing goes wrong."""
    events = [
        Event(at, Kind.SENT, id, WEB),
        Event(at + 0.1, Kind.CONFIRMED, id, WEB),
        Event(at + 0.2, Kind.STARTED, id, WEB, detail=LIFE),
    ]
    for seq in range(outputs):
        events.append(Event(at + 0.3, Kind.NOTIFIED, id, WEB, seq=seq, detail=LIFE))
        events.append(Event(at + 0.4, Kind.SEEN, id, WEB, f"{id}/{seq}", seq))
    return [
        *events,
        Event(at + 0.5, Kind.ENDED, id, WEB, detail=LIFE),
        Event(at + 0.6, Kind.FINISHED, id, WEB, detail="done"),
    ]


DRAINED = Event(99.0, Kind.DRAINED, server=WEB, detail=LIFE)


def judge(events: list[Event], *, deletes: bool = False, durable: bool = False) -> Verdict:
    history = History(events=events)
    return check(history, expires=5.0, title="t", seed=7, deletes=deletes, durable=durable)


def without(events: list[Event], *kinds: Kind) -> list[Event]:
    return [event for event in events if event.kind not in kinds]


def test_nothing_went_wrong() -> None:
    verdict = judge([*command("a"), *command("b"), DRAINED])
    assert verdict.violations == []
    assert (verdict.sent, verdict.done, verdict.outputs_seen, verdict.missing) == (2, 2, 4, ())
    assert str(verdict).startswith(
        "t (seed 7): 2 commands, 2 done, 0 failed, 0 missing, 0 unknown; "
    )


class TestLostOutputs:
    def test_of_a_service_that_drained(self) -> None:
        verdict = judge([*without(command("a"), Kind.SEEN), DRAINED])
        assert verdict.lost_outputs == ("a on web01 #0", "a on web01 #1")
        assert verdict.violations == ["2 outputs were lost: a on web01 #0, a on web01 #1"]

    def test_not_of_one_that_was_killed(self) -> None:
        """Nobody knows whether the broker had them."""
        assert judge(without(command("a"), Kind.SEEN)).violations == []

    def test_that_the_broker_had_confirmed(self) -> None:
        stored = Event(0.35, Kind.STORED, "a", WEB, seq=1)
        assert judge([*without(command("a"), Kind.SEEN), stored]).lost_outputs == ("a on web01 #1",)

    def test_an_end_that_the_broker_had_confirmed(self) -> None:
        stored = Event(0.55, Kind.STORED, "a", WEB, detail=LIFE)
        missing = Event(9.0, Kind.MISSING, "a", WEB)
        verdict = judge([*without(command("a"), Kind.FINISHED), stored, missing])
        assert verdict.violations == ["1 outputs were lost: a on web01 end"]

    def test_not_the_end_of_a_probe(self) -> None:
        assert judge([Event(1.0, Kind.STORED, "probe", WEB, detail=LIFE)]).violations == []

    def test_the_end_is_one(self) -> None:
        missing = Event(9.0, Kind.MISSING, "a", WEB)
        verdict = judge([*without(command("a"), Kind.FINISHED), missing, DRAINED])
        assert verdict.lost_outputs == ("a on web01 end",)

    def test_are_counted_where_something_was_deleted(self) -> None:
        verdict = judge([*without(command("a"), Kind.SEEN), DRAINED], deletes=True)
        assert (len(verdict.lost_outputs), verdict.violations) == (2, [])


class TestDuplicates:
    def test_with_the_same_message_id_are_counted(self) -> None:
        verdict = judge([*command("a"), Event(0.5, Kind.SEEN, "a", WEB, "a/1", 1), DRAINED])
        assert (verdict.duplicated_outputs, verdict.outputs_seen, verdict.violations) == (1, 2, [])

    def test_with_another_message_id(self) -> None:
        verdict = judge([*command("a"), Event(0.5, Kind.SEEN, "a", WEB, "other", 1), DRAINED])
        assert verdict.violations == [
            "1 outputs came twice and cannot be recognised: a on web01 #1"
        ]


class TestOrder:
    SWAPPED = (
        *without(command("a"), Kind.SEEN),
        Event(0.4, Kind.SEEN, "a", WEB, "a/1", 1),
        Event(0.5, Kind.SEEN, "a", WEB, "a/0", 0),
    )

    def test_another_than_they_were_said_in(self) -> None:
        assert judge([*self.SWAPPED]).violations == [
            "1 commands had their outputs in another order: a on web01"
        ]

    def test_may_be_any_once_one_was_sent_again(self) -> None:
        assert judge([*self.SWAPPED, Event(0.45, Kind.RESENT, "a", WEB, seq=0)]).violations == []

    def test_is_that_in_which_they_came_first(self) -> None:
        again = Event(0.5, Kind.SEEN, "a", WEB, "a/0", 0)
        assert judge([*command("a"), again]).violations == []


def test_a_command_that_expired_is_not_done() -> None:
    expired = Event(6.0, Kind.FINISHED, "a", WEB, detail="expired")
    verdict = judge([*without(command("a", outputs=0), Kind.FINISHED), expired, DRAINED])
    assert (verdict.done, verdict.failed, verdict.missing, verdict.violations) == (0, 1, (), [])


class TestRunTwice:
    AGAIN = Event(1.0, Kind.STARTED, "a", WEB, detail=LIFE)

    def test_on_the_same_server(self) -> None:
        verdict = judge([*command("a"), self.AGAIN])
        assert verdict.violations == ["1 commands were run twice: a on web01"]

    def test_on_two_servers_is_none(self) -> None:
        assert judge([*command("a"), Event(1.0, Kind.STARTED, "a", "web02")]).run_twice == ()

    def test_is_counted_of_durable_ones_and_may_say_everything_twice(self) -> None:
        said = Event(1.1, Kind.SEEN, "a", WEB, "other", 0)
        verdict = judge([*command("a"), self.AGAIN, said], durable=True)
        assert (verdict.run_twice, verdict.violations) == (("a on web01",), [])


def test_started_late() -> None:
    events = without(command("a"), Kind.STARTED)
    assert judge([*events, Event(10.0, Kind.STARTED, "a", WEB)]).violations == []
    verdict = judge([*events, Event(10.2, Kind.STARTED, "a", WEB)])
    assert verdict.violations == [
        "1 commands were started later than twice their expiry: a on web01 after 10.1 s"
    ]


class TestStartedLateThoughNobodyKnewThatItWasTaken:
    EVENTS = without(command("a"), Kind.STARTED, Kind.CONFIRMED)
    UNKNOWN = Event(3.0, Kind.UNKNOWN, "a", WEB)

    def late(self, start: float, *events: Event) -> tuple[str, ...]:
        return judge([*self.EVENTS, Event(start, Kind.STARTED, "a", WEB), *events]).started_late

    def test_it_was_taken_by_then(self) -> None:
        assert self.late(13.0, self.UNKNOWN) == ()
        assert self.late(13.5, self.UNKNOWN) == ("a on web01 after 10.5 s",)

    def test_or_when_the_fault_was_healed(self) -> None:
        fault, healed = Event(1.0, Kind.FAULT), Event(6.0, Kind.HEALED)
        assert self.late(16.0, self.UNKNOWN, fault, healed) == ()
        assert self.late(16.5, self.UNKNOWN, fault, healed) == ("a on web01 after 10.5 s",)

    def test_but_not_in_a_fault_that_came_later(self) -> None:
        fault, healed = Event(4.0, Kind.FAULT), Event(6.0, Kind.HEALED)
        assert self.late(13.5, self.UNKNOWN, fault, healed) == ("a on web01 after 10.5 s",)


def test_a_server_that_did_not_stop_in_good_order() -> None:
    given_up = Event(99.0, Kind.ABANDONED, server=WEB, detail="abandoned: 1 of the commands")
    assert judge([*command("a"), given_up]).violations == [
        "1 servers did not stop in good order: web01 (abandoned: 1 of the commands)"
    ]


class TestAccount:
    LOST = without(command("a"), *set(Kind) - {Kind.SENT, Kind.CONFIRMED})

    def test_neither_finished_nor_missing(self) -> None:
        assert judge(self.LOST).violations == [
            "1 commands are neither finished nor reported missing: a"
        ]

    @pytest.mark.parametrize("kind", [Kind.MISSING, Kind.UNROUTABLE])
    def test_the_requester_was_told(self, kind: Kind) -> None:
        assert judge([*self.LOST, Event(9.0, kind, "a", WEB)]).violations == []

    def test_one_that_finished_after_all_is_not_missing(self) -> None:
        verdict = judge([*command("a"), Event(0.55, Kind.MISSING, "a", WEB)])
        assert (verdict.done, verdict.missing) == (1, ())

    def test_durable_ones_are_not_lost(self) -> None:
        missing = Event(9.0, Kind.MISSING, "a", WEB)
        assert judge([*self.LOST, missing], durable=True).violations == [
            "1 durable commands were lost: a"
        ]

    def test_many_names_are_cut(self) -> None:
        events = [Event(0.0, Kind.SENT, str(number)) for number in range(1000, 3000)]
        (text,) = judge(events).violations
        assert text.endswith(": 1000, 1001, 1002, 1003, 1004 and 1,995 more")


def test_the_time_to_recover_is_that_of_the_slowest_server() -> None:
    events = [
        Event(0.0, Kind.ANSWERS, server=WEB),
        Event(1.0, Kind.FAULT),
        Event(1.5, Kind.ANSWERS, server=WEB),
        Event(2.0, Kind.HEALED),
        Event(3.0, Kind.ANSWERS, server=WEB),
        Event(4.5, Kind.ANSWERS, server="web02"),
        Event(5.0, Kind.FAULT),
        Event(6.0, Kind.HEALED),
        Event(6.25, Kind.ANSWERS, server=WEB),
    ]
    assert judge(events).recovery == (2.5, 0.25)


def test_a_service_that_said_ready_while_deaf() -> None:
    probes = [Event(float(at), Kind.PROBED, str(at), WEB) for at in range(1, 9)]
    ready = Event(0.0, Kind.STATE, server=WEB, detail="ready")
    verdict = check(History(events=[ready, *probes]), expires=5.0, notice=5.0)
    assert verdict.violations == [
        "web01 said ready while it was deaf for 7.0 s: 8 probes were not heard"
    ]
