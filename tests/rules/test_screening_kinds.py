"""Every kind of rule, both ways and at its edge, and what its parameters may be."""

from __future__ import annotations

from typing import Any

import pytest

from comments.errors import ValidationFailed
from comments.rules.screening_kinds import KINDS, check_params
from comments.rules.screening_params import LISTS, MOST_ENTRIES, network_of
from comments.rules.screening_values import EFFECTS, AuthorFacts, Facts, Finding, Neighbour

LONG = "This text is long enough to be compared with other texts of its kind."
REQUIRED: dict[str, dict[str, Any]] = {
    "words": {"phrases": ["viagra"]},
    "link_domains": {"domains": ["evil.com"]},
    "addresses": {"ranges": ["192.0.2.0/24"]},
    "mail_domains": {"domains": ["evil.com"]},
}


def found(kind: str, facts: Facts, **params: Any) -> Finding:
    return KINDS[kind].evaluate(facts, check_params(kind, {**REQUIRED.get(kind, {}), **params}))


def by(**known: Any) -> Facts:
    return Facts(LONG, author=AuthorFacts(**known))


def near(*similarities: float, same_author: bool = False) -> Facts:
    neighbours = tuple(Neighbour(7, value, same_author) for value in similarities)
    return Facts(LONG, neighbours=neighbours)


EDGES: list[tuple[str, dict[str, Any], Facts, bool]] = [
    ("words", {"phrases": ["viagra", "sex shop"]}, Facts("my Sex-Shop"), True),
    ("words", {"phrases": ["viagra", "sex shop"]}, Facts("my shop"), False),
    ("words", {"at_least": 2}, Facts("viagra"), False),
    ("words", {"at_least": 2}, Facts("viagra viagra"), True),
    ("words", {}, Facts(""), False),
    ("links", {"most": 2}, Facts("x", ("http://a.b", "http://a.b")), False),
    ("links", {"most": 2}, Facts("x", ("http://a.b", "http://a.b", "http://a.b")), True),
    ("links", {"most": 0}, Facts("x"), False),
    ("links", {"most": 0}, Facts("x", ("mailto:a@b.c",)), True),
    ("link_domains", {}, Facts("x", ("http://good.com", "https://Sub.EVIL.com./")), True),
    ("link_domains", {}, Facts("x", ("http://notevil.com", "http://evil.com.good.org")), False),
    ("link_domains", {}, Facts("x", ("http://good.com/evil.com",)), False),
    ("link_domains", {"domains": ["bücher.de"]}, Facts("x", ("http://xn--bcher-kva.DE",)), True),
    ("link_domains", {"domains": ["xn--bcher-kva.de"]}, Facts("x", ("http://BÜCHER.de",)), True),
    ("link_domains", {}, by(url="http://evil.com"), True),
    ("link_domains", {}, Facts("evil.com"), False),
    ("link_domains", {"match": "every"}, Facts("x", ("http://evil.com",)), True),
    ("link_domains", {"match": "every"}, Facts("x", ("http://evil.com", "http://b.c")), False),
    ("link_domains", {"match": "every"}, Facts("x", ("http://evil.com", "javascript:1")), False),
    ("link_domains", {"match": "every"}, Facts("x"), False),
    ("duplicates", {"similarity": 0.9}, near(0.2, 0.9), True),
    ("duplicates", {"similarity": 0.9}, near(0.89), False),
    ("duplicates", {}, near(), False),
    ("duplicates", {"authors": "others"}, near(1.0, same_author=True), False),
    ("duplicates", {"authors": "others"}, near(1.0), True),
    ("duplicates", {"authors": "any"}, near(1.0, same_author=True), True),
    (
        "duplicates",
        {"min_chars": 10},
        Facts("ten letters", neighbours=(Neighbour(1, 1.0, False),)),
        True,
    ),
    (
        "duplicates",
        {"min_chars": 11},
        Facts("ten letters", neighbours=(Neighbour(1, 1.0, False),)),
        False,
    ),
    ("flood", {"most": 3, "seconds": 60}, by(recent_seconds=(1, 59.9)), False),
    ("flood", {"most": 3, "seconds": 60}, by(recent_seconds=(1, 2, 60)), True),
    ("flood", {"most": 3, "seconds": 60}, by(recent_seconds=(1, 2, 60.1)), False),
    ("flood", {"most": 1}, by(), False),
    ("first_comment", {}, by(published_before=0), True),
    ("first_comment", {}, by(published_before=1), False),
    ("first_comment", {"published": 3}, by(published_before=2), True),
    ("rejected_share", {"min_count": 4, "share": 0.5}, by(approved=2, rejected=2), True),
    ("rejected_share", {"min_count": 4, "share": 0.5}, by(approved=3, rejected=2), False),
    ("rejected_share", {"min_count": 4, "share": 0.5}, by(approved=0, rejected=3), False),
    ("rejected_share", {"min_count": 1, "share": 0.01}, by(), False),
    ("sanctions", {}, by(sanction="hold"), True),
    ("sanctions", {}, by(), False),
    ("addresses", {}, Facts("x", address="192.0.2.0"), True),
    ("addresses", {}, Facts("x", address="192.0.2.255"), True),
    ("addresses", {}, Facts("x", address="192.0.3.0"), False),
    ("addresses", {}, Facts("x", address="::ffff:192.0.2.1"), True),
    ("addresses", {"ranges": ["2001:db8::/32"]}, Facts("x", address="2001:DB8:ffff::1"), True),
    ("addresses", {"ranges": ["2001:db8::/32"]}, Facts("x", address="2001:db9::1"), False),
    ("addresses", {"ranges": ["fe80::/10"]}, Facts("x", address="fe80::1%eth0"), True),
    ("addresses", {"ranges": ["192.0.2.7"]}, Facts("x", address="192.0.2.7"), True),
    ("addresses", {"ranges": ["192.0.2.7/24"]}, Facts("x", address="192.0.2.9"), True),
    ("addresses", {"ranges": ["0.0.0.0/0"]}, Facts("x", address="::1"), False),
    ("addresses", {"ranges": ["0.0.0.0/0"]}, Facts("x", address="not an address"), False),
    ("addresses", {"ranges": ["::ffff:192.0.2.0/120"]}, Facts("x", address="192.0.2.1"), True),
    ("mail_domains", {}, by(email_domain="evil.com"), True),
    ("mail_domains", {}, by(email_domain="mx.evil.com"), True),
    ("mail_domains", {}, by(email_domain="devil.com"), False),
    ("mail_domains", {}, by(), False),
    ("honeypot", {}, Facts("x", honeypot="me"), True),
    ("honeypot", {}, Facts("x", honeypot=" \n"), False),
    ("time_to_write", {"min_seconds": 3}, Facts("x", seconds_to_write=2.9), True),
    ("time_to_write", {"min_seconds": 3}, Facts("x", seconds_to_write=3.0), False),
    ("time_to_write", {"min_seconds": 3}, Facts("x"), False),
    ("time_to_write", {"min_seconds": 3}, Facts("x", seconds_to_write=-1.0), True),
    ("trusted_author", {"min_approved": 3, "min_trust": 0.7}, by(approved=3, trust=0.7), True),
    ("trusted_author", {"min_approved": 3, "min_trust": 0.7}, by(approved=2, trust=1.0), False),
    ("trusted_author", {"min_approved": 3, "min_trust": 0.7}, by(approved=9, trust=0.69), False),
    ("learned_score", {}, Facts("x", score=0.9, score_threshold=0.9), True),
    ("learned_score", {}, Facts("x", score=0.89, score_threshold=0.9), False),
    ("learned_score", {"threshold": 0.5}, Facts("x", score=0.6, score_threshold=0.9), True),
    ("learned_score", {"threshold": None}, Facts("x", score=0.95, score_threshold=0.9), True),
    ("learned_score", {}, Facts("x", score=1.0), False),
    ("learned_score", {"threshold": 0.5}, Facts("x"), False),
]


@pytest.mark.parametrize(("kind", "params", "facts", "hits"), EDGES)
def test_kind_hits_from_its_edge_on(
    kind: str, params: dict[str, Any], facts: Facts, hits: bool
) -> None:
    assert found(kind, facts, **params).hit is hits


def test_every_kind_is_tried_both_ways() -> None:
    assert {(kind, hits) for kind, _, _, hits in EDGES} == {
        (kind, hits) for kind in KINDS for hits in (True, False)
    }


def test_finding_says_by_which_figures() -> None:
    assert found("links", Facts("x", ("a", "b", "c")), most=2) == Finding(True, 3, 2)
    assert found("flood", by(recent_seconds=(1, 2)), most=5) == Finding(False, 3, 5)
    assert found("rejected_share", by(approved=1, rejected=3)) == Finding(True, 0.75, 0.5)
    assert found("duplicates", near(0.5, 0.8)) == Finding(False, 0.8, 0.9)
    assert found("first_comment", by()) == Finding(True, 0, 1)


def test_span_is_where_the_word_or_the_link_stands() -> None:
    text = "Buy v-i-a-g-r-a at http://evil.com/x today"
    word = found("words", Facts(text)).span
    assert word is not None
    assert text[slice(*word)] == "v-i-a-g-r-a"
    link = found("link_domains", Facts(text, ("http://good.com", "http://evil.com/x"))).span
    assert link is not None
    assert text[slice(*link)] == "http://evil.com/x"
    assert found("link_domains", Facts("[x][1]", ("http://evil.com",))).span is None


def test_finding_repeats_nothing_personal() -> None:
    facts = Facts(LONG, address="192.0.2.7", honeypot="secret", author=AuthorFacts(name="Ann"))
    for name, kind in KINDS.items():
        detail = kind.evaluate(facts, check_params(name, REQUIRED.get(name, {}))).detail
        assert not any(word in detail for word in ("192.0.2", "secret", "Ann", LONG))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_score_that_is_none_raises(score: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        found("learned_score", Facts("x", score=score), threshold=0.5)


# Parameters


def refused(kind: str, params: Any) -> list[tuple[str, str]]:
    """Returns pointer and code of each thing that is wrong."""
    with pytest.raises(ValidationFailed) as caught:
        check_params(kind, params)
    return [(error.pointer, error.code) for error in caught.value.errors]


@pytest.mark.parametrize("kind", KINDS)
def test_kind_describes_itself(kind: str) -> None:
    described = KINDS[kind]
    assert described.name == kind
    assert described.title
    assert described.default_told or described.effects == ("publish",)
    assert set(described.effects) <= set(EFFECTS)
    for sentence in (described.seen, described.unseen):
        assert "{" not in sentence.format(value="1", threshold="2")
    for param in described.params:
        assert param.required == (kind in REQUIRED and param.name in REQUIRED[kind])
        assert param.title
        assert param.type != "choice" or param.default in dict(param.choices)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_acceptable_themselves(kind: str) -> None:
    full = check_params(kind, REQUIRED.get(kind, {}))
    assert set(full) == {param.name for param in KINDS[kind].params}
    assert check_params(kind, full) == full


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_parameter_is_named(kind: str) -> None:
    params = {**REQUIRED.get(kind, {}), "a/b~c": 1}
    assert refused(kind, params) == [("#/params/a~1b~0c", "unknown")]


@pytest.mark.parametrize("kind", REQUIRED)
def test_missing_parameter_is_named(kind: str) -> None:
    name = next(iter(REQUIRED[kind]))
    assert refused(kind, {}) == [(f"#/params/{name}", "required")]
    assert refused(kind, {name: []}) == [(f"#/params/{name}", "required")]


@pytest.mark.parametrize("kind", KINDS)
def test_parameter_of_the_wrong_type_is_named(kind: str) -> None:
    for param in KINDS[kind].params:
        for wrong in (True, {"a": 1}, "text", [1], float("nan"), float("inf")):
            params = {**REQUIRED.get(kind, {}), param.name: wrong}
            [(pointer, code)] = refused(kind, params)
            place = "/0" if param.type in LISTS and wrong == [1] else ""
            assert (pointer, code) == (f"#/params/{param.name}{place}", "invalid")


@pytest.mark.parametrize("kind", KINDS)
def test_number_is_accepted_at_its_bounds_and_refused_beyond(kind: str) -> None:
    for param in KINDS[kind].params:
        if param.type not in {"integer", "number"}:
            continue
        least, most = param.minimum, param.maximum
        assert least is not None
        assert most is not None
        step = 1 if param.type == "integer" else 0.001
        full = check_params(kind, REQUIRED.get(kind, {}))
        for value in (least, most):
            check_params(kind, {**full, param.name: value})
        for value in (least - step, most + step, 10**400):
            name = f"#/params/{param.name}"
            assert refused(kind, {**full, param.name: value}) == [(name, "invalid")]


def test_every_wrong_entry_of_a_list_is_named() -> None:
    long = "x" * 300
    assert refused("words", {"phrases": ["ok", "", "…", None, long]}) == [
        ("#/params/phrases/1", "invalid"),
        ("#/params/phrases/2", "invalid"),
        ("#/params/phrases/3", "invalid"),
        ("#/params/phrases/4", "too_long"),
    ]
    assert refused("mail_domains", {"domains": ["a.b", "http://a.b", "a..b"]}) == [
        ("#/params/domains/1", "invalid"),
        ("#/params/domains/2", "invalid"),
    ]
    assert refused("addresses", {"ranges": ["::/0", "192.0.2.0/33", "300.0.0.1", "x"]}) == [
        ("#/params/ranges/1", "invalid"),
        ("#/params/ranges/2", "invalid"),
        ("#/params/ranges/3", "invalid"),
    ]
    too_many = ["word"] * (MOST_ENTRIES + 1)
    assert refused("words", {"phrases": too_many}) == [("#/params/phrases", "too_long")]
    assert len(check_params("words", {"phrases": too_many[1:]})["phrases"]) == MOST_ENTRIES


@pytest.mark.parametrize("params", [None, [], "text", 7])
def test_parameters_that_are_no_object_are_refused(params: Any) -> None:
    assert refused("links", params) == [("#/params", "invalid")]


def test_unknown_kind_is_refused() -> None:
    assert refused("astrology", {}) == [("#/kind", "unknown")]


def test_range_of_ipv4_in_ipv6_is_ipv4() -> None:
    assert str(network_of("::ffff:192.0.2.0/120")) == "192.0.2.0/24"
    assert str(network_of("::ffff:0:0/90")) != "0.0.0.0/0"
