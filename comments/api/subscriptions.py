"""Subscribing, and a subscriber's own settings by the secret in the mail."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from comments.actions.asking import API, asker_of
from comments.actions.subscribing import (
    Change,
    Times,
    change_settings,
    forget_subscriber,
    subscribe,
)
from comments.api import documents as docs
from comments.api.authentication import NOBODY
from comments.api.base import ApiView, described, private
from comments.api.inputs import SettingsInput, SubscriptionInput, checked
from comments.errors import AuthRequired, FieldError, ValidationFailed
from comments.models import Frequency, Participant
from comments.queries.subscribers import everything_about, settings_of, subscriber_of
from comments.words import gettext_noop


class Subscriptions(ApiView):
    """Where mail is asked for."""

    @described(**docs.SUBSCRIBE)
    def post(self, request: Request) -> Response:
        """Answers 202 whoever's the address is; a mail asks there for confirmation."""
        self.limit("RATE_LIMIT_SUBSCRIBE")
        values = checked(SubscriptionInput, request.data)
        participant = self._participant() if values["answers"] else None
        subscribe(
            site_id=self.site.pk,
            address=values.get("email") or _known_address(participant),
            frequency=Frequency(values["frequency"]),
            asker=asker_of(request._request, way=API),
            now=self.now,
            thread_id=self.thread(values["thread"]).id if values["thread"] is not None else None,
            participant=participant,
            times=_times(values),
        )
        return private({"accepted": True}, status=202)

    def _participant(self) -> Participant:
        """Returns the caller as the one whose answers are wanted.

        Raises:
            AuthRequired: the caller is nobody.
            Forbidden: his API token may not write.
        """
        caller = self.caller
        if caller == NOBODY:
            raise AuthRequired(gettext_noop("Say who you are: whose answers are wanted?"))
        caller.need("write")
        return caller.as_participant(site=self.site, now=self.now)


def _known_address(participant: Participant | None) -> str:
    """Returns the address that a host site has vouched for.

    Raises:
        ValidationFailed: there is none, so one is needed.
    """
    if participant is not None and participant.subject and participant.email_verified_at:
        return participant.email
    detail = gettext_noop("An e-mail address is needed.")
    raise ValidationFailed([FieldError("#/email", "required", detail)])


def _times(values: dict[str, Any]) -> Times:
    return Times(
        tz=values.get("tz"), send_hour=values.get("send_hour"), weekday=values.get("weekday")
    )


class Subscriber(ApiView):
    """The settings of whoever has the secret."""

    @described(**docs.GET_SUBSCRIBER)
    def get(self, request: Request, token: str) -> Response:
        """Answers with all that is wanted, and when."""
        return private(settings_of(subscriber_of(token, site_id=self.site.pk)))

    @described(**docs.CHANGE_SUBSCRIBER)
    def patch(self, request: Request, token: str) -> Response:
        """Changes what is given; answers with the settings as they are then."""
        subscriber_of(token, site_id=self.site.pk)  # a stranger learns nothing of the fields
        values = checked(SettingsInput, request.data)
        subscriber = change_settings(
            token,
            change=Change(
                times=_times(values),
                frequency=Frequency(values["frequency"]) if "frequency" in values else None,
                subscription_id=values.get("subscription"),
                paused=values.get("paused"),
            ),
            site_id=self.site.pk,
            asker=asker_of(request._request, way=API),
            now=self.now,
        )
        return private(settings_of(subscriber))

    @described(**docs.FORGET_SUBSCRIBER)
    def delete(self, request: Request, token: str) -> Response:
        """Ends everything, and deletes the address and all that is kept of it."""
        forget_subscriber(token, site_id=self.site.pk)
        return private(None, status=204)


class SubscriberExport(ApiView):
    """All that is kept of a subscriber, to take away."""

    @described(**docs.EXPORT_SUBSCRIBER)
    def get(self, request: Request, token: str) -> Response:
        """Answers with everything, as a file."""
        body = everything_about(subscriber_of(token, site_id=self.site.pk))
        headers = {"Content-Disposition": 'attachment; filename="subscriptions.json"'}
        return private(body, headers=headers)
