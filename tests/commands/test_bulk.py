"""Commands that go through all comments: a bar on a terminal, few rows at once, and going on."""

from __future__ import annotations

import re
import signal
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone

from comments.actions import checking, rebuilding, rerendering
from comments.actions.generating import generate_thread
from comments.management.progress import Place, Progress, ThreadProgress
from comments.models import Comment, Thread
from comments.queries.sites import absolute
from comments.rules.rendering import RENDERER_VERSION
from tests.making import decide, make_thread, post

pytestmark = pytest.mark.django_db

BYTES_OF_A_COMMENT = 100
"""A row that is kept takes ten times as much."""
COMMANDS: dict[str, dict[str, Any]] = {
    "check_threads": {},
    "verify_log": {},
    "rebuild_states": {},
    "rerender_comments": {"all": True},
}


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def some_threads(*sizes: int) -> list[Thread]:
    return [
        generate_thread(site_id=1, key=f"bulk-{at}", comments=size, seed=at)
        for at, size in enumerate(sizes)
    ]


# --- the bar ------------------------------------------------------------------------------------


def bar_after(*moments: tuple[float, int], total: int = 200) -> list[str]:
    out, times = Terminal(), [0.0]
    progress = Progress(OutputWrapper(out), total=total, clock=lambda: times[0])
    for at, done in moments:
        times[0] = at
        progress(done)
    progress.clear()
    return [line.rstrip() for line in out.getvalue().split("\r") if line.strip()]


def test_bar_says_how_far_it_is_how_fast_and_how_long_it_takes() -> None:
    line = "[############............]  50% 100 comments, 50/s, 2 s left"
    assert bar_after((2.0, 100)) == [line]


def test_bar_is_drawn_a_few_times_a_second_and_at_the_end() -> None:
    assert len(bar_after(*((at / 1000, at) for at in range(200)), (0.2, 200))) == 1
    assert len(bar_after((0.3, 10), (0.35, 11), (0.6, 12))) == 2


def test_bar_that_has_nothing_or_more_than_all_to_show_stays_within_its_frame() -> None:
    assert bar_after((1.0, 0), total=0)[0].startswith("[........................]   0%")
    assert bar_after((1.0, 300))[0].startswith("[########################] 100%")


def test_a_line_is_not_written_into_the_bar() -> None:
    out = Terminal()
    progress = Progress(OutputWrapper(out), total=2, clock=iter([0.0, 1.0]).__next__)
    progress(1)
    progress.clear()
    out.write("A line.\n")
    last = out.getvalue().split("\r")[-1]
    assert last == "A line.\n"


class File(StringIO):
    """What is written reaches it when it is flushed, as in a file."""

    reached = ""

    def flush(self) -> None:
        self.reached = self.getvalue()


def test_a_file_gets_a_line_now_and_then_that_says_where_to_go_on() -> None:
    out, times = File(), [0.0]
    progress = Progress(OutputWrapper(out), total=200, clock=lambda: times[0])
    progress.skipped = 50
    for at, done in ((9.9, 60), (10.0, 100), (15.0, 150), (20.0, 199)):
        times[0] = at
        progress(done, place=f"7:{done}")
    assert out.reached.splitlines() == [
        "50% 100 comments, 5/s, 20 s left; --after 7:100 goes on from here",
        "99% 199 comments, 7/s, 0 s left; --after 7:199 goes on from here",
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminal_gets_a_bar_and_a_file_does_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comments.management.progress.EVERY_SECONDS", 0.0)
    some_threads(30)
    terminal, file = Terminal(), StringIO()
    call_command(name, stdout=terminal, **COMMANDS[name])
    call_command(name, stdout=file, **COMMANDS[name])
    assert "[####" in terminal.getvalue()
    assert "\r" not in file.getvalue()
    assert terminal.getvalue().endswith(file.getvalue())


# --- going on -----------------------------------------------------------------------------------


@pytest.fixture
def sigterm_is_harmless() -> Iterator[None]:
    """Lets a signal that a command does not hear end no test; sees that it is as before then."""
    before = signal.signal(signal.SIGTERM, ignored)
    yield
    assert signal.signal(signal.SIGTERM, before) is ignored


def ignored(*_: Any) -> None:
    """Hears a signal and does nothing."""


def broken_off(name: str, **arguments: Any) -> str:
    with pytest.raises(CommandError, match="Broken off") as told:
        call_command(name, stdout=StringIO(), **arguments)
    return str(told.value).rpartition(" ")[2].rstrip(".")


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("check_threads", "comments.management.commands.check_threads.check_thread"),
        ("verify_log", "comments.management.commands.verify_log.verify_thread"),
        ("rebuild_states", "comments.management.commands.rebuild_states.mismatches"),
    ],
)
def test_a_run_that_is_broken_off_goes_on_after_the_last_whole_thread(
    name: str, looks: str, told: int, monkeypatch: pytest.MonkeyPatch, sigterm_is_harmless: None
) -> None:
    first, second, third = (thread.pk for thread in some_threads(5, 5, 5))
    seen: list[int] = []

    def look(thread: Any, *, after: int, progress: Callable[[int, int], None]) -> Iterator[Any]:
        thread_id = thread.pk if isinstance(thread, Thread) else thread
        if thread_id == second and not seen.count(second):
            seen.append(second)
            signal.raise_signal(told)
        seen.append(thread_id)
        progress(5, 0)
        yield from ()

    monkeypatch.setattr(looks, look)
    after = broken_off(name)
    assert int(after) == first
    call_command(name, f"--after={after}", stdout=StringIO())
    assert seen == [first, second, second, third]


def told_of(name: str, *arguments: str, end_at: int = 0) -> tuple[list[int], str, list[str]]:
    """Runs a command that is ended when it has told its progress so often (0: never).

    Returns the numbers told, the place named at its end and those named in its lines.
    """
    told: list[int] = []
    whole, out, place = ThreadProgress.inside, StringIO(), ""

    def inside(self: ThreadProgress, done: int, number: int = 0) -> None:
        whole(self, done, number)
        told.append(number)
        if len(told) == end_at:
            signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ThreadProgress, "inside", inside)
        patched.setattr("comments.management.progress.LINE_SECONDS", 0)
        try:
            call_command(name, *arguments, stdout=out)
        except CommandError as error:
            place = str(error).rpartition(" ")[2].rstrip(".")
    return told, place, re.findall(r"; --after (\S+) goes on from here", out.getvalue())


@pytest.mark.parametrize("name", ["check_threads", "verify_log", "rebuild_states"])
def test_a_run_that_is_broken_off_goes_on_within_a_thread(
    name: str, monkeypatch: pytest.MonkeyPatch, sigterm_is_harmless: None
) -> None:
    for module in ("actions.checking", "actions.rebuilding", "queries.logbook"):
        monkeypatch.setattr(f"comments.{module}.AT_ONCE", 2)
    make_thread("before-it")
    thread = make_thread("long")
    for turn in range(9):
        post(thread, name=f"Guest {turn}")
    whole = told_of(name)[0]
    told, place, lines = told_of(name, end_at=len(whole) - 2)
    assert place == f"{thread.pk}:{told[-1]}"
    assert lines[-1] == place  # what is left of a process that was killed
    rest, ended, _ = told_of(name, f"--after={place}")
    assert ended == ""
    assert min(rest) >= told[-1]
    assert rest[-1] == whole[-1]


def test_what_was_being_read_is_closed_when_a_run_is_broken_off() -> None:
    closed = []

    def reading() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    def look(rows: Iterator[int]) -> None:
        next(rows)
        raise KeyboardInterrupt

    progress = ThreadProgress(OutputWrapper(StringIO()), Thread.objects.all(), after=Place())
    with pytest.raises(CommandError) as told, progress.resumable():
        look(reading())
    assert closed, told.tb


@pytest.mark.parametrize("wrong", ["", "x", "-1", "1:", "1:x", ":1", "1:2:3"])
def test_what_is_no_place_to_go_on_from_is_refused(wrong: str) -> None:
    with pytest.raises(CommandError, match="is no place; one is 7 or 7:1200"):
        call_command("check_threads", f"--after={wrong}", stdout=StringIO())


def test_of_a_thread_that_is_gone_a_run_goes_on_with_the_next() -> None:
    first, second = some_threads(3, 4)
    others = Thread.objects.exclude(pk=first.pk)
    progress = ThreadProgress(OutputWrapper(Terminal()), others, after=Place(first.pk, 2))
    assert list(progress) == [(second.pk, second.key, 0)]


def test_a_repair_that_is_broken_off_goes_on_before_what_it_has_not_mended(
    monkeypatch: pytest.MonkeyPatch, sigterm_is_harmless: None
) -> None:
    monkeypatch.setattr(checking, "AT_ONCE", 1)
    thread = make_thread("to-be-mended")
    for turn in range(9):
        post(thread, name=f"Guest {turn}")
    wrong = Comment.objects.filter(thread=thread, number=4)
    wrong.update(total_count=5)
    _, place, _ = told_of("check_threads", "--repair", end_at=8)
    assert place == f"{thread.pk}:3"
    told_of("check_threads", "--repair", f"--after={place}")
    assert wrong.get().total_count == 0


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_rendering_everything_goes_on_after_the_last_whole_batch(
    told: int, monkeypatch: pytest.MonkeyPatch, sigterm_is_harmless: None
) -> None:
    (thread,) = some_threads(10)
    ids = list(Comment.objects.filter(thread=thread).order_by("pk").values_list("pk", flat=True))
    whole, turns = rerendering._rerender, []

    def once(**arguments: Any) -> None:
        turns.append(arguments["ids"])
        if len(turns) == 3:
            signal.raise_signal(told)
        whole(**arguments)

    monkeypatch.setattr(rerendering, "_rerender", once)
    after = broken_off("rerender_comments", all=True, batch=3)
    assert int(after) == ids[5]
    out = StringIO()
    call_command("rerender_comments", all=True, batch=3, after=int(after), stdout=out)
    assert out.getvalue().startswith("4 comments rendered")
    assert [one for turn in (*turns[:2], *turns[3:]) for one in turn] == ids


def test_rendering_what_is_old_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    (thread,) = some_threads(10)
    Comment.objects.filter(thread=thread).update(renderer_version=RENDERER_VERSION - 1)
    whole, turns = rerendering._rerender, []

    def once(**arguments: Any) -> None:
        turns.append(arguments["ids"])
        if len(turns) == 2:
            raise KeyboardInterrupt
        whole(**arguments)

    monkeypatch.setattr(rerendering, "_rerender", once)
    broken_off("rerender_comments", batch=4)
    out = StringIO()
    call_command("rerender_comments", batch=4, stdout=out)
    assert out.getvalue().startswith("6 comments rendered")


# --- few at once --------------------------------------------------------------------------------


def test_states_are_compared_in_batches_and_nothing_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilding, "AT_ONCE", 4)
    thread, other = make_thread("in-batches"), make_thread("beside-it")
    now = timezone.now()
    for turn in range(10):
        decide(comment_id=post(thread).comment.pk, action="reject", now=now)
        post(other, name=f"Guest {turn}")
    assert list(rebuilding.mismatches(thread.pk)) == []
    ids = list(Comment.objects.filter(thread=thread).order_by("pk").values_list("pk", flat=True))
    for at in (0, 3, 4, 9):
        Comment.objects.filter(pk=ids[at]).update(status="approved")
    found = [(one.comment_id, one.stored, one.derived) for one in rebuilding.mismatches(thread.pk)]
    assert found == [(ids[at], "approved", "rejected") for at in (0, 3, 4, 9)]


def test_what_the_record_tells_of_and_is_not_there_is_told_in_every_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilding, "AT_ONCE", 2)
    thread, other = make_thread("with-gaps"), make_thread("its-neighbour")
    posted = [post(thread, name=f"Guest {turn}").comment.pk for turn in range(5)]
    for gone in (posted[1], posted[4]):
        Comment.objects.filter(pk=gone).update(thread=other, number=90 + gone)
    found = [(one.comment_id, one.stored, one.derived) for one in rebuilding.mismatches(thread.pk)]
    assert found == [(posted[1], None, "published"), (posted[4], None, "published")]


@pytest.mark.parametrize("look", [checking.check_thread, rebuilding.mismatches])
def test_memory_does_not_grow_with_the_thread(
    look: Callable[[int], Iterator[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "AT_ONCE", 100)
    monkeypatch.setattr(rebuilding, "AT_ONCE", 100)
    small, large = some_threads(400, 2_400)

    def peak(thread: Thread) -> int:
        tracemalloc.start()
        deque(look(thread.pk), maxlen=0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(small)  # whatever is loaded once
    assert peak(large) - peak(small) < 2_000 * BYTES_OF_A_COMMENT


def test_progress_of_a_thread_is_told_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "AT_ONCE", 10)
    monkeypatch.setattr(rebuilding, "AT_ONCE", 10)
    monkeypatch.setattr("comments.queries.logbook.AT_ONCE", 1)
    (thread,) = some_threads(35)
    told: list[int] = []

    def note(done: int, _: int) -> None:
        told.append(done)

    list(checking.check_thread(thread.pk, progress=note))
    assert told[:3] == [0, 10, 20]
    told.clear()
    list(rebuilding.mismatches(thread.pk, progress=note))
    assert told == [10, 20, 30, 35]


def test_threads_are_taken_in_order_and_counted() -> None:
    made = some_threads(3, 4)
    progress = ThreadProgress(OutputWrapper(Terminal()), Thread.objects.all(), after=Place())
    assert [key for _, key, _ in progress] == [thread.key for thread in made]
    assert progress.threads == 2


def test_rendering_all_again_leaves_what_nothing_happened_to() -> None:
    """Also mentions of those who have written since: they lead where they led."""
    thread = generate_thread(site_id=1, key="as-it-was", comments=600, seed=1)
    done = rerendering.rerender_comments(
        everything=True, thread_ids=[thread.pk], at_once=100, clock=timezone.now
    )
    assert (done.seen, done.changed, done.kept) == (600, 0, 0)


# --- generate_thread ----------------------------------------------------------------------------


def test_a_filled_thread_is_found_on_its_page_if_there_is_one() -> None:
    make_thread("has-page")
    said = []
    for key in ("has-page", "made-up"):
        out = StringIO()
        call_command("generate_thread", key=key, comments=3, seed=1, stdout=out)
        said.append(out.getvalue())
    assert f"Its page: {absolute('/posts/has-page/')}; in the API: http" in said[0]
    assert "No page shows this thread; the API does: http" in said[1]
