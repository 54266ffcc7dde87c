"""Start orders: a technician orders exactly one session, with the key that the login opened.

The session's uid and a nonce come from the delivering process, so that no order serves twice.
Whether the session may be given is for the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from protocols.canonical import JsonValue, Record
from protocols.exact import parse_ratio, ratio_text
from protocols.finding_content import Aim
from tms_console.accounts.book import Book, Enrolment
from tms_console.accounts.errors import BadStatement
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission, allowed
from tms_console.accounts.statements import (
    optional_text_of,
    require_signed,
    statement,
    text_of,
)
from tms_console.accounts.station import Station
from tms_console.records.canonical import Json
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.values import new_uid


@dataclass(frozen=True, slots=True)
class Ordered:
    """What is ordered.

    Attributes:
        authority_uid: The prescription, or the clinic's policy, this version of it.
        authority_digest: Its digest, as the technician saw it.
        patient_uid: For whom.
        threshold_uids: The threshold that each block's dose rests on, in the order of the blocks;
            () exactly in a search for a threshold.
        session_number: Which session of the course, from 1; 1 in a search for a threshold.
        session_uid: From the delivering process.
        nonce: From the delivering process, 64 hexadecimal digits.
        today_pct_mt: Percentage of each block for today, inside the signed ramp over the first
            sessions; None for the prescribed ones.
        pre_step: The pre-step that was done, None if none is prescribed.
        stated_coil: Which coil is connected, by the technician's word; None if the stimulator
            names it.
        aim: Which threshold is looked for, under the policy; None for a treatment.
    """

    authority_uid: str
    authority_digest: str
    patient_uid: str
    threshold_uids: tuple[str, ...]
    session_number: int
    session_uid: str
    nonce: str
    today_pct_mt: tuple[Fraction, ...] | None = None
    pre_step: str | None = None
    stated_coil: str | None = None
    aim: Aim | None = None

    def canonical(self) -> dict[str, Json]:
        """Return it as JSON values; a coil that nobody stated is left out."""
        today = self.today_pct_mt
        stated: dict[str, Json] = (
            {} if self.stated_coil is None else {"stated_coil": self.stated_coil}
        )
        return {
            "authority_uid": self.authority_uid,
            "authority_digest": self.authority_digest,
            "patient_uid": self.patient_uid,
            "threshold_uid": self.threshold_uids[0] if self.threshold_uids else None,
            "threshold_uids": list(self.threshold_uids),
            "session_number": self.session_number,
            "session_uid": self.session_uid,
            "nonce": self.nonce,
            "today_pct_mt": None if today is None else [ratio_text(one) for one in today],
            "pre_step": self.pre_step,
            **stated,
            **({} if self.aim is None else {"finding": self.aim.canonical()}),
        }


@dataclass(frozen=True, slots=True)
class StartOrder:
    """An order whose signature holds.

    Attributes:
        uid: Of the statement.
        ordered: What is ordered.
        technician: Who orders it.
        at: Wall time, as the technician's computer said.
    """

    uid: str
    ordered: Ordered
    technician: Enrolment
    at: str


def order_start(station: Station, login: Login, ordered: Ordered) -> AddRecord:
    """Return the signed order; the delivering process puts it on record.

    Raises:
        NotPermitted: Their role does not include it.
        LoginLocked: The screen is locked.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.SIGN_START_ORDER)
    at = station.wall()
    content: dict[str, Json] = {
        "uid": new_uid(),
        "enrolment_uid": login.enrolment.uid,
        "at": at,
        **ordered.canonical(),
    }
    return statement(RecordKind.START_ORDER, content, login.key(), at=at, actor=login.user_uid)


def read_start_order(record: StoredRecord, book: Book) -> StartOrder:
    """Return what an order says, if its signature holds at its place in the chain.

    Args:
        record: The statement; one that is not on record yet has the place it is about to get.
        book: The enrolments.

    Raises:
        BadStatement: It does not hold; the sentence says why.
    """
    name = f"start_order {record.uid}"
    technician = book.enrolment(text_of(record, "enrolment_uid"))
    if technician is None or not technician.may_sign_at(record.seq):
        raise BadStatement(f"{name}: the key was not enrolled, or no more, when it was signed")
    require_signed(record, technician.public_key)
    if not allowed(technician.role, Permission.SIGN_START_ORDER):
        raise BadStatement(f"{name}: {technician.name} is {technician.role} and orders no session")
    values = record.values
    today, number = values.get("today_pct_mt"), values.get("session_number")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise BadStatement(f"{name}: session_number is {number!r}, not a number from 1 on")
    thresholds = _texts(record, values.get("threshold_uids"))
    aim = _aim(record)
    named = () if values.get("threshold_uid") is None else (text_of(record, "threshold_uid"),)
    if thresholds[:1] != named or bool(thresholds) == (aim is not None):
        raise BadStatement(f"{name}: it names no threshold, or two that disagree")
    try:
        percent = None if today is None else tuple(map(parse_ratio, _texts(record, today)))
    except ValueError as error:
        raise BadStatement(f"{name}: today_pct_mt: {error}") from error
    ordered = Ordered(
        authority_uid=text_of(record, "authority_uid"),
        authority_digest=text_of(record, "authority_digest"),
        patient_uid=text_of(record, "patient_uid"),
        threshold_uids=thresholds,
        session_number=number,
        session_uid=text_of(record, "session_uid"),
        nonce=text_of(record, "nonce"),
        today_pct_mt=percent,
        pre_step=optional_text_of(record, "pre_step"),
        stated_coil=text_of(record, "stated_coil") if "stated_coil" in record.values else None,
        aim=aim,
    )
    return StartOrder(record.uid, ordered, technician, text_of(record, "at"))


def _aim(record: StoredRecord) -> Aim | None:
    """Return which threshold is looked for, None in the order of a treatment."""
    if "finding" not in record.values:
        return None
    try:
        return Aim.from_record(Record(cast("JsonValue", record.values["finding"])))
    except ValueError as error:
        raise BadStatement(f"start_order {record.uid}: finding: {error}") from error


def _texts(record: StoredRecord, value: Json) -> tuple[str, ...]:
    texts = value if isinstance(value, Sequence) and not isinstance(value, str) else [None]
    if not all(isinstance(one, str) for one in texts):
        raise BadStatement(f"start_order {record.uid}: {value!r} is not a list of texts")
    return tuple(str(one) for one in texts)
