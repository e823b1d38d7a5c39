"""The moderation desk without a script: who may open it, what it shows, what its forms do."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from comments.actions.changing import Editor, edit_comment
from comments.actions.flagging import Reader, flag_comment
from comments.actions.leasing import lease_next
from comments.actions.logbook import Actor
from comments.actions.moderating import Item, Reasons, decide, decide_about
from comments.models import (
    ActorKind,
    Comment,
    FlagReason,
    LogRow,
    Moderator,
    QueueItem,
    RepliesPolicy,
    ScreeningRule,
    Thread,
)
from tests.making import NOW, author_of, make_moderator, make_thread, post, stored

pytestmark = pytest.mark.django_db

QUEUE = "/admin/moderation/"
FRAGMENT = {"X-Desk-Fragment": "1"}
PAGES = ["", "decisions/", "dashboard/"]


@pytest.fixture
def ida() -> User:
    made = make_moderator("ida")
    made.first_name = "Ida"
    made.save()
    return made


@pytest.fixture
def desk(client: Client, ida: User) -> Client:
    client.force_login(ida)
    return client


def actor(user: User) -> Actor:
    return Actor(ActorKind.MODERATOR, user.pk)


def held(count: int = 1, *, key: str = "held") -> list[Comment]:
    thread = make_thread(key, premoderation=True)
    return [post(thread, name=f"Guest {n}").comment for n in range(count)]


def text_of(answer: Any) -> str:
    """Returns what a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def send(client: Client, about: Comment, doing: str, **more: Any) -> Any:
    headers = more.pop("headers", {})
    given = {"comment": about.pk, "version": about.version, "action": doing} | more
    return client.post(f"{QUEUE}decide/", given, headers=headers)


# Who may open it


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_is_sent_to_sign_in(client: Client, page: str) -> None:
    answer = client.get(QUEUE + page)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={QUEUE}{page}")


@pytest.mark.parametrize("page", PAGES)
def test_staff_without_the_role_finds_nothing(client: Client, page: str) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(QUEUE + page).status_code == 404
    client.force_login(User.objects.create_user("reader"))
    assert client.get(QUEUE + page).status_code == 404


def test_a_role_on_another_site_opens_nothing_here(client: Client) -> None:
    user = User.objects.create_user("elsewhere", is_staff=True)
    Moderator.objects.create(site_id=1, user=user, view=False, decide=False)
    client.force_login(user)
    assert client.get(QUEUE).status_code == 404
    assert "Moderation" not in text_of(client.get("/admin/"))


def test_who_may_only_look_has_no_buttons(client: Client) -> None:
    comment = held()[0]
    user = User.objects.create_user("looker", is_staff=True)
    Moderator.objects.create(site_id=1, user=user, decide=False)
    client.force_login(user)
    page = client.get(QUEUE).content.decode()
    assert comment.source in page
    assert 'name="action"' not in page
    assert "Next ten" not in page
    assert send(client, comment, "approve").status_code == 403
    assert client.post(f"{QUEUE}next/").status_code == 403
    assert client.post(f"{QUEUE}bulk/").status_code == 403
    assert stored(comment).status == "held"


def test_forms_need_the_token_against_forged_requests(ida: User) -> None:
    comment = held()[0]
    client = Client(enforce_csrf_checks=True)
    client.force_login(ida)
    assert send(client, comment, "approve").status_code == 403
    assert stored(comment).status == "held"


def test_addresses_that_change_something_are_not_opened_by_a_link(desk: Client) -> None:
    for name in ("decide", "undo", "next", "put-back", "renew", "bulk"):
        assert desk.get(f"{QUEUE}{name}/").status_code == 405


def test_the_index_of_the_admin_leads_to_the_desk_and_says_how_much_waits(desk: Client) -> None:
    held(3)
    page = desk.get("/admin/")
    assert 'href="/admin/moderation/"' in page.content.decode()
    assert "Moderation 3 waiting" in text_of(page)


# What it shows


def test_the_most_urgent_comes_first_and_filters_choose(desk: Client) -> None:
    waiting = held(2)
    thread = make_thread("open")
    loud = post(thread, "Loud.", name="Eve")
    reader = post(thread, name="Reader").participant
    flag_comment(
        comment_id=loud.comment.pk,
        reader=Reader(reader, "10.0.0.1"),
        reason=FlagReason.ABUSE,
        note="calls me names",
        now=NOW,
    )
    page = text_of(desk.get(QUEUE))
    places = [page.index(text) for text in ("Loud.", waiting[0].source, waiting[1].source)]
    assert places == sorted(places)
    assert "1 report, weight 1.0" in page
    assert "insult, threat or harassment: “calls me names”, by Reader, weight 1.0" in page
    for asked, count in (
        ("why=held", 2),
        ("why=flagged", 1),
        ("reason=premoderation", 2),
        ("thread=open", 1),
        ("thread=none", 0),
    ):
        assert desk.get(f"{QUEUE}?{asked}").content.decode().count("<article") == count, asked


def test_a_comment_stands_with_its_parent_siblings_and_the_authors_last_decisions(
    desk: Client, ida: User
) -> None:
    thread = make_thread()
    parent = post(thread, "The parent says this.", name="Bo").comment
    post(thread, "A sibling.", name="Cid", to=1)
    answer = post(thread, "An answer.", name="Dora", to=1)
    before = post(thread, "Her other comment.", by=answer.participant).comment
    decide(
        comment_id=before.pk,
        action="reject",
        actor=actor(ida),
        now=NOW,
        reasons=Reasons("insult", "Be kind.", "second time"),
    )
    decide(comment_id=answer.comment.pk, action="hold", actor=actor(ida), now=NOW)
    page = text_of(desk.get(QUEUE))
    assert "Answers Bo #1 The parent says this." in page
    assert "#2 Cid : A sibling." in page
    assert "Dora: 0 approved, 1 rejected" in page
    assert "You rejected it (Insult or threat), 23 Nov" in page
    assert "Told the author: “Be kind.”. Note: “second time”" in page
    assert parent.source in page


def test_the_explanation_names_what_each_rule_saw(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.", name="Eve").comment
    assert comment.status == "held"
    page = text_of(desk.get(QUEUE))
    assert "Held by the rule “Pills”." in page
    assert "The comment was held by the rule pills." in page
    assert "It matched Cheap pills" in page
    assert "Without it the comment would have been published." in page
    assert "The author was told" in page


def test_a_signal_that_nobody_can_read_any_more_does_not_close_the_desk(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.").comment
    screening = comment.screenings.get()
    screening.signals = [{"rule": "older"}, *screening.signals, 7]
    screening.save()
    assert "It matched Cheap pills" in text_of(desk.get(QUEUE))


def test_what_was_drawn_by_lot_is_shown_without_what_the_rules_saw(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.").comment
    QueueItem.objects.filter(pk=comment.pk).update(blind=True)
    comment.screenings.update(score=0.987)
    page = text_of(desk.get(QUEUE))
    assert "Drawn by lot: judge by the text alone." in page
    assert "the rule" not in page[page.index("Drawn by lot: judge") :]
    assert "The author was told" not in page
    assert "0.99" not in page
    assert "It matched" not in page


def make_rule(**fields: Any) -> ScreeningRule:
    given = {
        "key": "pills",
        "title": "Pills",
        "kind": "words",
        "mode": "live",
        "effect": "hold",
        "params": {"phrases": ["cheap pills"]},
        "changed_at": NOW,
        **fields,
    }
    return ScreeningRule.objects.create(site_id=1, **given)


def test_an_edited_comment_shows_what_the_edit_changed(desk: Client) -> None:
    thread = make_thread(premoderation=True)
    made = post(thread, "I like the old book.", name="Ana")
    edit_comment(
        comment_id=made.comment.pk,
        editor=author_of(made),
        source="I like the new book.",
        format=None,
        version=made.comment.version,
        now=NOW,
    )
    page = desk.get(QUEUE).content.decode()
    assert '<del><span class="hidden">[removed: </span> old<' in page
    assert '<ins><span class="hidden">[added: </span> new<' in page


def test_a_text_that_is_markup_stays_text(desk: Client) -> None:
    thread = make_thread(premoderation=True)
    post(thread, "<script>alert(1)</script> <img src=x onerror=alert(1)>", name="<b>Eve</b>")
    page = desk.get(QUEUE).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>Eve" not in page


@pytest.mark.parametrize("shown", ["", "?why=held", "?desk=mine"])
def test_the_number_of_queries_does_not_grow_with_what_waits(
    desk: Client, ida: User, shown: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_rule()
    thread = busy_thread(5)
    lease_next(site_id=1, user_id=ida.pk, count=3, now=timezone.now())
    desk.get(QUEUE)  # the site is asked for once and then remembered
    with django_assert_num_queries(20):
        assert desk.get(QUEUE + shown).status_code == 200
    busy_thread(195, thread=thread)
    lease_next(site_id=1, user_id=ida.pk, count=50, now=timezone.now())
    with django_assert_num_queries(20):
        assert desk.get(QUEUE + shown).status_code == 200


def busy_thread(count: int, *, thread: Thread | None = None) -> Thread:
    """Returns a thread in which so many comments wait, each with all that there can be about it."""
    thread = thread or make_thread("busy")
    author = post(thread, name="Root").participant
    for n in range(count):
        made = post(thread, f"Cheap pills, part {n} of {count}.", name=f"Guest {n}", to=1)
        comment = made.comment
        if n < 25:
            approve(comment)
            decide(comment_id=comment.pk, action="hold", actor=Actor(ActorKind.MODERATOR), now=NOW)
            edit_comment(
                comment_id=comment.pk,
                editor=Editor(participant=made.participant, is_moderator=True),
                source=f"Dear pills, part {n} of {count}.",
                format=None,
                version=stored(comment).version,
                now=NOW,
            )
    assert author.pk
    return thread


def approve(comment: Comment) -> None:
    decide(comment_id=comment.pk, action="approve", actor=Actor(ActorKind.MODERATOR), now=NOW)


def test_the_list_of_decisions_and_the_figures_take_the_same_queries_for_few_and_many(
    desk: Client, ida: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    desk.get(QUEUE)  # the site is asked for once and then remembered
    for count in (2, 40):
        for comment in held(count, key=f"t{count}"):
            decide(comment_id=comment.pk, action="approve", actor=actor(ida), now=timezone.now())
        with django_assert_num_queries(10):
            assert desk.get(f"{QUEUE}decisions/").status_code == 200
        with django_assert_num_queries(11):
            assert desk.get(f"{QUEUE}dashboard/").status_code == 200


# Deciding


@pytest.mark.parametrize(
    ("action", "status", "done"),
    [("approve", "approved", "Approved"), ("spam", "spam", "Marked as spam")],
)
def test_a_form_decides_and_leads_back_to_the_list_it_was_sent_from(
    desk: Client, action: str, status: str, done: str
) -> None:
    comment = held()[0]
    answer = send(desk, comment, action, back="why=held")
    assert (answer.status_code, answer["Location"]) == (302, f"{QUEUE}?why=held")
    assert stored(comment).status == status
    assert f"{done}: the comment by Guest 0." in text_of(desk.get(answer["Location"]))


def test_a_rejection_tells_the_author_the_sentence_of_its_reason(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "reject", reason="insult", note="again")
    row = LogRow.objects.get(kind="decision")
    assert (row.action, row.reason) == ("reject", "insult")
    assert row.text.public_reason == "It attacks a person instead of what was said."
    assert row.text.note == "again"
    assert stored(comment).held_told == row.text.public_reason


def test_a_rejection_can_tell_the_author_something_else(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "reject", reason="insult", public_reason=" Kindly, please. ")
    assert LogRow.objects.get(kind="decision").text.public_reason == "Kindly, please."


def test_replies_go_too_when_the_moderator_says_so(desk: Client) -> None:
    thread = make_thread()
    root = post(thread).comment
    reply = post(thread, to=1).comment
    decide(comment_id=root.pk, action="hold", actor=Actor(ActorKind.MODERATOR), now=NOW)
    send(desk, stored(root), "spam", replies="remove")
    assert stored(root).replies_policy == RepliesPolicy.REMOVE
    assert not stored(reply).visible


def test_holding_what_waits_leaves_it_waiting_and_gives_up_the_lease(
    desk: Client, ida: User
) -> None:
    comment = held()[0]
    lease_next(site_id=1, user_id=ida.pk, count=1, now=timezone.now())
    answer = send(desk, comment, "hold", headers=FRAGMENT)
    assert "Left waiting." in answer.content.decode()
    assert not LogRow.objects.filter(kind="decision").exists()
    assert QueueItem.objects.get().leased_by is None


def test_an_address_to_go_back_to_cannot_lead_elsewhere(desk: Client) -> None:
    comment = held()[0]
    answer = send(desk, comment, "approve", back="//evil.example/?a=b\r\nX: y")
    assert answer["Location"].startswith(f"{QUEUE}?")


@pytest.mark.parametrize("fragment", [False, True])
def test_second_moderator_is_told_who_decided_what_when_and_why(
    desk: Client, fragment: bool
) -> None:
    comment = held()[0]
    bo = make_moderator("bo")
    decide(
        comment_id=comment.pk,
        action="reject",
        actor=actor(bo),
        now=NOW,
        reasons=Reasons("off_topic", "Not here.", "see the rules"),
    )
    answer = send(desk, comment, "approve", headers=FRAGMENT if fragment else {})
    assert answer.status_code == 409
    said = text_of(answer)
    assert "Your decision was not carried out. bo rejected it (Off topic), 23 Nov 12:00" in said
    assert "Told the author: “Not here.”. Note: “see the rules”" in said
    assert "It is rejected now." in said
    assert stored(comment).status == "rejected"


def test_a_decision_about_an_earlier_text_is_refused_and_shows_the_new_one(desk: Client) -> None:
    thread = make_thread(premoderation=True)
    made = post(thread, "The old text.", name="Eve")
    edit_comment(
        comment_id=made.comment.pk,
        editor=author_of(made),
        source="The new text.",
        format=None,
        version=made.comment.version,
        now=NOW,
    )
    answer = send(desk, made.comment, "approve", headers=FRAGMENT)
    assert answer.status_code == 412
    said = text_of(answer)
    assert "Its author has changed the text since you saw it" in said
    assert "[removed: old ] [added: new ]" in said
    assert send(desk, stored(made), "approve").status_code == 302


def test_a_comment_on_a_colleagues_desk_is_refused_and_says_whose(desk: Client) -> None:
    comment = held()[0]
    bo = make_moderator("bo")
    until = timezone.now() + timedelta(seconds=180)
    lease_next(site_id=1, user_id=bo.pk, count=1, now=timezone.now())
    clock = f"{timezone.localtime(until):%H:%M}"
    assert f"on bo’s desk until {clock}" in text_of(desk.get(QUEUE))
    answer = send(desk, comment, "approve", headers=FRAGMENT)
    assert answer.status_code == 409
    assert f"bo has it on the desk until {clock} ." in text_of(answer)


def test_what_its_author_took_back_is_not_there(desk: Client) -> None:
    comment = held()[0]
    missing = Comment(pk=10**12, version=1)
    assert send(desk, missing, "approve").status_code == 404
    assert desk.get(f"{QUEUE}comments/{10**12}/").status_code == 404
    for wrong in ({"version": "x"}, {"comment": "9" * 40}, {"action": "fly"}):
        assert send(desk, comment, "approve", **wrong).status_code == 400


# Leases


def test_next_ten_puts_ten_on_the_desk_and_putting_back_frees_them(desk: Client, ida: User) -> None:
    held(12)
    answer = desk.post(f"{QUEUE}next/")
    assert answer["Location"] == f"{QUEUE}?desk=mine"
    page = desk.get(answer["Location"])
    assert page.content.decode().count("<article") == 10
    assert "on your desk until" in text_of(page)
    desk.post(f"{QUEUE}put-back/")
    assert not QueueItem.objects.filter(leased_by=ida).exists()


def test_renewing_keeps_the_lease_and_tells_where_the_others_are(desk: Client, ida: User) -> None:
    comments = held(4)
    now = timezone.now() - timedelta(seconds=120)
    lease_next(site_id=1, user_id=ida.pk, count=2, now=now)
    lease_next(site_id=1, user_id=make_moderator("bo").pk, count=1, now=now)
    approve(comments[3])
    ids = [comment.pk for comment in comments]
    answer = desk.post(f"{QUEUE}renew/", {"mine": ids[:2], "shown": ids}).json()
    assert answer["mine"] == ids[:2]
    sentences = [answer["shown"][str(pk)] for pk in ids]
    assert sentences[0].startswith("on your desk until ")
    assert sentences[2].startswith("on bo’s desk until ")
    assert sentences[3] == "does not wait any more"
    renewed = QueueItem.objects.get(pk=ids[0]).leased_until
    assert renewed is not None
    assert renewed > timezone.now() + timedelta(seconds=170)


# Undoing


def test_the_last_decision_is_undone_by_one_press(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "reject", reason="insult")
    assert "Undo: rejected the comment by Guest 0" in text_of(desk.get(QUEUE))
    answer = desk.post(f"{QUEUE}undo/", {"back": ""}, headers=FRAGMENT)
    assert "Undone: the comment by Guest 0." in answer.content.decode()
    assert "data-waiting" in answer.content.decode()
    assert stored(comment).status == "held"
    assert QueueItem.objects.filter(pk=comment.pk).exists()
    assert desk.post(f"{QUEUE}undo/", headers=FRAGMENT).json() == {
        "said": "There is nothing of yours to undo."
    }


def test_anybodys_decision_is_undone_from_the_list(desk: Client) -> None:
    comment = held()[0]
    bo = make_moderator("bo")
    _, row = decide(comment_id=comment.pk, action="spam", actor=actor(bo), now=timezone.now())
    assert "Nothing was decided yet." in text_of(desk.get(f"{QUEUE}decisions/"))
    page = text_of(desk.get(f"{QUEUE}decisions/?whose=all"))
    assert "bo marked as spam the comment by Guest 0" in page
    answer = desk.post(f"{QUEUE}undo/", {"row": row.pk, "to": "decisions"})
    assert answer["Location"] == f"{QUEUE}decisions/"
    assert stored(comment).status == "held"
    assert "undone" in text_of(desk.get(f"{QUEUE}decisions/?whose=all"))


def test_an_undo_that_comes_too_late_is_told_who_was_first(desk: Client, ida: User) -> None:
    comment = held()[0]
    _, row = decide(comment_id=comment.pk, action="spam", actor=actor(ida), now=timezone.now())
    decide(comment_id=comment.pk, action="approve", actor=actor(make_moderator("bo")), now=NOW)
    answer = desk.post(f"{QUEUE}undo/", {"row": row.pk, "comment": comment.pk}, headers=FRAGMENT)
    assert answer.status_code == 409
    assert "bo approved it" in text_of(answer)


# Many at once


def items(comments: list[Comment]) -> list[str]:
    return [f"{comment.pk}:{comment.version}" for comment in comments]


def test_bulk_counts_first_then_tells_of_each_and_is_undone_as_one(desk: Client) -> None:
    comments = held(12)
    asked = desk.post(f"{QUEUE}bulk/", {"items": items(comments), "action": "approve"})
    assert "Approve 12 comments?" in text_of(asked)
    assert Comment.objects.filter(status="held").count() == 12
    bo = make_moderator("bo")
    decide(comment_id=comments[5].pk, action="spam", actor=actor(bo), now=timezone.now())
    done = desk.post(
        f"{QUEUE}bulk/", {"items": items(comments), "action": "approve", "confirmed": "1"}
    )
    said = text_of(done)
    assert "11 of 12 approved" in said
    assert "Not changed: bo marked as spam it" in said
    assert Comment.objects.filter(status="approved").count() == 11
    batch = LogRow.objects.filter(kind="decision").exclude(batch="").values_list("batch").first()
    answer = desk.post(f"{QUEUE}undo/", {"batch": batch})
    assert "Undone: 11 of 11 decisions." in text_of(desk.get(answer["Location"]))
    assert Comment.objects.filter(status="held").count() == 11


def test_the_last_batch_is_undone_as_one_by_the_button(desk: Client, ida: User) -> None:
    comments = held(3)
    decide_about(
        items=[Item(comment.pk, comment.version) for comment in comments],
        action="spam",
        actor=actor(ida),
        now=timezone.now(),
    )
    assert "Undo: marked as spam 3 comments" in text_of(desk.get(QUEUE))
    assert desk.post(f"{QUEUE}undo/", headers=FRAGMENT).json() == {"go": QUEUE}
    assert Comment.objects.filter(status="held").count() == 3


def test_bulk_of_nothing_says_so(desk: Client) -> None:
    answer = desk.post(f"{QUEUE}bulk/", {"action": "approve"})
    assert answer.status_code == 400
    assert "Choose at least one comment" in text_of(answer)


# The figures


def test_the_figures_count_what_moderators_did(desk: Client, ida: User) -> None:
    make_rule()
    thread = make_thread()
    now = timezone.now()
    made = [
        post(thread, f"Cheap pills {n}.", name=f"Guest {n}", now=now - timedelta(minutes=10))
        for n in range(4)
    ]
    for n, action in enumerate(("spam", "spam", "approve")):
        comment = made[n].comment
        decide(comment_id=comment.pk, action=action, actor=actor(ida), now=now)  # type: ignore[arg-type]
    desk.post(f"{QUEUE}undo/")
    page = desk.get(f"{QUEUE}dashboard/")
    said = text_of(page)
    assert "Waiting now 2 " in said
    assert "Decided in 30 days 3 " in said
    assert "Median time to decision 10 min" in said
    assert "Undone 33.3 %" in said
    assert "Pills: 100 % (2 of 2)" in said
    assert page.content.decode().count('role="img"') == 3


def test_pages_of_the_desk_hold_no_inline_script_or_style(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "approve")
    for page in [*PAGES, f"comments/{comment.pk}/", "decisions/?whose=all"]:
        answer = desk.get(QUEUE + page)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "<style" not in text
        assert ' style="' not in text
        assert "<script>" not in text
        assert "script-src 'self'" in answer["Content-Security-Policy"]
