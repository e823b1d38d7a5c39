"""The settings of django-anymail, which are its own and have its names."""

from __future__ import annotations

import json
import os
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def anymail_settings() -> dict[str, Any]:
    """Returns django-anymail's settings: each variable ``ANYMAIL_…``, under the name it has there.

    ``on`` and ``off`` are meant as such, and a value in braces or brackets is JSON: some of those
    settings are dictionaries or lists.

    Raises:
        ImproperlyConfigured: a value cannot be read; the message names it.
    """
    found = {
        name.removeprefix(ANYMAIL): _anymail_value(name, value)
        for name, value in os.environ.items()
        if name.startswith(ANYMAIL) and value
    }
    secret = found.get("WEBHOOK_SECRET", "none:none")
    if not (secret and all(map(_is_basic_auth, secret if isinstance(secret, list) else [secret]))):
        raise ImproperlyConfigured(
            "ANYMAIL_WEBHOOK_SECRET must be user:password, or a JSON list of such."
        )
    return found


ANYMAIL = "ANYMAIL_"


def _is_basic_auth(secret: Any) -> bool:
    user, _, password = secret.partition(":") if isinstance(secret, str) else ("", "", "")
    return bool(user and password)


def _anymail_value(name: str, text: str) -> Any:
    if name != f"{ANYMAIL}WEBHOOK_SECRET" and text.lower() in {"on", "true", "yes"}:
        return True
    if name != f"{ANYMAIL}WEBHOOK_SECRET" and text.lower() in {"off", "false", "no"}:
        return False
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} begins like JSON and is none.") from None
