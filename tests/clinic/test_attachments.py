"""Photographs: exactly the bytes that were attached, of exactly one patient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from protocols.canonical import ContentError
from tests.clinic.patients import BERT, some_patient
from tests.clinic.prescribing import Practice, make_practice
from tms_console.clinic import attachments as module
from tms_console.clinic.attachments import (
    MOST_BYTES,
    MediaType,
    attach_photo,
    attachment,
    media_type_of,
    read_photo,
)
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import edit_patient, patient
from tms_console.records.attached import attached_bytes
from tms_console.records.values import new_uid

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


@pytest.mark.parametrize(("data", "kind"), [(PNG, MediaType.PNG), (JPEG, MediaType.JPEG)])
def test_a_photograph_comes_back_byte_by_byte(
    practice: Practice, data: bytes, kind: MediaType
) -> None:
    uid = attach_photo(practice.station, practice.technician, practice.patient_uid, data)

    assert read_photo(practice.station, practice.physician, uid) == (kind, data)
    with practice.trusting() as trusted:
        known = attachment(trusted, uid)
    assert (known.patient_uid, known.media_type, known.size_bytes, known.by) == (
        practice.patient_uid,
        kind,
        len(data),
        "Technician Somebody",
    )


def test_the_largest_photograph_fits_and_one_byte_more_does_not() -> None:
    assert media_type_of(PNG.ljust(MOST_BYTES)) is MediaType.PNG
    with pytest.raises(ContentError, match="up to 5,242,880"):
        media_type_of(PNG.ljust(MOST_BYTES + 1))


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7", b"\x89PNG", b"<svg/>"])
def test_what_is_no_photograph_is_refused(practice: Practice, data: bytes) -> None:
    with pytest.raises(ContentError, match="no photograph"):
        attach_photo(practice.station, practice.technician, practice.patient_uid, data)


def test_a_photograph_is_of_a_patient_on_record(practice: Practice) -> None:
    with pytest.raises(ClinicRefused, match="no patient"):
        attach_photo(practice.station, practice.technician, new_uid(), PNG)
    with pytest.raises(ClinicRefused, match="no attachment"):
        read_photo(practice.station, practice.technician, new_uid())


def test_a_patient_shows_their_own_photograph_only(practice: Practice) -> None:
    """The face on the screen is how a wrong patient is noticed."""
    other = some_patient(practice.clinic, BERT)
    station, login = practice.station, practice.technician
    mine = attach_photo(station, login, practice.patient_uid, PNG)
    theirs = attach_photo(station, login, other, JPEG)
    with practice.trusting() as trusted:
        seen = patient(trusted, practice.patient_uid)

    with pytest.raises(ClinicRefused, match="of another patient"):
        edit_patient(station, login, seen.uid, replace(seen.details, photo_uid=theirs))
    edit_patient(station, login, seen.uid, replace(seen.details, photo_uid=mine))

    with practice.trusting() as trusted:
        assert patient(trusted, practice.patient_uid).details.photo_uid == mine


@pytest.mark.parametrize("found", [None, PNG[:-1]])
def test_bytes_that_are_not_those_attached_are_not_shown(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, found: bytes | None
) -> None:
    uid = attach_photo(practice.station, practice.technician, practice.patient_uid, PNG)
    monkeypatch.setattr(module, "attached_bytes", lambda _database, _uid: found)

    with pytest.raises(ClinicRefused, match="not those that were attached"):
        read_photo(practice.station, practice.technician, uid)


def test_there_are_no_bytes_of_an_unknown_attachment(practice: Practice) -> None:
    assert attached_bytes(practice.station.database, new_uid()) is None
