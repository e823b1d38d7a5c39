"""Mentions and references: what in a text can mean somebody, and what cannot."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from comments.rules.mentions import (
    LONGEST_NAME,
    MOST_MENTIONS,
    MOST_REFERENCES,
    MentionCandidate,
    probe_of,
    scan,
)
from comments.rules.names import clean_name, name_key
from comments.rules.rendering import MentionTarget, clean_source, render
from tests.corpus.reading import CORPUS, FORMATS, rows_of

SHARED_FORMATS = {"text": "plain", "html": "plain", "markdown": "markdown"}


def resolved(text: str, *, format: str, participants: Sequence[str]) -> list[str]:
    """Returns the mentions of a text as written, of those that a participant answers to."""
    names = {name_key(name): MentionTarget(1) for name in participants}
    rendered = render(source=text, format=format, names=names, numbers=())
    assert not rendered.failed
    return [mention.text for mention in rendered.mentions if mention.key is not None]


def references(text: str, *, format: str = "plain") -> list[str]:
    """Returns the references of a text as written, whether there is such a comment or not."""
    rendered = render(source=text, format=format, names={}, numbers=())
    return [text[found.start : found.end] for found in rendered.references]


def only(text: str) -> MentionCandidate:
    (candidate,) = scan(text).mentions
    return candidate


OWN_CASES = rows_of(CORPUS / "mentions.jsonl")


@pytest.mark.parametrize("case", OWN_CASES, ids=[case["text"][:40] for case in OWN_CASES])
def test_case_of_the_corpus_holds(case: dict[str, Any]) -> None:
    text = clean_source(case["text"], max_chars=10_000)
    expected = [unicodedata.normalize("NFC", mention) for mention in case["mentions"]]
    found = resolved(text, format=case["format"], participants=case["participants"])
    assert found == expected


def test_cases_of_other_platforms_hold_that_concern_a_blog(
    shared_data: Callable[[str], Path],
) -> None:
    wrong = []
    for case in rows_of(shared_data("mentions.jsonl")):
        if case["kind"] != "mention" or case["applies"] != "blog":
            continue
        format = SHARED_FORMATS[case["format"]]
        found = resolved(case["text"], format=format, participants=case["participants"])
        if list(dict.fromkeys(mention[1:] for mention in found)) != case["mentions"]:
            wrong.append((case["id"], found))
    assert wrong == []


def test_keys_are_offered_longest_first_with_their_ends() -> None:
    text = "Dear @J. Smith Jr., hello"
    keys = only(text).keys
    assert ("j.-smith-jr.", text.index(",")) in keys
    assert ("j.-smith", text.index(" Jr.")) in keys
    assert [end for _, end in keys] == sorted((end for _, end in keys), reverse=True)
    assert len({key for key, _ in keys}) == len(keys)


def test_longer_name_wins_over_the_shorter_one() -> None:
    text = "@Ted Belman Junior"
    both = ["Ted", "Ted Belman"]
    assert resolved(text, format="plain", participants=both) == ["@Ted Belman"]
    assert resolved(text, format="plain", participants=["Ted"]) == ["@Ted"]


def test_unresolved_mention_ends_with_its_first_word() -> None:
    rendered = render(source="@Ted Belman's idea", format="plain", names={}, numbers=())
    (mention,) = rendered.mentions
    assert (mention.text, mention.start, mention.end) == ("@Ted", 0, 4)
    assert (mention.key, mention.probe) == (None, "ted")
    assert rendered.html == "<p>@Ted Belman's idea</p>"


def test_mention_of_somebody_without_a_comment_is_resolved_and_not_linked() -> None:
    names = {"adam": MentionTarget(None)}
    rendered = render(source="@Adam", format="plain", names=names, numbers=())
    assert rendered.mentions[0].key == "adam"
    assert rendered.html == "<p>@Adam</p>"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("@Adam", "Adam"),
        ("@Adam's", "Adam"),
        ("@Ted Belman", "Ted Belman"),
        ("@ted-belman", "Ted Belman"),
        ("@Ted Belman", "ted-belman"),
        ("@TED_BELMAN", "Ted Belman"),
        ("@J. Smith", "J. Smith"),
        ("@j", "J. Smith"),
        ("@O'Brien's", "O'Brien"),
        ("@O’Hara", "O’Hara"),
        ("@Анна", "анна петрова"),
        ("@田中さん", "田中さん"),
    ],
)
def test_whoever_takes_part_later_is_found_by_the_probe(written: str, name: str) -> None:
    assert only(written).probe == probe_of(name) == probe_of(probe_of(name))


@pytest.mark.parametrize(
    "text",
    [
        "#7",
        "(#7)",
        "see #7, please",
        "#7.",
        "#7: no",
        "“#7”",
        "**#7**",
        "– #7 –",
        "<b>#7</b>",
        "は#7",
    ],
)
def test_number_sign_refers(text: str) -> None:
    assert references(text) == ["#7"]


@pytest.mark.parametrize(
    "text",
    [
        *("&#7;", "foo#7", "#7abc", "#7_", "#7é", "##7", "#07", "#0", "#", "# 7", "#7.5", "#7,000"),
        *("https://a.example/#7", "www.a.example/#7", "/page#7", "/#7", "a/#7", "\\#7", "=#7"),
        *(
            '<b title="#7">x</b>',
            "<div id='#7'>",
            "<code>#7</code>",
            "<pre>\n#7</pre>",
            "#1234567890",
        ),
        '<a href="https://a.example">#7</a>',
        "> From: x\n> Subject: #7",
    ],
)
def test_number_sign_does_not_refer(text: str) -> None:
    assert references(text) == []


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (">>7", [">>7"]),
        (">>7\nnonsense", [">>7"]),
        ("I say\n>>7 and (>>8)", [">>7", ">>8"]),
        (">>>7", []),
        ("a>>7", []),
        (">>7b", []),
        (">> 7", []),
        ("`<b>>7`", []),
    ],
)
def test_two_angle_brackets_refer(text: str, found: list[str], format: str) -> None:
    assert references(text, format=format) == found


def test_quoted_reference_is_in_the_quotation_and_no_deeper() -> None:
    rendered = render(source="> >>7 yes", format="markdown", names={}, numbers={7})
    link = '<a href="#comment-7" data-ref="7">&gt;&gt;7</a>'
    assert rendered.html == f"<blockquote><p>{link} yes</p></blockquote>"


def test_reference_becomes_a_link_when_there_is_such_a_comment() -> None:
    text = "#7 and #8"
    (seven, eight) = render(source=text, format="plain", names={}, numbers={8}).references
    assert (seven.number, seven.linked, eight.number, eight.linked) == (7, False, 8, True)
    html = render(source=text, format="plain", names={}, numbers={8}).html
    assert html == '<p>#7 and <a href="#comment-8" data-ref="8">#8</a></p>'


@pytest.mark.parametrize("format", FORMATS)
def test_only_the_first_ones_count(format: str) -> None:
    text = "@Adam #7 " * (MOST_MENTIONS + 20)
    names = {"adam": MentionTarget(1)}
    rendered = render(source=text, format=format, names=names, numbers={7})
    assert len(rendered.mentions) == MOST_MENTIONS
    assert len(rendered.references) == MOST_REFERENCES
    assert rendered.html.count("<a ") == MOST_MENTIONS + MOST_REFERENCES


def test_word_longer_than_any_name_is_no_mention() -> None:
    assert scan("@" + "a" * (LONGEST_NAME + 1)).mentions == ()
    assert only("@" + "a" * LONGEST_NAME).keys[0][1] == LONGEST_NAME + 1


@pytest.mark.parametrize(
    "part",
    [
        "@a ",
        "@",
        "@a.",
        "@a,b",
        "*@a",
        "#7 ",
        "##",
        ">>7 ",
        "From: @a\n",
        "On 3 ",
        "<style ",
        "http://@",
    ],
)
def test_scanning_takes_linear_time(part: str) -> None:
    def seconds(length: int) -> float:
        text = part * (length // len(part))
        began = time.process_time()
        for _ in range(3):
            scan(text)
        return time.process_time() - began

    scan(part)
    # Quadratic would be 256 times as much for 16 times the length.
    assert seconds(160_000) < 64 * seconds(10_000) + 0.1


texts = st.text(
    alphabet=st.one_of(st.sampled_from("@#>Adam7 \n.*_`[]()<&;:/-'"), st.characters()), max_size=80
)
ADAM_AND_SEVEN: dict[str, Any] = {
    "names": {"adam": MentionTarget(1), "ada": MentionTarget(None)},
    "numbers": {7},
}


@given(texts, st.sampled_from(FORMATS))
@example("@Adam\u200d #7", "plain")
@example(">>7 >>7", "markdown")
def test_offsets_are_those_of_the_source(text: str, format: str) -> None:
    rendered = render(source=text, format=format, **ADAM_AND_SEVEN)
    for mention in rendered.mentions:
        assert text[mention.start : mention.end] == mention.text
        assert mention.text.startswith("@")
        assert mention.key is None or name_key(mention.text[1:]) == mention.key
    for reference in rendered.references:
        assert int(text[reference.start : reference.end].lstrip("#>")) == reference.number
    starts = [mention.start for mention in rendered.mentions]
    assert starts == sorted(set(starts))


@given(texts)
def test_candidates_stand_where_they_say(text: str) -> None:
    for candidate in scan(text).mentions:
        assert text[candidate.start] == "@"
        for key, end in candidate.keys:
            assert name_key(text[candidate.start + 1 : end]) == key
    for reference in scan(text).references:
        assert text[reference.start : reference.end].endswith(str(reference.number))


@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs", "Pd"]), max_size=40))
def test_whoever_has_a_name_of_letters_can_be_mentioned_by_it(raw: str) -> None:
    name = unicodedata.normalize("NFC", clean_name(raw))
    assume(name and name[0].isalnum() and name_key(name) and len(name.split()) <= 8)
    found = resolved(f"Hello @{name}!", format="plain", participants=[name])
    assert [name_key(mention[1:]) for mention in found] == [name_key(name)]
