"""How an act of the clinic becomes one record, and how records are found that still count.

What the records of a kind mean is known by the modules that name it.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self, TypeVar, cast

from protocols.canonical import (
    ContentError,
    JsonValue,
    Record,
    check_moment,
    check_text,
    moment_of,
)
from tms_console.accounts.errors import AccountsRefused
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.errors import ClinicRefused
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import (
    CONSOLE_ACTOR,
    AddRecord,
    RecordKind,
    StoredRecord,
    content_of,
)
from tms_console.records.errors import IllegalOperation
from tms_console.records.values import new_uid

FURTHEST_EAST = timedelta(hours=14)
"""Where a day begins first (UTC+14); a date is in the future only if it is so there too."""
_LONGEST_LINE = 200
_T = TypeVar("_T")


@contextlib.contextmanager
def reading_patients(station: Station, login: Login) -> Iterator[Trusted]:
    """Give one state of the database, checked, to somebody who may read patients' records.

    Raises:
        NotPermitted: Their role does not include it.
        LoginLocked: The screen is locked.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.READ_PATIENTS)
    with station.trusting() as trusted:
        yield trusted


@dataclass(frozen=True, slots=True)
class Made:
    """A record about to be made: its own uid, when, and by whom.

    Attributes:
        uid: The record's own.
        at: Wall time, RFC 3339 in UTC.
        actor: The uid of the user, or "console".
    """

    uid: str
    at: str
    actor: str

    @classmethod
    def now(cls, station: Station, login: Login) -> Self:
        """Return a new record of who is logged in, at this moment."""
        return cls(new_uid(), station.wall(), login.user_uid)


def entry(
    kind: RecordKind, members: Mapping[str, Json], made: Made, data: bytes | None = None
) -> AddRecord:
    """Return the record of a kind that says this.

    Args:
        kind: Which kind; its tag is added to the content.
        members: What is said, without tag and uid.
        made: Which record it is.
        data: The bytes of an attachment.
    """
    content = canonical_text({"tag": kind.tag, "uid": made.uid, **members})
    return AddRecord(
        kind=kind, uid=made.uid, at=made.at, actor=made.actor, content=content, data=data
    )


def put_on_record(station: Station, record: AddRecord, seal: str = "") -> None:
    """Write a new record; of two that correct the same one, only the first is written.

    A login outlives its account, which an administrator may end in another window: who is not
    enrolled any more writes nothing.

    Raises:
        AccountsRefused: The account of who makes it was ended meanwhile; nothing was written.
        ClinicRefused: Somebody else corrected the same record meanwhile; nothing was written.
        IllegalOperation: It contradicts the record otherwise; nothing was written.
        WriteFailed: Not known to be written.
    """
    if record.actor != CONSOLE_ACTOR:
        with station.trusting() as trusted:
            if trusted.book.active(record.actor, station.wall()) is None:
                raise AccountsRefused("This account was ended meanwhile; log in anew.")
    try:
        station.write(record, seal=seal)
    except IllegalOperation as error:
        if content_of(record.content).get("supersedes") is None:
            raise
        raise ClinicRefused(
            "Somebody else changed this meanwhile, and nothing was written: look at it again."
        ) from error


def of_patient(
    trusted: Trusted, kind: RecordKind, patient_uid: str, **members: Json
) -> tuple[StoredRecord, ...]:
    """Return a patient's records of a kind, in order of the chain, corrected ones included.

    Raises:
        NotTrusted: One of them is not what was entered.
    """
    return trusted.records(kind, patient_uid=patient_uid, **members)


@contextlib.contextmanager
def members_of(record: StoredRecord) -> Iterator[Record]:
    """Give the members of a record's content to read, each once and none left over.

    Raises:
        ClinicRefused: It is not what such a record says; the sentence names record and member.
    """
    try:
        with Record(cast("JsonValue", record.values)) as read:
            read.tagged(record.kind.tag)
            read.text("uid")
            yield read
    except ContentError as error:
        raise unreadable(record, error) from error


def unreadable(record: StoredRecord, error: ContentError) -> ClinicRefused:
    """Return that a record says nothing that this program can go by; only another wrote it so."""
    return ClinicRefused(f"{record.kind} {record.uid} on record cannot be read: {error}.")


def successors(records: Iterable[StoredRecord]) -> dict[str, str]:
    """Return which record corrects which: the uid of the later by that of the earlier."""
    return {
        earlier: record.uid
        for record in records
        if isinstance(earlier := record.member("supersedes"), str)
    }


def read_of_patient(
    trusted: Trusted,
    kind: RecordKind,
    patient_uid: str,
    read: Callable[[Trusted, StoredRecord, Mapping[str, str]], _T],
    *,
    all_records: bool,
) -> tuple[_T, ...]:
    """Return a patient's records of a kind as `read` makes them, in order of the chain.

    Args:
        trusted: The record.
        kind: Of which.
        patient_uid: Whose.
        read: Gets a record, and which record corrects which.
        all_records: True for those too that were corrected.
    """
    records = of_patient(trusted, kind, patient_uid)
    later = successors(records)
    return tuple(
        read(trusted, record, later) for record in records if all_records or record.uid not in later
    )


def require_record(trusted: Trusted, kind: RecordKind, uid: str) -> StoredRecord:
    """Return a record.

    Raises:
        ClinicRefused: There is none of that uid.
    """
    record = trusted.record(kind, uid)
    if record is None:
        raise ClinicRefused(f"There is no {kind.value.replace('_', ' ')} {uid[:40]} on record.")
    return record


def require_newest(trusted: Trusted, record: StoredRecord) -> None:
    """Do nothing if a record was not corrected yet.

    Raises:
        ClinicRefused: It was; the sentence says by whom and when.
    """
    patient_uid = str(record.values.get("patient_uid"))
    later = successors(of_patient(trusted, record.kind, patient_uid)).get(record.uid)
    if later is not None:
        by = require_record(trusted, record.kind, later)
        raise ClinicRefused(
            f"{printed_name(trusted, by.actor)} changed this at {by.at}, and nothing was written: "
            "look at it again."
        )


def printed_name(trusted: Trusted, actor: str) -> str:
    """Return the printed name of who did something."""
    if actor == CONSOLE_ACTOR:
        return "the console"
    enrolments = trusted.book.enrolments_of(actor)
    return enrolments[-1].name if enrolments else f"user {actor}"


def check_past(name: str, moment: str, now: str) -> None:
    """Raise ContentError unless a time is one in UTC and not after now."""
    check_moment(name, moment)
    if moment_of(moment) > moment_of(now):
        raise ContentError(f"{name} is {moment}: that is in the future, it is now {now}")


def local_day(moment: str | datetime, time_zone: str) -> date:
    """Return the day that it was, or is, at a place.

    Args:
        moment: RFC 3339 text, or a time with its zone.
        time_zone: Name of the IANA time zone, as the policy states it.

    Raises:
        ContentError: There is no such time zone.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - late: only here, and it reads files

    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ContentError(f"there is no time zone {time_zone[:40]!r}") from error
    at = moment_of(moment) if isinstance(moment, str) else moment
    return at.astimezone(zone).date()


def check_line(name: str, text: str) -> None:
    """Raise ContentError unless the text is one line that begins and ends with a character."""
    check_text(name, text)
    if len(text) > _LONGEST_LINE or text != text.strip() or not text.isprintable():
        raise ContentError(
            f"{name} is {text[:40]!r}: it is one line of 1 to {_LONGEST_LINE} characters, without "
            "blanks before or after"
        )


def check_note(name: str, text: str) -> None:
    """Raise ContentError unless the text is empty or can be shown, stored and hashed."""
    if text:
        check_text(name, text)


def require_reason(reason: str) -> None:
    """Do nothing if a reason was given.

    Raises:
        ClinicRefused: None was.
    """
    if not reason.strip():
        raise ClinicRefused("Say why; the reason goes on record.")


def folded(text: str) -> str:
    """Return a text for comparison: without case, blanks and look-alike ways of writing."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
