"""The rules that a new site begins with: they hold, none refuses, and each can be switched off.

What could stop an honest first comment is only watched until a moderator has seen what it hits.
"""

from __future__ import annotations

from collections.abc import Mapping

from comments.rules.ruling import RuleFields

DEFAULT_RULES: Mapping[str, RuleFields] = {
    "links": RuleFields(
        title="More than two links",
        kind="links",
        mode="live",
        effect="hold",
        on_error="pass",
        params={"most": 2},
    ),
    "phrases": RuleFields(
        title="Phrases of advertisers",
        kind="words",
        mode="live",
        effect="hold",
        on_error="pass",
        params={
            "phrases": [
                "casino bonus",
                "crypto signals",
                "earn money online",
                "forex signals",
                "payday loan",
                "weight loss pills",
                "work from home and earn",
                "write my essay",
            ],
            "at_least": 1,
        },
    ),
    "copies": RuleFields(
        title="Copies of what others wrote",
        kind="duplicates",
        mode="live",
        effect="hold",
        on_error="pass",
        params={"similarity": 0.9, "min_chars": 80, "authors": "others"},
    ),
    "hidden-field": RuleFields(
        title="A field that nobody sees was filled in",
        kind="honeypot",
        mode="live",
        effect="hold",
        on_error="pass",
        params={},
    ),
    "refused-before": RuleFields(
        title="Half of the author’s comments were refused",
        kind="rejected_share",
        mode="live",
        effect="hold",
        on_error="pass",
        params={"min_count": 4, "share": 0.5},
    ),
    "learned": RuleFields(
        title="Like what moderators refused",
        kind="learned_score",
        mode="live",
        effect="hold",
        on_error="pass",
        params={"threshold": None},
    ),
    "quick": RuleFields(
        title="Written within three seconds",
        kind="time_to_write",
        mode="shadow",
        effect="hold",
        on_error="pass",
        params={"min_seconds": 3},
    ),
    "flood": RuleFields(
        title="More than five comments in ten minutes",
        kind="flood",
        mode="shadow",
        effect="hold",
        on_error="pass",
        params={"most": 5, "seconds": 600},
    ),
    "newcomers": RuleFields(
        title="First comment of an author",
        kind="first_comment",
        mode="off",
        effect="hold",
        on_error="pass",
        params={"published": 1},
    ),
}
