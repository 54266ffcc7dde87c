"""What differs between two versions of something signed, in words, the dose first.

It walks the canonical forms, which are what is hashed: a difference that changes the digest cannot
be missing here, whatever fields are added later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from protocols.canonical import JsonValue
from protocols.exact import decimal_text, parse_ratio
from protocols.field_words import FIELD_WORDS, FieldWords, Topic
from protocols.policy import Policy
from protocols.prescription import Prescription

NOTHING = "none"
"""How a value that is not there is shown."""


class Departure(StrEnum):
    """How a prescription's value stands to its protocol's."""

    CHOSEN = "chosen"
    """The protocol leaves a choice and the value is inside it."""
    DEPARTS = "departs"
    """The protocol states another value."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs.

    Attributes:
        path: The field, such as `session.blocks[1].pct_mt`.
        words: The field in words: `block 1: prescribed percentage`.
        old: The old value with its unit, or the protocol's.
        new: The new value with its unit.
        topic: What it is about; differences are sorted by it.
        departure: Against a protocol: how the value stands to it; None between versions.
    """

    path: str
    words: str
    old: str
    new: str
    topic: Topic
    departure: Departure | None = None

    def __str__(self) -> str:
        """Return `block 1: intensity: 54 %MSO -> 56 %MSO`."""
        return f"{self.words}: {self.old} -> {self.new}"


def differences(old: Prescription | Policy, new: Prescription | Policy) -> tuple[Difference, ...]:
    """Return every value that differs between two versions, the dose first.

    Nothing differs exactly when the digests are equal.
    """
    return canonical_differences(old.canonical(), new.canonical())


def canonical_differences(old: JsonValue, new: JsonValue) -> tuple[Difference, ...]:
    """Return every value that differs between two canonical forms, the dose first."""
    found = (difference_at(*change) for change in _changes(old, new, ()))
    return tuple(sorted(found, key=lambda one: one.topic.rank))


def difference_at(
    path: Sequence[str | int],
    old: JsonValue,
    new: JsonValue,
    departure: Departure | None = None,
) -> Difference:
    """Return the difference at one place, in words and with units."""
    field = words_of(path)
    before, after = value_text(old, field.unit), value_text(new, field.unit)
    if before == after:  # they look alike and are not the same: show them as they are
        before, after = repr(old), repr(new)
    return Difference(
        path_text(path), place_text(path) + field.words, before, after, field.topic, departure
    )


def _changes(
    old: JsonValue, new: JsonValue, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], JsonValue, JsonValue]]:
    """Yield the leaves that differ; a whole part that is new or gone, leaf by leaf."""
    match old, new:
        case dict(), dict():
            names = [*old, *(name for name in new if name not in old)]
            for name in names:
                yield from _changes(old.get(name), new.get(name), (*path, name))
        case list(), list():
            for k in range(max(len(old), len(new))):
                before, after = (side[k] if k < len(side) else None for side in (old, new))
                yield from _changes(before, after, (*path, k))
        case (None, dict()) if new:
            yield from _changes({}, new, path)
        case (dict(), None) if old:
            yield from _changes(old, {}, path)
        case _ if (type(old), old) != (type(new), new):
            yield path, old, new


def words_of(path: Sequence[str | int]) -> FieldWords:
    """Return the words, unit and topic of a field; a field nobody described gets its own name."""
    names = [str(part) for part in path if isinstance(part, str)]
    for length in range(len(names), 0, -1):
        tail = ".".join(names[-length:])
        if tail in FIELD_WORDS:
            return FIELD_WORDS[tail]
    return FieldWords((names[-1] if names else "content").replace("_", " "), "", Topic.OTHER)


def path_text(path: Sequence[str | int]) -> str:
    """Return a path as text, counted from 1: `session.blocks[1].pct_mt`."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


_PLACES = {"blocks": "block", "doses": "block", "phases": "course, phase", "roles": "role"}


def place_text(path: Sequence[str | int]) -> str:
    """Return where a field is, in words: `block 1: `; "" if it is nowhere in particular."""
    places = [
        f"{_PLACES.get(str(path[k - 1]), str(path[k - 1]))} {part + 1}: "
        for k, part in enumerate(path)
        if isinstance(part, int)
    ]
    return "".join(places)


def value_text(value: JsonValue, unit: str) -> str:
    """Return a value as it is shown, with its unit; a ratio as a decimal if that is exact."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,} {unit}".rstrip()
        case str() if unit:
            return f"{_ratio(value)} {unit}".rstrip()
        case str():
            return value
        case _:
            return ", ".join(value_text(one, unit) for one in value) or NOTHING


def _ratio(text: str) -> str:
    """Return an exact decimal of at most 6 places, or the ratio with its decimals beside it."""
    try:
        value = parse_ratio(text)
    except ValueError:
        return text
    decimal = decimal_text(value, 6)
    return decimal if Fraction(decimal) == value else f"{text} (about {decimal_text(value)})"
