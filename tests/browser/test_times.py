""" "5 minutes ago": what is said of a time just before and just after the words change.

A day is the reader's own, from midnight to midnight; months and years are counted, since "last
month" is the wrong word for 59 days ago.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Comment
from tests.browser.browsers import browser_of, new_page
from tests.browser.embedding import allow, page_elsewhere
from tests.browser.places import KEY, make_talk
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

JERUSALEM = "Asia/Jerusalem"
EVENING = datetime(2026, 5, 4, 22, 0, tzinfo=ZoneInfo(JERUSALEM))
"""When the comment was written: three hours later it is another day there, but not in UTC."""

AFTER = {
    timedelta(seconds=59): ("now", "jetzt", "עכשיו"),
    timedelta(minutes=1): ("1 minute ago", "vor 1 Minute", "לפני דקה (1)"),
    timedelta(minutes=59, seconds=59): ("59 minutes ago", "vor 59 Minuten", "לפני 59 דקות"),
    timedelta(hours=3): ("3 hours ago", "vor 3 Stunden", "לפני 3 שעות"),
    timedelta(hours=23, minutes=59): ("23 hours ago", "vor 23 Stunden", "לפני 23 שעות"),
    timedelta(hours=24): ("yesterday", "gestern", "אתמול"),
    timedelta(hours=25, minutes=59): ("yesterday", "gestern", "אתמול"),
    timedelta(hours=26): ("2 days ago", "vorgestern", "שלשום"),
    timedelta(hours=47, minutes=50): ("2 days ago", "vorgestern", "שלשום"),
    timedelta(hours=50): ("3 days ago", "vor 3 Tagen", "לפני 3 ימים"),
    timedelta(days=30): ("30 days ago", "vor 30 Tagen", "לפני 30 ימים"),
    timedelta(days=31): ("1 month ago", "vor 1 Monat", "לפני חודש (1)"),
    timedelta(days=59): ("1 month ago", "vor 1 Monat", "לפני חודש (1)"),
    timedelta(days=61): ("2 months ago", "vor 2 Monaten", "לפני חודשיים (2)"),
    timedelta(days=364): ("11 months ago", "vor 11 Monaten", "לפני 11 חודשים"),
    timedelta(days=365): ("1 year ago", "vor 1 Jahr", "לפני שנה"),
    timedelta(days=700): ("1 year ago", "vor 1 Jahr", "לפני שנה"),
    timedelta(days=730): ("2 years ago", "vor 2 Jahren", "לפני שנתיים"),
}


@pytest.mark.parametrize("language", ["en", "de", "he"])
def test_the_words_for_a_time_are_right_on_both_sides_of_each_boundary(
    language: str, site: Site, live_server: LiveServer, chromium: str
) -> None:
    made = post(make_talk(site), "Good evening.", name="Ana")
    Comment.objects.filter(pk=made.comment.pk).update(
        published_at=EVENING, written_at=EVENING, created_at=EVENING
    )
    nth = ["en", "de", "he"].index(language)
    with page_elsewhere(live_server.url) as elsewhere, browser_of(chromium) as browser:
        elsewhere.lang = language
        elsewhere.body = elsewhere.thread(KEY)
        allow(elsewhere.origin)
        profile = browser.new_context(timezone_id=JERUSALEM)
        profile.clock.set_fixed_time(EVENING)
        complaints: list[str] = []
        page = new_page(profile, complaints)
        page.goto(f"{elsewhere.origin}/")
        time = page.locator("#comment-1 .facts time")
        said = {}
        for passed in AFTER:
            page.clock.set_fixed_time(EVENING + passed)
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            said[passed] = time.inner_text()
        assert said == {passed: words[nth] for passed, words in AFTER.items()}
        expect(time).not_to_have_attribute("title", said[timedelta(days=730)])
    assert complaints == []
