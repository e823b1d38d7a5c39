"""What each operation says of itself in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from comments.api.inputs import (
    CommentInput,
    EditInput,
    PreviewInput,
    SettingsInput,
    SubscriptionInput,
    VoteInput,
)
from comments.api.rendering import HTML
from comments.api.schemas import ref
from comments.language import LANGUAGES

PROBLEM_TYPE = "application/problem+json"


def problem(description: str) -> OpenApiResponse:
    """Returns a problem document as the answer of a refusal."""
    return OpenApiResponse(response=ref("Problem"), description=description)


MALFORMED = problem("`malformed`: the request cannot be read.")
MALFORMED_LIST = problem("`malformed`: the request cannot be read. `cursor_invalid`.")
SIGN_IN_FIRST = problem("`auth_required`")
FORBIDDEN = problem("`forbidden`")
NO_THREAD = problem("`thread_unknown`")
NO_COMMENT = problem("`thread_unknown`; `not_found`: nobody can reach the comment.")
NOT_FOUND = problem("`not_found`")
NO_CHANGE = problem(
    "`thread_closed`, `edit_window_expired`; for moderators `already_decided`, `lease_lost`."
)
STALE = problem("`stale_version`")
TOO_LARGE = problem("`too_large`")
NO_LENGTH = problem("`length_required`")
MEDIA_TYPE = problem("`unsupported_media_type`")
INVALID = problem("`validation_failed`: `errors` names each field.")
NO_PRECONDITION = problem("`precondition_required`")
LIMITED = problem("`rate_limited`: wait `Retry-After` seconds.")
BUSY = problem("`unavailable`: the store is busy; try again.")
READ_AGAIN = OpenApiResponse(description="You have this version already.")


def query(
    name: str, description: str, *, type_: Any = OpenApiTypes.STR, **kwargs: Any
) -> OpenApiParameter:
    """Returns a query parameter."""
    return OpenApiParameter(name, type_, OpenApiParameter.QUERY, description=description, **kwargs)


def whole(name: str, description: str, *, least: int, most: int) -> OpenApiParameter:
    """Returns a query parameter that is a whole number in a range."""
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return query(name, description, type_=schema)


KEY = OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="The thread.")
NUMBER = OpenApiParameter(
    "number",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    OpenApiParameter.PATH,
    description="The comment's number in its thread.",
)
ID = OpenApiParameter(
    "comment_id",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    OpenApiParameter.PATH,
    description="The comment's row.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="ETag you have."
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="ETag of the comment as you have seen it. Needed: 428 without it.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key and body give the first answer again for 24 hours.",
)
LANG = query(
    "lang",
    f"Language of HTML: {', '.join(f'`{code}`' for code in LANGUAGES)}. Any other, and none: the "
    "site's.",
)
UNCHECKED = (LANG,)
"""Parameters that are never refused."""
LIST_SHAPE = [
    query("sort", "Order of the roots.", enum=["oldest", "newest", "best"]),
    whole("limit", "Comments, or roots of a tree. Default 50.", least=1, most=100),
    query("cursor", "From `page.next` or `page.prev`."),
]
TREE_SHAPE = [
    whole("depth", "Levels of a tree. Default 3.", least=1, most=10),
    whole("per_parent", "Replies shown of each. Default 3.", least=1, most=50),
]


def read(name: str, summary: str, answer: str, *parameters: Any, **more: Any) -> dict[str, Any]:
    """Returns the description of a public read; what it can refuse follows from its parameters."""
    asked = {one.name for one in parameters}
    refused: dict[Any, Any] = {
        400: MALFORMED_LIST if "cursor" in asked else MALFORMED,
        404: NO_COMMENT if "number" in asked else NO_THREAD if "key" in asked else NOT_FOUND,
    }
    if any(one.location == OpenApiParameter.QUERY and one not in UNCHECKED for one in parameters):
        refused[422] = INVALID
    return {
        "operation_id": name,
        "summary": summary,
        "tags": [more.pop("tag", "Threads")],
        **{name: more.pop(name) for name in ("description",) if name in more},
        "auth": [],
        "parameters": [*parameters, IF_NONE_MATCH],
        "responses": {
            200: OpenApiResponse(response=ref(answer), description="Found."),
            304: READ_AGAIN,
            **refused,
            **more,
        },
    }


def read_html(name: str, summary: str, answer: str, *parameters: Any) -> dict[str, Any]:
    """Returns the description of a public read that has HTML, too."""
    described = read(name, summary, answer, *parameters, LANG)
    described["responses"] |= {
        (200, HTML): OpenApiResponse(
            response=OpenApiTypes.STR,
            description="With `Accept: text/html`: the same as the page of the thread shows it, "
            "for nobody in particular. It has no form, but a link to the one on the page. "
            "Parameters other than `sort`, `cursor` and `lang` are for JSON, and refused with 422.",
        )
    }
    return described


ROOT = read("get_root", "Where to begin", "Root")
THREAD_LOOKUP = read(
    "find_thread",
    "Which thread belongs to a page",
    "Thread",
    query("url", "Address of the page, however it is written."),
    query("key", "Key of the thread."),
)
THREAD_DETAIL = read("get_thread", "One thread", "Thread", KEY)
LIST_COMMENTS = read_html(
    "list_comments",
    "A page of a thread",
    "CommentList",
    KEY,
    query("shape", "`flat` in reading order, or `tree`.", enum=["flat", "tree"]),
    *LIST_SHAPE,
    *TREE_SHAPE,
    whole("since_number", "Only what came after this number.", least=0, most=2**53),
)
COMMENT_DETAIL = read_html("get_comment", "One comment", "Comment", KEY, NUMBER)
COMMENT_CONTEXT = read_html(
    "get_context",
    "A comment with its ancestors and first replies",
    "CommentContext",
    KEY,
    NUMBER,
    query("cursor", "Of HTML alone: its replies from there on, not the first."),
    *TREE_SHAPE,
)
COMMENT_REPLIES = read_html(
    "list_replies", "More of one branch", "CommentList", KEY, NUMBER, *LIST_SHAPE[1:], *TREE_SHAPE
)
THREAD_CHANGES = read(
    "list_changes",
    "What changed since a version",
    "Changes",
    KEY,
    whole("since", "The version you have. Default 0.", least=0, most=2**53),
    description="Where `version` is smaller than `since`, the server was set back to an earlier "
    "day: begin anew. What else a change touches is in docs/api.md.",
)
THREAD_STREAM: dict[str, Any] = {
    "operation_id": "stream_changes",
    "summary": "Changes as they happen",
    "description": "Server-sent events, at the address in the thread's `links.stream`. `hello` "
    "tells the present version, to who came without one; `change` one version as in `changes/`; "
    "`reset` that too much was missed, or that the version you came with is newer than the newest: "
    "fetch the thread anew. The `id` of each event is the version you have then; who sends it back "
    "is told every version after it, once and in order.",
    "tags": ["Threads"],
    "auth": [],
    "parameters": [
        KEY,
        whole("since", "The version you have. Without it, from now on.", least=0, most=2**53),
        OpenApiParameter(
            "Last-Event-ID",
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            description="The same, as browsers send it by themselves; it goes before `since`.",
        ),
    ],
    "responses": {
        (200, "text/event-stream"): OpenApiResponse(
            response=OpenApiTypes.STR, description="The stream, until one of both ends it."
        ),
        307: OpenApiResponse(description="Streams are served elsewhere: see `Location`."),
        400: MALFORMED,
        403: problem("`forbidden`: pages of this origin may not read here."),
        404: NO_THREAD,
        422: INVALID,
        429: problem("`rate_limited`: your address has as many streams as it may."),
        503: problem("`unavailable`: as many streams are open as may be; wait `Retry-After`."),
    },
}
THREAD_PARTICIPANTS = read(
    "list_participants", "Names for the autocomplete", "Participants", KEY, query("q", "Beginning.")
)
COUNTS = read(
    "count_comments",
    "How many comments threads have",
    "Counts",
    query("key", "1 to 100 times. A key that no thread has counts 0.", many=True),
)
COUNTS["responses"][404] = NOT_FOUND


def write(
    name: str, summary: str, responses: dict[int, OpenApiResponse], **more: Any
) -> dict[str, Any]:
    """Returns the description of an operation that a caller does under his own name.

    Args:
        responses: beside what can happen to every such request.
    """
    answers: dict[Any, Any] = {400: MALFORMED, 503: BUSY, **responses}
    if more.get("request") is not None:
        answers |= {411: NO_LENGTH, 413: TOO_LARGE, 415: MEDIA_TYPE}
        answers.setdefault(422, INVALID)
    return {
        "operation_id": name,
        "summary": summary,
        "tags": [more.pop("tag", "Writing")],
        "responses": answers,
        **more,
    }


def found(answer: str, description: str = "Done.") -> OpenApiResponse:
    """Returns a successful answer of a named shape."""
    return OpenApiResponse(response=ref(answer), description=description)


POST_COMMENT = write(
    "post_comment",
    "Write a comment",
    {
        201: found("Comment", "Published."),
        202: found("Comment", "Held: `held` says why."),
        401: SIGN_IN_FIRST,
        403: problem("`forbidden`, `sanctioned`"),
        404: problem("`thread_unknown`; `not_found`: what the same request made before is gone."),
        409: problem(
            "`thread_closed`, `parent_not_published`, `depth_exceeded`, `duplicate_comment`, "
            "`idempotency_conflict`"
        ),
        422: problem("`validation_failed`: `errors` names each field. `parent_not_found`."),
        429: LIMITED,
    },
    request=CommentInput,
    parameters=[KEY, IDEMPOTENCY_KEY],
)
COMMENT_BY_ID: dict[str, Any] = {
    "operation_id": "get_comment_by_id",
    "summary": "One comment, held ones too for those who may see them",
    "tags": ["Writing"],
    "parameters": [ID],
    "responses": {200: found("Comment"), 401: SIGN_IN_FIRST, 403: FORBIDDEN, 404: NOT_FOUND},
}
EDIT_COMMENT = write(
    "edit_comment",
    "Change a comment's text",
    {
        200: found("Comment"),
        401: SIGN_IN_FIRST,
        403: problem("`forbidden`, `sanctioned`"),
        404: NOT_FOUND,
        409: NO_CHANGE,
        412: STALE,
        428: NO_PRECONDITION,
        429: LIMITED,
    },
    request=EditInput,
    parameters=[ID, IF_MATCH],
)
DELETE_COMMENT = write(
    "delete_comment",
    "Take a comment away",
    {
        204: OpenApiResponse(description="Gone."),
        401: SIGN_IN_FIRST,
        403: FORBIDDEN,
        404: NOT_FOUND,
        409: NO_CHANGE,
        412: STALE,
        428: NO_PRECONDITION,
    },
    request=None,
    parameters=[ID, IF_MATCH],
)
_VOTED: dict[int, OpenApiResponse] = {
    200: found("Votes"),
    401: problem("`auth_required`: only who can be told from others may vote."),
    403: problem("`forbidden`; `vote_on_own`: the comment is the caller's."),
    404: NOT_FOUND,
    409: problem("`thread_closed`"),
    429: LIMITED,
}
PUT_VOTE = write(
    "vote",
    "Vote on a comment",
    _VOTED,
    request=VoteInput,
    parameters=[ID],
    description="Whoever can be told from others may vote, once on each comment but his own: a "
    "guest with the token of his first comment, a user who is signed in, or a host site's user.",
)
DELETE_VOTE = write("withdraw_vote", "Withdraw a vote", _VOTED, request=None, parameters=[ID])
PREVIEW = write(
    "preview",
    "How a text would look",
    {200: found("Preview"), 404: NO_THREAD, 429: LIMITED},
    request=PreviewInput,
    auth=[],
)
VIEWER: dict[str, Any] = {
    "operation_id": "get_viewer",
    "summary": "What concerns this caller alone",
    "tags": ["Callers"],
    "description": "`may.vote` says whether the caller may vote here; `votes`, by number, how he "
    "did.",
    "parameters": [query("thread", "Key of the thread.", required=True)],
    "responses": {
        400: MALFORMED,
        200: found("Viewer"),
        401: SIGN_IN_FIRST,
        403: FORBIDDEN,
        404: NO_THREAD,
        422: INVALID,
    },
}
SIGN_IN: dict[str, Any] = {
    "operation_id": "sign_in",
    "summary": "Change a host site's token for a comment token",
    "description": "Send the host site's JWT as `Authorization: Bearer <jwt>`: it serves this one "
    "request. The `token` in the answer serves many, as `Authorization: Comment <token>`.",
    "tags": ["Callers"],
    "request": None,
    "responses": {200: found("SignedIn"), 401: SIGN_IN_FIRST, 403: FORBIDDEN},
}

TOKEN = OpenApiParameter(
    "token",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    description="The subscriber's secret, as the links in each mail carry it.",
)
SUBSCRIBE = write(
    "subscribe",
    "Ask for mail",
    {
        202: found(
            "Accepted",
            "The same whether the address is known or not. If it is right, a mail asks there for "
            "confirmation; nothing else is sent before.",
        ),
        401: SIGN_IN_FIRST,
        403: FORBIDDEN,
        404: NO_THREAD,
        429: LIMITED,
    },
    tag="Subscriptions",
    request=SubscriptionInput,
)


def own(name: str, summary: str, responses: dict[int, Any], **more: Any) -> dict[str, Any]:
    """Returns the description of an operation behind a subscriber's secret."""
    answers: dict[Any, Any] = {404: problem("`not_found`: nobody has this secret."), **responses}
    if more.get("request") is not None:
        answers |= {400: MALFORMED, 422: INVALID}
        answers |= {411: NO_LENGTH, 413: TOO_LARGE, 415: MEDIA_TYPE}
    return {
        "operation_id": name,
        "summary": summary,
        "tags": ["Subscriptions"],
        "auth": [],
        "parameters": [TOKEN],
        "responses": {**answers, 503: BUSY},
        **more,
    }


GET_SUBSCRIBER = own("get_subscriber", "A subscriber's own settings", {200: found("Subscriber")})
CHANGE_SUBSCRIBER = own(
    "change_subscriber",
    "Change how often and when mail comes, or pause it",
    {200: found("Subscriber")},
    request=SettingsInput,
)
FORGET_SUBSCRIBER = own(
    "forget_subscriber",
    "End every subscription, and delete the address and all that is kept of it",
    {204: OpenApiResponse(description="Gone. The secret is void.")},
    request=None,
)
EXPORT_SUBSCRIBER = own(
    "export_subscriber", "All that is kept of a subscriber", {200: found("SubscriberExport")}
)
