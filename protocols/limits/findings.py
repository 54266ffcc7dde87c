"""The small values that a review takes and gives.

They are ours, so that nothing here depends on a driver or a database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from protocols.pattern import Train


class Level(StrEnum):
    """What a finding asks for (safety.md, the table of levels)."""

    NOTE = "note"
    """Shown and recorded."""
    CAUTION = "caution"
    """The physician acknowledges it when signing."""
    OVERRIDE = "override"
    """The physician signs with a written reason."""
    BLOCK = "block"
    """Cannot be armed, whoever asks."""

    @property
    def rank(self) -> int:
        """0 for a note to 3 for a block."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a review found.

    Attributes:
        level: What it asks for.
        code: A stable word for it, for records and machines.
        sentence: It in words, with numbers and units.
        reference: The publication it rests on, "" if it rests on none.
        checking: How far that was checked; shown beside the finding.
        block: The block it concerns, from 1; None for the whole session.
    """

    level: Level
    code: str
    sentence: str
    reference: str
    checking: str
    block: int | None = None


@dataclass(frozen=True, slots=True)
class DeliverableLimits:
    """What a device can give, as far as a review needs it.

    Attributes:
        min_pct_mso: Lowest intensity it takes.
        max_pct_mso: Highest intensity it takes.
        refusal: Says why it cannot give a train at an intensity, or None if it can.
    """

    min_pct_mso: int
    max_pct_mso: int
    refusal: Callable[[Train, int], str | None]


@dataclass(frozen=True, slots=True)
class History:
    """What the patient has already had.

    Attributes:
        pulses_today: Pulses today, those whose outcome is unknown among them.
    """

    pulses_today: int
