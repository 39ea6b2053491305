"""The audit's lines, whatever a command says of itself."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from baton.audit import audited_to, record
from baton.gathering import write_gathered
from baton.message import Envelope
from baton.text import excerpt
from baton.transports import Delivery
from properties.strategies import envelopes, texts

durations = st.floats(0, 1e9) | st.floats(0, 1e-6) | st.integers(0, 10**6).map(float)


@given(envelopes, texts, texts, texts, durations)
def test_a_line_is_the_json_of_its_entry(
    tmp_path: Path, envelope: Envelope, kind: str, key: str, consumer: str, duration: float
) -> None:
    delivery = Delivery("queue", 1, None, key, b"", envelope, False, 0.0)
    told = {"outcome": "done", "extension": "100%s"}
    path = tmp_path / "audit.log"
    path.unlink(missing_ok=True)
    with audited_to(path):
        record(delivery, type=kind, duration=duration, consumer=consumer, **told)
        write_gathered()
    line = path.read_text("ascii").removesuffix("\n")
    texts_of_others = {
        "id": envelope.message_id,
        "sender": envelope.sender,
        "user": envelope.user_id,
        "type": kind,
        "key": key,
        "consumer": consumer,
    }
    shown = {
        name: None if text is None else excerpt(text) for name, text in texts_of_others.items()
    }
    entry = {
        "time": json.loads(line)["time"],
        "id": shown["id"],
        "sender": shown["sender"],
        "user": shown["user"],
        "type": shown["type"],
        "key": shown["key"],
        "outcome": "done",
        "duration_ms": round(duration * 1000, 3),
        "extension": "100%s",
        "consumer": shown["consumer"],
    }
    assert line.isascii()
    assert list(json.loads(line).items()) == list(entry.items())
