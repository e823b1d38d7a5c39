"""Migrations go forwards on a database that has data: what was stored means the same afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def before_owed_mails() -> Iterator[Any]:
    """Takes the database back to before 0010, and forwards again at the end."""
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    executor.migrate([("comments", "0009_languages")])
    yield MigrationExecutor(connection).loader.project_state([("comments", "0009_languages")]).apps
    MigrationExecutor(connection).migrate(latest)


def test_what_expired_before_0010_is_taken_over_or_owed_as_it_was(before_owed_mails: Any) -> None:
    model = before_owed_mails.get_model
    site = model("sites", "Site").objects.get(pk=1)
    selection = model("comments", "Selection").objects.create(
        site=site, key="k", kind="digest", scope="digest", items=[]
    )
    edition = model("comments", "Edition").objects.create(
        selection=selection, fingerprint="f", threads_version=0, template=b"", made_at=NOW
    )
    people = [
        model("comments", "Subscriber").objects.create(
            site=site,
            address=f"{name}@example.org",
            address_key=f"{name}@example.org",
            token=name,
            created_at=NOW,
            suppressed_at=NOW if name == "bo" else None,
        )
        for name in ("ana", "bo")
    ]
    deliveries = model("comments", "Delivery").objects
    ids: dict[str, int] = {}

    def mail(name: str, to: int, state: str, *, by: int = 0, minutes: int = 0, **more: Any) -> None:
        made = deliveries.create(
            site=site,
            subscriber=people[by],
            kind="digest",
            period=name,
            after_position=to - 1,
            to_position=to,
            selection=selection,
            state=state,
            created_at=NOW + timedelta(minutes=minutes),
            **more,
        )
        ids[name] = made.pk

    left = {"edition": edition, "mailed_at": NOW}
    mail("merged", 1, "expired", error="merged into the next")
    mail("passed", 2, "expired")
    mail("sent", 3, "sent", sent_at=NOW, **left)
    mail("of one moment", 3, "expired")
    mail("owed", 4, "expired", minutes=1)
    paused = "paused by the subscriber; the next one has it"
    mail("in doubt", 3, "in_doubt", error=paused, **left)
    mail("kept back", 1, "cancelled", by=1, error="the address takes no mail")
    mail("not wanted", 2, "cancelled", by=1, error="not wanted any more")

    executor = MigrationExecutor(connection)
    executor.migrate([("comments", "0010_owed_mails")])
    after = executor.loader.project_state([("comments", "0010_owed_mails")]).apps
    found = {row.pk: row for row in after.get_model("comments", "Delivery").objects.all()}
    states = {name: found[pk].state for name, pk in ids.items()}
    assert {name for name, pk in ids.items() if found[pk].taken_over_at} == {"merged", "passed"}
    assert states["kept back"] == "expired"
    assert states["not wanted"] == "cancelled"
    assert states["owed"] == states["of one moment"] == "expired"
    assert found[ids["in doubt"]].due_at is not None
    assert found[ids["in doubt"]].error == "paused by the subscriber"
    assert after.get_model("comments", "Edition").objects.get().shown == []
