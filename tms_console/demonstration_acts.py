"""What the staff of a demonstration do before a first session, one act at a time.

When each is done is the story's, `demonstration_story`; who they are, `demonstration_people`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from protocols.form_evaluation import SCREENING, form
from protocols.limits import FindingAnswer, required_answers
from protocols.limits.prescription_review import review_prescription
from protocols.measured import ThresholdReference
from protocols.policy_proposal import proposed_policy
from protocols.prescribing import BlockOrder, PrescriptionFrame, prescribe_protocol, proposed_course
from protocols.prescription import Prescription, RemeasureBand, SessionContent
from protocols.protocol import load_library
from protocols.screening import AnswerValue, FormAnswers
from tms_console.accounts.login import Login, log_in
from tms_console.accounts.own_key import set_own_password
from tms_console.accounts.station import Station
from tms_console.accounts.users import NewUser, add_user
from tms_console.clinic.approvals import approve, return_
from tms_console.clinic.dose_now import acknowledge_threshold, band_now
from tms_console.clinic.forms import AnswersClearance, clear_answers, newest_answers
from tms_console.clinic.measurement import Measurement, Method
from tms_console.clinic.patients import add_patient, edit_patient, patient
from tms_console.clinic.policies import approve_policy, propose_policy
from tms_console.clinic.positioning import Head, Positioning, record_positioning
from tms_console.clinic.positioning import Method as PositioningMethod
from tms_console.clinic.prescriptions import propose
from tms_console.clinic.thresholds import as_reference, record_threshold, threshold
from tms_console.clinic.verdicts import Decision
from tms_console.demonstration_answers import NO_SCREENING
from tms_console.demonstration_people import (
    ADMINISTRATOR,
    PHYSICIAN,
    SECOND_PHYSICIAN,
    STAFF,
    TECHNICIAN,
    Course,
    Staff,
)
from tms_console.demonstration_sessions import wall_text
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.errors import RecordsError
from tms_console.records.values import new_uid

BAND = RemeasureBand(4, 70)

BELOW, ABOVE = 10, 4
"""A technician's bounds around the dose, in %MSO."""


class StoryClock:
    """A wall clock that stands where the story is, and goes on by a millisecond with every look."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> str:
        """Return the time as the record writes it."""
        self.at += timedelta(milliseconds=1)
        return wall_text(self.at)


@dataclass(slots=True)
class StoryPatient:
    """One patient while the story is told."""

    course: Course
    days: tuple[date, ...]
    uid: str = ""
    version_uid: str = ""
    threshold_uid: str = ""
    value: int = 0
    prescription: Prescription | None = None
    content: SessionContent | None = None
    sessions: int = 0
    last_session: str = ""
    measured: int = 0
    head: tuple[int, int, int] = (360, 370, 565)
    unsigned: list[str] = field(default_factory=list)


class Acts:
    """The clinic's own acts, as its staff do them."""

    def __init__(
        self, station: Station, clock: StoryClock, administrator: Login, zone_name: str
    ) -> None:
        self._station = station
        self._clock = clock
        self._logins: dict[str, Login] = {ADMINISTRATOR.login: administrator}
        self._zone_name = zone_name

    # The beginning

    def _enrol(self) -> None:
        for one in STAFF:
            if one is not ADMINISTRATOR:
                self._enrol_one(one)

    def _enrol_one(self, one: Staff) -> None:
        first = f"{secrets.token_hex(4)} first {secrets.token_hex(4)}"
        by = self._logins[ADMINISTRATOR.login]
        add_user(self._station, by, NewUser(one.login, one.name, one.role), first)
        provisional = log_in(self._station, one.login, first)
        self._logins[one.login] = set_own_password(self._station, provisional, one.password).login

    def _sign_policy(self) -> None:
        policy = proposed_policy(new_uid(), self._zone_name)
        physician = self._logins[PHYSICIAN.login]
        propose_policy(self._station, physician, policy)
        told = Decision(policy.uid, policy.digest())
        approve_policy(self._station, physician, told, PHYSICIAN.password, PHYSICIAN.login)

    # One patient

    def _admit(self, one: StoryPatient) -> None:
        by = self._logins[TECHNICIAN.login]
        details = one.course.details
        first = replace(details, medications=details.medications, alerts=())
        one.uid = add_patient(self._station, by, first)
        if details.alerts:
            edit_patient(self._station, self._logins[PHYSICIAN.login], one.uid, details)

    def _medicate(self, one: StoryPatient, session: int) -> None:
        with self._station.trusting() as trusted:
            seen = patient(trusted, one.uid)
        details = replace(seen.details, medications=one.course.changes[session])
        edit_patient(self._station, self._logins[TECHNICIAN.login], seen.uid, details)

    def _screen(self, one: StoryPatient) -> None:
        self._station.write(self._form(one, SCREENING, {**NO_SCREENING, **one.course.answers}))
        with self._station.trusting() as trusted:
            filled = newest_answers(trusted, one.uid, SCREENING)
        if filled is not None and filled.uncleared:
            reasons = {remark.item: "known, weighed and watched" for remark in filled.uncleared}
            clear_answers(
                self._station,
                self._logins[PHYSICIAN.login],
                AnswersClearance(filled.uid, reasons),
                PHYSICIAN.password,
                PHYSICIAN.login,
            )

    def _form(self, one: StoryPatient, form_id: str, answers: dict[str, AnswerValue]) -> AddRecord:
        asked, by = form(form_id), self._logins[TECHNICIAN.login]
        uid, at = new_uid(), self._clock()
        filled = FormAnswers(
            uid=uid,
            form_id=asked.id,
            form_version=asked.version,
            patient_uid=one.uid,
            session_uid=None,
            supersedes=None,
            answered_at=at,
            answers={item.id: answers.get(item.id) for item in asked.items},
        )
        return AddRecord(
            kind=RecordKind.FORM_ANSWERS,
            uid=uid,
            at=at,
            actor=by.user_uid,
            content=filled.canonical_text(),
        )

    def _measure(self, one: StoryPatient) -> None:
        course = one.course
        value = (one.value or course.threshold) + (
            course.moves[one.measured - 1] if one.measured else 0
        )
        measured = Measurement(
            patient_uid=one.uid,
            kind=course.kind,
            muscle=course.muscle,
            side=course.side,
            coil=course.coil,
            method=Method.VISIBLE_TWITCH,
            algorithm="5 of 10",
            value_pct_mso=value,
            measured_at=self._clock(),
        )
        one.threshold_uid = record_threshold(
            self._station, self._logins[TECHNICIAN.login], measured
        )
        one.value, one.measured = value, one.measured + 1
        if one.prescription is not None:
            self._use_threshold(one)

    def _use_threshold(self, one: StoryPatient) -> None:
        """Dose on the newest threshold; a physician acknowledges all but the newest of all."""
        if one.prescription is None:
            return
        with self._station.trusting() as trusted:
            dose = band_now(trusted, one.prescription)
            digests = {uid: threshold(trusted, uid).digest for uid in dose.needs_acknowledgement}
        if dose.session is None:
            raise RecordsError(f"{one.course.details.name}: {dose.refusal}")
        one.content = dose.session
        if one.measured <= len(one.course.re_measured):
            for uid, digest in digests.items():
                acknowledge_threshold(
                    self._station,
                    self._logins[PHYSICIAN.login],
                    Decision(uid, digest),
                    PHYSICIAN.password,
                    PHYSICIAN.login,
                )

    def _place(self, one: StoryPatient) -> None:
        course = one.course
        found = course.target.endswith("DLPFC")
        positioning = Positioning(
            patient_uid=one.uid,
            method=PositioningMethod.BEAM_F3 if found else PositioningMethod.NAVIGATION,
            target=course.target,
            side=course.side,
            head=Head(*one.head),
            coil_angle_deg=45 if found else None,
            note="cap size M",
        )
        record_positioning(self._station, self._logins[TECHNICIAN.login], positioning)

    def _prescribe(self, one: StoryPatient, *, returned: bool = False) -> None:
        before = one.prescription
        with self._station.trusting() as trusted:
            reference = as_reference(threshold(trusted, one.threshold_uid))
        made = prescribed(one, reference)
        if before is not None:
            made = replace(
                made,
                prescription_uid=before.prescription_uid,
                version=before.version + 1,
                supersedes=before.uid,
            )
        by = PHYSICIAN if returned else TECHNICIAN
        propose(self._station, self._logins[by.login], made)
        one.prescription = made

    def _return(self, one: StoryPatient) -> None:
        made, by = made_of(one), self._logins[SECOND_PHYSICIAN.login]
        told = Decision(made.uid, made.digest(), comment=one.course.returned)
        return_(self._station, by, told, SECOND_PHYSICIAN.password, SECOND_PHYSICIAN.login)

    def _approve(self, one: StoryPatient) -> None:
        made, by = made_of(one), self._logins[PHYSICIAN.login]
        required = required_answers(review_prescription(made))
        answers = tuple(
            FindingAnswer(each.code, each.block, "weighed against the indication")
            for each in required
        )
        told = Decision(made.uid, made.digest(), answers)
        approve(self._station, by, told, PHYSICIAN.password, PHYSICIAN.login)
        self._use_threshold(one)


def prescribed(one: StoryPatient, reference: ThresholdReference) -> Prescription:
    """Return the first version, with bounds for the technician around the dose."""
    course, protocol = one.course, load_library()[one.course.protocol_id]
    pulses = sum(one.pattern.pulses for one in protocol.fix(course.choices).blocks)
    planned = proposed_course(protocol, pulses, course.sessions)
    if planned is None:
        raise RecordsError(f"{protocol.id}: its sources state no course")
    frame = PrescriptionFrame(
        uid=new_uid(),
        patient_uid=one.uid,
        indication=course.indication,
        course=planned,
        longest_pause_s=600,
        band=BAND,
    )
    plain = prescribe_protocol(
        protocol, course.choices, [BlockOrder(reference, None, None, None)], frame
    )
    dose = plain.session.blocks[0].intensity_pct_mso
    bounds = BlockOrder(reference, dose - BELOW, dose + ABOVE, None)
    return prescribe_protocol(protocol, course.choices, [bounds], frame)


def made_of(one: StoryPatient) -> Prescription:
    """Return what was prescribed last.

    Raises:
        RecordsError: Nothing was.
    """
    if one.prescription is None:
        raise RecordsError(f"{one.course.details.name}: nothing was prescribed")
    return one.prescription
