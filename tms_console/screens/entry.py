"""Entries that a form asks for: its fields, what was typed, and what is wrong at which field.

What an entry becomes on record is told by who asks for it; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from protocols.canonical import moment_of

LONGEST_LINE = 200
LONGEST_NOTE = 10_000
"""Characters; what the record takes in a line and in a text (`protocols.canonical`)."""
_MOST_DIGITS = 6
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class EntryField:
    """One field of a form.

    Attributes:
        name: Its key.
        label: What it is, with its unit.
        hint: What is allowed.
        choices: Key and text of each, where one is chosen; empty for a text.
        value: What stands in it at first; "" where somebody must state it.
        long: It has several lines.
        file: It is the path of a file.
    """

    name: str
    label: str
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""
    long: bool = False
    file: bool = False


@dataclass(frozen=True, slots=True)
class Mistakes:
    """What is wrong, a sentence for each field by its name; "" names the whole form."""

    problems: Mapping[str, str]


class Typed:
    """Reads what was typed, field by field; every mistake is kept, by the field's name.

    Attributes:
        problems: A sentence for each field that cannot be as it is.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.problems: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return what was typed, without blanks around it."""
        return self._texts.get(name, "").strip()

    def line(self, name: str) -> str:
        """Return one line that must be there; "" if it cannot be."""
        text = self.text(name)
        if not text:
            self.problems[name] = "This is missing."
        elif len(text) > LONGEST_LINE or not text.isprintable():
            self.problems[name] = f"One line of up to {LONGEST_LINE} characters."
        return text

    def note(self, name: str, *, needed: str = "") -> str:
        """Return a text; `needed` says why there must be one, "" if it may be empty."""
        text = self.text(name)
        if needed and not text:
            self.problems[name] = needed
        elif len(text) > LONGEST_NOTE:
            self.problems[name] = f"{len(text):,} characters; up to {LONGEST_NOTE:,} are kept."
        return text

    def whole(
        self, name: str, low: int, high: int, unit: str, *, needed: bool = True
    ) -> int | None:
        """Return a whole number inside its limits, None if there is none or it cannot be."""
        text, allowed = self.text(name), f"a whole number from {low} to {high} {unit}"
        if not text:
            if needed:
                self.problems[name] = f"This is missing: {allowed}."
            return None
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
            self.problems[name] = f"{text[:20]!r} is no number here: {allowed}."
            return None
        if not low <= int(text) <= high:
            self.problems[name] = f"{text} cannot be: {allowed}."
            return None
        return int(text)

    def chosen(self, name: str, kind: Callable[[str], _T]) -> _T | None:
        """Return what was chosen, None if nothing was."""
        text = self.text(name)
        if not text:
            self.problems[name] = "Choose one."
            return None
        return kind(text)

    def moment(self, name: str, zone: ZoneInfo, now: str, before: str = "") -> str:
        """Return a moment in UTC that was typed as the clinic's time.

        Args:
            name: The field.
            zone: The clinic's time zone.
            now: Wall time: nothing is entered of the future.
            before: A moment that is returned as it is, if it was left as it stands.
        """
        text = self.text(name)
        if before and text == moment_text(before, zone):
            return before
        try:
            typed = datetime.fromisoformat(text)
        except ValueError:
            self.problems[name] = f"{text[:25]!r} is no time: write it as 2026-11-23 09:30."
            return ""
        if typed.tzinfo is None:
            local = typed.replace(tzinfo=zone)
            back = local.astimezone(UTC).astimezone(zone)
            if back.replace(tzinfo=None) != typed:
                self.problems[name] = "The clocks were put forward: there was no such time."
                return ""
            if local.utcoffset() != local.replace(fold=1).utcoffset():
                self.problems[name] = (
                    "The clocks were put back and this time was there twice: write it with its "
                    f"distance from UTC, such as {local.isoformat(' ', 'minutes')}."
                )
                return ""
            typed = local
        if typed > moment_of(now):
            self.problems[name] = "This is in the future."
            return ""
        return typed.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_text(moment: str, zone: ZoneInfo) -> str:
    """Return a moment as the clinic's time, as a form shows and takes it: `2026-11-23 09:30`.

    A moment of an hour that was there twice carries its distance from UTC.
    """
    local = moment_of(moment).astimezone(zone)
    exact = "minutes" if not (local.second or local.microsecond) else "auto"
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return local.isoformat(" ", exact)
    return local.replace(tzinfo=None).isoformat(" ", exact)


def minute_text(moment: str, zone: ZoneInfo) -> str:
    """Return the minute of a moment, as a form proposes it for `now`."""
    whole = moment_of(moment).replace(second=0, microsecond=0)
    return moment_text(whole.isoformat().replace("+00:00", "Z"), zone)
