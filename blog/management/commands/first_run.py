"""Makes a new installation ready to serve, and finds one that is ready in its order.

Each step looks at what is there first, so that running it again changes no data: the post is
imported, with rules and a few sample comments on the desk, while there is no post; the account is
made while there is none of that name.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from blog.env import ROOT
from blog.minifying import minifier
from blog.models import Post
from blog.naming import name_new_site
from blog.samples import post_samples
from comments.actions.ruling import install_default_rules

DOCUMENT = ROOT / "fixtures" / "israpundit.txt"
MODERATOR = "moderator"


class Command(BaseCommand):
    """``manage.py first_run``."""

    help = "Migrates the database, imports the first post, makes the moderator's account."

    def handle(self, *args: Any, **options: Any) -> None:
        """Does each step that has not been done."""
        if connection.vendor == "sqlite":
            Path(connection.settings_dict["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        name_new_site()
        site_id = settings.SITE_ID or 1
        if not Post.objects.exists():
            install_default_rules(site_id=site_id, now=timezone.now())
            call_command("import_document", str(DOCUMENT), stdout=self.stdout)
            self._post_samples()
        self._make_moderator()
        self._collect_static()

    def _post_samples(self) -> None:
        """Puts a few comments on the desk, so that there is something to moderate."""
        post = Post.objects.get()
        found = post_samples(thread_id=post.thread_id, now=timezone.now())
        self.stdout.write(f"Put {len(found)} sample comments on the moderation desk.")

    def _make_moderator(self) -> None:
        """Makes the account that moderates, and prints its password this one time."""
        users = get_user_model()._default_manager
        if users.filter(username=MODERATOR).exists():
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser(username=MODERATOR, password=password)
        self.stdout.write(
            f"Made the account {MODERATOR!r} with the password {password}\n"
            "It is shown this once. To set another one: "
            f".venv/bin/python manage.py changepassword {MODERATOR}"
        )

    def _collect_static(self) -> None:
        """Collects the static files when one of them is newer, older, gone or new, or would be
        collected otherwise."""
        seen = hashlib.sha256(minifier().encode())
        for finder in get_finders():
            for path, storage in finder.list([]):
                stat = Path(storage.path(path)).stat()
                seen.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        stamp = Path(settings.STATIC_ROOT) / ".collected"
        if stamp.exists() and stamp.read_text(encoding="ascii") == seen.hexdigest():
            return
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(seen.hexdigest(), encoding="ascii")
