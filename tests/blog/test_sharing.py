"""What other places show of a page when somebody shares its address: Open Graph, a summary."""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site

from blog.models import Post, Series
from blog.publishing import save_post
from comments.models import SiteSettings, ThreadState
from comments.queries.sites import forget_profiles
from tests.making import NOW
from tests.views.browsing import Browser, Shown

pytestmark = pytest.mark.django_db

ORIGIN = "http://127.0.0.1:8000"


def make_post(*, title: str = "A post", body: str = "<p>Some words.</p>") -> Post:
    made = Post(
        site=Site.objects.get(pk=1),
        slug="a-post",
        title=title,
        body=body,
        published_on=NOW.date(),
    )
    save_post(made, state=ThreadState.OPEN, premoderation=False, now=NOW)
    return made


def told(page: Shown) -> dict[str, str]:
    """Returns what the head says, by name; each name once."""
    assert page.status == 200
    named = [
        (one.get("property") or one.get("name") or "", one.get("content") or "")
        for one in page.all("meta")
        if (one.get("property") or one.get("name") or "").partition(":")[0]
        in {"og", "article", "twitter", "description"}
    ]
    found = dict(named)
    assert len(found) == len(named)
    return found


def canonical(page: Shown) -> str | None:
    (link,) = page.all("link", rel="canonical")
    return link.get("href")


def test_a_post_says_what_it_is_about_in_one_short_line() -> None:
    make_post(
        title='Bread & "soup"\u202e',
        body=f"<p>First\nline.</p><p>{'Many <b>words</b> & ' * 60}</p>",
    )
    page = Browser().open("/posts/a-post/?sort=newest&utm=x")
    found = told(page)
    description = found.pop("description")
    assert found == {
        "og:type": "article",
        "og:title": 'Bread & "soup"',
        "og:url": f"{ORIGIN}/posts/a-post/",
        "og:site_name": "Israpundit",
        "og:locale": "en_US",
        "og:description": description,
        "article:published_time": "2026-11-23",
        "twitter:card": "summary",
    }
    assert description.startswith("First line.")
    assert len(description) == 200
    assert description.endswith("…")
    assert "<" not in description
    assert canonical(page) == found["og:url"]


def test_a_post_without_words_has_no_description() -> None:
    make_post(body="<hr>")
    found = told(Browser().open("/posts/a-post/"))
    assert not {"description", "og:description"} & set(found)


def test_the_list_of_posts_and_a_series_say_what_they_are() -> None:
    make_post()
    Series.objects.create(site_id=1, title="A series", slug="a-series")
    for address, title in {"/": "Israpundit", "/series/a-series/": "A series"}.items():
        page = Browser().open(address)
        assert told(page) == {
            "og:type": "website",
            "og:title": title,
            "og:url": f"{ORIGIN}{address}",
            "og:site_name": "Israpundit",
            "og:locale": "en_US",
            "twitter:card": "summary",
        }
        assert canonical(page) == f"{ORIGIN}{address}"


def test_a_further_page_of_the_list_is_found_at_its_own_address() -> None:
    make_post()
    page = Browser().open("/?before=a-post&utm=x")
    assert canonical(page) == told(page)["og:url"] == f"{ORIGIN}/?before=a-post"


@pytest.mark.parametrize(
    ("language", "locale"), [("he", "he_IL"), ("de", "de_DE"), ("ru", "ru_RU")]
)
def test_a_page_names_the_language_of_its_site(language: str, locale: str) -> None:
    make_post()
    SiteSettings.objects.update_or_create(site_id=1, defaults={"language": language})
    forget_profiles()
    assert told(Browser().open("/posts/a-post/"))["og:locale"] == locale
