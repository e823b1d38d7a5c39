"""What holds for the scripts that readers load: small, typed, and without a way around the policy.

What is measured is what ``collectstatic`` stores for browsers: minified, then compressed.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile

from blog.minifying import minified, minifier
from blog.static_storage import HashedStaticFiles
from comments.views.strings import script_strings

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "comments" / "static" / "comments"
ENTRY = STATIC / "comment-thread.js"
MODULES = [ENTRY, *sorted((STATIC / "thread").glob("*.js"))]
SCRIPTS = sorted(STATIC.rglob("*.js"))

MOST_BYTES_TO_READ = 15 * 1024
"""Transferred, of the script and all that it imports before it shows a thread."""
MOST_BYTES = 33 * 1024
"""Transferred, with what comes after: writing, and what others write meanwhile."""

IMPORT = re.compile(r'^import .*?from "(\./[\w./-]+)";$', re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`', re.DOTALL)
SENTENCE = re.compile(r"[A-Z][a-z]+ [a-z]+|[a-z]{2,} [a-z]{2,} [a-z]{2,}")
"""What English looks like: a capital and another word, or three words in a row."""
KEY = re.compile(r"\bt\(\s*(?:\w+ \? )?\"(\w+)\"")
SELECTORS = re.compile(r"[.#\[>,:]|^\w+ \w+ quiet$")
PATTERN = re.compile(r"(?<=[=(,:?\s])/(?![/*\s])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\[\n])+/")
"""A regular expression."""
TEMPLATE_WITHIN = re.compile(r"\$\{[^`}]*`([^`]*)`")
SPACE_IN_TEMPLATE = re.compile(r"\s(?![^{}]*\})")


def imported_by(module: Path) -> set[Path]:
    """Returns a module with all that it imports before it runs."""
    found, waiting = set[Path](), {module}
    while waiting:
        one = waiting.pop()
        found.add(one)
        imports = IMPORT.findall(one.read_text(encoding="utf-8"))
        waiting |= {(one.parent / name).resolve() for name in imports} - found
    return found


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, Path]:
    """Returns where each of our scripts is stored for browsers, under a name with a hash."""
    if not minifier():
        pytest.skip("cannot run here: rjsmin has no wheel for this platform")
    place = tmp_path_factory.mktemp("static")
    shutil.copytree(STATIC, place / "comments")
    source = StaticFilesStorage(location=STATIC.parent, base_url="/static/")
    storage = HashedStaticFiles(location=place, base_url="/static/")
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    names = [path.relative_to(STATIC.parent).as_posix() for path in files]
    made = storage.post_process({name: (source, name) for name in names})
    assert [outcome for _, _, outcome in made if isinstance(outcome, Exception)] == []
    return {
        STATIC.parent / name: place / hashed
        for name, hashed in storage.hashed_files.items()
        if name.endswith(".js")
    }


def transferred(collected: Mapping[Path, Path], modules: set[Path]) -> int:
    """Returns the bytes of modules, each compressed by itself, as the server sends them."""
    return sum(Path(f"{collected[path]}.gz").stat().st_size for path in modules)


def code_of(module: Path) -> str:
    """Returns a module without its comments."""
    return COMMENT.sub("", module.read_text(encoding="utf-8"))


def test_the_script_is_small_and_so_is_what_comes_after_it(collected: Mapping[Path, Path]) -> None:
    first = imported_by(ENTRY)
    assert STATIC / "thread" / "view.js" in first
    assert STATIC / "thread" / "writing.js" not in first
    assert transferred(collected, first) <= MOST_BYTES_TO_READ
    assert transferred(collected, set(MODULES)) <= MOST_BYTES


def test_what_is_stored_for_browsers_is_minified_under_both_of_its_names(
    collected: Mapping[Path, Path],
) -> None:
    assert set(collected) == set(SCRIPTS)
    for script, hashed in collected.items():
        plain = hashed.with_name(script.name).read_text(encoding="utf-8")
        assert plain == minified(script.read_text(encoding="utf-8"))
        assert "/**" not in plain
        assert len(hashed.read_bytes()) < 0.8 * script.stat().st_size
        zipped = gzip.decompress(Path(f"{hashed}.gz").read_bytes())
        assert zipped == hashed.read_bytes()


def test_scripts_of_others_are_stored_as_they_came(tmp_path: Path) -> None:
    source = StaticFilesStorage(location=tmp_path / "source", base_url="/static/")
    storage = HashedStaticFiles(location=tmp_path / "stored", base_url="/static/")
    script = "// Theirs.\nlet a = 1;\n"
    for place in (source, storage):
        place.save("admin/js/theirs.js", ContentFile(script))
    list(storage.post_process({"admin/js/theirs.js": (source, "admin/js/theirs.js")}))
    stored = [path.read_text() for path in (tmp_path / "stored").rglob("*.js")]
    assert stored == [script, script]


def test_a_script_that_was_collected_as_a_link_is_not_written_over(tmp_path: Path) -> None:
    script = "// Ours.\nlet a = 1;\n"
    source = StaticFilesStorage(location=tmp_path / "source", base_url="/static/")
    source.save("comments/ours.js", ContentFile(script))
    link = tmp_path / "stored" / "comments" / "ours.js"
    link.parent.mkdir(parents=True)
    link.symlink_to(source.path("comments/ours.js"))
    storage = HashedStaticFiles(location=tmp_path / "stored", base_url="/static/")
    list(storage.post_process({"comments/ours.js": (source, "comments/ours.js")}, dry_run=True))
    assert link.is_symlink()
    list(storage.post_process({"comments/ours.js": (source, "comments/ours.js")}))
    assert Path(source.path("comments/ours.js")).read_text() == script
    assert link.read_text() == minified(script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_a_minified_script_does_is_what_its_source_does(
    collected: Mapping[Path, Path], script: Path
) -> None:
    # Comments and spaces go, and nothing else; in a literal no space does.
    source, small = code_of(script), minified(script.read_text(encoding="utf-8"))
    assert "".join(small.split()) == "".join(source.split())
    assert PATTERN.findall(small) == PATTERN.findall(source)
    small, source = PATTERN.sub("//", small), PATTERN.sub("//", source)
    assert LITERAL.findall(small) == LITERAL.findall(source)
    # The inner one of two templates is taken for code.
    assert not any(map(SPACE_IN_TEMPLATE.search, TEMPLATE_WITHIN.findall(source)))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_minified_script_can_be_parsed(
    collected: Mapping[Path, Path], script: Path, tmp_path: Path
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("cannot run here: no node on the PATH")
    module = tmp_path / f"{script.stem}.mjs"
    shutil.copyfile(collected[script], module)
    done = subprocess.run(
        [node, "--check", str(module)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


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
    found = {module.name: left.findall(code_of(module)) for module in MODULES}
    # What a host's developer is told, in the one place that does so.
    assert {name: what for name, what in found.items() if what} == {"advising.js": ["console"]}


def test_scripts_have_no_english_of_their_own() -> None:
    # One table says that the server cannot be reached, which has all other words; the other is
    # for developers, who are spoken to in English.
    table = re.compile(r"const (?:UNREACHABLE|ADVICE) = \{.*?\n\};", re.DOTALL)
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
