"""``manage.py simulate_rule``: what a rule would have hit, and what moderators had decided."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.text import Truncator

from comments.actions.logbook import OPERATOR
from comments.actions.ruling import MOST_TRIED, simulate_rule
from comments.errors import Refusal
from comments.models import ScreeningRule, Simulation
from comments.queries.ruling import disagreements


class Command(BaseCommand):
    """Tries a rule on past comments; changes nothing but the list of simulations."""

    help = (
        "Runs a rule over past comments, as if it were live: hits, what moderators decided on "
        "those, precision with its 95 % interval, extra holds per day, the worst disagreements."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the rule, and on how many comments."""
        parser.add_argument("rule", nargs="?", help="its key; without it, the rules are listed")
        parser.add_argument("--site", type=int, help="needed where several sites have the rule")
        parser.add_argument(
            "--newest",
            type=int,
            default=MOST_TRIED,
            help=f"so many comments, the newest (default {MOST_TRIED})",
        )
        parser.add_argument("--all", action="store_true", help="all comments of the site")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints what the rule would have done.

        Raises:
            CommandError: there is no such rule, or more than one.
        """
        if options["newest"] < 1:
            raise CommandError("--newest is a number from 1 on.")
        rules = ScreeningRule.objects.order_by("site_id", "key")
        if options["site"] is not None:
            rules = rules.filter(site_id=options["site"])
        if options["rule"] is None:
            for rule in rules:
                self.stdout.write(
                    f"site {rule.site_id}  {rule.key:24} {rule.mode:7} {rule.effect:8} {rule.title}"
                )
            return
        found = list(rules.filter(key=options["rule"]))
        if len(found) != 1:
            said = (
                "Several sites have this rule; say --site." if found else "There is no such rule."
            )
            raise CommandError(said)
        try:
            simulation = simulate_rule(
                rule_id=found[0].pk,
                actor=OPERATOR,
                now=timezone.now(),
                most=None if options["all"] else options["newest"],
            )
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self._print(found[0], simulation)

    def _print(self, rule: ScreeningRule, simulation: Simulation) -> None:
        result = simulation.result
        say = self.stdout.write
        say(f"{rule.title} ({rule.key}, version {rule.version}, {rule.mode}: {rule.effect})")
        say(f"Comments      {result['comments']} in {result['days']} days")
        if result["unknown"]:
            say(f"Not known     {result['unknown']}: what the rule looks at was not kept")
        if result["errors"]:
            say(f"Errors        {result['errors']}")
        say(
            f"Hits          {result['hits']}; moderators agreed with {result['agreed']}, "
            f"disagreed with {result['disagreed']}, did not decide about {result['undecided']}"
        )
        if result["precision"] is None:
            say("Precision     unknown: no hit was decided about")
        else:
            say(
                f"Precision     {result['precision']:.3f}, 95 % between "
                f"{result['low']:.3f} and {result['high']:.3f}"
            )
        say(f"Extra holds   {result['extra_holds_per_day']:g} a day")
        worst = disagreements(simulation)
        if worst:
            say("Worst disagreements:")
        for one, comment in worst:
            text = Truncator(" ".join(comment.source.split())).chars(60)
            value = "" if one["value"] is None else f"{one['value']:g}"
            say(f"  {one['comment']:>8} {one['decided']:8} {value:>6}  {text}")
