"""Titles, series, slugs and bylines: what is read, and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blog.seed import parse_document, slug_of
from blog.seed.series import SLUG_LIMIT
from tests.blog.seed.pages import NBSP, changed, page, refused


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Soil, Part 2: Worms", ("Soil", 2, "Part 2", "Worms")),
        ("Soil - part iii - Worms", ("Soil", 3, "part iii", "Worms")),
        ("Soil — Part Two. Worms", ("Soil", 2, "Part Two", "Worms")),
        ("Soil Part XIX", ("Soil", 19, "Part XIX", "")),
        ("The Part I Like, Part 1: Worms", ("The Part I Like", 1, "Part 1", "Worms")),
        ("The Part I Like", (None, None, None, None)),
        ("Soil, Part IIII: Worms", (None, None, None, None)),
        ("Soil, Part 2021: Worms", (None, None, None, None)),
    ],
)
def test_titles_with_and_without_a_part(
    title: str, expected: tuple[str | None, int | None, str | None, str | None]
) -> None:
    read = parse_document(page(title=title))
    assert (read.series_title, read.part, read.part_label, read.part_title) == expected


def test_listed_parts_may_repeat_the_series_and_name_the_post_itself() -> None:
    parts = "SOIL, Part 1: Rain\nPart 2: Worms\nPart 3: Frost"
    read = parse_document(page(title="Soil, Part 2: Worms", parts=parts))
    assert [(part.part, part.title) for part in read.other_parts] == [(1, "Rain"), (3, "Frost")]


@pytest.mark.parametrize(
    ("byline", "authors", "written_date"),
    [
        ("BY BO EK", ("BO EK",), None),
        ("By: Bo Ek | 3 May 2020", ("Bo Ek",), "3 May 2020"),
        ("By Bo Ek (5/3/2020)", ("Bo Ek",), "5/3/2020"),
        ("By Bo Ek on May 3rd, 2020", ("Bo Ek",), "May 3rd, 2020"),
        ("By Bo Ek, Sunday, May 3, 2020", ("Bo Ek",), "Sunday, May 3, 2020"),
        ("By Theresa May May 3/20", ("Theresa May",), "May 3/20"),
        ("By Theresa May", ("Theresa May",), None),
        ("By Ana Lima; Bo Ek Sept. 18/21", ("Ana Lima", "Bo Ek"), "Sept. 18/21"),
        ("By A, B, C, D, and E", ("A", "B", "C", "D", "E"), None),
        ("By Bo Ek, Jr. and Ana L.", ("Bo Ek, Jr.", "Ana L."), None),
        ("By ד״ר כהן", ("ד״ר כהן",), None),
    ],
)
def test_bylines(byline: str, authors: tuple[str, ...], written_date: str | None) -> None:
    read = parse_document(page(byline=byline))
    assert (read.byline, read.authors, read.byline_date) == (byline, authors, written_date)


@pytest.mark.parametrize(
    ("changes", "line", "field"),
    [
        ({1: None, 2: None}, 1, "title"),
        ({1: "x" * 301}, 1, "title"),
        (dict.fromkeys(range(1, 9)), 1, "title"),
        ({1: "Can Russia be induced"}, 3, "other_parts"),
        ({3: "Part I:"}, 3, "other_parts"),
        ({5: "Part I: Again"}, 5, "other_parts"),
        ({7: "Part IV: Again"}, 7, "other_parts"),
        ({5: "More in Part II: The courtship"}, 5, "byline"),
        ({9: None}, 10, "byline"),
        ({9: "By Ted Belman and April 18/21"}, 9, "byline"),
        ({9: "By Ted and ted April 18/21"}, 9, "byline"),
        ({9: "By Ted Belman Aprl 18/21"}, 9, "byline"),
        ({9: "By using compost, you save money."}, 9, "byline"),
        ({9: "By the time we came home it was"}, 9, "byline"),
        ({9: "By " + "Ted, " * 200}, 9, "byline"),
    ],
)
def test_wrong_head_is_refused_by_line_and_field(
    changes: dict[int, str | None], line: int, field: str
) -> None:
    assert refused(changed(changes)) == (line, field)


def test_empty_document_is_refused_for_its_title() -> None:
    for text in ("", "\n\n", " \t", NBSP, "\ufeff", "\u200b\n\u200b"):
        assert refused(text) == (1, "title")


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Slugs: a reckoning", "slugs-a-reckoning"),
        ("SOIL -Part IV: Worms", "soil-part-iv"),
        ("Russia’s R&D – 50 % off!", "russias-r-d-50-off"),
        ("Straße nach Łódź, Part II: Æble", "strasse-nach-lodz-part-ii"),
        ("Crème brûlée", "creme-brulee"),
        ("???", "post"),
        ("very " * 40 + "long, Part XII: x", "very-" * 18 + "part-xii"),
    ],
)
def test_slug_comes_from_series_and_part_or_from_the_title(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_titles_that_ascii_cannot_write_get_slugs_of_their_own() -> None:
    slugs = [slug_of(title) for title in ("Сад", "Огород", "Сад, Part 2: x", "Сад roses")]
    assert len(set(slugs)) == 4
    assert slugs[2] == f"{slugs[0]}-part-2"
    assert re.fullmatch("roses-[0-9a-f]{8}", slugs[3])


@settings(max_examples=50)
@given(st.text(max_size=150))
def test_every_text_has_a_slug_of_lower_case_ascii(title: str) -> None:
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", slug_of(title))
    assert len(slug_of(title)) <= SLUG_LIMIT
