"""The blog's pages: the customer's post whole, its series, the list, and what happens otherwise."""

from __future__ import annotations

from datetime import date
from typing import Any

import html5lib
import pytest
from django.contrib.sites.models import Site
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path

from blog import failures
from blog.importing import digest_of, import_document
from blog.models import Post
from blog.publishing import save_post
from blog.seed import decode_document, parse_document
from blog.urls import handler400, handler403, handler404, handler500, urlpatterns  # noqa: F401
from comments.models import Comment, ThreadState
from comments.queries.pages import page_store
from tests.conftest import ROOT
from tests.making import NOW
from tests.views.browsing import FORM, Browser, text_of

pytestmark = pytest.mark.django_db

DOCUMENT = ROOT / "fixtures" / "israpundit.txt"
PAGE = "/posts/russia-and-the-new-me-part-iv/"
SERIES = "/series/russia-and-the-new-me/"
TODAY = NOW.date()


def break_down(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret of the house")


urlpatterns = [*urlpatterns, path("broken/", break_down), path("api/v1/broken/", break_down)]


@pytest.fixture
def post() -> Post:
    """Returns the customer's post, imported."""
    data = DOCUMENT.read_bytes()
    site = Site.objects.get(pk=1)
    document = parse_document(decode_document(data))
    return import_document(site=site, document=document, digest=digest_of(data)).post


def make_post(slug: str, *, title: str = "A post", published_on: date = TODAY) -> Post:
    made = Post(
        site=Site.objects.get(pk=1),
        slug=slug,
        title=title,
        body="<p>Text.</p>",
        published_on=published_on,
    )
    save_post(made, state=ThreadState.OPEN, premoderation=False, now=NOW)
    return made


def test_the_post_is_shown_with_all_that_its_document_says(post: Post) -> None:
    page = Browser().open(PAGE)
    assert page.status == 200
    (title,) = page.all("h1")
    assert text_of(title) == post.title
    (article,) = page.all("article", class_="post")
    shown = text_of(article)
    assert "By Ted Belman and Alex Maistrovoy April 18/21 · 27 April 2023 · 9 comments" in shown
    assert "Under Vladimir Putin, Moscow is positioning itself" in shown
    assert [text_of(one) for one in article.iter("h2")][:2] == [
        "Pragmatic Reasons",
        "Cultural Reasons",
    ]
    (notes,) = page.all("aside", class_="author-notes")
    assert text_of(notes) != ""


def test_the_series_is_listed_with_the_present_part_marked(post: Post) -> None:
    page = Browser().open(PAGE)
    (series,) = page.all("nav", class_="series")
    parts = [text_of(one) for one in series.iter("li")]
    assert parts == [
        "Part I The USSR and the Old Middle East",
        "Part II The Russian courtship of Israel during the first two decades of this century.",
        "Part III Russia’s Predicaments both foreign and domestic",
        "Part IV Can Russia be induced to use its UN veto to protect Israel",
    ]
    present = [one for one in series.iter() if one.get("aria-current") == "page"]
    assert [text_of(one) for one in present] == [parts[3].removeprefix("Part IV ")]
    assert [one.get("href") for one in series.iter("a")] == [SERIES]


def test_the_nine_replies_are_shown_by_nobody_known_at_no_known_time(post: Post) -> None:
    page = Browser().open(PAGE)
    assert page.numbers() == list(range(1, 10))
    for number in range(1, 10):
        assert text_of(page.get(f"comment-{number}-by")) == f"#{number} Unknown"
        assert "date unknown" in text_of(page.get(f"comment-{number}"))
    assert "@Adam" in text_of(page.get("comment-3"))


def test_the_mention_in_the_third_reply_leads_to_an_adam_who_answers(post: Post) -> None:
    browser = Browser()
    browser.open(PAGE)
    page = browser.press("post", name="Adam", source="Here I am.")
    assert page.fragment == "comment-10"
    assert page.link("@Adam", inside="comment-3") == "#comment-10"


def test_below_the_post_one_can_subscribe_to_the_digest_by_its_name(post: Post) -> None:
    page = Browser().open(PAGE)
    assert text_of(page.get("subscribe-title")) == "Subscribe to Israpundit Daily Digest"


def test_the_page_of_a_post_names_its_feed_and_address(post: Post) -> None:
    page = Browser().open(PAGE)
    (canonical,) = page.all("link", rel="canonical")
    assert canonical.get("href") == f"http://127.0.0.1:8000{PAGE}"
    feeds = {one.get("type", ""): one.get("href", "") for one in page.all("link", rel="alternate")}
    assert feeds == {
        "application/atom+xml": "/threads/russia-and-the-new-me-part-iv/feed.atom",
        "application/feed+json": "/threads/russia-and-the-new-me-part-iv/feed.json",
    }
    for type_, address in feeds.items():
        assert Client().get(address)["Content-Type"].startswith(type_)


def test_the_list_of_posts_names_the_feeds_of_the_site() -> None:
    page = Browser().open("/")
    feeds = {one.get("type", ""): one.get("href", "") for one in page.all("link", rel="alternate")}
    assert feeds == {
        "application/atom+xml": "/comments/feed.atom",
        "application/feed+json": "/comments/feed.json",
    }
    for type_, address in feeds.items():
        assert Client().get(address)["Content-Type"].startswith(type_)


def test_the_list_of_posts_counts_their_comments(post: Post) -> None:
    make_post("later", title="A later post")
    page = Browser().open("/")
    assert page.status == 200
    titles = [text_of(one) for one in page.all("h2")]
    assert titles == ["A later post", post.title]
    assert page.link("9 comments") == f"{PAGE}#comments"
    assert page.link("0 comments") == "/posts/later/#comments"
    assert text_of(page.all("a", class_="brand")[0]) == "Israpundit"


def test_many_posts_are_listed_page_by_page_each_once() -> None:
    for number in range(65):
        make_post(f"post-{number}", title=f"Post {number}", published_on=date(2026, 1, 1))
    browser = Browser()
    page = browser.open("/")
    seen = [text_of(one) for one in page.all("h2")]
    while browser.shown.all("a", rel="next"):
        page = browser.open(browser.shown.link("Older posts ↓"))
        seen += [text_of(one) for one in page.all("h2")]
    assert seen == [f"Post {number}" for number in reversed(range(65))]


def test_a_series_lists_its_parts_and_links_those_that_are_here(post: Post) -> None:
    page = Browser().open(SERIES)
    assert page.status == 200
    (parts,) = page.all("ol", class_="series-parts")
    assert len(list(parts.iter("li"))) == 4
    assert [one.get("href") for one in parts.iter("a")] == [PAGE]
    assert "9 comments" in text_of(parts)


@pytest.mark.parametrize(
    "address",
    [
        "/posts/nothing/",
        "/posts/%00/",
        f"/posts/{'x' * 300}/",
        "/series/nothing/",
        "/series/%00/",
        "/?before=nothing",
        "/?before=%00",
        "/nothing/",
    ],
)
def test_what_is_not_there_is_a_page_of_words_with_status_404(address: str) -> None:
    page = Browser().open(address)
    assert page.status == 404
    assert "Israpundit" in text_of(page.root)
    assert "<title>Not found.</title>" in page.response.content.decode()


def test_the_pages_of_the_blog_ask_a_constant_number_of_queries(post: Post) -> None:
    browser = Browser()
    found = {}
    for address in ("/", PAGE, SERIES):
        browser.open(address)
        page_store().clear()
        with CaptureQueriesContext(connection) as queries:
            browser.open(address)
        found[address] = len(queries)
    # What the page stands on; the post, its thread, its part and its series; its authors; the parts
    # of the series; rows; what they name.
    assert found == {"/": 1, PAGE: 9, SERIES: 2}


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.fixture
def broken(settings: Any) -> Client:
    """Returns a client of a site that has addresses that break down."""
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


def test_a_breakdown_is_a_page_of_words_without_a_trace(broken: Client) -> None:
    answer = broken.get("/broken/")
    assert answer.status_code == 500
    assert b"The fault is ours" in answer.content
    assert b"secret" not in answer.content
    assert b"Traceback" not in answer.content


def test_a_breakdown_below_the_api_is_a_problem_document(broken: Client) -> None:
    answer = broken.get("/api/v1/broken/")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "server_error"
    assert b"secret" not in answer.content


def test_the_page_of_a_breakdown_asks_no_database(broken: Client) -> None:
    broken.get("/broken/")  # a process knows the language of its site from the first request on
    with CaptureQueriesContext(connection) as queries:
        broken.get("/broken/")
    assert len(queries) == 0


def test_a_breakdown_of_the_pages_own_template_still_answers(
    broken: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("no template")

    monkeypatch.setattr(failures, "render_to_string", fail)
    answer = broken.get("/broken/")
    assert (answer.status_code, answer.content) == (500, b"Internal Server Error\n")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestDataTooBig(), 413, "too_large"),
        (DisallowedHost(), 400, "malformed"),
        (Exception("unforeseen"), 400, "malformed"),
    ],
)
def test_a_bad_request_says_what_was_bad(error: Exception, status: int, code: str) -> None:
    make = RequestFactory()
    page = failures.bad_request(make.get("/posts/x/"), error)
    assert page.status_code == status
    assert page["Content-Type"].startswith("text/html")
    problem = failures.bad_request(make.get("/api/v1/x/"), error)
    assert problem.status_code == status
    assert code in problem.content.decode()


def test_a_forbidden_page_and_a_forbidden_answer() -> None:
    make = RequestFactory()
    assert failures.forbidden(make.get("/x/"), Exception()).status_code == 403
    problem = failures.forbidden(make.get("/api/v1/x/"), Exception())
    assert b'"code":"forbidden"' in problem.content


def test_an_unknown_address_of_the_api_is_a_problem_document() -> None:
    answer = Client().get("/api/v1/nothing/")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("checked", [True, False])
def test_a_body_of_ten_megabytes_is_a_page_with_status_413(
    post: Post, encoded: bool, checked: bool
) -> None:
    client = Client(enforce_csrf_checks=checked)
    client.get(PAGE)
    data = {"do": "post", "name": "Ana", "source": "x" * 10_000_000}
    if encoded:
        body = "&".join(f"{name}={value}" for name, value in data.items())
        answer = client.post(PAGE, body, content_type=FORM)
    else:
        answer = client.post(PAGE, data)
    assert answer.status_code == 413
    assert b"The request is too large." in answer.content
    assert Comment.objects.count() == 9


def test_a_form_from_elsewhere_is_refused_and_its_text_given_back(post: Post) -> None:
    browser = Browser()
    browser.open(PAGE)
    (page,) = browser.post(PAGE, {"do": "post", "name": "Ana", "source": "Long <text>."})
    assert page.status == 403
    assert (page.get("kept-text").text or "").strip() == "Long <text>."
    assert Comment.objects.count() == 9


def test_a_broken_multipart_body_is_a_400(post: Post) -> None:
    answer = Client().post(PAGE, b"nothing", content_type="multipart/form-data")
    assert answer.status_code == 400


def test_too_many_fields_are_a_400(post: Post) -> None:
    body = "&".join(f"f{number}=" for number in range(2_000))
    assert Client().post(PAGE, body, content_type=FORM).status_code == 400


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_page_takes_no_other_methods(post: Post, method: str) -> None:
    assert getattr(Client(), method)(PAGE).status_code == 405


def test_the_policy_of_every_page_allows_no_inline_script_or_style(post: Post) -> None:
    for address in ("/", PAGE, SERIES, "/nothing/", "/api/v1/docs/", "/problems/"):
        policy = Client().get(address)["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy


def test_the_markup_of_every_page_is_without_errors(post: Post) -> None:
    browser = Browser()
    browser.open(PAGE)
    browser.press("post", name="Ana", source="See #1, @Adam.")
    comment_id = Comment.objects.get(number=10).pk
    addresses = [
        *("/", PAGE, SERIES, "/nothing/", "/problems/", "/problems/too_large/", "/api/v1/docs/"),
        *(f"{PAGE}?reply_to=3", f"{PAGE}?edit={comment_id}", f"{PAGE}?delete={comment_id}"),
    ]
    for address in addresses:
        parser = html5lib.HTMLParser()
        parser.parse(browser.open(address).response.content)
        assert parser.errors == [], address
