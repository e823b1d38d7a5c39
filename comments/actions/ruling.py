"""Making, changing and trying the rules of a site; every change is a version and in the record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction

from comments.actions.logbook import OPERATOR, Actor, log_site
from comments.errors import (
    FieldError,
    NotFound,
    SimulationNeeded,
    StaleVersion,
    ValidationFailed,
)
from comments.models import LogKind, RuleVersion, ScreeningRule, Simulation, SiteSettings
from comments.queries.ruling import fields_of, latest_simulation
from comments.queries.screening import plain_rule
from comments.queries.simulating import simulate
from comments.rules.default_rules import DEFAULT_RULES
from comments.rules.ruling import (
    RuleFields,
    Tried,
    check_key,
    checked_fields,
    needs_simulation,
    what_lacks,
)

MOST_TRIED = 10_000
"""Past comments, the newest, on which a rule is tried while somebody waits for the answer."""


@transaction.atomic(durable=True)
def create_rule(
    *,
    site_id: int,
    key: str,
    fields: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    override: bool = False,
    note: str = "",
) -> ScreeningRule:
    """Returns a new rule of a site, in version 1.

    Args:
        fields: as in ``RuleFields``.
        override: it may go live untried; ``note`` says why.

    Raises:
        ValidationFailed: the key or a field is not acceptable, or there is a rule of this key.
        SimulationNeeded: it refuses comments by itself and has never been tried.
    """
    check_key(key)
    new = checked_fields(fields)
    gate = _pass_gate(None, new, site_id=site_id, now=now, override=override, note=note)
    rule = ScreeningRule(site_id=site_id, key=key, version=1, changed_at=now, **new.as_json())
    try:
        with transaction.atomic():
            rule.save(force_insert=True)
    except IntegrityError:
        detail = "There is a rule of this key."
        raise ValidationFailed([FieldError("#/key", "taken", detail)]) from None
    _store_version(rule, new, actor=actor, now=now)
    evidence = {"version": 1, "digest": _digest(new), "mode": new.mode, **gate}
    _log(rule, "create", actor=actor, now=now, note=note, evidence=evidence)
    return rule


@transaction.atomic(durable=True)
def change_rule(
    *,
    rule_id: int,
    version: int,
    changes: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    site_id: int | None = None,
    override: bool = False,
    note: str = "",
) -> ScreeningRule:
    """Returns the rule with its fields changed, in the next version; as it is if nothing changes.

    Args:
        version: that the caller has seen.
        changes: some of ``RuleFields``; the others stay. Parameters are replaced as a whole.
        override: it may go live although the simulation says no; ``note`` says why.

    Raises:
        NotFound: there is no such rule on the site.
        StaleVersion: somebody changed it meanwhile.
        ValidationFailed: a field is not acceptable.
        SimulationNeeded: it would refuse comments by itself, and has not been tried well enough.
    """
    rule = _locked(rule_id, site_id=site_id)
    if rule.version != version:
        raise StaleVersion("The rule has changed meanwhile.", version=rule.version)
    old = fields_of(rule)
    new = checked_fields({**old.as_json(), **changes})
    if new == old:
        return rule
    gate = _pass_gate((rule, old), new, site_id=rule.site_id, now=now, override=override, note=note)
    for name, value in new.as_json().items():
        setattr(rule, name, value)
    rule.version += 1
    rule.changed_at = now
    rule.save()
    _store_version(rule, new, actor=actor, now=now)
    evidence = {
        "version": rule.version,
        "digest": _digest(new),
        "changed": sorted(name for name in changes if getattr(old, name) != getattr(new, name)),
        "mode": new.mode,
        "mode_before": old.mode,
        **gate,
    }
    _log(rule, "change", actor=actor, now=now, note=note, evidence=evidence)
    return rule


def simulate_rule(
    *,
    rule_id: int,
    actor: Actor,
    now: datetime,
    site_id: int | None = None,
    most: int | None = MOST_TRIED,
) -> Simulation:
    """Tries a rule, as it is now and as if it were live, on past comments; returns what it found.

    Args:
        most: of so many comments, the newest; ``None`` for all.

    Raises:
        NotFound: there is no such rule on the site.
        StaleVersion: the rule was changed while it was tried.
    """
    rule = _found(rule_id, site_id=site_id)
    plain = plain_rule(rule, mode="live")
    result = simulate(plain, fields_of(rule), rule_id=rule.pk, site_id=rule.site_id, most=most)
    return _store_simulation(rule, result=result, actor=actor, now=now)


@transaction.atomic(durable=True)
def _store_simulation(
    rule: ScreeningRule, *, result: dict[str, Any], actor: Actor, now: datetime
) -> Simulation:
    if _locked(rule.pk, site_id=rule.site_id).version != rule.version:
        raise StaleVersion("The rule was changed while it was tried.")
    return Simulation.objects.create(
        rule=rule, rule_version=rule.version, at=now, by_id=actor.id, result=result
    )


def install_default_rules(*, site_id: int, now: datetime) -> list[ScreeningRule]:
    """Makes the rules that a new site begins with; a site that ever had one keeps what it has."""
    if ScreeningRule.objects.filter(site_id=site_id).exists():
        return []
    return [
        create_rule(site_id=site_id, key=key, fields=fields.as_json(), actor=OPERATOR, now=now)
        for key, fields in DEFAULT_RULES.items()
    ]


def _pass_gate(
    before: tuple[ScreeningRule, RuleFields] | None,
    new: RuleFields,
    *,
    site_id: int,
    now: datetime,
    override: bool,
    note: str,
) -> dict[str, Any]:
    """Returns what lets a version go live, for the record; nothing where nothing is asked for.

    Raises:
        SimulationNeeded: nothing does.
        ValidationFailed: ``override`` without a reason.
    """
    if not needs_simulation(new, before[1] if before else None):
        return {}
    site = SiteSettings.objects.filter(site_id=site_id).first() or SiteSettings(site_id=site_id)
    simulation = latest_simulation(before[0].pk, new) if before else None
    tried = None
    if simulation is not None:
        result = simulation.result
        tried = Tried(at=simulation.at, low=result["low"], decided=result["decided"])
    lacks = what_lacks(tried, now=now, precision=site.rule_precision)
    shown: dict[str, Any] = {
        "simulation": simulation.pk if simulation else None,
        "low": tried.low if tried else None,
        "precision": site.rule_precision,
    }
    if not lacks:
        return shown
    if not override:
        raise SimulationNeeded(lacks, **shown)
    if not note.strip():
        detail = "Say why the rule may go live all the same."
        raise ValidationFailed([FieldError("#/note", "required", detail)])
    return {**shown, "override": True, "lacked": lacks}


def _found(rule_id: int, *, site_id: int | None) -> ScreeningRule:
    rules = ScreeningRule.objects.filter(pk=rule_id)
    if site_id is not None:
        rules = rules.filter(site_id=site_id)
    rule = rules.first()
    if rule is None:
        raise NotFound("There is no such rule.")
    return rule


def _locked(rule_id: int, *, site_id: int | None) -> ScreeningRule:
    _found(rule_id, site_id=site_id)
    return ScreeningRule.objects.select_for_update().get(pk=rule_id)


def _store_version(rule: ScreeningRule, fields: RuleFields, *, actor: Actor, now: datetime) -> None:
    RuleVersion.objects.create(
        rule=rule, version=rule.version, at=now, by_id=actor.id, fields=fields.as_json()
    )


def _log(
    rule: ScreeningRule,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    note: str,
    evidence: dict[str, Any],
) -> None:
    log_site(
        rule.site_id,
        LogKind.RULE,
        actor=actor,
        now=now,
        rule_key=rule.key,
        action=action,
        note=note.strip(),
        evidence=evidence,
    )


def _digest(fields: RuleFields) -> str:
    """Returns what tells in the record whether a version was altered afterwards; 64 digits."""
    text = json.dumps(fields.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
