"""The pictures of the documentation: each is there, is shown, and can be taken anew."""

from __future__ import annotations

import re

from scripts.pictures import IMAGES, PICTURES
from tests.conftest import ROOT

SHOWN = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([\w-]+)\.png\)")
OF_MAILS = {"digest-light", "digest-dark"}
"""Taken in another way, as mail programs show them."""


def test_every_picture_that_is_shown_is_there_and_can_be_taken_anew() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {name for page in pages for name in SHOWN.findall(page.read_text(encoding="utf-8"))}
    there = {path.stem for path in IMAGES.glob("*.png")}
    assert shown - OF_MAILS == set(PICTURES)
    assert there == shown | OF_MAILS


def test_taking_them_depends_on_nothing_of_one_machine() -> None:
    for script in ("pictures.py", "pictured.py"):
        text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
        assert re.findall(r"[\"'](?:/home/|/usr/|/tmp/|/work/|/root/|[A-Z]:\\)", text) == []
