"""``/metrics``: who may read it, and what it says where something is missing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client import values

from blog.routes import METRICS
from comments.actions.moderating import decide
from comments.actions.undoing import undo_decision
from comments.metrics import free_numbers, meters
from tests.conftest import ROOT
from tests.making import NOW, SOMEBODY, make_thread, post, stored

TOKEN = "a-token-for-the-figures"


@pytest.fixture
def _on(tmp_path: Path) -> Iterator[None]:
    """Lets this process count, into a directory of its own."""
    kept = values.ValueClass
    meters.cache_clear()
    with override_settings(
        METRICS_TOKEN=TOKEN,
        REJOINDER={**settings.REJOINDER, "METRICS_DIR": str(tmp_path)},
        MIDDLEWARE=["blog.metrics.Metrics", *settings.MIDDLEWARE],
    ):
        yield
    meters.cache_clear()
    values.ValueClass = kept


def scraped(client: Client, **headers: str) -> Any:
    return client.get(METRICS, headers={"Authorization": f"Bearer {TOKEN}", **headers})


@pytest.mark.django_db
def test_without_a_token_in_the_settings_there_is_no_such_address(client: Client) -> None:
    assert "blog.metrics.Metrics" not in settings.MIDDLEWARE
    assert scraped(client).status_code == 404
    assert meters() is None


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("given", ["", "Bearer ", f"Bearer {TOKEN}x", TOKEN, "Bearer ü"])
def test_who_does_not_know_the_token_finds_nothing(client: Client, given: str) -> None:
    answer = client.get(METRICS, headers={"Authorization": given} if given else {})
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.usefixtures("_on")
def test_without_a_database_what_was_counted_is_told(client: Client) -> None:
    client.get("/health/live")  # which asks no database
    answer = scraped(client, host="10.0.0.7")  # pytest-django refuses the connection
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    text = answer.content.decode()
    assert "rejoinder_database_up 0.0" in text
    assert 'rejoinder_http_requests_total{method="GET"' in text


@pytest.mark.usefixtures("_on")
def test_what_has_never_happened_is_told_as_none(client: Client) -> None:
    told = scraped(client).content.decode()
    # A rise from nothing to 1 is none to Prometheus: nobody would be woken for the first.
    for series in (
        'messages_total{kind="mail",outcome="given_up"}',
        'messages_total{kind="webhook",outcome="given_up"}',
        'thread_reads_total{outcome="failed"}',
        'thread_reads_total{outcome="resting"}',
        'deliveries_total{outcome="in_doubt"}',
        'decisions_total{action="remove",actor="moderator",kind="decision"}',
        'decisions_total{action="hold",actor="automation",kind="flags"}',
        'holds_total{cause="undo"}',
        'comments_total{status="spam"}',
    ):
        assert f"rejoinder_{series} 0.0\n" in told, series


@pytest.mark.usefixtures("_on")
@pytest.mark.django_db(transaction=True)
def test_nothing_that_happens_has_a_name_that_was_not_told_before(client: Client) -> None:
    def names() -> set[str]:
        told = scraped(client).content.decode()
        return set(re.findall(r"^(rejoinder_(?!http_)\w+_total\S*) ", told, re.MULTILINE))

    before = names()
    comment = stored(post(make_thread()))
    for action in ("hold", "approve", "remove", "restore", "reject", "spam", "hold"):
        _, row = decide(comment_id=comment.pk, action=action, actor=SOMEBODY, now=NOW)
    undo_decision(row_id=row.pk, actor=SOMEBODY, now=NOW)
    now_told = scraped(client).content.decode()
    assert 'decisions_total{action="undo",actor="moderator",kind="undo"} 1.0' in now_told
    assert names() == before


def counted(client: Client, *, method: str = "GET", status: int = 200, view: str) -> float:
    """Returns how many such requests were counted."""
    labels = f'{{method="{method}",status="{status}",view="{view}"}}'
    told = scraped(client).content.decode()
    found = re.search(rf"rejoinder_http_requests_total{re.escape(labels)} (\S+)", told)
    return float(found[1]) if found else 0


@pytest.mark.usefixtures("_on")
@pytest.mark.django_db
def test_what_no_view_has_answered_is_counted_under_a_few_names(client: Client) -> None:
    for path in ("/health/live", "/health/ready", "/nowhere", "/wp-login.php", "/static/none.js"):
        client.get(path)
    assert counted(client, view="/health/live") == 1
    assert counted(client, view="/health/ready") == 1
    assert counted(client, status=404, view="unmatched") == 2
    assert counted(client, status=404, view="/static/") == 1
    assert counted(client, view="/metrics") == 4
    client.get(METRICS)
    assert counted(client, status=404, view="/metrics") == 1


@pytest.mark.usefixtures("_on")
@pytest.mark.django_db
def test_methods_that_are_none_are_one(client: Client) -> None:
    for method in ("BREW", "WHEN"):
        client.generic(method, "/nowhere")
    assert counted(client, method="other", status=404, view="unmatched") == 2


@pytest.mark.usefixtures("_on")
@pytest.mark.django_db
def test_a_figure_costs_a_query_and_not_a_table(client: Client) -> None:
    post(make_thread())
    with CaptureQueriesContext(connection) as asked:
        scraped(client)
    assert len(asked) <= 14
    if connection.vendor == "sqlite":
        for query in asked.captured_queries:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
                plan = " ".join(row[3] for row in cursor.fetchall())
            assert "TEMP B-TREE" not in plan, query["sql"]
            without_index = re.findall(r"SCAN (comments_\w+)\b(?! USING)", plan)
            assert without_index == [], query["sql"]


def test_a_number_is_free_again_when_its_process_has_died(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from comments.metrics import Number\n"
        "print(Number(Path(sys.argv[1]))(), flush=True); sys.stdin.read()"
    )
    numbers, processes = [], []
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        numbers.append(int(process.stdout.readline()))
        processes.append(process)
    assert numbers == [0, 1, 2]
    for number in numbers:
        (tmp_path / f"gauge_livesum_{number}.db").touch()
    os.kill(processes[1].pid, signal.SIGKILL)
    processes[1].wait()
    assert list(free_numbers(tmp_path, most=3)) == [1]
    left = sorted(path.name for path in tmp_path.glob("*.db"))
    assert left == ["gauge_livesum_0.db", "gauge_livesum_2.db"]
    for process in processes:
        process.communicate()
