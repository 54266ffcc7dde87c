"""Proposing prescriptions and reading them back, from the database of a small practice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from protocols.canonical import JsonValue, canonical_text
from protocols.limits import Finding, Level
from protocols.prescription import Prescription, RemeasureBand
from tests.clinic.patients import measurement
from tests.clinic.prescribing import (
    MONDAY,
    PATIENT,
    TUESDAY,
    Practice,
    following,
    make_practice,
)
from tms_console.accounts.errors import NotPermitted
from tms_console.accounts.roles import Permission, Role, allowed
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import add_patient
from tms_console.clinic.prescriptions import (
    prefilled,
    prescription_uids,
    propose,
    propose_with_new_threshold,
    read_prescription,
    read_version,
    versions,
)
from tms_console.clinic.thresholds import (
    Method,
    correct_threshold,
    record_threshold,
    withdraw_threshold,
)
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.values import new_uid


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def other_patient(practice: Practice) -> str:
    details = replace(PATIENT, name="Otto Example", record_number="A-18")
    return add_patient(practice.station, practice.technician, details)


def put(practice: Practice, uid: str, content: str) -> None:
    """Write a prescription past every check, as a faulty program could."""
    practice.station.write(
        AddRecord(
            kind=RecordKind.PRESCRIPTION,
            uid=uid,
            at=practice.station.wall(),
            actor=practice.technician.user_uid,
            content=content,
        )
    )


def test_what_is_stored_is_exactly_what_will_be_signed(practice: Practice) -> None:
    """The digest of the record is the digest of the prescription: there is only one content."""
    made = practice.prescription(RemeasureBand(3, 60))
    assert propose(practice.station, practice.technician, made) == made.uid
    with practice.trusting() as trusted:
        record = trusted.record(RecordKind.PRESCRIPTION, made.uid)
        assert record is not None
        assert (record.content, record.digest) == (made.canonical_text(), made.digest())
        assert read_prescription(trusted, made.uid) == made
        proposed = read_version(trusted, made.uid)
        assert prescription_uids(trusted) == (made.uid,)
        assert prescription_uids(trusted, practice.patient_uid) == (made.uid,)
        assert prescription_uids(trusted, new_uid()) == ()
    assert proposed.proposed_by_uid == practice.technician.user_uid
    assert proposed.proposed_by == "Technician Somebody"
    assert (proposed.digest, proposed.version.uid) == (made.digest(), made.uid)


@pytest.mark.parametrize("role", list(Role))
def test_only_technicians_and_physicians_propose(practice: Practice, role: Role) -> None:
    login, made = practice.clinic.people[role], practice.prescription()
    if allowed(role, Permission.PROPOSE_PRESCRIPTION):
        propose(practice.station, login, made)
        proposal = following(made)
        practice.measure(46)
        proposal = propose_with_new_threshold(practice.station, login, made.uid).prescription
        assert proposal.version == 2
        return
    with pytest.raises(NotPermitted, match="a technician or a physician"):
        propose(practice.station, login, made)
    with pytest.raises(NotPermitted, match="a technician or a physician"):
        propose_with_new_threshold(practice.station, login, made.uid)
    with practice.trusting() as trusted:
        assert trusted.records(RecordKind.PRESCRIPTION) == ()


def test_versions_follow_on_each_other_and_are_listed_in_order(practice: Practice) -> None:
    first = practice.proposed()
    second = practice.next_version(first)
    third = practice.next_version(second)
    with practice.trusting() as trusted:
        assert [one.prescription for one in versions(trusted, first.uid)] == [first, second, third]
        assert prescription_uids(trusted, practice.patient_uid) == (first.uid,)


def test_a_version_that_does_not_follow_on_the_newest_is_refused(practice: Practice) -> None:
    first = practice.proposed()
    practice.next_version(first)
    with pytest.raises(ClinicRefused, match="newest version on record is 2"):
        propose(practice.station, practice.technician, following(first))
    with pytest.raises(ClinicRefused, match="on record already"):
        propose(practice.station, practice.technician, first)
    with pytest.raises(ClinicRefused, match="follows on nothing"):
        propose(practice.station, practice.technician, following(practice.prescription()))


def test_of_two_who_propose_the_same_next_version_only_one_does(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and writing another console may have written: the record has no forks."""
    first = practice.proposed()
    practice.next_version(first)
    monkeypatch.setattr("tms_console.clinic.prescriptions.proposal_reasons", lambda *_: ())
    with pytest.raises(ClinicRefused, match="Somebody else changed this meanwhile"):
        propose(practice.station, practice.technician, following(first))


def test_a_version_for_another_patient_is_refused(practice: Practice) -> None:
    first, otto = practice.proposed(), other_patient(practice)
    uid = record_threshold(practice.station, practice.technician, measurement(otto))
    basis = replace(first.doses[0], threshold=practice.reference(uid))
    moved = replace(following(first), patient_uid=otto, doses=(basis,))
    with pytest.raises(ClinicRefused, match="stays with its patient"):
        propose(practice.station, practice.technician, moved)


def test_a_prescription_for_nobody_is_refused(practice: Practice) -> None:
    made = replace(practice.prescription(), patient_uid=new_uid())
    with pytest.raises(ClinicRefused, match="no patient"):
        propose(practice.station, practice.technician, made)


def test_a_protocol_that_nobody_knows_is_refused(practice: Practice) -> None:
    made = practice.prescription()
    invented = replace(made.session, protocol_id="miracle-900")
    with pytest.raises(ClinicRefused, match="miracle-900 is no protocol"):
        propose(practice.station, practice.technician, replace(made, session=invented))


def test_what_nobody_can_sign_cannot_be_proposed(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = Finding(Level.BLOCK, "too-much", "Nobody can give this.", "", "")
    monkeypatch.setattr("tms_console.clinic.prescriptions.review_prescription", lambda _: (block,))
    with pytest.raises(ClinicRefused, match="Nobody can give this"):
        propose(practice.station, practice.technician, practice.prescription())


def test_a_threshold_that_is_not_on_record_is_refused(practice: Practice) -> None:
    invented = replace(practice.reference(), uid=new_uid())
    with pytest.raises(ClinicRefused, match="there is no threshold"):
        propose(practice.station, practice.technician, practice.prescription(threshold=invented))


def test_a_threshold_of_another_patient_is_refused(practice: Practice) -> None:
    otto = other_patient(practice)
    uid = record_threshold(practice.station, practice.technician, measurement(otto))
    made = practice.prescription(threshold=practice.reference(uid))
    with pytest.raises(ClinicRefused, match="another patient's"):
        propose(practice.station, practice.technician, made)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"value_pct_mso": 44}, "it is 44 %MSO, not 45"),
        ({"muscle": "another muscle"}, "the muscle is another muscle"),
        ({"coil": "H1"}, "the coil is H1"),
        ({"method": "EMG, 5 of 10"}, "the method is EMG"),
        ({"measured_at": TUESDAY}, f"at {TUESDAY}, not at {MONDAY}"),
    ],
)
def test_a_threshold_named_otherwise_than_it_is_on_record_is_refused(
    practice: Practice, changes: dict[str, object], sentence: str
) -> None:
    """A dose computed from a number that nobody measured is a wrong dose."""
    named = replace(practice.reference(), **changes)  # type: ignore[arg-type]
    with pytest.raises(ClinicRefused, match=sentence):
        propose(practice.station, practice.technician, practice.prescription(threshold=named))


def test_a_stale_threshold_is_refused_and_the_newer_one_told(practice: Practice) -> None:
    stale = practice.prescription()
    practice.measure(48)
    with pytest.raises(ClinicRefused, match="a newer threshold is 48 %MSO"):
        propose(practice.station, practice.technician, stale)


def test_a_newer_threshold_of_the_same_value_changes_nothing(practice: Practice) -> None:
    made = practice.prescription()
    practice.measure(45)
    propose(practice.station, practice.technician, made)


def test_a_threshold_that_was_corrected_or_taken_back_is_refused(practice: Practice) -> None:
    made = practice.prescription()
    was = measurement(practice.patient_uid)
    other = replace(was, method=Method.EMG)
    uid = correct_threshold(
        practice.station, practice.technician, practice.threshold_uid, other, "it was EMG"
    )
    with pytest.raises(ClinicRefused, match="corrected or taken back"):
        propose(practice.station, practice.technician, made)
    again = practice.prescription(threshold=practice.reference(uid))
    withdraw_threshold(practice.station, practice.technician, uid, "another patient's")
    with pytest.raises(ClinicRefused, match="corrected or taken back"):
        propose(practice.station, practice.technician, again)


def test_what_is_not_on_record_or_no_prescription_is_not_read(practice: Practice) -> None:
    made = practice.prescription()
    values: dict[str, JsonValue] = {**made.canonical(), "surprise": 1}
    put(practice, made.uid, canonical_text(values))
    with practice.trusting() as trusted:
        with pytest.raises(ClinicRefused, match="no prescription"):
            read_prescription(trusted, new_uid())
        with pytest.raises(ClinicRefused, match="surprise"):
            read_prescription(trusted, made.uid)


def test_a_ratio_written_in_another_way_is_no_other_content(practice: Practice) -> None:
    """What is delivered must be what was hashed: another spelling of a number is refused."""
    made = practice.prescription()
    text = made.canonical_text().replace('"changeover_s":"0/1"', '"changeover_s":"0/2"')
    assert text != made.canonical_text()
    put(practice, made.uid, text)
    with practice.trusting() as trusted, pytest.raises(ClinicRefused, match="prescription"):
        read_prescription(trusted, made.uid)


def test_what_does_not_have_the_digest_of_its_record_is_not_read(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read and what was signed must be one; here they are made to differ."""
    made = practice.proposed()
    monkeypatch.setattr(Prescription, "digest", lambda _: "0" * 64)
    with practice.trusting() as trusted, pytest.raises(ClinicRefused, match="not in the form"):
        read_prescription(trusted, made.uid)


def test_a_new_threshold_proposes_a_next_version_with_old_and_new_intensity(
    practice: Practice,
) -> None:
    first = practice.approved()
    practice.measure(48)
    proposal = propose_with_new_threshold(practice.station, practice.technician, first.uid)
    assert [str(one) for one in proposal.changes] == [
        "block 1: threshold 45 -> 48 %MSO, intensity 54 -> 58 %MSO"
    ]
    assert (proposal.prescription.version, proposal.prescription.supersedes) == (2, first.uid)
    assert proposal.prescription.doses[0].threshold.value_pct_mso == 48
    where = practice.standing(proposal.prescription)
    assert where.approved is None
    assert where.waits
    assert practice.standing(first).in_force, "a proposal changes no treatment"


def test_a_next_version_for_a_new_threshold_follows_on_the_newest_of_all(
    practice: Practice,
) -> None:
    """It takes the content of the version in force, and its number after every other version."""
    first = practice.approved()
    second = practice.next_version(first)
    practice.return_(second)
    practice.measure(48)
    with practice.trusting() as trusted:
        proposal = prefilled(trusted, first.uid, uid := new_uid())
    assert proposal.prescription.uid == uid
    assert (proposal.prescription.version, proposal.prescription.supersedes) == (3, second.uid)
    assert proposal.prescription.indication == first.indication


def test_the_same_next_version_is_not_proposed_twice(practice: Practice) -> None:
    first = practice.approved()
    practice.measure(48)
    second = propose_with_new_threshold(practice.station, practice.technician, first.uid)
    with pytest.raises(ClinicRefused, match="Version 2 proposes exactly this already"):
        propose_with_new_threshold(practice.station, practice.technician, first.uid)
    with pytest.raises(ClinicRefused, match="no newer threshold"):
        propose_with_new_threshold(practice.station, practice.technician, second.prescription.uid)


def test_no_next_version_follows_from_a_threshold_whose_dose_is_out_of_reach(
    practice: Practice,
) -> None:
    first = practice.approved()
    practice.measure(90)
    with pytest.raises(ClinicRefused, match="No next version follows"):
        propose_with_new_threshold(practice.station, practice.technician, first.uid)
