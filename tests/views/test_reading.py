"""The page of a thread, read: order, numbers, tombstones, pages, permalinks."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comments.actions.changing import delete_comment, edit_comment
from comments.actions.erasing import erase_comment
from comments.actions.generating import generate_thread
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.threads import NumberedText, add_numbered_comments, change_thread
from comments.models import RepliesPolicy, Thread, ThreadState
from tests.making import MODERATOR, NOW, author_of, decide, later, make_moderator, post
from tests.views.browsing import Browser, text_of
from tests.views.host import make_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.views.host")]

PAGE = "/pages/a-thread/"


def fill(thread: Thread, count: int) -> None:
    """Adds ``count`` root comments of nobody known, as an import does."""
    texts = [NumberedText(number, f"Text {number}.") for number in range(1, count + 1)]
    add_numbered_comments(thread=thread, texts=texts, stored_at=NOW)


def test_a_page_shows_its_comments_in_reading_order_with_their_numbers() -> None:
    thread = make_page()
    post(thread, "First.", name="Ana")
    post(thread, "Second.", name="Bo")
    post(thread, "An answer to the first.", name="Chi", to=1)
    page = Browser().open(PAGE)
    assert page.status == 200
    assert page.numbers() == [1, 3, 2]
    assert text_of(page.get("comments-title")) == "3 comments"
    assert page.link("#3", inside="comment-3") == "#comment-3"
    assert page.link("in reply to #1", inside="comment-3") == "#comment-1"
    assert "An answer to the first." in text_of(page.get("comment-3"))
    assert "Chi" in text_of(page.get("comment-3-by"))
    times = [one.get("datetime") for one in page.get("comment-3").iter("time")]
    assert times == ["2026-11-23T12:00:00+00:00"]


def test_what_is_not_known_of_a_comment_is_shown_as_unknown() -> None:
    fill(make_page(), 1)
    page = Browser().open(PAGE)
    assert text_of(page.get("comment-1-by")) == "#1 Unknown"
    assert "date unknown" in text_of(page.get("comment-1"))
    assert list(page.get("comment-1").iter("time")) == []


def test_a_comment_lists_the_comments_that_refer_to_it() -> None:
    thread = make_page()
    post(thread, "First.")
    post(thread, "See #1.", name="Bo")
    page = Browser().open(PAGE)
    assert "Mentioned in #2" in text_of(page.get("comment-1"))
    assert page.link("#2", inside="comment-1") == "#comment-2"
    links = [a for a in page.get("comment-2").iter("a") if a.get("data-ref") == "1"]
    assert [a.get("href") for a in links] == ["#comment-1"]


def test_a_moderators_comment_and_an_edited_one_are_marked() -> None:
    thread = make_page()
    user = make_moderator("Mo")
    first = post(thread, "First.", user=user, is_moderator=True)
    edit_comment(
        comment_id=first.comment.pk,
        editor=author_of(first),
        source="First, said better.",
        format=None,
        version=1,
        now=later(60),
    )
    post(thread, "Second.", name="Bo")
    page = Browser().open(PAGE)
    assert text_of(page.get("comment-1-by")) == "#1 Mo moderator"
    assert "edited 23 November 2026, 12:01 UTC" in text_of(page.get("comment-1"))
    assert text_of(page.get("comment-2-by")) == "#2 Bo"
    assert len(page.all("span", class_="edited")) == 1


def test_the_website_of_a_commenter_is_linked_without_trust() -> None:
    thread = make_page()
    guest = GuestName("Ana", url="https://example.org/ana", email="ana@example.org")
    submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=guest),
        source="Hello.",
        format="plain",
        reply_to_number=None,
        now=NOW,
    )
    page = Browser().open(PAGE)
    (link,) = page.all("a", class_="author")
    assert (link.get("href"), link.get("rel")) == (guest.url, "nofollow ugc noopener")
    assert "ana@example.org" not in page.response.content.decode()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("author", "Comment removed by its author"),
        ("moderator", "Comment removed by a moderator"),
        ("erasure", "Comment erased"),
    ],
)
def test_a_tombstone_says_who_took_the_comment_away_and_nothing_of_it(how: str, words: str) -> None:
    thread = make_page()
    gone = post(thread, "A secret.", name="Ana")
    if how == "author":
        delete_comment(comment_id=gone.comment.pk, editor=author_of(gone), version=1, now=later(1))
        assert Browser().open(PAGE).numbers() == []
        return
    post(thread, "It stays.", name="Bo", to=1)
    if how == "moderator":
        decide(comment_id=gone.comment.pk, action="reject", now=later(2))
    else:
        erase_comment(comment_id=gone.comment.pk, now=later(2))
    page = Browser().open(PAGE)
    assert page.numbers() == [1, 2]
    assert text_of(page.get("comment-1")) == f"#1 {words}"
    assert "A secret." not in page.response.content.decode()
    assert text_of(page.get("comments-title")) == "1 comment"


def test_replies_that_a_moderator_folds_stand_in_a_closed_box() -> None:
    thread = make_page()
    loud = post(thread, "Loud.")
    post(thread, "One.", name="Bo", to=1)
    post(thread, "Two.", name="Chi", to=2)
    post(thread, "Elsewhere.", name="Dee")
    decide(
        comment_id=loud.comment.pk,
        action="reject",
        now=later(1),
        replies_policy=RepliesPolicy.COLLAPSE,
    )
    browser = Browser()
    page = browser.open(PAGE)
    (box,) = page.all("li", class_="folded")[0].iter("details")
    assert box.get("open") is None
    assert [article.get("id") for article in box.iter("article")] == ["comment-2", "comment-3"]
    assert text_of(next(box.iter("summary"))) == "2 folded replies"
    (opened,) = browser.open("?comment=3#comment-3").all("li", class_="folded")[0].iter("details")
    assert opened.get("open") is not None


def test_the_replies_that_are_cut_in_a_folded_branch_are_folded_with_it() -> None:
    thread = make_page()
    loud = post(thread, "Loud.")
    post(thread, "Beside.", name="Bo")
    for number in range(60):
        post(thread, f"Below {number}.", name="Chi", to=1)
    decide(
        comment_id=loud.comment.pk,
        action="reject",
        now=later(1),
        replies_policy=RepliesPolicy.COLLAPSE,
    )
    browser = Browser()
    page = browser.open(PAGE)
    assert page.numbers() == [1, 3, 4, 5, 6, 7, 2]
    (box,) = page.all("li", class_="folded")[0].iter("details")
    assert len(list(box.iter("article"))) == 5
    (hole,) = [li for li in box.iter("li") if "hole" in (li.get("class") or "")]
    assert text_of(hole) == "55 more replies to comment 1"
    rest = browser.open(page.link("55 more replies to comment 1"))
    assert rest.numbers() == [1, *range(8, 58)]
    assert rest.get("comment-8") in list(rest.all("li", class_="folded")[0].iter("article"))
    assert browser.open(rest.link("Load more replies ↓")).numbers() == [1, *range(58, 63)]


def test_a_branch_too_deep_for_the_page_goes_on_on_a_page_of_its_own() -> None:
    thread = make_page()
    post(thread, "Beside.")
    for depth in range(60):
        post(thread, f"Depth {depth}.", name="Bo", to=depth + 1 if depth else None)
    browser = Browser()
    page = browser.open(PAGE)
    assert page.numbers() == [1, *range(2, 8)]
    link = "Continue this thread (54 more replies) to comment 7"
    branch = browser.open(page.link(link))
    assert branch.numbers() == list(range(2, 13))
    assert "is-sought" in (branch.get("comment-7").get("class") or "")
    assert browser.open(branch.link("All comments")).numbers() == page.numbers()


def test_paging_by_links_shows_each_comment_once_forwards_and_back() -> None:
    fill(make_page(), 120)
    browser = Browser()
    pages = [browser.open(PAGE).numbers()]
    while browser.shown.all("a", rel="next"):
        pages += [browser.open(browser.shown.link("Load more comments ↓")).numbers()]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [number for page in pages for number in page] == list(range(1, 121))
    back = browser.open(browser.shown.link("↑ Earlier comments"))
    assert back.numbers() == pages[1]
    assert browser.open(back.link("From the beginning")).numbers() == pages[0]


@pytest.mark.parametrize("sort", ["newest", "best"])
def test_a_thread_can_be_read_in_other_orders(sort: str) -> None:
    fill(make_page(), 60)
    browser = Browser()
    name = {"newest": "Newest first", "best": "Best first"}[sort]
    browser.open(PAGE)
    first = browser.open(browser.shown.link(name))
    rest = browser.open(first.link("Load more comments ↓"))
    assert sorted(first.numbers() + rest.numbers()) == list(range(1, 61))
    if sort == "newest":
        assert first.numbers()[0] == 60
    (current,) = [a for a in rest.all("a") if a.get("aria-current") == "true"]
    assert text_of(current) == name


def test_a_permalink_shows_the_page_that_holds_the_comment() -> None:
    fill(make_page(), 120)
    page = Browser().open(f"{PAGE}?comment=70#comment-70")
    assert page.status == 200
    assert 70 in page.numbers()
    assert "is-sought" in (page.get("comment-70").get("class") or "")


def test_the_comments_of_a_branching_thread_are_found_by_their_permalinks() -> None:
    make_page()
    generate_thread(site_id=1, key="a-thread", comments=400, seed=7)
    browser = Browser()
    browser.open(PAGE)
    for number in (1, 2, 49, 50, 51, 52, 99, 100, 101, 222, 399, 400):
        assert number in browser.open(f"?comment={number}").numbers()


def test_links_in_texts_lead_to_comments_on_other_pages_without_a_script() -> None:
    thread = make_page()
    fill(thread, 60)
    post(thread, "See #3 and #60.", name="Ana")
    post(thread, "Thanks @Ana.", name="Bo")
    browser = Browser()
    page = browser.open(f"{PAGE}?comment=61")
    assert page.link("#60", inside="comment-61") == "?comment=60#comment-60"
    assert page.link("#3", inside="comment-61") == "?comment=3#comment-3"
    assert 3 in browser.open("?comment=3#comment-3").numbers()
    assert browser.open("?comment=62").link("@Ana", inside="comment-62") == "?comment=61#comment-61"


def test_a_link_written_as_text_stays_text() -> None:
    thread = make_page()
    fill(thread, 60)
    text = '<a href="#comment-3" data-ref="3">'
    post(thread, f"`{text}`", name="Ana", format="markdown")
    page = Browser().open(f"{PAGE}?comment=61")
    assert [text_of(one) for one in page.get("comment-61").iter("code")] == [text]


def test_a_comment_that_nobody_can_reach_is_a_404_that_says_so_where_the_browser_looks() -> None:
    make_page()
    page = Browser().open(f"{PAGE}?comment=7#comment-7")
    assert page.status == 404
    assert page.notices() == ["This comment is not here (any more)."]
    assert text_of(page.get("comment-7")) == "This comment is not here (any more)."


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("cursor=forged", 400),
        ("cursor=%ff%00", 400),
        ("sort=sideways", 400),
        ("comment=-1", 404),
        ("comment=9999999999999999999999", 404),
        ("comment=%00", 404),
        ("comment=", 404),
        ("reply_to=x", 404),
        ("reply_to=999999999999999999", 404),
        ("edit=1", 404),
        ("edit=x", 404),
        ("delete=999999999999999999", 404),
    ],
)
def test_forged_parameters_are_refused_on_a_page_of_words(query: str, status: int) -> None:
    make_page()
    assert Browser().open(f"{PAGE}?{query}").status == status


def test_a_cursor_of_another_thread_is_refused() -> None:
    fill(make_page(), 60)
    fill(make_page("other"), 60)
    browser = Browser()
    cursor = browser.open(PAGE).link("Load more comments ↓")
    assert browser.open(f"/pages/other/{cursor}").status == 400


def test_an_unknown_thread_is_a_404() -> None:
    assert Browser().open("/pages/nothing/").status == 404


def test_a_closed_thread_has_a_sentence_and_no_form() -> None:
    thread = make_page()
    post(thread)
    change_thread(thread_id=thread.pk, now=later(1), state=ThreadState.CLOSED)
    page = Browser().open(PAGE)
    assert page.find("reply") is None
    assert "This thread is closed." in text_of(page.get("comments"))
    assert "Reply" not in text_of(page.get("comment-1"))
    assert Browser().open(f"{PAGE}?reply_to=1").find("reply") is None


def test_what_comes_into_a_closed_thread_without_a_text_is_kept_as_nothing() -> None:
    make_page()
    browser = Browser()
    token = browser.open(PAGE).get("reply").find(".//input[@name='csrfmiddlewaretoken']")
    assert token is not None
    Thread.objects.update(state=ThreadState.CLOSED)
    sent = {"do": "post", "csrfmiddlewaretoken": token.get("value") or ""}
    [page] = browser.post(PAGE, sent)
    assert text_of(page.get("kept-text")) == ""


def test_parameters_of_the_host_stay_in_every_link() -> None:
    fill(make_page(), 60)
    page = Browser().open(f"{PAGE}?lang=en")
    for link in ("Load more comments ↓", "Newest first"):
        assert "lang=en" in page.link(link)


def test_no_page_has_an_inline_script_style_or_handler() -> None:
    fill(make_page(), 60)
    page = Browser().open(PAGE)
    assert [one for one in page.all("script") if not one.get("src")] == []
    assert page.all("style") == []
    handlers = [
        name
        for element in page.root.iter()
        for name in element.attrib
        if name == "style" or name.startswith("on")
    ]
    assert handlers == []


def test_texts_and_names_carry_their_own_direction() -> None:
    thread = make_page()
    post(thread, "שלום", name="דוד")
    page = Browser().open(PAGE)
    (text,) = [one for one in page.get("comment-1").iter("div") if one.get("class") == "text"]
    assert text.get("dir") == "auto"
    assert [text_of(one) for one in page.get("comment-1").iter("bdi")] == ["דוד"]


@pytest.mark.parametrize("known", [False, True])
def test_the_number_of_queries_does_not_depend_on_the_thread(known: bool) -> None:
    counts = {}
    for key, size in (("few", 10), ("many", 2_000)):
        make_page(key)
        generate_thread(site_id=1, key=key, comments=size, seed=7)
        browser = Browser()
        browser.open(f"/pages/{key}/")
        if known:
            browser.press("post", name=f"Ana {key}", source="See #1 and #2.")
        with CaptureQueriesContext(connection) as queries:
            browser.open(f"/pages/{key}/")
        counts[key] = len(queries)
    # The thread; rows; what they name. Of a long thread besides: the replies.
    # A guest besides: who it is, the votes, what others do not see.
    assert counts == ({"few": 6, "many": 7} if known else {"few": 3, "many": 4})


def test_a_page_in_the_middle_of_a_thread_costs_the_same_wherever_it_is() -> None:
    make_page()
    generate_thread(site_id=1, key="a-thread", comments=2_000, seed=7)
    browser = Browser()
    browser.open(PAGE)
    counts = set()
    for number in (200, 1_000, 1_800):
        with CaptureQueriesContext(connection) as queries:
            assert number in browser.open(f"?comment={number}").numbers()
        counts.add(len(queries))
    # The thread; the comment, what it answers, what they name; each level below.
    assert max(counts) <= 9


def test_a_page_is_private_and_varies_by_cookie() -> None:
    make_page()
    answer = Browser().open(PAGE).response
    assert "private" in answer["Cache-Control"]
    assert "Cookie" in answer["Vary"]


def test_a_moderator_hiding_a_branch_leaves_nothing_of_it() -> None:
    thread = make_page()
    branch = post(thread, "Loud.")
    post(thread, "Below.", name="Bo", to=1)
    delete_comment(comment_id=branch.comment.pk, editor=MODERATOR, version=1, now=later(1))
    assert Browser().open(PAGE).numbers() == [1, 2]
    decide(
        comment_id=branch.comment.pk,
        action="spam",
        now=later(2),
        replies_policy=RepliesPolicy.REMOVE,
    )
    assert Browser().open(PAGE).numbers() == []
