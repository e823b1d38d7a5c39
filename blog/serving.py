"""Runs granian so that Ctrl-C ends it as SIGTERM does; ``manage.py serve`` becomes this.

A terminal sends Ctrl-C to the server and to its workers, and the server then tells each worker once
more. A worker that is told twice within a moment waits for itself: the second signal interrupts the
handler of the first while that holds the lock of a ``threading.Event``. It was killed after ten
seconds then. Here nobody but this process hears SIGINT, and it passes one SIGTERM on to itself.

With ``--work`` as the first argument it keeps a process for background work beside the server
(``manage.py work``), and ends it with the server. If this process is killed, that one notices.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from threading import Event, Thread

from granian.cli import entrypoint

WORK = "--work"

LOOK_SECONDS = 0.5
AGAIN_SECONDS = 5
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
    """The process for background work: begun, begun again if it ends by itself, ended."""

    def __init__(self) -> None:
        self._stop = Event()
        # Begun here: granian parts into workers soon, and a worker that parted in the midst of this
        # would hold open the pipe by which Popen hears that the process runs.
        self._thread = Thread(target=self._keep, args=[begin()], daemon=True)
        self._thread.start()

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            if process.poll() is not None and not self._stop.wait(AGAIN_SECONDS):
                process = begin()
        end(process)

    def end(self) -> None:
        """Returns when the process has ended."""
        self._stop.set()
        self._thread.join()


def begin() -> subprocess.Popen[bytes]:
    """Returns a new process for background work, which ends when this one does."""
    command = [sys.executable, "manage.py", "work", "--parent", str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, and kills it if it does not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Serves until told to stop."""
    keep_interrupts_from_workers()
    if WORK not in sys.argv[1:2]:
        entrypoint()  # type: ignore[no-untyped-call]
        return
    del sys.argv[1]
    background = BackgroundWork()
    try:
        entrypoint()  # type: ignore[no-untyped-call]
    finally:
        background.end()


if __name__ == "__main__":
    main()
