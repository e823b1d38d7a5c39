"""What each operation of the desk says of itself in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from comments.api.documents import (
    BUSY,
    FORBIDDEN,
    ID,
    INVALID,
    LIMITED,
    MALFORMED,
    MALFORMED_LIST,
    MEDIA_TYPE,
    NO_LENGTH,
    NOT_FOUND,
    SIGN_IN_FIRST,
    TOO_LARGE,
    problem,
    query,
    whole,
)
from comments.api.inputs_moderation import (
    DecisionsInput,
    FlagInput,
    LeaseInput,
    SanctionInput,
    UndoInput,
)
from comments.api.schemas import TEXT as TEXT_SCHEMA
from comments.api.schemas import TIME, WHOLE, Json, array, obj, one_of, or_null
from comments.models import QueueItem

DECIDED = problem(
    "`already_decided` with the other's `decision`, `lease_lost` with the `lease`, "
    "`action_impossible`"
)
STALE = problem("`stale_version`")
ANY: Json = {"type": "object", "additionalProperties": True}
PAGE = obj({"next": or_null(TEXT_SCHEMA)})
RESULT = obj(
    {
        "id": WHOLE,
        "ok": {"type": "boolean"},
        "state": TEXT_SCHEMA,
        "version": WHOLE,
        "number": or_null(WHOLE),
        "decision": {**WHOLE, "description": "Row of the record; what `undo/` takes."},
        "problem": {**ANY, "description": "The problem document of an item that was refused."},
    },
    optional=("state", "version", "number", "decision", "problem"),
)
RESULTS = obj({"batch": TEXT_SCHEMA, "items": array(RESULT)})
WAITING: Json = {
    **ANY,
    "properties": {
        "id": WHOLE,
        "version": WHOLE,
        "thread": TEXT_SCHEMA,
        "state": TEXT_SCHEMA,
        "why": one_of(*QueueItem.Why.values),
        "entered_at": TIME,
    },
    "required": ["id", "version", "thread", "state", "why", "entered_at"],
}
ROW = OpenApiParameter(
    "row_id",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    OpenApiParameter.PATH,
    description="Row of the record.",
)
BATCH = OpenApiParameter("batch", OpenApiTypes.STR, OpenApiParameter.PATH, description="The batch.")
PARTICIPANT = OpenApiParameter(
    "participant_id",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    OpenApiParameter.PATH,
    description="Whom it concerns.",
)


def answer(schema: Json, description: str = "Done.") -> OpenApiResponse:
    """Returns an answer of this shape."""
    return OpenApiResponse(response=schema, description=description)


def desk(name: str, summary: str, responses: Any, *parameters: Any, **more: Any) -> dict[str, Any]:
    """Returns the description of an address of the desk."""
    return {
        "operation_id": name,
        "summary": summary,
        "tags": ["Moderation"],
        "parameters": list(parameters),
        "responses": {
            400: MALFORMED_LIST if any(one.name == "cursor" for one in parameters) else MALFORMED,
            401: SIGN_IN_FIRST,
            403: FORBIDDEN,
            422: INVALID,
            **responses,
        },
        **more,
    }


def change(name: str, summary: str, responses: Any, body: Any, *parameters: Any) -> dict[str, Any]:
    """Returns the description of a change at the desk."""
    also = {411: NO_LENGTH, 413: TOO_LARGE, 415: MEDIA_TYPE, 429: LIMITED, 503: BUSY}
    return desk(name, summary, {**responses, **also}, *parameters, request=body)


QUEUE = desk(
    "list_queue",
    "What waits, most urgent first",
    {
        200: answer(
            obj(
                {
                    "count": {**WHOLE, "description": "At most 1001."},
                    "items": array(WAITING),
                    "page": PAGE,
                }
            ),
            "Found.",
        )
    },
    query("state", "Why it waits.", enum=list(QueueItem.Why.values)),
    query("reason", "Key of the rule, or another reason."),
    query("thread", "Key of a thread."),
    whole("limit", "Comments. Default 20.", least=1, most=100),
    query("cursor", "From `page.next`."),
)
LEASES = change(
    "lease_comments",
    "Put the next comments on my desk for three minutes",
    {200: answer(obj({"items": array(WAITING)}))},
    LeaseInput,
)
DECISIONS = change(
    "decide",
    "Decide about comments",
    {
        200: answer(RESULTS, "At least one item was done."),
        409: answer(RESULTS, "Every item was refused; each says why in `problem`."),
    },
    DecisionsInput,
)
UNDO_DECISION = change(
    "undo_decision",
    "Restore what was before a decision",
    {200: answer(RESULT), 404: NOT_FOUND, 409: DECIDED, 412: STALE},
    UndoInput,
    ROW,
)
UNDO_BATCH = change(
    "undo_batch",
    "Undo every decision of a batch",
    {
        200: answer(RESULTS, "At least one item was done."),
        404: NOT_FOUND,
        409: answer(RESULTS, "Every item was refused; each says why in `problem`."),
    },
    UndoInput,
    BATCH,
)
EXPLANATION = desk(
    "explain_comment",
    "Why a comment is where it is",
    {200: answer(ANY, "Found."), 404: NOT_FOUND},
    ID,
)
LOG = desk(
    "list_log",
    "The record of moderation, newest first",
    {200: answer(obj({"items": array(ANY), "page": PAGE}), "Found.")},
    whole("comment", "Id of a comment.", least=0, most=10**18 - 1),
    whole("limit", "Rows. Default 50.", least=1, most=100),
    query("cursor", "From `page.next`."),
)
SANCTIONS = change(
    "impose_sanction",
    "Limit what somebody may do",
    {201: answer(ANY, "In force."), 404: NOT_FOUND},
    SanctionInput,
    PARTICIPANT,
)
PUT_FLAG = {
    **change(
        "flag_comment",
        "Report a comment",
        {
            200: answer(obj({"flagged": {"type": "boolean"}})),
            403: problem("`forbidden`, `sanctioned`; `flag_on_own`: the comment is the caller's."),
            404: NOT_FOUND,
        },
        FlagInput,
        ID,
    ),
    "tags": ["Comments"],
}
DELETE_FLAG = {
    **desk("withdraw_flag", "Withdraw my report", {204: None, 404: NOT_FOUND, 429: LIMITED}, ID),
    "tags": ["Comments"],
}
