"""How soon the score knows what moderators would decide, and what a score and a decision cost.

    python tests/benchmarks/learning.py [FILE.jsonl …]

For each file of labelled comments (those in ``spam/`` below ``REJOINDER_SHARED_DATA``, if none is
named): learns the first n in their order and prints the average precision on all that follow; then
that of scoring each comment before its own label is learned. Where Debian's ``bogofilter`` is
installed, the line below each is its own, on the same comments.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sklearn.metrics import average_precision_score

from comments.rules.learning import Learner

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = Path(os.environ.get("REJOINDER_SHARED_DATA") or ROOT.parent / "shared" / "data")
DECISIONS = (50, 100, 200, 400, 800)
FEWEST_LEFT = 100
PRECISION = 0.95


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    paths = [Path(name) for name in sys.argv[1:]] or sorted((SHARED_DATA / "spam").glob("*.jsonl"))
    if not paths:
        print(f"no labelled comments in {SHARED_DATA / 'spam'}")
        return 1
    print(f"{'average precision after':34}", *(f"{n:>7}" for n in DECISIONS), f"{'each':>7}")
    for path in paths:
        comments = list(read(path))
        report(path.stem, comments)
        if shutil.which("bogofilter"):
            print_row("  bogofilter", bogofilter_curve(comments), None)
    return 0


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the comments of a file: text, author and parent as strings, and the label."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            yield {
                "text": found["text"],
                "author": str(found.get("author") or ""),
                "parent_text": str(found.get("parent_text") or found.get("parent") or ""),
                "label": found["label"],
            }


def seen(comment: dict[str, Any]) -> dict[str, str]:
    """Returns what may be known when a comment is scored."""
    return {name: comment[name] for name in ("text", "author", "parent_text")}


def precision_of(comments: Sequence[dict[str, Any]], scores: Sequence[float]) -> float | None:
    """Returns the average precision, or None where there are too few comments or one kind only."""
    labels = [comment["label"] for comment in comments]
    if len(labels) < FEWEST_LEFT or len(set(labels)) == 1:
        return None
    return float(average_precision_score(labels, scores))


def report(name: str, comments: Sequence[dict[str, Any]]) -> None:
    """Plays the comments as a stream and prints its curve and its costs."""
    learner, curve, kept = Learner(), {}, ""
    scores: list[float] = []
    scoring, learning = [], []
    for index, comment in enumerate(comments):
        if index in DECISIONS:
            rest = comments[index:]
            curve[index] = precision_of(rest, [learner.score(**seen(each)) for each in rest])
        began = process_time()
        scores.append(learner.score(**seen(comment)))
        scored = process_time()
        learner.learn(key=index, label=comment["label"], **seen(comment))
        learned = process_time()
        scoring.append(scored - began)
        learning.append(learned - scored)
        if index == max(DECISIONS):
            kept = f"{learner.size_bytes() / 1e6:.1f} MB after {index}, "
    spam = sum(comment["label"] for comment in comments) / len(comments)
    print_row(f"{name} ({len(comments)}, {spam:.0%})", curve, precision_of(comments, scores))
    began = process_time()
    threshold = learner.threshold_for_precision(PRECISION)
    held_out = process_time() - began
    print(
        f"  CPU ms: score {mean_ms(scoring)}; learn {mean_ms(learning)}; "
        f"threshold {held_out * 1e3:.0f}\n"
        f"  memory: {kept}{learner.size_bytes() / 1e6:.1f} MB at the end; "
        f"stored {len(learner.model.to_bytes()) / 1e6:.2f} MB; "
        f"score from which {PRECISION:.0%} are spam: {threshold and round(threshold, 3)}",
        flush=True,
    )


def mean_ms(seconds: list[float]) -> str:
    """Returns mean, 99th percentile and most, in milliseconds."""
    ordered = sorted(seconds)
    figures = (sum(ordered) / len(ordered), ordered[int(0.99 * len(ordered))], ordered[-1])
    return " / ".join(f"{figure * 1e3:.1f}" for figure in figures)


def print_row(name: str, curve: dict[int, float | None], each: float | None) -> None:
    """Prints one line of the table."""
    cells = [curve.get(n) for n in DECISIONS] + [each]
    print(
        f"{name[:34]:34}", *(f"{'-' if cell is None else format(cell, '.4f'):>7}" for cell in cells)
    )


def bogofilter_curve(comments: Sequence[dict[str, Any]]) -> dict[int, float | None]:
    """Returns the average precision of bogofilter after so many decisions."""
    curve: dict[int, float | None] = {}
    for n in DECISIONS:
        with tempfile.TemporaryDirectory() as folder:
            for label, option in ((1, "-s"), (0, "-n")):
                box = mailbox([each for each in comments[:n] if each["label"] == label])
                if box:
                    bogofilter(folder, option, box)
            answers = bogofilter(folder, "-TT", mailbox(comments[n:])).split()
        scores = [float(answer) for answer in answers]
        if len(scores) == len(comments) - n:
            curve[n] = precision_of(comments[n:], scores)
    return curve


def bogofilter(folder: str, option: str, box: bytes) -> str:
    """Returns what bogofilter prints for a mailbox."""
    command = ["bogofilter", "-d", folder, "-M", option]
    # It exits with 0, 1 or 2 by its verdict on the last mail, and with 3 where it failed.
    done = subprocess.run(command, input=box, capture_output=True, check=False)
    if done.returncode not in {0, 1, 2}:
        raise RuntimeError(done.stderr.decode())
    return done.stdout.decode()


def mailbox(comments: Sequence[dict[str, Any]]) -> bytes:
    """Returns the comments as mails, which is what bogofilter reads."""
    mails = (
        f"From: {' '.join(each['author'].split())}\n\n{each['text']}\n".replace(
            "\nFrom ", "\n>From "
        )
        for each in comments
    )
    every = "".join(f"From x Thu Jan  1 00:00:00 2026\n{mail}\n" for mail in mails)
    return every.encode("utf-8", "replace")


if __name__ == "__main__":
    raise SystemExit(main())
