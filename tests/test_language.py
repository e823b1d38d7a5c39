"""What is said in which language: sentences that are kept ready, numbers and dates."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime

import orjson
import pytest

from comments import language
from comments.language import (
    chosen_language,
    day_of_week,
    day_words,
    known_language,
    moment_writer,
    numeral,
    speaking,
    translated,
)
from comments.words import Numeral, Sentence, gettext_noop, ngettext_lazy, together

AT = datetime(2026, 11, 23, 2, 10, tzinfo=UTC)


def test_a_sentence_is_english_and_is_said_in_other_languages() -> None:
    sentence = gettext_noop("There is no comment #{number} in this thread.", number=7)
    assert sentence == "There is no comment #7 in this thread."
    with speaking("de"):
        assert translated(sentence) == "In dieser Diskussion gibt es keinen Kommentar #7."
    with speaking("en"):
        assert translated(sentence) == sentence


@pytest.mark.parametrize(
    ("number", "english", "russian"),
    [
        (1, "The text is longer than 1 character.", "Текст длиннее 1 знака."),
        (10_000, "The text is longer than 10,000 characters.", "Текст длиннее 10\xa0000 знаков."),
    ],
)
def test_a_sentence_takes_the_form_of_its_number(number: int, english: str, russian: str) -> None:
    sentence = ngettext_lazy(
        "The text is longer than {number} character.",
        "The text is longer than {number} characters.",
        number,
    )
    assert sentence == english
    with speaking("ru"):
        assert translated(sentence).replace("\u202f", "\xa0") == russian


def test_sentences_within_and_after_sentences_are_said_too() -> None:
    day = gettext_noop(
        "{day} at {time} ({zone})", day=gettext_noop("every day"), time="7", zone="Z"
    )
    both = together(day, "Wie geschrieben.")
    assert both == "every day at 7 (Z) Wie geschrieben."
    with speaking("de"):
        assert translated(both) == "täglich um 7 Uhr (Z) Wie geschrieben."


def test_what_somebody_wrote_stays_as_it_is() -> None:
    with speaking("he"):
        assert translated("{0.__class__} 100 %(x)s") == "{0.__class__} 100 %(x)s"
        sentence = gettext_noop("comments on “{title}”", title="{x} Reply")
        assert "{x} Reply" in translated(sentence)
        assert translated("") == ""


def test_a_sentence_that_was_stored_is_known_again() -> None:
    stored = str(gettext_noop("A moderator will look at this comment again."))
    with speaking("de"):
        assert translated(stored) == "Die Moderation sieht sich diesen Kommentar noch einmal an."


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_copy_of_a_sentence_is_a_sentence(copied: object) -> None:
    sentence = ngettext_lazy("{number} of {x}", "{number} of {x}", 1_000, x=Numeral(5))
    again = copied(sentence)  # type: ignore[operator]
    assert isinstance(again, Sentence)
    assert (again, again.pattern, again.number) == (sentence, sentence.pattern, 1_000)
    assert again.values["number"].value == 1_000  # type: ignore[attr-defined]


def test_programs_read_a_sentence_as_a_string() -> None:
    sentence = gettext_noop("Try again in {seconds} s.", seconds=3)
    assert json.loads(json.dumps([sentence])) == orjson.loads(orjson.dumps([sentence]))


@pytest.mark.parametrize(
    ("code", "moment", "day"),
    [
        ("en", "23 November 2026, 02:10 UTC", "Monday, 23 November 2026"),
        ("de", "23. November 2026, 02:10 UTC", "Montag, 23. November 2026"),
        ("he", "23 בנובמבר 2026, 02:10 UTC", "יום שני, 23 בנובמבר 2026"),
        ("ru", "23 ноября 2026 г., 02:10 UTC", "понедельник, 23 ноября 2026 г."),
    ],
)
def test_dates_are_written_as_the_language_does_it(code: str, moment: str, day: str) -> None:
    with speaking(code):
        assert moment_writer()(AT) == moment
        assert day_of_week(AT.date()).lower() == day.lower()


def test_each_month_has_its_name() -> None:
    with speaking("ru"):
        said = [day_words(date(2026, month, 1)) for month in range(1, 13)]
    assert len(set(said)) == 12
    assert said[4] == "1 мая 2026 г."


def test_thousands_are_set_apart_as_the_language_does_it() -> None:
    said = {}
    for code in language.LANGUAGES:
        with speaking(code):
            said[code] = numeral(10_000).replace("\u202f", "\xa0")
    assert said == {"en": "10,000", "he": "10,000", "de": "10.000", "ru": "10\xa0000"}


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("he", "he"),
        ("de-AT", "de"),
        ("ru_RU", "ru"),
        ("EN", "en"),
        ("fr", ""),
        ("", ""),
        ("hex", ""),
    ],
)
def test_a_code_names_a_language_of_ours_or_none(code: str, known: str) -> None:
    assert known_language(code) == known


def test_a_site_without_a_choice_has_the_language_of_the_installation(settings: object) -> None:
    settings.LANGUAGE_CODE = "ru-ru"  # type: ignore[attr-defined]
    assert (chosen_language(""), chosen_language("he")) == ("ru", "he")
    settings.LANGUAGE_CODE = "tlh"  # type: ignore[attr-defined]
    assert chosen_language("") == "en"
