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

PROBLEM_TYPE = "application/problem+json"


def problem(description: str) -> OpenApiResponse:
    """Returns a problem document as the answer of a refusal."""
    return OpenApiResponse(response=ref("Problem"), description=description)


MALFORMED = problem("The request cannot be read: `malformed`, `cursor_invalid`.")
SIGN_IN_FIRST = problem("`auth_required`")
FORBIDDEN = problem("`forbidden`, `sanctioned`, `vote_on_own`, `flag_on_own`")
NO_THREAD = problem("`thread_unknown`, `not_found`")
CONFLICT = problem(
    "`thread_closed`, `parent_not_published`, `depth_exceeded`, `duplicate_comment`, "
    "`idempotency_conflict`, `edit_window_expired`"
)
STALE = problem("`stale_version`")
TOO_LARGE = problem("`too_large`")
NO_LENGTH = problem("`length_required`")
MEDIA_TYPE = problem("`unsupported_media_type`")
INVALID = problem("`validation_failed`, `parent_not_found`: `errors` names each field.")
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
LANG = query("lang", "Language of HTML: `en`, `he`, `de`, `ru`. Default: the site's.")
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
    """Returns the description of a public read."""
    return {
        "operation_id": name,
        "summary": summary,
        "tags": [more.pop("tag", "Threads")],
        "auth": [],
        "parameters": [*parameters, IF_NONE_MATCH],
        "responses": {
            200: OpenApiResponse(response=ref(answer), description="Found."),
            304: READ_AGAIN,
            400: MALFORMED,
            404: NO_THREAD,
            422: INVALID,
            **more,
        },
    }


def read_html(name: str, summary: str, answer: str, *parameters: Any) -> dict[str, Any]:
    """Returns the description of a public read that has HTML, too."""
    described = read(name, summary, answer, *parameters, LANG)
    described["responses"] |= {
        (200, HTML): OpenApiResponse(
            response=OpenApiTypes.STR,
            description="With `Accept: text/html`: the same as the page of the thread shows it.",
        )
    }
    return described


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
)
THREAD_STREAM: dict[str, Any] = {
    "operation_id": "stream_changes",
    "summary": "Changes as they happen",
    "description": "Server-sent events, at the address in the thread's `links.stream`. `hello` "
    "tells the version at the beginning, `change` one version as in `changes/`, and `reset` that "
    "too much was missed: fetch the thread anew. The `id` of each event is the version you have "
    "then; who sends it back is told every version after it, once and in order.",
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
    query("key", "1 to 100 times.", many=True),
)


def write(name: str, summary: str, responses: dict[int, Any], **more: Any) -> dict[str, Any]:
    """Returns the description of an operation that a caller does under his own name."""
    answers: dict[Any, Any] = {
        400: MALFORMED,
        401: SIGN_IN_FIRST,
        403: FORBIDDEN,
        404: NO_THREAD,
        409: CONFLICT,
        422: INVALID,
        429: LIMITED,
        503: BUSY,
        **responses,
    }
    if more.get("request") is not None:
        answers |= {411: NO_LENGTH, 413: TOO_LARGE, 415: MEDIA_TYPE}
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
    {201: found("Comment", "Published."), 202: found("Comment", "Held: `held` says why.")},
    request=CommentInput,
    parameters=[KEY, IDEMPOTENCY_KEY],
)
COMMENT_BY_ID: dict[str, Any] = {
    "operation_id": "get_comment_by_id",
    "summary": "One comment, held ones too for those who may see them",
    "tags": ["Writing"],
    "parameters": [ID],
    "responses": {200: found("Comment"), 401: SIGN_IN_FIRST, 404: NO_THREAD},
}
EDIT_COMMENT = write(
    "edit_comment",
    "Change a comment's text",
    {200: found("Comment"), 412: STALE, 428: NO_PRECONDITION},
    request=EditInput,
    parameters=[ID, IF_MATCH],
)
DELETE_COMMENT = write(
    "delete_comment",
    "Take a comment away",
    {204: OpenApiResponse(description="Gone."), 412: STALE, 428: NO_PRECONDITION},
    request=None,
    parameters=[ID, IF_MATCH],
)
PUT_VOTE = write(
    "vote", "Vote on a comment", {200: found("Votes")}, request=VoteInput, parameters=[ID]
)
DELETE_VOTE = write(
    "withdraw_vote", "Withdraw a vote", {200: found("Votes")}, request=None, parameters=[ID]
)
PREVIEW = write(
    "preview", "How a text would look", {200: found("Preview")}, request=PreviewInput, auth=[]
)
VIEWER: dict[str, Any] = {
    "operation_id": "get_viewer",
    "summary": "What concerns this caller alone",
    "tags": ["Callers"],
    "parameters": [query("thread", "Key of the thread.", required=True)],
    "responses": {
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
        )
    },
    tag="Subscriptions",
    request=SubscriptionInput,
)


def own(name: str, summary: str, responses: dict[int, Any], **more: Any) -> dict[str, Any]:
    """Returns the description of an operation behind a subscriber's secret."""
    answers: dict[Any, Any] = {404: problem("`not_found`: nobody has this secret."), **responses}
    if more.get("request") is not None:
        answers |= {400: MALFORMED, 411: NO_LENGTH, 413: TOO_LARGE, 415: MEDIA_TYPE, 422: INVALID}
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
