"""How often and how much: too many sessions a day is something that goes wrong in practice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from protocols.course_plan import CoursePhase, CoursePlan
from protocols.course_rules import GivenSession, NextSession, course_refusals
from tests.protocols.prescriptions import POLICY

SNT = CoursePlan((CoursePhase(1, 5, 50),), 10, 50, 18_000)
DAILY = CoursePlan((CoursePhase.weekly(2, 5), CoursePhase.weekly(1, 3)), 1, 0, 3000)
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


def given(start: datetime, pulses: int = 3000, *, of_course: bool = True) -> GivenSession:
    return GivenSession(start, start + timedelta(minutes=10), pulses, of_course)


def codes(
    course: CoursePlan, before: list[GivenSession], at: datetime, pulses: int, resumes: bool = False
) -> list[str]:
    wanted = NextSession(pulses, at, resumes)
    return [one.code for one in course_refusals(course, POLICY, before, wanted)]


def test_a_whole_accelerated_day_is_allowed_and_an_eleventh_session_is_not() -> None:
    before: list[GivenSession] = []
    at = MONDAY - timedelta(hours=2)
    for _ in range(10):
        assert codes(SNT, before, at, 1800) == []
        before.append(given(at, 1800))
        at += timedelta(minutes=60)
    assert codes(SNT, before, at, 1800) == ["pulses-a-day", "sessions-a-day"]


def test_a_session_too_soon_after_the_last_waits_until_its_time() -> None:
    before = [given(MONDAY, 1800)]
    at = MONDAY + timedelta(minutes=59)
    (refusal,) = course_refusals(SNT, POLICY, before, NextSession(1800, at))
    assert refusal.sentence == (
        "The last session ended 49 min ago: 50 min between sessions were signed."
    )
    assert refusal.remedy == "Wait until 11:00."  # in Berlin
    assert codes(SNT, before, MONDAY + timedelta(minutes=60), 1800) == []


def test_the_time_between_sessions_holds_over_midnight() -> None:
    late = datetime(2026, 11, 23, 22, 45, tzinfo=UTC)  # 23:45 in Berlin
    assert codes(SNT, [given(late, 1800)], late + timedelta(minutes=30), 1800) == ["interval"]


def test_today_is_the_policys_day_and_not_utc() -> None:
    evening = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
    past_midnight = evening + timedelta(hours=1)  # 00:30 in Berlin, still the 23rd in UTC
    assert codes(DAILY, [given(evening)], past_midnight, 3000) == []
    assert codes(DAILY, [given(MONDAY)], evening, 3000) == ["pulses-a-day", "sessions-a-day"]


def test_sessions_of_another_prescription_count_for_the_day_and_not_for_the_course() -> None:
    other = given(MONDAY, 100, of_course=False)
    assert "sessions-a-day" in codes(DAILY, [other], MONDAY + timedelta(hours=3), 2900)
    weekly = CoursePlan((CoursePhase.weekly(1, 1),), 2, 0, 6000)
    assert codes(weekly, [other], MONDAY + timedelta(hours=3), 2900) == []


def test_the_stricter_of_course_and_policy_counts() -> None:
    strict = replace(POLICY, most_sessions_a_day=1, most_pulses_a_day=2000)
    wanted = NextSession(1800, MONDAY + timedelta(hours=2))
    found = course_refusals(SNT, strict, [given(MONDAY, 1800)], wanted)
    assert [one.code for one in found] == ["pulses-a-day", "sessions-a-day"]


def test_a_week_has_no_more_sessions_than_were_signed() -> None:
    week = [given(MONDAY + timedelta(days=day)) for day in range(5)]
    assert codes(DAILY, week, MONDAY + timedelta(days=5), 3000) == ["sessions-a-stretch"]
    assert codes(DAILY, week, MONDAY + timedelta(days=7), 3000) == []


def test_a_taper_begins_its_own_count() -> None:
    """On its first Monday five sessions of the week before would be more than three."""
    weeks = [given(MONDAY + timedelta(days=7 * week + day)) for week in (0, 1) for day in range(5)]
    third = MONDAY + timedelta(days=14)
    assert codes(DAILY, weeks, third, 3000) == []
    taper = [given(third + timedelta(days=day)) for day in (0, 1, 2)]
    assert codes(DAILY, weeks + taper[:2], third + timedelta(days=2), 3000) == []
    assert codes(DAILY, weeks + taper, third + timedelta(days=7), 3000) == ["course-complete"]


def test_two_phases_that_are_alike_are_counted_apart() -> None:
    twice = CoursePlan((CoursePhase(1, 14, 1), CoursePhase(1, 14, 1)), 1, 0, 3000)
    assert codes(twice, [given(MONDAY)], MONDAY + timedelta(days=14), 3000) == []
    assert codes(twice, [given(MONDAY)] * 2, MONDAY + timedelta(days=14), 3000) == [
        "course-complete"
    ]


def test_a_resumed_session_is_counted_already_and_still_limited_in_pulses() -> None:
    before = [given(MONDAY, 1200)]
    soon = MONDAY + timedelta(minutes=15)
    assert codes(DAILY, before, soon, 1800, resumes=True) == []
    assert codes(DAILY, before, soon, 1801, resumes=True) == ["pulses-a-day"]


@pytest.mark.parametrize("resumes", [True, False])
def test_a_clock_behind_the_last_session_refuses(resumes: bool) -> None:
    """Set back by a day, yesterday's pulses would not be today's."""
    earlier = MONDAY - timedelta(days=1)
    assert codes(DAILY, [given(MONDAY)], earlier, 1, resumes)[:1] != []
    assert "clock" in codes(DAILY, [given(MONDAY)], earlier, 1, resumes)
