"""The admin: posts are edited there, threads and comments are searched and read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from blog.models import Author, Post
from comments.models import Comment, Participant, Thread
from tests.making import make_thread, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief", password="a-password-for-tests"))
    return client


def form(**changes: Any) -> dict[str, Any]:
    return {
        "site": 1,
        "title": "A post",
        "slug": "a-post",
        "byline": "By Ted Belman",
        "byline_date": "",
        "body": "<p>Text</p><script>alert(1)</script><h3>Head</h3>",
        "author_notes": "<p>About</p>",
        "published_on": "2026-11-23",
        "thread_state": "open",
        "authorships-TOTAL_FORMS": 0,
        "authorships-INITIAL_FORMS": 0,
        **changes,
    }


def test_new_post_gets_its_thread_and_clean_html(admin: Client) -> None:
    ted = Author.objects.create(
        site_id=1, name="Ted Belman", slug="ted", user=User.objects.create_user("ted")
    )
    authors = {
        "authorships-TOTAL_FORMS": 1,
        "authorships-0-author": ted.pk,
        "authorships-0-position": 0,
    }
    answer = admin.post("/admin/blog/post/add/", form(premoderation="on", **authors))
    assert answer.status_code == 302, answer.content.decode()
    made = Post.objects.get()
    assert "<script" not in made.body_html
    assert "<h3>Head</h3>" in made.body_html
    assert (made.thread.key, made.thread.premoderation, made.thread.version) == ("a-post", True, 1)
    assert list(made.thread.hosts.all()) == [ted.user]
    assert Participant.objects.filter(name="Ted Belman", protected=True).exists()
    assert admin.get("/posts/a-post/").status_code == 200


def test_edited_post_changes_html_and_thread_and_keeps_its_slug(admin: Client) -> None:
    admin.post("/admin/blog/post/add/", form())
    made = Post.objects.get()
    changed = form(title="Better", slug="other", body="<p>New</p>", thread_state="closed")
    answer = admin.post(f"/admin/blog/post/{made.pk}/change/", changed)
    assert answer.status_code == 302, answer.content.decode()
    made = Post.objects.get()
    assert (made.title, made.slug, made.body_html) == ("Better", "a-post", "<p>New</p>")
    assert (made.thread.title, made.thread.state) == ("Better", "closed")


def test_slug_of_another_thread_is_refused_beside_the_field(admin: Client) -> None:
    make_thread("a-post")
    answer = admin.post("/admin/blog/post/add/", form())
    assert answer.status_code == 200
    assert "There is a thread of this name already." in answer.content.decode()
    assert not Post.objects.exists()


@pytest.mark.parametrize("name", ["thread", "comment", "participant"])
def test_threads_comments_and_participants_are_read_and_never_edited(
    admin: Client, name: str
) -> None:
    thread = make_thread()
    made = post(thread, "Look <b>here</b>", name="Ana")
    pk = {"thread": thread.pk, "comment": made.comment.pk, "participant": made.participant.pk}[name]
    base = f"/admin/comments/{name}/"
    assert admin.get(base).status_code == 200
    assert admin.get(f"{base}?q=ana").status_code == 200
    page = admin.get(f"{base}{pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert admin.get(f"{base}add/").status_code == 403
    assert admin.post(f"{base}{pk}/change/", {"name": "x"}).status_code == 403
    assert admin.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403
    assert Thread.objects.count() == Comment.objects.count() == Participant.objects.count() == 1


def test_list_of_comments_takes_the_same_queries_for_few_and_many(
    admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (2, 30):
        thread = make_thread(f"t-{count}")
        for _ in range(count):
            post(thread)
        with django_assert_max_num_queries(7):
            assert admin.get("/admin/comments/comment/").status_code == 200


def test_pages_of_the_admin_hold_no_inline_script_or_style(admin: Client) -> None:
    post(make_thread())
    for path in ("", "comments/comment/", "blog/post/add/", "comments/sitesettings/add/"):
        answer = admin.get(f"/admin/{path}")
        page = answer.content.decode()
        assert "<style" not in page
        assert ' style="' not in page
        assert "<script>" not in page
        assert "script-src 'self'" in answer["Content-Security-Policy"]
