"""The Content-Security-Policy of each page; ``CONTENT_SECURITY_POLICY`` is that of most.

Scripts may write HTML through a policy of Trusted Types alone, and the header names which may be
made. Django's admin and its libraries (jQuery, Select2) know of none, so its pages, and they alone,
may have the policy that is called ``default``: ``blog/admin_policy.js`` makes it before any other
script runs, and it lets through only HTML that can do nothing.
"""

from __future__ import annotations

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

TRUSTED_TYPES = "trusted-types"
ADMIN = "admin"
"""The namespace of Django's admin; the desk and the mail room have their own."""


class PagePolicy(CSPMiddleware):
    """django-csp's middleware, with what the pages of Django's admin need."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Returns what the policy of an answer is made of."""
        parts = super().get_policy_parts(request, response, report_only)
        match = request.resolver_match
        if match is not None and match.app_name == ADMIN:
            parts.replace = {**(parts.replace or {}), TRUSTED_TYPES: ["default"]}
        return parts
