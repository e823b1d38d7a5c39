"""Mails to subscribers: one message for all who get the same, with marks for what is their own.

The same content makes the same bytes: there is no clock and no chance in it. Text and HTML show the
same comments, as many as the HTML has room for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from comments.conf import options
from comments.language import day_without_year, direction, speaking, translated, with_time
from comments.mail.headers import clean, from_address, header_line, one_line, phrase
from comments.mail.links import Links, ascii_origin
from comments.mail.quoted import (
    DATE_MARK,
    KEY_MARK,
    LEAVE_MARK,
    LONGEST_VALUE,
    MARKS,
    SUBSCRIBER,
    TO_MARK,
    quoted_printable,
)
from comments.mail.wording import (
    comments_left_out,
    day_of,
    footer_of,
    new_comments,
    posts_left_out,
    subject_of,
    summary_of,
    votes_words,
    wish_of,
)
from comments.rules.editions import (
    CommentContent,
    EditionContent,
    PostContent,
    Shown,
    ShownPost,
    shown_within,
)
from comments.rules.markup_mail import (
    Excerpted,
    cut_at_word,
    mail_html,
    mail_text,
    without_addresses,
    words_of,
    wrapped,
)

if TYPE_CHECKING:
    from css_inline import CSSInliner

MOST_HTML_BYTES = 90_000
"""Mail programs cut off what is longer than 102,000 bytes, and the link to leave with it."""
COMMENT_CHARACTERS = 1_000
EXCERPT_CHARACTERS = 400
ANSWERED_CHARACTERS = 90
PREHEADER_CHARACTERS = 140
TITLE_CHARACTERS = 200
TEXT_COLUMNS = 72

_POST_BYTES, _COMMENT_BYTES, _FRAME_BYTES = 700, 650, 5_500
"""What the mark-up around them takes, about; what is too much is found by counting."""
_STYLED_BYTES = 30
_LEAVE_BYTES = 250
_CAUTION = 0.97

PREHEADER_PADDING = "\u034f\u200c\u00a0" * 60
"""Nothing to the eye; keeps programs from showing, after the preheader, what comes next."""


@dataclass(frozen=True, slots=True)
class Composed:
    """One edition: a message with marks where a subscriber's own values go."""

    subject: str
    template: bytes
    """RFC 5322, lines ended by CRLF; bytes above 0x7F are marks."""
    fingerprint: str
    """SHA-256 of the template."""
    html_bytes: int
    """At most, in any copy, once it is decoded."""


def compose_edition(content: EditionContent) -> Composed:
    """Returns the mail of an edition.

    Raises:
        ValueError: it is to tell of comments, and there are none, nor a page.
    """
    if content.kind != "confirmation" and not content.posts:
        raise ValueError("an edition without anything to tell")
    with speaking(content.language):
        subject = subject_of(content)
        html, text = _Composer(content, subject).parts()
    body_hash = sha256(f"{subject}\n{text}\n{html}".encode("utf-8", "replace")).hexdigest()
    # No line of quoted-printable can hold "=_".
    boundary = f"=_{body_hash[:32]}"
    template = b"".join([*_header_lines(content, subject, boundary), *_body(html, text, boundary)])
    return Composed(
        subject=subject,
        template=template,
        fingerprint=sha256(template).hexdigest(),
        html_bytes=_size(html),
    )


def _header_lines(content: EditionContent, subject: str, boundary: str) -> Iterator[bytes]:
    domain = options().message_id_domain
    yield header_line("From", phrase(content.site_name), after=f"<{from_address()}>")
    yield b"To: " + TO_MARK + b"\r\n"
    yield header_line("Subject", subject)
    yield b"Date: " + DATE_MARK + b"\r\n"
    yield b"Message-ID: <" + KEY_MARK + f"@{domain}>\r\n".encode("ascii")
    if content.kind == "instant":
        thread = f"<thread-{content.posts[0].thread_id:d}.site-{content.site_id:d}@{domain}>"
        yield f"In-Reply-To: {thread}\r\nReferences: {thread}\r\n".encode("ascii")
    list_id = f"<comments.site-{content.site_id:d}.{domain}>"
    yield header_line("List-Id", phrase(content.site_name), after=list_id)
    if content.kind != "confirmation":
        yield _leave_lines(content)
    yield b"Auto-Submitted: auto-generated\r\n"
    yield b"Precedence: bulk\r\n"
    yield b"MIME-Version: 1.0\r\n"
    yield b"Content-Type: multipart/alternative;\r\n"
    yield f' boundary="{boundary}"\r\n\r\n'.encode("ascii")


def _leave_lines(content: EditionContent) -> bytes:
    """Returns how mail programs leave for their users (RFC 2369, RFC 8058)."""
    before, after = Links(ascii_origin(content.origin)).leave(content.scope).split(SUBSCRIBER)
    local, _, domain = options().mail_bounces.rpartition("@")
    return b"".join(
        [
            f"List-Unsubscribe: <{before}".encode("ascii"),
            MARKS[SUBSCRIBER],
            f"{after}>,\r\n <mailto:{local}".encode("ascii"),
            LEAVE_MARK,
            f"{domain}?subject=unsubscribe>\r\n".encode("ascii"),
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        ]
    )


def _body(html: str, text: str, boundary: str) -> Iterator[bytes]:
    for subtype, part in (("plain", text), ("html", html)):
        yield (
            f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        ).encode("ascii")
        yield quoted_printable(part)
    yield f"--{boundary}--\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class _CommentView:
    """A comment as the templates show it."""

    item: str
    number: int
    link: str
    author: str
    facts: str
    html: SafeString
    text: str
    is_cut: bool
    answered_number: int
    """Of what it answers; 0 for nothing."""
    answered_author: str
    answered_words: str
    text_answered: str
    leave: str


@dataclass(frozen=True, slots=True)
class _PostView:
    """A post as the templates show it."""

    item: str
    title: str
    link: str
    excerpt: str
    comments: tuple[_CommentView, ...]
    rest: str
    """As ``and 37 more``; empty where all is shown."""
    text_title: list[str]
    underline: str
    text_excerpt: str


@dataclass(slots=True)
class _Composer:
    """Makes both parts of one edition."""

    content: EditionContent
    subject: str
    _made: dict[int, Excerpted] = field(default_factory=dict)
    links: Links = field(init=False)

    def __post_init__(self) -> None:
        self.links = Links(ascii_origin(self.content.origin))

    def parts(self) -> tuple[str, str]:
        """Returns the HTML, below ``MOST_HTML_BYTES``, and the text."""
        room = MOST_HTML_BYTES - _FRAME_BYTES
        while True:
            shown = self._shown(room)
            values = self._values(shown)
            html = _inlined(render_to_string(self._template("html"), values))
            share = MOST_HTML_BYTES / (_size(html) + 1)
            if share > 1 or not shown.posts:
                break
            room = int(room * share * _CAUTION)
        return html, render_to_string(self._template("txt"), values).strip() + "\n"

    def _template(self, suffix: str) -> str:
        name = "confirmation" if self.content.kind == "confirmation" else "edition"
        return f"comments/mail/{name}.{suffix}"

    def _shown(self, room: int) -> Shown:
        return shown_within(
            self.content.posts,
            most_bytes=room,
            post_bytes=self._post_bytes,
            comment_bytes=self._comment_bytes,
        )

    def _post_bytes(self, post: PostContent) -> int:
        words = post.title[:TITLE_CHARACTERS]
        if post.page_id is not None:
            words += post.excerpt[:EXCERPT_CHARACTERS] + post.link
        return _POST_BYTES + _size(escape(words)) + _size(post.link)

    def _comment_bytes(self, comment: CommentContent) -> int:
        excerpt = self._excerpt(comment)
        links = (1 + excerpt.is_cut) * _size(comment.link)
        if self.content.scope == "answers":
            links += _LEAVE_BYTES
        styled = _STYLED_BYTES * excerpt.html.count("<p>")
        return _COMMENT_BYTES + _size(escape(comment.author) + excerpt.html) + links + styled

    def _excerpt(self, comment: CommentContent) -> Excerpted:
        if comment.id not in self._made:
            self._made[comment.id] = mail_html(comment.html, most_characters=COMMENT_CHARACTERS)
        return self._made[comment.id]

    def _values(self, shown: Shown) -> dict[str, Any]:
        content = self.content
        posts = [self._post(one) for one in shown.posts]
        footer = footer_of(content)
        wish = one_line(wish_of(content), limit=1_000) if content.frequency else ""
        heading = translated(content.digest_name) if content.kind == "digest" else content.site_name
        return {
            "kind": content.kind,
            "language": content.language,
            "direction": direction(),
            "is_new": not content.scope.startswith("already"),
            "subject": self.subject,
            "heading": one_line(heading, limit=TITLE_CHARACTERS),
            "site": one_line(content.site_name, limit=TITLE_CHARACTERS),
            "origin": f"{self.links.origin}/",
            "day": day_of(content.period) if content.kind == "digest" else "",
            "summary": summary_of(content),
            "preheader": self._preheader(posts),
            "padding": PREHEADER_PADDING,
            "posts": posts,
            "rest": self._rest(shown),
            "why": one_line(footer.why, limit=1_000),
            "why_text": "\n".join(wrapped(clean(footer.why), width=TEXT_COLUMNS)),
            "leave": footer.leave,
            "leave_link": self.links.leave(content.scope),
            "settings_link": self.links.settings,
            "confirm_link": self.links.confirm,
            "wish": wish,
            "wish_text": _indented("\n".join(wrapped(wish, width=TEXT_COLUMNS - 4))),
            "label": one_line(translated(content.label), limit=TITLE_CHARACTERS + 40),
            "postal_address": one_line(content.postal_address, limit=300),
        }

    def _preheader(self, posts: list[_PostView]) -> str:
        if self.content.kind == "confirmation":
            return ""
        words = [
            f"{comment.author}: {' '.join(comment.text.split())}"
            for post in posts
            for comment in post.comments[:2]
        ]
        words = [*(post.excerpt for post in posts if post.item and post.excerpt), *words]
        return one_line(" · ".join(words[:4]), limit=PREHEADER_CHARACTERS)

    @staticmethod
    def _rest(shown: Shown) -> str:
        if not shown.posts_left_out:
            return ""
        return posts_left_out(shown.posts_left_out, comments=shown.comments_left_out)

    def _post(self, shown: ShownPost) -> _PostView:
        post = shown.post
        title = one_line(post.title, limit=TITLE_CHARACTERS) or gettext("(without a title)")
        excerpt = ""
        if post.page_id is not None:
            excerpt = one_line(post.excerpt, limit=10 * EXCERPT_CHARACTERS)
            if len(excerpt) > EXCERPT_CHARACTERS:
                excerpt = f"{cut_at_word(excerpt, most_characters=EXCERPT_CHARACTERS)}…"
        rest = ""
        if shown.left_out:
            left_out = comments_left_out if shown.comments else new_comments
            rest = left_out(shown.left_out)
        lines = wrapped(title, width=TEXT_COLUMNS)
        return _PostView(
            item=f"post:{post.page_id:d}" if post.page_id is not None else "",
            title=title,
            link=self.links.safe(post.link),
            excerpt=excerpt,
            comments=tuple(self._comment(post, one) for one in shown.comments),
            rest=rest,
            text_title=lines,
            underline="-" * min(TEXT_COLUMNS, max(map(len, lines))),
            text_excerpt="\n".join(wrapped(excerpt, width=TEXT_COLUMNS)),
        )

    def _comment(self, post: PostContent, comment: CommentContent) -> _CommentView:
        excerpt = self._excerpt(comment)
        answers = comment.answers
        facts = []
        if comment.published_at is not None:
            at = comment.published_at
            facts.append(f"{with_time(day_without_year(at), at)} {at:%Z}")
        if comment.votes > 0:
            facts.append(votes_words(comment.votes))
        answered = _name(answers.author) if answers else ""
        words = words_of(answers.html, most_characters=ANSWERED_CHARACTERS) if answers else ""
        said = ""
        if answers:
            said = gettext("In reply to #{number} {name}").format(
                number=answers.number, name=answered
            )
            said = f"{said}: {words}" if words else said
        scope = f"conversation-{post.thread_id:d}-{comment.root_number:d}"
        return _CommentView(
            item=f"comment:{comment.id:d}",
            number=comment.number,
            link=self.links.safe(comment.link),
            author=_name(comment.author),
            facts=_between(facts),
            html=mark_safe(excerpt.html),
            text=_indented(mail_text(excerpt.html, width=TEXT_COLUMNS - 4)),
            is_cut=excerpt.is_cut,
            answered_number=answers.number if answers else 0,
            answered_author=answered,
            answered_words=words,
            text_answered="\n".join(wrapped(said, width=TEXT_COLUMNS)),
            leave=self.links.leave(scope) if self.content.scope == "answers" else "",
        )


def _size(html: str) -> int:
    """Returns how many bytes HTML has at most when it is read: with a subscriber's values, and two
    bytes at the end of each line.
    """
    marks = sum(map(html.count, MARKS))
    return len(html.encode("utf-8", "replace")) + html.count("\n") + marks * LONGEST_VALUE


def _between(facts: list[str]) -> str:
    """Returns facts one after another. Right to left, a mark keeps "UTC · +3" from being read as
    one piece that runs the other way.
    """
    return (" · " if direction() == "ltr" else " \u200f· ").join(facts)


def _name(written: str) -> str:
    return without_addresses(one_line(written, limit=80)) or gettext("Unknown")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n"))


def _inlined(html: str) -> str:
    """Returns a page with its styles in its elements, and those for the dark in its head.

    Many mail programs read no style sheet; those that know the dark do.
    """
    inlined = _inliner(render_to_string("comments/mail/light.css")).inline(html)
    dark = render_to_string("comments/mail/dark.css").strip()
    return inlined.replace("</title>", f"</title>\n<style>\n{dark}\n</style>", 1)


@lru_cache(maxsize=4)
def _inliner(css: str) -> CSSInliner:
    from css_inline import CSSInliner  # for the mails of a digest alone: few processes compose any

    return CSSInliner(inline_style_tags=False, load_remote_stylesheets=False, extra_css=css)
