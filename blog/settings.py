"""Django's settings, made from the environment that ``blog.env`` reads."""

from __future__ import annotations

import logging

from csp.constants import NONE, SELF

from blog.env import ROOT, read_environment, stream_source
from blog.logs import log_uncaught, logging_config

ENVIRONMENT = read_environment()

SECRET_KEY = ENVIRONMENT.secret_key
SECRET_KEY_FALLBACKS = ENVIRONMENT.secret_key_fallbacks
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts
SITE_ID = ENVIRONMENT.site_id

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "corsheaders",
    "csp",
    *(["anymail"] if ENVIRONMENT.anymail else []),  # checks its settings; loads an HTTP client
    "comments.apps.CommentsConfig",
    "blog.apps.BlogConfig",
]

# Session, CSRF, sign-in and messages are for pages and the admin. The API signs callers in by
# itself (comments/api/authentication.py), so its public reads neither read nor set a cookie.
MIDDLEWARE = [
    "blog.request_ids.RequestIds",
    *(["blog.metrics.Metrics"] if ENVIRONMENT.metrics_token else []),
    "blog.health.Health",
    "comments.api.stored_answers.StoredAnswers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "blog.policy.PagePolicy",
    "comments.api.middleware.SiteCorsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "comments.views.language.SiteLanguage",
    "comments.api.middleware.SessionOutsideApi",
    "comments.api.middleware.CsrfOutsideApi",
    "comments.api.middleware.SignInOutsideApi",
    "comments.api.middleware.MessagesOutsideApi",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "blog.urls"
WSGI_APPLICATION = "blog.wsgi.application"
ASGI_APPLICATION = "blog.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "blog" / "templates"],  # before the admin's own templates
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": ENVIRONMENT.database, **ENVIRONMENT.replicas}
DATABASE_ROUTERS = ["comments.queries.replicas.ReplicaRouter"]
CACHES = {"default": ENVIRONMENT.cache}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if ENVIRONMENT.email_host
    else "django.core.mail.backends.filebased.EmailBackend"
)
EMAIL_FILE_PATH = str(ENVIRONMENT.outbox_dir)
EMAIL_HOST = ENVIRONMENT.email_host
EMAIL_PORT = ENVIRONMENT.email_port
EMAIL_HOST_USER = ENVIRONMENT.email_user
EMAIL_HOST_PASSWORD = ENVIRONMENT.email_password
EMAIL_USE_TLS = ENVIRONMENT.email_tls == "starttls"
EMAIL_USE_SSL = ENVIRONMENT.email_tls == "ssl"
EMAIL_TIMEOUT = 10  # seconds, for each answer of the server
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.mail_from
# What django-anymail reads; its webhooks have addresses only with a WEBHOOK_SECRET (blog/urls.py).
ANYMAIL = ENVIRONMENT.anymail
# Whether webhooks may go to addresses that are not of the public internet.
WEBHOOK_PRIVATE = ENVIRONMENT.webhook_private

LANGUAGE_CODE = ENVIRONMENT.language
# Our words go before those that Django has for the same English ("Unknown", "Post").
LOCALE_PATHS = [ROOT / "blog" / "locale", ROOT / "comments" / "locale"]
TIME_ZONE = ENVIRONMENT.time_zone
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "var" / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "blog.static_storage.HashedStaticFiles"
        )
    },
}

SILENCED_SYSTEM_CHECKS = [
    # Our own middleware does what this check looks for by its name (comments/api/middleware.py).
    "security.W003",
    # Whether all other hosts of the domain are reached by HTTPS is not for a blog to say.
    "security.W005",
    "security.W021",
]

APPEND_SLASH = True
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.secure_cookies
SECURE_SSL_REDIRECT = ENVIRONMENT.ssl_redirect
SECURE_HSTS_SECONDS = ENVIRONMENT.hsts_seconds
if ENVIRONMENT.trusted_proxies:
    # A form that came by HTTPS says so in Origin, and would be refused where we know of HTTP alone.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "blog.views.csrf_failed"
# The largest body that is read; a comment of 10,000 characters of four bytes fits six times.
DATA_UPLOAD_MAX_MEMORY_SIZE = ENVIRONMENT.max_body_bytes

STREAM_SOURCE = stream_source(
    stream_url=ENVIRONMENT.stream_url, site_url=ENVIRONMENT.site_url, by_host=SITE_ID is None
)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "https:"],  # pictures in posts; in comments they are links
        "font-src": [SELF],
        "connect-src": [SELF, *STREAM_SOURCE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # What a script writes as HTML must come from a policy of that name (blog/policy.py: what
        # the admin needs beside it).
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["comment-thread"],
    }
}

CORS_ALLOWED_ORIGINS = ENVIRONMENT.cors_origins
CORS_URLS_REGEX = r"^/(api/|threads/|comments/feed)"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
]
CORS_EXPOSE_HEADERS = ["etag", "link", "location", "retry-after"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["comments.api.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["comments.api.rendering.OrjsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "comments.api.rendering.JsonOnly",
    "EXCEPTION_HANDLER": "comments.api.problems.answer_exception",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Rejoinder API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "DEFAULT_GENERATOR_CLASS": "comments.api.contract.ContractGenerator",
    "POSTPROCESSING_HOOKS": ["comments.api.contract.describe_contract"],
}

REJOINDER = {
    "SITE_URL": ENVIRONMENT.site_url,
    "MAX_COMMENT_CHARS": ENVIRONMENT.max_comment_chars,
    "MAX_BODY_BYTES": ENVIRONMENT.max_body_bytes,
    "MAX_DEPTH": ENVIRONMENT.max_depth,
    "DEEP_REPLIES": ENVIRONMENT.deep_replies,
    "EDIT_WINDOW_SECONDS": ENVIRONMENT.edit_window_seconds,
    "TRUSTED_PROXIES": ENVIRONMENT.trusted_proxies,
    "RATE_LIMITS": ENVIRONMENT.rate_limits,
    "AUDIT_SHARE": ENVIRONMENT.audit_share,
    "PAGE_CACHE_BYTES": ENVIRONMENT.page_cache_bytes,
    "REPLICAS": list(ENVIRONMENT.replicas),
    "METRICS_DIR": str(ENVIRONMENT.metrics_dir) if ENVIRONMENT.metrics_token else "",
    "STREAM_URL": ENVIRONMENT.stream_url,
    "STREAMS_MOST": ENVIRONMENT.streams_most,
    "STREAMS_PER_ADDRESS": ENVIRONMENT.streams_per_address,
    "MAIL_BOUNCES": ENVIRONMENT.mail_bounces,
    "MESSAGE_ID_DOMAIN": ENVIRONMENT.message_id_domain,
    "MAIL_CONNECTIONS": ENVIRONMENT.mail_connections,
    "MAIL_RATE": ENVIRONMENT.mail_rate,
    "MAIL_WINDOW": ENVIRONMENT.mail_window,
}
"""What the comments app reads; any Django project that installs it sets this dictionary."""

METRICS_TOKEN = ENVIRONMENT.metrics_token
LOG_REQUESTS = ENVIRONMENT.log_requests
if ENVIRONMENT.log_format == "json":
    # Warnings of Python, and what nobody catches, are lines like all others.
    logging.captureWarnings(True)
    log_uncaught()
LOGGING = {
    **logging_config(log_format=ENVIRONMENT.log_format),
    "root": {"handlers": ["stderr"], "level": ENVIRONMENT.log_level},
    "loggers": {
        # Refusals (4xx) are answers, not events of the operator's log.
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
        # Of a database that is away requests tell; the pool would each time it tries.
        "psycopg.pool": {"level": "ERROR"},
    },
}
