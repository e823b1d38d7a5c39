"""Charts: markup that a browser reads, with every text escaped and nothing inline."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.charts import Series, Share, bar_chart, line_chart, nice_top, share_chart

TAGS = {"svg", "title", "desc", "g", "rect", "line", "text", "circle", "polyline"}
HOSTILE = '<script>alert("1")</script>&\' onload=x'


def bars(labels: list[str], *series: Series, title: str = "Title") -> Element:
    markup = bar_chart(title=title, description="All of it.", labels=labels, series=series, key="k")
    return fromstring(markup)


def test_a_chart_is_one_picture_with_a_title_and_a_description() -> None:
    picture = bars(["1 May"], Series("approved", "good", [3]))
    assert picture.get("role") == "img"
    named = {one.get("id"): one.text for one in picture.iter() if one.get("id")}
    assert named == {"k-title": "Title", "k-desc": "All of it."}
    assert picture.get("aria-labelledby") == "k-title k-desc"


def test_bars_stand_on_each_other_and_reach_what_the_axis_says() -> None:
    picture = bars(["1 May"], Series("approved", "good", [6]), Series("spam", "bad", [2]))
    low, high = picture.findall("g/rect")
    assert (low.get("class"), high.get("class")) == ("good", "bad")
    bottom = float(low.get("y", 0)) + float(low.get("height", 0))
    assert float(high.get("y", 0)) + float(high.get("height", 0)) == pytest.approx(
        float(low.get("y", 0)), abs=0.2
    )
    whole = bottom - float(high.get("y", 0))
    assert whole == pytest.approx(4 * float(high.get("height", 0)), abs=0.5)
    assert picture.findtext("g/title") == "1 May: approved 6; spam 2"


def test_a_day_without_decisions_has_no_bar_and_a_chart_without_figures_is_empty() -> None:
    assert bars(["1", "2"], Series("approved", "good", [0, None])).findall("g") == []
    assert bars([], Series("approved", "good", [])).findall("g") == []


def test_a_line_is_broken_where_there_is_no_figure() -> None:
    picture = fromstring(
        line_chart(
            title="T",
            description="D",
            labels=list("abcde"),
            series=[Series("median", "first", [1, 2, None, None, 3])],
            key="k",
        )
    )
    assert len(picture.findall("polyline")) == 1
    assert len(picture.findall("circle")) == 3


def test_a_share_stands_inside_its_interval() -> None:
    picture = fromstring(
        share_chart(
            title="T", description="D", shares=[Share("Pills", 0.9, 0.6, 0.98, "9 of 10")], key="k"
        )
    )
    whisker = next(one for one in picture.findall("line") if one.get("class") == "whisker")
    dot = picture.find("circle")
    assert dot is not None
    assert float(whisker.get("x1", 0)) < float(dot.get("cx", 0)) < float(whisker.get("x2", 0))
    assert "Pills: 90 % (9 of 10)" in [one.text for one in picture.findall("text")]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    for hostile in (HOSTILE, text):
        for markup in (
            bar_chart(
                title=hostile,
                description=hostile,
                labels=[hostile],
                series=[Series(hostile, hostile, [1])],
                key=hostile,
            ),
            line_chart(
                title=hostile,
                description=hostile,
                labels=[hostile] * 2,
                series=[Series(hostile, hostile, [1, 2])],
                key=hostile,
            ),
            share_chart(
                title=hostile,
                description=hostile,
                shares=[Share(hostile, 0.5, 0.1, 0.9, hostile)],
                key=hostile,
            ),
        ):
            found = {one.tag for one in fromstring(markup).iter()}
            assert found <= TAGS
            names = {name for one in fromstring(markup).iter() for name in one.attrib}
            assert "style" not in names
            assert not any(name.startswith("on") for name in names)


@given(st.floats(0, 1e12))
def test_the_axis_ends_above_the_figures_and_has_whole_steps(most: float) -> None:
    top = nice_top(most)
    assert top >= most
    assert top <= max(4, 3 * most)
    assert top % 4 == 0
