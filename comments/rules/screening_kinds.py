"""What a rule can look at: one function for each kind, with the parameters that it takes.

A kind is given the facts of one comment and the checked parameters of one rule, and says whether
the rule hits, with the figures it says it by. What a hit leads to is not its business. Whatever a
kind raises becomes a signal of its own (``screening.evaluate_all``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

from comments.errors import FieldError, ValidationFailed
from comments.rules.screening_params import Param, network_of, param_errors, with_defaults
from comments.rules.screening_text import compact, domain_key, domain_of, is_within
from comments.rules.screening_values import EFFECTS, Effect, Facts, Finding
from comments.rules.screening_words import PhraseIndex
from comments.words import gettext_noop

Params = Mapping[str, Any]

AGAINST: tuple[Effect, ...] = ("hold", "reject", "spam")
"""What a kind can ask for whose hit never speaks for a comment."""

LEARNED_SCORE = "learned_score"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rule.

    ``default_told`` is the sentence for the author; it holds for a comment that waits and for
    one that was refused. ``seen`` and ``unseen`` are what a moderator reads of a hit and of none,
    with ``{value}`` and ``{threshold}`` filled in. ``effects`` are those that make sense, the
    usual one first. ``prepare`` reads long lists once; what it read is remembered for ``evaluate``.
    """

    name: str
    title: str
    evaluate: Callable[[Facts, Params], Finding]
    params: tuple[Param, ...]
    default_told: str
    seen: str
    unseen: str
    effects: tuple[Effect, ...] = AGAINST
    prepare: Callable[[Params], object] | None = None


def check_params(kind: str, params: Any) -> dict[str, Any]:
    """Returns the parameters of a rule of this kind, with the defaults of those left out.

    Raises:
        ValidationFailed: the kind is unknown (``#/kind``), or a parameter is unknown, missing, of
            the wrong type or out of range (``#/params/…``).
    """
    known = KINDS.get(kind)
    if known is None:
        raise ValidationFailed([FieldError("#/kind", "unknown", "There is no such kind of rule.")])
    errors = list(param_errors(known.params, params))
    if errors:
        raise ValidationFailed(errors)
    return with_defaults(known.params, params)


# What the text says


@lru_cache(maxsize=64)
def _phrase_index(phrases: tuple[str, ...]) -> PhraseIndex:
    return PhraseIndex(phrases)


def words(facts: Facts, params: Params) -> Finding:
    """Hits when listed words and phrases stand in the text ``at_least`` so many times."""
    found = _phrase_index(tuple(params["phrases"])).find(facts.text)
    return Finding(found.count >= params["at_least"], found.count, params["at_least"], found.span)


def links(facts: Facts, params: Params) -> Finding:
    """Hits when the text links to more than ``most`` addresses; each link counts, also repeated."""
    count = len(facts.hrefs)
    return Finding(count > params["most"], count, params["most"])


@lru_cache(maxsize=64)
def _domain_keys(domains: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(domain_key, domains)) - {""}


def link_domains(facts: Facts, params: Params) -> Finding:
    """Hits when ``any`` link, or when ``every`` one, goes to a listed domain or a subdomain.

    The author's own address counts as a link. Without links ``every`` does not hit: a list of
    allowed domains, with the effect publish, says nothing about a text without one.
    """
    listed = _domain_keys(tuple(params["domains"]))
    addresses = [*facts.hrefs, *filter(None, [facts.author.url])]
    within = [address for address in addresses if is_within(domain_of(address), listed)]
    needed = len(addresses) if params["match"] == "every" else 1
    hit = 0 < needed <= len(within)
    return Finding(hit, len(within), needed, _span_of(facts.text, within) if hit else None)


def _span_of(text: str, addresses: list[str]) -> tuple[int, int] | None:
    """Returns where the first of the addresses is written in the text, if it is written so."""
    start = text.find(addresses[0])
    return None if start < 0 else (start, start + len(addresses[0]))


def duplicates(facts: Facts, params: Params) -> Finding:
    """Hits when an earlier comment is as similar as ``similarity``, from ``min_chars`` letters on.

    Letters and digits count, folded. The value is the greatest similarity, in 0..1.
    """
    if len(compact(facts.text)) < params["min_chars"]:
        return Finding(False, None, params["similarity"], detail="too short to compare")
    others_only = params["authors"] == "others"
    nearest = max(
        (near.similarity for near in facts.neighbours if not (others_only and near.same_author)),
        default=0.0,
    )
    return Finding(nearest >= params["similarity"], nearest, params["similarity"])


# Who wrote it, and how


def flood(facts: Facts, params: Params) -> Finding:
    """Hits when this comment is one more than ``most`` within ``seconds``."""
    recent = sum(age <= params["seconds"] for age in facts.author.recent_seconds)
    return Finding(recent + 1 > params["most"], recent + 1, params["most"])


def first_comment(facts: Facts, params: Params) -> Finding:
    """Hits when readers could read fewer than ``published`` comments of the author before."""
    before = facts.author.published_before
    return Finding(before < params["published"], before, params["published"])


def rejected_share(facts: Facts, params: Params) -> Finding:
    """Hits when moderators refused a ``share`` of the author's comments, of ``min_count`` or more.

    Those they decided on count, ``approved + rejected``. The value is the share, in 0..1.
    """
    refused = facts.author.rejected
    decided = facts.author.approved + refused
    if decided < params["min_count"]:
        return Finding(False, None, params["share"], detail="too few decisions")
    share = refused / decided
    return Finding(share >= params["share"], share, params["share"])


def sanctions(facts: Facts, params: Params) -> Finding:
    """Hits when all that the author writes is to wait."""
    sanctioned = bool(facts.author.sanction)
    return Finding(sanctioned, float(sanctioned), 1)


def trusted_author(facts: Facts, params: Params) -> Finding:
    """Hits when ``min_approved`` comments were approved and trust, in 0..1, reaches ``min_trust``.

    Meant to speak for a comment, with the effect publish. The value is the trust.
    """
    author = facts.author
    trusted = author.approved >= params["min_approved"] and author.trust >= params["min_trust"]
    return Finding(trusted, author.trust, params["min_trust"])


@lru_cache(maxsize=64)
def _networks(ranges: tuple[str, ...]) -> dict[tuple[int, int], frozenset[int]]:
    """Returns the listed ranges by version and length of prefix: the numbers of their prefixes."""
    prefixes: dict[tuple[int, int], set[int]] = {}
    for network in map(network_of, ranges):
        rest = network.max_prefixlen - network.prefixlen
        same = prefixes.setdefault((network.version, rest), set())
        same.add(int(network.network_address) >> rest)
    return {lengths: frozenset(numbers) for lengths, numbers in prefixes.items()}


def addresses(facts: Facts, params: Params) -> Finding:
    """Hits when the client's IP address lies in a listed range (CIDR, RFC 4632 and RFC 4291).

    IPv4 within IPv6 counts as IPv4, a zone (``%eth0``) is left out. What is no address, such as
    that of a local socket, is in no range.
    """
    prefixes = _networks(tuple(params["ranges"]))
    try:
        address = ipaddress.ip_address(facts.address.strip().partition("%")[0])
    except ValueError:
        return Finding(False, None, 1, detail="no address")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    number, version = int(address), address.version
    listed = any(
        of_version == version and number >> rest in numbers
        for (of_version, rest), numbers in prefixes.items()
    )
    return Finding(listed, float(listed), 1)


def mail_domains(facts: Facts, params: Params) -> Finding:
    """Hits when the author's mail address is at a listed domain or at a subdomain of one."""
    if not facts.author.email_domain:
        return Finding(False, None, 1, detail="no mail address")
    listed = _domain_keys(tuple(params["domains"]))
    within = is_within(domain_key(facts.author.email_domain), listed)
    return Finding(within, float(within), 1)


def honeypot(facts: Facts, params: Params) -> Finding:
    """Hits when something came in a field that nobody sees; white space alone is nothing."""
    filled = bool(facts.honeypot.strip())
    return Finding(filled, float(filled), 1)


def time_to_write(facts: Facts, params: Params) -> Finding:
    """Hits when less than ``min_seconds`` passed from the form to the comment, if that is known."""
    seconds = facts.seconds_to_write
    if seconds is None:
        return Finding(False, None, params["min_seconds"], detail="not measured")
    return Finding(seconds < params["min_seconds"], seconds, params["min_seconds"])


def learned_score(facts: Facts, params: Params) -> Finding:
    """Hits when the learned score, 1 is spam, reaches ``threshold``, or else the site's own.

    Raises:
        ValueError: the score is no number between 0 and 1.
    """
    threshold = params["threshold"]
    if threshold is None:
        threshold = facts.score_threshold
    if facts.score is None:
        return Finding(False, None, threshold, detail="no model")
    if not (isfinite(facts.score) and 0 <= facts.score <= 1):
        raise ValueError("the score is not in 0..1")
    if threshold is None:
        return Finding(False, facts.score, None, detail="no threshold yet")
    return Finding(facts.score >= threshold, facts.score, threshold)


def _named(kinds: Iterable[Kind]) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


KINDS: dict[str, Kind] = _named(
    [
        Kind(
            "words",
            "Words and phrases",
            words,
            (
                Param(
                    "phrases",
                    "Words and phrases",
                    "phrases",
                    help="One in a line. Whole words count, in any case, with or without accents.",
                ),
                Param("at_least", "How many of them", "integer", False, 1, 1, 1000),
            ),
            gettext_noop("It contains words that a moderator looks at first."),
            "Listed words and phrases in the text: {value}.",
            "Too few listed words or phrases in the text: {value}.",
            prepare=lambda params: _phrase_index(tuple(params["phrases"])),
        ),
        Kind(
            "links",
            "Number of links",
            links,
            (Param("most", "Links that are let through", "integer", False, 2, 0, 1000),),
            gettext_noop("It contains many links."),
            "Links in the text: {value}, let through: {threshold}.",
            "Links in the text: {value}, let through: {threshold}.",
        ),
        Kind(
            "link_domains",
            "Domains of links",
            link_domains,
            (
                Param("domains", "Domains", "domains", help="Subdomains are included."),
                Param(
                    "match",
                    "Hits when",
                    "choice",
                    False,
                    "any",
                    choices=(
                        ("any", "any link goes to one of them"),
                        ("every", "every link goes to one of them"),
                    ),
                ),
            ),
            gettext_noop("It links to a site that a moderator looks at first."),
            "Links to listed domains: {value}.",
            "Too few links to listed domains: {value}.",
            EFFECTS[1:] + EFFECTS[:1],
            lambda params: _domain_keys(tuple(params["domains"])),
        ),
        Kind(
            "duplicates",
            "Copies of other comments",
            duplicates,
            (
                Param("similarity", "Similarity", "number", False, 0.9, 0.1, 1),
                Param("min_chars", "Shortest text, in letters", "integer", False, 40, 0, 10_000),
                Param(
                    "authors",
                    "Compared with comments of",
                    "choice",
                    False,
                    "any",
                    choices=(("any", "anybody"), ("others", "other authors only")),
                ),
            ),
            gettext_noop("It is much like another comment."),
            "An earlier comment is this similar: {value}; looked at from {threshold}.",
            "No earlier comment is as similar as {threshold}.",
        ),
        Kind(
            "flood",
            "Many comments in a short time",
            flood,
            (
                Param("most", "Comments that are let through", "integer", False, 5, 1, 10_000),
                Param("seconds", "Within seconds", "integer", False, 600, 1, 604_800),
            ),
            gettext_noop("Many comments came from you in a short time."),
            "Comments in a short time: {value}, let through: {threshold}.",
            "Comments in a short time: {value}, let through: {threshold}.",
        ),
        Kind(
            "first_comment",
            "First comment of an author",
            first_comment,
            (Param("published", "Known from so many comments on", "integer", False, 1, 1, 1000),),
            gettext_noop("A moderator reads the first comments of everybody who is new here."),
            "Comments published before: {value}, known from {threshold} on.",
            "Comments published before: {value}, known from {threshold} on.",
            ("hold",),
        ),
        Kind(
            "rejected_share",
            "Share of refused comments",
            rejected_share,
            (
                Param("min_count", "From so many decisions on", "integer", False, 4, 1, 10_000),
                Param("share", "Share that was refused", "number", False, 0.5, 0.01, 1),
            ),
            gettext_noop("Earlier comments of yours were not accepted."),
            "Share of the author's comments that was refused: {value}, looked at from {threshold}.",
            "Share of the author's comments that was refused: {value}, looked at from {threshold}.",
        ),
        Kind(
            "sanctions",
            "Authors whose comments wait",
            sanctions,
            (),
            gettext_noop("A moderator reads all your comments before they appear."),
            "All that this author writes is to wait.",
            "The author is under no sanction.",
        ),
        Kind(
            "addresses",
            "Ranges of addresses",
            addresses,
            (Param("ranges", "Ranges", "ranges", help="Such as 192.0.2.0/24 or 2001:db8::/32."),),
            gettext_noop("It came from a network that a moderator looks at first."),
            "The comment came from a listed range of addresses.",
            "The comment came from no listed range of addresses.",
            EFFECTS[1:] + EFFECTS[:1],
            lambda params: _networks(tuple(params["ranges"])),
        ),
        Kind(
            "mail_domains",
            "Domains of mail addresses",
            mail_domains,
            (Param("domains", "Domains", "domains", help="Subdomains are included."),),
            gettext_noop("A moderator looks first at comments from your mail provider."),
            "The author's mail address is at a listed domain.",
            "The author's mail address is at no listed domain.",
            EFFECTS[1:] + EFFECTS[:1],
            lambda params: _domain_keys(tuple(params["domains"])),
        ),
        Kind(
            "honeypot",
            "Field that nobody sees",
            honeypot,
            (),
            gettext_noop("The form was filled in as programs do it."),
            "The field that nobody sees was filled in.",
            "The field that nobody sees was left empty.",
        ),
        Kind(
            "time_to_write",
            "Time to write",
            time_to_write,
            (Param("min_seconds", "At least seconds", "number", False, 3, 0, 3600),),
            gettext_noop("It was sent very soon after the form was opened."),
            "Seconds from the form to the comment: {value}, expected: {threshold}.",
            "Seconds from the form to the comment: {value}, expected: {threshold}.",
        ),
        Kind(
            "trusted_author",
            "Trusted authors",
            trusted_author,
            (
                Param("min_approved", "Approved comments", "integer", False, 3, 0, 10_000),
                Param("min_trust", "Trust", "number", False, 0.7, 0, 1),
            ),
            "",
            "The author's trust is {value}; {threshold} is enough.",
            "The author's trust is {value}, of {threshold}, or too few comments were approved.",
            ("publish",),
        ),
        Kind(
            LEARNED_SCORE,
            "Learned from moderators",
            learned_score,
            (
                Param(
                    "threshold",
                    "Threshold",
                    "number",
                    False,
                    None,
                    0,
                    1,
                    help="Empty: the one chosen for the precision that the site asks for.",
                ),
            ),
            gettext_noop("It resembles comments that were not accepted."),
            "The learned score is {value}; looked at from {threshold}.",
            "The learned score is {value}; looked at from {threshold}.",
        ),
    ]
)
"""Each kind by its name, in the order in which a form offers them."""
