"""What holds for the scripts that readers load: small, typed, and without a way around the policy.

Nothing is built: what is measured here is what stands in the tree, comments included.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from comments.views.strings import script_strings

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "comments" / "static" / "comments"
ENTRY = STATIC / "comment-thread.js"
MODULES = [ENTRY, *sorted((STATIC / "thread").glob("*.js"))]

MOST_BYTES_TO_READ = 15 * 1024
"""Compressed, of the script and all that it imports before it shows a thread."""
MOST_BYTES = 30 * 1024
"""Compressed, with what comes after: writing, and what others write meanwhile."""

IMPORT = re.compile(r'^import .*?from "(\./[\w./-]+)";$', re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`', re.DOTALL)
SENTENCE = re.compile(r"[A-Z][a-z]+ [a-z]+|[a-z]{2,} [a-z]{2,} [a-z]{2,}")
"""What English looks like: a capital and another word, or three words in a row."""
KEY = re.compile(r"\bt\(\s*(?:\w+ \? )?\"(\w+)\"")
SELECTORS = re.compile(r"[.#\[>,:]|^\w+ \w+ quiet$")


def imported_by(module: Path) -> set[Path]:
    """Returns a module with all that it imports before it runs."""
    found, waiting = set[Path](), {module}
    while waiting:
        one = waiting.pop()
        found.add(one)
        imports = IMPORT.findall(one.read_text(encoding="utf-8"))
        waiting |= {(one.parent / name).resolve() for name in imports} - found
    return found


def compressed(modules: set[Path]) -> int:
    """Returns the bytes of modules after gzip -9."""
    return len(gzip.compress(b"".join(path.read_bytes() for path in sorted(modules)), 9))


def code_of(module: Path) -> str:
    """Returns a module without its comments."""
    return COMMENT.sub("", module.read_text(encoding="utf-8"))


def test_the_script_is_small_and_so_is_what_comes_after_it() -> None:
    first = imported_by(ENTRY)
    assert STATIC / "thread" / "view.js" in first
    assert STATIC / "thread" / "writing.js" not in first
    assert compressed(first) <= MOST_BYTES_TO_READ
    assert compressed(set(MODULES)) <= MOST_BYTES


def test_every_module_is_loaded() -> None:
    loaded = imported_by(ENTRY)
    for name in re.findall(r'import\("(\./[\w./-]+)"\)', ENTRY.read_text(encoding="utf-8")):
        loaded |= imported_by((STATIC / name).resolve())
    assert loaded == set(MODULES)


def test_html_becomes_nodes_in_one_place_and_through_the_policy() -> None:
    ways = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|setHTML|DOMParser"
        r"|document\.write|\beval\b|new Function|srcdoc|\.on[a-z]+ = |setAttribute\(\"(?:on|style)"
    )
    found = {
        f"{module.name}: {line.strip()}"
        for module in MODULES
        for line in code_of(module).splitlines()
        if ways.search(line)
    }
    assert found == {"api.js: template.innerHTML = policy?.createHTML(html);"}


def test_nothing_is_left_that_was_for_looking() -> None:
    left = re.compile(r"\bconsole\b|\bdebugger\b|(?<![.\w])alert\(")
    assert [module.name for module in MODULES if left.search(code_of(module))] == []


def test_scripts_have_no_english_of_their_own() -> None:
    # The one table says that the server cannot be reached, which has all other words.
    table = re.compile(r"const UNREACHABLE = \{.*?\n\};", re.DOTALL)
    found = [
        f"{module.name}: {literal}"
        for module in MODULES
        for literal in LITERAL.findall(table.sub("", code_of(module)))
        if SENTENCE.search(literal) and not SELECTORS.search(literal.strip('"`'))
    ]
    assert found == []


def test_every_text_that_a_script_asks_for_is_made_by_the_server() -> None:
    made = script_strings()
    asked = {key for module in MODULES for key in KEY.findall(code_of(module))}
    assert len(asked) > 20
    assert sorted(key for key in asked if f'"{key}":' not in made) == []


def test_types_are_right() -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("cannot run here: no TypeScript compiler (tsc) on the PATH")
    config = Path(__file__).with_name("tsconfig.json")
    done = subprocess.run(
        [compiler, "--project", str(config)], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
