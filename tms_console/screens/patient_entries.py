"""What was typed of a patient outside a session: what is wrong at which field, then on record.

The forms are `patient_forms`; the clinic's acts write, and say who may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from protocols.canonical import ContentError
from protocols.dose import HIGHEST_PCT_MSO
from protocols.terms import Side, ThresholdKind
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.clinic.adverse_event import AdverseEvent, Outcome, Relatedness, What
from tms_console.clinic.adverse_events import correct_adverse_event, record_adverse_event
from tms_console.clinic.attachments import MOST_BYTES, attach_photo, read_photo
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.measurement import Measurement
from tms_console.clinic.measurement import Method as Seen
from tms_console.clinic.patients import close_patient, reopen_patient
from tms_console.clinic.positioning import (
    HEAD_MM,
    Head,
    Method,
    Positioning,
    correct_positioning,
    positionings_of,
    record_positioning,
)
from tms_console.clinic.thresholds import (
    correct_threshold,
    record_threshold,
    withdraw_threshold,
)
from tms_console.screens.entry import Mistakes, Typed
from tms_console.screens.patient_forms import NO_SESSION, Entry, EntryScreen, Made

LONGEST_MINUTES = 366 * 24 * 60
"""As long as an adverse event can last on record (`clinic.adverse_event`)."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form says, as the clinic takes it.

    Attributes:
        made: The record; None where none is made but what was there is ended.
        reason: Why something is corrected, taken back or closed.
        photo: Path of a photograph to attach, "" for none.
    """

    made: Made
    reason: str = ""
    photo: str = ""


def check(screen: EntryScreen, texts: Mapping[str, str], wall: str) -> Filled | Mistakes:
    """Return what a form says, or what is wrong at which field.

    Args:
        screen: The form.
        texts: What stands in its fields, by their names.
        wall: Wall time.
    """
    typed = Typed(texts)
    reason = ""
    if any(one.name == "reason" for one in screen.fields):
        reason = typed.note("reason", needed="Say why; the reason goes on record.")
    zone = ZoneInfo(screen.zone)
    made: Made = None
    try:
        match screen.entry:
            case Entry.THRESHOLD:
                made = _measurement(screen, typed, zone, wall)
            case Entry.POSITIONING:
                made = _positioning(screen, typed)
            case Entry.EVENT:
                made = _event(screen, typed, zone, wall)
            case _:
                pass
    except ContentError as error:
        typed.problems.setdefault(_place(screen, str(error)), f"{error}.")
    if typed.problems:
        return Mistakes(typed.problems)
    return Filled(made, reason, typed.text("photo"))


def _place(screen: EntryScreen, sentence: str) -> str:
    """Return the field that a refusal of a value is about, "" if it is about none."""
    first = sentence.partition(" ")[0]
    first = {"head": "nasion_inion_mm", "duration_s": "minutes"}.get(first, first)
    return first if any(one.name == first for one in screen.fields) else ""


def _measurement(
    screen: EntryScreen, typed: Typed, zone: ZoneInfo, wall: str
) -> Measurement | None:
    before = screen.before if isinstance(screen.before, Measurement) else None
    value = typed.whole("value", 1, HIGHEST_PCT_MSO, "%MSO")
    at = typed.moment("measured_at", zone, wall, "" if before is None else before.measured_at)
    kind, side = typed.chosen("kind", ThresholdKind), typed.chosen("side", Side)
    coil, method = typed.chosen("coil", str), typed.chosen("method", Seen)
    muscle, algorithm = typed.line("muscle"), typed.line("algorithm")
    note = typed.note("note")
    if typed.problems or not (value and at and kind and side and coil and method):
        return None
    return Measurement(
        patient_uid=screen.patient_uid,
        kind=kind,
        muscle=muscle,
        side=side,
        coil=coil,
        method=method,
        algorithm=algorithm,
        value_pct_mso=value,
        measured_at=at,
        session_uid=_session_of(typed),
        stimuli=() if before is None else before.stimuli,
        note=note,
    )


def positioning_photo(station: Station, login: Login, patient_uid: str, uid: str) -> bytes:
    """Return the photograph of a positioning, as it was attached.

    Raises:
        NotPermitted: Their role does not include it.
        ClinicRefused: The patient has no such positioning, it has none, or its bytes are others.
        NotTrusted: The database cannot be trusted.
    """
    with station.trusting() as trusted:
        every = positionings_of(trusted, patient_uid, all_records=True)
    photo_uid = next((one.positioning.photo_uid for one in every if one.uid == uid), None)
    if photo_uid is None:
        raise ClinicRefused("No photograph was attached to this positioning.")
    return read_photo(station, login, photo_uid)[1]


def _positioning(screen: EntryScreen, typed: Typed) -> Positioning | None:
    method, side = typed.chosen("method", Method), typed.chosen("side", Side)
    target, hotspot = typed.line("target"), typed.note("hotspot")
    given = [name for name in HEAD_MM if typed.text(name)]
    needed = bool(given) or method is Method.BEAM_F3
    sizes = [typed.whole(name, *HEAD_MM[name], "mm", needed=needed) for name in HEAD_MM]
    angle = typed.whole("angle", -180, 180, "°", needed=False)
    note = typed.note("note")
    if method is Method.FIVE_AND_A_HALF_CM and not hotspot:
        typed.problems["hotspot"] = "This is missing: 5.5 cm is measured from it."
    if typed.problems or method is None or side is None:
        return None
    before = screen.before if isinstance(screen.before, Positioning) else None
    return Positioning(
        patient_uid=screen.patient_uid,
        method=method,
        target=target,
        side=side,
        head=Head(*(one for one in sizes if one is not None)) if needed else None,
        coil_angle_deg=angle,
        hotspot=hotspot,
        note=note,
        photo_uid=None if before is None else before.photo_uid,
    )


def _event(screen: EntryScreen, typed: Typed, zone: ZoneInfo, wall: str) -> AdverseEvent | None:
    before = screen.before if isinstance(screen.before, AdverseEvent) else None
    what, severity = typed.chosen("what", What), typed.chosen("severity", int)
    onset = typed.moment("onset", zone, wall, "" if before is None else before.onset)
    related, outcome = typed.chosen("relatedness", Relatedness), typed.chosen("outcome", Outcome)
    action = typed.note("action")
    told = "Say what happened: the list has no word for it." if what is What.OTHER else ""
    description = typed.note("description", needed=told)
    seconds = _seconds(typed, before)
    if typed.problems or what is None or severity is None or related is None or outcome is None:
        return None
    return AdverseEvent(
        patient_uid=screen.patient_uid,
        what=what,
        severity=severity,
        onset=onset,
        description=description,
        duration_s=seconds,
        relatedness=related,
        action=action,
        outcome=outcome,
        session_uid=_session_of(typed),
    )


def _seconds(typed: Typed, before: AdverseEvent | None) -> int | None:
    """Return how long it lasted in seconds; a duration that nobody touched stays exactly so."""
    text = typed.text("minutes").replace(",", ".")
    if not text:
        return None
    lasted = None if before is None else before.duration_s
    if lasted is not None and text == f"{lasted / 60:g}":
        return lasted
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or float(text) > LONGEST_MINUTES:
        typed.problems["minutes"] = (
            f"{text[:20]!r} is no duration: minutes from 0 to {LONGEST_MINUTES:,}, or empty."
        )
        return None
    return round(float(text) * 60)


def _session_of(typed: Typed) -> str | None:
    text = typed.text("session")
    return None if text in ("", NO_SESSION) else text


def put(station: Station, login: Login, screen: EntryScreen, filled: Filled) -> str:
    """Put an entry on record and return what was done, as a sentence.

    Raises:
        ClinicRefused: It cannot be; each reason as a sentence.
        ContentError: A value cannot be.
        OSError: The photograph cannot be read.
        AccountsError: Who is logged in may not.
        WriteFailed: Not known to be written.
    """
    match screen.entry, filled.made:
        case Entry.THRESHOLD, Measurement() as made:
            if screen.correction:
                correct_threshold(station, login, screen.corrects, made, filled.reason)
                return "The threshold is corrected; the one before stays on record."
            record_threshold(station, login, made)
            return f"The threshold of {made.value_pct_mso} %MSO is on record."
        case Entry.POSITIONING, Positioning() as made:
            if filled.photo:
                login.require(Permission.RECORD_POSITIONING)
                with Path(filled.photo).expanduser().open("rb") as file:
                    data = file.read(MOST_BYTES + 1)
                photo_uid = attach_photo(station, login, screen.patient_uid, data)
                made = replace(made, photo_uid=photo_uid)
            if screen.correction:
                correct_positioning(station, login, screen.corrects, made, filled.reason)
                return "The positioning is corrected; the one before stays on record."
            record_positioning(station, login, made)
            return "The positioning is on record."
        case Entry.EVENT, AdverseEvent() as made:
            held = " The patient is on hold until a physician clears it." if made.grave else ""
            if screen.correction:
                correct_adverse_event(station, login, screen.corrects, made, filled.reason)
                return f"The adverse event is corrected; the record before stays.{held}"
            record_adverse_event(station, login, made)
            return f"The adverse event is on record.{held}"
        case Entry.TAKE_BACK, _:
            withdraw_threshold(station, login, screen.corrects, filled.reason)
            return "The threshold is taken back."
        case Entry.CLOSE, _:
            close_patient(station, login, screen.corrects, filled.reason)
            return "The patient is closed."
        case Entry.REOPEN, _:
            reopen_patient(station, login, screen.corrects)
            return "The patient is a current one again."
        case _:
            raise ClinicRefused(f"There is nothing to write for: {screen.entry.value}.")
