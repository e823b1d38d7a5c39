"""The stylesheet keeps its promise about contrast, in both schemes."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

STYLES = ROOT / "comments" / "static" / "comments" / "thread.css"
PAIRS = [
    *(("text", ground) for ground in ("ground", "raised", "sought", "wait-ground")),
    *(("text", ground) for ground in ("good-ground", "bad-ground")),
    *(("soft", ground) for ground in ("ground", "raised", "sought", "wait-ground")),
    *(("link", ground) for ground in ("ground", "raised", "sought", "wait-ground", "bad-ground")),
    *(("accent", ground) for ground in ("ground", "sought", "wait-ground")),
    *(("bad", ground) for ground in ("ground", "raised", "bad-ground")),
    *(("good", "ground"), ("on-accent", "accent")),
]


def colours(scheme: str) -> dict[str, str]:
    """Returns the colours of a scheme by the names of their custom properties."""
    pairs = re.findall(
        r"--([\w-]+): var\(--comments-\1, light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)\);",
        STYLES.read_text(encoding="utf-8"),
    )
    return {name: light if scheme == "light" else dark for name, light, dark in pairs}


def luminance(colour: str) -> float:
    """Returns the relative luminance of a colour (WCAG 2.2)."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(scheme: str, ink: str, ground: str) -> None:
    found = colours(scheme)
    darker, lighter = sorted((luminance(found[ink]), luminance(found[ground])))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
