"""Server: a PostgreSQL for tests, and what a test may do to it."""

from dataclasses import dataclass

import psycopg

from brokers.errors import NotReady, Unsupported
from brokers.waiting import wait_until

READY_TIMEOUT = 60.0


@dataclass(kw_only=True)
class Server:
    """A PostgreSQL that runs. This class is one that somebody else runs: it can only be used."""

    url: str

    def execute(self, statement: str) -> None:
        """Run a statement outside of any transaction, in the server's own database."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement.encode())

    def settle(self, timeout: float = READY_TIMEOUT) -> None:
        """Return when it answers. Raises NotReady."""
        reasons: list[str] = []

        def answers() -> bool:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError as error:
                reasons.append(str(error))
                return False
            return True

        if not wait_until(answers, timeout):
            raise NotReady(f"PostgreSQL did not answer within {timeout:g} s: {reasons[-1]}")

    def stop(self) -> None:
        """Shut it down."""
        raise self._unsupported("stop")

    def start(self) -> None:
        """Start it again, and wait until it answers."""
        raise self._unsupported("start")

    def pause(self) -> None:
        """Freeze it: its connections stay, and it does not answer."""
        raise self._unsupported("pause")

    def unpause(self) -> None:
        """Let it go on."""
        raise self._unsupported("unpause")

    def heal(self) -> None:
        """Undo what a test that failed half-way left."""

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(
            f"Cannot {what} this PostgreSQL: somebody else runs it (BATON_TEST_POSTGRESQL_URL). "
            "Unset the variable, and the tests run one of their own."
        )
