"""Deliveries in the mail room: listed, found, explained, and decided about."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from comments.models import Comment, Delivery, Moderator, Subscriber, Thread
from tests.admin.desking import text_of
from tests.admin.mailrooming import (
    HOUR,
    MAIL,
    answering,
    at_seven,
    digest_of,
    in_doubt,
    in_every_state,
    keeper,
    sent,
    with_news,
)
from tests.mailing import asked, planned, subscribed
from tests.making import decide, make_thread, post
from tests.smtp_server import MailHost

pytestmark = pytest.mark.django_db

LIST = f"{MAIL}deliveries/"


@pytest.fixture
def mira(client: Client) -> Client:
    """Returns the browser of somebody who may configure the site."""
    return keeper(client)


def page_of(client: Client, delivery: Delivery, **asked: str) -> Any:
    return client.get(f"{LIST}{delivery.pk}/", asked)


def listed(answer: Any) -> list[int]:
    """Returns the deliveries that a page lists, in its order."""
    found = re.findall(rf'href="{LIST}(\d+)/"', answer.content.decode())
    return [int(pk) for pk in found]


def test_each_state_is_said_in_words_with_what_comes_next(mira: Client, host: MailHost) -> None:
    made = in_every_state(host)
    assert made.keys() == {"sent", "bounced", "in_doubt", "expired", "queued"}
    said = text_of(mira.get(LIST))
    assert "sent The mail server has taken it on, or" in said
    assert "bounced It was refused, and is not tried again. 1 try 550 5.1.1 (rcpt)" in said
    assert "in doubt The connection was lost before the mail server had answered. " in said
    assert "The same bytes leave from" in said
    assert "expired It was not sent; what it held comes with the next one." in said
    assert "queued It leaves with the next run of the sender. 0 tries" in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            "451 4.3.0 later",
            "tried again It could not be handed over, and is tried again. The next",
        ),
        ("550 5.7.1 blocked", "tried again It could not be handed over"),
    ],
)
def test_what_is_tried_again_says_when(
    mira: Client, host: MailHost, answer: str, words: str
) -> None:
    with_news("ana@example.org")
    planned(at_seven(-2))
    host.script = answering({"ana": ("rcpt", answer)})
    sent(at_seven(-2))
    assert words in text_of(mira.get(LIST))


@pytest.mark.parametrize("state", Delivery.State.values)
@pytest.mark.parametrize("kind", ["", *Delivery.Kind.values])
def test_the_filters_choose_by_state_and_kind(
    mira: Client, host: MailHost, state: str, kind: str
) -> None:
    in_every_state(host)
    asked("gil@example.org", now=at_seven(0))
    chosen = Delivery.objects.filter(state=state)
    if kind:
        chosen = chosen.filter(kind=kind)
    answer = mira.get(LIST, {"state": state, "kind": kind})
    assert sorted(listed(answer)) == sorted(chosen.values_list("pk", flat=True))
    if not chosen.exists():
        assert "There is no such mail." in text_of(answer)


def test_what_is_in_doubt_stands_out_with_its_number(mira: Client, host: MailHost) -> None:
    assert "in doubt Kind" not in text_of(mira.get(LIST))
    doubted = in_doubt(host)
    assert 'class="notice is-refused"><a href="/admin/mail/deliveries/?state=in_doubt"><b>1 in' in (
        mira.get(LIST).content.decode()
    )
    answer = mira.get(LIST, {"state": "in_doubt"})
    assert listed(answer) == [doubted.pk]
    assert "1 in doubt. Nobody knows" in text_of(answer)
    assert "in doubt to be decided" in text_of(answer)


def test_the_list_goes_on_without_skipping_or_repeating_though_all_are_of_one_moment(
    mira: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with_news(*(f"p{n}@example.org" for n in range(130)))
    planned(at_seven(-2))
    assert Delivery.objects.values("created_at").distinct().count() == 1
    asked("later@example.org", now=at_seven(0))
    asked("before@example.org", now=at_seven(-30))
    mira.get(LIST)
    seen, address = [], LIST
    for count in range(9):
        with django_assert_max_num_queries(11):
            answer = mira.get(address)
        seen += listed(answer)
        onward = re.search(r'href="(\?[^"]*cursor=[^"]+)" rel="next"', answer.content.decode())
        if onward is None:
            break
        address = f"{LIST}{onward[1]}"
        # What is new meanwhile moves nothing.
        asked(f"new{count}@example.org", now=at_seven(1))
    order = Delivery.objects.filter(created_at__lt=at_seven(1)).order_by("-created_at", "-pk")
    assert seen == list(order.values_list("pk", flat=True))
    assert len(seen) == 132


def test_an_address_is_found_however_it_is_typed_and_stands_in_no_address_of_a_page(
    mira: Client, host: MailHost
) -> None:
    in_every_state(host)
    ana = Subscriber.objects.get(address="ana@example.org")
    answer = mira.post(f"{MAIL}find/", {"address": " ANA@Example.org ", "state": "sent"})
    assert answer["Location"] == f"{LIST}?subscriber={ana.pk}&state=sent"
    found = mira.get(answer["Location"])
    assert listed(found) == [digest_of(ana).pk] or len(listed(found)) == 1
    assert "Mail to a***@example.org" in text_of(found)
    everything = mira.get(f"{LIST}?subscriber={ana.pk}")
    assert listed(everything) == list(
        ana.deliveries.order_by("-created_at", "-pk").values_list("pk", flat=True)
    )
    answer = mira.post(f"{MAIL}find/", {"address": "ana@example.org", "to": "preview"})
    assert answer["Location"] == f"{MAIL}preview/{ana.pk}/"


@pytest.mark.parametrize(
    "address", ["", "nobody@example.org", "%", "a***@example.org", "\x00", "x" * 5000, "<b>@x.org"]
)
def test_an_address_that_nobody_has_is_said_to_be_so(mira: Client, address: str) -> None:
    subscribed("ana@example.org")
    for to in ("deliveries", "preview"):
        answer = mira.post(f"{MAIL}find/", {"address": address, "to": to}, follow=True)
        assert answer.status_code == 200
        assert "Nobody has subscribed here with that address." in text_of(answer)


def test_a_subscriber_of_another_site_is_not_found(mira: Client) -> None:
    subscribed("ana@example.org")
    other = Site.objects.create(domain="other.example", name="other")
    Subscriber.objects.update(site=other)
    Delivery.objects.update(site=other)
    found = Delivery.objects.latest("pk")
    answer = mira.post(f"{MAIL}find/", {"address": "ana@example.org"}, follow=True)
    assert "Nobody has subscribed here" in text_of(answer)
    assert listed(mira.get(LIST)) == []
    assert listed(mira.get(f"{LIST}?subscriber={found.subscriber_id}")) == []
    assert page_of(mira, found).status_code == 404
    assert mira.get(f"{LIST}{found.pk}/body/").status_code == 404
    assert mira.post(f"{LIST}{found.pk}/doubt/", {"do": "send"}).status_code == 404
    assert mira.get(f"{MAIL}preview/{found.subscriber_id}/").status_code == 404


def test_whole_addresses_are_for_those_who_may_limit_people(mira: Client, host: MailHost) -> None:
    made = in_every_state(host)
    pages = [LIST, f"{LIST}{made['sent'].pk}/", f"{LIST}{made['sent'].pk}/body/"]
    pages += [f"{MAIL}preview/{made['queued'].subscriber_id}/", f"{MAIL}bounces/"]
    for page in pages:
        text = mira.get(page).content.decode()
        assert not re.search(r"(?:ana|bea|cid|eve|fay)@example\.org", text), page
    assert "To: a***@example.org" in text_of(mira.get(pages[1]))
    Moderator.objects.update(sanction=True)
    assert "ana@example.org" in mira.get(LIST).content.decode()
    assert "To: ana@example.org" in text_of(mira.get(pages[1]))


def test_the_page_of_a_delivery_shows_what_it_covers_and_holds(
    mira: Client, host: MailHost
) -> None:
    [ana] = with_news("ana@example.org")
    gone = post(Thread.objects.get(), "Words to regret.", name="Cy", now=at_seven(-3) + 3 * HOUR)
    planned(at_seven(-2))
    sent(at_seven(-2))
    decide(comment_id=gone.comment.pk, action="reject", now=at_seven(-1))
    digest = digest_of(ana)
    said = text_of(page_of(mira, digest))
    assert f"publications after {digest.after_position} up to {digest.to_position}" in said
    assert "What it holds: 2 items" in said
    assert "#1 Rye on On bread Fresh words about bread." in said
    assert "Cy on On bread cannot be read now" in said
    assert "Words to regret." not in said.partition("What it holds")[2].partition("The mail")[0]
    assert f"Edition {digest.edition_id}, rendered" in said
    assert "Auto-Submitted: auto-generated" in said
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in said


def test_a_mail_that_never_left_is_shown_as_it_would_leave_now(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    planned(at_seven(-2))
    digest = digest_of(ana)
    said = text_of(page_of(mira, digest))
    assert "not rendered yet; shown as it would be now" in said
    assert "Fresh words about bread." in said
    comment = Comment.objects.get()
    decide(comment_id=comment.pk, action="reject", now=at_seven(-1))
    assert "Nothing of it can be read any more." in text_of(page_of(mira, digest))
    assert mira.get(f"{LIST}{digest.pk}/body/").status_code == 404
    digest.refresh_from_db()
    assert (digest.state, digest.edition_id) == ("queued", None)


def test_a_question_is_shown_too(mira: Client) -> None:
    asked("ana@example.org", now=at_seven(0))
    said = text_of(page_of(mira, Delivery.objects.get()))
    assert "confirmation" in said
    assert "What it holds" not in said
    assert "Subject: " in said


def test_the_secret_of_a_subscriber_is_shown_to_nobody(mira: Client, host: MailHost) -> None:
    Moderator.objects.update(sanction=True)
    doubted = in_doubt(host)
    token = doubted.subscriber.token
    for page in (
        *(LIST, f"{LIST}{doubted.pk}/", f"{LIST}{doubted.pk}/body/", f"{MAIL}bounces/", MAIL),
        *(f"{MAIL}preview/{doubted.subscriber_id}/",),
    ):
        assert token not in mira.get(page).content.decode()


def test_a_mail_in_doubt_is_sent_again_by_a_button_with_the_same_bytes(
    mira: Client, host: MailHost
) -> None:
    doubted = in_doubt(host)
    assert "Send it again" in text_of(page_of(mira, doubted))
    answer = mira.post(f"{LIST}{doubted.pk}/doubt/", {"do": "send"}, follow=True)
    assert "It leaves again with the next run of the sender" in text_of(answer)
    assert "Send it again" not in text_of(answer)
    host.script = answering({})
    assert sent(at_seven(2)).sent == 1
    assert len(set(host.taken)) == 1
    assert "sent The mail server" in text_of(mira.get(LIST))


def test_a_mail_in_doubt_that_is_left_stays_so(mira: Client, host: MailHost) -> None:
    doubted = in_doubt(host)
    answer = mira.post(f"{LIST}{doubted.pk}/doubt/", {"do": "leave"}, follow=True)
    assert "It stays as it is, and counts as received." in text_of(answer)
    assert "Left as it is by an operator" in text_of(answer)
    doubted.refresh_from_db()
    assert (doubted.state, doubted.due_at) == ("in_doubt", None)
    assert "to be decided" not in text_of(mira.get(LIST))


def test_a_decision_about_what_needs_none_is_refused_with_a_reason(
    mira: Client, host: MailHost
) -> None:
    made = in_every_state(host)
    for state, delivery in made.items():
        assert "Leave it" not in text_of(page_of(mira, delivery))
        for do in ("send", "leave"):
            answer = mira.post(f"{LIST}{delivery.pk}/doubt/", {"do": do})
            assert answer.status_code == 409, state
            assert "This mail does not wait for a decision (any more)." in text_of(answer)
    assert mira.post(f"{LIST}{delivery.pk}/doubt/", {"do": "burn"}).status_code == 400
    before = {pk: (delivery.state, delivery.due_at) for pk, delivery in made.items()}
    for state, delivery in made.items():
        delivery.refresh_from_db()
        assert (delivery.state, delivery.due_at) == before[state]


def test_the_frame_of_a_mail_is_powerless_and_framed_by_this_site_alone(
    mira: Client, host: MailHost
) -> None:
    made = in_every_state(host)
    page = page_of(mira, made["sent"])
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    assert f'sandbox src="{LIST}{made["sent"].pk}/body/?scheme=light"' in page.content.decode()
    assert page["X-Frame-Options"] == "DENY"
    body = mira.get(f"{LIST}{made['sent'].pk}/body/")
    policy = {
        part.split(" ", 1)[0]: part.partition(" ")[2]
        for part in body["Content-Security-Policy"].split("; ")
    }
    assert policy == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "",
    }
    assert body["X-Frame-Options"] == "SAMEORIGIN"
    assert body["Referrer-Policy"] == "no-referrer"
    assert "no-store" in body["Cache-Control"]
    assert "Fresh words about bread." in body.content.decode()
    # Pages that frame nothing may frame nothing.
    assert "frame-src" not in mira.get(LIST)["Content-Security-Policy"]


def test_what_commenters_wrote_is_shown_as_text(mira: Client, host: MailHost) -> None:
    thread = make_thread("evil", title="<script>alert(1)</script>", now=at_seven(-3))
    [ana] = with_news("ana@example.org", thread=thread)
    post(thread, "<img src=x onerror=alert(1)>", name="<b>Eve</b>", now=at_seven(-3) + 3 * HOUR)
    planned(at_seven(-2))
    sent(at_seven(-2))
    for page in (f"{LIST}{digest_of(ana).pk}/", f"{MAIL}preview/{ana.pk}/?at=2026-01-01T07:00"):
        text = mira.get(page).content.decode()
        assert "<script>alert" not in text
        assert "<b>Eve</b>" not in text
        assert "<img src=x" not in text
    assert "&lt;b&gt;Eve&lt;/b&gt;" in page_of(mira, digest_of(ana)).content.decode()


def test_a_mail_that_cannot_be_composed_is_said_to_be_so(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    planned(at_seven(-2))
    Subscriber.objects.filter(pk=ana.pk).update(address="ana\r\nBcc: x@example.org")
    Moderator.objects.update(sanction=True)
    answer = page_of(mira, digest_of(ana))
    assert answer.status_code == 200
    assert "This mail cannot be composed (ValueError)." in text_of(answer)
    assert mira.get(f"{LIST}{digest_of(ana).pk}/body/").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "state=burnt",
        "kind=%00",
        "subscriber=-1",
        "subscriber=99999999999999999999",
        "state=a&state=b",
    ],
)
def test_a_filter_that_means_nothing_filters_nothing(mira: Client, query: str) -> None:
    asked("ana@example.org", now=at_seven(0))
    answer = mira.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    assert len(listed(answer)) == 1


def test_a_subscriber_that_does_not_exist_has_no_mail(mira: Client) -> None:
    asked("ana@example.org", now=at_seven(0))
    assert listed(mira.get(f"{LIST}?subscriber=4711")) == []
    assert mira.get(f"{LIST}4711/").status_code == 404


def test_a_long_digest_takes_the_same_queries(
    mira: Client, host: MailHost, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mira.get(LIST)
    for count in (1, 40):
        thread = make_thread(f"t{count}", now=at_seven(-3))
        [ana] = with_news(f"a{count}@example.org", thread=thread)
        for n in range(count):
            post(thread, f"Text {n}.", name=f"G{n}", now=at_seven(-3) + 3 * HOUR)
        planned(at_seven(-2))
        sent(at_seven(-2))
        with django_assert_num_queries(11):
            assert page_of(mira, digest_of(ana)).status_code == 200
