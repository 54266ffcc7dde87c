"""The forms for what is entered of a patient outside a session, and corrected.

Each names its patient and what it corrects; what was typed is checked in `patient_entries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from protocols.dose import HIGHEST_PCT_MSO
from protocols.protocol import load_library
from protocols.terms import Side, ThresholdKind
from tms_console.accounts.roles import Permission
from tms_console.accounts.trust import Trusted
from tms_console.clinic.adverse_event import (
    HOLD_FROM_SEVERITY,
    SEVERITIES,
    AdverseEvent,
    Outcome,
    Relatedness,
    What,
)
from tms_console.clinic.adverse_events import (
    adverse_events_of,
)
from tms_console.clinic.day import sittings
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.measurement import Measurement
from tms_console.clinic.measurement import Method as Seen
from tms_console.clinic.patients import Patient, patient
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.positioning import (
    HEAD_MM,
    Method,
    Positioning,
    positionings_of,
)
from tms_console.clinic.thresholds import (
    threshold,
    thresholds_of,
)
from tms_console.screens.entry import EntryField, minute_text, moment_text
from tms_console.screens.today import identity_words

Made: TypeAlias = Measurement | Positioning | AdverseEvent | None
NO_SESSION = "-"


class Entry(StrEnum):
    """What can be entered; the value is what the button says."""

    THRESHOLD = "Record a threshold"
    POSITIONING = "Record positioning"
    EVENT = "Record an adverse event"
    TAKE_BACK = "Take back"
    CLOSE = "Close the patient"
    REOPEN = "Reopen the patient"


NEEDS: Mapping[Entry, Permission] = {
    Entry.THRESHOLD: Permission.RECORD_THRESHOLD,
    Entry.POSITIONING: Permission.RECORD_POSITIONING,
    Entry.EVENT: Permission.RECORD_ADVERSE_EVENT,
    Entry.TAKE_BACK: Permission.RECORD_THRESHOLD,
    Entry.CLOSE: Permission.EDIT_PATIENT,
    Entry.REOPEN: Permission.EDIT_PATIENT,
}
"""What the clinic asks of who does it; for what is shown."""

OF_SECTION: Mapping[str, Entry] = {
    "Thresholds": Entry.THRESHOLD,
    "Positioning": Entry.POSITIONING,
    "Adverse events": Entry.EVENT,
}
"""What can be entered in which part of the record."""


@dataclass(frozen=True, slots=True)
class EntryScreen:
    """A form for one patient.

    Attributes:
        entry: What is entered.
        patient_uid: Of whom.
        title: Of whom, with both identifiers.
        lead: What it means, in sentences.
        fields: What is asked.
        corrects: The record that it corrects or takes back, or the version of the patient that
            was looked at; "" for a new record.
        before: What that record says.
        zone: Time zone of the times in the fields.
    """

    entry: Entry
    patient_uid: str
    title: str
    lead: tuple[str, ...]
    fields: tuple[EntryField, ...] = ()
    corrects: str = ""
    before: Made = None
    zone: str = "UTC"

    @property
    def correction(self) -> bool:
        """True if it corrects something that was measured, seen or suffered."""
        return self.before is not None


def entry_screen(
    trusted: Trusted, entry: Entry, patient_uid: str, wall: str, corrects: str = ""
) -> EntryScreen:
    """Return the form for an entry.

    Args:
        trusted: The record.
        entry: What is to be entered.
        patient_uid: Of whom.
        wall: Wall time.
        corrects: The record to correct or take back, "" for a new one.

    Raises:
        ClinicRefused: There is no such patient, or no such record of theirs.
    """
    one = patient(trusted, patient_uid)
    held = policy_in_force(trusted, wall)
    zone = "UTC" if held is None else held.policy.time_zone
    form = _Form(trusted, one, ZoneInfo(zone), minute_text(wall, ZoneInfo(zone)), corrects)
    match entry:
        case Entry.THRESHOLD:
            made = form.threshold()
        case Entry.POSITIONING:
            made = form.positioning()
        case Entry.EVENT:
            made = form.event()
        case Entry.TAKE_BACK:
            made = form.taking_back()
        case Entry.CLOSE:
            made = form.closing()
        case Entry.REOPEN:
            made = form.reopening()
    return replace(made, zone=zone)


@dataclass(frozen=True, slots=True)
class _Form:
    """One look at a patient for a form."""

    trusted: Trusted
    patient: Patient
    zone: ZoneInfo
    now: str
    corrects: str

    def screen(self, entry: Entry, title: str, *lead: str) -> EntryScreen:
        who = f"{self.patient.details.name} · {identity_words(self.patient)}"
        return EntryScreen(
            entry,
            self.patient.patient_uid,
            f"{title}: {who}",
            tuple(one for one in lead if one),
            corrects=self.corrects,
        )

    def threshold(self) -> EntryScreen:
        uid = self.patient.patient_uid
        before = threshold(self.trusted, self.corrects).measured if self.corrects else None
        self._require_own(before)
        measured = thresholds_of(self.trusted, uid)
        like = before or (measured[-1].measured if measured else None)
        coils = {one for p in load_library().values() for b in p.blocks for one in b.coils}
        if like is not None:
            coils.add(like.coil)
        hint = "as in the last measurement" if like is not None and before is None else ""
        made = self.screen(
            Entry.THRESHOLD,
            "Threshold" if before is None else "Correct a threshold",
            "A dose rests on the newest threshold like its own: same kind, muscle, side, coil and "
            "method. A prescription without a re-measure band is not delivered on another value "
            "until a physician has signed a new version.",
        )
        return replace(
            made,
            before=before,
            fields=(
                EntryField(
                    "value",
                    "Threshold, %MSO",
                    f"1 to {HIGHEST_PCT_MSO}",
                    value=_known(before, "value_pct_mso"),
                ),
                self._moment("measured_at", "Measured", _known(before, "measured_at")),
                _choice("kind", "Kind", ThresholdKind, _known(like, "kind"), hint),
                EntryField(
                    "muscle", "Muscle", "such as APB, FDI, TA", value=_known(like, "muscle")
                ),
                _choice("side", "Hemisphere", (Side.LEFT, Side.RIGHT), _known(like, "side"), hint),
                _choice("coil", "Coil", sorted(coils), _known(like, "coil"), hint),
                _choice("method", "Answers seen by", Seen, _known(like, "method"), hint),
                EntryField(
                    "algorithm",
                    "Value found by",
                    "such as 5 of 10",
                    value=_known(like, "algorithm"),
                ),
                self._session(_known(before, "session_uid")),
                _note("note", "Note", before),
                *self._reason(),
            ),
        )

    def positioning(self) -> EntryScreen:
        every = positionings_of(self.trusted, self.patient.patient_uid)
        before = None
        if self.corrects:
            found = [one.positioning for one in every if one.uid == self.corrects]
            if not found:
                raise ClinicRefused("This was corrected meanwhile: look at it again.")
            before = found[0]
        like = before or (every[-1].positioning if every else None)
        head = None if like is None else like.head
        made = self.screen(
            Entry.POSITIONING,
            "Positioning" if before is None else "Correct positioning",
            "Where the coil goes. Beam F3 is computed from the three measurements of the head, "
            "5.5 cm is measured from the hotspot.",
            "What is known from the last time stands in the fields: measure again what may have "
            "changed."
            if like is not None and before is None
            else "",
        )
        labels = {
            "nasion_inion_mm": "Nasion to inion, mm",
            "tragus_tragus_mm": "Tragus to tragus, mm",
            "circumference_mm": "Circumference, mm",
        }
        sizes = {} if head is None else head.canonical()
        photo = "PNG or JPEG, up to 5 MB; may stay empty"
        if before is not None and before.photo_uid is not None:
            photo = "the photograph on record stays, unless another is chosen"
        return replace(
            made,
            before=before,
            fields=(
                _choice("method", "Method", Method, _known(like, "method")),
                EntryField("target", "Target", "such as left DLPFC", value=_known(like, "target")),
                _choice("side", "Side", Side, _known(like, "side")),
                *(
                    EntryField(
                        name, labels[name], f"{low} to {high}", value=str(sizes.get(name, ""))
                    )
                    for name, (low, high) in HEAD_MM.items()
                ),
                EntryField(
                    "angle",
                    "Handle to the midline, °",
                    "-180 to 180; may stay empty",
                    value=_known(like, "coil_angle_deg"),
                ),
                EntryField(
                    "hotspot", "Hotspot", "in words or coordinates", value=_known(like, "hotspot")
                ),
                _note("note", "Note", before),
                EntryField("photo", "Photograph", photo, file=True),
                *self._reason(),
            ),
        )

    def event(self) -> EntryScreen:
        before = None
        if self.corrects:
            every = adverse_events_of(self.trusted, self.patient.patient_uid)
            found = [one.event for one in every if one.uid == self.corrects]
            if not found:
                raise ClinicRefused("This was corrected meanwhile: look at it again.")
            before = found[0]
        made = self.screen(
            Entry.EVENT,
            "Adverse event" if before is None else "Correct an adverse event",
            "A seizure, a syncope, and every event of severity "
            f"{HOLD_FROM_SEVERITY} or more puts the patient on hold at once; only a physician's "
            "signature ends a hold, a correction never does.",
        )
        grades = tuple((str(grade), f"{grade}  {told}") for grade, told in SEVERITIES.items())
        lasted = None if before is None else before.duration_s
        return replace(
            made,
            before=before,
            fields=(
                _choice("what", "What happened", What, _known(before, "what")),
                EntryField(
                    "severity",
                    "Severity",
                    choices=grades,
                    value=_known(before, "severity"),
                ),
                self._moment("onset", "Began", _known(before, "onset")),
                EntryField(
                    "minutes",
                    "Lasted, minutes",
                    "empty if it is not over or not known",
                    value="" if lasted is None else f"{lasted / 60:g}",
                ),
                _choice(
                    "relatedness",
                    "From the stimulation",
                    Relatedness,
                    _known(before, "relatedness"),
                ),
                _choice("outcome", "How it ended", Outcome, _known(before, "outcome")),
                _note("action", "What was done", before),
                EntryField(
                    "description",
                    "In words",
                    "needed where the list has no word for it",
                    value=_known(before, "description"),
                    long=True,
                ),
                self._session(_known(before, "session_uid")),
                *self._reason(),
            ),
        )

    def taking_back(self) -> EntryScreen:
        found = threshold(self.trusted, self.corrects)
        self._require_own(found.measured)
        one = found.measured
        made = self.screen(
            Entry.TAKE_BACK,
            "Take a threshold back",
            f"{one.value_pct_mso} %MSO, {one.kind}, {one.muscle}, {one.side}, measured "
            f"{moment_text(one.measured_at, self.zone)}.",
            "It stays on record and counts for no dose any more: an older one like it counts "
            "again, if there is one. For a threshold that was never this patient's.",
        )
        return replace(made, fields=(_REASON,))

    def closing(self) -> EntryScreen:
        made = self.screen(
            Entry.CLOSE,
            "Close",
            "Nothing is prescribed, measured or delivered for a closed patient. Everything stays "
            "on record, and the record number is free for somebody else.",
        )
        return replace(made, corrects=self.patient.uid, fields=(_REASON,))

    def reopening(self) -> EntryScreen:
        made = self.screen(
            Entry.REOPEN,
            "Reopen",
            f"Closed because: {self.patient.closed}.",
            "They are a current patient again, under the same record number, if it is still free.",
        )
        return replace(made, corrects=self.patient.uid)

    def _require_own(self, before: Measurement | None) -> None:
        if before is not None and before.patient_uid != self.patient.patient_uid:
            raise ClinicRefused("That threshold is another patient's.")

    def _moment(self, name: str, label: str, before: str) -> EntryField:
        value = moment_text(before, self.zone) if before else self.now
        return EntryField(name, label, f"as 2026-11-23 09:30, {self.zone.key}", value=value)

    def _session(self, chosen: str) -> EntryField:
        rows = [row for one in sittings(self.trusted, self.patient.patient_uid) for row in one.rows]
        choices = [(NO_SESSION, "in none")]
        choices += [
            (row.uid, f"{row.kind} of {moment_text(row.started_at, self.zone)[:16]}")
            for row in reversed(rows)
        ]
        if chosen and chosen not in dict(choices):
            choices.append((chosen, f"session {chosen}"))  # a simulated one
        return EntryField(
            "session", "In a session", choices=tuple(choices), value=chosen or NO_SESSION
        )

    def _reason(self) -> tuple[EntryField, ...]:
        return (_REASON,) if self.corrects else ()


_REASON = EntryField("reason", "Why", "goes on record", long=True)


def _choice(
    name: str, label: str, values: Iterable[str], chosen: str, hint: str = ""
) -> EntryField:
    every = tuple((str(one), str(one)) for one in values)
    return EntryField(name, label, hint, every, chosen)


def _known(record: object, name: str) -> str:
    """Return what a record says of something as a field shows it, "" for nothing."""
    value = None if record is None else getattr(record, name)
    return "" if value is None else str(value)


def _note(name: str, label: str, before: object) -> EntryField:
    return EntryField(name, label, "may stay empty", value=_known(before, name), long=True)
