"""What would hurt in production, said before it does: ``manage.py check --deploy``.

What is about mail stops nothing, and without ``--deploy`` it is not said: a copy at somebody's desk
may write its mails to files, under an address that nobody else can open. Replicas that cannot be
read stop every command.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.contrib.sites.models import Site
from django.core import checks
from django.core.checks import CheckMessage
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, router
from django.db.models import Exists, OuterRef, Q, QuerySet

from comments.conf import options
from comments.models import Subscription
from comments.queries.replicas import ReplicaRouter

NO_POSTAL_ADDRESS = "comments.W001"
NO_HTTPS = "comments.W002"
FOREIGN_MESSAGE_ID = "comments.W003"
NO_MAIL_SERVER = "comments.W004"
FOREIGN_BOUNCES = "comments.W005"
NO_DOMAIN = "comments.W006"
NO_SITE_NAME = "comments.W007"
FOREIGN_REPLICAS = "comments.E001"
NO_ROUTER = "comments.E002"

_BY_DJANGO = "example.com"
"""The name and the domain of a site that Django has made."""

_BACKENDS = "django.core.mail.backends."
_NOWHERE = tuple(f"{_BACKENDS}{name}." for name in ("filebased", "console", "dummy", "locmem"))
"""Backends of Django that hand mails over to no server."""


def register_checks() -> None:
    """Registers the checks; those of the mail run with ``--deploy`` alone."""
    checks.register(check_replicas)
    for check in (
        check_site_names,
        check_postal_addresses,
        check_https,
        check_mail_server,
        check_domains,
    ):
        checks.register(check, deploy=True)


def check_replicas(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns an error for each replica that cannot be one, and if reads do not get there."""
    names = options().replicas
    vendors = {name: connections[name].vendor for name in names if name in connections}
    found: list[CheckMessage] = [
        checks.Error(
            f"{name} cannot be a replica of the database.",
            hint="Both must be PostgreSQL. Leave DATABASE_REPLICA_URLS out with SQLite.",
            id=FOREIGN_REPLICAS,
        )
        for name in names
        if {connection.vendor, vendors.get(name)} != {"postgresql"} or name == DEFAULT_DB_ALIAS
    ]
    if names and not any(isinstance(one, ReplicaRouter) for one in router.routers):
        found.append(
            checks.Error(
                "Reads of threads would not all go where they are sent.",
                hint="Put comments.queries.replicas.ReplicaRouter into DATABASE_ROUTERS.",
                id=NO_ROUTER,
            )
        )
    return found


def check_site_names(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns a warning for each site that nobody has named.

    Without a database that can be asked it says nothing: ``check`` is also run while one is built.
    """
    unnamed = Site.objects.filter(Q(domain=_BY_DJANGO) | Q(name=_BY_DJANGO))
    return [
        checks.Warning(
            f"Site {site.pk} is called “{site.name}” ({site.domain}), as Django calls a new one.",
            hint="Mails, feeds and what subscribers agree to say so. Give it its name and its "
            "domain in the admin, below Sites.",
            id=NO_SITE_NAME,
        )
        for site in asked(unnamed)
    ]


def check_postal_addresses(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Returns a warning for each site whose mails would say nothing of where its owner is.

    Without a database that can be asked it says nothing.
    """
    wanted = Subscription.objects.filter(
        subscriber__site=OuterRef("pk"),
        state__in=[Subscription.State.ACTIVE, Subscription.State.PENDING],
    )
    silent = Site.objects.filter(
        Q(comment_settings=None) | Q(comment_settings__postal_address="")
    ).annotate(has_subscribers=Exists(wanted))
    return [
        checks.Warning(
            f"The site “{site.name}” ({site.domain}) has no postal address"
            f"{', and has subscribers' if site.has_subscribers else ''}.",
            hint="Most countries ask for one in every mail to subscribers. "
            "Write it into the site's settings in the admin.",
            id=NO_POSTAL_ADDRESS,
        )
        for site in asked(silent)
    ]


def asked(sites: QuerySet[Any]) -> list[Any]:
    """Returns what the database says; nothing where there is none, or it has no tables yet."""
    if _has_no_database_yet():
        return []
    try:
        return list(sites.order_by("pk"))
    except Error:
        return []


def _has_no_database_yet() -> bool:
    """Returns whether there is nothing to ask: SQLite would make an empty file of that name."""
    if connection.vendor != "sqlite" or connection.connection is not None:
        return False
    name = str(connection.settings_dict["NAME"])
    return ":memory:" not in name and "mode=memory" not in name and not Path(name).exists()


def check_https(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns a warning if the links in mails are not encrypted."""
    site_url = options().site_url
    if urlsplit(site_url).scheme == "https":
        return []
    return [
        checks.Warning(
            f"Links in mails begin with {site_url}, which is not https.",
            hint="The secret of a subscriber stands in them, and one-click unsubscribing "
            "(RFC 8058) works with https alone. Set SITE_URL to an https address.",
            id=NO_HTTPS,
        )
    ]


def check_mail_server(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns a warning if mails leave for nowhere."""
    if not settings.EMAIL_BACKEND.startswith(_NOWHERE):
        return []
    return [
        checks.Warning(
            "No mail server is set: mails reach nobody.",
            hint="They are written to files, as long as EMAIL_HOST is not set.",
            id=NO_MAIL_SERVER,
        )
    ]


def check_domains(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns warnings about the domains in a mail's headers: receivers compare them."""
    sender = _domain(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])
    message_id = options().message_id_domain.lower()
    bounces = _domain(options().mail_bounces)
    found: list[CheckMessage] = []
    if "." not in sender:
        found.append(
            checks.Warning(
                f"Mails come from an address at “{sender}”, which is no public domain.",
                hint="Set MAIL_FROM to an address that answers can be sent to.",
                id=NO_DOMAIN,
            )
        )
    if message_id != sender:
        found.append(
            checks.Warning(
                f"The Message-ID of mails is of {message_id}, and they come from {sender}.",
                hint="Filters take that for a sign of forgery. Leave MESSAGE_ID_DOMAIN out, or "
                "give MAIL_FROM the same domain.",
                id=FOREIGN_MESSAGE_ID,
            )
        )
    if not _is_related(bounces, sender):
        found.append(
            checks.Warning(
                f"Bounces go to {bounces}, and mails come from {sender}.",
                hint="SPF is asked about the domain of MAIL_BOUNCES, and counts for DMARC only "
                "where it is the domain of MAIL_FROM, or one below or above it (RFC 7489, 3.1.2).",
                id=FOREIGN_BOUNCES,
            )
        )
    return found


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _is_related(one: str, other: str) -> bool:
    """Returns whether two domains are the same, or one is below the other."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
