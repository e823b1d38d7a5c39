"""The customer's document, read to the last word."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest

from blog.seed import parse_document, slug_of, to_markup
from tests.blog.seed.pages import CUSTOMER, NBSP, TEXT, customer


def test_fixture_is_the_customers_document_byte_for_byte() -> None:
    assert hashlib.sha256(CUSTOMER.read_bytes()).hexdigest() == (
        "3b23e72ec5efe8db58fd0de6e45acdb941bc905c721b42e6b473f5db1f7e63cd"
    )


def test_head_names_series_parts_authors_and_a_date_kept_as_written() -> None:
    head = customer()
    assert head.title == f"RUSSIA AND THE NEW ME -Part IV: {head.part_title}"
    assert head.part_title == "Can Russia be induced to use its UN veto to protect Israel"
    assert (head.series_title, head.part, head.part_label) == (
        "RUSSIA AND THE NEW ME",
        4,
        "Part IV",
    )
    assert [(part.part, part.label, part.title[:22]) for part in head.other_parts] == [
        (1, "Part I", "The USSR and the Old M"),
        (2, "Part II", "The Russian courtship "),
        (3, "Part III", "Russia’s Predicaments "),
    ]
    assert head.byline == "By Ted Belman and Alex Maistrovoy April 18/21"
    assert head.authors == ("Ted Belman", "Alex Maistrovoy")
    assert head.byline_date == "April 18/21"
    assert slug_of(head.title) == "russia-and-the-new-me-part-iv"


def test_frame_gives_date_count_digest_and_whether_replies_are_open() -> None:
    tail = customer()
    assert (tail.published_on, tail.declared_count) == (date(2023, 4, 27), 9)
    assert (tail.digest_name, tail.open_for_replies) == ("Israpundit Daily Digest", True)


def test_body_has_its_blocks_in_order() -> None:
    body = customer().body
    assert "".join(block.kind[0] for block in body) == "pplppplpppppppphppppphphppppppppppp"
    assert [block.text for block in body if block.kind == "heading"] == [
        "Pragmatic Reasons",
        "Cultural Reasons",
        "“Jewish influence” in Washington",
    ]
    six, three = (block for block in body if block.kind == "list")
    assert len(six.items) == 6
    assert [item.text.split()[0] for item in three.items] == ["acted", "established", "organized"]
    assert six.start is three.start is None


def test_every_no_break_space_of_body_and_notes_is_kept() -> None:
    kept = to_markup(customer().body).count(NBSP) + "".join(customer().author_notes).count(NBSP)
    assert kept == TEXT.count(NBSP) - 1 == 11  # the twelfth separates "Part I:" from its title


def test_notes_begin_with_an_authors_name_and_reach_to_the_date_line() -> None:
    ted, *alex = customer().author_notes
    assert ted == f"Ted Belman is the editor and publisher of Israpundit.{NBSP}"
    assert [note[:20] for note in alex] == [
        *("Alexander Maistrovoy", "He has been publishe", "He is the author of "),
    ]


def test_nine_replies_have_their_numbers_lines_and_paragraphs() -> None:
    found = [(r.number, r.line, r.source.count("\n\n") + 1) for r in customer().replies]
    assert found == [
        *((1, 106, 3), (2, 116, 3), (3, 125, 6), (4, 137, 3), (5, 143, 3)),
        *((6, 149, 6), (7, 161, 6), (8, 173, 1), (9, 176, 12)),
    ]
    first = customer().replies[0].source.split("\n\n")[0]
    assert [line.split()[0] for line in first.split("\n")] == ["Just", "I", "As", "On", "If"]
    assert customer().replies[2].source.startswith("@Adam\n\nThe longest alliances are ones")


def test_no_word_of_the_document_is_lost() -> None:
    document = customer()
    texts = [document.title, document.byline, document.digest_name or ""]
    texts += [f"{part.label}: {part.title}" for part in document.other_parts]
    texts += [block.text for block in document.body]
    texts += [item.text for block in document.body for item in block.items]
    texts += [*document.author_notes, *(reply.source for reply in document.replies)]
    frame = (
        "April 27, 2023 | 9 Comments » Subscribe to Leave a Reply 9 Comments / 9 Comments"
        " 1. 2. 3. 4. 5. 6. 7. 8. 9." + " •" * 9
    )
    assert sorted(" ".join([*texts, frame]).split()) == sorted(TEXT.split())


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT + "\n\n   \n",
        TEXT.replace("\n\n", f"\n{NBSP}\n"),
        TEXT.replace("April 27, 2023 | 9", f"April{NBSP}27, 2023{NBSP}| 9"),
        TEXT.replace("  • ", "  * "),
        TEXT.replace("\n    ", "\n\t"),
    ],
    ids=["crlf", "cr", "blank-end", "nbsp-lines", "nbsp-dateline", "asterisks", "tabs"],
)
def test_other_line_ends_bullets_and_spaces_give_the_same_document(text: str) -> None:
    assert parse_document(text) == customer()


def test_body_becomes_markup() -> None:
    markup = to_markup(customer().body)
    counts = {tag: markup.count(f"<{tag}>") for tag in ("p", "h2", "ul", "li")}
    assert counts == {"p": 30, "h2": 3, "ul": 2, "li": 9}
    assert f"to the Kremlin{NBSP}March 2" in markup
    assert "<h2>“Jewish influence” in Washington</h2>" in markup
    assert "Israeli company Ariel R&amp;D launched" in markup
