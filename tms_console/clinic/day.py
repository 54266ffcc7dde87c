"""What a patient has had, and when: counted from the audit chain's own words about sessions.

Whether that is too much is for the gate to say.  Simulated sessions are no treatment and count
nowhere here, but in a demonstration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from protocols.canonical import moment_of
from protocols.exact import ratio_text
from tms_console.accounts.trust import OldSession, Trusted
from tms_console.clinic.entries import local_day
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import patient_at
from tms_console.clinic.sittings import GIVEN, Row, Sitting, bindings_of, sittings
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import RecordKind

__all__ = [
    "GIVEN",
    "Changed",
    "CourseSoFar",
    "Had",
    "Row",
    "Sitting",
    "Today",
    "changed_since_last",
    "course",
    "had",
    "local_day",
    "medication_changed",
    "require_session_of",
    "sessions_since",
    "sittings",
]


@dataclass(frozen=True, slots=True)
class Had:
    """What a patient has had on one day.

    Attributes:
        day: Which day.
        sessions: Treatment sessions; a resumed one and the one it resumes are one.
        pulses: Pulses of treatment that were given or may have been, of sessions that ended.
        finding_pulses: Single stimuli of threshold finding, likewise.
        open_uids: Sessions without an end on record, of any day; what they gave is not counted
            in `pulses`, and who asks knows it or lets them be reconciled first.
        last_ended_at: When the patient's last treatment session ended, of whatever day, as
            `Row.last_at` says; None if there was none.
    """

    day: date
    sessions: int
    pulses: int
    finding_pulses: int
    open_uids: tuple[str, ...]
    last_ended_at: str | None


@dataclass(frozen=True, slots=True)
class CourseSoFar:
    """How far the course of a prescription has come, over all its versions.

    Attributes:
        sessions: Sessions so far; the next is one more.
        first_day: The day of the first, None before it.
        days: The day of each, in order.
        last: The newest, None before the first.
    """

    sessions: int
    first_day: date | None
    days: tuple[date, ...]
    last: Sitting | None

    @property
    def weeks(self) -> tuple[int, ...]:
        """Sessions in each week of seven days since the day of the first."""
        if self.first_day is None:
            return ()
        numbers = [(day - self.first_day).days // 7 for day in self.days]
        return tuple(numbers.count(week) for week in range(max(numbers) + 1))

    def in_days(self, until: date, days: int) -> int:
        """Return how many sessions there were in so many days, of which `until` is the last."""
        return sum(until - timedelta(days) < day <= until for day in self.days)


@dataclass(frozen=True, slots=True)
class Changed:
    """What is otherwise today than in the last session under the same prescription.

    Attributes:
        first: There was no session before under any version of the prescription.
        dose: What is delivered, or today's percentage, is otherwise.
        threshold: A block rests on another threshold.
        medication: The patient's medications, or what they said of them since, are otherwise.
    """

    first: bool = False
    dose: bool = False
    threshold: bool = False
    medication: bool = False

    @property
    def anything(self) -> bool:
        """True if an extra check is asked for."""
        return self.first or self.dose or self.threshold or self.medication


@dataclass(frozen=True, slots=True)
class Today:
    """What is to be delivered today, to compare with the last session.

    Attributes:
        patient_uid: To whom.
        authority_uid: The version of the prescription.
        threshold_uids: The threshold that each block rests on, in the order of the blocks.
        pct_mt: Today's percentages, None for the prescribed ones.
    """

    patient_uid: str
    authority_uid: str
    threshold_uids: tuple[str, ...]
    pct_mt: tuple[Fraction, ...] | None = None


def had(trusted: Trusted, patient_uid: str, day: date, time_zone: str) -> Had:
    """Return what a patient has had on one day.

    A session belongs to the day on which it began; its pulses count on every day that it touched.

    Args:
        trusted: The record.
        patient_uid: Who.
        day: Which day.
        time_zone: The policy's, in which days are told.

    Raises:
        NotTrusted: Of one session it cannot be told whose it was.
    """
    every = sittings(trusted, patient_uid)
    treatment = [one for one in every if one.treatment]
    began = [
        one
        for one in treatment
        if one.counts and any(local_day(row.started_at, time_zone) == day for row in one.rows)
    ]
    ends = [one.last_at for one in treatment if one.counts]
    return Had(
        day=day,
        sessions=len(began),
        pulses=_pulses(treatment, day, time_zone),
        finding_pulses=_pulses([one for one in every if not one.treatment], day, time_zone),
        open_uids=tuple(row.uid for one in every for row in one.rows if row.open),
        last_ended_at=max(ends, key=moment_of, default=None),
    )


def course(trusted: Trusted, prescription_uid: str, time_zone: str) -> CourseSoFar:
    """Return how far the course of a prescription has come, over all its versions.

    Args:
        trusted: The record.
        prescription_uid: The uid of its first version.
        time_zone: The policy's, in which days are told.
    """
    record = trusted.record(RecordKind.PRESCRIPTION, prescription_uid)
    patient_uid = "" if record is None else str(record.values.get("patient_uid"))
    found = [
        one
        for one in sittings(trusted, patient_uid)
        if one.counts and any(row.prescription_uid == prescription_uid for row in one.rows)
    ]
    days = tuple(local_day(one.started_at, time_zone) for one in found)
    return CourseSoFar(
        sessions=len(found),
        first_day=min(days, default=None),
        days=days,
        last=found[-1] if found else None,
    )


def sessions_since(trusted: Trusted, patient_uid: str, moment: str) -> tuple[Sitting, ...]:
    """Return the treatment sessions of a patient that went on after a moment."""
    since = moment_of(moment)
    return tuple(
        one
        for one in sittings(trusted, patient_uid)
        if one.treatment and one.counts and moment_of(one.last_at) > since
    )


def changed_since_last(trusted: Trusted, today: Today, time_zone: str) -> Changed:
    """Return what is otherwise than in the last session under the same prescription.

    Args:
        trusted: The record.
        today: What is to be delivered.
        time_zone: The policy's.

    Raises:
        ClinicRefused: There is no such prescription.
        NotTrusted: Of one session it cannot be told whose it was.
    """
    now = trusted.record(RecordKind.PRESCRIPTION, today.authority_uid)
    if now is None:
        raise ClinicRefused(f"There is no prescription {today.authority_uid[:40]} on record.")
    last = course(trusted, str(now.values.get("prescription_uid")), time_zone).last
    if last is None:
        return Changed(first=True)
    before = trusted.record(RecordKind.PRESCRIPTION, last.authority_uid)
    orders = trusted.records(RecordKind.START_ORDER, session_uid=last.rows[-1].uid)
    order: dict[str, Json] = orders[-1].values if orders else {}
    percent = None if today.pct_mt is None else [ratio_text(one) for one in today.pct_mt]
    return Changed(
        dose=before is None
        or not _same(before.values.get("session"), now.values.get("session"))
        or not _same(order.get("today_pct_mt"), percent),
        threshold=not _same(order.get("threshold_uids"), list(today.threshold_uids)),
        medication=medication_changed(trusted, today.patient_uid, last.seq),
    )


def require_session_of(trusted: Trusted, patient_uid: str, session_uid: str) -> OldSession:
    """Return a session that a patient had.

    Raises:
        ClinicRefused: It is not on record, or not theirs.
    """
    session = trusted.sessions.get(session_uid)
    if session is None:
        raise ClinicRefused(f"There is no session {session_uid[:40]} on record.")
    if bindings_of(trusted).patient_uid(session) != patient_uid:
        raise ClinicRefused(f"Session {session_uid} was not this patient's.")
    return session


def medication_changed(trusted: Trusted, patient_uid: str, seq: int) -> bool:
    """Return whether the patient's medications, or what was said of them, changed since a place."""
    then = patient_at(trusted, patient_uid, seq)
    now = patient_at(trusted, patient_uid, trusted.head.seq + 1)
    if then is None or now is None or then.details.medications != now.details.medications:
        return True
    return any(
        record.seq > seq and _says_medication_changed(record.values.get("answers"))
        for record in trusted.records(RecordKind.FORM_ANSWERS, patient_uid=patient_uid)
    )


def _says_medication_changed(answers: Json) -> bool:
    return isinstance(answers, dict) and answers.get("medication_change") is True


def _same(one: Json, other: Json) -> bool:
    return canonical_text(one) == canonical_text(other)


def _pulses(found: Iterable[Sitting], day: date, time_zone: str) -> int:
    rows = [row for one in found for row in one.rows]
    return sum(row.pulses for row in rows if _touches(row, day, time_zone))


def _touches(row: Row, day: date, time_zone: str) -> bool:
    return local_day(row.started_at, time_zone) <= day <= local_day(row.last_at, time_zone)
