"""The rooms of the house import in one direction, and the check that says so can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application.use_cases import lint_imports, read_user_options

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "pyproject.toml"

LAYERS = "Inside comments, imports point one way, and no door knows another"
PRODUCT = "The product never imports the site"
PURE = "Rules and refusals decide over plain values, without Django"
DOCUMENT = "The parser of documents is pure"

# What each file would import if somebody wrote it, and the contract that then has to break.
PLANTED = [
    ("comments/rules/planted.py", "import django.utils.html", PURE),
    ("comments/rules/planted.py", "def late():\n    from rest_framework import views", PURE),
    ("comments/rules/planted.py", "from comments import conf", PURE),
    ("comments/rules/planted.py", "def late():\n    import comments.models", LAYERS),
    ("comments/models/planted.py", "import comments.queries", LAYERS),
    ("comments/queries/planted.py", "def late():\n    import comments.actions", LAYERS),
    ("comments/actions/planted.py", "import comments.api", LAYERS),
    ("comments/api/planted.py", "import comments.admin", LAYERS),
    ("comments/views/planted.py", "import comments.api", LAYERS),
    ("comments/admin/planted.py", "import comments.management", LAYERS),
    ("comments/streaming/planted.py", "import comments.api", LAYERS),
    ("comments/views/planted.py", "def late():\n    from blog import env", PRODUCT),
    ("blog/seed/planted.py", "from django.conf import settings", DOCUMENT),
]


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Returns what import-linter says about a tree that holds ``blog`` and ``comments``."""
    return subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "from importlinter.cli import lint_imports_command as lint; lint()",
            ),
            *("--no-cache", "--no-logo", "--config", str(CONFIGURATION)),
        ],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_contract_is_kept() -> None:
    configuration.configure()
    contracts = read_user_options(str(CONFIGURATION)).contracts_options
    assert {contract["name"] for contract in contracts} == {LAYERS, PRODUCT, PURE, DOCUMENT}
    assert lint_imports(config_filename=str(CONFIGURATION), cache_dir=None, no_logo=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of the house, into which a test may build what is not allowed."""
    copy = tmp_path_factory.mktemp("tree")
    for package in ("blog", "comments"):
        shutil.copytree(ROOT / package, copy / package)
    return copy


def test_a_copy_of_the_house_is_found_in_order(tree: Path) -> None:
    found = lint(tree)
    assert found.returncode == 0, found.stdout
    assert "4 kept, 0 broken" in found.stdout


@pytest.mark.parametrize(("file", "source", "contract"), PLANTED)
def test_a_planted_import_breaks_its_contract(
    tree: Path, file: str, source: str, contract: str
) -> None:
    planted = tree / file
    before = planted.read_text(encoding="utf-8") if planted.exists() else None
    planted.write_text(f"{source}\n", encoding="utf-8")
    try:
        found = lint(tree)
    finally:
        if before is None:
            planted.unlink()
        else:
            planted.write_text(before, encoding="utf-8")
    assert found.returncode == 1
    assert f"{contract} BROKEN" in found.stdout


HEAVY = (
    "cryptography",
    "css_inline",
    "django.test",
    "drf_spectacular.plumbing",
    "jwt",
    "numpy",
    "pygments",
    "requests",
    "scipy",
    "sklearn",
    "yaml",
)
"""What a web process loads only when it needs it: together a quarter of its memory."""
LOADED = """
import sys
from blog.wsgi import application
from django.urls import get_resolver

waiting = [get_resolver()]
while waiting:
    waiting += [one for one in waiting.pop().url_patterns if hasattr(one, "url_patterns")]
print(*sys.modules)
"""


def test_a_web_process_begins_without_what_few_requests_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "rest_framework" in loaded
    assert not loaded & set(HEAVY)
