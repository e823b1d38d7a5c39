"""What concerns the caller alone."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from comments.actions.people import token_of
from comments.api import documents as docs
from comments.api.base import ApiView, described, private, text_parameter
from comments.api.shapes import comment_json, held_json
from comments.errors import AuthRequired, FieldError, ValidationFailed
from comments.models import Comment, Status
from comments.queries.viewer import editable_until, own_comments, own_votes
from comments.words import gettext_noop

WAITING = {Status.HELD.value, Status.REJECTED.value, Status.SPAM.value}


class Viewer(ApiView):
    """The caller, in one thread."""

    @described(**docs.VIEWER)
    def get(self, request: Request) -> Response:
        """Answers with votes, own comments (held ones too) and until when they can be changed."""
        key = text_parameter(request, "thread", most=200)
        if not key:
            raise ValidationFailed(
                [FieldError("#/thread", "required", gettext_noop("Name a thread."))]
            )
        head = self.thread(key)
        caller = self.caller
        body: dict[str, Any] = {
            "viewer": None,
            "now": self.now,
            "may": {
                "post": head.state == "open",
                "vote": head.state == "open" and caller.is_known,
                "moderate": caller.is_moderator,
            },
            "votes": {},
            "comments": [],
        }
        if not caller.is_known:
            return private(body)
        caller.need("read")
        participant = caller.as_participant(site=self.site, now=self.now)
        body["viewer"] = {"name": participant.name, "signed_in": caller.user is not None}
        votes = own_votes(thread_id=head.id, participant_id=participant.pk)
        body["votes"] = {str(number): value for number, value in votes.items()}
        own_items = own_comments(head=head, participant_id=participant.pk)
        waiting = Comment.objects.in_bulk([one.id for one in own_items if one.state in WAITING])
        has_account = caller.user is not None or bool(participant.subject)
        for item in own_items:
            until = editable_until(item)
            own = comment_json(item)
            in_time = until is not None and until > self.now
            own["editable_until"] = until if in_time else None
            may_change = head.state == "open" or caller.is_moderator
            own["deletable"] = may_change and (in_time or has_account)
            if item.id in waiting:
                own["held"] = held_json(waiting[item.id])
            body["comments"].append(own)
        return private(body)

    @described(**docs.SIGN_IN)
    def post(self, request: Request) -> Response:
        """Changes a host site's token for a comment token, good for many requests."""
        participant = self.caller.participant
        if participant is None:
            raise AuthRequired(gettext_noop("Send the host site's token as Bearer."))
        return private({"name": participant.name, "token": token_of(participant)})
