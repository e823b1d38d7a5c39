"""Two browsers on the real server with its live stream, which is killed and started again between.

Pages without a stream ask every twenty seconds; each wait here is shorter, so what shows in time
came by the stream, or because the page asked by itself once it was connected again.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from playwright.sync_api import Browser, Page, Response, ViewportSize, expect

from blog.minifying import minifier
from tests.blog.test_serving import wait_until_connected
from tests.browser.browsers import browser_of
from tests.browser.test_page import PAGE
from tests.conftest import ROOT
from tests.migrated import create_postgres, drop_postgres, postgres_template

pytestmark = pytest.mark.browser

KEY = PAGE.split("/")[2]
RECONNECTED_MILLISECONDS = 15_000


class RealSite:
    """The production server on ports and a database of its own, which can be killed."""

    def __init__(self, directory: Path, database_url: str) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as one,
            socket.create_server(("127.0.0.1", 0)) as other,
        ):
            self.port, self.stream_port = one.getsockname()[1], other.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = directory
        self.database_url = database_url
        self.server: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "DJANGO_SETTINGS_MODULE": "blog.settings",
            "OUTBOX_DIR": str(self.directory / "outbox"),
            "SITE_URL": self.url,
            "SECRET_KEY": "the-same-after-a-restart-" + "x" * 40,
        }
        command = [sys.executable, "manage.py", "serve", "--first-run", "--no-work"]
        command += [f"--port={self.port}", f"--stream-port={self.stream_port}"]
        self.server = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, start_new_session=True
        )
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            wait_until_connected(self.server, connection)
        with closing(HTTPConnection("127.0.0.1", self.stream_port, timeout=60)) as connection:
            wait_until_connected(self.server, connection)

    def kill(self) -> None:
        """Kills it and all that it started, as a power cut would."""
        if self.server is not None and self.server.poll() is None:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()

    def post(self, text: str, name: str) -> int:
        """Writes a comment, once; returns its number. A server that has just begun may hang up."""
        body = json.dumps({"source": text, "author": {"name": name}})
        headers = {"Content-Type": "application/json", "Idempotency-Key": text}
        path = f"/api/v1/threads/{KEY}/comments/"
        while True:
            with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
                try:
                    connection.request("POST", path, body=body, headers=headers)
                    return int(json.loads(connection.getresponse().read())["number"])
                except ConnectionError:
                    assert self.server is not None
                    assert self.server.poll() is None


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Returns a migrated database of the server's own, of the kind that ``DATABASE_URL`` says."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    if not parts.scheme.startswith("postgres"):
        place = tmp_path / "blog.sqlite3"
        shutil.copy(request.getfixturevalue("migrated"), place)
        yield f"sqlite:///{place}"
        return
    name = f"rejoinder_{secrets.token_hex(6)}"
    server = urlunsplit(parts._replace(path="/postgres"))
    with (
        postgres_template(tmp_path_factory, server) as template,
        psycopg.connect(server, autocommit=True) as connection,
    ):
        create_postgres(connection, name, template=template)
        yield urlunsplit(parts._replace(path=f"/{name}"))
        drop_postgres(connection, name)


@pytest.fixture
def real_site(tmp_path: Path, database_url: str) -> Iterator[RealSite]:
    """Returns the production server."""
    site = RealSite(tmp_path, database_url)
    site.start()
    yield site
    site.kill()


def reader(browser: Browser, site: RealSite, window: ViewportSize) -> tuple[Page, list[str]]:
    """Returns a page of the post in a fresh profile, connected, and what it complains about."""
    page = browser.new_context(viewport=window).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with page.expect_request(lambda request: request.resource_type == "eventsource"):
        page.goto(f"{site.url}{PAGE}")
    return page, complaints


def write(page: Page, name: str, text: str) -> None:
    """Writes a comment by the form."""
    page.locator("#reply .cancel").wait_for(state="attached")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("textbox", name="Comment").fill(text)
    page.get_by_role("button", name="Post", exact=True).click()


def test_two_browsers_see_each_other_and_miss_nothing_though_the_server_is_killed(
    real_site: RealSite, chromium: str
) -> None:
    with browser_of(chromium) as browser:
        ana, complaints_of_ana = reader(browser, real_site, ViewportSize(width=1280, height=900))
        bo, complaints_of_bo = reader(browser, real_site, ViewportSize(width=360, height=740))
        write(ana, "Hana", "From Hana.")
        expect(ana.locator("#comment-10")).to_contain_text("From Hana.")
        expect(bo.locator("#comment-10")).to_contain_text("From Hana.")
        expect(bo.locator(".is-new #comment-10")).to_have_count(1)
        expect(ana.locator(".is-new #comment-10")).to_have_count(0)

        ana.locator("#comment-10 [data-do=edit]").click()
        expect(ana.get_by_role("heading", name="Change your comment")).to_be_visible()
        ana.get_by_role("textbox", name="Comment").fill("Changed by Hana.")
        ana.get_by_role("button", name="Save", exact=True).click()
        expect(bo.locator("#comment-10")).to_contain_text("Changed by Hana.")

        real_site.kill()
        real_site.start()
        number = real_site.post("While nobody listened.", "Eve")
        for page in (ana, bo):
            expect(page.locator(f"#comment-{number}")).to_contain_text(
                "While nobody listened.", timeout=RECONNECTED_MILLISECONDS
            )
        write(bo, "Ivo", "From Ivo.")
        expect(ana.locator(f"#comment-{number + 1}")).to_contain_text("From Ivo.")
        for page in (ana, bo):
            expect(page.locator("li[data-number]")).to_have_count(number + 1)
        assert complaints_of_ana == complaints_of_bo == []


def test_a_browser_that_was_offline_catches_up_at_once(real_site: RealSite, chromium: str) -> None:
    with browser_of(chromium) as browser:
        page, complaints = reader(browser, real_site, ViewportSize(width=360, height=740))
        page.context.set_offline(True)
        numbers = [real_site.post(f"Missed {name}.", name) for name in ("Eve", "Fay")]
        page.context.set_offline(False)
        for number in numbers:
            expect(page.locator(f"#comment-{number}")).to_be_attached()
        assert complaints == []


def test_with_the_scripts_as_they_are_served_one_writes_edits_and_votes(
    real_site: RealSite, chromium: str
) -> None:
    with browser_of(chromium) as browser:
        scripts: list[Response] = []
        context = browser.new_context(viewport=ViewportSize(width=1280, height=900))
        context.on("response", lambda it: scripts.append(it) if it.url.endswith(".js") else None)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(f"{real_site.url}{PAGE}")
        write(page, "Hana", "As it is served: **a `b  c` d**, 7 / 2 / 1.")
        expect(page.locator("#comment-10 .text")).to_contain_text("7 / 2 / 1.")

        page.locator("#comment-10 [data-do=edit]").click()
        expect(page.get_by_role("heading", name="Change your comment")).to_be_visible()
        page.get_by_role("textbox", name="Comment").fill("Changed as it is served.")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#comment-10 .text")).to_have_text("Changed as it is served.")

        up = page.get_by_role("button", name="Vote comment 1 up")
        before = int(up.inner_text().split()[1])
        with page.expect_response(lambda answer: answer.url.endswith("/vote/")):
            up.click()
        expect(up).to_have_attribute("aria-pressed", "true")

        names = {script.url.rpartition("/")[2].partition(".")[0] for script in scripts}
        assert {"comment-thread", "view", "writing", "form", "live"} <= names
        for script in scripts:
            assert re.search(r"\.[0-9a-f]{12}\.js$", script.url)
            assert script.headers["content-encoding"] == "gzip"
            assert not minifier() or "/**" not in script.text()

        page.reload()
        expect(up).to_have_attribute("aria-pressed", "true")
        expect(up).to_contain_text(f"▲ {before + 1}")
        assert complaints == []
