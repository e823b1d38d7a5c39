"""Moderation in Django's admin: roles are edited by those who may, all else is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sites.models import Site
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from comments.actions.flagging import Reader, flag_comment
from comments.actions.moderating import Reasons
from comments.actions.moderating import decide as decide_as
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.sanctioning import impose_sanction
from comments.models import (
    FlagReason,
    LogRow,
    Moderator,
    Outgoing,
    Participant,
    RuleVersion,
    Sanction,
    Simulation,
)
from tests.admin.desking import actor, held, make_rule, text_of
from tests.making import NOW, make_moderator, make_thread, post

pytestmark = pytest.mark.django_db
MODERATORS = "/admin/comments/moderator/"
ADDRESS = "pia@private.example"


@pytest.fixture
def chief(client: Client) -> Client:
    """Returns the browser of a superuser."""
    client.force_login(User.objects.create_superuser("chief", password="a-password-for-tests"))
    return client


@pytest.fixture
def other_site() -> Site:
    """Returns another site."""
    return Site.objects.create(domain="other.example", name="other")


def test_a_superuser_gives_and_takes_roles(chief: Client) -> None:
    bo = User.objects.create_user("bo", is_staff=True)
    given = {"site": 1, "user": bo.pk, "view": "on", "decide": "on"}
    assert chief.post(f"{MODERATORS}add/", given).status_code == 302
    row = Moderator.objects.get()
    assert (row.user, row.decide, row.sanction) == (bo, True, False)
    assert "view, decide" in text_of(chief.get(MODERATORS))
    page = f"{MODERATORS}{row.pk}/change/"
    changed = {"view": "on", "sanction": "on", "site": 2, "user": 99}
    assert chief.post(page, changed).status_code == 302
    row.refresh_from_db()
    assert (row.site_id, row.user, row.decide, row.sanction) == (1, bo, False, True)
    assert chief.post(f"{MODERATORS}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Moderator.objects.exists()


def test_who_configures_a_site_gives_roles_there_and_nowhere_else(
    client: Client, other_site: Site
) -> None:
    ida, bo = (User.objects.create_user(name, is_staff=True) for name in ("ida", "bo"))
    reader = User.objects.create_user("reader")
    Moderator.objects.create(site_id=1, user=ida, configure=True)
    elsewhere = Moderator.objects.create(site=other_site, user=bo)
    client.force_login(ida)
    assert "Moderators" in text_of(client.get("/admin/"))
    listed = client.get(MODERATORS)
    assert "other.example" not in listed.content.decode()
    form = client.get(f"{MODERATORS}add/").content.decode()
    assert "bo</option>" in form
    assert "other.example" not in form
    assert "reader</option>" not in form
    for wrong in ({"site": other_site.pk, "user": bo.pk}, {"site": 1, "user": reader.pk}):
        assert client.post(f"{MODERATORS}add/", {**wrong, "view": "on"}).status_code == 200
    assert client.get(f"{MODERATORS}{elsewhere.pk}/change/").status_code == 302
    assert client.post(f"{MODERATORS}{elsewhere.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Moderator.objects.count() == 2
    given = {"site": 1, "user": bo.pk, "view": "on"}
    assert client.post(f"{MODERATORS}add/", given).status_code == 302
    assert Moderator.objects.filter(site=1, user=bo, decide=False).exists()


def _permitted(user: User) -> None:
    for name in ("add", "change", "delete", "view"):
        user.user_permissions.add(Permission.objects.get(codename=f"{name}_moderator"))


def _only_decides(user: User) -> None:
    Moderator.objects.create(site_id=1, user=user, sanction=True)


def _left(user: User) -> None:
    Moderator.objects.create(site_id=1, user=user, configure=True)
    User.objects.filter(pk=user.pk).update(is_staff=False)


@pytest.mark.parametrize("make", [_permitted, _only_decides, _left])
def test_nobody_else_sees_or_gives_roles(client: Client, make: Callable[[User], None]) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    make(user)
    row = Moderator.objects.create(site_id=1, user=make_moderator("bo"))
    client.force_login(user)
    given = {"site": 1, "user": user.pk, "configure": "on"}
    for page in ("", "add/", f"{row.pk}/change/"):
        assert client.get(MODERATORS + page).status_code in {302, 403}
    for page in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert client.post(MODERATORS + page, given).status_code in {302, 403}
    assert Moderator.objects.filter(pk=row.pk, configure=False).exists()
    assert not Moderator.objects.filter(user=user, configure=True).exclude(user__is_staff=False)


def filled() -> dict[str, Any]:
    """Makes a row of each kind; returns an id of each."""
    rule = make_rule(mode="off")
    comment = held()[0]
    reader = post(make_thread("open"), name="Reader").participant
    loud = post(make_thread("loud")).comment
    flag_comment(
        comment_id=loud.pk,
        reader=Reader(reader, "10.0.0.1"),
        reason=FlagReason.ABUSE,
        note="a note",
        now=NOW,
    )
    bo = make_moderator("bo")
    reasons = Reasons("insult", "Be kind.", "for us")
    _, row = decide_as(
        comment_id=comment.pk, action="reject", actor=actor(bo), now=NOW, reasons=reasons
    )
    sanction = impose_sanction(
        participant_id=reader.pk, kind=Sanction.Kind.HOLD, until=None, actor=actor(bo), now=NOW
    )
    version = RuleVersion.objects.create(rule=rule, version=1, at=NOW, fields={"mode": "off"})
    simulation = Simulation.objects.create(rule=rule, rule_version=1, at=NOW, result={"hits": 3})
    message = Outgoing.objects.create(
        site_id=1, kind="mail", row_id=row.pk, comment=comment, due_at=NOW
    )
    return {
        "screeningrule": rule.pk,
        "ruleversion": version.pk,
        "simulation": simulation.pk,
        "logrow": row.pk,
        "sanction": sanction.pk,
        "flag": loud.flags.get().pk,
        "outgoing": message.pk,
    }


def test_what_actions_alone_change_is_read_and_never_edited(chief: Client) -> None:
    before = {}
    for name, pk in filled().items():
        base = f"/admin/comments/{name}/"
        assert chief.get(base).status_code == 200, name
        page = chief.get(f"{base}{pk}/change/")
        assert page.status_code == 200, name
        assert 'name="_save"' not in page.content.decode(), name
        assert chief.get(f"{base}add/").status_code == 403, name
        assert chief.post(f"{base}{pk}/change/", {"kind": "x"}).status_code == 403, name
        assert chief.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403, name
        before[name] = text_of(page)
    assert "Be kind." in before["logrow"]
    assert "for us" in before["logrow"]
    assert "mode: off" in before["ruleversion"]
    assert "a note" in before["flag"]
    said = text_of(chief.get("/admin/comments/logrow/"))
    assert "decision bo reject" in said


def test_the_list_of_the_record_takes_the_same_queries_for_few_and_many(
    chief: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    bo, cid = make_moderator("bo"), make_moderator("cid")
    for count in (2, 30):
        for n, comment in enumerate(held(count, key=f"t{count}")):
            who = actor(cid if n % 2 else bo)
            decide_as(comment_id=comment.pk, action="approve", actor=who, now=NOW)
        with django_assert_num_queries(5):
            assert chief.get("/admin/comments/logrow/").status_code == 200


@pytest.fixture
def pia() -> Participant:
    """Returns a guest with a private address."""
    return submit_comment(
        thread_id=make_thread().pk,
        writer=Writer(guest=GuestName("Pia", email=ADDRESS)),
        source="A text.",
        format="plain",
        reply_to_number=None,
        now=NOW,
    ).participant


def test_a_private_address_is_shown_at_the_desk_alone(chief: Client, pia: Participant) -> None:
    base = "/admin/comments/participant/"
    page = chief.get(f"{base}{pia.pk}/change/").content.decode()
    assert ADDRESS not in page
    assert f'<a href="/admin/moderation/participants/{pia.pk}/">Show it at the desk</a>' in page
    assert ADDRESS not in chief.get(base).content.decode()
    assert not LogRow.objects.filter(kind="look").exists()
    Participant.objects.filter(pk=pia.pk).update(email="")
    page = chief.get(f"{base}{pia.pk}/change/").content.decode()
    assert "none is known" in page
    assert "Show it at the desk" not in page


@pytest.mark.parametrize(
    "asked", ["q=private.example", "email=pia%40private.example", "email__startswith=p"]
)
def test_nobody_is_found_by_a_private_address(chief: Client, pia: Participant, asked: str) -> None:
    answer = chief.get(f"/admin/comments/participant/?{asked}")
    assert f"/{pia.pk}/change/" not in answer.content.decode()
    assert f"/{pia.pk}/change/" in chief.get("/admin/comments/participant/?q=pia").content.decode()


def test_no_other_list_finds_people_by_their_address(chief: Client, pia: Participant) -> None:
    post(make_thread("other"), by=pia)
    for path in ("comment/?author__email__startswith", "sanction/?participant__email__startswith"):
        assert chief.get(f"/admin/comments/{path}=p").status_code in {302, 400}
