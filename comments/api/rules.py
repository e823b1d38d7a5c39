"""The rules of a site over the API: read, made, changed, tried; and how well they do."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from comments.actions.ruling import change_rule, create_rule, simulate_rule
from comments.api import documents_rules as docs
from comments.api.base import described, private, whole_number
from comments.api.inputs import checked
from comments.api.inputs_moderation import NewRuleInput, RuleChangeInput
from comments.api.moderation import DeskView
from comments.models import ScreeningRule
from comments.queries.report import report
from comments.queries.ruling import (
    ListedRule,
    fields_of,
    latest_simulation,
    listed_rules,
    rule_item,
    simulation_item,
)
from comments.rules.screening_kinds import KINDS


class Rules(DeskView):
    """The rules that look at every comment."""

    @described(**docs.RULES)
    def get(self, request: Request) -> Response:
        """Answers with the rules of the site, and with the kinds that a rule can be of."""
        self.need("view")
        items = [rule_item(listed) for listed in listed_rules(self.site.pk)]
        return private({"items": items, "kinds": [_kind_json(name) for name in KINDS]})

    @described(**docs.NEW_RULE)
    def post(self, request: Request) -> Response:
        """Makes a rule."""
        actor = self.need("configure")
        values = checked(NewRuleInput, request.data)
        rule = create_rule(
            site_id=self.site.pk,
            key=values.pop("key"),
            actor=actor,
            now=self.now,
            override=values.pop("override"),
            note=values.pop("note"),
            fields=values,
        )
        return private(_rule_json(rule), status=201)


class Rule(DeskView):
    """One rule."""

    @described(**docs.CHANGE_RULE)
    def patch(self, request: Request, rule_id: int) -> Response:
        """Changes a rule; what is left out stays."""
        actor = self.need("configure")
        values = checked(RuleChangeInput, request.data)
        rule = change_rule(
            rule_id=rule_id,
            site_id=self.site.pk,
            version=values.pop("version"),
            actor=actor,
            now=self.now,
            override=values.pop("override"),
            note=values.pop("note"),
            changes=values,
        )
        return private(_rule_json(rule))


class RuleSimulation(DeskView):
    """Trying a rule on past comments."""

    @described(**docs.SIMULATE_RULE)
    def post(self, request: Request, rule_id: int) -> Response:
        """Answers with what the rule would have hit, and what moderators had decided on that."""
        actor = self.need("configure")
        simulation = simulate_rule(rule_id=rule_id, site_id=self.site.pk, actor=actor, now=self.now)
        return private(simulation_item(simulation))


class Report(DeskView):
    """How well rules and the learned score do."""

    @described(**docs.REPORT)
    def get(self, request: Request) -> Response:
        """Answers with precision and recall, from comments that were drawn by lot."""
        self.need("view")
        days = whole_number(request, "days", default=30, least=1, most=366)
        return private(report(site_id=self.site.pk, now=self.now, days=days))


def _rule_json(rule: ScreeningRule) -> dict[str, Any]:
    return rule_item(ListedRule(rule, latest_simulation(rule.pk, fields_of(rule))))


def _kind_json(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    return {
        "kind": name,
        "title": kind.title,
        "effects": list(kind.effects),
        "told": kind.default_told,
        "params": [
            {
                "name": param.name,
                "title": param.title,
                "type": param.type,
                "required": param.required,
                "default": param.default,
                "minimum": param.minimum,
                "maximum": param.maximum,
                "choices": [stored for stored, _ in param.choices] or None,
                "help": param.help,
            }
            for param in kind.params
        ],
    }
