"""What a learner is told and how it fails, without numpy: who has no model need not load it."""

from __future__ import annotations

import importlib.util
from collections.abc import Hashable
from functools import cache
from typing import NamedTuple


class LearningUnavailable(Exception):
    """scikit-learn is not installed: install the extra ``learning`` to learn from moderators."""


class ModelDamaged(ValueError):
    """The bytes are no model of this version: cut off, changed, or made by another version."""


class Decided(NamedTuple):
    """A comment with what moderators decided: ``label`` is 1 for spam or abuse, else 0."""

    key: Hashable
    text: str
    author: str
    parent_text: str
    label: int


@cache
def available() -> bool:
    """Returns whether what learning needs is installed."""
    return all(importlib.util.find_spec(name) for name in ("numpy", "scipy", "sklearn"))
