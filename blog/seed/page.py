"""A page as a whole: its parts are read by modules of their own, and put together here."""

from __future__ import annotations

from blog.seed.body import read_body, split_notes, with_headings
from blog.seed.document import Document, SeedError
from blog.seed.head import read_head
from blog.seed.lines import lines_of
from blog.seed.tail import find_dateline, read_tail


def parse_document(text: str) -> Document:
    """Returns all that a page says; `blog.seed` describes the shape of a page.

    Each step looks at each line a constant number of times, and each pattern is anchored or sees
    short lines only, so that the time is linear in the length of the text.

    Raises:
        SeedError: with line and field, for whatever is missing, contradictory or unreadable.
            Nothing else is raised, and there is never half a document.
    """
    lines = lines_of(text)
    head, start = read_head(lines)
    end = find_dateline(lines, start)
    tail = read_tail(lines, end)
    body, author_notes = split_notes(read_body(lines[start:end]), head.authors)
    if not body:
        raise SeedError(line=end + 1, field="body", detail="is missing")
    return Document(**vars(head), **vars(tail), body=with_headings(body), author_notes=author_notes)
