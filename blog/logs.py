"""What is not to stand in a log, whoever writes the line."""

from __future__ import annotations

import logging
import re

_SECRET = re.compile(r"(/subscriptions/)[^/\s?\"']+")
"""In the address of a page behind the link in a mail: whoever has it may do all that it does."""


class WithoutSecrets(logging.Filter):
    """Takes the secrets of subscribers out of addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns yes: the line is written, without them."""
        message = record.getMessage()
        if _SECRET.search(message):
            record.msg, record.args = _SECRET.sub(r"\1…", message), ()
        return True
