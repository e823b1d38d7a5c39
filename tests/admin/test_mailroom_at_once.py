"""Previews in the mail room for those who are told at once: what waits, and what left last."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from comments.actions.previewing import NO_SECRET
from comments.actions.subscribing import Change, change_settings
from comments.models import Delivery, Frequency, Moderator, Subscriber, Thread
from tests.admin.desking import text_of
from tests.admin.mailrooming import HOUR, MAIL, answering, at_seven, keeper, sent, with_news
from tests.admin.test_mailroom_previews import TO, stored
from tests.mailing import ASKER, asked, confirmed, planned, post_as, subscribed
from tests.making import make_thread, post
from tests.smtp_server import MailHost

pytestmark = pytest.mark.django_db

PREVIEW = f"{MAIL}preview/"


@pytest.fixture
def mira(client: Client) -> Client:
    """Returns the browser of somebody who may configure the site."""
    return keeper(client)


def told_at_once(address: str = "ina@example.org", **wish: object) -> Subscriber:
    """Returns somebody who wants to know at once, and for whom nothing waits."""
    ina = subscribed(address, frequency=Frequency.INSTANT, now=at_seven(-3), **wish)
    Delivery.objects.filter(kind="confirmation").delete()
    return ina


def page_of(subscriber: Subscriber) -> str:
    return f"{PREVIEW}{subscriber.pk}/at-once/"


def test_whoever_has_no_digest_is_shown_what_waits_to_be_told_at_once(mira: Client) -> None:
    thread = make_thread(title="On bread", now=at_seven(-3))
    ina = told_at_once()
    post(thread, "Fresh words.", name="Rye", now=at_seven(-2))
    answer = mira.get(f"{PREVIEW}{ina.pk}/", follow=True)
    assert answer.redirect_chain == [(page_of(ina), 302)]
    said = text_of(answer)
    assert "Told at once: i***@example.org" in said
    assert "There is no digest: everything is told at once." in said
    assert "1 mail would be planned now , one for each thread" in said
    assert "To: i***@example.org" in said
    assert "What it holds: 1 item #1 Rye on On bread Fresh words." in said
    key = f"{thread.pk}-site"
    source = f'src="{page_of(ina)}body/?mail={key}&amp;scheme=light"'
    assert source in answer.content.decode()
    body = mira.get(f"{page_of(ina)}body/", {"mail": key})
    assert "Fresh words." in body.content.decode()
    assert NO_SECRET in body.content.decode()
    assert ina.token not in body.content.decode()
    assert "sandbox" in body["Content-Security-Policy"]
    dark = f"?mail={key}&amp;scheme=dark#as-html"
    assert dark in answer.content.decode()


def test_there_is_a_mail_for_each_thread_and_each_can_be_looked_at(mira: Client) -> None:
    bread, salt = (
        make_thread(key, title=f"On {key}", now=at_seven(-3)) for key in ("bread", "salt")
    )
    ina = told_at_once()
    post(bread, "Of bread.", name="Rye", now=at_seven(-2))
    for n in range(2):
        post(salt, f"Of salt {n}.", name="Sea", now=at_seven(-2))
    answer = mira.get(page_of(ina))
    said = text_of(answer)
    assert "2 mails would be planned now , one for each thread: the real planner makes them" in said
    assert "On bread : 1 item (each post and comment)" in said
    assert "On salt : 2 items (each post and comment)" in said
    assert "Of bread." in said
    assert "Of salt" not in said
    other = f"?mail={salt.pk}-site"
    assert f'href="{other}"' in answer.content.decode()
    said = text_of(mira.get(f"{page_of(ina)}{other}"))
    assert "Of salt 1." in said
    assert "Of bread." not in said
    # What is no mail, or none any more, shows the first of them, and frames nothing.
    assert "Of bread." in text_of(mira.get(page_of(ina), {"mail": "9-site\x00"}))
    assert mira.get(f"{page_of(ina)}body/", {"mail": "9-site"}).status_code == 404


def test_a_preview_is_what_is_then_planned_and_stores_nothing(mira: Client, host: MailHost) -> None:
    thread = make_thread(title="On bread", now=at_seven(-3))
    ina = told_at_once()
    post(thread, "Fresh words.", now=at_seven(-2))
    mira.get(page_of(ina))  # numbers what is new
    before = stored()
    shown = mira.get(page_of(ina))
    mira.get(f"{page_of(ina)}body/", {"mail": f"{thread.pk}-site"})
    tried = {"mail": f"{thread.pk}-site", "to": TO}
    answer = mira.post(f"{page_of(ina)}test/", tried, follow=True)
    assert "A test was sent: " in text_of(answer)
    assert stored() == before
    planned(timezone.now())
    sent(timezone.now())
    copy, real = host.taken
    assert (copy.recipient, real.recipient) == (TO, "ina@example.org")
    assert copy.message["Subject"] == f"[Test] {real.message['Subject']}"
    assert f"Subject: {real.message['Subject']}" in text_of(shown)
    assert ina.token.encode() not in copy.raw.replace(b"=\r\n", b"")


def test_when_nothing_waits_the_last_ones_are_linked(mira: Client, host: MailHost) -> None:
    thread = make_thread(title="On bread", now=at_seven(-3))
    ina = told_at_once(thread=thread)
    said = text_of(mira.get(page_of(ina)))
    assert "Nothing waits: whatever was published for this subscriber has been told." in said
    assert "Nothing was told at once yet." in said
    for n in range(7):
        post(thread, f"Words {n}.", name="Rye", now=at_seven(-2) + n * HOUR)
        planned(at_seven(-2) + n * HOUR)
        sent(at_seven(-2) + n * HOUR)
    answer = mira.get(page_of(ina))
    whole = answer.content.decode()
    assert "Nothing waits" in text_of(answer)
    left = list(Delivery.objects.order_by("-pk").values_list("pk", flat=True))
    linked = [f'href="{MAIL}deliveries/{pk}/"' in whole for pk in left]
    assert linked == [True] * 5 + [False] * 2
    when = at_seven(-2) + 6 * HOUR
    assert f"{when.day} {when:%b %Y} {when:%H:%M} , one thread sent" in text_of(answer)
    assert f'href="{MAIL}deliveries/?subscriber={ina.pk}&amp;kind=instant"' in whole
    given = {"mail": f"{thread.pk}-site", "to": TO}
    answer = mira.post(f"{page_of(ina)}test/", given, follow=True)
    assert "Nothing was sent. This mail waits no more" in text_of(answer)


def test_it_is_said_why_nothing_is_told_at_once(mira: Client, host: MailHost) -> None:
    thread = make_thread(now=at_seven(-3))
    ina, joe = told_at_once(), told_at_once("joe@example.org")
    host.script = answering({"ina": ("rcpt", "451 4.3.0 later")})
    post(thread, now=at_seven(-2))
    planned(at_seven(-2))
    sent(at_seven(-2))
    post(thread, now=at_seven(-2) + HOUR)
    said = text_of(mira.get(page_of(ina)))
    assert "The last mail has not left yet, or is in doubt; the next one waits for it." in said
    assert "1 mail would be planned now" in text_of(mira.get(page_of(joe)))
    change = Change(frequency=Frequency.DAILY)
    change_settings(joe.token, change=change, site_id=1, asker=ASKER, now=at_seven(-1))
    planned(at_seven(-1))
    said = text_of(mira.get(page_of(joe)))
    assert "Nothing is told at once: everything comes with the digest." in said
    change_settings(joe.token, change=Change(paused=True), site_id=1, asker=ASKER, now=at_seven(-1))
    assert "The subscriber has paused all mail." in text_of(mira.get(page_of(joe)))


def test_whoever_has_both_finds_one_from_the_other(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    digest = mira.get(f"{PREVIEW}{ana.pk}/")
    assert page_of(ana) not in digest.content.decode()
    thread = make_thread("salt", title="On salt", now=at_seven(-3))
    confirmed(
        asked("ana@example.org", thread=thread, frequency=Frequency.INSTANT, now=at_seven(-3)),
        now=at_seven(-3),
    )
    post(thread, "Of salt.", name="Sea", now=at_seven(-2))
    digest = mira.get(f"{PREVIEW}{ana.pk}/")
    assert "The digest of a***@example.org" in text_of(digest)
    assert f'href="{page_of(ana)}"' in digest.content.decode()
    at_once = mira.get(page_of(ana))
    assert f'href="{PREVIEW}{ana.pk}/"' in at_once.content.decode()
    assert "There is no digest" not in text_of(at_once)
    assert "Of salt." in text_of(at_once)
    assert "Fresh words about bread." not in text_of(at_once)


def test_replies_are_a_mail_of_their_own(mira: Client) -> None:
    thread = make_thread(title="On bread", now=at_seven(-3))
    ana = post_as(thread, "ana@example.org", now=at_seven(-3))
    ina = told_at_once("ana@example.org", participant=ana.participant)
    post(thread, "An answer.", name="Rye", to=1, now=at_seven(-2))
    post(thread, "Of something else.", name="Rye", now=at_seven(-2))
    said = text_of(mira.get(page_of(ina)))
    assert "An answer." in said
    assert "Of something else." not in said


def test_a_mail_that_cannot_be_composed_is_said_to_be_so(mira: Client, host: MailHost) -> None:
    thread = make_thread(now=at_seven(-3))
    ina = told_at_once()
    post(thread, now=at_seven(-2))
    given = {"mail": f"{thread.pk}-site", "to": "no address"}
    answer = mira.post(f"{page_of(ina)}test/", given)
    assert answer.status_code == 422
    assert "This is no address that mail can be sent to" in text_of(answer)
    assert 'value="no address"' in answer.content.decode()
    Subscriber.objects.update(address="a b\r\nBcc: x@example.org")
    Moderator.objects.update(sanction=True)
    assert "This mail cannot be composed (ValueError)." in text_of(mira.get(page_of(ina)))
    assert mira.get(f"{page_of(ina)}body/", {"mail": f"{thread.pk}-site"}).status_code == 404
    assert host.taken == []


def test_nobody_of_another_site_and_nobody_without_the_role_is_shown(
    mira: Client, client: Client
) -> None:
    ina = told_at_once()
    assert mira.get(f"{PREVIEW}4711/at-once/").status_code == 404
    assert mira.get(f"{PREVIEW}4711/at-once/body/").status_code == 404
    assert mira.post(f"{PREVIEW}4711/at-once/test/").status_code == 404
    Moderator.objects.update(configure=False)
    for address in ("", "body/", "test/"):
        ask = mira.post if address == "test/" else mira.get
        assert ask(f"{page_of(ina)}{address}").status_code in {403, 404}
    assert not Thread.objects.exists()
