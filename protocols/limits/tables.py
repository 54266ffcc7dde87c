"""The limit tables: read from their files, and read like a cautious clinician reads them.

It says what a table says of a train; what follows from that is `protocols.limits.rules`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache
from importlib.resources import files

from protocols.pattern import Burst, Train
from protocols.terms import ThresholdKind


class Verdict(StrEnum):
    """What one reference says of a train; there is no word for safe."""

    WITHIN = "within"
    BEYOND = "beyond what was tested"
    OUTSIDE = "outside"

    @property
    def rank(self) -> int:
        """0 for within to 2 for outside."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Cell:
    """The longest train at one rate and intensity.

    Attributes:
        rate_hz: The row.
        pct_mt: The column.
        seconds: Longest nominal duration.
        pulses: Most pulses, None where the table states none.
        tested_only: It is the longest that was tested (`>`), not a found limit.
    """

    rate_hz: Fraction
    pct_mt: int
    seconds: Fraction
    pulses: int | None
    tested_only: bool

    def verdict(self, train: Train) -> Verdict:
        """Return what this cell says of a train by its nominal duration and its pulses."""
        if train.nominal_s <= self.seconds and (self.pulses is None or train.pulses <= self.pulses):
            return Verdict.WITHIN
        return Verdict.BEYOND if self.tested_only else Verdict.OUTSIDE


@dataclass(frozen=True, slots=True)
class TrainTable:
    """A table of longest single trains.

    Attributes:
        name: Short name of the reference.
        reference: The publication.
        checking: How far the numbers have been checked.
        columns: Intensities in %MT, rising.
        rows: For each rate, rising, its cells in the order of the columns.
    """

    name: str
    reference: str
    checking: str
    columns: tuple[int, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def reading(self, train: Train, pct_mt: Fraction) -> tuple[Verdict, Cell | None]:
        """Return what the table says of a plain train, and the cell that decides it.

        Between rows and columns every neighbour is asked and the strictest answer counts: the
        table is not monotonic, so the next rate or intensity up need not be the strictest.
        Below the first row or column that one counts.  Above the last there is no data.
        """
        rates = [row[0].rate_hz for row in self.rows]
        rows = _neighbours(rates, train.rate_hz)
        columns = _neighbours(self.columns, pct_mt)
        cells = [self.rows[row][column] for row in rows for column in columns]
        if not cells:
            return Verdict.BEYOND, None
        strictest = max(cells, key=lambda cell: (cell.verdict(train).rank, -cell.seconds))
        return strictest.verdict(train), strictest


def _neighbours(steps: Sequence[Fraction] | Sequence[int], value: Fraction) -> list[int]:
    """Return the positions of the steps around a value: one, two, or none above the last."""
    if value in steps:
        return [steps.index(value)]
    above = sum(1 for step in steps if step < value)
    if above == len(steps):
        return []
    return [0] if above == 0 else [above - 1, above]


@dataclass(frozen=True, slots=True)
class IntervalTable:
    """What is known of the shortest interval between trains.

    Attributes:
        reference: The publication.
        checking: How far the numbers have been checked.
        above_hz: It concerns rates above this one.
        safe_s: An interval found safe.
        safe_up_to_pct_mt: Highest intensity for which it was.
        unsafe_s: The longest interval found unsafe.
    """

    reference: str
    checking: str
    above_hz: Fraction
    safe_s: Fraction
    safe_up_to_pct_mt: int
    unsafe_s: Fraction


@dataclass(frozen=True, slots=True)
class ClearedPattern:
    """A pattern that was cleared as it stands, for its own coils."""

    name: str
    reference: str
    checking: str
    coils: tuple[str, ...]
    threshold_kind: ThresholdKind
    rate_hz: Fraction
    pulses_per_train: int
    pct_mt: Fraction
    rest_s: Fraction

    def covers(
        self,
        train: Train,
        pct_mt: Fraction,
        rest_s: Fraction | None,
        coil: str,
        threshold_kind: ThresholdKind,
    ) -> bool:
        """Return True if the train is this pattern, or weaker in nothing but amount."""
        return (
            train.burst == Burst(1)
            and train.rate_hz == self.rate_hz
            and train.pulses <= self.pulses_per_train
            and pct_mt <= self.pct_mt
            and (rest_s is None or rest_s >= self.rest_s)
            and coil in self.coils
            and threshold_kind is self.threshold_kind
        )


@cache
def train_table(name: str) -> TrainTable:
    """Return a shipped table by its file's name, `wassermann-1998` or `chen-1997-trains`."""
    values = tomllib.loads(_text(name))
    columns = tuple(int(pct) for pct in values["pct_mt"])
    rows = []
    for row in values["rows"]:
        rate_hz = Fraction(row["rate_hz"])
        pulses = row.get("pulses", [None] * len(columns))
        rows.append(
            tuple(
                Cell(rate_hz, pct, Fraction(text.lstrip(">")), most, text.startswith(">"))
                for pct, text, most in zip(columns, row["seconds"], pulses, strict=True)
            )
        )
    return TrainTable(values["name"], values["reference"], values["checking"], columns, tuple(rows))


@cache
def interval_table() -> IntervalTable:
    """Return the shipped table of intervals between trains."""
    values = tomllib.loads(_text("chen-1997-intervals"))
    return IntervalTable(
        values["reference"],
        values["checking"],
        Fraction(values["above_hz"]),
        Fraction(values["safe_s"]),
        values["safe_up_to_pct_mt"],
        max(map(Fraction, values["unsafe_s"])),
    )


@cache
def cleared_patterns() -> tuple[ClearedPattern, ...]:
    """Return the patterns listed as cleared."""
    values = tomllib.loads(_text("cleared"))
    return tuple(
        ClearedPattern(
            entry["name"],
            entry["reference"],
            values["checking"],
            tuple(entry["coils"]),
            ThresholdKind(entry["threshold"]),
            Fraction(entry["rate_hz"]),
            entry["pulses_per_train"],
            Fraction(entry["pct_mt"]),
            Fraction(entry["rest_s"]),
        )
        for entry in values["protocols"]
    )


def _text(name: str) -> str:
    return (files("protocols.limits") / f"{name}.toml").read_text(encoding="utf-8")
