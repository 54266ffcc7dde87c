"""Searches for a threshold as the record holds them: replayed from a session, listed, recorded.

A series that was accepted becomes a threshold like any other; one that was rejected or did not get
to its end stays where it is, and says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from protocols.canonical import moment_of
from protocols.dose import HIGHEST_PCT_MSO
from protocols.finding_content import Aim
from protocols.finding_log import REJECTED_WORDS, Decided, FindingLog, Verdict
from protocols.threshold import METHODS, Answer
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.login import Login
from tms_console.accounts.start_orders import read_start_order
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.day import require_session_of, sittings
from tms_console.clinic.entries import printed_name
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.measurement import Found, Measurement, Method, Stimulus
from tms_console.clinic.thresholds import record_found, thresholds_of
from tms_console.records.clinical import RecordKind
from tms_console.records.closed_rows import ClosedSession, altered
from tms_console.records.database import Database
from tms_console.records.errors import IllegalOperation
from tms_console.records.finding_rows import finding_log
from tms_console.records.operations import SessionKind, SessionState

__all__ = ["Series", "found_otherwise", "not_recorded", "read_series", "record_series", "series_of"]

NEARLY = 1e-6
"""A replay on another computer may differ from what is on record by so much of it."""

RECORDED = "The threshold of this series is on record already."

_ANSWERS = {Answer.MOVED: True, Answer.STILL: False, Answer.UNCLEAR: None}


@dataclass(frozen=True, slots=True)
class Series:
    """One search for a threshold.

    Attributes:
        session_uid: The session in which it was looked for.
        patient_uid: Whose.
        aim: Which threshold.
        operator_uid: Who looked for it.
        operator: Their printed name.
        started_at: When, RFC 3339 in UTC.
        ended_at: When it was seen to end, "" if nobody saw or it has not.
        state: How the session ended, "" while it runs.
        reason: Why.
        log: What was given and said.
        threshold_uid: The threshold that was recorded from it, "" for none.
    """

    session_uid: str
    patient_uid: str
    aim: Aim
    operator_uid: str
    operator: str
    started_at: str
    ended_at: str
    state: str
    reason: str
    log: FindingLog
    threshold_uid: str

    @property
    def decided(self) -> Decided | None:
        """What was decided on it."""
        return self.log.decided

    @property
    def accepted(self) -> bool:
        """True if its result was taken as the threshold, and the session got to its end."""
        decided = self.decided
        whole = self.state == SessionState.COMPLETED
        return whole and decided is not None and decided.verdict is Verdict.ACCEPTED

    @property
    def standing(self) -> str:
        """What became of it, in words."""
        if not self.state:
            return "still running"
        if self.accepted:
            return "accepted" if self.threshold_uid else "accepted, not yet recorded"
        if self.decided is not None and self.decided.verdict is Verdict.REJECTED:
            return "rejected"
        return f"aborted ({self.state})"


def read_series(trusted: Trusted, database: Database, session_uid: str) -> Series:
    """Return a search for a threshold, replayed from its session.

    Raises:
        ClinicRefused: There is no such session, it is of another kind, or it cannot be read.
        NotTrusted: Its rows are not what was closed.
    """
    session = trusted.sessions.get(session_uid)
    if session is None or session.begun.get("kind") != SessionKind.THRESHOLD:
        raise ClinicRefused(f"Session {session_uid[:40]} looked for no threshold.")
    orders = trusted.records(RecordKind.START_ORDER, session_uid=session_uid)
    if not orders:
        raise ClinicRefused(f"Nobody ordered session {session_uid}.")
    start = read_start_order(orders[-1], trusted.book)
    if start.ordered.aim is None:
        raise ClinicRefused(f"The order of session {session_uid} names no threshold.")
    ended = session.ended or {}
    if session.ended is not None:
        closed = ClosedSession(
            session_uid, trusted.head.console_uid, session.seq, session.begun, session.ended
        )
        with database.reading() as connection:
            if words := altered(connection, closed):
                raise NotTrusted(
                    "changed", f"Session {session_uid} is not what was closed: {words}."
                )
    try:
        log = finding_log(database, session_uid)
    except ValueError as error:
        raise ClinicRefused(
            f"The series of session {session_uid} cannot be read: {error}"
        ) from error
    patient_uid = start.ordered.patient_uid
    recorded = [
        one.uid
        for one in thresholds_of(trusted, patient_uid, all_records=True)
        if one.measured.session_uid == session_uid and one.supersedes is None
    ]
    return Series(
        session_uid=session_uid,
        patient_uid=patient_uid,
        aim=start.ordered.aim,
        operator_uid=start.technician.user_uid,
        operator=printed_name(trusted, start.technician.user_uid),
        started_at=str(session.begun.get("started_at")),
        ended_at=str(ended.get("ended_at") or ""),
        state=str(ended.get("state") or ""),
        reason=str(ended.get("end_reason") or ""),
        log=log,
        threshold_uid=recorded[0] if recorded else "",
    )


def series_of(trusted: Trusted, database: Database, patient_uid: str) -> tuple[Series, ...]:
    """Return every search for a threshold of a patient, in order, the aborted ones too."""
    return tuple(
        read_series(trusted, database, row.uid)
        for one in sittings(trusted, patient_uid)
        for row in one.rows
        if row.kind is SessionKind.THRESHOLD
    )


def not_recorded(trusted: Trusted, patient_uid: str) -> str:
    """Return the patient's newest search if its result was accepted and is no threshold yet.

    What it rests on is the audit chain alone.

    Returns:
        Its session, "" if there is nothing to record, or a threshold was measured after it.
    """
    searches = [
        row
        for one in sittings(trusted, patient_uid)
        for row in one.rows
        if row.kind is SessionKind.THRESHOLD and not row.open
    ]
    if not searches:
        return ""
    newest = searches[-1]
    ended = trusted.sessions[newest.uid].ended or {}
    accepted = ended.get("state") == SessionState.COMPLETED
    if not accepted or str(ended.get("end_reason")).startswith(REJECTED_WORDS):
        return ""
    begun = moment_of(newest.started_at)
    measured = (one.measured for one in thresholds_of(trusted, patient_uid, all_records=True))
    if any(one.session_uid == newest.uid or moment_of(one.measured_at) > begun for one in measured):
        return ""
    return newest.uid


def measurement_of(series: Series) -> Measurement:
    """Return the threshold that an accepted series gives, with every stimulus of its method.

    Raises:
        ClinicRefused: It was not accepted, or does not give what was accepted.
    """
    log, finding, decided = series.log, series.log.finding, series.decided
    if not series.accepted or finding is None or decided is None or not decided.value_pct_mso:
        raise ClinicRefused("The series was not accepted, so it gives no threshold.")
    standing = finding.standing
    return Measurement(
        patient_uid=series.patient_uid,
        kind=series.aim.kind,
        muscle=series.aim.muscle,
        side=series.aim.side,
        coil=series.aim.coil,
        method=Method(series.aim.seen),
        algorithm=METHODS[finding.settings.method].title,
        value_pct_mso=min(decided.value_pct_mso, HIGHEST_PCT_MSO),
        measured_at=series.ended_at or series.started_at,
        session_uid=series.session_uid,
        stimuli=tuple(
            Stimulus(one.intensity_pct_mso, _ANSWERS[one.answer], number)
            for number, one in enumerate(log.given, 1)
            if one.of_method and one.answer is not None
        ),
        found=Found(
            settings=finding.settings,
            estimate=repr(standing.estimate_pct_mso),
            low=repr(standing.low),
            high=repr(standing.high),
            place=(log.place.column, log.place.row),
            given=len(log.given),
            taken_back=log.taken_back,
        ),
    )


def found_otherwise(measured: Measurement, series: Series) -> str:
    """Return why a threshold is not the one that its series gives, "" if it is.

    Args:
        measured: One that the console found.
        series: What was given and said in its session.
    """
    try:
        replayed = measurement_of(series)
    except ClinicRefused as error:
        return str(error)
    on_record, again = measured.found, replayed.found
    if on_record is None or again is None:
        return "It does not say how the console found it."
    numbers = zip(
        (on_record.estimate, on_record.low, on_record.high),
        (again.estimate, again.low, again.high),
        strict=True,
    )
    near = all(_near(one, other) for one, other in numbers)
    alike = replace(on_record, estimate=again.estimate, low=again.low, high=again.high)
    if near and replace(measured, found=alike) == replayed:
        return ""
    return f"Its series gives {replayed.value_pct_mso} %MSO from other stimuli, answers or numbers."


def _near(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=NEARLY)
    except ValueError:
        return False


def record_series(station: Station, login: Login, session_uid: str) -> str:
    """Put the threshold of an accepted series on record, once; return the record's uid.

    Whoever looked for it measured it, whoever records it.

    Raises:
        ClinicRefused: It was not accepted, is recorded already (by another window at the same
            moment, too), or the patient is not current.
        NotPermitted: Their role does not include it.
        NotTrusted: The record cannot be believed.
        WriteFailed: Not known to be written.
    """
    with station.trusting() as trusted:
        series = read_series(trusted, station.database, session_uid)
        require_session_of(trusted, series.patient_uid, session_uid)
    if series.threshold_uid:
        raise ClinicRefused(RECORDED)
    try:
        return record_found(station, login, measurement_of(series), series.operator_uid)
    except IllegalOperation as error:  # looked at again inside the transaction that writes it
        with station.trusting() as trusted:
            if read_series(trusted, station.database, session_uid).threshold_uid:
                raise ClinicRefused(RECORDED) from error
        raise


def newest_series(series: tuple[Series, ...]) -> Series | None:
    """Return the series that began last, None if there is none."""
    return max(series, key=lambda one: moment_of(one.started_at), default=None)
