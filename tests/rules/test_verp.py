"""Addresses that name a delivery: written, mangled by mail servers, and read back."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.verp import LONGEST_LOCAL, Kind, Verp, read_verp, verp_address, verps_in

KEY = "0123456789abcdef0123456789abcdef"
DELIVERY = Verp("d", 17, KEY[:12])


def test_an_address_carries_the_delivery_and_the_beginning_of_its_key() -> None:
    address = verp_address(bounces="bounces@example.org", kind="d", delivery_id=17, key=KEY)
    assert address == "bounces+d17.0123456789ab@example.org"


@given(
    kind=st.sampled_from(["d", "u"]),
    delivery_id=st.integers(1, 10**18 - 1),
    key=st.text("0123456789abcdef", min_size=12, max_size=32),
    local=st.text("abcdefghijklmnopqrstuvwxyz+-._", min_size=1, max_size=LONGEST_LOCAL),
)
def test_what_was_written_is_read_back(kind: Kind, delivery_id: int, key: str, local: str) -> None:
    address = verp_address(
        bounces=f"{local}@example.org", kind=kind, delivery_id=delivery_id, key=key
    )
    assert read_verp(address) == Verp(kind, delivery_id, key[:12])


def test_the_longest_tag_leaves_a_local_part_that_mail_servers_take() -> None:
    address = verp_address(
        bounces=f"{'b' * LONGEST_LOCAL}@example.org", kind="d", delivery_id=10**18 - 1, key=KEY
    )
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "address",
    [
        "bounces+d17.0123456789ab@example.org",
        "<bounces+d17.0123456789ab@example.org>",
        "BOUNCES+D17.0123456789AB@EXAMPLE.ORG",
        '"bounces+d17.0123456789ab"@example.org',
        'Mail Delivery <"bounces+d17.0123456789ab"@example.org>',
        "  bounces+d17.0123456789ab@example.org\r\n",
        "b+ounces+d17.0123456789ab@example.org",
        "bounces+d000017.0123456789ab@example.org",
        "bounces+d17.0123456789ab@another.example.net",
    ],
)
def test_what_mail_servers_make_of_an_address_is_read(address: str) -> None:
    assert read_verp(address) == DELIVERY


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bounces@example.org",
        "bounces+d17@example.org",
        "bounces+d17.0123456789a@example.org",
        "bounces+d17.0123456789abc@example.org",
        "bounces+d17.0123456789ag@example.org",
        "bounces+d.0123456789ab@example.org",
        "bounces+x17.0123456789ab@example.org",
        "bounces+d-17.0123456789ab@example.org",
        "bounces+d1 7.0123456789ab@example.org",
        "bounces+d17.0123456789ab",
        "bounces+d١٧.0123456789ab@example.org",
        "bounces+ana=example.net@example.org",
        "bounces+d1234567890123456789.0123456789ab@example.org",
        "owner-list-ana=example.net@example.org",
        "d17.0123456789ab@example.org",
        "bounces+d17\x00.0123456789ab@example.org",
    ],
)
def test_what_is_none_of_ours_is_read_as_nothing(address: str) -> None:
    assert read_verp(address) is None


def test_each_address_of_a_header_is_found() -> None:
    header = (
        "Ana <ana@example.net>, <bounces+d17.0123456789ab@e.org>, bounces+u4.aaaaaaaaaaaa@e.org"
    )
    assert list(verps_in(header)) == [DELIVERY, Verp("u", 4, "a" * 12)]


@given(st.text())
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    assert read_verp(text) is None or "@" in text


@pytest.mark.parametrize("text", ["+d1.", "+d" + "1" * 30, "+d1.0123456789ab", '+u1.0123456789ab"'])
def test_a_header_of_megabytes_costs_nothing(text: str) -> None:
    began = perf_counter()
    assert read_verp(text * 1_000_000) is None
    assert perf_counter() - began < 1
