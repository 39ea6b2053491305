"""Messages and their codec."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from baton import message as module
from baton.errors import InvalidMessage
from baton.message import (
    MOST_VALUES,
    SENDER_HEADER,
    Envelope,
    Message,
    decode_body,
    encode_body,
    is_reply_key,
    new_id,
)

RULE = "A command is a JSON object with a type"


def test_the_headers_on_the_wire() -> None:
    headers = {name: value for name, value in vars(module).items() if name.endswith("_HEADER")}
    assert headers == {
        "VERSION_HEADER": "baton-version",
        "TARGET_HEADER": "baton-target",
        "SENDER_HEADER": "baton-sender",
        "WHERE_HEADER": "baton-where",
        "SPLAY_HEADER": "baton-splay",
        "RETRY_HEADER": "baton-retry-of",
        "SIGNATURE_HEADER": "baton-signature",
        "INSTANCE_HEADER": "baton-instance",
        "SEQUENCE_HEADER": "baton-seq",
        "END_HEADER": "baton-end",
        "BCC_HEADER": "BCC",
    }
    assert module.WIRE_VERSION == 1
    assert module.CONTENT_TYPE == "application/json"


def test_the_body_of_a_pong_is_the_originals() -> None:
    pong = {
        "type": "pong",
        "environment": "production",
        "fqdn": "web01.example.org",
        "app_names": ["shop"],
    }
    assert encode_body(pong) == (
        b'{"type":"pong","environment":"production",'
        b'"fqdn":"web01.example.org","app_names":["shop"]}'
    )


def test_a_body_is_ascii_whatever_it_says() -> None:
    body = {"type": "info", "message": "Größe 😀 \x00 \\ud83d"}
    assert encode_body(body) == (
        rb'{"type":"info","message":"Gr\u00f6\u00dfe \ud83d\ude00 \u0000 \\ud83d"}'
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ping",
        "Größe",
        "😀",
        "\x00\x1f\x7f",
        "\\ud83d",
        "a\\\\ud83d\\ude00",
        0,
        -1,
        2**70,
        1.5,
        1e300,
        True,
        None,
        [],
        {},
        [[{"a": [None]}]],
        {"": {"": ""}},
    ],
)
def test_a_body_comes_back_as_it_was(value: Any) -> None:
    body = {"type": "ping", "value": value}
    assert decode_body(encode_body(body)) == body


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_have_is_not_encoded(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        encode_body({"type": "info", "value": value})


def test_what_json_does_not_have_is_not_encoded() -> None:
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        encode_body({"type": "info", "value": {1}})


def test_a_circle_is_not_encoded() -> None:
    circle: dict[str, Any] = {"type": "info"}
    circle["circle"] = [circle]
    with pytest.raises(ValueError, match="Circular reference"):
        encode_body(circle)


def test_what_is_nested_too_deeply_is_not_encoded() -> None:
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(RecursionError):
        encode_body({"type": "info", "value": value})


VALUES: dict[str, Any] = {
    "type": "ping",
    "ü😀": [1, 1.5, 2**70, None, True, {"\x00": ["\ud83d"]}, ()],
}


def test_a_body_is_what_the_standard_library_makes_of_it() -> None:
    """Whatever it is that makes it in there, and is not documented."""
    text = json.dumps(VALUES, separators=(",", ":"))
    assert encode_body(VALUES).decode() == text.replace(r'"\ud83d"', r'"\ufffd"')


def test_without_cpython_s_own_encoder_a_body_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = encode_body(VALUES)
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    monkeypatch.setattr("baton.message._encode", module._prepared(module._ENCODER))
    assert encode_body(VALUES) == prepared
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        encode_body({"type": "info", "value": {1}})


def test_cpython_s_own_encoder_is_there() -> None:
    """Without it all is right, but slower."""
    assert callable(vars(json.encoder)["c_make_encoder"])


@pytest.mark.parametrize(
    ("text", "arrives"),
    [
        ("caf\udce9", "caf\ufffd"),
        ("\udcff\udcfe", "\ufffd\ufffd"),
        ("\ud83d", "\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
        ("\\\ud83d", "\\\ufffd"),
        ("\\ud83d", "\\ud83d"),
    ],
)
def test_half_a_surrogate_pair_never_makes_an_unreadable_body(text: str, arrives: str) -> None:
    body = encode_body({"type": "info", "message": text})
    assert decode_body(body)["message"] == arrives


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"ping"}',
        b'  {"type" : "ping"}\n',
        b'{"type":"ping","extra":{"nested":[1,2]}}',
        b'{"type":"p\\u0069ng"}',
        b'{"json_class":"String","type":"ping"}',
    ],
)
def test_a_command(raw: bytes) -> None:
    message = Message.decode(raw)
    assert message.type == message["type"] == "ping"
    assert message.raw == raw


def test_the_last_of_two_equal_keys_counts() -> None:
    assert decode_body(b'{"type":"ping","type":"pong"}') == {"type": "pong"}


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert decode_body(b'{"type":"\\ud83d\\ude00"}') == {"type": "😀"}


def test_a_large_body_is_read() -> None:
    body = {"type": "info", "message": "x" * 1024 * 1024}
    assert decode_body(encode_body(body)) == body


def values(number: int) -> bytes:
    """A body of so many values, itself among them."""
    return b'{"type":"info","list":[' + b",".join([b"0"] * (number - 3)) + b"]}"


TOO_MANY = "it has more than 500,000 values"


def test_a_body_has_so_many_values_at_most() -> None:
    body = decode_body(values(MOST_VALUES))
    assert len(body["list"]) == MOST_VALUES - 3
    assert encode_body(body) == values(MOST_VALUES)
    with pytest.raises(InvalidMessage, match=TOO_MANY):
        decode_body(values(MOST_VALUES + 1))
    with pytest.raises(ValueError, match=TOO_MANY):
        encode_body({**body, "one": "more"})


@pytest.mark.parametrize("unit", [b"[]", b"{}", b"[[[[]]]]", b'{"a":1}', b'"a"', b'""', b"["])
def test_many_small_values_are_refused(unit: bytes) -> None:
    raw = b'{"type":"info","list":[' + b",".join([unit] * (MOST_VALUES + 1)) + b"]}"
    with pytest.raises(InvalidMessage, match=TOO_MANY):
        decode_body(raw)


@pytest.mark.parametrize("text", ["[,{", "\\[,", '\\",'], ids=["plain", "backslash", "quote"])
def test_what_stands_in_a_text_is_no_value(text: str) -> None:
    body = {"type": "info", "message": text * MOST_VALUES}
    raw = encode_body(body)
    assert decode_body(raw) == body
    for cut in (1, 2, 3, 4):
        with pytest.raises(InvalidMessage, match=r"Unterminated string|delimiter|Invalid"):
            decode_body(raw[:-cut])


def test_pairs_without_end_are_characters() -> None:
    body = {"type": "info", "message": "\N{GRINNING FACE}" * 100_000 + "\\ud800"}
    assert decode_body(encode_body(body)) == body
    with pytest.raises(InvalidMessage, match="half of a surrogate pair"):
        decode_body(encode_body(body)[:-2] + b'\\ud800"}')


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{not json", "Expecting property name enclosed in double quotes: line 1 column 2"),
        (b"ping", "Expecting value: line 1 column 1"),
        (b'{"type":"ping"} x', "Extra data: line 1 column 17"),
        (b'{"type":"ping"}{"type":"ping"}', "Extra data: line 1 column 16"),
        (b'{"type":"ping"', "Expecting ',' delimiter: line 1 column 15"),
        (b'{"type":"pi\nng"}', "Invalid control character at: line 1 column 12"),
        (b"null", "it is null"),
        (b"true", "it is a boolean"),
        (b"12", "it is a number"),
        (b"1.5", "it is a number"),
        (b"[]", "it is an array"),
        (b'"ping"', "it is a string"),
        (b"{}", "it has no type"),
        (b'{"Type":"ping"}', "it has no type"),
        (b'{"type":null}', "the type is null"),
        (b'{"type":1}', "the type is a number"),
        (b'{"type":true}', "the type is a boolean"),
        (b'{"type":["ping"]}', "the type is an array"),
        (b'{"type":{}}', "the type is an object"),
        (b"NaN", "NaN is not JSON"),
        (b'{"type":"ping","n":NaN}', "NaN is not JSON"),
        (b'{"type":"ping","n":[Infinity]}', "Infinity is not JSON"),
        (b'{"type":"ping","n":-Infinity}', "-Infinity is not JSON"),
        (b'{"type":"ping","n":1e999}', "a number is too large"),
        (b'{"type":"ping","n":-1e999}', "a number is too large"),
        (b'{"type":"ping","n":%s}' % (b"9" * 5000), "a number has too many digits"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"type":' * 100_000, "it is nested too deeply"),
        (b'{"type":"\\ud800"}', "it contains half of a surrogate pair"),
        (b'{"type":"ping","a":["\\uDC00"]}', "it contains half of a surrogate pair"),
        (b'{"type":"ping","\\ude00\\ud83d":1}', "it contains half of a surrogate pair"),
        (b'\xef\xbb\xbf{"type":"ping"}', "it begins with a byte order mark"),
    ],
)
def test_what_is_no_command(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message.decode(raw)
    text = str(caught.value)
    assert text.startswith(f"{RULE}; {reason}")
    echo = raw.decode()
    echo = echo if len(echo) <= 200 else echo[:199] + "…"
    assert text.endswith(f'; came: "{echo}"')


def test_an_empty_body() -> None:
    with pytest.raises(InvalidMessage, match=f"^{RULE}; it was empty$"):
        Message.decode(b"")


@pytest.mark.parametrize(
    ("raw", "position"),
    [
        (b'{"type":"\xff"}', 9),
        (b'{"type":"ping\xc3"}', 13),
        (b'{"type":"\xed\xa0\x80"}', 9),
        (b'{"type":"\xed\xa0\xbd\xed\xb8\x80"}', 9),
        (b'{"type":"\xc0\xaf"}', 9),
        ('{"type":"ping"}'.encode("utf-16"), 0),
        ('{"type":"ping"}'.encode("utf-32"), 0),
        ('{"type":"é"}'.encode("latin-1"), 9),
    ],
)
def test_what_is_not_utf_8(raw: bytes, position: int) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message.decode(raw)
    assert str(caught.value) == (
        f"A command is a JSON object in UTF-8; byte {position} is not UTF-8"
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_not_taken_for_json(encoding: str) -> None:
    raw = '{"type":"ping"}'.encode(encoding)
    assert json.loads(raw) == {"type": "ping"}, "Python guesses; Baton must not"
    with pytest.raises(InvalidMessage, match=RULE):
        Message.decode(raw)


def test_a_message_is_a_mapping_that_cannot_be_changed() -> None:
    message = Message.decode(b'{"type":"ping","n":1}')
    assert dict(message) == {"type": "ping", "n": 1}
    assert list(message) == ["type", "n"]
    assert len(message) == 2
    assert "n" in message
    assert message.get("other", 7) == 7
    assert not isinstance(message, MutableMapping)
    with pytest.raises(TypeError):
        message["n"] = 2  # type: ignore[index]
    with pytest.raises(KeyError):
        message["other"]


def test_a_message_with_an_envelope() -> None:
    envelope = Envelope(
        message_id="a1",
        correlation_id="b2",
        reply_to="c3",
        timestamp=1.5,
        expires=60.0,
        user_id="baton",
        headers={SENDER_HEADER: "alice@web01"},
    )
    message = Message.decode(b'{"type":"ping"}', envelope, "production", redelivered=True)
    assert message.message_id == "a1"
    assert message.correlation_id == "b2"
    assert message.reply_to == "c3"
    assert message.timestamp == 1.5
    assert message.expires == 60.0
    assert message.user_id == "baton"
    assert message.sender == "alice@web01"
    assert message.headers == {"baton-sender": "alice@web01"}
    assert message.routing_key == "production"
    assert message.redelivered
    assert repr(message) == "<Message a1: {'type': 'ping'}>"


def test_a_message_from_a_ruby_baton_has_no_envelope() -> None:
    message = Message.decode(b'{"type":"ping"}', Envelope(content_type="application/octet-stream"))
    assert (message.message_id, message.correlation_id, message.reply_to) == (None, None, None)
    assert (message.timestamp, message.expires, message.user_id) == (None, None, None)
    assert message.sender is None
    assert message.headers == {}
    assert not message.redelivered
    assert repr(message) == "<Message without id: {'type': 'ping'}>"


@pytest.mark.parametrize("sender", [None, 7, b"alice", ["alice"]])
def test_a_sender_that_is_no_text_is_none(sender: object) -> None:
    assert Message({}, envelope=Envelope(headers={SENDER_HEADER: sender})).sender is None


@pytest.mark.parametrize("body", [{}, {"type": 7}])
def test_a_message_that_was_built_without_a_type(body: dict[str, Any]) -> None:
    assert Message(body).type == ""


def test_a_long_message_is_shown_in_part() -> None:
    assert len(repr(Message({"type": "x" * 1000}))) < 250


@pytest.mark.parametrize(
    ("expires", "expiration"),
    [
        (None, None),
        (60, "60000"),
        (1.5, "1500"),
        (0.0001, "1"),
        (1.0001, "1001"),
        (7 * 86_400, "604800000"),
    ],
)
def test_the_expiry_on_the_wire(expires: float | None, expiration: str | None) -> None:
    assert Envelope(expires=expires).expiration == expiration


def test_an_id_is_128_random_bits_and_a_reply_key() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    for each in ids:
        assert len(bytes.fromhex(each)) == 16
        assert is_reply_key(each)


@pytest.mark.parametrize("key", ["a", "x" * 64, "A-Za_z.09"])
def test_a_reply_key(key: str) -> None:
    assert is_reply_key(key)


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "a\n", "é", "a/b", "*", "#", None, 7, b"a"])
def test_no_reply_key(key: object) -> None:
    assert not is_reply_key(key)


def test_one_that_was_not_received_has_no_time_of_receipt() -> None:
    assert Message.decode(b'{"type": "ping"}').received is None
    assert Message.decode(b'{"type": "ping"}', received=2.5).received == 2.5
