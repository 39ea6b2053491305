from __future__ import annotations

from bench.plan import Plan


def test_without_a_name_everything_is_wanted() -> None:
    assert Plan().wants("FastStream")


def test_a_part_of_a_name_is_enough() -> None:
    plan = Plan(only=("fast", "kombu"))
    assert plan.wants("FastStream")
    assert plan.wants("start", "kombu")
    assert not plan.wants("Baton")


def test_a_quick_run_does_less() -> None:
    quick = Plan.quick(rounds=2)
    assert quick.rounds == 2
    assert quick.load < Plan().load
    assert quick.most < Plan().most
