"""Limits on people at the desk, the page of each, and looks at private addresses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from comments.actions.changing import delete_comment
from comments.actions.logbook import Actor
from comments.actions.moderating import Reasons, decide
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.sanctioning import impose_sanction, lift_sanction
from comments.errors import Sanctioned
from comments.models import ActorKind, Comment, LogRow, Moderator, Participant, Sanction, Thread
from tests.admin.desking import FRAGMENT, QUEUE, actor, held, text_of
from tests.making import NOW, author_of, make_moderator, make_thread, post

pytestmark = pytest.mark.django_db
ADDRESS = "pia@private.example"


@pytest.fixture
def strict(desk: Client, ida: User) -> Client:
    """Returns the browser of a moderator who may limit people, too."""
    Moderator.objects.create(site_id=1, user=ida, sanction=True)
    return desk


def author(comment: Comment) -> Participant:
    """Returns who wrote a comment."""
    assert comment.author is not None
    return comment.author


def limit(client: Client, about: Comment, **given: Any) -> Any:
    """Sends the form of a card."""
    headers = given.pop("headers", {})
    fields = {"participant": author(about).pk, "comment": about.pk, "action": "", **given}
    return client.post(f"{QUEUE}limit/", fields, headers=headers)


@pytest.mark.parametrize(
    ("given", "kind", "seconds"),
    [
        ({"kind": "hold"}, "hold", None),
        ({"kind": "ban", "period": ""}, "ban", None),
        ({"kind": "mute", "period": "3600"}, "mute", 3600),
        ({"kind": "mute", "period": "604800"}, "mute", 604800),
        ({"kind": "ban", "period": "17"}, "ban", None),
    ],
)
def test_a_form_on_the_card_limits_the_author(
    strict: Client, ida: User, given: dict[str, str], kind: str, seconds: int | None
) -> None:
    comment = held()[0]
    before = timezone.now()
    told = {"public_reason": " Cool down. ", "note": "third time"}
    answer = limit(strict, comment, back="why=held", **told, **given)
    assert (answer.status_code, answer["Location"]) == (302, f"{QUEUE}?why=held")
    made = Sanction.objects.get()
    assert (made.participant, made.kind, made.by) == (comment.author, kind, ida)
    assert made.public_reason == "Cool down."
    if seconds is None:
        assert made.until is None
    else:
        assert made.until is not None
        assert timedelta(0) <= made.until - before - timedelta(seconds=seconds) < timedelta(60)
    row = LogRow.objects.get(kind="sanction")
    assert (row.action, row.actor_id, row.text.note) == (kind, ida.pk, "third time")
    page = text_of(strict.get(answer["Location"]))
    assert "Limited: Guest 0." in page
    assert "author limited" in page
    assert "by you since" in page


def test_a_time_of_ones_own_is_read_by_the_clocks_of_the_site(
    strict: Client, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    limit(strict, held()[0], kind="mute", period="3600", until="2055-07-01T12:00")
    until = Sanction.objects.get().until
    assert until is not None
    assert f"{until:%Y-%m-%d %H:%M}" == "2055-07-01 10:00"


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": ""}, "Choose what is limited."),
        ({"kind": "flog"}, "Choose what is limited."),
        ({"kind": "mute"}, "A mute ends some time."),
        ({"kind": "ban", "until": "2001-01-01T00:00"}, "This time is past."),
        ({"kind": "ban", "until": "soon"}, "This is no date with a time."),
        ({"kind": "ban", "until": "2055-02-30T00:00"}, "This is no date with a time."),
        ({"kind": "ban", "until": "9999-12-31T23:59"}, "Leave the time out"),
    ],
)
def test_a_form_that_is_refused_says_why_and_keeps_what_was_typed(
    strict: Client, given: dict[str, str], sentence: str, scripted: bool
) -> None:
    comment = held()[0]
    headers = FRAGMENT if scripted else {}
    answer = limit(strict, comment, public_reason="My <words>.", headers=headers, **given)
    assert answer.status_code == 422
    assert answer.has_header("X-Desk-Refused") == scripted
    page = answer.content.decode()
    assert f"<b>Nothing was limited.</b> {sentence}" in page
    assert 'class="limit" open' in page
    assert "My &lt;words&gt;." in page
    assert not Sanction.objects.exists()
    assert not LogRow.objects.filter(kind="sanction").exists()


def test_the_script_gets_the_card_with_what_is_in_force(strict: Client) -> None:
    comment = held()[0]
    answer = limit(strict, comment, kind="hold", public_reason="For a while.", headers=FRAGMENT)
    said = text_of(answer)
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert "Everything they write waits for a moderator until somebody lifts it, by you" in said
    assert "They were told: “For a while.”" in said
    assert 'data-said="Limited: Guest 0."' in answer.content.decode()


def test_what_waits_because_its_author_is_limited_says_so(strict: Client) -> None:
    made = post(make_thread())
    limit(strict, made.comment, kind="hold")
    post(Thread.objects.get(), "And more.", by=made.participant, now=timezone.now())
    assert "Everything that its author writes waits." in text_of(strict.get(QUEUE))
    assert "And more." in text_of(strict.get(f"{QUEUE}?reason=sanctions"))


def test_enter_in_the_form_limits_nobody(strict: Client) -> None:
    assert limit(strict, held()[0], kind="ban", action="nothing").status_code == 302
    assert not Sanction.objects.exists()


def test_a_limit_is_lifted_by_a_button_and_the_record_says_which(strict: Client) -> None:
    comment = held()[0]
    limit(strict, comment, kind="ban")
    sanction = Sanction.objects.get()
    with pytest.raises(Sanctioned):
        post(Thread.objects.get(), by=author(comment))
    given = {"sanction": sanction.pk, "participant": author(comment).pk, "comment": comment.pk}
    answer = strict.post(f"{QUEUE}lift/", given, headers=FRAGMENT)
    assert "No longer limited in this way: Guest 0." in answer.content.decode()
    assert "author limited" not in text_of(answer)
    assert LogRow.objects.get(action="lift").undoes_id == sanction.log_row_id
    post(Thread.objects.get(), by=author(comment))
    again = strict.post(f"{QUEUE}lift/", given, headers=FRAGMENT)
    assert again.status_code == 409
    assert "This sanction has ended already." in text_of(again)


def test_who_may_not_limit_sees_the_limits_and_has_no_buttons(desk: Client) -> None:
    comment = held()[0]
    bo = make_moderator("bo")
    made = impose_sanction(
        participant_id=author(comment).pk,
        kind=Sanction.Kind.HOLD,
        until=None,
        actor=actor(bo),
        now=timezone.now(),
    )
    who = f"{QUEUE}participants/{author(comment).pk}/"
    for page in (desk.get(QUEUE), desk.get(who)):
        assert "by bo since" in text_of(page)
        assert f"{QUEUE}lift/" not in page.content.decode()
        assert "Limit what" not in text_of(page)
        assert f"{QUEUE}limit/" not in page.content.decode()
    assert limit(desk, comment, kind="ban").status_code == 403
    assert desk.post(f"{QUEUE}lift/", {"sanction": made.pk}).status_code == 403
    assert desk.post(f"{who}address/").status_code == 403
    assert Sanction.objects.get().lifted_at is None
    assert not LogRow.objects.filter(kind="look").exists()


def test_what_ran_out_or_was_lifted_is_not_shown_as_in_force(strict: Client) -> None:
    comment = held()[0]
    chief = Actor(ActorKind.MODERATOR)
    now = timezone.now()
    who = author(comment).pk
    impose_sanction(
        participant_id=who,
        kind=Sanction.Kind.MUTE,
        until=now - timedelta(hours=1),
        actor=chief,
        now=now - timedelta(hours=2),
        reasons=Reasons(public="Earlier words."),
    )
    ban = impose_sanction(
        participant_id=who, kind=Sanction.Kind.BAN, until=None, actor=chief, now=now
    )
    lift_sanction(sanction_id=ban.pk, actor=actor(make_moderator("bo")), now=now)
    assert "author limited" not in text_of(strict.get(QUEUE))
    page = text_of(strict.get(f"{QUEUE}participants/{who}/"))
    assert "They may do what everybody may." in page
    assert "Earlier words." in page
    assert "lifted by bo" in page


def written(thread: Thread, text: str = "A text.") -> Participant:
    """Returns a guest with a private address who has written."""
    return submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName("Pia", email=ADDRESS, url="https://pia.example/")),
        source=text,
        format="plain",
        reply_to_number=None,
        now=NOW,
    ).participant


def test_the_page_of_a_participant_says_what_is_known_but_not_the_address(
    strict: Client, ida: User
) -> None:
    thread = make_thread()
    pia = written(thread, "Her first words.")
    second = post(thread, "Her second words.", by=pia)
    third = post(thread, "Her third words.", by=pia)
    decide(comment_id=second.comment.pk, action="approve", actor=actor(ida), now=NOW)
    first = Comment.objects.get(number=1)
    decide(
        comment_id=first.pk,
        action="reject",
        actor=actor(ida),
        now=NOW,
        reasons=Reasons("insult", "Be kind.", "again"),
    )
    delete_comment(
        comment_id=third.comment.pk,
        editor=author_of(third),
        version=third.comment.version,
        now=NOW,
    )
    answer = strict.get(f"{QUEUE}participants/{pia.pk}/")
    page = text_of(answer)
    assert "Trust 50 %" in page
    assert "Approved 1" in page
    assert "Rejected 1" in page
    assert "a guest, here since 23 Nov 2026 , website https://pia.example/" in page
    assert "You rejected it (Insult or threat)" in page
    assert "Note: “again”" in page
    assert "taken back by its author #3" in page
    assert "Her third words." not in page
    assert page.index("rejected #1") > page.index("approved #2")
    assert ADDRESS not in answer.content.decode()
    assert not LogRow.objects.filter(kind="look").exists()


def test_an_address_is_shown_once_and_the_record_says_who_looked(strict: Client, ida: User) -> None:
    pia = written(make_thread())
    address = f"{QUEUE}participants/{pia.pk}/address/"
    assert strict.get(address).status_code == 405
    answer = strict.post(address)
    assert ADDRESS in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    row = LogRow.objects.get(kind="look")
    assert (row.actor_id, row.participant_id, row.reason) == (ida.pk, pia.pk, "address")
    assert ADDRESS not in strict.get(f"{QUEUE}participants/{pia.pk}/").content.decode()
    assert LogRow.objects.filter(kind="look").count() == 1


def test_a_limit_set_on_the_page_leads_back_to_it(strict: Client) -> None:
    pia = written(make_thread())
    page = f"{QUEUE}participants/{pia.pk}/"
    given = {"participant": pia.pk, "to": "participant", "comment": "", "kind": "hold"}
    answer = strict.post(f"{QUEUE}limit/", given)
    assert answer["Location"] == page
    assert "Everything they write waits" in text_of(strict.get(page))
    refused = strict.post(f"{QUEUE}limit/", {**given, "kind": "mute"})
    assert refused.status_code == 422
    assert "A mute ends some time." in text_of(refused)
    lifted = {"sanction": Sanction.objects.get().pk, "participant": pia.pk, "to": "participant"}
    assert strict.post(f"{QUEUE}lift/", lifted)["Location"] == page


def test_people_of_another_site_are_not_there(strict: Client) -> None:
    other = Site.objects.create(domain="other.example", name="other")
    pia = Participant.objects.create(site=other, name="Pia", email=ADDRESS, created_at=NOW)
    made = Sanction.objects.create(participant=pia, kind="ban", at=NOW)
    page = f"{QUEUE}participants/{pia.pk}/"
    assert strict.get(page).status_code == 404
    assert strict.post(f"{page}address/").status_code == 404
    assert strict.post(f"{QUEUE}limit/", {"participant": pia.pk, "kind": "ban"}).status_code == 404
    given = {"sanction": made.pk, "participant": pia.pk}
    assert strict.post(f"{QUEUE}lift/", given).status_code == 404
    for wrong in ({}, {"participant": "x"}):
        assert strict.post(f"{QUEUE}limit/", wrong).status_code == 400
        assert strict.post(f"{QUEUE}lift/", wrong).status_code == 400
    assert not LogRow.objects.filter(kind__in=["look", "sanction"]).exists()


def test_the_page_of_a_participant_takes_the_same_queries_for_little_and_much(
    strict: Client, ida: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    pia = written(make_thread())
    page = f"{QUEUE}participants/{pia.pk}/"
    now = timezone.now()

    def more(count: int) -> None:
        for n in range(count):
            made = post(Thread.objects.get(), f"Text {n} of {count}.", by=pia)
            decide(comment_id=made.comment.pk, action="approve", actor=actor(ida), now=NOW)
            imposed = impose_sanction(
                participant_id=pia.pk,
                kind=Sanction.Kind.HOLD,
                until=now + timedelta(hours=1),
                actor=actor(ida),
                now=now,
                reasons=Reasons(public="Told.", note="Noted."),
            )
            if n % 2:
                lift_sanction(sanction_id=imposed.pk, actor=actor(ida), now=now)

    strict.get(page)  # the site is asked for once and then remembered
    more(1)
    with django_assert_num_queries(16):
        assert strict.get(page).status_code == 200
    more(30)
    with django_assert_num_queries(16):
        assert strict.get(page).status_code == 200
