"""A treatment's authority, read from the signed record: prescription, approval, order and patient.

It reads only what the console can vouch for, once before the session and, as far as somebody wrote
something since, before every train.  What follows from the facts is decided in `treatment_gate`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from protocols.canonical import moment_of
from protocols.course_rules import GivenSession
from protocols.form_evaluation import DAILY, EARS, EXTRA, IDENTITY, SCREENING, form
from protocols.measured import ThresholdReference
from protocols.policy import Policy
from protocols.prescription import Prescription, SessionContent
from protocols.remeasure import OutsidePrescription, Today, session_at
from tms_console.accounts.anchor import require_anchor
from tms_console.accounts.clock_corrections import clock_floor
from tms_console.accounts.errors import AccountsError, BadStatement, NotTrusted
from tms_console.accounts.restores import pending_restore
from tms_console.accounts.start_orders import StartOrder, read_start_order
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic import day as days
from tms_console.clinic.adverse_events import holds
from tms_console.clinic.approvals import standing
from tms_console.clinic.dose_now import DoseNow, band_now
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.forms import newest_answers
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.prescriptions import read_prescription
from tms_console.clinic.thresholds import age, newest_like
from tms_console.delivery.authority import OnRecord
from tms_console.delivery.gate import Answer, CheckResult
from tms_console.delivery.order import Challenge, SessionOrder
from tms_console.delivery.place import CannotBegin
from tms_console.delivery.treatment_gate import (
    DayFact,
    FormFact,
    ThresholdFact,
    TreatmentFacts,
    check_again,
    check_treatment,
    most_pulses_a_day,
)
from tms_console.records.clinical import RECORD_ADD, AddRecord, RecordKind, StoredRecord
from tms_console.records.database import Database, Purpose
from tms_console.records.errors import DatabaseUnusable, RecordsError
from tms_console.records.operations import SessionKind
from tms_console.records.queries import chain_since

LOGGER = logging.getLogger(__name__)

NOT_LOOKED_AT = frozenset({RecordKind.START_ORDER, RecordKind.SEAL, RecordKind.ATTACHMENT})
"""Records that change nothing about a session that runs."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found before the session.

    Attributes:
        prescription: What is to be delivered.
        dose: What it delivers now.
        today: Today's percentages, None for the prescribed ones.
        order: The technician's order.
        policy: The policy in force.
        checks: What the gate says.
        day: What the patient had.
        clock_floor: The newest wall time of the record that counts.
        seq: Where the chain ended.
        head: The hash of that row.
    """

    prescription: Prescription
    dose: DoseNow
    today: Today | None
    order: StartOrder | None
    policy: Policy | None
    checks: tuple[CheckResult, ...]
    day: DayFact
    clock_floor: str
    seq: int
    head: str


def examine(
    order: SessionOrder, database: Database, challenge: Challenge | None
) -> TreatmentAuthority:
    """Return the authority of a treatment, with everything that the gate has to say about it.

    Raises:
        CannotBegin: The record cannot be believed, or holds no such prescription.
        DatabaseUnusable: The database is for something else.
    """
    if database.purpose is Purpose.REHEARSAL:
        raise DatabaseUnusable(
            f"{database.path}: this is a rehearsal database, and a treatment belongs into the "
            "clinic's"
        )
    if order.start_order is None:
        raise CannotBegin("there is no start order")
    try:
        station = Station(database, require_anchor(database.uid))
        with station.trusting() as trusted:
            found = _Examination(trusted, station, order, challenge).result()
    except NotTrusted as error:
        refused = CheckResult(
            "record",
            Answer.REFUSED,
            str(error),
            "An administrator looks at it with `tms-console records verify`; nothing is armed "
            "until the record is put right.",
        )
        raise CannotBegin(f"{refused.sentence} {refused.remedy}", (refused,)) from error
    except (ClinicRefused, AccountsError) as error:
        raise CannotBegin(str(error)) from error
    return TreatmentAuthority(station, order, found)


class TreatmentAuthority:
    """One treatment that was ordered; every answer of the gate about it."""

    def __init__(self, station: Station, order: SessionOrder, found: Examined) -> None:
        self._station = station
        self._order = order
        self._found = found
        self._seen = (found.seq, found.head)
        self._answers: tuple[CheckResult, ...] = ()
        self.content: SessionContent = found.dose.session or found.prescription.session
        self.pulses_before = _pulses_today(found.day, self.now())
        self.newest_at = found.clock_floor
        self.pulses_allowed = most_pulses_a_day(found.policy, found.prescription)

    @property
    def on_record(self) -> OnRecord:
        """What the session's row says."""
        technician = None if self._found.order is None else self._found.order.technician.user_uid
        return OnRecord(
            SessionKind.TREATMENT,
            self._found.prescription.uid,
            self._order.digest,
            technician or self._order.actor,
            self._found.dose.thresholds[0].uid,
            technician,
        )

    def digest_now(self) -> str:
        """Return the prescription's digest, if what runs is what it delivers at its thresholds."""
        found = self._found
        if found.dose.session is None:
            return ""
        try:
            same = session_at(found.prescription, _counted(found), found.today) == self.content
        except OutsidePrescription:
            return ""
        return found.prescription.digest() if same else ""

    def checks(self) -> tuple[CheckResult, ...]:
        """Return what was answered before the session."""
        return self._found.checks

    def again(self) -> tuple[CheckResult, ...]:
        """Return what can have changed since; reads all of it only if somebody wrote something."""
        try:
            if self._written_since():
                self._answers = self._look()
        except (NotTrusted, ClinicRefused, RecordsError) as error:
            return (
                CheckResult(
                    "record", Answer.REFUSED, str(error), "Nothing more is given on this record."
                ),
            )
        return self._answers

    def opening(self) -> Sequence[AddRecord]:
        """Return the start order, which goes on record before the session's row."""
        return () if self._order.start_order is None else (self._order.start_order,)

    def closed(self) -> None:
        """Let the console sign the chain's head after the session's last write."""
        try:
            self._station.seal("a session's end")
        except RecordsError as error:
            LOGGER.warning("the console could not sign the session's end: %s", error)

    def now(self) -> datetime:
        """Return the wall time in the policy's time zone."""
        zone: tzinfo = UTC if self._found.policy is None else self._found.policy.zone
        return datetime.now(zone)

    def _written_since(self) -> bool:
        """Return True if somebody wrote a record since the last look; moves the look forward.

        Raises:
            NotTrusted: The row last seen is not there any more: the file was exchanged or cut.
        """
        seq, hash_ = self._seen
        relevant = False
        rows = chain_since(self._station.database, seq)
        if not rows or (rows[0].seq, rows[0].hash) != (seq, hash_):
            raise NotTrusted("exchanged", "The record is not the one that the session began with.")
        for row in rows[1:]:
            kind = row.subject.partition(":")[0]
            relevant |= row.action == RECORD_ADD and kind not in NOT_LOOKED_AT
        self._seen = (rows[-1].seq, rows[-1].hash)
        return relevant

    def _look(self) -> tuple[CheckResult, ...]:
        uid, patient = self._found.prescription.uid, self._found.prescription.patient_uid
        with self._station.trusting() as trusted:
            now = self._station.wall()
            policy = policy_in_force(trusted, now)
            return (
                *check_again(
                    standing(trusted, uid, now), _holds(trusted, patient), _restore(trusted)
                ),
                *_same_policy(policy is not None),
                *self._same_technician(trusted, now),
            )

    def _same_technician(self, trusted: Trusted, now: str) -> tuple[CheckResult, ...]:
        """Who ordered the session must still be somebody; a locked screen is not a log-out."""
        order = self._found.order
        active = order is not None and (
            trusted.book.active(order.technician.user_uid, now) is not None
        )
        sentence = "Who ordered the session is active."
        if active:
            return (CheckResult("order", Answer.PASSED, sentence),)
        return (
            CheckResult(
                "order",
                Answer.REFUSED,
                "Who ordered the session was deactivated.",
                "Somebody else orders it anew.",
            ),
        )


def _same_policy(there: bool) -> tuple[CheckResult, ...]:
    if there:
        return (CheckResult("policy", Answer.PASSED, "The clinic's policy is in force."),)
    return (
        CheckResult(
            "policy",
            Answer.REFUSED,
            "The clinic's policy was withdrawn.",
            "A physician signs a policy; without one no real stimulator is armed.",
        ),
    )


class _Examination:
    """One look at the record for one order."""

    def __init__(
        self, trusted: Trusted, station: Station, order: SessionOrder, challenge: Challenge | None
    ) -> None:
        wall = station.wall()
        self._trusted = trusted
        self._database = station.database
        self._order = order
        self._challenge = challenge
        self._wall = wall
        self._prescription = read_prescription(trusted, order.authority_uid)
        in_force = policy_in_force(trusted, wall)
        self._policy = None if in_force is None else in_force.policy
        self._zone = "UTC" if self._policy is None else self._policy.time_zone
        self._now = moment_of(wall).astimezone(UTC if self._policy is None else self._policy.zone)

    def result(self) -> Examined:
        """Gather every fact and ask."""
        start, fault = self._start_order()
        day = self._day()
        today = self._today(start, day)
        dose = band_now(self._trusted, self._prescription, today)
        facts = TreatmentFacts(
            now=self._now,
            restore=_restore(self._trusted),
            order=start,
            order_fault=fault,
            challenge=self._challenge,
            digest=self._order.digest,
            prescription=self._prescription,
            standing=standing(self._trusted, self._prescription.uid, self._wall),
            policy=self._policy,
            dose=dose,
            thresholds=self._thresholds(dose),
            screening=self._form(SCREENING),
            daily=self._form(DAILY),
            identity=self._form(IDENTITY),
            ears=self._form(EARS),
            extra=self._form(EXTRA),
            extra_because=self._extra_because(dose, today, day),
            holds=_holds(self._trusted, self._prescription.patient_uid),
            day=day,
        )
        head = self._trusted.head
        return Examined(
            self._prescription,
            dose,
            today,
            start,
            self._policy,
            check_treatment(facts),
            day,
            clock_floor(self._trusted, self._database),
            head.seq,
            head.hash,
        )

    def _start_order(self) -> tuple[StartOrder | None, str]:
        """Read the order at the place in the chain that it is about to get."""
        add = self._order.start_order
        if add is None or add.signature is None:
            return None, "There is no start order."
        if self._trusted.record(RecordKind.START_ORDER, add.uid) is not None:
            return None, "This start order is on record already: it was used before."
        seq = self._trusted.head.seq + 1
        record = StoredRecord(add.kind, add.uid, seq, add.at, add.actor, add.content, add.signature)
        try:
            start = read_start_order(record, self._trusted.book)
        except (BadStatement, ValueError) as error:
            return None, f"The start order does not hold: {error}."
        who = self._trusted.book.active(start.technician.user_uid, self._wall)
        if who is None or who.uid != start.technician.uid:
            return None, f"{start.technician.name} is not active any more."
        return start, ""

    def _day(self) -> DayFact:
        """Return every session that the patient had; the rules count what matters."""
        trusted, patient = self._trusted, self._prescription.patient_uid
        line = self._prescription.prescription_uid
        given = tuple(
            GivenSession(
                started_at=moment_of(one.started_at),
                ended_at=moment_of(one.last_at),
                pulses=one.pulses,
                of_course=any(row.prescription_uid == line for row in one.rows),
            )
            for one in days.sittings(trusted, patient)
            if one.counts and one.rows[0].kind is SessionKind.TREATMENT
        )
        of_course = sum(one.of_course for one in given)
        resumed = self._order.resumes_uid
        in_chain = 0 if resumed is None else _given_in_chain(trusted, resumed)
        return DayFact(
            given=given,
            number=of_course + (0 if resumed is not None and in_chain else 1),
            resuming=resumed is not None,
            given_in_chain=in_chain,
        )

    def _today(self, start: StartOrder | None, day: DayFact) -> Today | None:
        if start is None or start.ordered.today_pct_mt is None:
            return None
        return Today(day.number, start.ordered.today_pct_mt)

    def _thresholds(self, dose: DoseNow) -> tuple[ThresholdFact, ...]:
        facts = []
        for block, reference in enumerate(dose.thresholds, 1):
            threshold = newest_like(self._trusted, reference)
            if threshold is None:
                continue
            old = age(self._trusted, threshold, self._wall, self._zone)
            words = f"{reference.value_pct_mso} %MSO, {reference.kind}, {reference.method}"
            facts.append(ThresholdFact(block, words, old.days, old.sessions))
        return tuple(facts)

    def _form(self, form_id: str) -> FormFact:
        return _form_fact(self._trusted, self._prescription.patient_uid, form_id)

    def _extra_because(self, dose: DoseNow, today: Today | None, day: DayFact) -> tuple[str, ...]:
        first = 3 if self._policy is None else self._policy.extra_check_sessions
        why = [f"session {day.number} of the first {first}"] if day.number <= first else []
        changed = days.changed_since_last(
            self._trusted,
            days.Today(
                self._prescription.patient_uid,
                self._prescription.uid,
                tuple(one.uid for one in dose.thresholds),
                None if today is None else today.pct_mt,
            ),
            self._zone,
        )
        why += ["the dose changed"] * changed.dose
        why += ["the threshold changed"] * changed.threshold
        why += ["the medication changed"] * changed.medication
        return tuple(why)


def _given_in_chain(trusted: Trusted, session_uid: str) -> int:
    """Return the pulses that were given, or may have been, in a session and those it resumes."""
    given, uid, seen = 0, session_uid, set[str]()
    while uid not in seen and (session := trusted.sessions.get(uid)) is not None:
        seen.add(uid)
        outcomes = (session.ended or {}).get("outcomes")
        counts = outcomes if isinstance(outcomes, dict) else {}
        given += sum(int(str(counts.get(one.value, 0))) for one in days.GIVEN)
        uid = str(session.begun.get("resumes_uid"))
    return given


def _pulses_today(day: DayFact, now: datetime) -> int:
    """Return the pulses of today that do not belong to the sessions that this one goes on from."""
    today = now.date()
    pulses = sum(
        one.pulses for one in day.given if one.started_at.astimezone(now.tzinfo).date() == today
    )
    return max(0, pulses - day.given_in_chain)


def _form_fact(trusted: Trusted, patient_uid: str, form_id: str) -> FormFact:
    filled = newest_answers(trusted, patient_uid, form_id)
    if filled is None:
        return FormFact(form(form_id).name)
    return FormFact(
        filled.form.name,
        moment_of(filled.answers.answered_at),
        tuple(str(one) for one in filled.evaluation.refused),
        tuple(str(one) for one in filled.uncleared),
    )


def _holds(trusted: Trusted, patient_uid: str) -> tuple[str, ...]:
    return tuple(str(one) for one in holds(trusted, patient_uid))


def _restore(trusted: Trusted) -> str:
    pending = pending_restore(trusted)
    if pending is None:
        return ""
    return (
        f"An older copy of the record was put back on {pending.at[:10]}, and no physician has "
        "signed which prescriptions are still in force."
    )


def _counted(found: Examined) -> list[ThresholdReference]:
    """Return what each block's dose follows from: the signed threshold where the value is equal."""
    signed = [basis.threshold for basis in found.prescription.doses]
    return [
        named if now.value_pct_mso == named.value_pct_mso else now
        for named, now in zip(signed, found.dose.thresholds, strict=True)
    ]
