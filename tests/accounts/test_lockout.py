"""The lock-out slows a guesser down, survives a changed clock, and locks nobody out for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from random import Random

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
WAITS = st.integers(0, 3600).map(lambda seconds: seconds * SECOND)


def failures(count: int, last: datetime = NOON) -> list[datetime]:
    """Return the times of failures ten seconds apart."""
    return [last - 10 * SECOND * (count - 1 - n) for n in range(count)]


@pytest.mark.parametrize("count", range(5))
def test_four_failures_lock_nothing(count: int) -> None:
    assert state(failures(count), NOON) == Open()


def test_the_fifth_failure_locks_for_a_minute() -> None:
    until = NOON + timedelta(minutes=1)
    assert state(failures(5), NOON) == Locked(until)
    assert state(failures(5), until - SECOND) == Locked(until)
    assert state(failures(5), until) == Open()


def test_the_delay_doubles_up_to_a_quarter_of_an_hour() -> None:
    minutes = [delay_after(count) // timedelta(minutes=1) for count in range(3, 12)]
    assert minutes == [0, 0, 1, 2, 4, 8, 15, 15, 15]
    assert delay_after(10**9) == LONGEST_DELAY


def test_a_guesser_has_few_tries_a_year() -> None:
    """The number that the module's docstring argues with: tried without pause for a whole day."""
    now, tried, tries = NOON, [NOON], 1
    while now < NOON + timedelta(days=1):
        now += SECOND if len(tried) < FAILURES_TO_LOCK else delay_after(len(tried))
        assert state(tried, now) == Open()
        tried.append(now)
        tries += 1
    assert tries <= 5 + 4 + 96


@given(FAILURES, MOMENTS, st.none() | MOMENTS, WAITS)
def test_nobody_waits_longer_than_the_longest_delay(
    tried: list[datetime], now: datetime, newest: datetime | None, waited: timedelta
) -> None:
    """Not even with failures dated in the future: the program has only to stay open."""
    answer = state(tried, now, newest_on_record=newest, surely_waited=waited)
    if isinstance(answer, Locked):
        seen = now if newest is None else max(now, newest)
        assert seen < answer.until <= seen + LONGEST_DELAY
    longest = state(tried, now, newest_on_record=newest, surely_waited=LONGEST_DELAY)
    assert longest == Open()


@given(FAILURES, MOMENTS, WAITS)
def test_waiting_the_longest_delay_by_the_clock_opens(
    tried: list[datetime], now: datetime, waited: timedelta
) -> None:
    after = max([*tried, now]) + LONGEST_DELAY + waited
    assert state(tried, after) == Open()


@given(FAILURES, MOMENTS, WAITS, st.integers(0, 10**9))
def test_setting_the_clock_back_unlocks_nothing(
    tried: list[datetime], now: datetime, later: timedelta, back_s: int
) -> None:
    newest = max([*tried, now])
    before = state(tried, newest + later, newest_on_record=newest + later)
    after = state(tried, newest - back_s * SECOND, newest_on_record=newest + later)
    assert after == before


@given(FAILURES, MOMENTS, st.integers(0, 10**9))
def test_an_earlier_clock_never_shows_open_where_a_later_one_shows_locked(
    tried: list[datetime], now: datetime, back_s: int
) -> None:
    if isinstance(state(tried, now), Locked):
        assert isinstance(state(tried, now - back_s * SECOND), Locked)


@given(FAILURES, MOMENTS)
def test_one_more_failure_never_opens_what_is_locked(tried: list[datetime], now: datetime) -> None:
    if isinstance(state(tried, now), Locked):
        assert isinstance(state([*tried, now], now), Locked)


@given(st.lists(MOMENTS, max_size=10), st.randoms(), MOMENTS)
def test_the_order_in_which_failures_are_handed_in_changes_nothing(
    tried: list[datetime], random: Random, now: datetime
) -> None:
    mixed = list(tried)
    random.shuffle(mixed)
    assert state(mixed, now) == state(tried, now)


def test_the_newest_time_on_record_counts_as_waiting_too() -> None:
    """The clock was set back after the wait was over: the record proves that it was."""
    later = NOON + timedelta(minutes=5)
    assert state(failures(5), NOON - timedelta(days=1), newest_on_record=later) == Open()


def test_after_a_corrected_clock_the_lock_ends_with_monotonic_time() -> None:
    """Failures recorded while the clock stood in 2035 must not lock anybody until 2035."""
    wrong = failures(6, NOON.replace(year=2035))
    assert state(wrong, NOON) == Locked(NOON + timedelta(minutes=2))
    almost = timedelta(minutes=2) - SECOND
    assert state(wrong, NOON, surely_waited=almost) == Locked(NOON + SECOND)
    assert state(wrong, NOON, surely_waited=timedelta(minutes=2)) == Open()


def test_times_of_other_zones_are_the_same_moments() -> None:
    east = timezone(timedelta(hours=9))
    tried = [one.astimezone(east) for one in failures(5)]
    assert state(tried, NOON) == Locked(NOON + timedelta(minutes=1))


@pytest.mark.parametrize("place", range(3))
def test_a_time_without_a_zone_is_refused(place: int) -> None:
    """It would be compared as if it were local time, hours away."""
    times = [NOON, NOON, NOON]
    times[place] = times[place].replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        state([times[0]], times[1], newest_on_record=times[2])
