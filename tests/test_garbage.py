"""What the garbage collector leaves alone."""

import gc
import weakref


class Thing:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_was_collected_is_left_alone() -> None:
    # pytest alone has more.
    assert gc.get_freeze_count() > 10_000


def test_what_tests_make_is_not() -> None:
    assert gc.isenabled()
    thing = weakref.ref(Thing())
    gc.collect()
    assert thing() is None
