"""Webhooks: what is signed, where they may go, what an answer means."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256

import pytest

from comments.rules.outgoing import LONGEST_AGE_SECONDS, MOST_TRIES, is_given_up, retry_seconds
from comments.rules.webhooks import (
    Target,
    body_of,
    is_public,
    outcome_of,
    signature,
    target_of,
)


def test_the_signature_covers_time_and_body_as_they_go_out() -> None:
    body = body_of({"id": "1", "reason": "Grüße"})
    assert json.loads(body) == {"id": "1", "reason": "Grüße"}
    expected = hmac.new(b"s3cret", b"1700000000." + body, sha256).hexdigest()
    assert signature(secret="s3cret", body=body, at=1_700_000_000) == f"t=1700000000,v1={expected}"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_of_the_public_internet_are_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_addresses_inside_are_refused_however_they_are_wrapped(address: str) -> None:
    assert not is_public(address)


def test_an_address_is_taken_apart() -> None:
    assert target_of("https://Hook.example:8443/a/b?c=d#e") == Target(
        "https", "hook.example", 8443, "Hook.example:8443", "/a/b?c=d"
    )
    assert target_of("http://hook.example").path == "/"
    assert target_of("http://hook.example").port == 80
    assert target_of("https://[2606:2800::1]/").host == "2606:2800::1"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "file:///etc/passwd",
        "//a.example/",
        "http:///x",
        "http://a.example:x/",
        "http://a.example:70000/",
        "http://name:word@a.example/",
    ],
)
def test_what_is_no_plain_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        target_of(url)


def test_an_answer_means_sent_or_again_or_never_again() -> None:
    outcomes = {status: outcome_of(status) for status in (200, 204, 301, 404, 410, 429, 500)}
    assert outcomes == {
        200: "sent",
        204: "sent",
        301: "again",
        404: "again",
        410: "failed",
        429: "again",
        500: "again",
    }


def test_pauses_between_tries_grow_and_end() -> None:
    pauses = [retry_seconds(tries) for tries in range(1, MOST_TRIES + 1)]
    assert pauses[0] == 300
    assert pauses == sorted(pauses)
    assert sum(pauses) < LONGEST_AGE_SECONDS
    assert not is_given_up(tries=MOST_TRIES - 1, age_seconds=0)
    assert is_given_up(tries=MOST_TRIES, age_seconds=0)
    assert is_given_up(tries=1, age_seconds=LONGEST_AGE_SECONDS)
