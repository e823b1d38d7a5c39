"""A mail inside a page of the mail room: HTML with styles of its own, and powerless.

The house's pages allow no style inside them, and mail has nothing else. So a mail is a document of
its own in a sandboxed frame: it may style itself, and nothing more. It runs no script, loads
nothing, and leads nowhere; and no page of another site may frame it.
"""

from __future__ import annotations

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.http import HttpResponse
from django.views.decorators.clickjacking import xframe_options_sameorigin

from comments.actions.previewing import PreviewedMail
from comments.admin.desk_access import Desk, View

POWERLESS = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
    # Also where somebody opens the document outside of the frame.
    "sandbox": True,
}

may_frame_mail = csp_update({"frame-src": [SELF]})
"""Makes a view one whose page may hold a mail in a frame."""


def is_framed_mail(view: View) -> View:
    """Makes a view one whose answer is a mail for the frame."""
    return xframe_options_sameorigin(csp(POWERLESS)(view))


def html_of(mail: PreviewedMail, *, scheme: str) -> HttpResponse:
    """Returns the HTML part of a mail as a document, in the colours that are asked for."""
    # What a frame prefers is what the whole browser does, so the mail's own question is answered
    # for it. It stands in the head, before anything that people wrote but a title.
    answer = "all" if scheme == "dark" else "not all"
    head, end, body = mail.html.partition("</head>")
    head = head.replace("@media (prefers-color-scheme: dark)", f"@media {answer}")
    head = head.replace('content="light dark"', f'content="{scheme}"')
    return HttpResponse(f"{head}{end}{body}", headers={"Referrer-Policy": "no-referrer"})


def scheme_in(desk: Desk) -> str:
    """Returns in which colours a mail is to be shown: ``light`` or ``dark``."""
    return "dark" if desk.request.GET.get("scheme") == "dark" else "light"
