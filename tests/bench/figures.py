"""Samples, their median, p99 and worst, and the line of the table that states them with a goal.

How anything is measured is in the modules named after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """Repeated measurements of one thing, in one unit, from the best to the worst."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float], *, more_is_better: bool = False) -> Series:
        """Keep values in order."""
        return cls(tuple(sorted(values, reverse=more_is_better)))

    def at(self, fraction: float) -> float:
        """Return the value that so large a fraction of all is not worse than.

        No interpolation: with fewer than 100 values the p99 is the worst.

        Raises:
            ValueError: There are no values.
        """
        if not self.values:
            raise ValueError("nothing was measured")
        return self.values[max(0, math.ceil(fraction * len(self.values)) - 1)]

    @property
    def p50(self) -> float:
        """The median."""
        return self.at(0.5)

    @property
    def p99(self) -> float:
        """The value that 99 of 100 are not worse than."""
        return self.at(0.99)

    @property
    def worst(self) -> float:
        """The worst."""
        return self.at(1.0)


@dataclass(frozen=True, slots=True)
class Goal:
    """What issue 2 asks of a line.

    Attributes:
        of: Which number is judged: `p50`, `p99` or `worst`.
        most: It may be at most this, in the line's unit.
        above_floor: Only what exceeds the same number of the machine's own noise counts.
    """

    of: str
    most: float
    above_floor: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes:
        group: The heading it stands under.
        what: What was measured, with its conditions.
        unit: Of every number in it.
        series: The measurements.
        goal: What is asked, None where nothing is.
        floor: The machine's own noise in the same minutes, None where it plays no part.
        note: Anything that a reader of the number must know.
    """

    group: str
    what: str
    unit: str
    series: Series
    goal: Goal | None = None
    floor: Series | None = None
    note: str = ""

    @property
    def judged(self) -> float | None:
        """The number that is compared with the goal."""
        if self.goal is None:
            return None
        value = _number(self.series, self.goal.of)
        if self.goal.above_floor and self.floor is not None:
            value -= _number(self.floor, self.goal.of)
        return value

    @property
    def met(self) -> bool | None:
        """Whether the goal was met in this run, None if there is none."""
        return None if self.goal is None or self.judged is None else self.judged <= self.goal.most

    def as_json(self) -> dict[str, object]:
        """Return the line for machines, with every measurement."""
        return {
            "group": self.group,
            "what": self.what,
            "unit": self.unit,
            **_numbers(self.series),
            "floor": None if self.floor is None else _numbers(self.floor),
            "goal": None
            if self.goal is None
            else {
                "of": self.goal.of,
                "most": self.goal.most,
                "above_floor": self.goal.above_floor,
                "judged": self.judged,
                "met": self.met,
            },
            "note": self.note,
            "values": list(self.series.values),
        }


def _number(series: Series, name: str) -> float:
    return {"p50": series.p50, "p99": series.p99, "worst": series.worst}[name]


def _numbers(series: Series) -> dict[str, float]:
    return {
        "n": len(series.values),
        "p50": series.p50,
        "p99": series.p99,
        "worst": series.worst,
    }


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A part of the bench that could not be measured, and why."""

    group: str
    why: str


Finding = Line | NotMeasured
