"""The next version of a prescription: filled in as it was, compared before it is proposed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from protocols.course_plan import CoursePhase, CoursePlan
from protocols.prescribing import (
    BlockOrder,
    PrescriptionFrame,
    prescribe_protocol,
    proposed_course,
)
from protocols.prescription import Prescription, RemeasureBand
from protocols.protocol import load_library
from tests.clinic.prescribing import NOW, Practice, make_practice
from tests.delivery.treatments import shortened
from tms_console.clinic.prescriptions import propose, read_prescription
from tms_console.screens.prescribing import Draft, Entered, draft
from tms_console.screens.prescription_edit import EditScreen, edit_screen


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def opened(practice: Practice, uid: str) -> EditScreen:
    with practice.trusting() as trusted:
        return edit_screen(trusted, uid, NOW)


def drafted(practice: Practice, screen: EditScreen, **changes: str) -> Draft:
    texts = {one.name: one.value for group in screen.form.groups for one in group.fields}
    edited = screen.editing.edited
    texts |= {name.replace("__", "[1]."): text for name, text in changes.items()}
    entered = Entered(edited.patient_uid, edited.session.protocol_id, texts, screen.editing)
    with practice.trusting() as trusted:
        return draft(trusted, entered)


def as_version(made: Prescription, of: Prescription) -> Prescription:
    return replace(
        made,
        uid=of.uid,
        prescription_uid=of.prescription_uid,
        version=of.version,
        supersedes=of.supersedes,
    )


def test_a_form_that_nobody_touched_is_the_version_itself_and_is_not_proposed(
    practice: Practice,
) -> None:
    """Otherwise opening a prescription could change what nobody looked at."""
    made = practice.approved(RemeasureBand(3, 60))
    screen = opened(practice, made.uid)
    assert screen.notes == ()
    assert screen.editing.in_force
    assert screen.editing.columns[1] == "In force v1"
    untouched = drafted(practice, screen)
    assert untouched.prescription is not None
    assert as_version(untouched.prescription, made) == made
    assert untouched.problems == ("Nothing differs from version 1 yet.",)


def test_what_is_changed_is_compared_checked_and_proposed_as_the_next_version(
    practice: Practice,
) -> None:
    made = practice.approved()
    found = drafted(practice, opened(practice, made.uid), blocks__highest="60", pause="300")
    assert found.problems == ()
    version = found.prescription
    assert version is not None
    assert (version.version, version.supersedes) == (2, made.uid)
    assert version.prescription_uid == made.uid
    changed = {row.parameter: (row.in_force, row.proposed) for row in found.rows if row.changed}
    assert changed["Technician may set"] == ("40 to 54 %MSO", "40 to 60 %MSO")
    assert any("ause" in name for name in changed)
    assert len(changed) == 2
    assert found.strips
    propose(practice.station, practice.technician, version)
    with practice.trusting() as trusted:
        assert read_prescription(trusted, version.uid) == version


def test_a_value_that_no_limit_allows_is_told_while_it_is_typed(practice: Practice) -> None:
    made = practice.approved()
    found = drafted(practice, opened(practice, made.uid), blocks__highest="20")
    assert found.prescription is None
    assert found.problems


def test_a_newer_threshold_is_filled_in_and_said(practice: Practice) -> None:
    made = practice.approved()
    newer = practice.measure(47, "2026-11-19T09:00:00Z")
    screen = opened(practice, made.uid)
    assert any("47" in note for note in screen.notes)
    found = drafted(practice, screen)
    assert found.prescription is not None
    assert found.prescription.doses[0].threshold.uid == newer
    assert not found.problems
    assert any(row.parameter == "Device output" and row.changed for row in found.rows)


def test_the_next_version_follows_on_the_newest_and_not_on_the_one_in_force(
    practice: Practice,
) -> None:
    made = practice.approved()
    second = practice.next_version(made)
    screen = opened(practice, made.uid)
    assert any("Version 2 is the newest" in note for note in screen.notes)
    found = drafted(practice, screen, pause="300")
    assert found.prescription is not None
    assert (found.prescription.version, found.prescription.supersedes) == (3, second.uid)
    assert not found.problems


def test_what_the_form_cannot_keep_is_said_before_anything_is_changed(practice: Practice) -> None:
    """A pattern outside the published one must not become the published one in silence."""
    made = shortened(practice.prescription(), 2)
    propose(practice.station, practice.technician, made)
    screen = opened(practice, made.uid)
    assert any("cannot keep" in note for note in screen.notes)
    found = drafted(practice, screen)
    assert any(row.changed for row in found.rows)


def test_open_values_and_a_course_come_back_as_they_were_chosen(practice: Practice) -> None:
    protocol = load_library()["hf10-dash"]
    (block,) = protocol.blocks
    assert block.interval_s is not None
    every: dict[str, Fraction | int | str] = {
        "pct_mt": block.pct_mt.highest,
        "rate_hz": block.rate_hz.highest,
        block.repeats_field: block.repeats.highest,
        "trains": block.trains.highest,
        "interval.seconds": block.interval_s.highest,
        "coil": block.coils[-1],
    }
    choices = {key: every[key.partition(".")[2]] for key in protocol.open_choices}
    assert choices
    base = practice.prescription()
    pulses = sum(one.pattern.pulses for one in protocol.fix(choices).blocks)
    course = proposed_course(protocol, pulses, 30 if protocol.course is None else None)
    assert course is not None
    made = prescribe_protocol(
        protocol,
        choices,
        [BlockOrder(practice.reference(), None, None, None)],
        PrescriptionFrame(base.uid, practice.patient_uid, "depression", course, 600, None),
    )
    propose(practice.station, practice.technician, made)
    screen = opened(practice, made.uid)
    assert screen.notes == ()
    untouched = drafted(practice, screen).prescription
    assert untouched is not None
    assert as_version(untouched, made) == made


def test_a_course_that_a_physician_planned_otherwise_stays_as_it_was_signed(
    practice: Practice,
) -> None:
    slower = CoursePlan((CoursePhase.weekly(5, 4),), 1, 0, 600)
    made = replace(practice.prescription(), course=slower)
    propose(practice.station, practice.technician, made)
    screen = opened(practice, made.uid)
    assert screen.notes == ()
    found = drafted(practice, screen, pause="300").prescription
    assert found is not None
    assert found.course == slower
