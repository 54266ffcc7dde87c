"""Photographs beside the record: a patient's face, the coil on the head.

The bytes are kept as they came, with their SHA-256; nothing here decodes or changes a picture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from protocols.canonical import ContentError
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.entries import (
    Made,
    entry,
    members_of,
    printed_name,
    put_on_record,
    reading_patients,
    require_record,
)
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import require_current
from tms_console.records.attached import attached_bytes
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind

MOST_BYTES = 5 * 1024 * 1024
"""A photograph of a phone fits; the database stays one that is backed up daily."""


class MediaType(StrEnum):
    """What can be attached."""

    PNG = "image/png"
    JPEG = "image/jpeg"


# PNG specification 1.2, part 3.1; JPEG: start of image, and the next marker's first byte
_BEGINNING = {
    MediaType.PNG: b"\x89PNG\r\n\x1a\n",
    MediaType.JPEG: b"\xff\xd8\xff",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is known of a photograph without its bytes.

    Attributes:
        uid: Of the record.
        at: When it was attached, as the computer said.
        by: Printed name of who attached it.
        patient_uid: Of whom.
        media_type: What it is.
        sha256: Of its bytes, 64 hexadecimal digits.
        size_bytes: How many bytes.
    """

    uid: str
    at: str
    by: str
    patient_uid: str
    media_type: MediaType
    sha256: str
    size_bytes: int


def attach_photo(station: Station, login: Login, patient_uid: str, data: bytes) -> str:
    """Put a photograph of a patient on record; a version of the patient can then name it.

    Returns:
        The record's uid.

    Raises:
        NotPermitted: Their role does not include it.
        ContentError: It is no PNG or JPEG, or too large.
        ClinicRefused: There is no such current patient.
        NotTrusted: The database cannot be trusted.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.EDIT_PATIENT)
    media_type = media_type_of(data)
    with station.trusting() as trusted:
        require_current(trusted, patient_uid)
    made = Made.now(station, login)
    members: dict[str, Json] = {
        "patient_uid": patient_uid,
        "media_type": media_type.value,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
    }
    put_on_record(station, entry(RecordKind.ATTACHMENT, members, made, data))
    return made.uid


def media_type_of(data: bytes) -> MediaType:
    """Return what bytes are by how they begin.

    Raises:
        ContentError: They are nothing that can be attached, or too many.
    """
    if len(data) > MOST_BYTES:
        raise ContentError(
            f"the photograph has {len(data):,} bytes: up to {MOST_BYTES:,} can be attached"
        )
    for media_type, beginning in _BEGINNING.items():
        if data.startswith(beginning):
            return media_type
    raise ContentError("the file is no photograph that can be attached: PNG and JPEG can")


def attachment(trusted: Trusted, uid: str) -> Attachment:
    """Return what is known of a photograph.

    Raises:
        ClinicRefused: There is none of that uid.
    """
    record = require_record(trusted, RecordKind.ATTACHMENT, uid)
    with members_of(record) as read:
        return Attachment(
            uid=record.uid,
            at=record.at,
            by=printed_name(trusted, record.actor),
            patient_uid=read.text("patient_uid"),
            media_type=read.member("media_type", MediaType),
            sha256=read.text("sha256"),
            size_bytes=read.integer("size_bytes"),
        )


def require_attachment_of(trusted: Trusted, uid: str, patient_uid: str) -> Attachment:
    """Return a photograph that is of a patient.

    Raises:
        ClinicRefused: There is none of that uid, or it is of somebody else.
    """
    found = attachment(trusted, uid)
    if found.patient_uid != patient_uid:
        raise ClinicRefused("That photograph is of another patient.")
    return found


def read_photo(station: Station, login: Login, uid: str) -> tuple[MediaType, bytes]:
    """Return a photograph, exactly as it was attached.

    Raises:
        NotPermitted: Their role does not include it.
        ClinicRefused: There is none of that uid, or its bytes are not those that were attached.
        NotTrusted: The database cannot be trusted.
    """
    with reading_patients(station, login) as trusted:
        known = attachment(trusted, uid)
    data = attached_bytes(station.database, uid)
    if data is None or hashlib.sha256(data).hexdigest() != known.sha256:
        raise ClinicRefused(f"The bytes of photograph {uid} are not those that were attached.")
    return known.media_type, data
