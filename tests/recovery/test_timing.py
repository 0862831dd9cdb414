from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from complaintnlp.recovery.timing import due, duration_of, faster, in_words, reworded, scaled

DAY = timedelta(hours=12)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("at once", timedelta()),
        ("new time at once", timedelta()),
        ("30 min on site", timedelta(minutes=30)),
        ("24 h (same-day courier where possible)", 24 * HOUR),
        ("24 h decision, 72 h done", 72 * HOUR),
        ("same day", DAY),
        ("14 days", timedelta(days=14)),
        ("after the answer", None),
    ],
)
def test_words_are_read(words: str, expected: timedelta | None) -> None:
    assert duration_of(words, DAY) == expected


def test_every_time_in_the_words_changes() -> None:
    assert reworded("24 h decision, 72 h done", lambda time: scaled(time, 0.5), DAY) == "12 h decision, 36 h done"
    assert reworded("same day", lambda time: scaled(time, 0.5), DAY) == "6 h"
    assert reworded("same day", lambda time: time, DAY) == "same day"
    assert reworded("15 min", lambda time: scaled(time, 0.5), DAY) == "7 min"
    assert reworded("1 min", lambda time: scaled(time, 0.5), DAY) == "30 s"


def test_a_step_faster_is_the_next_shorter_one() -> None:
    ladder = [4 * HOUR, HOUR, timedelta()]
    assert faster(24 * HOUR, ladder) == 4 * HOUR
    assert faster(4 * HOUR, ladder) == HOUR
    assert faster(timedelta(), ladder) == timedelta()


def test_due_times_need_a_start_and_a_duration() -> None:
    start = datetime(2026, 3, 2, 23, 0)
    assert due(start, 2 * HOUR) == datetime(2026, 3, 3, 1, 0)
    assert due(None, HOUR) is None
    assert due(start, None) is None


def test_words_of_durations() -> None:
    assert [in_words(timedelta(seconds=n)) for n in (0, 30, 60, 5400, 7200)] == [
        "at once",
        "30 s",
        "1 min",
        "90 min",
        "2 h",
    ]
