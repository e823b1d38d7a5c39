"""The language of an answer: pages and feeds speak the site's, programs choose.

Not what the browser would like best (``Accept-Language``): the comments are in the site's language
anyway, and one stored copy of a page serves everybody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from comments.errors import Refusal
from comments.language import SOURCE, chosen_language, known_language, speaking
from comments.queries.sites import language_of, site_of

PARAMETER = "lang"
PROGRAMS = ("/api/", "/anymail/", "/problems/")
"""Addresses that answer programs and those who write them."""
STAFF = ("/admin/",)
"""Addresses that speak the installation's language, as Django's admin does."""

log = logging.getLogger("comments.views")


class SiteLanguage:
    """Middleware: while a page or a feed is made, the language of its site is spoken."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answers; afterwards the language is what it was before."""
        path = request.path_info
        if path.startswith(STAFF):
            return self.get_response(request)
        if path.startswith(PROGRAMS):
            with speaking(language_wanted(request)):
                return self.get_response(request)
        language = _language_at(request)
        with speaking(language):
            answer = self.get_response(request)
        answer.headers.setdefault("Content-Language", language)
        return answer


def language_wanted(request: HttpRequest) -> str:
    """Returns the language that a program asks for by name, else English.

    Our scripts say which language the thread is in. It is in it that a refusal, or why a comment
    waits, is put into words; no public answer has any.
    """
    wanted = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    return known_language(wanted.partition(",")[0]) or SOURCE


def _language_at(request: HttpRequest) -> str:
    """Returns the language of the site at this address; where that cannot be found out, and a page
    says so, the installation's."""
    try:
        return language_of(site_of(request))
    except Refusal:
        return chosen_language("")
    except DatabaseError:
        log.warning("the language of the site could not be read")
        return chosen_language("")


def fragment_language(request: HttpRequest, *, site_language: str) -> str:
    """Returns the language of HTML that a script fetches: ``?lang=``, else the site's.

    The page that it is put into may be in another language than the blog. A language that we have
    no words of is not asked for.
    """
    return known_language(request.GET.get(PARAMETER, "")) or site_language
