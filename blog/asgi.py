"""The ASGI application: the live streams of threads alone.

Pages and the API are served by WSGI (``blog/wsgi.py``); ``manage.py serve`` starts both.
"""

import os

import django

from blog.env import require_secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blog.settings")
django.setup()

from comments.streaming.application import StreamApplication  # noqa: E402 (needs the settings)

application = StreamApplication()
require_secret_key()
