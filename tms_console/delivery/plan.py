"""What a session will deliver, cut into the pieces that one command each sets off.

A piece is a `Shot`: a whole train that the device times, or one pulse of a train at 1 Hz or
slower, which the host times.  Nothing here decides when a shot may be given.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from protocols.dose import ramp_intensity
from protocols.pattern import Ramp, Train
from protocols.prescription import SessionContent
from protocols.schedule import ScheduledTrain

HOST_TIMED_UP_TO_HZ = Fraction(1)
"""Trains at this rate or slower are given pulse by pulse (architecture.md, "Two processes")."""

LONGEST_DEVICE_TRAIN_S = 60
"""One start command sets off at most this much stimulation (architecture.md, "Two processes")."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """What one stimulating command sets off.

    Attributes:
        scheduled: The train it belongs to.
        pulse: Which pulse of that train, from 0, if the host times it; None for a whole train.
    """

    scheduled: ScheduledTrain
    pulse: int | None

    @property
    def due_ns(self) -> int:
        """When it is due, as an offset from the session's origin, pauses not counted."""
        return int(self.scheduled.due_ns[self.pulse or 0])

    @property
    def last_due_ns(self) -> int:
        """When its last pulse is due."""
        return int(self.scheduled.due_ns[-1 if self.pulse is None else self.pulse])

    @property
    def offsets_ns(self) -> NDArray[np.int64]:
        """Due times of its pulses from its own first one, shape (pulses,)."""
        due: NDArray[np.int64] = self.scheduled.due_ns[: None if self.pulse is None else 1]
        offsets: NDArray[np.int64] = due - due[0]
        return offsets

    @property
    def first_pulse(self) -> int:
        """Number of its first pulse in the session, from 1."""
        return self.scheduled.first_pulse + (self.pulse or 0)

    @property
    def pulses(self) -> int:
        """How many pulses it sets off."""
        return self.scheduled.train.pulses if self.pulse is None else 1

    @property
    def host_timed(self) -> bool:
        """True for a single pulse that the host times."""
        return self.pulse is not None

    @property
    def opens_train(self) -> bool:
        """True if its train begins with it."""
        return not self.pulse

    @property
    def closes_train(self) -> bool:
        """True if its train ends with it."""
        return self.pulse is None or self.pulse == self.scheduled.train.pulses - 1


@dataclass(frozen=True, slots=True)
class BlockBounds:
    """The intensity of one block and how far a technician may move it, in %MSO."""

    intensity_pct_mso: int
    lowest_pct_mso: int
    highest_pct_mso: int
    ramp: Ramp | None
    step_pct_mso: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The shots of a session in order, with what the engine needs to sequence them.

    Attributes:
        shots: In the order of delivery.
        blocks: Intensity and bounds of each block.
        pulses: Pulses in the session.
        duration_ns: First to last pulse.
        longest_pause_ns: A longer pause ends the session.
        latest_pulse_ns: A host-timed pulse that would be later than this is not fired.
        waits_between_blocks: True if somebody must say that the coil has been moved.
        preparation_ns: Checks begin this long before a shot is due.
        arming_ns: A shot is put on record and armed this long before it is due.
    """

    shots: tuple[Shot, ...]
    blocks: tuple[BlockBounds, ...]
    pulses: int
    duration_ns: int
    longest_pause_ns: int
    latest_pulse_ns: int
    waits_between_blocks: bool
    preparation_ns: int
    arming_ns: int

    def intensity(self, shot: int, intensities: tuple[int, ...]) -> int:
        """Return the %MSO of a shot, ramp included, when the blocks stand at these intensities."""
        scheduled = self.shots[shot].scheduled
        block = self.blocks[scheduled.block - 1]
        chosen = intensities[scheduled.block - 1]
        return ramp_intensity(chosen, block.ramp, scheduled.number_in_block, block.step_pct_mso)


def is_host_timed(train: Train) -> bool:
    """Return whether the host gives this train pulse by pulse."""
    return train.rate_hz <= HOST_TIMED_UP_TO_HZ


def plan_session(
    content: SessionContent,
    *,
    waits_between_blocks: bool,
    preparation_ns: int,
    arming_ns: int,
) -> Plan:
    """Cut what was signed into shots.

    Raises:
        ValueError: A train that the device would time lasts longer than 60 s.
    """
    schedule = content.schedule()
    shots: list[Shot] = []
    for scheduled in schedule.trains:
        if is_host_timed(scheduled.train):
            shots += [Shot(scheduled, pulse) for pulse in range(scheduled.train.pulses)]
            continue
        if scheduled.train.duration_s > LONGEST_DEVICE_TRAIN_S:
            raise ValueError(
                f"train {scheduled.number} lasts {float(scheduled.train.duration_s):.1f} s; one "
                f"command may set off at most {LONGEST_DEVICE_TRAIN_S} s of stimulation"
            )
        shots.append(Shot(scheduled, None))
    return Plan(
        shots=tuple(shots),
        blocks=tuple(
            BlockBounds(
                block.intensity_pct_mso,
                block.lowest_pct_mso,
                block.highest_pct_mso,
                block.pattern.ramp,
                block.step_pct_mso,
            )
            for block in content.blocks
        ),
        pulses=schedule.pulses,
        duration_ns=schedule.duration_ns,
        longest_pause_ns=content.longest_pause_s * 1_000_000_000,
        latest_pulse_ns=content.latest_host_pulse_us * 1_000,
        waits_between_blocks=waits_between_blocks,
        preparation_ns=preparation_ns,
        arming_ns=arming_ns,
    )
