"""Editing, deleting and voting on the page of a thread, without JavaScript."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from comments.actions.changing import edit_comment
from comments.actions.people import token_of
from comments.actions.posting import Submitted
from comments.actions.threads import change_thread
from comments.models import Comment, Revision, Thread, ThreadState, Vote
from comments.views.viewers import COOKIE
from tests.making import author_of, later, make_moderator, post, stored
from tests.views.browsing import Browser, Shown, text_of
from tests.views.host import make_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.views.host")]

PAGE = "/pages/a-thread/"


@pytest.fixture
def thread() -> Thread:
    """Returns the thread of the page."""
    return make_page(now=timezone.now() - timedelta(days=1))


@pytest.fixture
def mine(thread: Thread) -> Submitted:
    """Returns a comment that was written a minute ago."""
    return post(thread, "First.", name="Ana", now=timezone.now() - timedelta(minutes=1))


def browser_of(submitted: Submitted) -> Browser:
    """Returns the browser of whoever wrote a comment; it shows the page."""
    browser = Browser()
    browser.client.cookies[COOKIE] = token_of(submitted.participant)
    browser.open(PAGE)
    return browser


def test_the_author_edits_and_the_old_text_is_kept(mine: Submitted) -> None:
    browser = browser_of(mine)
    page = browser.open(browser.shown.link("Edit your comment"))
    assert page.fragment == "edit"
    assert (page.get("edit-source").text or "").strip() == "First."
    page = browser.press("save", source="Second.")
    assert page.fragment == "comment-1"
    assert "Second." in text_of(page.get("comment-1"))
    assert "edited" in text_of(page.get("comment-1"))
    assert Revision.objects.get().source == "First."


def test_an_edit_can_be_looked_at_first(mine: Submitted) -> None:
    browser = browser_of(mine)
    browser.open(browser.shown.link("Edit your comment"))
    page = browser.press("preview-edit", source="*Second.*", format="markdown")
    (preview,) = page.all("div", class_="preview")
    assert [text_of(one) for one in preview.iter("em")] == ["Second."]
    assert page.fragment == "edit"
    assert stored(mine).source == "First."
    browser.press("save")
    assert (stored(mine).source, stored(mine).format) == ("*Second.*", "markdown")


def test_cancelling_leads_to_the_comment_as_it_is(mine: Submitted) -> None:
    browser = browser_of(mine)
    browser.open(browser.shown.link("Edit your comment"))
    page = browser.open(browser.shown.link("Cancel", inside="edit"))
    assert page.address.endswith(f"{PAGE}#comment-1")
    assert page.find("edit") is None


@pytest.mark.parametrize("text", ["", "x" * 10_001, "a\0b"])
def test_an_edit_that_is_not_acceptable_keeps_what_was_typed(mine: Submitted, text: str) -> None:
    browser = browser_of(mine)
    browser.open(browser.shown.link("Edit your comment"))
    page = browser.press("save", source=text)
    assert page.status == 422
    assert page.error_beside("edit-source") != ""
    assert (page.get("edit-source").text or "").strip("\n").replace("\ufffd", "\0") == text
    assert stored(mine).source == "First."


def test_a_conflict_is_told_in_words_with_both_texts(mine: Submitted) -> None:
    browser = browser_of(mine)
    browser.open(browser.shown.link("Edit your comment"))
    edit_comment(
        comment_id=mine.comment.pk,
        editor=author_of(mine),
        source="From my phone.",
        format=None,
        version=1,
        now=timezone.now(),
    )
    page = browser.press("save", source="From my desk.")
    assert page.status == 412
    assert "has changed since you opened the form" in page.notices()[0]
    assert "From my phone." in text_of(page.all("div", class_="preview")[0])
    assert (page.get("edit-source").text or "").strip() == "From my desk."
    assert stored(mine).source == "From my phone."
    browser.press("save")
    assert stored(mine).source == "From my desk."


def test_edit_and_delete_are_offered_to_the_author_alone(mine: Submitted) -> None:
    other = post(Thread.objects.get(), "Other.", name="Bo", now=timezone.now())
    page = browser_of(other).shown
    assert "Edit" not in text_of(page.get("comment-1"))
    assert "Edit" in text_of(page.get("comment-2"))
    assert "Edit" not in text_of(Browser().open(PAGE).get("comments"))


@pytest.mark.parametrize("name", ["edit", "delete"])
def test_a_stranger_cannot_open_the_form_of_somebody_elses_comment(
    mine: Submitted, name: str
) -> None:
    page = Browser().open(f"{PAGE}?{name}={mine.comment.pk}#{name}")
    assert page.status == 403
    assert page.find("edit-source") is None
    assert "Only its author" in text_of(page.get(name))


@pytest.mark.parametrize("do", ["save", "delete", "preview-edit"])
def test_a_stranger_cannot_send_the_form_of_somebody_elses_comment(
    mine: Submitted, do: str
) -> None:
    browser = browser_of(post(Thread.objects.get(), "Other.", name="Bo", now=timezone.now()))
    browser.open(browser.shown.link("Edit your comment"))
    if do == "delete":
        browser.open(PAGE)
        browser.open(browser.shown.link("Delete your comment"))
    page = browser.press(do, comment=str(mine.comment.pk), source="Stolen.")
    assert page.status == 403
    assert stored(mine).source == "First."


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("version", "", 400),
        ("version", "x", 400),
        ("version", "9" * 18, 412),
        ("comment", "", 404),
        ("comment", "x", 404),
        ("comment", "9" * 18, 404),
    ],
)
def test_forged_hidden_fields_are_refused(
    mine: Submitted, field: str, value: str, status: int
) -> None:
    browser = browser_of(mine)
    browser.open(browser.shown.link("Edit your comment"))
    assert browser.press("save", source="Forged.", **{field: value}).status == status
    browser.open(PAGE)
    browser.open(browser.shown.link("Delete your comment"))
    assert browser.press("delete", **{field: value}).status == status
    assert stored(mine).source == "First."


def test_a_comment_of_another_thread_cannot_be_changed_here(mine: Submitted) -> None:
    make_page("other")
    browser = browser_of(mine)
    assert browser.open(f"/pages/other/?edit={mine.comment.pk}").status == 404


def test_after_the_edit_window_nothing_is_offered_and_nothing_is_taken(thread: Thread) -> None:
    late = post(thread, "First.", name="Ana", now=timezone.now() - timedelta(hours=1))
    browser = browser_of(late)
    assert "Edit" not in text_of(browser.shown.get("comment-1"))
    page = browser.open(f"?edit={late.comment.pk}#edit")
    assert page.status == 409
    assert "can no longer be changed" in text_of(page.get("edit"))
    page = browser.open(f"{PAGE}?delete={late.comment.pk}#delete")
    assert page.status == 409


def test_a_window_that_ends_while_typing_gives_the_text_back(
    mine: Submitted, settings: Any
) -> None:
    browser = browser_of(mine)
    browser.open(browser.shown.link("Edit your comment"))
    settings.REJOINDER = settings.REJOINDER | {"EDIT_WINDOW_SECONDS": 1}
    page = browser.press("save", source="Too late.")
    assert page.status == 409
    assert (page.get("edit-source").text or "").strip() == "Too late."


def test_a_reply_ends_editing(mine: Submitted) -> None:
    post(Thread.objects.get(), "An answer.", name="Bo", to=1, now=timezone.now())
    assert "Edit" not in text_of(browser_of(mine).shown.get("comment-1"))


def test_a_closed_thread_ends_editing(mine: Submitted) -> None:
    browser = browser_of(mine)
    href = browser.shown.link("Edit your comment")
    change_thread(thread_id=Thread.objects.get().pk, now=later(1), state=ThreadState.CLOSED)
    assert browser.open(href).status == 409
    assert "Edit" not in text_of(browser.open(PAGE).get("comment-1"))


def test_deleting_asks_once_and_then_says_that_it_is_done(mine: Submitted) -> None:
    browser = browser_of(mine)
    page = browser.open(browser.shown.link("Delete your comment"))
    assert "You cannot bring it back." in text_of(page.get("delete"))
    assert page.link("Keep it") == f"{PAGE}#comment-1"
    page = browser.press("delete")
    assert page.notices() == ["Your comment is gone."]
    assert page.numbers() == []
    assert stored(mine).deleted_at is not None


def test_deleting_what_has_changed_shows_it_first(mine: Submitted) -> None:
    browser = browser_of(mine)
    browser.open(browser.shown.link("Delete your comment"))
    edit_comment(
        comment_id=mine.comment.pk,
        editor=author_of(mine),
        source="From my phone.",
        format=None,
        version=1,
        now=timezone.now(),
    )
    page = browser.press("delete")
    assert page.status == 412
    assert "From my phone." in text_of(page.get("delete"))
    browser.press("delete")
    assert stored(mine).deleted_at is not None


def test_somebody_with_an_account_deletes_also_later(thread: Thread) -> None:
    user = User.objects.create_user("ted")
    late = post(thread, "First.", user=user, now=timezone.now() - timedelta(hours=1))
    browser = Browser()
    browser.client.force_login(user)
    page = browser.open(PAGE)
    assert "Edit" not in text_of(page.get("comment-1"))
    browser.open(page.link("Delete your comment"))
    browser.press("delete")
    assert stored(late).deleted_at is not None


def test_a_held_comment_is_edited_and_deleted_by_its_author(thread: Thread) -> None:
    change_thread(thread_id=thread.pk, now=later(1), premoderation=True)
    held = post(thread, "I wait.", name="Ana", now=timezone.now())
    browser = browser_of(held)
    browser.open(browser.shown.link("Edit your comment"))
    page = browser.press("save", source="I still wait.")
    assert page.fragment == f"waiting-{held.comment.pk}"
    assert "I still wait." in text_of(page.get(f"waiting-{held.comment.pk}"))
    browser.open(page.link("Delete your comment"))
    browser.press("delete")
    assert browser.shown.find(f"waiting-{held.comment.pk}") is None


def test_an_edit_on_a_thread_with_premoderation_waits_again(mine: Submitted) -> None:
    change_thread(thread_id=Thread.objects.get().pk, now=later(1), premoderation=True)
    browser = browser_of(mine)
    browser.open(browser.shown.link("Edit your comment"))
    page = browser.press("save", source="Second.")
    assert page.numbers() == []
    assert "Waiting for a moderator." in text_of(page.get(f"waiting-{mine.comment.pk}"))


# --- votes --------------------------------------------------------------------------------------


def test_a_vote_is_cast_changed_and_withdrawn_by_buttons(mine: Submitted) -> None:
    browser = browser_of(post(Thread.objects.get(), "Other.", name="Bo", now=timezone.now()))
    comment_id = mine.comment.pk
    page = browser.press(f"up:{comment_id}")
    assert page.fragment == "comment-1"
    assert (stored(mine).votes_up, stored(mine).votes_down) == (1, 0)
    pressed = [one for one in page.all("button") if one.get("aria-pressed") == "true"]
    assert [text_of(one) for one in pressed] == ["▲ 1 Vote comment 1 up"]
    browser.press(f"down:{comment_id}")
    assert (stored(mine).votes_up, stored(mine).votes_down) == (0, 1)
    browser.press(f"none:{comment_id}")
    assert (stored(mine).votes_up, stored(mine).votes_down) == (0, 0)


def test_a_signed_in_user_who_never_wrote_can_vote(mine: Submitted) -> None:
    browser = Browser()
    browser.client.force_login(User.objects.create_user("ted"))
    browser.open(PAGE)
    browser.press(f"up:{mine.comment.pk}")
    assert Vote.objects.get().participant.name == "ted"


def test_who_is_not_known_sees_counts_and_no_buttons(mine: Submitted) -> None:
    browser_of(post(Thread.objects.get(), "Other.", name="Bo", now=timezone.now())).press(
        f"up:{mine.comment.pk}"
    )
    page = Browser().open(PAGE)
    assert "▲ votes up: 1" in text_of(page.get("comment-1"))
    assert page.find("votes") is None
    assert "▲" not in text_of(page.get("comment-2"))


WRITE_FIRST = "Write a comment first: only those who have written here may vote."


def test_who_is_not_known_reads_why_he_cannot_vote_yet(mine: Submitted) -> None:
    thread = Thread.objects.get()
    reader = browser_of(post(thread, "Other.", name="Bo", now=timezone.now()))
    reader.press(f"up:{mine.comment.pk}")
    page = Browser().open(PAGE)
    assert titles_of(page) == [WRITE_FIRST, WRITE_FIRST]
    assert "Once you have written here, you may vote, too." in text_of(page.get("reply"))
    # A known reader has buttons; the writer himself needs no such advice.
    for known in (reader, browser_of(mine)):
        page = known.open(PAGE)
        assert WRITE_FIRST not in titles_of(page)
        assert "may vote" not in text_of(page.get("reply"))
    Thread.objects.update(state=ThreadState.CLOSED)
    assert titles_of(Browser().open(PAGE)) == ["Votes up", "Votes down"]


def titles_of(page: Shown) -> list[str]:
    """Returns what the counts of votes on a page say when they are pointed at."""
    votes = [one for one in page.all("span") if one.get("class") == "votes"]
    return [one.get("title") or "" for box in votes for one in box if one.tag == "span"]


def test_nobody_votes_on_a_comment_of_his_own(mine: Submitted) -> None:
    browser = browser_of(mine)
    assert list(browser.shown.get("comment-1").iter("button")) == []


@pytest.mark.parametrize(
    ("vote", "status"),
    [
        ("up:", 400),
        ("up:x", 400),
        ("up:-1", 400),
        ("sideways:1", 400),
        ("up:" + "9" * 18, 404),
        ("up:" + "9" * 99, 400),
        ("up:own", 403),
        ("up:other", 404),
    ],
)
def test_forged_votes_are_refused(mine: Submitted, vote: str, status: int) -> None:
    elsewhere = post(make_page("other"), "Elsewhere.", name="Bo", now=timezone.now())
    post(Thread.objects.get(key="a-thread"), "Other.", name="Bo", now=timezone.now())
    vote = vote.replace("own", str(mine.comment.pk)).replace("other", str(elsewhere.comment.pk))
    browser = browser_of(mine)
    token = next(
        one.get("value") or ""
        for one in browser.shown.all("input")
        if one.get("name") == "csrfmiddlewaretoken"
    )
    (page,) = browser.post(PAGE, {"vote": vote, "csrfmiddlewaretoken": token})
    assert page.status == status
    assert Vote.objects.count() == 0


def test_a_vote_without_a_name_is_refused_in_words(mine: Submitted) -> None:
    browser = Browser()
    page = browser.open(PAGE)
    token = page.all("input")[0].get("value") or ""
    (page,) = browser.post(PAGE, {"vote": f"up:{mine.comment.pk}", "csrfmiddlewaretoken": token})
    assert page.status == 401
    assert page.notices() == ["Write a comment first: only those who have written here may vote."]


def test_too_many_votes_are_refused_in_words(mine: Submitted, settings: Any) -> None:
    browser = browser_of(post(Thread.objects.get(), "Other.", name="Bo", now=timezone.now()))
    settings.REJOINDER = settings.REJOINDER | {"RATE_LIMITS": {"RATE_LIMIT_VOTE_ADDRESS": "1/1m"}}
    browser.press(f"up:{mine.comment.pk}")
    page = browser.press(f"down:{mine.comment.pk}")
    assert page.status == 429
    assert "That was a lot in a short time." in page.notices()[0]
    assert stored(mine).votes_up == 1


def test_a_vote_comes_back_to_the_page_it_was_cast_on(thread: Thread) -> None:
    for number in range(60):
        post(thread, f"Text {number}.", name=f"N{number}", now=timezone.now())
    voter = post(thread, "I vote.", name="Bo", now=timezone.now())
    browser = browser_of(voter)
    browser.open("?sort=newest")
    comment = Comment.objects.get(number=40)
    page = browser.press(f"up:{comment.pk}")
    assert page.address.endswith(f"{PAGE}?sort=newest#comment-40")
    assert 40 in page.numbers()


def test_a_moderator_edits_his_own_comment_at_any_time(thread: Thread) -> None:
    user = make_moderator("Mo")
    old = post(
        thread, "First.", user=user, is_moderator=True, now=timezone.now() - timedelta(hours=1)
    )
    browser = Browser()
    browser.client.force_login(user)
    browser.open(PAGE)
    browser.open(browser.shown.link("Edit your comment"))
    browser.press("save", source="Second.")
    assert stored(old).source == "Second."
