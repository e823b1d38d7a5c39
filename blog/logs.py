"""How lines of the log are written, and what is not to stand in them, whoever writes the line.

Nothing here needs Django: the server's own process has none (``blog/serving.py``).
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import format_tb
from types import TracebackType
from typing import Any, NoReturn

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered (``blog/request_ids.py``); empty outside of any."""

_SECRET = re.compile(r"(/subscriptions/)[^/\s?\"']+")
"""In the address of a page behind the link in a mail: whoever has it may do all that it does."""
_QUERY = re.compile(r"(/[^\s?\"']*\?)[^\s\"']+")
_ADDRESS = re.compile(r"[^\s@<>\"'(),:;]+@[^\s@<>\"'(),:;]+")

TELLING = frozenset(
    {
        "builtins.AttributeError",
        "builtins.ImportError",
        "builtins.MemoryError",
        "builtins.NameError",
        "builtins.RecursionError",
        "django.core.exceptions.ImproperlyConfigured",
        "django.db.utils.IntegrityError",
        "django.db.utils.InterfaceError",
        "django.db.utils.InternalError",
        "django.db.utils.OperationalError",
        "django.db.utils.ProgrammingError",
    }
)
"""Exceptions whose first line names parts of the program or the database, and no value."""


class WithoutSecrets(logging.Filter):
    """Takes the secrets of subscribers, what is asked after ``?``, and e-mail addresses out."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns yes: the line is written, without them."""
        record.msg, record.args = without_secrets(record.getMessage()), ()
        return True


def without_secrets(text: str) -> str:
    """Returns a text with an ellipsis in place of each secret."""
    text = _SECRET.sub(r"\1…", text)
    return _ADDRESS.sub("…@…", _QUERY.sub(r"\1…", text))


class Lines(logging.Formatter):
    """Lines for people, and below them where in the program an exception came from."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}{of_request}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, with the id of the request that it is about."""
        found = request_id.get()
        record.of_request = f" [{found}]" if found else ""
        return super().format(record)

    def formatException(  # noqa: N802 (logging's name)
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Returns the lines of an exception and of those behind it, the first cause first."""
        return "\n".join(f"{where}{what}" for what, where in _chain(ei[1]))


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time`` (RFC 3339), ``level``, ``logger``, ``message``, ``process``,
    ``request_id`` where there is one, ``exception`` as in ``Lines``, and what ``extra={"fields":
    {…}}`` of the call names.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        at = datetime.fromtimestamp(record.created, tz=UTC)
        entry: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if found := request_id.get():
            entry["request_id"] = found
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = [
                {"what": what, "where": where.splitlines()}
                for what, where in _chain(record.exc_info[1])
            ]
        return json.dumps(entry, ensure_ascii=False)


def _chain(error: BaseException | None) -> list[tuple[str, str]]:
    """Returns what each exception is and the places in the code, the first cause first."""
    found: list[tuple[str, str]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        found.insert(0, (_told(error), "".join(format_tb(error.__traceback__))))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _told(error: BaseException) -> str:
    """Returns the class of an exception; its words only where they hold nobody's data."""
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    name = names[0].removeprefix("builtins.")
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    if TELLING.isdisjoint(names):
        return name
    return f"{name}: {without_secrets(str(error).partition(chr(10))[0])}"


FORMATTERS: dict[str, type[logging.Formatter]] = {"text": Lines, "json": JsonLines}
"""By the value of ``LOG_FORMAT``."""


def logging_config(*, log_format: str) -> dict[str, Any]:
    """Returns the part of a dictionary for ``logging.config`` that all processes share."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": FORMATTERS[log_format]}},
        "filters": {"without_secrets": {"()": WithoutSecrets}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "filters": ["without_secrets"],
            }
        },
    }


def log_uncaught() -> None:
    """Lets exceptions that nobody catches be lines like all others, those of threads too.

    At a terminal they stay as they are, for whoever sits there (``manage.py shell``).
    """
    if sys.stderr.isatty():
        return

    def told(error: BaseException | None) -> None:
        logging.getLogger(__name__).critical("an exception that nobody caught", exc_info=error)

    def of_process(
        kind: type[BaseException], error: BaseException, where: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, where)
        else:
            told(error)

    sys.excepthook = of_process
    threading.excepthook = lambda hooked: told(hooked.exc_value)
    sys.unraisablehook = lambda hooked: told(hooked.exc_value)


def refuse(message: str) -> NoReturn:
    """Ends the process with one line and code 1, where there are no settings to say how."""
    if os.environ.get("LOG_FORMAT") == "json":
        values = {"name": "blog", "levelname": "CRITICAL", "msg": message}
        message = JsonLines().format(logging.makeLogRecord(values))
    sys.exit(message)
