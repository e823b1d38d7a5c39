"""Limits on what people may do: dated, told, undoable, recorded."""

from __future__ import annotations

import pytest

from comments.actions.moderating import Reasons
from comments.actions.sanctioning import impose_sanction, lift_sanction, look_at_address
from comments.errors import ActionImpossible, NotFound, Sanctioned, ValidationFailed
from comments.models import LogRow, LogText, Sanction
from comments.queries.logbook import verify_site
from tests.making import NOW, SOMEBODY, later, make_thread, post, stored

pytestmark = pytest.mark.django_db
BAN, MUTE, HOLD = Sanction.Kind.BAN, Sanction.Kind.MUTE, Sanction.Kind.HOLD


def test_who_is_muted_is_told_until_when_and_why_and_writes_again_after() -> None:
    thread = make_thread()
    author = post(thread).participant
    impose_sanction(
        participant_id=author.pk,
        kind=MUTE,
        until=later(3600),
        actor=SOMEBODY,
        now=NOW,
        reasons=Reasons("insult", "Cool down.", "second time"),
    )
    with pytest.raises(Sanctioned, match=r"until 2026-11-23 13:00 UTC. Cool down.") as refused:
        post(thread, by=author, now=later(3599))
    assert refused.value.extra["until"] == later(3600)
    assert post(thread, by=author, now=later(3600)).comment.number == 2


def test_everything_that_somebody_on_hold_writes_waits_and_he_is_told() -> None:
    thread = make_thread()
    author = post(thread).participant
    sanction = impose_sanction(
        participant_id=author.pk, kind=HOLD, until=None, actor=SOMEBODY, now=NOW
    )
    waiting = post(thread, by=author, now=later(1))
    held = stored(waiting)
    assert (held.status, held.held_reason, held.number) == ("held", "sanctions", None)
    assert held.held_told
    lift_sanction(sanction_id=sanction.pk, actor=SOMEBODY, now=later(2))
    assert post(thread, by=author, now=later(3)).comment.number == 2
    with pytest.raises(ActionImpossible):
        lift_sanction(sanction_id=sanction.pk, actor=SOMEBODY, now=later(4))


def test_sanctions_and_looks_at_addresses_are_in_the_record() -> None:
    author = post(make_thread()).participant
    sanction = impose_sanction(
        participant_id=author.pk,
        kind=BAN,
        until=None,
        actor=SOMEBODY,
        now=NOW,
        reasons=Reasons("insult", "", "private"),
    )
    lift_sanction(sanction_id=sanction.pk, actor=SOMEBODY, now=later(1))
    assert look_at_address(participant_id=author.pk, actor=SOMEBODY, now=later(2)) == ""
    rows = LogRow.objects.filter(thread_id=0).order_by("position")
    assert list(rows.values_list("kind", "action", "participant_id")) == [
        ("sanction", "ban", author.pk),
        ("sanction", "lift", author.pk),
        ("look", "look", author.pk),
    ]
    assert rows[1].undoes_id == rows[0].pk
    assert LogText.objects.get(row=rows[0]).note == "private"
    assert list(verify_site(1)) == []


def test_impossible_sanctions_are_refused() -> None:
    author = post(make_thread()).participant
    for until in (None, NOW):
        with pytest.raises(ValidationFailed):
            impose_sanction(
                participant_id=author.pk, kind=MUTE, until=until, actor=SOMEBODY, now=NOW
            )
    with pytest.raises(NotFound):
        impose_sanction(
            participant_id=author.pk, kind=BAN, until=None, actor=SOMEBODY, now=NOW, site_id=9
        )
    assert not Sanction.objects.exists()
