"""What the keys of a protocol file must be together: one of two, both or none, in an order.

Single values and their types are judged before, by `protocols.file_schema`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocols.file_mistakes import Mistakes, nearest_word
from protocols.locate import Path

_MARKED = (
    "target",
    "coils",
    "threshold",
    "pct_mt",
    "rate_hz",
    "burst",
    "pulses_per_train",
    "bursts_per_train",
    "trains",
    "interval",
    "ramp",
    "changeover_s",
    "depth_adjustment",
)
"""Keys of a block that state something about the dose, so that each needs a mark."""
_ALWAYS_THERE = ("target", "coils", "threshold", "pct_mt", "rate_hz", "trains")
"""If one of these is missing, that is the mistake, and not its mark."""
_CONVENTION = "convention"
"""Marked apart from its interval: the number is printed, its meaning mostly inferred."""

Values = Mapping[str, object]


def contradictions(raw: Values, mistakes: Mistakes) -> None:
    """Add every contradiction between keys, whatever the single values are worth."""
    for path, block in _tables(raw, "blocks"):
        _check_train(path, block, mistakes)
        _check_interval(path, block, mistakes)
        _check_changeover(path, block, mistakes)
        _check_marks(path, block, mistakes)
    course = raw.get("course")
    if isinstance(course, dict):
        _check_course(course, mistakes)


def _tables(raw: Values, name: str) -> Iterator[tuple[Path, Values]]:
    tables = raw.get(name)
    if isinstance(tables, list):
        for number, table in enumerate(tables):
            if isinstance(table, dict):
                yield (name, number), table


def _check_train(path: Path, block: Values, mistakes: Mistakes) -> None:
    wanted, other = "pulses_per_train", "bursts_per_train"
    reason = "without a burst"
    if "burst" in block:
        wanted, other, reason = other, wanted, "with a burst"
    if other in block:
        mistakes.add((*path, other), f"cannot stand {reason}", wanted)
    if wanted not in block:
        mistakes.add((*path, wanted), f"is missing {reason}", "a whole number from 1")


def _check_interval(path: Path, block: Values, mistakes: Mistakes) -> None:
    trains = block.get("trains")
    if trains == 1:
        if "interval" in block:
            mistakes.add((*path, "interval"), "one train has no interval", "leave it out")
    elif trains is not None and "interval" not in block:
        mistakes.add(
            (*path, "interval"),
            "is missing between several trains",
            "[blocks.interval] with seconds and convention",
        )
    if isinstance(trains, dict) and trains.get("lowest") == 1:
        mistakes.add((*path, "trains", "lowest"), "1 train has no interval", "at least 2")


def _check_changeover(path: Path, block: Values, mistakes: Mistakes) -> None:
    first = path[-1] == 0
    if first and "changeover_s" in block:
        mistakes.add(
            (*path, "changeover_s"), "nothing comes before the first block", "leave it out"
        )
    if not first and "changeover_s" not in block:
        mistakes.add(
            (*path, "changeover_s"),
            "is missing",
            "seconds from the last pulse of the block before to the first of this one",
        )


def _check_marks(path: Path, block: Values, mistakes: Mistakes) -> None:
    marks = block.get("marks")
    if not isinstance(marks, dict):
        return
    needed = [key for key in _MARKED if key in block]
    if "interval" in block:
        needed.append(_CONVENTION)
    for key in needed:
        if key not in marks:
            mistakes.add((*path, "marks", key), "is missing", "read, computed, recalled or ours")
    for key in marks:
        if key not in needed and key not in _ALWAYS_THERE:
            mistakes.add(
                (*path, "marks", key), "marks nothing in this block", nearest_word(key, needed)
            )


def _check_course(course: Values, mistakes: Mistakes) -> None:
    for key in ("sessions", "weeks", "days"):
        if "phases" in course and key in course:
            mistakes.add(
                ("course", key), "is computed from the phases and never typed", "leave it out"
            )
    if "days" in course and "sessions" in course:
        mistakes.add(
            ("course", "sessions"), "is computed from the days and never typed", "leave it out"
        )
    pair = ("sessions_a_day", "minutes_between")
    for here, there in (pair, pair[::-1]):
        if here in course and there not in course:
            mistakes.add(("course", there), f"is missing beside {here}", "a whole number")
    if "days" in course and "sessions_a_day" not in course:
        mistakes.add(("course", "sessions_a_day"), "is missing beside days", "a whole number")
