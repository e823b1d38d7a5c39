"""Who takes part in a thread, and who a name means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection

from comments.queries.statements import any_of, fetch
from comments.rules.names import name_key, name_skeleton

NAMES_SHOWN = 10
NAMESAKES = 100
"""So many people of one name are told apart in a thread: it costs no more where thousands are."""


def matching_participants(*, thread_id: int, start: str) -> list[tuple[str, int]]:
    """Returns names in this thread that begin with ``start``, with their latest comment's number.

    One query, at most ``NAMES_SHOWN`` rows, in order of the code points of the folded name. No
    address, no id. People of one name are one row, as whoever wrote last under it spells it: a
    mention cannot tell them apart. The ``NAMESAKES`` who came last are asked when they wrote.
    """
    key = name_key(start)
    given = [thread_id, key, key + LAST, thread_id, key + LAST, NAMES_SHOWN - 1]
    given += [thread_id, thread_id, NAMESAKES, NAMES_SHOWN]
    return [(name, number) for name, number in fetch(_NAMES_ON[connection.vendor], given)]


LAST = "\U0010ffff"
"""The last code point, which no name has."""

# From one name to the next by the index, past everybody who has the same, until there are enough.
# No EXISTS and no join: PostgreSQL would read all comments of the thread for it, at each step.
# By code points, whatever the collation of the database: else names that begin alike are not
# beside one another in the index.
_NAMES = """
    WITH RECURSIVE names (place, name_key) AS (
        SELECT 0, CAST((
            SELECT part.name_key FROM comments_participation part
            WHERE part.thread_id = %s AND part.name_key {at_least} %s AND part.name_key {below} %s
                AND {visible}
            ORDER BY {by_name} LIMIT 1
        ) AS TEXT)
        UNION ALL
        SELECT names.place + 1, CAST((
            SELECT part.name_key FROM comments_participation part
            WHERE part.thread_id = %s AND part.name_key {above} names.name_key
                AND part.name_key {below} %s AND {visible}
            ORDER BY {by_name} LIMIT 1
        ) AS TEXT)
        FROM names WHERE names.name_key IS NOT NULL AND names.place < %s
    )
    SELECT (
        SELECT part.name FROM comments_comment comment JOIN comments_participation part
            ON part.thread_id = comment.thread_id AND part.participant_id = comment.author_id
        WHERE comment.thread_id = %s AND comment.number = called.number
    ), called.number
    FROM (
        SELECT names.place, (
            SELECT MAX((
                SELECT comment.number FROM comments_comment comment
                WHERE comment.author_id = latest.participant_id
                    AND comment.thread_id = latest.thread_id AND comment.visible
                ORDER BY comment.number DESC LIMIT 1
            ))
            FROM (
                SELECT part.thread_id, part.participant_id FROM comments_participation part
                WHERE part.thread_id = %s AND part.name_key = names.name_key AND {visible}
                ORDER BY part.participant_id DESC LIMIT %s
            ) latest
        ) AS number
        FROM names ORDER BY names.place LIMIT %s
    ) called
    WHERE called.number IS NOT NULL ORDER BY called.place
"""
_VISIBLE = """(
    SELECT 1 FROM comments_comment comment
    WHERE comment.author_id = part.participant_id
        AND comment.thread_id = part.thread_id AND comment.visible LIMIT 1
) = 1"""
_NAMES_ON = {
    "postgresql": _NAMES.format(
        at_least="~>=~",
        above="~>~",
        below="~<~",
        by_name="part.name_key USING ~<~",
        visible=_VISIBLE,
    ),
    "sqlite": _NAMES.format(
        at_least=">=", above=">", below="<", by_name="part.name_key", visible=_VISIBLE
    ),
}


def who_is_meant(
    *,
    thread_id: int,
    keys: Set[str],
    writer_id: int | None,
    answered_author_id: int | None,
) -> Mapping[str, int]:
    """Returns the participant for each name that means exactly one: one query.

    Only who has a comment that can be read takes part.
    Several of one name: the author of the comment replied to, else the only one with an
    account, else nobody; nobody either where they are more than ``NAMESAKES``. The writer is not
    meant by a name of his own.
    """
    if not keys:
        return {}
    found: dict[str, dict[int, bool]] = {}
    answered = answered_author_id if answered_author_id != writer_id else None
    given = [json.dumps(sorted(keys)), thread_id, writer_id or 0, NAMESAKES + 1]
    given += [thread_id, answered or 0]
    for key, participant_id, has_account in fetch(_CALLED_ON[connection.vendor], given):
        found.setdefault(key, {})[participant_id] = bool(has_account)
    meant: dict[str, int] = {}
    for key in keys & found.keys():
        people = found[key]
        with_account = [participant_id for participant_id, account in people.items() if account]
        if answered in people:
            meant[key] = answered
        elif len(people) == 1:
            (meant[key],) = people
        elif len(with_account) == 1 and len(people) <= NAMESAKES:
            (meant[key],) = with_account
    return meant


_CALLED = """
    SELECT part.name_key, part.participant_id, person.user_id IS NOT NULL OR person.subject <> ''
    FROM {each} JOIN comments_participant person ON person.id = part.participant_id
    UNION ALL
    SELECT part.name_key, part.participant_id, FALSE FROM comments_participation part
    WHERE part.thread_id = %s AND part.participant_id = %s AND {visible}
"""
_NAMESAKES = f"""
    SELECT part.{{}} FROM comments_participation part
    WHERE part.thread_id = %s AND part.name_key = each.value AND part.participant_id <> %s
        AND {_VISIBLE}
    LIMIT %s
"""  # noqa: S608
_CALLED_ON = {
    "postgresql": _CALLED.format(
        each="json_array_elements_text(CAST(%s AS json)) AS each(value) CROSS JOIN LATERAL "
        f"({_NAMESAKES.format('*')}) part",
        visible=_VISIBLE,
    ),
    "sqlite": _CALLED.format(
        each="json_each(%s) AS each CROSS JOIN comments_participation part "
        f"ON part.id IN ({_NAMESAKES.format('id')})",
        visible=_VISIBLE,
    ),
}


def has_namesakes(*, thread_id: int, name: str, participant_id: int, most: int) -> bool:
    """Returns whether at least ``most`` others who take part in a thread have this name."""
    given = [json.dumps([name_key(name)]), thread_id, participant_id, most, thread_id, 0]
    return len(fetch(_CALLED_ON[connection.vendor], given)) >= most


def latest_numbers(
    *, thread_id: int, participant_ids: Set[int], before: int | None = None
) -> dict[int, int]:
    """Returns the number of the latest visible comment of each participant: one query.

    Args:
        before: the latest before this number, or the first after it where there is none: so the
            links of a text that is there lead to the same comments whenever it is rendered.
    """
    if not participant_ids:
        return {}
    statement, given = _LATEST, [thread_id]
    if before is not None:
        statement, given = _NEAREST, [thread_id, before, thread_id, before]
    rows = fetch(statement.format(any_of("person.id")), [*given, list(participant_ids)])
    return {participant_id: number for participant_id, number in rows if number is not None}


_LATEST = """
    SELECT person.id, (
        SELECT comment.number FROM comments_comment comment
        WHERE comment.thread_id = %s AND comment.author_id = person.id AND comment.visible
        ORDER BY comment.number DESC LIMIT 1
    )
    FROM comments_participant person WHERE {}
"""
_NEAREST = """
    SELECT person.id, coalesce((
        SELECT comment.number FROM comments_comment comment
        WHERE comment.thread_id = %s AND comment.author_id = person.id AND comment.visible
            AND comment.number < %s
        ORDER BY comment.number DESC LIMIT 1
    ), (
        SELECT comment.number FROM comments_comment comment
        WHERE comment.thread_id = %s AND comment.author_id = person.id AND comment.visible
            AND comment.number > %s
        ORDER BY comment.number LIMIT 1
    ))
    FROM comments_participant person WHERE {}
"""


def name_is_taken(*, thread_id: int, name: str, participant_id: int | None) -> bool:
    """Returns whether ``name`` is, or looks like, that of staff or of somebody protected on
    the thread's site.

    Staff is few: their names are read and folded here, so that a user renamed a moment ago is
    protected too. One query.
    """
    skeleton = name_skeleton(name)
    model = get_user_model()
    names = _names_of(model)
    columns = ", ".join(f'CAST("{_column(model, name)}" AS text)' for name in names)
    statement = f"""
        SELECT {", ".join(["NULL"] * len(names))} FROM (
            SELECT 1 FROM comments_participant
            WHERE site_id = (SELECT site_id FROM comments_thread WHERE id = %s)
                AND protected AND name_skeleton = %s AND id <> %s LIMIT 1
        ) protected
        UNION ALL
        SELECT {columns} FROM "{model._meta.db_table}" WHERE is_staff AND is_active
    """  # noqa: S608
    for values in fetch(statement, [thread_id, skeleton, participant_id or 0]):
        if values[0] is None:
            return True
        if skeleton in _skeletons(model.from_db(None, names, values)):
            return True
    return False


def _skeletons(user: AbstractBaseUser) -> set[str]:
    full = getattr(user, "get_full_name", str)()
    return {name_skeleton(text) for text in (user.get_username(), full) if text}


def _names_of(model: type[AbstractBaseUser]) -> tuple[str, ...]:
    """Returns the fields that the names of a user come from; another one is read when needed."""
    known = {field.name for field in model._meta.concrete_fields}
    wanted = (str(getattr(model, "USERNAME_FIELD", "")), "first_name", "last_name")
    return (model._meta.pk.attname, *(name for name in wanted if name in known))


def _column(model: type[AbstractBaseUser], name: str) -> str:
    return str(model._meta.get_field(name).column)  # type: ignore[union-attr]
