"""What was decided, with an undo beside each; the figures; the link on the admin's index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString, mark_safe

from comments.admin.desk_access import Desk, desk_view
from comments.admin.desk_cards import in_words
from comments.errors import NotFound
from comments.models import PostOffice
from comments.queries.dashboard import DAYS, Day, Figures, decisions, figures
from comments.queries.mailroom import office_of
from comments.queries.permissions import NO_ROLES, roles_of
from comments.queries.queue import MOST_COUNTED, Filters, count_waiting
from comments.queries.sites import site_of
from comments.rules.charts import Series, Share, bar_chart, line_chart, share_chart

MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS = 60, 3_600, 86_400

admin.site.index_template = "admin/moderation/index.html"


def index(request: HttpRequest) -> HttpResponse:
    """Shows the admin's index, with links to the desk and the mail room for who may see them."""
    waiting = mail_stands = None
    user = request.user
    if isinstance(user, AbstractUser) and admin.site.has_permission(request):
        try:
            site_id = site_of(request).pk
        except NotFound:
            site_id = 0
        roles = roles_of(user, site_id=site_id) if site_id else NO_ROLES
        if "view" in roles:
            count = count_waiting(site_id=site_id, filters=Filters())
            many = count > MOST_COUNTED
            waiting = f"more than {MOST_COUNTED:,}" if many else f"{count:,}"
        if {"view", "configure"} <= roles:
            mail_stands = _mail_stands(office_of(site_id), now=timezone.now())
    view = admin.site.admin_view(admin.site.index)
    return view(request, extra_context={"desk_waiting": waiting, "mail_stands": mail_stands})


def _mail_stands(office: PostOffice, *, now: datetime) -> str:
    """Returns in a word whether mail leaves."""
    if office.paused_at is not None:
        return "paused"
    is_stopped = office.stopped_until is not None and office.stopped_until > now
    return "stopped by the mail server" if is_stopped else "running"


@desk_view("view")
def decisions_list(desk: Desk) -> HttpResponse:
    """Lists decisions, the moderator's own or everybody's, newest first."""
    own = desk.request.GET.get("whose", "mine") != "all"
    rows, following = decisions(
        site_id=desk.site_id,
        now=desk.now,
        user_id=desk.user.pk if own else None,
        before=_moment(desk.request.GET.get("before", "")),
    )
    onward = None
    if following is not None:
        whose = {} if own else {"whose": "all"}
        onward = urlencode({**whose, "before": following.isoformat()})
    return desk.page(
        "decisions.html",
        title="My last decisions" if own else "All decisions",
        rows=[(in_words(row.item, desk=desk), row) for row in rows],
        own=own,
        days=DAYS,
        next=onward,
    )


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


@desk_view("view")
def dashboard(desk: Desk) -> HttpResponse:
    """Shows the figures of the desk and their charts."""
    found = figures(site_id=desk.site_id, now=desk.now)
    rate = found.undo_rate
    shown = [day for day in reversed(found.days) if day.decided]
    return desk.page(
        "dashboard.html",
        title="Figures",
        figures=found,
        days=DAYS,
        undo_rate=f"{100 * rate:.1f} %" if rate is not None else "–",
        median=duration(found.median_seconds),
        p95=duration(found.p95_seconds),
        table=[
            (day, duration(day.median_seconds), duration(day.p95_seconds), day.by_status)
            for day in shown
        ],
        decisions_chart=_decisions_chart(found),
        times_chart=_times_chart(found),
        rules_chart=_rules_chart(found) if found.rules else "",
    )


def _decisions_chart(found: Figures) -> SafeString:
    taken = sum(day.by_status.get(name, 0) for day in found.days for name in ("rejected", "spam"))
    return mark_safe(
        bar_chart(
            key="decisions",
            title=f"Decisions per day, last {DAYS} days",
            description=f"{found.decided} decisions, {taken} of them took a comment away.",
            labels=_labels(found.days),
            series=[
                Series("approved", "good", _counts(found.days, "approved")),
                Series("held", "wait", _counts(found.days, "held")),
                Series("rejected", "bad", _counts(found.days, "rejected")),
                Series("spam", "worse", _counts(found.days, "spam")),
            ],
        )
    )


def _times_chart(found: Figures) -> SafeString:
    longest = max((day.p95_seconds or 0 for day in found.days), default=0)
    unit, name = next(
        (
            (size, word)
            for size, word in ((DAY_SECONDS, "days"), (HOUR_SECONDS, "hours"))
            if longest >= 2 * size
        ),
        (MINUTE_SECONDS, "minutes"),
    )

    def scaled(values: list[float | None]) -> list[float | None]:
        return [value / unit if value is not None else None for value in values]

    return mark_safe(
        line_chart(
            key="times",
            title=f"Time to decision per day, in {name}",
            description=f"Median {duration(found.median_seconds)}, 95th percentile "
            f"{duration(found.p95_seconds)} over {DAYS} days.",
            labels=_labels(found.days),
            series=[
                Series("median", "first", scaled([day.median_seconds for day in found.days])),
                Series(
                    "95th percentile", "second", scaled([day.p95_seconds for day in found.days])
                ),
            ],
        )
    )


def _rules_chart(found: Figures) -> SafeString:
    return mark_safe(
        share_chart(
            key="rules",
            title="Precision of the rules",
            description="How often moderators agreed with a rule that hit, with the 95 % interval.",
            shares=[
                Share(rule.title, rule.share, rule.low, rule.high, f"{rule.agreed} of {rule.total}")
                for rule in found.rules
            ],
        )
    )


def _labels(days: Sequence[Day]) -> list[str]:
    return [date_format(day.day, "j M") for day in days]


def _counts(days: Sequence[Day], status: str) -> list[float | None]:
    return [day.by_status.get(status, 0) for day in days]


def duration(seconds: float | None) -> str:
    """Returns a duration as people say it, in its largest unit."""
    if seconds is None:
        return "–"
    for size, name in ((DAY_SECONDS, "days"), (HOUR_SECONDS, "hours"), (MINUTE_SECONDS, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {name}"
    return f"{seconds:.0f} s"
