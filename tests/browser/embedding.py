"""A page on an origin of its own, which shows a thread of the site by ``<comment-thread>``.

One server answers under two names: ``127.0.0.1`` is the host's page, and ``localhost`` gives the
scripts to every origin, as the production server does (whitenoise). For a browser these are two
origins, and neither is the one of the API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from comments.models import SiteSettings
from comments.queries.sites import forget_profiles
from tests.conftest import ROOT

STATIC = ROOT / "comments" / "static" / "comments"
TYPES = {".js": "text/javascript", ".css": "text/css"}
DOCUMENT = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>A page elsewhere</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<script type="module" src="{scripts}/comment-thread.js"></script>
<script src="/heard.js"></script>{head}</head>
<body><h1>A page elsewhere</h1>
{body}</body></html>"""
# What the host's page hears of its thread, for the tests to ask.
HEARD = """var heard = [];
for (const name of ["ready", "posted", "changed", "error", "token-needed"])
  addEventListener("comment-thread-" + name, ({ type, detail }) => {
    heard.push([type, detail]);
    document.body.dataset.heard = heard.map(([kind]) => kind.slice(15)).join(" ");
  });"""


@dataclass
class Elsewhere:
    """The host's page and where it is."""

    port: int
    api: str
    body: str = ""
    lang: str = "en"
    head: str = ""

    @property
    def origin(self) -> str:
        """Returns the origin of the host's page, which the site has to allow."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def scripts(self) -> str:
        """Returns where the product's static files are."""
        return f"http://localhost:{self.port}/static/comments"

    def thread(self, key: str, attributes: str = "") -> str:
        """Returns the element that shows a thread."""
        return f'<comment-thread src="{self.api}threads/{key}/" {attributes}></comment-thread>'

    def document(self) -> str:
        """Returns the page."""
        return DOCUMENT.format(lang=self.lang, scripts=self.scripts, head=self.head, body=self.body)

    def content_policy(self) -> str:
        """Returns a policy as strict as a page can have that uses the product from elsewhere."""
        scripts, api = f"http://localhost:{self.port}", self.api.partition("/api/")[0]
        return "; ".join(
            [
                "default-src 'none'",
                f"script-src 'self' {scripts}",
                f"connect-src {scripts} {api}",
                "style-src 'none'",
                "img-src data:",
                "require-trusted-types-for 'script'",
                "trusted-types comment-thread",
            ]
        )


@contextmanager
def page_elsewhere(live_server_url: str) -> Iterator[Elsewhere]:
    """Gives a page whose content a test sets, served until the test is over."""
    page = Elsewhere(port=0, api=f"{live_server_url}/api/v1/")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answers with the page, the script that listens on it, or a static file."""
            static = STATIC / self.path.removeprefix("/static/comments/").partition("?")[0]
            if self.path == "/heard.js":
                self.answer(HEARD.encode(), "text/javascript")
            elif self.path.startswith("/static/") and static.is_file():
                self.answer(static.read_bytes(), TYPES[static.suffix])
            else:
                self.answer(page.document().encode(), "text/html; charset=utf-8")

        def answer(self, body: bytes, type_: str) -> None:
            """Sends an answer that no cache keeps."""
            self.send_response(200)
            self.send_header("Content-Type", type_)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            if self.path.startswith("/static/"):
                self.send_header("Access-Control-Allow-Origin", "*")
            elif self.path != "/heard.js":
                self.send_header("Content-Security-Policy", page.content_policy())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    page.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def allow(origin: str, **fields: object) -> None:
    """Lets an origin in to the API of site 1."""
    SiteSettings.objects.update_or_create(
        site_id=1, defaults={"allowed_origins": [origin], **fields}
    )
    forget_profiles()
