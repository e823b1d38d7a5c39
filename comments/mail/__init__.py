"""Composing mail. Nothing here sends, and nothing here asks the database.

What people typed reaches a header only as one clean line. Mail to commenters about decisions is
plain text; mail to subscribers is text and HTML, composed once for all who get the same.
"""

from comments.mail.decisions import DecisionLetter, compose_decision
from comments.mail.editions import Composed, compose_edition
from comments.mail.headers import clean, headers, message_id, one_line, subject_line, token_of
from comments.mail.splicing import Splicer, Values, delivery_key, readable_parts

__all__ = [
    "Composed",
    "DecisionLetter",
    "Splicer",
    "Values",
    "clean",
    "compose_decision",
    "compose_edition",
    "delivery_key",
    "headers",
    "message_id",
    "one_line",
    "readable_parts",
    "subject_line",
    "token_of",
]
