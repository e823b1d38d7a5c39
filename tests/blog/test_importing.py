"""The customer's document in the tables: exact, once, all or nothing, and equal to its fixture."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.core import serializers
from django.core.management import CommandError, call_command
from django.test import Client

from blog.models import Author, Post, Series, SeriesPart
from comments.models import Comment, Event, Mention, Participant, SiteSettings, Thread
from tests.conftest import ROOT
from tests.making import post

pytestmark = pytest.mark.django_db

DOCUMENT = ROOT / "fixtures" / "israpundit.txt"
FIXTURE = ROOT / "fixtures" / "israpundit.json"
KEY = "russia-and-the-new-me-part-iv"
MODELS = "blog comments sites.site"


def run(path: Path = DOCUMENT, **options: Any) -> str:
    out = StringIO()
    call_command("import_document", str(path), stdout=out, **options)
    return out.getvalue()


def all_rows() -> list[str]:
    """Returns every row of the site and the product, as Django writes fixtures."""
    out = StringIO()
    call_command("dumpdata", *MODELS.split(), stdout=out, indent=1)
    return out.getvalue().splitlines()


def test_document_is_stored_whole() -> None:
    assert run() == f"Imported {KEY} with 9 comments.\n"
    stored = Post.objects.get()
    assert stored.slug == stored.thread.key == KEY
    assert stored.title.startswith("RUSSIA AND THE NEW ME -Part IV: Can Russia be induced")
    assert stored.byline == "By Ted Belman and Alex Maistrovoy April 18/21"
    assert stored.byline_date == "April 18/21"
    assert stored.published_on == date(2023, 4, 27)
    assert [a.author.name for a in stored.authorships.all()] == ["Ted Belman", "Alex Maistrovoy"]
    parts = SeriesPart.objects.order_by("part").values_list("part", "title")
    assert [part for part, _ in parts] == [1, 2, 3, 4]
    assert parts[0][1] == "The USSR and the Old Middle East"
    assert stored.series_part == SeriesPart.objects.get(part=4)
    assert stored.body_html.count("<li>") == 9
    assert stored.body_html.count("<h2>") == 3
    assert "\u00a0" in stored.body_html or "&nbsp;" in stored.body_html
    assert "Alexander Maistrovoy was born in Moscow" in stored.author_notes_html
    assert "Alexander Maistrovoy" not in stored.body_html
    assert SiteSettings.objects.get().digest_name == "Israpundit Daily Digest"


def test_replies_keep_their_numbers_and_what_is_not_said_stays_unknown() -> None:
    run()
    thread = Thread.objects.get()
    comments = list(Comment.objects.order_by("number"))
    assert [comment.number for comment in comments] == list(range(1, 10))
    assert (thread.last_number, thread.visible_count, thread.state) == (9, 9, "open")
    assert Event.objects.filter(thread=thread).count() == thread.version == 10
    for comment in comments:
        assert comment.author is None
        assert comment.author_name == ""
        assert comment.written_at is None
        assert comment.published_at is None
    assert comments[0].html.count("<p>") == 3
    assert comments[2].source.startswith("@Adam\n\nThe longest alliances")
    assert not Participant.objects.filter(name="Adam").exists()


def test_adam_is_linked_when_he_takes_part_and_the_next_reply_is_number_ten() -> None:
    run()
    mention = Mention.objects.get()
    assert (mention.text, mention.participant) == ("@Adam", None)
    adam = post(Thread.objects.get(), "It was I.", name="Adam")
    assert adam.comment.number == 10
    assert Mention.objects.get().participant == adam.participant
    assert 'href="#comment-10"' in Comment.objects.get(number=3).html


def test_importing_twice_is_the_same_as_once_even_after_readers_have_replied() -> None:
    run()
    post(Thread.objects.get(), "Ten.", name="Zoe")
    before = all_rows()
    assert "nothing changed" in run()
    assert all_rows() == before


@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_fixture_and_import_give_equal_rows() -> None:
    run()
    imported = all_rows()
    for model in (Post, Author, Series, Thread, Participant, SiteSettings):
        model.objects.all().delete()
    call_command("loaddata", str(FIXTURE), verbosity=0)
    assert all_rows() == imported
    assert Comment.objects.count() == 9


def test_loaded_fixture_is_alive(client: Client) -> None:
    call_command("loaddata", str(FIXTURE), verbosity=0)
    body = client.get(f"/api/v1/threads/{KEY}/comments/").json()
    assert [item["number"] for item in body["items"]] == list(range(1, 10))
    assert body["items"][0]["author"] == {"name": None, "url": None, "badges": []}
    assert post(Thread.objects.get(), "Ten.").comment.number == 10


def test_dry_run_reports_and_stores_nothing() -> None:
    report = run(dry_run=True)
    assert "9 declared, 9 found" in report
    assert KEY in report
    assert not Post.objects.exists()
    assert not Thread.objects.exists()


def mutated(tmp_path: Path, old: str, new: str, *, encoding: str = "utf-8") -> Path:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "document.txt"
    path.write_bytes(text.replace(old, new, 1).encode(encoding, errors="replace"))
    return path


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("April 27, 2023 | 9 Comments", "April 27, 2023 | 8 Comments", "line 98:"),
        ("9 Comments / 9 Comments", "8 Comments / 8 Comments", "line 104:"),
        ("  4. Russia is blasting", "  5. Russia is blasting", "number"),
        ("  9. Russia is no friend", "     Russia is no friend", "9"),
        ("RUSSIA AND THE NEW ME -Part IV", "\n\nPart IV", "line"),
        ("April 27, 2023 | 9 Comments", "Sometime", "line"),
        ("April 27, 2023", "April 31, 2023", "line 98:"),
    ],
)
def test_wrong_document_is_refused_with_its_line_and_nothing_is_stored(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        run(mutated(tmp_path, old, new))
    for model in (Post, Author, Series, Thread, Comment, Participant, SiteSettings):
        assert not model.objects.exists()


def test_reply_too_long_to_be_stored_is_refused_with_its_line(tmp_path: Path) -> None:
    path = mutated(tmp_path, "Just reading this now.", "x" * 40_001)
    for dry_run in (True, False):
        with pytest.raises(CommandError, match="line 106: replies: number 1 has more than 40,000"):
            run(path, dry_run=dry_run)
    assert not Post.objects.exists()


def test_unreadable_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    path = mutated(tmp_path, "Israel", "Isra\u00e9l", encoding="cp1252")
    with pytest.raises(CommandError, match=r"line \d+"):
        run(path)
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "missing.txt")


def test_other_document_of_the_same_post_is_refused(tmp_path: Path) -> None:
    run()
    before = all_rows()
    with pytest.raises(CommandError, match="from another document"):
        run(mutated(tmp_path, "Just reading this now.", "Just read this now."))
    assert all_rows() == before


def test_closed_document_makes_a_closed_thread(tmp_path: Path) -> None:
    run(mutated(tmp_path, "Leave a Reply\n", ""))
    assert Thread.objects.get().state == "closed"


def test_import_has_the_clock_of_the_document() -> None:
    run()
    thread = Thread.objects.get()
    assert thread.opened_at == thread.changed_at == datetime(2023, 4, 27, tzinfo=UTC)
    assert Site.objects.count() == 1
    assert serializers.serialize("json", Post.objects.all())


def test_api_shows_post_and_series(client: Client) -> None:
    run()
    listed = client.get("/api/v1/posts/").json()["items"]
    assert [item["slug"] for item in listed] == [KEY]
    assert listed[0]["thread"] == {"key": KEY, "count": 9}
    body = client.get(f"/api/v1/posts/{KEY}/").json()
    assert body["authors"][1]["name"] == "Alex Maistrovoy"
    assert (body["series"]["part"], body["series"]["label"]) == (4, "Part IV")
    assert body["html"].startswith("<p>Under Vladimir Putin")
    series = client.get(f"/api/v1/series/{body['series']['slug']}/").json()
    assert [part["post"] for part in series["parts"]] == [None, None, None, KEY]
