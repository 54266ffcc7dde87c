"""Where the coil goes and how that was found; append-only, a correction names the old record.

Whether the coil is there in a session is for the people in the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from protocols.canonical import ContentError, Record, check_range, check_uid
from protocols.terms import Side
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.attachments import require_attachment_of
from tms_console.clinic.entries import (
    Made,
    check_line,
    check_note,
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
from tms_console.clinic.patients import require_current
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind, StoredRecord

HEAD_MM = {
    "nasion_inion_mm": (200, 500),
    "tragus_tragus_mm": (200, 500),
    "circumference_mm": (350, 750),
}
"""What a head measurement can be at all, in millimetres: an operational choice that catches
centimetres and slips, no clinical limit."""


class Method(StrEnum):
    """How the place was found."""

    BEAM_F3 = "Beam F3"
    FIVE_AND_A_HALF_CM = "5.5 cm"
    NAVIGATION = "navigation"


@dataclass(frozen=True, slots=True)
class Head:
    """Measurements of a head, in millimetres.

    Attributes:
        nasion_inion_mm: Over the vertex.
        tragus_tragus_mm: Over the vertex.
        circumference_mm: Above brows and ears.
    """

    nasion_inion_mm: int
    tragus_tragus_mm: int
    circumference_mm: int

    def __post_init__(self) -> None:
        """Raise ContentError unless a head can have them."""
        for name, (low, high) in HEAD_MM.items():
            check_range(name, getattr(self, name), low, high)

    def canonical(self) -> dict[str, Json]:
        """Return the measurements as JSON values."""
        return {name: getattr(self, name) for name in HEAD_MM}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the measurements that the JSON values state."""
        with record:
            return cls(*(record.integer(name) for name in HEAD_MM))


@dataclass(frozen=True, slots=True)
class Positioning:
    """Where the coil goes on one patient's head.

    Attributes:
        patient_uid: Whose.
        method: How it was found.
        target: What is meant, such as `left DLPFC`.
        side: Which side.
        head: Measurements of the head; Beam F3 is computed from them.
        coil_angle_deg: Angle of the handle to the midline, in degrees, -180 to 180; None if it
            was not measured.
        hotspot: Where the muscle answered best, in words or coordinates; 5.5 cm is measured from
            there.
        note: What else is to be said.
        photo_uid: An attachment of the same patient, None for no photograph.
    """

    patient_uid: str
    method: Method
    target: str
    side: Side
    head: Head | None = None
    coil_angle_deg: int | None = None
    hotspot: str = ""
    note: str = ""
    photo_uid: str | None = None

    def __post_init__(self) -> None:
        """Raise ContentError unless it says what its method needs."""
        check_uid("patient_uid", self.patient_uid)
        check_line("target", self.target)
        check_note("hotspot", self.hotspot)
        check_note("note", self.note)
        if self.photo_uid is not None:
            check_uid("photo_uid", self.photo_uid)
        if self.coil_angle_deg is not None:
            check_range("coil_angle_deg", self.coil_angle_deg, -180, 180)
        if self.method is Method.BEAM_F3 and self.head is None:
            raise ContentError("head is missing: Beam F3 is computed from its three measurements")
        if self.method is Method.FIVE_AND_A_HALF_CM and not self.hotspot:
            raise ContentError("hotspot is empty: 5.5 cm is measured from it")

    def canonical(self) -> dict[str, Json]:
        """Return the positioning as JSON values; an angle that is not known is left out."""
        angle: dict[str, Json] = (
            {} if self.coil_angle_deg is None else {"coil_angle_deg": self.coil_angle_deg}
        )
        return {
            "patient_uid": self.patient_uid,
            "method": self.method.value,
            "target": self.target,
            "side": self.side.value,
            "head": None if self.head is None else self.head.canonical(),
            "hotspot": self.hotspot,
            "note": self.note,
            "photo_uid": self.photo_uid,
            **angle,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the positioning that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        head = record.optional("head")
        return cls(
            patient_uid=record.text("patient_uid"),
            method=record.member("method", Method),
            target=record.text("target"),
            side=record.member("side", Side),
            head=None if head is None else Head.from_record(head),
            coil_angle_deg=record.integer("coil_angle_deg") if "coil_angle_deg" in record else None,
            hotspot=record.text("hotspot"),
            note=record.text("note"),
            photo_uid=record.optional_text("photo_uid"),
        )


@dataclass(frozen=True, slots=True)
class RecordedPositioning:
    """A positioning on record.

    Attributes:
        uid: Of the record.
        seq: Its place in the chain.
        at: When it was recorded, as the computer said.
        by: Printed name of who recorded it.
        positioning: Where the coil goes.
        supersedes: The record that it corrects, None for none.
        reason: Why it was corrected, "" for none.
        superseded_by: The record that corrects it, None while it stands.
    """

    uid: str
    seq: int
    at: str
    by: str
    positioning: Positioning
    supersedes: str | None
    reason: str
    superseded_by: str | None


def record_positioning(station: Station, login: Login, positioning: Positioning) -> str:
    """Put on record where the coil goes.

    Returns:
        The record's uid.

    Raises:
        NotPermitted: Their role does not include it.
        ClinicRefused: There is no such current patient, or the photograph is not theirs.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RECORD_POSITIONING)
    with station.trusting() as trusted:
        _require_possible(trusted, positioning)
    return _write(station, login, positioning, None, "")


def correct_positioning(
    station: Station, login: Login, uid: str, positioning: Positioning, reason: str
) -> str:
    """Put a correction on record; the old record stays, and counts no more.

    Returns:
        The uid of the correction.

    Raises:
        ClinicRefused: No reason was given, it was corrected before, nothing is corrected, or it
            is another patient's.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RECORD_POSITIONING)
    require_reason(reason)
    check_note("reason", reason)
    with station.trusting() as trusted:
        record = require_record(trusted, RecordKind.POSITIONING, uid)
        require_newest(trusted, record)
        old = _recorded(trusted, record, {}).positioning
        if positioning.patient_uid != old.patient_uid:
            raise ClinicRefused("A correction stays with its patient; record the other's anew.")
        if positioning == old:
            raise ClinicRefused("Nothing was changed, so there is nothing to correct.")
        _require_possible(trusted, positioning)
    return _write(station, login, positioning, uid, reason)


def positionings_of(
    trusted: Trusted, patient_uid: str, *, all_records: bool = False
) -> tuple[RecordedPositioning, ...]:
    """Return where the coil goes on a patient, in order of the chain.

    Args:
        trusted: The record.
        patient_uid: Whose.
        all_records: True for those too that were corrected.
    """
    return read_of_patient(
        trusted, RecordKind.POSITIONING, patient_uid, _recorded, all_records=all_records
    )


def _require_possible(trusted: Trusted, positioning: Positioning) -> None:
    require_current(trusted, positioning.patient_uid)
    if positioning.photo_uid is not None:
        require_attachment_of(trusted, positioning.photo_uid, positioning.patient_uid)


def _write(
    station: Station, login: Login, positioning: Positioning, supersedes: str | None, reason: str
) -> str:
    members = {**positioning.canonical(), "supersedes": supersedes, "reason": reason.strip()}
    made = Made.now(station, login)
    put_on_record(station, entry(RecordKind.POSITIONING, members, made))
    return made.uid


def _recorded(
    trusted: Trusted, record: StoredRecord, later: Mapping[str, str]
) -> RecordedPositioning:
    with members_of(record) as read:
        return RecordedPositioning(
            uid=record.uid,
            seq=record.seq,
            at=record.at,
            by=printed_name(trusted, record.actor),
            positioning=Positioning.from_record(read),
            supersedes=read.optional_text("supersedes"),
            reason=read.text("reason"),
            superseded_by=later.get(record.uid),
        )
