"""Runs granian so that Ctrl-C ends it as SIGTERM does; ``manage.py serve`` becomes this.

A terminal sends Ctrl-C to the server and to its workers, and the server then tells each worker once
more. A worker that is told twice within a moment waits for itself: the second signal interrupts the
handler of the first while that holds the lock of a ``threading.Event``. It was killed after ten
seconds then. Here nobody but this process hears SIGINT, and it passes one SIGTERM on to itself.
"""

from __future__ import annotations

import os
import signal
from threading import Thread

from granian.cli import entrypoint


def keep_interrupts_from_workers() -> None:
    """Blocks SIGINT in this process and all that it starts; the first becomes a SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    Thread(target=_pass_on, daemon=True).start()


def _pass_on() -> None:
    signal.sigwait({signal.SIGINT})
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    keep_interrupts_from_workers()
    entrypoint()  # type: ignore[no-untyped-call]
