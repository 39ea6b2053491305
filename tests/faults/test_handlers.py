"""What handlers do to their service: whatever it is, the next command is answered."""

from __future__ import annotations

import pytest

from brokers import Vhost
from faults.afflicted import RAISED
from faults.patient import patient

BOTH = pytest.mark.parametrize("to", ["async", "plain"])


UNCALLED_FOR = {
    "exit": "SystemExit",
    "recurse": "RecursionError",
    "unserialisable": "TypeError",
    "circle": "ValueError",
}
"""What else handlers do, and the error that it is."""


@BOTH
async def test_whatever_is_raised_is_an_error_output(vhost: Vhost, to: str) -> None:
    wanted = {what: type(make()).__name__ for what, make in RAISED.items()}
    if to == "async":
        wanted["stop"] = "RuntimeError"  # as Python has it for a coroutine
    with patient(vhost) as service:
        got = {}
        for what in RAISED:
            answer = await service.tell("raise", to=to, what=what)
            got[what] = answer.last["error_class"] if answer.outputs else "nothing"
            assert answer.outcome == "failed"
            assert len(answer.last["error_message"]) <= 1000
        assert got == wanted
        for deed, error in UNCALLED_FOR.items():
            answer = await service.tell(deed, to=to)
            assert (deed, answer.outcome, answer.last["error_class"]) == (deed, "failed", error)
        assert (await service.tell("ok", to=to)).outcome == "done"
        assert service.health()[0] == 200
        assert service.log("Traceback") == 0
        assert service.log("Logging error") == 0
