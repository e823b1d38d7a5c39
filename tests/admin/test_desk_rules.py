"""The rules at the desk: forms, trying them on the past, the gate; without a script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from comments.actions.ruling import create_rule, install_default_rules
from comments.models import LogRow, Moderator, RuleVersion, ScreeningRule, Simulation
from comments.rules.screening_kinds import KINDS
from tests.making import NOW, SOMEBODY, decide, later, make_moderator, make_thread, post

pytestmark = pytest.mark.django_db
RULES = "/admin/moderation/rules/"


@pytest.fixture
def mira(client: Client) -> Client:
    """Returns the browser of somebody who may configure the desk."""
    return signed_in(client, configure=True)


def signed_in(client: Client, **roles: bool) -> Client:
    """Returns the browser of a moderator with these roles beside view and decide."""
    user: User = make_moderator("mira")
    Moderator.objects.create(site_id=1, user=user, **roles)
    client.force_login(user)
    return client


def made(**fields: Any) -> ScreeningRule:
    """Returns a rule about a word."""
    given: dict[str, Any] = {
        "title": "Casinos",
        "kind": "words",
        "mode": "shadow",
        "effect": "reject",
        "on_error": "pass",
        "params": {"phrases": ["casino", "lottery"]},
    }
    return create_rule(
        site_id=1, key="casinos", fields={**given, **fields}, actor=SOMEBODY, now=NOW
    )


def form_of(page: Any) -> dict[str, str]:
    """Returns what the form on a page would send as it stands."""
    form = page.context["form"]
    values = {field.html_name: field.value() for field in form}
    return {name: "" if value is None else str(value) for name, value in values.items()} | {
        "override": ""
    }


def send(client: Client, rule: ScreeningRule, **changes: str) -> Any:
    """Sends the form of a rule with some fields changed."""
    address = f"{RULES}{rule.pk}/"
    return client.post(address, {**form_of(client.get(address)), **changes}, follow=True)


def text_of(answer: Any) -> str:
    """Returns the words of a page, without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_the_rules_are_listed_with_what_they_do(mira: Client) -> None:
    install_default_rules(site_id=1, now=NOW)
    page = mira.get(RULES)
    words = text_of(page)
    assert "More than two links Live Number of links a hit asks to hold it" in words
    assert "Not tried as it is now." in words
    assert f'href="{RULES}"' in mira.get("/admin/moderation/").content.decode()


def test_a_rule_of_every_kind_can_be_made_in_a_form(mira: Client) -> None:
    needed = {
        "param_phrases": "casino\n\n lottery ",
        "param_domains": "example.com",
        "param_ranges": "192.0.2.0/24",
        "param_min_seconds": "3",
    }
    for kind in KINDS:
        address = f"{reverse('desk:new_rule')}?kind={kind}"
        page = mira.get(address)
        fields = {**form_of(page), "title": f"A rule about {kind}", "key": f"a-{kind}"}
        fields |= {name: value for name, value in needed.items() if name in fields}
        fields["on_error"], fields["effect"] = "pass", KINDS[kind].effects[0]
        answer = mira.post(address, fields, follow=True)
        assert answer.redirect_chain, (kind, answer.context["form"].errors)
    rules = {rule.kind: rule for rule in ScreeningRule.objects.all()}
    assert rules.keys() == KINDS.keys()
    assert rules["words"].params["phrases"] == ["casino", "lottery"]
    assert {rule.mode for rule in rules.values()} == {"shadow"}


def test_a_change_is_a_new_version_by_the_one_who_made_it(mira: Client) -> None:
    rule = made()
    answer = send(mira, rule, param_phrases="casino\nroulette", note="More of them.")
    assert "Changed; this is version 2." in text_of(answer)
    version = RuleVersion.objects.get(rule=rule, version=2)
    assert version.fields["params"]["phrases"] == ["casino", "roulette"]
    assert version.by is not None
    assert version.by.username == "mira"
    assert LogRow.objects.latest("pk").actor_id == version.by_id


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(mira: Client) -> None:
    rule = made()
    answer = send(mira, rule, param_phrases="casino\n!!!\nroulette", title="Games")
    assert answer.status_code == 422
    assert answer.context["form"].errors["param_phrases"] == [
        "Line 2: An entry needs a letter or a digit."
    ]
    assert "roulette" in answer.content.decode()
    assert ScreeningRule.objects.get(pk=rule.pk).title == "Casinos"


def test_a_form_of_an_older_version_changes_nothing(mira: Client) -> None:
    rule = made()
    stale = form_of(mira.get(f"{RULES}{rule.pk}/"))
    send(mira, rule, title="Somebody was first")
    answer = mira.post(f"{RULES}{rule.pk}/", {**stale, "title": "Second"})
    assert answer.status_code == 422
    assert "changed meanwhile" in text_of(answer)
    assert ScreeningRule.objects.get(pk=rule.pk).title == "Somebody was first"


def test_trying_a_rule_shows_figures_and_disagreements(mira: Client) -> None:
    thread = make_thread()
    for count, action in enumerate(["reject", "reject", "reject", "approve"]):
        comment = post(thread, f"A <b>casino</b> of number {count}.").comment
        decide(comment_id=comment.pk, action=action, now=later(1))  # type: ignore[arg-type]
    rule = made()
    answer = mira.post(f"{RULES}{rule.pk}/simulate/", follow=True)
    assert answer.redirect_chain == [(f"{RULES}{rule.pk}/#simulation", 302)]
    words = text_of(answer)
    assert "4 hits among 4 comments; moderators agreed with 3 of 4: precision 75 %" in words
    assert "at least 30.1 %" in words
    assert "A &lt;b&gt;casino&lt;/b&gt; of number 3." in words
    assert "precision 75 %" in text_of(mira.get(RULES))


def test_a_rule_that_refuses_goes_live_with_an_override_and_a_reason(mira: Client) -> None:
    rule = made()
    refused = send(mira, rule, mode="live")
    assert refused.status_code == 422
    assert "It has not been tried on past comments as it is now." in text_of(refused)
    assert 'name="override"' in refused.content.decode()
    without = send(mira, rule, mode="live", override="on")
    assert without.context["form"].errors["note"] == ["Say why the rule may go live all the same."]
    assert 'name="override"' in without.content.decode()
    answer = send(mira, rule, mode="live", override="on", note="A flood.")
    assert "this is version 2" in text_of(answer)
    assert LogRow.objects.latest("pk").evidence["override"] is True


def test_who_may_not_configure_sees_the_rules_and_changes_none(client: Client) -> None:
    noor = signed_in(client)
    rule = made()
    page = noor.get(f"{RULES}{rule.pk}/")
    assert page.status_code == 200
    assert "Save" not in text_of(page)
    assert noor.post(f"{RULES}{rule.pk}/", form_of(page)).status_code == 404
    assert noor.post(f"{RULES}{rule.pk}/simulate/").status_code == 403
    assert noor.get(f"{RULES}new/?kind=words").status_code == 403
    assert not Simulation.objects.exists()


def test_what_is_not_there_is_not_found(mira: Client) -> None:
    assert mira.get(f"{RULES}999/").status_code == 404
    assert mira.post(f"{RULES}999/simulate/").status_code == 404
    assert mira.get(f"{RULES}new/?kind=weather").status_code == 404
    assert mira.get(f"{RULES}new/").status_code == 404


def test_strangers_are_sent_to_sign_in(client: Client) -> None:
    answer = client.get(RULES)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
