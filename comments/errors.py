"""Every refusal of the product, a class with a stable code.

Actions and rules raise these; doors (API, views, admin, commands) translate them. A client
decides by ``code``, never by the English of ``title`` or ``detail``. Each code is explained at
``/problems/<code>/``, from the docstring of its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from comments.words import gettext_noop, together


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: ``pointer`` is a JSON pointer such as ``#/author/name``."""

    pointer: str
    code: str
    detail: str


class Refusal(Exception):
    """Something was asked for that is not allowed or not possible; nothing was changed."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    title: ClassVar[str] = gettext_noop("The request was refused.")

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra
        """Further members of the problem document, such as ``version`` or ``retry_after``."""


class NotFound(Refusal):
    """There is nothing at this address, or nothing that you may see."""

    code = "not_found"
    status = 404
    title = gettext_noop("Not found.")


class ThreadUnknown(NotFound):
    """No thread has this key or belongs to this page. Reading never creates a thread."""

    code = "thread_unknown"
    title = gettext_noop("There is no such thread.")


class ThreadClosed(Refusal):
    """The thread is closed or archived: it can be read, but takes no comments, edits or votes."""

    code = "thread_closed"
    status = 409
    title = gettext_noop("This thread is closed.")


class ParentNotFound(Refusal):
    """The comment that this one would answer does not exist in this thread."""

    code = "parent_not_found"
    status = 422
    title = gettext_noop("The comment you reply to is not in this thread.")


class ParentNotPublished(Refusal):
    """The comment that this one would answer cannot be read (any more), so it takes no reply."""

    code = "parent_not_published"
    status = 409
    title = gettext_noop("The comment you reply to is not published.")


class DepthExceeded(Refusal):
    """The reply would stand deeper than the site allows, and the site refuses such replies.

    By default a deeper reply is stored under the deepest allowed ancestor instead.
    """

    code = "depth_exceeded"
    status = 409
    title = gettext_noop("Replies are nested too deeply here.")


class AuthRequired(Refusal):
    """The request needs a token or a session, and carried none that is valid."""

    code = "auth_required"
    status = 401
    title = gettext_noop("Sign in, or send a valid token.")


class Forbidden(Refusal):
    """You are known, and you may not do this."""

    code = "forbidden"
    status = 403
    title = gettext_noop("You may not do this.")


class Sanctioned(Forbidden):
    """A moderator has limited what this participant may do for now."""

    code = "sanctioned"
    title = gettext_noop("You may not write here at the moment.")


class ValidationFailed(Refusal):
    """Fields are missing, unknown, of the wrong type, too long or otherwise not acceptable.

    ``errors`` names each field by a JSON pointer, with a code and a sentence.
    """

    code = "validation_failed"
    status = 422
    title = gettext_noop("Some fields are not acceptable.")

    def __init__(self, errors: Sequence[FieldError], detail: str = "") -> None:
        # Several fields may be wrong in the same way, which is said once.
        said = dict.fromkeys(error.detail for error in errors)
        super().__init__(detail or together(*said))
        self.errors = tuple(errors)


class Malformed(Refusal):
    """The body is not JSON in UTF-8, or is nested too deeply."""

    code = "malformed"
    title = gettext_noop("The request cannot be read.")


class UnsupportedMediaType(Refusal):
    """The body has a media type other than ``application/json``."""

    code = "unsupported_media_type"
    status = 415
    title = gettext_noop("Send application/json.")


class MethodNotAllowed(Refusal):
    """This address does not know this method; the ``Allow`` header lists those it knows."""

    code = "method_not_allowed"
    status = 405
    title = gettext_noop("This address does not take that method.")


class NotAcceptable(Refusal):
    """The ``Accept`` header asks for something other than JSON."""

    code = "not_acceptable"
    status = 406
    title = gettext_noop("This address answers in JSON only.")


class TooLarge(Refusal):
    """The body is larger than this installation takes."""

    code = "too_large"
    status = 413
    title = gettext_noop("The request is too large.")


class LengthRequired(Refusal):
    """The body came without ``Content-Length``; chunked bodies are not read."""

    code = "length_required"
    status = 411
    title = gettext_noop("Send Content-Length.")


class DuplicateComment(Refusal):
    """The same person has just sent the same text under the same parent of this thread."""

    code = "duplicate_comment"
    status = 409
    title = gettext_noop("You have already said that.")


class IdempotencyConflict(Refusal):
    """The ``Idempotency-Key`` was used before, for a request that was not this one."""

    code = "idempotency_conflict"
    status = 409
    title = gettext_noop("This Idempotency-Key belongs to another request.")


class RateLimited(Refusal):
    """Too many requests of this kind in a short time; ``Retry-After`` says the seconds to wait."""

    code = "rate_limited"
    status = 429
    title = gettext_noop("Too many requests; wait a little.")

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(gettext_noop("Try again in {seconds} s.", seconds=retry_after_seconds))
        self.retry_after_seconds = retry_after_seconds


class EditWindowExpired(Refusal):
    """A comment can be changed by its author for a short time, and until somebody has replied."""

    code = "edit_window_expired"
    status = 409
    title = gettext_noop("This comment can no longer be changed by its author.")


class PreconditionRequired(Refusal):
    """A change must name the version it was made for: send ``If-Match`` with the comment's ETag."""

    code = "precondition_required"
    status = 428
    title = gettext_noop("Send If-Match with the version you have seen.")


class StaleVersion(Refusal):
    """The comment has changed since you read it; read it again and decide anew."""

    code = "stale_version"
    status = 412
    title = gettext_noop("The comment has changed meanwhile.")


class AlreadyDecided(Refusal):
    """Somebody has decided about this comment since you read it; ``decision`` says who, what, when
    and why.
    """

    code = "already_decided"
    status = 409
    title = gettext_noop("Somebody else has already decided.")


class ActionImpossible(Refusal):
    """What is asked for means nothing for this comment in its present state.

    What waits is rejected rather than removed, and approved rather than restored; of an undo, there
    is nothing left to undo.
    """

    code = "action_impossible"
    status = 409
    title = gettext_noop("This cannot be done to the comment as it is.")


class SimulationNeeded(Refusal):
    """A rule that refuses comments by itself goes live only when it was tried on past comments.

    The simulation is at most seven days old, and moderators had agreed with the rule as often as
    the site asks: ``precision`` is that share and ``low`` what was shown, both 0 to 1. Or send
    ``override`` with a ``note`` that says why; the record keeps both.
    """

    code = "simulation_needed"
    status = 409
    title = gettext_noop("Try this rule on past comments first.")


class LeaseLost(Refusal):
    """A colleague has this comment on the desk; your own lease, if there was one, has run out.

    ``lease`` says who has it, and until when.
    """

    code = "lease_lost"
    status = 409
    title = gettext_noop("The lease has run out.")


class VoteOnOwn(Refusal):
    """Nobody votes on a comment of their own."""

    code = "vote_on_own"
    status = 403
    title = gettext_noop("You cannot vote on your own comment.")


class FlagOnOwn(Refusal):
    """Nobody reports a comment of their own; who wants it gone can delete it."""

    code = "flag_on_own"
    status = 403
    title = gettext_noop("You cannot report your own comment.")


class CursorInvalid(Refusal):
    """The cursor was not made by this installation, or was made for another list."""

    code = "cursor_invalid"
    title = gettext_noop("The cursor is not valid.")


class ServerError(Refusal):
    """The fault is ours. It has been logged; trying again later may help."""

    code = "server_error"
    status = 500
    title = gettext_noop("Something went wrong on our side.")


class Unavailable(Refusal):
    """The store is busy or cannot be reached; try again after ``Retry-After`` seconds."""

    code = "unavailable"
    status = 503
    title = gettext_noop("The service is busy; try again shortly.")


def refusals() -> Iterator[type[Refusal]]:
    """Every class of refusal, each once, in the order of this file."""
    waiting: list[type[Refusal]] = [Refusal]
    found: list[type[Refusal]] = []
    while waiting:
        kind = waiting.pop(0)
        for child in kind.__subclasses__():
            found.append(child)
            waiting.append(child)
    return iter(sorted(found, key=lambda kind: kind.__dict__["code"]))
