"""Who asks for mail, or for an end of it, as the evidence keeps him."""

from __future__ import annotations

from ipaddress import ip_address

from django.http import HttpRequest

from comments.actions.limiting import whole_address_of
from comments.actions.subscribing import Asker
from comments.words import gettext_noop

PAGE = gettext_noop("page")
API = "API"
LINK = gettext_noop("link in a mail")
ONE_CLICK = gettext_noop("one-click")


def asker_of(request: HttpRequest, *, way: str) -> Asker:
    """Returns whoever sent a request, by the address it came from; what is no address is left out.

    Args:
        way: ``PAGE``, ``API``, ``LINK`` or ``ONE_CLICK``.
    """
    address = whole_address_of(request).partition("%")[0]
    try:
        return Asker(way, str(ip_address(address)))
    except ValueError:
        return Asker(way)
