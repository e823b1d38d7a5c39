"""Runs granian so that Ctrl-C ends it as SIGTERM does; ``manage.py serve`` becomes this.

A terminal sends Ctrl-C to the server and to its workers, and the server then tells each worker once
more. A worker that is told twice within a moment waits for itself: the second signal interrupts the
handler of the first while that holds the lock of a ``threading.Event``. It was killed after ten
seconds then. Here nobody but this process hears SIGINT, and it passes one SIGTERM on to itself.

With ``--work`` before the server's own arguments it keeps a process for background work beside the
server (``manage.py work``), with ``--stream HOST PORT`` one for the live streams of threads
(``manage.py stream``), and ends them with the server. If this process is killed, they notice.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from threading import Event, Thread

from granian.cli import entrypoint

WORK = "--work"
STREAM = "--stream"

LOOK_SECONDS = 0.5
WORK_AGAIN_SECONDS = 5
STREAM_AGAIN_SECONDS = 0.5
"""Until another process takes the place of one that has ended by itself."""

STOP_SECONDS = 22
"""Longer than ``manage.py work`` takes to end."""


def keep_interrupts_from_workers() -> None:
    """Blocks SIGINT in this process and all that it starts; the first becomes a SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    Thread(target=_pass_on, daemon=True).start()


def _pass_on() -> None:
    signal.sigwait({signal.SIGINT})
    os.kill(os.getpid(), signal.SIGTERM)


class BackgroundWork:
    """A process beside the server: begun, begun again if it ends by itself, ended.

    Args:
        command: of ``manage.py``, with its arguments.
        again_seconds: until another process takes its place.
    """

    def __init__(self, *command: str, again_seconds: float) -> None:
        self._command = command
        self._again_seconds = again_seconds
        self._stop = Event()
        # Begun here: granian parts into workers soon, and a worker that parted in the midst of this
        # would hold open the pipe by which Popen hears that the process runs.
        self._thread = Thread(target=self._keep, args=[begin(command)], daemon=True)
        self._thread.start()

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            if process.poll() is not None and not self._stop.wait(self._again_seconds):
                process = begin(self._command)
        end(process)

    def stop(self) -> None:
        """Tells the process to end."""
        self._stop.set()

    def join(self) -> None:
        """Returns when the process has ended."""
        self._thread.join()


def begin(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Returns a new process of ``manage.py``, which ends when this one does."""
    whole = [sys.executable, "manage.py", *command, "--parent", str(os.getpid())]
    return subprocess.Popen(whole, stdin=subprocess.DEVNULL)  # noqa: S603


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, and kills it if it does not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def take_background_work(arguments: list[str]) -> list[BackgroundWork]:
    """Returns the processes that are to be beside the server, begun.

    Args:
        arguments: of this program; those that are not the server's are taken out.
    """
    found = []
    if arguments[:1] == [WORK]:
        del arguments[:1]
        found.append(BackgroundWork("work", again_seconds=WORK_AGAIN_SECONDS))
    if arguments[:1] == [STREAM]:
        _, host, port = arguments[:3]
        del arguments[:3]
        address = ["--host", host, "--port", port]
        found.append(BackgroundWork("stream", *address, again_seconds=STREAM_AGAIN_SECONDS))
    return found


def main() -> None:
    """Serves until told to stop."""
    keep_interrupts_from_workers()
    arguments = sys.argv[1:]
    background = take_background_work(arguments)
    sys.argv[1:] = arguments
    try:
        entrypoint()  # type: ignore[no-untyped-call]
    finally:
        for beside in background:
            beside.stop()
        for beside in background:
            beside.join()


if __name__ == "__main__":
    main()
