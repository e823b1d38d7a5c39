"""The catalogs say all that the source says: extracted anew, nothing is missing and nothing left.

A sentence that is added or changed makes this fail until every language has it:
``docs/translating.md`` says how.
"""

from __future__ import annotations

import gettext
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from comments.language import LANGUAGES, SOURCE
from comments.views.strings import CATEGORIES
from tests.conftest import CANNOT_RUN_HERE

ROOT = Path(__file__).resolve().parents[2]
APPS = ("comments", "blog")
OTHERS = [language for language in LANGUAGES if language != SOURCE]
CATALOGS = [(app, language) for app in APPS for language in OTHERS]
_PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
_TAG = re.compile(r"</?\w+[^>]*>")

pytestmark = pytest.mark.skipif(
    not (shutil.which("xgettext") and shutil.which("msgfmt")),
    reason=f"{CANNOT_RUN_HERE}GNU gettext is not installed",
)


@dataclass
class Message:
    """One entry of a catalog."""

    context: str = ""
    id: str = ""
    plural: str = ""
    said: dict[int, str] = field(default_factory=dict)
    is_fuzzy: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Returns what a translation is looked up by."""
        return self.context, self.id, self.plural


def read(path: Path) -> list[Message]:
    """Returns the entries of a catalog, its header apart."""
    found = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = block.strip().splitlines()
        is_fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in lines)
        values: dict[str, str] = {}
        part = ""
        for line in lines:
            if line.startswith("#"):
                continue
            name, _, quoted = line.partition('"')
            part = name.strip() or part
            values[part] = values.get(part, "") + json.loads(f'"{quoted}')
        message = Message(
            context=values.pop("msgctxt", ""),
            id=values.pop("msgid", ""),
            plural=values.pop("msgid_plural", ""),
            is_fuzzy=is_fuzzy,
        )
        # What is left: msgstr, or msgstr[0] and so on.
        message.said = {int(name[7:8] or 0): value for name, value in values.items()}
        if message.id:
            found.append(message)
    return found


@pytest.fixture(scope="session")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of the apps whose catalogs were made of nothing but the source."""
    copy = tmp_path_factory.mktemp("extracted")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for app in APPS:
        shutil.copytree(ROOT / app, copy / app, ignore=shutil.ignore_patterns("locale", "static"))
        (copy / app / "locale").mkdir()
        command = [sys.executable, "-m", "django", "makemessages", "--locale", "he", "--no-wrap"]
        subprocess.run(
            command, cwd=copy / app, env=environment, check=True, capture_output=True, timeout=120
        )
    return copy


def catalog(root: Path, app: str, language: str) -> Path:
    return root / app / "locale" / language / "LC_MESSAGES" / "django.po"


@cache
def messages(app: str, language: str) -> list[Message]:
    return read(catalog(ROOT, app, language))


@pytest.mark.parametrize(("app", "language"), CATALOGS)
def test_a_catalog_has_what_the_source_has_and_nothing_else(
    app: str, language: str, extracted: Path
) -> None:
    wanted = {message.key for message in read(catalog(extracted, app, "he"))}
    kept = {message.key for message in messages(app, language)}
    assert wanted
    assert sorted(wanted - kept) == []
    assert sorted(kept - wanted) == []


@pytest.mark.parametrize(("app", "language"), CATALOGS)
def test_every_sentence_is_translated_and_none_of_it_guessed(app: str, language: str) -> None:
    forms = len(set(CATEGORIES[language]) - {"other"}) + (language != "ru")
    for message in messages(app, language):
        assert not message.is_fuzzy, message.id
        assert len(message.said) == (forms if message.plural else 1), message.id
        assert all(message.said.values()), message.id


@pytest.mark.parametrize(("app", "language"), CATALOGS)
def test_translations_have_the_values_and_the_elements_of_the_source(
    app: str, language: str
) -> None:
    plural = gettext.c2py(_plural_forms(app, language))
    for message in messages(app, language):
        for form, said in message.said.items():
            source = set(_PLACEHOLDER.findall(message.plural or message.id))
            found = set(_PLACEHOLDER.findall(said))
            assert found <= source, said
            if found != source:
                # Only "one" and "two" may be words: the form is for that number alone.
                numbers = [number for number in range(1_000) if plural(number) == form]
                assert message.plural, said
                assert len(numbers) == 1, said
            assert sorted(_TAG.findall(said)) == sorted(_TAG.findall(message.id)), said


def _plural_forms(app: str, language: str) -> str:
    header = catalog(ROOT, app, language).read_text(encoding="utf-8").partition("\n\n")[0]
    found = re.search(r"plural=(.*?);", header)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("app", "language"), CATALOGS)
def test_the_compiled_catalog_is_that_of_the_words(app: str, language: str, tmp_path: Path) -> None:
    source = catalog(ROOT, app, language)
    compiled = tmp_path / "django.mo"
    subprocess.run(
        ["msgfmt", "--check-format", "-o", str(compiled), str(source)],
        check=True,
        timeout=60,
    )
    with compiled.open("rb") as made, source.with_suffix(".mo").open("rb") as kept:
        assert _said_by(gettext.GNUTranslations(made)) == _said_by(gettext.GNUTranslations(kept))


def _said_by(translations: gettext.GNUTranslations) -> dict[object, str]:
    words: dict[object, str] = translations._catalog  # type: ignore[attr-defined]
    return words


@pytest.mark.parametrize("language", OTHERS)
def test_scripts_are_given_the_plural_forms_of_each_language(language: str) -> None:
    plural = gettext.c2py(_plural_forms("comments", language))
    forms = {plural(number) for number in range(1_000)}
    assert {plural(number) for number in CATEGORIES[language].values()} == forms


@pytest.mark.parametrize("app", APPS)
def test_no_hebrew_ends_with_the_hyphen_that_joins_it_to_what_follows(app: str) -> None:
    """Templates put a space there: "מוזכרת ב־ #2"."""
    catalog = read(ROOT / app / "locale" / "he" / "LC_MESSAGES" / "django.po")
    said = [text for message in catalog for text in message.said.values()]
    assert [text for text in said if text.endswith("־") or "־ " in text] == []
