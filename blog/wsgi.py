"""The WSGI application that the production server runs."""

import os

from django.core.wsgi import get_wsgi_application

from blog.env import require_secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blog.settings")

application = get_wsgi_application()
require_secret_key()
