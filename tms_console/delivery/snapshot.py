"""What a person is shown of a running session at one moment: a frozen value that can be JSON."""

from __future__ import annotations

from dataclasses import dataclass

from tms_console.delivery.plan import Plan
from tms_console.delivery.states import Ended, Idle, Paused, Resting, State


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a session stands; times are offsets from its origin in ns, numbers count pulses.

    Attributes:
        state: The engine's state, one word; of an ended session how it ended.
        reason: Why it is paused or ended, "" otherwise.
        at_ns: When this was so.
        ends_ns: When the last pulse is due as things stand.
        planned: Pulses in the session.
        delivered: Pulses known to be given.
        unknown: Pulses of which nobody knows.
        unplanned: Pulses nobody commanded.
        train: The train in hand or next, from 1.
        trains: Trains in the session.
        block: Its block, from 1.
        intensity_pct_mso: What the stimulator is set to.
        next_due_ns: When the next command is due.
        coil_temperature_c: As the stimulator last said.
        heard_ns: When the stimulator last said anything.
        order_from_ns: From when on the next order is taken, where each shot waits for one.
        waits_for: Why nothing was given yet and nothing is for a while, a sentence; "" otherwise.
    """

    state: str
    reason: str
    at_ns: int
    ends_ns: int
    planned: int
    delivered: int
    unknown: int
    unplanned: int
    train: int
    trains: int
    block: int
    intensity_pct_mso: int
    next_due_ns: int
    coil_temperature_c: int | None
    heard_ns: int
    order_from_ns: int = 0
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the state does not say: pulses, the shot it got to, and what the stimulator said."""

    at_ns: int
    last_shot: int
    delivered: int
    unknown: int
    unplanned: int
    intensity_pct_mso: int
    coil_temperature_c: int | None
    heard_ns: int


def snapshot_of(plan: Plan, state: State, counts: Counts) -> Snapshot:
    """Return what is shown of a session in this state."""
    progress = None if isinstance(state, Ended | Idle) else state.progress
    shift_ns = 0 if progress is None else progress.shift_ns
    shot = plan.shots[counts.last_shot if progress is None else progress.next]
    reason = ""
    if isinstance(state, Ended):
        reason = state.reason
    elif isinstance(state, Paused):
        reason = state.why
    waits = plan.first_waits if isinstance(state, Resting | Paused) and not counts.last_shot else ""
    return Snapshot(
        state=state.state.value if isinstance(state, Ended) else type(state).__name__.lower(),
        reason=reason,
        at_ns=counts.at_ns,
        ends_ns=plan.shots[-1].last_due_ns + shift_ns,
        planned=plan.pulses,
        delivered=counts.delivered,
        unknown=counts.unknown,
        unplanned=counts.unplanned,
        train=shot.scheduled.number,
        trains=plan.shots[-1].scheduled.number,
        block=shot.scheduled.block,
        intensity_pct_mso=counts.intensity_pct_mso,
        next_due_ns=shot.due_ns + shift_ns,
        coil_temperature_c=counts.coil_temperature_c,
        heard_ns=counts.heard_ns,
        order_from_ns=shot.due_ns + shift_ns - plan.lead.checking_ns if plan.on_demand else 0,
        waits_for=waits if counts.at_ns < 0 else "",
    )
