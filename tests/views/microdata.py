"""Microdata as a search engine reads it, by the algorithm of the HTML standard (section 5.2).

Written from the standard and for this alone, so that what our templates say is read by something
that does not know them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

Value = "str | Item"

ADDRESSES = {
    **dict.fromkeys(("a", "area", "link"), "href"),
    **dict.fromkeys(("audio", "embed", "iframe", "img", "source", "track", "video"), "src"),
    "object": "data",
}
"""Elements whose value is an address, and the attribute that holds it (5.2.4)."""
GIVEN = {"meta": "content", "data": "value", "meter": "value", "time": "datetime"}


@dataclass
class Item:
    """A group of names and values; a name may have several values."""

    type: str
    values: dict[str, list[str | Item]] = field(default_factory=dict)

    def all(self, name: str) -> list[str | Item]:
        """Returns the values of a name, in the order of the page."""
        return self.values.get(name, [])

    def text(self, name: str) -> str | None:
        """Returns the only value of a name, which is a text; ``None`` if there is none."""
        found = self.all(name)
        if not found:
            return None
        (value,) = found
        assert isinstance(value, str), f"{name} is an item"
        return value

    def items(self, name: str) -> list[Item]:
        """Returns the values of a name, all of which are items."""
        found = [value for value in self.all(name) if isinstance(value, Item)]
        assert len(found) == len(self.all(name)), f"{name} is a text"
        return found


def top_level_items(root: Element, *, address: str) -> list[Item]:
    """Returns the items of a document that are a value of no other.

    Args:
        address: of the document, which relative addresses begin from.
    """
    reader = _Reader(root, address)
    return [
        reader.item(element)
        for element in root.iter()
        if "itemscope" in element.attrib and "itemprop" not in element.attrib
    ]


@dataclass
class _Reader:
    root: Element
    address: str

    def item(self, element: Element, above: tuple[Element, ...] = ()) -> Item:
        assert element not in above, "an item contains itself"
        item = Item(element.get("itemtype") or "")
        for found in self._properties(element):
            value = self._value(found, (*above, element))
            for name in (found.get("itemprop") or "").split():
                item.values.setdefault(name, []).append(value)
        return item

    def _properties(self, root: Element) -> list[Element]:
        """Returns the elements that are values of an item (5.2.5), in the order of the page."""
        found: list[Element] = []
        pending = [*root, *self._referred(root)]
        seen = {id(root)}
        while pending:
            element = pending.pop()
            if id(element) in seen:
                continue
            seen.add(id(element))
            if "itemscope" not in element.attrib:
                pending += list(element)
            if element.get("itemprop"):
                found.append(element)
        order = {id(element): at for at, element in enumerate(self.root.iter())}
        return sorted(found, key=lambda element: order[id(element)])

    def _referred(self, root: Element) -> Iterator[Element]:
        for id_ in (root.get("itemref") or "").split():
            referred = next((one for one in self.root.iter() if one.get("id") == id_), None)
            assert referred is not None, f"no element has the id {id_}"
            yield referred

    def _value(self, element: Element, above: tuple[Element, ...]) -> str | Item:
        if "itemscope" in element.attrib:
            return self.item(element, above)
        if element.tag in ADDRESSES:
            return urljoin(self.address, element.get(ADDRESSES[element.tag]) or "")
        given = element.get(GIVEN.get(element.tag, ""))
        return given if given is not None else "".join(element.itertext())
