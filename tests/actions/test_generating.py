"""Made-up threads: as the actions would have left them, and of the shape that real ones have."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest
from django.db.models import Model
from pytest_django import DjangoAssertNumQueries, Settings

from comments.actions.changing import Editor, delete_comment
from comments.actions.checking import check_thread
from comments.actions.erasing import erase_comment
from comments.actions.generating import AT_ONCE, BEGINS, generate_thread
from comments.actions.generating_texts import Texts
from comments.actions.people import GuestName, Writer, host_participant
from comments.actions.posting import submit_comment
from comments.actions.threads import change_thread, open_thread
from comments.actions.voting import cast_vote
from comments.errors import ThreadClosed, ValidationFailed
from comments.models import (
    Comment,
    Event,
    Mention,
    Participant,
    Participation,
    Reference,
    RepliesPolicy,
    Thread,
    ThreadState,
    Vote,
)
from comments.rules.generated_texts import NEVER_WRITES, author_name, length_at
from comments.rules.generating import Fate, Plan, has_account, plan_thread
from comments.rules.mentions import scan
from comments.rules.names import name_key
from comments.rules.rendering import MentionTarget, clean_source, render
from tests.making import decide, fresh, make_thread, post

pytestmark = pytest.mark.django_db

POLICIES = {
    Fate.REJECTED: RepliesPolicy.KEEP,
    Fate.COLLAPSED: RepliesPolicy.COLLAPSE,
    Fate.REMOVED: RepliesPolicy.REMOVE,
}


class Replay:
    """Lets the people of a plan write, vote and moderate, one after the other."""

    def __init__(self, thread: Thread, plan: Plan, texts: list[tuple[str, str]]) -> None:
        self.thread = thread
        self.plan = plan
        self.texts = texts
        self.people: dict[int, Participant] = {}
        self.ids: list[int] = []

    def run(self) -> None:
        """Goes through the whole history."""
        plan = self.plan
        if plan.premoderated:
            change_thread(thread_id=self.thread.pk, premoderation=True, now=BEGINS)
        for i in range(plan.comments):
            self._write(i)
            if plan.number[i]:
                self._vote(i)
            for leaver in plan.leavers.get(i, ()):
                self._go(leaver)
        if plan.premoderated:
            end = self._at(plan.voted_at(plan.comments - 1) + 2)
            change_thread(thread_id=self.thread.pk, premoderation=False, now=end)

    def _at(self, seconds: int) -> datetime:
        return BEGINS + timedelta(seconds=seconds)

    def _account(self, rank: int) -> Participant:
        if rank not in self.people:
            self.people[rank] = host_participant(
                site_id=1,
                subject=f"replayed:{rank}",
                name=author_name(rank),
                email="",
                now=BEGINS,
            )
        return self.people[rank]

    def _write(self, i: int) -> None:
        plan, author = self.plan, self.plan.author[i]
        if has_account(author):
            writer = Writer(participant=self._account(author))
        elif author in self.people:
            writer = Writer(participant=self.people[author])
        else:
            writer = Writer(guest=GuestName(author_name(author)))
        source, format = self.texts[i]
        parent = plan.parent[i]
        submitted = submit_comment(
            thread_id=self.thread.pk,
            writer=writer,
            source=source,
            format=format,
            reply_to_number=plan.number[parent] if parent >= 0 else None,
            now=self._at(plan.written[i]),
        )
        self.people[author] = submitted.participant
        self.ids.append(submitted.comment.pk)
        if plan.premoderated and plan.number[i]:
            now = self._at(plan.published_at(i))
            decide(comment_id=submitted.comment.pk, action="approve", now=now)

    def _vote(self, i: int) -> None:
        plan = self.plan
        ranks = (rank for rank in range(0, plan.people, 3) if rank != plan.author[i])
        for value in [1] * plan.ups[i] + [-1] * plan.downs[i]:
            cast_vote(
                comment_id=self.ids[i],
                participant_id=self._account(next(ranks)).pk,
                value=value,
                now=self._at(plan.voted_at(i)),
            )

    def _go(self, i: int) -> None:
        comment = Comment.objects.get(pk=self.ids[i])
        now, fate = self._at(self.plan.gone_at(i)), Fate(self.plan.fate[i])
        if fate == Fate.ERASED:
            erase_comment(comment_id=comment.pk, now=now)
        elif fate == Fate.DELETED:
            editor = Editor(participant=self.people[self.plan.author[i]])
            delete_comment(comment_id=comment.pk, editor=editor, version=comment.version, now=now)
        else:
            decide(comment_id=comment.pk, action="reject", replies_policy=POLICIES[fate], now=now)


def fields_of(model: type[Model], *without: str) -> list[str]:
    """Returns all columns of a model but those that hold ids."""
    return [
        field.name
        for field in model._meta.concrete_fields
        if not field.is_relation and not field.primary_key and field.name not in without
    ]


def rows_of(thread: Thread) -> dict[str, list[Any]]:
    """Returns everything stored of a thread, by names and numbers instead of ids."""
    key, url = ("key", "url", "url_key", "title"), ("opened_at",)
    within = {"thread": thread}
    who = ("comment__created_at", "participant__name")
    return {
        "thread": list(
            Thread.objects.filter(pk=thread.pk).values(
                *fields_of(Thread, *key, *url, "log_length", "log_head")
            )
        ),
        "comments": list(
            Comment.objects.filter(**within)
            .order_by("created_at")
            .values(
                *fields_of(Comment),
                *("parent__number", "reply_to__number", "author__name"),
            )
        ),
        "events": list(
            Event.objects.filter(**within).order_by("version").values(*fields_of(Event))
        ),
        "mentions": list(
            Mention.objects.filter(**within)
            .order_by("comment__created_at", "start")
            .values(*fields_of(Mention), *who)
        ),
        "references": list(
            Reference.objects.filter(**within)
            .order_by("comment__created_at", "start")
            .values(*fields_of(Reference), "comment__created_at")
        ),
        "participations": sorted(
            Participation.objects.filter(**within).values_list("name", "name_key")
        ),
        "votes": list(
            Vote.objects.filter(comment__thread=thread)
            .order_by("comment__created_at", "-value")
            .values_list("comment__created_at", "value", "cast_at")
        ),
    }


@pytest.mark.parametrize(("seed", "pending"), [(22, 0.0), (66, 0.15)])
def test_rows_are_those_that_the_actions_leave(
    settings: Settings, seed: int, pending: float
) -> None:
    settings.REJOINDER = {**settings.REJOINDER, "MAX_COMMENT_CHARS": 40_000}
    generated = generate_thread(
        site_id=1, key="generated", comments=250, seed=seed, pending_share=pending
    )
    plan = plan_thread(comments=250, seed=seed, pending_share=pending)
    # The seeds are those of eventful threads.
    assert set(plan.fate) == set(Fate)
    assert any(plan.hidden_above)
    assert any(plan.fate[i] and plan.reachable(i) for i in range(plan.comments))
    assert {"voted", "removed"} <= set(generated.events.values_list("kind", flat=True))
    written = Comment.objects.filter(thread=generated).order_by("created_at")
    texts = list(written.values_list("source", "format"))
    # What an erased comment said is not stored any more; it named nobody.
    texts = [(source or f"Erased {i}.", format) for i, (source, format) in enumerate(texts)]
    acted = open_thread(site_id=1, key="acted", url="/acted/", title="Acted", opened_at=BEGINS)
    Replay(acted, plan, texts).run()
    expected, found = rows_of(acted), rows_of(generated)
    for table, rows in expected.items():
        assert found[table] == rows, table
    assert expected["mentions"]
    assert expected["references"]


def test_check_finds_nothing_wrong() -> None:
    for seed in range(3):
        thread = generate_thread(
            site_id=1, key=f"k{seed}", comments=400, seed=seed, pending_share=seed / 4
        )
        assert list(check_thread(thread.pk)) == []


def test_shape_is_that_of_real_threads() -> None:
    size = AT_ONCE + 1_000
    thread = generate_thread(site_id=1, key="k", comments=size, seed=3)
    comments = list(
        Comment.objects.filter(thread=thread).values_list(
            "source", "parent_id", "depth", "author_name", "deleted_at", "status"
        )
    )
    lengths = sorted(len(source) for source, *_ in comments if source)
    assert median(lengths) == pytest.approx(74, abs=2)
    assert lengths[round(0.99 * len(lengths))] == pytest.approx(1_644, rel=0.05)
    assert lengths[-1] == 34_790
    replies = sum(parent is not None for _, parent, *_ in comments)
    assert replies == round(0.27 * size)
    assert max(depth for _, _, depth, *_ in comments) == 13
    busiest = sum(author in {author_name(0), ""} for _, _, _, author, *_ in comments)
    assert busiest / size == pytest.approx(0.25, abs=0.005)
    assert thread.last_number == size
    assert any(deleted for *_, deleted, _ in comments)
    assert any(status == "rejected" for *_, status in comments)
    assert Vote.objects.filter(comment__thread=thread, value=-1).exists()
    assert Mention.objects.filter(thread=thread, participant=None).exists()
    assert Reference.objects.filter(thread=thread, linked=False).exists()


def test_html_is_what_the_renderer_gives() -> None:
    thread = generate_thread(site_id=1, key="k", comments=1_500, seed=4)
    named = set(Mention.objects.filter(thread=thread).values_list("comment_id", flat=True))
    named |= set(Reference.objects.filter(thread=thread).values_list("comment_id", flat=True))
    for comment in Comment.objects.filter(thread=thread, erased_at=None).exclude(pk__in=named):
        assert clean_source(comment.source, max_chars=40_000) == comment.source
        rendered = render(
            source=comment.source,
            format=comment.format,
            names={},
            numbers=frozenset(),
            budget_seconds=30,
        )
        assert comment.html == rendered.html


def test_same_seed_gives_the_same_thread_and_another_seed_another() -> None:
    threads = [
        generate_thread(site_id=1, key=key, comments=150, seed=seed, pending_share=0.1)
        for key, seed in (("a", 5), ("b", 5), ("c", 6))
    ]
    same, again, other = (rows_of(thread) for thread in threads)
    assert same == again
    assert same["comments"] != other["comments"]


@pytest.mark.parametrize(("comments", "pending", "held"), [(1, 0, 0), (2, 1, 2), (40, 0.25, 10)])
def test_pending_is_the_share_that_waits_without_a_number(
    comments: int, pending: float, held: int
) -> None:
    thread = generate_thread(site_id=1, key="k", comments=comments, seed=1, pending_share=pending)
    waiting = Comment.objects.filter(thread=thread, number=None, status="held")
    assert waiting.count() == held
    assert thread.last_number == comments - held
    assert not thread.premoderation
    assert list(check_thread(thread.pk)) == []


def test_next_comment_goes_on_where_the_generated_ones_end() -> None:
    thread = generate_thread(site_id=1, key="k", comments=60, seed=1)
    before = thread.version
    submitted = post(thread, f"Hello @{author_name(0)}", name="A Newcomer")
    assert submitted.comment.number == 61
    assert fresh(thread).version == before + 1
    assert Mention.objects.get(comment=submitted.comment).participant is not None
    assert list(check_thread(thread.pk)) == []


def test_thread_that_is_there_and_empty_is_filled_as_it_is() -> None:
    thread = make_thread("mine", premoderation=True)
    filled = generate_thread(site_id=1, key="mine", comments=30, seed=1)
    assert filled.pk == thread.pk
    assert filled.premoderation
    statuses = Comment.objects.filter(thread=thread, number__isnull=False).values_list(
        "status", flat=True
    )
    assert "approved" in statuses
    assert "published" not in statuses
    assert list(check_thread(thread.pk)) == []


def test_thread_with_comments_is_refused_and_left_alone() -> None:
    thread = make_thread()
    post(thread)
    before = rows_of(thread)
    with pytest.raises(ValidationFailed, match="has comments already"):
        generate_thread(site_id=1, key=thread.key, comments=10, seed=1)
    assert rows_of(thread) == before


def test_closed_thread_is_refused() -> None:
    thread = make_thread(state=ThreadState.CLOSED)
    with pytest.raises(ThreadClosed):
        generate_thread(site_id=1, key=thread.key, comments=10, seed=1)


@pytest.mark.parametrize("arguments", [{"comments": 0}, {"comments": 5, "pending_share": 1.5}])
def test_impossible_sizes_are_refused_and_leave_no_thread(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one comment or more"):
        generate_thread(site_id=1, key="k", seed=1, **arguments)
    assert not Thread.objects.filter(key="k").exists()


def test_key_that_is_no_slug_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="letters, digits"):
        generate_thread(site_id=1, key="a key/", comments=1, seed=1)


def test_progress_counts_up_to_the_end() -> None:
    seen: list[int] = []
    generate_thread(site_id=1, key="k", comments=AT_ONCE + 10, seed=1, progress=seen.append)
    assert seen == [AT_ONCE, AT_ONCE + 10]


def test_statements_grow_with_batches_and_not_with_comments(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(40):
        generate_thread(site_id=1, key="k", comments=2_000, seed=1)


def test_every_author_has_a_name_of_his_own_that_no_open_mention_begins_like() -> None:
    keys = [name_key(author_name(rank)) for rank in range(5_000)]
    assert len(set(keys)) == len(keys)
    first_words = {key.split("-")[0] for key in keys}
    assert not {name_key(name).split("-")[0] for name in NEVER_WRITES} & first_words


def test_lengths_rise_and_end_at_the_longest() -> None:
    lengths = [length_at(share / 1000) for share in range(1, 1000)]
    assert lengths == sorted(lengths)
    assert (length_at(0.5), length_at(0.99)) == (74, 1_644)
    assert length_at(1 - 1e-9) == 34_790


def test_a_text_that_names_somebody_is_put_together_as_the_renderer_gives_it() -> None:
    plan = plan_thread(comments=4_000, seed=8, pending_share=0.0)
    texts = Texts(plan, seed=8)
    shapes = set()
    for i in sorted({*plan.mentions, *plan.references}):
        naming = texts.naming(i)
        known = {key for one in scan(naming.start).mentions for key, _ in one.keys}
        for names, numbers in (
            ({}, frozenset[int]()),
            ({key: MentionTarget(7) for key in known}, frozenset(range(1, 4_001))),
            ({key: MentionTarget(None) for key in known}, frozenset[int]()),
        ):
            whole = render(
                source=naming.text.source,
                format=naming.text.format,
                names=names,
                numbers=numbers,
                budget_seconds=30,
            )
            assert naming.laid_out(names=names, numbers=numbers) == whole
            shapes.add((naming.text.format, whole.html[:14], bool(whole.mentions)))
    assert len(shapes) > 10
