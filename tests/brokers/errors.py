"""What goes wrong with a broker for tests."""

from collections.abc import Sequence


class Unavailable(Exception):
    """One way to a RabbitMQ does not work on this machine; the text says why."""


class NoBroker(Exception):
    """No way to a RabbitMQ works here; ``tried`` says which were tried and why each failed."""

    def __init__(self, tried: Sequence[tuple[str, str]]) -> None:
        reasons = "\n".join(f"- {way}: {reason}" for way, reason in tried)
        super().__init__(
            "The integration tests need a RabbitMQ, and none could be had.\n"
            f"{reasons}\n"
            "Name one in BATON_TEST_AMQP_URL, or start a Docker engine. "
            "`hatch run test-unit` runs the tests that need none."
        )
        self.tried = tuple(tried)


class NotReady(Exception):
    """A broker did not get ready in time."""


class Ended(NotReady):
    """A broker ended while it was waited for; the text says what it said."""


class Unsupported(Exception):
    """This broker cannot do that, for example because somebody else runs it."""


class CommandFailed(Exception):
    """A command on the broker's side exited with an error."""


class ManagementError(Exception):
    """The management API refused a request, with this HTTP ``status``."""

    def __init__(self, method: str, path: str, status: int, reason: str) -> None:
        super().__init__(f"{method} {path}: {status} {reason}")
        self.status = status
