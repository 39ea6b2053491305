"""A file of expected servers. It is read, or refused with ConfigurationError; the names can be
keys, and are fit to be shown."""

from __future__ import annotations

from baton.errors import ConfigurationError
from baton.fleet import read_expected
from fuzz.files import written
from fuzz.oracle import check_message, no_stall


def check(data: bytes) -> None:
    """Take *data* for the file."""
    path = written("expected", data)
    with no_stall():
        try:
            expected = read_expected(path)
        except ConfigurationError as error:
            check_message(str(error))
            return
    assert expected.names
    for name in expected.names:
        assert 1 <= len(name.encode()) <= 160
