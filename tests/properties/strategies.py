"""What somebody else may send: texts, JSON, bodies, headers, envelopes, servers."""

from __future__ import annotations

import json
import operator
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st

from baton.message import (
    BCC_HEADER,
    END_HEADER,
    INSTANCE_HEADER,
    SENDER_HEADER,
    SEQUENCE_HEADER,
    SIGNATURE_HEADER,
    SPLAY_HEADER,
    TARGET_HEADER,
    VERSION_HEADER,
    WHERE_HEADER,
    Envelope,
)
from baton.server import Server
from fuzz.pages import HOSTILE

DEEP: Final = 5_000
_ODD: Final = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "\x1b[2J",
        "\u202e",
        "\ufeff",
        "\u2028",
        "\u0301",
        "\ufdd0",
        "\U0010ffff",
    ),
    *("é", "ß", "İ", "ﬃ", "٣", "²", "½", "*", "?", "true", "1e5", "🏴‍☠️", HOSTILE),
)

utf8_texts: st.SearchStrategy[str] = st.one_of(
    st.text(max_size=20),
    st.sampled_from(_ODD),
    st.builds(
        operator.mul, st.sampled_from(["x", "9", "é", "\u202e"]), st.sampled_from([300, 5000])
    ),
)
"""Texts as a wire or a file in UTF-8 can hold them."""

texts: st.SearchStrategy[str] = st.one_of(
    utf8_texts,
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(["\ud800", "\udcff", "a\udc00\ud800b"]),
)
"""Any text, also what UTF-8 cannot hold: halves of surrogate pairs."""

whole_numbers: st.SearchStrategy[int] = st.one_of(
    st.integers(),
    st.integers(-(2**64), 2**64),
    st.sampled_from([10**400, -(10**4000), 2**63, 2**64 - 1]),
)
numbers = whole_numbers | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | utf8_texts

NAMES: Final = ("type", "fqdn", "environment", "app_names", "facts", "message", "error_class", "a")


def _objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES) | utf8_texts, values, max_size=5)


values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | _objects(inner), max_leaves=10
)
"""What JSON can hold."""

types = st.sampled_from(["ping", "pong", "error", "facts", "end", "echo", "info"]) | utf8_texts
objects = st.builds(lambda body, kind: {**body, "type": kind}, _objects(values), types)
"""Objects of JSON with a type."""
outputs = st.builds(
    lambda body, fqdn: {**body, "fqdn": fqdn},
    objects,
    st.sampled_from(["web01.example.org", "web02.example.org"]) | utf8_texts,
)
"""What servers say: mostly of one name."""

_RAW: Final = (
    *(b"", b"{", b"null", b"[]", b'""', b"{}", b'{"type":1}', b'{"type":"ping"} x', b"\xff\xfe{"),
    *(b"\xef\xbb\xbf{}", b'{"type":"a","n":1e400}', b'{"type":"a","n":NaN}', b'{"type":"\\ud800"}'),
    *(b'{"type":"ping","type":"pong"}', b'{"type":"ping","a":{"b":1,"b":2}}'),
    *(b"[" * DEEP, b'{"type":' * DEEP, b'{"type":"a","n":' + b"9" * 5000 + b"}"),
    b'{"type":"echo","a":' + b"[" * 900 + b"]" * 900 + b"}",
)

bodies: st.SearchStrategy[bytes] = st.one_of(
    objects.map(lambda body: json.dumps(body).encode()),
    objects.map(lambda body: json.dumps(body, ensure_ascii=False).encode()),
    outputs.map(lambda body: json.dumps(body).encode()),
    st.sampled_from(_RAW),
    st.binary(max_size=100),
    values.map(lambda value: json.dumps(value).encode()),
)
"""Bodies of messages: right ones, and others."""

short_strings = st.one_of(
    st.text(max_size=20), st.sampled_from(_ODD), st.sampled_from(["x" * 255, "é" * 127])
)
"""What AMQP's properties may hold."""

_header_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=True),
        utf8_texts,
        st.binary(max_size=20),
        st.integers(0, 2**32).map(lambda number: datetime.fromtimestamp(number, UTC)),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(short_strings, inner, max_size=3),
    max_leaves=5,
)
"""What an AMQP table may hold."""

conditions: st.SearchStrategy[str] = st.one_of(
    texts,
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "not "]),
        st.sampled_from(["a", "a.b", "fqdn", "apps", "environment", "cpus", "é"]),
        st.sampled_from(["", "=", "==", "!=", "<", "<=", ">", ">=", " contains ", " ~ "]),
        st.one_of(
            texts,
            st.text("*?a1", max_size=300),
            whole_numbers.filter(lambda number: abs(number) < 10**100).map(str),
            st.sampled_from(["4", "1.5GiB", '"x"', "'a b'", "10.2.3", "*", "?" * 900]),
        ),
    ),
)
"""Conditions of filters, and what is none."""

_HEADERS: Final[dict[str, st.SearchStrategy[Any]]] = {
    VERSION_HEADER: st.integers(0, 3),
    TARGET_HEADER: st.lists(short_strings, max_size=3),
    SENDER_HEADER: utf8_texts,
    WHERE_HEADER: st.lists(conditions, max_size=3) | st.lists(st.integers(), max_size=2),
    SPLAY_HEADER: st.sampled_from([0, 1, -1, 3_600_001, 2**63 - 1, True, 0.5]),
    SIGNATURE_HEADER: st.binary(max_size=64),
    INSTANCE_HEADER: utf8_texts,
    SEQUENCE_HEADER: st.integers(-(2**63), 2**63 - 1),
    END_HEADER: st.fixed_dictionaries(
        {}, optional={"outcome": _header_values, "fqdn": _header_values, "outputs": _header_values}
    ),
    BCC_HEADER: st.lists(short_strings, max_size=2),
    "x-death": st.lists(
        st.fixed_dictionaries({"count": _header_values, "reason": _header_values}), max_size=2
    ),
}

headers: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({}, optional=_HEADERS),
    st.dictionaries(st.sampled_from(sorted(_HEADERS)) | short_strings, _header_values, max_size=3),
)
"""Headers of messages: right ones, right names with anything, and others."""

envelopes: st.SearchStrategy[Envelope] = st.builds(
    Envelope,
    message_id=st.none() | short_strings,
    correlation_id=st.none() | short_strings,
    reply_to=st.none() | short_strings | st.sampled_from(["a" * 32, "a b", "*"]),
    timestamp=st.none() | st.floats(0, 4e9),
    expires=st.none() | st.integers(0, 10**250).map(lambda number: number / 1000),
    user_id=st.sampled_from([None, "guest", "\x1b[2J"]),
    app_id=st.sampled_from([None, "baton", ""]),
    content_type=st.sampled_from([None, "application/json", "\0"]),
    persistent=st.booleans(),
    headers=headers,
)

servers: st.SearchStrategy[Server] = st.builds(
    Server,
    fqdn=utf8_texts,
    environment=utf8_texts,
    app_names=st.lists(utf8_texts, max_size=3).map(tuple),
    facts=st.dictionaries(
        st.sampled_from(["a", "a.b", "cpus", "é"]) | utf8_texts, values, max_size=5
    ),
)
"""Servers, as facts make them."""
