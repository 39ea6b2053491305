"""Ctrl-C and SIGTERM."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest

from baton.cli.fleet.interruption import DaemonThreads, Interruption

pytestmark = pytest.mark.measured


def run(program: str) -> subprocess.CompletedProcess[str]:
    begin = """\
    import asyncio, os, signal, sys
    from baton.cli.fleet.interruption import DaemonThreads, Interruption
    me, interruption = os.getpid(), Interruption()
    """
    text = textwrap.dedent(begin) + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-c", text], check=False, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_it_and_it_may_say_more(name: str, code: int) -> None:
    ended = run(
        f"""
        async def main():
            try:
                os.kill(me, signal.{name})
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                assert interruption.is_caught()
                async with asyncio.timeout(10):
                    await asyncio.sleep(0.01)
                print("so far")
            return 7
        print(interruption.run(main()), interruption.exit_code)
        """
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"so far\n7 {code}\n"


def test_a_signal_that_nobody_catches_ends_it_too() -> None:
    ended = run(
        """
        async def main():
            os.kill(me, signal.SIGINT)
            await asyncio.sleep(60)
        print(interruption.run(main()), interruption.exit_code)
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "None 130\n", "")


def test_the_second_signal_ends_what_holds_up_the_loop() -> None:
    ended = run(
        """
        import time
        async def main():
            os.kill(me, signal.SIGINT)
            os.kill(me, signal.SIGINT)
            time.sleep(60)
        try:
            interruption.run(main())
        except KeyboardInterrupt:
            print("at once")
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "at once\n", "")


def test_a_loop_that_is_held_up_for_ever_ends_with_the_process() -> None:
    ended = run(
        """
        import time
        import baton.cli.fleet.interruption
        baton.cli.fleet.interruption._MARGIN = 0.05
        async def main():
            os.kill(me, signal.SIGTERM)
            time.sleep(60)
        interruption.run(main())
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "", "")


def test_what_is_torn_down_for_ever_ends_with_the_process() -> None:
    ended = run(
        """
        import time
        import baton.cli.fleet.interruption
        baton.cli.fleet.interruption._MARGIN = 0.05
        async def stubborn():
            try:
                await asyncio.sleep(60)
            finally:
                time.sleep(60)
        async def main():
            task = asyncio.create_task(stubborn())
            await asyncio.sleep(0)
            os.kill(me, signal.SIGINT)
            await asyncio.sleep(60)
        interruption.run(main())
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_the_second_signal_ends_what_is_torn_down() -> None:
    ended = run(
        """
        import time
        async def stubborn():
            try:
                await asyncio.sleep(60)
            finally:
                os.kill(me, signal.SIGTERM)
                time.sleep(60)
        async def main():
            task = asyncio.create_task(stubborn())
            await asyncio.sleep(0)
            os.kill(me, signal.SIGTERM)
            await asyncio.sleep(60)
        try:
            interruption.run(main())
        except KeyboardInterrupt:
            print("at once")
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "at once\n", "")


@pytest.mark.parametrize(
    "ending", ["os.kill(me, signal.SIGINT)", "asyncio.current_task().cancel()"]
)
def test_nobody_waits_for_a_name_server_that_does_not_answer(ending: str) -> None:
    ended = run(
        f"""
        import socket, threading
        asked = threading.Event()
        def getaddrinfo(*_, **__):
            asked.set()
            threading.Event().wait()
        socket.getaddrinfo = getaddrinfo
        async def main():
            loop = asyncio.get_running_loop()
            resolving = asyncio.create_task(loop.getaddrinfo("mq1.example.org", 5672))
            while not asked.is_set():
                await asyncio.sleep(0.001)
            {ending}
            await resolving
        try:
            interruption.run(main())
        except asyncio.CancelledError:
            pass
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


async def test_a_thread_tells_what_it_found_or_what_went_wrong() -> None:
    loop = asyncio.get_running_loop()
    executor = DaemonThreads()
    assert await loop.run_in_executor(executor, max, 3, 5) == 5
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(executor, divmod, 1, 0)
    executor.shutdown()


def test_handlers_are_put_back() -> None:
    ended = run(
        """
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        async def main():
            return 7
        print(interruption.run(main()), interruption.exit_code)
        print(before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)))
        """
    )
    assert (ended.stdout, ended.stderr) == ("7 None\nTrue\n", "")


async def test_a_cancellation_by_another_is_none() -> None:
    assert not Interruption().is_caught()
