"""A rule that says no: why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not be given.

    Attributes:
        code: A fixed word for it.
        sentence: It in words, with numbers and units.
        remedy: What to do.
    """

    code: str
    sentence: str
    remedy: str
