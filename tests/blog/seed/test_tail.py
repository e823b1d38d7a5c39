"""The date line, the frame and the numbered replies: what is read, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from blog.seed import parse_document
from tests.blog.seed.pages import LINES, NBSP, changed, corpus, page, refused


@pytest.mark.parametrize(
    "written",
    [
        *("April 7, 2023", "Apr. 7 2023", "April 7th, 2023", "7 April 2023", "7. Apr. 2023"),
        *("APRIL 07, 2023", "2023-04-07", "Friday, April 7, 2023", f"April{NBSP}7,  2023"),
    ],
)
def test_forms_of_the_published_date(written: str) -> None:
    read = parse_document(page(dateline=f"{written} | No Comments »"))
    assert read.published_on == date(2023, 4, 7)


@pytest.mark.parametrize(
    "count", ["No Comments »", "0 comments", "Comments Off", "Comments Off on Slugs: a reckoning"]
)
@pytest.mark.parametrize("tail", ["", "No Comments", "0 Comments / 0 Comments"])
def test_no_replies_in_many_words(count: str, tail: str) -> None:
    read = parse_document(page(dateline=f"April 27, 2023 | {count}", tail=tail))
    assert (read.declared_count, read.replies, read.open_for_replies) == (0, (), False)


def test_frames_of_other_pages() -> None:
    beds, heap = corpus("winter-beds.txt"), corpus("compost-heap.txt")
    assert [reply.number for reply in beds.replies] == list(range(1, 13))
    assert beds.digest_name == "The Potting Shed Weekly Newsletter"
    assert (beds.published_on, beds.open_for_replies) == (date(2019, 12, 3), False)
    assert (heap.published_on, heap.declared_count) == (date(2021, 2, 28), 0)
    assert (heap.digest_name, heap.open_for_replies) == (None, False)


def test_numbers_inside_replies_are_text_and_indentation_may_shrink() -> None:
    sources = [reply.source for reply in corpus("winter-beds.txt").replies]
    assert sources[1] == (
        "Three things from my plot:\n\n  1. Sieve it wet.\n  2. Never sieve it in the wind.\n"
        "     (Ask my neighbour.)\n  3. Keep the twigs.\n\nSo much for that."
    )
    assert sources[3] == "1. Worms\n2. more worms\n5. even more worms"
    assert sources[4].split("\n\n")[1] == "2019. A year to forget."
    assert sources[6] == "The picture above is not a beech.\nIt is a hornbeam."
    assert sources[9] == "Ten is where the column shifts.\n9. is not a number here."
    assert sources[10] == "Subscribe to nothing\nLeave a Reply\nDecember 4, 2019 | 3 Comments »"


def test_thousand_replies_reach_the_margin_and_are_counted_with_a_separator() -> None:
    replies = "\n".join(f"{number:>3}. x\n    {number}. typed" for number in range(1, 1025))
    read = parse_document(page(dateline="2023-04-27 | 1,024 Comments", tail=replies))
    assert (read.declared_count, read.replies[-1].source) == (1024, "x\n1024. typed")


def test_open_and_digest_lines_may_follow_the_replies() -> None:
    tail = "  1. Copper.\n\nLeave a Reply Cancel reply\n\nSubscribe to Slug Digest"
    read = parse_document(page(dateline="April 27, 2023 | One Comment", tail=tail))
    assert (read.open_for_replies, read.digest_name) == (True, "Slug Digest")
    assert read.replies[0].source == "Copper."


@pytest.mark.parametrize(
    ("changes", "line", "field"),
    [
        ({98: None}, 99, "published_on"),
        ({98: "April 27, 2023"}, 100, "published_on"),
        ({98: "April 31, 2023 | 9 Comments »"}, 98, "published_on"),
        ({98: "Aprl 27, 2023 | 9 Comments »"}, 98, "published_on"),
        ({98: "04/05/2023 | 9 Comments »"}, 98, "published_on"),
        ({98: "yesterday | 9 Comments »"}, 98, "published_on"),
        ({98: "April 27, 2023 | nine Comments »"}, 98, "declared_count"),
        ({98: "April 27, 2023 | 8 Comments »"}, 98, "declared_count"),
        ({98: "April 27, 2023 | Comments Off"}, 98, "declared_count"),
        ({104: "8 Comments / 9 Comments"}, 104, "declared_count"),
        ({104: "9 Comments / 8 Comments"}, 104, "declared_count"),
        ({103: LINES[103]}, 104, "declared_count"),
        ({101: "Leave a Reply"}, 102, "open_for_replies"),
        ({101: "Comments are closed."}, 102, "open_for_replies"),
        ({101: LINES[99]}, 101, "digest_name"),
        ({97: LINES[97]}, 98, "replies"),
        ({100: "Subscribe to " + "x" * 101}, 100, "replies"),
        ({101: "Share this on Slugbook"}, 101, "replies"),
        (dict.fromkeys(range(10, 98)), 10, "body"),
        (dict.fromkeys(range(176, 202)), 98, "declared_count"),
        (dict.fromkeys(range(106, 116)), 106, "replies"),
        ({137: "  3. Russia"}, 137, "replies"),
        ({125: "  4. @Adam", 137: "  3. x"}, 125, "replies"),
        ({176: "  9999999999. x"}, 176, "replies"),
        ({173: "  8.", 174: f"    {NBSP}\u200b"}, 173, "replies"),
        ({106: None}, 106, "replies"),
        ({126: "Older posts"}, 126, "replies"),
    ],
)
def test_wrong_tail_is_refused_by_line_and_field(
    changes: dict[int, str | None], line: int, field: str
) -> None:
    assert refused(changed(changes)) == (line, field)
