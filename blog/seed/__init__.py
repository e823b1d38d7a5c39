"""Reads the text rendering of a blog page, so that a post and its replies can be stored.

Customers bring their first post as the text of a WordPress page. This package turns such a text
into plain values, and refuses, by line and field, whatever it cannot read for certain. It knows
neither Django nor the tables; `blog.importing` stores what comes out.

The shape of a page, from top to bottom, and the module that reads each part:

    SERIES -Part IV: Title              head: title; a series is optional
    Part I: Title of that part          other parts, only where the title names a series
    By Ana Lima and Bo Ek April 18/21   authors, and a date that is kept as written
    body                                body: paragraphs, subheadings, lists, quotations
    about the authors                   optional notes at its end
    April 27, 2023 | 9 Comments »       tail: published, and how many replies there are
    Subscribe to NAME                   optional: the name of the digest
    Leave a Reply                       optional: open for replies
    9 Comments / 9 Comments             optional
      1. First line of a reply          the replies, numbered from 1 without gaps
        its further lines

Empty lines separate and mean nothing else. The three optional lines may also follow the replies.
Any other line outside body and replies is refused, since dropping it would lose text in silence.
What a page does not say (who wrote a reply, and when) has no field.
"""

from blog.seed.document import Block, Document, Item, Reply, SeedError, SeriesPart
from blog.seed.lines import decode_document
from blog.seed.markup import to_markup
from blog.seed.page import parse_document
from blog.seed.series import slug_of

__all__ = [
    "Block",
    "Document",
    "Item",
    "Reply",
    "SeedError",
    "SeriesPart",
    "decode_document",
    "parse_document",
    "slug_of",
    "to_markup",
]
