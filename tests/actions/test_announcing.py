"""Publications: a row where something is published, numbered by the sealer."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from django.contrib.sites.models import Site
from django.db import connection, transaction

from comments.actions import announcing, moderating
from comments.actions.announcing import announce_comment, announce_page, seal_publications
from comments.actions.changing import delete_comment
from comments.actions.erasing import erase_comment
from comments.actions.undoing import undo_decision
from comments.models import Comment, Publication, RepliesPolicy
from tests.making import NOW, SOMEBODY, author_of, decide, later, make_thread, post, stored

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> list[tuple[int | None, bool]]:
    found = Publication.objects.order_by("pk")
    return list(found.values_list("comment_id", "again"))


def of(comment: Comment) -> list[bool]:
    """Returns whether each publication of a comment was one ``again``, in order."""
    found = Publication.objects.filter(comment=comment).order_by("pk")
    return list(found.values_list("again", flat=True))


def test_a_comment_is_announced_when_it_is_published_not_when_it_is_written() -> None:
    thread = make_thread(premoderation=True)
    waiting = post(thread)
    assert rows() == []
    decide(comment_id=waiting.comment.pk, action="approve", now=later(2 * 86400))
    assert rows() == [(waiting.comment.pk, False)]
    assert Publication.objects.get().at == later(2 * 86400)


def test_approved_rejected_and_approved_again_is_published_once_and_shown_again_once() -> None:
    thread = make_thread()
    comment = stored(post(thread))
    decide(comment_id=comment.pk, action="approve", now=later(1))
    decide(comment_id=comment.pk, action="reject", now=later(2))
    decide(comment_id=comment.pk, action="approve", now=later(3))
    assert of(comment) == [False, True]


def test_replies_that_went_along_and_come_back_are_shown_again() -> None:
    thread = make_thread()
    parent = stored(post(thread))
    reply = stored(post(thread, to=1))
    decide(comment_id=parent.pk, action="remove", replies_policy=RepliesPolicy.REMOVE, now=later(1))
    assert not stored(reply).visible
    decide(comment_id=parent.pk, action="restore", now=later(2))
    assert stored(reply).visible
    assert of(parent) == of(reply) == [False, True]


def test_a_reply_approved_below_what_is_gone_is_shown_when_that_comes_back() -> None:
    thread = make_thread()
    parent = stored(post(thread))
    reply = stored(post(thread, to=1))
    decide(comment_id=reply.pk, action="hold", now=later(1))
    decide(comment_id=parent.pk, action="remove", replies_policy=RepliesPolicy.REMOVE, now=later(2))
    decide(comment_id=reply.pk, action="approve", now=later(3))
    assert of(reply) == [False]
    decide(comment_id=parent.pk, action="restore", now=later(4))
    assert of(reply) == [False, True]


def test_an_undone_decision_shows_again() -> None:
    comment = stored(post(make_thread()))
    rejected = moderating.decide(
        comment_id=comment.pk, action="reject", actor=SOMEBODY, now=later(1)
    )[1]
    undo_decision(row_id=rejected.pk, actor=SOMEBODY, now=later(2))
    assert of(comment) == [False, True]


def test_deleting_and_erasing_announce_nothing() -> None:
    thread = make_thread()
    deleted, erased = post(thread), post(thread)
    version = deleted.comment.version
    delete_comment(
        comment_id=deleted.comment.pk, editor=author_of(deleted), version=version, now=later(1)
    )
    erase_comment(comment_id=erased.comment.pk, now=later(1))
    assert [again for _, again in rows()] == [False, False]


def test_what_was_published_before_there_were_publications_is_no_news() -> None:
    comment = stored(post(make_thread()))
    Publication.objects.all().delete()
    decide(comment_id=comment.pk, action="reject", now=later(1))
    decide(comment_id=comment.pk, action="approve", now=later(2))
    assert rows() == []


def test_a_page_is_announced_once() -> None:
    thread = make_thread()
    for _ in range(2):
        with transaction.atomic():
            announce_page(thread, page_id=12, now=NOW)
    [row] = Publication.objects.all()
    assert (row.thread_id, row.comment_id, row.page_id) == (thread.pk, None, 12)


def test_a_transaction_that_fails_announces_nothing() -> None:
    thread = make_thread()
    comment = stored(post(thread))
    Publication.objects.all().delete()
    with transaction.atomic():
        announce_comment(thread, comment, now=NOW)
        transaction.set_rollback(True)
    assert rows() == []


def test_the_sealer_numbers_without_gaps_for_each_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "SEALED_AT_ONCE", 2)
    other = Site.objects.create(domain="other.example", name="Other")
    elsewhere = make_thread("elsewhere")
    elsewhere.site = other
    elsewhere.save()
    thread = make_thread()
    for _ in range(5):
        post(thread)
    post(elsewhere)
    assert seal_publications(site_id=1) == 5
    assert seal_publications(site_id=1) == 5
    assert seal_publications(site_id=other.pk) == 1
    post(thread)
    assert seal_publications(site_id=1) == 6
    found = Publication.objects.filter(site_id=1).order_by("pk").values_list("position", flat=True)
    assert list(found) == [1, 2, 3, 4, 5, 6]


def test_what_commits_late_is_numbered_after_what_was_sealed_meanwhile() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one transaction write at a time: none can commit late")
    thread = make_thread()
    slow, fast = stored(post(thread)), stored(post(thread))
    Publication.objects.all().delete()
    is_written, may_commit = Event(), Event()

    def publish_slowly() -> None:
        try:
            with transaction.atomic():
                announce_comment(thread, slow, now=NOW)
                is_written.set()
                may_commit.wait(30)
        finally:
            connection.close()

    writer = Thread(target=publish_slowly)
    writer.start()
    assert is_written.wait(30)
    with transaction.atomic():
        announce_comment(thread, fast, now=NOW)
    assert seal_publications(site_id=1) == 1
    may_commit.set()
    writer.join()
    assert seal_publications(site_id=1) == 2
    found = Publication.objects.order_by("position").values_list("comment_id", flat=True)
    assert list(found) == [fast.pk, slow.pk]
    assert Publication.objects.get(comment=slow).pk < Publication.objects.get(comment=fast).pk
