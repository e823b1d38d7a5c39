"""Pages that explain each code of refusal: where the ``type`` of a problem document leads."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from inspect import cleandoc

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from comments.errors import Refusal, refusals


@dataclass(frozen=True, slots=True)
class Problem:
    """One code of refusal, explained by the docstring of its class."""

    code: str
    status: int
    phrase: str
    title: str
    paragraphs: list[str]


def problems() -> dict[str, Problem]:
    """Returns the problems that an answer can name, by code, in order of code."""
    return {
        kind.code: _problem(kind) for kind in refusals() if kind.status >= HTTPStatus.BAD_REQUEST
    }


def _problem(kind: type[Refusal]) -> Problem:
    text = cleandoc(kind.__doc__ or kind.title)
    return Problem(
        code=kind.code,
        status=kind.status,
        phrase=HTTPStatus(kind.status).phrase,
        title=kind.title,
        paragraphs=[" ".join(part.split()) for part in text.split("\n\n")],
    )


def index(request: HttpRequest) -> HttpResponse:
    """Answers with all codes."""
    return render(request, "comments/problems.html", {"problems": problems().values()})


def explain(request: HttpRequest, code: str) -> HttpResponse:
    """Answers with one code; 404 for one that no answer carries."""
    problem = problems().get(code)
    if problem is None:
        raise Http404
    return render(request, "comments/problem.html", {"problem": problem})
