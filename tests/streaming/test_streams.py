"""What one stream sends: each version once, in order, and nothing without bounds."""

from __future__ import annotations

import asyncio

from comments.streaming.frames import HEARTBEAT
from comments.streaming.streams import MOST_WAITING, Stream


def frame(version: int) -> bytes:
    return b"%d," % version


def new_stream(version: int = 0) -> Stream:
    return Stream(version=version, now=0.0)


def test_each_version_is_sent_once() -> None:
    stream = new_stream(3)
    for version in (2, 3, 4, 4, 5, 4, 6):
        stream.offer(version, frame(version))
    assert stream.take() == b"4,5,6,"
    assert stream.take() == b""


def test_news_waits_for_the_past_and_repeats_nothing_of_it() -> None:
    stream = new_stream(3)
    stream.await_past()
    for version in (5, 6, 7):
        stream.offer(version, frame(version))
    assert stream.take() == b""
    stream.bring_past((version, frame(version)) for version in (4, 5, 6))
    assert stream.take() == b"4,5,6,7,"


def test_who_does_not_read_is_cut_off_and_keeps_nothing() -> None:
    stream = new_stream()
    for version in range(1, MOST_WAITING + 2):
        assert not stream.is_cut
        stream.offer(version, frame(version))
    assert stream.is_cut
    assert stream.take() == b""
    stream.offer(MOST_WAITING + 2, b"more")
    assert stream.take() == b""


def test_news_that_waits_for_the_past_is_bounded_too() -> None:
    stream = new_stream()
    stream.await_past()
    for version in range(1, MOST_WAITING + 2):
        stream.offer(version, frame(version))
    assert stream.is_cut
    stream.bring_past([(1, frame(1))])
    assert stream.take() == b""


def test_a_stream_that_ends_sends_what_waits_and_takes_nothing_more() -> None:
    async def play() -> list[bytes]:
        stream = new_stream()
        stream.offer(1, frame(1))
        stream.end()
        stream.offer(2, frame(2))
        return [await stream.next_bytes(), await stream.next_bytes()]

    assert asyncio.run(play()) == [b"1,", b""]


def test_a_silent_stream_beats() -> None:
    stream = new_stream()
    stream.beat(now=14.9, every=15, patience=20)
    assert stream.take() == b""
    stream.beat(now=15, every=15, patience=20)
    assert stream.take() == HEARTBEAT
    stream.sent_at = 15
    stream.beat(now=29, every=15, patience=20)
    assert stream.take() == b""


def test_a_reader_who_takes_too_long_is_cut_off() -> None:
    stream = new_stream()
    stream.sending_since = 100
    stream.beat(now=119, every=15, patience=20)
    assert not stream.is_cut
    stream.beat(now=120, every=15, patience=20)
    assert stream.is_cut
