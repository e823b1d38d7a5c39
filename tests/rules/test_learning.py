"""What is learned from decisions: told apart, replaced, forgotten, stored, and never a crash."""

from __future__ import annotations

import hashlib
import itertools
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules import learning_storage
from comments.rules.learning import Learner, Model
from comments.rules.learning_data import Decided, LearningUnavailable, ModelDamaged

ROOT = Path(__file__).resolve().parents[2]
SPAM = [
    "Cheap watches here http://watches.example buy now",
    "BUY cheap pills online, best price http://pills.example",
    "Earn money from home, click http://money.example",
    "Best casino bonus, click here and win money now",
]
FINE = [
    "I disagree with the second paragraph, the river is longer",
    "Thank you for the recipe, my children loved the soup",
    "The author forgets what happened in the council last year",
    "Has anybody tried this with the older version of the tool?",
]
DECISIONS = [
    Decided(f"{label}-{index}-{turn}", f"{text} {turn}", f"Person {index}", "", label)
    for turn in range(30)
    for label, texts in ((1, SPAM), (0, FINE))
    for index, text in enumerate(texts)
]


def learned(decisions: list[Decided]) -> Learner:
    """Returns a learner that was told these decisions one by one."""
    learner = Learner()
    for key, text, author, parent_text, label in decisions:
        learner.learn(key=key, text=text, author=author, parent_text=parent_text, label=label)
    return learner


@pytest.fixture(scope="module")
def told() -> Learner:
    """Returns a learner of all decisions; no test may change it."""
    return learned(DECISIONS)


def test_spam_is_told_from_the_rest_after_few_decisions() -> None:
    learner = learned(DECISIONS[:8])
    assert learner.score(text="buy cheap pills now http://x.example") > 0.6
    assert learner.score(text="My children disagree with the author") < 0.4


def test_same_decisions_give_the_same_scores(told: Learner) -> None:
    again = learned(DECISIONS)
    for text in (*SPAM, *FINE, "something else"):
        assert again.score(text=text) == told.score(text=text)


@pytest.mark.parametrize(
    ("labels", "prior"), [([], 0.2), ([0, 0, 0], 0.05), ([1, 1, 1], 0.8), ([0], 0.1)]
)
def test_one_class_or_none_answers_the_prior(labels: list[int], prior: float) -> None:
    learner = Learner()
    for key, label in enumerate(labels):
        learner.learn(key=key, text=f"text {key}", label=label)
    assert learner.score(text="anything") == pytest.approx(prior)
    assert learner.strongest_words(text="anything") == ()
    assert learner.threshold_for_precision(0.9) is None


def test_author_and_parent_are_not_the_text() -> None:
    learner = Learner()
    for index in range(10):
        learner.learn(key=f"s{index}", text="well said", author="casino", label=1)
        learner.learn(key=f"f{index}", text="well said", author="maria", label=0)
    by_author = learner.score(text="well said", author="casino")
    assert by_author > 0.6 > learner.score(text="well said", author="maria")
    assert learner.score(text="well said casino", author="maria") < by_author


def test_latest_label_of_a_comment_counts() -> None:
    learner = learned(DECISIONS[:8])
    first = learner.score(text=SPAM[0])
    learner.learn(key="1-0-0", text=DECISIONS[0].text, author="Person 0", label=0)
    assert len(learner) == 8
    assert learner.score(text=SPAM[0]) < first
    changed = [*DECISIONS[1:8], DECISIONS[0]._replace(label=0)]
    assert learner.score(text=SPAM[0]) == learned(changed).score(text=SPAM[0])


def test_forgotten_decision_leaves_what_would_be_without_it() -> None:
    learner = learned(DECISIONS[:9])
    learner.forget(DECISIONS[8].key)
    learner.forget("never learned")
    assert len(learner) == 8
    assert learner.score(text=SPAM[0]) == learned(DECISIONS[:8]).score(text=SPAM[0])


def test_all_forgotten_is_the_prior_again() -> None:
    learner = learned(DECISIONS[:8])
    for decision in DECISIONS[:8]:
        learner.forget(decision.key)
    assert learner.score(text=SPAM[0]) == pytest.approx(0.2)
    assert learner.size_bytes() == 0


def test_decision_counts_at_once_between_two_fits(told: Learner) -> None:
    learner = learned(DECISIONS)
    fitted_model = learner.model
    text = "a quite unknown subject, astronomy and its telescopes"
    before = learner.score(text=text)
    learner.learn(key="new", text=text, label=1)
    assert learner.model is fitted_model
    assert learner.score(text=text) > before + 0.1
    learner.forget("new")
    assert learner.model is fitted_model
    assert learner.score(text=text) == pytest.approx(before)


def test_undone_decision_is_taken_out_of_fitted_weights() -> None:
    odd = Decided("odd", "astronomy and its telescopes", "", "", 1)
    learner = Learner()
    learner.learn_all([*DECISIONS, odd])
    text = "telescopes for astronomy"
    assert learner.score(text=text) > 0.6
    learner.forget("odd")
    assert learner.score(text=text) < 0.5
    assert all(abs(weight) < 0.1 for _, weight in learner.strongest_words(text="astronomy"))


def test_learning_all_at_once_equals_a_fit_after_each() -> None:
    learner = Learner()
    learner.learn_all(DECISIONS[:60])
    for text in (*SPAM, *FINE):
        assert learner.score(text=text) == learned(DECISIONS[:60]).score(text=text)


def test_memory_is_bounded_and_the_rare_class_kept() -> None:
    learner = Learner(max_features=20_000)
    learner.learn(key="spam", text=SPAM[0], label=1)
    bound = Learner(max_features=20_000)
    bound.learn_all(DECISIONS[:8])
    most = bound.model.size_bytes() + 5 * 20_000
    for index in range(200):
        learner.learn(key=index, text=f"{FINE[index % 4]} {index} and so on", label=0)
        assert learner.size_bytes() <= most
    assert len(learner) < 200
    assert learner.score(text=SPAM[0]) > 0.5 > learner.score(text=FINE[0])


def test_strongest_words_say_what_moved_the_score(told: Learner) -> None:
    words = told.strongest_words(text="My children LOVE cheap casino money", n=4)
    assert len(words) == 4
    sizes = [abs(weight) for _, weight in words]
    assert sizes == sorted(sizes, reverse=True)
    every = dict(told.strongest_words(text="My children LOVE cheap casino money", n=99))
    assert set(every) == {"my", "children", "love", "cheap", "casino", "money"}
    assert every["cheap"] > 0 > every["children"]
    assert told.strongest_words(text="") == told.strongest_words(text="!?") == ()


def test_threshold_reaches_its_precision(told: Learner) -> None:
    threshold = told.threshold_for_precision(0.9)
    assert threshold is not None
    assert told.score(text=SPAM[0]) >= threshold > told.score(text=FINE[0])


def test_threshold_is_none_where_too_little_is_known(told: Learner) -> None:
    assert learned(DECISIONS[:30]).threshold_for_precision(0.9) is None
    assert told.threshold_for_precision(0.9999) is None


def test_threshold_never_parts_equal_scores() -> None:
    held_out = np.array([(0.9, 1)] * 30 + [(0.5, 1), (0.5, 0), (0.5, 0), (0.5, 0)], np.float32)
    empty = np.zeros(0)
    model = Model(weights=empty, intercept=0.0, idf=empty.astype(np.float32), held_out=held_out)
    assert model.threshold_for_precision(0.95) == pytest.approx(0.9)
    assert model.threshold_for_precision(0.8) == pytest.approx(0.5)


def test_stored_model_scores_like_the_one_it_was(told: Learner) -> None:
    data = told.to_bytes()
    model = Model.from_bytes(data)
    assert model.to_bytes() == data == learned(DECISIONS).to_bytes()
    assert model.threshold_for_precision(0.9) == told.threshold_for_precision(0.9)
    for text in (*SPAM, *FINE, "something else"):
        assert model.score(text=text, author="x", parent_text="y") == told.score(
            text=text, author="x", parent_text="y"
        )
        assert model.strongest_words(text=text) == told.strongest_words(text=text)


def test_model_without_two_classes_is_stored_too() -> None:
    learner = Learner()
    learner.learn(key=1, text="a", label=0)
    assert Model.from_bytes(learner.to_bytes()).score(text="a") == learner.score(text="a")


def test_damaged_bytes_are_refused(told: Learner) -> None:
    data = told.to_bytes()
    version = learning_storage.FORMAT_VERSION + 1
    damaged = [
        b"",
        b"RJML",
        b"\x80\x04K\x01.",
        data[:-1],
        data + b"x",
        data[:60],
        data[:6] + bytes(32) + data[38:],
        b"XXXX" + data[4:],
        data[:4] + version.to_bytes(2, "little") + data[6:],
        data[:38] + zlib.compress(b"\0" * 100_000_000),
        *(
            data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            for at in range(0, len(data) - 4, len(data) // 50)
        ),
    ]
    for each in damaged:
        with pytest.raises(ModelDamaged):
            Model.from_bytes(each)


@pytest.mark.parametrize("counts", list(itertools.product([0, 3, 2**32 - 1], repeat=4)))
def test_counts_that_lie_are_refused(counts: tuple[int, int, int, int]) -> None:
    body = struct.pack("<4Id", *counts, 0.0) + bytes(8)
    header = struct.pack("<4sH32s", b"RJML", 1, hashlib.sha256(body).digest())
    with pytest.raises(ModelDamaged):
        Model.from_bytes(header + zlib.compress(body))


HOSTILE = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udc00\ud800 x",
    "\U0010ffff",
    "ﷺ" * 30_000,
    "a" * 1_000_000,
    "a " * 500_000,
    " " * 1_000_000,
    "\n" * 10_000,
    "e\u0301\u0300" * 10_000,
    "댓글이 정말 좋네요",
    "\u202eabc\u2066",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:6]))
def test_hostile_text_is_scored_and_learned(told: Learner, text: str) -> None:
    assert 0 <= told.score(text=text, author=text, parent_text=text) <= 1
    told.strongest_words(text=text, author=text, parent_text=text)
    learner = learned(DECISIONS[:8])
    learner.learn(key="h", text=text, author=text, parent_text=text, label=1)
    assert 0 <= learner.score(text=text) <= 1


FEW = learned(DECISIONS[:8])


@given(st.text(st.characters(codec=None), max_size=60), st.text(max_size=20))
def test_any_text_has_a_score_and_words(text: str, author: str) -> None:
    assert 0 <= FEW.score(text=text, author=author) <= 1
    assert all(word for word, _ in FEW.strongest_words(text=text, author=author))


def test_repeated_words_and_short_texts_are_no_matter(told: Learner) -> None:
    for text in ("a", "casino", "casino " * 1_000, "x y"):
        assert 0 < told.score(text=text) < 1
    assert told.score(text="casino " * 1_000) > 0.5


def test_importing_the_rules_does_not_import_scikit_learn() -> None:
    code = "import sys, comments.rules.learning; print('sklearn' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


WITHOUT = """
import sys

sys.modules |= {"numpy": None, "scipy": None, "sklearn": None}
from comments.rules.learning import Learner, Model
from comments.rules.learning_data import LearningUnavailable, available

assert not available()
for ask in (Learner, lambda: Model.from_bytes(b"")):
    try:
        ask()
    except LearningUnavailable as refused:
        print(refused)
"""


def test_without_scikit_learn_only_learning_is_missing() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines() == [LearningUnavailable.__doc__] * 2
