"""What kind of value each computed column of a record is made of.

SQLite would turn a number or a list into text without a word.  What the values mean is not known
here, nor what else a content holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tms_console.records.canonical import Json


class Member(Enum):
    """A kind of value; its own value is how a person is told."""

    TEXT = "text"
    TEXT_OR_NULL = "text or null"
    NUMBER = "a whole number"
    NUMBER_OR_NULL = "a whole number or null"
    TRUTH = "true or false"

    def fits(self, value: Json) -> bool:
        """Return True for a value of this kind."""
        match self:
            case Member.TEXT:
                return isinstance(value, str)
            case Member.TEXT_OR_NULL:
                return value is None or isinstance(value, str)
            case Member.NUMBER:
                return isinstance(value, int) and not isinstance(value, bool)
            case Member.NUMBER_OR_NULL:
                return value is None or (isinstance(value, int) and not isinstance(value, bool))
            case Member.TRUTH:
                return isinstance(value, bool)


def _texts(*names: str) -> dict[str, Member]:
    return dict.fromkeys(names, Member.TEXT)


_SUPERSEDES = {"supersedes": Member.TEXT_OR_NULL}
_VERSION = {"version": Member.NUMBER, **_SUPERSEDES}

MEMBERS: Mapping[str, Mapping[str, Member]] = {
    "user": _texts("login", "name"),
    "enrolment": {
        **_texts("user_uid", "role", "grade", "public_key", "signer_uid"),
        "after_reset": Member.TRUTH,
    },
    "enrolment_end": _texts("enrolment_uid", "why", "signer_uid"),
    "key_confirmation": {**_texts("enrolment_uid"), "signer_uid": Member.TEXT_OR_NULL},
    "signature": {
        **_texts("meaning", "subject_kind", "subject_uid", "subject_digest", "enrolment_uid"),
        "patient_uid": Member.TEXT_OR_NULL,
    },
    "start_order": {
        **_texts("authority_uid", "authority_digest", "patient_uid", "session_uid", "nonce"),
        **_texts("enrolment_uid"),
        "threshold_uid": Member.TEXT_OR_NULL,
    },
    "restore": {
        **_texts("enrolment_uid"),
        "present_seq": Member.NUMBER,
        "missing_from_seq": Member.NUMBER_OR_NULL,
    },
    "clock_correction": _texts("enrolment_uid", "newest_at", "reason"),
    "seal": {**_texts("sealed_hash", "why"), "sealed_seq": Member.NUMBER},
    "patient": {**_texts("patient_uid", "record_number", "name", "birth_date"), **_VERSION},
    "threshold": {
        **_texts("patient_uid", "threshold_kind", "muscle", "side", "coil", "method"),
        **_texts("measured_at"),
        "value_pct_mso": Member.NUMBER,
        **_SUPERSEDES,
    },
    "positioning": {**_texts("patient_uid", "method"), **_SUPERSEDES},
    "prescription": {
        **_texts("prescription_uid", "patient_uid", "session.protocol_id"),
        **_VERSION,
    },
    "policy": _VERSION,
    "form_answers": {
        **_texts("form_id", "patient_uid", "answered_at"),
        "form_version": Member.NUMBER,
        **_SUPERSEDES,
    },
    "adverse_event": {
        **_texts("patient_uid", "what"),
        "session_uid": Member.TEXT_OR_NULL,
        "severity": Member.NUMBER,
        **_SUPERSEDES,
    },
    "attachment": _texts("media_type", "sha256"),
}
"""By kind and by the path of each computed column in schema/*.sql; a test compares the two."""


def misfit(kind: str, content: Mapping[str, Json]) -> str | None:
    """Return what is wrong with the first member of a content that does not fit, None if all do."""
    for path, member in MEMBERS[kind].items():
        value: Json = content
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if not member.fits(value):
            return f"{path} is {value!r}, and must be {member.value}"
    return None
