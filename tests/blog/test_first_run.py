"""``make run`` from the inside: a new installation gets ready, and stays as it is after that."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from blog.models import Post
from comments.models import Comment, LogRow, QueueItem, ScreeningRule


def first_run() -> str:
    """Runs the command and returns what it printed."""
    out = io.StringIO()
    call_command("first_run", stdout=out)
    return out.getvalue()


def password_in(text: str) -> str:
    """Returns the password that the command printed."""
    found = re.search(r"'moderator' with the password (\S+)", text)
    assert found, text
    return found[1]


def everything_stored() -> str:
    """Returns all rows of posts, comments and accounts as JSON."""
    rows = [
        *Post.objects.order_by("pk"),
        *Comment.objects.order_by("pk"),
        *ScreeningRule.objects.order_by("pk"),
        *QueueItem.objects.order_by("pk"),
        *LogRow.objects.order_by("pk"),
        *User.objects.all(),
    ]
    return str(serializers.serialize("json", rows))


@pytest.fixture(autouse=True)
def _static_files_elsewhere(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"


@pytest.mark.django_db
def test_first_run_imports_the_post_with_its_nine_comments() -> None:
    first_run()
    post = Post.objects.get()
    readable = Comment.objects.filter(thread=post.thread, visible=True).order_by("number")
    assert list(readable.values_list("number", flat=True)) == list(range(1, 10))
    assert post.thread.last_number == 9


@pytest.mark.django_db
def test_the_desk_has_samples_to_try_it_with_and_no_reader_sees_them(client: Client) -> None:
    first_run()
    waiting = QueueItem.objects.select_related("comment")
    reasons = {item.comment.author_name: item.reason for item in waiting}
    assert reasons == {
        "Dora Sample": "links",
        "Best Offers": "phrases",
        "Maxim Sample": "hidden-field",
        "Nina Sample": "phrases",
    }
    assert all("(A sample of the first run.)" in item.comment.source for item in waiting)
    page = client.get(Post.objects.get().get_absolute_url()).content.decode()
    assert 'id="comment-9"' in page
    assert "Sample" not in page


@pytest.mark.django_db
def test_the_printed_password_signs_the_moderator_in() -> None:
    user = authenticate(username="moderator", password=password_in(first_run()))
    assert user is not None
    assert user.is_staff


@pytest.mark.django_db
def test_a_second_run_changes_nothing_and_shows_no_password() -> None:
    first_run()
    before = everything_stored()
    assert "password" not in first_run()
    assert everything_stored() == before


@pytest.mark.django_db
def test_a_post_that_was_edited_is_left_alone() -> None:
    first_run()
    Post.objects.update(title="Edited since", slug="edited-since", document_digest="")
    first_run()
    assert Post.objects.get().title == "Edited since"


@pytest.mark.django_db
def test_static_files_are_collected_again_only_when_one_has_changed(
    settings: Settings, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "probe.css").write_text("p { color: red }", encoding="utf-8")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    first_run()
    collected = tmp_path / "static" / "probe.css"
    assert collected.read_text(encoding="utf-8") == "p { color: red }"
    collected.write_text("left as it is", encoding="utf-8")
    first_run()
    assert collected.read_text(encoding="utf-8") == "left as it is"
    (source / "probe.css").write_text("p { color: blue }", encoding="utf-8")
    first_run()
    assert collected.read_text(encoding="utf-8") == "p { color: blue }"
