"""Takes the pictures of ``docs/images`` anew: ``.venv/bin/python scripts/pictures.py [NAME …]``.

Starts the product on a database of its own in a temporary directory, fills it with the example
data (``scripts/pictured.py``), and looks at it with Chromium (on the PATH, or ``CHROMIUM``). With
names, as ``page writing``, only those are taken. The pictures of mails are made with the mails'
own tests; nothing here sends one.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_SECONDS = 60
FILL = "import django; django.setup(); from scripts import pictured; pictured.main()"
"""Fills the database; only then are there models to import."""
GERMAN = """<!doctype html><html lang="de"><meta charset="utf-8"><title>Eine Seite anderswo</title>
<link rel="icon" href="data:,"><script type="module" src="{site}/static/comments/comment-thread.js">
</script><style>
body {{ max-width: 44rem; margin: 2rem auto; padding-inline: 1rem; background: #f7efe1;
  color: #2c2016; font: 1rem/1.6 Georgia, "Liberation Serif", serif;
  --comments-ground: #fdf8ef; --comments-raised: #f1e6d3; --comments-line: #d9c8ab;
  --comments-text: #2c2016; --comments-soft: #6a563f; --comments-link: #8a3b12;
  --comments-accent: #8a3b12 }}
</style><h1>Eine Seite anderswo</h1><p>Darunter stehen
<comment-count src="{site}/api/v1/" key="{key}">die</comment-count> Kommentare des Blogs.</p>
<comment-thread src="{site}/api/v1/threads/{key}/" sort="best"></comment-thread></html>"""
HEBREW = """<!doctype html><html lang="he" dir="rtl"><meta charset="utf-8"><title>עמוד אחר</title>
<link rel="icon" href="data:,"><script type="module" src="{site}/static/comments/comment-thread.js">
</script><style>body {{ max-width: 43.5rem; margin: 1rem auto; background: #fdfdfb }}</style>
<comment-thread src="{site}/api/v1/threads/{key}/"></comment-thread></html>"""


@dataclass
class Shown:
    """What there is to take pictures of."""

    browser: Browser
    site: str
    elsewhere: str
    key: str
    cookies: dict[str, tuple[str, str]]
    numbers: dict[str, int]
    """Of comments, by their author."""

    def by(self, author: str) -> str:
        """Returns the selector of the comment of somebody."""
        return f"#comment-{self.numbers[author]}"

    def open(self, address: str, *, who: str = "", width: int, height: int, **more: Any) -> Page:
        """Returns a page in a fresh profile, as somebody whom the site knows or as nobody."""
        profile = self.browser.new_context(viewport={"width": width, "height": height}, **more)
        if who:
            name, value = self.cookies[who]
            profile.add_cookies([{"name": name, "value": value, "url": self.site}])
        page = profile.new_page()
        page.goto(address)
        return page

    @property
    def post(self) -> str:
        """Returns the address of the post."""
        return f"{self.site}/posts/{self.key}/"


def scrolled_to(found: Locator, *, above: int = 0) -> None:
    """Scrolls so that an element, or the row that it is in, is at the top of the window.

    Args:
        above: pixels of what is before it.
    """
    found.evaluate(
        """(it, above) => {
            const { top } = (it.closest("li.row") ?? it).getBoundingClientRect();
            scrollTo({ top: scrollY + top - above, behavior: "instant" });
        }""",
        above,
    )


def written(page: Page) -> None:
    """Waits until a thread can be written in."""
    page.locator("#reply .cancel").wait_for(state="attached")


def page(shown: Shown) -> Page:
    """A reader with scripts, who has just written."""
    found = shown.open(shown.post, who="ana", width=1000, height=886)
    written(found)
    expect(found.locator(shown.by("Adam")).locator(".votes button")).to_have_count(2)
    scrolled_to(found.locator("#comment-4"))
    return found


def writing(shown: Shown) -> Page:
    """The form below the comment that it answers, with the preview beside the text."""
    found = shown.open(shown.post, width=1000, height=1064)
    written(found)
    found.locator(shown.by("Yossi K.")).locator("[data-do=reply]").click()
    form = found.locator("#reply")
    form.get_by_role("textbox", name="Name").fill("Ruth")
    form.get_by_role("radio", name="Markdown").check()
    text = "Both are right, see #4.\n\n- one: **trade**\n- two: *Syria*"
    form.get_by_role("textbox", name="Comment").fill(text)
    form.get_by_role("button", name="Preview").click()
    expect(form.locator(".preview em")).to_have_text("Syria")
    found.locator("h2").first.evaluate("() => document.activeElement.blur()")
    scrolled_to(found.locator(shown.by("Miriam")))
    return found


def thread_phone_dark(shown: Shown) -> Page:
    """A phone that prefers the dark."""
    found = shown.open(
        shown.post,
        width=390,
        height=844,
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
        color_scheme="dark",
    )
    written(found)
    scrolled_to(found.locator(shown.by("Miriam")))
    return found


def thread_hebrew(shown: Shown) -> Page:
    """A page from right to left."""
    found = shown.open(f"{shown.elsewhere}/he", width=900, height=756)
    written(found)
    scrolled_to(found.locator(shown.by("דוד לוי")))
    return found


def embedded(shown: Shown) -> Page:
    """A page of another origin, with colours of its own."""
    found = shown.open(f"{shown.elsewhere}/de", width=900, height=822)
    written(found)
    expect(found.locator("comment-count")).to_have_text(re.compile(r"\d+"))
    return found


def queue(shown: Shown) -> Page:
    """The desk with ten comments at most on it, the first one in hand."""
    found = shown.open(f"{shown.site}/admin/moderation/", who="ida", width=1180, height=860)
    found.get_by_role("button", name="Next ten").click()
    expect(found.get_by_role("heading", name="on my desk")).to_be_visible()
    return found


def refused(shown: Shown) -> Page:
    """A decision that a colleague was faster with."""
    address = f"{shown.site}/admin/moderation/"
    mine, other = (
        shown.open(address, who=who, width=1280, height=900) for who in ("moderator", "ida")
    )
    put_back = other.get_by_role("button", name="Put them back")
    other.goto(f"{address}?desk=mine")
    if put_back.count():  # what another picture was of
        put_back.click()
    other.goto(address)
    mine.goto(address)
    mine.keyboard.press("j")
    other.keyboard.press("j")
    other.keyboard.press("r")
    other.keyboard.press("3")
    expect(other.locator("#status")).to_contain_text("Rejected")
    mine.keyboard.press("a")
    alert = mine.get_by_role("alert")
    expect(alert).to_contain_text("was not carried out")
    scrolled_to(mine.locator("article.card").first, above=104)
    return mine


def rule(shown: Shown) -> Page:
    """A rule that was tried on past comments."""
    found = shown.open(
        f"{shown.site}/admin/moderation/rules/", who="moderator", width=1180, height=900
    )
    found.get_by_role("link", name="Phrases of advertisers").click()
    found.get_by_role("button", name="Try it").click()
    expect(found.get_by_text("Where moderators saw it otherwise")).to_be_visible()
    return found


def mailroom(shown: Shown) -> Page:
    """How the mail stands."""
    found = shown.open(f"{shown.site}/admin/mail/", who="moderator", width=1100, height=900)
    expect(found.get_by_role("heading", name="Mails per day")).to_be_visible()
    return found


# In this order: some change what the next one shows.
PICTURES: dict[str, Callable[[Shown], Page]] = {
    "page": page,
    "writing": writing,
    "thread-phone-dark": thread_phone_dark,
    "thread-hebrew": thread_hebrew,
    "embedded": embedded,
    "queue": queue,
    "refused": refused,
    "rule": rule,
    "mailroom": mailroom,
}
WHOLE = {"rule", "mailroom"}
"""Pictures of the whole page, and not of the window."""


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def host_pages(port: int, *, site: str, key: Callable[[], str]) -> Iterator[None]:
    """Serves the pages of another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answers with one of the two pages."""
            text = HEBREW if self.path == "/he" else GERMAN
            body = text.format(site=site, key=key()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def served(place: Path, *, port: int, elsewhere: str) -> Iterator[dict[str, Any]]:
    """Gives what ``pictured.py`` says of a new site while it is served.

    Args:
        place: a directory for all that it stores.
    """
    manage = [sys.executable, str(ROOT / "manage.py")]
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": f"sqlite:///{place / 'pictured.sqlite3'}",
        "SITE_URL": f"http://127.0.0.1:{port}",
        "OUTBOX_DIR": str(place / "outbox"),
        "METRICS_DIR": str(place / "metrics"),
        "AUDIT_SHARE": "0",
        "RATE_LIMITS": "off",
    }
    subprocess.run([*manage, "first_run"], env=environment, cwd=ROOT, check=True)
    filled = subprocess.run(
        [sys.executable, "-c", FILL, elsewhere],
        env={**environment, "DJANGO_SETTINGS_MODULE": "blog.settings"},
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    serve = [*manage, "serve", "--port", str(port), "--no-work"]
    serve += ["--stream-port", str(free_port())]
    with subprocess.Popen(serve, env=environment, cwd=ROOT) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/health/ready")
            yield json.loads(filled.stdout.splitlines()[-1])
        finally:
            server.terminate()


def wait_for(address: str) -> None:
    """Waits until an address answers."""
    latest = time.monotonic() + START_SECONDS
    while True:
        try:
            with urlopen(address):
                return
        except (URLError, ConnectionError):
            if time.monotonic() > latest:
                raise
            time.sleep(0.2)


def main() -> int:
    """Takes the pictures that are named, else all; returns the exit code."""
    wanted = sys.argv[1:] or list(PICTURES)
    if unknown := [name for name in wanted if name not in PICTURES]:
        print(f"No such picture: {', '.join(unknown)}. There are {', '.join(PICTURES)}.")
        return 2
    chromium = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, CHROMIUM_NAMES)), ""
    )
    if not chromium:
        print("No Chromium on the PATH, and CHROMIUM names none.")
        return 2
    port, host_port = free_port(), free_port()
    site, elsewhere = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{host_port}"
    with (
        tempfile.TemporaryDirectory() as place,
        served(Path(place), port=port, elsewhere=elsewhere) as told,
        host_pages(host_port, site=site, key=lambda: str(told["key"])),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = Shown(browser, site, elsewhere, told["key"], told["cookies"], told["numbers"])
        for name, look in PICTURES.items():
            if name not in wanted:
                continue
            target = IMAGES / f"{name}.png"
            found = look(shown)
            found.mouse.move(0, 0)
            found.screenshot(path=target, full_page=name in WHOLE, animations="disabled")
            found.context.close()
            print(f"Took {target.relative_to(ROOT)}.")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
