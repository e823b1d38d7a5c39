"""The database goes away under a server with a pool: all hear of it at once, and it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic

import pytest

from blog.env_databases import POOL
from tests.clusters import Cluster, one_alone, programs
from tests.conftest import CANNOT_RUN_HERE
from tests.production import THREAD, ask, site, wait_for

pytestmark = pytest.mark.concurrency

CLIENTS = 12
"""More than the server has threads."""
SOON_SECONDS = 2 * float(POOL["timeout"])
"""Without the pool's word it would be each question's time, for each that waits before."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Returns a PostgreSQL server that may be killed."""
    found = programs()
    if found is None:
        pytest.skip(f"{CANNOT_RUN_HERE}no PostgreSQL programs (initdb)")
    with one_alone(found) as alone:
        yield alone


def test_nobody_waits_long_and_all_goes_on_when_it_is_back(
    cluster: Cluster, migrated: Path, tmp_path: Path
) -> None:
    cluster.ask("CREATE DATABASE blog")
    url = f"postgres://postgres@127.0.0.1:{cluster.port}/blog?pool=true"
    with site(
        migrated, tmp_path, "--workers=1", "--threads=3", DATABASE_URL=url, RATE_LIMITS="off"
    ) as server:

        def read(path: str) -> tuple[int, float]:
            """Returns the status of an answer, and how long it took."""
            began = monotonic()
            with closing(HTTPConnection("127.0.0.1", server.port, timeout=120)) as http:
                return ask(http, "GET", path).status, monotonic() - began

        assert read(f"{THREAD}comments/")[0] == 200
        cluster.kill()
        with ThreadPoolExecutor(CLIENTS + 2) as clients:
            reads = [clients.submit(read, f"{THREAD}comments/") for _ in range(CLIENTS)]
            alive, ready = (clients.submit(read, f"/health/{one}") for one in ("live", "ready"))
            answers = [one.result() for one in reads]
            assert {status for status, _ in answers} == {503}
            assert (alive.result()[0], ready.result()[0]) == (200, 503)
            seconds = [one for _, one in [*answers, alive.result(), ready.result()]]
        assert max(seconds) < SOON_SECONDS, seconds
        cluster.start()
        wait_for(lambda: read(f"{THREAD}comments/")[0] == 200)
        assert read("/health/ready")[0] == 200
