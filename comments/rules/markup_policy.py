"""What may be in the HTML of a text: the shape of a policy, which bleach and nh3 both read.

The policies themselves stand in ``rendering.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MAILBOX = re.compile(r"mailto:[^\s/\\<>\"]", re.IGNORECASE)
_HIERARCHICAL = re.compile(r"([a-z][a-z0-9+.-]*)://[^\s/\\?#<>\"]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Policy:
    """Allowed tags, their attributes, the schemes of addresses, and the ``rel`` of every link.

    ``inline`` and ``block`` together are the tags. ``attributes`` has a set for each tag that has
    any; there are no attributes for all tags.
    """

    inline: frozenset[str]
    block: frozenset[str]
    attributes: Mapping[str, frozenset[str]]
    schemes: frozenset[str]
    rel: str

    @property
    def tags(self) -> frozenset[str]:
        """Every allowed tag."""
        return self.inline | self.block

    def allows_attribute(self, tag: str, name: str) -> bool:
        """Returns whether the tag may carry an attribute of this name."""
        return name in self.attributes.get(tag, frozenset())

    def allows_address(self, address: str) -> bool:
        """Returns whether an address, entities resolved, may be linked to.

        ``https:evil`` and ``https:///evil`` are none: what they lead to depends on the page that
        they stand on, or on the browser's mercy.
        """
        address = address.strip()
        if _MAILBOX.match(address):
            return "mailto" in self.schemes
        found = _HIERARCHICAL.match(address)
        return found is not None and found[1].lower() in self.schemes - {"mailto"}
