"""What a session rested on: the authority that was signed, and a technician's order for it.

Judged at the session's place in the chain: what was signed, withdrawn or ended later is history
and changes nothing.  What the authority's content means is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from tms_console.accounts.book import Book
from tms_console.accounts.signatures import Meaning, Signed
from tms_console.accounts.start_orders import StartOrder
from tms_console.accounts.trust import OldSession
from tms_console.records.clinical import RecordKind, StoredRecord

_Read = TypeVar("_Read")

_APPROVE = frozenset({Meaning.APPROVE_PRESCRIPTION, Meaning.APPROVE_POLICY})
_DECIDE = _APPROVE | {
    Meaning.RETURN_PRESCRIPTION,
    Meaning.WITHDRAW_PRESCRIPTION,
    Meaning.WITHDRAW_POLICY,
}


@dataclass(frozen=True, slots=True)
class On(Generic[_Read]):
    """A statement that holds: the record, and what it says."""

    record: StoredRecord
    read: _Read


@dataclass(frozen=True, slots=True)
class _Approved:
    """An approval of one version: its place in the chain, the version's number and uid."""

    seq: int
    version: int
    uid: str


@dataclass(frozen=True)
class Signatures:
    """Everything signed that a session can rest on, looked up without going through all of it.

    Attributes:
        book: The enrolments.
        authorities: Every prescription and policy by uid.
        restores: Every restore, in order of the chain.
        signed: Every signature that holds, in order of the chain.
        orders: Every start order that holds, by the uid of its session.
    """

    book: Book
    authorities: Mapping[str, StoredRecord]
    restores: tuple[StoredRecord, ...]
    signed: tuple[On[Signed], ...]
    orders: Mapping[str, On[StartOrder]]

    @cached_property
    def of_subject(self) -> Mapping[str, tuple[Signed, ...]]:
        """Every signature by what it signs, in order of the chain."""
        found: dict[str, list[Signed]] = {}
        for one in self.signed:
            found.setdefault(one.read.subject_uid, []).append(one.read)
        return {uid: tuple(several) for uid, several in found.items()}

    @cached_property
    def _approved(self) -> Mapping[object, tuple[_Approved, ...]]:
        found: dict[object, list[_Approved]] = {}
        for one in self.signed:
            authority = self.authorities.get(one.read.subject_uid)
            if authority is None or one.read.meaning not in _APPROVE:
                continue
            version = authority.member("version")
            if isinstance(version, int):
                approved = _Approved(one.read.seq, version, authority.uid)
                found.setdefault(_family(authority), []).append(approved)
        return {family: tuple(several) for family, several in found.items()}

    def approved_beside(self, authority: StoredRecord) -> tuple[_Approved, ...]:
        """Return every approval of a version of the same thing, in order of the chain."""
        return self._approved.get(_family(authority), ())


def _family(authority: StoredRecord) -> object:
    """Return what all versions of one prescription, or of the policy, have in common."""
    return authority.kind, authority.member("prescription_uid")


def unbound(session: OldSession, record: Signatures) -> Iterator[str]:
    """Yield what is wrong with what a session rested on, in sentences; nothing if all holds."""
    uid = session.begun.get("authority_uid")
    authority = record.authorities.get(str(uid))
    if authority is None:
        yield f"it rests on {uid!r}, which is no prescription or policy on record"
        return
    name = f"{authority.kind} {authority.uid}"
    if authority.seq > session.seq:
        yield f"it rests on {name}, which was not on record when it began"
    if authority.digest != session.begun.get("authority_digest"):
        yield f"it rests on {name}, which is not what was signed for it"
    if session.begun.get("kind") == "treatment" and authority.kind is not RecordKind.PRESCRIPTION:
        yield f"it is a treatment and rests on {name}; only a prescription allows one"
    if session.begun.get("kind") == "threshold" and authority.kind is not RecordKind.POLICY:
        yield f"it looks for a threshold and rests on {name}; only a policy allows that"
    yield from _approval(session, record, authority)
    yield from _order(session, record, authority)


def _approval(session: OldSession, record: Signatures, authority: StoredRecord) -> Iterator[str]:
    """Whether the approval stood when the session began."""
    name = f"{authority.kind} {authority.uid}"
    decisions = [
        one
        for one in record.of_subject.get(authority.uid, ())
        if one.meaning in _DECIDE and one.seq < session.seq
    ]
    if not decisions:
        yield f"{name} was not approved when it began"
        return
    newest = decisions[-1]
    if newest.meaning not in _APPROVE:
        yield f"{name} was not in force when it began; the last word on it was: {newest.meaning}"
        return
    signer = newest.enrolment
    if not any(
        one.may_sign_at(session.seq) for one in record.book.enrolments_of(signer.user_uid)
    ) or _deactivated(record.book, signer.user_uid, session.seq):
        yield f"{signer.name}, who approved {name}, was not active any more when it began"
    if later := _superseding(record, authority, session.seq):
        yield f"{name} was superseded by {later} when it began"
    yield from _restored(session, record, authority, newest)


def _deactivated(book: Book, user_uid: str, seq: int) -> bool:
    at = book.deactivated_at(user_uid)
    return at is not None and at < seq


def _superseding(record: Signatures, authority: StoredRecord, seq: int) -> str:
    """Return the uid of a later version that was approved before a place, "" if there is none."""
    version = authority.member("version")
    if not isinstance(version, int):
        return ""
    for one in record.approved_beside(authority):
        if one.seq <= seq and one.version > version:
            return one.uid
    return ""


def _restored(
    session: OldSession, record: Signatures, authority: StoredRecord, approval: Signed
) -> Iterator[str]:
    """Whether a physician had said after a restore that the authority is still in force."""
    restores = [one for one in record.restores if one.seq < session.seq]
    if not restores:
        return
    newest = restores[-1]
    said = [
        one
        for one in record.of_subject.get(newest.uid, ())
        if one.meaning is Meaning.STILL_IN_FORCE and one.seq < session.seq
    ]
    if not said:
        yield f"no physician had signed what was still in force after restore {newest.uid}"
    elif approval.seq < newest.seq and authority.uid not in said[-1].items:
        yield (
            f"{authority.kind} {authority.uid} was not among what was still in force after restore "
            f"{newest.uid}"
        )


def _order(session: OldSession, record: Signatures, authority: StoredRecord) -> Iterator[str]:
    """Whether somebody who may ordered exactly this session before it began."""
    order = record.orders.get(session.uid)
    if order is None:
        yield "nobody ordered it: there is no start order that holds"
        return
    name, ordered = f"start_order {order.read.uid}", order.read.ordered
    if order.record.seq > session.seq:
        yield f"{name} was put on record after it began"
    stated = {
        "authority_uid": ordered.authority_uid,
        "authority_digest": ordered.authority_digest,
        "technician_uid": order.read.technician.user_uid,
        "threshold_uid": ordered.threshold_uids[0] if ordered.threshold_uids else None,
    }
    for member, value in stated.items():
        if session.begun.get(member) != value:
            yield f"its {member} is {session.begun.get(member)!r}, and {name} says {value!r}"
    patient = authority.member("patient_uid")
    if patient is not None and patient != ordered.patient_uid:
        yield f"{name} is for patient {ordered.patient_uid}, and {authority.uid} for {patient}"
