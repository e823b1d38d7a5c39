"""What a form knows of how it was filled in, for the rules that tell programs from people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.signing import Signer
from django.utils import timezone

from comments.models import Comment, Screening, ScreeningRule, Thread
from tests.making import NOW
from tests.views.browsing import Browser
from tests.views.host import make_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.views.host")]

PAGE = "/pages/a-thread/"


class Clock:
    """The time that the pages see."""

    def __init__(self) -> None:
        self.now = NOW

    def go_on(self, **passed: float) -> None:
        """Lets time pass."""
        self.now += timedelta(**passed)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Returns the clock of the pages, which a test sets."""
    made = Clock()

    def now() -> datetime:
        return made.now

    monkeypatch.setattr(timezone, "now", now)
    return made


@pytest.fixture
def thread() -> Thread:
    """Returns the thread of the page."""
    return make_page()


@pytest.fixture
def browser(thread: Thread, clock: Clock) -> Browser:
    """Returns a browser that shows the page."""
    shown = Browser()
    shown.open(PAGE)
    return shown


def make_rule(kind: str, **params: Any) -> None:
    """Makes a live rule that holds."""
    ScreeningRule.objects.create(
        site_id=1,
        key=kind,
        title=kind,
        kind=kind,
        mode="live",
        effect="hold",
        params=params,
        changed_at=NOW,
    )


def last() -> Comment:
    """Returns the newest comment."""
    return Comment.objects.latest("pk")


def test_a_form_with_the_unseen_field_filled_in_is_held_and_another_is_published(
    browser: Browser,
) -> None:
    make_rule("honeypot")
    page = browser.press("post", name="Bot", source="Buy!", subject="Hello", email="b@example.org")
    assert page.status == 200
    assert (last().status, last().held_reason) == ("held", "honeypot")
    assert Screening.objects.get(comment=last()).honeypot
    human = Browser()
    human.open(PAGE)
    human.press("post", name="Ana", source="A text.")
    assert last().status == "published"
    assert not Screening.objects.get(comment=last()).honeypot


def test_what_came_in_the_unseen_field_is_no_error_and_survives_a_preview(browser: Browser) -> None:
    make_rule("honeypot")
    page = browser.press("preview", source="Buy!", subject="x" * 5000 + "\0")
    assert page.status == 200
    browser.press("post", name="Bot")
    assert last().status == "held"


def test_the_unseen_field_is_passed_over_by_keyboards_screen_readers_and_autofill(
    browser: Browser,
) -> None:
    fields = browser.shown.all("input", name="subject")
    assert [one.get("id") for one in fields] == ["reply-subject", "subscribe-subject"]
    for field in fields:
        assert (field.get("type"), field.get("tabindex")) == (None, "-1")
        assert (field.get("autocomplete"), field.get("required")) == ("off", None)
    boxes = browser.shown.all("div", class_="out-of-sight")
    assert [box.get("aria-hidden") for box in boxes] == ["true", "true"]
    assert [one for box in boxes for one in box.iter("input")] == fields


@pytest.mark.parametrize(("seconds", "status"), [(2.9, "held"), (3.1, "published")])
def test_what_is_sent_very_soon_after_the_form_is_held(
    browser: Browser, clock: Clock, seconds: float, status: str
) -> None:
    make_rule("time_to_write", min_seconds=3)
    clock.go_on(seconds=seconds)
    browser.press("post", name="Ana", source="A text.")
    assert last().status == status
    assert Screening.objects.get(comment=last()).seconds_to_write == pytest.approx(seconds)


def test_the_time_runs_from_the_first_showing_through_previews_and_errors(
    browser: Browser, clock: Clock
) -> None:
    make_rule("time_to_write", min_seconds=3)
    for _ in range(3):
        clock.go_on(seconds=2)
        browser.press("preview", source="A text.")
        clock.go_on(seconds=2)
        assert browser.press("post", name="").status == 422
    browser.press("post", name="Ana")
    assert Screening.objects.get(comment=last()).seconds_to_write == pytest.approx(12)
    assert last().status == "published"


def opened(value: str, *, salt: str = "comments.form.opened") -> str:
    """Returns a form's time as we, or somebody else, would sign it."""
    return str(Signer(salt=salt).sign(value))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "1:2",
        "\ud7ff:x",
        opened("1795435200000", salt="another"),
        opened("1795435200000")[:-1] + "-",
        f"{int(NOW.timestamp() * 1000)}:",
    ],
)
def test_a_missing_or_forged_time_says_nothing_and_is_not_shown_again(
    browser: Browser, given: str
) -> None:
    make_rule("time_to_write", min_seconds=3600)
    page = browser.press("preview", source="A text.", opened=given)
    (field,) = page.all("input", name="opened")
    assert field.get("value") == ""
    browser.press("post", name="Ana")
    assert last().status == "published"
    assert Screening.objects.get(comment=last()).seconds_to_write is None


def test_a_form_older_than_a_day_says_nothing(browser: Browser, clock: Clock) -> None:
    make_rule("time_to_write", min_seconds=3)
    clock.go_on(hours=24, seconds=1)
    browser.press("preview", source="A text.")
    browser.press("post", name="Ana")
    assert Screening.objects.get(comment=last()).seconds_to_write is None
    other = Browser()
    other.open(PAGE)
    clock.go_on(hours=24, seconds=-1)
    other.press("post", name="Bea", source="Another text.")
    assert Screening.objects.get(comment=last()).seconds_to_write == pytest.approx(86_399)


def test_a_clock_that_runs_behind_counts_as_no_time(browser: Browser, clock: Clock) -> None:
    make_rule("time_to_write", min_seconds=3)
    clock.go_on(seconds=-2)
    browser.press("post", name="Ana", source="A text.")
    assert Screening.objects.get(comment=last()).seconds_to_write == 0
    assert last().status == "held"


def test_a_range_of_addresses_is_held_and_the_address_kept_nowhere(
    thread: Thread, clock: Clock
) -> None:
    make_rule("addresses", ranges=["2001:db8:7::/48", "198.51.100.0/24"])
    texts = {"2001:db8:7::99": "held", "198.51.100.77": "held", "203.0.113.5": "published"}
    for address, status in texts.items():
        browser = Browser(REMOTE_ADDR=address)
        browser.open(PAGE)
        browser.press("post", name=f"From {address[:5]}", source=f"Text {address[:5]}.")
        assert last().status == status
        assert address not in everything_stored()


def everything_stored() -> str:
    """Returns every row of every table of ours, as text."""
    return repr(
        [
            list(model._default_manager.values())
            for model in apps.get_app_config("comments").get_models()
        ]
    )
