"""The mails to subscribers: their headers, both parts, what is shown, and hostile content."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import html5lib
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from comments.mail import compose_edition
from comments.rules.editions import EditionContent
from comments.rules.rendering import render
from tests.corpus.reading import FORMATS, own_payloads
from tests.mail.composing import (
    ORIGIN,
    TOKEN,
    VALUES,
    answer,
    comment,
    confirmation,
    copy_of,
    digest,
    header_names,
    instant,
    is_sound,
    parsed,
    parts_of,
    post,
)
from tests.mail.test_headers import HOSTILE

COMMON = [
    *("From", "To", "Subject", "Date", "Message-ID", "List-Id"),
    *("Auto-Submitted", "Precedence", "MIME-Version", "Content-Type"),
]
LEAVE = ["List-Unsubscribe", "List-Unsubscribe-Post"]
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "div", "h1", "h2", "h3", "p", "a", "ul"),
    *("li", "bdi", "br", "abbr", "b", "blockquote", "code", "del", "em", "i", "ol", "pre", "q"),
    *("s", "strong", "sub", "sup"),
}
ATTRIBUTES = {
    "html": {"lang", "dir"},
    "meta": {"charset", "name", "content"},
    "a": {"href", "class", "style"},
}
GLOBAL = {"class", "style", "dir", "id", "role", "aria-labelledby", "data-digest-item"}


@pytest.fixture(autouse=True)
def _sender(settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Another name <comments@blog.example>"
    settings.REJOINDER = {
        **settings.REJOINDER,
        "MAIL_BOUNCES": "bounces@blog.example",
        "MESSAGE_ID_DOMAIN": "blog.example",
    }


def elements_of(html: str) -> list[Any]:
    """Returns the elements of valid HTML (a parse error fails)."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return list(parser.parse(html).iter())


def is_valid(html: str, *, is_shaped: bool = True) -> None:
    """Checks the elements and attributes, and that nothing is fetched or run.

    Args:
        is_shaped: the comments in it were made by our renderer.
    """
    ids = []
    styles = ""
    for element in elements_of(html):
        if not isinstance(element.tag, str):
            continue
        assert element.tag in TAGS
        allowed = ATTRIBUTES.get(element.tag, set()) | GLOBAL
        assert set(element.attrib) <= allowed, (element.tag, element.attrib)
        if element.tag == "a":
            assert re.match(r"https://blog\.example/|http://127\.0\.0\.1", element.attrib["href"])
        styles += element.attrib.get("style", "")
        styles += (element.text or "") if element.tag == "style" else ""
        if element.tag in {"ul", "ol"} and is_shaped:
            assert {child.tag for child in element} <= {"li"}
            assert not (element.text or "").strip()
            assert not any((child.tail or "").strip() for child in element)
        ids += [element.attrib["id"]] if "id" in element.attrib else []
    assert len(ids) == len(set(ids))
    assert not re.search(r"url\(|@import|@font-face|expression", styles)


def items_in(html: str) -> list[str]:
    return re.findall(r'data-digest-item="([^"]*)"', html)


# --- headers ------------------------------------------------------------------------------------


def test_a_digest_has_the_headers_that_it_should() -> None:
    copy = copy_of(digest())
    assert header_names(copy) == [*COMMON[:6], *LEAVE, *COMMON[6:]]
    message = parsed(copy)
    assert message["From"] == "The blog <comments@blog.example>"
    assert message["From"].addresses[0].display_name == "The blog"
    assert message["List-Id"] == '"The blog" <comments.site-1.blog.example>'
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    for part in message.iter_parts():
        assert part["Content-Transfer-Encoding"] == "quoted-printable"
        assert part.get_content_charset() == "utf-8"


def test_mails_about_a_thread_stay_together() -> None:
    one, two = (parsed(instant(post(comment(number)))) for number in (1, 2))
    assert one["References"] == two["References"] == one["In-Reply-To"] == two["In-Reply-To"]
    assert re.fullmatch(r"<[\w.-]+@blog\.example>", one["References"])
    assert one["Subject"] == two["Subject"] == "Re: On bridges"
    other = parsed(instant(post(comment(), thread_id=6)))
    assert other["References"] != one["References"]
    assert parsed(instant(post(comment()), site_id=2))["References"] != one["References"]
    assert "References" not in parsed(digest())


def test_a_new_post_begins_its_conversation() -> None:
    message = parsed(instant(post(page_id=9), scope="site"))
    assert message["Subject"] == "On bridges"


def test_a_confirmation_is_of_no_list_that_one_could_leave() -> None:
    for scope in ("confirm site daily", "already site daily"):
        copy = copy_of(confirmation(scope))
        assert header_names(copy) == COMMON
        assert "/leave/" not in "".join(parts_of(copy))


@pytest.mark.parametrize(
    ("content", "subject"),
    [
        (digest(), "The blog Daily Digest: 1 new comment on “On bridges”"),
        (
            digest(post(comment(), comment_count=3), post(comment(2), thread_id=6)),
            "The blog Daily Digest: 4 new comments on “On bridges” and 1 more post",
        ),
        (digest(post(page_id=9)), "The blog Daily Digest: “On bridges”"),
        (
            digest(post(page_id=9), post(page_id=10, thread_id=6), post(comment(), thread_id=7)),
            "The blog Daily Digest: “On bridges” and 1 more post, 1 new comment",
        ),
        (confirmation(), "Please confirm: The blog Daily Digest, every day"),
        (
            confirmation("already thread-5 instant", label="comments on “X”", frequency="instant"),
            "You get this already: comments on “X”, at once",
        ),
    ],
)
def test_the_subject_says_what_there_is(content: EditionContent, subject: str) -> None:
    assert compose_edition(content).subject == subject
    assert parsed(content)["Subject"] == subject


def test_the_end_of_a_subject_is_there_however_long_the_title() -> None:
    long = post(comment(), title="A title " * 60, comment_count=12)
    subject = compose_edition(digest(long, digest_name="Name " * 24)).subject
    assert len(subject) <= 150
    assert subject.endswith("…”")
    assert "12 new comments on “A title" in subject


def test_the_domain_of_a_foreign_site_goes_in_ascii_into_the_header() -> None:
    copy = copy_of(digest(origin="https://bücher.example:8443"))
    is_sound(copy)
    assert f"<https://xn--bcher-kva.example:8443/subscriptions/{TOKEN}/leave/digest/>" in str(
        parsed(copy)["List-Unsubscribe"]
    )


# --- bytes --------------------------------------------------------------------------------------


def test_the_same_content_makes_the_same_bytes() -> None:
    one, two = compose_edition(digest()), compose_edition(digest())
    assert one == two
    assert len(one.fingerprint) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"postal_address": "2 Main Street"},
        {"posts": (post(comment(2)),)},
        {"digest_name": "Another"},
        {"period": "2026-11-24"},
        {"site_id": 2},
    ],
)
def test_other_content_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert (
        compose_edition(replace(digest(), **change)).fingerprint
        != compose_edition(digest()).fingerprint
    )


def test_nothing_to_tell_is_no_mail() -> None:
    with pytest.raises(ValueError, match="anything to tell"):
        compose_edition(replace(digest(), posts=()))


# --- what is shown ------------------------------------------------------------------------------


def test_posts_and_comments_carry_what_they_are() -> None:
    html, _ = parts_of(digest(post(comment(1), comment(2), page_id=12), post(comment(3))))
    assert items_in(html) == ["post:12", "comment:1001", "comment:1002", "comment:1003"]


def test_a_comment_has_its_number_as_a_link_and_a_line_of_what_it_answers() -> None:
    shown = comment(7, "<p>But why?</p>", author="Ted", answers=answer(3, "<p>It <b>is</b>.</p>"))
    html, text = parts_of(digest(post(shown)))
    assert re.search(
        r'<a href="https://blog\.example/posts/a/\?comment=7#comment-7"[^>]*>#7<', html
    )
    assert re.search(r"In reply to #3 <bdi>Ana</bdi>: <bdi>It is\.</bdi>", html)
    assert "#7 Ted (23 November, 12:00 UTC)\n" in text
    assert f"\n{ORIGIN}/posts/a/?comment=7#comment-7\n" in text
    assert "\nIn reply to #3 Ana: It is.\n" in text
    assert "\n    But why?\n" in text


def test_the_text_part_reads_like_a_letter() -> None:
    long = "A sentence of some words. " * 12
    html, text = parts_of(digest(post(comment(html=f"<p>{long}</p><p>End.</p>"), page_id=12)))
    assert "On bridges\n----------\n" in text
    assert max(map(len, text.splitlines())) <= 90
    assert not re.search(r"<|&\w+;|\{|\}", text)
    assert not re.search(r"\n{5}", text)
    assert text.endswith("1 Main Street, Springfield\n")
    assert f"\nYour settings:\n{ORIGIN}/subscriptions/{TOKEN}/\n" in text
    assert "End." in html


def test_the_foot_says_why_one_gets_this_and_where_we_are() -> None:
    contents = [
        (digest(), "what goes into The blog Daily Digest"),
        (instant(), "to comments on “On bridges”, at once"),
    ]
    for content, why in contents:
        html, text = parts_of(content)
        assert why in html
        assert why in " ".join(text.split())
        for part in (html, text):
            assert "1 Main Street, Springfield" in part
            assert f"{ORIGIN}/subscriptions/{TOKEN}/leave/{content.scope}/" in part


def test_each_conversation_can_be_left_from_a_mail_about_answers() -> None:
    shown = post(comment(7, root_number=3), comment(9, root_number=9))
    link = f"{ORIGIN}/subscriptions/{TOKEN}/leave/conversation-5-"
    for part in parts_of(instant(shown, scope="answers")):
        assert part.count(f"{link}3/") == 1
        assert part.count(f"{link}9/") == 1
    assert "/leave/conversation-" not in "".join(parts_of(instant(shown)))


def test_a_long_comment_is_cut_with_a_link_to_the_rest() -> None:
    html, text = parts_of(digest(post(comment(4, "<p>" + "word " * 1_000 + "</p>"))))
    assert html.count("word ") < 300
    assert "Read on in #4</a>" in html
    assert "It goes on" in text
    html, text = parts_of(digest(post(comment(4))))
    assert "Read on" not in html
    assert "It goes on" not in text


def test_a_confirmation_says_what_is_agreed_to() -> None:
    wish = "Send me by mail: The blog Daily Digest, every day."
    for part in parts_of(confirmation()):
        assert wish in " ".join(part.split())
        assert "do nothing" in " ".join(part.split())


def test_who_has_it_already_gets_no_link_to_confirm() -> None:
    for part in parts_of(confirmation("already site daily")):
        assert "/confirm/" not in part
        assert f"{ORIGIN}/subscriptions/{TOKEN}/" in part
        assert "The blog Daily Digest" in part


def test_the_preheader_is_hidden_and_tells_something_new() -> None:
    html, _ = parts_of(digest(post(comment(html="<p>What nobody knew.</p>", author="Ted"))))
    found = re.search(r'<div class="preheader"[^>]*style="display: ?none[^>]*>([^<]*)<', html)
    assert found is not None
    assert found[1].startswith("Ted: What nobody knew.")
    assert found[1].count("&nbsp;") >= 50


def test_styles_are_in_the_elements_and_the_dark_ones_in_the_head() -> None:
    html, _ = parts_of(digest())
    assert re.search(r'<h1[^>]* style="[^"]*font-size: ?27px', html)
    assert html.count("<style>") == 1
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html


# --- how much ------------------------------------------------------------------------------------

FULL = "<p>" + "Lorem ipsum dolor sit amet, consectetur. " * 20 + "</p>"


def test_what_does_not_fit_is_counted_and_linked() -> None:
    many = [comment(n, FULL, votes=n % 50) for n in range(1, 151)]
    html, text = parts_of(digest(post(*many, comment_count=187)))
    shown = [int(item.partition(":")[2]) - 1_000 for item in items_in(html)]
    assert 20 < len(shown) < 150
    assert shown == sorted(shown)
    assert f"and {187 - len(shown)} more" in html
    assert f"and {187 - len(shown)} more:\n{ORIGIN}/posts/a/\n" in text
    least = min(number % 50 for number in shown)
    assert all(number in shown for number in range(1, 151) if number % 50 > least)
    assert len(html.encode()) > 70_000


def test_new_posts_come_before_comments() -> None:
    pages = [post(page_id=n, thread_id=n, excerpt="Words. " * 50) for n in range(1, 41)]
    loud = post(*(comment(n, FULL, votes=99) for n in range(1, 151)), thread_id=99)
    html, _ = parts_of(digest(*pages, loud))
    assert [one for one in items_in(html) if one.startswith("post:")] == [
        f"post:{n}" for n in range(1, 41)
    ]


def test_posts_beyond_all_bounds_are_counted() -> None:
    posts = [post(comment(n), thread_id=n, title=f"Title {n} " * 25) for n in range(1, 401)]
    html, text = parts_of(digest(*posts))
    left = 400 - html.count("<h2")
    assert 340 <= left < 400
    assert f"and {left} more posts with {left} comments" in html
    assert f"and {left} more posts with {left} comments:\n{ORIGIN}/\n" in text


WORST = [
    "<b>" * 8 + "&amp;" * 4_000,
    "<br>" * 3_000,
    "<p>a</p>" * 1_500,
    "<ul><li>" + "<blockquote>" * 12 + "<p>x</p>" * 900,
    "🎉" * 9_000,
    "ש" * 9_000,
    "w" * 9_000,
    "a.b" * 3_000,
    "<p>&lt;</p>" * 900,
]


@pytest.mark.parametrize("source", WORST, ids=range(len(WORST)))
def test_html_stays_below_its_bound(source: str) -> None:
    hard = [
        comment(n, source, author="<" * 80, link=f"{ORIGIN}/{'é' * 300}?{n}") for n in range(1, 151)
    ]
    posts = [
        post(*hard[5 * n : 5 * n + 5], thread_id=n, page_id=n, title="&" * 500, excerpt="<" * 9_000)
        for n in range(30)
    ]
    content = digest(
        *posts,
        site_name="&" * 50,
        digest_name="<" * 120,
        postal_address="\N{PILE OF POO}" * 300,
    )
    for one in (content, replace(content, kind="instant", scope="answers", label="x")):
        composed = compose_edition(one)
        copy = copy_of(composed, replace(VALUES, token="x" * 64))
        html, _ = parts_of(copy)
        is_sound(copy)
        is_valid(html, is_shaped=False)
        size = len(html.replace("\n", "\r\n").encode())
        assert 50_000 < size <= composed.html_bytes < 90_000
        assert any(item.startswith("post:") for item in items_in(html))


def test_two_hundred_comments_are_composed_in_one_go() -> None:
    posts = [
        post(*(comment(20 * t + n, FULL) for n in range(10)), thread_id=t) for t in range(1, 21)
    ]
    html, _ = parts_of(digest(*posts))
    assert 70_000 < len(html.encode()) < 90_000


# --- what commenters may not do -----------------------------------------------------------------


def test_no_link_of_a_commenter_can_be_followed() -> None:
    source = (
        '<p>See <a href="https://evil.example/x" title="t">this</a>, www.evil.example/y, '
        "http://evil.example/z, eve@evil.example and evil.example.</p>"
    )
    shown = comment(
        html=source, author="evil.example", answers=answer(1, source, "eve@evil.example")
    )
    html, text = parts_of(digest(post(shown)))
    is_valid(html)
    for part in (html, text):
        assert "evil.example" not in part
        assert "://evil" not in part
        assert "this [evil.\u200bexample]" in part


def test_titles_and_names_are_text() -> None:
    nasty = '</h2></style><script>alert(1)</script><img src=x onerror="y">'
    content = digest(
        post(comment(author=nasty), title=nasty, page_id=3, excerpt=nasty),
        site_name=nasty[:50],
        digest_name=nasty,
        postal_address=nasty,
    )
    html, _ = parts_of(content)
    is_valid(html)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//evil.example/", ""])
def test_an_address_that_is_none_leads_to_the_site(link: str) -> None:
    html, _ = parts_of(digest(post(comment(link=link), link=link)))
    assert f'href="{ORIGIN}/"' in html
    is_valid(html)


@pytest.mark.parametrize("text", [*HOSTILE, "</style><script>", "{{ x }}{% y %}", "%s%(x)s"])
def test_hostile_words_change_no_header_and_break_no_mail(text: str) -> None:
    hostile = post(
        comment(html=f"<p>{text}</p>", author=text, answers=answer(1, text, text)),
        title=text,
        excerpt=text,
        page_id=4,
    )
    contents = [
        digest(hostile, site_name=text, digest_name=text, postal_address=text),
        instant(hostile, scope="answers", site_name=text, label=text),
        confirmation(site_name=text, label=text, postal_address=text),
    ]
    for content in contents:
        copy = copy_of(content)
        is_sound(copy)
        expected = copy_of(replace(content, site_name="x", label="y", posts=(post(comment()),)))
        assert header_names(copy) == header_names(expected)
        html, plain = parts_of(copy)
        is_valid(html)
        assert TOKEN in html
        # Marks that somebody typed are not filled.
        assert html.count(TOKEN) == parts_of(expected)[0].count(TOKEN)
        assert not {"\u202e", "\u2066", "\x00", "\ufdd0"} & set(html + plain)


@pytest.mark.parametrize("payload", own_payloads())
def test_hostile_html_is_harmless_though_nobody_cleaned_it(payload: str) -> None:
    html, _ = parts_of(digest(post(comment(html=payload))))
    is_valid(html, is_shaped=False)
    for format in FORMATS:
        made = render(source=payload, format=format, names={}, numbers=())
        is_valid(parts_of(digest(post(comment(html=made.html))))[0])


@limits(max_examples=60)
@given(st.text(max_size=300), st.text(max_size=60), st.text(max_size=100))
def test_any_text_makes_a_sound_mail(source: str, name: str, title: str) -> None:
    shown = post(comment(html=source, author=name), title=title, page_id=1, excerpt=source)
    content = digest(shown, site_name=name, digest_name=title, postal_address=name)
    copy = copy_of(content, VALUES)
    is_sound(copy)
    assert header_names(copy) == [*COMMON[:6], *LEAVE, *COMMON[6:]]
    is_valid(parts_of(copy)[0])
