"""The moderation desk without a script: who may open it, and how its pages come."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from comments.models import (
    Moderator,
)
from tests.admin.desking import (
    PAGES,
    QUEUE,
    held,
    send,
    text_of,
)
from tests.making import stored

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_is_sent_to_sign_in(client: Client, page: str) -> None:
    answer = client.get(QUEUE + page)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={QUEUE}{page}")


@pytest.mark.parametrize("page", PAGES)
def test_staff_without_the_role_finds_nothing(client: Client, page: str) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(QUEUE + page).status_code == 404
    client.force_login(User.objects.create_user("reader"))
    assert client.get(QUEUE + page).status_code == 404


def test_a_role_on_another_site_opens_nothing_here(client: Client) -> None:
    user = User.objects.create_user("elsewhere", is_staff=True)
    Moderator.objects.create(site_id=1, user=user, view=False, decide=False)
    client.force_login(user)
    assert client.get(QUEUE).status_code == 404
    assert "Moderation" not in text_of(client.get("/admin/"))


def test_who_may_only_look_has_no_buttons(client: Client) -> None:
    comment = held()[0]
    user = User.objects.create_user("looker", is_staff=True)
    Moderator.objects.create(site_id=1, user=user, decide=False)
    client.force_login(user)
    page = client.get(QUEUE).content.decode()
    assert comment.source in page
    assert 'name="action"' not in page
    assert "Next ten" not in page
    assert send(client, comment, "approve").status_code == 403
    assert client.post(f"{QUEUE}next/").status_code == 403
    assert client.post(f"{QUEUE}bulk/").status_code == 403
    assert stored(comment).status == "held"


def test_forms_need_the_token_against_forged_requests(ida: User) -> None:
    comment = held()[0]
    client = Client(enforce_csrf_checks=True)
    client.force_login(ida)
    assert send(client, comment, "approve").status_code == 403
    assert stored(comment).status == "held"


def test_addresses_that_change_something_are_not_opened_by_a_link(desk: Client) -> None:
    for name in ("decide", "undo", "next", "put-back", "renew", "bulk"):
        assert desk.get(f"{QUEUE}{name}/").status_code == 405


def test_the_index_of_the_admin_leads_to_the_desk_and_says_how_much_waits(desk: Client) -> None:
    held(3)
    page = desk.get("/admin/")
    assert 'href="/admin/moderation/"' in page.content.decode()
    assert "Moderation 3 waiting" in text_of(page)


def test_pages_of_the_desk_hold_no_inline_script_or_style(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "approve")
    for page in [*PAGES, f"comments/{comment.pk}/", "decisions/?whose=all"]:
        answer = desk.get(QUEUE + page)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "<style" not in text
        assert ' style="' not in text
        assert "<script>" not in text
        assert "script-src 'self'" in answer["Content-Security-Policy"]
