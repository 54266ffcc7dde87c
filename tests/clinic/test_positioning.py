"""Where the coil goes: complete for its method, plausible in millimetres, never overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError, Record
from protocols.terms import Side
from tests.clinic.patients import BERT, some_patient
from tests.clinic.prescribing import Practice, make_practice
from tests.clinic.test_attachments import PNG
from tms_console.clinic.attachments import attach_photo
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.positioning import (
    Head,
    Method,
    Positioning,
    RecordedPositioning,
    correct_positioning,
    positionings_of,
    record_positioning,
)
from tms_console.records.values import new_uid

HEAD = Head(nasion_inion_mm=350, tragus_tragus_mm=360, circumference_mm=560)


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def beam(patient_uid: str, **changed: Any) -> Positioning:
    made = Positioning(
        patient_uid, Method.BEAM_F3, "left DLPFC", Side.LEFT, HEAD, coil_angle_deg=45
    )
    return replace(made, **changed)


def on_record(practice: Practice, *, all_records: bool = False) -> tuple[RecordedPositioning, ...]:
    with practice.trusting() as trusted:
        return positionings_of(trusted, practice.patient_uid, all_records=all_records)


def test_a_positioning_is_on_record_as_found(practice: Practice) -> None:
    photo = attach_photo(practice.station, practice.technician, practice.patient_uid, PNG)
    found = beam(practice.patient_uid, photo_uid=photo, hotspot="3 cm left of Cz", note="cap 56")

    uid = record_positioning(practice.station, practice.technician, found)

    (recorded,) = on_record(practice)
    assert (recorded.uid, recorded.positioning) == (uid, found)
    assert recorded.by == "Technician Somebody"


def test_a_correction_counts_instead_and_the_old_one_stays(practice: Practice) -> None:
    station, login = practice.station, practice.technician
    first = record_positioning(station, login, beam(practice.patient_uid))
    turned = beam(practice.patient_uid, coil_angle_deg=-45)

    second = correct_positioning(station, login, first, turned, "wrong sign")

    assert [one.uid for one in on_record(practice)] == [second]
    old, new = on_record(practice, all_records=True)
    assert (old.superseded_by, new.supersedes, new.reason) == (second, first, "wrong sign")
    with pytest.raises(ClinicRefused, match="changed this"):
        correct_positioning(station, login, first, turned, "wrong sign")


def test_a_correction_needs_a_reason_a_change_and_the_same_patient(practice: Practice) -> None:
    station, login = practice.station, practice.technician
    made = beam(practice.patient_uid)
    uid = record_positioning(station, login, made)
    other = some_patient(practice.clinic, BERT)

    for changed, reason, words in (
        (replace(made, note="x"), " ", "Say why"),
        (made, "slip", "Nothing was changed"),
        (replace(made, patient_uid=other), "slip", "stays with its patient"),
    ):
        with pytest.raises(ClinicRefused, match=words):
            correct_positioning(station, login, uid, changed, reason)


def test_a_photograph_is_of_the_same_patient_and_there(practice: Practice) -> None:
    other = some_patient(practice.clinic, BERT)
    photo = attach_photo(practice.station, practice.technician, other, PNG)

    for uid, words in ((photo, "of another patient"), (new_uid(), "no attachment")):
        with pytest.raises(ClinicRefused, match=words):
            record_positioning(
                practice.station, practice.technician, beam(practice.patient_uid, photo_uid=uid)
            )


def test_a_positioning_is_of_a_patient_on_record(practice: Practice) -> None:
    with pytest.raises(ClinicRefused, match="no patient"):
        record_positioning(practice.station, practice.technician, beam(new_uid()))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"head": None}, "Beam F3 is computed from"),
        ({"method": Method.FIVE_AND_A_HALF_CM}, "measured from it"),
        ({"target": ""}, "target"),
        ({"coil_angle_deg": 181}, "coil_angle_deg"),
        ({"patient_uid": "Paula"}, "must be a UUID"),
        ({"photo_uid": "face.png"}, "must be a UUID"),
        ({"note": " "}, "note is a text"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ContentError, match=words):
        beam(new_uid(), **changed) if "patient_uid" not in changed else beam("Paula")


@pytest.mark.parametrize(
    "measures", [(35, 360, 560), (350, 36, 560), (350, 360, 56), (350, 360, 1000)]
)
def test_centimetres_and_slips_are_no_heads(measures: tuple[int, int, int]) -> None:
    with pytest.raises(ContentError, match="_mm is"):
        Head(*measures)


_found = st.builds(
    Positioning,
    patient_uid=st.uuids().map(str),
    method=st.sampled_from(Method),
    target=st.sampled_from(["left DLPFC", "dmPFC"]),
    side=st.sampled_from(Side),
    head=st.builds(Head, st.integers(200, 500), st.integers(200, 500), st.integers(350, 750)),
    coil_angle_deg=st.one_of(st.none(), st.integers(-180, 180)),
    hotspot=st.sampled_from(["3 cm left of Cz", "MNI -38 44 26"]),
    note=st.sampled_from(["", "cap 56"]),
    photo_uid=st.one_of(st.none(), st.uuids().map(str)),
)


@given(_found)
def test_a_positioning_comes_back_from_its_canonical_form(found: Positioning) -> None:
    values: Any = found.canonical()
    with Record(values) as record:
        assert Positioning.from_record(record) == found


def test_navigation_needs_no_head_measurements() -> None:
    found = Positioning(new_uid(), Method.NAVIGATION, "left DLPFC", Side.LEFT)
    values: Any = found.canonical()
    with Record(values) as record:
        assert Positioning.from_record(record) == found
