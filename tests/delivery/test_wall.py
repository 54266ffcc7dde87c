"""Wall time beside a session's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.plans import S
from tms_console.clock import RealClock, VirtualClock
from tms_console.delivery.wall import WallClock, behind_s, rfc3339

AT_NS = 1_750_000_000 * S + 123_456_789


class HandClock(VirtualClock):
    """Moves only by hand, and passes for a real one."""

    virtual = False


def test_a_moment_of_the_real_clock_has_its_own_wall_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock(7 * S)
    monkeypatch.setattr(time, "time_ns", lambda: AT_NS)
    wall = WallClock(clock)
    assert wall.text() == "2025-06-15T15:06:40.123456Z"
    assert wall.unix_ns(5 * S) == AT_NS - 2 * S
    assert wall.text_at(9 * S) == "2025-06-15T15:06:42.123456Z"


def test_a_rehearsal_that_takes_seconds_leaves_no_entries_from_the_future(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = VirtualClock()
    monkeypatch.setattr(time, "time_ns", lambda: AT_NS)
    wall = WallClock(clock)
    clock.wait_until(3_600 * S)
    assert wall.unix_ns(7_200 * S) == AT_NS
    assert wall.drift_s() == 0.0


@pytest.mark.parametrize("jump_s", [-3.0, 0.0, 2.5])
def test_a_clock_that_was_set_or_a_suspended_machine_shows_as_drift(
    monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    clock = HandClock()
    monkeypatch.setattr(time, "time_ns", lambda: AT_NS)
    wall = WallClock(clock)
    clock.wait_until(10 * S)
    monkeypatch.setattr(time, "time_ns", lambda: AT_NS + 10 * S + round(jump_s * S))
    assert wall.drift_s() == pytest.approx(jump_s)


def test_the_computers_own_clocks_do_not_drift_apart_in_a_moment() -> None:
    assert abs(WallClock(RealClock()).drift_s()) < 0.5


@given(st.integers(0, 4_000_000_000 * S))
def test_text_is_exact_to_the_microsecond_and_never_rounded_up(unix_ns: int) -> None:
    text = rfc3339(unix_ns)
    assert text.endswith("Z")
    back = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    assert back // timedelta(microseconds=1) == unix_ns // 1_000


def test_behind_is_positive_when_the_record_is_ahead() -> None:
    assert behind_s(rfc3339(time.time_ns() + 100 * S)) == pytest.approx(100, abs=5)
    assert behind_s(rfc3339(time.time_ns() - 100 * S)) == pytest.approx(-100, abs=5)
