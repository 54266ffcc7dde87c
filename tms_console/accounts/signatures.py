"""Signatures: what a person's signature says, and whether it holds at its place in the chain.

What follows from a signature that holds, and which one is the newest, is for the clinic to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tms_console.accounts.book import Book, Enrolment
from tms_console.accounts.errors import BadStatement
from tms_console.accounts.roles import PERMISSIONS, Permission, Role, allowed
from tms_console.accounts.statements import require_signed, text_of
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind, StoredRecord

SESSION = "session"
"""The subject kind of a signature under a session; its digest is that of the closing entry."""


class Meaning(StrEnum):
    """What a signature says; printed with it."""

    APPROVE_PRESCRIPTION = "I approve this prescription for delivery"
    RETURN_PRESCRIPTION = "I return this prescription"
    WITHDRAW_PRESCRIPTION = "I withdraw this prescription"
    APPROVE_POLICY = "I approve this policy"
    WITHDRAW_POLICY = "I withdraw this policy"
    ACKNOWLEDGE_THRESHOLD = "I acknowledge this threshold"
    CLEAR_ANSWERS = "I clear these answers"
    CLEAR_HOLD = "I clear this patient for treatment again"
    STILL_IN_FORCE = "These prescriptions are still in force"
    DELIVERED = "I delivered this session"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a meaning can be said of, and which permission saying it takes."""

    subject: str
    permission: Permission

    @property
    def physicians_only(self) -> bool:
        """True if only a physician can say it: then a key made after a reset must be confirmed."""
        return PERMISSIONS[self.permission] == frozenset({Role.PHYSICIAN})


RULES: Mapping[Meaning, Rule] = {
    Meaning.APPROVE_PRESCRIPTION: Rule(RecordKind.PRESCRIPTION, Permission.APPROVE_PRESCRIPTION),
    Meaning.RETURN_PRESCRIPTION: Rule(RecordKind.PRESCRIPTION, Permission.RETURN_PRESCRIPTION),
    Meaning.WITHDRAW_PRESCRIPTION: Rule(RecordKind.PRESCRIPTION, Permission.WITHDRAW_PRESCRIPTION),
    Meaning.APPROVE_POLICY: Rule(RecordKind.POLICY, Permission.APPROVE_POLICY),
    Meaning.WITHDRAW_POLICY: Rule(RecordKind.POLICY, Permission.WITHDRAW_POLICY),
    Meaning.ACKNOWLEDGE_THRESHOLD: Rule(RecordKind.THRESHOLD, Permission.ACKNOWLEDGE_THRESHOLD),
    Meaning.CLEAR_ANSWERS: Rule(RecordKind.FORM_ANSWERS, Permission.CLEAR_SCREENING),
    Meaning.CLEAR_HOLD: Rule(RecordKind.ADVERSE_EVENT, Permission.CLEAR_HOLD),
    Meaning.STILL_IN_FORCE: Rule(RecordKind.RESTORE, Permission.CONFIRM_IN_FORCE),
    Meaning.DELIVERED: Rule(SESSION, Permission.SIGN_DELIVERY),
}
"""Every meaning, what it is about and which permission it takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledged finding, or an item cleared, with the reason where one is asked for."""

    code: str
    block: int | None
    reason: str

    def canonical(self) -> dict[str, Json]:
        """Return it as JSON values."""
        return {"code": self.code, "block": self.block, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds.

    Attributes:
        uid: Of the statement.
        seq: Its place in the chain.
        at: Wall time, as the signer's computer said.
        meaning: What it says.
        subject_uid: Of what.
        subject_digest: Of exactly which content.
        enrolment: By which key, with who enrolled it and when.
        answers: Findings acknowledged, items cleared.
        items: Further uids it speaks of, such as the prescriptions still in force.
        comment: In the signer's words.
        head_seq: The row of the audit chain that was the newest when it was signed.
        head_hash: The hash of that row; whether it is in the chain, a full verification says.
    """

    uid: str
    seq: int
    at: str
    meaning: Meaning
    subject_uid: str
    subject_digest: str
    enrolment: Enrolment
    answers: tuple[Answer, ...] = ()
    items: tuple[str, ...] = ()
    comment: str = ""
    head_seq: int = 0
    head_hash: str = ""


@dataclass(frozen=True, slots=True)
class ToSign:
    """What somebody is about to sign.

    Attributes:
        meaning: What it says.
        subject_uid: Of what.
        subject_digest: Digest of exactly the content that was shown.
        patient_uid: Whose, None for a policy or a restore.
        answers: Findings acknowledged, items cleared.
        items: Further uids it speaks of.
        comment: In the signer's words.
    """

    meaning: Meaning
    subject_uid: str
    subject_digest: str
    patient_uid: str | None
    answers: tuple[Answer, ...] = ()
    items: tuple[str, ...] = ()
    comment: str = ""
    head: Mapping[str, Json] = field(default_factory=dict)

    def content(self, uid: str, signer: Enrolment, at: str) -> dict[str, Json]:
        """Return the content of the statement, without its tag."""
        return {
            "uid": uid,
            "meaning": self.meaning.value,
            "subject_kind": RULES[self.meaning].subject,
            "subject_uid": self.subject_uid,
            "subject_digest": self.subject_digest,
            "patient_uid": self.patient_uid,
            "enrolment_uid": signer.uid,
            "name": signer.name,
            "role": signer.role.value,
            "at": at,
            "answers": [answer.canonical() for answer in self.answers],
            "items": list(self.items),
            "comment": self.comment,
            "head": dict(self.head),
        }


def read_signature(
    record: StoredRecord, book: Book, subject: StoredRecord | None, *, session_digest: str = ""
) -> Signed:
    """Return what a signature says, if it holds at its place in the chain.

    Args:
        record: The statement.
        book: The enrolments.
        subject: The record it speaks of, None if there is none of that uid.
        session_digest: For a signature under a session: the digest of its closing entry.

    Raises:
        BadStatement: It does not hold; the sentence says why.
    """
    name = f"signature {record.uid}"
    meaning = Meaning(text_of(record, "meaning"))
    rule = RULES[meaning]
    enrolment = book.enrolment(text_of(record, "enrolment_uid"))
    if enrolment is None or not enrolment.may_sign_at(record.seq):
        raise BadStatement(f"{name}: the key was not enrolled, or no more, when it was signed")
    require_signed(record, enrolment.public_key)
    if (text_of(record, "name"), text_of(record, "role")) != (enrolment.name, enrolment.role):
        raise BadStatement(f"{name}: it states another name or role than the enrolment")
    if not allowed(enrolment.role, rule.permission):
        raise BadStatement(
            f"{name}: {enrolment.name} is {enrolment.role} and cannot say: {meaning}"
        )
    if rule.physicians_only and not enrolment.may_approve_at(record.seq):
        raise BadStatement(
            f"{name}: {enrolment.name}'s key was made after a password reset and was not confirmed"
        )
    if text_of(record, "subject_kind") != rule.subject:
        raise BadStatement(f"{name}: {meaning!r} cannot be said of such a record")
    _require_subject(record, rule, subject, session_digest)
    head_seq, head_hash = _head(record)
    return Signed(
        uid=record.uid,
        seq=record.seq,
        at=text_of(record, "at"),
        meaning=meaning,
        subject_uid=text_of(record, "subject_uid"),
        subject_digest=text_of(record, "subject_digest"),
        enrolment=enrolment,
        answers=_answers(record),
        items=_items(record),
        comment=text_of(record, "comment"),
        head_seq=head_seq,
        head_hash=head_hash,
    )


def _require_subject(
    record: StoredRecord, rule: Rule, subject: StoredRecord | None, session_digest: str
) -> None:
    name = f"signature {record.uid}"
    stated = text_of(record, "subject_digest")
    if rule.subject == SESSION:
        if not session_digest or stated != session_digest:
            raise BadStatement(f"{name}: the session is not the one that was signed")
        return
    if subject is None or subject.kind != rule.subject or subject.seq > record.seq:
        raise BadStatement(f"{name}: what it speaks of was not on record when it was signed")
    if subject.uid != text_of(record, "subject_uid") or subject.digest != stated:
        raise BadStatement(f"{name}: {subject.kind} {subject.uid} is not what was signed")
    if subject.member("patient_uid") != record.member("patient_uid"):
        raise BadStatement(f"{name}: {subject.kind} {subject.uid} is another patient's")


def _answers(record: StoredRecord) -> tuple[Answer, ...]:
    return tuple(_answer(record, one) for one in _list(record, "answers"))


def _answer(record: StoredRecord, given: Json) -> Answer:
    match given:
        case {"code": str(code), "block": (int() | None) as block, "reason": str(reason)} if (
            not isinstance(block, bool)
        ):
            return Answer(code, block, reason)
    raise BadStatement(f"signature {record.uid}: {given!r} is no answer to a finding")


def _items(record: StoredRecord) -> tuple[str, ...]:
    items = _list(record, "items")
    if not all(isinstance(one, str) for one in items):
        raise BadStatement(f"signature {record.uid}: items is {items!r}, not a list of uids")
    return tuple(str(one) for one in items)


def _list(record: StoredRecord, name: str) -> list[Json]:
    found = record.member(name)
    if not isinstance(found, list):
        raise BadStatement(f"signature {record.uid}: {name} is {found!r}, not a list")
    return found


def _head(record: StoredRecord) -> tuple[int, str]:
    """Return which row of the chain the signer saw as the newest: one before the signature."""
    match record.member("head"):
        case {"seq": int(seq), "hash": str(hash_)} if 0 < seq < record.seq:
            return seq, hash_
    raise BadStatement(
        f"signature {record.uid}: its head is not the place in the chain where it was signed"
    )
