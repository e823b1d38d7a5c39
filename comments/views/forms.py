"""The forms of a thread's page.

They check what fields look like; whether a text or a name is acceptable is the actions' business,
whose refusals are put beside the fields by ``add_refusal``.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django import forms
from django.core.signing import BadSignature, Signer
from django.utils.html import format_html, format_html_join
from django.utils.translation import (
    gettext,
    gettext_lazy,
    gettext_noop,
    ngettext,
    pgettext_lazy,
)

from comments.actions.people import LONGEST_NAME
from comments.conf import options
from comments.errors import Refusal, ValidationFailed
from comments.language import numeral, translated
from comments.models import Format, Participant
from comments.rules.subscribing import mail_address
from comments.rules.websites import website_named
from comments.views.widgets import WIDGETS

LONGEST_KEY = 64
LONGEST_ADDRESS = 254
LONGEST_URL = 500
MOST_DIGITS = 18
LONGEST_BAIT = 200
SIMPLE_HTML = ("<b>", "<i>", '<a href="…">', "<blockquote>", "<code>", "<ul>", "<li>")
"""What the form names of the HTML that plain text may have; ``rules/rendering.py`` has it all."""
NO_ADDRESS = gettext_lazy("This is no address that mail can be sent to.")
LONGEST_SECONDS_TO_WRITE = 24 * 60 * 60
"""An older form says nothing about its writer."""
_OPENED = Signer(salt="comments.form.opened")
"""Not Django's TimestampSigner, which reads the clock itself and knows whole seconds only."""

_FIELDS = {
    "#/source": "source",
    "#/format": "format",
    "#/author": "name",
    "#/author/name": "name",
    "#/author/email": "email",
    "#/author/url": "url",
}

SENTENCES = {
    "rate_limited": gettext_noop(
        "That was a lot in a short time. {detail} Nothing you wrote is lost."
    ),
    "idempotency_conflict": gettext_noop(
        "This form has been sent before, with another text. "
        "Press Post once more to send this one as a new comment."
    ),
    "duplicate_comment": gettext_noop(
        "You have said exactly this a moment ago, so it was not posted again."
    ),
    "parent_not_published": gettext_noop(
        "{detail} You can post your text as a comment of its own."
    ),
    "parent_not_found": gettext_noop("{detail} You can post your text as a comment of its own."),
    "stale_version": gettext_noop(
        "This comment has changed since you opened the form. What it says now stands below; "
        "press the button once more if you still want to go on."
    ),
}
"""What a writer is told, where the refusal's own sentence was made for programmers."""


def sentence_for(refusal: Refusal) -> str:
    """Returns a refusal in words for somebody who writes a comment."""
    detail = translated(refusal.detail)
    sentence = SENTENCES.get(refusal.code)
    return gettext(sentence).format(detail=detail) if sentence else detail


class TextForm(forms.Form):
    """A text and how it is to be read: what a new and a changed comment have in common."""

    default_renderer = WIDGETS

    source = forms.CharField(
        label=gettext_lazy("Comment"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
        error_messages={"required": gettext_lazy("Write something first.")},
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=[
            (Format.PLAIN.value, gettext_lazy("plain text")),
            (Format.MARKDOWN.value, "Markdown"),
        ],
        widget=forms.RadioSelect,
        initial=Format.PLAIN.value,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose plain text or Markdown.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        most = options().max_comment_chars
        self.fields["source"].help_text = ngettext(
            "Up to {number} character. #7 links to comment 7, @Name to somebody who writes here.",
            "Up to {number} characters. #7 links to comment 7, @Name to somebody who writes here.",
            most,
        ).format(number=numeral(most))
        self.fields["format"].help_text = format_html(
            gettext("Plain text takes simple HTML, too: {elements}."),
            elements=format_html_join(" ", '<code dir="ltr">{}</code>', zip(SIMPLE_HTML)),
        )

    def add_refusal(self, refusal: Refusal) -> None:
        """Puts a refusal beside the field that it is about, else above the form."""
        if not isinstance(refusal, ValidationFailed):
            self.add_error(None, sentence_for(refusal))
            return
        for error in refusal.errors:
            field = _FIELDS.get(error.pointer)
            self.add_error(field if field in self.fields else None, translated(error.detail))


class WebsiteField(forms.URLField):
    """An address, of https if it says nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(assume_scheme="https", **kwargs)

    def to_python(self, value: Any) -> str:
        """Returns the address as it is stored."""
        return str(super().to_python(website_named(str(value or ""))))


class CommentForm(TextForm):
    """A new comment; a guest says who he is."""

    field_order = ("name", "email", "url", "source", "format", "tell")

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
        error_messages={"required": gettext_lazy("A name is needed.")},
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        required=False,
        max_length=LONGEST_ADDRESS,
        help_text=gettext_lazy("Never shown."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"invalid": gettext_lazy("This is no e-mail address.")},
    )
    url = WebsiteField(
        label=gettext_lazy("Website"),
        required=False,
        max_length=LONGEST_URL,
        widget=forms.TextInput(attrs={"autocomplete": "url", "inputmode": "url"}),
        error_messages={"invalid": gettext_lazy("This is no address of a website.")},
    )
    tell = forms.ChoiceField(
        label=gettext_lazy("Tell me of replies and mentions"),
        choices=[
            ("", pgettext_lazy("tell me of replies", "no")),
            ("instant", gettext_lazy("at once")),
            ("digest", gettext_lazy("in the digest")),
        ],
        widget=forms.RadioSelect,
        initial="",
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose one of these.")},
    )

    def __init__(
        self,
        data: Any = None,
        *,
        participant: Participant | None,
        has_account: bool,
        address: str = "",
        reply_to: int | None = None,
    ) -> None:
        """Makes the form for somebody.

        Args:
            data: what was posted, or ``None`` for an empty form.
            participant: who the guest is known as; his name is filled in, his e-mail is not
                shown even to himself.
            has_account: the name is known from elsewhere and not asked for.
            address: where somebody with an account can be told of answers, if anybody knows.
            reply_to: number of the comment answered.
        """
        initial = {"name": participant.name, "url": participant.url} if participant else {}
        super().__init__(data, auto_id="reply-%s", initial=initial)
        self.reply_to = reply_to
        self.reply_is_lost = False
        """The comment to be answered cannot be, so this one would stand for itself."""
        self.opened = "" if data is None else _if_ours(str(data.get("opened", "")))
        """When the form was first shown, in milliseconds, signed; ``""`` where nobody knows."""
        self.new_key = new_key()
        self.kept_email = participant.email if participant else ""
        is_vouched_for = participant is not None and bool(participant.subject)
        if not is_vouched_for:
            self.fields["tell"].help_text = gettext(
                "By mail to your address. The first mail asks you to confirm."
            )
        if has_account:
            self.kept_email = address
            for field in ("name", "email", "url") if address else ("name", "email", "url", "tell"):
                del self.fields[field]
            return
        if participant is None:
            self.fields["name"].help_text = gettext(
                "Once you have written here, you may vote, too."
            )
        if self.kept_email:
            self.fields["email"].help_text = gettext(
                "Never shown. Yours is known; leave this empty."
            )

    def check(self, *, name_needed: bool) -> None:
        """Finds what is wrong with the fields; a preview does without a name."""
        name = self.fields.get("name", forms.Field())
        name.required = name_needed
        self.full_clean()
        name.required = True
        if name_needed and self.how_told and "email" not in self.errors:
            self._check_address()

    def _check_address(self) -> None:
        """Finds what is wrong with the address of somebody who wants to be told of answers."""
        try:
            mail_address(self.address)
        except ValueError:
            wrong = NO_ADDRESS if self.address else gettext("To tell you, we need an address.")
            self.add_error("email" if "email" in self.fields else "tell", wrong)

    @property
    def how_told(self) -> str:
        """Returns how the writer wants to hear of answers: ``instant``, ``digest`` or ``""``."""
        return str(self.cleaned_data.get("tell", ""))

    @property
    def address(self) -> str:
        """Returns the writer's address, as he typed it now or as it is known; ``""`` without."""
        return str(self.cleaned_data.get("email", "")) or self.kept_email

    @property
    def key(self) -> str:
        """Returns the random key of this form: whatever is sent with it is sent once."""
        given = str(self.data.get("key", ""))
        return given if is_key(given) else self.new_key

    def show_first_at(self, now: datetime) -> None:
        """Notes the time of the first showing; a form that was sent keeps the one it came with."""
        if not self.is_bound:
            self.opened = opened_at(now)

    def seconds_to_write(self, *, now: datetime) -> float | None:
        """Returns how long ago the form was first shown; ``None`` if unknown, or over a day ago."""
        return seconds_since_opened(self.opened, now=now)

    @property
    def honeypot(self) -> str:
        """Returns what came in ``subject``, which no person sees.

        Programs know such a field from other forms; browsers and password managers have nothing
        to fill into it, as they have for names, addresses, companies and websites.
        """
        return str(self.data.get("subject", ""))[:LONGEST_BAIT]

    def clean_url(self) -> str:
        """Returns the website's address if it is one of the web.

        Raises:
            ValidationError: it has another scheme.
        """
        address = str(self.cleaned_data["url"])
        if address and not address.lower().startswith(("http://", "https://")):
            raise forms.ValidationError(gettext("A website begins with http:// or https://."))
        return address

    def renew_key(self) -> None:
        """Gives the form another key, so that it can be sent as something new."""
        self.data = {**{name: self.data[name] for name in self.data}, "key": new_key()}


class EditForm(TextForm):
    """A new text for a comment; ``version`` is the one that its author has seen."""

    def __init__(self, data: Any = None, *, comment_id: int, version: int, **kwargs: Any) -> None:
        super().__init__(data, auto_id="edit-%s", **kwargs)
        self.comment_id = comment_id
        self.version = version


def opened_at(now: datetime) -> str:
    """Returns the time of a form's first showing as the form has it."""
    opened: str = _OPENED.sign(str(round(now.timestamp() * 1000)))
    return opened


def seconds_since_opened(opened: str, *, now: datetime) -> float | None:
    """Returns how long ago a form was first shown; ``None`` if unknown, or over a day ago.

    Args:
        opened: as the form has it, or whatever somebody sends instead.
    """
    if not _if_ours(opened):
        return None
    seconds = now.timestamp() - int(_OPENED.unsign(opened)) / 1000
    # Two servers' clocks differ a little: no time is less than none.
    return max(0.0, seconds) if seconds <= LONGEST_SECONDS_TO_WRITE else None


def _if_ours(opened: str) -> str:
    """Returns the time of a form's first showing as it came, or ``""`` if we did not sign it."""
    try:
        _OPENED.unsign(opened)
    except BadSignature:
        return ""
    return opened


def new_key() -> str:
    """Returns a key that nobody guesses."""
    return secrets.token_urlsafe(16)


def is_key(text: str) -> bool:
    """Returns whether a text could be a key of ours."""
    return 0 < len(text) <= LONGEST_KEY and text.isascii() and text.isprintable()


def whole_number(text: object) -> int | None:
    """Returns a text's whole number if any database can hold it, else ``None``."""
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal()):
        return None
    return int(text) if len(text) <= MOST_DIGITS else None
