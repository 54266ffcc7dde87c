"""One look at the signed record before a treatment: every fact that the gate asks for.

Nothing is decided here: the facts go to `treatment_gate`, and what can be believed is `accounts`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from protocols.canonical import moment_of
from protocols.course_rules import GivenSession
from protocols.form_evaluation import DAILY, EARS, EXTRA, IDENTITY, SCREENING, form
from protocols.policy import Policy
from protocols.prescription import Prescription
from protocols.remeasure import Today
from tms_console.accounts.clock_corrections import clock_floor
from tms_console.accounts.errors import BadStatement, NotTrusted
from tms_console.accounts.restores import pending_restore
from tms_console.accounts.start_orders import StartOrder, read_start_order
from tms_console.accounts.station import Station
from tms_console.accounts.trust import OldSession, Trusted
from tms_console.clinic import day as days
from tms_console.clinic.adverse_events import holds
from tms_console.clinic.approvals import standing
from tms_console.clinic.dose_now import DoseNow, band_now
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.forms import newest_answers, taken_back
from tms_console.clinic.measurement import Measurement
from tms_console.clinic.patients import Patient, require_current, versions
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.prescriptions import read_prescription
from tms_console.clinic.series import found_otherwise, read_series
from tms_console.clinic.thresholds import age, newest_like
from tms_console.delivery.gate import CheckResult
from tms_console.delivery.gate_facts import DayFact, FormFact, ThresholdFact, TreatmentFacts
from tms_console.delivery.order import Challenge, SessionOrder
from tms_console.delivery.treatment_gate import check_treatment
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.closed_rows import ClosedSession, altered
from tms_console.records.database import Database
from tms_console.records.heads import ChainHead

RECENT = timedelta(days=1)
"""Sessions that ended since then are compared with what was closed, row by row."""


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
        head: Where the chain ended.
    """

    prescription: Prescription
    dose: DoseNow
    today: Today | None
    order: StartOrder | None
    policy: Policy | None
    checks: tuple[CheckResult, ...]
    day: DayFact
    clock_floor: str
    head: ChainHead


class Examination:
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
        """Gather every fact and ask.

        Raises:
            NotTrusted: What is to be resumed is not what was closed.
            ClinicRefused: It is nobody's any more, or was never begun.
        """
        self._require_person()
        self._require_as_closed()
        start, fault = self._start_order()
        day = self._day()
        today = self._today(start, day)
        dose = band_now(self._trusted, self._prescription, today)
        facts = TreatmentFacts(
            now=self._now,
            restore=restore_in_words(self._trusted),
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
            holds=holds_in_words(self._trusted, self._prescription.patient_uid),
            day=day,
        )
        return Examined(
            self._prescription,
            dose,
            today,
            start,
            self._policy,
            check_treatment(facts),
            day,
            clock_floor(self._trusted, self._database),
            self._trusted.head,
        )

    def _require_person(self) -> None:
        """The patient is the one whom the physician saw, and still in the clinic.

        Raises:
            ClinicRefused: They are not, or the session to go on from was never begun.
        """
        trusted, patient_uid = self._trusted, self._prescription.patient_uid
        require_current(trusted, patient_uid)
        resumed = self._order.resumes_uid
        if resumed is not None and resumed not in trusted.sessions:
            raise ClinicRefused(f"There is no session {resumed[:40]} on record to go on from.")
        changed = identity_changed(trusted, patient_uid)
        approved = standing(trusted, self._prescription.uid, self._wall).approved
        if approved is not None and approved.seq < changed:
            raise ClinicRefused(
                "The patient's name, birth date or record number was changed after the "
                "prescription was approved. A physician approves it again."
            )
        require_identity_since(trusted, patient_uid, changed)

    def _require_as_closed(self) -> None:
        """See `require_as_closed`.

        Raises:
            NotTrusted: Rows are not what was closed.
        """
        patient, resumed = self._prescription.patient_uid, self._order.resumes_uid
        require_as_closed(self._trusted, self._database, patient, self._now, resumed)

    def _start_order(self) -> tuple[StartOrder | None, str]:
        """Read the order at the place in the chain that it is about to get."""
        return read_order(self._trusted, self._order.start_order, self._wall)

    def _day(self) -> DayFact:
        """Return every session that the patient had; the rules count what matters."""
        trusted, patient = self._trusted, self._prescription.patient_uid
        line = self._prescription.prescription_uid
        counted = [one for one in days.sittings(trusted, patient) if one.counts and one.treatment]
        given = tuple(
            GivenSession(
                started_at=moment_of(one.started_at),
                ended_at=self._ended_at(one),
                pulses=one.pulses,
                of_course=any(row.prescription_uid == line for row in one.rows),
            )
            for one in counted
        )
        resumed = self._order.resumes_uid
        in_chain = sum(map(_given_in, _chain(trusted, resumed)))
        resuming = in_chain > 0  # one without a pulse is no session yet: this is the first of it
        return DayFact(
            given=given,
            number=sum(one.of_course for one in given) + (0 if resuming else 1),
            resuming=resuming,
            given_in_chain=in_chain,
            another_since=resuming and resumed not in _newest_rows(counted),
            finding_pulses=finding_pulses_today(trusted, patient, self._wall, self._zone),
        )

    def _ended_at(self, sitting: days.Sitting) -> datetime:
        """Return when a session ended; where nobody saw it, as planned, but not later than now.

        A session that was cut off can be resumed at once; a later end that was seen stays what it
        is, for then a clock is wrong.
        """
        ended = moment_of(sitting.last_at)
        return ended if sitting.rows[-1].ended_at is not None else min(ended, self._now)

    def _today(self, start: StartOrder | None, day: DayFact) -> Today | None:
        if start is None or start.ordered.today_pct_mt is None:
            return None
        return Today(day.number, start.ordered.today_pct_mt)

    def _thresholds(self, dose: DoseNow) -> tuple[ThresholdFact, ...]:
        facts = []
        for block, reference in enumerate(dose.thresholds, 1):
            threshold = newest_like(self._trusted, reference)
            if threshold is None:
                continue  # whose age is not known is refused by its absence
            old = age(self._trusted, threshold, self._wall, self._zone)
            words = f"{reference.value_pct_mso} %MSO, {reference.kind}, {reference.method}"
            otherwise = self._otherwise(threshold.measured)
            facts.append(ThresholdFact(block, words, old.days, old.sessions, otherwise))
        return tuple(facts)

    def _otherwise(self, measured: Measurement) -> str:
        """Replay the series of a threshold that the console found."""
        if measured.found is None:
            return ""
        try:
            series = read_series(self._trusted, self._database, str(measured.session_uid))
        except ClinicRefused as error:
            return str(error)
        return found_otherwise(measured, series)

    def _form(self, form_id: str) -> FormFact:
        patient = self._prescription.patient_uid
        return form_fact(self._trusted, patient, form_id)

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


def identity_changed(trusted: Trusted, patient_uid: str) -> int:
    """Return where in the chain name, birth date or record number changed last, 0 for never."""
    line = versions(trusted, patient_uid)
    return max(
        (new.seq for old, new in pairwise(line) if _identity(old) != _identity(new)), default=0
    )


def require_identity_since(trusted: Trusted, patient_uid: str, changed: int) -> None:
    """Do nothing unless the identity was checked before it was changed.

    Raises:
        ClinicRefused: It was.
    """
    asked = newest_answers(trusted, patient_uid, IDENTITY)
    if asked is not None and asked.seq < changed:
        raise ClinicRefused(
            "The patient's name, birth date or record number was changed after the identity "
            "check. Check the two identifiers again."
        )


def require_as_closed(
    trusted: Trusted, database: Database, patient_uid: str, now: datetime, resumed: str | None
) -> None:
    """Compare with the chain the rows on which a session builds.

    It goes on where the rows of those before say that they ended: they must hold.  So must those
    of today, for what they gave counts, and those whose end nobody saw: they were closed from rows
    that could have been edited first.

    Raises:
        NotTrusted: They do not.
    """
    counted = [
        trusted.sessions[row.uid]
        for one in days.sittings(trusted, patient_uid)
        for row in one.rows
        if moment_of(row.last_at) > now - RECENT or row.ended_at is None
    ]
    asked = {one.uid: one for one in (*counted, *_chain(trusted, resumed))}
    with database.reading() as connection:
        for one in asked.values():
            if one.ended is None:
                continue  # still running, which `resume` refuses
            closed = ClosedSession(one.uid, trusted.head.console_uid, one.seq, one.begun, one.ended)
            if words := altered(connection, closed):
                raise NotTrusted("changed", f"Session {one.uid} is not what was closed: {words}.")


def read_order(trusted: Trusted, add: AddRecord | None, wall: str) -> tuple[StartOrder | None, str]:
    """Return an order read at the place in the chain that it will get, or why it is none."""
    if add is None:
        return None, "There is no start order."
    if trusted.record(RecordKind.START_ORDER, add.uid) is not None:
        return None, "This start order is on record already: it was used before."
    seq = trusted.head.seq + 1
    record = StoredRecord(add.kind, add.uid, seq, add.at, add.actor, add.content, add.signature)
    try:
        start = read_start_order(record, trusted.book)
    except (BadStatement, ValueError) as error:
        return None, f"The start order does not hold: {error}."
    if add.actor != start.technician.user_uid:
        return None, "The start order was handed in by somebody else than who signed it."
    who = trusted.book.active(start.technician.user_uid, wall)
    if who is None or who.uid != start.technician.uid:
        return None, f"{start.technician.name} is not active any more."
    return start, ""


def finding_pulses_today(trusted: Trusted, patient_uid: str, wall: str, zone: str) -> int:
    """Return the single stimuli of a patient today that looked for a threshold."""
    today = days.local_day(wall, zone)
    return days.had(trusted, patient_uid, today, zone).finding_pulses


def _chain(trusted: Trusted, session_uid: str | None) -> tuple[OldSession, ...]:
    """Return a session and those that it goes on from, the newest first."""
    found: dict[str, OldSession] = {}
    uid = str(session_uid)
    while uid not in found and (session := trusted.sessions.get(uid)) is not None:
        found[uid] = session
        uid = str(session.begun.get("resumes_uid"))
    return tuple(found.values())


def _newest_rows(counted: Sequence[days.Sitting]) -> set[str]:
    return {row.uid for one in counted[-1:] for row in one.rows}


def _given_in(session: OldSession) -> int:
    """Return the pulses of a session that were given, or may have been."""
    outcomes = (session.ended or {}).get("outcomes")
    counts = outcomes if isinstance(outcomes, dict) else {}
    return sum(int(str(counts.get(one.value, 0))) for one in days.GIVEN)


def _identity(patient: Patient) -> tuple[str, str, str]:
    details = patient.details
    return details.name, details.birth_date, details.record_number


def form_fact(trusted: Trusted, patient_uid: str, form_id: str) -> FormFact:
    """Return what is known of a form; an answer taken back uncleared is still uncleared."""
    filled = newest_answers(trusted, patient_uid, form_id)
    if filled is None:
        return FormFact(form(form_id).name)
    before = [
        f"{remark}, answered on {one.answers.answered_at[:10]} and otherwise since"
        for one in taken_back(trusted, patient_uid, form_id)
        for remark in one.uncleared
    ]
    return FormFact(
        filled.form.name,
        moment_of(filled.answers.answered_at),
        tuple(str(one) for one in filled.evaluation.refused),
        (*(str(one) for one in filled.uncleared), *before),
    )


def holds_in_words(trusted: Trusted, patient_uid: str) -> tuple[str, ...]:
    """Return why a patient is on hold, () if they are not."""
    return tuple(str(one) for one in holds(trusted, patient_uid))


def restore_in_words(trusted: Trusted) -> str:
    """Return why an older copy that was put back is not accounted for yet, "" if it is."""
    pending = pending_restore(trusted)
    if pending is None:
        return ""
    return (
        f"An older copy of the record was put back on {pending.at[:10]}, and no physician has "
        "signed which prescriptions are still in force."
    )
