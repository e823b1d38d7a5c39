"""Rendering again: stored HTML follows the renderer, and nothing else moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comments.actions import linking, rerendering
from comments.actions.changing import delete_comment
from comments.actions.checking import check_thread
from comments.actions.erasing import erase_comment
from comments.actions.recording import lock_thread
from comments.actions.rerendering import Rerendered, rerender_comments
from comments.models import Comment, Event, Mention, Thread
from comments.rules.rendering import RENDERER_VERSION, Rendered, escaped_paragraphs, render
from tests.making import MODERATOR, fresh, later, make_thread, post, stored

pytestmark = pytest.mark.django_db


def rerender(
    *,
    everything: bool = False,
    thread: Thread | None = None,
    at_once: int = 200,
    progress: Callable[[Rerendered], None] = lambda _: None,
) -> Rerendered:
    """Returns what rendering again came to, an hour later."""
    return rerender_comments(
        everything=everything,
        thread_ids=None if thread is None else [thread.pk],
        at_once=at_once,
        clock=lambda: later(3600),
        progress=progress,
    )


def make_old(html: str | None = None, **which: object) -> None:
    """Lets comments look as if an older renderer had made them, as ``html`` if given."""
    changes: dict[str, object] = {"renderer_version": RENDERER_VERSION - 1}
    if html is not None:
        changes["html"] = html
    Comment.objects.filter(**which).update(**changes)


def test_text_of_an_older_renderer_is_rendered_from_its_source() -> None:
    thread = make_thread()
    comment = post(thread, "One & *two*.", format="markdown")
    right = stored(comment).html
    make_old("<p>as it was</p>")
    assert rerender() == Rerendered(seen=1, changed=1)
    assert stored(comment).html == right
    assert stored(comment).renderer_version == RENDERER_VERSION


def test_version_rises_only_where_the_html_changes() -> None:
    thread = make_thread()
    for _ in range(4):
        post(thread)
    before = fresh(thread).version
    make_old()
    make_old("<p>as it was</p>", number=3)
    assert rerender() == Rerendered(seen=4, changed=1)
    assert fresh(thread).version == before + 1
    event = Event.objects.get(thread=thread, version=before + 1)
    assert (event.number, event.at) == (3, later(3600))
    assert list(check_thread(thread.pk)) == []


def test_second_run_finds_nothing_to_do() -> None:
    thread = make_thread()
    post(thread)
    make_old("<p>as it was</p>")
    rerender()
    before = fresh(thread).version
    assert rerender() == Rerendered()
    assert rerender(everything=True) == Rerendered(seen=1)
    assert fresh(thread).version == before


@pytest.mark.parametrize(("everything", "left"), [(False, 1), (True, 3)])
def test_what_another_run_has_done_before_the_lock_is_not_done_again(
    everything: bool, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = make_thread()
    first, second, third = (post(thread).comment.pk for _ in range(3))
    make_old("<p>as it was</p>")

    def lock_after_another(thread_id: int) -> Thread:
        others = Comment.objects.filter(pk__in=[first, second])
        others.update(renderer_version=RENDERER_VERSION, html="<p>done</p>")
        return lock_thread(thread_id)

    monkeypatch.setattr(rerendering, "lock_thread", lock_after_another)
    assert rerender(everything=everything) == Rerendered(seen=left, changed=left)
    assert Comment.objects.filter(html="<p>done</p>").count() == 3 - left
    assert "as it was" not in Comment.objects.get(pk=third).html


def test_run_that_is_broken_off_goes_on_where_it_was() -> None:
    thread = make_thread()
    for _ in range(5):
        post(thread)
    make_old("<p>as it was</p>")

    class Stopped(Exception):
        pass

    def stop(outcome: Rerendered) -> None:
        if outcome.seen == 4:
            raise Stopped

    with pytest.raises(Stopped):
        rerender(at_once=2, progress=stop)
    assert rerender(at_once=2) == Rerendered(seen=1, changed=1)
    assert not Comment.objects.filter(html="<p>as it was</p>").exists()


def test_only_the_thread_that_is_named_is_rendered() -> None:
    one, other = make_thread("one"), make_thread("other")
    post(one)
    post(other)
    make_old("<p>as it was</p>")
    assert rerender(thread=one) == Rerendered(seen=1, changed=1)
    assert Comment.objects.get(thread=other).html == "<p>as it was</p>"


def test_batch_may_hold_comments_of_several_threads() -> None:
    threads = [make_thread(key) for key in ("a", "b", "c")]
    for _ in range(3):
        for thread in threads:
            post(thread)
    make_old("<p>as it was</p>")
    assert rerender(at_once=4) == Rerendered(seen=9, changed=9)
    for thread in threads:
        assert list(check_thread(thread.pk)) == []


def test_mention_keeps_whom_it_meant_when_a_namesake_has_come() -> None:
    thread = make_thread()
    first = post(thread, name="Adam")
    mention = post(thread, "@Adam, and #1", name="Zoe")
    html = stored(mention).html
    post(thread, name="Adam")
    make_old("<p>as it was</p>", number=2)
    assert rerender().changed == 1
    assert stored(mention).html == html
    row = Mention.objects.get(comment=mention.comment)
    assert row.participant_id == first.participant.pk
    assert rerender(everything=True).changed == 0


def test_link_to_a_number_that_is_gone_stays() -> None:
    thread = make_thread()
    gone = post(thread)
    referrer = post(thread, "See #1.")
    html = stored(referrer).html
    assert 'data-ref="1"' in html
    delete_comment(comment_id=gone.comment.pk, editor=MODERATOR, version=1, now=later(1))
    assert rerender(everything=True).changed == 0
    assert stored(referrer).html == html


def test_waiting_and_rejected_texts_are_rendered_without_a_new_version() -> None:
    thread = make_thread()
    rejected = post(thread)
    delete_comment(comment_id=rejected.comment.pk, editor=MODERATOR, version=1, now=later(1))
    Thread.objects.update(premoderation=True)
    held = post(thread)
    before = fresh(thread).version
    make_old("<p>as it was</p>")
    assert rerender() == Rerendered(seen=2, changed=2)
    assert fresh(thread).version == before
    assert "as it was" not in stored(held).html + stored(rejected).html


def test_erased_text_stays_empty() -> None:
    thread = make_thread()
    comment = post(thread)
    erase_comment(comment_id=comment.comment.pk, now=later(1))
    make_old()
    assert rerender() == Rerendered(seen=1)
    assert stored(comment).html == ""
    assert rerender() == Rerendered()


def test_text_that_cannot_be_rendered_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = make_thread()
    poison, good = post(thread, "poison"), post(thread, "good")
    make_old("<p>as it was</p>")

    def failing(*, source: str, **rest: object) -> Rendered:
        if source == "poison":
            return Rendered(escaped_paragraphs(source), (), (), failed=True)
        return render(source=source, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(linking, "render", failing)
    assert rerender() == Rerendered(seen=2, changed=1, kept=1)
    assert stored(poison).html == "<p>as it was</p>"
    assert stored(good).html == "<p>good</p>"
    monkeypatch.undo()
    assert rerender() == Rerendered(seen=1, changed=1)


def test_statements_of_a_batch_do_not_grow_with_plain_texts() -> None:
    thread = make_thread()
    for _ in range(30):
        post(thread)
    with CaptureQueriesContext(connection) as queries:
        rerender(everything=True, at_once=30)
    assert len(queries) < 12
