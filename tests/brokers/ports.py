"""Ports on this machine: finding free ones, and telling whether a RabbitMQ answers on one."""

import socket

LOOPBACK = "127.0.0.1"
_HELLO = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on. They are different from each other."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def speaks_amqp(host: str, port: int, timeout: float = 2.0) -> bool:
    """Whether a broker greets there. An open port is not enough: Docker's proxy opens it early."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(_HELLO)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False


def accepts_tcp(host: str, port: int, timeout: float = 2.0) -> bool:
    """Whether somebody listens on this port."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def accepts(path: str) -> bool:
    """Whether somebody listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
        return True


def speaks_http(path: str, timeout: float = 2.0) -> bool:
    """Whether a web server, such as a Docker engine, answers on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
        except OSError:
            return False
