"""``manage.py forget_expired``: deletes what nobody needs any more; for a daily job."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from comments.actions.answering import forget_answers
from comments.actions.signing_in import forget_token_uses


class Command(BaseCommand):
    """Deletes expired answers to retried requests, and expired uses of host tokens."""

    help = "Deletes answers kept for retries that have expired, and uses of expired tokens."

    def handle(self, *args: Any, **options: Any) -> None:
        """Deletes and says how many."""
        now = timezone.now()
        answers, uses = forget_answers(now=now), forget_token_uses(now=now)
        self.stdout.write(f"Forgot {answers} answers and {uses} token uses.")
