"""The parts of a patient's record as tables: what was prescribed, given, measured, suffered.

Every record is shown, those too that were corrected or taken back, with where each stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from protocols.finding_log import REJECTED_WORDS
from tms_console.accounts.signatures import Meaning
from tms_console.accounts.trust import Trusted
from tms_console.clinic import day as days
from tms_console.clinic.adverse_event import SEVERITIES
from tms_console.clinic.adverse_events import adverse_events_of
from tms_console.clinic.approvals import standing
from tms_console.clinic.dose_now import acknowledged
from tms_console.clinic.forms import FilledIn, answers_of
from tms_console.clinic.patients import history
from tms_console.clinic.positioning import positionings_of
from tms_console.clinic.prescriptions import prescription_uids, versions
from tms_console.clinic.thresholds import Threshold, thresholds_of
from tms_console.clinic.verdicts import Standing
from tms_console.records.operations import SessionKind, SessionState
from tms_console.screens.shell import moment_words
from tms_console.screens.tables import Line, Table

WITH_PHOTO = "with a photograph"
SEARCH = "threshold search"
"""What a session was for of which there is a series."""
GOOD = ("completed", "accepted")
FORM_IDS = ("screening", "daily", "identity", "ears", "extra")


@dataclass(frozen=True, slots=True)
class PatientRecord:
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
        """Return every session, the newest first; of a search for a threshold what became of it."""
        lines = []
        found = {
            one.measured.session_uid
            for one in thresholds_of(self.trusted, self.patient_uid, all_records=True)
            if one.measured.found is not None
        }
        for sitting in days.sittings(self.trusted, self.patient_uid):
            for row in sitting.rows:
                session = self.trusted.sessions[row.uid]
                ended = session.ended or {}
                signed = any(
                    one.meaning is Meaning.DELIVERED for one in self.trusted.signatures(row.uid)
                )
                word, why = str(ended.get("state", "open")), str(ended.get("end_reason") or "")
                bad = word not in ("completed", "stopped")
                is_search = row.kind is SessionKind.THRESHOLD
                if is_search:
                    word, bad = _search_words(word, why, recorded=row.uid in found)
                lines.append(
                    Line(
                        row.uid,
                        (
                            self._when(row.started_at),
                            SEARCH if is_search else "treatment",
                            word,
                            f"{row.pulses}",
                            "" if is_search else "signed" if signed else "not signed",
                            why,
                        ),
                        "warn" if bad else "good" if word in GOOD else "note",
                    )
                )
        return Table(
            ("When", "What", "End", "Pulses", "Technician", "Why it ended"),
            tuple(reversed(lines)),
            (150, 140, 150, 70, 100, 240),
            2,
            "No session was given yet.",
        )

    def thresholds(self) -> Table:
        """Return every measured threshold, the newest first, those that count no more too."""
        lines = []
        for one in thresholds_of(self.trusted, self.patient_uid, all_records=True):
            measured = one.measured
            lines.append(
                Line(
                    one.uid,
                    (
                        self._when(measured.measured_at),
                        f"{measured.value_pct_mso} %MSO",
                        f"{measured.kind}, {measured.muscle}, {measured.side}",
                        f"{measured.coil}, {measured.method}, {measured.algorithm}",
                        self._threshold_standing(one),
                        one.operator,
                        one.reason,
                    ),
                    "" if one.counts else "muted",
                )
            )
        return Table(
            ("Measured", "Value", "On", "How", "Standing", "By", "Why corrected"),
            tuple(reversed(lines)),
            (130, 100, 200, 200, 110, 120, 130),
            4,
            "No threshold was measured yet.",
        ).without_empty_columns()

    def _threshold_standing(self, one: Threshold) -> str:
        if one.counts and acknowledged(self.trusted, one.uid) is not None:
            return "counts, acknowledged"
        if one.counts:
            return "counts"
        return "taken back" if one.withdrawn else "corrected"

    def positioning(self) -> Table:
        """Return where the coil goes, the newest first."""
        lines = []
        for one in positionings_of(self.trusted, self.patient_uid, all_records=True):
            told, head = one.positioning, one.positioning.head
            measured = [
                told.method.value,
                "" if head is None else f"head {'/'.join(map(str, head.canonical().values()))} mm",
                "" if told.coil_angle_deg is None else f"handle {told.coil_angle_deg}°",
                told.hotspot and f"hotspot {told.hotspot}",
                "" if told.photo_uid is None else WITH_PHOTO,
            ]
            lines.append(
                Line(
                    one.uid,
                    (
                        self._when(one.at),
                        f"{told.target}, {told.side}",
                        "\n".join(filter(None, measured)),
                        told.note,
                        "stands" if one.superseded_by is None else "corrected",
                        one.by,
                        one.reason,
                    ),
                    "" if one.superseded_by is None else "muted",
                )
            )
        return Table(
            (
                "Recorded",
                "Target",
                "Measured",
                "Note",
                "Standing",
                "By",
                "Why corrected",
            ),
            tuple(reversed(lines)),
            (130, 150, 200, 120, 90, 120, 120),
            4,
            "Nobody has recorded where the coil goes.",
        ).without_empty_columns()

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
        for one in adverse_events_of(self.trusted, self.patient_uid, all_records=True):
            event = one.event
            stands = one.superseded_by is None
            grave = "bad" if event.grave else "warn" if event.severity > 1 else ""
            lines.append(
                Line(
                    one.uid,
                    (
                        self._when(event.onset),
                        event.what.value,
                        f"{event.severity} {SEVERITIES[event.severity]}",
                        event.relatedness.value,
                        event.outcome.value,
                        "; ".join(filter(None, (event.description, event.action))),
                        "stands" if stands else "corrected",
                        one.by,
                        one.reason,
                    ),
                    grave if stands else "muted",
                )
            )
        return Table(
            (
                "Began",
                "What",
                "Severity",
                "Related",
                "Outcome",
                "In words",
                "Standing",
                "By",
                "Why corrected",
            ),
            tuple(reversed(lines)),
            (130, 120, 130, 100, 110, 200, 90, 120, 130),
            2,
            "Nothing was reported.",
        ).without_empty_columns()

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


def _search_words(state: str, why: str, *, recorded: bool) -> tuple[str, bool]:
    """Return what became of a search for a threshold, and whether it got to no result.

    Args:
        state: How its session ended, "open" if it has not.
        why: Why it ended.
        recorded: Its threshold is on record.
    """
    if state == "open":
        return state, True
    if state != SessionState.COMPLETED:
        return f"aborted ({state})", True
    if why.startswith(REJECTED_WORDS):
        return "rejected", True
    return ("accepted", False) if recorded else ("accepted, not yet recorded", True)


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
