"""Patients as they lie on record: versions, the newest of them, and who changed what.

Making a version, and looking for a patient, are `clinic.patients`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

from tms_console.accounts.trust import Trusted
from tms_console.clinic.entries import folded, members_of, of_patient, printed_name, successors
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patient_details import PatientDetails
from tms_console.records.clinical import RecordKind, StoredRecord


@dataclass(frozen=True, slots=True)
class Patient:
    """One version of a patient.

    Attributes:
        uid: This version.
        patient_uid: The patient: the uid of the first version.
        version: From 1.
        seq: Its place in the chain.
        at: When it was made, as the computer said.
        by: Printed name of who made it.
        details: What is known.
        closed: Why this patient is no current one any more, such as "entered twice"; "" if they
            are.
    """

    uid: str
    patient_uid: str
    version: int
    seq: int
    at: str
    by: str
    details: PatientDetails
    closed: str = ""

    def age_years(self, day: date) -> int:
        """Return how old the patient is on a day."""
        born = date.fromisoformat(self.details.birth_date)
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What a version changed: the member's name, before and after, in words."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version of a patient and what it changed; the first changes nothing."""

    patient: Patient
    changes: tuple[FieldChange, ...]


def patient(trusted: Trusted, patient_uid: str) -> Patient:
    """Return the newest version of a patient.

    Raises:
        ClinicRefused: There is no such patient.
        NotTrusted: A record is not what was entered.
    """
    return versions(trusted, patient_uid)[-1]


def patient_at(trusted: Trusted, patient_uid: str, seq: int) -> Patient | None:
    """Return the version that stood at a place in the chain, None if there was none yet."""
    before = [one for one in versions(trusted, patient_uid) if one.seq < seq]
    return before[-1] if before else None


def require_current(trusted: Trusted, patient_uid: str) -> Patient:
    """Return a patient for whom something is to be done.

    Raises:
        ClinicRefused: There is no such patient, or they are closed.
    """
    found = patient(trusted, patient_uid)
    if found.closed:
        raise ClinicRefused(closed_sentence(found))
    return found


def versions(trusted: Trusted, patient_uid: str) -> tuple[Patient, ...]:
    """Return every version of a patient, the oldest first; at least one.

    Raises:
        ClinicRefused: There is no such patient.
    """
    found = of_patient(trusted, RecordKind.PATIENT, patient_uid)
    if not found:
        raise ClinicRefused(f"There is no patient {patient_uid[:40]} on record.")
    return tuple(read_patient(trusted, record) for record in found)


def history(trusted: Trusted, patient_uid: str) -> tuple[HistoryEntry, ...]:
    """Return who changed what of a patient, when, the oldest first.

    Raises:
        ClinicRefused: There is no such patient.
    """
    entries: list[HistoryEntry] = []
    for one in versions(trusted, patient_uid):
        changes = _changes(entries[-1].patient, one) if entries else ()
        entries.append(HistoryEntry(one, changes))
    return tuple(entries)


def patients(trusted: Trusted, *, closed: bool = False) -> tuple[Patient, ...]:
    """Return the newest version of every patient, in order of their names.

    Args:
        trusted: The record.
        closed: True for those that are closed instead of the current ones.
    """
    return trusted.worked_out((patients, closed), lambda: _patients(trusted, closed=closed))


def _patients(trusted: Trusted, *, closed: bool) -> tuple[Patient, ...]:
    records = trusted.records(RecordKind.PATIENT)
    later = successors(records)
    newest = (read_patient(trusted, record) for record in records if record.uid not in later)
    wanted = (one for one in newest if bool(one.closed) is closed)
    return tuple(sorted(wanted, key=lambda one: (folded(one.details.name), one.patient_uid)))


def closed_sentence(closed: Patient) -> str:
    """Return that somebody is no current patient, and why."""
    return (
        f"{closed.details.name}, record number {closed.details.record_number}, is no current "
        f"patient any more: {closed.closed}."
    )


def read_patient(trusted: Trusted, record: StoredRecord) -> Patient:
    """Return the version of a patient that a record states."""
    whose = str(record.member("patient_uid"))
    return trusted.of_patient(whose, (read_patient, record.uid), lambda: _read(trusted, record))


def _read(trusted: Trusted, record: StoredRecord) -> Patient:
    with members_of(record) as read:
        read.optional_text("supersedes")
        return Patient(
            uid=read.text("uid"),
            patient_uid=read.text("patient_uid"),
            version=read.integer("version"),
            seq=record.seq,
            at=record.at,
            by=printed_name(trusted, record.actor),
            closed=read.optional_text("closed") or "",
            details=PatientDetails.from_record(read),
        )


def _changes(old: Patient, new: Patient) -> tuple[FieldChange, ...]:
    names = [one.name for one in fields(PatientDetails)]
    pairs = [(name, getattr(old.details, name), getattr(new.details, name)) for name in names]
    pairs.append(("closed", old.closed, new.closed))
    return tuple(
        FieldChange(name.replace("_", " "), _words(before), _words(after))
        for name, before, after in pairs
        if before != after
    )


def _words(value: object) -> str:
    match value:
        case tuple():
            return "; ".join(map(str, value)) or "none"
        case None | "":
            return "none"
        case _:
            return str(value)
