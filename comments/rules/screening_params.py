"""What the parameters of a rule may be: described once, for checking them and for a form."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from comments.errors import FieldError
from comments.rules.screening_text import compact, domain_key
from comments.rules.screening_words import MOST_LETTERS

ParamType = Literal["integer", "number", "choice", "phrases", "domains", "ranges"]
"""The last three are lists of texts."""

LISTS: frozenset[ParamType] = frozenset({"phrases", "domains", "ranges"})

MOST_ENTRIES = 5_000
"""Of a list, so that reading a rule stays a matter of milliseconds."""

LONGEST_ENTRY = 253
"""Code points; a phrase has fewer, ``MOST_LETTERS``."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a kind.

    ``minimum`` and ``maximum`` are for numbers, both included; ``choices`` are pairs of what is
    stored and what a form shows. A parameter that is not required may be missing or, where its
    default is ``None``, be ``None``.
    """

    name: str
    title: str
    type: ParamType
    required: bool = True
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""


def param_errors(described: tuple[Param, ...], params: Any) -> Iterator[FieldError]:
    """What is wrong with the parameters of a rule; pointers begin with ``#/params``."""
    if not isinstance(params, Mapping):
        yield FieldError("#/params", "invalid", "The parameters are an object.")
        return
    names = {param.name for param in described}
    for name in params:
        if name not in names:
            pointer = f"#/params/{_escaped(str(name))}"
            yield FieldError(pointer, "unknown", "This kind of rule has no such parameter.")
    for param in described:
        pointer = f"#/params/{param.name}"
        if param.name not in params:
            if param.required:
                yield FieldError(pointer, "required", f"{param.title}: this is missing.")
        elif params[param.name] is not None or param.required or param.default is not None:
            yield from _value_errors(param, params[param.name], pointer)


def with_defaults(described: tuple[Param, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters with what is missing as it is by default."""
    return {param.name: param.default for param in described if not param.required} | {**params}


def network_of(text: str) -> Network:
    """Returns the addresses that ``192.0.2.0/24`` or ``2001:db8::/32`` stands for.

    CIDR notation of RFC 4632 and RFC 4291; bits after the prefix may be set; without a prefix it
    is one address. IPv4 written in IPv6 (``::ffff:192.0.2.0/120``) is IPv4.

    Raises:
        ValueError: the text is no such range.
    """
    network = ipaddress.ip_network(text.strip(), strict=False)
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= _MAPPED_BITS:
            return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


_MAPPED_BITS = 96


def _value_errors(param: Param, value: Any, pointer: str) -> Iterator[FieldError]:
    if param.type in LISTS:
        yield from _list_errors(param, value, pointer)
    elif param.type == "choice":
        if value not in [stored for stored, _ in param.choices]:
            known = ", ".join(stored for stored, _ in param.choices)
            yield FieldError(pointer, "invalid", f"{param.title}: one of {known}.")
    else:
        detail = _what_a_number_lacks(param, value)
        if detail:
            yield FieldError(pointer, "invalid", f"{param.title}: {detail}.")


def _what_a_number_lacks(param: Param, value: Any) -> str:
    """Returns what is wrong with a number, ``""`` if nothing; truth values are no numbers."""
    whole = param.type == "integer"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return "a whole number is needed" if whole else "a number is needed"
    if isinstance(value, float) and not isfinite(value):
        return "a finite number is needed"
    if param.minimum is not None and value < param.minimum:
        return f"at least {param.minimum:g}"
    if param.maximum is not None and value > param.maximum:
        return f"at most {param.maximum:g}"
    return ""


def _list_errors(param: Param, value: Any, pointer: str) -> Iterator[FieldError]:
    if not isinstance(value, (list, tuple)):
        yield FieldError(pointer, "invalid", f"{param.title}: a list of texts is needed.")
        return
    if not value:
        yield FieldError(pointer, "required", f"{param.title}: the list is empty.")
    if len(value) > MOST_ENTRIES:
        detail = f"{param.title}: a list has at most {MOST_ENTRIES} entries."
        yield FieldError(pointer, "too_long", detail)
        return
    longest, accepts, lacks = _ENTRIES[param.type]
    for place, entry in enumerate(value):
        if not isinstance(entry, str):
            yield FieldError(f"{pointer}/{place}", "invalid", "An entry is a text.")
        elif len(entry) > longest:
            detail = f"An entry has at most {longest} characters."
            yield FieldError(f"{pointer}/{place}", "too_long", detail)
        elif not accepts(entry):
            yield FieldError(f"{pointer}/{place}", "invalid", lacks)


def _is_range(text: str) -> bool:
    try:
        network_of(text)
    except ValueError:
        return False
    return True


_ENTRIES: dict[ParamType, tuple[int, Callable[[str], object], str]] = {
    "phrases": (MOST_LETTERS, compact, "An entry needs a letter or a digit."),
    "domains": (LONGEST_ENTRY, domain_key, "An entry is a domain, such as example.com."),
    "ranges": (LONGEST_ENTRY, _is_range, "An entry is a range, such as 192.0.2.0/24."),
}
"""For each type of list: the longest entry, what accepts one, and what to say otherwise."""


def _escaped(name: str) -> str:
    """Returns a member's name as JSON pointers write it (RFC 6901 section 3)."""
    return name.replace("~", "~0").replace("/", "~1")
