"""What is sent, with pamqp as the oracle; and which deliveries one acknowledgement stands for."""

from __future__ import annotations

import random
import struct

import pytest
from pamqp import frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from baton.message import Envelope
from baton.transports import Publication
from baton.transports.amqp import outgoing
from baton.transports.amqp.outgoing import Acknowledgements
from baton.transports.rabbitmq_terms import properties_of

ENVELOPE = Envelope(message_id="m", headers={"baton-version": 1})


def test_a_publication_is_written_as_pamqp_writes_it() -> None:
    for body, mandatory in ((b"", False), (b"12345", True), (b"x" * 10, True), (b"x" * 25, False)):
        sent = outgoing.publish(3, Publication(1, "ex", "ü", body, ENVELOPE, mandatory), 100)
        values: list[frame.FrameTypes] = [Basic.Publish(0, "ex", "ü", mandatory)]
        values.append(ContentHeader(0, len(body), properties_of(ENVELOPE)))
        values += [ContentBody(body)] if body else []
        assert sent == b"".join(frame.marshal(each, 3) for each in values)


def test_a_body_is_cut_to_frames() -> None:
    publication = Publication(1, "ex", "key", b"abcdefgh" * 8, Envelope(content_type=None))
    sent = outgoing.publish(1, publication, 30)
    bodies = []
    while sent:
        used, _, value = frame.unmarshal(sent)
        sent = sent[used:]
        if isinstance(value, ContentBody):
            bodies.append(value.value)
    assert [len(body or b"") for body in bodies] == [30, 30, 4]
    assert b"".join(body or b"" for body in bodies) == publication.body


@pytest.mark.parametrize(
    "publication",
    [
        Publication(1, "ex", "k" * 256, b"", ENVELOPE),
        Publication(1, "e" * 256, "", b"", ENVELOPE),
        Publication(1, "ex", "", b"", Envelope(headers={"a": object()})),
        Publication(1, "ex", "", b"", Envelope(headers={"a": "x" * 5000})),
    ],
    ids=["routing key", "exchange", "header", "headers beyond a frame"],
)
def test_what_cannot_be_sent(publication: Publication) -> None:
    with pytest.raises((TypeError, ValueError, struct.error)):
        outgoing.publish(1, publication, 4088)


def test_answers_are_written_as_pamqp_writes_them() -> None:
    for tag in (1, 2**62):
        for yes in (False, True):
            ack, nack = Basic.Ack(tag, yes), Basic.Nack(tag, False, yes)
            assert outgoing.acknowledge(9, tag, yes) == frame.marshal(ack, 9)
            assert outgoing.refuse(9, tag, yes) == frame.marshal(nack, 9)


def test_one_acknowledgement_stands_for_all_before_it() -> None:
    acknowledgements = Acknowledgements()
    assert list(acknowledgements.take()) == []
    acknowledgements.add([2, 1, 3])
    assert list(acknowledgements.take()) == [(3, True)]
    acknowledgements.add([6, 5])
    assert list(acknowledgements.take()) == [(5, False), (6, False)]
    acknowledgements.add([4])
    assert list(acknowledgements.take()) == [(4, False)]
    acknowledgements.add([7, 8])
    assert list(acknowledgements.take()) == [(8, True)]


def test_what_was_refused_needs_no_acknowledgement() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.refuse([1], requeue=True)
    acknowledgements.refuse([3], requeue=False)
    acknowledgements.add([2, 4])
    assert list(acknowledgements.take_refused()) == [(1, True), (3, False)]
    assert list(acknowledgements.take()) == [(4, True)]
    assert list(acknowledgements.take_refused()) == []


def test_in_whatever_order_each_is_acknowledged_once() -> None:
    """A broker that is told of a delivery twice closes the channel."""
    dice = random.Random(3)
    for _ in range(200):
        tags = list(range(1, 60))
        dice.shuffle(tags)
        acknowledgements = Acknowledgements()
        given: set[int] = set()
        open_tags = set(tags)
        while tags:
            size = dice.randint(1, 8)
            batch, tags = tags[:size], tags[size:]
            given.update(batch)
            refused = [tag for tag in batch if dice.random() < 0.2]
            acknowledgements.refuse(refused, requeue=False)
            acknowledgements.add([tag for tag in batch if tag not in refused])
            for tag, _ in acknowledgements.take_refused():
                open_tags.remove(tag)
            for tag, multiple in acknowledgements.take():
                done = {each for each in open_tags if each <= tag} if multiple else {tag}
                assert done <= given, "nothing that was not given"
                assert tag in open_tags
                open_tags -= done
        assert not open_tags
