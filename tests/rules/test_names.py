"""Names: what is shown, what a mention is resolved by, what counts as looking alike."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.names import MOST_MARKS, clean_name, name_key, name_skeleton

names = st.text(max_size=40)
ZERO_WIDTH = ["\u200b", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u180e", "\U000e0041"]
BIDI = ["\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Ted \t Belman\n", "Ted Belman"),
        ("Ted\r\nBelman\u2028x", "Ted Belman x"),
        ("Ada\u0301m", "Ad\u00e1m"),
        ("Ad\0am\x1b\x7f\x85", "Adam"),
        ("\ud800Adam\udfff", "Adam"),
        ("نگار‌", "نگار"),
        ("نیلوفر‌زاده", "نیلوفر\u200cزاده"),
        ("Ann ❤\ufe0f", "Ann ❤\ufe0f"),
        ("<b>Adam</b>", "<b>Adam</b>"),
    ],
)
def test_name_is_shown_on_one_line_and_without_what_nobody_sees(name: str, shown: str) -> None:
    assert clean_name(name) == shown


@pytest.mark.parametrize("hidden", [*ZERO_WIDTH, *BIDI])
def test_hidden_character_leaves_a_name(hidden: str) -> None:
    assert clean_name(f"{hidden}Ad{hidden}am{hidden}") == "Adam"


@pytest.mark.parametrize(
    "name", ["", " ", "\n", "\u200b", "\u3164", "\u2800 \u115f", "\u0301\u0302", "\u200d", "\ud800"]
)
def test_name_of_nothing_visible_is_empty(name: str) -> None:
    assert clean_name(name) == ""


def test_stacked_marks_are_cut() -> None:
    tower = "A" + "\u030d" * 50
    assert clean_name(tower).count("\u030d") == MOST_MARKS


@pytest.mark.parametrize(
    "written",
    [
        "Ted Belman",
        "ted-belman",
        "TED_BELMAN",
        " Ted\u00a0 Belman ",
        "Ｔｅｄ Ｂｅｌｍａｎ",
        "Ted\u2011Belman",
    ],
)
def test_spellings_of_one_name_have_one_key(written: str) -> None:
    assert name_key(written) == "ted-belman"


def test_key_folds_case_as_unicode_says() -> None:
    assert name_key("STRASSE") == name_key("Straße")
    assert name_key("ΝΊΚΟΣ") == name_key("Νίκος")
    assert name_key("Ada\u0301m") == name_key("Ad\u00e1m") != name_key("Adam")


@given(names)
def test_cleaning_a_name_again_changes_nothing(name: str) -> None:
    once = clean_name(name)
    assert clean_name(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\n" not in once
    assert not set(once) & {*BIDI, *ZERO_WIDTH}


@given(names)
def test_key_is_its_own_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(names)
def test_skeleton_is_its_own_skeleton(name: str) -> None:
    assert name_skeleton(name_skeleton(name)) == name_skeleton(name)


@given(names)
def test_cleaning_a_name_does_not_change_whom_it_looks_like(name: str) -> None:
    cleaned = clean_name(name)
    assert not cleaned or name_skeleton(cleaned) == name_skeleton(name)


def test_every_character_alone_has_stable_key_and_skeleton() -> None:
    for code in (*range(0xD800), *range(0xE000, 0x20000)):
        character = chr(code)
        key, skeleton = name_key(character), name_skeleton(character)
        assert name_key(key) == key, hex(code)
        assert name_skeleton(skeleton) == skeleton, hex(code)


@pytest.mark.parametrize(
    "imitation",
    [
        "Аdаm",  # Cyrillic А and а
        "ADAM",
        "АDАМ",
        "Ad\u200bam",
        "Ad\u00adam",
        "А dam",
        "A.d.a.m",
        "Adam.",
        "_adam_",
        "Ad\u0307a\u0323m",
        "Àdám",
        "Adarn",
        "𝐀𝐝𝐚𝐦",
        "Ⓐⓓⓐⓜ",
        "αdam",
        "ＡＤＡＭ",
        "\u202eAdam",
    ],
)
def test_imitation_looks_like_the_name(imitation: str) -> None:
    assert name_skeleton(imitation) == name_skeleton("Adam")


@pytest.mark.parametrize(
    ("imitation", "name"),
    [
        ("Тed Веlman", "Ted Belman"),  # capitals that only look Latin before case folding
        ("ТЕD ВЕLМАN", "Ted Belman"),
        ("TedBelman", "Ted Belman"),
        ("Νick", "Nick"),  # Greek capital nu
        ("Bi11", "Bill"),
        ("BiIl", "Bill"),
        ("llya", "Ilya"),
        ("1lya", "ilya"),
        ("0livia", "Olivia"),
        ("B0b", "BOB"),
        ("VVilliam", "William"),
        ("ѕtaff", "staff"),
        ("moderаtor", "Moderator"),
    ],
)
def test_look_alikes_share_a_skeleton(imitation: str, name: str) -> None:
    assert name_skeleton(imitation) == name_skeleton(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Adam", "Ada"),
        ("Adam", "Edam"),
        ("Anna", "Hanna"),
        ("कुमार", "कमार"),
        ("Иван", "Степан"),
        ("יוסף", "אסף"),
        ("田中", "中田"),
        ("!!!", "???"),
    ],
)
def test_different_names_have_different_skeletons(one: str, other: str) -> None:
    assert name_skeleton(one) != name_skeleton(other)


@pytest.mark.parametrize("name", ["Тимур", "Νίκος", "Élodie", "Jörg", "Łukasz", "Ωmega"])
def test_case_of_a_foreign_name_does_not_matter_for_likeness(name: str) -> None:
    assert name_skeleton(name.upper()) == name_skeleton(name.lower())
