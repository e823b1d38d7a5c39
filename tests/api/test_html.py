"""The thread's HTML from the API: the same for everybody, by version, as the page shows it."""

from __future__ import annotations

from typing import Any

import html5lib
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments.actions.generating import generate_thread
from comments.models import RepliesPolicy, Thread, ThreadState
from comments.queries.sites import own_origin
from tests.making import decide, later, make_thread, post
from tests.views.browsing import text_of

pytestmark = pytest.mark.django_db

HTML = "text/html"
THREAD = "/api/v1/threads/a-thread/"


def get(path: str, *, accept: str = HTML, **headers: str) -> Any:
    """Returns the answer to a request of nobody known."""
    return Client().get(path, headers={"accept": accept, **headers})


def elements(answer: Any) -> list[Any]:
    """Returns all elements of an answer, in order."""
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    parsed = html5lib.parse(answer.content.decode(), namespaceHTMLElements=False)
    return list(parsed.iter())


def numbers(answer: Any) -> list[int]:
    """Returns the numbers of the comments, from top to bottom."""
    rows = [one for one in elements(answer) if "row" in (one.get("class") or "").split()]
    return [int(one.get("data-number")) for one in rows]


def one(answer: Any, class_: str) -> Any:
    """Returns the only element of a class."""
    (found,) = [e for e in elements(answer) if class_ in (e.get("class") or "").split()]
    return found


def long_thread() -> Thread:
    """Returns a thread of 60 numbers: a root with 20 replies, the third of them ten deep."""
    thread = make_thread(url="https://host.example/page?p=12")
    post(thread, "Root.", name="Ana")
    for number in range(20):
        post(thread, f"Reply {number}.", name="Bo", to=1)
    deepest = 4
    for depth in range(10):
        post(thread, f"Deep {depth}.", name="Chi", to=deepest)
        deepest = 22 + depth
    for number in range(29):
        post(thread, f"Beside {number}.", name="Dee")
    return thread


def test_the_list_has_the_comments_that_the_json_has() -> None:
    make_thread()
    generate_thread(site_id=1, key="a-thread", comments=40, seed=3)
    answer = get(f"{THREAD}comments/")
    listed = get(f"{THREAD}comments/?limit=100", accept="application/json").json()
    assert numbers(answer) == [item["number"] for item in listed["items"]]
    section = one(answer, "thread")
    assert section.get("data-version") == str(listed["thread"]["version"])
    assert section.get("data-api") == f"{own_origin()}{THREAD}"
    assert section.get("data-state") == "open"


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "application/*;q=0.9, */*"])
def test_whoever_does_not_ask_for_html_by_name_gets_json(accept: str) -> None:
    post(make_thread(), "First.")
    answer = get(f"{THREAD}comments/", accept=accept)
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["", "1/", "1/context/", "1/replies/"])
def test_html_is_public_and_stored_by_version(path: str) -> None:
    thread = make_thread()
    post(thread, "First.")
    post(thread, "Second.", to=1)
    address = f"{THREAD}comments/{path}"
    first = get(address)
    assert first["Cache-Control"].startswith("public")
    assert "Accept" in first["Vary"]
    assert not first.cookies
    again = get(address, **{"if-none-match": first["ETag"]})
    assert again.status_code == 304
    assert get(address, accept="application/json")["ETag"] != first["ETag"]
    with CaptureQueriesContext(connection) as queries:
        assert get(address).content == first.content
    assert len(queries) == 1  # the thread's head: the rest is stored
    post(thread, "Third.", to=1)
    assert get(address, **{"if-none-match": first["ETag"]}).status_code == 200


def test_the_fragment_knows_no_viewer_and_no_secret() -> None:
    post(make_thread(), "First.")
    client = Client()
    client.cookies["comments_guest"] = "anything"
    answer = client.get(f"{THREAD}comments/?with=form", headers={"accept": HTML})
    fields = {e.get("name") for e in elements(answer)}
    assert {"source", "name", "email", "url", "format"} <= fields
    assert not fields & {"csrfmiddlewaretoken", "key", "opened"}
    assert answer.content == get(f"{THREAD}comments/?with=form").content


@pytest.mark.parametrize("path", ["comments/", "comments/?sort=newest", "comments/1/context/"])
def test_a_form_that_could_not_be_sent_from_elsewhere_is_a_link_to_the_one_on_the_page(
    path: str,
) -> None:
    post(make_thread(url="https://host.example/page"), "First.")
    found = elements(get(f"{THREAD}{path}"))
    assert not [e for e in found if e.tag in {"form", "input", "textarea", "button"}]
    (link,) = one(get(f"{THREAD}{path}"), "write-root")
    assert text_of(link) == "Leave a comment"
    assert link.get("href").startswith("https://host.example/page")
    assert link.get("href").endswith("#reply")


def test_a_closed_thread_has_no_link_to_a_form() -> None:
    make_thread(state=ThreadState.CLOSED)
    assert not [e for e in elements(get(f"{THREAD}comments/")) if e.get("class") == "write-root"]


def test_the_feed_of_a_fragment_is_the_one_that_the_json_names() -> None:
    make_thread(url="https://host.example/page")
    named = get(THREAD, accept="application/json").json()["links"]["feed"]
    (link,) = one(get(f"{THREAD}comments/"), "feed")
    assert link.get("href") == named == f"{own_origin()}/threads/a-thread/feed.atom"


def test_links_lead_to_the_page_of_the_thread_wherever_it_is() -> None:
    thread = long_thread()
    post(thread, "See #3.", name="Eve")
    answer = get(f"{THREAD}comments/61/")
    assert numbers(answer) == [61]
    (link,) = [e for e in elements(answer) if e.get("data-ref") == "3"]
    assert link.get("href") == "https://host.example/page?p=12&comment=3#comment-3"


def test_a_hole_says_how_many_are_missing_and_where_the_api_has_them() -> None:
    long_thread()
    listed = get(f"{THREAD}comments/")
    shown = numbers(listed)
    assert shown[:6] == [1, 2, 3, 4, 22, 23]
    holes = [e for e in elements(listed) if "hole" in (e.get("class") or "").split()]
    assert [(h.get("data-parent"), h.get("data-depth")) for h in holes] == [("25", "6"), ("1", "1")]
    deep, beside = [h[0] for h in holes]
    assert text_of(deep) == "Continue this thread (6 more replies) to comment 25"
    assert text_of(beside) == "15 more replies to comment 1"
    rest = get(beside.get("data-fetch").removeprefix(own_origin()))
    assert numbers(rest) == list(range(7, 22))
    branch = get(deep.get("data-fetch").removeprefix(own_origin()))
    assert numbers(branch) == [1, 4, 22, 23, 24, *range(25, 31)]
    assert one(branch, "thread").get("data-view") == "branch"
    assert text_of(one(branch, "all")) == "All comments"


def test_each_comment_of_a_long_thread_is_reached_through_its_pages_and_holes() -> None:
    make_thread()
    generate_thread(site_id=1, key="a-thread", comments=600, seed=11)
    waiting, seen = [f"{THREAD}comments/"], set[int]()
    asked = set[str]()
    while waiting:
        address = waiting.pop()
        if address in asked:
            continue
        asked.add(address)
        answer = get(address)
        seen.update(numbers(answer))
        fetches = [element.get("data-fetch") for element in elements(answer)]
        waiting += [fetch.removeprefix(own_origin()) for fetch in fetches if fetch]
    listed = set[int]()
    address = f"{THREAD}comments/?limit=100"
    while address:
        page = get(address, accept="application/json").json()
        listed.update(item["number"] for item in page["items"])
        address = (page["page"]["next"] or "").removeprefix(own_origin())
    assert len(listed) > 500
    assert seen == listed


def test_what_nobody_can_reach_is_a_problem_document() -> None:
    thread = make_thread()
    gone = post(thread, "Gone.")
    decide(comment_id=gone.comment.pk, action="reject", now=later(1))
    for path in ("1/", "1/context/", "1/replies/", "99/", "99/context/"):
        answer = get(f"{THREAD}comments/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert get(f"{THREAD}comments/?cursor=nonsense").json()["code"] == "cursor_invalid"


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        ("?sort=worst", ["#/sort"]),
        ("?shape=tree", ["#/shape"]),
        ("?limit=abc&sort=worst&depth=3", ["#/limit", "#/depth", "#/sort"]),
        ("?since_number=1&per_parent=3", ["#/per_parent", "#/since_number"]),
        ("1/context/?depth=3", ["#/depth"]),
        ("1/replies/?limit=1", ["#/limit"]),
    ],
)
def test_a_parameter_that_html_would_not_heed_is_refused(path: str, pointers: list[str]) -> None:
    post(make_thread(), "First.")
    answer = get(f"{THREAD}comments/{path}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    errors = answer.json()["errors"]
    assert [error["pointer"] for error in errors] == pointers
    if "depth" in path:
        of_depth = "depth is for JSON; HTML comes without it."
        assert of_depth in [error["detail"] for error in errors]


def test_a_tombstone_has_nothing_of_the_comment() -> None:
    thread = make_thread()
    loud = post(thread, "A secret.", name="Loud")
    post(thread, "An answer.", name="Bo", to=1)
    decide(
        comment_id=loud.comment.pk, action="reject", now=later(1), replies_policy=RepliesPolicy.KEEP
    )
    answer = get(f"{THREAD}comments/1/")
    assert "tombstone" in (one(answer, "comment").get("class") or "")
    assert b"secret" not in answer.content
    assert b"Loud" not in answer.content


def test_the_language_is_the_one_that_is_asked_for() -> None:
    post(make_thread(), "First.")
    hebrew, english = get(f"{THREAD}comments/?lang=he"), get(f"{THREAD}comments/")
    section = one(hebrew, "thread")
    assert (section.get("lang"), section.get("dir")) == ("he", "rtl")
    assert (hebrew["Content-Language"], english["Content-Language"]) == ("he", "en")
    assert (one(english, "thread").get("lang"), hebrew["ETag"]) != ("he", english["ETag"])
    assert one(get(f"{THREAD}comments/?lang=xx"), "thread").get("lang") == "en"
