"""What an operator sees of a whole installation: figures that are right, a log without people."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.production import KEY, THREAD, Site, site, wait_for
from tests.streaming.sse import Listener

pytestmark = pytest.mark.concurrency

TOKEN = "a-token-for-the-figures"
NAME, TEXT, ADDRESS = "Zebedee Quillfeather", "marmalade sandwiches at dawn", "zeb@quill.example"
CLIENT = "203.0.113.77"
ASKED = "what-somebody-looked-for"
LINKS = " ".join(f"https://{name}.example/" for name in ("one", "two", "three", "four"))


@pytest.fixture
def watched(migrated: Path, tmp_path: Path) -> Iterator[Site]:
    told = {
        "METRICS_TOKEN": TOKEN,
        "METRICS_DIR": str(tmp_path / "metrics"),
        "LOG_FORMAT": "json",
        "LOG_REQUESTS": "on",
        "TRUSTED_PROXIES": "1",
        "RATE_LIMITS": "off",
    }
    with site(migrated, tmp_path, "--workers=2", **told) as made:
        yield made


def write(made: Site, text: str, **author: str) -> Any:
    body = {"source": text, "parent": None, "author": {"name": NAME, **author}}
    return made.ask("POST", f"{THREAD}comments/", body, X_Forwarded_For=CLIENT)


def test_figures_are_right_whoever_is_asked_and_the_log_names_nobody(watched: Site) -> None:
    api_token = watched.manage(
        "make_api_token", "moderator", "--scope", "moderate", "--scope", "read"
    )
    before = watched.figures()

    # Who answers is chosen by the connection: more of them than any luck makes one of two.
    posted = [write(watched, f"{TEXT} {n}", email=ADDRESS) for n in range(4)]
    assert [answer.status for answer in posted] == [201] * 4
    for _ in range(16):
        watched.ask("GET", f"{THREAD}comments/?cursor=&q={ASKED}")
    held = write(watched, f"{TEXT} {LINKS}")
    assert held.status == 202
    item = {"id": held.document["id"], "version": held.document["version"]}
    bearer = {"Authorization": f"Bearer {api_token}"}
    decision = {"items": [item], "action": "approve"}
    decided = watched.ask("POST", "/api/v1/moderation/decisions/", decision, **bearer)
    assert decided.status == 200, decided.body

    wish = {"email": ADDRESS, "frequency": "daily"}
    assert watched.ask("POST", "/api/v1/subscriptions/", wish, X_Forwarded_For=CLIENT).status == 202
    [mail] = wait_for(watched.mails)
    [link] = set(re.findall(rb"/subscriptions/[^/\s]+/confirm/\d+/", mail.replace(b"=\r\n", b"")))
    secret = link.decode().split("/")[2]
    confirmed = watched.ask("POST", link.decode(), b"", Content_Type="text/plain")
    assert confirmed.status in {200, 302, 303}, confirmed.body

    with Listener(watched.stream_port, KEY) as listener:
        listener.wait_for(0)
        assert watched.figures()["rejoinder_open_streams{}"] == 1
    wait_for(lambda: watched.figures()["rejoinder_open_streams{}"] == 0)
    wait_for(lambda: watched.figures().get("rejoinder_deliveries_total{outcome=sent}"))

    after = [watched.figures() for _ in range(8)]
    assert all(counted(one) == counted(after[0]) for one in after)
    grown = {
        name: value - before.get(name, 0)
        for name, value in after[-1].items()
        if value != before.get(name, 0)
    }
    view = "view=thread-comments"
    expected = {
        "rejoinder_comments_total{status=published}": 4,
        "rejoinder_comments_total{status=held}": 1,
        "rejoinder_holds_total{cause=verdict}": 1,
        "rejoinder_decisions_total{action=approve,actor=moderator,kind=decision}": 1,
        "rejoinder_deliveries_total{outcome=sent}": 1,
        f"rejoinder_http_requests_total{{method=POST,status=201,{view}}}": 4,
        f"rejoinder_http_requests_total{{method=POST,status=202,{view}}}": 1,
        f"rejoinder_http_requests_total{{method=GET,status=200,{view}}}": 16,
        f"rejoinder_http_request_seconds_count{{{view}}}": 21,
    }
    assert {name: grown.get(name) for name in expected} == expected
    assert grown[f"rejoinder_http_queries_total{{{view}}}"] > 5
    assert after[-1]["rejoinder_database_up{}"] == 1
    waiting = "rejoinder_queue_comments{site=1,why=held}"
    assert after[-1][waiting] == before[waiting] > 0
    assert after[-1]["rejoinder_queue_oldest_seconds{site=1}"] > 60

    # The log: one failure, and everything that happened before.
    with closing(sqlite3.connect(watched.directory / "blog.sqlite3")) as database:
        database.execute("ALTER TABLE comments_screening RENAME TO elsewhere")
    failed = write(watched, f"{TEXT} once more", email=ADDRESS)
    assert failed.status == 500
    name = "from-the-proxy-1234"
    named = watched.ask("GET", THREAD, X_Request_ID=name)
    assert named.headers["x-request-id"] == name
    assert watched.ask("GET", THREAD, X_Request_ID=ADDRESS).headers["x-request-id"] != ADDRESS
    assert watched.stop() == 0

    lines = [json.loads(line) for line in watched.log().splitlines()]
    requests = [line for line in lines if line["logger"] == "blog.requests"]
    assert len({line["process"] for line in requests}) == 2
    assert all(line["route"] for line in requests)
    errors = [line for line in lines if line["level"] == "ERROR"]
    assert {line["request_id"] for line in errors} == {failed.headers["x-request-id"]}
    [error] = [line for line in errors if "exception" in line]
    assert "no such table" in error["exception"][-1]["what"]
    assert any("posting.py" in place for place in error["exception"][-1]["where"])
    assert [line["route"] for line in lines if line.get("request_id") == name] == [
        "/api/v1/threads/<str:key>/"
    ]
    private = [NAME, "Zebedee", TEXT, "marmalade", ADDRESS, "quill.example", CLIENT, "127.0.0.1"]
    private += [ASKED, secret, api_token, TOKEN, *(answer.document["token"] for answer in posted)]
    private += [str(watched.environment["SECRET_KEY"]), "one.example"]
    beginning = {"blog.management.commands.serve"}  # which says where the site is
    said = [line for line in lines if line["logger"] not in beginning]
    assert len(lines) - len(said) == 4
    whole = json.dumps(said, ensure_ascii=False) + watched.out()
    assert [word for word in private if word in whole] == []


def counted(found: dict[str, float]) -> dict[str, float]:
    """Returns what changes neither by itself nor by looking."""
    return {
        name: value
        for name, value in found.items()
        if "_seconds" not in name and "view=/metrics" not in name
    }
