"""Searches for a threshold on an emulated MagPro, driven from where the session stands.

An operator is asked at every snapshot in which the session waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from protocols.finding_content import Aim, Seen
from protocols.finding_log import (
    Answered,
    Decided,
    Entry,
    FindingLog,
    MethodBegun,
    Verdict,
    value_of,
)
from protocols.terms import Side, ThresholdKind
from protocols.threshold import Answer, Settings
from tests.delivery.sessions import Rehearsal, bursts
from tests.delivery.treatments import Ready, run_as_real
from tms_console.accounts.login import Login
from tms_console.accounts.start_orders import Ordered, order_start
from tms_console.clinic.policies import policy_in_force
from tms_console.delivery import finding_runner
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import Challenge, EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.process import new_challenge
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.values import new_uid

AIM = Aim(ThresholdKind.RESTING_HAND, "right APB", Side.LEFT, "figure-8", Seen.VISIBLE_TWITCH)
ACTOR = "technician"
LEAD_NS = 950_000_000
"""From an order to its stimulus on a MagPro (`plan_on_demand`)."""

Act = Callable[[Controls, Snapshot], bool]
"""Something that an operator does; False if it is not time for it yet."""


@dataclass
class Operator:
    """Somebody at the keyboard: a script, one act at a time, then STOP."""

    acts: list[Act]
    controls: Controls = field(default_factory=Controls)
    _busy: int = 0

    def __call__(self, snapshot: Snapshot) -> None:
        if snapshot.state != "paused":
            return
        if self._busy:  # what was ordered has not been taken yet
            self._busy -= 1
            return
        if not self.acts:
            self.controls.stop("the script is over")
        elif self.acts[0](self.controls, snapshot):
            self.acts.pop(0)
            self._busy = 2


def set_to(intensity: int) -> Act:
    def act(controls: Controls, _: Snapshot) -> bool:
        controls.set_intensity(intensity, 1)
        return True

    return act


def give(controls: Controls, snapshot: Snapshot) -> bool:
    """Order the next stimulus at what it stands at, as soon as it may come."""
    if snapshot.at_ns + LEAD_NS < snapshot.next_due_ns:
        return False
    controls.give_one(snapshot.train, snapshot.intensity_pct_mso)
    return True


def give_at_once(controls: Controls, snapshot: Snapshot) -> bool:
    controls.give_one(snapshot.train, snapshot.intensity_pct_mso)
    return True


def say(entry: Entry) -> Act:
    def act(controls: Controls, _: Snapshot) -> bool:
        controls.say(entry, ACTOR)
        return True

    return act


def answer(seen: Answer) -> Act:
    """Say what was seen after the last stimulus."""

    def act(controls: Controls, snapshot: Snapshot) -> bool:
        controls.say(Answered(snapshot.train - 1, seen), ACTOR)
        return True

    return act


def whole(
    threshold: float, settings: Settings, hotspot: Sequence[Act] = ()
) -> tuple[list[Act], FindingLog]:
    """Return a script that finds a threshold, of somebody who moves from it on, and its log."""
    log = FindingLog(settings=settings)
    acts: list[Act] = [*hotspot, say(MethodBegun(settings))]
    while (finding := log.finding) is not None and not finding.standing.finished:
        wanted = finding.next_intensity() or 0
        seen = Answer.MOVED if wanted >= threshold else Answer.STILL
        log = log.with_stimulus(wanted).with_entry(Answered(len(log.given) + 1, seen))
        acts += [set_to(wanted), give, answer(seen)]
    assert finding is not None
    acts.append(say(Decided(Verdict.ACCEPTED, value_of(finding))))
    return acts, log


def ordered(
    ready: Ready,
    acts: list[Act],
    *,
    by: Login | None = None,
    changed: dict[str, object] | None = None,
    faults: tuple[str, ...] = (),
) -> Rehearsal:
    """Return a search that was ordered and is not run yet."""
    challenge = new_challenge()
    device = EmulatorOrder(name="magpro", virtual=True, faults=faults)
    order = search_order(ready, challenge, device, by=by, changed=changed)
    operator = Operator(acts)
    return Rehearsal(
        content=bursts(),
        database=ready.station.database.path,
        order=lambda _: order,
        challenge=challenge,
        controls=operator.controls,
        publish=operator,
        faults=faults,
    )


def search_order(
    ready: Ready,
    challenge: Challenge,
    device: EmulatorOrder | PortOrder,
    *,
    by: Login | None = None,
    changed: dict[str, object] | None = None,
) -> SessionOrder:
    """Return the order of a search, signed as it should be but for what is changed."""
    with ready.trusting() as trusted:
        held = policy_in_force(trusted, ready.station.wall())
    told = Ordered(
        authority_uid=new_uid() if held is None else held.policy.uid,
        authority_digest="0" * 64 if held is None else held.policy.digest(),
        patient_uid=ready.patient_uid,
        threshold_uids=(),
        session_number=1,
        session_uid=challenge.session_uid,
        nonce=challenge.nonce,
        aim=AIM,
    )
    signed = replace(told, **(changed or {}))  # type: ignore[arg-type]
    login = by or ready.technician
    return SessionOrder(
        kind="threshold",
        digest=told.authority_digest,
        authority_uid=told.authority_uid,
        database=str(ready.station.database.path),
        device=device,
        actor=login.user_uid,
        start_order=order_start(ready.station, login, signed),
    )


def search(ready: Ready, acts: list[Act], **options: object) -> Rehearsal:
    """Run one search as a technician orders it, under the virtual clock, on a real stimulator."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding_runner, "PERSON_S", 0.0005)
        return run_as_real(ordered(ready, acts, **options))  # type: ignore[arg-type]
