"""The production server: granian, and what belongs beside it; ``manage.py serve`` becomes this.

SIGTERM and Ctrl-C end it after the requests under way. SIGHUP puts new workers in the place of the
old ones, with the program as it is on the disk by then, and no request fails by that: both take
connections from one socket, which stays open; the old ones go on until the new ones are ready. Then
they take none any more, and ask everybody who is connected to connect anew (``Connection: close``),
so that nobody is cut off between two requests. Where new workers cannot begin, the old ones stay.

A terminal sends Ctrl-C to the server and to its workers, and the server then tells each worker once
more. A worker that is told twice within a moment waits for itself: the second signal interrupts the
handler of the first while that holds the lock of a ``threading.Event``. It was killed after ten
seconds then. Here nobody but this process hears SIGINT, and it passes one SIGTERM on to itself.

With ``--work`` it keeps a process for background work beside the server (``manage.py work``), with
``--stream-port`` one for the live streams of threads (``manage.py stream``), begins them anew with
the workers, and ends them with the server. If this process is killed, they notice, and so do the
workers: each looks whether it still has the parent that it began with.
"""

from __future__ import annotations

import argparse
import logging.config
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.mp import MPServer, WorkerProcess

from blog.logs import FORMATTERS, log_uncaught, logging_config

logger = logging.getLogger("blog.serving")  # which runs as __main__

ROOT = Path(__file__).resolve().parent.parent

LOOK_SECONDS = 0.5
WORK_AGAIN_SECONDS = 5
STREAM_AGAIN_SECONDS = 0.5
"""Until another process takes the place of one that has ended by itself."""

STOP_SECONDS = 22
"""Longer than ``manage.py work`` takes to end."""
REQUEST_SECONDS = 10
"""How long a request may take to end once its worker has been told to stop."""
READY_SECONDS = 60
"""How long new workers may take to begin."""
LEAVE_SECONDS = 5.0
"""How long an old worker waits for those who are connected to come with another request, which is
answered with the wish to connect anew. A proxy must not keep an idle connection longer."""
LEAVE = signal.SIGUSR1

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


# --- workers --------------------------------------------------------------------------------------


def load(ready: ProcessEvent, listener: int, server: int) -> Application:
    """Returns the application, in a worker that has just begun, and says that it is loaded.

    The worker ends where it cannot be loaded, with a line that says why.

    Args:
        listener: inode of the socket that connections come from.
        server: id of the process that began this one.
    """
    Thread(target=end_without, args=[server], daemon=True).start()
    try:
        from django.urls import reverse

        from blog.wsgi import application

        reverse("home")  # loads all addresses, for which the first request would wait
        hold_sqlite()
    except Exception:
        logger.critical("a worker cannot load the site", exc_info=True)
        sys.exit(1)
    leaving = Event()

    def leave(*_: Any) -> None:
        stop_accepting(listener)
        leaving.set()

    def until_leaving(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if leaving.is_set():
            return application(environ, partial(_start_last, start))
        return application(environ, start)

    signal.signal(LEAVE, leave)
    ready.set()
    return until_leaving


def end_without(server: int) -> None:
    """Ends this worker, after the requests under way, once the server that began it is gone."""
    while os.getppid() == server:
        sleep(LOOK_SECONDS)
    logger.error("the server was killed: a worker ends")
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(REQUEST_SECONDS)
    os._exit(1)  # nobody else is there to kill it


def hold_sqlite() -> None:
    """Keeps SQLite's file open from the first on, so that ``manage.py restore`` sees the server."""
    from django.db import Error, connection

    if connection.vendor == "sqlite":
        with suppress(Error):  # requests will say it
            connection.ensure_connection()


def _start_last(start: Callable[..., Any], status: str, headers: Any, *more: Any) -> Any:
    return start(status, [*headers, ("Connection", "close")], *more)


def stop_accepting(listener: int) -> None:
    """Lets this process take no further connections from a socket that others go on with.

    granian has no word for it, and closing the socket would close it under granian. So another one
    that nobody can find stands in its place.
    """
    silent = socket.socket(socket.AF_UNIX)
    silent.bind("")  # a name that the system makes up
    silent.setblocking(False)
    silent.listen()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (a Path for each would do no good)
        with suppress(OSError):  # the one by which it was listed
            if os.fstat(int(name)).st_ino == listener:
                os.dup2(silent.fileno(), int(name))
    silent.detach()


class Server(MPServer):
    """granian, which on Linux replaces its workers without a failed request."""

    def __init__(self, *args: Any, then: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._then = then
        self._sockets: list[Any] = []
        self._ready: dict[int, ProcessEvent] = {}

    def _init_shared_socket(self) -> None:
        if sys.platform != "linux":
            super()._init_shared_socket()
            return
        # granian would let each worker open a socket of its own for the same address. What waits at
        # the one of a worker that ends would be cut off, so they stay here, one for each place.
        spec = SocketSpec(self.bind_addr, self.bind_port, self.backlog)
        self._sockets = [spec.build() for _ in range(self.workers)]
        self._ssp = self._shd = self._sso = None

    def _spawn_worker(  # type: ignore[override]
        self, idx: int, target: Any, callback_loader: Any
    ) -> WorkerProcess:
        if not self._sockets:
            return super()._spawn_worker(idx, target, callback_loader)
        self._shd = shared = self._sockets[idx]
        ready = self._ready[idx] = multiprocessing.Event()
        listener = os.fstat(shared.get_fd()).st_ino
        return super()._spawn_worker(idx, target, partial(load, ready, listener, os.getpid()))

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        """Puts new workers in the place of the old ones, and new processes beside them."""
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        logger.info("restarting: new workers begin")
        if not self._sockets:
            super()._reload(spawn_target, target_loader)
        elif not self._replace_workers(spawn_target, target_loader):
            logger.error("the new workers did not begin: all goes on as it was")
            return
        self._then()
        logger.info("restarted: all workers are new; streams and background work follow")

    def _replace_workers(self, spawn_target: Any, target_loader: Any) -> bool:
        """Returns whether there are new workers now."""
        fresh = [
            self._spawn_worker(idx=idx, target=spawn_target, callback_loader=target_loader)
            for idx in range(self.workers)
        ]
        for worker in fresh:
            worker.interrupt_by_parent = True  # until it is ready, its end ends nothing
            worker.start()
        if not self._wait_until_ready(fresh):
            for worker in fresh:
                worker.kill()
            return False
        old, self.wrks[:] = list(self.wrks), fresh
        for worker in fresh:
            worker.interrupt_by_parent = False
            if not worker.is_alive():
                self.interrupt_children.append(worker.idx)
                self.main_loop_interrupt.set()
        for worker in old:
            worker.interrupt_by_parent = True
            with suppress(ProcessLookupError):
                os.kill(worker._id(), LEAVE)
        self._pause(LEAVE_SECONDS)
        for worker in old:
            worker.terminate()
        until = monotonic() + REQUEST_SECONDS
        for worker in old:
            worker.join(max(until - monotonic(), 0.001))
            if worker.is_alive():
                worker.kill()
        return True

    def _wait_until_ready(self, workers: Sequence[WorkerProcess]) -> bool:
        until = monotonic() + READY_SECONDS
        while not all(event.is_set() for event in self._ready.values()):
            gone = not all(worker.is_alive() for worker in workers)
            if gone or self.interrupt_signal or monotonic() > until:
                return False
            sleep(0.05)
        return True

    def _pause(self, seconds: float) -> None:
        until = monotonic() + seconds
        while monotonic() < until and not self.interrupt_signal:
            sleep(0.05)


# --- beside it ------------------------------------------------------------------------------------


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
        self._stop, self._renew = Event(), Event()
        # Begun here: granian parts into workers soon, and a worker that parted in the midst of this
        # would hold open the pipe by which Popen hears that the process runs.
        self._thread = Thread(target=self._keep, args=[begin(command)], daemon=True)
        self._thread.start()

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            if self._renew.is_set():
                self._renew.clear()
                end(process)
                process = begin(self._command)
            elif process.poll() is not None and not self._stop.wait(self._again_seconds):
                process = begin(self._command)
        end(process)

    def renew(self) -> None:
        """Lets another process take the place of this one, once it has ended what it is at."""
        self._renew.set()

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


def begin_background_work(options: argparse.Namespace) -> list[BackgroundWork]:
    """Returns the processes that are to be beside the server, begun."""
    found = []
    if options.work:
        found.append(BackgroundWork("work", again_seconds=WORK_AGAIN_SECONDS))
    if options.stream_port is not None:
        address = ["--host", options.host, "--port", str(options.stream_port)]
        found.append(BackgroundWork("stream", *address, again_seconds=STREAM_AGAIN_SECONDS))
    return found


def main() -> None:
    """Serves until told to stop."""
    parser = argparse.ArgumentParser(prog="blog.serving")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--log-format", choices=FORMATTERS, required=True)
    parser.add_argument("--work", action="store_true")
    parser.add_argument("--stream-port", type=int)
    options = parser.parse_args()
    lines = logging_config(log_format=options.log_format)
    lines |= {"root": {"handlers": ["stderr"], "level": "INFO"}, "loggers": {}}
    logging.config.dictConfig(lines)
    if options.log_format == "json":
        log_uncaught()
    keep_interrupts_from_workers()
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")  # workers inherit the sockets
    background = begin_background_work(options)

    def renew() -> None:
        for beside in background:
            beside.renew()

    server = Server(
        "blog.wsgi:application",
        then=renew,
        address=options.host,
        port=options.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(),
        working_dir=ROOT,
        log_level=LogLevels.warning,
        log_dictconfig=lines,
        workers=options.workers,
        respawn_failed_workers=True,
        blocking_threads=options.threads,
        workers_kill_timeout=REQUEST_SECONDS,
    )
    try:
        server.serve()
    finally:
        for beside in background:
            beside.stop()
        for beside in background:
            beside.join()


if __name__ == "__main__":
    main()
