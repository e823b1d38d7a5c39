"""Public reads: the contract's fields, conditional answers, no cookie, constant queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from comments.actions.threads import change_thread, rename_thread
from comments.actions.voting import cast_vote
from comments.models import ThreadState
from comments.queries.pages import page_store
from tests.making import decide, later, make_thread, post

pytestmark = pytest.mark.django_db

COMMENT_FIELDS = {
    "id", "number", "thread", "parent", "root", "depth", "state", "author", "html", "written_at",
    "published_at", "edited_at", "edits", "votes", "mentions", "references", "replies",
    "tombstone", "version", "links",
}  # fmt: skip


def get(client: Client, path: str, **headers: str) -> Any:
    return client.get(f"/api/v1{path}", headers=headers)


def test_list_has_exactly_the_fields_of_the_contract(client: Client) -> None:
    thread = make_thread()
    post(thread, "First, see #2.", name="Ana")
    post(thread, "Hello @Ana", name="Bo", to=1)
    body = get(client, "/threads/a-thread/comments/").json()
    assert body["thread"] == {
        "key": "a-thread",
        "version": 4,
        "count": 2,
        "root_count": 1,
        "state": "open",
        "next_number": 3,
    }
    assert body["page"] == {"next": None, "prev": None, "limit": 50}
    first, second = body["items"]
    assert set(first) == COMMENT_FIELDS
    assert first["author"] == {"name": "Ana", "url": None, "badges": []}
    assert first["written_at"] == "2026-11-23T12:00:00Z"
    assert first["references"] == {"to": [2], "from": [], "more": False}
    assert first["replies"]["count"] == first["replies"]["shown"] == 1
    assert (second["parent"], second["root"], second["depth"]) == (1, 1, 1)
    assert second["mentions"] == [{"text": "@Ana", "start": 6, "end": 10, "number": 1}]
    assert second["references"] == {"to": [], "from": [1], "more": False}
    assert second["links"]["page"].endswith("/posts/a-thread/#comment-2")


def test_tombstone_keeps_its_place_and_nothing_else(client: Client) -> None:
    thread = make_thread()
    root = post(thread, "A secret", name="Carol")
    post(thread, to=1)
    decide(comment_id=root.comment.pk, action="reject", now=later(1))
    body = get(client, "/threads/a-thread/comments/").json()
    stone = body["items"][0]
    assert set(stone) == COMMENT_FIELDS
    assert stone["tombstone"] == {"by": "moderator"}
    assert (stone["author"], stone["html"], stone["written_at"]) == (None, None, None)
    assert stone["replies"]["count"] == 1
    assert "secret" not in str(body)
    assert "Carol" not in str(body)
    assert body["thread"]["count"] == 1


def test_same_version_is_answered_304_from_one_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    thread = make_thread()
    post(thread)
    path = "/threads/a-thread/comments/"
    first = get(client, path)
    with django_assert_num_queries(1):
        again = get(client, path, if_none_match=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    with django_assert_num_queries(1):
        assert get(client, path).content == first.content
    post(thread)
    assert get(client, path, if_none_match=first["ETag"]).status_code == 200


def test_etag_differs_between_shapes_of_one_version(client: Client) -> None:
    post(make_thread())
    paths = [
        "/threads/a-thread/",
        "/threads/a-thread/comments/",
        "/threads/a-thread/comments/?shape=tree",
        "/threads/a-thread/comments/?sort=newest",
        "/threads/a-thread/comments/?limit=5",
        "/threads/a-thread/comments/1/",
        "/threads/a-thread/comments/1/context/",
        "/threads/a-thread/comments/1/replies/",
        "/threads/a-thread/changes/?since=0",
    ]
    assert len({get(client, path)["ETag"] for path in paths}) == len(paths)


def test_public_reads_neither_read_nor_set_a_cookie(client: Client) -> None:
    post(make_thread())
    client.cookies["sessionid"] = "whatever"
    for path in ("/threads/a-thread/", "/threads/a-thread/comments/", "/counts/?key=a-thread"):
        answer = get(client, path)
        assert answer.status_code == 200
        assert not answer.cookies
        assert "Cookie" not in answer["Vary"]
        assert answer["Cache-Control"].startswith("public, max-age=0, s-maxage=5")
        assert {part.strip().lower() for part in answer["Vary"].split(",")} == {"accept", "origin"}


def test_next_page_is_in_body_and_link_header(client: Client) -> None:
    thread = make_thread()
    for _ in range(3):
        post(thread)
    answer = get(client, "/threads/a-thread/comments/?limit=2")
    address = answer.json()["page"]["next"]
    assert f'<{address}>; rel="next"' in answer["Link"]
    second = client.get(address).json()
    assert [item["number"] for item in second["items"]] == [3]
    assert second["page"]["prev"].startswith("http")


def test_thread_is_found_by_key_and_by_every_form_of_its_page(client: Client) -> None:
    make_thread("outside", url="https://www.example.org/blog/post/?b=2&a=1")
    make_thread("inside")
    for url in (
        "https://www.example.org/blog/post/?b=2&a=1",
        "http://example.org/blog/post?a=1&b=2&utm_source=x#comments",
    ):
        assert client.get("/api/v1/threads/", {"url": url}).json()["key"] == "outside"
    inside = client.get("/api/v1/threads/", {"url": "http://127.0.0.1:8000/posts/inside/"})
    assert inside.json()["key"] == "inside"
    assert get(client, "/threads/?key=inside").json()["links"]["page"] == inside.json()["url"]
    unknown = client.get("/api/v1/threads/", {"url": "https://example.org/nothing"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "thread_unknown")


def test_old_key_leads_to_the_renamed_thread(client: Client) -> None:
    thread = make_thread("old")
    rename_thread(thread_id=thread.pk, key="new", url="/posts/new/", now=later(1))
    assert get(client, "/threads/old/").json()["key"] == "new"
    assert client.get("/api/v1/threads/", {"url": "http://127.0.0.1:8000/posts/old/"}).json()[
        "key"
    ] == ("new")


def test_changes_name_each_version_once_in_order(client: Client) -> None:
    thread = make_thread()
    for _ in range(3):
        post(thread)
    change_thread(thread_id=thread.pk, now=later(1), state=ThreadState.CLOSED)
    body = get(client, "/threads/a-thread/changes/?since=2").json()
    assert body == {
        "version": 5,
        "changes": [
            {"version": 3, "kind": "published", "number": 2},
            {"version": 4, "kind": "published", "number": 3},
            {"version": 5, "kind": "state", "number": None},
        ],
        "next": None,
    }


def test_many_changes_come_in_pages_that_miss_none(client: Client) -> None:
    thread = make_thread()
    for state in [ThreadState.CLOSED, ThreadState.OPEN] * 300:
        change_thread(thread_id=thread.pk, now=later(1), state=state)
    since, versions = 0, []
    while since is not None:
        body = get(client, f"/threads/a-thread/changes/?since={since}").json()
        versions += [change["version"] for change in body["changes"]]
        since = body["next"]
    assert versions == list(range(1, 602))


def test_counts_answers_a_hundred_keys_with_one_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    post(make_thread("a"))
    keys = ["a", *[f"none-{n}" for n in range(99)]]
    client.get("/api/v1/counts/?key=x")  # the site is read once for each process
    with django_assert_num_queries(1):
        body = client.get("/api/v1/counts/", {"key": keys}).json()
    assert body["counts"]["a"] == 1
    assert len(body["counts"]) == 100
    assert client.get("/api/v1/counts/", {"key": [*keys, "more"]}).status_code == 422


def test_the_api_begins_with_addresses_that_are_answered(client: Client) -> None:
    thread = make_thread()
    answer = get(client, "/")
    links = answer.json()["links"]
    assert answer["Cache-Control"].startswith("public")
    assert client.get(links["threads"], {"key": thread.key}).json()["key"] == thread.key
    assert client.get(links["counts"], {"key": thread.key}).json() == {"counts": {"a-thread": 0}}
    assert client.get(links["schema"]).status_code == client.get(links["docs"]).status_code == 200


def test_participants_are_those_of_the_thread_by_beginning_of_name(client: Client) -> None:
    thread = make_thread()
    post(thread, name="Adam")
    post(thread, name="Ada Lovelace")
    post(make_thread("other"), name="Adele")
    body = get(client, "/threads/a-thread/participants/?q=ad").json()
    assert body["participants"] == [
        {"name": "Ada Lovelace", "number": 2},
        {"name": "Adam", "number": 1},
    ]


def test_people_of_one_name_are_one_participant_with_the_latest_number(client: Client) -> None:
    thread = make_thread()
    for name in ("Adam", "Ada"):
        first = post(thread, name=name)
        for spelled in ("ADAM", "adam") * 8:
            post(thread, name=spelled if name == "Adam" else name)
        post(thread, "Again.", by=first.participant)
    gone = [post(thread, name="Adamo"), post(thread, name="adam")]
    post(thread, name="Adamus")
    for one in gone:
        decide(comment_id=one.comment.pk, action="remove", now=later(60))
    for number in range(12):
        post(thread, name=f"Adb {number:02}")
    body = get(client, "/threads/a-thread/participants/?q=ad").json()
    assert body["participants"] == [
        {"name": "Ada", "number": 36},
        {"name": "Adam", "number": 18},
        {"name": "Adamus", "number": 39},
        *({"name": f"Adb {number:02}", "number": 40 + number} for number in range(7)),
    ]
    assert get(client, "/threads/a-thread/participants/?q=x").json()["participants"] == []


def test_votes_count_at_once_and_show_with_a_later_version(client: Client) -> None:
    thread = make_thread()
    first, voter = post(thread), post(thread, name="Voter").participant
    etag = get(client, "/threads/a-thread/comments/")["ETag"]
    vote = {"comment_id": first.comment.pk, "participant_id": voter.pk, "value": 1}
    cast_vote(**vote, now=later(5))
    assert thread.events.filter(kind="voted").count() == 0
    # Ten seconds have passed on the server's clock, so the next reader brings the votes out.
    fresh_list = get(client, "/threads/a-thread/comments/", if_none_match=etag)
    assert fresh_list.json()["items"][0]["votes"] == {"up": 1, "down": 0}
    assert thread.events.filter(kind="voted").count() == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "#/limit"),
        ("limit=101", "#/limit"),
        ("limit=x", "#/limit"),
        ("limit=-1", "#/limit"),
        ("limit=1e2", "#/limit"),
        ("limit=" + "9" * 400, "#/limit"),
        ("shape=round", "#/shape"),
        ("sort=worst", "#/sort"),
        ("depth=11", "#/depth"),
        ("since_number=-1", "#/since_number"),
        ("limit=\u0663", "#/limit"),
    ],
)
def test_parameter_out_of_range_is_named(client: Client, query: str, pointer: str) -> None:
    make_thread()
    answer = get(client, f"/threads/a-thread/comments/?{query}")
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        (
            "a-thread/comments/?since_number=x&sort=bad&limit=abc&shape=x&depth=&per_parent=0",
            ["#/shape", "#/sort", "#/limit", "#/depth", "#/per_parent", "#/since_number"],
        ),
        ("a-thread/comments/1/replies/?limit=0&depth=99", ["#/limit", "#/depth"]),
        (f"?url=%00&key={'x' * 201}", ["#/url", "#/key"]),
    ],
)
def test_all_parameters_that_are_wrong_are_named(
    client: Client, path: str, pointers: list[str]
) -> None:
    post(make_thread())
    answer = get(client, f"/threads/{path}")
    assert answer.status_code == 422
    problem = answer.json()
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert problem["detail"] == " ".join(error["detail"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/threads/none/", "thread_unknown"),
        ("/threads/none/comments/", "thread_unknown"),
        ("/threads/%00/", "thread_unknown"),
        ("/threads/a-thread/comments/9/", "not_found"),
        ("/threads/a-thread/comments/999999999999999999/", "not_found"),
        ("/threads/a-thread/comments/1" + "0" * 30 + "/", "not_found"),
        ("/comments/999999999999999999/", "not_found"),
        ("/nothing/", "not_found"),
        ("/posts/none/", "not_found"),
        ("/series/none/", "not_found"),
    ],
)
def test_what_is_not_there_is_a_problem_document(client: Client, path: str, code: str) -> None:
    make_thread()
    answer = get(client, path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code
    assert body["type"].endswith(f"/problems/{code}/")


def test_forged_cursor_is_refused(client: Client) -> None:
    make_thread()
    answer = get(client, "/threads/a-thread/comments/?cursor=forged")
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("", 1),
        ("comments/", 3),
        ("comments/?shape=tree", 4),
        ("comments/?sort=newest", 3),
        ("comments/1/", 3),
        ("comments/1/context/", 4),
        ("comments/1/replies/", 5),
        ("changes/", 2),
        ("participants/?q=g", 2),
    ],
)
def test_queries_of_each_read_are_few_and_the_same_for_any_thread(
    client: Client, path: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for comments in (6, 60):
        thread = make_thread(f"thread-{comments}")
        post(thread)
        for number in range(1, comments):
            post(thread, f"See #1 and @Guest {number}", to=number % 3 or None, name="Guest 1")
        client.get("/api/v1/counts/?key=x")  # the site is read once for each process
        page_store().clear()
        with django_assert_num_queries(queries):
            assert get(client, f"/threads/thread-{comments}/{path}").status_code == 200


def test_a_comment_that_names_itself_is_not_mentioned_by_itself(client: Client) -> None:
    thread = make_thread()
    post(thread, "This is #1.")
    [item] = client.get(f"/api/v1/threads/{thread.key}/comments/").json()["items"]
    assert item["references"] == {"to": [1], "from": [], "more": False}


def test_back_links_beyond_the_first_fifty_are_said_to_be_cut(client: Client) -> None:
    thread = make_thread()
    post(thread)
    post(thread, "See #1 and #1 again.")
    for n in range(50):
        post(thread, f"{n}: see #1 and #2.")
    items = get(client, "/threads/a-thread/comments/?limit=2").json()["items"]
    assert items[0]["references"] == {"to": [], "from": list(range(2, 52)), "more": True}
    assert items[1]["references"] == {"to": [1], "from": list(range(3, 53)), "more": False}
