"""What a form may send: so much, in UTF-8, no files, and once."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest

from comments.actions.answering import AnswerKnown, Request
from comments.conf import options
from comments.errors import Malformed, NotFound, TooLarge
from comments.models import Comment, Participant
from comments.views.forms import is_key, whole_number
from comments.words import gettext_noop, ngettext_lazy


def check_body(request: HttpRequest) -> None:
    """Refuses a body that no form of ours sends.

    Raises:
        TooLarge: it is larger than a body may be, or brings files.
        Malformed: its fields are not UTF-8. Django would read them all the same, with
            replacement characters in their place.
    """
    largest = options().max_body_bytes
    length = whole_number(request.META.get("CONTENT_LENGTH")) or 0
    if length > largest:
        raise TooLarge(
            ngettext_lazy(
                "A form has at most {number} byte.", "A form has at most {number} bytes.", largest
            )
        )
    if request.FILES:
        raise TooLarge(gettext_noop("A form brings no files."))
    if request.content_type != "application/x-www-form-urlencoded":
        sent = (value for _, values in request.POST.lists() for value in values)
        if any("\ufffd" in str(value) for value in sent):
            raise Malformed(gettext_noop("The form is not in UTF-8."))
        return
    try:
        unquote_to_bytes(request.body).decode()
    except UnicodeDecodeError:
        raise Malformed(gettext_noop("The form is not in UTF-8.")) from None


def keyed(request: HttpRequest, *, site_id: int) -> Request | None:
    """Returns what the hidden key of a form stands for: the same form, sent twice, is one.

    Who sends it does not count, since the first answer may have made a guest known. The key is
    the form's own secret, and in a space apart from the API's keys.
    """
    sent = request.POST
    key = sent.get("key", "")
    if not is_key(key):
        return None
    names = ("name", "email", "url", "source", "format", "reply_to")
    parts = [request.path, *(f"{name}={sent.get(name, '')}" for name in names)]
    digest = sha256("\0".join(parts).encode()).hexdigest()
    return Request(site_id=site_id, key=f"page:{key}", fingerprint=digest)


def first_answer(known: AnswerKnown) -> tuple[Comment, Participant]:
    """Returns what the same form made when it was sent first.

    Raises:
        NotFound: it is gone.
    """
    comment = Comment.objects.filter(pk=known.answer.comment_id or 0).first()
    participant = Participant.objects.filter(pk=known.answer.participant_id or 0).first()
    if comment is None or participant is None:
        raise NotFound(gettext_noop("The comment that this form made is gone."))
    return comment, participant
