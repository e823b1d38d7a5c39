"""The rules at ``/admin/moderation/rules/``: written in forms, tried on the past, switched on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from comments.actions.ruling import MOST_TRIED, change_rule, create_rule, simulate_rule
from comments.admin.desk_access import Desk, desk_view
from comments.admin.desk_rule_forms import EFFECTS, MODES, RuleForm
from comments.errors import NotFound, Refusal, SimulationNeeded, ValidationFailed
from comments.models import (
    RuleEffect,
    RuleMode,
    RuleVersion,
    ScreeningRule,
    Simulation,
    SiteSettings,
)
from comments.queries.ruling import (
    ListedRule,
    disagreements,
    fields_of,
    latest_simulation,
    listed_rules,
    versions_of,
)
from comments.rules.ruling import REFUSING, SIMULATION_DAYS
from comments.rules.screening_kinds import KINDS

LISTED = 8
"""Entries of a list that are shown of an earlier version."""


@desk_view("view")
def rules_list(desk: Desk) -> HttpResponse:
    """Lists the rules of the site."""
    return desk.page(
        "rules.html",
        title="Rules",
        rules=[_line(listed) for listed in listed_rules(desk.site_id)],
        kinds=[(name, kind.title) for name, kind in KINDS.items()],
    )


@desk_view("configure", "GET", "HEAD", "POST")
def new_rule(desk: Desk) -> HttpResponse:
    """Shows the form of a new rule of the kind asked for, and makes the rule."""
    kind = KINDS.get(desk.request.GET.get("kind", ""))
    if kind is None:
        raise Http404
    if desk.request.method != "POST":
        return _form_page(desk, RuleForm(kind=kind))
    form = RuleForm(desk.request.POST, kind=kind)
    rule = _saved(desk, form, None)
    if rule is None:
        return _form_page(desk, form, status=422)
    messages.success(desk.request, f"Made the rule “{rule.title}”.")
    return HttpResponseRedirect(reverse("desk:rule", args=[rule.pk]))


@desk_view("view", "GET", "HEAD", "POST")
def rule(desk: Desk, rule_id: int) -> HttpResponse:
    """Shows a rule, its last simulation and its versions; changes it."""
    found = ScreeningRule.objects.filter(pk=rule_id, site_id=desk.site_id).first()
    if found is None or found.kind not in KINDS:
        raise Http404
    kind = KINDS[found.kind]
    if desk.request.method != "POST":
        form = RuleForm(kind=kind, rule=fields_of(found), version=found.version)
        return _form_page(desk, form, rule=found)
    if "configure" not in desk.roles:
        raise Http404
    form = RuleForm(desk.request.POST, kind=kind, rule=fields_of(found), version=found.version)
    before = found.version
    saved = _saved(desk, form, found)
    if saved is None:
        return _form_page(desk, form, rule=found, status=422)
    said = f"Changed; this is version {saved.version}."
    messages.success(desk.request, said if saved.version != before else "Nothing was changed.")
    return HttpResponseRedirect(reverse("desk:rule", args=[saved.pk]))


def _saved(desk: Desk, form: RuleForm, rule: ScreeningRule | None) -> ScreeningRule | None:
    """Returns the rule as it is stored now, ``None`` if something is wrong, which the form says."""
    if not form.is_valid():
        return None
    values = form.cleaned_data
    common: dict[str, Any] = {
        "site_id": desk.site_id,
        "actor": desk.actor,
        "now": desk.now,
        "override": values["override"],
        "note": values["note"],
    }
    try:
        if rule is None:
            return create_rule(key=values["key"], fields=form.changes, **common)
        return change_rule(
            rule_id=rule.pk, version=values["version"] or 0, changes=form.changes, **common
        )
    except ValidationFailed as refused:
        form.add_refusal(refused)
        form.asks_for_override = values["override"]
    except SimulationNeeded as refused:
        form.add_error(None, f"It cannot go live yet. {refused.detail}")
        form.asks_for_override = True
    except Refusal as refused:
        form.add_error(None, f"{refused.detail} What it says now is shown when you reload.")
    return None


@desk_view("configure", "POST")
def simulate(desk: Desk, rule_id: int) -> HttpResponse:
    """Tries a rule on past comments, and goes to what came of it."""
    try:
        simulate_rule(rule_id=rule_id, site_id=desk.site_id, actor=desk.actor, now=desk.now)
    except NotFound:
        raise Http404 from None
    except Refusal as refused:
        messages.error(desk.request, str(refused))
    return HttpResponseRedirect(reverse("desk:rule", args=[rule_id]) + "#simulation")


def _form_page(
    desk: Desk, form: RuleForm, *, rule: ScreeningRule | None = None, status: int = 200
) -> HttpResponse:
    site = SiteSettings.objects.filter(site_id=desk.site_id).first() or SiteSettings()
    simulation = latest_simulation(rule.pk, fields_of(rule)) if rule else None
    return desk.page(
        "rule.html",
        status=status,
        title=rule.title if rule else f"New rule: {form.kind.title.lower()}",
        form=form,
        rule=rule,
        kind=form.kind,
        may_configure="configure" in desk.roles,
        line=_line(ListedRule(rule, simulation)) if rule else None,
        result=simulation.result if simulation else None,
        simulation=simulation,
        worst=disagreements(simulation) if simulation else [],
        versions=[(one, name, _said(one)) for one, name in versions_of(rule)] if rule else [],
        precision=percent(site.rule_precision),
        days=SIMULATION_DAYS,
        most=MOST_TRIED,
        refuses_untried=rule is not None and rule.effect in REFUSING,
    )


def _line(listed: ListedRule) -> dict[str, Any]:
    """Returns a rule in words."""
    rule = listed.rule
    kind = KINDS.get(rule.kind)
    return {
        "rule": rule,
        "kind": kind.title if kind else rule.kind,
        "mode": MODES[RuleMode(rule.mode)].partition(":")[0],
        "effect": EFFECTS[RuleEffect(rule.effect)],
        "tried": _in_words(listed.simulation) if listed.simulation else "",
        "at": listed.simulation.at if listed.simulation else None,
    }


def _in_words(simulation: Simulation) -> str:
    """Returns what a simulation came to in one line."""
    result = simulation.result
    hits = f"{result['hits']} hits among {result['comments']} comments"
    if result["precision"] is None:
        return f"{hits}, none of them decided about"
    return (
        f"{hits}; moderators agreed with {result['agreed']} of {result['decided']}: precision "
        f"{percent(result['precision'])}, at least {percent(result['low'])}"
    )


def _said(version: RuleVersion) -> str:
    """Returns what a version says, in one line; of long lists the beginning."""
    fields = version.fields
    said = [MODES[RuleMode(fields["mode"])].partition(":")[0]]
    said.append(f"a hit asks to {EFFECTS[RuleEffect(fields['effect'])]}")
    for param in KINDS[fields["kind"]].params:
        value = fields["params"].get(param.name)
        if isinstance(value, list):
            more = f" and {len(value) - LISTED} more" if len(value) > LISTED else ""
            value = ", ".join(value[:LISTED]) + more
        if value is not None:
            said.append(f"{param.title.lower()}: {value}")
    return "; ".join(said)


def percent(share: float) -> str:
    """Returns a share in 0..1 as people read it."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
