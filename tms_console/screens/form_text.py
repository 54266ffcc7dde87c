"""The texts of a form as numbers and choices; every mistake is kept as a sentence.

What they are numbers of is told by who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction


class FormText:
    """The texts of a form; every mistake is kept."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        """Return what stands in a field, without blanks around it."""
        return self._texts.get(name, "").strip()

    def whole(self, name: str, label: str, *, needed: bool = True) -> int | None:
        """Return a whole number, None if there is none or it is wrong."""
        text = self.text(name)
        if not text:
            if needed:
                self.problems.append(f"{label} is missing.")
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 7):  # noqa: PLR2004 - any number
            self.problems.append(f"{label}: {text[:20]!r} is no whole number.")
            return None
        return int(text)

    def ratio(self, name: str, label: str, *, needed: bool = True) -> Fraction | None:
        """Return an exact number, None if there is none or it is wrong."""
        text = self.text(name).replace(",", ".")
        if not text:
            if needed:
                self.problems.append(f"{label} is missing.")
            return None
        digits = text.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):  # noqa: PLR2004 - as above
            self.problems.append(f"{label}: {text[:20]!r} is no number.")
            return None
        return Fraction(text)

    def chosen(self, name: str, label: str) -> str:
        """Return what was chosen, "" if nothing was."""
        text = self.text(name)
        if not text:
            self.problems.append(f"{label}: choose one.")
        return text
