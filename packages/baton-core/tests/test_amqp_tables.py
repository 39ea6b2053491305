"""Field tables, with pamqp as the oracle."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pamqp import decode, encode

from baton.transports.amqp.tables import (
    DEEPEST,
    decode_table,
    decode_timestamp,
    encode_table,
)

# In the order of the keys, in which pamqp writes them.
EVERY_TYPE: dict[str, Any] = {
    "bytes": bytearray(b"\x00\xff"),
    "deep": {"": {}, "a": [{"b": [[]]}]},
    "empty": "",
    "half": 0.5,
    "long": "ü" * 500,
    "moment": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "no": False,
    "nothing": None,
    "numbers": [0, -1, 127, 128, -129, 40_000, 70_000, -70_000, 3_000_000_000, 2**40, -(2**63)],
    "text": "ü",
    "yes": True,
}


def nested(depth: int) -> bytes:
    table = b""
    for _ in range(depth):
        table = b"\x01aF" + struct.pack(">I", len(table)) + table
    return struct.pack(">I", len(table)) + table


def test_every_type_goes_there_and_back_as_pamqp_has_it() -> None:
    encoded = encode_table(EVERY_TYPE)
    assert encoded == encode.field_table(EVERY_TYPE)
    assert decode_table(encoded, 0) == (EVERY_TYPE, len(encoded))


def test_integers_take_the_least_room() -> None:
    edges = [sign * 2**bits + off for sign in (1, -1) for bits in range(64) for off in (-1, 0, 1)]
    for number in edges:
        table: dict[str, Any] = {"n": number}
        if -(2**63) <= number < 2**63:
            assert encode_table(table) == encode.field_table(table)
        else:
            with pytest.raises(ValueError, match="no room"):
                encode_table(table)


def test_what_is_equal_is_not_taken_for_the_same() -> None:
    for value in (1, True, 1.0, Decimal(1), 0, False, 0.0, "1"):
        table: dict[str, Any] = {"same": value}
        assert encode_table(table) == encode.field_table(table)


def test_keys_stay_in_their_order() -> None:
    encoded = encode_table({"b": 1, "a": 2})
    assert list(decode_table(encoded, 0)[0]) == ["b", "a"]


@pytest.mark.parametrize(
    "value",
    [
        b"D\x02\x00\x00\x00\x07",
        b"D\x00\xff\xff\xff\xff",
        b"d\x40\x09\x21\xfb\x54\x44\x2d\x18",
        b"B\xff",
        b"L\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00",
        b"S\x00\x00\x00\x02\xff\xfe",
        b"S\x00\x00\x00\x09ab",
        b"x\x00\x00\x00\x09ab",
    ],
)
def test_what_only_others_write_is_read_as_pamqp_reads_it(value: bytes) -> None:
    table = b"\x03key" + value
    data = struct.pack(">I", len(table)) + table
    assert decode_table(data, 0)[0] == decode.field_table(data)[1]


def test_a_decimal() -> None:
    assert decode_table(b"\x00\x00\x00\x08\x01aD\x02\x00\x00\x00\x07", 0)[0] == {
        "a": Decimal("0.07")
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00\x00\x05\x01a",
        b"\x00\x00\x00\x02\x05a",
        b"\x00\x00\x00\x03\x01aQ",
        b"\x00\x00\x00\x03\x01\xfft",
        b"\x00\x00\x00\x07\x01aA\x00\x00\x00\x09",
        b"\x00\x00\x00\x0b\x01aT" + b"\xff" * 8,
        nested(DEEPEST + 2),
        nested(10_000),
    ],
)
def test_what_is_no_table(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError, struct.error)):
        decode_table(data, 0)


def test_a_table_may_be_deep_but_not_too_deep() -> None:
    assert decode_table(nested(DEEPEST), 0)[1] == len(nested(DEEPEST))


@pytest.mark.parametrize(
    "value",
    [Decimal("0.07"), Decimal("-1.5"), Decimal(12), Decimal("1E+3"), 0.1, 1.5, 1e300, -5e-324],
)
def test_a_number_comes_back_as_it_was(value: Decimal | float) -> None:
    """A letter that is retried has the headers that it came with."""
    assert decode_table(encode_table({"a": value}), 0)[0] == {"a": value}


@pytest.mark.parametrize(
    "value",
    [object(), b"bytes", 2**63, {"a": {1, 2}}, Decimal("NaN"), Decimal("1E+999999999")],
)
def test_what_a_header_cannot_be(value: object) -> None:
    with pytest.raises((TypeError, ValueError), match="header"):
        encode_table({"key": value})


def test_a_key_is_cut_at_a_character() -> None:
    table: dict[str, Any] = {"ü" * 100: 1}
    assert encode_table(table) == encode.field_table(table)


@pytest.mark.parametrize("seconds", [0, 1_700_000_000, 0xFFFFFFFF, 1_700_000_000_000])
def test_a_timestamp_is_taken_as_pamqp_takes_it(seconds: int) -> None:
    moment = decode.timestamp(struct.pack(">Q", seconds))[1]
    assert decode_timestamp(seconds) == moment.timestamp()


def test_a_timestamp_beyond_all_dates() -> None:
    with pytest.raises(ValueError, match="1700000000000000"):
        decode_timestamp(1_700_000_000_000_000)


def test_random_tables_are_read_as_pamqp_reads_them() -> None:
    dice = random.Random(1)
    refused = 0
    for _ in range(3000):
        data = bytearray(encode.field_table(_random_table(dice, 0)))
        for _ in range(dice.randrange(3)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            expected = decode.field_table(bytes(data))[1]
        except Exception:  # noqa: BLE001  (whatever pamqp raises)
            refused += 1
            with pytest.raises((ValueError, IndexError, struct.error, ArithmeticError)):
                decode_table(bytes(data), 0)
        else:
            assert repr(decode_table(bytes(data), 0)[0]) == repr(expected)
    assert 300 < refused < 2700


def _random_table(dice: random.Random, depth: int) -> dict[str, Any]:
    return {
        "".join(dice.choices("abü", k=dice.randrange(4))): _random_value(dice, depth)
        for _ in range(dice.randrange(5))
    }


def _random_value(dice: random.Random, depth: int) -> Any:
    if depth < 3 and dice.random() < 0.3:
        if dice.random() < 0.5:
            return _random_table(dice, depth + 1)
        return [_random_value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return dice.choice(
        [
            "ü" * dice.randrange(9),
            dice.randint(-(2 ** dice.randrange(64)), 2 ** dice.randrange(64) - 1),
            dice.random() < 0.5,
            None,
            0.25,
            bytearray(dice.randbytes(3)),
            datetime.fromtimestamp(dice.randrange(2**31), UTC),
        ]
    )
