"""The one shape of a clinic's record: written once, read whole, and named by who made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clinic.patients import adverse_event
from tests.clinic.prescribing import Practice, make_practice
from tms_console.clinic.adverse_events import adverse_event_record, adverse_events_of
from tms_console.clinic.entries import Made, entry, folded, put_on_record
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import patient
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind
from tms_console.records.errors import IllegalOperation
from tms_console.records.values import new_uid


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def test_what_the_console_wrote_itself_is_named_so_and_an_unknown_user_by_uid(
    practice: Practice,
) -> None:
    stranger = new_uid()
    for actor in ("console", stranger):
        made = Made(new_uid(), practice.station.wall(), actor)
        practice.station.write(adverse_event_record(adverse_event(practice.patient_uid), made))

    with practice.trusting() as trusted:
        found = adverse_events_of(trusted, practice.patient_uid)
    assert [one.by for one in found] == ["the console", f"user {stranger}"]


def test_a_record_that_contradicts_the_record_is_a_bug_and_not_somebody_elses_change(
    practice: Practice,
) -> None:
    """Nobody looks again and tries anew at what can never be written."""
    made = Made.now(practice.station, practice.technician)
    record = adverse_event_record(adverse_event(new_uid()), made)

    with pytest.raises(IllegalOperation):
        put_on_record(practice.station, record)


def test_a_record_with_a_member_missing_is_not_guessed_at(practice: Practice) -> None:
    """Only another program writes one; it is named, and nothing is filled in."""
    made = Made.now(practice.station, practice.technician)
    members: dict[str, Json] = {
        "patient_uid": made.uid,
        "version": 1,
        "record_number": "A-9",
        "name": "Nobody",
        "birth_date": "1990-01-01",
    }
    practice.station.write(entry(RecordKind.PATIENT, members, made))

    with (
        practice.trusting() as trusted,
        pytest.raises(ClinicRefused, match=f"{made.uid} on record cannot be read: supersedes is"),
    ):
        patient(trusted, made.uid)


@pytest.mark.parametrize("text", ["A 17", "a17", "\uff2117", "A\u00a017"])
def test_ways_of_writing_one_thing_fold_to_one(text: str) -> None:
    assert folded(text) == "a17"
