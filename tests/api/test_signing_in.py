"""Who is calling: API tokens with scopes, host sites' tokens, origins."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.sites.models import Site
from django.test import Client
from django.utils import timezone

from comments.actions.people import token_of
from comments.actions.signing_in import make_api_token
from comments.models import ApiToken, Participant, SiteSettings, TokenUse
from comments.queries.sites import forget_profiles
from tests.conftest import CANNOT_RUN_HERE, ROOT
from tests.making import make_moderator, make_thread, post

pytestmark = pytest.mark.django_db

PATH = "/api/v1/threads/a-thread/comments/"
SECRET = "a-secret-of-the-host-site-of-32-characters"


@pytest.fixture(autouse=True)
def _fresh_settings() -> Any:
    forget_profiles()
    yield
    forget_profiles()


def write(client: Client, source: str, **headers: str) -> Any:
    return client.post(
        PATH, json.dumps({"source": source}), content_type="application/json", headers=headers
    )


def host_key(algorithm: str, key: str) -> None:
    SiteSettings.objects.create(site=Site.objects.get(pk=1), jwt_algorithm=algorithm, jwt_key=key)


def claims(**changes: Any) -> dict[str, Any]:
    body = {"sub": "u-1", "jti": "one", "name": "Hana", "email": "hana@example.org"}
    expires = timezone.now() + timedelta(minutes=5)
    return {**body, "exp": int(expires.timestamp()), **changes}


def test_api_token_writes_as_its_user_and_only_its_digest_is_stored(client: Client) -> None:
    make_thread()
    user = make_moderator("mona")
    token = make_api_token(
        site_id=1, user=user, label="t", scopes=["read", "write"], now=timezone.now()
    )
    answer = write(client, "Hello.", authorization=f"Bearer {token}")
    assert answer.status_code == 201
    assert answer.json()["author"]["badges"] == []  # without the scope he is no moderator
    assert token not in str(ApiToken.objects.values().get())


@pytest.mark.parametrize("scopes", [[], ["read"], ["moderate"], ["admin"]])
def test_scope_that_a_token_lacks_is_named(client: Client, scopes: list[str]) -> None:
    make_thread()
    token = make_api_token(
        site_id=1, user=make_moderator(), label="t", scopes=scopes, now=timezone.now()
    )
    answer = write(client, "Hello.", authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "“write”" in answer.json()["detail"]


def test_expired_revoked_foreign_or_orphaned_token_is_refused(client: Client) -> None:
    make_thread()
    user, now = make_moderator(), timezone.now()

    def token(**changes: Any) -> str:
        made = make_api_token(site_id=1, user=user, label="t", scopes=["write"], now=now)
        ApiToken.objects.filter(pk=ApiToken.objects.latest("pk").pk).update(**changes)
        return made

    other = Site.objects.create(domain="other.example", name="Other")
    tokens = [token(expires_at=now), token(revoked_at=now), token(site=other), token()]
    assert write(client, "ok", authorization=f"Bearer {tokens[3]}").status_code == 201
    user.is_active = False
    user.save()
    for made in tokens:
        assert write(client, "x", authorization=f"Bearer {made}").status_code == 401


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_host_site_signs_its_users_in_once_with_each_token(client: Client, algorithm: str) -> None:
    make_thread()
    if algorithm == "HS256":
        signing: Any = SECRET
        host_key(algorithm, SECRET)
    else:
        signing = Ed25519PrivateKey.generate()
        public = signing.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        host_key(algorithm, public.decode())
    token = jwt.encode(claims(), signing, algorithm=algorithm)
    first = write(client, "One.", authorization=f"Bearer {token}")
    assert first.status_code == 201
    assert first.json()["author"]["name"] == "Hana"
    again = write(client, "Two.", authorization=f"Bearer {token}")
    assert (again.status_code, again.json()["code"]) == (401, "auth_required")
    fresh = jwt.encode(claims(jti="two"), signing, algorithm=algorithm)
    assert write(client, "Two.", authorization=f"Bearer {fresh}").status_code == 201
    participant = Participant.objects.get(subject="u-1")
    assert participant.email == "hana@example.org"
    assert participant.email_verified_at is not None
    assert participant.comments.count() == 2


def test_retry_with_idempotency_key_may_carry_the_same_host_token(client: Client) -> None:
    make_thread()
    host_key("HS256", SECRET)
    token = jwt.encode(claims(), SECRET, algorithm="HS256")
    headers = {"authorization": f"Bearer {token}", "idempotency_key": "k"}
    first = write(client, "One.", **headers)
    assert write(client, "One.", **headers).json() == first.json()


A_TEXT = "has to be a printable text of 1 to 255 characters."
A_TIME = "has to be a time in seconds since 1970."
NO_NAME = "The token says no name to write under: it needs the claim name."


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"exp": 1}, "The token has expired."),
        ({"exp": 4102444800}, "The token is valid for more than ten minutes."),
        ({"exp": None}, "The token lacks the claim exp."),
        ({"exp": "soon"}, f"The token's exp {A_TIME}"),
        ({"exp": 10**30}, f"The token's exp {A_TIME}"),
        ({"exp": {}}, f"The token's exp {A_TIME}"),
        ({"iat": 4102444800}, "The token is not valid yet: its iat lies ahead."),
        ({"nbf": 4102444800}, "The token is not valid yet: its nbf lies ahead."),
        ({"nbf": "soon"}, f"The token's nbf {A_TIME}"),
        ({"sub": ""}, f"The token's sub {A_TEXT}"),
        ({"sub": 7}, f"The token's sub {A_TEXT}"),
        ({"sub": None}, "The token lacks the claim sub."),
        ({"jti": ""}, f"The token's jti {A_TEXT}"),
        ({"jti": None}, "The token lacks the claim jti."),
        ({"jti": "x" * 300}, f"The token's jti {A_TEXT}"),
        ({"name": ["Hana"]}, f"The token's name {A_TEXT}"),
        ({"name": None}, NO_NAME),
        ({"name": ""}, NO_NAME),
        ({"name": " \u2800"}, NO_NAME),
        ({"email": 7}, f"The token's email {A_TEXT}"),
    ],
)
def test_host_token_with_unfit_claims_is_refused_and_told_why(
    client: Client, changes: dict[str, Any], detail: str
) -> None:
    make_thread()
    host_key("HS256", SECRET)
    body = {name: value for name, value in claims(**changes).items() if value is not None}
    token = jwt.api_jws.encode(json.dumps(body).encode(), SECRET, algorithm="HS256")
    answer = write(client, "x", authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")
    assert answer.json()["detail"] == detail
    assert not Participant.objects.exists()
    assert not TokenUse.objects.exists()


def test_clocks_may_differ_by_half_a_minute(client: Client) -> None:
    make_thread()
    host_key("HS256", SECRET)
    now = int(timezone.now().timestamp())
    for jti, times in {
        "ahead": {"iat": now + 20, "nbf": now + 20, "exp": now + 620},
        "behind": {"iat": now - 620, "exp": now - 20},
    }.items():
        token = jwt.encode(claims(jti=jti, **times), SECRET, algorithm="HS256")
        assert write(client, f"From {jti}.", authorization=f"Bearer {token}").status_code == 201


@pytest.mark.parametrize("email", ["nonsense", "a@", "", None])
def test_host_user_with_an_address_that_is_none_has_none(client: Client, email: str | None) -> None:
    make_thread()
    host_key("HS256", SECRET)
    token = jwt.encode(claims(email=email), SECRET, algorithm="HS256")
    assert write(client, "x", authorization=f"Bearer {token}").status_code == 201
    found = Participant.objects.get(subject="u-1")
    assert (found.email, found.email_verified_at) == ("", None)


def test_host_token_signed_otherwise_is_refused_and_told_why(client: Client) -> None:
    make_thread()
    host_key("HS256", SECRET)
    algorithm = "The token is not signed by HS256, the only algorithm that this site takes."
    unread = "The token is neither an API token nor a JWT."
    another = "another-secret-that-is-long-enough-too"
    forged = {
        jwt.encode(claims(), another, algorithm="HS256"): (
            "The token's signature does not fit the key of this site."
        ),
        jwt.encode(claims(), "", algorithm="none"): algorithm,
        jwt.encode(claims(), Ed25519PrivateKey.generate(), algorithm="EdDSA"): algorithm,
        jwt.api_jws.encode(b"[1]", SECRET, algorithm="HS256"): unread,
        "a.b.c": unread,
        "nonsense": unread,
    }
    for token, detail in forged.items():
        answer = write(client, "x", authorization=f"Bearer {token}")
        assert (answer.status_code, answer.json()["detail"]) == (401, detail)
        assert SECRET not in answer.content.decode()
    assert Participant.objects.count() == 0


def example(mark: str) -> str:
    """Returns the code of docs/embedding.md that has ``mark`` in it."""
    text = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^    .*\n|^\n(?=\n*    ))+", text, re.MULTILINE)
    [found] = [textwrap.dedent(block) for block in blocks if mark in block]
    return found


USER = {"id": 7, "name": "Hána", "email": "hana@example.org"}


def signed_in_python() -> str:
    names: dict[str, Any] = {}
    exec(example("def comment_token"), names)
    return str(names["comment_token"](SimpleNamespace(**USER)))


def signed_in_node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip(f"{CANNOT_RUN_HERE}no node on the PATH")
    script = f"{example('function commentToken')}\nconsole.log(commentToken({json.dumps(USER)}));"
    command = [node, "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("sign", [signed_in_python, signed_in_node])
def test_host_tokens_as_the_documentation_signs_them_are_taken(
    client: Client, monkeypatch: pytest.MonkeyPatch, sign: Callable[[], str]
) -> None:
    make_thread()
    host_key("HS256", SECRET)
    monkeypatch.setenv("COMMENTS_KEY", SECRET)
    for _ in range(2):  # each has a jti of its own
        answer = client.post("/api/v1/viewer/", headers={"authorization": f"Bearer {sign()}"})
        assert answer.json()["name"] == "Hána", answer.json()
    participant = Participant.objects.get()
    assert (participant.subject, participant.email) == ("7", "hana@example.org")


def test_host_token_changes_into_a_comment_token(client: Client) -> None:
    make_thread()
    host_key("HS256", SECRET)
    token = jwt.encode(claims(), SECRET, algorithm="HS256")
    answer = client.post("/api/v1/viewer/", headers={"authorization": f"Bearer {token}"})
    comment_token = answer.json()["token"]
    made = write(client, "Hello.", authorization=f"Comment {comment_token}")
    assert made.json()["author"]["name"] == "Hana"


def test_only_the_sites_origins_are_answered_across_origins(client: Client) -> None:
    post(make_thread())
    SiteSettings.objects.create(
        site=Site.objects.get(pk=1), allowed_origins=["https://www.example.org"]
    )
    allowed = client.get(PATH, headers={"origin": "https://www.example.org"})
    assert allowed["Access-Control-Allow-Origin"] == "https://www.example.org"
    for origin in ("https://evil.example", "null", "https://www.example.org.evil.example"):
        answer = client.get(PATH, headers={"origin": origin})
        assert "Access-Control-Allow-Origin" not in answer
        assert "Access-Control-Allow-Credentials" not in answer
    preflight = client.options(
        PATH,
        headers={
            "origin": "https://www.example.org",
            "access_control_request_method": "POST",
            "access_control_request_headers": "content-type,idempotency-key",
        },
    )
    assert preflight.status_code == 200
    assert "POST" in preflight["Access-Control-Allow-Methods"]
    assert "idempotency-key" in preflight["Access-Control-Allow-Headers"]


def test_user_gets_no_comment_token_and_his_participant_takes_none(client: Client) -> None:
    make_thread()
    user = make_moderator("mona")
    token = make_api_token(site_id=1, user=user, label="t", scopes=["write"], now=timezone.now())
    answer = write(client, "Hello.", authorization=f"Bearer {token}")
    assert "token" not in answer.json()
    participant = Participant.objects.get(user=user)
    forged = write(client, "x", authorization=f"Comment {token_of(participant)}")
    assert (forged.status_code, forged.json()["code"]) == (401, "auth_required")


def test_scope_read_is_needed_to_see_what_others_do_not(client: Client) -> None:
    made = post(make_thread(), user=make_moderator("mona"))
    user = made.participant.user
    assert user is not None
    token = make_api_token(site_id=1, user=user, label="t", scopes=[], now=timezone.now())
    path = f"/api/v1/comments/{made.comment.pk}/"
    answer = client.get(path, headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_session_key_that_django_never_makes_is_no_session(client: Client) -> None:
    make_thread()
    for key in ("\x00aaaa", "a b", "ä", "'; --"):
        client.cookies["sessionid"] = key
        assert client.get("/api/v1/viewer/?thread=a-thread").status_code == 200
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("changes", [{"sub": "a\x00b"}, {"jti": "\ud800"}, {"name": "\ud800"}])
def test_host_token_with_characters_that_cannot_be_stored_is_refused(
    client: Client, changes: dict[str, Any]
) -> None:
    make_thread()
    host_key("HS256", SECRET)
    token = jwt.api_jws.encode(json.dumps(claims(**changes)).encode(), SECRET, algorithm="HS256")
    assert write(client, "x", authorization=f"Bearer {token}").status_code == 401
