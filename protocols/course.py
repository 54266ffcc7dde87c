"""What surrounds the pattern of a published protocol: ranges, sources, standing, the course.

It keeps out patterns and blocks, which are `protocols.protocol`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from protocols.exact import decimal_text
from protocols.terms import Mark, RegulatoryStatus

_Number = TypeVar("_Number", int, Fraction)


@dataclass(frozen=True, slots=True)
class Span(Generic[_Number]):
    """A value of a protocol: fixed where lowest and highest agree, else a range with a default.

    Attributes:
        lowest: Lowest value allowed.
        highest: Highest value allowed.
        default: What a rehearsal takes.
    """

    lowest: _Number
    highest: _Number
    default: _Number

    @property
    def fixed(self) -> bool:
        """True if there is nothing to choose."""
        return self.lowest == self.highest

    def __str__(self) -> str:
        """Return `26` or `11-25`."""
        low = decimal_text(Fraction(self.lowest), 3)
        return low if self.fixed else f"{low}-{decimal_text(Fraction(self.highest), 3)}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where numbers of a protocol come from.

    Attributes:
        citation: Paper or regulatory file.
        supports: What of the protocol rests on it.
        mark: Whether it was read or is recalled.
    """

    citation: str
    supports: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Regulatory:
    """What the reference says of the protocol's standing; never a claim of this program."""

    status: RegulatoryStatus
    reference: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class PreStep:
    """What must be done and recorded before each session's first pulse."""

    name: str
    instruction: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Phase:
    """So many weeks with so many sessions each."""

    weeks: int
    sessions_a_week: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class Course:
    """The planned series of sessions, as far as the sources state it.

    Attributes:
        phases: Weeks by sessions a week, in order; empty if not stated so.
        sessions: Sessions in all where no phases state them, None if not stated.
        weeks: Weeks in all where no phases state them, None if not stated.
        days: Treatment days in all, for several sessions a day; None if not stated.
        sessions_a_day: Sessions on one day.
        minutes_between: Minutes from one session to the next of a day; 0 if one a day.
        taper: The taper in words, "" if none is stated or the phases state it.
        mark: How far this has been checked; phases carry their own.
    """

    phases: tuple[Phase, ...] = ()
    sessions: Span[int] | None = None
    weeks: Span[int] | None = None
    days: int | None = None
    sessions_a_day: int = 1
    minutes_between: int = 0
    taper: str = ""
    mark: Mark = Mark.READ

    @property
    def total_sessions(self) -> Span[int] | None:
        """Sessions in all: counted from phases or days where these are stated; None if unknown."""
        if self.phases:
            total = sum(phase.weeks * phase.sessions_a_week for phase in self.phases)
            return Span(total, total, total)
        if self.days is not None:
            total = self.days * self.sessions_a_day
            return Span(total, total, total)
        return self.sessions
