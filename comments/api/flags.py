"""Readers' reports."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from comments.actions.flagging import Reader, flag_comment, withdraw_flag
from comments.actions.limiting import address_of
from comments.api import documents_moderation as docs
from comments.api.base import ApiView, described, private
from comments.api.inputs import checked
from comments.api.inputs_moderation import FlagInput
from comments.models import FlagReason


class CommentFlags(ApiView):
    """A reader's report of a comment."""

    @described(**docs.PUT_FLAG)
    def post(self, request: Request, comment_id: int) -> Response:
        """Stores the caller's report; the same again changes nothing."""
        reader = self._reader()
        values = checked(FlagInput, request.data)
        flag_comment(
            comment_id=comment_id,
            reader=reader,
            reason=FlagReason(values["reason"]),
            note=values["note"],
            now=self.now,
            site_id=self.site.pk,
        )
        return private({"flagged": True})

    @described(**docs.DELETE_FLAG)
    def delete(self, request: Request, comment_id: int) -> Response:
        """Withdraws the caller's report."""
        withdraw_flag(
            comment_id=comment_id, reader=self._reader(), now=self.now, site_id=self.site.pk
        )
        return private(None, status=204)

    def _reader(self) -> Reader:
        caller = self.caller
        caller.need("write")
        self.limit("RATE_LIMIT_VOTE", caller=caller)
        participant = None
        if caller.is_known:
            participant = caller.as_participant(site=self.site, now=self.now)
        return Reader(participant, address_of(self.request._request))
