"""Draws a train and a session as lines of text, to scale, with an axis.

It knows patterns and schedules and nothing of terminals; colour is put on by the caller.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from protocols.exact import clock_text, decimal_text
from protocols.pattern import Train
from protocols.schedule import SessionSchedule, train_offsets_ns

_NS_PER_S = 1_000_000_000
_TRAINS_A_ROW = 20
_MOST_ROWS = 24
_WIDEST_GROUP = 8
_LEAST_LABEL_GAP = 9


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters to draw with."""

    pulse: str
    left: str
    right: str
    both: str
    rest: str
    line: str
    tick: str
    more: str


UNICODE = Glyphs("│", "▌", "▐", "█", "·", "─", "┴", "…")
ASCII = Glyphs("|", "#", "#", "#", ".", "-", "+", "...")


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines to show one below the other.

    Attributes:
        marks: The lines that hold pulses or trains.
        axis: The axis and its labels.
        remark: What the drawing leaves out or does not draw to scale, "" if nothing.
    """

    marks: tuple[str, ...]
    axis: tuple[str, str]
    remark: str = ""


def draw_train(train: Train, width: int, glyphs: Glyphs = UNICODE) -> Drawing:
    """Return one train: a tick for each pulse, bursts as groups, the first ones if many.

    Args:
        train: The train.
        width: Columns at most, at least 20.
        glyphs: The characters.
    """
    group = train.burst.pulses if train.burst.pulses <= _WIDEST_GROUP else 1
    least = group + (1 if group > 1 else 0)  # columns from one burst to the next
    shown = min(train.bursts, 1 + (width - group - len(glyphs.more) - 1) // least)
    step = (
        max(least, (width - group) // max(1, train.bursts - 1)) if shown == train.bursts else least
    )
    if train.bursts == 1:
        step = least
    cells = [" "] * ((shown - 1) * step + group)
    for burst in range(shown):
        cells[burst * step : burst * step + group] = glyphs.pulse * group
    ticks = "".join(cells) + (f" {glyphs.more}" if shown < train.bursts else "")
    what = "pulses" if train.burst.pulses == 1 else "bursts"
    remarks = []
    if shown < train.bursts:
        remarks.append(f"the first {shown} of {train.bursts} {what}")
    if group > 1 and train.bursts > 1:
        remarks.append("bursts are drawn wider than to scale")
    if group < train.burst.pulses:
        remarks.append("one tick stands for a whole burst")
    axis = _axis(len(cells), 1 / train.rate_hz / step, glyphs)
    return Drawing((ticks,), axis, "; ".join(remarks))


def draw_burst(train: Train, width: int, glyphs: Glyphs = UNICODE) -> Drawing:
    """Return one burst of a train to scale, a tick for each of its pulses, in milliseconds."""
    burst = Train(train.burst.pulses, train.burst.rate_hz or train.rate_hz)
    offsets = train_offsets_ns(burst)
    columns = min(width, 12 * (burst.pulses - 1) + 1)
    cells = [" "] * columns
    for offset in offsets:
        cells[round(int(offset) * (columns - 1) / max(1, int(offsets[-1])))] = glyphs.pulse
    cell_s = burst.duration_s / max(1, columns - 1)
    return Drawing(("".join(cells),), _axis(columns, cell_s, glyphs))


def draw_session(schedule: SessionSchedule, width: int, glyphs: Glyphs = UNICODE) -> Drawing:
    """Return the session as a strip, wrapped into lines of equal duration, each with its start.

    Half a column is the finest step; a train is marked where it begins, however short.
    """
    margin = len(clock_text(schedule.duration_s, 0)) + 1
    half_s, halves_a_row = _scale(schedule, width - margin)
    half_ns = half_s * _NS_PER_S
    on: set[int] = set()
    for train in schedule.trains:
        first = int(train.start_ns / half_ns)
        on.update(range(first, first + max(1, round((train.end_ns - train.start_ns) / half_ns))))
    last = max(on)
    rows = [
        f"{clock_text(start * half_s, 0):>{margin - 1}} "
        + "".join(
            _cell(half in on, half + 1 in on, glyphs)
            for half in range(start, min(start + halves_a_row, last + 1), 2)
        )
        for start in range(0, last + 1, halves_a_row)
    ]
    columns = min(halves_a_row, last + 2) // 2
    ticks, labels = _axis(columns, 2 * half_s, glyphs)
    return Drawing(tuple(rows), (" " * margin + ticks, " " * margin + labels))


def _cell(left: bool, right: bool, glyphs: Glyphs) -> str:
    match left, right:
        case True, True:
            return glyphs.both
        case True, False:
            return glyphs.left
        case False, True:
            return glyphs.right
        case _:
            return glyphs.rest


def _scale(schedule: SessionSchedule, columns: int) -> tuple[Fraction, int]:
    """Return how long half a column lasts, and how many halves a line has.

    Trains come at a whole number of columns, so that equal rests look equal, and a line holds a
    round number of them.
    """
    starts = [train.start_ns for train in schedule.trains]
    periods = Counter(after - before for before, after in itertools.pairwise(starts))
    if not periods:
        return max(schedule.duration_s, Fraction(1, 1000)) / (2 * columns), 2 * columns
    ((period_ns, _),) = periods.most_common(1)
    trains_a_row = min(len(starts), _TRAINS_A_ROW)
    columns_a_train = max(1, columns // trains_a_row)
    half_s = Fraction(period_ns, _NS_PER_S * 2 * columns_a_train)
    halves_a_row = 2 * columns_a_train * trains_a_row
    if schedule.duration_s > _MOST_ROWS * halves_a_row * half_s:
        return schedule.duration_s / (_MOST_ROWS * 2 * columns), 2 * columns
    return half_s, halves_a_row


def _axis(columns: int, cell_s: Fraction, glyphs: Glyphs) -> tuple[str, str]:
    """Return an axis with a tick at round times, and their labels."""
    step_s = _round_step(cell_s * _LEAST_LABEL_GAP)
    ticks = [glyphs.line] * columns
    labels = [" "] * (columns + 12)
    at_s = Fraction(0)
    while columns and (column := round(at_s / cell_s) if cell_s else 0) < columns:
        ticks[column] = glyphs.tick
        text = _label(at_s, step_s)
        labels[column : column + len(text)] = text
        at_s += step_s
        if not cell_s:
            break
    return "".join(ticks), "".join(labels).rstrip()


def _round_step(least_s: Fraction) -> Fraction:
    """Return the shortest round time that is at least this long."""
    steps = [Fraction(n, 10**k) for k in range(6, -1, -1) for n in (1, 2, 5)]
    steps += [Fraction(n) for n in (10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)]
    return next((step for step in steps if step >= least_s), steps[-1])


def _label(at_s: Fraction, step_s: Fraction) -> str:
    if step_s >= 60:  # noqa: PLR2004 - seconds in a minute
        return f"{decimal_text(at_s / 60)} min"
    if step_s < Fraction(1, 10):
        return f"{decimal_text(at_s * 1000)} ms"
    return f"{decimal_text(at_s)} s"
