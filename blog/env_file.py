"""A file of variables, which ``ENV_FILE`` names: lines as systemd and compose read them.

A shell would want quotes that those take for a part of the value, so no shell has to read it.
"""

from __future__ import annotations

import os
import re
from io import StringIO
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

_LINE = re.compile(r"#|(export )?[A-Za-z_0-9]+=")


def read_env_file() -> None:
    """Sets the variables of the file, but those that are set already, if one is named.

    They stay in the environment, for all processes that begin from here.

    Raises:
        ImproperlyConfigured: the file cannot be read, or a line is none; the message holds no line.
    """
    if not os.environ.get("ENV_FILE"):
        return
    path = Path(os.environ["ENV_FILE"]).absolute()
    os.environ["ENV_FILE"] = str(path)  # the server has another working directory
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ImproperlyConfigured(f"ENV_FILE={path} cannot be read: {why}.") from None
    for number, line in enumerate(text.splitlines(), start=1):
        # The reader would print such a line, with what may be a secret, and go on without it.
        if line and not _LINE.match(line):
            raise ImproperlyConfigured(
                f"{path}, line {number}: neither NAME=value nor a # comment."
            )
    environ.Env.read_env(StringIO(text))
