"""Who fails to log in has to wait."""

from __future__ import annotations

from baton_ping_monitor.web.throttle import Throttle, keys_of


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


ALICE = ("alice",)


def test_a_few_failures_cost_nothing() -> None:
    throttle = Throttle(Time())
    assert [throttle.attempt(ALICE) for _ in range(5)] == [0.0] * 5
    assert throttle.attempt(ALICE) == 1.0


def test_the_wait_doubles_and_ends() -> None:
    time = Time()
    throttle = Throttle(time)
    waits = []
    for _ in range(20):
        wait = throttle.attempt(ALICE)
        waits.append(wait)
        time.now += wait
        if wait:
            assert throttle.attempt(ALICE) == 0.0
    assert waits[4:16] == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_an_attempt_that_is_not_made_does_not_count() -> None:
    time = Time()
    throttle = Throttle(time)
    for _ in range(5):
        throttle.attempt(ALICE)
    assert {throttle.attempt(ALICE) for _ in range(100)} == {1.0}


def test_success_is_a_new_beginning() -> None:
    throttle = Throttle(Time())
    for _ in range(5):
        throttle.attempt(ALICE)
    throttle.forgive(ALICE)
    assert throttle.attempt(ALICE) == 0.0


def test_failures_are_forgotten_after_an_hour() -> None:
    time = Time()
    throttle = Throttle(time)
    for _ in range(5):
        throttle.attempt(ALICE)
    time.now += 3601
    assert [throttle.attempt(ALICE) for _ in range(5)] == [0.0] * 5


def test_one_key_of_several_is_enough_to_wait() -> None:
    throttle = Throttle(Time())
    for number in range(5):
        assert throttle.attempt((f"user{number}", "address")) == 0.0
    assert throttle.attempt(("somebody else", "address")) == 1.0
    assert throttle.attempt(("somebody else", "another")) == 0.0


def test_memory_is_bounded() -> None:
    throttle = Throttle(Time())
    for number in range(20_000):
        throttle.attempt((str(number),))
    assert len(throttle._failures) == 10_000


def test_an_attempt_can_be_taken_back() -> None:
    throttle = Throttle(Time())
    for _ in range(20):
        assert throttle.attempt(ALICE) == 0.0
        throttle.undo(ALICE)


def test_keys_are_a_user_and_an_address_or_its_network() -> None:
    assert keys_of("alice", "192.0.2.7") == ("user alice", "address 192.0.2.7")
    assert keys_of("bob", "2001:db8::1")[1] == keys_of("bob", "2001:db8::2")[1]
    assert keys_of("bob", "2001:db8::1")[1] != keys_of("bob", "2001:db8:0:1::1")[1]
    assert keys_of("bob", "::ffff:192.0.2.7")[1] != keys_of("bob", "::ffff:192.0.2.8")[1]
    assert keys_of("x" * 1000, "testclient") == ("user " + "x" * 64, "address ?")
