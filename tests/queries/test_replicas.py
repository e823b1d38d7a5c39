"""Reads on replicas: of the version asked for and in one snapshot, else on the primary.

The tests' own database stands in for a replica here, so it is never behind;
``tests/concurrency/test_replicas.py`` has a real one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import connection, connections, models
from django.test import Client

from comments.errors import NotFound
from comments.models import Comment, SiteSettings, Thread
from comments.queries import replicas
from comments.queries.comments import comment_by_number
from comments.queries.pages import page_store
from comments.queries.replicas import ReplicaRouter, WriteWhileReading, read_version
from comments.queries.sites import forget_profiles
from comments.queries.statements import fetch, objects, reading_from
from comments.queries.threads import ThreadHead, thread_by_key
from tests.making import make_thread, post

REPLICA, OTHER = "replica_1", "replica_2"
on_postgresql = pytest.mark.postgres
with_transactions = pytest.mark.django_db(transaction=True)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns what becomes of reads, as it does."""
    found: list[str] = []
    monkeypatch.setattr(replicas, "count_thread_read", found.append)
    return found


Named = Callable[..., None]


@pytest.fixture
def named(
    transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Named]:
    """Returns a function that names replicas, which are the tests' own database."""
    monkeypatch.setattr(replicas, "_IN_RECOVERY", "true")
    made: list[str] = []

    def name(*aliases: str, **different: Any) -> None:
        for alias in aliases:
            connections.settings[alias] = {
                **connection.settings_dict,
                "CONN_HEALTH_CHECKS": False,
                **different,
            }
            # Django lets a test use connections that are made meanwhile: those without an alias.
            connections[alias].alias = ""
            made.append(alias)
        known = settings.REJOINDER.get("REPLICAS", [])
        settings.REJOINDER = {**settings.REJOINDER, "REPLICAS": [*known, *aliases]}

    yield name
    replicas.forget_replicas()
    for alias in made:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def thread_of_three() -> ThreadHead:
    """Returns the head of a thread that has mentions and references."""
    thread = make_thread()
    post(thread, "First, see #2.", name="Ana")
    post(thread, "Hello @Ana", name="Bo", to=1)
    post(thread, "Third", name="Cleo")
    return thread_by_key(site_id=1, key=thread.key)


def asked_where(head: ThreadHead) -> str:
    """Returns the database that a read of a thread is done on."""
    return read_version(head=head, make=reading_from.get)


def named_alike(answer: Any) -> dict[str, str]:
    """Returns the headers of an answer, but for the name of the request."""
    return {name: value for name, value in answer.items() if name != "X-Request-ID"}


READS = [
    "/api/v1/threads/a-thread/comments/",
    "/api/v1/threads/a-thread/comments/?sort=best&limit=1",
    "/api/v1/threads/a-thread/comments/?shape=tree&sort=newest",
    "/api/v1/threads/a-thread/comments/1/",
    "/api/v1/threads/a-thread/comments/2/context/",
    "/api/v1/threads/a-thread/comments/1/replies/",
    "/api/v1/threads/a-thread/changes/?since=1",
    "/api/v1/threads/a-thread/participants/?q=b",
    "/threads/a-thread/feed.atom",
    "/threads/a-thread/feed.json",
]
AS_HTML = [READS[0], READS[3], READS[4], READS[5]]


@on_postgresql
@with_transactions
@pytest.mark.parametrize(
    ("path", "accept"),
    [(path, "*/*") for path in READS] + [(path, "text/html") for path in AS_HTML],
)
def test_what_is_made_anew_is_read_on_a_replica_and_is_the_same(
    named: Named, outcomes: list[str], client: Client, path: str, accept: str
) -> None:
    thread_of_three()
    before = client.get(path, headers={"Accept": accept})
    assert before.status_code == 200
    assert outcomes == []
    page_store().clear()
    named(REPLICA)
    asked: dict[str, list[str]] = {"default": [], REPLICA: []}
    with ExitStack() as watched:
        for alias, statements in asked.items():

            def note(execute: Any, sql: Any, *rest: Any, to: list[str] = statements) -> Any:
                to.append(str(sql))
                return execute(sql, *rest)

            watched.enter_context(connections[alias].execute_wrapper(note))
        after = client.get(path, headers={"Accept": accept})
        again = client.get(path, headers={"Accept": accept})
    assert after.content == again.content == before.content
    assert named_alike(after) == named_alike(again) == named_alike(before)
    assert outcomes == ["replica"]
    # The primary was asked for the head of the thread, each time, and for nothing of its comments.
    assert not any("comments_comment" in sql for sql in asked["default"])
    assert any("pg_is_in_recovery" in sql or "true, version" in sql for sql in asked[REPLICA])
    assert len(asked[REPLICA]) > 1


@on_postgresql
@with_transactions
def test_the_head_alone_and_what_one_has_already_ask_no_replica(
    named: Named, outcomes: list[str], client: Client
) -> None:
    thread_of_three()
    named(REPLICA)
    etag = client.get(READS[0]).headers["ETag"]
    assert client.get(READS[0], headers={"If-None-Match": etag}).status_code == 304
    assert client.get("/api/v1/threads/a-thread/").status_code == 200
    assert outcomes == ["replica"]


@on_postgresql
@with_transactions
def test_another_version_is_read_on_the_primary_be_it_older_or_newer(
    named: Named, outcomes: list[str]
) -> None:
    head = thread_of_three()
    named(REPLICA)
    assert asked_where(head) == REPLICA
    for other in (
        replace(head, version=head.version + 1),
        replace(head, version=head.version - 1),
        # The same number, given again after an older primary was lost with what it had alone.
        replace(head, changed_at=head.changed_at + timedelta(microseconds=1)),
        replace(head, id=head.id + 1),
    ):
        assert asked_where(other) == "default"
    assert outcomes == ["replica", *["behind"] * 4]
    assert asked_where(head) == REPLICA


@on_postgresql
@with_transactions
def test_a_read_sees_one_state_whatever_is_posted_meanwhile(named: Named) -> None:
    head = thread_of_three()
    named(REPLICA)
    seen: list[str] = []

    def make() -> None:
        for _ in range(2):
            seen.append(fetch("SELECT title FROM comments_thread WHERE id = %s", [head.id])[0][0])
            seen.append(Thread.objects.values_list("title", flat=True).get(pk=head.id))
            with connection.cursor() as cursor:  # the primary's
                cursor.execute("UPDATE comments_thread SET title = 'Another'")

    read_version(head=head, make=make)
    assert seen == [head.title] * 4
    assert Thread.objects.get().title == "Another"


@on_postgresql
@with_transactions
def test_what_is_refused_is_refused_once(named: Named, outcomes: list[str]) -> None:
    head = thread_of_three()
    named(REPLICA)
    calls = []

    def make() -> None:
        calls.append(reading_from.get())
        comment_by_number(head=head, number=9)

    with pytest.raises(NotFound):
        read_version(head=head, make=make)
    assert calls == [REPLICA]
    assert asked_where(head) == REPLICA
    assert reading_from.get() == "default"
    assert "failed" not in outcomes


@on_postgresql
@with_transactions
def test_nothing_can_be_written_while_a_replica_is_read(named: Named) -> None:
    head = thread_of_three()
    named(REPLICA)
    comment = Comment.objects.get(number=1)
    for write in (
        comment.save,
        lambda: Comment.objects.update(html=""),
        lambda: Comment.objects.filter(number=1).delete(),
        lambda: SiteSettings.objects.create(site_id=1),
        lambda: list(Thread.objects.select_for_update()),
        lambda: fetch("UPDATE comments_comment SET html = '' WHERE id = %s", [comment.pk]),
        lambda: objects(Comment, "id = %s", [comment.pk], locked="wait"),
    ):
        with pytest.raises(WriteWhileReading):
            read_version(head=head, make=write)
    assert Comment.objects.get(number=1).html == comment.html != ""
    assert asked_where(head) == REPLICA


@on_postgresql
@with_transactions
def test_settings_of_a_site_are_always_read_on_the_primary(named: Named) -> None:
    head = thread_of_three()
    SiteSettings.objects.create(site_id=1, postal_address="1 Bread Street")
    forget_profiles()
    named(REPLICA)

    def make() -> tuple[str | None, str | None]:
        return Comment.objects.get(number=1)._state.db, SiteSettings.objects.get()._state.db

    assert read_version(head=head, make=make) == (REPLICA, "default")
    [found] = read_version(
        head=head, make=lambda: objects(Comment, "number = %s AND thread_id = %s", [1, head.id])
    )
    assert found._state.db == REPLICA
    # What was read there can be written all the same, later and on the primary.
    found.save()
    assert found._state.db == "default"


@on_postgresql
@with_transactions
def test_a_server_that_was_promoted_is_no_replica_any_more(
    named: Named,
    outcomes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    head = thread_of_three()
    named(REPLICA)
    assert asked_where(head) == REPLICA
    monkeypatch.setattr(replicas, "_IN_RECOVERY", "pg_is_in_recovery()")
    with caplog.at_level(logging.WARNING):
        assert [asked_where(head) for _ in range(3)] == ["default"] * 3
    assert outcomes == ["replica", "failed", "resting", "resting"]
    assert caplog.messages == ["replica_1 is not read for now: NotAReplica"]


@on_postgresql
@with_transactions
def test_a_connection_that_was_ended_is_replaced_and_nobody_is_told(
    named: Named, outcomes: list[str]
) -> None:
    head = thread_of_three()
    named(REPLICA)

    def process() -> int:
        return int(fetch("SELECT pg_backend_pid() + %s", [0])[0][0])

    first = read_version(head=head, make=process)
    assert read_version(head=head, make=process) == first
    fetch("SELECT pg_terminate_backend(%s)", [first])
    assert read_version(head=head, make=process) != first
    assert outcomes == ["replica"] * 3


@on_postgresql
@with_transactions
def test_one_that_cannot_be_reached_is_left_alone_and_then_tried_by_one(
    named: Named,
    outcomes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    head = thread_of_three()
    named(REPLICA, HOST="127.0.0.1", PORT="1")
    clock = [monotonic()]
    monkeypatch.setattr(replicas, "monotonic", lambda: clock[0])
    assert [asked_where(head) for _ in range(3)] == ["default"] * 3
    assert outcomes == ["failed", "resting", "resting"]
    outcomes.clear()
    clock[0] += replicas.REST_SECONDS + 0.1
    replica = replicas._replica(REPLICA)
    assert replica.may_be_asked()
    # While that one has no answer yet, nobody else tries.
    assert asked_where(head) == "default"
    assert outcomes == ["resting"]
    clock[0] += replicas.REST_SECONDS + replicas.PATIENCE_SECONDS + 0.1
    connections[REPLICA].settings_dict["PORT"] = connection.settings_dict["PORT"]
    caplog.clear()
    assert [asked_where(head) for _ in range(2)] == [REPLICA] * 2
    assert caplog.messages == ["replica_1 is read again"]


@on_postgresql
@with_transactions
def test_one_that_does_not_answer_in_time_is_given_up(
    named: Named, outcomes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = thread_of_three()
    named(REPLICA)
    assert asked_where(head) == REPLICA
    monkeypatch.setattr(replicas, "PATIENCE_SECONDS", 0.2)
    began = monotonic()

    def make() -> str:
        if reading_from.get() == REPLICA:
            fetch("SELECT pg_sleep(%s::int)::text", [20])
        return reading_from.get()

    assert read_version(head=head, make=make) == "default"
    assert monotonic() - began < 10
    assert outcomes == ["replica", "failed"]
    assert connections[REPLICA].connection is None


@on_postgresql
@with_transactions
def test_replicas_take_turns_and_one_that_rests_is_passed_over(
    named: Named, outcomes: list[str]
) -> None:
    head = thread_of_three()
    named(REPLICA, OTHER)
    assert sorted(asked_where(head) for _ in range(4)) == [REPLICA, REPLICA, OTHER, OTHER]
    replicas._replica(OTHER)._rests_until = monotonic() + 60
    assert {asked_where(head) for _ in range(4)} == {REPLICA}
    assert outcomes == ["replica"] * 8


@pytest.mark.django_db
def test_without_replicas_the_primary_is_read(outcomes: list[str]) -> None:
    assert asked_where(thread_of_three()) == "default"
    assert outcomes == []


def test_the_router_keeps_to_the_tables_of_comments(settings: Any) -> None:
    settings.REJOINDER = {**settings.REJOINDER, "REPLICAS": [REPLICA]}
    router = ReplicaRouter()

    class Foreign(models.Model):  # noqa: DJ008
        class Meta:
            app_label = "elsewhere"

    assert router.db_for_read(Foreign) is router.db_for_write(Foreign) is None
    assert router.db_for_read(Comment) == router.db_for_write(Comment) == "default"
    assert router.allow_migrate(REPLICA, "comments") is False
    assert router.allow_migrate("default", "comments") is None
    one, other = Comment(), Thread()
    one._state.db, other._state.db = REPLICA, "default"
    assert router.allow_relation(one, other) is True
    other._state.db = "elsewhere"
    assert router.allow_relation(one, other) is None
