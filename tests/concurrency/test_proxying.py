"""``deploy/nginx.conf`` before a whole installation: what is stored, what never is, and streams."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest
from playwright.sync_api import expect

from tests.browser.browsers import browser_of
from tests.conftest import CANNOT_RUN_HERE, ROOT
from tests.production import KEY, THREAD, Answer, Site, ask, free_port, site, wait_for
from tests.streaming.sse import Listener

pytestmark = pytest.mark.concurrency

LIST = f"{THREAD}comments/"
STORED_SECONDS = 5
"""``s-maxage`` of public reads."""
AT_ONCE_SECONDS = 1
"""On SQLite streams look four times a second."""
SHOWN_SECONDS = 3
"""Longer than a page needs to show a few comments, and shorter than what is stored is kept."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """An installation behind nginx."""

    site: Site
    port: int
    log: Path

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Returns what a reader is answered."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            return ask(connection, method, path, body, **headers)

    def cache_of(self, answer: Answer) -> str:
        """Returns what nginx's log says of the store, for a request that was answered."""
        named = answer.headers["x-request-id"]

        def found() -> list[str]:  # written when the reader has his answer
            lines = map(json.loads, self.log.read_text(encoding="utf-8").splitlines())
            return [str(line["cache"]) for line in lines if line["request_id"] == named]

        return str(wait_for(found)[0])

    def reached(self, path: str) -> int:
        """Returns how many requests for a route have come through to the installation."""
        lines = map(json.loads, self.site.log().splitlines())
        return sum(line.get("route") == path for line in lines)


def configured(directory: Path, *, web: int, stream: int, port: int, most: int) -> Path:
    """Returns a configuration of nginx that differs from the product's in places alone."""
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    # As docs/operating.md says where there is no Docker.
    text = re.sub(r"\n +resolver [^\n]*", "", text)
    for named, here in {
        "server web:8000 resolve;": f"server 127.0.0.1:{web};",
        "server stream:8001 resolve;": f"server 127.0.0.1:{stream};",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/var/cache/nginx/rejoinder": f"{directory}/cache",
        "/etc/nginx/tls/*.conf": f"{directory}/none/*.conf",
        "/var/log/nginx/access.log": f"{directory}/access.log",
        "/var/log/nginx/error.log": f"{directory}/error.log",
    }.items():
        assert text.count(named) == 1, named
        text = text.replace(named, here)
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = directory / "nginx.conf"
    user = "user root;\n" if os.getuid() == 0 else ""
    whole.write_text(
        f"{user}pid {directory}/pid;\nerror_log {directory}/error.log warn;\ndaemon off;\n"
        # A stream says itself that it is not to be kept back; here the configuration has to.
        f"events {{ worker_connections {most}; }}\n"
        f"http {{\n{temporary}proxy_ignore_headers X-Accel-Buffering;\n{text}\n}}\n",
        encoding="utf-8",
    )
    return whole


@contextmanager
def nginx(directory: Path, *, web: int, stream: int, port: int, most: int = 512) -> Iterator[Path]:
    """Runs nginx before what listens at two ports, with so many connections; gives its log."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip(f"{CANNOT_RUN_HERE}no nginx on the PATH (on Debian: nginx-light)")
    directory.mkdir()
    whole = configured(directory, web=web, stream=stream, port=port, most=most)
    command = [program, "-c", str(whole), "-p", str(directory)]
    command += ["-e", str(directory / "error.log")]
    with (directory / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    log = directory / "access.log"
    try:
        # Its number is written when it listens, its log is there before.
        wait_for(lambda: process.poll() is not None or (directory / "pid").exists())
        assert process.poll() is None, (directory / "out").read_text(encoding="utf-8")
        yield log
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def proxied(migrated: Path, tmp_path: Path) -> Iterator[Proxied]:
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip(f"{CANNOT_RUN_HERE}no nginx on the PATH (on Debian: nginx-light)")
    port = free_port()
    told = {
        "SITE_URL": f"http://127.0.0.1:{port}",
        "TRUSTED_PROXIES": "1",
        "STREAM_URL": "/",
        "RATE_LIMITS": "off",
        "LOG_FORMAT": "json",
        "LOG_REQUESTS": "on",
        "METRICS_TOKEN": "a-token-for-the-figures",
        "METRICS_DIR": str(tmp_path / "metrics"),
    }
    with site(migrated, tmp_path, "--no-work", **told) as made:
        made.ask("GET", LIST)  # it is ready
        ports = {"web": made.port, "stream": made.stream_port, "port": port}
        with nginx(tmp_path / "nginx", **ports) as log:
            yield Proxied(made, port, log)


def write(proxied: Proxied, text: str) -> int:
    body = {"source": text, "parent": None, "author": {"name": "Ana"}}
    answer = proxied.ask("POST", LIST, body)
    assert answer.status == 201, answer.body
    number: int = answer.document["number"]
    return number


def test_readers_share_what_is_public_and_nothing_else(proxied: Proxied) -> None:
    route = "/api/v1/threads/<str:key>/comments/"

    # Many at once want what nobody has asked for: one of them asks for all.
    before = proxied.reached(route)
    path = f"{LIST}?limit=7"
    with ThreadPoolExecutor(50) as many:
        answers = list(many.map(lambda _: proxied.ask("GET", path), range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.headers["x-request-id"] for answer in answers}) == 50
    assert proxied.reached(route) == before + 1

    # Who has it already is told so, without a question to the installation.
    etag = answers[0].headers["etag"]
    again = proxied.ask("GET", path, If_None_Match=etag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert proxied.cache_of(again) == "HIT"
    assert proxied.reached(route) == before + 1

    # A new comment is seen as soon as the time is over.
    page = f"{LIST}?limit=100"
    proxied.ask("GET", page)
    number, posted = write(proxied, "news for everybody"), monotonic()
    while number_in(proxied.ask("GET", page)) != number:
        assert monotonic() - posted < STORED_SECONDS + 5
        sleep(0.2)
    quiet, asked = proxied.ask("GET", f"{LIST}?limit=3"), monotonic()

    # Whoever says who he is gets an answer made for him, and leaves nothing behind.
    for name, value in {
        "Cookie": "sessionid=somebody",
        "Authorization": "Bearer some.body.else",
    }.items():
        own = f"{LIST}?limit=9&as={name}"
        proxied.ask("GET", own)
        assert proxied.cache_of(proxied.ask("GET", own)) == "HIT"
        assert proxied.cache_of(proxied.ask("GET", own, **{name: value})) == "BYPASS"
        unseen = f"{LIST}?limit=8&as={name}"
        assert proxied.cache_of(proxied.ask("GET", unseen, **{name: value})) == "BYPASS"
        assert proxied.cache_of(proxied.ask("GET", unseen)) == "MISS"
    for private in (f"/api/v1/viewer/?thread={KEY}", "/api/v1/moderation/queue/"):
        for _ in range(2):
            assert proxied.cache_of(proxied.ask("GET", private)) == "MISS"
    for _ in range(2):
        page_of_post = proxied.ask("GET", f"/posts/{KEY}/")
        assert (page_of_post.status, proxied.cache_of(page_of_post)) == (200, "")
    stored = b"".join(
        file.read_bytes() for file in (proxied.log.parent / "cache").rglob("*") if file.is_file()
    )
    keys = set(re.findall(rb"^KEY: http 127\.0\.0\.1:\d+ (/[^?\n]*)", stored, re.MULTILINE))
    assert keys == {LIST.encode()}
    assert b"set-cookie" not in stored.lower()

    # What has not changed is confirmed by its ETag when the time is over, and not made anew.
    sleep(max(0.0, STORED_SECONDS + 1 - (monotonic() - asked)))
    confirmed = proxied.ask("GET", f"{LIST}?limit=3")
    assert (proxied.cache_of(quiet), proxied.cache_of(confirmed)) == ("MISS", "REVALIDATED")
    assert confirmed.body == quiet.body

    # A stream is passed on as it comes, and is never stored.
    with Listener(proxied.port, KEY) as listener:
        listener.wait_for(0)
        assert listener.headers["content-type"].startswith("text/event-stream")
        waits = []
        for words in ("heard at once", "and again", "and once more"):
            before, told = listener.last, monotonic()
            write(proxied, words)
            waits.append(listener.wait_for(before + 1).at - told)
        assert min(waits) < AT_ONCE_SECONDS, waits

    # Nobody outside reads figures, and the log of the proxy names nobody either.
    for path in ("/metrics", "/health/ready"):
        assert (
            proxied.ask("GET", path, Authorization="Bearer a-token-for-the-figures").status == 404
        )
    proxied.ask("GET", "/subscriptions/a-secret/?q=somebody")
    proxied.site.stop()
    assert proxied.ask("GET", "/subscriptions/a-secret/?q=somebody").status == 502
    assert proxied.ask("GET", "/posts/a-post/?q=somebody").status == 502
    logs = [proxied.log, proxied.log.with_name("error.log")]
    log = "".join(one.read_text(encoding="utf-8") for one in logs)
    assert '"status":502' in log
    for word in ("127.0.0.1", "a-secret", "somebody", "limit="):
        assert word not in log


@pytest.mark.browser
def test_what_is_written_quickly_shows_at_once_to_who_reads_through_the_proxy(
    proxied: Proxied, chromium: str
) -> None:
    with browser_of(chromium) as browser:
        page = browser.new_page()
        with page.expect_request(lambda request: request.resource_type == "eventsource"):
            page.goto(f"http://127.0.0.1:{proxied.port}/posts/{KEY}/")
        write(proxied, "The first one.")  # its stream has begun when it shows
        expect(page.get_by_text("The first one.")).to_be_attached()
        waits = []
        for burst in range(3):
            # What is asked for the first of them is stored when the others are there.
            for nth in range(6):
                write(proxied, f"Number {nth} of {burst}.")
            began = monotonic()
            for nth in range(6):
                expect(page.get_by_text(f"Number {nth} of {burst}.")).to_be_attached(timeout=20_000)
            waits.append(monotonic() - began)
        assert max(waits) < SHOWN_SECONDS, waits


@pytest.fixture
def before_an_echo(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Runs nginx before a server that says as which Host it is asked; gives port and log."""

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.headers["Host"].encode()
            self.send_response(200)
            self.send_header("Cache-Control", "public, s-maxage=60")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever).start()
        try:
            port, web = free_port(), server.server_port
            with nginx(tmp_path / "nginx", web=web, stream=web, port=port) as log:
                yield port, log
        finally:
            server.shutdown()


def raw(port: int, *lines: str) -> bytes:
    """Returns all that comes back for a request of these lines, over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        with connection.makefile("rb") as answer:
            return answer.read()


def test_what_is_stored_belongs_to_the_host_that_was_asked(
    before_an_echo: tuple[int, Path],
) -> None:
    port, _ = before_an_echo
    for host in ("b.test", "a.test:8080", "a.test"):
        asked = ["Connection: close", f"Host: {host}"]
        for first in (f"GET http://a.test{LIST} HTTP/1.1", f"GET {LIST} HTTP/1.1"):
            body = raw(port, first, *asked).partition(b"\r\n\r\n")[2]
            assert body == host.encode(), first


def test_a_secret_is_not_logged_where_a_request_is_refused_at_once(
    before_an_echo: tuple[int, Path],
) -> None:
    port, log = before_an_echo
    host, asked = "Host: a.test", "GET /subscriptions/a-secret/ HTTP/1.1"
    refused = [
        (asked, host, f"Cookie: a={'x' * 9_000}"),
        ("TRACE /subscriptions/a-secret/ HTTP/1.1", host),
        (asked,),
        (asked, host, host),
        (asked, host, "X-\0: a"),
        (asked, host, "X: \0"),
        (asked, host, "Transfer-Encoding: foo"),
        (asked.replace("1.1", "4.0"), host),
        ("GET http://a.test//api/v1/x/../%73ubscriptions/a-secret/export/%0A HTTP/1.1",),
        (f"GET /subscriptions/a-secret/{'x' * 9_000} HTTP/1.1", host),
        ("GET /subscriptions/a-secret/../../../a-secret HTTP/1.1", host),
    ]
    for lines in refused:
        assert raw(port, *lines).startswith(b"HTTP/1.1 "), lines
    answered = raw(port, asked, host, "Connection: close")
    assert answered.startswith(b"HTTP/1.1 200 ")
    wait_for(lambda: log.read_text(encoding="utf-8").count("\n") == len(refused) + 1)
    found = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line["status"] >= 400 for line in found] == [True] * len(refused) + [False]
    assert {line["path"] for line in found} == {"/subscriptions/…", ""}
    logs = [log, log.with_name("error.log")]
    assert "a-secret" not in "".join(one.read_text(encoding="utf-8") for one in logs)


def test_nobody_is_named_where_connections_run_out(tmp_path: Path) -> None:
    asked = "GET /subscriptions/a-secret/?q=somebody HTTP/1.1\r\n", "Host: a.test\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        port, web = free_port(), server.getsockname()[1]
        # Of six nginx itself has two, to listen and to be told what to do.
        with nginx(tmp_path / "nginx", web=web, stream=web, port=port, most=6) as log:
            readers = [HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(4)]
            for reader in map(stack.enter_context, map(closing, readers)):
                # Answered, it is connected; with half a request, it is not closed for another.
                assert ask(reader, "GET", "/metrics").status == 404
                reader.sock.sendall(asked[0].encode())
            readers[0].sock.sendall(asked[1].encode())
            assert b" 500 " in readers[0].sock.recv(100)
            wait_for(lambda: '"status":500' in log.read_text(encoding="utf-8"))
            logs = [log, log.with_name("error.log")]
            text = "".join(one.read_text(encoding="utf-8") for one in logs)
    for word in ("127.0.0.1", "a-secret", "somebody"):
        assert word not in text


def number_in(answer: Answer) -> int:
    """Returns the number of the newest comment in a list."""
    return max(int(item["number"]) for item in answer.document["items"])
