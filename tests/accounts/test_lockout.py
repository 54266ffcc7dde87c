"""The lock-out slows a guesser down, survives a changed clock, and locks nobody out for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.accounts.lockout import (
    FAILURES_TO_LOCK,
    LONGEST_DELAY,
    Locked,
    Open,
    delay_after,
    state,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

MOMENTS = st.integers(-(10**8), 10**8).map(lambda seconds: NOON + seconds * SECOND)
FAILURES = st.lists(MOMENTS, max_size=40)
ROWS = st.none() | MOMENTS


def failures(count: int, last: datetime = NOON) -> list[datetime]:
    """Return the times of failures ten seconds apart, the newest first."""
    return [last - 10 * SECOND * n for n in range(count)]


@pytest.mark.parametrize("count", range(5))
def test_four_failures_lock_nothing(count: int) -> None:
    assert state(failures(count), NOON, earliest_since=None) == Open()


def test_the_fifth_failure_locks_for_a_minute() -> None:
    until = NOON + timedelta(minutes=1)
    for now in (NOON, NOON + SECOND, until - SECOND):
        assert state(failures(5), now, earliest_since=None) == Locked(until)
        assert state(failures(5), now, earliest_since=now) == Locked(until)
    assert state(failures(5), until, earliest_since=None) == Open()
    assert state(failures(5), until, earliest_since=until - SECOND) == Open()


def test_the_delay_doubles_up_to_a_quarter_of_an_hour() -> None:
    minutes = [delay_after(count) // timedelta(minutes=1) for count in range(3, 12)]
    assert minutes == [0, 0, 1, 2, 4, 8, 15, 15, 15]
    assert delay_after(10**9) == LONGEST_DELAY


def test_a_guesser_has_few_tries_a_year() -> None:
    """The number that the module's docstring argues with: tried without pause for a whole day."""
    now, tried = NOON, [NOON]
    while now < NOON + timedelta(days=1):
        now += SECOND if len(tried) < FAILURES_TO_LOCK else delay_after(len(tried))
        assert state(tried, now, earliest_since=None) == Open()
        tried.insert(0, now)
    assert len(tried) <= FAILURES_TO_LOCK + 4 + 96


@given(FAILURES, MOMENTS, ROWS)
def test_nobody_is_ever_locked_for_longer_than_the_longest_delay(
    tried: list[datetime], now: datetime, since: datetime | None
) -> None:
    """Not even with failures dated in the future, before or after them."""
    answer = state(tried, now, earliest_since=since)
    if isinstance(answer, Locked):
        assert now < answer.until <= now + LONGEST_DELAY


@given(FAILURES, MOMENTS, ROWS)
def test_whoever_tries_in_vain_can_try_again_after_the_longest_delay(
    tried: list[datetime], now: datetime, since: datetime | None
) -> None:
    """The vain try is itself a row on record, so that waiting counts from there at the latest."""
    row = now if since is None else min(since, now)
    assert state(tried, now + LONGEST_DELAY, earliest_since=row) == Open()


@given(FAILURES, MOMENTS, ROWS, st.integers(0, 10**9))
def test_setting_the_clock_back_unlocks_nothing(
    tried: list[datetime], now: datetime, since: datetime | None, back_s: int
) -> None:
    if isinstance(state(tried, now, earliest_since=since), Locked):
        back = now - back_s * SECOND
        assert isinstance(state(tried, back, earliest_since=since), Locked)


@given(FAILURES, MOMENTS)
def test_the_lock_lasts_its_whole_delay_by_a_clock_that_goes_right(
    before: list[datetime], last: datetime
) -> None:
    """Whatever wrong times stand in the earlier rows, only the newest failure's counts."""
    tried = [last, *before]
    delay = delay_after(len(tried))
    for part in (timedelta(0), delay / 3, delay - timedelta(microseconds=1)):
        if delay:
            answer = state(tried, last + part, earliest_since=last + part)
            assert answer == Locked(last + delay)
    assert state(tried, last + delay, earliest_since=last) == Open()


@given(FAILURES, MOMENTS, ROWS)
def test_one_more_failure_never_opens_what_is_locked(
    tried: list[datetime], now: datetime, since: datetime | None
) -> None:
    if isinstance(state(tried, now, earliest_since=since), Locked):
        assert isinstance(state([now, *tried], now, earliest_since=None), Locked)


def test_a_clock_that_once_stood_in_the_future_does_not_switch_the_lock_off() -> None:
    """After a row from 2035, failures of 2026 must still lock."""
    wrong = failures(3, NOON.replace(year=2035))
    assert state([*failures(3), *wrong], NOON, earliest_since=None) == Locked(
        NOON + timedelta(minutes=2)
    )


def test_failures_recorded_by_a_wrong_clock_lock_for_minutes_and_not_until_then() -> None:
    """Failures recorded while the clock stood in 2035 must not lock anybody until 2035."""
    wrong = failures(6, NOON.replace(year=2035))
    two = timedelta(minutes=2)
    assert state(wrong, NOON, earliest_since=None) == Locked(NOON + two)
    assert state(wrong, NOON + two - SECOND, earliest_since=NOON) == Locked(NOON + two)
    assert state(wrong, NOON + two, earliest_since=NOON) == Open()


def test_times_of_other_zones_are_the_same_moments() -> None:
    east = timezone(timedelta(hours=9))
    tried = [one.astimezone(east) for one in failures(5)]
    assert state(tried, NOON, earliest_since=None) == Locked(NOON + timedelta(minutes=1))


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("place", range(3))
def test_a_time_without_a_zone_is_refused(place: int, count: int) -> None:
    """It would be compared as if it were local time, hours away."""
    times = [NOON, NOON, NOON]
    times[place] = times[place].replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        state([times[0]] * count, times[1], earliest_since=times[2])
