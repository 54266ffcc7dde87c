"""The day's patients: where each stands, and the one thing to do next.

Nothing is scheduled and no time of day is invented: who can be treated comes first.  What the gate
would say is asked with the gate's own facts and rules; it alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from protocols.canonical import moment_of
from protocols.course_rules import GivenSession, NextSession, course_refusals
from protocols.form_evaluation import SCREENING
from protocols.policy import Policy
from protocols.prescription import Prescription
from tms_console.accounts.signatures import Meaning
from tms_console.accounts.trust import Trusted
from tms_console.clinic import day as days
from tms_console.clinic.adverse_events import patients_on_hold
from tms_console.clinic.approvals import in_force, standing
from tms_console.clinic.dose_now import DoseNow, band_now
from tms_console.clinic.forms import newest_answers
from tms_console.clinic.patients import Patient, patients
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.prescriptions import ProposedVersion, prescription_uids, versions
from tms_console.clinic.remeasuring import since_threshold
from tms_console.clinic.series import not_recorded
from tms_console.clinic.sittings import Sitting
from tms_console.clinic.thresholds import newest_like
from tms_console.records.database import Database
from tms_console.records.live import said_of
from tms_console.screens.closing import why_closed

READY, NEEDS_YOU, WAITS, DONE, LATER = "ready", "needs you", "waits", "done", "later"
_ORDER = (READY, NEEDS_YOU, WAITS, LATER, DONE)
RECORDED_WITHIN = timedelta(days=7)
"""So long it is asked for a found threshold; one that is older is rather measured again."""
LOOK_AHEAD_DAYS = 28
"""How far the course's rules are asked for the next day; longer gaps are said as such."""


@dataclass(frozen=True, slots=True)
class TodayRow:
    """One patient of the day.

    Attributes:
        patient_uid: Who.
        name: As on their papers.
        identity: Birth date and record number.
        when: The day on which the next session may be given, in words.
        last: When the last one was.
        course: What is given and how far it is.
        done: Sessions given.
        total: Sessions of the course, 0 if there is none yet.
        group: Which of `ready`, `needs you`, `waits`, `later`, `done` it counts as.
        status: Where it stands, in words.
        state: `good`, `warn`, `bad`, `note` or `muted`.
        action: The one thing to do next.
        page: Where that is done.
    """

    patient_uid: str
    name: str
    identity: str
    when: str = ""
    last: str = "no session yet"
    course: str = ""
    done: int = 0
    total: int = 0
    group: str = READY
    status: str = "ready"
    state: str = "good"
    action: str = "Prepare to treat"
    page: str = "treat"

    @property
    def primary(self) -> bool:
        """True for the one action that treats."""
        return self.group == READY


@dataclass(frozen=True, slots=True)
class TodayScreen:
    """The page Today at one moment.

    Attributes:
        day: Which day, in words.
        rows: The patients, who can be treated first.
        notice: What concerns every treatment, "" if nothing does.
    """

    day: str
    rows: tuple[TodayRow, ...]
    notice: str = ""

    @property
    def subtitle(self) -> str:
        """Day and number of patients."""
        number = len(self.rows)
        return f"{self.day} · {number} patient{'' if number == 1 else 's'}"

    def counters(self) -> tuple[tuple[str, str], ...]:
        """Return the counters, each with its state; those of nobody are left out."""
        told = (
            (READY, "{} ready", "good"),
            (NEEDS_YOU, "{} need you first", "warn"),
            (WAITS, "{} for a physician", "note"),
            (LATER, "{} not due today", "muted"),
            (DONE, "{} done", "muted"),
        )
        found = [
            (sum(row.group == group for row in self.rows), words, s) for group, words, s in told
        ]
        return tuple((words.format(number), state) for number, words, state in found if number)


def today_screen(
    trusted: Trusted,
    wall: str,
    *,
    database: Database | None = None,
    running_patient: str = "",
    physician: bool = False,
) -> TodayScreen:
    """Return who is to be treated and what each needs.

    Args:
        trusted: The record.
        wall: Wall time.
        database: The record's file, for what was said beside a session; None: nothing was.
        running_patient: Whose session is running, "" if none is.
        physician: Who looks may approve: what waits for a physician waits for them.
    """
    held = policy_in_force(trusted, wall)
    policy = None if held is None else held.policy
    zone = ZoneInfo("UTC" if policy is None else policy.time_zone)
    now = moment_of(wall).astimezone(zone)
    holds = patients_on_hold(trusted)
    look = _Look(trusted, wall, now, policy, physician, database)
    rows = []
    for one in patients(trusted):
        row = look.row(one, on_hold=one.patient_uid in holds)
        if one.patient_uid == running_patient:
            row = replace(
                row or _plain(one),
                group=READY,
                status="running",
                state="note",
                action="Go to the session",
                page="treat",
            )
        if row is not None:
            rows.append(row)
    rows.sort(key=lambda row: _ORDER.index(row.group))
    notice = "" if policy else "No policy is signed: no real stimulator is armed until one is."
    return TodayScreen(day_words(now.date()), tuple(rows), notice)


def day_words(day: date) -> str:
    """Return a day as `Monday 23 November`."""
    return f"{day:%A} {day.day} {day:%B}"


def short_day(day: date, today: date) -> str:
    """Return a day in few words: `today`, `tomorrow`, `Wed 25 Nov`, with its year if another."""
    if day in (today, today + timedelta(days=1), today - timedelta(days=1)):
        return {0: "today", 1: "tomorrow", -1: "yesterday"}[(day - today).days]
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day:%a} {day.day} {day:%b}{year}"


def birth_words(birth_date: str) -> str:
    """Return a birth date as `14 Mar 1981`."""
    day = date.fromisoformat(birth_date)
    return f"{day.day} {day:%b} {day.year}"


def identity_words(one: Patient) -> str:
    """Return the second identifiers of a patient: birth date and record number."""
    return f"{birth_words(one.details.birth_date)} · {one.details.record_number}"


def _plain(one: Patient) -> TodayRow:
    return TodayRow(one.patient_uid, one.details.name, identity_words(one))


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the record for all patients."""

    trusted: Trusted
    wall: str
    now: datetime
    policy: Policy | None
    physician: bool
    database: Database | None

    def row(self, one: Patient, *, on_hold: bool) -> TodayRow | None:
        """Return the row of a patient, None if nothing is due."""
        row = self._row(one, on_hold=on_hold)
        if on_hold or not self._found(one.patient_uid):
            return row
        told = "a found threshold is not on record"
        return self._needs(row or _plain(one), told, "Record the threshold", "threshold")

    def _found(self, patient_uid: str) -> bool:
        """Return whether somebody accepted a threshold these days and nobody put it on record."""
        uid = not_recorded(self.trusted, patient_uid)
        if not uid:
            return False
        begun = moment_of(str(self.trusted.sessions[uid].begun["started_at"]))
        return self.now - begun < RECORDED_WITHIN

    def _row(self, one: Patient, *, on_hold: bool) -> TodayRow | None:
        held = in_force(self.trusted, one.patient_uid, self.wall)
        if not held:
            return self._without(one, on_hold=on_hold)
        rows = [self._with(one, each.prescription, on_hold=on_hold) for each in held]
        found = [row for row in rows if row is not None]
        return min(found, key=lambda row: _ORDER.index(row.group), default=None)

    def _physician(self, row: TodayRow, status: str, action: str) -> TodayRow:
        """Return the row of somebody for whom a physician must do something."""
        told = action if self.physician else "Waits for a physician"
        group = NEEDS_YOU if self.physician else WAITS
        return replace(row, group=group, status=status, state="note", action=told, page="approvals")

    def _needs(self, row: TodayRow, status: str, action: str, page: str = "treat") -> TodayRow:
        return replace(row, group=NEEDS_YOU, status=status, state="warn", action=action, page=page)

    def _without(self, one: Patient, *, on_hold: bool) -> TodayRow | None:
        """Return the row of somebody with no prescription in force."""
        row = _plain(one)
        line = [
            each
            for uid in prescription_uids(self.trusted, one.patient_uid)
            for each in versions(self.trusted, uid)[-1:]
        ]
        if on_hold:
            row = self._physician(row, "on hold", "Clear the patient, or not")
            return replace(row, state="bad", course=_titles(line))
        if not line:
            return self._needs(
                replace(row, course="no course yet"), "no prescription", "Prescribe", "approvals"
            )
        newest = line[-1]
        row = replace(
            row,
            course=f"{newest.prescription.session.title} · new course",
            total=newest.prescription.course.total_sessions,
        )
        where = standing(self.trusted, newest.prescription.uid, self.wall)
        if where.returned is not None:
            return self._needs(row, "returned by a physician", "Propose a version", "approvals")
        return self._physician(row, "approval missing", "Review and sign")

    def _with(self, one: Patient, given: Prescription, *, on_hold: bool) -> TodayRow | None:
        """Return the row for one prescription in force, None if its course is over."""
        every = [
            each
            for each in days.sittings(self.trusted, one.patient_uid)
            if each.treatment and each.counts
        ]
        line = given.prescription_uid
        ours = [each for each in every if any(r.prescription_uid == line for r in each.rows)]
        total = given.course.total_sessions
        last = ours[-1] if ours else None
        today = self.now.date()
        last_day = None if last is None else self._day(last.started_at)
        number = min(len(ours) + 1, total)
        row = replace(
            _plain(one),
            course=f"{given.session.title} · session {number} of {total}",
            done=len(ours),
            total=total,
            when="today",
            last="no session yet" if last_day is None else f"last {short_day(last_day, today)}",
        )
        if on_hold:
            row = self._physician(row, "on hold", "Clear the patient, or not")
            return replace(row, state="bad")
        if last is not None and last_day == today and (told := self._after(row, last)) is not None:
            return told
        if len(ours) >= total:
            return None
        due = self._due(given, every, line)
        if due != today:
            when = f"after {LOOK_AHEAD_DAYS} days" if due is None else short_day(due, today)
            status = f"not due before {when}" if due is not None else "not due"
            return replace(
                row,
                when=when,
                group=LATER,
                status=status,
                state="muted",
                action="Open the record",
                page="patients",
            )
        return next(self._obstacles(row, one, given), row)

    def _after(self, row: TodayRow, last: Sitting) -> TodayRow | None:
        """Return the row after a session of today, None if it was one of several a day."""
        newest = self.trusted.sessions[last.rows[-1].uid]
        ended = {} if newest.ended is None else newest.ended
        number = f"{row.course.partition(' · ')[0]} · session {row.done} of {row.total}"
        row = replace(row, course=number)
        closed = False
        if ended.get("state") in ("interrupted", "failed", "stopped"):
            closed = self._closed(newest.uid)
            if not closed:
                return self._needs(row, f"{ended['state']} today", "Resume or close it")
        signed = any(
            each.meaning is Meaning.DELIVERED for each in self.trusted.signatures(newest.uid)
        )
        word = "closed" if closed else "done"
        done = replace(row, group=DONE, status=word, state="muted", when="today")
        if signed or not ended:
            return replace(done, action="Open the record", page="records")
        return replace(done, status=f"{word}, not signed", action="Sign the session", page="treat")

    def _closed(self, session_uid: str) -> bool:
        """Return whether somebody closed a session that ended early."""
        return self.database is not None and bool(why_closed(said_of(self.database, session_uid)))

    def _obstacles(self, row: TodayRow, one: Patient, given: Prescription) -> Iterator[TodayRow]:
        """Yield what must be done before this patient can be treated, the first thing first."""
        filled = newest_answers(self.trusted, one.patient_uid, SCREENING)
        if filled is None:
            yield self._needs(row, "screening due", "Screen the patient")
        elif filled.evaluation.refused or filled.uncleared:
            yield self._physician(row, "screening not cleared", "Look at the answers")
        elif self.policy is not None and (
            filled.age_days(self.wall, self.policy.time_zone) > self.policy.screening_days
        ):
            yield self._needs(row, "screening too old", "Screen the patient")
        dose = band_now(self.trusted, given)
        if dose.refusal:
            yield self._needs(
                row, "new threshold, not signed for", "Propose a version", "approvals"
            )
        if told := self._old_threshold(dose):
            yield self._needs(row, told, "Re-measure threshold")

    def _old_threshold(self, dose: DoseNow) -> str:
        """Return that a threshold is to be measured again, "" if none is.

        A gap between sessions is shorter than the threshold is old, and as long prompts for it.
        """
        policy = self.policy
        if policy is None:
            return ""
        for reference in dose.thresholds:
            threshold = newest_like(self.trusted, reference)
            if threshold is None:
                continue
            since = since_threshold(self.trusted, threshold, policy, self.wall, signed_alike=True)
            if since.days >= policy.threshold_prompt_days:
                return f"threshold {since.days} days old"
            if since.sessions >= policy.threshold_prompt_sessions:
                return f"threshold used {since.sessions} times"
            if since.medication_changed:
                return "medication changed since the threshold"
        return ""

    def _due(self, given: Prescription, every: list[Sitting], line: str) -> date | None:
        """Return the first day from today on on which the course's rules allow a session."""
        if self.policy is None:
            return self.now.date()
        had = [
            GivenSession(
                moment_of(each.started_at),
                moment_of(each.last_at),
                each.pulses,
                any(row.prescription_uid == line for row in each.rows),
            )
            for each in every
        ]
        pulses = given.session.pulses
        for ahead in range(LOOK_AHEAD_DAYS):
            at = self.now + timedelta(days=ahead)
            wanted = NextSession(pulses, at.astimezone(UTC))
            if not course_refusals(given.course, self.policy, had, wanted):
                return at.date()
        return None

    def _day(self, moment: str) -> date:
        return moment_of(moment).astimezone(self.now.tzinfo).date()


def _titles(line: list[ProposedVersion]) -> str:
    return line[-1].prescription.session.title if line else "no course yet"
