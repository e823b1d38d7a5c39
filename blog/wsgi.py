"""The WSGI application that the production server runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.wsgi import get_wsgi_application

from blog.env import require_secret_key

UNUSED = ("pygments", "requests", "yaml")
"""What Django REST framework loads in case somebody wants it, where it is installed: for its test
client, its pages and its own OpenAPI, none of which are served here."""


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Lets these packages be missing for a while, unless they are loaded already."""
    blocked = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blog.settings")
with _without(UNUSED):
    import rest_framework.compat  # noqa: F401

application = get_wsgi_application()
require_secret_key()
