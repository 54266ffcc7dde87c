"""Patients: who they are, what to mind with them, what they take; in versions, none ever lost.

Forms, thresholds and prescriptions are records of their own that name the patient.
"""

from __future__ import annotations

from dataclasses import dataclass

from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.entries import (
    Made,
    check_note,
    entry,
    folded,
    put_on_record,
    reading_patients,
    require_newest,
    require_reason,
    require_record,
)
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patient_details import (
    Medication,
    PatientDetails,
    Sex,
    check_birth_date,
)
from tms_console.clinic.patient_versions import (
    FieldChange,
    HistoryEntry,
    Patient,
    closed_sentence,
    history,
    patient,
    patient_at,
    patients,
    read_patient,
    require_current,
    versions,
)
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind

__all__ = [
    "FieldChange",
    "HistoryEntry",
    "Medication",
    "Patient",
    "PatientDetails",
    "PossibleTwin",
    "Sex",
    "Twin",
    "add_patient",
    "close_patient",
    "edit_patient",
    "find_patients",
    "history",
    "patient",
    "patient_at",
    "patients",
    "reopen_patient",
    "require_current",
    "search",
    "twins",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Twin:
    """Another current patient who may be the same person.

    Attributes:
        patient: Who.
        same_record_number: Such a pair is always a mistake.
        same_person: Same name and same birth date.
    """

    patient: Patient
    same_record_number: bool
    same_person: bool

    def __str__(self) -> str:
        """Return what is the same, as a sentence."""
        details = self.patient.details
        same = [
            words
            for words, it_is in (
                (f"record number {details.record_number}", self.same_record_number),
                (f"name and birth date ({details.birth_date})", self.same_person),
            )
            if it_is
        ]
        return (
            f"{details.name}, record number {details.record_number}, is on record with the same "
            f"{' and the same '.join(same)}."
        )


class PossibleTwin(ClinicRefused):
    """Somebody with this name and birth date is on record; say that it is another person.

    Attributes:
        twins: Who.
    """

    def __init__(self, twins: tuple[Twin, ...]) -> None:
        super().__init__(
            *map(str, twins), "If this is another person, confirm it and add them all the same."
        )
        self.twins = twins


def add_patient(
    station: Station, login: Login, details: PatientDetails, *, another_person: bool = False
) -> str:
    """Put a new patient on record.

    Args:
        station: This console.
        login: Who does it.
        details: What is known.
        another_person: True if somebody looked at the patients of the same name and birth date
            and says that this is none of them.

    Returns:
        The patient's uid.

    Raises:
        NotPermitted: Their role does not include it.
        PossibleTwin: Somebody of this name and birth date is on record.
        ClinicRefused: The record number is taken.
        ContentError: The birth date is in the future or too long ago.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.EDIT_PATIENT)
    made = Made.now(station, login)
    check_birth_date(details.birth_date, made.at)
    if details.photo_uid is not None:
        raise ClinicRefused("A photograph is added to a patient who is on record.")
    with station.trusting() as trusted:
        _require_unlike(trusted, details, "", another_person=another_person)
    members = _members(made.uid, 1, None, details, "")
    put_on_record(station, entry(RecordKind.PATIENT, members, made))
    _yield_to_earlier(station, login, made.uid, details, "the record number was taken meanwhile")
    return made.uid


def edit_patient(
    station: Station,
    login: Login,
    seen_uid: str,
    details: PatientDetails,
    *,
    another_person: bool = False,
) -> str:
    """Put the next version of a patient on record.

    Args:
        station: This console.
        login: Who does it.
        seen_uid: The version that was looked at; if it is not the newest any more, nothing is
            written.
        details: `dataclasses.replace(seen.details, ...)` with what changes.
        another_person: As in `add_patient`, where name or birth date change.

    Returns:
        The uid of the new version.

    Raises:
        ClinicRefused: Somebody changed the patient meanwhile, nothing was changed, the patient is
            closed or the record number is taken.
        PossibleTwin: Somebody of this name and birth date is on record.
        ContentError: The birth date cannot be.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.EDIT_PATIENT)
    check_birth_date(details.birth_date, station.wall())
    with station.trusting() as trusted:
        seen = _seen(trusted, seen_uid)
        if seen.closed:
            raise ClinicRefused(closed_sentence(seen))
        if details == seen.details:
            raise ClinicRefused("Nothing was changed, so there is nothing to record.")
        _require_own_photo(trusted, seen.patient_uid, details.photo_uid)
        before, now = _identity(seen.details), _identity(details)
        _require_unlike(
            trusted, details, seen.patient_uid, another_person=another_person or before == now
        )
    uid = _next_version(station, login, seen, details, "")
    _yield_to_earlier(station, login, uid, seen.details, "")
    return uid


def close_patient(station: Station, login: Login, seen_uid: str, reason: str) -> str:
    """Take a patient out of the current ones, for instance one who was entered twice.

    Everything of them stays on record; the record number is free again.

    Returns:
        The uid of the new version.

    Raises:
        ClinicRefused: No reason was given, somebody changed the patient meanwhile, or the patient
            is closed already.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.EDIT_PATIENT)
    require_reason(reason)
    check_note("reason", reason)
    with station.trusting() as trusted:
        seen = _seen(trusted, seen_uid)
        if seen.closed:
            raise ClinicRefused(closed_sentence(seen))
    return _next_version(station, login, seen, seen.details, reason.strip())


def reopen_patient(station: Station, login: Login, seen_uid: str) -> str:
    """Make a closed patient a current one again.

    Returns:
        The uid of the new version.

    Raises:
        ClinicRefused: The patient is not closed, the record number was given to somebody else, or
            somebody changed the patient meanwhile.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.EDIT_PATIENT)
    with station.trusting() as trusted:
        seen = _seen(trusted, seen_uid)
        if not seen.closed:
            raise ClinicRefused(f"{seen.details.name} is a current patient already.")
        _require_unlike(trusted, seen.details, seen.patient_uid, another_person=True)
    uid = _next_version(station, login, seen, seen.details, "")
    _yield_to_earlier(station, login, uid, seen.details, seen.closed)
    return uid


def find_patients(
    station: Station, login: Login, text: str, *, closed: bool = False
) -> tuple[Patient, ...]:
    """Return the patients whom somebody looks for, if they may read patients' records.

    Raises:
        NotPermitted: Their role does not include it.
        LoginLocked: The screen is locked.
        NotTrusted: The database cannot be trusted.
    """
    with reading_patients(station, login) as trusted:
        return search(trusted, text, closed=closed)


def search(trusted: Trusted, text: str, *, closed: bool = False) -> tuple[Patient, ...]:
    """Return the patients in whom every word of a text is found, in order of their names.

    A word is part of the name, begins the record number, or is or begins the birth date
    (`1984-02-29`, `1984`); without words it is all of them.
    """
    words = [folded(word) for word in text.split()]
    return tuple(one for one in patients(trusted, closed=closed) if _has(one, words))


def twins(trusted: Trusted, details: PatientDetails, patient_uid: str = "") -> tuple[Twin, ...]:
    """Return the current patients who may be the same person.

    Args:
        trusted: The record.
        details: Of whom.
        patient_uid: Who that is, if they are on record; they are no twin of their own.
    """
    number, identity = folded(details.record_number), _identity(details)
    found = (
        Twin(one, folded(one.details.record_number) == number, _identity(one.details) == identity)
        for one in patients(trusted)
        if one.patient_uid != patient_uid
    )
    return tuple(one for one in found if one.same_record_number or one.same_person)


def _members(
    patient_uid: str, version: int, supersedes: str | None, details: PatientDetails, closed: str
) -> dict[str, Json]:
    return {
        "patient_uid": patient_uid,
        "version": version,
        "supersedes": supersedes,
        "closed": closed or None,
        **details.canonical(),
    }


def _next_version(
    station: Station, login: Login, seen: Patient, details: PatientDetails, closed: str
) -> str:
    made = Made.now(station, login)
    members = _members(seen.patient_uid, seen.version + 1, seen.uid, details, closed)
    put_on_record(station, entry(RecordKind.PATIENT, members, made))
    return made.uid


def _yield_to_earlier(
    station: Station, login: Login, uid: str, back_to: PatientDetails, closed: str
) -> None:
    """Take a version back by another, if somebody else took its record number just before.

    Nothing holds a record number between looking and writing, and two consoles may write.

    Raises:
        ClinicRefused: It was taken back.
    """
    with station.trusting() as trusted:
        written = read_patient(trusted, require_record(trusted, RecordKind.PATIENT, uid))
        rivals = [
            one
            for one in twins(trusted, written.details, written.patient_uid)
            if one.same_record_number and one.patient.seq < written.seq
        ]
    if rivals:
        _next_version(station, login, written, back_to, closed)
        raise ClinicRefused(
            *map(str, rivals), "Somebody put that on record at the same moment; look at it first."
        )


def _seen(trusted: Trusted, seen_uid: str) -> Patient:
    """Return the version that somebody looked at, if it is still the newest."""
    record = require_record(trusted, RecordKind.PATIENT, seen_uid)
    require_newest(trusted, record)
    return read_patient(trusted, record)


def _identity(details: PatientDetails) -> tuple[str, str]:
    return folded(details.name), details.birth_date


def _require_unlike(
    trusted: Trusted, details: PatientDetails, patient_uid: str, *, another_person: bool
) -> None:
    """Raise ClinicRefused if the record number is taken, or it may be somebody who is here."""
    found = twins(trusted, details, patient_uid)
    if taken := [one for one in found if one.same_record_number]:
        raise ClinicRefused(
            *map(str, taken), "A record number belongs to one patient; look whether it is the same."
        )
    if found and not another_person:
        raise PossibleTwin(found)


def _require_own_photo(trusted: Trusted, patient_uid: str, photo_uid: str | None) -> None:
    if photo_uid is None:
        return
    record = require_record(trusted, RecordKind.ATTACHMENT, photo_uid)
    if record.values.get("patient_uid") != patient_uid:
        raise ClinicRefused("That photograph is of another patient.")


def _has(one: Patient, words: list[str]) -> bool:
    name, number = folded(one.details.name), folded(one.details.record_number)
    return all(
        word in name or number.startswith(word) or one.details.birth_date.startswith(word)
        for word in words
    )
