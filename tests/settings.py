"""The site's settings as tests need them, so that ``pytest`` runs without any environment.

What the environment does say stays: ``DATABASE_URL`` chooses the database that tests run on.
"""

import os

os.environ.setdefault("SECRET_KEY", "for-tests-only-" + "x" * 40)
os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
# Tests empty the cache, and must not empty the one of an installation.
os.environ["CACHE_URL"] = "locmemcache://tests"

from blog.settings import *

# Chance has no place in a test that is not about it.
REJOINDER = {**REJOINDER, "AUDIT_SHARE": 0.0}

# The default costs 0.3 s for each password, by design; no test is about that.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A cluster made without a locale has templates in SQL_ASCII; the product needs UTF-8.
    DATABASES["default"]["TEST"] = {"TEMPLATE": "template0", "CHARSET": "UTF8"}
    # What a power cut would leave is no concern of a test, and most of a commit is waiting for it.
    DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c synchronous_commit=off"

# Static files are collected for the production server only; tests read them where they stand.
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("whitenoise.")]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
