"""Writing, changing, deleting, voting, previewing: what a caller does under his own name."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from comments.actions.answering import AnswerKnown, keep_answer
from comments.actions.answering import Request as KeyedRequest
from comments.actions.changing import Editor, comment_for, delete_comment, edit_comment
from comments.actions.limiting import address_of, whole_address_of
from comments.actions.linking import render_known, what_is_known
from comments.actions.people import GuestName, Writer, token_of
from comments.actions.posting import Submitted, submit_comment
from comments.actions.voting import WRITE_FIRST, cast_vote
from comments.api import documents as docs
from comments.api.authentication import is_from_own_page
from comments.api.base import MOST_DIGITS, ApiView, described, private
from comments.api.inputs import CommentInput, EditInput, PreviewInput, VoteInput, checked
from comments.api.reading import answer_list
from comments.api.rendering import dumps
from comments.api.shapes import comment_json, held_json
from comments.conf import options
from comments.errors import (
    AuthRequired,
    FieldError,
    NotFound,
    PreconditionRequired,
    StaleVersion,
    ValidationFailed,
)
from comments.models import Comment, Participant
from comments.queries.comments import Item, head_of, item_of, new_item, with_names
from comments.queries.people import latest_numbers
from comments.rules.moderation import READABLE
from comments.rules.rendering import clean_source
from comments.views.forms import LONGEST_BAIT, seconds_since_opened
from comments.views.subscribing import tell_of_answers
from comments.views.viewers import remember_guest
from comments.words import gettext_noop, ngettext_lazy

LONGEST_KEY = 255


class ThreadComments(ApiView):
    """The comments of a thread: the list, and where one is added."""

    @described(**docs.LIST_COMMENTS)
    def get(self, request: Request, key: str) -> HttpResponse:
        """Answers with a page of the thread."""
        return answer_list(request, head=self.thread(key), site=self.site, now=self.now)

    @described(**docs.POST_COMMENT)
    def post(self, request: Request, key: str) -> Response:
        """Stores a comment: 201 with the published one, 202 with one that waits."""
        caller = self.caller
        caller.need("write")
        self.limit("RATE_LIMIT_POST", caller=caller)
        data = request.data
        if caller.user is not None and isinstance(data, dict):
            data = {name: value for name, value in data.items() if name != "author"}
        values = checked(CommentInput, data)
        head = self.thread(key)
        origin = address_of(request._request)
        # Guests without a token are told apart by where they come from, or one of them would be
        # given the answer, and the token, of another who chose the same key and body. So are those
        # with a cookie: it may have come with an answer that was lost, and the same is sent again.
        has_token = "Authorization" in request.headers
        label = caller.label if caller.user is not None or has_token else f"guest:{origin}"
        keyed = _keyed(request, site_id=self.site.pk, caller=label)
        writer = replace(
            _writer(caller.as_writer(), values.get("author")),
            origin=origin,
            address=whole_address_of(request._request),
            honeypot=values["form"]["subject"][:LONGEST_BAIT],
            seconds_to_write=seconds_since_opened(values["form"]["opened"], now=self.now),
        )
        try:
            submitted = submit_comment(
                thread_id=head.id,
                writer=writer,
                source=values["source"],
                format=values["format"],
                reply_to_number=values["parent"],
                now=self.now,
                request=keyed,
            )
        except AnswerKnown as known:
            answer, participant = _first_answer(known)
            return self._told(answer, participant, "")
        body = _submitted_json(submitted)
        keep_answer(keyed, body=orjson.loads(dumps(body)))
        answer = _answer(submitted.comment, body, _status_of(submitted.comment))
        return self._told(answer, submitted.participant, values.get("tell", ""))

    def _told(self, answer: Response, participant: Participant, how: str) -> Response:
        """Notes that the writer wants to hear of answers, and lets our own page know him again."""
        request = self.request._request
        if how:
            address = self._address_of(participant)
            told = tell_of_answers(
                participant, address=address, how=how, request=request, now=self.now
            )
            answer.data = {**answer.data, "told": told}
        if participant.user_id is None and is_from_own_page(request):
            remember_guest(answer, participant)
        return answer

    def _address_of(self, participant: Participant) -> str:
        """Returns where the writer can be mailed; ``""`` where nobody knows."""
        return participant.email or str(getattr(self.caller.user, "email", ""))


def _writer(writer: Writer, author: dict[str, str] | None) -> Writer:
    """Returns the writer with what a guest says of himself.

    Raises:
        ValidationFailed: a guest without a token gave no name.
    """
    if writer.user is not None:
        return writer
    if author is None:
        if writer.participant is None:
            detail = gettext_noop("A guest gives a name.")
            raise ValidationFailed([FieldError("#/author", "required", detail)])
        return writer
    if writer.participant is not None and writer.participant.subject:
        return writer
    guest = GuestName(name=author["name"], email=author["email"], url=author["url"])
    return Writer(participant=writer.participant, guest=guest)


def _keyed(request: Request, *, site_id: int, caller: str) -> KeyedRequest | None:
    """Returns what the ``Idempotency-Key`` of the request stands for.

    Raises:
        ValidationFailed: the key is longer than 255 characters.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return None
    if len(key) > LONGEST_KEY or not key.isprintable():
        detail = ngettext_lazy(
            "Idempotency-Key has at most {number} printable character.",
            "Idempotency-Key has at most {number} printable characters.",
            LONGEST_KEY,
        )
        raise ValidationFailed([FieldError("#/Idempotency-Key", "invalid", detail)])
    # Not what a form knows of its filling in: shown anew, it sends the same comment.
    said = {name: value for name, value in dict(request.data).items() if name != "form"}
    body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    digest = sha256(b"\n".join([caller.encode(), request.path.encode(), body])).hexdigest()
    return KeyedRequest(site_id=site_id, key=key, fingerprint=digest)


def _first_answer(known: AnswerKnown) -> tuple[Response, Participant]:
    """Returns what the same request was answered before, and to whom."""
    comment = (
        Comment.objects.select_related("thread").filter(pk=known.answer.comment_id or 0).first()
    )
    participant = Participant.objects.filter(pk=known.answer.participant_id or 0).first()
    if comment is None or participant is None:
        raise NotFound(gettext_noop("The comment of the first answer is gone."))
    body = known.answer.body
    if body is None:  # the process died between storing the comment and keeping its answer
        body = _comment_json(comment)
    return _answer(comment, {**body, **_token(participant)}, known.answer.status), participant


def _token(participant: Participant) -> dict[str, str]:
    """Returns the token of a guest; a user has a session, or an API token that can be revoked."""
    return {} if participant.user_id is not None else {"token": token_of(participant)}


def _status_of(comment: Comment) -> int:
    return 202 if comment.number is None else 201


def _submitted_json(submitted: Submitted) -> dict[str, Any]:
    comment = submitted.comment
    if submitted.is_awaited:
        item = item_of(comment, own=True)
    else:
        item = new_item(comment)
        if submitted.is_linked:
            with_names([item], head=head_of(comment))
    return {**_comment_json(comment, item), **_token(submitted.participant)}


def _comment_json(comment: Comment, item: Item | None = None) -> dict[str, Any]:
    body = comment_json(item or item_of(comment, own=True), source=comment.source)
    body["format"] = comment.format
    if comment.status not in READABLE:
        body["held"] = held_json(comment)
    return body


def _answer(comment: Comment, body: dict[str, Any], status: int) -> Response:
    headers = {"ETag": comment.edit_tag, "Location": body["links"]["self"]}
    return private(body, status=status, headers=headers)


class CommentById(ApiView):
    """A comment by its id, held ones too for those who may see them."""

    @described(**docs.COMMENT_BY_ID)
    def get(self, request: Request, comment_id: int) -> Response:
        """Answers with the comment as the caller may see it."""
        caller = self.caller
        comment = (
            Comment.objects.select_related("thread", "author")
            .filter(pk=comment_id, thread__site_id=self.site.pk)
            .first()
        )
        if comment is None:
            raise NotFound(gettext_noop("There is no such comment."))
        may_edit = False
        if caller.is_known:
            caller.need("read")
            editor = caller.as_editor(site=self.site)
            may_edit = editor.is_moderator or editor.is_author_of(comment)
        gone = comment.deleted_at is not None or comment.erased_at is not None
        if not comment.reachable and (gone or not may_edit):
            raise NotFound(gettext_noop("There is no such comment."))
        own = may_edit and not gone
        body = _comment_json(comment) if own else comment_json(item_of(comment, own=False))
        return private(body, headers={"ETag": comment.edit_tag})

    @described(**docs.EDIT_COMMENT)
    def patch(self, request: Request, comment_id: int) -> Response:
        """Replaces the text; needs ``If-Match`` with the version the editor has seen."""
        caller = self.caller
        caller.need("write")
        self.limit("RATE_LIMIT_POST", caller=caller)
        editor = self._editor_of(comment_id)
        version = _version_seen(request)
        values = checked(EditInput, request.data)
        submitted = edit_comment(
            comment_id=comment_id,
            editor=editor,
            source=values["source"],
            format=values.get("format"),
            version=version,
            now=self.now,
        )
        body = _comment_json(submitted.comment)
        return private(body, headers={"ETag": submitted.comment.edit_tag})

    @described(**docs.DELETE_COMMENT)
    def delete(self, request: Request, comment_id: int) -> Response:
        """Takes the comment away; needs ``If-Match`` with the version seen."""
        caller = self.caller
        caller.need("write")
        editor = self._editor_of(comment_id)
        delete_comment(
            comment_id=comment_id, editor=editor, version=_version_seen(request), now=self.now
        )
        return private(None, status=204)

    def _editor_of(self, comment_id: int) -> Editor:
        """Returns the caller as an editor of this comment, before anything else is looked at.

        Raises:
            AuthRequired, NotFound, Forbidden: he may not change it, or not know that it exists.
        """
        editor = replace(
            self.caller.as_editor(site=self.site),
            address=whole_address_of(self.request._request),
        )
        comment = comment_for(comment_id, editor=editor)
        if comment.thread.site_id != self.site.pk:
            raise NotFound(gettext_noop("There is no such comment."))
        return editor


def _version_seen(request: Request) -> int:
    """Returns the version that ``If-Match`` names.

    Raises:
        PreconditionRequired: there is no such header.
        StaleVersion: it names no version of a comment.
    """
    header = request.headers.get("If-Match", "").strip()
    if not header:
        raise PreconditionRequired()
    text = header.removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise StaleVersion(gettext_noop("If-Match must carry the ETag of the comment."))
    return int(text)


class CommentVote(ApiView):
    """The caller's vote on a comment."""

    @described(**docs.PUT_VOTE)
    def put(self, request: Request, comment_id: int) -> Response:
        """Sets the vote; the same again changes nothing."""
        return self._vote(comment_id, checked(VoteInput, request.data)["value"])

    @described(**docs.DELETE_VOTE)
    def delete(self, request: Request, comment_id: int) -> Response:
        """Withdraws the vote."""
        return self._vote(comment_id, None)

    def _vote(self, comment_id: int, value: int | None) -> Response:
        caller = self.caller
        caller.need("write")
        if not caller.is_known:
            raise AuthRequired(WRITE_FIRST)
        self.limit("RATE_LIMIT_VOTE", caller=caller)
        if not Comment.objects.filter(pk=comment_id, thread__site_id=self.site.pk).exists():
            raise NotFound(gettext_noop("There is no such comment."))
        participant = caller.as_participant(site=self.site, now=self.now)
        comment = cast_vote(
            comment_id=comment_id, participant_id=participant.pk, value=value, now=self.now
        )
        votes = {"up": comment.votes_up, "down": comment.votes_down}
        return private({"value": value, "votes": votes})


class Preview(ApiView):
    """How a text would look."""

    @described(**docs.PREVIEW)
    def post(self, request: Request) -> Response:
        """Answers with the HTML of a text, stored nowhere."""
        self.limit("RATE_LIMIT_PREVIEW")
        values = checked(PreviewInput, request.data)
        source = clean_source(values["source"], max_chars=options().max_comment_chars)
        thread_id = self.thread(values["thread"]).id if values["thread"] else 0
        known = what_is_known(thread_id=thread_id, source=source, writer_id=None, reply_to=None)
        rendered = render_known(
            thread_id=thread_id, source=source, format=values["format"], known=known
        )
        latest = latest_numbers(thread_id=thread_id, participant_ids=set(known.people.values()))
        mentions = [
            {
                "text": found.text,
                "start": found.start,
                "end": found.end,
                "number": latest.get(known.people[found.key]) if found.key else None,
            }
            for found in rendered.mentions
        ]
        return private(
            {
                "html": rendered.html,
                "mentions": mentions,
                "references": [found.number for found in rendered.references if found.linked],
            }
        )
