"""Thresholds: an append-only typed series of which a dose takes exactly the right one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError, Record
from protocols.terms import Side, ThresholdKind
from tests.clinic.patients import BERT, measurement, some_patient
from tests.clinic.prescribing import MONDAY, NOW, TUESDAY, Practice, make_practice
from tests.clinic.sessions import Past, measured_in, treated
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.measurement import MOST_STIMULI
from tms_console.clinic.thresholds import (
    Measurement,
    Method,
    Stimulus,
    Threshold,
    age,
    as_reference,
    correct_threshold,
    newer_unlike,
    newest_like,
    record_threshold,
    threshold,
    thresholds_of,
    withdraw_threshold,
)
from tms_console.records.operations import SessionKind
from tms_console.records.values import new_uid

LATER = "2026-11-18T09:00:00Z"


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def read(practice: Practice, uid: str) -> Threshold:
    with practice.trusting() as trusted:
        return threshold(trusted, uid)


def record(practice: Practice, **changed: Any) -> str:
    measured = measurement(practice.patient_uid, at=TUESDAY)
    return record_threshold(practice.station, practice.technician, replace(measured, **changed))


def newest(practice: Practice, uid: str = "") -> str | None:
    reference = practice.reference(uid)
    with practice.trusting() as trusted:
        found = newest_like(trusted, reference)
    return None if found is None else found.uid


def test_a_threshold_is_on_record_as_measured_and_by_whom(practice: Practice) -> None:
    stimuli = (Stimulus(50, answered=True), Stimulus(44, answered=False))
    uid = record(practice, stimuli=stimuli, note="patient sleepy")

    found = read(practice, uid)

    assert found.measured == measurement(
        practice.patient_uid, at=TUESDAY, stimuli=stimuli, note="patient sleepy"
    )
    assert (found.operator, found.recorded_by) == ("Technician Somebody", "Technician Somebody")
    assert found.operator_uid == practice.technician.user_uid
    assert found.counts


def test_the_console_signs_the_record_after_a_threshold(practice: Practice) -> None:
    """A dose will rest on it, so it is inside what a seal vouches for."""
    record(practice)

    with practice.trusting() as trusted:
        assert trusted.sealed_seq == trusted.head.seq - 1


def test_a_reference_has_method_and_algorithm_and_all_that_must_agree(practice: Practice) -> None:
    reference = practice.reference(record(practice))

    assert reference.method == "visible twitch, 5 of 10"
    assert (reference.kind, reference.side, reference.coil, reference.value_pct_mso) == (
        ThresholdKind.RESTING_HAND,
        Side.LEFT,
        "figure-8",
        45,
    )


def test_a_correction_counts_instead_and_the_old_one_stays_to_be_seen(practice: Practice) -> None:
    wrong = record(practice, value_pct_mso=54)
    right = correct_threshold(
        practice.station,
        practice.physician,
        wrong,
        measurement(practice.patient_uid, 45, TUESDAY),
        "digits exchanged",
    )

    old, new = read(practice, wrong), read(practice, right)
    assert (old.counts, old.superseded_by, old.measured.value_pct_mso) == (False, right, 54)
    assert (new.counts, new.supersedes, new.reason) == (True, wrong, "digits exchanged")
    assert (new.operator, new.recorded_by) == ("Technician Somebody", "Physician Somebody")
    with practice.trusting() as trusted:
        counting = thresholds_of(trusted, practice.patient_uid)
        every = thresholds_of(trusted, practice.patient_uid, all_records=True)
    assert [one.uid for one in counting] == [practice.threshold_uid, right]
    assert {one.uid for one in every} == {practice.threshold_uid, wrong, right}


def test_a_correction_needs_a_reason_a_change_and_the_same_patient(practice: Practice) -> None:
    uid, station, login = record(practice), practice.station, practice.technician
    measured = read(practice, uid).measured
    other = some_patient(practice.clinic, BERT)

    for changed, reason, words in (
        (replace(measured, value_pct_mso=46), " ", "Say why"),
        (measured, "slip", "Nothing was changed"),
        (replace(measured, patient_uid=other), "slip", "stays with its patient"),
    ):
        with pytest.raises(ClinicRefused, match=words):
            correct_threshold(station, login, uid, changed, reason)
    with pytest.raises(ClinicRefused, match="no threshold"):
        correct_threshold(station, login, new_uid(), measured, "slip")

    assert read(practice, uid).counts


def test_a_threshold_is_corrected_once_and_then_its_correction(practice: Practice) -> None:
    uid, station, login = record(practice), practice.station, practice.technician
    measured = read(practice, uid).measured
    correct_threshold(station, login, uid, replace(measured, value_pct_mso=46), "slip")

    with pytest.raises(ClinicRefused, match="changed this at"):
        correct_threshold(station, login, uid, replace(measured, value_pct_mso=47), "slip")


def test_a_threshold_of_another_patient_is_taken_back_and_counts_for_nothing(
    practice: Practice,
) -> None:
    misfiled = record(practice, value_pct_mso=70)
    assert newest(practice) == misfiled

    back = withdraw_threshold(practice.station, practice.technician, misfiled, "not this patient's")

    assert newest(practice) == practice.threshold_uid
    assert not read(practice, back).counts
    assert not read(practice, misfiled).counts
    with practice.trusting() as trusted:
        assert [one.uid for one in thresholds_of(trusted, practice.patient_uid)] == [
            practice.threshold_uid
        ]
    with pytest.raises(ClinicRefused, match="taken back"):
        withdraw_threshold(practice.station, practice.technician, back, "again")
    with pytest.raises(ClinicRefused, match="Say why"):
        withdraw_threshold(practice.station, practice.technician, practice.threshold_uid, "")


def test_nothing_is_left_to_dose_by_when_the_only_one_is_taken_back(practice: Practice) -> None:
    reference = practice.reference()
    withdraw_threshold(practice.station, practice.technician, practice.threshold_uid, "wrong coil")

    with practice.trusting() as trusted:
        assert newest_like(trusted, reference) is None
        assert newest_like(trusted, replace(reference, uid=new_uid())) is None
        assert newer_unlike(trusted, replace(reference, uid=new_uid())) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": ThresholdKind.ACTIVE_HAND},
        {"kind": ThresholdKind.RESTING_LEG},
        {"muscle": "first dorsal interosseous"},
        {"side": Side.RIGHT},
        {"coil": "H1"},
        {"method": Method.EMG},
        {"algorithm": "maximum likelihood"},
    ],
)
def test_a_threshold_of_another_sort_never_replaces_one(
    practice: Practice, changed: dict[str, Any]
) -> None:
    """A dose from a wrong-kind threshold is what goes wrong in practice (clinical.md 4)."""
    record(practice, value_pct_mso=70, **changed)

    assert newest(practice) == practice.threshold_uid


def test_another_patients_threshold_is_never_taken(practice: Practice) -> None:
    other = some_patient(practice.clinic, BERT)
    record(practice, patient_uid=other, value_pct_mso=70)

    assert newest(practice) == practice.threshold_uid


def test_the_newest_is_the_one_measured_last_not_the_one_written_last(practice: Practice) -> None:
    """What was measured last week and is entered today is not today's threshold."""
    today = record(practice, value_pct_mso=47, measured_at=LATER)
    record(practice, value_pct_mso=60, measured_at="2026-11-10T09:00:00Z")

    assert newest(practice) == today


def test_of_two_measured_at_one_moment_the_one_recorded_later_counts(practice: Practice) -> None:
    record(practice, value_pct_mso=47)
    second = record(practice, value_pct_mso=48)

    assert newest(practice) == second


def test_times_are_compared_as_times_not_as_text(practice: Practice) -> None:
    """`09:00:00Z` sorts behind `09:00:00.5Z` as text, and came before it."""
    record(practice, value_pct_mso=47, measured_at="2026-11-18T09:00:00Z")
    second = record(practice, value_pct_mso=48, measured_at="2026-11-18T09:00:00.500000Z")

    assert newest(practice) == second


def test_a_later_one_of_another_method_is_shown_though_it_does_not_replace(
    practice: Practice,
) -> None:
    record(practice, method=Method.EMG, measured_at="2026-11-01T09:00:00Z")
    emg = record(practice, method=Method.EMG, value_pct_mso=40)
    record(practice, side=Side.RIGHT)
    record(practice, value_pct_mso=46)

    with practice.trusting() as trusted:
        found = newer_unlike(trusted, practice.reference())
    assert [one.uid for one in found] == [emg]


@pytest.mark.parametrize(
    ("now", "days"),
    [
        ("2026-11-16T10:00:00Z", 0),
        ("2026-11-16T22:59:59Z", 0),
        ("2026-11-16T23:00:00Z", 1),
        ("2026-11-23T10:00:00Z", 7),
        ("2026-11-15T10:00:00Z", -1),
    ],
)
def test_age_is_counted_in_days_of_the_clinics_calendar(
    practice: Practice, now: str, days: int
) -> None:
    """In Berlin the 17th begins at 23:00 UTC."""
    found = read(practice, practice.threshold_uid)
    assert found.measured.measured_at == MONDAY

    with practice.trusting() as trusted:
        assert age(trusted, found, now, "Europe/Berlin").days == days


def test_age_counts_the_treatments_since(practice: Practice) -> None:
    approved = practice.approved()
    before = Past("2026-11-16T07:00:00Z", "2026-11-16T07:30:00Z")
    after = Past("2026-11-16T10:00:00Z", "2026-11-16T10:30:00Z")
    on_simulator = replace(after, simulated=True)
    for past in (before, after, on_simulator):
        treated(practice.clinic, approved, past)

    with practice.trusting() as trusted:
        assert age(trusted, read(practice, practice.threshold_uid), NOW, "UTC").sessions == 1


def test_a_threshold_in_a_session_is_of_a_session_that_the_patient_had(practice: Practice) -> None:
    approved, policy = practice.approved(), practice.policy()
    other = some_patient(practice.clinic, BERT)
    finding = Past(
        "2026-11-17T08:30:00Z", "2026-11-17T08:50:00Z", kind=SessionKind.THRESHOLD
    )  # fmt: skip
    authority = (policy.uid, policy.digest())
    mine = measured_in(
        practice.clinic, authority, practice.patient_uid, practice.threshold_uid, finding
    )
    others = measured_in(practice.clinic, authority, other, practice.threshold_uid, finding)
    treatment = treated(
        practice.clinic, approved, Past("2026-11-17T08:00:00Z", "2026-11-17T08:20:00Z")
    )

    uid = record(practice, session_uid=mine, stimuli=(Stimulus(50, answered=True, pulse=1),))

    assert read(practice, uid).measured.session_uid == mine
    for wrong, words in ((others, "not this patient's"), (new_uid(), "no session")):
        with pytest.raises(ClinicRefused, match=words):
            record(practice, session_uid=wrong)
    assert record(practice, session_uid=treatment)


def test_what_is_measured_at_this_very_second_is_not_in_the_future(practice: Practice) -> None:
    """NOW is written with a fraction; as text `09:00:00Z` would come after it."""
    assert record(practice, measured_at="2026-11-20T09:00:00Z")


def test_nothing_is_measured_in_the_future_or_on_nobody(practice: Practice) -> None:
    with pytest.raises(ContentError, match="in the future"):
        record(practice, measured_at="2026-11-20T09:00:01Z")
    with pytest.raises(ClinicRefused, match="no patient"):
        record(practice, patient_uid=new_uid())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"value_pct_mso": 0}, "1 to 100 %MSO"),
        ({"value_pct_mso": 101}, "1 to 100 %MSO"),
        ({"side": Side.MIDLINE}, "left or the right hemisphere"),
        ({"muscle": ""}, "muscle"),
        ({"algorithm": " "}, "algorithm"),
        ({"coil": "figure-8\n"}, "coil"),
        ({"measured_at": "2026-11-17 09:00"}, "must be a time in UTC"),
        ({"measured_at": "2026-11-17T09:00:00+01:00"}, "must be a time in UTC"),
        ({"patient_uid": "Paula"}, "must be a UUID"),
        ({"session_uid": "1"}, "must be a UUID"),
        ({"stimuli": (Stimulus(50, answered=True),) * (MOST_STIMULI + 1)}, "up to 1000"),
        ({"note": " "}, "note is a text"),
    ],
)
def test_what_cannot_have_been_measured_is_refused_with_its_name(
    changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(ContentError, match=words):
        replace(measurement(new_uid()), **changed)


@pytest.mark.parametrize(("intensity", "pulse"), [(-1, None), (101, None), (50, 0)])
def test_a_stimulus_is_one_that_can_be(intensity: int, pulse: int | None) -> None:
    with pytest.raises(ContentError):
        Stimulus(intensity, answered=True, pulse=pulse)


@given(
    st.builds(
        Measurement,
        patient_uid=st.uuids().map(str),
        kind=st.sampled_from(ThresholdKind),
        muscle=st.sampled_from(["abductor pollicis brevis", "tibialis anterior"]),
        side=st.sampled_from([Side.LEFT, Side.RIGHT]),
        coil=st.sampled_from(["figure-8", "H1"]),
        method=st.sampled_from(Method),
        algorithm=st.sampled_from(["5 of 10", "maximum likelihood"]),
        value_pct_mso=st.integers(1, 100),
        measured_at=st.just(MONDAY),
        session_uid=st.one_of(st.none(), st.uuids().map(str)),
        stimuli=st.lists(
            st.builds(
                Stimulus,
                st.integers(0, 100),
                st.booleans(),
                st.one_of(st.none(), st.integers(1, 10_000)),
            ),
            max_size=5,
        ).map(tuple),
        note=st.sampled_from(["", "sleepy"]),
    )
)
def test_a_measurement_comes_back_from_its_canonical_form(measured: Measurement) -> None:
    values: Any = measured.canonical()
    with Record(values) as record:
        assert Measurement.from_record(record) == measured


def test_a_reference_is_that_of_the_record(practice: Practice) -> None:
    found = read(practice, practice.threshold_uid)
    assert as_reference(found).uid == found.uid == practice.threshold_uid
