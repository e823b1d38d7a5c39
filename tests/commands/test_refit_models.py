"""``manage.py refit_models`` says what was learned from."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from comments.models import LearnedModel
from tests.actions.test_learning import needs_learning, teach
from tests.making import make_thread

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    """Returns what the command prints."""
    out = StringIO()
    call_command("refit_models", *args, stdout=out)
    return out.getvalue()


@needs_learning
def test_it_fits_what_is_due_and_all_when_asked() -> None:
    assert "Nothing to learn" in run()
    teach(make_thread(), good=6, bad=6)
    assert "site 1: 12 decisions, 6 against the comment" in run()
    assert "Nothing to learn" in run()
    assert "site 1" in run("--all")
    assert LearnedModel.objects.get().version == 2


def test_without_scikit_learn_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comments.management.commands.refit_models.available", lambda: False)
    with pytest.raises(CommandError):
        run()
