"""How many examples are tried, and where what is tested keeps its files.

By default they are the same each time, a few of them: ``hatch run test`` is to say the same
everywhere. ``hatch run properties`` tries many more, other ones each time.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from baton.configuration import configure

PROFILE = "BATON_PROPERTIES"
"""The variable that names the profile."""

# Time is bounded where it matters, by the tests: of the processor, not by a clock.
_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
_FIXTURES = (HealthCheck.function_scoped_fixture,)

settings.register_profile(
    "quick",
    derandomize=True,
    max_examples=25,
    stateful_step_count=10,
    phases=[Phase.explicit, Phase.generate],  # `hatch run properties` looks for the smallest one
    deadline=None,
    database=None,
    suppress_health_check=[*_SLOW, *_FIXTURES],
)
settings.register_profile(
    "thorough",
    max_examples=3000,
    stateful_step_count=50,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[*_SLOW, *_FIXTURES],
)
settings.load_profile(os.environ.get(PROFILE, "quick"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A thorough run takes its time."""
    if os.environ.get(PROFILE) == "thorough":
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="session", autouse=True)
def own_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing here sees the settings or the runs of whoever tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BATON_")]:
            patch.delenv(name)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        configure()
        yield
