"""``manage.py generate_thread``: a thread of a realistic shape and any size, for load tests."""

from __future__ import annotations

from time import monotonic
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from comments.actions.generating import generate_thread, made_up_url
from comments.errors import Refusal
from comments.management.progress import Progress, interrupted_by_sigterm
from comments.models import Comment
from comments.queries.sites import absolute


class Command(BaseCommand):
    """Fills a thread with made-up comments."""

    help = (
        "Fills an empty thread, made if missing, with made-up comments of a realistic shape. All of"
        " it is one transaction. On SQLite nothing else can be written meanwhile, and whoever waits"
        " for 30 s is refused: beside a running server, make 50,000 at most in one thread."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares which thread, how many comments, and the seed that they come from."""
        parser.add_argument("--key", required=True, help="key of the thread")
        parser.add_argument("--comments", type=int, required=True, help="how many, 1 or more")
        parser.add_argument("--seed", type=int, required=True, help="the same gives the same")
        parser.add_argument(
            "--pending", type=float, default=0.0, help="share that waits for a moderator, 0 to 1"
        )
        parser.add_argument("--site", type=int, default=1, help="id of the site (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fills the thread.

        Raises:
            CommandError: the thread has comments, an argument is none that can be, or it was
                broken off.
        """
        if not Site.objects.filter(pk=options["site"]).exists():
            raise CommandError(f"There is no site {options['site']}.")
        began = monotonic()
        progress = Progress(self.stdout, total=options["comments"])
        try:
            with interrupted_by_sigterm():
                thread = generate_thread(
                    site_id=options["site"],
                    key=options["key"],
                    comments=options["comments"],
                    seed=options["seed"],
                    pending_share=options["pending"],
                    progress=progress,
                )
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            filled = Comment.objects.filter(
                thread__site_id=options["site"], thread__key=options["key"]
            )
            # Tidying up comes after the transaction.
            what = "all comments are" if filled.exists() else "nothing is"
            raise CommandError(f"Broken off; {what} stored.") from None
        finally:
            progress.clear()
        held = options["comments"] - thread.last_number
        gone = thread.last_number - thread.visible_count
        self.stdout.write(
            f"{thread.key}: {thread.last_number} comments numbered, {thread.visible_count} visible,"
            f" {held} held, version {thread.version}, in {monotonic() - began:.1f} s"
        )
        if gone:
            self.stdout.write(
                f"{gone} of the numbered cannot be read: deleted or removed, as happens in a real"
                " thread. Each keeps its number; a tombstone stands where there are replies below."
            )
        if held:
            self.stdout.write(f"{held} wait for a moderator, and have no number yet.")
        page = "No page shows this thread; the API does"
        if thread.url != made_up_url(thread.key):
            page = f"Its page: {absolute(thread.url)}; in the API"
        self.stdout.write(f"{page}: {_api_address(thread.key)}")


def _api_address(key: str) -> str:
    """Returns where the API lists the thread's comments."""
    return absolute(reverse("thread-comments", kwargs={"key": key}))
