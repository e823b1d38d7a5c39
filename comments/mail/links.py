"""The addresses in a mail to subscribers, with marks for what is a subscriber's own."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from django.utils.encoding import iri_to_uri

from comments.mail.headers import clean
from comments.mail.quoted import SUBSCRIBER, SUBSCRIPTION
from comments.rules.rendering import POLICY


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses below the origin of a site."""

    origin: str

    @property
    def settings(self) -> str:
        """Returns where a subscriber's settings are."""
        return f"{self.origin}/subscriptions/{SUBSCRIBER}/"

    @property
    def confirm(self) -> str:
        """Returns where the subscription of a mail is confirmed."""
        return f"{self.origin}/subscriptions/{SUBSCRIBER}/confirm/{SUBSCRIPTION}/"

    def leave(self, scope: str) -> str:
        """Returns where what a scope names is ended."""
        return f"{self.origin}/subscriptions/{SUBSCRIBER}/leave/{scope}/"

    def safe(self, address: str) -> str:
        """Returns an address of a page if it may be linked to, else the site's."""
        address = clean(address).strip()
        is_web = POLICY.allows_address(address) and not address.lower().startswith("mailto:")
        return iri_to_uri(address) if is_web else f"{self.origin}/"


def ascii_origin(origin: str) -> str:
    """Returns an origin as it may stand in a header: its host in ASCII (RFC 5891)."""
    if origin.isascii():
        return origin
    parts = urlsplit(origin)
    host = (parts.hostname or "").encode("idna").decode("ascii")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))
