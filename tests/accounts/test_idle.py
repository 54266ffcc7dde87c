"""Screens lock after ten idle minutes and for good after twelve hours; only a password opens."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.accounts.idle import NS_PER_S, LockTimer, LoginOver, clock_ns

START_NS = 5 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS


def test_ten_minutes_without_activity_lock() -> None:
    timer = LockTimer(START_NS)
    assert not timer.locked(START_NS + 10 * MINUTE_NS - 1)
    assert timer.locked(START_NS + 10 * MINUTE_NS)


def test_activity_starts_the_ten_minutes_again() -> None:
    timer = LockTimer(START_NS)
    timer.touch(START_NS + 9 * MINUTE_NS)
    assert not timer.locked(START_NS + 18 * MINUTE_NS)
    assert timer.locked(START_NS + 19 * MINUTE_NS)


def test_activity_does_not_open_what_is_locked() -> None:
    """Else the next person to touch the mouse would work in another's name."""
    timer = LockTimer(START_NS)
    timer.touch(START_NS + 11 * MINUTE_NS)
    assert timer.locked(START_NS + 11 * MINUTE_NS)
    timer.unlock(START_NS + 12 * MINUTE_NS)
    assert not timer.locked(START_NS + 12 * MINUTE_NS)
    assert timer.locked(START_NS + 22 * MINUTE_NS)


def test_a_lock_that_was_once_shown_stays_even_if_the_clock_steps_back() -> None:
    timer = LockTimer(START_NS)
    assert timer.locked(START_NS + 10 * MINUTE_NS)
    assert timer.locked(START_NS + 9 * MINUTE_NS)


def test_activity_seen_late_does_not_shorten_the_time() -> None:
    timer = LockTimer(START_NS)
    timer.touch(START_NS + 5 * MINUTE_NS)
    timer.touch(START_NS + 1 * MINUTE_NS)
    assert timer.seconds_left(START_NS + 5 * MINUTE_NS) == 600


def test_twelve_hours_end_a_login_however_busy_it_was() -> None:
    timer = LockTimer(START_NS)
    now = START_NS
    while now < START_NS + 12 * HOUR_NS - 5 * MINUTE_NS:
        now += 5 * MINUTE_NS
        timer.touch(now)
    assert not timer.locked(START_NS + 12 * HOUR_NS - 1)
    assert not timer.over(START_NS + 12 * HOUR_NS - 1)
    assert timer.locked(START_NS + 12 * HOUR_NS)
    assert timer.over(START_NS + 12 * HOUR_NS)


def test_unlocking_does_not_start_the_twelve_hours_again() -> None:
    timer = LockTimer(START_NS)
    timer.unlock(START_NS + 12 * HOUR_NS - 2 * MINUTE_NS)
    timer.touch(START_NS + 12 * HOUR_NS - MINUTE_NS)
    assert timer.seconds_left(START_NS + 12 * HOUR_NS - MINUTE_NS) == 60
    with pytest.raises(LoginOver, match="log in anew"):
        timer.unlock(START_NS + 12 * HOUR_NS)
    assert timer.locked(START_NS + 12 * HOUR_NS)


def test_a_person_can_lock_before_leaving() -> None:
    timer = LockTimer(START_NS)
    timer.lock()
    assert timer.locked(START_NS)
    assert timer.seconds_left(START_NS) == 0
    timer.touch(START_NS + 1)
    assert timer.locked(START_NS + 1)
    timer.unlock(START_NS + 2)
    assert timer.seconds_left(START_NS + 2) == 600


def test_seconds_left_are_rounded_up_so_that_zero_means_locked() -> None:
    timer = LockTimer(START_NS)
    assert timer.seconds_left(START_NS) == 600
    assert timer.seconds_left(START_NS + 1) == 600
    assert timer.seconds_left(START_NS + NS_PER_S) == 599
    assert timer.seconds_left(START_NS + 10 * MINUTE_NS - 1) == 1
    assert timer.seconds_left(START_NS + 10 * MINUTE_NS) == 0


ACTS = st.lists(
    st.tuples(st.sampled_from(["touch", "lock", "unlock", "look"]), st.integers(0, 900)),
    max_size=120,
)


@given(ACTS)
def test_the_timer_agrees_with_the_rule_told_as_a_story(acts: list[tuple[str, int]]) -> None:
    """The rule: locked if ever 600 s passed since the last thing that counted, or 12 h in all."""
    timer, now, touched, locked = LockTimer(START_NS), 0, 0, False
    for act, seconds in acts:
        now += seconds
        locked = locked or now - touched >= 600 or now >= 12 * 3600
        at_ns = START_NS + now * NS_PER_S
        match act:
            case "touch":
                timer.touch(at_ns)
                touched = touched if locked else now
            case "lock":
                timer.lock()
                locked = True
            case "unlock" if now < 12 * 3600:
                timer.unlock(at_ns)
                locked, touched = False, now
            case _:
                pass
        assert timer.locked(at_ns) == locked
        left = 0 if locked else min(600 - (now - touched), 12 * 3600 - now)
        assert timer.seconds_left(at_ns) == left


def test_limits_can_be_shorter_where_a_clinic_wants_it() -> None:
    timer = LockTimer(0, idle_limit_s=30, absolute_limit_s=60)
    assert timer.seconds_left(0) == 30
    timer.touch(29 * NS_PER_S)
    timer.touch(58 * NS_PER_S)
    assert timer.seconds_left(58 * NS_PER_S) == 2


def test_the_clock_counts_sleep_where_the_system_does() -> None:
    """A lid closed overnight must find the screens locked in the morning."""
    asked: list[int] = []

    def gettime(clock: int) -> int:
        asked.append(clock)
        return 7

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "CLOCK_BOOTTIME", 77, raising=False)
        patch.setattr(time, "CLOCK_MONOTONIC", 11, raising=False)
        patch.setattr(time, "clock_gettime_ns", gettime, raising=False)
        patch.setattr(time, "monotonic_ns", lambda: 9)
        assert clock_ns() == 7
        patch.delattr(time, "CLOCK_BOOTTIME")
        assert clock_ns() == 7
        patch.delattr(time, "CLOCK_MONOTONIC")
        assert clock_ns() == 9
    assert asked == [77, 11]


def test_the_real_clock_goes_forward() -> None:
    first = clock_ns()
    assert 0 < first <= clock_ns()
