"""Probes: live asks nobody, ready looks at what requests need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments.models import Publication
from tests.making import make_thread, post

READY = "/health/ready"


def ready(client: Client) -> tuple[int, Any]:
    answer = client.get(READY, headers={"host": "10.0.0.7"})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()


def test_live_asks_no_database_whatever_the_host_is(client: Client) -> None:
    answer = client.get("/health/live", headers={"host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert client.head("/health/live").status_code == 200
    assert client.post("/health/live").status_code == 405


@pytest.mark.django_db
def test_ready_names_each_part(client: Client) -> None:
    status, found = ready(client)
    assert (status, found["status"]) == (200, "ok")
    parts = {name: check["status"] for name, check in found["checks"].items()}
    assert parts == dict.fromkeys(["database", "cache", "migrations", "worker"], "ok")


def test_without_a_database_it_is_alive_and_not_ready(client: Client) -> None:
    status, found = ready(client)  # pytest-django refuses the connection
    assert (status, found["status"]) == (503, "failed")
    assert found["checks"]["database"]["status"] == "failed"
    assert found["checks"]["cache"]["status"] == "ok"
    assert "Error" not in str(found)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no replicas")
def test_a_primary_that_is_none_any_more_is_not_ready_and_not_our_fault() -> None:
    client = Client(raise_request_exception=False)
    thread = make_thread()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    body = {"source": "A text.", "parent": None, "author": {"name": "Ana"}}
    address = f"/api/v1/threads/{thread.key}/comments/"
    answer = client.post(address, body, content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json()["code"] == "unavailable"
    status, found = ready(client)
    assert (status, found["checks"]["database"]["status"]) == (503, "failed")
    assert found["checks"]["database"]["read_only"] is True
    # The next connection is asked anew.
    status, found = ready(client)
    assert (status, set(found["checks"]["database"])) == (200, {"status", "ms"})
    assert client.post(address, body, content_type="application/json").status_code == 201


@pytest.mark.django_db
def test_a_cache_that_keeps_nothing_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocMemCache, "get", lambda *_, **__: None)
    status, found = ready(client)
    assert (status, found["checks"]["cache"]["status"]) == (503, "failed")


@pytest.mark.django_db
def test_a_migration_that_was_not_made_is_not_ready(client: Client) -> None:
    newest = MigrationRecorder.Migration.objects.filter(app="comments").order_by("-name")[0]
    newest.delete()
    status, found = ready(client)
    assert (status, found["checks"]["migrations"]["missing"]) == (503, 1)


@pytest.mark.django_db
def test_a_late_worker_is_named_and_stops_nobody(client: Client) -> None:
    now = timezone.now()
    post(make_thread(), now=now - timedelta(hours=1))
    status, found = ready(client)
    assert (status, found["checks"]["worker"]["status"]) == (200, "late")
    assert 3_600 <= found["checks"]["worker"]["lag_seconds"] < 3_660
    Publication.objects.update(position=1)
    assert ready(client)[1]["checks"]["worker"]["lag_seconds"] == 0


@pytest.mark.django_db
def test_it_costs_few_queries_and_no_look_at_whole_tables(client: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        ready(client)
    assert len(asked) <= 6
