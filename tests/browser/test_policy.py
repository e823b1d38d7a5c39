"""The Content-Security-Policy with Trusted Types in Chromium: every page lives within it.

And it holds: what a page must not do is tried on each kind of page, and is blocked and reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.sites.models import Site
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, Response, Route, expect
from pytest_django.live_server_helper import LiveServer

from blog.models import Author, Post, Series
from comments.models import Comment, Moderator, Participant, ScreeningRule
from tests.browser.browsers import browser_of
from tests.browser.desking import full_desk
from tests.browser.test_page import PAGE
from tests.corpus.reading import own_payloads
from tests.mailing import asked, subscribed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LISTEN = """addEventListener("securitypolicyviolation", (event) => console.error(
  `violated ${event.violatedDirective}: ${event.blockedURI} ${event.sample} ${event.sourceFile}`
));"""
"""Runs before any script of a page; so a violation is heard that no console would name."""

INLINE = "<script>window.taken = true</script>"


@dataclass
class Visit:
    """A browser that is signed in as somebody, and what its pages complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str, status: int = 200) -> Response:
        """Returns the answer at an address."""
        answer = self.page.goto(f"{self.url}{address}")
        assert answer is not None
        assert answer.status == status, address
        return answer


@contextmanager
def visiting(path: str, server: LiveServer, session: str = "") -> Iterator[Visit]:
    """Gives a browser. What its pages complain about is for the test to look at."""
    with browser_of(path) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(LISTEN)
        if session:
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": server.url}
            context.add_cookies([cookie])  # type: ignore[list-item]
        complaints: list[str] = []

        def heard(message: Any) -> None:
            unwanted = message.type in {"error", "warning"}
            if unwanted and "Failed to load resource" not in message.text:
                complaints.append(f"{message.page.url}: {message.text}")

        context.on("console", heard)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        yield Visit(context.new_page(), server.url, complaints)


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def root(site: Site, sessions: dict[str, str]) -> str:
    """Returns the session of somebody who may do everything, on a desk that is full."""
    user = User.objects.create_superuser("root", "root@example.org", "a-password")
    Moderator.objects.create(site=site, user=user, sanction=True, configure=True)
    Group.objects.create(name="Editors")
    full_desk()
    Author.objects.create(site=site, name="Ted", slug="ted")
    return session_of(user)


def admin_addresses(user: User) -> list[str]:
    """Returns the pages of Django's admin: of each model the list, the form for a new one, and of
    one row the form, its history and the question before it is deleted."""
    request = RequestFactory().get("/admin/")
    request.user = user
    found = ["/admin/auth/", "/admin/password_change/", f"/admin/auth/user/{user.pk}/password/"]
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        if model_admin.has_add_permission(request):
            found.append(reverse(f"{name}_add"))
        row = model._default_manager.first()
        if row is not None:
            found += [reverse(f"{name}_{what}", args=[row.pk]) for what in ("change", "history")]
            if model_admin.has_delete_permission(request, row):
                found.append(reverse(f"{name}_delete", args=[row.pk]))
    return found


def desk_addresses() -> list[str]:
    participant, comment = Participant.objects.latest("pk"), Comment.objects.latest("pk")
    subscriber = subscribed("bo@example.org")
    return [
        *("/admin/", "/admin/moderation/", "/admin/moderation/?desk=mine"),
        f"/admin/moderation/comments/{comment.pk}/",
        f"/admin/moderation/participants/{participant.pk}/",
        *("/admin/moderation/rules/", "/admin/moderation/rules/new/?kind=words"),
        f"/admin/moderation/rules/{ScreeningRule.objects.latest('pk').pk}/",
        *("/admin/moderation/decisions/", "/admin/moderation/dashboard/"),
        *("/admin/mail/", "/admin/mail/deliveries/", "/admin/mail/bounces/"),
        *("/admin/mail/preview/", f"/admin/mail/preview/{subscriber.pk}/"),
    ]


def readers_addresses() -> list[str]:
    asking = asked("ana@example.org", now=timezone.now())  # it may be confirmed for a week
    token = asking.subscriber.token
    return [
        *("/", PAGE, f"{PAGE}?sort=newest", f"{PAGE}?reply_to=9#reply"),
        f"/series/{Series.objects.get().slug}/",
        *("/problems/", "/problems/validation_failed/", "/api/v1/docs/", "/admin/login/"),
        reverse("subscription-settings", args=[token]),
        reverse("subscription-confirm", args=[token, asking.pk]),
        reverse("subscription-leave", args=[token, "digest"]),
    ]


def directives(answer: Response) -> dict[str, str]:
    """Returns the policy of an answer by directive; it allows nothing unsafe."""
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    found = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert found["require-trusted-types-for"] == "'script'"
    assert found["script-src"] == found["style-src"] == "'self'"
    return found


def test_pages_for_readers_violate_nothing(
    customers_post: None, live_server: LiveServer, chromium: str
) -> None:
    addresses = readers_addresses()
    with visiting(chromium, live_server) as visit:
        for address in addresses:
            found = directives(visit.open(address))
            admin_too = address.startswith("/admin/")
            assert found["trusted-types"] == ("default" if admin_too else "comment-thread")
        assert directives(visit.open("/nothing/", 404))["trusted-types"] == "comment-thread"
    assert visit.complaints == []


def test_pages_of_the_admin_violate_nothing(
    customers_post: None, root: str, live_server: LiveServer, chromium: str
) -> None:
    subscribed("ana@example.org")
    addresses = admin_addresses(User.objects.get(username="root"))
    assert len(addresses) > 40
    with visiting(chromium, live_server, root) as visit:
        for address in addresses:
            assert directives(visit.open(address))["trusted-types"] == "default", address
    assert visit.complaints == []


def test_pages_of_the_desk_and_the_mail_room_violate_nothing_and_have_no_default_policy(
    customers_post: None, root: str, live_server: LiveServer, chromium: str
) -> None:
    addresses = desk_addresses()
    with visiting(chromium, live_server, root) as visit:
        for address in addresses:
            assert directives(visit.open(address))["trusted-types"] == "comment-thread", address
            assert visit.page.evaluate("trustedTypes.defaultPolicy") is None
        visit.open("/admin/moderation/")
        visit.page.keyboard.press("a")
        expect(visit.page.locator("article.card.handled, article[data-handled]")).to_have_count(1)
    assert visit.complaints == []


def test_the_widgets_of_the_admin_work_within_the_policy(
    customers_post: None, root: str, live_server: LiveServer, chromium: str
) -> None:
    post_pk, user_pk = Post.objects.get().pk, User.objects.get(username="root").pk
    with visiting(chromium, live_server, root) as visit:
        page = visit.page
        visit.open("/admin/blog/post/add/")
        page.get_by_label("Title").press_sequentially("Bread & <soup>")
        expect(page.get_by_label("Slug")).to_have_value("bread-soup")  # prepopulate.js
        page.get_by_title("Calendar").or_(page.locator(".datetimeshortcuts a")).nth(1).click()
        expect(page.locator(".calendarbox")).to_be_visible()
        page.locator(".calendarbox td a").nth(9).click()
        expect(page.locator("#id_published_on")).not_to_have_value("")

        page.get_by_role("button", name="Add another Authorship").click()  # inlines.js
        row = page.locator("#authorships-0")
        expect(row).to_be_visible()
        row.locator(".select2-selection").click()  # Select2, from a row made by jQuery
        page.locator(".select2-search__field").press_sequentially("Ted")
        option = page.locator(".select2-results__option", has_text="Ted").last
        option.click()
        expect(row.locator(".select2-selection__rendered")).to_contain_text("Ted")
        page.get_by_role("button", name="Add another Authorship").click()
        page.locator("#authorships-1").get_by_role("button", name="Remove").click()
        expect(page.locator("#authorships-1")).to_have_count(0)

        visit.open(f"/admin/blog/post/{post_pk}/change/")
        clear = page.locator("#id_series_part ~ .select2 .select2-selection__clear")
        clear.click()
        expect(clear).to_have_count(0)

        visit.open(f"/admin/auth/user/{user_pk}/change/")
        page.locator("#id_groups_from option").first.click()
        page.get_by_role("button", name="Choose selected groups").or_(
            page.locator("#id_groups_add")
        ).first.click()  # SelectFilter2.js
        expect(page.locator("#id_groups_to option")).to_have_text(["Editors"])
        page.locator(".clockbox, .datetimeshortcuts a[id^=clocklink]").first.click()
        expect(page.locator(".clockbox").first).to_be_visible()

        visit.open("/admin/auth/group/")
        page.locator("#action-toggle").check()  # actions.js
        expect(page.locator(".action-counter")).to_contain_text("1 of 1")
        visit.open("/admin/blog/post/")
        page.locator("#changelist-filter summary").first.click()  # filters.js
        page.locator("#nav-filter").fill("ser")  # nav_sidebar.js
        expect(page.locator("#nav-sidebar tr.model-series")).to_be_visible()
        expect(page.locator("#nav-sidebar tr.model-post")).to_be_hidden()
        page.locator("#toggle-nav-sidebar").click()
        page.locator("button.theme-toggle").first.click()  # theme.js
    assert visit.complaints == []


HARM = {
    "html": "document.body.innerHTML = '<img src=x onerror=\"window.taken = true\">'",
    "script": "made.textContent = 'window.taken = true'; document.body.append(made)",
    "address of a script": "made.src = 'data:text/javascript,window.taken = true'",
    "document": "new DOMParser().parseFromString('<script>1</script>', 'text/html')",
    "policy": "trustedTypes.createPolicy('mine', {createHTML: (html) => html})",
    "code": "setTimeout('window.taken = true', 0)",
}
TRY = """new Promise((resolve) => {
  addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
  const made = document.createElement("script");
  try { HARM } catch {}
})"""
POSTS = "/admin/blog/post/"


@pytest.mark.parametrize("address", [PAGE, "/api/v1/docs/", "/admin/moderation/", POSTS])
def test_what_would_write_a_script_into_a_page_is_blocked_and_reported(
    address: str, customers_post: None, root: str, live_server: LiveServer, chromium: str
) -> None:
    with visiting(chromium, live_server, root) as visit:
        for name, code in HARM.items():
            visit.open(address)
            assert visit.complaints == []
            told = visit.page.evaluate(TRY.replace("HARM", code))
            assert told in {"require-trusted-types-for", "trusted-types", "script-src-elem"}, name
            assert visit.page.evaluate("window.taken") is None
            assert visit.complaints != []
            visit.complaints.clear()


@pytest.mark.parametrize("address", [PAGE, "/", "/api/v1/docs/", "/admin/moderation/", POSTS])
def test_a_script_inside_a_page_is_blocked_and_reported(
    address: str, customers_post: None, root: str, live_server: LiveServer, chromium: str
) -> None:
    def with_script(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<body", f"{INLINE}<body", 1))

    with visiting(chromium, live_server, root) as visit:
        visit.page.route(f"{live_server.url}{address}", with_script)
        visit.open(address)
        assert INLINE in visit.page.content()
        assert visit.page.evaluate("window.taken") is None
    assert any("script-src-elem: inline" in complaint for complaint in visit.complaints)


WRITE_ALL = r"""(payloads) => {
  const places = ["div", "table", "tbody", "tr", "select", "textarea", "template"];
  const through = new Set(), done = [];
  for (const payload of payloads) {
    for (const place of places.map((name) => document.createElement(name))) {
      try { place.innerHTML = payload; } catch { continue; }
      through.add(payload);
      for (const element of (place.content ?? place).querySelectorAll("*")) {
        if (/^(script|style|iframe|object|embed|svg|math|img|link|meta|base)$/
          .test(element.localName)) done.push(element.localName);
        for (const { name, value } of element.attributes) {
          if (/^(on|src|style|action|formaction|data)/.test(name)
            || (name === "href" && !/^(#|\/(?![\/\\])|$)/.test(value))
          ) done.push(`${element.localName} ${name}=${value}`);
        }
      }
    }
  }
  return { through: [...through], done };
}"""
"""Writes each text into elements of many kinds: what got through, and what of it could do harm."""


def test_the_policy_of_the_admin_lets_nothing_through_that_does_anything(
    customers_post: None, root: str, live_server: LiveServer, chromium: str
) -> None:
    payloads = [
        *own_payloads(),
        '<a href="javascript:window.taken=1">x</a>',
        '<a href="//evil.example/">x</a>',
        "<a href='/\\evil.example/'>x</a>",
        '<td onclick="window.taken=1">x</td>',
        '<tr/onclick="window.taken=1">',
        '<a\u00a0onclick="window.taken=1">x</a>',
        '<p class="a"onclick="window.taken=1">x</p>',
        "<p class=a onclick=window.taken=1>x</p>",
        '<textarea></textarea><img src="x">',
        "<select><option><svg><script>1</script></svg></option></select>",
        "<form action='/admin/logout/'><input type='submit'></form>",
        "<!-- --><b>x</b>",
        "<style>*{color:red}</style>",
        '<p style="color:red">x</p>',
    ]
    kept = '<p class="a" id=\'b\'>One &lt; two &amp; <a href="#">three</a> <b>4</b></p>'
    with visiting(chromium, live_server, root) as visit:
        visit.open(POSTS)
        found = visit.page.evaluate(
            WRITE_ALL,
            [*payloads, kept],
        )
        assert found["done"] == []
        assert kept in found["through"]
        assert not set(payloads[len(own_payloads()) :]) & set(found["through"])
        assert visit.page.evaluate("window.taken") is None
