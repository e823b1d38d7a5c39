"""Blocks as HTML, which is what the tables keep of a body and of the notes about its authors."""

from __future__ import annotations

import html
from collections.abc import Iterable

from blog.seed.document import Block, Item


def to_markup(blocks: Iterable[Block]) -> str:
    """Returns blocks as HTML: p, h2, ul, ol, li, blockquote, br and nothing else, all text escaped.

    No attribute but `start` of a numbered list that does not begin with 1. No-break spaces stay
    the characters they are.
    """
    return "\n".join(_block_markup(block) for block in blocks)


def _block_markup(block: Block) -> str:
    if block.kind == "list":
        tag = "ul" if block.start is None else "ol"
        start = "" if block.start in (None, 1) else f' start="{block.start}"'
        items = "\n".join(_item_markup(item) for item in block.items)
        return f"<{tag}{start}>\n{items}\n</{tag}>"
    text = _escaped(block.text)
    if block.kind == "quote":
        return f"<blockquote>\n<p>{text}</p>\n</blockquote>"
    return f"<h2>{text}</h2>" if block.kind == "heading" else f"<p>{text}</p>"


def _item_markup(item: Item) -> str:
    below = f"\n{to_markup(item.nested)}\n" if item.nested else ""
    return f"<li>{_escaped(item.text)}{below}</li>"


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>\n")
