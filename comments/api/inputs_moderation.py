"""What readers who report, and moderators, may send."""

from __future__ import annotations

from rest_framework import serializers

from comments.api.inputs import StrictCharField, StrictIntegerField, StrictSerializer
from comments.models import FlagReason, RepliesPolicy, Sanction
from comments.rules.moderation import ACTIONS

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


def storable(text: str) -> str:
    """Returns a text without NUL and lone surrogates, which databases refuse."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
