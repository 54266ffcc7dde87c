"""What a session will deliver, cut into the pieces that one command each sets off.

A piece is a `Shot`: a whole train that the device times, or one pulse of a train at 1 Hz or
slower, which the host times.  Nothing here decides when a shot may be given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from protocols.deliverable import Content
from protocols.dose import ramp_intensity
from protocols.pattern import Ramp, Train
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
        origin_ns: The due time in the schedule at which the session begins; 0 unless it goes on
            from another.
        resumed: A session that goes on from another begins with it, be it in mid-train.
    """

    scheduled: ScheduledTrain
    pulse: int | None
    origin_ns: int = 0
    resumed: bool = False

    @property
    def due_ns(self) -> int:
        """When it is due, as an offset from the session's origin, pauses not counted."""
        return int(self.scheduled.due_ns[self.pulse or 0]) - self.origin_ns

    @property
    def last_due_ns(self) -> int:
        """When its last pulse is due."""
        last = -1 if self.pulse is None else self.pulse
        return int(self.scheduled.due_ns[last]) - self.origin_ns

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
        """True if its train's row begins with it."""
        return self.resumed or not self.pulse

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


@dataclass(frozen=True, slots=True)
class Lead:
    """How long before it is due a shot is prepared, in ns.

    Attributes:
        checking_ns: The gate is asked and the device set and read back from here on.
        arming_ns: The shot is put on record and the device armed from here on.
    """

    checking_ns: int
    arming_ns: int


PULSE_LEAD = Lead(checking_ns=400_000_000, arming_ns=100_000_000)
"""Between the pulses of a train at 1 Hz or slower: one query of 80 ms and one commit."""

HOST_LEAD_NS = 250_000_000
"""What the console itself takes before a train: commits, and a machine that is busy."""

DEMAND_CHECK_NS = 300_000_000
"""From an order for one stimulus on: one query of 80 ms, a counter, and the gate's look."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The shots of a session in order, with what the engine needs to sequence them.

    Attributes:
        shots: In the order of delivery.
        blocks: Intensity and bounds of each block.
        pulses: Pulses in the session.
        numbered_to: The highest pulse number of the whole schedule.
        duration_ns: First to last pulse.
        given_before: Pulses that the sessions this one goes on from gave, unknown ones included.
        not_before_unix_ns: Its first pulse comes no sooner; the rest after the session before.
        first_waits: Why the first pulse is waited for so long, a sentence; "" if it is not.
        longest_pause_ns: A longer pause ends the session.
        latest_pulse_ns: A host-timed pulse that would be later than this is not fired.
        waits_between_blocks: True if somebody must say that the coil has been moved.
        lead: How long before a train its preparations begin.
        pulse_lead: The same for the pulses of a train that the host times, but the first.
        on_demand: Each shot waits, disarmed, for an order of its own; the last is never given:
            it is what the session waits before once as many as allowed were.
    """

    shots: tuple[Shot, ...]
    blocks: tuple[BlockBounds, ...]
    pulses: int
    numbered_to: int
    duration_ns: int
    longest_pause_ns: int
    latest_pulse_ns: int
    waits_between_blocks: bool
    lead: Lead
    pulse_lead: Lead
    given_before: int = 0
    not_before_unix_ns: int = 0
    first_waits: str = ""
    on_demand: bool = False

    def lead_of(self, shot: int) -> Lead:
        """Return how long before a shot its preparations begin."""
        return self.lead if self.shots[shot].opens_train else self.pulse_lead

    def intensity(self, shot: int, intensities: tuple[int, ...]) -> int:
        """Return the %MSO of a shot, ramp included, when the blocks stand at these intensities."""
        scheduled = self.shots[shot].scheduled
        block = self.blocks[scheduled.block - 1]
        chosen = intensities[scheduled.block - 1]
        return ramp_intensity(chosen, block.ramp, scheduled.number_in_block, block.step_pct_mso)


class NotPlannable(ValueError):
    """A session that this console cannot sequence safely; nothing was set off."""


def _require_rests(shots: list[Shot], lead: Lead) -> None:
    for before, after in pairwise(shots):
        needed_ns = lead.checking_ns if after.opens_train else PULSE_LEAD.checking_ns
        rest_ns = after.due_ns - before.last_due_ns
        if rest_ns < needed_ns:
            raise NotPlannable(
                f"the rest of {rest_ns / 1e9:g} s before train {after.scheduled.number} is shorter "
                f"than the {needed_ns / 1e9:g} s that the checks before it take; at least that "
                "could be prescribed"
            )


def is_host_timed(train: Train) -> bool:
    """Return whether the host gives this train pulse by pulse."""
    return train.rate_hz <= HOST_TIMED_UP_TO_HZ


def plan_session(
    content: Content,
    *,
    waits_between_blocks: bool,
    checking_s: float,
    arming_s: float,
) -> Plan:
    """Cut what was signed into shots.

    Args:
        content: What was signed.
        waits_between_blocks: True if somebody must say that the coil has been moved.
        checking_s: How long the device takes to be set and read back.
        arming_s: How long it takes to be armed.

    Raises:
        NotPlannable: A train that the device would time lasts longer than 60 s, or a rest is too
            short for the checks before the next train.
    """
    arming_ns = round(arming_s * 1e9) + HOST_LEAD_NS
    lead = Lead(round(checking_s * 1e9) + arming_ns, arming_ns)
    schedule = content.schedule()
    shots: list[Shot] = []
    for scheduled in schedule.trains:
        if is_host_timed(scheduled.train):
            if scheduled.train.burst.pulses > 1:
                raise NotPlannable(
                    f"train {scheduled.number} has bursts at {float(scheduled.train.rate_hz):g} "
                    "Hz: trains at 1 Hz or slower are given pulse by pulse, so only single pulses "
                    "can be prescribed there"
                )
            shots += [Shot(scheduled, pulse) for pulse in range(scheduled.train.pulses)]
            continue
        if scheduled.train.duration_s > LONGEST_DEVICE_TRAIN_S:
            raise NotPlannable(
                f"train {scheduled.number} lasts {float(scheduled.train.duration_s):.1f} s; one "
                f"command may set off at most {LONGEST_DEVICE_TRAIN_S} s of stimulation"
            )
        shots.append(Shot(scheduled, None))
    _require_rests(shots, lead)
    return Plan(
        shots=tuple(shots),
        blocks=_bounds(content),
        pulses=schedule.pulses,
        numbered_to=schedule.pulses,
        duration_ns=schedule.duration_ns,
        longest_pause_ns=content.longest_pause_s * 1_000_000_000,
        latest_pulse_ns=content.latest_host_pulse_us * 1_000,
        waits_between_blocks=waits_between_blocks,
        lead=lead,
        pulse_lead=PULSE_LEAD,
    )


def plan_on_demand(content: Content, *, arming_s: float) -> Plan:
    """Return the plan of single stimuli, each of which waits for an order of its own.

    The device is set and read back in the wait before; from the order to the stimulus there is one
    query, the gate, the row's commit and the arming, so a stimulus comes that long after its order.

    Args:
        content: What may be given.
        arming_s: How long the device takes to be armed.

    Raises:
        NotPlannable: It is anything but single pulses.
    """
    if any(block.pattern.train.pulses != 1 for block in content.blocks):
        raise NotPlannable("a threshold is looked for with single pulses")
    arming_ns = round(arming_s * 1e9) + HOST_LEAD_NS
    lead = Lead(DEMAND_CHECK_NS + arming_ns, arming_ns)
    schedule = content.schedule()
    shots = tuple(Shot(scheduled, 0) for scheduled in schedule.trains)
    return Plan(
        shots=shots,
        blocks=_bounds(content),
        pulses=content.pulses,
        numbered_to=schedule.pulses,
        duration_ns=schedule.duration_ns,
        longest_pause_ns=content.longest_pause_s * 1_000_000_000,
        latest_pulse_ns=content.latest_host_pulse_us * 1_000,
        waits_between_blocks=False,
        lead=lead,
        pulse_lead=lead,
        on_demand=True,
    )


def _bounds(content: Content) -> tuple[BlockBounds, ...]:
    return tuple(
        BlockBounds(
            block.intensity_pct_mso,
            block.lowest_pct_mso,
            block.highest_pct_mso,
            block.pattern.ramp,
            block.step_pct_mso,
        )
        for block in content.blocks
    )


def resumed_plan(
    plan: Plan, first_shot: int, given_before: int, not_before_unix_ns: int = 0
) -> Plan:
    """Return the plan of a session that goes on with a shot of the whole plan.

    Its origin is the due time of that shot; trains and pulses keep their numbers.
    """
    first = plan.shots[first_shot]
    begins = replace(first, origin_ns=first.due_ns, resumed=True)
    rest = (replace(shot, origin_ns=first.due_ns) for shot in plan.shots[first_shot + 1 :])
    shots = (begins, *rest)
    return replace(
        plan,
        shots=shots,
        pulses=sum(shot.pulses for shot in shots),
        duration_ns=shots[-1].last_due_ns,
        given_before=given_before,
        not_before_unix_ns=not_before_unix_ns,
    )
