"""Rules over the API: who may see and change them, and the gate before one refuses by itself."""

from __future__ import annotations

from typing import Any

import pytest

from comments.actions.ruling import create_rule
from comments.models import LogRow, Moderator, ScreeningRule
from tests.api.test_moderation import Desk
from tests.making import NOW, SOMEBODY, decide, later, make_thread, post

pytestmark = pytest.mark.django_db

RULES = "/api/v1/moderation/rules/"
NEW = {
    "key": "casinos",
    "title": "Casinos",
    "kind": "words",
    "effect": "reject",
    "params": {"phrases": ["casino"]},
}


@pytest.fixture
def mira() -> Desk:
    """Returns somebody who may configure the desk."""
    desk = Desk("mira")
    Moderator.objects.create(site_id=1, user=desk.user, configure=True)
    return desk


@pytest.fixture
def noor() -> Desk:
    """Returns somebody who may see the rules, and decide, and no more."""
    return Desk("noor")


def made() -> ScreeningRule:
    """Returns a rule that is off."""
    fields = {**NEW, "mode": "off", "on_error": "pass"}
    return create_rule(
        site_id=1, key=str(fields.pop("key")), fields=fields, actor=SOMEBODY, now=NOW
    )


def test_a_rule_is_made_listed_and_changed(mira: Desk) -> None:
    answer = mira.post("rules/", NEW)
    assert answer.status_code == 201
    rule = answer.json()
    assert (rule["mode"], rule["version"], rule["on_error"]) == ("off", 1, "pass")
    assert rule["params"] == {"phrases": ["casino"], "at_least": 1}
    changed = mira.patch(f"rules/{rule['id']}/", {"version": 1, "mode": "shadow"})
    assert changed.status_code == 200
    assert (changed.json()["mode"], changed.json()["version"]) == ("shadow", 2)
    listed = mira.get("rules/").json()
    assert listed["items"] == [changed.json()]
    kinds = {kind["kind"]: kind for kind in listed["kinds"]}
    assert kinds["links"]["params"][0]["maximum"] == 1000
    assert kinds["first_comment"]["effects"] == ["hold"]


def test_a_rule_is_tried_and_the_gate_says_what_lacks(mira: Desk) -> None:
    thread = make_thread()
    for count in range(4):
        comment = post(thread, f"A casino {count}.").comment
        decide(comment_id=comment.pk, action="reject", now=later(1))
    rule = made()
    address = f"rules/{rule.pk}/"
    refused = mira.patch(address, {"version": 1, "mode": "live"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "simulation_needed"
    tried = mira.post(f"{address}simulate/")
    assert tried.status_code == 200
    assert (tried.json()["hits"], tried.json()["precision"]) == (4, 1.0)
    refused = mira.patch(address, {"version": 1, "mode": "live"}).json()
    assert refused["simulation"] == tried.json()["id"]
    assert (refused["low"], refused["precision"]) == (pytest.approx(0.5101, abs=1e-4), 0.9)
    without_note = mira.patch(address, {"version": 1, "mode": "live", "override": True})
    assert without_note.json()["errors"][0]["pointer"] == "#/note"
    live = mira.patch(address, {"version": 1, "mode": "live", "override": True, "note": "A flood."})
    assert (live.status_code, live.json()["mode"]) == (200, "live")
    assert LogRow.objects.latest("pk").evidence["override"] is True


def test_a_stale_change_is_refused(mira: Desk) -> None:
    address = f"rules/{made().pk}/"
    assert mira.patch(address, {"version": 1, "title": "One"}).status_code == 200
    stale = mira.patch(address, {"version": 1, "title": "Two"})
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (
        412,
        "stale_version",
        2,
    )


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/version"),
        ({"version": 1, "kind": "weather"}, "#/kind"),
        ({"version": 1, "effect": "burn"}, "#/effect"),
        ({"version": 1, "params": []}, "#/params"),
        ({"version": 1, "params": {"phrases": "casino"}}, "#/params/phrases"),
        ({"version": 1, "params": {"phrases": ["\x00", 1]}}, "#/params/phrases/0"),
        ({"version": 1, "title": "\x00 "}, "#/title"),
        ({"version": 1, "key": "other"}, "#/key"),
    ],
)
def test_what_is_wrong_is_named(mira: Desk, body: dict[str, Any], pointer: str) -> None:
    refused = mira.patch(f"rules/{made().pk}/", body)
    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]


def test_who_may_only_look_changes_nothing(noor: Desk) -> None:
    rule = made()
    assert len(noor.get("rules/").json()["items"]) == 1
    assert noor.post("rules/", NEW).status_code == 403
    assert noor.patch(f"rules/{rule.pk}/", {"version": 1}).status_code == 403
    assert noor.post(f"rules/{rule.pk}/simulate/").status_code == 403


def test_readers_learn_nothing_of_rules(client: Any) -> None:
    rule = made()
    for path in (RULES, f"{RULES}{rule.pk}/simulate/", f"{RULES}999/"):
        assert client.get(path).status_code in {401, 405}
    assert client.post(f"{RULES}999/simulate/").status_code == 401
    assert client.patch(f"{RULES}{rule.pk}/").status_code == 401
