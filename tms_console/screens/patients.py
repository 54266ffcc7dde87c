"""Patients: the list that is searched, everything on record of one, and the form that changes one.

The clinic's acts write; who may is theirs to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from protocols.canonical import ContentError, moment_of
from tms_console.accounts.signatures import Meaning
from tms_console.accounts.trust import Trusted
from tms_console.clinic import day as days
from tms_console.clinic.adverse_event import SEVERITIES
from tms_console.clinic.adverse_events import adverse_events_of, holds
from tms_console.clinic.approvals import standing
from tms_console.clinic.dose_now import acknowledged
from tms_console.clinic.forms import FilledIn, answers_of
from tms_console.clinic.patients import (
    Medication,
    Patient,
    PatientDetails,
    Sex,
    history,
    patient,
    search,
)
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.positioning import positionings_of
from tms_console.clinic.prescriptions import prescription_uids, versions
from tms_console.clinic.thresholds import thresholds_of
from tms_console.clinic.verdicts import Standing
from tms_console.screens.shell import moment_words
from tms_console.screens.tables import Line, Table
from tms_console.screens.today import birth_words, identity_words

FORM_IDS = ("screening", "daily", "identity", "ears", "extra")


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
        raise ContentError("name is empty: write the full name as on the papers")
    if not fields.record_number.strip():
        raise ContentError("record_number is empty: write the clinic's own number")
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
    sheet = _Sheet(trusted, patient_uid, wall, zone, moment_of(wall).astimezone(zone).date())
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


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One look at one patient."""

    trusted: Trusted
    patient_uid: str
    wall: str
    zone: ZoneInfo
    today: date

    def prescriptions(self) -> Table:
        """Return every version with where it stands, the newest first."""
        lines = []
        for uid in prescription_uids(self.trusted, self.patient_uid):
            for one in versions(self.trusted, uid):
                where = standing(self.trusted, one.prescription.uid, self.wall)
                word, state = standing_words(where)
                session = one.prescription.session
                dose = " + ".join(str(block.intensity_pct_mso) for block in session.blocks)
                lines.append(
                    Line(
                        one.prescription.uid,
                        (
                            f"v{one.prescription.version}",
                            word,
                            session.title,
                            f"{dose} %MSO",
                            f"{one.prescription.course.total_sessions}",
                            f"{self._when(one.proposed_at)}, {one.proposed_by}",
                        ),
                        state,
                    )
                )
        return Table(
            ("Version", "Standing", "What", "Dose", "Sessions", "Proposed"),
            tuple(reversed(lines)),
            (55, 160, 205, 115, 80, 195),
            1,
            "Nothing was prescribed yet.",
        )

    def sessions(self) -> Table:
        """Return every session, the newest first."""
        lines = []
        for sitting in days.sittings(self.trusted, self.patient_uid):
            for row in sitting.rows:
                session = self.trusted.sessions[row.uid]
                ended = session.ended or {}
                signed = any(
                    one.meaning is Meaning.DELIVERED for one in self.trusted.signatures(row.uid)
                )
                word = str(ended.get("state", "open"))
                bad = word not in ("completed", "stopped")
                lines.append(
                    Line(
                        row.uid,
                        (
                            self._when(row.started_at),
                            word,
                            f"{row.pulses}",
                            "signed" if signed else "not signed",
                            str(ended.get("end_reason") or ""),
                        ),
                        "warn" if bad else "good" if word == "completed" else "note",
                    )
                )
        return Table(
            ("When", "End", "Pulses", "Technician", "Why it ended"),
            tuple(reversed(lines)),
            (170, 120, 90, 110, 300),
            1,
            "No session was given yet.",
        )

    def thresholds(self) -> Table:
        """Return every measured threshold, the newest first, those that count no more too."""
        lines = []
        for one in thresholds_of(self.trusted, self.patient_uid, all_records=True):
            measured = one.measured
            told = "counts" if one.counts else "taken back" if one.withdrawn else "corrected"
            if one.counts and acknowledged(self.trusted, one.uid) is not None:
                told = "counts, acknowledged"
            lines.append(
                Line(
                    one.uid,
                    (
                        self._when(measured.measured_at),
                        f"{measured.value_pct_mso} %MSO",
                        f"{measured.kind}, {measured.muscle}, {measured.side}",
                        f"{measured.coil}, {measured.method}, {measured.algorithm}",
                        told,
                        one.operator,
                    ),
                    "" if one.counts else "muted",
                )
            )
        return Table(
            ("Measured", "Value", "On", "How", "Standing", "By"),
            tuple(reversed(lines)),
            (150, 90, 290, 210, 160, 120),
            4,
            "No threshold was measured yet.",
        )

    def positioning(self) -> Table:
        """Return where the coil goes, the newest first."""
        lines = []
        for one in positionings_of(self.trusted, self.patient_uid):
            told, head = one.positioning, one.positioning.head
            angle = "" if told.coil_angle_deg is None else f"{told.coil_angle_deg}°"
            size = "" if head is None else f"{' / '.join(map(str, head.canonical().values()))} mm"
            lines.append(
                Line(
                    one.uid,
                    (self._when(one.at), told.target, told.method.value, size, angle, told.note),
                )
            )
        return Table(
            ("Recorded", "Target", "Method", "Head", "Handle", "Note"),
            tuple(reversed(lines)),
            (150, 220, 110, 180, 70, 200),
            empty="Nobody has recorded where the coil goes.",
        )

    def forms(self) -> Table:
        """Return every form that was filled in, the newest first."""
        filled: list[FilledIn] = []
        for form_id in FORM_IDS:
            filled += answers_of(self.trusted, self.patient_uid, form_id)
        lines = []
        for one in sorted(filled, key=lambda each: -each.seq):
            word, state = _form_words(one)
            at = self._when(one.answers.answered_at)
            lines.append(Line(one.uid, (at, one.form.name, word, one.by), state))
        return Table(
            ("Filled in", "Form", "What follows", "By"),
            tuple(lines),
            (150, 330, 300, 150),
            2,
            "No form was filled in yet.",
        )

    def adverse_events(self) -> Table:
        """Return what the patient suffered, the newest first."""
        lines = []
        for one in adverse_events_of(self.trusted, self.patient_uid):
            event = one.event
            lines.append(
                Line(
                    one.uid,
                    (
                        self._when(event.onset),
                        event.what.value,
                        f"{event.severity} {SEVERITIES[event.severity]}",
                        event.relatedness.value,
                        event.outcome.value,
                        event.description,
                    ),
                    "bad" if event.grave else "warn" if event.severity > 1 else "",
                )
            )
        return Table(
            ("Began", "What", "Severity", "Related", "Outcome", "In words"),
            tuple(reversed(lines)),
            (150, 150, 150, 100, 120, 300),
            2,
            "Nothing was reported.",
        )

    def changes(self) -> Table:
        """Return who changed what, when, the newest first."""
        lines = []
        for entry in history(self.trusted, self.patient_uid):
            told = "; ".join(f"{c.field}: {c.old} → {c.new}" for c in entry.changes)
            one = entry.patient
            lines.append(
                Line(
                    one.uid,
                    (self._when(one.at), f"v{one.version}", one.by, told or "put on record"),
                )
            )
        return Table(("When", "Version", "By", "What"), tuple(reversed(lines)), (150, 80, 150, 420))

    def _when(self, at: str) -> str:
        return moment_words(at, self.zone, self.today)


def standing_words(where: Standing) -> tuple[str, str]:
    """Return where a version stands in few words, and its state."""
    if where.in_force and where.approved is not None:
        return f"in force, {where.approved.enrolment.name}", "good"
    codes = {one.code for one in where.objections}
    for code, words, state in (
        ("returned", "returned", "warn"),
        ("superseded", "superseded", "muted"),
        ("withdrawn", "withdrawn", "bad"),
        ("unapproved", "waits for a physician", "note"),
    ):
        if code in codes:
            return words, state
    return "not in force", "warn"


def _form_words(one: FilledIn) -> tuple[str, str]:
    if one.evaluation.refused:
        return "refused: to be put right", "bad"
    if one.uncleared:
        return f"a physician clears {len(one.uncleared)}", "note"
    return ("cleared by a physician", "good") if one.cleared else ("nothing stands against it", "")
