#!/usr/bin/env python
"""Runs the operator's commands: ``python manage.py help`` lists them."""

import os
import select
import signal
import sys


def main() -> None:
    """Runs the command named on the command line.

    Whoever reads what it prints may go before the end (``| head``): then it ends without a word.
    """
    try:
        try:
            run()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, not when nobody can hear of it any more
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
    """Runs the command; refuses in one line what is wrong in the settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blog.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from blog.logs import refuse

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        refuse(str(error))


def is_left(file: int) -> bool:
    """Returns whether nobody holds the other end of a pipe any more."""
    poll = select.poll()
    poll.register(file, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


if __name__ == "__main__":
    main()
