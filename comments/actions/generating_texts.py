"""The texts of generated comments, rendered as the actions would render them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace

from comments.rules.generated_texts import LONGEST, Text, author_name, bucket_at, naming, text_of
from comments.rules.generating import Plan
from comments.rules.names import name_key
from comments.rules.rendering import MentionTarget, Rendered, clean_source, render

LONGEST_TEXT = 40_000
RENDER_SECONDS = 30.0
"""Every text here is harmless; none of them may be cut off because the machine is busy."""
APART = 1_000
"""Between two comments with the same text, so that nobody says the same twice within minutes."""


class Texts:
    """The texts of a plan: most of them one of some thousands that are rendered once."""

    def __init__(self, plan: Plan, *, seed: int) -> None:
        self._plan = plan
        self._seed = seed
        self._rendered: dict[int, tuple[Text, str]] = {}
        self._used_at = array("i", [-APART] * (LONGEST + 1))
        self._ranks = {name_key(author_name(rank)): rank for rank in range(plan.people)}

    def rank_of(self, key: str) -> int | None:
        """Returns the author of this folded name."""
        return self._ranks.get(key)

    def bucket(self, i: int) -> int:
        """Returns which text comment ``i`` has: of its length, and not used a moment ago."""
        bucket = bucket_at(self._plan.length_rank[i], of=self._plan.comments)
        while i - self._used_at[bucket] < APART:
            bucket = bucket - 1 if bucket else LONGEST - 1
        self._used_at[bucket] = i
        return bucket

    def in_bucket(self, bucket: int) -> tuple[Text, str]:
        """Returns a text and its HTML."""
        found = self._rendered.get(bucket)
        if found is None:
            text = _cleaned(text_of(bucket, seed=self._seed))
            found = (text, laid_out(text, names={}, numbers=frozenset()).html)
            self._rendered[bucket] = found
        return found

    def naming(self, i: int) -> Naming:
        """Returns the text of a comment that names a person or a number."""
        start, rest = naming(
            self.bucket(i),
            seed=self._seed,
            person=self._plan.mentions.get(i, (None, 0))[0],
            number=self._plan.references.get(i),
        )
        return Naming(f"{start},", *self.in_bucket(rest))


@dataclass(frozen=True, slots=True)
class Naming:
    """A text that begins with whom or what it names: ``start``, and another one after it."""

    start: str
    rest: Text
    rest_html: str

    @property
    def text(self) -> Text:
        """Returns the whole text."""
        return Text(f"{self.start} {self.rest.source}", self.rest.format)

    def laid_out(self, *, names: dict[str, MentionTarget], numbers: frozenset[int]) -> Rendered:
        """Returns the text as the renderer gives it.

        Where both are paragraphs, what it begins with is put before the rest, which was rendered
        before: a thread of a million has a hundred thousand of these.
        """
        start = laid_out(Text(self.start, self.rest.format), names=names, numbers=numbers)
        opened, closed = "<p>", "</p>"
        if not (start.html.startswith(opened) and self.rest_html.startswith(opened)):
            return laid_out(self.text, names=names, numbers=numbers)
        html = f"{start.html.removesuffix(closed)} {self.rest_html.removeprefix(opened)}"
        return replace(start, html=html)


def _cleaned(text: Text) -> Text:
    return Text(clean_source(text.source, max_chars=LONGEST_TEXT), text.format)


def laid_out(text: Text, *, names: dict[str, MentionTarget], numbers: frozenset[int]) -> Rendered:
    """Returns a text as the renderer gives it.

    Raises:
        RuntimeError: the renderer failed; the actions would have held the comment.
    """
    rendered = render(
        source=text.source,
        format=text.format,
        names=names,
        numbers=numbers,
        budget_seconds=RENDER_SECONDS,
    )
    if rendered.failed:
        raise RuntimeError(f"a text of {len(text.source)} characters could not be rendered")
    return rendered
