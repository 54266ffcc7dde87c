"""Whether a patient's threshold is due to be measured again, gathered from the record."""

from __future__ import annotations

from datetime import timedelta

from protocols.canonical import moment_of
from protocols.policy import Policy
from protocols.remeasure_due import Since, due_because
from tms_console.accounts.trust import Trusted
from tms_console.clinic.approvals import in_force
from tms_console.clinic.day import local_day, medication_changed, sessions_since
from tms_console.clinic.thresholds import Threshold, age, thresholds_of


def newest_threshold(trusted: Trusted, patient_uid: str) -> Threshold | None:
    """Return the patient's threshold that was measured last and counts, None if there is none."""
    found = thresholds_of(trusted, patient_uid)
    return found[-1] if found else None


def since_threshold(
    trusted: Trusted, one: Threshold, policy: Policy, wall: str, *, signed_alike: bool = False
) -> Since:
    """Return what happened since a threshold was measured.

    Args:
        trusted: The record.
        one: The threshold.
        policy: In force; days are counted in its time zone.
        wall: Now, RFC 3339 in UTC.
        signed_alike: It is like the one that the prescription names, coil and all: no other coil is
            looked for.
    """
    zone, patient_uid = policy.time_zone, one.measured.patient_uid
    old = age(trusted, one, wall, zone)
    given = sessions_since(trusted, patient_uid, one.measured.measured_at)
    last = max((moment_of(each.last_at) for each in given), default=None)
    gap: timedelta | None = None
    if last is not None:
        gap = local_day(wall, zone) - last.astimezone(policy.zone).date()
    coils = {
        basis.threshold.coil
        for held in (() if signed_alike else in_force(trusted, patient_uid, wall))
        for basis in held.prescription.doses
        if basis.threshold.kind == one.measured.kind
    }
    others = sorted(coils - {one.measured.coil})
    return Since(
        days=old.days,
        sessions=old.sessions,
        medication_changed=medication_changed(trusted, patient_uid, one.seq),
        other_coil=" and ".join(others),
        gap_days=None if gap is None else gap.days,
    )


def due(trusted: Trusted, patient_uid: str, policy: Policy, wall: str) -> tuple[str, ...]:
    """Return why the patient's newest threshold is due to be measured again, () if it is not."""
    one = newest_threshold(trusted, patient_uid)
    if one is None:
        return ("There is no threshold on record.",)
    return due_because(since_threshold(trusted, one, policy, wall), policy)
