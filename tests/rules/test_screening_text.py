"""What texts are compared by: folded letters, signatures of near-duplicates, domains."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.screening_text import (
    BANDS,
    ROWS,
    SHORTEST_SIGNED,
    bands,
    compact,
    domain_key,
    domain_of,
    fold,
    is_within,
    signature,
    similarity,
)

ROOT = Path(__file__).resolve().parent.parent.parent
PANGRAM = "The quick brown fox jumps over the lazy dog, and nobody saw it."
MIXED = "Купите казино 赌场 ｆｕｌｌ width, קזינו ١٢٣ and so on."
GOLDEN_PANGRAM = (
    81128701,
    33018891,
    33827401,
    103797662,
    33978494,
    46468721,
    20672168,
    51924478,
    148562662,
    45743520,
    175533454,
    84757847,
    139907883,
    155971552,
    122082471,
    100346585,
)
GOLDEN_BANDS = (6876039411265010816, 2101194643535810543, 3626142887557976379, 1691575666532062619)
GOLDEN_MIXED = (
    225455499,
    53096803,
    63435645,
    135524131,
    54722160,
    73205455,
    32245546,
    349142785,
    189452621,
    35928144,
    214532543,
    198271559,
    214334999,
    71096593,
    185029741,
    74690065,
)
any_text = st.text(st.characters(), max_size=300)


@pytest.mark.parametrize(
    ("written", "letters"),
    [
        ("Viagra", "viagra"),
        ("V\u0456\u0430gra", "viagra"),
        ("vi\u200bag\u00adra\ufe0f", "viagra"),
        ("ví\u0302agra", "viagra"),
        ("ｖｉａｇｒａ", "viagra"),
        ("𝐯𝐢𝐚𝐠𝐫𝐚", "viagra"),
        ("🅥🅘🅐🅶🅡🅐", "viagra"),
        ("v\u20ddi\u20ddagra", "viagra"),
        ("ΝUDE", "nude"),
        ("١٢٣", "123"),
        ("STRASSE Straße", "strasse strasse"),
        ("ﬁne", "fine"),
        ("שָׁלוֹם", "שלlם"),
        ("a\tb\n\u3000c", "a b  c"),
        ("a-b\u2800c", "a.b.c"),
    ],
)
def test_disguised_letters_fold_to_plain_ones(written: str, letters: str) -> None:
    assert fold(written).letters == letters


def test_letters_that_only_ascii_confuses_stay_apart() -> None:
    assert fold("mail 101 modem").letters == "mail 101 modem"
    assert fold("mall lol modern").letters == "mall lol modern"


def test_vowel_signs_that_are_no_accents_stay() -> None:
    assert fold("कि").letters != fold("क").letters
    assert fold("が").letters != fold("か").letters


@given(any_text)
def test_each_folded_letter_knows_where_it_came_from(text: str) -> None:
    folded = fold(text)
    assert len(folded.letters) == len(folded.origins)
    assert list(folded.origins) == sorted(folded.origins)
    assert all(0 <= origin < len(text) for origin in folded.origins)
    assert fold.__wrapped__(text) == folded


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_folding_forgets_case(text: str) -> None:
    assert fold(text.upper()).letters == fold(text.lower()).letters


def test_no_character_folds_to_more_than_four() -> None:
    # All the alphabets, and the symbols that stand for several letters.
    for code in [*range(0x3000), *range(0xA000, 0xA900), *range(0xAC00, 0x20000)]:
        assert len(fold.__wrapped__(chr(code)).letters) <= 4, hex(code)


def test_korean_syllable_is_one_letter() -> None:
    assert fold("한국 찄").letters == "한국 찄"


def test_long_expansions_are_not_made() -> None:
    assert fold("\ufdfa" * 100).letters == "\ufdfa" * 100


def test_signature_is_the_same_for_ever() -> None:
    # Stored rows are compared with these numbers: a change asks for a migration.
    assert signature(PANGRAM) == GOLDEN_PANGRAM
    assert bands(signature(PANGRAM)) == GOLDEN_BANDS
    assert signature(MIXED) == GOLDEN_MIXED


def test_signature_is_the_same_in_another_process() -> None:
    code = (
        "import json, sys; from comments.rules.screening_text import signature;"
        "print(json.dumps([signature(text) for text in json.load(sys.stdin)]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([PANGRAM, MIXED]),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
    )
    assert json.loads(answer.stdout) == [list(signature(PANGRAM)), list(signature(MIXED))]


def test_text_has_a_signature_from_twenty_letters_on() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert signature(letters[: SHORTEST_SIGNED - 1] + " ?!\u200b. ") == ()
    assert len(signature(letters[:SHORTEST_SIGNED])) == BANDS * ROWS


def test_disguise_does_not_change_a_signature() -> None:
    plain = "Buy cheap watches today at our shop, the best in town"
    disguised = "BUY cheap  w\u0430tches, tod\u200bay: at our SHOP. The best in tówn!!!"
    assert signature(plain) == signature(disguised)


def test_texts_in_common_and_without_are_told_apart() -> None:
    long = " ".join(f"word{place} stands here" for place in range(60))
    changed = long.replace("word30", "other")
    assert similarity(signature(long), signature(changed)) >= 0.8
    assert set(bands(signature(long))) & set(bands(signature(changed)))
    other = "Nothing of this has anything to do with what was said before by anybody at all."
    assert similarity(signature(long), signature(other)) <= 0.2
    assert not set(bands(signature(long))) & set(bands(signature(other)))


def test_similarity_estimates_the_share_of_runs_in_common() -> None:
    def runs(text: str) -> set[str]:
        letters = compact(text)
        return {letters[at : at + 5] for at in range(len(letters) - 4)}

    words = [f"{chr(97 + place % 26)}{place * 7919 % 10007}q" for place in range(200)]
    errors = []
    for kept in range(0, 200, 5):
        one = " ".join(words)
        two = " ".join([*words[:kept], *(word[::-1] for word in words[kept:])])
        share = len(runs(one) & runs(two)) / len(runs(one) | runs(two))
        errors.append(similarity(signature(one), signature(two)) - share)
    # The standard deviation of the mean of 16 is at most 1/8; neighbours here are not independent.
    assert abs(sum(errors) / len(errors)) < 0.12
    assert max(map(abs, errors)) < 0.5


def test_without_a_signature_nothing_is_similar() -> None:
    assert similarity((), ()) == 0.0
    assert similarity((), signature(PANGRAM)) == 0.0
    with pytest.raises(ValueError, match="16 numbers"):
        bands(())


@given(any_text)
def test_signatures_and_bands_fit_their_columns(text: str) -> None:
    signed = signature(text)
    assert len(signed) in {0, 16}
    assert all(0 <= number < 2**32 for number in signed)
    if signed:
        assert similarity(signed, signed) == 1.0
        assert all(0 <= key < 2**63 for key in bands(signed))


def test_equal_rows_in_other_bands_are_no_match() -> None:
    one, two, three, four = bands((1, 2, 3, 4) * 4)
    assert len({one, two, three, four}) == 4


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("http://Evil.COM./x", "evil.com"),
        ("https://user:pass@evil.com:8080?q", "evil.com"),
        ("https:\\\\evil.com\\@good.com", "evil.com"),
        ("http:////a@b@ev%69l.com", "evil.com"),
        (" http://ev\til.c\nom", "evil.com"),
        ("//evil.com/x", "evil.com"),
        ("evil.com/x", "evil.com"),
        ("http:evil.com", "evil.com"),
        ("http://evil。com#x", "evil.com"),
        ("mailto:a@Evil.com?subject=b@c.de", "evil.com"),
        ("http://bücher.example", "xn--bcher-kva.example"),
        ("http://XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("http://b%C3%BCcher.example", "xn--bcher-kva.example"),
        ("http://ｅｖｉｌ.com", "evil.com"),
        ("http://ev\u200bil.com", "evil.com"),
        ("javascript:alert(1)", ""),
        ("mailto:nobody", ""),
        ("http://[::1]/", ""),
        ("http://", ""),
        ("", ""),
        ("http://" + "a" * 64 + ".com", ""),
        ("http://" + "a." * 200 + "com", ""),
    ],
)
def test_domain_is_read_as_browsers_read_it(address: str, domain: str) -> None:
    assert domain_of(address) == domain


@pytest.mark.parametrize(
    ("listed", "key"),
    [
        ("Example.COM", "example.com"),
        ("*.example.com", "example.com"),
        (".example.com", "example.com"),
        ("xyz", "xyz"),
        ("STRAßE.de", "xn--strae-oqa.de"),
        ("ΝΊΚΟΣ.gr", domain_key("νίκοσ.gr")),
        ("http://example.com", ""),
        ("a b.com", ""),
        ("a..com", ""),
        ("a@b.com", ""),
        ("\ud800.com", domain_key("\ud800.com")),
    ],
)
def test_listed_domain_has_one_key(listed: str, key: str) -> None:
    assert domain_key(listed) == key


@given(st.text(st.characters(), max_size=100))
def test_no_address_breaks_the_reading_of_its_domain(address: str) -> None:
    for reading in (domain_of(address), domain_of("http://" + address), domain_key(address)):
        assert reading.isascii()
        assert reading == domain_key(reading)


def test_subdomain_is_within_and_a_longer_name_is_not() -> None:
    listed = frozenset({"evil.com", "xyz"})
    within: Callable[[str], bool] = lambda domain: is_within(domain, listed)  # noqa: E731
    assert within("evil.com")
    assert within("a.b.evil.com")
    assert within("any.xyz")
    assert not within("notevil.com")
    assert not within("evil.com.good.org")
    assert not within("com")
    assert not within("")
