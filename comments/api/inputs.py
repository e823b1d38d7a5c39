"""What clients may send: strict about types and names, so that nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from comments.actions.subscribing import Times, checked_address
from comments.errors import ValidationFailed
from comments.language import current_language, translated
from comments.rules.websites import website_named
from comments.words import gettext_noop

LONGEST_NAME = 80
LONGEST_ADDRESS = 254
LONGEST_URL = 500
UNKNOWN_FIELD = gettext_noop("There is no such field.")


class StrictCharField(serializers.CharField):
    """Takes JSON strings alone; DRF's own takes numbers and booleans too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)
        # NUL and lone surrogates are the text's business (rules/rendering.py), names the names'.
        self.validators = [v for v in self.validators if "Prohibit" not in type(v).__name__]

    def to_internal_value(self, data: Any) -> str:
        """Returns the string.

        Raises:
            ValidationError: it is no string.
        """
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class StrictIntegerField(serializers.IntegerField):
    """Takes JSON whole numbers alone; DRF's own takes strings and booleans too."""

    def to_internal_value(self, data: Any) -> int:
        """Returns the number.

        Raises:
            ValidationError: it is no whole number.
        """
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class StrictBooleanField(serializers.BooleanField):
    """Takes true and false alone; DRF's own takes numbers and words too."""

    def to_internal_value(self, data: Any) -> bool:
        """Returns the value.

        Raises:
            ValidationError: it is neither.
        """
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, each by its name."""

    default_error_messages: ClassVar = {"invalid": gettext_lazy("A JSON object is needed.")}
    is_shared: ClassVar = False
    """Whether one object serves all requests: it keeps nothing of the body that it checks."""

    def to_internal_value(self, data: Any) -> Any:
        """Returns the checked values.

        Raises:
            ValidationError: fields are unknown, missing or not acceptable.
        """
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        errors: dict[str, Any] = {
            str(name): serializers.ErrorDetail(UNKNOWN_FIELD, code="unknown_field")
            for name in sorted(unknown, key=str)
        }
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not errors or not isinstance(error.detail, dict):
                raise
            errors.update(error.detail)
        if errors:
            raise serializers.ValidationError({name: _listed(e) for name, e in errors.items()})
        return values


def _listed(error: Any) -> Any:
    return [error] if isinstance(error, str) else error


class WebsiteField(serializers.URLField):
    """Takes an address without a scheme as one of https, as our own form does."""

    def to_internal_value(self, data: Any) -> str:
        """Returns the address."""
        return website_named(super().to_internal_value(data))


class AuthorInput(StrictSerializer):
    """Who a guest says that he is."""

    name = StrictCharField(max_length=400, help_text="At most 80 characters once cleaned.")
    email = serializers.EmailField(
        required=False,
        allow_blank=True,
        default="",
        max_length=LONGEST_ADDRESS,
        help_text="Never shown to anybody but moderators.",
    )
    url = WebsiteField(
        required=False,
        allow_blank=True,
        default="",
        max_length=LONGEST_URL,
        help_text="http or https; https if it says neither.",
    )

    def validate_url(self, value: str) -> str:
        """Returns the address if it is http(s).

        Raises:
            ValidationError: it has another scheme.
        """
        if value and not value.lower().startswith(("http://", "https://")):
            raise serializers.ValidationError(gettext_noop("Use http or https."), code="invalid")
        return value


class FormInput(StrictSerializer):
    """What a form knows of its own filling in; both tell people from programs."""

    opened = StrictCharField(
        default="", allow_blank=True, help_text="As the form of our own page has it."
    )
    subject = StrictCharField(
        default="", allow_blank=True, help_text="Of a field that nobody sees: empty."
    )


class CommentInput(StrictSerializer):
    """A new comment."""

    is_shared = True

    source = StrictCharField(help_text="The text as typed.")  # type: ignore[assignment]
    format = serializers.ChoiceField(choices=["plain", "markdown"], default="plain")
    parent = StrictIntegerField(  # type: ignore[assignment]
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2**53,
        help_text="Number of the comment answered; null for a new root.",
    )
    author = AuthorInput(
        required=False, help_text="Needed from a guest without a token, ignored from users."
    )
    form = FormInput(default=lambda: {"opened": "", "subject": ""})
    tell = serializers.ChoiceField(
        choices=["", "instant", "digest"],
        default="",
        help_text="How the writer is mailed of replies and mentions, once he has confirmed.",
    )


class EditInput(StrictSerializer):
    """A new text for a comment."""

    source = StrictCharField(help_text="The text as typed.")  # type: ignore[assignment]
    format = serializers.ChoiceField(choices=["plain", "markdown"], required=False)


@extend_schema_field({"type": "integer", "enum": [1, -1]})
class VoteField(StrictIntegerField):
    """A whole number, of which the document says that there are two."""


class VoteInput(StrictSerializer):
    """An opinion."""

    value = VoteField(help_text="1 or -1.")

    def validate_value(self, value: int) -> int:
        """Returns the vote.

        Raises:
            ValidationError: it is neither 1 nor -1.
        """
        if value not in {1, -1}:
            detail = gettext_noop("A vote is 1 or -1.")
            raise serializers.ValidationError(detail, code="invalid_choice")
        return value


class PreviewInput(StrictSerializer):
    """A text to look at before it is sent."""

    is_shared = True

    source = StrictCharField()  # type: ignore[assignment]
    format = serializers.ChoiceField(choices=["plain", "markdown"], default="plain")
    thread = StrictCharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=200,
        help_text="Key of the thread whose names and numbers become links.",
    )


@contextmanager
def refused_here() -> Iterator[None]:
    """Lets what an action would refuse of a field be said beside what is wrong with the others.

    Raises:
        ValidationError: the action would refuse it.
    """
    try:
        yield
    except ValidationFailed as refusal:
        [error] = refusal.errors
        raise serializers.ValidationError(translated(error.detail), code=error.code) from None


FREQUENCIES = ["daily", "weekly", "instant"]
LONGEST_ZONE = 64


class TimesInput(StrictSerializer):
    """When the digest is to come."""

    tz = StrictCharField(
        required=False, max_length=LONGEST_ZONE, help_text="IANA name, as Europe/Berlin."
    )
    send_hour = StrictIntegerField(
        required=False, min_value=0, max_value=23, help_text="Local hour of the digest."
    )
    weekday = StrictIntegerField(
        required=False, min_value=0, max_value=6, help_text="Of weekly digests; 0 is Monday."
    )

    def validate_tz(self, value: str) -> str:
        """Returns the name of the zone.

        Raises:
            ValidationError: there is none of that name.
        """
        with refused_here():
            Times(tz=value).check()
        return value


class SubscriptionInput(TimesInput):
    """A wish for mail; a mail asks whoever reads that address to confirm it."""

    email = StrictCharField(
        required=False,
        max_length=LONGEST_ADDRESS,
        help_text=(
            "Where to. Needed, but with `answers` from a caller whose host site has vouched for "
            "an address."
        ),
    )
    frequency = serializers.ChoiceField(choices=FREQUENCIES)
    thread = StrictCharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=200,
        help_text="Key of the one thread that is wanted; without it, the whole site.",
    )
    answers = StrictBooleanField(
        required=False,
        default=False,
        help_text="True: only replies to the caller's comments, and mentions of him.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Returns the fields; who wants anything but answers has to give an address."""
        fields = super().get_fields()
        given = getattr(self, "initial_data", None)
        fields["email"].required = isinstance(given, dict) and given.get("answers") is not True
        return fields

    def validate_email(self, value: str) -> str:
        """Returns the address.

        Raises:
            ValidationError: it is none that mail can be sent to.
        """
        with refused_here():
            checked_address(value)
        return value

    def validate_answers(self, value: bool) -> bool:
        """Returns the wish.

        Raises:
            ValidationError: answers of one thread are asked for, which do not exist.
        """
        if value and self.initial_data.get("thread") is not None:
            detail = gettext_noop("Answers come from all threads; leave the thread out.")
            raise serializers.ValidationError(detail, code="invalid")
        return value


class SettingsInput(TimesInput):
    """What a subscriber changes; what is left out stays as it is."""

    frequency = serializers.ChoiceField(
        choices=FREQUENCIES,
        required=False,
        help_text="Of one subscription, or of all that are active. What goes into the digest "
        "has one frequency, so a change takes the rest of it along.",
    )
    subscription = StrictIntegerField(
        required=False, min_value=1, max_value=2**53, help_text="Id of the one that changes."
    )
    paused = StrictBooleanField(required=False, help_text="True: no mail until it is false again.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Returns the values.

        Raises:
            ValidationError: a subscription is named, and nothing said of it.
        """
        if "subscription" in attrs and "frequency" not in attrs:
            detail = gettext_noop("Say which frequency this subscription is to have.")
            raise serializers.ValidationError(
                {"frequency": serializers.ErrorDetail(detail, code="required")}
            )
        return attrs


@cache
def _shared(kind: type[StrictSerializer], language: str) -> StrictSerializer:
    """Returns the one for a language: some of its messages stay in the first that they were in."""
    return kind()


def checked(kind: type[StrictSerializer], data: Any) -> dict[str, Any]:
    """Returns the checked values of a body.

    Raises:
        ValidationError: as ``kind`` says.
    """
    if kind.is_shared:
        shared: dict[str, Any] = _shared(kind, current_language()).run_validation(data)
        return shared
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values
