"""The pages behind the secret in a mail: confirming, leaving, and a subscriber's own settings.

The secret is the whole authority: no session, no cookie, no check against forged requests. Showing
a page changes nothing, since mail scanners follow links; the button on it does. Leaving is answered
with a page and never with a redirect, so that a mail program can do it by one click (RFC 8058), and
it is answered alike whether there was anything left to end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib.sites.models import Site
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from comments.actions.asking import LINK, ONE_CLICK, asker_of
from comments.actions.subscribing import (
    Change,
    Times,
    change_settings,
    confirm,
    confirmable,
    forget_subscriber,
    leave,
    rejoin_conversation,
)
from comments.conf import options
from comments.errors import Malformed, NotFound, Refusal, TooLarge, ValidationFailed
from comments.language import translated
from comments.models import Channel, Frequency, Subscriber, Subscription, Thread
from comments.queries.scopes import Scope, scope_named, wanted_by
from comments.queries.sites import profile_of, site_of
from comments.queries.subscribers import (
    everything_about,
    label_of,
    subscriber_of,
    when_of,
    wording_of,
)
from comments.rules.subscribing import CONFIRM_DAYS
from comments.views.bodies import check_body
from comments.views.forms import sentence_for, whole_number
from comments.views.subscribe_forms import SettingsForm
from comments.words import gettext_noop

State = Subscription.State
SEE_OTHER = 303
MOST_CONSENTS = 100
"""Rows of evidence on the page; the file that is downloaded has all."""
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
DONE = {
    "saved": gettext_noop("Your settings are saved."),
    "paused": gettext_noop("No mail comes until you resume it."),
    "resumed": gettext_noop("Mail comes again."),
    "rejoined": gettext_noop("You hear of that conversation again."),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A subscription as its subscriber is shown it."""

    row: Subscription
    label: str
    when: str
    digest: str
    may_confirm: bool = False
    field: Any = None
    """How it comes, in the form of the settings."""

    @property
    def title(self) -> str:
        """Returns the label as a line of its own begins; a name stays as it is written."""
        is_name = self.label == self.digest
        return self.label if is_name else f"{self.label[:1].upper()}{self.label[1:]}"


@dataclass(frozen=True, slots=True)
class Left:
    """A conversation that a subscriber has left."""

    name: str
    """Of the scope that the way back takes."""
    title: str
    number: int


@method_decorator(csrf_exempt, name="dispatch")
class SecretPage(View):
    """A page for whoever has the secret."""

    site: Site
    http_method_names = ["get", "head", "post", "options"]  # noqa: RUF012  Django reads a list

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answers; nothing of it is kept by anybody, and no address of it is passed on.

        Raises:
            Http404: no site answers at this address.
        """
        try:
            self.site = site_of(request)
        except NotFound as refusal:
            raise Http404(refusal.detail) from None
        try:
            answer = super().dispatch(request, *args, **kwargs)
        except Refusal as refusal:
            context = {"refusal": refusal, "sentence": sentence_for(refusal), "days": CONFIRM_DAYS}
            answer = self.show("gone", context, status=refusal.status)
        for name, value in PRIVATE.items():
            answer.headers[name] = value
        return answer

    @cached_property
    def now(self) -> datetime:
        """Returns the time of the request."""
        return timezone.now()

    @cached_property
    def digest(self) -> str:
        """Returns the name of the site's digest."""
        return translated(profile_of(self.site).digest_name)

    @property
    def token(self) -> str:
        """Returns the secret in the address."""
        return str(self.kwargs["token"])

    @cached_property
    def subscriber(self) -> Subscriber:
        """Returns whose secret it is.

        Raises:
            NotFound: nobody's (any more).
        """
        return subscriber_of(self.token, site_id=self.site.pk)

    def show(self, page: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """Returns a page with what all of them show."""
        site = self.site
        shared = {"site": site, "digest": self.digest, "token": self.token}
        template = f"comments/subscription_{page}.html"
        return render(self.request, template, {**shared, **context}, status=status)

    def wish(self, row: Subscription, **more: Any) -> Wish:
        """Returns a subscription of the subscriber as he is shown it."""
        label = translated(label_of(row, digest=self.digest))
        when = translated(when_of(row, self.subscriber))
        return Wish(row, label, when, self.digest, **more)


class ConfirmPage(SecretPage):
    """Asks for the word that begins a subscription."""

    def get(self, request: HttpRequest, token: str, subscription_id: str) -> HttpResponse:
        """Shows what would be agreed to."""
        row = confirmable(self.subscriber, subscription_id=self._id(), now=self.now)
        context = {
            "subscriber": self.subscriber,
            "wish": self.wish(row),
            "wording": wording_of(row, self.subscriber),
        }
        return self.show("confirm", context)

    def post(self, request: HttpRequest, token: str, subscription_id: str) -> HttpResponse:
        """Begins the subscription, and says what comes next."""
        row = confirm(
            token,
            subscription_id=self._id(),
            site_id=self.site.pk,
            asker=asker_of(request, way=LINK),
            now=self.now,
        )
        channel = Channel.objects.filter(
            subscriber=self.subscriber,
            kind=Channel.Kind.INSTANT
            if row.frequency == Frequency.INSTANT
            else Channel.Kind.DIGEST,
        ).first()
        context = {
            "subscriber": self.subscriber,
            "wish": self.wish(row),
            "due_at": channel.due_at if channel is not None else None,
        }
        return self.show("confirmed", context)

    def _id(self) -> int:
        return whole_number(self.kwargs["subscription_id"]) or 0


class LeavePage(SecretPage):
    """Ends what a link in a mail names."""

    def get(self, request: HttpRequest, token: str, scope: str) -> HttpResponse:
        """Shows what would end."""
        try:
            subscriber = self.subscriber
        except NotFound:
            return self.show("left", {"subscriber": None})
        named = scope_named(scope)
        context = {
            "subscriber": subscriber,
            "scope": scope,
            "ending": [self.wish(row) for row in wanted_by(subscriber, named)],
            "conversation": self._conversation(named),
        }
        is_over = not context["ending"] and context["conversation"] is None
        return self._left(named) if is_over else self.show("leave", context)

    def post(self, request: HttpRequest, token: str, scope: str) -> HttpResponse:
        """Ends it at once, whatever the body holds.

        Raises:
            TooLarge: the body is larger than any that this installation reads.
        """
        length = whole_number(request.META.get("CONTENT_LENGTH")) or 0
        if length > options().max_body_bytes:
            raise TooLarge()
        try:
            subscriber = self.subscriber
        except NotFound:
            return self.show("left", {"subscriber": None})
        named = scope_named(scope)
        asker = asker_of(request, way=ONE_CLICK if _is_one_click(request) else LINK)
        try:
            leave(subscriber.token, scope=scope, site_id=self.site.pk, asker=asker, now=self.now)
        except NotFound:  # he was forgotten between the two look-ups
            return self.show("left", {"subscriber": None})
        return self._left(named)

    def _left(self, named: Scope) -> HttpResponse:
        """Says that it has ended, and what is still wanted."""
        rest = wanted_by(self.subscriber, scope_named("all"))
        context = {
            "subscriber": self.subscriber,
            "rest": [self.wish(row) for row in rest if row.state == State.ACTIVE],
            "conversation": self._named_conversation(named),
        }
        return self.show("left", context)

    def _conversation(self, named: Scope) -> Left | None:
        """Returns the conversation that would be left; ``None`` if it was, or is none."""
        found = self._named_conversation(named)
        if found is None or named.conversation is None:
            return None
        thread_id, number = named.conversation
        left = self.subscriber.mutes.filter(lifted_at=None)
        is_left = left.filter(thread_id=thread_id, root_number=number).exists()
        return None if is_left else found

    def _named_conversation(self, named: Scope) -> Left | None:
        if named.conversation is None:
            return None
        thread_id, number = named.conversation
        thread = Thread.objects.filter(pk=thread_id, site_id=self.site.pk).first()
        return Left(f"{thread_id}-{number}", thread.title, number) if thread is not None else None


class SettingsPage(SecretPage):
    """All that somebody wants, and all that is kept of him."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Shows everything."""
        notice = translated(DONE.get(request.GET.get("done", ""), ""))
        return self._show(self._form(), notice=notice)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Does what the pressed button says.

        Raises:
            NotFound: nobody has this secret (any more).
            TooLarge, Malformed: the body is not one that a form of ours sends.
        """
        check_body(request)
        do, _, about = request.POST.get("do", "").partition(":")
        if do == "save":
            return self._save()
        if do in {"pause", "resume"}:
            self._change(Change(paused=do == "pause"))
            return self._go("paused" if do == "pause" else "resumed")
        if do == "rejoin":
            return self._rejoin(about)
        if do == "forget":
            forget_subscriber(self.token, site_id=self.site.pk)
            return self.show("left", {"subscriber": None, "is_forgotten": True})
        raise Malformed(gettext_noop("The form does not say what to do."))

    def _save(self) -> HttpResponse:
        form = self._form(self.request.POST)
        if not form.is_valid():
            return self._show(form, status=ValidationFailed.status)
        values = form.cleaned_data
        hour, weekday = int(values["send_hour"]), int(values["weekday"])
        try:
            self._change(Change(times=Times(tz=values["tz"], send_hour=hour, weekday=weekday)))
            for one in form.active:
                one.refresh_from_db()  # one that goes into the digest takes the others along
                wanted = form.frequency_of(one)
                if one.state == State.ACTIVE and one.frequency != wanted:
                    self._change(Change(frequency=wanted, subscription_id=one.pk))
        except ValidationFailed as refusal:
            form.add_refusal(refusal)
            return self._show(form, status=refusal.status)
        return self._go("saved")

    def _rejoin(self, about: str) -> HttpResponse:
        thread_id, _, number = about.partition("-")
        rejoin_conversation(
            self.token,
            thread_id=whole_number(thread_id) or 0,
            root_number=whole_number(number) or 0,
            site_id=self.site.pk,
            asker=asker_of(self.request, way=LINK),
            now=self.now,
        )
        return self._go("rejoined")

    def _change(self, change: Change) -> None:
        change_settings(
            self.token,
            change=change,
            site_id=self.site.pk,
            asker=asker_of(self.request, way=LINK),
            now=self.now,
        )

    def _go(self, done: str) -> HttpResponse:
        address = reverse("subscription-settings", args=[self.token])
        return HttpResponseRedirect(f"{address}?done={done}", status=SEE_OTHER)

    def _form(self, data: Any = None) -> SettingsForm:
        active = self.subscriber.subscriptions.filter(state=State.ACTIVE)
        rows = list(active.select_related("thread", "participant").order_by("pk"))
        return SettingsForm(data, subscriber=self.subscriber, active=rows)

    def _show(self, form: SettingsForm, *, notice: str = "", status: int = 200) -> HttpResponse:
        subscriber = self.subscriber
        others = subscriber.subscriptions.exclude(state=State.ACTIVE)
        mutes = subscriber.mutes.filter(lifted_at=None).select_related("thread").order_by("pk")
        context = {
            "subscriber": subscriber,
            "form": form,
            "notice": notice,
            "asks_to_forget": "forget" in self.request.GET,
            "active": [self.wish(one, field=form[f"how-{one.pk}"]) for one in form.active],
            "others": [
                self.wish(one, may_confirm=self._may_confirm(one))
                for one in others.select_related("thread", "participant").order_by("pk")
            ],
            "left": [
                Left(f"{one.thread_id}-{one.root_number}", one.thread.title, one.root_number)
                for one in mutes
            ],
            "consents": subscriber.consents.order_by("-pk")[:MOST_CONSENTS],
        }
        return self.show("settings", context, status=status)

    def _may_confirm(self, subscription: Subscription) -> bool:
        if subscription.state != State.PENDING:
            return False
        try:
            confirmable(self.subscriber, subscription_id=subscription.pk, now=self.now)
        except NotFound:
            return False
        return True


class ExportPage(SecretPage):
    """All that is kept of somebody, to take away."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Answers with a JSON file."""
        answer = JsonResponse(everything_about(self.subscriber), json_dumps_params={"indent": 2})
        answer.headers["Content-Disposition"] = 'attachment; filename="subscriptions.json"'
        return answer


def _is_one_click(request: HttpRequest) -> bool:
    """Returns whether a mail program asks for it, in either encoding (RFC 8058, 3.1).

    A body that cannot be read is no reason to go on mailing.
    """
    try:
        return request.POST.get("List-Unsubscribe") == "One-Click"
    except (BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError):
        return False
