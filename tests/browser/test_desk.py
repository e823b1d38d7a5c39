"""The moderation desk in Chromium, by keyboard alone, by two moderators at once, on a phone."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.logbook import Actor
from comments.actions.moderating import Reasons
from comments.actions.sanctioning import impose_sanction
from comments.models import (
    ActorKind,
    LogRow,
    Moderator,
    Participant,
    QueueItem,
    Sanction,
)
from tests.browser.browsers import DESK, overflow
from tests.browser.desking import PHONE, QUEUE, card, full_desk, held, opener, reported, states

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_moderator_works_by_keyboard_alone(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    loud, comments = reported(), held(12)
    with opener(chromium, live_server, sessions) as open_:
        page = open_()
        press = page.keyboard.press
        status = page.get_by_role("status").filter(has_text=re.compile(".")).last

        # Ten of them, the most urgent first: what readers have reported.
        press("n")
        expect(page).to_have_url(f"{live_server.url}{QUEUE}?desk=mine")
        expect(page.get_by_role("article")).to_have_count(10)
        expect(page.get_by_role("article").first).to_have_attribute("id", f"comment-{loud.pk}")
        expect(card(page, loud)).to_have_attribute("aria-current", "true")
        expect(card(page, loud)).to_contain_text("on your desk until")

        press("j")
        expect(card(page, comments[0])).to_be_focused()
        press("j")
        expect(card(page, comments[1])).to_be_focused()
        press("k")
        press("k")
        expect(card(page, loud)).to_be_focused()

        # The replies, then a hold; what readers could see waits now.
        press("c")
        expect(status).to_have_text("If it goes away, its replies are folded.")
        press("h")
        expect(status).to_have_text("Held: the comment by Eve.")
        expect(card(page, comments[0])).to_be_focused()

        press("a")
        expect(card(page, comments[0])).to_contain_text("Approved: the comment by Guest 1.")
        expect(card(page, comments[1])).to_be_focused()

        # Reason 2, with its sentence.
        press("r")
        panel = card(page, comments[1])
        expect(panel.get_by_role("group", name="Why?")).to_be_visible()
        expect(panel.get_by_role("radio", name="9 Another reason")).to_be_focused()
        press("2")
        expect(card(page, comments[1])).to_contain_text("Rejected: the comment by Guest 2.")
        expect(card(page, comments[2])).to_be_focused()

        # And again in words of one's own.
        press("r")
        press("Shift+Digit1")
        told = card(page, comments[2]).get_by_role("textbox", name="What the author is told")
        expect(told).to_be_focused()
        expect(told).to_have_value("It has nothing to do with the subject of this page.")
        page.keyboard.type("Bread is round.")
        press("Tab")
        page.keyboard.type("as usual")
        press("Tab")
        press("Enter")
        expect(card(page, comments[2])).to_contain_text("Rejected: the comment by Guest 3.")
        expect(card(page, comments[3])).to_be_focused()

        press("s")
        expect(card(page, comments[3])).to_contain_text("Marked as spam")
        press("u")
        expect(card(page, comments[3])).to_be_focused()
        expect(status).to_have_text("Undone: the comment by Guest 4.")
        expect(card(page, comments[3]).get_by_role("button", name="a Approve")).to_be_visible()

        # Escape closes the reasons again, and letters in a field are letters.
        press("r")
        press("Escape")
        expect(card(page, comments[3])).to_be_focused()
        press("s")
        expect(card(page, comments[4])).to_be_focused()

        press("Shift+?")
        keys = page.get_by_role("dialog", name="Keys")
        expect(keys).to_be_visible()
        press("Escape")
        expect(keys).to_be_hidden()
    assert states([loud, *comments[:5]]) == [
        "held",
        "approved",
        "rejected",
        "rejected",
        "spam",
        "held",
    ]
    loud.refresh_from_db()
    assert loud.replies_policy == "collapse"
    reasons = [
        (row.reason, row.text.public_reason, row.text.note)
        for row in LogRow.objects.filter(action="reject").order_by("pk")
    ]
    assert reasons == [
        ("insult", "It attacks a person instead of what was said.", ""),
        ("off_topic", "Bread is round.", "as usual"),
    ]


def test_many_are_chosen_counted_decided_and_undone_by_keyboard(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    comments = held(12)
    with opener(chromium, live_server, sessions) as open_:
        page = open_()
        for _ in range(3):
            page.keyboard.press("x")
            page.keyboard.press("j")
        expect(page.locator("#chosen")).to_have_text("3 comments are chosen.")
        page.get_by_role("checkbox", name="All on this page").focus()
        page.keyboard.press("Space")
        expect(page.locator("#chosen")).to_have_text("12 comments are chosen.")
        page.keyboard.press("Tab")
        expect(page.get_by_role("combobox", name="With those that are chosen")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Approve 12 comments?")).to_be_visible()
        expect(page.get_by_role("button", name="Approve 12 comments")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="12 of 12 approved")).to_be_visible()
        page.get_by_role("button", name="Undo all 12").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="12 waiting")).to_be_visible()
        expect(page.get_by_text("Undone: 12 of 12 decisions.")).to_be_visible()
    assert states(comments) == ["held"] * 12


def test_second_moderator_is_told_in_place_who_was_first(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    comments = held(2)
    with opener(chromium, live_server, sessions) as open_:
        ida, bo = open_(), open_(as_="bo")
        bo.keyboard.press("r")
        bo.keyboard.press("2")
        expect(card(bo, comments[0])).to_contain_text("Rejected: the comment by Guest 1.")

        expect(bo.get_by_role("heading", name="1 waiting")).to_be_visible()
        expect(ida.get_by_role("heading", name="2 waiting")).to_be_visible()
        ida.keyboard.press("a")
        expect(ida.get_by_role("heading", name="1 waiting")).to_be_visible()
        alert = card(ida, comments[0]).get_by_role("alert")
        expect(alert).to_contain_text("Your decision was not carried out.")
        expect(alert).to_contain_text(re.compile(r"bo rejected it \(Insult or threat\), \d+ \w+ "))
        expect(alert).to_contain_text("It attacks a person instead of what was said.")
        expect(alert).to_contain_text("It is rejected now.")
        expect(card(ida, comments[0])).to_be_focused()
        ida.keyboard.press("j")
        ida.keyboard.press("a")
        expect(card(ida, comments[1])).to_contain_text("Approved")
    assert states(comments) == ["rejected", "approved"]


def test_what_a_colleague_has_on_the_desk_is_shown_and_cannot_be_taken(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    comments = held(12)
    with opener(chromium, live_server, sessions) as open_:
        bo = open_(as_="bo")
        bo.keyboard.press("n")
        expect(bo.get_by_role("article")).to_have_count(10)
        ida = open_()
        expect(card(ida, comments[0])).to_contain_text("on bo’s desk until")
        ida.keyboard.press("a")
        expect(card(ida, comments[0]).get_by_role("alert")).to_contain_text(
            "bo has it on the desk until"
        )
        # Bo gets ten others than Ida.
        ida.keyboard.press("n")
        expect(ida).to_have_url(f"{live_server.url}{QUEUE}?desk=mine")
        expect(ida.get_by_role("article")).to_have_count(2)
    assert states(comments) == ["held"] * 12


def test_a_lease_is_renewed_while_the_page_is_open(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    held(1)
    with opener(chromium, live_server, sessions) as open_:
        page = open_("/admin/moderation/dashboard/")
        page.clock.install()
        page.goto(f"{live_server.url}{QUEUE}")
        page.keyboard.press("n")
        expect(page).to_have_url(f"{live_server.url}{QUEUE}?desk=mine")
        with page.expect_response(f"{live_server.url}{QUEUE}renew/") as answered:
            page.clock.fast_forward(61_000)
        told = answered.value.json()
        assert len(told["mine"]) == 1
        assert "on your desk until" in json.dumps(told["shown"])
    assert QueueItem.objects.get().leased_by == User.objects.get(username="ida")


def test_the_queue_works_without_javascript(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    comments = held(3)
    with opener(chromium, live_server, sessions) as open_:
        page = open_(java_script_enabled=False)
        one = card(page, comments[0])
        one.get_by_role("button", name="a Approve").click()
        expect(page.get_by_text("Approved: the comment by Guest 1.")).to_be_visible()
        two = card(page, comments[1])
        two.locator("summary", has_text="r Reject").click()
        two.get_by_role("radio", name="2 Insult or threat").check()
        two.get_by_role("button", name="Reject", exact=True).click()
        expect(page.get_by_text("Rejected: the comment by Guest 2.")).to_be_visible()
        page.get_by_role("button", name="u Undo: rejected the comment by Guest 2").click()
        expect(page.get_by_text("Undone: the comment by Guest 2.")).to_be_visible()
        page.get_by_role("button", name="? Keys").click()
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert states(comments) == ["approved", "held", "held"]


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize("label", ["2 Insult or threat", "go too"])
def test_enter_in_a_field_decides_nothing(
    sessions: dict[str, str], live_server: LiveServer, chromium: str, scripted: bool, label: str
) -> None:
    loud = reported()
    with opener(chromium, live_server, sessions) as open_:
        page = open_(java_script_enabled=scripted)
        card(page, loud).locator("summary", has_text="r Reject").click()
        card(page, loud).get_by_role("radio", name=label).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Enter alone decides nothing; press a button.")).to_be_visible()
        expect(card(page, loud).get_by_role("button", name="a Approve")).to_be_visible()
    assert not LogRow.objects.filter(kind="decision").exists()


def test_keys_can_be_switched_off(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    comments = held(1)
    with opener(chromium, live_server, sessions) as open_:
        page = open_()
        page.keyboard.press("Shift+?")
        page.get_by_role("checkbox", name="Use these keys").uncheck()
        page.get_by_role("button", name="Close").click()
        page.reload()
        page.keyboard.press("a")
        page.keyboard.press("Shift+?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        expect(card(page, comments[0]).get_by_role("button", name="a Approve")).to_be_visible()
    assert states(comments) == ["held"]


def test_every_key_has_a_button_or_a_field_with_a_name(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    loud = reported()
    with opener(chromium, live_server, sessions) as open_:
        page = open_()
        for name in ("n Next ten", "k Previous", "j Next", "? Keys"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
        one = card(page, loud)
        for name in ("a Approve", "s Spam", "h Hold"):
            expect(one.get_by_role("button", name=name, exact=True)).to_be_visible()
        expect(one.locator("summary", has_text="r Reject")).to_be_visible()
        expect(one.get_by_role("group", name="c If it goes away, its replies")).to_be_visible()
        expect(one.get_by_role("checkbox", name="Choose the comment by Eve")).to_be_visible()
        unnamed = page.evaluate(
            "[...document.querySelectorAll('main :is(button, input, select, textarea)')]"
            ".filter(e => e.type !== 'hidden' && !e.hidden && !e.labels?.length"
            " && !e.textContent.trim() && !e.getAttribute('aria-label')).map(e => e.outerHTML)"
        )
        assert unnamed == []
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))


def test_an_author_is_limited_and_freed_by_keyboard_in_place(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    Moderator.objects.create(site_id=1, user=User.objects.get(username="ida"), sanction=True)
    comments = held(2)
    with opener(chromium, live_server, sessions) as open_:
        page = open_()
        press = page.keyboard.press
        status = page.get_by_role("status").filter(has_text=re.compile(".")).last
        press("j")
        one = card(page, comments[1])
        expect(one).to_be_focused()
        summary = one.locator("details.limit > summary")
        while not summary.evaluate("summary => summary === document.activeElement"):
            press("Tab")
        press("Enter")
        press("Tab")
        expect(one.get_by_role("combobox", name="From now on")).to_be_focused()
        page.keyboard.type("they may not write for")
        press("Tab")
        press("Tab")
        expect(one.get_by_label("or until")).to_be_focused()
        press("Enter")
        expect(status).to_have_text("Enter alone decides nothing; press a button.")
        told = one.get_by_role("textbox", name="What they are told")
        told.focus()
        page.keyboard.type("as i said")
        one.get_by_role("button", name="Limit from now on").focus()
        press("Enter")
        alert = one.get_by_role("alert")
        expect(alert).to_have_text("Nothing was limited. A mute ends some time.")
        expect(told).to_have_value("as i said")
        one.get_by_role("combobox", name="How long").focus()
        page.keyboard.type("for a week")
        one.get_by_role("button", name="Limit from now on").focus()
        press("Enter")
        expect(status).to_have_text("Limited: Guest 2.")
        expect(one).to_contain_text("They were told: “as i said”")
        expect(one).to_be_focused()
        one.get_by_role("button", name="Lift: They may not write").focus()
        press("Enter")
        expect(status).to_have_text("No longer limited in this way: Guest 2.")
        expect(one).not_to_contain_text("author limited")
    assert states(comments) == ["held", "held"]
    assert list(LogRow.objects.filter(kind="sanction").values_list("action", flat=True)) == [
        "mute",
        "lift",
    ]


def test_an_address_is_shown_once_without_javascript(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    Moderator.objects.create(site_id=1, user=User.objects.get(username="ida"), sanction=True)
    comment = held(1)[0]
    Participant.objects.update(email="guest@private.example")
    with opener(chromium, live_server, sessions) as open_:
        page = open_(java_script_enabled=False)
        card(page, comment).get_by_role("link", name="Guest 1", exact=True).click()
        page.get_by_role("button", name="Show the private address").click()
        expect(page.get_by_text("guest@private.example")).to_be_in_viewport()
        page.goto(f"{live_server.url}{QUEUE}participants/{comment.author_id}/")
        expect(page.get_by_text("guest@private.example")).to_have_count(0)
    assert LogRow.objects.filter(kind="look").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_list_of_the_admin_is_cut_on_a_phone(
    sessions: dict[str, str], live_server: LiveServer, chromium: str, scheme: str
) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("chief", password="a-password-for-tests"))
    sessions["chief"] = client.cookies[settings.SESSION_COOKIE_NAME].value
    full_desk()
    with opener(chromium, live_server, sessions) as open_:
        page = open_("/admin/", as_="chief", viewport=PHONE, color_scheme=scheme)
        for name in ("comment", "logrow", "flag", "screeningrule", "participant", "thread"):
            page.goto(f"{live_server.url}/admin/comments/{name}/")
            cut = page.locator(".results").evaluate("box => box.scrollWidth - box.clientWidth")
            assert cut == 0, name
            assert overflow(page) == 0, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_the_pages_of_the_desk_fit(
    sessions: dict[str, str],
    live_server: LiveServer,
    chromium: str,
    scheme: str,
    window: dict[str, int],
) -> None:
    Moderator.objects.create(site_id=1, user=User.objects.get(username="ida"), sanction=True)
    loud = full_desk()[0]
    who = f"{QUEUE}participants/{loud.author_id}/"
    impose_sanction(
        participant_id=loud.author_id or 0,
        kind=Sanction.Kind.HOLD,
        until=None,
        actor=Actor(ActorKind.MODERATOR),
        now=timezone.now(),
        reasons=Reasons(public="unbreakable" * 20),
    )
    with opener(chromium, live_server, sessions) as open_:
        pages = ("decisions/?whose=all", "dashboard/")
        for address in ("/admin/", QUEUE, who, *(f"{QUEUE}{page}" for page in pages)):
            page = open_(address, viewport=window, color_scheme=scheme)
            assert overflow(page) == 0, address
            page.context.close()
        page = open_(viewport=window, color_scheme=scheme)
        card(page, loud).locator("details.limit > summary").click()
        assert overflow(page) == 0
        page.keyboard.press("r")
        assert overflow(page) == 0
        page.keyboard.press("Escape")
        page.get_by_role("checkbox", name="All on this page").check()
        page.get_by_role("button", name="Count them first").click()
        expect(page.get_by_role("heading", name="Approve 5 comments?")).to_be_visible()
        assert overflow(page) == 0
        page.get_by_role("button", name="Approve 5 comments").click()
        expect(page.get_by_role("heading", name="5 of 5 approved")).to_be_visible()
        assert overflow(page) == 0
