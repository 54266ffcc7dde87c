"""What waits for a physician, with all that is needed to decide, what blocks a treatment first.

It decides nothing: each decision is an act of `approvals`, `policies`, `dose_now`, `forms`,
`adverse_events`, `accounts.own_key` or `accounts.restores`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from protocols.differences import Difference, differences
from protocols.limits import RequiredAnswer, required_answers
from protocols.policy import Policy
from protocols.prescription import Prescription
from protocols.protocol import load_library
from protocols.protocol_differences import protocol_differences
from protocols.remeasure import DoseChange
from tms_console.accounts.book import Enrolment
from tms_console.accounts.restores import pending_restore
from tms_console.accounts.roles import Role
from tms_console.accounts.trust import Trusted
from tms_console.clinic.adverse_events import Hold, patients_on_hold
from tms_console.clinic.approvals import standing
from tms_console.clinic.dose_now import acknowledged, band_now
from tms_console.clinic.entries import printed_name
from tms_console.clinic.forms import FilledIn, waiting_for_physician
from tms_console.clinic.patients import Patient, patients
from tms_console.clinic.policies import (
    ProposedPolicy,
    policy_in_force,
    policy_standing,
    policy_versions,
)
from tms_console.clinic.prescriptions import ProposedVersion, prescription_uids, versions
from tms_console.clinic.thresholds import Threshold, as_reference, threshold
from tms_console.clinic.verdicts import Standing
from tms_console.records.clinical import RecordKind, StoredRecord


class Blocks(IntEnum):
    """What does not go on while something waits; the first is the most urgent."""

    EVERY_TREATMENT = 0
    A_PATIENT = 1
    NOTHING = 2


@dataclass(frozen=True, slots=True)
class RestoreWaits:
    """An older copy was put back; a physician signs what is still in force.

    Attributes:
        restore: The record that is signed.
        by: Printed name of the administrator who recorded it.
        to_confirm: Uids of the prescriptions and the policy that stand but for the restore.
    """

    restore: StoredRecord
    by: str
    to_confirm: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyWaits:
    """A version of the policy waits for its approval.

    Attributes:
        proposed: The version, who proposed it and when.
        standing: Where it stands.
        in_force: The policy in force, None if there is none.
        differences: What it changes of that.
    """

    proposed: ProposedPolicy
    standing: Standing
    in_force: Policy | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class PolicyMissing:
    """Nobody has proposed a policy yet; without one no real stimulator is armed."""


@dataclass(frozen=True, slots=True)
class HoldWaits:
    """A patient is on hold until a physician clears the event."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class AnswersWait:
    """Answers to a form ask for a physician."""

    filled_in: FilledIn


@dataclass(frozen=True, slots=True)
class VersionWaits:
    """A version of a prescription waits for its approval, or for another one.

    Attributes:
        proposed: The version, who proposed it and when.
        standing: Where it stands, with its findings and their sources, and why it is not in force.
        required: What must be answered to sign it.
        in_force: The version in force, None if there is none.
        differences: What it changes of that.
        from_protocol: Where it chose among the published protocol's values, or departs from them.
        dose_refusal: Why it would deliver nothing at the newest thresholds, "" if it would.
    """

    proposed: ProposedVersion
    standing: Standing
    required: tuple[RequiredAnswer, ...]
    in_force: Prescription | None
    differences: tuple[Difference, ...]
    from_protocol: tuple[Difference, ...]
    dose_refusal: str


@dataclass(frozen=True, slots=True)
class DoseRefused:
    """A prescription is in force, and a newer threshold is none that was signed: nothing is given.

    Attributes:
        prescription: The version in force.
        refusal: Why; somebody proposes a new version.
    """

    prescription: Prescription
    refusal: str


@dataclass(frozen=True, slots=True)
class ThresholdWaits:
    """A threshold is used inside a signed band, and a physician acknowledges it.

    Attributes:
        threshold: The threshold; its digest is what is signed.
        prescription: The version that it is used under.
        changes: What it makes of the dose now; none if a newer one has taken its place.
    """

    threshold: Threshold
    prescription: Prescription
    changes: tuple[DoseChange, ...]


@dataclass(frozen=True, slots=True)
class KeyWaits:
    """A physician's key was made after a password reset and approves nothing until confirmed."""

    enrolment: Enrolment


Matter: TypeAlias = (
    RestoreWaits
    | PolicyWaits
    | PolicyMissing
    | HoldWaits
    | AnswersWait
    | VersionWaits
    | DoseRefused
    | ThresholdWaits
    | KeyWaits
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits for a physician.

    Attributes:
        blocks: What does not go on meanwhile.
        patient: Whom it concerns, None for nobody in particular.
        seq: Since where in the chain it waits.
        matter: What it is.
    """

    blocks: Blocks
    patient: Patient | None
    seq: int
    matter: Matter


def queue(trusted: Trusted, now: str) -> tuple[Waiting, ...]:
    """Return everything that waits for a physician: what blocks most first, then the oldest.

    Closed patients are left out: nothing is delivered to them.

    Args:
        trusted: The record.
        now: Wall time.

    Raises:
        ClinicRefused: Something on record is not what it is said to be.
        NotTrusted: Something is not what was entered.
    """
    current = {one.patient_uid: one for one in patients(trusted)}
    found = [
        *_restore(trusted, now),
        *_policy(trusted, now),
        *_holds(trusted, current),
        *_answers(trusted, current),
        *_keys(trusted, now),
    ]
    for patient in current.values():
        for prescription_uid in prescription_uids(trusted, patient.patient_uid):
            found += _prescription(trusted, patient, prescription_uid, now)
    return tuple(sorted(found, key=lambda one: (one.blocks, one.seq)))


def _restore(trusted: Trusted, now: str) -> Iterator[Waiting]:
    record = pending_restore(trusted)
    if record is None:
        return
    stands = [uid for uid, where in _every_standing(trusted, now) if _only_restore(trusted, where)]
    matter = RestoreWaits(record, printed_name(trusted, record.actor), tuple(stands))
    yield Waiting(Blocks.EVERY_TREATMENT, None, record.seq, matter)


def _every_standing(trusted: Trusted, now: str) -> Iterator[tuple[str, Standing]]:
    for prescription_uid in prescription_uids(trusted):
        for one in versions(trusted, prescription_uid):
            yield one.prescription.uid, standing(trusted, one.prescription.uid, now)
    for proposed in policy_versions(trusted):
        yield proposed.policy.uid, policy_standing(trusted, proposed.policy.uid, now)


def _policy(trusted: Trusted, now: str) -> Iterator[Waiting]:
    """Yield the newest version of the policy, if it is not the one in force and may be approved."""
    line = policy_versions(trusted)
    held = policy_in_force(trusted, now)
    if not line:
        yield Waiting(Blocks.EVERY_TREATMENT, None, 0, PolicyMissing())
        return
    newest = line[-1]
    where = policy_standing(trusted, newest.policy.uid, now)
    if where.in_force or _only_restore(trusted, where):
        return
    before = None if held is None else held.policy
    changed = () if before is None else differences(before, newest.policy)
    blocks = Blocks.EVERY_TREATMENT if before is None else Blocks.NOTHING
    yield Waiting(blocks, None, newest.seq, PolicyWaits(newest, where, before, changed))


def _only_restore(trusted: Trusted, where: Standing) -> bool:
    """Return whether a version waits for a physician's list after a restore and nothing else."""
    codes = [one.code for one in where.objections]
    return codes == ["restore"] and pending_restore(trusted) is not None


def _holds(trusted: Trusted, current: dict[str, Patient]) -> Iterator[Waiting]:
    for patient_uid, held in patients_on_hold(trusted).items():
        if patient_uid in current:
            for hold in held:
                yield Waiting(
                    Blocks.A_PATIENT, current[patient_uid], hold.grave.seq, HoldWaits(hold)
                )


def _answers(trusted: Trusted, current: dict[str, Patient]) -> Iterator[Waiting]:
    for filled_in in waiting_for_physician(trusted, current):
        patient = current.get(filled_in.answers.patient_uid)
        if patient is not None:
            yield Waiting(Blocks.A_PATIENT, patient, filled_in.seq, AnswersWait(filled_in))


def _keys(trusted: Trusted, now: str) -> Iterator[Waiting]:
    for user in trusted.records(RecordKind.USER):
        one = trusted.book.active(user.uid, now)
        if one is None or one.role is not Role.PHYSICIAN:
            continue
        if not one.may_approve_at(trusted.head.seq + 1):
            yield Waiting(Blocks.NOTHING, None, one.seq, KeyWaits(one))


def _prescription(
    trusted: Trusted, patient: Patient, prescription_uid: str, now: str
) -> Iterator[Waiting]:
    """Yield what waits of one prescription: its newest version, its dose, its thresholds."""
    line = versions(trusted, prescription_uid)
    stands = {one.version.uid: standing(trusted, one.version.uid, now) for one in line}
    held = next((one for one in reversed(line) if stands[one.version.uid].in_force), None)
    pending = _pending(line, stands)
    refusal = "" if held is None else band_now(trusted, held.prescription).refusal
    blocks = Blocks.NOTHING if held is not None and not refusal else Blocks.A_PATIENT
    if pending is not None and not _only_restore(trusted, stands[pending.version.uid]):
        before = None if held is None else held.prescription
        matter = _version_waits(trusted, pending, stands[pending.version.uid], before)
        yield Waiting(blocks, patient, pending.seq, matter)
    elif held is not None and refusal:
        yield Waiting(blocks, patient, held.seq, DoseRefused(held.prescription, refusal))
    for one in _unacknowledged(trusted, line, held):
        yield Waiting(Blocks.NOTHING, patient, one.threshold.seq, one)


def _pending(
    line: tuple[ProposedVersion, ...], stands: dict[str, Standing]
) -> ProposedVersion | None:
    """Return the newest version that was not returned, if it is not in force and not withdrawn."""
    for one in reversed(line):
        where = stands[one.version.uid]
        if where.in_force or where.superseded_by is not None or where.withdrawn is not None:
            return None
        if where.returned is None:
            return one
    return None


def _version_waits(
    trusted: Trusted, one: ProposedVersion, where: Standing, before: Prescription | None
) -> VersionWaits:
    prescription = one.prescription
    protocol = load_library().get(prescription.session.protocol_id)
    return VersionWaits(
        proposed=one,
        standing=where,
        required=required_answers(where.findings),
        in_force=before,
        differences=() if before is None else differences(before, prescription),
        from_protocol=() if protocol is None else protocol_differences(prescription, protocol),
        dose_refusal=band_now(trusted, prescription).refusal,
    )


def _unacknowledged(
    trusted: Trusted, line: tuple[ProposedVersion, ...], held: ProposedVersion | None
) -> Iterator[ThresholdWaits]:
    """Yield thresholds that a dose rests on now, or did in a session, and nobody acknowledged."""
    found: dict[str, tuple[Prescription, tuple[DoseChange, ...]]] = {}
    for one in line:
        for uid in _used_under(trusted, one.prescription):
            found[uid] = one.prescription, ()
    if held is not None:
        now = band_now(trusted, held.prescription)
        for uid in now.needs_acknowledgement:
            found[uid] = held.prescription, now.changed
    for uid, (prescription, changes) in found.items():
        if acknowledged(trusted, uid) is None:
            yield ThresholdWaits(threshold(trusted, uid), prescription, changes)


def _used_under(trusted: Trusted, prescription: Prescription) -> tuple[str, ...]:
    """Return thresholds of another value than the signed ones, on which sessions were ordered."""
    return trusted.of_patient(
        prescription.patient_uid,
        (_used_under, prescription.uid),
        lambda: tuple(dict.fromkeys(_used(trusted, prescription))),
    )


def _used(trusted: Trusted, prescription: Prescription) -> Iterator[str]:
    signed = [basis.threshold.value_pct_mso for basis in prescription.doses]
    orders = trusted.records(RecordKind.START_ORDER, authority_uid=prescription.uid)
    for order in orders:
        named = order.values.get("threshold_uids")
        for value, uid in zip(signed, named if isinstance(named, list) else [], strict=False):
            if trusted.record(RecordKind.THRESHOLD, uid) is None:
                continue
            if as_reference(threshold(trusted, uid)).value_pct_mso != value:
                yield uid
