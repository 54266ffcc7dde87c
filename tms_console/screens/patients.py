"""Patients: the list that is searched, everything on record of one, and the form that changes one.

The clinic's acts write; who may is theirs to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from protocols.canonical import ContentError, moment_of
from tms_console.accounts.trust import Trusted
from tms_console.clinic.adverse_events import holds
from tms_console.clinic.patients import (
    Medication,
    Patient,
    PatientDetails,
    Sex,
    patient,
    search,
)
from tms_console.clinic.policies import policy_in_force
from tms_console.screens.patient_record import PatientRecord
from tms_console.screens.tables import Table
from tms_console.screens.today import birth_words, identity_words


@dataclass(frozen=True, slots=True)
class PatientLine:
    """One patient in the list."""

    patient_uid: str
    name: str
    identity: str


@dataclass(frozen=True, slots=True)
class PatientList:
    """The patients in whom every word that is looked for is found."""

    lines: tuple[PatientLine, ...]
    text: str
    closed: bool

    @property
    def empty(self) -> str:
        """What is said when nobody is found."""
        if self.text.strip():
            return f"Nobody is found for {self.text.strip()!r}."
        return "Nobody is closed." if self.closed else "No patient is on record yet."


@dataclass(frozen=True, slots=True)
class PatientFact:
    """A label and a value."""

    label: str
    value: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class PatientScreen:
    """Everything on record of one patient.

    Attributes:
        patient_uid: Who.
        version_uid: The version that is shown; a change names it.
        name: As on their papers.
        identity: Birth date and record number.
        details: To begin a change with.
        closed: Why this is no current patient, "" if it is one.
        alerts: What everybody must see first.
        facts: What is known.
        sections: A table for each part of the record, by its title.
    """

    patient_uid: str
    version_uid: str
    name: str
    identity: str
    details: PatientDetails
    closed: str
    alerts: tuple[str, ...]
    facts: tuple[PatientFact, ...]
    sections: tuple[tuple[str, Table], ...]


@dataclass(frozen=True, slots=True)
class PatientFields:
    """What was typed into the form; lists have one entry a line, a dose follows a semicolon."""

    name: str = ""
    birth_date: str = ""
    sex: str = Sex.UNKNOWN.value
    record_number: str = ""
    allergies: str = ""
    alerts: str = ""
    medications: str = ""


def fields_of(details: PatientDetails) -> PatientFields:
    """Return the form filled in with what is known."""
    return PatientFields(
        details.name,
        details.birth_date,
        details.sex.value,
        details.record_number,
        "\n".join(details.allergies),
        "\n".join(details.alerts),
        "\n".join("; ".join(filter(None, (m.name, m.dose))) for m in details.medications),
    )


def details_from(fields: PatientFields, photo_uid: str | None = None) -> PatientDetails:
    """Return what was typed, as the clinic takes it.

    Raises:
        ContentError: Something of it cannot be; the sentence names it.
    """
    if not fields.name.strip():
        raise ContentError("the name is empty: write the full name as on the papers")
    if not fields.record_number.strip():
        raise ContentError("the record number is empty: write the clinic's own number")
    try:
        return _details(fields, photo_uid)
    except ContentError as error:
        name, *_ = text = str(error).split(" ", 1)
        raise ContentError(" ".join([_IN_WORDS.get(name, name), *text[1:]])) from error


_IN_WORDS = {
    "name": "the name",
    "record_number": "the record number",
    "birth_date": "the birth date",
}
"""What the form calls a field that a mistake begins with."""


def _details(fields: PatientFields, photo_uid: str | None) -> PatientDetails:
    medications = []
    for line in _lines(fields.medications):
        name, _, dose = line.partition(";")
        medications.append(Medication(name.strip(), dose.strip()))
    return PatientDetails(
        name=fields.name.strip(),
        birth_date=fields.birth_date.strip(),
        sex=Sex(fields.sex),
        record_number=fields.record_number.strip(),
        allergies=tuple(_lines(fields.allergies)),
        alerts=tuple(_lines(fields.alerts)),
        medications=tuple(medications),
        photo_uid=photo_uid,
    )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def patient_list(trusted: Trusted, text: str, *, closed: bool = False) -> PatientList:
    """Return the patients in whom every word is found, in order of their names."""
    found = search(trusted, text, closed=closed)
    lines = tuple(
        PatientLine(one.patient_uid, one.details.name, identity_words(one)) for one in found
    )
    return PatientList(lines, text, closed)


def patient_screen(trusted: Trusted, patient_uid: str, wall: str) -> PatientScreen:
    """Return everything on record of a patient.

    Raises:
        ClinicRefused: There is no such patient, or a record of theirs cannot be read.
    """
    one = patient(trusted, patient_uid)
    held = policy_in_force(trusted, wall)
    zone = ZoneInfo("UTC" if held is None else held.policy.time_zone)
    sheet = PatientRecord(trusted, patient_uid, wall, zone, moment_of(wall).astimezone(zone).date())
    on_hold = [str(one) for one in holds(trusted, patient_uid)]
    return PatientScreen(
        patient_uid,
        one.uid,
        one.details.name,
        identity_words(one),
        one.details,
        one.closed,
        (*on_hold, *one.details.alerts),
        tuple(_facts(one, sheet.today)),
        (
            ("Prescriptions", sheet.prescriptions()),
            ("Sessions", sheet.sessions()),
            ("Thresholds", sheet.thresholds()),
            ("Positioning", sheet.positioning()),
            ("Forms", sheet.forms()),
            ("Adverse events", sheet.adverse_events()),
            ("Changes", sheet.changes()),
        ),
    )


def _facts(one: Patient, today: date) -> Iterator[PatientFact]:
    details = one.details
    yield PatientFact("Born", f"{birth_words(details.birth_date)} · {one.age_years(today)} years")
    yield PatientFact("Record number", details.record_number)
    yield PatientFact("Sex", details.sex.value)
    allergies = ", ".join(details.allergies)
    yield PatientFact("Allergies", allergies or "none known", "warn" if allergies else "")
    taken = "\n".join(map(str, details.medications))
    yield PatientFact("Medications", taken or "none")
