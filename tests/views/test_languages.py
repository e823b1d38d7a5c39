"""Pages in the language of their site: nothing on them is English that cannot be translated."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from blog.models import Post, Series, SeriesPart
from comments.actions.changing import delete_comment
from comments.actions.generating import generate_thread
from comments.actions.subscribing import Change, Times, change_settings, leave
from comments.actions.suppressing import suppress
from comments.errors import refusals
from comments.language import LANGUAGES
from comments.models import (
    Comment,
    Frequency,
    RepliesPolicy,
    SiteSettings,
    Subscriber,
    Thread,
    ThreadState,
)
from comments.views import language as languages
from comments.views.language import fragment_language
from comments.words import Sentence
from tests.mailing import ASKER, asked, confirmed, post_as, subscribed
from tests.making import author_of, decide, fresh, later, make_thread, post, stored
from tests.speaking import LANGUAGE, english_on, speak, teach
from tests.views.browsing import Browser, text_of

pytestmark = pytest.mark.django_db
HOST = pytest.mark.urls("tests.views.host")
PAGE = "/posts/nea/"
TITLE, TEXT, NAME = "Νέα", "Κείμενο.", "Άννα"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the pages see a minute after ``NOW``, when what the tests set up has been."""
    monkeypatch.setattr(timezone, "now", lambda: later(60))


@pytest.fixture
def speaking(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Lets the site speak the language of tests."""
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, site_name="Ιστολόγιο")
    teach(monkeypatch)
    speak(LANGUAGE)


@pytest.fixture
def thread(speaking: None) -> Thread:
    """Returns the thread of a post in a series."""
    thread = make_thread("nea", title=TITLE)
    series = Series.objects.create(site_id=1, title="Σειρά", slug="seira")
    parts = [
        SeriesPart.objects.create(series=series, part=n, label=str(n), title=TITLE) for n in (1, 2)
    ]
    Post.objects.create(
        site_id=1,
        slug="nea",
        title=TITLE,
        body_html=f"<p>{TEXT}</p>",
        author_notes_html=f"<p>{TEXT}</p>",
        published_on=date(2026, 11, 23),
        thread=thread,
        series_part=parts[0],
    )
    return thread


def see(address: str, *, status: int = 200, browser: Browser | None = None) -> Browser:
    """Returns a browser at an address, after looking for English there."""
    browser = browser or Browser()
    shown = browser.open(address)
    assert shown.status == status
    assert_translated(browser)
    return browser


def assert_translated(browser: Browser) -> None:
    """Checks that the page a browser shows has no English of its own, and says its language."""
    assert english_on(browser.shown.root) == []
    assert (browser.shown.root.get("lang"), browser.shown.root.get("dir")) == (LANGUAGE, "ltr")


# --- nothing is left in English ------------------------------------------------------------------


def test_the_pages_of_the_blog(thread: Thread) -> None:
    see("/")
    post(thread, TEXT, name=NAME)
    for address in ("/", PAGE, "/series/seira/"):
        see(address)


@pytest.mark.parametrize("address", ["/nothing/", "/posts/nothing/", "/series/nothing/"])
def test_what_is_not_there(speaking: None, address: str) -> None:
    see(address, status=404)


def test_a_page_with_every_kind_of_comment(thread: Thread) -> None:
    first = post(thread, TEXT, name=NAME)
    folding = post(thread, TEXT + " α", name=NAME)
    post(thread, TEXT + " β", name="Βίων", to=folding.comment.number)
    taken_back = post(thread, f"{TEXT} #1 @{NAME}", name=NAME)
    post(thread, f"{TEXT} γ #1", name=NAME, to=first.comment.number)
    decide(
        comment_id=folding.comment.pk,
        action="remove",
        now=later(5),
        replies_policy=RepliesPolicy.COLLAPSE,
    )
    version = stored(taken_back).version
    delete_comment(
        comment_id=taken_back.comment.pk,
        editor=author_of(taken_back),
        version=version,
        now=later(5),
    )
    for query in ("", "?sort=newest", "?sort=best", "?comment=3", "?reply_to=1"):
        see(f"{PAGE}{query}")
    see(f"{PAGE}?comment=99", status=404)


def test_a_long_thread_with_its_ways_and_holes(thread: Thread) -> None:
    generate_thread(site_id=1, key="nea", comments=120, seed=7)
    Comment.objects.update(html=f"<p>{TEXT}</p>", author_name=NAME, author_url="")
    shown = see(PAGE)
    assert shown.shown.all("li", class_="hole")
    see(f"{PAGE}?comment=20")
    see(f"{PAGE}?sort=newest")


def test_a_guest_who_writes_edits_and_deletes(thread: Thread) -> None:
    browser = see(PAGE)
    for button in ("preview", "post"):
        browser.press(button, source="")
        assert_translated(browser)
    browser.press("post", name=NAME, source="α" * 20_000, email="no address", url="gopher://a")
    assert_translated(browser)
    browser.press("post", name=NAME, source=TEXT, email="ana@example.org", url="", tell="instant")
    assert_translated(browser)
    browser.press("post", source=TEXT)
    assert_translated(browser)  # said twice
    number = Thread.objects.get().last_number
    assert number == 1
    comment_id = fresh(thread).comments.get().pk
    see(f"{PAGE}?edit={comment_id}", browser=browser)
    for button in ("preview-edit", "save"):
        browser.press(button, source="")
        assert_translated(browser)
    see(f"{PAGE}?delete={comment_id}", browser=browser)
    browser.press("delete")
    assert_translated(browser)
    browser.press("forget")
    assert_translated(browser)
    for query in ("?edit=1", "?delete=99", "?reply_to=99", "?reply_to=1"):
        see(f"{PAGE}{query}", status=browser.open(f"{PAGE}{query}").status)


@pytest.mark.parametrize("action", ["hold", "reject", "spam"])
def test_what_its_author_alone_sees(thread: Thread, action: Any) -> None:
    browser = Browser()
    browser.open(PAGE)
    browser.press("post", name=NAME, source=TEXT)
    comment = fresh(thread).comments.get()
    decide(comment_id=comment.pk, action=action, now=later(5))
    see(PAGE, browser=browser)


@pytest.mark.parametrize("state", [ThreadState.CLOSED, ThreadState.ARCHIVED])
def test_a_closed_thread_and_what_was_written_into_it(thread: Thread, state: str) -> None:
    browser = see(PAGE)
    Thread.objects.update(state=state)
    browser.press("post", name=NAME, source=TEXT)
    assert_translated(browser)


def test_premoderation_is_said_at_the_form(thread: Thread) -> None:
    Thread.objects.update(premoderation=True)
    browser = see(PAGE)
    browser.press("post", name=NAME, source=TEXT)
    assert_translated(browser)


@pytest.mark.parametrize("done", ["told", "telling", "limited", "untold", "asked", "deleted"])
def test_what_was_done_is_said(thread: Thread, done: str) -> None:
    see(f"{PAGE}?done={done}")


def test_the_form_to_subscribe(thread: Thread) -> None:
    browser = see(PAGE)
    browser.press("subscribe", email="no address")
    assert_translated(browser)
    browser.press("subscribe", email="")
    assert_translated(browser)
    browser.press("subscribe", email="ana@example.org", tz="Χώρα/Πόλη")
    assert_translated(browser)
    browser.press("subscribe", email="ana@example.org")
    assert_translated(browser)


def test_a_form_without_a_token_and_one_that_is_too_large(thread: Thread) -> None:
    browser = Browser()
    browser.post(PAGE, {"do": "post", "source": TEXT})
    assert browser.shown.status == 403
    assert_translated(browser)
    browser.open(PAGE)
    browser.post(PAGE, {"source": "x" * 300_000})
    assert browser.shown.status == 413
    assert_translated(browser)


@HOST
def test_each_page_behind_the_secret_in_a_mail(speaking: None) -> None:
    thread = make_thread("nea", title=TITLE, url="/pages/nea/")
    ana = subscribed(times=Times(tz="Europe/Berlin", send_hour=7))
    settings = reverse("subscription-settings", args=[ana.token])
    pending = asked(thread=thread, frequency=Frequency.INSTANT)
    confirm = reverse("subscription-confirm", args=[ana.token, pending.pk])
    see(settings)
    browser = see(confirm)
    confirmed(pending)
    see(confirm)
    browser.post(confirm, {})
    assert_translated(browser)
    commenter = post_as(thread, "ana@example.org", name=NAME, source=TEXT).participant
    confirmed(asked(participant=commenter, frequency=Frequency.WEEKLY))
    see(settings)
    conversation = f"conversation-{thread.pk}-1"
    for scope in ("site", conversation, f"thread-{thread.pk}"):
        address = reverse("subscription-leave", args=[ana.token, scope])
        browser = see(address)
        browser.post(address, {})
        assert_translated(browser)
        see(address)
    for done in ("saved", "paused", "resumed", "rejoined"):
        see(f"{settings}?done={done}&forget=1")
    change_settings(ana.token, change=Change(paused=True), site_id=1, asker=ASKER, now=later(30))
    see(settings)
    suppress(site_id=1, address="ana@example.org", why="550", now=later(40), asker=ASKER)
    for address in (settings, reverse("subscription-leave", args=[ana.token, "all"])):
        see(address)
    leave(ana.token, scope="all", site_id=1, asker=ASKER, now=later(50))
    see(settings)
    browser.post(settings, {"do": "save", "tz": "Χώρα/Πόλη"})
    assert_translated(browser)
    browser.post(settings, {"do": "nothing"})
    assert_translated(browser)
    browser.post(settings, {"do": "forget"})
    assert_translated(browser)
    see(settings, status=404)
    see(reverse("subscription-leave", args=["x" * 32, "all"]))
    assert not Subscriber.objects.exists()


FAULTS: dict[str, dict[str, str]] = {
    "nothing": {"source": "", "name": ""},
    "too long": {
        "source": TEXT,
        "name": "α" * 81,
        "email": f"{'a' * 250}@example.org",
        "url": f"https://example.org/{'a' * 500}",
    },
    "no addresses": {"source": TEXT, "name": NAME, "email": "α", "url": "α β"},
    "characters": {"source": "a\0b", "name": "a\0b", "email": "a\0@b.org", "url": "http://a\0"},
    "no choices": {"source": TEXT, "name": NAME, "format": "βήτα", "tell": "βήτα"},
    "another scheme": {"source": TEXT, "name": NAME, "url": "ftp://example.org"},
    "no address to tell": {"source": TEXT, "name": NAME, "tell": "instant"},
}


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
@pytest.mark.parametrize("fault", FAULTS)
@HOST
def test_what_is_wrong_with_a_field_is_said_in_the_language_of_the_site(
    fault: str, language: str
) -> None:
    make_thread("nea", title=TITLE)
    said = {}
    for code in ("en", language):
        speak(code)
        browser = Browser()
        browser.open("/pages/nea/")
        shown = browser.press("post", **FAULTS[fault])
        said[code] = [text_of(one) for one in shown.all("p", class_="error")]
    assert said["en"]
    assert len(said[language]) == len(said["en"])
    assert not set(said["en"]) & set(said[language])


@HOST
@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_what_is_wrong_with_a_wish_for_mail_is_said_in_the_language_of_the_site(
    language: str,
) -> None:
    make_thread("nea", title=TITLE)
    wrong = {"email": "a" * 300, "what": "β", "frequency": "β", "send_hour": "β", "tz": "β" * 65}
    said = {}
    for code in ("en", language):
        speak(code)
        browser = Browser()
        browser.open("/pages/nea/")
        shown = browser.press("subscribe", **wrong)
        said[code] = [text_of(one) for one in shown.all("p", class_="error")]
    assert len(said[language]) == len(said["en"]) == len(wrong)
    assert not set(said["en"]) & set(said[language])


def test_every_refusal_has_a_title_that_can_be_translated() -> None:
    plain = [
        kind.code
        for kind in refusals()
        if kind.status >= 400 and not isinstance(kind.title, Sentence)
    ]
    assert plain == []


# --- which language it is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "direction", "words"),
    [
        ("en", "ltr", "Leave a comment"),
        ("he", "rtl", "כתיבת תגובה"),
        ("de", "ltr", "Kommentar schreiben"),
        ("ru", "ltr", "Оставить комментарий"),
    ],
)
@HOST
def test_a_page_speaks_the_language_of_its_site(language: str, direction: str, words: str) -> None:
    speak(language)
    make_thread("nea", title=TITLE)
    browser = Browser(HTTP_ACCEPT_LANGUAGE="fr")
    root = browser.open("/pages/nea/").root
    assert (root.get("lang"), root.get("dir")) == (language, direction)
    section = browser.shown.get("comments")
    assert (section.get("lang"), section.get("dir")) == (language, direction)
    assert words in "".join(root.itertext())
    assert browser.shown.response["Content-Language"] == language
    assert "Accept-Language" not in browser.shown.response.get("Vary", "")


@HOST
def test_without_a_choice_it_is_the_language_of_the_installation(settings: Any) -> None:
    settings.LANGUAGE_CODE = "de-at"
    make_thread("nea")
    assert Browser().open("/pages/nea/").root.get("lang") == "de"


@HOST
def test_a_language_without_a_catalog_is_english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "fr"
    make_thread("nea")
    assert Browser().open("/pages/nea/").root.get("lang") == "en"


@HOST
def test_a_parameter_does_not_change_the_language_of_a_page() -> None:
    speak("he")
    make_thread("nea")
    assert Browser().open("/pages/nea/?lang=de").root.get("lang") == "he"


@pytest.mark.parametrize(
    ("query", "found"), [("lang=de", "de"), ("lang=he-IL", "he"), ("lang=tlh", "ru"), ("", "ru")]
)
def test_a_fragment_may_be_asked_for_in_another_language(query: str, found: str) -> None:
    request = RequestFactory().get(f"/api/v1/threads/nea/comments/?{query}")
    assert fragment_language(request, site_language="ru") == found


def test_programs_are_spoken_to_in_english() -> None:
    speak("he")
    answer = Client().get("/api/v1/threads/nothing/")
    assert answer.json()["detail"] == "There is no such thread."
    assert "Content-Language" not in answer
    assert 'lang="en"' in Client().get("/problems/").text


def test_the_language_is_as_before_when_the_answer_is_made() -> None:
    speak("he")
    before = get_language()
    Client().get("/")
    Client().get("/nothing/")
    assert get_language() == before


def test_a_page_is_answered_though_the_language_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> str:
        raise DatabaseError("away")

    monkeypatch.setattr(languages, "language_of", fail)
    assert Client().get("/nothing/").status_code == 404


def test_the_language_of_a_site_is_chosen_in_its_settings() -> None:
    field = SiteSettings._meta.get_field("language")
    assert [code for code, _ in field.get_choices(include_blank=False)] == list(LANGUAGES)
