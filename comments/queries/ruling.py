"""The rules of a site as a form and the API show them, with their last simulations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from comments.models import Comment, RuleVersion, ScreeningRule, Simulation
from comments.queries.logbook import names_of_users
from comments.rules.ruling import RuleFields, hits_alike
from comments.rules.screening_values import Effect, Mode, OnError

MOST_VERSIONS = 50
"""Versions and simulations of one rule that are looked at, the newest."""


@dataclass(slots=True)
class ListedRule:
    """A rule with its latest simulation of a version that hits the same."""

    rule: ScreeningRule
    simulation: Simulation | None


def fields_of(rule: ScreeningRule) -> RuleFields:
    """Returns what a stored rule says."""
    return RuleFields(
        title=rule.title,
        kind=rule.kind,
        mode=cast(Mode, rule.mode),
        effect=cast(Effect, rule.effect),
        on_error=cast(OnError, rule.on_error),
        params=rule.params,
        told=rule.told,
    )


def latest_simulation(rule_id: int, fields: RuleFields) -> Simulation | None:
    """Returns the newest simulation of a version that hits the same as these fields; two queries.

    ``fields`` may be of a version that is not stored yet.
    """
    simulations = list(
        Simulation.objects.filter(rule_id=rule_id).order_by("-at", "-pk")[:MOST_VERSIONS]
    )
    tried = {simulation.rule_version for simulation in simulations}
    versions = RuleVersion.objects.filter(rule_id=rule_id, version__in=tried)
    stored = {one.version: RuleFields(**one.fields) for one in versions}
    for simulation in simulations:
        was = stored.get(simulation.rule_version)
        if was is not None and hits_alike(was, fields):
            return simulation
    return None


def listed_rules(site_id: int) -> list[ListedRule]:
    """Returns the rules of a site by title; two queries, and two for each rule that was tried."""
    rules = list(ScreeningRule.objects.filter(site_id=site_id).order_by("title", "pk"))
    tried = set(
        Simulation.objects.filter(rule__site_id=site_id)
        .values_list("rule_id", flat=True)
        .distinct()
    )
    return [
        ListedRule(rule, latest_simulation(rule.pk, fields_of(rule)) if rule.pk in tried else None)
        for rule in rules
    ]


def versions_of(rule: ScreeningRule) -> list[tuple[RuleVersion, str]]:
    """Returns the versions of a rule, newest first, each with who made it; two queries."""
    versions = list(rule.versions.order_by("-version")[:MOST_VERSIONS])
    names = names_of_users(one.by_id for one in versions if one.by_id is not None)
    return [(one, names.get(one.by_id or 0, "the operator")) for one in versions]


def rule_item(listed: ListedRule) -> dict[str, Any]:
    """Returns a rule as plain values."""
    rule = listed.rule
    return {
        "id": rule.pk,
        "key": rule.key,
        "version": rule.version,
        "changed_at": rule.changed_at,
        **fields_of(rule).as_json(),
        "simulation": simulation_item(listed.simulation) if listed.simulation else None,
    }


def simulation_item(simulation: Simulation) -> dict[str, Any]:
    """Returns a simulation as plain values, its disagreements without texts."""
    return {
        "id": simulation.pk,
        "rule": simulation.rule_id,
        "rule_version": simulation.rule_version,
        "at": simulation.at,
        **simulation.result,
    }


def disagreements(simulation: Simulation) -> list[tuple[dict[str, Any], Comment]]:
    """Returns the worst disagreements with their comments as they are now; one query."""
    worst: Iterable[dict[str, Any]] = simulation.result.get("worst", [])
    found = Comment.objects.select_related("thread").in_bulk([one["comment"] for one in worst])
    return [(one, found[one["comment"]]) for one in worst if one["comment"] in found]
