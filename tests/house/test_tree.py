"""What holds for every file of the tree, whoever wrote it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MODULE_LINES = 450

MADE_BY_COMMANDS = re.compile(r"(?:var|\.(?!ci/)[\w-]+)/|(?:.*/)?__pycache__/")
PICTURES = {".gif", ".ico", ".jpg", ".png", ".webp", ".woff2"}

# Written in two halves, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile("/" + r"(?:work|farm|root|home/\w+|Users/\w+)/[\w.]|/opt" + "/")
INDEX_ADDRESS = re.compile(
    "|".join(
        re.escape(f"{name}.{domain}")
        for name, domain in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("registry.npmjs", "org"),
            ("deb.debian", "org"),
        ]
    )
    + r"|--(?:extra-)?index"
    + "-url|--find"
    + "-links"
)
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)[*?+]\+|\(\?>")
"""Before Python 3.11.5 such a group matches what it should not, and does not what it should."""
INLINE = re.compile(
    r"<style\b|<script\b(?![^>]*\bsrc=)|\sstyle\s*=|\son[a-z]+\s*=|javascript:", re.IGNORECASE
)


def tracked(*patterns: str) -> Iterator[Path]:
    """Yields the files below the root that belong to the project, by glob."""
    for pattern in patterns:
        for path in sorted(ROOT.rglob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and not MADE_BY_COMMANDS.match(name):
                yield path


def text_of(path: Path) -> str:
    """Returns a file's text; a corpus may hold files whose encoding is wrong on purpose."""
    return path.read_text(encoding="utf-8", errors="replace")


def lines_with(pattern: re.Pattern[str], *globs: str) -> list[str]:
    """Returns ``file:line: text`` for each line that the pattern is found in."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked(*globs)
        if path.suffix not in PICTURES
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def pins_of(lock: str) -> set[tuple[str, str]]:
    """Returns the packages that a lock file names, each with its version or versions."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", text, re.MULTILINE))


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE_PATH, "*") == []


def test_no_file_names_a_package_index() -> None:
    mentions = lines_with(INDEX_ADDRESS, "*")
    # The one exception tells uv to leave the addresses out.
    assert [line for line in mentions if not line.startswith("scripts/lock.sh:")] == []


def test_no_module_is_too_long_to_read() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked("*.py", "*.js", "*.css")
        if path.relative_to(ROOT).parts[0] in {"blog", "comments"}
        and "migrations" not in path.parts
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE_LINES} == {}


def test_every_module_says_why_it_exists() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked("*.py")
        if "migrations" not in path.parts
        and (source := path.read_text(encoding="utf-8")).strip()
        and not ast.get_docstring(ast.parse(source))
    ]
    assert silent == []


def test_no_group_of_a_pattern_is_possessive() -> None:
    assert lines_with(POSSESSIVE_GROUP, "blog/**/*.py", "comments/**/*.py") == []
    assert all(map(POSSESSIVE_GROUP.search, ["(?:a|b)*" + "+", "(a)?" + "+", "(?" + ">a)"]))
    assert not any(map(POSSESSIVE_GROUP.search, [r"[a-z]*+\s++", "(a)+", r"\(?+ "]))


def test_no_template_has_a_script_or_a_style_inside() -> None:
    assert lines_with(INLINE, "templates/**/*.html") == []


@pytest.mark.parametrize(
    "line",
    ["<style>", "<script>", '<p style="x">', '<b onclick = "x">', '<a href="JavaScript:x">'],
)
def test_what_the_policy_of_the_pages_would_block_is_found(line: str) -> None:
    assert INLINE.search(line)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_holds_versions_and_hashes_and_nothing_else(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    pin = r"[a-z0-9][a-z0-9.-]*==[0-9][\w.]*(?: ; [^\\\n:/]+)?"
    entry = re.compile(pin + r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n")
    assert entry.sub("", text) == ""


@pytest.mark.parametrize(
    ("lock", "with_tools"), [("requirements.lock", False), ("requirements-dev.lock", True)]
)
def test_lock_fits_what_the_project_asks_for(lock: str, with_tools: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = list(project["project"]["dependencies"])
    if with_tools:
        asked += project["dependency-groups"]["dev"]
    pins = pins_of(lock)
    for requirement in map(Requirement, asked):
        wanted = canonicalize_name(requirement.name)
        versions = [version for name, version in pins if name == wanted]
        assert any(map(requirement.specifier.contains, versions)), requirement


def test_tools_are_tried_with_the_versions_that_are_installed() -> None:
    assert pins_of("requirements.lock") <= pins_of("requirements-dev.lock")
