"""``manage.py refit_models``: learns anew from what moderators decided, where that is due."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.actions.learning import refit, refit_due
from comments.models import LearnedModel
from comments.rules.learning_data import LearningUnavailable, available


class Command(BaseCommand):
    """Does what ``manage.py work`` does by itself, now."""

    help = "Learns anew from the decisions of moderators, for each site where enough was decided."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares which sites."""
        parser.add_argument("--all", action="store_true", help="every site, due or not")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints for each site what was learned from.

        Raises:
            CommandError: scikit-learn is not installed.
        """
        if not available():
            raise CommandError(str(LearningUnavailable.__doc__))
        now = timezone.now()
        if options["all"]:
            sites = Site.objects.order_by("pk").values_list("pk", flat=True)
            fitted = [site_id for site_id in sites if refit(site_id=site_id, now=now)]
        else:
            fitted = refit_due(now=now)
        for row in LearnedModel.objects.defer("data").filter(pk__in=fitted).order_by("pk"):
            said = "not known yet" if row.threshold is None else f"{row.threshold:.3f}"
            self.stdout.write(
                f"site {row.pk}: {row.decisions} decisions, {row.spam} against the comment; "
                f"threshold for a precision of {row.precision:g}: {said}"
            )
        if not fitted:
            self.stdout.write("Nothing to learn: too little was decided, or nothing since.")
