"""Measured motor thresholds: an append-only series of typed values with how each was found.

What a prescription makes of a newer one is `protocols.remeasure`; whether one is too old is for the
gate to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.canonical import moment_of
from protocols.measured import ThresholdReference
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.day import require_session_of, sessions_since
from tms_console.clinic.entries import (
    Made,
    check_note,
    check_past,
    entry,
    local_day,
    members_of,
    of_patient,
    printed_name,
    put_on_record,
    require_newest,
    require_reason,
    require_record,
    successors,
)
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.measurement import Measurement, Method, Stimulus
from tms_console.clinic.patients import require_current
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind, StoredRecord

__all__ = [
    "Measurement",
    "Method",
    "Stimulus",
    "Threshold",
    "ThresholdAge",
    "age",
    "as_reference",
    "correct_threshold",
    "newer_unlike",
    "newest_like",
    "record_found",
    "record_threshold",
    "threshold",
    "thresholds_of",
    "withdraw_threshold",
]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measured threshold on record.

    Attributes:
        uid: Of the record.
        seq: Its place in the chain.
        at: When it was recorded, as the computer said.
        measured: What was measured.
        operator_uid: Who measured it.
        operator: Their printed name.
        recorded_by: Printed name of who recorded it; of a correction, who corrected it.
        digest: SHA-256 of the record: what a signature on it names.
        supersedes: The record that it corrects, None for none.
        reason: Why it was corrected, "" for none.
        withdrawn: It takes back the record that it corrects, and counts for nothing.
        superseded_by: The record that corrects it, None while it stands.
    """

    uid: str
    seq: int
    at: str
    measured: Measurement
    operator_uid: str
    operator: str
    recorded_by: str
    digest: str
    supersedes: str | None
    reason: str
    withdrawn: bool
    superseded_by: str | None

    @property
    def counts(self) -> bool:
        """True if a dose may rest on it: neither corrected nor taken back."""
        return self.superseded_by is None and not self.withdrawn


@dataclass(frozen=True, slots=True)
class ThresholdAge:
    """How old a threshold is.

    Attributes:
        days: Days of the calendar since it was measured; 0 today, negative if the clock is wrong.
        sessions: Treatment sessions of the patient since then, both rows of a resumed one as one.
    """

    days: int
    sessions: int


def record_threshold(station: Station, login: Login, measured: Measurement) -> str:
    """Put a measured threshold on record; who is logged in measured it.

    Returns:
        The record's uid.

    Raises:
        NotPermitted: Their role does not include it.
        ClinicRefused: There is no such current patient, the session is not one of theirs, or it
            says that the console found it.
        ContentError: It was measured in the future.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    _require_entered(measured)
    return record_found(station, login, measured, login.user_uid)


def record_found(station: Station, login: Login, measured: Measurement, operator_uid: str) -> str:
    """Put a threshold on record that somebody measured; for `series`, which replays what it gives.

    Returns:
        The record's uid.

    Raises:
        NotPermitted: Their role does not include it.
        ClinicRefused: There is no such current patient, or the session is not one of theirs.
        ContentError: It was measured in the future.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RECORD_THRESHOLD)
    with station.trusting() as trusted:
        _require_possible(station, trusted, measured)
    members = _members(measured, operator_uid, None, "", withdrawn=False)
    return _write(station, login, members)


def correct_threshold(
    station: Station, login: Login, uid: str, measured: Measurement, reason: str
) -> str:
    """Put a correction of a threshold on record; the old one stays, and counts no more.

    Who measured it stays who measured it.

    Returns:
        The uid of the correction.

    Raises:
        ClinicRefused: No reason was given, it was corrected before, nothing is corrected, it is
            another patient's, or the correction says that the console found it.
        ContentError: It was measured in the future.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RECORD_THRESHOLD)
    require_reason(reason)
    _require_entered(measured)
    with station.trusting() as trusted:
        old = _correctable(trusted, uid)
        if measured.patient_uid != old.measured.patient_uid:
            raise ClinicRefused(
                "A correction stays with its patient: take this threshold back, and record it anew."
            )
        if measured == old.measured:
            raise ClinicRefused("Nothing was changed, so there is nothing to correct.")
        _require_possible(station, trusted, measured)
    members = _members(measured, old.operator_uid, old.uid, reason, withdrawn=False)
    return _write(station, login, members)


def withdraw_threshold(station: Station, login: Login, uid: str, reason: str) -> str:
    """Take a threshold back that should not be on record, such as one of another patient.

    Returns:
        The uid of the record that takes it back.

    Raises:
        ClinicRefused: No reason was given, or it was corrected or taken back before.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RECORD_THRESHOLD)
    require_reason(reason)
    with station.trusting() as trusted:
        old = _correctable(trusted, uid)
    members = _members(old.measured, old.operator_uid, old.uid, reason, withdrawn=True)
    return _write(station, login, members)


def threshold(trusted: Trusted, uid: str) -> Threshold:
    """Return a threshold, also one that does not count any more.

    Raises:
        ClinicRefused: There is none of that uid.
        NotTrusted: A record is not what was entered.
    """
    record = require_record(trusted, RecordKind.THRESHOLD, uid)
    patient_uid = str(record.member("patient_uid"))
    later = successors(of_patient(trusted, RecordKind.THRESHOLD, patient_uid))
    return trusted.of_patient(
        patient_uid, (threshold, uid), lambda: _threshold(trusted, record, later)
    )


def thresholds_of(
    trusted: Trusted, patient_uid: str, *, all_records: bool = False
) -> tuple[Threshold, ...]:
    """Return a patient's thresholds in the order in which they were measured.

    Args:
        trusted: The record.
        patient_uid: Whose.
        all_records: True for those too that were corrected or taken back.
    """
    records = of_patient(trusted, RecordKind.THRESHOLD, patient_uid)
    later = successors(records)
    found = trusted.of_patient(
        patient_uid,
        thresholds_of,
        lambda: tuple(_threshold(trusted, record, later) for record in records),
    )
    return tuple(sorted((one for one in found if all_records or one.counts), key=_measured))


def as_reference(threshold: Threshold) -> ThresholdReference:
    """Return a threshold as a prescription names it; its method has the algorithm with it."""
    return threshold.measured.reference(threshold.uid)


def newest_like(trusted: Trusted, reference: ThresholdReference) -> Threshold | None:
    """Return the patient's newest threshold that is like one: what a dose rests on today.

    Like it means of the same kind, muscle, side, coil and method.  Of two measured at the same
    moment it is the one recorded later.

    Args:
        trusted: The record.
        reference: One of the patient's thresholds, as a prescription names it.

    Returns:
        The threshold; None if that one is not on record, or none like it counts any more.
    """
    record = trusted.record(RecordKind.THRESHOLD, reference.uid)
    if record is None:
        return None
    alike = [
        one
        for one in thresholds_of(trusted, str(record.values.get("patient_uid")))
        if not as_reference(one).unlike(reference)
    ]
    return alike[-1] if alike else None


def newer_unlike(trusted: Trusted, reference: ThresholdReference) -> tuple[Threshold, ...]:
    """Return thresholds of the same kind and side that were measured later, but otherwise.

    None of them replaces the one that was signed; somebody should see that they are there.
    """
    record = trusted.record(RecordKind.THRESHOLD, reference.uid)
    if record is None:
        return ()
    return tuple(
        one
        for one in thresholds_of(trusted, str(record.values.get("patient_uid")))
        if (one.measured.kind, one.measured.side) == (reference.kind, reference.side)
        and (other := as_reference(one)).unlike(reference)
        and other.later_than(reference)
    )


def age(trusted: Trusted, threshold: Threshold, now: str, time_zone: str) -> ThresholdAge:
    """Return how old a threshold is.

    Args:
        trusted: The record.
        threshold: Which.
        now: Wall time, RFC 3339 in UTC.
        time_zone: The policy's, in which days are counted.
    """
    measured = threshold.measured
    days = (local_day(now, time_zone) - local_day(measured.measured_at, time_zone)).days
    return ThresholdAge(
        days, len(sessions_since(trusted, measured.patient_uid, measured.measured_at))
    )


def _measured(one: Threshold) -> tuple[object, ...]:
    return moment_of(one.measured.measured_at), one.seq


def _members(
    measured: Measurement,
    operator_uid: str,
    supersedes: str | None,
    reason: str,
    *,
    withdrawn: bool,
) -> dict[str, Json]:
    return {
        **measured.canonical(),
        "operator_uid": operator_uid,
        "supersedes": supersedes,
        "reason": reason.strip(),
        "withdrawn": withdrawn,
    }


def _write(station: Station, login: Login, members: Mapping[str, Json]) -> str:
    check_note("reason", str(members["reason"]))
    made = Made.now(station, login)
    record = entry(RecordKind.THRESHOLD, members, made)
    put_on_record(station, record, seal="a threshold was recorded")
    return made.uid


def _require_entered(measured: Measurement) -> None:
    if measured.found is not None:
        raise ClinicRefused(
            "A value that the console found is recorded from its series, and never entered."
        )


def _require_possible(station: Station, trusted: Trusted, measured: Measurement) -> None:
    """Raise unless it can have been measured: a current patient, in the past, in their session."""
    check_past("measured_at", measured.measured_at, station.wall())
    require_current(trusted, measured.patient_uid)
    if measured.session_uid is not None:
        require_session_of(trusted, measured.patient_uid, measured.session_uid)


def _correctable(trusted: Trusted, uid: str) -> Threshold:
    record = require_record(trusted, RecordKind.THRESHOLD, uid)
    require_newest(trusted, record)
    found = _threshold(trusted, record, {})
    if found.withdrawn:
        raise ClinicRefused("This threshold was taken back; record it anew.")
    return found


def _threshold(trusted: Trusted, record: StoredRecord, later: Mapping[str, str]) -> Threshold:
    with members_of(record) as read:
        operator_uid = read.text("operator_uid")
        return Threshold(
            uid=record.uid,
            seq=record.seq,
            at=record.at,
            measured=Measurement.from_record(read),
            operator_uid=operator_uid,
            operator=printed_name(trusted, operator_uid),
            recorded_by=printed_name(trusted, record.actor),
            digest=record.digest,
            supersedes=read.optional_text("supersedes"),
            reason=read.text("reason"),
            withdrawn=read.boolean("withdrawn"),
            superseded_by=later.get(record.uid),
        )
