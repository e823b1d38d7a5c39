"""Mails in the language of their site: nothing in them is English that cannot be translated."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import pytest

from comments.mail import DecisionLetter, Splicer, compose_decision, compose_edition, readable_parts
from comments.rules.editions import EditionContent
from comments.rules.reasons import REASONS
from comments.words import gettext_noop
from tests.mail.composing import (
    AT,
    VALUES,
    answer,
    comment,
    confirmation,
    copy_of,
    digest,
    instant,
    parsed,
    post,
)
from tests.speaking import LANGUAGE, english_in, english_on, headers_of, speak, teach

GREEK = {"author": "Άννα", "html": "<p>Κείμενο.</p>"}
LONG = "<p>" + "Κείμενο. " * 300 + "</p>"
NAMES: dict[str, Any] = {
    "site_name": "Ιστολόγιο",
    "digest_name": gettext_noop("{site} Daily Digest", site="Ιστολόγιο"),
    "postal_address": "Οδός 1",
    "language": LANGUAGE,
}
LABEL = gettext_noop("comments on “{title}”", title="Γέφυρες")


def greek(**fields: Any) -> Any:
    """Returns a post whose own words are Greek."""
    answered = answer(1, "<p>Κείμενο.</p>", author="")
    comments = [
        comment(2, **GREEK, votes=1),
        comment(3, html=LONG, author="", votes=3, answers=answered),
    ]
    return post(*comments, title="Γέφυρες", excerpt="Περίληψη.", **fields)


DIGESTS = {
    "comments": digest(greek(), **NAMES),
    "comments on several posts": digest(greek(), greek(thread_id=6), greek(thread_id=7), **NAMES),
    "a post": digest(greek(page_id=1, comment_count=0), **NAMES),
    "posts": digest(greek(page_id=1), greek(page_id=2, thread_id=6), **NAMES),
    "more than fits": digest(
        *(greek(thread_id=n, page_id=n, comment_count=40) for n in range(1, 99)), **NAMES
    ),
    "no title": digest(replace(greek(), title=""), **NAMES),
    "at once": instant(greek(), **NAMES, label=LABEL),
    "answers": instant(greek(), scope="answers", **NAMES, label=LABEL),
    "confirmation": confirmation(**NAMES, label=LABEL),
    "confirmed already": confirmation("already site weekly", **NAMES, label=LABEL),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_no_mail_to_subscribers_has_english_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(monkeypatch)
    html, text = readable_parts(copy_of(DIGESTS[name]))
    assert english_on(html) == []
    assert english_in(text) == []
    assert english_in(headers_of(parsed(DIGESTS[name]))) == []


@pytest.mark.parametrize("state", ["published", "held", "refused"])
@pytest.mark.parametrize("was_readable", [False, True])
@pytest.mark.parametrize("number", [None, 7])
def test_no_mail_about_a_decision_has_english_of_its_own(
    state: Any, was_readable: bool, number: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(monkeypatch)
    letter = DecisionLetter(
        site="Ιστολόγιο",
        title="Γέφυρες",
        state=state,
        was_readable=was_readable,
        number=number,
        reason=str(REASONS[0].sentence),  # as it is stored
        source="Κείμενο.",
        link="https://blog.example/posts/a/",
        language=LANGUAGE,
    )
    message = compose_decision(letter, to="ana@example.org", key="1", at=AT)
    assert english_in(str(message.body)) == []
    assert english_in(str(message.subject)) == []


HEBREW = {**NAMES, "language": "he"}


def shown(content: EditionContent) -> tuple[str, str, str]:
    """Returns the subject, the HTML and the text of a mail."""
    message = copy_of(content)
    html, text = readable_parts(message)
    return str(message_from_bytes(message, policy=policy.default)["Subject"]), html, text


def test_a_hebrew_mail_is_written_from_right_to_left() -> None:
    subject, html, text = shown(digest(greek(page_id=1, comment_count=2), **HEBREW))
    assert subject == "התקציר היומי של Ιστολόγιο: “Γέφυρες”, שתי תגובות חדשות"
    assert '<html lang="he" dir="rtl">' in html
    assert "יום שני, 23 בנובמבר 2026: פוסט חדש אחד, שתי תגובות חדשות" in html
    # The line beside a comment stands where its lines begin.
    assert "border-right: 3px solid" in html
    assert "border-left: 3px solid" not in html
    assert "בתשובה ל־#1 ללא שם" in text
    assert "23 בנובמבר, 12:00 UTC \u200f· \u200e+3 קולות" in text


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("en", 1, "1 new comment"),
        ("en", 1234, "1,234 new comments"),
        ("de", 1234, "1.234 neue Kommentare"),
        ("he", 1, "תגובה חדשה אחת"),
        ("he", 2, "שתי תגובות חדשות"),
        ("he", 5, "5 תגובות חדשות"),
        ("ru", 21, "21 новый комментарий"),
        ("ru", 3, "3 новых комментария"),
        ("ru", 11, "11 новых комментариев"),
        ("ru", 1234, "1\xa0234 новых комментария"),
    ],
)
def test_numbers_take_the_forms_of_the_language(language: str, number: int, words: str) -> None:
    content = digest(greek(comment_count=number), **{**NAMES, "language": language})
    assert words in shown(content)[2].replace("\u202f", "\xa0")


def test_the_same_content_in_another_language_is_another_edition() -> None:
    made = {
        compose_edition(digest(greek(), **{**NAMES, "language": language})).fingerprint
        for language in ("en", "he", "de", "ru", "en")
    }
    assert len(made) == 4


def test_a_subscriber_s_copy_has_the_language_of_its_edition() -> None:
    composed = compose_edition(digest(greek(), **HEBREW))
    assert 'lang="he"' in readable_parts(Splicer(composed.template).message(VALUES))[0]


@pytest.mark.django_db
def test_what_a_subscriber_agrees_to_is_kept_in_the_words_of_the_site() -> None:
    from tests.mailing import subscribed

    speak("de")
    ana = subscribed()
    wordings = set(ana.consents.values_list("wording", flat=True))
    assert len(wordings) == 1
    assert wordings.pop().startswith("Senden Sie mir per E-Mail: Tagesübersicht von Ιστολόγιο")
