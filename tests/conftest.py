"""What all tests share: the machine's means, and saying so when one of them is missing.

A test that this machine cannot run is skipped with a reason that begins with ``cannot run here:``.
The closing summary names each such reason in a line ``NOT RUN: …``, which ``make test`` repeats in
its last lines.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.core.cache import cache
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from hypothesis.database import DirectoryBasedExampleDatabase

from comments.management.commands import send_digests
from comments.queries.learning import forget_models
from comments.queries.pages import page_store
from comments.queries.sites import forget_profiles
from tests.migrated import filled_from, postgres_template, sqlite_template
from tests.smtp_server import MailHost, mail_host

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("REJOINDER_SHARED_DATA") or ROOT.parent / "shared" / "data")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CANNOT_RUN_HERE = "cannot run here: "
WITHOUT_SHARED_DATA = "outside data is absent: "
IN_MEMORY = "file:memorydb_default?mode=memory&cache=shared"
"""Where Django has a test database on SQLite, unless its settings name another place."""

# Two busy cores make any deadline a matter of luck. In CI each run tries the same examples, so that
# a red run is red because of its change.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    database=(
        None
        if os.environ.get("CI")
        else DirectoryBasedExampleDatabase(ROOT / ".cache" / "hypothesis")
    ),
)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Returns the path of the system's Chromium; ``CHROMIUM`` names another one."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), "")
    if not found:
        pytest.skip(f"{CANNOT_RUN_HERE}no Chromium on the PATH, and CHROMIUM names none")
    return found


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Returns a function from a file's name to its path among the real inputs kept outside.

    ``REJOINDER_SHARED_DATA`` says where they are. A test whose file is not there is skipped.
    """

    def path_of(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"{WITHOUT_SHARED_DATA}{name}")
        return path

    return path_of


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a migrated SQLite database to copy."""
    return sqlite_template(tmp_path_factory)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """Lets the database of the tests begin as a copy of a migrated one.

    What makes it migrates it all the same, and finds that nothing is left to do.
    """
    connection = connections["default"]
    if isinstance(connection, DatabaseWrapper):
        with filled_from(request.getfixturevalue("migrated"), IN_MEMORY):
            yield
        return
    with postgres_template(tmp_path_factory, os.environ["DATABASE_URL"]) as name:
        connection.settings_dict["TEST"]["TEMPLATE"] = name
        yield


@pytest.fixture
def host() -> Iterator[MailHost]:
    """Returns a mail server that Django's mail goes to."""
    with mail_host() as server:
        yield server


@pytest.fixture
def any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ``send_digests --at`` name the days that tests are about, whatever day it is."""
    monkeypatch.setattr(send_digests, "MOST_DAYS_AHEAD", 36_500)


@pytest.fixture(autouse=True, scope="session")
def _record_can_be_emptied_between_tests() -> Iterator[None]:
    """Lets the tables be emptied after a test with real transactions.

    The record's triggers refuse that, as they should everywhere else; SQLite empties by DELETE.
    """
    whole = DatabaseWrapper.ops_class.execute_sql_flush

    def without_triggers(operations: Any, sql_list: Any) -> None:
        with operations.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            whole(operations, sql_list)
            for _, sql in triggers:
                cursor.execute(sql)

    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseWrapper.ops_class, "execute_sql_flush", without_triggers)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _no_cache_of_another_test() -> Iterator[None]:
    """Empties every cache after each test: row ids start again, and so would stale entries."""
    yield
    cache.clear()
    page_store().clear()
    forget_profiles()
    forget_models()
    Site.objects.clear_cache()


def pytest_collection_finish() -> None:
    """Keeps what has been imported out of the collector's way.

    It would go through all of it again and again, at the cost of whatever a test measures: of the
    time a text has for its rendering, say.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is about PostgreSQL only, where tests run on another database."""
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        return
    elsewhere = [item for item in items if item.get_closest_marker("postgres")]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not item.get_closest_marker("postgres")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what this machine could not run, and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        if isinstance(report.longrepr, tuple):
            reasons[report.longrepr[2].removeprefix("Skipped: ")] += 1
    for reason, count in sorted(reasons.items()):
        tests = f"{count} test" if count == 1 else f"{count} tests"
        if reason.startswith(CANNOT_RUN_HERE):
            terminalreporter.line(f"NOT RUN: {tests}: {reason.removeprefix(CANNOT_RUN_HERE)}")
        elif reason.startswith(WITHOUT_SHARED_DATA):
            terminalreporter.line(f"WARNING: {tests} without real inputs: {reason}", yellow=True)
