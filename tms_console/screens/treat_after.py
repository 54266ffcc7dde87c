"""What a session gave against what was planned, and what is still to be done about it.

It says what is on record; an end that nobody saw is said to be unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from protocols.canonical import moment_of
from protocols.course_rules import GivenSession, NextSession, course_refusals
from protocols.exact import clock_text
from protocols.prescription import Prescription, SessionContent
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.station import Station
from tms_console.accounts.trust import OldSession, Trusted
from tms_console.clinic.adverse_events import RecordedEvent, adverse_events_of, holds
from tms_console.clinic.entries import put_on_record
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import patient
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.prescriptions import read_prescription
from tms_console.clinic.sittings import sittings
from tms_console.delivery.journal import AUTHORITY
from tms_console.delivery.pipe import PutAdverseEvent, ToRecord
from tms_console.records.clinical import RecordKind
from tms_console.records.live import SaidOfSession, new_pulses, said_of
from tms_console.records.operations import EventKind, SessionEvent
from tms_console.records.queries import SessionSummary, summarise_session
from tms_console.records.values import new_uid
from tms_console.screens.closing import CLOSED, why_closed
from tms_console.screens.dose_picture import Bar, Strip
from tms_console.screens.today import LOOK_AHEAD_DAYS, birth_words, short_day

COMPLETED = "completed"
"""The state of a session that gave all it was to give."""
HELD = "The patient is on hold until a physician clears it."
COMFORT = "comfort "
"""So the note of a comfort from 0 to 10 begins."""
_RECORD_UID = re.compile(r", adverse event [0-9a-f-]{36}$")
_SHOWN = frozenset({"note", "adverse_event", "pause", "resume", "intensity", "fault", "stop"})


@dataclass(frozen=True, slots=True)
class AfterScreen:
    """The page after a session.

    Attributes:
        patient_uid: Whose.
        session_uid: Which.
        name: The patient.
        identity: Birth date and record number.
        headline: How it ended.
        state: `good`, or `bad` for one that ended early.
        sentences: What was given against what was planned, known and unknown.
        strip: The trains as a plot.
        facts: Label and value.
        told: What was noted in it, with its time.
        comfort: The comfort that was noted last, "" if none was.
        events: Adverse events in it.
        early: It ended early.
        may_resume: Somebody may go on with it today, as far as the record says.
        may_close: Somebody may close it.
        held: The patient is on hold.
        closed: The reason for which it was closed, "" if it was not.
        signed: Who signed it and when, "" if nobody did.
        digest: What a signature names.
        next_due: When the next session may be given.
    """

    patient_uid: str
    session_uid: str
    name: str
    identity: str
    headline: str
    state: str
    sentences: tuple[str, ...]
    strip: Strip
    facts: tuple[tuple[str, str], ...]
    told: tuple[str, ...]
    comfort: str
    events: tuple[RecordedEvent, ...]
    early: bool
    may_resume: bool
    may_close: bool
    held: bool
    closed: str
    signed: str
    digest: str
    next_due: str
    delivered_by: str = ""

    @property
    def settled(self) -> bool:
        """True if nothing is left to do about it."""
        return bool(self.signed) and (not self.early or bool(self.closed))


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """A session has no end on record: somebody brings it to one before anything else."""


def session_to_settle(trusted: Trusted, station: Station, patient_uid: str) -> tuple[str, bool]:
    """Return the patient's newest session of today that somebody must still look at.

    One that was given and is not signed, or that ended early and was neither resumed nor closed.
    An older one is on the page Records.

    Returns:
        Its uid, "" if there is none; and whether a session of whomever has no end on record.
    """
    left_open = any(one.ended is None for one in trusted.sessions.values())
    return _to_settle(trusted, station, patient_uid), left_open


def _to_settle(trusted: Trusted, station: Station, patient_uid: str) -> str:
    found = [one for one in sittings(trusted, patient_uid) if one.treatment]
    if not found:
        return ""
    row = found[-1].rows[-1]
    wall = station.wall()
    held = policy_in_force(trusted, wall)
    zone = ZoneInfo("UTC" if held is None else held.policy.time_zone)
    days = {moment_of(at).astimezone(zone).date() for at in (row.started_at, wall)}
    session = trusted.sessions[row.uid]
    if len(days) > 1 or session.ended is None:
        return ""
    early = session.ended.get("state") != COMPLETED
    if _signed(trusted, row.uid) and (not early or why_closed(said_of(station.database, row.uid))):
        return ""
    return row.uid


def after_screen(trusted: Trusted, station: Station, session_uid: str) -> AfterScreen:
    """Return the page after a session.

    Raises:
        ClinicRefused: There is no such session of treatment.
        NotTrusted: The record cannot be believed.
    """
    session = trusted.sessions.get(session_uid)
    if session is None:
        raise ClinicRefused(f"There is no session {session_uid} on record.")
    signed_for = read_prescription(trusted, str(session.begun.get("authority_uid")))
    one = patient(trusted, signed_for.patient_uid)
    numbers = summarise_session(station.database, session_uid)
    said = said_of(station.database, session_uid)
    ended = session.ended or {}
    state = str(ended.get("state", "running"))
    early = state != COMPLETED
    closed = why_closed(said)
    held = bool(holds(trusted, signed_for.patient_uid))
    resumed = any(
        each.begun.get("resumes_uid") == session_uid for each in trusted.sessions.values()
    )
    planned = _planned(trusted, station, session, signed_for)
    return AfterScreen(
        patient_uid=signed_for.patient_uid,
        session_uid=session_uid,
        name=one.details.name,
        identity=f"{birth_words(one.details.birth_date)} · {one.details.record_number}",
        headline=_headline(state, resumed=resumed),
        state="bad" if early else "good",
        sentences=_sentences(session, numbers, planned),
        strip=_strip(signed_for, numbers, planned),
        facts=_facts(numbers, signed_for, _authorised(said)),
        told=tuple(_told(each) for each in said if each.kind in _SHOWN),
        comfort=_comfort(said),
        events=tuple(
            each
            for each in adverse_events_of(trusted, signed_for.patient_uid)
            if each.event.session_uid == session_uid
        ),
        early=early,
        may_resume=early and not (resumed or closed or held) and bool(ended),
        may_close=early and not (resumed or closed) and bool(ended),
        held=held,
        closed=closed,
        signed=_signed(trusted, session_uid),
        digest=session.closing_digest,
        delivered_by=str(session.begun.get("technician_uid") or ""),
        next_due=HELD if held else _next_due(trusted, station.wall(), signed_for),
    )


def sign_delivery(
    station: Station, login: Login, screen: AfterScreen, secret: tuple[str, str]
) -> str:
    """Sign that a session was delivered as it stands on record; return the signature's uid.

    Args:
        station: This console.
        login: Who signs.
        screen: What they were shown.
        secret: Password, and login name at the first signature of a login.

    Raises:
        ClinicRefused: Somebody else delivered it.
        NotPermitted: Their role does not include it.
        LoginRefused: Wrong password or name.
        NotTrusted: The database cannot be trusted.
    """
    if screen.delivered_by and login.user_uid != screen.delivered_by:
        raise ClinicRefused("Somebody else delivered this session: nobody can sign in their place.")
    to_sign = ToSign(Meaning.DELIVERED, screen.session_uid, screen.digest, screen.patient_uid)
    return sign(station, login, to_sign, secret[0], login_name=secret[1]).uid


def close_session(station: Station, login: Login, session_uid: str, reason: str) -> None:
    """Close a session that ended early, which nobody goes on with, with a reason.

    Raises:
        ClinicRefused: No reason was given.
        NotPermitted: Their role does not include it.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RESUME_SESSION)
    if not reason.strip():
        raise ClinicRefused("Say why nobody goes on with this session.")
    note_late(station, login.user_uid, session_uid, f"{CLOSED}{reason.strip()}")


def note_late(station: Station, actor: str, session_uid: str, detail: str) -> None:
    """Put a note beside a session that has ended.

    Raises:
        WriteFailed: Not known to be written.
    """
    with station.trusting() as trusted:
        begun = trusted.sessions[session_uid].begun
    since = moment_of(station.wall()) - moment_of(str(begun["started_at"]))
    at_ns = since // timedelta(microseconds=1) * 1_000
    event = SessionEvent(
        uid=new_uid(),
        session_uid=session_uid,
        at_ns=at_ns,
        kind=EventKind.NOTE,
        detail=detail,
        actor=actor,
    )
    station.write(event, seal="a note beside a session")


def put_late(station: Station, session_uid: str, remark: ToRecord) -> None:
    """Put a remark on record that came too late for the delivering process.

    Raises:
        ClinicRefused: It is a note, and there is no session that it could stand beside.
        WriteFailed: Not known to be written.
    """
    if isinstance(remark, PutAdverseEvent):
        put_on_record(station, remark.record, seal="an adverse event was recorded")
    elif session_uid:
        note_late(station, remark.actor, session_uid, remark.detail)
    else:
        raise ClinicRefused(f"There is no session beside which it could stand: {remark.detail}.")


def put_doubtful(station: Station, session_uid: str, remark: ToRecord, same_before: int) -> None:
    """Put a remark on record that a dead delivering process had taken, unless it is there.

    Args:
        station: This console.
        session_uid: The session beside which it stands.
        remark: It as it was handed over.
        same_before: How many equal ones were handed over before it.

    Raises:
        ClinicRefused: It is a note, and there is no session that it could stand beside.
        WriteFailed: Not known to be written.
    """
    if isinstance(remark, PutAdverseEvent):
        with station.trusting() as trusted:
            there = trusted.record(RecordKind.ADVERSE_EVENT, remark.record.uid) is not None
    else:
        said = [one for one in said_of(station.database, session_uid) if one.kind == remark.kind]
        there = sum(one.detail == remark.detail for one in said) > same_before
    if not there:
        put_late(station, session_uid, remark)


def _headline(state: str, *, resumed: bool) -> str:
    if state == COMPLETED:
        return "Delivered as planned"
    told = {
        "stopped": "Stopped before its end",
        "interrupted": "Interrupted",
        "failed": "Ended by a fault",
        "running": "Still open on record",
    }.get(state, state)
    return f"{told}, and resumed since" if resumed else told


def _given_words(numbers: SessionSummary, planned: int) -> list[str]:
    """Return how many pulses are on record as given, and on what that rests without reports."""
    delivered, evidence = numbers.line.delivered, numbers.evidence
    if not delivered or evidence.get("reported") or evidence.get("witnessed"):
        return [f"{delivered:,} of {planned:,} pulses are known to have been given."]
    told = [
        f"{delivered:,} of {planned:,} pulses are on record as given; the stimulator reports none."
    ]
    acknowledged = evidence.get("acknowledged", 0)
    inferred = evidence.get("inferred", 0) - numbers.line.unplanned  # nobody reported those either
    if inferred:
        told.append(f"{inferred:,} are inferred: their trains were seen to run and to end in time.")
    if acknowledged:
        told.append(f"{acknowledged:,} are acknowledged: the stimulator took each one's command.")
    return told


def _sentences(session: OldSession, numbers: SessionSummary, planned: int) -> tuple[str, ...]:
    line = numbers.line
    told = _given_words(numbers, planned)
    if line.unknown:
        told.append(
            f"Of {line.unknown:,} nobody knows; they count as given wherever a dose is limited."
        )
    if line.unplanned:
        unseen = not (numbers.evidence.get("reported") or numbers.evidence.get("witnessed"))
        least = "At least " if unseen else ""
        told.append(f"{least}{line.unplanned:,} were given that nobody commanded.")
    left = planned - line.delivered - line.unknown
    if left > 0:
        told.append(f"{left:,} were not given.")
    if session.ended is not None and line.state != COMPLETED:
        why = (line.end_reason or "not known").rstrip(".")
        told.append(f"Why it ended: {why}.")
    if session.ended is None:
        told.append("Its end is not on record yet.")
    elif line.ended_at is None:
        told.append("When it ended nobody saw.")
    return tuple(told)


def _strip(signed: Prescription, numbers: SessionSummary, planned: int) -> Strip:
    """Return planned against given as one bar, full height where it was given."""
    given = numbers.line.delivered + numbers.line.unknown
    share = min(1.0, given / planned) if planned else 0.0
    bars = (Bar(0.0, share, done=True), Bar(share, 1.0))
    return Strip(
        f"{signed.session.title} · {given:,} of {planned:,} pulses",
        bars if share < 1 else bars[:1],
    )


def _authorised(said: Sequence[SaidOfSession]) -> tuple[int, ...]:
    """Return the intensities in %MSO that the session was to give, () if it does not say."""
    for one in said:
        if one.kind == EventKind.STATE and one.detail.startswith(AUTHORITY):
            content = SessionContent.from_canonical(json.loads(one.detail.removeprefix(AUTHORITY)))
            return tuple(block.intensity_pct_mso for block in content.blocks)
    return ()


def _facts(
    numbers: SessionSummary, signed: Prescription, authorised: tuple[int, ...]
) -> tuple[tuple[str, str], ...]:
    prescribed = tuple(one.intensity_pct_mso for one in signed.session.blocks)
    used = ", ".join(str(one) for one in numbers.intensities_pct_mso)
    told = f"{f'{used} %MSO' if used else 'none'}; prescribed {_each(authorised or prescribed)}"
    if authorised and authorised != prescribed:
        told += f" (signed as {_each(prescribed)}, on another threshold)"
    facts = [
        ("Intensity", told),
        ("Trains begun", f"{numbers.line.trains:,}"),
        ("Evidence", ", ".join(f"{n:,} {name}" for name, n in numbers.evidence.items()) or "none"),
        ("Stimulator", numbers.line.device + (", simulated" if numbers.line.simulated else "")),
    ]
    if numbers.duration_s is not None:
        lasted = clock_text(Fraction(round(numbers.duration_s * 10), 10), 1)
        facts.insert(1, ("First to last pulse", f"{lasted} min"))
    if numbers.lateness_us is not None:
        facts.append(("Train start late, p99", f"{numbers.lateness_us.p99 / 1e3:.2f} ms"))
    if numbers.spacing_us is not None:
        facts.append(("Device spacing, p99", f"{numbers.spacing_us.p99 / 1e3:.2f} ms"))
    return tuple(facts)


def _each(intensities_pct_mso: Sequence[int]) -> str:
    return " then ".join(f"{one} %MSO" for one in intensities_pct_mso)


def _told(one: SaidOfSession) -> str:
    seconds = max(0, one.at_ns // 10**9)
    detail = _RECORD_UID.sub("", one.detail)
    return f"{seconds // 60}:{seconds % 60:02d}  {one.kind.replace('_', ' ')}: {detail}"


def _comfort(said: Sequence[SaidOfSession]) -> str:
    found = [one.detail for one in said if one.kind == "note" and one.detail.startswith(COMFORT)]
    return found[-1].removeprefix(COMFORT) if found else ""


def _signed(trusted: Trusted, session_uid: str) -> str:
    found = [one for one in trusted.signatures(session_uid) if one.meaning is Meaning.DELIVERED]
    return f"Signed by {found[-1].enrolment.name}, {found[-1].at[:16]} UTC" if found else ""


def _planned(trusted: Trusted, station: Station, session: OldSession, signed: Prescription) -> int:
    """Return the pulses that a session was to give; one that goes on begins behind the first."""
    if session.begun.get("resumes_uid") is None:
        return signed.session.pulses
    rows = new_pulses(station.database, session.uid, 1)
    if rows.number.size:
        return signed.session.pulses - int(rows.number[0]) + 1
    before = trusted.sessions.get(str(session.begun.get("resumes_uid")))
    outcomes = None if before is None else (before.ended or {}).get("outcomes")
    given = outcomes if isinstance(outcomes, dict) else {}
    return signed.session.pulses - sum(int(str(number)) for number in given.values())


def _next_due(trusted: Trusted, wall: str, signed: Prescription) -> str:
    """Return the first day on which the rules of course and policy allow another session."""
    held = policy_in_force(trusted, wall)
    if held is None:
        return "not known without a signed policy"
    now = moment_of(wall).astimezone(held.policy.zone)
    line = signed.prescription_uid
    had = [
        GivenSession(
            moment_of(one.started_at),
            moment_of(one.last_at),
            one.pulses,
            any(row.prescription_uid == line for row in one.rows),
        )
        for one in sittings(trusted, signed.patient_uid)
        if one.treatment and one.counts
    ]
    given = sum(one.of_course for one in had)
    if given >= signed.course.total_sessions:
        return f"The course of {given} sessions is complete"
    for ahead in range(LOOK_AHEAD_DAYS):
        at = now + timedelta(days=ahead)
        wanted = NextSession(signed.session.pulses, at.astimezone(UTC))
        if not course_refusals(signed.course, held.policy, had, wanted):
            when = short_day(at.date(), now.date())
            return f"Session {given + 1} of {signed.course.total_sessions}: {when}"
    return f"not within {LOOK_AHEAD_DAYS} days"
