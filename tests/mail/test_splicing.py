"""Each subscriber's copy: his own values, once each, and nothing that anybody can add."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from comments.mail import Splicer, compose_edition, delivery_key, readable_parts
from comments.rules.verp import read_verp
from tests.mail.composing import (
    AT,
    BERLIN,
    TOKEN,
    VALUES,
    confirmation,
    copy_of,
    digest,
    header_lines,
    header_names,
    instant,
    is_sound,
    parsed,
    parts_of,
)

COMPOSED = compose_edition(digest())


@pytest.fixture(autouse=True)
def _addresses(settings: Settings) -> None:
    settings.REJOINDER = {
        **settings.REJOINDER,
        "MAIL_BOUNCES": "returns@bounces.example",
        "MESSAGE_ID_DOMAIN": "ids.example",
    }


def test_a_copy_has_the_values_of_its_subscriber() -> None:
    message = parsed(digest())
    key = sha256(f"{TOKEN}:17".encode()).hexdigest()
    assert message["To"] == "ana@example.org"
    assert message["Message-ID"] == f"<{key[:32]}@ids.example>"
    assert message["Date"] == "Tue, 24 Nov 2026 06:00:05 +0000"
    assert message["List-Unsubscribe"] == (
        f"<https://blog.example/subscriptions/{TOKEN}/leave/digest/>, "
        f"<mailto:returns+u17.{key[:12]}@bounces.example?subject=unsubscribe>"
    )
    html, text = parts_of(digest())
    for part in (html, text):
        assert f"https://blog.example/subscriptions/{TOKEN}/" in part
        assert f"https://blog.example/subscriptions/{TOKEN}/leave/digest/" in part


def test_a_confirmation_names_the_subscription() -> None:
    for part in parts_of(confirmation()):
        assert part.count(f"https://blog.example/subscriptions/{TOKEN}/confirm/3/") == 1


def test_no_mark_is_left_over() -> None:
    for content in (digest(), instant(scope="answers"), confirmation()):
        copy = copy_of(content)
        is_sound(copy)
        assert not {"\ufdd0", "\ufdd1", "\ufffd"} & set("".join(parts_of(copy)))


def test_the_same_delivery_has_the_same_bytes_whatever_the_settings_are_by_now(
    settings: Settings,
) -> None:
    template = compose_edition(digest()).template
    first = Splicer(template).message(VALUES)
    settings.SECRET_KEY = "another-" * 8
    settings.DEFAULT_FROM_EMAIL = "somebody@else.example"
    settings.REJOINDER = {"MAIL_BOUNCES": "x@y.example", "MESSAGE_ID_DOMAIN": "z.example"}
    at = VALUES.mailed_at.astimezone(BERLIN)
    assert Splicer(template).message(replace(VALUES, mailed_at=at)) == first


def test_the_sender_of_the_envelope_names_the_delivery() -> None:
    sender = Splicer(COMPOSED.template).envelope_from(VALUES)
    key = delivery_key(TOKEN, 17)
    assert sender == f"returns+d17.{key[:12]}@bounces.example"
    found = read_verp(sender)
    assert found is not None
    assert (found.kind, found.delivery_id, found.key) == ("d", 17, key[:12])


def test_the_key_of_a_delivery_needs_the_secret() -> None:
    assert len(delivery_key(TOKEN, 17)) == 32
    assert len({delivery_key(TOKEN, 17), delivery_key(TOKEN, 18), delivery_key("x", 17)}) == 3


def test_white_space_around_an_address_goes() -> None:
    assert copy_of(digest(), replace(VALUES, address="ana@example.org\n")) == copy_of(digest())


def test_an_address_of_a_foreign_domain_goes_in_ascii() -> None:
    copy = copy_of(digest(), replace(VALUES, address="ana@bücher.example"))
    assert parsed(copy)["To"] == "ana@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "address",
    [
        "ana@example.org\r\nBcc: eve@example.org",
        "ana@example.org, eve@example.org",
        "Ana <ana@example.org>",
        "ana\x00@example.org",
        '"a b"@example.org',
        "\ud800@example.org",
        "ana",
        "",
        "a" * 300 + "@example.org",
        "é@example.org",
    ],
)
def test_what_is_no_address_makes_no_message(address: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        copy_of(COMPOSED, replace(VALUES, address=address))


@given(st.text(max_size=40), st.sampled_from(["@example.org", "", "\r\nBcc: x@y.org", ">,"]))
def test_nothing_in_an_address_adds_a_header(text: str, end: str) -> None:
    try:
        copy = copy_of(COMPOSED, replace(VALUES, address=text + end))
    except ValueError:
        return
    assert header_names(copy) == header_names(copy_of(COMPOSED))
    assert len(header_lines(copy)) == len(header_lines(copy_of(COMPOSED)))
    assert len(parsed(copy)["To"].addresses) == 1


@pytest.mark.parametrize("token", ["", "x\r\ny", "a b", "é", "x" * 65, "x\n", "a/../b"])
def test_what_is_no_secret_makes_no_message(token: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        copy_of(COMPOSED, replace(VALUES, token=token))


@pytest.mark.parametrize(
    "changes",
    [
        {"token": "x" * 64, "delivery_id": 2**63 - 1, "subscription_id": 2**63 - 1},
        {"token": "-", "delivery_id": 1, "subscription_id": 1},
        {"token": "_" * 43, "address": f"{'a' * 64}@{'b.' * 90}example"},
    ],
)
def test_long_values_make_no_line_too_long(changes: dict[str, Any]) -> None:
    values = replace(VALUES, **changes)
    for content in (digest(), instant(scope="answers"), confirmation()):
        copy = copy_of(content, values)
        is_sound(copy)
        html, text = readable_parts(copy)
        assert values.token in html
        assert values.token in text


def test_parts_are_read_as_a_mail_program_reads_them() -> None:
    html, text = readable_parts(copy_of(digest(site_name="Çe site")))
    assert html.startswith("<!DOCTYPE html>")
    assert "Çe site" in html
    assert "Çe site" in text


def test_values_of_another_day_change_nothing_but_the_date() -> None:
    splicer = Splicer(COMPOSED.template)
    other = replace(VALUES, mailed_at=datetime(2027, 1, 2, 3, 4, 5, tzinfo=AT.tzinfo))
    one, two = splicer.message(VALUES), splicer.message(other)
    assert one.replace(b"Tue, 24 Nov 2026 06:00:05", b"Sat, 02 Jan 2027 03:04:05") == two
