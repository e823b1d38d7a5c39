"""Several moderators at one queue: nobody overwrites a colleague, and nobody gets his work."""

from __future__ import annotations

import pytest

from tests.concurrency.conftest import Installation

pytestmark = pytest.mark.concurrency

MODERATORS = 6
COMMENTS = 12


def test_of_moderators_who_decide_at_once_one_wins_and_the_others_are_told_who(
    installation: Installation,
) -> None:
    comments = installation.do(do="hold", moderators=MODERATORS, comments=COMMENTS)
    actors = installation.at_once(
        [{"do": "decide", "me": me, "comments": comments} for me in range(MODERATORS)]
    )
    said = [actor.rest() for actor in actors]
    [stored] = installation.do(do="inspect_record")
    winners = dict(stored["decisions"])
    assert len(stored["decisions"]) == len(winners) == COMMENTS
    for place, comment in enumerate(comments):
        answers = [mine[place] for mine in said]
        won = [me for me, answer in enumerate(answers) if answer["won"]]
        assert won == [winners[comment["id"]] - 1000]
        assert answers[won[0]]["status"] == stored["statuses"][str(comment["id"])]
        told = {(answer["code"], answer["by"]) for me, answer in enumerate(answers) if me != won[0]}
        assert told == {("already_decided", f"moderator-{won[0]}")}
    assert (stored["faults"], stored["mismatches"], stored["differences"]) == ([], [], [])


def test_moderators_who_ask_for_work_at_once_get_different_comments(
    installation: Installation,
) -> None:
    comments = installation.do(do="hold", moderators=MODERATORS, comments=COMMENTS)
    actors = installation.at_once(
        [{"do": "lease", "me": me, "count": 3} for me in range(MODERATORS)]
    )
    got = [comment for actor in actors for one in actor.rest() for comment in one["got"]]
    assert len(got) == len(set(got)) == COMMENTS
    assert set(got) == {comment["id"] for comment in comments}
