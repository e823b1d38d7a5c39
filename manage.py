#!/usr/bin/env python
"""Runs the operator's commands: ``python manage.py help`` lists them."""

import os
import select
import signal
import sys
from traceback import walk_tb


def main() -> None:
    """Runs the command named on the command line.

    Whoever reads what it prints may go before the end (``| head``): then it ends without a word,
    as with Ctrl-C where the command has nothing to say of it.
    """
    try:
        try:
            run()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, not when nobody can hear of it any more
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        left = [
            stream for stream in (sys.stdout, sys.stderr) if stream and is_left(stream.fileno())
        ]
        if not left:
            raise  # it was another pipe
        for stream in left:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(128 + signal.SIGPIPE)


def run() -> None:
    """Runs the command; says in one line what is wrong in the settings, or that the database is
    away.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blog.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from blog.logs import refuse

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        refuse(str(error))
    except OperationalError as error:
        if "--traceback" in sys.argv or not is_of_connecting(error):
            raise
        from comments.management.tables import not_answering

        refuse(not_answering(error))


def is_of_connecting(error: Exception) -> bool:
    """Returns whether there was no connection, and not something wrong in what was asked."""
    return any(frame.f_code.co_name == "connect" for frame, _ in walk_tb(error.__traceback__))


def is_left(file: int) -> bool:
    """Returns whether nobody holds the other end of a pipe any more."""
    poll = select.poll()
    poll.register(file, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


if __name__ == "__main__":
    main()
