"""The desk over the API: roles, the queue, leases, decisions with results, undo, the record."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.test import Client
from django.utils import timezone

from comments.actions.ruling import install_default_rules
from comments.actions.signing_in import make_api_token
from comments.models import Comment, Flag, LogRow, Moderator, QueueItem
from tests.making import comment_token, make_moderator, make_thread, post, stored

pytestmark = pytest.mark.django_db
DESK = "/api/v1/moderation"


class Desk:
    """A moderator with an API token."""

    def __init__(self, username: str, *, scopes: tuple[str, ...] = ("moderate",)) -> None:
        self.user = make_moderator(username)
        secret = make_api_token(
            site_id=1, user=self.user, label="desk", scopes=list(scopes), now=timezone.now()
        )
        self.headers = {"authorization": f"Bearer {secret}"}
        self.client = Client()

    def get(self, path: str) -> Any:
        return self.client.get(f"{DESK}/{path}", headers=self.headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(
            f"{DESK}/{path}",
            {} if body is None else body,
            content_type="application/json",
            headers=self.headers,
        )

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(
            f"{DESK}/{path}", body, content_type="application/json", headers=self.headers
        )

    def decide(self, action: str, *comments: Comment, **more: Any) -> Any:
        items = [{"id": comment.pk, "version": comment.version} for comment in comments]
        return self.post("decisions/", {"items": items, "action": action, **more})


@pytest.fixture
def mira() -> Desk:
    return Desk("mira")


@pytest.fixture
def noor() -> Desk:
    return Desk("noor")


ADDRESSES = [
    ("get", "queue/"),
    ("post", "leases/"),
    ("post", "decisions/"),
    ("post", "decisions/{row}/undo/"),
    ("post", "batches/abc/undo/"),
    ("get", "comments/{comment}/explanation/"),
    ("get", "log/"),
    ("post", "participants/{participant}/sanctions/"),
    ("get", "report/"),
    ("get", "rules/"),
    ("post", "rules/"),
    ("patch", "rules/{rule}/"),
    ("post", "rules/{rule}/simulate/"),
]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_nobody_else_learns_anything(mira: Desk, method: str, path: str) -> None:
    submitted = post(make_thread())
    row = mira.decide("approve", submitted.comment).json()["items"][0]["decision"]
    (rule, *_) = install_default_rules(site_id=1, now=timezone.now())
    there = path.format(
        row=row,
        comment=submitted.comment.pk,
        participant=submitted.participant.pk,
        rule=rule.pk,
    )
    not_there = path.format(row=10**9, comment=10**9, participant=10**9, rule=10**9)
    reader = User.objects.create_user("reader")
    token = make_api_token(
        site_id=1, user=reader, label="x", scopes=["moderate", "read"], now=timezone.now()
    )
    callers: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        (comment_token(submitted), 401),
        ({"authorization": f"Bearer {token}"}, 403),
        (Desk("without", scopes=("read", "write")).headers, 403),
    ]
    for headers, status in callers:
        answers = [
            getattr(Client(), method)(
                f"{DESK}/{address}", content_type="application/json", headers=headers
            )
            for address in (there, not_there)
        ]
        assert [answer.status_code for answer in answers] == [status, status]
        bodies = [{**answer.json(), "instance": ""} for answer in answers]
        assert bodies[0] == bodies[1]
        assert answers[0]["Content-Type"] == "application/problem+json"


def test_what_waits_is_listed_with_all_that_it_takes_and_paged(mira: Desk) -> None:
    thread = make_thread(premoderation=True)
    comments = [post(thread).comment for _ in range(5)]
    first = mira.get("queue/?limit=3").json()
    assert first["count"] == 5
    assert [item["id"] for item in first["items"]] == [one.pk for one in comments[:3]]
    assert first["items"][0]["why"] == "held"
    assert first["items"][0]["reason"] == "premoderation"
    following = first["page"]["next"].partition("/moderation/")[2]
    second = mira.get(following).json()
    assert [item["id"] for item in second["items"]] == [one.pk for one in comments[3:]]
    assert second["page"]["next"] is None
    assert mira.get("queue/?reason=links").json()["items"] == []
    assert mira.get("queue/?cursor=forged").json()["code"] == "cursor_invalid"


def test_a_stale_decision_carries_the_one_that_was_first(mira: Desk, noor: Desk) -> None:
    comment = post(make_thread(premoderation=True)).comment
    done = mira.decide("spam", comment, reason="spam_link", public_reason="It advertises.")
    assert done.status_code == 200
    late = noor.decide("approve", comment)
    assert late.status_code == 409
    problem = late.json()["items"][0]["problem"]
    assert problem["code"] == "already_decided"
    assert problem["decision"]["by"]["name"] == "mira"
    assert problem["decision"]["public_reason"] == "It advertises."
    assert stored(comment).status == "spam"


def test_a_lease_is_seen_by_others_and_keeps_them_off(mira: Desk, noor: Desk) -> None:
    thread = make_thread(premoderation=True)
    comments = [post(thread).comment for _ in range(2)]
    taken = mira.post("leases/", {"n": 1}).json()["items"]
    assert [item["id"] for item in taken] == [comments[0].pk]
    seen = noor.get("queue/").json()["items"]
    assert [item["lease"] and item["lease"]["by"] for item in seen] == ["mira", None]
    refused = noor.decide("approve", *comments).json()["items"]
    assert refused[0]["problem"]["code"] == "lease_lost"
    assert refused[1]["ok"] is True


def test_a_batch_is_undone_by_its_name_and_a_decision_by_its_row(mira: Desk) -> None:
    thread = make_thread(premoderation=True)
    comments = [post(thread).comment for _ in range(3)]
    done = mira.decide("approve", *comments).json()
    assert [item["number"] for item in done["items"]] == [1, 2, 3]
    one = mira.post(f"decisions/{done['items'][0]['decision']}/undo/")
    assert one.json()["state"] == "held"
    again = mira.post(f"decisions/{done['items'][0]['decision']}/undo/")
    assert (again.status_code, again.json()["code"]) == (409, "action_impossible")
    rest = mira.post(f"batches/{done['batch']}/undo/").json()["items"]
    assert sorted(item["ok"] for item in rest) == [False, True, True]
    assert QueueItem.objects.count() == 3
    assert mira.post("batches/unknown/undo/").status_code == 404


def test_the_record_and_the_explanation_can_be_read(mira: Desk) -> None:
    comment = post(make_thread(premoderation=True)).comment
    mira.decide("reject", comment, reason="insult", note="Rude.")
    rows = mira.get(f"log/?comment={comment.pk}").json()["items"]
    assert [(row["kind"], row["to"]) for row in rows] == [
        ("decision", "rejected"),
        ("verdict", "held"),
    ]
    assert rows[0]["note"] == "Rude."
    explained = mira.get(f"comments/{comment.pk}/explanation/").json()
    assert (explained["status"], explained["signals"]) == ("rejected", [])
    assert mira.get("comments/999999/explanation/").status_code == 404


def test_sanctions_need_their_own_role_on_the_site(mira: Desk) -> None:
    submitted = post(make_thread())
    path = f"participants/{submitted.participant.pk}/sanctions/"
    assert mira.post(path, {"kind": "ban"}).status_code == 403
    Moderator.objects.create(site=Site.objects.get(pk=1), user=mira.user, sanction=True)
    made = mira.post(path, {"kind": "ban", "public_reason": "Enough."})
    assert made.status_code == 201
    refused = Client().post(
        f"/api/v1/threads/{submitted.comment.thread.key}/comments/",
        {"source": "Again."},
        content_type="application/json",
        headers=comment_token(submitted),
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "sanctioned")
    assert "Enough." in refused.json()["detail"]
    assert LogRow.objects.filter(kind="sanction").count() == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"items": [], "action": "approve"}, "#/items"),
        ({"items": [{"id": 1, "version": "1"}], "action": "approve"}, "#/items/0/version"),
        ({"items": [{"id": 1, "version": 1}], "action": "publish"}, "#/action"),
        ({"items": [{"id": 1, "version": 1}], "action": "spam", "why": 1}, "#/why"),
        ({"items": [{"id": 1, "version": 1}], "action": "spam", "subtree": "x"}, "#/subtree"),
    ],
)
def test_bad_decisions_are_refused_by_name(mira: Desk, body: Any, pointer: str) -> None:
    answer = mira.post("decisions/", body)
    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


def test_readers_flag_once_and_withdraw_without_an_account() -> None:
    comment = post(make_thread()).comment
    path = f"/api/v1/comments/{comment.pk}/flags/"
    for _ in range(2):
        made = Client().post(path, {"reason": "spam"}, content_type="application/json")
        assert (made.status_code, made.json()) == (200, {"flagged": True})
    assert Flag.objects.count() == 1
    assert QueueItem.objects.get().why == "flagged"
    assert Client().delete(path).status_code == 204
    assert not QueueItem.objects.exists()
    unknown = Client().post(path, {"reason": "ugly"}, content_type="application/json")
    assert unknown.json()["errors"][0]["pointer"] == "#/reason"
    assert (
        Client()
        .post("/api/v1/comments/999999/flags/", {"reason": "spam"}, content_type="application/json")
        .status_code
        == 404
    )
