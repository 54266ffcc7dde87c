"""A whole prescription: nothing of it can change without its digest changing."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError, Record, check_moment, digest_of
from protocols.dose import NotDeliverable
from protocols.dose_basis import DepthPlan, DoseBasis, FirstSessions
from protocols.measured import ThresholdReference
from protocols.prescription import (
    CoursePhase,
    CoursePlan,
    FixedBlock,
    Prescription,
    RemeasureBand,
    SessionContent,
)
from protocols.schedule import ScheduleTooLong
from protocols.terms import Side, ThresholdKind
from tests.protocols.prescriptions import (
    BLOCK,
    DEPTH,
    JUNK,
    PRESCRIPTION,
    SECOND,
    leaves,
    other_value,
    prescriptions,
    threshold,
    turned,
    uid,
    value_at,
    with_value,
)


@given(prescriptions())
def test_a_prescription_comes_back_from_its_canonical_text_with_every_field(
    prescription: Prescription,
) -> None:
    """A field forgotten in the canonical form would be lost on the way and make them unequal."""
    received = Prescription.from_canonical(json.loads(prescription.canonical_text()))
    assert received == prescription
    assert received.digest() == prescription.digest()


@pytest.mark.parametrize(
    "part",
    [
        PRESCRIPTION,
        PRESCRIPTION.doses[0],
        PRESCRIPTION.doses[0].threshold,
        PRESCRIPTION.doses[0].first_sessions,
        DEPTH,
        PRESCRIPTION.course,
        PRESCRIPTION.course.phases[0],
        PRESCRIPTION.band,
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_field_of_every_part_stands_in_the_canonical_form(part: Any) -> None:
    assert set(part.canonical()) - {"tag"} == {field.name for field in fields(part)}


@given(prescriptions(), st.data())
def test_any_change_of_any_field_changes_the_digest_or_is_no_prescription(
    prescription: Prescription, data: st.DataObject
) -> None:
    """The fields are found by walking the canonical form, so that none can be left out."""
    values = prescription.canonical()
    path = data.draw(st.sampled_from(leaves(values)))
    changed = with_value(values, path, other_value(value_at(values, path)))
    assert digest_of(changed) != prescription.digest()
    try:
        received = Prescription.from_canonical(changed)
    except ValueError:
        return
    assert received.canonical() == changed
    assert received.digest() != prescription.digest()
    assert received != prescription


@pytest.mark.parametrize("path", leaves(PRESCRIPTION.canonical()), ids=str)
def test_junk_in_any_field_is_refused_or_is_another_prescription(
    path: tuple[str | int, ...],
) -> None:
    junk: Any
    for junk in JUNK:
        sent = with_value(PRESCRIPTION.canonical(), path, junk)
        try:
            received = Prescription.from_canonical(sent)
        except ContentError:
            continue
        assert received.canonical() == sent, junk


@pytest.mark.parametrize("path", leaves(PRESCRIPTION.canonical()), ids=str)
def test_a_missing_field_is_named(path: tuple[str | int, ...]) -> None:
    sent = json.loads(json.dumps(PRESCRIPTION.canonical()))
    inner = value_at(sent, path[:-1])
    del inner[path[-1]]
    with pytest.raises(ContentError, match=f"{path[-1]} is missing"):
        Prescription.from_canonical(sent)


@pytest.mark.parametrize(
    "place",
    [(), ("session",), ("doses", 0), ("doses", 1, "depth"), ("doses", 0, "threshold"), ("band",)],
    ids=str,
)
def test_a_field_that_nobody_knows_is_refused_wherever_it_stands(
    place: tuple[str | int, ...],
) -> None:
    """An unknown field might be a limit that this version would silently ignore."""
    sent = with_value(PRESCRIPTION.canonical(), (*place, "surprise"), 1)
    with pytest.raises(ContentError, match="surprise is not a field"):
        Prescription.from_canonical(sent)


@given(prescriptions())
def test_the_digest_does_not_depend_on_the_order_of_fields(prescription: Prescription) -> None:
    other = Prescription.from_canonical(turned(prescription.canonical()))
    assert other.digest() == prescription.digest()
    assert digest_of(turned(prescription.canonical())) == prescription.digest()


def test_the_digest_of_a_known_prescription_never_changes() -> None:
    """A record of years ago must still be verifiable: a new form needs a new tag."""
    assert (
        PRESCRIPTION.digest() == "5b7341d335a049dd8d54a72284c6f53fee5ff3799455239f8420651d5af9ce0c"
    )
    assert PRESCRIPTION.canonical_text().encode() == rfc8785.dumps(PRESCRIPTION.canonical())


def test_the_tag_comes_first_and_another_one_is_refused() -> None:
    values = PRESCRIPTION.canonical()
    assert next(iter(values)) == "tag"
    with pytest.raises(ContentError, match="must be 'tms-prescription-1'"):
        Prescription.from_canonical({**values, "tag": "tms-policy-1"})
    with pytest.raises(ContentError, match=r"session.tag is 'tms-rehearsal-1'"):
        Prescription.from_canonical(with_value(values, ("session", "tag"), "tms-rehearsal-1"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"uid": "1"}, "uid is '1'"),
        ({"patient_uid": uid(7).upper().replace("0", "A")}, "patient_uid"),
        ({"indication": " "}, "indication is a text"),
        ({"version": 0}, "version is 0"),
        ({"version": 2}, "names the version that it supersedes"),
        ({"supersedes": uid(9)}, "supersedes nothing"),
        ({"prescription_uid": uid(9)}, "its uid is the prescription's own"),
        ({"doses": ()}, "0 doses for 2 blocks"),
        ({"doses": PRESCRIPTION.doses[::-1]}, r"blocks\[1\].threshold_pct_mso is 45"),
        ({"course": replace(PRESCRIPTION.course, most_sessions_a_day=3)}, "session's is 2"),
        ({"course": replace(PRESCRIPTION.course, least_minutes_between=1)}, "session's is 50"),
        ({"course": replace(PRESCRIPTION.course, most_pulses_a_day=2401)}, "1200 .* to 2400"),
        ({"course": replace(PRESCRIPTION.course, most_pulses_a_day=1199)}, "1200 .* to 2400"),
        ({"band": RemeasureBand(3, 53)}, "dose of 54 %MSO is above it"),
        (
            {"course": CoursePlan((CoursePhase.weekly(1, 2),), 2, 50, 2400)},
            "a ramp over 3 sessions in a course of 2",
        ),
    ],
)
def test_a_prescription_that_contradicts_itself_cannot_exist(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ContentError, match=says):
        replace(PRESCRIPTION, **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"uid": uid(1)}, "uid of its own"),
        ({"supersedes": uid(2)}, "uid of its own"),
        ({"supersedes": uid(9)}, "version 2, and no other"),
        ({"version": 3}, "version 2, and no other"),
        ({"supersedes": "x"}, "supersedes is 'x'"),
    ],
)
def test_a_later_version_names_the_one_before(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ContentError, match=says):
        replace(SECOND, **changes)


def test_a_third_version_supersedes_the_second() -> None:
    third = replace(SECOND, uid=uid(3), version=3, supersedes=uid(2))
    assert third.prescription_uid == PRESCRIPTION.uid


@pytest.mark.parametrize(
    ("basis", "says"),
    [
        (replace(PRESCRIPTION.doses[0], threshold=threshold(46)), "named is 46 %MSO"),
        (
            replace(PRESCRIPTION.doses[0], threshold=threshold(kind=ThresholdKind.ACTIVE_HAND)),
            "a active hand threshold",
        ),
        (replace(PRESCRIPTION.doses[0], prescribed_pct_mt=Fraction(119)), "follow 119 %"),
        (
            replace(PRESCRIPTION.doses[0], depth=replace(DEPTH, target_depth_mm=Fraction(14))),
            "follow 112 % of the threshold as measured",
        ),
    ],
)
def test_a_dose_follows_from_its_threshold_and_percentage_alone(
    basis: DoseBasis, says: str
) -> None:
    """Whoever signs 120 % of 45 %MSO signs nothing else."""
    with pytest.raises(ContentError, match=says):
        replace(PRESCRIPTION, doses=(basis, PRESCRIPTION.doses[1]))


def test_one_measurement_cannot_be_told_in_two_ways() -> None:
    other = replace(PRESCRIPTION.doses[1], threshold=threshold(40, 2, uid=uid(1001)))
    with pytest.raises(ContentError, match="tells the threshold of another dose otherwise"):
        replace(PRESCRIPTION, doses=(PRESCRIPTION.doses[0], other))


def test_the_technician_cannot_go_above_the_cap_of_a_depth_adjustment() -> None:
    """The cap is 120 % of 40 = 48 %MSO: a bound of 49 would undo what it is for."""
    block = replace(PRESCRIPTION.session.blocks[1], highest_pct_mso=49)
    session = replace(PRESCRIPTION.session, blocks=(BLOCK, block))
    with pytest.raises(ContentError, match="allows 48 %MSO"):
        replace(PRESCRIPTION, session=session)


def test_a_depth_adjusted_dose_is_exact() -> None:
    """40 + 3 x 3.5 = 50.5 %MSO; 90 % of it is 45.45, so 45 %MSO and 113.625 % as measured."""
    basis = PRESCRIPTION.doses[1]
    assert DEPTH.adjusted_threshold(40) == Fraction(101, 2)
    assert basis.of_measured().pct_mt == Fraction(909, 8)
    assert basis.intensity(1) == 45
    assert not basis.of_measured().capped


def test_the_cap_of_a_depth_adjustment_holds() -> None:
    deep = replace(PRESCRIPTION.doses[1], depth=replace(DEPTH, target_depth_mm=Fraction(30)))
    assert deep.of_measured().capped
    assert deep.intensity(1) == 48


def test_a_depth_adjusted_dose_out_of_reach_says_what_could_be_prescribed() -> None:
    """The nearest is told in the percentage that was prescribed, of the adjusted threshold."""
    basis = DoseBasis(threshold(90), Fraction(110), replace(DEPTH, target_depth_mm=Fraction(15)))
    shallow = replace(basis, depth=replace(DEPTH, cap_pct_mt=Fraction(220)))
    with pytest.raises(NotDeliverable, match=r"to 100\.5 %MSO") as refused:
        shallow.intensity(1)
    assert (refused.value.nearest_pct_mt, refused.value.nearest_pct_mso) == (99, 99)
    with pytest.raises(NotDeliverable, match="111 %MT"):
        replace(basis, depth=None, prescribed_pct_mt=Fraction(112)).intensity(1)


def test_a_depth_adjusted_dose_of_nothing_has_no_nearest() -> None:
    basis = DoseBasis(
        threshold(10), Fraction(90), replace(DEPTH, target_depth_mm=Fraction(1167, 100))
    )
    with pytest.raises(NotDeliverable, match="No whole percentage"):
        basis.intensity(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"target_depth_mm": Fraction(0)},
        {"motor_depth_mm": Fraction(101)},
        {"gradient_pct_mso_per_mm": Fraction(11)},
        {"motor_depth_mm": Fraction(1, 3)},
        {"cap_pct_mt": Fraction(221)},
        {"cap_pct_mt": Fraction(0)},
    ],
    ids=str,
)
def test_depths_that_nobody_measured_are_refused(changes: dict[str, Fraction]) -> None:
    with pytest.raises(ContentError):
        replace(DEPTH, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": "no"},
        {"value_pct_mso": 0},
        {"value_pct_mso": 101},
        {"muscle": ""},
        {"coil": " "},
        {"method": ""},
        {"side": Side.MIDLINE},
        {"measured_at": "2026-11-01T09:00:00"},
        {"measured_at": "2026-13-01T09:00:00Z"},
        {"measured_at": "yesterday"},
    ],
    ids=str,
)
def test_a_threshold_that_nobody_can_have_measured_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContentError):
        threshold(**{"value": changes.pop("value_pct_mso", 45)} | changes)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: FirstSessions(0, Fraction(80)), "first sessions is 0"),
        (lambda: FirstSessions(3, Fraction(0)), "lowest_pct_mt"),
        (lambda: RemeasureBand(0, 60), "plus_minus_pct_mso is 0"),
        (lambda: RemeasureBand(11, 60), "plus_minus_pct_mso is 11"),
        (lambda: RemeasureBand(3, 101), "band highest_pct_mso is 101"),
        (lambda: CoursePhase(0, 7, 5), "course times is 0"),
        (lambda: CoursePhase(1, 0, 5), "course days is 0"),
        (lambda: CoursePhase(1, 7, 0), "course sessions is 0"),
        (lambda: CoursePlan((), 1, 0, 600), "at least one phase"),
        (lambda: CoursePlan((CoursePhase(999, 7, 2),), 1, 0, 600), "total sessions is 1998"),
        (lambda: DoseBasis(threshold(), Fraction(221)), "prescribed_pct_mt is 221 %"),
        (
            lambda: DoseBasis(threshold(), Fraction(120), None, FirstSessions(3, Fraction(120))),
            "begins below the prescribed 120 %",
        ),
    ],
)
def test_parts_that_contradict_themselves_cannot_exist(make: Any, says: str) -> None:
    with pytest.raises(ContentError, match=says):
        make()


def test_a_ramp_day_that_would_deliver_nothing_cannot_be_signed() -> None:
    """The lowest day of the ramp is computed when the prescription is made, not on that day."""
    low = replace(PRESCRIPTION.doses[0], first_sessions=FirstSessions(3, Fraction(1, 2)))
    with pytest.raises(NotDeliverable):
        replace(PRESCRIPTION, doses=(low, PRESCRIPTION.doses[1]))


def test_a_course_counts_its_sessions_phase_by_phase() -> None:
    course = PRESCRIPTION.course
    assert course.total_sessions == 22
    first, last = course.phases
    assert [course.phase_of(number) for number in (1, 20, 21, 22, 23)] == [
        first,
        first,
        last,
        last,
        None,
    ]
    assert [str(phase) for phase in course.phases] == [
        "5 sessions in 7 days, 4 times",
        "1 session in 14 days, 2 times",
    ]
    assert str(CoursePhase(1, 5, 50)) == "50 sessions in 5 days, once"
    with pytest.raises(ValueError, match="counted from 1"):
        course.phase_of(0)


def test_todays_percentage_may_be_lower_only_in_the_first_sessions() -> None:
    assert PRESCRIPTION.today_range(1, 3) == (Fraction(100), Fraction(120))
    assert PRESCRIPTION.today_range(1, 4) == (Fraction(120), Fraction(120))
    assert PRESCRIPTION.today_range(2, 1) == (Fraction(90), Fraction(90))


def test_the_names_that_delivery_uses_are_still_here() -> None:
    """Session contents moved to a module of their own; their old address goes on serving."""
    from protocols import session_content  # noqa: PLC0415 - this is what is looked at

    assert session_content.FixedBlock is FixedBlock
    assert session_content.SessionContent is SessionContent


@pytest.mark.parametrize("moment", ["2026-11-01T09:00:00.123456789Z", "2026-11-01T09:00:00Z"])
def test_a_moment_may_have_a_fraction(moment: str) -> None:
    check_moment("at", moment)


def test_a_record_reads_truths_and_lists_of_texts_strictly() -> None:
    record = Record({"a": 1, "b": ["x", 2], "c": "x"}, "place")
    with pytest.raises(ContentError, match=r"place.a is true or false, not 1"):
        record.boolean("a")
    with pytest.raises(ContentError, match=r"place.b\[2\] is a text, not 2"):
        record.texts("b")
    with pytest.raises(ContentError, match=r"place.c is a list, not 'x'"):
        record.texts("c")


def test_a_session_of_too_many_pulses_cannot_be_prescribed() -> None:
    huge = replace(BLOCK, pattern=replace(BLOCK.pattern, trains=10**6))
    with pytest.raises(ScheduleTooLong):
        replace(PRESCRIPTION, session=replace(PRESCRIPTION.session, blocks=(huge,)))


def test_a_plan_is_read_from_its_own_canonical_form() -> None:
    assert DepthPlan.from_record(Record(DEPTH.canonical())) == DEPTH
    reference = threshold()
    assert ThresholdReference.from_record(Record(reference.canonical())) == reference
