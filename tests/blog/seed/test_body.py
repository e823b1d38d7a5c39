"""Paragraphs, subheadings, lists, quotations and notes, and the markup that they become."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blog.seed import Block, Item, parse_document, to_markup
from blog.seed.body import NESTING_LIMIT
from tests.blog.seed.pages import NBSP, bullets, corpus, page, paragraph


def body_of(text: str) -> tuple[Block, ...]:
    return parse_document(page(body=text)).body


def test_body_with_nested_list_numbers_quotation_and_speakers() -> None:
    body = corpus("winter-beds.txt").body
    assert "".join(block.kind[0] for block in body) == "phlppqhlhppp"
    mould, fork, patience = body[2].items
    assert mould == Item(text="two barrows of leaf mould,\nsieved or not;")
    assert fork.nested == (bullets("the short one for raised beds", "the long one for the field"),)
    assert patience == Item(text="patience")
    assert body[3] == paragraph("Ana Lima: Which of the three do people lack most?")
    assert body[5].text.startswith("Feed the soil, and the soil feeds the plant.\nMy grandmother")
    assert (body[7].start, len(body[7].items)) == (1, 3)
    assert [block.text for block in body[8:11:2]] == ["1. A note on worms", "* * *"]


def test_no_break_spaces_and_a_dash_at_the_margin_stay_text() -> None:
    first, traps, dash, _ = corpus("slug-hunt.txt").body
    assert first == paragraph(f"{NBSP}{NBSP}They came in the night, as they{NBSP}do.{NBSP}")
    assert (traps, dash.text) == (bullets("beer", "copper tape"), "- A dash opens this remark.")


@pytest.mark.parametrize(
    "line", ["Why copper", "“Slugs” (and snails)", "2. Beer", "ПИВО", "ビール"]
)
def test_short_line_before_a_paragraph_is_a_subheading(line: str) -> None:
    for following in ("It works.", "  • It works", "> It works."):
        assert body_of(f"{line}\n\n{following}")[0] == Block(kind="heading", text=line)


@pytest.mark.parametrize(
    "line",
    [
        *("It works.", "Does it work?", "You need:", "She said “it works.”", "and then nothing"),
        *("“Slugs and snails", "Antidisestablishmentarianism " * 3, "* * *", "----", "Two\nlines"),
    ],
)
def test_other_lines_before_a_paragraph_stay_paragraphs(line: str) -> None:
    assert body_of(f"Once.\n\n{line}\n\nIt works.")[1] == paragraph(line.strip())


def test_last_line_and_lines_of_a_poem_are_no_subheadings() -> None:
    assert body_of("Once.\n\nThe last line")[1] == paragraph("The last line")
    poem = body_of("Slugs in the dew\n\nSnails on the wall\n\nBeer in a cup\n\nThey drank it.")
    assert [block.kind for block in poem] == ["paragraph", "paragraph", "heading", "paragraph"]


def test_list_touching_paragraphs_with_an_item_of_two_paragraphs() -> None:
    assert body_of("You need:\n  • beer\n\n    cold\n    beer\n\n  • tape\nThat is all.") == (
        paragraph("You need:"),
        bullets("beer\n\ncold\nbeer", "tape"),
        paragraph("That is all."),
    )


def test_numbered_lists_keep_their_numbers_when_they_jump() -> None:
    lists = body_of("  9. a\n 10. b\n  3. c\n  • d")
    assert [(one.start, len(one.items)) for one in lists] == [(9, 2), (3, 1), (None, 1)]


def test_nesting_is_bounded_and_loses_no_item() -> None:
    markup = to_markup(body_of("\n".join(" " * (2 * n) + f"• item{n}" for n in range(300))))
    assert markup.count("<ul>") == NESTING_LIMIT
    assert re.findall("item[0-9]+", markup) == [f"item{n}" for n in range(300)]


def test_indented_and_marked_paragraphs_are_quotations() -> None:
    assert body_of("She wrote:\n    Dear slug,\n    go away.\n\n> No.\n>\n> Yes.\nSo?") == (
        paragraph("She wrote:"),
        Block(kind="quote", text="Dear slug,\ngo away."),
        Block(kind="quote", text="No."),
        Block(kind="quote", text="Yes."),
        paragraph("So?"),
    )


def test_notes_with_initials_titles_pronouns_and_where_it_was_first_printed() -> None:
    notes = corpus("winter-beds.txt").author_notes
    assert [note.split()[0] for note in notes] == ["About", "Ana", "C.", "Dr.", "They", "First"]


@pytest.mark.parametrize(
    ("is_note", "openings"),
    [
        (True, ["Bo Ek is", "BO EK, who", "B. Ek", "Dr. Bo Ek has", "Bo Kim Ek", "“Bo Ek” is"]),
        (True, ["Boris Ek (1960) is", "About the author: Bo is"]),
        (False, ["Bo Ek: I am", "Bo Ekman is", "Ana Ek is", "He is", "Bo Ek’s plot is", "Bo is"]),
    ],
)
def test_note_begins_with_an_authors_name_in_some_form(is_note: bool, openings: list[str]) -> None:
    for opening in openings:
        about = f"{opening} a gardener."
        read = parse_document(page(body=f"Once.\n\n{about}\n\nEk has a small plot."))
        assert read.author_notes == ((about, "Ek has a small plot.") if is_note else ())


def test_author_named_in_the_middle_of_the_body_begins_no_notes() -> None:
    read = parse_document(page(body="Once.\n\nBo Ek was wrong.\n\nIt is.\n\nBo Ek gardens."))
    assert (len(read.body), read.author_notes) == (3, ("Bo Ek gardens.",))


def test_markup_of_lists_quotations_and_line_breaks() -> None:
    body = body_of('A "b" & <c>\nd\n\n  3. one\n  4. two\n      • below\n        more\n\n> q')
    assert to_markup(body) == (
        "<p>A &quot;b&quot; &amp; &lt;c&gt;<br>\nd</p>\n"
        '<ol start="3">\n<li>one</li>\n<li>two\n'
        "<ul>\n<li>below<br>\nmore</li>\n</ul>\n</li>\n</ol>\n"
        "<blockquote>\n<p>q</p>\n</blockquote>"
    )


@settings(max_examples=80)
@given(st.text(f"<>&\"'/ab\n- >•1.{NBSP}", max_size=60))
def test_no_text_of_a_body_becomes_markup_and_none_is_lost(text: str) -> None:
    markup = to_markup(body_of(f"Once.\n\n{text}"))
    shown = re.sub(r"</?(?:p|h2|ul|ol|li|blockquote)>|<ol start=\"\d+\">|<br>", "", markup)
    assert "<" not in shown
    marks = r"[\s>•-]|\b1+\."
    assert re.sub(marks, "", f"Once.{text}") == re.sub(marks, "", unescape(shown))
