"""Records that a session rests on, with the least content that the tables take, for tests here.

What their contents mean is the clinic's affair; here they are only signed, ordered and delivered.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

from tests.accounts.people import Clinic, password_of
from tests.records.recording import begin_session, end_session
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.start_orders import Ordered, order_start
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind, content_digest
from tms_console.records.operations import SessionKind, new_uid

AT = "2026-03-01T09:00:00Z"


def add(clinic: Clinic, kind: RecordKind, content: dict[str, Json], uid: str = "") -> AddRecord:
    """Put a record of a kind on record."""
    uid = uid or new_uid()
    text = canonical_text({"tag": kind.tag, "uid": uid, **content})
    record = AddRecord(kind=kind, uid=uid, at=clinic.station.wall(), actor="console", content=text)
    clinic.station.write(record)
    return record


def add_patient(clinic: Clinic) -> AddRecord:
    uid = new_uid()
    content: dict[str, Json] = {
        "patient_uid": uid,
        "version": 1,
        "supersedes": None,
        "record_number": f"R{uid[-6:]}",
        "name": "Pat Ient",
        "birth_date": "1980-01-01",
    }
    return add(clinic, RecordKind.PATIENT, content, uid)


def add_threshold(clinic: Clinic, patient: AddRecord) -> AddRecord:
    content: dict[str, Json] = {
        "patient_uid": patient.uid,
        "threshold_kind": "resting hand",
        "muscle": "APB",
        "side": "right",
        "coil": "figure-of-eight",
        "method": "MEP",
        "value_pct_mso": 45,
        "measured_at": AT,
        "supersedes": None,
    }
    return add(clinic, RecordKind.THRESHOLD, content)


def add_prescription(
    clinic: Clinic, patient: AddRecord, *, supersedes: AddRecord | None = None, of: str = ""
) -> AddRecord:
    uid = new_uid()
    content: dict[str, Json] = {
        "prescription_uid": of or uid,
        "version": 1 if supersedes is None else 2,
        "patient_uid": patient.uid,
        "supersedes": None if supersedes is None else supersedes.uid,
        "session": {"protocol_id": "lf1-right"},
    }
    return add(clinic, RecordKind.PRESCRIPTION, content, uid)


def add_policy(clinic: Clinic) -> AddRecord:
    return add(clinic, RecordKind.POLICY, {"version": 1, "supersedes": None})


def say(
    clinic: Clinic,
    meaning: Meaning,
    record: AddRecord,
    patient: AddRecord | None = None,
    **more: Any,
) -> AddRecord:
    """Let the physician sign something."""
    login = clinic.people[Role.PHYSICIAN]
    to_sign = ToSign(
        meaning,
        record.uid,
        content_digest(record.content),
        None if patient is None else patient.uid,
        **more,
    )
    name = login.enrolment.login
    return sign(clinic.station, login, to_sign, password_of(name), login_name=name)


@dataclass(frozen=True)
class Treatment:
    """A patient with a threshold and an approved prescription."""

    patient: AddRecord
    threshold: AddRecord
    prescription: AddRecord

    def ordered(self, session_uid: str) -> Ordered:
        return Ordered(
            authority_uid=self.prescription.uid,
            authority_digest=content_digest(self.prescription.content),
            patient_uid=self.patient.uid,
            threshold_uids=(self.threshold.uid,),
            session_number=1,
            session_uid=session_uid,
            nonce=secrets.token_hex(32),
        )


def prescribe(clinic: Clinic, *, approved: bool = True) -> Treatment:
    """Return a treatment that could be given."""
    patient = add_patient(clinic)
    made = Treatment(patient, add_threshold(clinic, patient), add_prescription(clinic, patient))
    if approved:
        say(clinic, Meaning.APPROVE_PRESCRIPTION, made.prescription, patient)
    return made


def order(
    clinic: Clinic, treatment: Treatment, session_uid: str, by: Login | None = None, **other: Any
) -> None:
    """Put a start order on record."""
    login = by or clinic.people[Role.TECHNICIAN]
    ordered = replace(treatment.ordered(session_uid), **other)
    clinic.station.write(order_start(clinic.station, login, ordered))


def give(clinic: Clinic, treatment: Treatment, session_uid: str, **other: Any) -> None:
    """Put a session without trains on record; whether it might begin is nobody's question here."""
    values: dict[str, Any] = {
        "kind": SessionKind.TREATMENT,
        "authority_uid": treatment.prescription.uid,
        "authority_digest": content_digest(treatment.prescription.content),
        "threshold_uid": treatment.threshold.uid,
        "technician_uid": clinic.people[Role.TECHNICIAN].user_uid,
        "actor": clinic.people[Role.TECHNICIAN].user_uid,
        "simulated_proof": None,
    }
    clinic.station.write(begin_session(session_uid, **values | other))
    clinic.station.write(end_session(session_uid), seal="the end of a session")


def deliver(clinic: Clinic, treatment: Treatment) -> str:
    """Order and give a session, and return its uid."""
    uid = new_uid()
    order(clinic, treatment, uid)
    give(clinic, treatment, uid)
    return uid
