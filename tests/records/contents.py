"""One record of every kind, as small as it can be, in an order in which they can be written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind, SetCredential
from tms_console.records.values import new_uid

AT = "2026-03-01T09:00:00.000000Z"
HEX = "ab" * 32
SIGNED = "cd" * 64
PHOTO = b"\x89PNG\r\n\x1a\n\x00\xff"


def uids() -> dict[RecordKind, str]:
    return {kind: new_uid() for kind in RecordKind}


def contents(of: Mapping[RecordKind, str]) -> dict[RecordKind, dict[str, Json]]:
    """Return a content of every kind, each naming the others; without tag and uid."""
    user, enrolment, patient = of[RecordKind.USER], of[RecordKind.ENROLMENT], of[RecordKind.PATIENT]
    threshold, session = of[RecordKind.THRESHOLD], of[RecordKind.START_ORDER]
    return {
        RecordKind.USER: {"login": "ada", "name": "Ada"},
        RecordKind.ENROLMENT: {
            "user_uid": user,
            "role": "physician",
            "grade": "full",
            "public_key": HEX,
            "signer_uid": enrolment,
            "after_reset": False,
        },
        RecordKind.ENROLMENT_END: {
            "enrolment_uid": enrolment,
            "why": "password reset",
            "signer_uid": enrolment,
        },
        RecordKind.KEY_CONFIRMATION: {"enrolment_uid": enrolment, "signer_uid": None},
        RecordKind.PATIENT: {
            "patient_uid": patient,
            "version": 1,
            "supersedes": None,
            "record_number": "P-1",
            "name": "Pat",
            "birth_date": "1970-01-01",
        },
        RecordKind.THRESHOLD: {
            "patient_uid": patient,
            "threshold_kind": "resting hand",
            "muscle": "APB",
            "side": "left",
            "coil": "figure of eight",
            "method": "visual",
            "value_pct_mso": 45,
            "measured_at": AT,
            "supersedes": None,
        },
        RecordKind.POSITIONING: {"patient_uid": patient, "method": "Beam F3", "supersedes": None},
        RecordKind.PRESCRIPTION: {
            "prescription_uid": of[RecordKind.PRESCRIPTION],
            "version": 1,
            "patient_uid": patient,
            "supersedes": None,
            "session": {"protocol_id": "lf1-right"},
        },
        RecordKind.POLICY: {"version": 1, "supersedes": None},
        RecordKind.FORM_ANSWERS: {
            "form_id": "screening",
            "form_version": 1,
            "patient_uid": patient,
            "answered_at": AT,
            "supersedes": None,
        },
        RecordKind.ADVERSE_EVENT: {
            "patient_uid": patient,
            "session_uid": None,
            "what": "headache",
            "severity": 1,
            "supersedes": None,
        },
        RecordKind.ATTACHMENT: {
            "media_type": "image/png",
            "sha256": hashlib.sha256(PHOTO).hexdigest(),
        },
        RecordKind.SIGNATURE: {
            "meaning": "I approve this policy",
            "subject_kind": "policy",
            "subject_uid": of[RecordKind.POLICY],
            "subject_digest": HEX,
            "patient_uid": patient,
            "enrolment_uid": enrolment,
        },
        RecordKind.START_ORDER: {
            "authority_uid": of[RecordKind.PRESCRIPTION],
            "authority_digest": HEX,
            "patient_uid": patient,
            "threshold_uid": threshold,
            "session_uid": session,
            "nonce": HEX,
            "enrolment_uid": enrolment,
        },
        RecordKind.RESTORE: {
            "enrolment_uid": enrolment,
            "present_seq": 5,
            "missing_from_seq": None,
        },
        RecordKind.CLOCK_CORRECTION: {
            "enrolment_uid": enrolment,
            "newest_at": AT,
            "reason": "the clock was wrong",
        },
        RecordKind.SEAL: {"sealed_seq": 1, "sealed_hash": HEX, "why": "closing"},
    }


def add(kind: RecordKind, uid: str, members: Mapping[str, Json], **changed: Any) -> AddRecord:
    """Return the operation for a content."""
    values: dict[str, Any] = {
        "kind": kind,
        "uid": uid,
        "at": AT,
        "actor": "console",
        "content": canonical_text({"tag": kind.tag, "uid": uid, **members}),
    }
    if kind.signed:
        values["signature"] = SIGNED
    if kind is RecordKind.ATTACHMENT:
        values["data"] = PHOTO
    return AddRecord(**values | changed)


def one_of_each(of: Mapping[RecordKind, str]) -> dict[RecordKind, AddRecord]:
    return {kind: add(kind, of[kind], members) for kind, members in contents(of).items()}


def credential(user_uid: str, **changed: Any) -> SetCredential:
    values: dict[str, Any] = {
        "user_uid": user_uid,
        "parameters": '{"memory_kib":8}',
        "salt": "0f" * 16,
        "verifier": "5e" * 32,
        "sealed_key": "01" + "5e" * 60,
        "public_key": HEX,
        "must_change": True,
        "set_at": AT,
        "actor": "console",
    }
    return SetCredential(**values | changed)
