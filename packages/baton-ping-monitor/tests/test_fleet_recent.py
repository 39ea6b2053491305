"""The last few of something."""

from __future__ import annotations

from baton_ping_monitor.fleet.recent import Recent


def test_the_oldest_is_forgotten_first() -> None:
    recent: Recent[int] = Recent(2)
    assert recent.add("a", 1)
    assert recent.add("b", 2)
    assert not recent.add("a", 3)
    assert recent.add("c", 4)
    assert [recent.get(each) for each in ("a", "b", "c", None)] == [None, 2, 4, None]
