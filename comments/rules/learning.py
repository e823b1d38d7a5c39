"""What moderators have decided, turned into a score for the next comment.

Words (1-2), character sequences (2-5) and a few plain facts of a comment are hashed into a vector
of fixed length, weighed by tf-idf, and a logistic regression is fitted on the decisions: linear,
so that the strongest words of a comment can be shown beside its score. ``Learner`` keeps the
decisions (as hashed features, never as text) and fits; ``Model`` is what it fitted: it scores, and
goes into a database and back. Only human decisions belong here, the latest of each comment.

scikit-learn is optional (the extra ``learning``): without it this module can be imported,
``available()`` is false, and making a Learner raises ``LearningUnavailable``.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from comments.rules.learning_data import Decided, LearningUnavailable, ModelDamaged, available

try:
    import numpy as np
except ImportError:
    if TYPE_CHECKING:
        raise
else:
    from comments.rules.learning_features import (
        CHARS,
        DIMENSIONS,
        WORD,
        WORDS,
        Features,
        character_hashes,
        features_of,
        normal_text,
        placed,
        values_in_regions,
        word_hashes,
    )
    from comments.rules.learning_storage import Stored, read_stored, stored_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

INVERSE_REGULARISATION = 4.0
"""C of the regression. Clean labels like 10 to 30 best, labels of which every tenth is wrong 0.3 to
1; average precision differs by less than 0.01 between these."""
PRIOR = 0.2
"""The score before the first decision; it counts like one decision until both kinds are known."""
REFIT_EACH_UNTIL = 100
REFIT_GROWTH = 0.05
"""From so many decisions on, the model is fitted anew when this share of them has changed."""
MAX_FEATURES_KEPT = 6_000_000
"""Bounds a Learner: 5 bytes each, 30 MB; past it the oldest of the larger class are forgotten."""
HELD_OUT_FOLDS = 5
HELD_OUT_MIN_TRAIN = 40
MIN_ABOVE_THRESHOLD = 20


@dataclass(slots=True)
class _Example:
    """One decision. ``pull`` is its dual variable: how much of it stands in the weights."""

    features: Features
    label: int
    pull: float = 0.0


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, log_odds))))


class Model:
    """What was fitted: scores comments, and is stored as bytes. It needs no scikit-learn."""

    def __init__(
        self,
        *,
        weights: NDArray[np.float64],
        intercept: float,
        idf: NDArray[np.float32],
        held_out: NDArray[np.float32],
    ) -> None:
        self._weights = weights
        self.intercept = intercept
        self._idf = idf
        self.held_out = held_out
        """Rows of (score, label) of decisions that were scored without having been learned."""

    @property
    def decided(self) -> bool:
        """Whether there was spam and other comments to tell apart; if not, all score alike."""
        return bool(len(self._weights))

    def values_of(self, features: Features) -> NDArray[np.float64]:
        """Returns what the vector holds at the positions of these features."""
        return values_in_regions(features.positions, features.times, 0, self._idf)

    def log_odds(self, features: Features) -> float:
        """Returns the logarithm of how much likelier spam is than not."""
        if not self.decided:
            return self.intercept
        weights = self._weights[features.positions]
        return float(weights @ self.values_of(features)) + self.intercept

    def add(self, features: Features, amount: float) -> None:
        """Moves the weights by this much of the features."""
        self._weights[features.positions] += amount * self.values_of(features)
        self.intercept += amount

    def score(self, *, text: str, author: str = "", parent_text: str = "") -> float:
        """Returns how likely a moderator would act on this comment, 0 to 1."""
        if not self.decided:
            return _probability(self.intercept)
        features = features_of(text=text, author=author, parent_text=parent_text)
        return _probability(self.log_odds(features))

    def strongest_words(
        self, *, text: str, author: str = "", parent_text: str = "", n: int = 5
    ) -> tuple[tuple[str, float], ...]:
        """Returns the words of the text that move its score most, each with its weight.

        A weight above 0 speaks for spam. It counts the word itself, half of each pair of words and
        its share of each sequence of characters that it is part of; words stand in small letters.
        """
        shown = normal_text(text)
        if not self.decided or not shown:
            return ()
        features = features_of(text=text, author=author, parent_text=parent_text)
        parts = self._weights[features.positions] * self.values_of(features) / features.times

        def part_of(hashes: NDArray[np.uint64], region: int) -> NDArray[np.float64]:
            found: NDArray[np.float64] = parts[
                np.searchsorted(features.positions, placed(hashes, region))
            ]
            return found

        by_character = np.zeros(len(shown) + 2)
        for length, hashes in enumerate(character_hashes(shown, 5), start=2):
            share = part_of(hashes, CHARS) / length
            for offset in range(length):
                by_character[offset : offset + len(share)] += share
        single, pairs = word_hashes(shown)
        by_word = part_of(single, WORDS)
        halves = part_of(pairs, WORDS) / 2
        by_word[:-1] += halves
        by_word[1:] += halves
        words: dict[str, float] = {}
        for match, weight in zip(WORD.finditer(shown), by_word, strict=True):
            spelled = float(by_character[match.start() + 1 : match.end() + 1].sum())
            words[match[0]] = words.get(match[0], 0.0) + float(weight) + spelled
        return tuple(sorted(words.items(), key=lambda item: (-abs(item[1]), item[0]))[:n])

    def threshold_for_precision(self, precision: float) -> float | None:
        """Returns the lowest score from which so large a share of held-out decisions was spam.

        The share is the lower end of its Wilson interval of one standard error, so that few
        decisions promise less. None where it is not reached, or only by fewer than
        ``MIN_ABOVE_THRESHOLD`` decisions.
        """
        falling = self.held_out[np.argsort(-self.held_out[:, 0], kind="stable")]
        above = np.arange(1, len(falling) + 1)
        share = np.cumsum(falling[:, 1]) / above
        error = np.sqrt(share * (1 - share) / above + 1 / (4 * above**2))
        lower = (share + 1 / (2 * above) - error) / (1 + 1 / above)
        # Equal scores stand on one side of a threshold, so only the last of them can be one.
        last = np.append(falling[1:, 0] < falling[:-1, 0], True)[: len(falling)]
        found = np.flatnonzero((lower >= precision) & last & (above >= MIN_ABOVE_THRESHOLD))
        return float(falling[found[-1], 0]) if len(found) else None

    def size_bytes(self) -> int:
        """Returns how much memory the model takes; it has a bound, by ``DIMENSIONS``."""
        return self._weights.nbytes + self._idf.nbytes + self.held_out.nbytes

    def to_bytes(self) -> bytes:
        """Returns the model as bytes, the same for the same model; they hold numbers only."""
        return stored_bytes(Stored(self._weights, self.intercept, self._idf, self.held_out))

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Returns the model that ``to_bytes`` wrote; nothing in the bytes is ever run.

        Raises ``LearningUnavailable`` without numpy, and ``ModelDamaged`` for any other bytes.
        """
        if not available():
            raise LearningUnavailable(LearningUnavailable.__doc__)
        try:
            stored = read_stored(data)
        except (ValueError, struct.error, zlib.error) as error:
            raise ModelDamaged(f"These bytes are no model that can be read: {error}") from error
        return cls(**stored._asdict())


class Learner:
    """Decisions and the model fitted on them, kept up with each decision that comes or goes.

    Until ``REFIT_EACH_UNTIL`` decisions each one fits the model anew, then each ``REFIT_GROWTH`` of
    them. Between two fits a decision moves the weights by one step of dual coordinate descent
    (Yu, Huang, Lin 2011, "Dual coordinate descent methods for logistic regression"), and one that
    is forgotten takes exactly its part out again.
    """

    def __init__(self, *, max_features: int = MAX_FEATURES_KEPT) -> None:
        if not available():
            raise LearningUnavailable(LearningUnavailable.__doc__)
        self._max_features = max_features
        self._examples: dict[Hashable, _Example] = {}
        self._features_kept = 0
        self._changed = 0
        self._class_weights = (1.0, 1.0)
        self.model = self._prior()

    def __len__(self) -> int:
        """Returns how many decisions are known."""
        return len(self._examples)

    def learn(
        self, *, key: Hashable, text: str, author: str = "", parent_text: str = "", label: int
    ) -> None:
        """Takes in a decision; it replaces the earlier one of the same key."""
        self._drop(key)
        features = features_of(text=text, author=author, parent_text=parent_text)
        example = self._keep(key, features, label)
        self._changed += 1
        if self._is_due():
            self.fit()
        elif self.model.decided:
            self._step(example)

    def learn_all(self, decisions: Iterable[Decided]) -> None:
        """Takes in many decisions, in their order, and fits once."""
        for key, text, author, parent_text, label in decisions:
            self._drop(key)
            features = features_of(text=text, author=author, parent_text=parent_text)
            self._keep(key, features, label)
        self.fit()

    def forget(self, key: Hashable) -> None:
        """Takes out the decision of this key, if there is one."""
        if self._drop(key):
            self._changed += 1
            if self._is_due():
                self.fit()

    def score(self, *, text: str, author: str = "", parent_text: str = "") -> float:
        """Returns how likely a moderator would act on this comment, 0 to 1."""
        return self.model.score(text=text, author=author, parent_text=parent_text)

    def strongest_words(
        self, *, text: str, author: str = "", parent_text: str = "", n: int = 5
    ) -> tuple[tuple[str, float], ...]:
        """Returns what ``Model.strongest_words`` says."""
        return self.model.strongest_words(text=text, author=author, parent_text=parent_text, n=n)

    def threshold_for_precision(self, precision: float) -> float | None:
        """Returns what ``Model.threshold_for_precision`` says, after holding out anew."""
        self.hold_out()
        return self.model.threshold_for_precision(precision)

    def size_bytes(self) -> int:
        """Returns how much memory model and decisions take, without Python's own overhead."""
        return self.model.size_bytes() + 5 * self._features_kept

    def to_bytes(self) -> bytes:
        """Returns the model, with what it says about precision, as bytes; no decisions."""
        self.hold_out()
        return self.model.to_bytes()

    def fit(self) -> None:
        """Fits the model on all decisions that are known."""
        examples = list(self._examples.values())
        self._changed = 0
        if not _both_kinds(examples):
            self.model = self._prior()
            for example in examples:
                example.pull = 0.0
            return
        self.model, self._class_weights = _fitted(examples, keep_pulls=True)

    def hold_out(self) -> None:
        """Scores later decisions by models of earlier ones only, as they will be used.

        From ``HELD_OUT_MIN_TRAIN`` or a quarter of the decisions on, in ``HELD_OUT_FOLDS`` steps.
        """
        examples = list(self._examples.values())
        first = max(HELD_OUT_MIN_TRAIN, len(examples) // 4)
        edges = np.linspace(first, max(first, len(examples)), HELD_OUT_FOLDS + 1).astype(int)
        rows: list[tuple[float, int]] = []
        for known, until in pairwise(edges):
            earlier = examples[:known]
            if not _both_kinds(earlier):
                continue
            model, _ = _fitted(earlier, keep_pulls=False)
            rows += [
                (_probability(model.log_odds(example.features)), example.label)
                for example in examples[known:until]
            ]
        self.model.held_out = np.array(rows, np.float32).reshape(-1, 2)

    def _is_due(self) -> bool:
        if not _both_kinds(self._examples.values()):
            return True
        return len(self) <= REFIT_EACH_UNTIL or self._changed >= REFIT_GROWTH * len(self)

    def _prior(self) -> Model:
        """Returns the model that knows one class or none: the share of spam, from a first guess."""
        spam = sum(example.label for example in self._examples.values())
        return Model(
            weights=np.zeros(0),
            intercept=math.log((spam + PRIOR) / (len(self) - spam + 1 - PRIOR)),
            idf=np.zeros(0, np.float32),
            held_out=np.zeros((0, 2), np.float32),
        )

    def _keep(self, key: Hashable, features: Features, label: int) -> _Example:
        self._examples[key] = example = _Example(features, label)
        self._features_kept += len(features.positions)
        while self._features_kept > self._max_features and len(self) > 1:
            spam = sum(other.label for other in self._examples.values())
            larger = int(2 * spam > len(self))
            self._drop(next(key for key, old in self._examples.items() if old.label == larger))
        return example

    def _drop(self, key: Hashable) -> bool:
        example = self._examples.pop(key, None)
        if example is None:
            return False
        self._features_kept -= len(example.features.positions)
        if example.pull:
            self.model.add(example.features, -(2 * example.label - 1) * example.pull)
        return True

    def _step(self, example: _Example) -> None:
        """Adds as much of a new decision to the weights as alone makes the loss smallest."""
        sign = 2 * example.label - 1
        values = self.model.values_of(example.features)
        square = float(values @ values) + 1.0
        margin = sign * self.model.log_odds(example.features)
        bound = INVERSE_REGULARISATION * self._class_weights[example.label]
        low, high = 0.0, bound
        for _ in range(40):  # the pull is where it equals what the loss asks for: bisection
            pull = (low + high) / 2
            if pull < bound * _probability(-(margin + pull * square)):
                low = pull
            else:
                high = pull
        example.pull = low
        self.model.add(example.features, sign * low)


def _both_kinds(examples: Iterable[_Example]) -> bool:
    """Returns whether there are decisions for spam and decisions against it."""
    return {example.label for example in examples} == {0, 1}


def _fitted(examples: Sequence[_Example], *, keep_pulls: bool) -> tuple[Model, tuple[float, float]]:
    """Returns a model of these decisions, of which there are both kinds, and the class weights."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    labels = np.array([example.label for example in examples])
    lengths = [len(example.features.positions) for example in examples]
    positions = np.concatenate([example.features.positions for example in examples])
    times = np.concatenate([example.features.times for example in examples])
    frequency = np.bincount(positions, minlength=DIMENSIONS)
    idf = (np.log((len(examples) + 1) / (frequency + 1)) + 1).astype(np.float32)
    values = values_in_regions(positions, times, np.repeat(np.arange(len(examples)), lengths), idf)
    matrix = csr_matrix(
        (values, positions, np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)),
        shape=(len(examples), DIMENSIONS),
    )
    spam = int(labels.sum())
    class_weights = (len(labels) / (2 * (len(labels) - spam)), len(labels) / (2 * spam))
    regression = LogisticRegression(
        C=INVERSE_REGULARISATION,
        class_weight=dict(enumerate(class_weights)),
        solver="liblinear",
        dual=True,
        max_iter=1000,
        random_state=0,
    ).fit(matrix, labels)
    weights, intercept = regression.coef_[0], float(regression.intercept_[0])
    if keep_pulls:
        margins = (2 * labels - 1) * (matrix @ weights + intercept)
        for example, margin in zip(examples, margins.tolist(), strict=True):
            bound = INVERSE_REGULARISATION * class_weights[example.label]
            example.pull = bound * _probability(-margin)
    held_out = np.zeros((0, 2), np.float32)
    model = Model(weights=weights, intercept=intercept, idf=idf, held_out=held_out)
    return model, class_weights
