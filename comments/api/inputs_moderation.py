"""What readers who report, and moderators, may send."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from comments.api.inputs import StrictCharField, StrictIntegerField, StrictSerializer
from comments.models import FlagReason, RepliesPolicy, Sanction
from comments.rules.moderation import ACTIONS
from comments.rules.ruling import LONGEST_KEY, LONGEST_TITLE, LONGEST_TOLD, ON_ERRORS
from comments.rules.screening import EFFECTS, MODES

MOST_ITEMS = 500
LONGEST_TEXT = 2_000
LONGEST_ID = 10**18 - 1


class FlagInput(StrictSerializer):
    """A reader's report."""

    reason = serializers.ChoiceField(choices=FlagReason.values)
    note = StrictCharField(required=False, allow_blank=True, default="", max_length=500)

    def validate_note(self, value: str) -> str:
        """Returns the note without characters that no database holds."""
        return storable(value)


class LeaseInput(StrictSerializer):
    """How many comments a moderator wants on the desk."""

    n = StrictIntegerField(min_value=1, max_value=50)


class ReasonsInput(StrictSerializer):
    """Why something is done."""

    reason = serializers.SlugField(required=False, allow_blank=True, default="", max_length=64)
    public_reason = StrictCharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=LONGEST_TEXT,
        help_text="What the author is told.",
    )
    note = StrictCharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=LONGEST_TEXT,
        help_text="For moderators.",
    )

    def validate_public_reason(self, value: str) -> str:
        """Returns the text without characters that no database holds."""
        return storable(value)

    def validate_note(self, value: str) -> str:
        """Returns the text without characters that no database holds."""
        return storable(value)


class ItemInput(StrictSerializer):
    """A comment in the version that the moderator saw."""

    id = StrictIntegerField(min_value=1, max_value=LONGEST_ID)
    version = StrictIntegerField(min_value=1, max_value=2**31 - 1)


class DecisionsInput(ReasonsInput):
    """A decision about several comments."""

    items = serializers.ListField(child=ItemInput(), min_length=1, max_length=MOST_ITEMS)
    action = serializers.ChoiceField(choices=list(ACTIONS))
    subtree = serializers.ChoiceField(
        choices=RepliesPolicy.values,
        required=False,
        allow_null=True,
        help_text="What becomes of the replies; what is stored stays without it.",
    )


class UndoInput(ReasonsInput):
    """Why a decision is undone."""


class SanctionInput(ReasonsInput):
    """A limit on what somebody may do."""

    kind = serializers.ChoiceField(choices=Sanction.Kind.values)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class RuleFieldsInput(StrictSerializer):
    """What a rule says; ``comments.rules.ruling`` checks what the fields mean."""

    title = StrictCharField(max_length=LONGEST_TITLE)
    kind = StrictCharField(max_length=24)
    mode = serializers.ChoiceField(choices=list(MODES))
    effect = serializers.ChoiceField(choices=list(EFFECTS))
    on_error = serializers.ChoiceField(choices=list(ON_ERRORS))
    params = serializers.DictField(help_text="As the kind asks for them.")
    told = StrictCharField(allow_blank=True, max_length=LONGEST_TOLD)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Returns the fields without characters that no database holds."""
        return {name: _storable_value(value) for name, value in attrs.items()}


class OverrideInput(StrictSerializer):
    """Going live without a simulation that speaks for it."""

    override = serializers.BooleanField(required=False, default=False)
    note = StrictCharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=LONGEST_TEXT,
        help_text="For the record; needed with `override`.",
    )


class NewRuleInput(RuleFieldsInput, OverrideInput):
    """A new rule."""

    key = StrictCharField(max_length=LONGEST_KEY)
    mode = serializers.ChoiceField(choices=list(MODES), default="off")
    effect = serializers.ChoiceField(choices=list(EFFECTS), default="hold")
    on_error = serializers.ChoiceField(choices=list(ON_ERRORS), default="pass")
    params = serializers.DictField(default=dict, help_text="As the kind asks for them.")
    told = StrictCharField(allow_blank=True, default="", max_length=LONGEST_TOLD)


class RuleChangeInput(RuleFieldsInput, OverrideInput):
    """Some fields of a rule, and the version that was seen."""

    version = StrictIntegerField(min_value=1, max_value=2**31 - 1)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Returns the fields, of which only the version is needed."""
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name == "version"
        return fields


def _storable_value(value: Any) -> Any:
    """Returns a plain value whose texts any database holds."""
    match value:
        case str():
            return storable(value)
        case list():
            return [_storable_value(one) for one in value]
        case dict():
            return {storable(str(name)): _storable_value(one) for name, one in value.items()}
        case _:
            return value


def storable(text: str) -> str:
    """Returns a text without NUL and lone surrogates, which databases refuse."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
