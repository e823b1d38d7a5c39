"""What the product is measured by: a Django installation that does as little as there can be.

It serves constant bytes of any size, and the bare transaction of a comment: a number, a row, an
event, a commit. No rules, no Markdown, no middleware. ``tests/benchmarks/table.py`` starts it under
the same server as the product, on the same database.

One file is the whole installation, in Django's own way for such: settings, addresses, application.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache

import environ
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

if not settings.configured:
    settings.configure(
        SECRET_KEY=os.environ["SECRET_KEY"],
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        DATABASES={
            "default": {
                **environ.Env().db("DATABASE_URL"),
                "CONN_MAX_AGE": None,
                **(
                    {}
                    if os.environ["DATABASE_URL"].startswith("postgres")
                    else {
                        "OPTIONS": {
                            "transaction_mode": "IMMEDIATE",
                            "timeout": 30,
                            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                        }
                    }
                ),
            }
        },
    )

TABLES = (
    "CREATE TABLE bare_thread (id integer PRIMARY KEY, last_number bigint NOT NULL)",
    "CREATE TABLE bare_comment ({key}, thread_id integer NOT NULL, number bigint NOT NULL,"
    " author varchar(80) NOT NULL, source text NOT NULL, UNIQUE (thread_id, number))",
    "CREATE TABLE bare_event ({key}, thread_id integer NOT NULL, version bigint NOT NULL,"
    " kind varchar(16) NOT NULL, UNIQUE (thread_id, version))",
)


def make_tables(threads: int) -> None:
    """Makes what the bare transaction writes to, in the database of this process."""
    key = "id integer PRIMARY KEY AUTOINCREMENT"
    if connection.vendor == "postgresql":
        key = "id bigserial PRIMARY KEY"
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(table.format(key=key))
        for thread in range(threads):
            cursor.execute("INSERT INTO bare_thread VALUES (%s, 0)", [thread])


@lru_cache
def _constant(size: int) -> bytes:
    return b"x" * size


def constant(request: HttpRequest, size: int) -> HttpResponse:
    """Answers with so many bytes, the same ones each time."""
    return _answer(_constant(size))


def _answer(body: bytes, status: int = 200) -> HttpResponse:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return HttpResponse(body, status=status, headers=headers)


def bare(request: HttpRequest, thread: int) -> HttpResponse:
    """Stores what was sent, under the next number of a thread."""
    sent = json.loads(request.body)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE bare_thread SET last_number = last_number + 1 WHERE id = %s"
            " RETURNING last_number",
            [thread],
        )
        (number,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO bare_comment (thread_id, number, author, source) VALUES (%s, %s, %s, %s)",
            [thread, number, sent["author"]["name"], sent["source"]],
        )
        cursor.execute(
            "INSERT INTO bare_event (thread_id, version, kind) VALUES (%s, %s, 'published')",
            [thread, number],
        )
    return _answer(json.dumps({"number": number}).encode(), 201)


urlpatterns = [path("constant/<int:size>/", constant), path("bare/<int:thread>/", bare)]
application = get_wsgi_application()
