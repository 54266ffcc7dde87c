"""What a session may give, and what the gate is told of it before every train.

Values only: the gate judges in `gate`, and `giving` gives.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.interface import Capabilities, DeviceStatus
from tms_console.delivery.authority import Authority
from tms_console.delivery.gate import TrainFacts
from tms_console.delivery.plan import Plan, Shot


@dataclass(frozen=True, slots=True)
class Authorised:
    """What a session may give.

    Attributes:
        authority: What the session rests on.
        plan: The content cut into shots.
        capabilities: What the stimulator can do.
        coil: The coil the session began with.
        pulses_before: Pulses of the day before this session, unknown ones included.
    """

    authority: Authority
    plan: Plan
    capabilities: Capabilities
    coil: str
    pulses_before: int


def train_facts(
    may: Authorised, shot: Shot, intensity_pct_mso: int, status: DeviceStatus, given: int
) -> TrainFacts:
    """Return what the gate asks before a train.

    Args:
        may: What the session may give.
        shot: The train, or the pulse of a train that is timed here.
        intensity_pct_mso: At which intensity it would be given.
        status: What the stimulator says now.
        given: Pulses of this session so far, unknown and unplanned ones included.
    """
    block = may.plan.blocks[shot.scheduled.block - 1]
    ramping = block.ramp is not None and shot.scheduled.number_in_block < block.ramp.trains
    return TrainFacts(
        people=may.authority.again(),
        signed_digest=may.authority.on_record.authority_digest,
        content_digest=may.authority.digest_now(),
        status=status,
        coil_at_start=may.coil,
        train=shot.scheduled.train,
        pulses=shot.pulses,
        intensity_pct_mso=intensity_pct_mso,
        lowest_pct_mso=1 if ramping else block.lowest_pct_mso,
        highest_pct_mso=block.highest_pct_mso,
        capabilities=may.capabilities,
        pulses_so_far=may.pulses_before + given,
        pulses_allowed=may.authority.pulses_allowed,
    )
