"""So many of Baton's services in one process, each with connections of its own, as servers have.

`baton run --simulate` has all of its servers on two connections; these are what a fleet costs the
broker, without the processes. baton_services URL EXCHANGE COUNT; it prints "peer is ready".
"""

from __future__ import annotations

import sys

from baton import Configuration, Server
from baton.link import Phase, State
from baton.runner import run_services
from baton_ping.service import PingService
from peers.contract import ready


def main() -> int:
    url, exchange, count = sys.argv[1:]
    configuration = Configuration(
        rabbit_url=url, exchange=f"{exchange}_in", exchange_out=f"{exchange}_out"
    )
    services = [
        PingService(configuration, Server(f"web{number:05}.example.org", "production"))
        for number in range(int(count))
    ]
    waiting = set(range(len(services)))

    def watch(number: int) -> None:
        def changed(state: State) -> None:
            if state.phase is Phase.READY and number in waiting:
                waiting.remove(number)
                if not waiting:
                    ready()

        services[number].watch(changed)

    for number in range(len(services)):
        watch(number)
    return run_services(services, configuration)


if __name__ == "__main__":
    sys.exit(main())
