"""Writing on a thread's page without JavaScript: preview, errors, posting once, being known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from comments.actions.people import token_of
from comments.actions.threads import change_thread
from comments.models import Comment, Participant, Thread, ThreadState
from comments.views.forms import SIMPLE_HTML
from comments.views.viewers import COOKIE
from tests.making import decide, later, make_moderator, post
from tests.views.browsing import FORM, Browser, text_of
from tests.views.host import make_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.views.host")]

PAGE = "/pages/a-thread/"


@pytest.fixture
def thread() -> Thread:
    """Returns the thread of the page, with one comment."""
    made = make_page(now=timezone.now() - timedelta(days=1))
    post(made, "First.", name="Bo", now=timezone.now() - timedelta(hours=1))
    return made


@pytest.fixture
def browser(thread: Thread) -> Browser:
    """Returns a browser that shows the page."""
    shown = Browser()
    shown.open(PAGE)
    return shown


def test_posting_leads_to_the_new_comment(browser: Browser) -> None:
    sent, page = browser.send("post", name="Ana", source="Hello.\r\n\r\nAgain.")
    assert sent.status == 303
    assert page.fragment == "comment-2"
    assert page.status == 200
    assert text_of(page.get("comment-2-by")) == "#2 Ana you"
    assert Comment.objects.get(number=2).source == "Hello.\n\nAgain."


def test_the_form_says_which_html_plain_text_takes_and_the_renderer_takes_it(
    browser: Browser,
) -> None:
    choice = browser.shown.all("fieldset", class_="field-choice")[0]
    said = text_of(choice)
    assert "Plain text takes simple HTML, too: <b> <i> " in said
    described_by = choice.get("aria-describedby") or ""
    assert "simple HTML" in text_of(browser.shown.get(described_by))
    for element in SIMPLE_HTML:
        assert element in said
        name = element.strip("<>").split()[0]
        source = element.replace("…", "https://example.org") + f"text</{name}>"
        page = browser.press("preview", source=f"<ul>{source}</ul>" if name == "li" else source)
        (preview,) = page.all("div", class_="preview")
        assert list(preview.iter(name)), name


def test_posting_in_a_long_thread_leads_to_the_page_of_the_new_comment(browser: Browser) -> None:
    for number in range(2, 56):
        post(Thread.objects.get(), f"Text {number}.", name=f"N{number}")
    page = browser.press("post", name="Ana", source="Hello.")
    assert page.address.endswith(f"{PAGE}?comment=56#comment-56")
    assert page.numbers()[-1] == 56


def test_a_reply_link_shows_the_form_below_the_comment_it_answers(browser: Browser) -> None:
    page = browser.open(browser.shown.link("Reply to comment 1", inside="comment-1"))
    assert page.fragment == "reply"
    assert text_of(page.get("reply-title")) == "Reply to #1 by Bo"
    assert len([form for form in page.all("section") if form.get("id") == "reply"]) == 1
    page = browser.press("post", name="Ana", source="An answer.")
    assert page.link("in reply to #1", inside="comment-2") == "#comment-1"
    assert Comment.objects.get(number=2).parent == Comment.objects.get(number=1)


def test_a_preview_shows_the_text_and_stores_nothing(browser: Browser) -> None:
    page = browser.press("preview", source="See **#1**, <b>Bo</b>.", format="markdown")
    assert page.status == 200
    assert page.fragment == "reply"
    (preview,) = page.all("div", class_="preview")
    assert text_of(preview) == "Preview – not posted yet See #1, Bo."
    assert [link.get("href") for link in preview.iter("a")] == [f"{PAGE}#comment-1"]
    assert Comment.objects.count() == 1
    assert not Participant.objects.filter(name="Ana").exists()
    typed = page.get("reply-source").text
    assert typed is not None
    assert typed.strip() == "See **#1**, <b>Bo</b>."
    page = browser.press("post", name="Ana")
    assert Comment.objects.get(number=2).format == "markdown"


def test_a_preview_of_a_reply_stays_below_the_comment_it_answers(browser: Browser) -> None:
    browser.open("?reply_to=1#reply")
    page = browser.press("preview", source="An answer.")
    assert text_of(page.get("reply-title")) == "Reply to #1 by Bo"
    assert page.get("reply-name").get("required") is not None
    browser.press("post", name="Ana")
    assert Comment.objects.get(number=2).reply_to == Comment.objects.get(number=1)


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"name": ""}, "name", "A name is needed."),
        ({"name": "\u200b\u202e"}, "name", "A name is needed."),
        ({"name": "x" * 81}, "name", "80 characters"),
        ({"name": "M\u043ederator"}, "name", "belongs to somebody here"),
        ({"name": "a\0b"}, "name", "Null characters"),
        ({"email": "nonsense"}, "email", "This is no e-mail address."),
        ({"url": "javascript:alert(1)"}, "url", "website"),
        ({"url": "ftp://example.org"}, "url", "http:// or https://"),
        ({"url": "https://example.org/" + "x" * 500}, "url", "500 characters"),
        ({"source": ""}, "source", "Write something"),
        ({"source": " \n\t "}, "source", "Write something"),
        ({"source": "x" * 10_001}, "source", "10,000 characters"),
        ({"source": "a\0b"}, "source", "Null characters"),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_typed_is_lost(
    browser: Browser, typed: dict[str, str], field: str, words: str
) -> None:
    make_moderator("Moderator")
    fields = {"name": "Ana", "email": "a@example.org", "url": "", "source": "My text."} | typed
    page = browser.press("post", **fields)
    assert page.status == 422
    assert page.fragment == "reply"
    assert words in page.error_beside(f"reply-{field}")
    assert any(words in notice for notice in page.notices())
    assert page.link(text_of_label(field), inside="reply") == f"#reply-{field}"
    for name, value in fields.items():
        element = page.get(f"reply-{name}")
        kept = element.text if name == "source" else element.get("value")
        assert (kept or "").replace("\ufffd", "\0").strip() == value.strip()
    assert Comment.objects.count() == 1


def text_of_label(field: str) -> str:
    return {"name": "Name", "email": "E-mail", "url": "Website", "source": "Comment"}[field]


def test_a_text_of_exactly_the_longest_length_is_taken(browser: Browser) -> None:
    browser.press("post", name="Ana", source="é" * 10_000)
    assert Comment.objects.get(number=2).source == "é" * 10_000


def test_a_website_without_a_scheme_is_taken_as_https(browser: Browser) -> None:
    browser.press("post", name="Ana", source="Hello.", url="example.org:8080/me")
    assert Comment.objects.get(number=2).author_url == "https://example.org:8080/me"


def test_the_same_form_sent_twice_is_one_comment(browser: Browser) -> None:
    form = {"name": "Ana", "source": "Hello.", "do": "post", "key": "a-key"}
    form["csrfmiddlewaretoken"] = token_on(browser)
    first = browser.post(PAGE, form)
    again = browser.post(PAGE, form)
    assert [answer.status for answer in (*first, *again)] == [303, 200, 303, 200]
    assert first[-1].address == again[-1].address
    assert Comment.objects.count() == 2


def token_on(browser: Browser) -> str:
    """Returns the CSRF token of the page shown."""
    tokens = [
        one.get("value") or ""
        for one in browser.shown.all("input")
        if one.get("name") == "csrfmiddlewaretoken"
    ]
    return tokens[0]


def test_a_form_sent_again_with_another_text_asks_once_more(browser: Browser) -> None:
    form = {"name": "Ana", "source": "Hello.", "do": "post", "key": "a-key"}
    form["csrfmiddlewaretoken"] = token_on(browser)
    browser.post(PAGE, form)
    (page,) = browser.post(PAGE, {**form, "source": "Something else."})
    assert page.status == 409
    assert "sent before, with another text" in page.notices()[0]
    browser.press("post")
    assert [comment.source for comment in Comment.objects.order_by("id")][1:] == [
        "Hello.",
        "Something else.",
    ]


def test_saying_the_same_again_is_told_in_words(browser: Browser) -> None:
    browser.press("post", name="Ana", source="Hello.")
    page = browser.press("post", name="Ana", source="Hello.")
    assert page.status == 409
    assert "exactly this a moment ago" in page.notices()[0]


def test_a_guest_is_known_by_a_cookie_that_no_script_can_read(browser: Browser) -> None:
    browser.press("post", name="Ana", source="Hello.", url="https://example.org")
    cookie = browser.client.cookies[COOKIE]
    participant = Participant.objects.get(name="Ana")
    assert cookie.value == token_of(participant)
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")
    assert cookie["max-age"] == 365 * 24 * 60 * 60
    page = browser.open(PAGE)
    assert page.get("reply-name").get("value") == "Ana"
    assert page.get("reply-url").get("value") == "https://example.org"
    page = browser.press("post", source="More.")
    assert Comment.objects.get(number=3).author == participant


def test_the_cookie_is_for_secure_connections_alone_where_the_site_says_so(
    browser: Browser, settings: Any
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    browser.press("post", name="Ana", source="Hello.")
    assert browser.client.cookies[COOKIE]["secure"] is True


def test_a_guests_address_is_kept_and_shown_to_nobody(browser: Browser) -> None:
    browser.press("post", name="Ana", source="Hello.", email="ana@example.org")
    page = browser.open(PAGE)
    assert "ana@example.org" not in page.response.content.decode()
    assert "Yours is known" in text_of(page.get("reply-email_helptext"))
    browser.press("post", source="More.")
    assert Participant.objects.get(name="Ana").email == "ana@example.org"


def test_a_guest_can_be_forgotten_by_the_browser(browser: Browser) -> None:
    browser.press("post", name="Ana", source="Hello.")
    page = browser.press("forget")
    assert page.notices() == ["This browser no longer knows you."]
    assert page.get("reply-name").get("value") is None
    assert "you" not in text_of(page.get("comment-2-by"))


@pytest.mark.parametrize("token", ["forged", "1.0:abc", "", "é", "1" * 4000])
def test_a_forged_cookie_is_nobody(browser: Browser, token: str) -> None:
    browser.client.cookies[COOKIE] = token
    page = browser.open(PAGE)
    assert page.status == 200
    assert page.get("reply-name").get("value") is None


def test_two_guests_of_one_name_are_two_participants(thread: Thread) -> None:
    for text in ("One.", "Two."):
        browser = Browser()
        browser.open(PAGE)
        browser.press("post", name="Ana", source=text)
    assert Participant.objects.filter(name="Ana").count() == 2


def test_a_signed_in_user_posts_under_his_own_name(browser: Browser) -> None:
    user = User.objects.create_user("ted", first_name="Ted", last_name="Belman")
    browser.client.force_login(user)
    page = browser.open(PAGE)
    assert page.find("reply-name") is None
    assert "You write as Ted Belman." in text_of(page.get("reply"))
    page = browser.press("post", source="Hello.", name="Somebody else")
    assert text_of(page.get("comment-2-by")) == "#2 Ted Belman you"
    assert COOKIE not in browser.client.cookies
    assert Participant.objects.get(user=user).name == "Ted Belman"


def test_a_moderator_is_marked_and_passes_premoderation(browser: Browser) -> None:
    change_thread(thread_id=Thread.objects.get().pk, now=later(1), premoderation=True)
    browser.client.force_login(make_moderator("Mo"))
    browser.open(PAGE)
    page = browser.press("post", source="Hello.")
    assert text_of(page.get("comment-2-by")) == "#2 Mo moderator you"


def test_a_held_comment_is_shown_to_its_author_alone_with_the_reason(browser: Browser) -> None:
    change_thread(thread_id=Thread.objects.get().pk, now=later(1), premoderation=True)
    browser.open(PAGE)
    page = browser.press("post", name="Ana", source="I wait.")
    held = Comment.objects.get(source="I wait.")
    assert page.fragment == f"waiting-{held.pk}"
    shown = text_of(page.get(f"waiting-{held.pk}"))
    assert "Waiting for a moderator. A moderator reads every comment on this page" in shown
    assert "I wait." in shown
    assert page.numbers() == [1]
    assert "I wait." not in Browser().open(PAGE).response.content.decode()
    decide(comment_id=held.pk, action="approve", now=timezone.now())
    assert browser.open(PAGE).numbers() == [1, 2]


@pytest.mark.parametrize(
    ("action", "words"),
    [("reject", "Not published by a moderator."), ("spam", "Taken for spam by a moderator.")],
)
def test_a_comment_that_a_moderator_takes_away_does_not_vanish_for_its_author(
    browser: Browser, action: Any, words: str
) -> None:
    browser.press("post", name="Ana", source="Hello.")
    mine = Comment.objects.get(source="Hello.")
    decide(comment_id=mine.pk, action=action, now=timezone.now())
    page = browser.open(PAGE)
    assert page.numbers() == [1]
    assert words in text_of(page.get(f"waiting-{mine.pk}"))


def test_too_many_posts_are_refused_in_a_sentence_that_keeps_the_text(
    browser: Browser, settings: Any
) -> None:
    settings.REJOINDER = settings.REJOINDER | {"RATE_LIMITS": {"RATE_LIMIT_POST_ADDRESS": "1/10m"}}
    browser.press("post", name="Ana", source="One.")
    page = browser.press("post", source="Two.")
    assert page.status == 429
    assert int(page.response["Retry-After"]) > 0
    assert "That was a lot in a short time." in page.notices()[0]
    assert (page.get("reply-source").text or "").strip() == "Two."


def test_a_guest_is_limited_under_whatever_address_he_comes(
    browser: Browser, settings: Any
) -> None:
    limits = {"RATE_LIMIT_POST_PARTICIPANT": "1/10m"}
    settings.REJOINDER = settings.REJOINDER | {"RATE_LIMITS": limits}
    browser.press("post", name="Ana", source="One.")
    browser.press("post", source="Two.")
    browser.client.defaults["REMOTE_ADDR"] = "203.0.113.9"
    assert browser.press("post", source="Three.").status == 429


def test_previews_have_a_limit_of_their_own(browser: Browser, settings: Any) -> None:
    limits = {"RATE_LIMIT_PREVIEW_ADDRESS": "1/1m"}
    settings.REJOINDER = settings.REJOINDER | {"RATE_LIMITS": limits}
    assert browser.press("preview", source="One.").status == 200
    assert browser.press("preview", source="Two.").status == 429


def test_a_thread_that_closes_meanwhile_gives_the_text_back(browser: Browser) -> None:
    change_thread(thread_id=Thread.objects.get().pk, now=later(1), state=ThreadState.CLOSED)
    page = browser.press("post", name="Ana", source="Too late.")
    assert page.status == 409
    assert "This thread is closed." in text_of(page.get("comments"))
    assert (page.get("kept-text").text or "").strip() == "Too late."


def test_a_comment_that_goes_away_meanwhile_gives_the_text_back(browser: Browser) -> None:
    browser.open("?reply_to=1#reply")
    decide(comment_id=Comment.objects.get().pk, action="reject", now=timezone.now())
    page = browser.press("post", name="Ana", source="An answer.")
    assert page.status == 409
    assert "You can post your text as a comment of its own." in page.notices()[-1]
    browser.press("post")
    assert Comment.objects.get(source="An answer.").reply_to is None


@pytest.mark.parametrize("number", ["x", "-1", "0", "77", "9" * 30, "1\x00"])
def test_a_forged_number_to_reply_to_is_an_error_of_the_form(browser: Browser, number: str) -> None:
    form = {"name": "Ana", "source": "Hello.", "do": "post", "reply_to": number}
    (page,) = browser.post(PAGE, form | {"csrfmiddlewaretoken": token_on(browser)})
    assert page.status == 422
    assert (page.get("reply-source").text or "").strip() == "Hello."
    assert Comment.objects.count() == 1


def test_missing_fields_are_errors_of_the_form(browser: Browser) -> None:
    (page,) = browser.post(PAGE, {"do": "post", "csrfmiddlewaretoken": token_on(browser)})
    assert page.status == 422
    assert page.error_beside("reply-name") == "A name is needed."


@pytest.mark.parametrize("format", ["", "html", "markdown\0"])
def test_a_format_is_one_of_two(browser: Browser, format: str) -> None:
    form = {"do": "post", "name": "Ana", "source": "*x*", "format": format}
    answers = browser.post(PAGE, form | {"csrfmiddlewaretoken": token_on(browser)})
    assert answers[0].status == (303 if format == "" else 422)


@pytest.mark.parametrize("do", ["", "everything", "save\0"])
def test_a_form_that_says_nothing_to_do_is_a_400(browser: Browser, do: str) -> None:
    (page,) = browser.post(PAGE, {"do": do, "csrfmiddlewaretoken": token_on(browser)})
    assert page.status == 400


def test_a_key_that_is_none_of_ours_counts_as_no_key(browser: Browser) -> None:
    for text in ("One.", "Two."):
        form = {"do": "post", "name": "Ana", "source": text, "key": "ключ" * 99}
        answers = browser.post(PAGE, form | {"csrfmiddlewaretoken": token_on(browser)})
        assert answers[-1].status == 200
    assert Comment.objects.count() == 3


@pytest.mark.parametrize("body", [b"source=%ff%fe", b"source=%ed%a0%80", b"source=\xff"])
def test_a_body_that_is_not_utf_8_is_a_400_and_stores_nothing(
    browser: Browser, body: bytes
) -> None:
    token = token_on(browser).encode()
    body += b"&do=post&name=Ana&csrfmiddlewaretoken=" + token
    response = browser.client.generic("POST", PAGE, body, content_type=FORM)
    assert response.status_code == 400
    assert Comment.objects.count() == 1


def test_a_multipart_body_that_is_not_utf_8_or_brings_a_file_is_refused(browser: Browser) -> None:
    token = token_on(browser)
    part = '--X\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    head = part.format("csrfmiddlewaretoken", "") + token + "\r\n"
    head += part.format("do", "") + "post\r\n"
    bad_text = (head + part.format("source", "")).encode() + b"\xff\r\n--X--\r\n"
    file = (head + part.format("f", '; filename="f"')).encode() + b"x" * 10 + b"\r\n--X--\r\n"
    for body, status in ((bad_text, 400), (file, 413)):
        response = browser.client.generic(
            "POST", PAGE, body, content_type="multipart/form-data; boundary=X"
        )
        assert response.status_code == status


def test_hostile_names_and_texts_are_shown_as_text(browser: Browser) -> None:
    page = browser.press("post", name="<b onclick=x>Eve</b>", source="<script>alert(1)</script>")
    assert text_of(page.get("comment-2-by")) == "#2 <b onclick=x>Eve</b> you"
    assert "<script>alert(1)</script>" in text_of(page.get("comment-2"))
    assert [one for one in page.all("script") if not one.get("src")] == []
