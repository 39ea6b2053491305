"""A ping in the words of each peer: a task queue wraps it in an envelope of its own."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator

from pika.spec import BasicProperties

PING = {"type": "ping"}
Ping = tuple[BasicProperties, bytes]


def plain(id: str) -> Ping:
    """As Baton and libraries have it."""
    properties = BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        message_id=id,
        timestamp=int(time.time()),
        expiration="60000",
    )
    return properties, json.dumps(PING).encode()


def celery(id: str) -> Ping:
    """Celery's message protocol 2."""
    properties = BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        correlation_id=id,
        headers={"lang": "py", "task": "ping", "id": id, "root_id": id, "retries": 0},
    )
    return properties, json.dumps([[PING], {}, {}]).encode()


def dramatiq(id: str) -> Ping:
    """dramatiq's message."""
    body = {
        "queue_name": "dramatiq.bench",
        "actor_name": "ping",
        "args": [PING],
        "kwargs": {},
        "options": {},
        "message_id": id,
        "message_timestamp": int(time.time() * 1000),
    }
    return BasicProperties(message_id=id), json.dumps(body).encode()


def taskiq(id: str) -> Ping:
    """taskiq's message."""
    body = {"task_id": id, "task_name": "ping", "labels": {}, "args": [PING], "kwargs": {}}
    return BasicProperties(message_id=id, content_type="application/json"), json.dumps(
        body
    ).encode()


DIALECTS: dict[str, Callable[[str], Ping]] = {
    "plain": plain,
    "celery": celery,
    "dramatiq": dramatiq,
    "taskiq": taskiq,
}


def pings(dialect: str, count: int, padding: int = 0) -> Iterator[Ping]:
    """So many, each with an id of its own, and with so many bytes more in a plain one."""
    for _ in range(count):
        properties, body = DIALECTS[dialect](uuid.uuid4().hex)
        if padding:
            body = json.dumps(PING | {"padding": "x" * padding}).encode()
        yield properties, body
