"""What the benchmarks print of how they were called: anybody can call them so again."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.serving import ROOT, print_command

SCRIPT = str(ROOT / "tests" / "benchmarks" / "mail.py")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite://", "sqlite://"),
        ("postgres://postgres@127.0.0.1:5432/postgres", ...),
        ("postgres://[::1]:5432/x", ...),
        ("postgres://ana:s%40cret@db:5432/x?pool=true", "postgres://ana@db:5432/x?pool=true"),
        ("postgres://ana:s@cret@db/x", "postgres://ana@db/x"),
    ],
)
@pytest.mark.parametrize("form", ["--database-url {}", "--database-url={}"])
def test_a_benchmark_prints_a_url_that_one_can_use_and_no_password(
    url: str,
    shown: object,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [SCRIPT, "--subscribers", "9", *form.format(url).split()])
    print_command(url)
    wanted = form.format(url if shown is ... else shown)
    line = capsys.readouterr().out.replace("'", "")
    assert line == f"$ python tests/benchmarks/mail.py --subscribers 9 {wanted}\n"
