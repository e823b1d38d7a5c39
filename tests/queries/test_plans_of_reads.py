"""What the database does for each read: it finds by an index, and touches what is shown.

On PostgreSQL every statement is carried out once more under EXPLAIN ANALYZE, which counts the rows
that each step touched. Tables of tests are so small that reading them from end to end is the
quickest; here that is ruled out, so that what is left has to be an index that fits. On SQLite the
plan says so in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from comments.actions.generating import generate_thread
from comments.models import Comment, Participant, Participation, Subscriber, Thread
from comments.queries.pages import page_store
from comments.queries.people import who_is_meant
from comments.rules.names import name_key, name_skeleton
from tests.api.test_query_counts_large import READS, filled
from tests.mailing import subscribed
from tests.making import NOW, post

pytestmark = pytest.mark.django_db

SIZE = 3_000
TOUCHED = 1_200
"""Rows of one step at most: the desk counts what waits up to 1,000, and that is the most."""
RULED_OUT = (("seqscan", "bitmapscan"), ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"))
"""What is quickest while all rows are on a few pages of the disk."""
GROWING = {
    "comments_comment",
    "comments_event",
    "comments_mention",
    "comments_participation",
    "comments_reference",
    "comments_vote",
    "comments_logrow",
    "comments_queueitem",
    "comments_publication",
    "comments_screening",
}
"""Tables with a row for each comment, or for what happened to each."""
MORE = (
    "/threads/{key}/feed.json",
    "/comments/feed.json",
    "/sitemap.xml",
    "/sitemap-threads.xml",
    "/api/v1/viewer/?thread={key}",
    "/api/v1/threads/?url={page}",
    "{settings}",
)
WAITING = (
    "/api/v1/threads/waiting/comments/?limit=100",
    "/api/v1/threads/waiting/comments/?sort=newest&shape=tree",
    "/api/v1/threads/waiting/comments/?sort=newest",
    "/api/v1/threads/waiting/comments/?sort=best",
    "/api/v1/threads/waiting/comments/{waiting_number}/context/",
    "/api/v1/threads/waiting/changes/",
    "/api/v1/threads/waiting/participants/?q={name}",
    "/threads/waiting/feed.atom",
)
"""Reads of a thread of which half waits for a moderator, all of that by one writer."""
HTML = (
    "/api/v1/threads/{key}/comments/",
    "/api/v1/threads/{key}/comments/?sort=newest",
    "/api/v1/threads/{key}/comments/?sort=best",
    "/api/v1/threads/{key}/comments/{reply}/context/",
    "/api/v1/threads/{key}/comments/{middle}/replies/",
    "/api/v1/threads/{key}/comments/{middle}/",
)
STAFF = (
    "/api/v1/moderation/queue/",
    "/api/v1/moderation/queue/?limit=100",
    "/api/v1/moderation/queue/?reason=premoderation",
    "/api/v1/moderation/log/",
    "/api/v1/moderation/comments/{middle_id}/explanation/",
    "/admin/moderation/",
    "/admin/moderation/?why=held",
    "/admin/moderation/?desk=mine",
    "/admin/moderation/decisions/",
    "/admin/moderation/comments/{middle_id}/",
    "/admin/mail/",
    "/admin/mail/deliveries/",
    "/admin/mail/bounces/",
    "/admin/moderation/rules/",
    "/admin/",
    "/api/v1/moderation/rules/",
    "/health/ready",
    "/",
)


class Asked:
    """Collects the SELECTs that are executed, with their parameters."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] = []

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH RECURSIVE")):
            self.statements.append((sql, params))
        return execute(sql, params, many, context)


@pytest.fixture
def asked() -> dict[str, Any]:
    found = filled(SIZE)
    thread = generate_thread(site_id=1, key="waiting", comments=SIZE, seed=2, pending_share=0.5)
    # All that waits there is by one writer, whom the others mention.
    number = Comment.objects.filter(thread=thread, visible=True, author__isnull=False)[0].number
    writer = Participant.objects.get(comments__thread=thread, comments__number=number)
    assert Comment.objects.filter(thread=thread, number=None).update(author=writer) > TOUCHED
    post(thread, f"@{writer.name} and #{number}", name="Zoe")
    post(thread, "One more.", name="Yan", to=number)
    found["waiting_number"], found["name"] = number, writer.name[:3]
    subscriber: Subscriber = subscribed()
    found["settings"] = f"/subscriptions/{subscriber.token}/"
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return found


def statements_of(client: Client, address: str, **headers: str) -> list[tuple[str, Any]]:
    """Returns what is asked for a page that nobody has stored."""
    page_store().clear()
    collected = Asked()
    with connection.execute_wrapper(collected):
        answer = client.get(address, headers=headers)
    assert answer.status_code == 200, (address, answer.content[:300])
    return collected.statements


def faults(sql: str, params: Any) -> list[str]:
    """Returns what is wrong with how a statement is carried out."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            return list(faults_on_sqlite(sql, [row[3] for row in cursor.fetchall()]))
    # What fits for many rows is among these: at the size of a test one or the other is quicker.
    return min((planned_without(ways, sql, params) for ways in RULED_OUT), key=len)


def planned_without(ways: tuple[str, ...], sql: str, params: Any) -> list[str]:
    """Returns what is wrong with a statement's plan where some ways are ruled out."""
    with connection.cursor() as cursor:
        for way in ways:
            cursor.execute(f"SET LOCAL enable_{way} = off")
        wanted = "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, FORMAT JSON) "
        found = explained(wanted + sql, params)
        for way in ways:
            cursor.execute(f"SET LOCAL enable_{way} = on")
    whole = json.loads(found) if isinstance(found, str) else found
    return list(faults_on_postgresql(whole[0]["Plan"]))


def explained(sql: str, params: Any) -> Any:
    """Returns what a statement answers in one value, with its places written in either way."""
    if "$1" in sql:
        from psycopg import RawCursor

        [(found,)] = RawCursor(connection.connection).execute(sql, params).fetchall()
        return found
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def faults_on_postgresql(node: dict[str, Any]) -> Iterator[str]:
    """Yields steps that read a growing table from end to end, or touch or sort too many rows."""
    loops = node.get("Actual Loops", 1)
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    rows = (node.get("Actual Rows", 0) + removed) * loops
    table, kind = node.get("Relation Name"), node["Node Type"]
    if table in GROWING and kind == "Seq Scan" and loops:
        yield f"{kind} on {table}"
    if (table in GROWING or kind in {"Sort", "Bitmap Index Scan"}) and rows > TOUCHED:
        yield f"{kind} on {table}: {rows} rows"
    for below in node.get("Plans", ()):
        yield from faults_on_postgresql(below)


WHOLE = ("(thread_id=?)", "(site_id=?)")
"""A search by one of these alone gives all of a thread, or of a site."""


def faults_on_sqlite(sql: str, plan: list[str]) -> Iterator[str]:
    """Yields steps that read a growing table without an index, and sorts of all that is in it."""
    names = {name for table in GROWING for name in names_of(table, sql)}
    of_growing = [line for line in plan if line.split()[1:2] and line.split()[1] in names]
    yield from (line for line in of_growing if line.startswith("SCAN") and "INDEX" not in line)
    if any(line.endswith(WHOLE) or line.startswith("SCAN") for line in of_growing):
        yield from (line for line in plan if "TEMP B-TREE" in line)


def names_of(table: str, sql: str) -> Iterator[str]:
    """Yields what a statement calls a table."""
    words = sql.replace('"', "").replace("(", " ").replace(")", " ").split()
    yield table
    for at, word in enumerate(words[:-1]):
        if word == table and words[at + 1].isidentifier():
            yield words[at + 1]


def check(client: Client, addresses: Iterable[str], **headers: str) -> list[Any]:
    """Returns each address with a statement that is carried out badly, and what is wrong."""
    return [
        (address, wrong, sql)
        for address in addresses
        for sql, params in statements_of(client, address, **headers)
        if (wrong := faults(sql, params))
    ]


def test_every_read_finds_by_an_index_and_touches_what_it_shows(asked: dict[str, Any]) -> None:
    def named(*addresses: str) -> list[str]:
        return [address.format(**asked) for address in addresses]

    staff = Client()
    staff.force_login(User.objects.create_superuser("moderator"))
    found = check(Client(), named(*(address for address, _ in READS.values()), *MORE))
    found += check(Client(), named(*HTML), accept="text/html")
    found += check(Client(), named(*WAITING))
    found += check(Client(), named("/api/v1/viewer/?thread={key}"), **asked["token"])
    found += check(staff, named(*(STAFF if connection.vendor == "postgresql" else STAFF[:3])))
    assert not found, "\n".join(map(str, found))


def crowd() -> Thread:
    """Returns a thread in which everybody wrote once: half of them of one name."""
    thread = generate_thread(site_id=1, key="crowd", comments=SIZE, seed=4)
    mine = list(Comment.objects.filter(thread=thread, visible=True).order_by("pk"))
    names = ["Guest" if at % 2 else f"Guest {at}" if at % 4 else f"Ann {at}" for at in range(SIZE)]
    people = Participant.objects.bulk_create(
        Participant(
            site_id=1,
            name=name,
            name_key=name_key(name),
            name_skeleton=name_skeleton(name),
            created_at=NOW,
        )
        for name in names[: len(mine)]
    )
    thread.participations.all().delete()
    for comment, person in zip(mine, people, strict=True):
        comment.author, comment.author_name = person, person.name
    Comment.objects.bulk_update(mine, ["author", "author_name"], batch_size=500)
    Participation.objects.bulk_create(
        Participation(thread=thread, participant=one, name=one.name, name_key=name_key(one.name))
        for one in people
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return thread


def test_names_are_found_in_a_crowd_as_among_few() -> None:
    thread = crowd()
    starts = ("", "a", "ann-1", "guest", "guest-7", "gues", "zoe", "ANN 12")
    addresses = [f"/api/v1/threads/crowd/participants/?q={start}" for start in starts]
    assert not (found := check(Client(), addresses)), "\n".join(map(str, found))
    collected = Asked()
    with connection.execute_wrapper(collected):
        assert who_is_meant(
            thread_id=thread.pk, keys={"guest", "ann-4", "zoe"}, writer_id=1, answered_author_id=2
        ).keys() == {"ann-4"}
    (asked,) = collected.statements
    assert not faults(*asked)


def test_a_plan_that_reads_the_whole_thread_is_told(asked: dict[str, Any]) -> None:
    thread = Thread.objects.get(key=asked["key"])
    unindexed = Comment.objects.filter(thread=thread).order_by("edits", "html")[:10]
    assert faults(*unindexed.query.sql_with_params())
    everything = Comment.objects.filter(source__contains="nothing of the kind")
    assert faults(*everything.query.sql_with_params())
    assert not faults(*Participant.objects.filter(pk=1).query.sql_with_params())
