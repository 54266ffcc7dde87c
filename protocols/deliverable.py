"""What can be cut into a session's shots: a prescription's session, or the search for a threshold.

Structural types only; the values are `session_content` and `finding_content`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from protocols.canonical import JsonValue
from protocols.pattern import BlockPattern
from protocols.schedule import SessionSchedule


class Block(Protocol):
    """One block: what is given, with which coil, and how far its intensity may be moved."""

    @property
    def label(self) -> str:
        """What it is called on screen."""
        ...

    @property
    def coil(self) -> str:
        """The coil it is given with."""
        ...

    @property
    def pattern(self) -> BlockPattern:
        """Its trains."""
        ...

    @property
    def intensity_pct_mso(self) -> int:
        """What the device is told at first."""
        ...

    @property
    def lowest_pct_mso(self) -> int:
        """Lowest intensity that may be set."""
        ...

    @property
    def highest_pct_mso(self) -> int:
        """Highest intensity that may be set."""
        ...

    @property
    def step_pct_mso(self) -> int:
        """The intensity step of the device."""
        ...

    def intensity_of_train(self, train_in_block: int) -> int:
        """Return the intensity of a train, from 1, in %MSO."""
        ...


class Content(Protocol):
    """What one session gives at most."""

    @property
    def blocks(self) -> Sequence[Block]:
        """Its blocks in order."""
        ...

    @property
    def pulses(self) -> int:
        """Pulses in the session."""
        ...

    @property
    def longest_pause_s(self) -> int:
        """A longer pause ends the session."""
        ...

    @property
    def latest_host_pulse_us(self) -> int:
        """A host-timed pulse that would be later than this is not fired."""
        ...

    def schedule(self) -> SessionSchedule:
        """Return the due time of every pulse."""
        ...

    def canonical(self) -> dict[str, JsonValue]:
        """Return it as JSON values."""
        ...
