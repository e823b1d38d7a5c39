"""The shapes of answers as JSON Schema (2020-12), which OpenAPI 3.1 speaks."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def obj(properties: Json, *, optional: tuple[str, ...] = (), more: bool = False) -> Json:
    """Returns the schema of an object with these properties, all required but ``optional``."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": more,
    }


def array(items: Json) -> Json:
    """Returns the schema of a list."""
    return {"type": "array", "items": items}


def ref(name: str) -> Json:
    """Returns a pointer to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def all_of(schema: Json, *names: str) -> Json:
    """Returns properties of these names that all have one schema."""
    return dict.fromkeys(names, schema)


def one_of(*values: str) -> Json:
    """Returns the schema of a text out of a few."""
    return {"type": "string", "enum": list(values)}


def or_null(schema: Json) -> Json:
    """Returns the schema with null allowed."""
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer", "minimum": 0}
TIME: Json = {"type": "string", "format": "date-time"}
ADDRESS: Json = {"type": "string", "format": "uri"}
HTML: Json = {"type": "string", "description": "Safe to insert; made by the server alone."}
STATE = one_of("open", "closed", "archived")

MENTION = obj(
    {
        "text": TEXT,
        "start": {**WHOLE, "description": "Offset in code points of the source."},
        "end": WHOLE,
        "number": or_null({**WHOLE, "description": "The latest comment here of whoever is meant."}),
    }
)

COMMENT = obj(
    {
        "id": WHOLE,
        "number": or_null({**WHOLE, "description": "Null until first published; never moves."}),
        "thread": TEXT,
        "parent": or_null({**WHOLE, "description": "Number of the comment answered."}),
        "root": or_null(WHOLE),
        "depth": WHOLE,
        "state": one_of("published", "held", "rejected", "spam"),
        "author": or_null(
            obj(
                {
                    "name": or_null({"type": "string", "description": "Null: not known."}),
                    "url": or_null(TEXT),
                    "badges": array(one_of("author", "moderator")),
                }
            )
        ),
        "html": or_null(HTML),
        "written_at": or_null(TIME),
        "published_at": or_null(TIME),
        "edited_at": or_null(TIME),
        "edits": WHOLE,
        "votes": {
            **obj({"up": WHOLE, "down": WHOLE}),
            "description": "May be newer than the version, until the next one shows them.",
        },
        "mentions": array(ref("Mention")),
        "references": obj(
            {
                "to": array(WHOLE),
                "from": array(WHOLE),
                "more": {"type": "boolean", "description": "`from` lists the first 50 only."},
            }
        ),
        "replies": obj(
            {
                "count": {**WHOLE, "description": "All visible replies below."},
                "direct": {**WHOLE, "description": "Visible direct replies."},
                "shown": {
                    **WHOLE,
                    "description": "How many of `count` this answer holds; of a flat list, this "
                    "page.",
                },
                "next": or_null(
                    {
                        "type": "string",
                        "description": "Where direct replies go on, if cut: a path of the API.",
                    }
                ),
                "policy": one_of("keep", "collapse", "remove"),
            }
        ),
        "tombstone": or_null(obj({"by": one_of("author", "moderator", "erasure")})),
        "version": {**WHOLE, "description": "Of this comment, for If-Match."},
        "links": obj({"self": ADDRESS, "page": ADDRESS, "context": ADDRESS}, optional=("context",)),
        "source": {"type": "string", "description": "For those who may edit."},
        "format": {"enum": ["plain", "markdown"], "description": "Of the source."},
        "children": array(ref("Comment")),
        "held": ref("Held"),
        "token": {
            "type": "string",
            "description": "For `Authorization: Comment <token>`; shown to its writer only.",
        },
        "editable_until": or_null(TIME),
        "deletable": {"type": "boolean", "description": "Whether the caller may delete it now."},
        "told": {
            **one_of("told", "telling", "limited", "untold"),
            "description": "What became of `tell`: a mail asks first, unless the host vouches.",
        },
    },
    optional=(
        *("source", "format", "children", "held", "token"),
        *("editable_until", "deletable", "told"),
    ),
)

HELD = obj({"reason": one_of("premoderation", "rendering_failed"), "explanation": TEXT})

THREAD = obj(
    {
        "key": TEXT,
        "url": ADDRESS,
        "title": TEXT,
        "state": STATE,
        "version": {**WHOLE, "description": "Rises by one with each visible change."},
        "count": {**WHOLE, "description": "Visible comments; tombstones do not count."},
        "root_count": WHOLE,
        "next_number": WHOLE,
        "moderation": one_of("before", "after"),
        "sorts": array(one_of("oldest", "newest", "best")),
        "limits": obj({"comment_chars": WHOLE, "depth": WHOLE, "edit_window_seconds": WHOLE}),
        "links": obj(
            {
                **all_of(ADDRESS, "self", "comments", "changes", "participants", "feed", "page"),
                "stream": or_null({**ADDRESS, "description": "Null where there is none."}),
            }
        ),
    }
)

LIST = obj(
    {
        "thread": obj(
            {
                "key": TEXT,
                "version": WHOLE,
                "count": WHOLE,
                "root_count": WHOLE,
                "state": STATE,
                "next_number": WHOLE,
            }
        ),
        "items": array(ref("Comment")),
        "page": obj({"next": or_null(ADDRESS), "prev": or_null(ADDRESS), "limit": WHOLE}),
    }
)

CHANGE_KINDS = (
    "opened",
    "imported",
    "published",
    "edited",
    "removed",
    "restored",
    "linked",
    "voted",
    "state",
)

CHANGES = obj(
    {
        "version": WHOLE,
        "changes": array(
            obj({"version": WHOLE, "kind": one_of(*CHANGE_KINDS), "number": or_null(WHOLE)})
        ),
        "next": or_null(
            {**WHOLE, "description": "There are more: ask again with this as `since`. Else null."}
        ),
    }
)

PROBLEM = obj(
    {
        "type": ADDRESS,
        "title": TEXT,
        "status": WHOLE,
        "detail": TEXT,
        "instance": TEXT,
        "code": {"type": "string", "description": "Stable; decide by this."},
        "errors": array(
            obj(
                {
                    "pointer": {"type": "string", "description": "As `#/author/name` (RFC 6901)."},
                    "code": TEXT,
                    "detail": TEXT,
                }
            )
        ),
    },
    optional=("errors",),
    more=True,
)

FREQUENCY = one_of("instant", "daily", "weekly")
SUBSCRIBER_FIELDS: Json = {
    "email": TEXT,
    "confirmed": {"type": "boolean", "description": "Somebody has confirmed from that mailbox."},
    "paused": {"type": "boolean"},
    "bounced": {"type": "boolean", "description": "Mail came back: none is sent any more."},
    "tz": {"type": "string", "description": "IANA name."},
    "send_hour": WHOLE,
    "weekday": {**WHOLE, "description": "Of weekly digests; 0 is Monday."},
    "subscriptions": array(
        obj(
            {
                "id": WHOLE,
                "scope": one_of("site", "thread", "answers"),
                "thread": or_null({"type": "string", "description": "Its key."}),
                "frequency": FREQUENCY,
                "state": one_of("pending", "active", "ended"),
                **all_of(or_null(TIME), "asked_at", "confirmed_at", "ended_at"),
            }
        )
    ),
    "muted": array(
        obj(
            {
                "thread": TEXT,
                "root": {**WHOLE, "description": "Number of the comment whose branch was left."},
            }
        )
    ),
}
SUBSCRIBER_EXPORT = obj(
    {
        **SUBSCRIBER_FIELDS,
        "created_at": TIME,
        "confirmed_at": or_null(TIME),
        "bounced_why": TEXT,
        "consent": array(
            obj(
                {
                    "what": one_of("asked", "confirmed", "changed", "ended"),
                    "at": TIME,
                    "origin": {"type": "string", "description": "Address of the request."},
                    "way": TEXT,
                    "wording": TEXT,
                }
            )
        ),
        "channels": array(
            obj(
                {
                    "kind": one_of("digest", "instant"),
                    "cursor": WHOLE,
                    "last_period": or_null({"type": "string", "format": "date"}),
                    "due_at": or_null(TIME),
                }
            )
        ),
        "mails": array(
            obj(
                {
                    "kind": one_of("confirmation", "digest", "instant"),
                    "period": TEXT,
                    "state": TEXT,
                    "created_at": TIME,
                    **all_of(or_null(TIME), "mailed_at", "sent_at"),
                }
            )
        ),
    }
)

COMPONENTS: Json = {
    "Comment": COMMENT,
    "Root": obj({"links": obj(all_of(ADDRESS, "threads", "counts", "schema", "docs"))}),
    "Mention": MENTION,
    "Held": HELD,
    "Thread": THREAD,
    "CommentList": LIST,
    "CommentContext": obj(
        {
            "thread": ref("Thread"),
            "ancestors": array(ref("Comment")),
            "comment": ref("Comment"),
        }
    ),
    "Changes": CHANGES,
    "Participants": obj({"participants": array(obj({"name": TEXT, "number": or_null(WHOLE)}))}),
    "Counts": obj({"counts": {"type": "object", "additionalProperties": WHOLE}}),
    "Viewer": obj(
        {
            "viewer": or_null(obj({"name": TEXT, "signed_in": {"type": "boolean"}})),
            "now": {**TIME, "description": "By the server's clock."},
            "may": obj(all_of({"type": "boolean"}, "post", "vote", "moderate")),
            "votes": {"type": "object", "additionalProperties": {"enum": [1, -1]}},
            "comments": array(ref("Comment")),
        }
    ),
    "SignedIn": obj({"name": TEXT, "token": TEXT}),
    "Votes": obj({"value": {"enum": [1, -1, None]}, "votes": obj({"up": WHOLE, "down": WHOLE})}),
    "Preview": obj({"html": HTML, "mentions": array(ref("Mention")), "references": array(WHOLE)}),
    "Accepted": obj({"accepted": {"const": True}}),
    "Subscriber": obj(SUBSCRIBER_FIELDS),
    "SubscriberExport": SUBSCRIBER_EXPORT,
    "Problem": PROBLEM,
}
