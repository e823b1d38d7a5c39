"""What mails are to hold: one row for all who are to get the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

from comments.models import Selection

Item = tuple[int, int]
"""A thread and a comment in it; 0 is the page of the thread."""


def selection_for(
    *, site_id: int, kind: str, scope: str, period: str = "", items: Sequence[Item] = ()
) -> Selection:
    """Returns the selection of these values, made if there is none.

    Args:
        scope: what the link to unsubscribe ends.
        items: in the order of publication.
    """
    values = [site_id, kind, scope, period, [list(item) for item in items]]
    key = sha256(json.dumps(values).encode()).hexdigest()
    found = Selection.objects.filter(key=key).first()
    if found is not None:
        return found
    return Selection.objects.get_or_create(
        key=key,
        defaults={
            "site_id": site_id,
            "kind": kind,
            "scope": scope,
            "period": period,
            "items": values[4],
        },
    )[0]
