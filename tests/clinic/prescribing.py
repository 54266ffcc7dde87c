"""A small practice with a patient, a measured threshold and prescriptions made from the library."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from protocols.course_plan import CoursePhase, CoursePlan
from protocols.limits import FindingAnswer, required_answers
from protocols.limits.prescription_review import review_prescription
from protocols.measured import ThresholdReference
from protocols.policy import Policy
from protocols.policy_proposal import proposed_policy
from protocols.prescribing import BlockOrder, PrescriptionFrame, prescribe_protocol
from protocols.prescription import Prescription, RemeasureBand
from protocols.protocol import load_library
from tests.accounts.people import Clinic, Wall, as_new, make_clinic, password_of
from tests.clinic.patients import MEASURED, measurement
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.statements import statement
from tms_console.accounts.station import Station, open_station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.approvals import approve, return_, standing, withdraw
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.clinic.policies import approve_policy, propose_policy
from tms_console.clinic.prescriptions import propose
from tms_console.clinic.thresholds import as_reference, record_threshold
from tms_console.clinic.thresholds import threshold as threshold_on_record
from tms_console.clinic.verdicts import Decision, Standing
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind
from tms_console.records.values import new_uid

NOW = "2026-11-20T09:00:00.000000Z"
MONDAY = MEASURED
TUESDAY = "2026-11-17T09:00:00Z"
PATIENT = PatientDetails("Paula Example", "1984-02-29", Sex.FEMALE, "A-17")
COURSE = CoursePlan((CoursePhase.weekly(4, 5),), 1, 0, 600)


@dataclass
class Practice:
    """A clinic with one patient whose threshold was measured."""

    clinic: Clinic
    patient_uid: str
    threshold_uid: str
    second: Login
    """Another physician."""

    @property
    def station(self) -> Station:
        return self.clinic.station

    @property
    def physician(self) -> Login:
        return self.clinic.people[Role.PHYSICIAN]

    @property
    def technician(self) -> Login:
        return self.clinic.people[Role.TECHNICIAN]

    @contextlib.contextmanager
    def trusting(self) -> Iterator[Trusted]:
        with self.station.trusting() as trusted:
            yield trusted

    def measure(self, value: int, at: str = TUESDAY) -> str:
        return record_threshold(
            self.station, self.technician, measurement(self.patient_uid, value, at)
        )

    def reference(self, uid: str = "") -> ThresholdReference:
        with self.trusting() as trusted:
            return as_reference(threshold_on_record(trusted, uid or self.threshold_uid))

    def prescription(
        self, band: RemeasureBand | None = None, threshold: ThresholdReference | None = None
    ) -> Prescription:
        """iTBS 600 at 120 % of the threshold, within a technician's bounds."""
        return prescribe_protocol(
            load_library()["itbs-600"],
            {},
            [BlockOrder(threshold or self.reference(), 40, 54, None)],
            PrescriptionFrame(
                uid=new_uid(),
                patient_uid=self.patient_uid,
                indication="major depressive disorder",
                course=COURSE,
                longest_pause_s=600,
                band=band,
            ),
        )

    def proposed(self, band: RemeasureBand | None = None) -> Prescription:
        """A prescription that the technician has proposed."""
        made = self.prescription(band)
        propose(self.station, self.technician, made)
        return made

    def approved(self, band: RemeasureBand | None = None) -> Prescription:
        """A prescription that the physician has approved."""
        made = self.proposed(band)
        self.approve(made)
        return made

    def next_version(self, of: Prescription, by: Login | None = None) -> Prescription:
        """The version after, of another indication, proposed."""
        made = following(of)
        propose(self.station, by or self.technician, made)
        return made

    def approve(self, one: Prescription, by: Login | None = None) -> str:
        login = by or self.physician
        return approve(self.station, login, decision(one, answers(one)), *secret(login))

    def withdraw(self, one: Prescription, by: Login | None = None) -> str:
        login = by or self.physician
        return withdraw(self.station, login, decision(one, comment="tired"), *secret(login))

    def return_(self, one: Prescription, by: Login | None = None) -> str:
        login = by or self.physician
        return return_(self.station, login, decision(one, comment="lower it"), *secret(login))

    def standing(self, one: Prescription, now: str = NOW) -> Standing:
        with self.trusting() as trusted:
            return standing(trusted, one.uid, now)

    def policy(self) -> Policy:
        """A policy that the physician has proposed and approved."""
        made = proposed_policy(new_uid(), "Europe/Berlin")
        propose_policy(self.station, self.physician, made)
        told = Decision(made.uid, made.digest())
        approve_policy(self.station, self.physician, told, *secret(self.physician))
        return made


def following(one: Prescription) -> Prescription:
    """A version after this one, unproposed."""
    return replace(
        one,
        uid=new_uid(),
        version=one.version + 1,
        supersedes=one.uid,
        indication=f"{one.indication}, version {one.version + 1}",
    )


def secret(login: Login) -> tuple[str, str]:
    """Password and login name of somebody."""
    return password_of(login.enrolment.login), login.enrolment.login


def answers(one: Prescription, reason: str = "weighed") -> tuple[FindingAnswer, ...]:
    """An answer to everything that a review asks."""
    required = required_answers(review_prescription(one))
    return tuple(FindingAnswer(each.code, each.block, reason) for each in required)


def doubled(one: Prescription) -> Prescription:
    """The same prescription with its block given twice, on one threshold."""
    (block,), (basis,) = one.session.blocks, one.doses
    again = replace(block, label="again", changeover_s=Fraction(60))
    session = replace(one.session, blocks=(block, again))
    course = replace(one.course, most_pulses_a_day=2 * one.course.most_pulses_a_day)
    return replace(one, session=session, doses=(basis, basis), course=course)


def decision(
    one: Prescription, given: tuple[FindingAnswer, ...] = (), comment: str = ""
) -> Decision:
    return Decision(one.uid, one.digest(), given, comment)


def weighed(practice: Practice) -> Prescription:
    """A prescription of which the review asks a written reason and an acknowledgement."""
    made = practice.prescription()
    block = replace(
        made.session.blocks[0], pct_mt=Fraction(130), intensity_pct_mso=59, highest_pct_mso=59
    )
    basis = replace(made.doses[0], prescribed_pct_mt=Fraction(130))
    session = replace(made.session, blocks=(block,), pre_step="cues")
    return replace(made, session=session, doses=(basis,))


def restored(practice: Practice) -> str:
    """Put on record that an older copy was put back, and return the record's uid."""
    administrator = practice.clinic.administrator
    content: dict[str, Json] = {
        "uid": new_uid(),
        "enrolment_uid": administrator.enrolment.uid,
        "present_seq": 30,
        "missing_from_seq": None,
    }
    record = statement(
        RecordKind.RESTORE,
        content,
        administrator.key(),
        at=NOW,
        actor=administrator.user_uid,
    )
    practice.station.write(record, seal="a restore")
    return record.uid


def confirmed(practice: Practice, restore_uid: str, *uids: str) -> None:
    """Let the physician sign what is still in force after a restore."""
    with practice.trusting() as trusted:
        record = trusted.record(RecordKind.RESTORE, restore_uid)
    assert record is not None
    to_sign = ToSign(Meaning.STILL_IN_FORCE, record.uid, record.digest, None, items=uids)
    password, name = secret(practice.physician)
    sign(practice.station, practice.physician, to_sign, password, login_name=name)


@dataclass(frozen=True)
class _Kept:
    """A practice as its files were left, so that it is made only once."""

    clinic: Clinic
    second: Login
    uids: tuple[str, str]
    files: dict[str, dict[str, bytes]]


_kept: list[_Kept] = []


def make_practice(folder: Path) -> Practice:
    """Return a clinic with a physician, a technician, QA, a patient and a threshold of 45 %MSO.

    Every call gives a copy of the first one's files and logins, in this test's own folders.
    """
    if not _kept:
        _kept.append(_make(folder / "first"))
    kept = _kept[0]
    for name, place in _places(folder).items():
        for file, content in kept.files[name].items():
            path = place / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)
    wall = Wall(NOW)
    opened = open_station(folder / "clinic.db", wall)
    station = replace(opened, hashing=kept.clinic.station.hashing)
    people = {role: as_new(login) for role, login in kept.clinic.people.items()}
    clinic = Clinic(
        station, people[Role.ADMINISTRATOR], wall, kept.clinic.argon2id, people, kept.clinic.codes
    )
    return Practice(clinic, *kept.uids, as_new(kept.second))


def _make(folder: Path) -> _Kept:
    folder.mkdir()
    clinic = make_clinic(folder, wall=Wall(NOW))
    second = clinic.add("second", Role.PHYSICIAN)
    technician = clinic.people[Role.TECHNICIAN]
    patient_uid = add_patient(clinic.station, technician, PATIENT)
    threshold_uid = record_threshold(clinic.station, technician, measurement(patient_uid))
    files = {
        name: {
            str(path.relative_to(place)): path.read_bytes()
            for path in place.rglob("*")
            if path.is_file()
        }
        for name, place in _places(folder).items()
    }
    return _Kept(clinic, second, (patient_uid, threshold_uid), files)


def _places(folder: Path) -> dict[str, Path]:
    state, config = os.environ["TMS_CONSOLE_STATE"], os.environ["TMS_CONSOLE_CONFIG"]
    return {"database": folder, "state": Path(state), "config": Path(config)}
