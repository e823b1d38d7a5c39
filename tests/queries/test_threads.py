"""Finding a thread: what is read past the ORM is what the ORM would have read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from comments.errors import ThreadUnknown
from comments.models import Thread, ThreadAlias
from comments.queries.thread_page import head_from
from comments.queries.threads import thread_by_key
from tests.making import make_thread, post

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("truth", [False, True])
def test_the_head_of_a_thread_is_its_row_in_the_same_types(moment: datetime, truth: bool) -> None:
    thread = make_thread("schön", now=moment, title='It\'s 100 % "so"')
    post(thread, now=moment)
    Thread.objects.filter(pk=thread.pk).update(premoderation=truth, votes_changed=not truth)
    expected = head_from(Thread.objects.get(pk=thread.pk))
    found = thread_by_key(site_id=1, key="schön")
    assert found == expected
    for name in expected.__dataclass_fields__:
        assert type(getattr(found, name)) is type(getattr(expected, name)), name
    assert found.opened_at.utcoffset() == expected.opened_at.utcoffset()


def test_a_former_key_leads_to_the_same_head() -> None:
    thread = make_thread("now")
    ThreadAlias.objects.create(site_id=1, thread=thread, key="before")
    assert thread_by_key(site_id=1, key="before") == thread_by_key(site_id=1, key="now")


@pytest.mark.parametrize(("site", "key"), [(1, "other"), (2, "a-thread"), (1, ""), (1, "a'--")])
def test_a_thread_of_another_key_or_site_is_unknown(site: int, key: str) -> None:
    make_thread()
    with pytest.raises(ThreadUnknown):
        thread_by_key(site_id=site, key=key)
