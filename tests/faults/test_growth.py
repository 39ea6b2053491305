"""Lines through what was measured."""

from __future__ import annotations

import random

import pytest

from faults.growth import Bound, trend

pytestmark = pytest.mark.quick


def test_what_is_flat_does_not_grow() -> None:
    noise = random.Random(1)
    points = [(float(at), 100 + noise.uniform(-5, 5)) for at in range(200)]
    found = trend("memory", points, Bound(share=0.05))
    assert not found.grows
    assert abs(found.growth) < 5


def test_what_leaks_grows() -> None:
    noise = random.Random(1)
    points = [(float(at), 100 + at * 0.1 + noise.uniform(-5, 5)) for at in range(200)]
    found = trend("memory", points, Bound(share=0.05))
    assert found.grows
    assert found.growth == pytest.approx(20, abs=3)
    assert "memory: 99.9 to 119.7 (+19.8" in str(found)


def test_what_it_may_grow_by() -> None:
    points = [(0.0, 10.0), (1.0, 13.0)]
    assert trend("tasks", points, Bound(more=2.9)).grows
    assert not trend("tasks", points, Bound(more=3.0)).grows
    assert not trend("tasks", points, Bound(share=0.1, more=2.0)).grows


def test_what_shrinks_does_not_grow() -> None:
    assert not trend("tasks", [(0.0, 10.0), (1.0, 1.0)], Bound()).grows


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)], [(1.0, 1.0), (1.0, 2.0)]])
def test_too_few_samples_are_no_answer(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=f"memory: {len(points)} samples give no line"):
        trend("memory", points, Bound())
