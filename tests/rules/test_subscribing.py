"""What is one address, how often it may be asked, and what its status is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from comments.rules.subscribing import (
    address_key,
    mail_address,
    question_time,
    status_of,
    time_wording,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("Ana@Example.ORG", "Ana@example.org"),
        (" ana+news@mail.example.org ", "ana+news@mail.example.org"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@ＥＸＡＭＰＬＥ.org", "ana@example.org"),
        ("o'neill@example.org", "o'neill@example.org"),
    ],
)
def test_an_address_is_given_to_servers_in_its_ascii_form(typed: str, address: str) -> None:
    assert mail_address(typed) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ana",
        "@example.org",
        "ana@",
        "ana@localhost",
        "ana@127.0.0.1",
        "ana@[127.0.0.1]",
        '"a b"@example.org',
        "a b@example.org",
        "ana@exa mple.org",
        "ana@example.org\r\nBcc: eve@example.org",
        "ana\r\n@example.org",
        "ana@example.org,eve@example.org",
        "ana@-example.org",
        "ana@example..org",
        ".ana@example.org",
        "ana..b@example.org",
        "ana\x00@example.org",
        "ana@exam\u202eple.org",
        "änä@example.org",
        "a" * 65 + "@example.org",
        "ana@" + "a" * 64 + ".org",
        "ana@" + ".".join(["a" * 60] * 5),
        "ana\ud800@example.org",
        "ana@\ud800.org",
    ],
)
def test_what_is_no_address_is_refused_and_still_has_a_key(typed: str) -> None:
    with pytest.raises(ValueError, match=r"it has no|no @|what stands|too long"):
        mail_address(typed)
    assert address_key(typed) == address_key(typed)


def test_case_and_form_do_not_make_two_addresses() -> None:
    forms = ["ana@bücher.example", "ANA@BÜCHER.example", "ana@xn--bcher-kva.EXAMPLE"]
    assert len(set(map(address_key, forms))) == 1


def test_an_address_is_asked_once_in_a_quarter_of_an_hour_and_five_times_a_day() -> None:
    def ago(minutes: float) -> datetime:
        return NOW - timedelta(minutes=minutes)

    assert question_time([], now=NOW) == NOW
    assert question_time([ago(15)], now=NOW) == NOW
    assert question_time([ago(5)], now=NOW) == ago(-10)
    assert question_time([ago(20), ago(5), ago(-10)], now=NOW) == ago(-25)
    assert question_time([ago(60 * n) for n in range(1, 6)], now=NOW) is None
    assert question_time([ago(60 * n) for n in range(1, 5)] + [ago(24 * 60)], now=NOW) == NOW


@pytest.mark.parametrize(
    ("is_suppressed", "states", "status"),
    [
        (True, {"active"}, "bounced"),
        (False, {"active", "ended"}, "active"),
        (False, {"pending", "ended"}, "pending"),
        (False, {"ended"}, "unsubscribed"),
        (False, set(), "unknown"),
    ],
)
def test_status(is_suppressed: bool, states: set[str], status: str) -> None:
    assert status_of(is_suppressed=is_suppressed, states=states) == status


@pytest.mark.parametrize(
    ("frequency", "said"),
    [
        ("instant", "at once, as it appears"),
        ("daily", "every day at 07:00 (UTC)"),
        ("weekly", "every Thursday at 07:00 (UTC)"),
    ],
)
def test_when_mail_comes_is_said_in_words(frequency: str, said: str) -> None:
    assert time_wording(frequency=frequency, send_hour=7, weekday=3, tz="UTC") == said
