"""The course that a physician signs: how many sessions, how often, how much on one day.

What a protocol's sources state of a course, ranges included, is `protocols.course`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from protocols.canonical import ContentError, JsonValue, Record, check_range

MOST_PULSES_A_DAY = 1_000_000
"""A bound on what can be written, far above any protocol (SNT: 18,000); no clinical limit."""
_MOST_SESSIONS = 1000
_LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class CoursePhase:
    """So many sessions in a stretch of days, so many times over.

    Attributes:
        times: How many stretches follow each other.
        days: Length of a stretch: 7 for weekly plans, 14 for fortnightly ones.
        sessions: Most sessions in one stretch.
    """

    times: int
    days: int
    sessions: int

    def __post_init__(self) -> None:
        """Raise ContentError unless it is a stretch of days with sessions in it."""
        check_range("course times", self.times, 1, _MOST_SESSIONS)
        check_range("course days", self.days, 1, _LONGEST_DAYS)
        check_range("course sessions", self.sessions, 1, _MOST_SESSIONS)

    @classmethod
    def weekly(cls, weeks: int, sessions_a_week: int) -> Self:
        """Return so many weeks with so many sessions each."""
        return cls(weeks, 7, sessions_a_week)

    @property
    def total(self) -> int:
        """Sessions of the phase."""
        return self.times * self.sessions

    def canonical(self) -> dict[str, JsonValue]:
        """Return the phase as JSON values."""
        return {"times": self.times, "days": self.days, "sessions": self.sessions}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the phase that the JSON values state."""
        with record:
            return cls(record.integer("times"), record.integer("days"), record.integer("sessions"))

    def __str__(self) -> str:
        """Return `5 sessions in 7 days, 6 times`."""
        plural = "" if self.sessions == 1 else "s"
        often = "once" if self.times == 1 else f"{self.times} times"
        return f"{self.sessions} session{plural} in {self.days} days, {often}"


@dataclass(frozen=True, slots=True)
class CoursePlan:
    """The planned series of sessions; a taper is its last phases.

    Attributes:
        phases: Stretches of days with their sessions, in order.
        most_sessions_a_day: Sessions on one day.
        least_minutes_between: Minutes from the end of a session to the next of the same day.
        most_pulses_a_day: Pulses on one day, unknown ones counted as given.
    """

    phases: tuple[CoursePhase, ...]
    most_sessions_a_day: int
    least_minutes_between: int
    most_pulses_a_day: int

    def __post_init__(self) -> None:
        """Raise ContentError unless the plan is complete."""
        if not self.phases:
            raise ContentError("a course has at least one phase")
        check_range("total sessions", self.total_sessions, 1, _MOST_SESSIONS)
        check_range("most_sessions_a_day", self.most_sessions_a_day, 1, 100)
        check_range("least_minutes_between", self.least_minutes_between, 0, 1440)
        check_range("most_pulses_a_day", self.most_pulses_a_day, 1, MOST_PULSES_A_DAY)

    @property
    def total_sessions(self) -> int:
        """Sessions of the whole course; both rows of a resumed session are one."""
        return sum(phase.total for phase in self.phases)

    def phase_of(self, session: int) -> CoursePhase | None:
        """Return the phase that a session of the course, from 1, belongs to; None after the last.

        Raises:
            ValueError: Sessions are counted from 1.
        """
        if session < 1:
            raise ValueError(f"sessions of a course are counted from 1, not {session}")
        for phase in self.phases:
            if session <= phase.total:
                return phase
            session -= phase.total
        return None

    def canonical(self) -> dict[str, JsonValue]:
        """Return the plan as JSON values."""
        return {
            "phases": [phase.canonical() for phase in self.phases],
            "most_sessions_a_day": self.most_sessions_a_day,
            "least_minutes_between": self.least_minutes_between,
            "most_pulses_a_day": self.most_pulses_a_day,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the plan that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            return cls(
                phases=tuple(CoursePhase.from_record(phase) for phase in record.records("phases")),
                most_sessions_a_day=record.integer("most_sessions_a_day"),
                least_minutes_between=record.integer("least_minutes_between"),
                most_pulses_a_day=record.integer("most_pulses_a_day"),
            )
