"""A demonstration's story told to its record: what happened at what time, in that order.

Everything is done by the clinic's own acts and the record's own writers; who is in it is
`demonstration_people`, what is done before a first session `demonstration_acts`, how a session
looks `demonstration_sessions`.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocols.form_evaluation import DAILY, EARS, EXTRA, IDENTITY
from protocols.screening import AnswerValue
from tms_console.accounts.first_start import first_start
from tms_console.accounts.followed import Followed
from tms_console.accounts.login import Login
from tms_console.accounts.passwords import Parameters, argon2id
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.start_orders import Ordered, order_start
from tms_console.accounts.statements import statement
from tms_console.accounts.station import Hashing
from tms_console.clinic.adverse_events import (
    AdverseEvent,
    HoldClearance,
    clear_hold,
    record_adverse_event,
)
from tms_console.demonstration_acts import Acts, StoryClock, StoryPatient, made_of
from tms_console.demonstration_answers import A_GOOD_DAY, EARS_PROTECTED, EXTRA_CHECK, RIGHT_PERSON
from tms_console.demonstration_people import (
    ADMINISTRATOR,
    COURSES,
    PHYSICIAN,
    SECOND_TECHNICIAN,
    TECHNICIAN,
    Course,
    Happened,
)
from tms_console.demonstration_sessions import PastSession, Remark, session_operations
from tms_console.records.canonical import Json
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.database import Purpose
from tms_console.records.errors import RecordsError
from tms_console.records.heads import kept_head
from tms_console.records.history import write_history
from tms_console.records.operations import EventKind, Operation, SessionState
from tms_console.records.reconcile import reconcile
from tms_console.records.values import new_uid

CHEAP = Parameters(time_cost=1, memory_kib=64, parallelism=1)
"""The passwords stand on the login page, so what they cost protects nothing and takes time."""
LEAST_AGE = timedelta(minutes=12)
"""Everything in the past ends this long before now: nothing may be dated later than it is."""
SEED = 7
FIRST_SESSIONS = 3
SATURDAY = 5


class _How(TypedDict, total=False):
    """How a session was otherwise than usual; as in `PastSession`."""

    ends_in_train: int
    state: SessionState
    reason: str
    resumes_uid: str
    first_train: int


def local_time_zone() -> str:
    """Return the IANA name of this computer's time zone, UTC if it does not say."""
    try:
        _, found, name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")
        return ZoneInfo(name).key if found and "/" in name else "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


class _Made(Followed):
    """What is known of a file that this process makes in one go and nobody else has seen.

    A signature reads no more of it than is new; with all of it each time, ten years would take
    hours to make.
    """

    def forget(self) -> None:
        """Keep it: nobody can have changed what was read."""


_Act = tuple[datetime, int, Callable[[], None]]


class Story(Acts):
    """What happened, in the order in which it happened."""

    def __init__(self, path: Path, now: datetime, courses: Sequence[Course] = COURSES) -> None:
        self._now = now - LEAST_AGE
        zone_name = local_time_zone()
        self._zone = ZoneInfo(zone_name)
        self._today = now.astimezone(self._zone).date()
        self._chance = random.Random(SEED)
        self._patients = [
            StoryPatient(one, self._days(one), head=self._head(number))
            for number, one in enumerate(courses)
        ]
        first = min((one.days[0] for one in self._patients if one.days), default=self._today)
        self._opened = self._at(first - timedelta(days=21), 7, 30)
        clock = StoryClock(self._opened)
        station, started = first_start(
            path,
            (ADMINISTRATOR.login, ADMINISTRATOR.name),
            ADMINISTRATOR.password,
            wall=clock,
            hashing=Hashing(argon2id, CHEAP),
            purpose=Purpose.DEMO,
        )
        known = replace(station, followed=_Made())
        super().__init__(known, clock, started.login, zone_name)

    def tell(self, progress: Callable[[int, int], None]) -> None:
        """Put all of it on record."""
        acts: list[_Act] = list(self._opening())
        for one in self._patients:
            acts += self._acts_of(one)
        acts += self._evenings()
        acts.sort(key=lambda act: act[:2])
        with self._station.database.reading():  # else each close is the last and checkpoints
            for number, (at, _, do) in enumerate(acts, 1):
                self._clock.at = max(self._clock.at, min(at, self._now))
                do()
                progress(number, len(acts))
            self._station.seal("the demonstration was made")

    # Times

    def _at(self, day: date, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), self._zone).astimezone(UTC)

    def _days(self, course: Course) -> tuple[date, ...]:
        """Return the working days on which the sessions were given, the last one last."""
        days: list[date] = []
        day = self._today - timedelta(days=course.over_for_days)
        if not course.today or self._at(self._today, 1) > self._now:
            day -= timedelta(days=1)
        elif course.given:
            days, day = [day], day - timedelta(days=1)
        while len(days) < max(course.given, 1):
            if day.weekday() < SATURDAY and not self._spared(day):
                days.append(day)
            day -= timedelta(days=1)
        return tuple(reversed(days))

    def _spared(self, day: date) -> bool:
        """True for the Friday before a weekend on which this is made: today is then none too many.

        Five sessions in seven days are signed, and the story must allow one today.
        """
        return self._today.weekday() >= SATURDAY and 0 < (self._today - day).days <= SATURDAY - 3

    def _head(self, number: int) -> tuple[int, int, int]:
        return 345 + 4 * number, 352 + 3 * number, 548 + 5 * number

    def _slot(self, one: StoryPatient, session: int) -> datetime:
        """Return when a session of the course began, from 1."""
        jitter = random.Random(f"{one.course.details.record_number}/{session}")
        begins = self._at(one.days[session - 1], *one.course.slot)
        begins += timedelta(minutes=jitter.randint(-4, 9), seconds=jitter.randint(0, 59))
        latest = self._now - timedelta(minutes=45 + 20 * (one.course.slot[0] % 3))
        return min(begins, latest)

    # The beginning

    def _opening(self) -> Iterator[_Act]:
        yield self._opened, 0, self._enrol
        yield self._opened + timedelta(hours=1), 0, self._sign_policy

    # One patient

    def _acts_of(self, one: StoryPatient) -> Iterator[_Act]:
        course, first = one.course, one.days[0]
        begins = self._at(first, 8) - timedelta(days=2)
        if not course.given:
            begins = self._now - timedelta(hours=20)
        hour = timedelta(hours=1)
        yield begins, 1, lambda: self._admit(one)
        if course.screened:
            yield begins + hour / 4, 1, lambda: self._screen(one)
        yield begins + hour, 1, lambda: self._measure(one)
        yield begins + 2 * hour, 1, lambda: self._place(one)
        yield begins + 3 * hour, 1, lambda: self._prescribe(one, returned=bool(course.returned))
        if course.returned:
            yield begins + 5 * hour, 1, lambda: self._return(one)
            yield begins + 6 * hour, 1, lambda: self._prescribe(one)
        if course.approved:
            yield begins + 8 * hour, 1, lambda: self._approve(one)
        for session in range(1, course.given + 1):
            yield from self._session_acts(one, session)

    def _session_acts(self, one: StoryPatient, session: int) -> Iterator[_Act]:
        course, begins = one.course, self._slot(one, session)
        minute = timedelta(minutes=1)
        if session in course.changes:
            yield begins - 40 * minute, 2, lambda: self._medicate(one, session)
        if session == course.earlier:
            yield begins - 90 * minute, 2, lambda: self._prescribe(one)
            yield begins - 60 * minute, 2, lambda: self._approve(one)
        if session in course.re_measured:
            yield begins - 30 * minute, 2, lambda: self._measure(one)
        yield begins, 3, lambda: self._give(one, session)
        for happened in course.happened:
            if happened.session == session:
                yield begins + 55 * minute, 4, partial(self._suffer, one, happened)

    # One session

    def _give(self, one: StoryPatient, session: int) -> None:
        course = one.course
        one.sessions = session
        self._check(one, session)
        if course.interrupted is not None and course.interrupted[0] == session:
            train = course.interrupted[1]
            lost = self._session(one, ends_in_train=train, state=SessionState.INTERRUPTED)
            self._clock.at += timedelta(minutes=4)
            reconcile(self._station.database, wall=self._clock)
            self._clock.at += timedelta(minutes=2)
            self._session(one, resumes_uid=lost, first_train=train + 1)
        elif course.stopped is not None and course.stopped[0] == session:
            _, train, reason = course.stopped
            self._session(one, ends_in_train=train, state=SessionState.STOPPED, reason=reason)
        else:
            self._session(one)

    def _check(self, one: StoryPatient, session: int) -> None:
        """Fill in what is asked before a session, a few minutes before it."""
        write_history(self._station.database, self._checks(one, session), self._clock)

    def _checks(self, one: StoryPatient, session: int) -> list[Operation]:
        """Return what is filled in before a session."""
        sleep = 6 + (session + len(one.course.details.name)) % 3
        told: dict[str, dict[str, AnswerValue]] = {
            DAILY: {**A_GOOD_DAY, "sleep_hours": sleep},
            IDENTITY: RIGHT_PERSON,
            EARS: EARS_PROTECTED,
        }
        if session <= FIRST_SESSIONS:
            borne = "this is the first" if session == 1 else "well"
            told[EXTRA] = {**EXTRA_CHECK, "earlier_sessions": borne}
        return [self._form(one, name, answers) for name, answers in told.items()]

    def _session(self, one: StoryPatient, **how: Unpack[_How]) -> str:
        """Put one session on record; returns its uid."""
        made, content = made_of(one), one.content
        if content is None:
            raise RecordsError(f"{one.course.details.name}: nothing was approved")
        by = self._logins[(TECHNICIAN if one.sessions % 4 else SECOND_TECHNICIAN).login]
        ordered = Ordered(
            authority_uid=made.uid,
            authority_digest=made.digest(),
            patient_uid=one.uid,
            threshold_uids=(one.threshold_uid,),
            session_number=one.sessions,
            session_uid=new_uid(),
            nonce=secrets.token_hex(32),
            pre_step=made.session.pre_step,
        )
        order = order_start(self._station, by, ordered)
        remarks = (Remark(3, EventKind.NOTE, "comfort 3 of 10"),) if one.sessions % 5 == 0 else ()
        past = PastSession(ordered, content, self._clock.at, by.user_uid, remarks=remarks, **how)
        self._write_session(one, past, order)
        one.last_session = ordered.session_uid
        if past.state is not SessionState.INTERRUPTED and (
            one.course.signed or one.sessions < one.course.given
        ):
            one.unsigned.append(ordered.session_uid)
        return ordered.session_uid

    def _write_session(self, one: StoryPatient, past: PastSession, order: Operation) -> None:
        """Put a session on record after its start order."""
        del one
        operations: list[Operation] = [order, *session_operations(past, self._chance)]
        self._clock.at = past.ended
        write_history(self._station.database, operations, self._clock)

    def _suffer(self, one: StoryPatient, happened: Happened) -> None:
        event = AdverseEvent(
            patient_uid=one.uid,
            what=happened.what,
            severity=happened.severity,
            onset=self._clock(),
            description=happened.description,
            duration_s=happened.duration_s,
            relatedness=happened.relatedness,
            action=happened.action,
            outcome=happened.outcome,
            session_uid=one.last_session,
        )
        uid = record_adverse_event(self._station, self._logins[TECHNICIAN.login], event)
        if happened.cleared:
            clear_hold(
                self._station,
                self._logins[PHYSICIAN.login],
                HoldClearance(uid, happened.cleared),
                PHYSICIAN.password,
                PHYSICIAN.login,
            )

    # The end of a day

    def _evenings(self) -> Iterator[_Act]:
        """On every day with sessions the technicians sign what they delivered."""
        days = sorted({day for one in self._patients for day in one.days[: one.course.given]})
        for day in days:
            yield self._at(day, 17, 45), 9, self._sign_delivered

    def _sign_delivered(self) -> None:
        wanted = [(one, uid) for one in self._patients for uid in one.unsigned]
        with self._station.trusting() as trusted:
            sessions = {uid: trusted.sessions[uid] for _, uid in wanted}
        for one, uid in wanted:
            begun = sessions[uid].begun
            by = next(
                login
                for login in self._logins.values()
                if login.user_uid == begun["technician_uid"]
            )
            to_sign = ToSign(Meaning.DELIVERED, uid, sessions[uid].closing_digest, one.uid)
            self._station.write(self._signed(by, to_sign))
            one.unsigned.clear()
        self._station.seal("the end of a day")

    def _signed(self, by: Login, to_sign: ToSign) -> AddRecord:
        """Return a signature as `accounts.login.sign` makes it; the password was asked for once."""
        head, at = kept_head(self._station.database.uid), self._clock()
        if head is None:
            raise RecordsError("the demonstration keeps no head of its chain")
        place: dict[str, Json] = {"head": {"seq": head.seq, "hash": head.hash}}
        content = to_sign.content(new_uid(), by.enrolment, at) | place
        return statement(RecordKind.SIGNATURE, content, by.key(), at=at, actor=by.user_uid)
