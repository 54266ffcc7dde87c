"""Adverse events, structured, and the hold that a grave one puts on its patient.

A hold ends by a physician's signature with a reason and by nothing else; that nothing is delivered
meanwhile is for the gate to see to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.canonical import check_text
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Meaning, Signed, ToSign
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.adverse_event import AdverseEvent, Outcome, Relatedness, What
from tms_console.clinic.day import require_session_of
from tms_console.clinic.entries import (
    Made,
    check_note,
    check_past,
    entry,
    members_of,
    printed_name,
    put_on_record,
    read_of_patient,
    require_newest,
    require_reason,
    require_record,
)
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import patient
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord

__all__ = [
    "AdverseEvent",
    "Hold",
    "HoldClearance",
    "Outcome",
    "RecordedEvent",
    "Relatedness",
    "What",
    "adverse_event_record",
    "adverse_events_of",
    "clear_hold",
    "clearances",
    "correct_adverse_event",
    "holds",
    "patients_on_hold",
    "record_adverse_event",
]


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An adverse event on record.

    Attributes:
        uid: Of the record.
        seq: Its place in the chain.
        at: When it was recorded, as the computer said.
        by: Printed name of who recorded it.
        event: What happened.
        digest: SHA-256 of the record: what a clearance names.
        supersedes: The record that it corrects, None for none.
        reason: Why it was corrected, "" for none.
        superseded_by: The record that corrects it, None while it stands.
    """

    uid: str
    seq: int
    at: str
    by: str
    event: AdverseEvent
    digest: str
    supersedes: str | None
    reason: str
    superseded_by: str | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a patient gets no treatment until a physician clears it.

    Attributes:
        grave: The newest record of the event that is grave and not cleared.
        newest: The newest record of the same event, its last correction; the one to clear.
    """

    grave: RecordedEvent
    newest: RecordedEvent

    def __str__(self) -> str:
        """Return why, as a sentence."""
        corrected = "" if self.newest is self.grave else f", since corrected to {self.newest.event}"
        onset = self.grave.event.onset[:16].replace("T", " ")
        return (
            f"On hold since {onset} UTC: {self.grave.event}{corrected}; no physician "
            "has cleared the patient for treatment again."
        )


def adverse_event_record(
    event: AdverseEvent, made: Made, supersedes: str | None = None, reason: str = ""
) -> AddRecord:
    """Return the record of an adverse event; who may make one is asked elsewhere.

    For the delivering process, which writes what is reported to it during a session.

    Args:
        event: What happened.
        made: Which record it is, when it is made, and who reports it.
        supersedes: The record that it corrects.
        reason: Why it is corrected.
    """
    members = {**event.canonical(), "supersedes": supersedes, "reason": reason.strip()}
    return entry(RecordKind.ADVERSE_EVENT, members, made)


def record_adverse_event(station: Station, login: Login, event: AdverseEvent) -> str:
    """Put an adverse event on record; a grave one puts the patient on hold at once.

    It can be recorded of a closed patient too: nothing that happened is refused.

    Returns:
        The record's uid.

    Raises:
        NotPermitted: Their role does not include it.
        ClinicRefused: There is no such patient, or the session was not theirs.
        ContentError: It began in the future.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RECORD_ADVERSE_EVENT)
    with station.trusting() as trusted:
        _require_possible(station, trusted, event)
    return _write(station, adverse_event_record(event, Made.now(station, login)))


def correct_adverse_event(
    station: Station, login: Login, uid: str, event: AdverseEvent, reason: str
) -> str:
    """Put a correction of an adverse event on record; it never ends a hold.

    Returns:
        The uid of the correction.

    Raises:
        ClinicRefused: No reason was given, it was corrected before, nothing is corrected, or it
            is another patient's.
        ContentError: It began in the future.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RECORD_ADVERSE_EVENT)
    require_reason(reason)
    check_note("reason", reason)
    with station.trusting() as trusted:
        record = require_record(trusted, RecordKind.ADVERSE_EVENT, uid)
        require_newest(trusted, record)
        old = _recorded(trusted, record, {})
        if event.patient_uid != old.event.patient_uid:
            raise ClinicRefused("A correction stays with its patient; record the other's anew.")
        if event == old.event:
            raise ClinicRefused("Nothing was changed, so there is nothing to correct.")
        _require_possible(station, trusted, event)
    made = Made.now(station, login)
    return _write(station, adverse_event_record(event, made, uid, reason))


@dataclass(frozen=True, slots=True)
class HoldClearance:
    """What a physician decided on an event that was shown to them.

    Attributes:
        uid: The newest record of the event (`Hold.newest`), as it was shown.
        reason: Why treatment may go on; signed with it.
    """

    uid: str
    reason: str


def clear_hold(
    station: Station, login: Login, cleared: HoldClearance, password: str, login_name: str = ""
) -> str:
    """Let a physician clear a patient for treatment again, by a signature on the event.

    Args:
        station: This console.
        login: The physician.
        cleared: Which event, and why.
        password: The physician's.
        login_name: Asked for at the first signature of a login.

    Returns:
        The uid of the signature.

    Raises:
        NotPermitted: Only a physician may.
        ClinicRefused: No reason was given, there is no such event, it was corrected meanwhile, or
            it holds nobody.
        LoginRefused: Wrong password or name.
        AccountsRefused: Their key may not approve yet.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.CLEAR_HOLD)
    require_reason(cleared.reason)
    check_text("reason", cleared.reason)
    with station.trusting() as trusted:
        record = require_record(trusted, RecordKind.ADVERSE_EVENT, cleared.uid)
        require_newest(trusted, record)
        shown = _recorded(trusted, record, {})
        held = holds(trusted, shown.event.patient_uid)
    if cleared.uid not in {one.newest.uid for one in held}:
        raise ClinicRefused("Nobody is on hold by this event.")
    to_sign = ToSign(
        meaning=Meaning.CLEAR_HOLD,
        subject_uid=cleared.uid,
        subject_digest=shown.digest,
        patient_uid=shown.event.patient_uid,
        comment=cleared.reason.strip(),
    )
    return sign(station, login, to_sign, password, login_name=login_name).uid


def adverse_events_of(
    trusted: Trusted, patient_uid: str, *, all_records: bool = False
) -> tuple[RecordedEvent, ...]:
    """Return a patient's adverse events, in order of the chain.

    Args:
        trusted: The record.
        patient_uid: Whose.
        all_records: True for those too that were corrected.
    """
    return read_of_patient(
        trusted, RecordKind.ADVERSE_EVENT, patient_uid, _recorded, all_records=all_records
    )


def holds(trusted: Trusted, patient_uid: str) -> tuple[Hold, ...]:
    """Return why a patient is on hold; nothing if they are not.

    An event with its corrections is one.  It holds while one of its records is grave and not
    cleared; a clearance covers the record that it was signed on and those which that one corrects,
    so that a correction to something graver, which the physician did not see, holds again.
    """
    every = {one.uid: one for one in adverse_events_of(trusted, patient_uid, all_records=True)}
    covered = _covered(trusted, every)
    newest: dict[str, RecordedEvent] = {}
    grave: dict[str, RecordedEvent] = {}
    for one in every.values():
        first = _line(every, one)[-1].uid
        newest[first] = one
        if one.event.grave and one.uid not in covered:
            grave[first] = one
    return tuple(Hold(one, newest[first]) for first, one in grave.items())


def patients_on_hold(trusted: Trusted) -> dict[str, tuple[Hold, ...]]:
    """Return everybody who is on hold, by the patient's uid, with why."""
    uids = dict.fromkeys(
        str(record.values.get("patient_uid"))
        for record in trusted.records(RecordKind.ADVERSE_EVENT)
    )
    every = {uid: holds(trusted, uid) for uid in uids}
    return {uid: held for uid, held in every.items() if held}


def clearances(trusted: Trusted, uid: str) -> tuple[Signed, ...]:
    """Return the signatures on one record that clear it, those with a reason, oldest first."""
    return tuple(
        one
        for one in trusted.signatures(uid)
        if one.meaning is Meaning.CLEAR_HOLD and one.comment.strip()
    )


def _covered(trusted: Trusted, every: Mapping[str, RecordedEvent]) -> set[str]:
    return {
        earlier.uid
        for one in every.values()
        if clearances(trusted, one.uid)
        for earlier in _line(every, one)
    }


def _line(every: Mapping[str, RecordedEvent], one: RecordedEvent) -> list[RecordedEvent]:
    """Return a record, what it corrects, what that corrects, and so on."""
    line = [one]
    while (before := line[-1].supersedes) in every and before is not None:
        line.append(every[before])
    return line


def _require_possible(station: Station, trusted: Trusted, event: AdverseEvent) -> None:
    """Raise unless it can have happened: a patient on record, in the past, in their session."""
    check_past("onset", event.onset, station.wall())
    patient(trusted, event.patient_uid)
    if event.session_uid is not None:
        require_session_of(trusted, event.patient_uid, event.session_uid)


def _write(station: Station, record: AddRecord) -> str:
    put_on_record(station, record, seal="an adverse event was recorded")
    return record.uid


def _recorded(trusted: Trusted, record: StoredRecord, later: Mapping[str, str]) -> RecordedEvent:
    with members_of(record) as read:
        return RecordedEvent(
            uid=record.uid,
            seq=record.seq,
            at=record.at,
            by=printed_name(trusted, record.actor),
            event=AdverseEvent.from_record(read),
            digest=record.digest,
            supersedes=read.optional_text("supersedes"),
            reason=read.text("reason"),
            superseded_by=later.get(record.uid),
        )
