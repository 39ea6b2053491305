"""Publishing confirmed commands: through Baton's API, or with pika. Prints messages a second.

publish WHO HOW URL EXCHANGE COUNT, where WHO is baton or pika, and HOW is call or many.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import Any

COMMAND = {"type": "ping"}
KEY = "production"


def baton(how: str, url: str, exchange: str, count: int) -> float:
    from baton import API, Configuration  # noqa: PLC0415  (each process imports its own)

    class Pings(API):
        extension = "baton-bench"

    with Pings(Configuration(rabbit_url=url, exchange=exchange)) as api:
        api.publish(COMMAND, KEY)  # it connects at the first
        began = time.perf_counter()
        if how == "many":
            api.publish_many([(COMMAND, KEY)] * count, timeout=60)
        else:
            for _ in range(count):
                api.publish(COMMAND, KEY)
        return count / (time.perf_counter() - began)


def _properties() -> Any:
    import pika  # noqa: PLC0415

    return pika.BasicProperties(
        content_type="application/json",
        message_id=uuid.uuid4().hex,
        timestamp=int(time.time()),
        expiration="60000",
        delivery_mode=1,
    )


def pika_call(url: str, exchange: str, count: int) -> float:
    """BlockingConnection: each publish waits for its confirm."""
    import pika  # noqa: PLC0415

    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    began = time.perf_counter()
    for _ in range(count):
        channel.basic_publish(exchange, KEY, json.dumps(COMMAND), _properties(), mandatory=True)
    took = time.perf_counter() - began
    connection.close()
    return count / took


def pika_many(url: str, exchange: str, count: int) -> float:
    """SelectConnection: all are sent, and their confirms counted, in whatever order they come."""
    import pika  # noqa: PLC0415

    began = ended = 0.0
    waiting = dict.fromkeys(range(1, count + 1))

    def on_channel(channel: Any) -> None:
        nonlocal began

        def on_confirm(frame: Any) -> None:
            nonlocal ended
            number = frame.method.delivery_tag
            if isinstance(frame.method, pika.spec.Basic.Nack):
                raise SystemExit(f"The broker refused command {number}")
            if frame.method.multiple:
                while waiting and (first := next(iter(waiting))) <= number:
                    del waiting[first]
            else:
                del waiting[number]
            if not waiting:
                ended = time.perf_counter()
                connection.ioloop.stop()

        def on_select(_: Any) -> None:
            nonlocal began
            began = time.perf_counter()
            for _number in range(count):
                channel.basic_publish(
                    exchange, KEY, json.dumps(COMMAND).encode(), _properties(), mandatory=True
                )

        channel.confirm_delivery(on_confirm, callback=on_select)

    connection = pika.SelectConnection(
        pika.URLParameters(url),
        on_open_callback=lambda opened: opened.channel(on_open_callback=on_channel),
    )
    connection.ioloop.start()
    return count / (ended - began)


def main() -> None:
    who, how, url, exchange, number = sys.argv[1:]
    count = int(number)
    if who == "baton":
        rate = baton(how, url, exchange, count)
    else:
        rate = (pika_many if how == "many" else pika_call)(url, exchange, count)
    print(rate)


if __name__ == "__main__":
    main()
