"""Processes that act on a thread at once; a script, run by the tests beside it.

``python actor.py SOCKET`` sets up Django once, which takes a second, and becomes another process
for each connection to the socket. That one reads a line of JSON that says what to do, answers with
its process id, says ``ready``, waits for a line, acts, and says what came of it, a line of JSON for
each act; the last line is ``{"ended": true}``. No database is touched before the processes part.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from importlib import import_module
from itertools import count
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

Spec = dict[str, Any]

IMPORTED = (
    "comments.actions.checking",
    "comments.actions.checking_digests",
    "comments.actions.generating",
    "comments.actions.posting",
    "comments.actions.sending",
    "tests.concurrency.drill",
    "tests.concurrency.teller",
)
"""What the processes would import, each for itself."""


def say(**values: Any) -> None:
    """Prints one line of JSON."""
    print(json.dumps(values), flush=True)  # noqa: T201


def wait_for_start() -> None:
    """Tells the test that this process could begin, and begins with all others."""
    say(ready=True)
    sys.stdin.readline()


def texts(spec: Spec) -> Iterator[Spec]:
    """Yields what this process writes: roots, replies, mentions of the others, shared requests."""
    me, people = spec["me"], spec["people"]
    for turn in range(spec["turns"]):
        if turn == spec["shared_turn"]:
            pair = me // 2
            yield {"name": f"Pair {pair}", "source": f"Once only, pair {pair}.", "key": f"k{pair}"}
            continue
        others = [(me + step) % people for step in (1, 5)]
        names = " and ".join(f"@P{other}" for other in others) if turn % 4 == 1 else "nobody"
        parent = {0: None, 1: 1, 2: "own"}[turn % 3]
        yield {
            "name": f"P{me}",
            "source": f"P{me}, {turn}: hello {names}, #{turn + 1}",
            "to": parent,
        }


# --- through the actions ------------------------------------------------------------------------


def begin(spec: Spec) -> None:
    """Makes a thread with one comment, or one of so many generated ones."""
    from django.utils import timezone

    from comments.actions.generating import generate_thread
    from comments.actions.people import GuestName, Writer
    from comments.actions.posting import submit_comment
    from comments.actions.threads import open_thread

    if spec["generated"]:
        generate_thread(site_id=1, key=spec["key"], comments=spec["generated"], seed=7)
        return
    thread = open_thread(
        site_id=1, key=spec["key"], url="/a/", title="A thread", opened_at=timezone.now()
    )
    submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName("First")),
        source="The first comment.",
        format="plain",
        reply_to_number=None,
        now=timezone.now(),
    )


def post(spec: Spec) -> None:
    """Writes its texts, and says number and id of each."""
    from django.utils import timezone

    from comments.actions.answering import AnswerKnown, Request
    from comments.actions.people import GuestName, Writer
    from comments.actions.posting import submit_comment
    from comments.models import Comment, Participant, Thread

    thread_id = Thread.objects.get(key=spec["key"]).pk
    wait_for_start()
    known: Participant | None = None
    own: int | None = None
    for text in texts(spec):
        shared = "key" in text
        writer = Writer(participant=None if shared else known, guest=GuestName(text["name"]))
        request = Request(1, text["key"], text["source"]) if shared else None
        parent = text.get("to")
        try:
            done = submit_comment(
                thread_id=thread_id,
                writer=writer,
                source=text["source"],
                format="plain",
                reply_to_number=own if parent == "own" else parent,
                now=timezone.now(),
                request=request,
            )
        except AnswerKnown as answered:
            comment = Comment.objects.get(pk=answered.answer.comment_id or 0)
            say(id=comment.pk, number=comment.number, source=text["source"], again=True)
        except Exception as error:  # whatever it is, the test must see it
            say(error=f"{type(error).__name__}: {error}", source=text["source"])
        else:
            if not shared:
                known, own = done.participant, done.comment.number
            say(id=done.comment.pk, number=done.comment.number, source=text["source"])


def post_until_killed(spec: Spec) -> None:
    """Writes without end, and says each number when it is stored."""
    spec = {**spec, "turns": 10**9, "shared_turn": -1}
    post(spec)


def inspect(spec: Spec) -> None:
    """Says everything that the test compares."""
    from comments.actions.checking import check_thread
    from comments.models import Comment, Event, Mention, Participation, Reference, Thread

    thread = Thread.objects.get(key=spec["key"])
    comments = Comment.objects.filter(thread=thread)
    names = list(Participation.objects.filter(thread=thread).values_list("name", flat=True))
    say(
        differences=[
            f"#{one.number} {one.field}: {one.stored}, not {one.expected}"
            for one in check_thread(thread.pk)
        ],
        comments={row[0]: row[1:] for row in comments.values_list("id", "number", "source")},
        reachable=list(comments.filter(reachable=True).values_list("number", flat=True)),
        versions=list(
            Event.objects.filter(thread=thread)
            .order_by("version")
            .values_list("version", flat=True)
        ),
        version=thread.version,
        last_number=thread.last_number,
        names=names,
        open_mentions=list(
            Mention.objects.filter(thread=thread, participant=None).values_list("text", flat=True)
        ),
        open_references=list(
            Reference.objects.filter(thread=thread, linked=False).values_list("number", flat=True)
        ),
    )


def hold(spec: Spec) -> None:
    """Fills a thread with comments that wait, and says id and version of each, in order."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from comments.actions.people import GuestName, Writer
    from comments.actions.posting import submit_comment
    from comments.actions.threads import open_thread

    for me in range(spec["moderators"]):
        User.objects.create(pk=1000 + me, username=f"moderator-{me}", is_staff=True)
    thread = open_thread(
        site_id=1,
        key=spec["key"],
        url="/a/",
        title="A thread",
        opened_at=timezone.now(),
        premoderation=True,
    )
    for turn in range(spec["comments"]):
        comment = submit_comment(
            thread_id=thread.pk,
            writer=Writer(guest=GuestName(f"Guest {turn}")),
            source=f"Text {turn}.",
            format="plain",
            reply_to_number=None,
            now=timezone.now(),
        ).comment
        say(id=comment.pk, version=comment.version)


def decide(spec: Spec) -> None:
    """Decides about every comment in the version that was seen, and says what came of each."""
    from django.utils import timezone

    from comments.actions.logbook import Actor
    from comments.actions.moderating import Item, decide_about
    from comments.models import ActorKind
    from comments.rules.moderation import Action

    actor = Actor(ActorKind.MODERATOR, 1000 + spec["me"])
    actions: tuple[Action, ...] = ("approve", "reject", "spam")
    action = actions[spec["me"] % 3]
    wait_for_start()
    for one in spec["comments"]:
        _, [result] = decide_about(
            items=[Item(one["id"], one["version"])],
            action=action,
            actor=actor,
            now=timezone.now(),
        )
        if result.refusal is None and result.comment is not None:
            say(id=one["id"], won=True, status=result.comment.status)
        else:
            extra = result.refusal.extra if result.refusal is not None else {}
            by = extra.get("decision", {}).get("by", {}).get("name")
            say(id=one["id"], won=False, code=result.refusal.code if result.refusal else "", by=by)


def lease(spec: Spec) -> None:
    """Asks for work once, and says which comments it got."""
    from django.utils import timezone

    from comments.actions.leasing import lease_next

    wait_for_start()
    got = lease_next(site_id=1, user_id=1000 + spec["me"], count=spec["count"], now=timezone.now())
    say(got=got)


def inspect_record(spec: Spec) -> None:
    """Says what is wrong with the record, and every status."""
    from comments.actions.checking import check_thread
    from comments.actions.rebuilding import mismatches
    from comments.models import Comment, LogRow, Thread
    from comments.queries.logbook import verify_thread

    thread = Thread.objects.get(key=spec["key"])
    say(
        faults=[str(fault) for fault in verify_thread(thread)],
        mismatches=[str(one) for one in mismatches(thread.pk)],
        differences=[str(one) for one in check_thread(thread.pk)],
        statuses=dict(Comment.objects.filter(thread=thread).values_list("pk", "status")),
        decisions=list(
            LogRow.objects.filter(kind="decision").values_list("comment_id", "actor_id")
        ),
    )


# --- over HTTP ----------------------------------------------------------------------------------


class Api:
    """A client that keeps its connection and does as it is told by ``Retry-After``."""

    def __init__(self, port: int, key: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.thread = f"/api/v1/threads/{key}/"
        self.token: str | None = None

    def close(self) -> None:
        """Hangs up."""
        self.connection.close()

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Returns status and document of an answer; asks again when told to wait."""
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Comment {self.token}"
        content = None if body is None else json.dumps(body)
        for _ in range(20):
            self.connection.request(method, path, content, headers)
            answer = self.connection.getresponse()
            data = answer.read()
            retry_after = answer.headers.get("Retry-After")
            if answer.status not in {429, 503} or retry_after is None:
                break
            sleep(int(retry_after))
        return answer.status, json.loads(data) if data else {}


def post_over_http(spec: Spec) -> None:
    """Writes its texts to the API, and says what was answered."""
    api = Api(spec["port"], spec["key"])
    wait_for_start()
    token = None
    own: int | None = None
    for text in texts(spec):
        shared = "key" in text
        api.token = None if shared else token
        parent = text.get("to")
        body = {
            "source": text["source"],
            "parent": own if parent == "own" else parent,
            "author": {"name": text["name"]},
        }
        headers = {"Idempotency-Key": text["key"]} if shared else {}
        status, answer = api.ask("POST", f"{api.thread}comments/", body, **headers)
        if status != 201:
            say(error=f"{status} {answer.get('code')}", source=text["source"])
            continue
        if not shared:
            token, own = answer["token"], answer["number"]
        say(
            id=answer["id"],
            number=answer["number"],
            source=text["source"],
            html=answer["html"],
            token=answer["token"],
        )


def write_and_vote(spec: Spec) -> None:
    """Writes and votes until told to stop, so that whoever reads meanwhile reads a live thread."""
    from threading import Event, Thread

    api = Api(spec["port"], spec["key"])
    rng = Random(spec["me"])
    stop = Event()
    wait_for_start()

    def wait_for_end() -> None:
        sys.stdin.readline()
        stop.set()

    Thread(target=wait_for_end, daemon=True).start()
    for turn in count():
        if stop.is_set():
            break
        body = {
            "source": f"Writer {spec['me']}, {turn}",
            "parent": rng.choice([None, rng.choice(spec["numbers"])]),
            "author": {"name": f"Writer {spec['me']}"},
        }
        status, answer = api.ask("POST", f"{api.thread}comments/", body)
        if status != 201:
            say(error=f"{status} {answer.get('code')}")
            continue
        api.token = answer["token"]
        say(number=answer["number"])
        for comment_id in rng.sample(spec["ids"], 3):
            value = {"value": rng.choice([1, 1, -1])}
            status, answer = api.ask("PUT", f"/api/v1/comments/{comment_id}/vote/", value)
            say(**({"voted": comment_id} if status == 200 else {"error": f"{status} {answer}"}))


# --- mail to subscribers ------------------------------------------------------------------------


def drill(name: str) -> Callable[[Spec], None]:
    """Returns an act of ``drill.py``, which imports models and so cannot be imported before."""

    def act_of_it(spec: Spec) -> None:
        from tests.concurrency import drill as acts

        getattr(acts, name)(spec)

    return act_of_it


def tell(spec: Spec) -> None:
    """Changes the thread as it is told, line by line."""
    from tests.concurrency import teller

    teller.tell(spec)


ACTS = {
    "begin": begin,
    "decide": decide,
    "hold": hold,
    "inspect": inspect,
    "inspect_mail": drill("inspect_mail"),
    "inspect_record": inspect_record,
    "lease": lease,
    "post": post,
    "post_until_killed": post_until_killed,
    "post_over_http": post_over_http,
    "send": drill("send"),
    "subscribe_people": drill("subscribe_people"),
    "tell": tell,
    "write_and_vote": write_and_vote,
}


def act(connection: socket.socket) -> None:
    """Does what the first line of a connection says, with the connection as input and output."""
    os.dup2(connection.fileno(), 0)
    os.dup2(connection.fileno(), 1)
    connection.close()
    spec: Spec = json.loads(sys.stdin.readline())
    say(pid=os.getpid())
    ACTS[spec["do"]](spec)
    say(ended=True)


def set_up_django() -> None:
    """Makes this process one of the installation that the environment names."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import django

    django.setup()
    for module in IMPORTED:
        import_module(module)
    warm_up()


def warm_up() -> None:
    """Has what each process would make for itself at first use, and half a second with it."""
    from django.template import engines
    from django.urls import resolve

    from comments.rules.names import name_skeleton

    engines.all()
    resolve("/")
    name_skeleton("a")
    # Nobody's collector goes through it, and no process copies it by that.
    gc.collect()
    gc.freeze()


def main() -> None:
    """Parts into a process for each connection until it is killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended leaves nothing behind
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(64)
        set_up_django()
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
    try:
        act(connection)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    main()
