"""Redis, which may go away at any time: a real one, ended, held up and begun again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import pytest
import redis
from django.core.cache import cache, caches
from django.core.cache.backends.redis import RedisCacheClient
from django.test import Client
from django.test.utils import override_settings
from django.utils.connection import ConnectionProxy

from blog import caching
from comments.actions.limiting import spend
from comments.errors import RateLimited
from tests.making import make_thread

PATIENCE_SECONDS = 20


def is_away() -> bool:
    return caching.STANDING.is_away


class Redis:
    """A server of this test's own."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        asking = redis.Redis(port=self.port)
        end = monotonic() + PATIENCE_SECONDS
        while monotonic() < end:
            with suppress(redis.RedisError):
                asking.ping()
                return
            sleep(0.05)
        raise AssertionError("redis-server did not begin")

    def send(self, what: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, what)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """Gives a Redis, in which the cache of this process is."""
    monkeypatch.setattr(caching, "STANDING", caching._Standing())
    monkeypatch.setattr(caching, "REST_SECONDS", 0.3)
    monkeypatch.setattr(caching, "ANSWER_SECONDS", 0.3)
    redis_ = Redis()
    redis_.begin()
    entry: dict[str, Any] = {
        "BACKEND": "blog.caching.SharedCache",
        "LOCATION": f"redis://127.0.0.1:{redis_.port}/0",
    }
    with override_settings(CACHES={"default": entry}):
        try:
            yield redis_
        finally:
            redis_.end()
            assert isinstance(cache, ConnectionProxy)
            cache.clear()  # its memory
    assert not isinstance(caches["default"], caching.SharedCache)


def test_what_is_kept_is_in_redis_while_it_is_there(server: Redis) -> None:
    cache.set("one", {"a": 1}, timeout=60)
    assert cache.get("one") == {"a": 1}
    assert cache.add("one", 2) is False
    assert redis.Redis(port=server.port).dbsize() == 1
    assert not is_away()


def test_each_method_goes_on_without_redis(server: Redis) -> None:
    server.end()
    assert cache.get("one", "none") == "none"
    assert cache.add("one", 1, timeout=60)
    assert cache.incr("one") == 2
    assert cache.decr("one") == 1
    cache.set_many({"two": 2, "three": 3}, timeout=60)
    assert cache.get_many(["one", "two", "four"]) == {"one": 1, "two": 2}
    assert cache.touch("one", 30)
    assert cache.has_key("one")
    assert cache.delete("one")
    cache.delete_many(["two"])
    assert cache.get_many(["one", "two", "three"]) == {"three": 3}
    cache.clear()
    assert cache.get("three") is None
    with pytest.raises(ValueError, match="not found"):
        cache.incr("one")


def test_it_is_asked_again_once_it_is_back(server: Redis) -> None:
    server.end()
    cache.set("one", "of memory", timeout=60)
    assert is_away()
    server.begin()
    end = monotonic() + PATIENCE_SECONDS
    while is_away():
        assert monotonic() < end
        cache.set("one", "of Redis", timeout=60)
        sleep(0.05)
    assert redis.Redis(port=server.port).dbsize() == 1
    assert cache.get("one") == "of Redis"


def test_one_that_hangs_is_waited_for_once_in_a_rest(
    server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "REST_SECONDS", 600)
    cache.set("one", 1, timeout=60)
    server.send(signal.SIGSTOP)
    began = monotonic()
    assert cache.get("one") is None
    waited = monotonic() - began
    assert waited >= 0.25
    asked: list[object] = []
    monkeypatch.setattr(RedisCacheClient, "get_client", asked.append)
    for _ in range(1_000):
        cache.get("one")
    assert asked == []


def test_limits_hold_without_redis(server: Redis, settings: Any) -> None:
    settings.REJOINDER = {**settings.REJOINDER, "RATE_LIMITS": {"RATE_LIMIT_TEST": "2/1m"}}
    server.end()
    for _ in range(2):
        spend("RATE_LIMIT_TEST", who="somebody", now_seconds=120)
    with pytest.raises(RateLimited):
        spend("RATE_LIMIT_TEST", who="somebody", now_seconds=120)


@pytest.mark.django_db(transaction=True)
def test_a_comment_is_written_and_the_server_stays_in_service(
    server: Redis, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    thread = make_thread()
    server.end()
    answer = client.post(
        f"/api/v1/threads/{thread.key}/comments/",
        {"source": "Without Redis.", "format": "plain", "author": {"name": "Ana"}},
        content_type="application/json",
    )
    assert answer.status_code == 201
    ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"]["cache"]["status"] == "away"
    said = [one for one in caplog.messages if "Redis is away" in one]
    assert len(said) == 1
