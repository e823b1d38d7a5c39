"""A browser without JavaScript: reads pages, follows links, presses the buttons of forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
from django.test import Client

FORM = "application/x-www-form-urlencoded"


def text_of(element: Element) -> str:
    """Returns the text of an element as it is read, white space collapsed."""
    return " ".join("".join(element.itertext()).split())


@dataclass
class Shown:
    """A page that the browser shows."""

    address: str
    status: int
    response: Any
    """As the test client gives it."""
    root: Element

    @property
    def fragment(self) -> str:
        """Returns the id that the browser goes to."""
        return urlsplit(self.address).fragment

    def find(self, id_: str) -> Element | None:
        """Returns the element of an id, of which there is one at most."""
        found = [element for element in self.root.iter() if element.get("id") == id_]
        assert len(found) < 2, f"{len(found)} elements have the id {id_}"
        return found[0] if found else None

    def get(self, id_: str) -> Element:
        """Returns the element of an id."""
        found = self.find(id_)
        assert found is not None, f"no element has the id {id_}"
        return found

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Returns the elements of a tag with these attributes (``class_`` for ``class``)."""
        return [
            element
            for element in self.root.iter(tag)
            if all(
                value in (element.get(name.rstrip("_")) or "").split()
                for name, value in attributes.items()
            )
        ]

    def numbers(self) -> list[int]:
        """Returns the numbers of the comments and tombstones, in the order of the page."""
        ids = [element.get("id") or "" for element in self.all("article")]
        return [int(id_.removeprefix("comment-")) for id_ in ids if id_.startswith("comment-")]

    def link(self, text: str, *, inside: str = "") -> str:
        """Returns where the link of this text leads."""
        root = self.get(inside) if inside else self.root
        found = [a.get("href") or "" for a in root.iter("a") if text_of(a) == text]
        assert len(found) == 1, f"{len(found)} links are called {text!r}"
        return found[0]

    def notices(self) -> list[str]:
        """Returns what the page says to its reader above comments and forms."""
        return [text_of(one) for one in self.root.iter() if one.get("role") in {"alert", "status"}]

    def error_beside(self, id_: str) -> str:
        """Returns the error that a field is described by."""
        field = self.get(id_)
        assert field.get("aria-invalid") == "true"
        described_by = (field.get("aria-describedby") or "").split()
        return " ".join(text_of(self.get(one)) for one in described_by if one.endswith("_error"))


class Browser:
    """Keeps cookies, and the page it shows."""

    def __init__(self, **defaults: str) -> None:
        self.client = Client(enforce_csrf_checks=True, **defaults)  # type: ignore[arg-type]
        self.shown = Shown("", 0, None, Element("html"))

    def open(self, address: str) -> Shown:
        """Returns the page at an address, as a link on the page shown would lead to it."""
        whole = urljoin(self.shown.address, address)
        return self._show(whole, self.client.get(whole.partition("#")[0]))

    def press(self, value: str, **typed: str) -> Shown:
        """Returns the page after pressing the button of this value, with these fields typed."""
        return self.send(value, **typed)[-1]

    def send(self, value: str, **typed: str) -> list[Shown]:
        """Returns the answer to pressing a button, and the page it redirects to, if it does."""
        button, form = self._button(value)
        fields = {**_fields(form), **typed, button.get("name") or "": value}
        return self.post(form.get("action") or "", fields)

    def post(self, action: str, fields: dict[str, str]) -> list[Shown]:
        """Returns the answer to a form, and the page it redirects to, if it does."""
        address = urljoin(self.shown.address, action)
        body = urlencode(fields, errors="surrogatepass")
        response = self.client.post(address.partition("#")[0], body, content_type=FORM)
        answers = [self._show(address, response)]
        if response.status_code == 303:
            answers.append(self.open(response["Location"]))
        return answers

    def _button(self, value: str) -> tuple[Element, Element]:
        forms = {form.get("id"): form for form in self.shown.root.iter("form") if form.get("id")}
        found = [
            (button, form)
            for form in self.shown.root.iter("form")
            for button in form.iter("button")
            if button.get("value") == value
        ] + [
            (button, forms[button.get("form")])
            for button in self.shown.root.iter("button")
            if button.get("value") == value and button.get("form")
        ]
        assert len(found) == 1, f"{len(found)} buttons have the value {value!r}"
        return found[0]

    def _show(self, address: str, response: Any) -> Shown:
        root = html5lib.parse(response.content, namespaceHTMLElements=False)
        self.shown = Shown(address, response.status_code, response, root)
        return self.shown


def _fields(form: Element) -> dict[str, str]:
    """Returns what a form would send, buttons apart."""
    fields = {}
    for element in form.iter():
        name = element.get("name")
        unchecked = element.get("type") == "radio" and element.get("checked") is None
        if name is None or element.tag == "button" or unchecked:
            continue
        if element.tag == "select":
            fields[name] = _chosen(element)
            continue
        # The parser drops the line break after <textarea>, as browsers do.
        fields[name] = element.text or "" if element.tag == "textarea" else element.get("value", "")
    return fields


def _chosen(select: Element) -> str:
    """Returns the value that a list has: of the chosen option, else of the first."""
    options = list(select.iter("option"))
    chosen = [one for one in options if one.get("selected") is not None] or options[:1]
    return chosen[0].get("value", text_of(chosen[0])) if chosen else ""
