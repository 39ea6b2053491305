"""Certificates for tests of TLS, and a server that shows one."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

from brokers import Identity

HOST = "localhost"
"""Whom the broker's certificate is for."""
HANDSHAKE = 10.0


@dataclass(frozen=True)
class Authority:
    """Issues certificates, into files in *folder*."""

    ca: trustme.CA
    folder: Path

    def trusted(self) -> Path:
        """A file with its own certificate."""
        file = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(file)
        return file

    def issue(self, name: str, *, since: float = -1, until: float = 1) -> trustme.LeafCert:
        """A certificate for *name*, valid from *since* until *until*, in days from now."""
        begin, end = (datetime.now(UTC) + timedelta(days=each) for each in (since, until))
        return self.ca.issue_cert(name, common_name=name, not_before=begin, not_after=end)

    def client(self, name: str, **validity: float) -> dict[str, Any]:
        """The settings of a client whose certificate makes it the user *name*. What was issued
        in that name before is replaced."""
        file = self.folder / f"{name}.pem"
        self.issue(name, **validity).private_key_and_cert_chain_pem.write_to_path(file)
        return {"rabbit_auth": "external", "rabbit_tls_cert_file": file}


def identity(ca: trustme.CA) -> Identity:
    """What a broker shows whose certificate *ca* issues, as its clients'."""
    leaf = ca.issue_cert(HOST)
    certificate = b"".join(each.bytes() for each in leaf.cert_chain_pems)
    return Identity(ca.cert_pem.bytes(), certificate, leaf.private_key_pem.bytes())


@contextmanager
def impostor(file: Path) -> Iterator[str]:
    """A server that shows the certificate in *file*, and nothing else. Gives host and port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return  # the block has ended
                accepted.settimeout(HANDSHAKE)
                with accepted:
                    try:
                        context.wrap_socket(accepted, server_side=True).close()
                    except OSError:
                        pass  # it is not trusted, which is what it is there for

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"{HOST}:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closing does not
            thread.join(HANDSHAKE)
