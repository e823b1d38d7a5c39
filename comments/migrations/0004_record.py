"""The record can only grow: triggers refuse UPDATE and DELETE; comments from before it are adopted.

A migration that makes SQLite build the table anew (AlterField on it) loses these triggers and has to
make them again; a test looks for them after all migrations.
"""

from typing import Any

from django.db import migrations

from comments.rules.logbook import HASHED, row_hash, runs

COLUMNS = ("id", *HASHED, "previous_hash", "row_hash")

SQLITE = [
    """
    CREATE TRIGGER comments_logrow_no_update BEFORE UPDATE ON comments_logrow
    WHEN {changed}
    BEGIN SELECT RAISE(ABORT, 'the record of moderation can only grow'); END
    """.format(changed=" OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in COLUMNS)),
    """
    CREATE TRIGGER comments_logrow_no_delete BEFORE DELETE ON comments_logrow
    BEGIN SELECT RAISE(ABORT, 'the record of moderation can only grow'); END
    """,
    """
    CREATE TRIGGER comments_logtext_no_update BEFORE UPDATE ON comments_logtext
    WHEN OLD.row_id IS NOT NEW.row_id OR OLD.salt IS NOT NEW.salt
        OR OLD.public_reason IS NOT NEW.public_reason OR OLD.note IS NOT NEW.note
    BEGIN SELECT RAISE(ABORT, 'a text in the record can be erased, not changed'); END
    """,
]

POSTGRESQL = [
    """
    CREATE FUNCTION comments_record_grows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the record of moderation can only grow'
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER comments_logrow_no_update BEFORE UPDATE ON comments_logrow
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION comments_record_grows()
    """,
    """
    CREATE TRIGGER comments_logrow_no_delete BEFORE DELETE ON comments_logrow
    FOR EACH ROW EXECUTE FUNCTION comments_record_grows()
    """,
    """
    CREATE TRIGGER comments_logtext_no_update BEFORE UPDATE ON comments_logtext
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION comments_record_grows()
    """,
]

TRIGGERS = {
    "comments_logrow_no_update": "comments_logrow",
    "comments_logrow_no_delete": "comments_logrow",
    "comments_logtext_no_update": "comments_logtext",
}


def make_triggers(apps: Any, schema_editor: Any) -> None:
    vendor = schema_editor.connection.vendor
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[vendor]:
        schema_editor.execute(statement)


def drop_triggers(apps: Any, schema_editor: Any) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    for name, table in TRIGGERS.items():
        schema_editor.execute(
            f"DROP TRIGGER {name} ON {table}" if postgresql else f"DROP TRIGGER {name}"
        )
    if postgresql:
        schema_editor.execute("DROP FUNCTION comments_record_grows()")


def adopt(apps: Any, schema_editor: Any) -> None:
    """Begins the chain of each thread with the statuses its comments have now; queues what waits."""
    Thread = apps.get_model("comments", "Thread")
    Comment = apps.get_model("comments", "Comment")
    LogRow = apps.get_model("comments", "LogRow")
    QueueItem = apps.get_model("comments", "QueueItem")
    for thread in Thread.objects.order_by("pk").iterator(500):
        comments = Comment.objects.filter(thread=thread)
        statuses = comments.order_by("pk").values_list("pk", "status").iterator(2_000)
        length, head = 0, ""
        for piece in runs(statuses):
            length += 1
            columns = {
                "site_id": thread.site_id,
                "thread_id": thread.pk,
                "position": length,
                "at": thread.changed_at,
                "kind": "adopted",
                "actor_kind": "operator",
                "actor_id": None,
                "comment_id": None,
                "participant_id": None,
                "rule_key": "",
                "revision": 0,
                "comment_version": 0,
                "action": "",
                "from_status": "",
                "to_status": "",
                "reason": "",
                "text_digest": "",
                "evidence": {"runs": [list(run) for run in piece]},
                "batch": "",
                "undoes_id": None,
            }
            row = LogRow(**columns, previous_hash=head, row_hash="")
            row.row_hash = head = row_hash(columns, previous_hash=head)
            row.save(force_insert=True)
        Thread.objects.filter(pk=thread.pk).update(log_length=length, log_head=head)
        held = comments.filter(status="held", deleted_at=None, erased_at=None)
        waiting = [
            QueueItem(
                comment_id=comment_id,
                site_id=thread.site_id,
                thread_id=thread.pk,
                why="held",
                reason=reason,
                urgency=100,
                entered_at=at,
            )
            for comment_id, reason, at in held.values_list("pk", "held_reason", "created_at")
        ]
        QueueItem.objects.bulk_create(waiting, batch_size=500)


def keep(apps: Any, schema_editor: Any) -> None:
    """Backwards: the tables of the record go with the migration before."""


class Migration(migrations.Migration):
    dependencies = [("comments", "0003_moderation")]

    operations = [
        migrations.RunPython(adopt, keep),
        migrations.RunPython(make_triggers, drop_triggers),
    ]
