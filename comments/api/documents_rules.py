"""What each operation on rules says of itself in the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter

from comments.api.documents import NOT_FOUND, problem, whole
from comments.api.documents_moderation import ANY, answer, change, desk
from comments.api.inputs_moderation import NewRuleInput, RuleChangeInput
from comments.api.schemas import TEXT as TEXT_SCHEMA
from comments.api.schemas import TIME, WHOLE, Json, array, obj, one_of, or_null
from comments.rules.ruling import ON_ERRORS
from comments.rules.screening import EFFECTS, MODES

SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Json = {"type": "number"}
GATE = problem("`simulation_needed` with `simulation`, `low` and `precision`")
STALE_RULE = problem("`stale_version` with the `version` that the rule has now")
RULE_ID = OpenApiParameter(
    "rule_id",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    OpenApiParameter.PATH,
    description="Id of a rule.",
)
DISAGREEMENT = obj(
    {
        "comment": {**WHOLE, "description": "Id."},
        "decided": one_of("refused", "approved"),
        "value": or_null(NUMBER),
        "threshold": or_null(NUMBER),
    }
)
SIMULATION = obj(
    {
        "id": WHOLE,
        "rule": WHOLE,
        "rule_version": WHOLE,
        "at": TIME,
        "comments": {**WHOLE, "description": "That were looked at."},
        "unknown": {**WHOLE, "description": "Of which it was not kept what the rule looks at."},
        "from": or_null(TIME),
        "to": or_null(TIME),
        "days": NUMBER,
        "hits": WHOLE,
        "errors": WHOLE,
        "decided": {**WHOLE, "description": "Hits that moderators had decided about."},
        "agreed": WHOLE,
        "disagreed": WHOLE,
        "undecided": WHOLE,
        "precision": or_null(SHARE),
        "low": {**SHARE, "description": "Of Wilson's 95 % interval of the precision."},
        "high": SHARE,
        "extra_holds": {**WHOLE, "description": "Hits that nothing else had held."},
        "extra_holds_per_day": NUMBER,
        "worst": array(DISAGREEMENT),
    }
)
FIELDS: dict[str, Json] = {
    "title": TEXT_SCHEMA,
    "kind": TEXT_SCHEMA,
    "mode": one_of(*MODES),
    "effect": one_of(*EFFECTS),
    "on_error": one_of(*ON_ERRORS),
    "params": {**ANY, "description": "As `kinds` describes them."},
    "told": {**TEXT_SCHEMA, "description": "To the author; empty: the sentence of the kind."},
}
RULE = obj(
    {
        "id": WHOLE,
        "key": TEXT_SCHEMA,
        "version": WHOLE,
        "changed_at": TIME,
        **FIELDS,
        "simulation": {
            **or_null(SIMULATION),
            "description": "The latest of a version that hits the same.",
        },
    }
)
RULES = desk(
    "list_rules",
    "The rules of the site, and the kinds that a rule can be of",
    {200: answer(obj({"items": array(RULE), "kinds": array(ANY)}), "Found.")},
)
NEW_RULE = change("create_rule", "Make a rule", {201: answer(RULE), 409: GATE}, NewRuleInput)
CHANGE_RULE = change(
    "change_rule",
    "Change a rule; what is left out stays",
    {200: answer(RULE), 404: NOT_FOUND, 409: GATE, 412: STALE_RULE},
    RuleChangeInput,
    RULE_ID,
)
SIMULATE_RULE = change(
    "simulate_rule",
    "Try a rule on the newest 10,000 comments",
    {200: answer(SIMULATION), 404: NOT_FOUND, 412: STALE_RULE},
    None,
    RULE_ID,
)
REPORT = desk(
    "moderation_report",
    "Precision and recall of rules and of the learned score",
    {200: answer(ANY, "From decisions about comments that were drawn by lot.")},
    whole("days", "Days to look back. Default 30.", least=1, most=366),
)
