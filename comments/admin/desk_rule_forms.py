"""The form of a screening rule: its fields, and one field for each parameter of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from comments.errors import ValidationFailed
from comments.models import OnError, RuleEffect, RuleMode
from comments.rules.ruling import LONGEST_KEY, LONGEST_TITLE, LONGEST_TOLD, RuleFields
from comments.rules.screening_kinds import Kind
from comments.rules.screening_params import LISTS, Param

PARAM = "param_"
ROWS_OF_LIST = 8
LONGEST_NOTE = 2_000
MODES = {
    RuleMode.OFF: "Off",
    RuleMode.SHADOW: "Shadow: watch and record, without effect",
    RuleMode.LIVE: "Live",
}
EFFECTS = {
    RuleEffect.PUBLISH: "speak for the comment",
    RuleEffect.HOLD: "hold it for a moderator",
    RuleEffect.REJECT: "reject it",
    RuleEffect.SPAM: "mark it as spam",
}


class RuleForm(forms.Form):
    """What one version of a rule says; ``version`` is the one that was seen."""

    key = forms.CharField(
        label="Key",
        max_length=LONGEST_KEY,
        help_text="Names the rule in the record: small letters, digits, hyphens. It never changes.",
    )
    title = forms.CharField(label="Title", max_length=LONGEST_TITLE)
    mode = forms.ChoiceField(
        label="Mode", choices=list(MODES.items()), widget=forms.RadioSelect, initial=RuleMode.SHADOW
    )
    effect = forms.ChoiceField(label="A hit asks to", choices=())
    on_error = forms.ChoiceField(label="If the rule fails", choices=OnError.choices)
    told = forms.CharField(
        label="What the author is told",
        required=False,
        max_length=LONGEST_TOLD,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    note = forms.CharField(
        label="Note for the record",
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why you change it; moderators see it.",
    )
    override = forms.BooleanField(
        label="Let it go live all the same; the note says why", required=False
    )
    version = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, kind: Kind, rule: RuleFields | None = None, version: int = 0
    ) -> None:
        """Makes the form of a kind, for a new rule or with the fields of a rule filled in."""
        initial: dict[str, Any] = dict(rule.as_json()) if rule else {}
        initial["version"] = version or None
        params: Mapping[str, Any] = initial.pop("params", {})
        super().__init__(data, initial=initial, label_suffix="")
        self.kind = kind
        self.asks_for_override = False
        """A refusal made it plain that only an override lets the rule go live."""
        effect = self.fields["effect"]
        if isinstance(effect, forms.ChoiceField):
            effect.choices = [(name, EFFECTS[RuleEffect(name)]) for name in kind.effects]
        self.fields["told"].help_text = f"Empty: “{kind.default_told}”"
        if version:
            del self.fields["key"]
        for param in kind.params:
            value = params.get(param.name, param.default)
            field = _field_of(param)
            field.initial = "\n".join(value or ()) if param.type in LISTS else value
            self.fields[PARAM + param.name] = field

    @property
    def param_fields(self) -> list[forms.BoundField]:
        """Returns the fields of the parameters."""
        return [self[name] for name in self.fields if name.startswith(PARAM)]

    @property
    def changes(self) -> dict[str, Any]:
        """Returns what was filled in, as ``comments.rules.ruling`` takes it."""
        values = self.cleaned_data
        params = {}
        for param in self.kind.params:
            value = values[PARAM + param.name]
            if param.type in LISTS:
                lines = str(value).splitlines()
                params[param.name] = [line.strip() for line in lines if line.strip()]
            elif value not in (None, ""):
                params[param.name] = value
        plain = {name: values[name] for name in ("title", "mode", "effect", "on_error", "told")}
        return {**plain, "kind": self.kind.name, "params": params}

    def add_refusal(self, refusal: ValidationFailed) -> None:
        """Puts each thing that is wrong beside the field that it is about."""
        for error in refusal.errors:
            _, *where = error.pointer.split("/")
            name, line = where[0] if where else "", ""
            if name == "params" and len(where) > 1:
                name = PARAM + where[1]
                line = f"Line {int(where[2]) + 1}: " if len(where) > 2 else ""  # noqa: PLR2004
            self.add_error(name if name in self.fields else None, line + error.detail)


def _field_of(param: Param) -> forms.Field:
    """Returns the form field of a parameter; what a value may be is the rules' business."""
    given: dict[str, Any] = {
        "label": param.title,
        "help_text": param.help,
        "required": param.required,
    }
    if param.type in LISTS:
        widget = forms.Textarea(attrs={"rows": ROWS_OF_LIST, "spellcheck": "false"})
        if not param.help:
            given["help_text"] = "One in a line."
        return forms.CharField(widget=widget, strip=False, **given)
    if param.type == "choice":
        return forms.ChoiceField(choices=param.choices, **given)
    if not param.required:
        given["required"] = False
        if param.default is None:
            given["help_text"] = f"{param.help} Empty: as the site’s settings ask.".strip()
    limits: dict[str, Any] = {"min_value": param.minimum, "max_value": param.maximum}
    if param.type == "integer":
        whole: dict[str, Any] = {
            name: int(value) for name, value in limits.items() if value is not None
        }
        return forms.IntegerField(**whole, **given)
    return forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}), **limits, **given)
