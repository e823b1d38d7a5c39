"""The pages of the rules in Chromium: written, tried and switched by keyboard, on any screen."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.ruling import install_default_rules
from comments.models import LogRow, Moderator, RuleVersion, ScreeningRule
from comments.rules.screening_kinds import KINDS
from tests.browser.browsers import DESK, overflow
from tests.browser.desking import PHONE, QUEUE, full_desk, opener
from tests.making import decide, make_thread, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RULES = f"{QUEUE}rules/"


@pytest.fixture(autouse=True)
def configuring(sessions: dict[str, str]) -> None:
    """Lets one of the two moderators configure the desk."""
    assert "ida" in sessions
    Moderator.objects.create(site_id=1, user=User.objects.get(username="ida"), configure=True)


def decided(text: str, action: str) -> None:
    """Posts a comment and lets a moderator decide about it."""
    thread = make_thread(f"past {text} {action}")
    comment = post(thread, text, now=timezone.now()).comment
    decide(comment_id=comment.pk, action=action, now=timezone.now())  # type: ignore[arg-type]


def tab_to(page: Page, role: str, name: str) -> None:
    """Presses Tab until a field or button has the focus, as one without a mouse does."""
    wanted = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
    expect(wanted).to_have_count(1)
    for _ in range(80):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never reaches the {role} “{name}”")


def test_a_rule_is_written_tried_and_switched_by_keyboard_alone(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    decided("Win in our casino today.", "spam")
    decided("The casino again.", "approve")
    decided("Bread and soup.", "approve")
    with opener(chromium, live_server, sessions) as open_:
        page = open_(RULES)
        press, type_ = page.keyboard.press, page.keyboard.type
        tab_to(page, "combobox", "What it looks at")
        type_("words")
        tab_to(page, "button", "Go on")
        press("Enter")
        tab_to(page, "textbox", "Title")
        type_("Games of chance")
        tab_to(page, "textbox", "Key")
        type_("Games!")
        tab_to(page, "textbox", "Words and phrases")
        type_("casino")
        tab_to(page, "combobox", "A hit asks to")
        type_("reject")
        tab_to(page, "button", "Make the rule")
        press("Enter")

        # What is wrong stands at its field, and everything else is still there.
        key = page.get_by_role("textbox", name="Key")
        expect(key).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_role("textbox", name="Words and phrases")).to_have_value("casino")
        key.focus()
        press("Control+a")
        type_("games")
        tab_to(page, "button", "Make the rule")
        press("Enter")
        expect(page.get_by_text("Made the rule “Games of chance”.")).to_be_visible()

        # In shadow at first; it does not go live untried.
        tab_to(page, "radio", "Shadow: watch and record, without effect")
        press("ArrowDown")
        tab_to(page, "button", "Save as version 2")
        press("Enter")
        refusal = page.get_by_role("alert")
        expect(refusal).to_contain_text("It has not been tried on past comments as it is now.")

        page.goto(f"{live_server.url}{RULES}")
        tab_to(page, "link", "Games of chance")
        press("Enter")
        tab_to(page, "button", "Try it on the newest 10000 comments")
        press("Enter")
        expect(page.get_by_text("2 hits among 3 comments")).to_be_visible()
        expect(page.get_by_text("precision 50 %")).to_be_visible()
        expect(page.get_by_text("The casino again.")).to_be_visible()

        # Too low; a moderator may still say why it goes live.
        tab_to(page, "radio", "Shadow: watch and record, without effect")
        press("ArrowDown")
        tab_to(page, "button", "Save as version 2")
        press("Enter")
        expect(refusal).to_contain_text("It cannot go live yet.")
        tab_to(page, "textbox", "Note for the record")
        type_("We are flooded.")
        tab_to(page, "checkbox", "Let it go live all the same; the note says why")
        press("Space")
        tab_to(page, "button", "Save as version 2")
        press("Enter")
        expect(page.get_by_text("Changed; this is version 2.")).to_be_visible()
        expect(page.get_by_role("radio", name="Live")).to_be_checked()
    rule = ScreeningRule.objects.get()
    assert (rule.key, rule.mode, rule.effect) == ("games", "live", "reject")
    assert RuleVersion.objects.count() == 2
    assert LogRow.objects.filter(kind="rule").latest("pk").evidence["override"] is True
    comment = post(make_thread("after"), "One more casino.", now=timezone.now()).comment
    assert comment.status == "rejected"


def test_rules_work_without_javascript(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    install_default_rules(site_id=1, now=timezone.now())
    rule = ScreeningRule.objects.get(kind="links")
    with opener(chromium, live_server, sessions) as open_:
        page = open_(RULES, java_script_enabled=False)
        page.get_by_role("link", name=rule.title).click()
        page.get_by_role("radio", name="Off").check()
        page.get_by_role("button", name=f"Save as version {rule.version + 1}").click()
        expect(page.get_by_text(f"Changed; this is version {rule.version + 1}.")).to_be_visible()
    rule.refresh_from_db()
    assert rule.mode == "off"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_the_pages_of_the_rules_fit(
    sessions: dict[str, str],
    live_server: LiveServer,
    chromium: str,
    scheme: str,
    window: dict[str, int],
) -> None:
    install_default_rules(site_id=1, now=timezone.now())
    full_desk()
    rules = [f"{RULES}{pk}/" for pk in ScreeningRule.objects.values_list("pk", flat=True)]
    forms = [f"{RULES}new/?kind={name}" for name in KINDS]
    with opener(chromium, live_server, sessions) as open_:
        page = open_(RULES, viewport=window, color_scheme=scheme)
        for address in (RULES, *rules, *forms):
            page.goto(f"{live_server.url}{address}")
            assert overflow(page) == 0, address
        page.goto(f"{live_server.url}{RULES}")
        page.get_by_role("button", name="Try on past comments the rule Pills").click()
        expect(page.locator("#simulation .tiles")).to_be_visible()
        assert overflow(page) == 0
