"""The closed vocabularies of a dose: sides, kinds of threshold, checking marks, status.

Free text (targets, coils, sources) has no place here; neither has a number.
"""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Which side of the head the coil stimulates."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"
    BILATERAL = "bilateral"


class ThresholdKind(StrEnum):
    """What a motor threshold was measured on; a %MT means nothing without it."""

    RESTING_HAND = "resting hand"
    ACTIVE_HAND = "active hand"
    RESTING_LEG = "resting leg"
    ACTIVE_LEG = "active leg"

    @property
    def active(self) -> bool:
        """True if the muscle was held contracted; such a threshold is lower than at rest."""
        return self in (ThresholdKind.ACTIVE_HAND, ThresholdKind.ACTIVE_LEG)

    @property
    def leg(self) -> bool:
        """True if it is a leg muscle's; its cortex lies deeper than the hand's."""
        return self in (ThresholdKind.RESTING_LEG, ThresholdKind.ACTIVE_LEG)

    @property
    def short(self) -> str:
        """The clinician's abbreviation: `rMT`, `aMT`, `leg rMT`, `leg aMT`."""
        return ("leg " if self.leg else "") + ("aMT" if self.active else "rMT")


class Mark(StrEnum):
    """How far a number in a shipped file has been checked (clinical.md, its first lines)."""

    READ = "read"
    """Read in a public source."""
    COMPUTED = "computed"
    """Follows from other numbers."""
    RECALLED = "recalled"
    """Recalled from the literature; still to be checked against the paper by a clinician."""
    OURS = "ours"
    """An operational choice of the console; no source states it."""


class RegulatoryStatus(StrEnum):
    """What the sources say of a protocol's regulatory standing; never a claim of this program."""

    CLEARED = "cleared"
    OFF_LABEL = "off label"
    RESEARCH = "research"
    NOT_STATED = "not stated"
