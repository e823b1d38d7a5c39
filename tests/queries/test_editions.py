"""What the mails of a selection hold: what can be read now, in a constant number of queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from comments.actions.announcing import announce_page
from comments.actions.changing import delete_comment
from comments.actions.generating import generate_thread
from comments.actions.selecting import selection_for
from comments.actions.threads import change_thread
from comments.actions.voting import cast_vote
from comments.mail import Splicer, Values, compose_edition, readable_parts
from comments.models import Comment, Selection, SiteSettings, Thread
from comments.queries.editions import edition_content, threads_version_of
from comments.rules.editions import MOST_CANDIDATES, EditionContent, Item
from tests.mailing import asked
from tests.making import NOW, author_of, decide, fresh, later, make_thread, post, stored

pytestmark = pytest.mark.django_db


def selected(*items: Item, kind: str = "digest", scope: str = "digest") -> Selection:
    return selection_for(site_id=1, kind=kind, scope=scope, period="2026-11-23", items=items)


def of(*items: Item, **more: str) -> EditionContent:
    return edition_content(selected(*items, **more))


def read(content: EditionContent) -> tuple[str, str]:
    """Returns HTML and text of somebody's copy."""
    template = compose_edition(content).template
    return readable_parts(Splicer(template).message(Values("a@b.example", "tok", 1, 2, NOW)))


def announced(key: str = "a-thread", page_id: int = 7, **fields: Any) -> Thread:
    thread = make_thread(key, **fields)
    announce_page(thread, page_id=page_id, now=NOW)
    return thread


def item(thread: Thread, comment: Comment) -> Item:
    return thread.pk, comment.pk


def test_a_digest_holds_posts_with_their_comments() -> None:
    thread = announced(title="On bridges", excerpt="Of stone.")
    one = post(thread, "First.").comment
    two = post(thread, "Second.", to=1, name="Ted").comment
    content = of((thread.pk, 0), item(thread, one), item(thread, two))
    assert content.items == [(thread.pk, 0), item(thread, one), item(thread, two)]
    [shown] = content.posts
    assert (shown.title, shown.excerpt, shown.page_id) == ("On bridges", "Of stone.", 7)
    assert shown.link == "http://127.0.0.1:8000/posts/a-thread/"
    assert [(c.id, c.number, c.root_number, c.author) for c in shown.comments] == [
        (one.pk, 1, 1, "Ana"),
        (two.pk, 2, 1, "Ted"),
    ]
    assert shown.comments[1].link.endswith("/posts/a-thread/?comment=2#comment-2")
    answered = shown.comments[1].answers
    assert answered is not None
    assert (answered.number, answered.author, answered.html) == (1, "Ana", "<p>First.</p>")
    assert shown.comments[0].answers is None
    html, text = read(content)
    assert f'data-digest-item="comment:{two.pk}"' in html
    assert "In reply to #1 Ana: First." in text


def test_items_keep_their_order_and_come_once() -> None:
    thread = make_thread()
    pks = [post(thread).comment.pk for _ in range(3)]
    items = [(thread.pk, pk) for pk in (pks[2], pks[0], pks[1])]
    content = of(*items, items[0])
    assert content.items == items
    assert [one.id for one in content.posts[0].comments] == pks


@pytest.mark.parametrize("action", ["reject", "spam"])
def test_what_was_taken_away_is_left_out(action: str) -> None:
    thread = make_thread()
    gone, kept = post(thread).comment, post(thread, to=1).comment
    decide(comment_id=gone.pk, action=action, now=later(1))  # type: ignore[arg-type]
    content = of(item(thread, gone), item(thread, kept))
    assert content.items == [item(thread, kept)]
    # Nor is it quoted as what is answered.
    assert content.posts[0].comments[0].answers is None
    assert content.posts[0].comment_count == 1


def test_what_its_author_deleted_is_left_out() -> None:
    thread = make_thread()
    submitted = post(thread)
    delete_comment(
        comment_id=submitted.comment.pk,
        editor=author_of(submitted),
        version=stored(submitted).version,
        now=later(1),
    )
    assert of(item(thread, submitted.comment)).items == []


def test_deleted_threads_are_left_out() -> None:
    thread, other = announced(), make_thread("other")
    comment, kept = post(thread).comment, post(other).comment
    items = [(thread.pk, 0), item(thread, comment), item(other, kept)]
    selection = selected(*items)
    Thread.objects.filter(pk=thread.pk).delete()
    content = edition_content(selection)
    assert content.items == [item(other, kept)]
    assert [one.thread_id for one in content.posts] == [other.pk]
    assert content.threads_version == fresh(other).version


def test_a_comment_is_not_shown_below_another_thread() -> None:
    thread, other = make_thread(), make_thread("other")
    comment = post(thread).comment
    assert of((other.pk, comment.pk)).items == []
    assert of((other.pk, comment.pk)).posts == ()


def test_new_posts_come_first() -> None:
    old, new = make_thread("old"), announced("new")
    comment = post(old).comment
    content = of(item(old, comment), (new.pk, 0))
    assert [one.thread_id for one in content.posts] == [new.pk, old.pk]
    assert content.items == [item(old, comment), (new.pk, 0)]
    # A thread whose page is no news shows no page, though it has one.
    assert of(item(new, post(new).comment)).posts[0].page_id is None


def test_versions_are_those_of_all_threads() -> None:
    thread, other = make_thread(), make_thread("other")
    one, two = post(thread).comment, post(other).comment
    items = [item(thread, one), item(other, two), (other.pk, 0)]
    before = threads_version_of(items)
    assert before == fresh(thread).version + fresh(other).version
    assert of(*items).threads_version == before
    post(other)
    assert threads_version_of(items) == of(*items).threads_version > before
    assert threads_version_of([]) == 0


def test_votes_and_replies_are_counted() -> None:
    thread = make_thread()
    comment = post(thread).comment
    voter = post(thread, to=1).participant
    cast_vote(comment_id=comment.pk, participant_id=voter.pk, value=1, now=later(1))
    [shown] = of(item(thread, comment)).posts[0].comments
    assert (shown.votes, shown.replies) == (1, 1)


def test_the_site_has_its_names_and_its_address() -> None:
    thread = announced()
    site = Site.objects.get(pk=1)
    assert of((thread.pk, 0)).digest_name == f"{site.name} Daily Digest"
    SiteSettings.objects.create(
        site=site, digest_name="The Morning", postal_address="1 Main Street\nSpringfield"
    )
    content = of((thread.pk, 0))
    assert (content.digest_name, content.site_name) == ("The Morning", site.name)
    assert "1 Main Street Springfield" in read(content)[0]


def test_the_origin_is_that_of_the_site_where_host_names_choose_it(settings: Settings) -> None:
    thread = announced()
    settings.SITE_ID = None
    Site.objects.filter(pk=1).update(domain="blog.example")
    content = of((thread.pk, 0))
    assert content.origin == "http://blog.example"
    assert content.posts[0].link == "http://blog.example/posts/a-thread/"


def test_a_page_elsewhere_is_linked_where_it_is() -> None:
    thread = make_thread(url="https://host.example/p?x=1")
    comment = post(thread).comment
    [shown] = of(item(thread, comment)).posts
    assert shown.link == "https://host.example/p?x=1"
    assert shown.comments[0].link == "https://host.example/p?x=1#comment-1"


@pytest.mark.parametrize(
    ("scope", "label"),
    [
        ("site", "each post and comment"),
        ("answers", "replies to your comments, and mentions of you"),
        ("thread-{}", "comments on “On bridges”"),
    ],
)
def test_mail_at_once_says_what_one_is_subscribed_to(scope: str, label: str) -> None:
    thread = make_thread(title="On bridges")
    comment = post(thread).comment
    scope = scope.format(thread.pk)
    assert of(item(thread, comment), kind="instant", scope=scope).label == label


def test_a_confirmation_holds_no_text_that_was_typed() -> None:
    thread = make_thread(title="On bridges")
    subscription = asked("typed-by-somebody@example.org", thread=thread)
    [delivery] = subscription.subscriber.deliveries.all()
    content = edition_content(delivery.selection)
    assert (content.kind, content.items, content.frequency) == ("confirmation", [], "daily")
    assert content.label == "comments on “On bridges”"
    html, text = read(content)
    for part in (html, text):
        assert "typed" not in part
        assert "/subscriptions/tok/confirm/2/" in part
        assert "comments on “On bridges”, every day" in " ".join(part.split())


@pytest.mark.parametrize("scope", ["confirm", "confirm nothing daily", "confirm thread-x daily"])
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        of(kind="confirmation", scope=scope)


def test_what_is_to_be_confirmed_may_be_gone() -> None:
    with pytest.raises(Thread.DoesNotExist):
        of(kind="confirmation", scope="confirm thread-999 daily")


def test_the_number_of_queries_is_the_same_for_any_number_of_items(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    threads = [announced(f"t{n}", page_id=n) for n in range(1, 6)]
    for number, thread in enumerate(threads):
        generate_thread(site_id=1, key=thread.key, comments=40 * number + 1, seed=number)
    comments = Comment.objects.filter(visible=True).order_by("pk")
    items = [(thread.pk, 0) for thread in threads]
    items += list(comments.values_list("thread_id", "pk"))
    few = edition_content_queries(items[:1] + items[5:6])
    many = edition_content_queries(items)
    assert few == many <= 7
    content = of(*items)
    assert len(content.items) == len(items) > 400
    shown = [one for part in content.posts for one in part.comments]
    assert len(shown) == MOST_CANDIDATES
    assert sum(part.comment_count for part in content.posts) == len(items) - 5
    least = min(one.votes + one.replies for one in shown)
    ids = {one.id for one in shown}
    assert not any(
        one.votes_up - one.votes_down + one.total_count > least
        for one in comments.exclude(pk__in=ids)
    )
    html, _ = read(content)
    assert len(html.encode()) < 90_000
    assert len(re.findall("data-digest-item", html)) > 20
    with django_assert_num_queries(1):
        threads_version_of(items)


def edition_content_queries(items: list[Item]) -> int:
    selection = Selection.objects.get(pk=selected(*items).pk)
    with CaptureQueriesContext(connection) as queries:
        edition_content(selection)
    return len(queries)


def test_more_items_than_a_statement_has_room_for() -> None:
    thread = make_thread()
    comment = post(thread).comment
    items = [(thread.pk, 10_000_000 + n) for n in range(300_000)]
    selection = Selection(site_id=1, kind="digest", scope="digest")
    selection.items = [*items, item(thread, comment)]
    assert edition_content(selection).items == [item(thread, comment)]


def test_another_title_is_another_edition() -> None:
    thread = announced()
    before = compose_edition(of((thread.pk, 0)))
    assert compose_edition(of((thread.pk, 0))).template == before.template
    change_thread(thread_id=thread.pk, title="Renamed", now=NOW + timedelta(days=1))
    assert compose_edition(of((thread.pk, 0))).fingerprint != before.fingerprint


def test_rows_that_nobody_cleaned_make_a_mail() -> None:
    """Rows from before, or by another hand, may hold what no door lets in today."""
    thread = announced(title="x")
    comment = post(thread).comment
    nasty = "a\r\nBcc: eve@example.org\x0b\u202e=?utf-8?q?x?=<script>"
    Thread.objects.filter(pk=thread.pk).update(title=nasty, excerpt=nasty)
    Comment.objects.filter(pk=comment.pk).update(author_name=nasty, html=nasty)
    html, text = read(of((thread.pk, 0), item(thread, comment)))
    assert "<script" not in html
    assert "\u202e" not in html + text
    assert "Bcc" in html


def test_a_guest_without_a_name_is_somebody() -> None:
    thread = make_thread()
    comment = post(thread).comment
    Comment.objects.filter(pk=comment.pk).update(author_name="")
    assert "Unknown" in read(of(item(thread, comment)))[1]
