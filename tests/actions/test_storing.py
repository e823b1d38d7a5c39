"""What a change stores: the same rows as the ORM would store, in few statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.test import Client

from comments.actions.storing import AT_ONCE, Together, insert_sql, next_id
from comments.models import (
    Comment,
    Event,
    LogRow,
    Participant,
    Participation,
    Publication,
    RuleEffect,
    RuleMode,
    ScreeningRule,
    Thread,
)
from comments.queries.statements import fetch, objects
from tests.making import NOW, later, make_thread, post

pytestmark = pytest.mark.django_db
ON_POSTGRESQL = connection.vendor == "postgresql"


class Statements:
    """Collects what is executed."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """Notes a statement, and executes it."""
        self.texts.append(" ".join(sql.split()))
        return execute(sql, params, many, context)


def rule(**fields: Any) -> ScreeningRule:
    return ScreeningRule(
        site_id=1,
        key="words",
        title="Words",
        kind="words",
        mode=RuleMode.LIVE,
        effect=RuleEffect.HOLD,
        params={"words": ["ä\"'\\", None, 1.5, {"of": []}]},
        changed_at=NOW,
        **fields,
    )


def as_stored(row: models.Model) -> dict[str, Any]:
    """Returns all fields of a row as the ORM reads them."""
    read = type(row)._default_manager.get(pk=row.pk)
    return {field.attname: getattr(read, field.attname) for field in read._meta.concrete_fields}


# --- storing --------------------------------------------------------------------------------


def test_a_row_is_stored_as_the_orm_would_store_it() -> None:
    by_orm = rule()
    by_orm.save()
    expected = as_stored(by_orm)
    by_orm.delete()
    ours = rule(pk=expected["id"] + 100)
    AT_ONCE.insert(ours)
    assert as_stored(ours) == {**expected, "id": ours.pk}


def test_what_is_kept_is_stored_with_what_it_holds_in_the_end() -> None:
    thread = make_thread()
    participant = Participant(pk=4711, site_id=1, name="Ana", created_at=NOW)
    store, counted = Together(), Statements()
    with connection.execute_wrapper(counted):
        store.insert(participant)
        store.insert(Event(thread_id=thread.pk, version=7, kind="state", at=NOW))
        thread.title = "first"
        store.update(thread, "title", "excerpt")
        thread.title, thread.last_number = "last", 12
        store.update(thread, "last_number", "title")
        participant.url = "https://example.org/"
        assert counted.texts == []
        store.write()
    thread.refresh_from_db()
    assert (thread.title, thread.last_number) == ("last", 12)
    assert Participant.objects.get(pk=4711).url == "https://example.org/"
    assert Event.objects.filter(thread=thread, version=7).count() == 1
    assert len(counted.texts) == (1 if ON_POSTGRESQL else 3)


def test_where_one_part_is_refused_nothing_is_stored() -> None:
    thread = make_thread()
    store = Together()
    store.insert(Participant(pk=4711, site_id=1, name="Ana", created_at=NOW))
    store.insert(Event(thread_id=thread.pk, version=thread.version, kind="state", at=NOW))
    with pytest.raises(DatabaseError), transaction.atomic():
        store.write()
    assert not Participant.objects.filter(pk=4711).exists()


def test_a_conflict_is_for_the_statement_to_settle() -> None:
    participant = post(make_thread(), name="Ana").participant
    row = Participation.objects.get()
    row.pk, row.name = None, "Other"
    AT_ONCE.insert(row, on_conflict="ON CONFLICT (thread_id, participant_id) DO NOTHING")
    assert Participation.objects.get().name == "Ana"
    assert Participation.objects.get().participant == participant


def test_ids_that_were_given_out_are_given_once() -> None:
    [(one,)] = fetch(f"SELECT {next_id(Participant)}", [])
    AT_ONCE.insert(Participant(pk=one, site_id=1, name="By us", created_at=NOW))
    by_orm = Participant.objects.create(site_id=1, name="By the ORM", created_at=NOW)
    [(another,)] = fetch(f"SELECT {next_id(Participant)}", [])
    assert one < by_orm.pk < another


def test_no_model_that_is_stored_here_has_a_value_of_the_orms_making() -> None:
    """What ``pre_save`` would set is not set here."""
    for model in (Comment, Event, LogRow, Participant, Participation, Publication):
        _, fields = insert_sql(model, has_id=True)
        for field in fields:
            assert type(field).pre_save in {models.Field.pre_save, models.DateTimeField.pre_save}
            assert not getattr(field, "auto_now", False)
            assert not getattr(field, "auto_now_add", False)


# --- reading --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Comment, Participant, ScreeningRule, Thread])
def test_objects_are_those_of_the_orm(model: type[models.Model]) -> None:
    thread = make_thread()
    post(thread, name="Ana")
    post(thread, name="Bo", to=1)
    rule().save()
    found = objects(model, '"id" > %s ORDER BY "id"', [0])
    assert found
    for ours in found:
        read = {field.attname: getattr(ours, field.attname) for field in ours._meta.concrete_fields}
        assert {name: type(value) for name, value in read.items()} == {
            name: type(value) for name, value in as_stored(ours).items()
        }
        assert read == as_stored(ours)
        assert not ours._state.adding


# --- a comment ------------------------------------------------------------------------------

WRITTEN = 8
"""Rows and counters of a comment: the guest, the comment, its publication and event, who takes
part, a row of the record, the answer's key, the thread."""


@pytest.mark.django_db(transaction=True)
def test_the_statements_of_a_post_are_few() -> None:
    """A guest's comment with an ``Idempotency-Key``, on a site without rules.

    Each is a way to the database and back; those after the lock are what others wait for.
    """
    thread = make_thread()
    post(thread, now=later(-3600))
    counted, client = Statements(), Client()
    body = {"source": "A comment that names nobody.", "author": {"name": "Bo"}}
    for turn in range(2):
        counted.texts.clear()
        with connection.execute_wrapper(counted):
            answer = client.post(
                f"/api/v1/threads/{thread.key}/comments/",
                {**body, "source": f"{body['source']} {turn}"},
                content_type="application/json",
                headers={"Idempotency-Key": f"key {turn}"},
            )
        assert answer.status_code == 201, answer.content
    if ON_POSTGRESQL:
        at = next(i for i, text in enumerate(counted.texts) if "FOR UPDATE" in text)
        # All that is stored, and the answer for a retry, which nobody waits for.
        stored, _ = counted.texts[at + 1 :]
        assert stored.startswith("WITH part0 AS (INSERT"), stored
        assert stored.count(" AS (") == WRITTEN, stored
    assert len(counted.texts) <= (7 if ON_POSTGRESQL else 8 + WRITTEN), counted.texts
