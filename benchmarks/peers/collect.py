"""pika's BlockingConnection collecting replies: consumed without acknowledgement, decoded.

collect URL EXCHANGE KEY COUNT. It prints "peer is ready", then "all" when it has them.
"""

from __future__ import annotations

import json
import sys

import pika

from peers.contract import ready


def main() -> None:
    url, exchange, key, number = sys.argv[1:]
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, exchange, key)
    found = set()
    consuming = channel.consume(queue, auto_ack=True)
    ready()
    for _, _, body in consuming:
        found.add(json.loads(body)["fqdn"])
        if len(found) == int(number):
            break
    print("all", flush=True)


if __name__ == "__main__":
    main()
