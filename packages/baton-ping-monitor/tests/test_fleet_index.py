"""Which servers a target reaches."""

from __future__ import annotations

from baton_ping_monitor.fleet.index import Index
from baton_ping_monitor.fleet.record import Record


def test_a_record_is_found_by_every_key_until_it_is_removed() -> None:
    index = Index()
    record = Record("web01", "production", ("shop",), seen=1.0, correlates=True)
    index.add(record)
    for key in ("production", "web01", "*", "shop.production"):
        assert index.reached(key) == {"web01": record}
    assert index.reached("staging") == {}
    assert index.environments == {"production": {"web01": record}}
    index.remove(record)
    index.remove(record)
    assert index.reached("*") == {}
    assert index.environments == {}


def test_one_that_was_never_seen_is_reached_by_what_is_known_of_it() -> None:
    index = Index()
    record = Record("web01", "production")
    index.add(record)
    assert index.reached("*") == index.reached("web01") == {"web01": record}
    assert index.reached("production") == {"web01": record}


def test_a_ruby_server_is_reached_by_its_environment_alone() -> None:
    index = Index()
    record = Record("web01", "production", ("shop",), seen=1.0)
    index.add(record)
    assert record.keys == ("production",)
