"""The forms about mail: subscribing below a page, and a subscriber's own settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.forms.utils import flatatt
from django.utils.dates import WEEKDAYS
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from comments.errors import Refusal, ValidationFailed
from comments.language import current_language, translated
from comments.models import Frequency, Subscriber, Subscription
from comments.rules.subscribing import LONGEST_ADDRESS, mail_address
from comments.views.forms import LONGEST_BAIT, NO_ADDRESS, is_key, new_key, sentence_for
from comments.views.widgets import WIDGETS

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    Words = str | _StrPromise

AREAS = {
    "Africa": gettext_noop("Africa"),
    "America": gettext_noop("America"),
    "Antarctica": gettext_noop("Antarctica"),
    "Arctic": gettext_noop("Arctic"),
    "Asia": gettext_noop("Asia"),
    "Atlantic": gettext_noop("Atlantic"),
    "Australia": gettext_noop("Australia"),
    "Europe": gettext_noop("Europe"),
    # Translators: the Indian Ocean, as a group of time zones.
    "Indian": gettext_noop("Indian"),
    "Pacific": gettext_noop("Pacific"),
}
"""Parts of the world that zones are named after; the other names are old, or no places."""
ANYWHERE = "UTC"
LONGEST_ZONE = 64
HOURS = [(str(hour), f"{hour:02}:00") for hour in range(24)]
DAYS = [(str(number), name) for number, name in WEEKDAYS.items()]

SITE, THREAD = "site", "thread"


@lru_cache
def _zones() -> tuple[str, ...]:
    """Returns the zones that can be chosen, by area and name."""
    return tuple(sorted(name for name in available_timezones() if name.split("/")[0] in AREAS))


@lru_cache
def _zone_options(language: str) -> str:
    """Returns the options in a language, which is the one spoken now."""
    parts = []
    for area, names in groupby(_zones(), key=lambda name: name.split("/")[0]):
        label = escape(translated(AREAS[area]))
        parts += [f'<optgroup label="{label}">', *map(_option, names), "</optgroup>"]
    return "".join(parts)


def _option(name: str) -> str:
    return f"<option>{escape(name)}</option>"


class ZoneSelect(forms.Select):
    """Chooses a time zone out of some 500, grouped by area.

    Written at once: through a template for each option, as Django does it, they would take longer
    than the rest of a page.
    """

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Returns the element; a zone that is none of the choices is added to them."""
        chosen = str(value or ANYWHERE)
        options = _zone_options(current_language())
        if chosen in _zones():
            options = options.replace(
                _option(chosen), _option(chosen).replace(">", " selected>", 1), 1
            )
        first = "" if chosen in _zones() else _option(chosen).replace(">", " selected>", 1)
        if chosen != ANYWHERE:
            first += _option(ANYWHERE)
        attributes = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        return format_html(
            "<select{}>{}</select>", flatatt(attributes), mark_safe(f"{first}{options}")
        )


class ShortSelect(forms.Select):
    """Chooses out of a list, written at once for the same reason."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Returns the element."""
        choices: Iterable[Any] = self.choices
        options = "".join(
            f'<option value="{escape(key)}"{" selected" if str(key) == str(value) else ""}>'
            f"{escape(label)}</option>"
            for key, label in choices
        )
        attributes = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        return format_html("<select{}>{}</select>", flatatt(attributes), mark_safe(options))


def choice(label: Words, choices: Sequence[tuple[str, Words]], **more: Any) -> forms.ChoiceField:
    """Returns a field that takes one of a few values."""
    wrong = gettext_lazy("Choose one of these.")
    field = forms.ChoiceField(label=label, choices=choices, widget=ShortSelect, **more)
    field.error_messages.update({"invalid_choice": wrong, "required": wrong})
    return field


def zone(**more: Any) -> forms.CharField:
    """Returns a field that takes a time zone; whether there is one of that name, an action says."""
    return forms.CharField(
        label=gettext_lazy("Time zone"), max_length=LONGEST_ZONE, widget=ZoneSelect, **more
    )


class MailForm(forms.Form):
    """What the forms about mail have in common."""

    default_renderer = WIDGETS

    def add_refusal(self, refusal: Refusal) -> None:
        """Puts a refusal beside the field that it is about, else above the form."""
        if not isinstance(refusal, ValidationFailed):
            self.add_error(None, sentence_for(refusal))
            return
        for error in refusal.errors:
            name = error.pointer.removeprefix("#/")
            self.add_error(name if name in self.fields else None, translated(error.detail))


class SubscribeForm(MailForm):
    """An address, what it wants to hear of, and when."""

    email = forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=LONGEST_ADDRESS,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": gettext_lazy("An e-mail address is needed.")},
    )
    what = choice(gettext_lazy("What"), [])
    frequency = choice(
        gettext_lazy("How often"),
        [
            ("daily", gettext_lazy("Every day")),
            ("weekly", gettext_lazy("Every week")),
            ("instant", gettext_lazy("At once")),
        ],
    )
    send_hour = choice(gettext_lazy("Hour of the digest"), HOURS, initial="7")
    tz = zone()

    def __init__(self, data: Any = None, *, is_open: bool) -> None:
        """Makes the form.

        Args:
            data: what was posted, or ``None`` for an empty form.
            is_open: the thread takes comments, so that there will be news of it.
        """
        super().__init__(data, auto_id="subscribe-%s", initial={"tz": settings.TIME_ZONE})
        self.new_key = new_key()
        what = [(SITE, gettext("All posts and comments"))]
        if is_open:
            what.append((THREAD, gettext("Comments on this page")))
        self.fields["what"].choices = what  # type: ignore[attr-defined]
        if not self.is_bound:
            # The script may choose the zone of the browser, as long as nobody has chosen one.
            self.fields["tz"].widget.attrs["data-guess"] = "yes"

    def clean_email(self) -> str:
        """Returns the address as mail servers are given it.

        Raises:
            ValidationError: it is none.
        """
        try:
            return mail_address(str(self.cleaned_data["email"]))
        except ValueError:
            raise forms.ValidationError(NO_ADDRESS) from None

    @property
    def key(self) -> str:
        """Returns the random key of this form: the same wish with it, sent twice, is one."""
        given = str(self.data.get("key", ""))
        return given if is_key(given) else self.new_key

    @property
    def fingerprint(self) -> str:
        """Returns what is the same for the same wish out of the same form."""
        wish = repr([self.key, sorted(self.cleaned_data.items())])
        return sha256(wish.encode()).hexdigest()

    @property
    def honeypot(self) -> str:
        """Returns what came in ``subject``, which no person sees."""
        return str(self.data.get("subject", ""))[:LONGEST_BAIT]

    @property
    def when_is_open(self) -> bool:
        """Returns whether hour and zone are shown unfolded: something is wrong with them."""
        return bool({"send_hour", "tz"} & set(self.errors)) if self.is_bound else False


class SettingsForm(MailForm):
    """When and how often mail comes to a subscriber: one rhythm for all that is in the digest."""

    rhythm = choice(
        gettext_lazy("The digest comes"),
        [("daily", gettext_lazy("every day")), ("weekly", gettext_lazy("every week"))],
    )
    weekday = choice(gettext_lazy("Day, if weekly"), DAYS)
    send_hour = choice(gettext_lazy("Hour"), HOURS)
    tz = zone()

    def __init__(
        self, data: Any = None, *, subscriber: Subscriber, active: list[Subscription]
    ) -> None:
        """Makes the form.

        Args:
            active: what the subscriber wants and has confirmed.
        """
        in_digest = [one.frequency for one in active if one.frequency != Frequency.INSTANT]
        initial = {
            "rhythm": in_digest[0] if in_digest else Frequency.DAILY.value,
            "weekday": str(subscriber.weekday),
            "send_hour": str(subscriber.send_hour),
            "tz": subscriber.tz,
        }
        super().__init__(data, auto_id="settings-%s", initial=initial)
        self.active = active
        for one in active:
            choices = [("digest", gettext("in the digest")), ("instant", gettext("at once"))]
            how = "instant" if one.frequency == Frequency.INSTANT else "digest"
            field = choice(gettext("How it comes"), choices, initial=how, required=False)
            self.fields[f"how-{one.pk}"] = field

    def frequency_of(self, subscription: Subscription) -> Frequency:
        """Returns how often a subscription is to come, as it was chosen."""
        how = self.cleaned_data.get(f"how-{subscription.pk}")
        if how == "instant" or (not how and subscription.frequency == Frequency.INSTANT):
            return Frequency.INSTANT
        return Frequency(self.cleaned_data["rhythm"])
