"""Somebody who is told of incidents: a web server, as Apprise's ``json://`` wants one."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """A web server that takes what Apprise's ``json://`` sends, and keeps it. As many
    requests as it ``refuses`` are answered with 503."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.refuses = 0
        self.gate = threading.Event()
        """Requests are answered once it is set."""
        self.gate.set()
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"json://ann:hunter2@{host!s}:{port}/secret-path?+X-Key=secret-key"

    @property
    def shown(self) -> str:
        return f"json://ann:****@127.0.0.1:{self._server.server_address[1]}/…"

    def wait_for(self, number: int, timeout: float = 15) -> list[dict[str, Any]]:
        """The messages, when there are that many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.messages) >= number, timeout), self.messages
            return list(self.messages)

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.gate.wait(15)
                refused = receiver.refuses > 0
                with receiver._news:
                    if refused:
                        receiver.refuses -= 1
                    else:
                        receiver.messages.append(body)
                    receiver._news.notify_all()
                self.send_response(503 if refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler
