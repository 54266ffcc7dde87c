"""The tables of records, credentials apart from them, as SQLModel classes to build statements with.

They create and validate nothing: schema/0002.sql makes the tables, and a test compares.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BLOB, Column, Computed, Integer, Table, Text
from sqlmodel import Field, SQLModel

from tms_console.records.clinical import RecordKind


def _computed(path: str, kind: type[Text] | type[Integer] = Text, *, null: bool = False) -> Any:
    """Return a column that SQLite computes from the content; nothing ever writes it."""
    computed = Computed(f"content ->> '{path}'", persisted=False)
    return Field(sa_column=Column(kind, computed, nullable=null))


class UserRow(SQLModel, table=True):
    """One person's account."""

    __tablename__ = "user"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    login: str = _computed("$.login")
    name: str = _computed("$.name")


class EnrolmentRow(SQLModel, table=True):
    """Whose key this is and what they may do."""

    __tablename__ = "enrolment"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    user_uid: str = _computed("$.user_uid")
    role: str = _computed("$.role")
    grade: str = _computed("$.grade")
    public_key: str = _computed("$.public_key")
    signer_uid: str = _computed("$.signer_uid")
    after_reset: int = _computed("$.after_reset", Integer)


class EnrolmentEndRow(SQLModel, table=True):
    """From here on the enrolment signs nothing."""

    __tablename__ = "enrolment_end"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    enrolment_uid: str = _computed("$.enrolment_uid")
    why: str = _computed("$.why")
    signer_uid: str = _computed("$.signer_uid")


class KeyConfirmationRow(SQLModel, table=True):
    """A key made after a password reset may approve."""

    __tablename__ = "key_confirmation"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    enrolment_uid: str = _computed("$.enrolment_uid")
    signer_uid: str | None = _computed("$.signer_uid", null=True)


class SignatureRow(SQLModel, table=True):
    """A person's signature on the digest of something, with its meaning."""

    __tablename__ = "signature"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    meaning: str = _computed("$.meaning")
    subject_kind: str = _computed("$.subject_kind")
    subject_uid: str = _computed("$.subject_uid")
    subject_digest: str = _computed("$.subject_digest")
    patient_uid: str | None = _computed("$.patient_uid", null=True)
    enrolment_uid: str = _computed("$.enrolment_uid")


class StartOrderRow(SQLModel, table=True):
    """A technician orders exactly one session."""

    __tablename__ = "start_order"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    authority_uid: str = _computed("$.authority_uid")
    authority_digest: str = _computed("$.authority_digest")
    patient_uid: str = _computed("$.patient_uid")
    threshold_uid: str | None = _computed("$.threshold_uid", null=True)
    session_uid: str = _computed("$.session_uid")
    nonce: str = _computed("$.nonce")
    enrolment_uid: str = _computed("$.enrolment_uid")


class RestoreRow(SQLModel, table=True):
    """An administrator put an older copy of this file back."""

    __tablename__ = "restore"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    enrolment_uid: str = _computed("$.enrolment_uid")
    present_seq: int = _computed("$.present_seq", Integer)
    missing_from_seq: int | None = _computed("$.missing_from_seq", Integer, null=True)


class ClockCorrectionRow(SQLModel, table=True):
    """An administrator says that the clock is right although the record is ahead of it."""

    __tablename__ = "clock_correction"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    enrolment_uid: str = _computed("$.enrolment_uid")
    newest_at: str = _computed("$.newest_at")
    reason: str = _computed("$.reason")


class SealRow(SQLModel, table=True):
    """The console's own signature on the head of its chain and on the registry up to there."""

    __tablename__ = "seal"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    signature: str = Field(sa_type=Text)
    sealed_seq: int = _computed("$.sealed_seq", Integer)
    sealed_hash: str = _computed("$.sealed_hash")
    why: str = _computed("$.why")


class PatientRow(SQLModel, table=True):
    """One version of what is known of a patient."""

    __tablename__ = "patient"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    patient_uid: str = _computed("$.patient_uid")
    version: int = _computed("$.version", Integer)
    supersedes: str | None = _computed("$.supersedes", null=True)
    record_number: str = _computed("$.record_number")
    name: str = _computed("$.name")
    birth_date: str = _computed("$.birth_date")


class ThresholdRow(SQLModel, table=True):
    """A measured motor threshold."""

    __tablename__ = "threshold"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    patient_uid: str = _computed("$.patient_uid")
    threshold_kind: str = _computed("$.threshold_kind")
    muscle: str = _computed("$.muscle")
    side: str = _computed("$.side")
    coil: str = _computed("$.coil")
    method: str = _computed("$.method")
    value_pct_mso: int = _computed("$.value_pct_mso", Integer)
    measured_at: str = _computed("$.measured_at")
    supersedes: str | None = _computed("$.supersedes", null=True)


class PositioningRow(SQLModel, table=True):
    """Where the coil goes and how that was found."""

    __tablename__ = "positioning"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    patient_uid: str = _computed("$.patient_uid")
    method: str = _computed("$.method")
    supersedes: str | None = _computed("$.supersedes", null=True)


class PrescriptionRow(SQLModel, table=True):
    """One proposed version of a prescription."""

    __tablename__ = "prescription"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    prescription_uid: str = _computed("$.prescription_uid")
    version: int = _computed("$.version", Integer)
    patient_uid: str = _computed("$.patient_uid")
    supersedes: str | None = _computed("$.supersedes", null=True)
    protocol_id: str = _computed("$.session.protocol_id")


class PolicyRow(SQLModel, table=True):
    """One proposed version of the clinic's policy."""

    __tablename__ = "policy"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    version: int = _computed("$.version", Integer)
    supersedes: str | None = _computed("$.supersedes", null=True)


class FormAnswersRow(SQLModel, table=True):
    """A form as it was filled in."""

    __tablename__ = "form_answers"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    form_id: str = _computed("$.form_id")
    form_version: int = _computed("$.form_version", Integer)
    patient_uid: str = _computed("$.patient_uid")
    answered_at: str = _computed("$.answered_at")
    supersedes: str | None = _computed("$.supersedes", null=True)


class AdverseEventRow(SQLModel, table=True):
    """What a patient suffered, structured."""

    __tablename__ = "adverse_event"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    patient_uid: str = _computed("$.patient_uid")
    session_uid: str | None = _computed("$.session_uid", null=True)
    what: str = _computed("$.what")
    severity: int = _computed("$.severity", Integer)
    supersedes: str | None = _computed("$.supersedes", null=True)


class AttachmentRow(SQLModel, table=True):
    """A photograph."""

    __tablename__ = "attachment"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    seq: int
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    data: bytes = Field(sa_type=BLOB)
    media_type: str = _computed("$.media_type")
    sha256: str = _computed("$.sha256")


class CredentialRow(SQLModel, table=True):
    """A person's password verifier and sealed private key; the only row here that changes."""

    __tablename__ = "credential"

    user_uid: str = Field(sa_type=Text, primary_key=True)
    parameters: str = Field(sa_type=Text)
    salt: str = Field(sa_type=Text)
    verifier: str = Field(sa_type=Text)
    sealed_key: str = Field(sa_type=Text)
    public_key: str = Field(sa_type=Text)
    must_change: int
    set_at: str = Field(sa_type=Text)


RECORDS: dict[RecordKind, Table] = {
    kind: SQLModel.metadata.tables[kind.value] for kind in RecordKind
}
"""The table of each kind of record."""

CREDENTIAL: Table = SQLModel.metadata.tables["credential"]
