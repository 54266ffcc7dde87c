"""Prescriptions are made from protocols with nothing chosen in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from protocols.canonical import ContentError
from protocols.course_plan import CoursePhase, CoursePlan
from protocols.dose import NotDeliverable
from protocols.dose_basis import DepthPlan, FirstSessions
from protocols.pattern import Convention, Interval, Ramp
from protocols.prescribing import (
    BlockOrder,
    PrescriptionFrame,
    missing_choices,
    next_version,
    prescribe_protocol,
    proposed_course,
    with_new_threshold,
)
from protocols.prescription import Prescription, RemeasureBand
from protocols.protocol import ChoiceError, load_library
from protocols.terms import Side, ThresholdKind
from tests.protocols.prescriptions import PRESCRIPTION, threshold, uid

LIBRARY = load_library()
DASH_CHOICES: Mapping[str, Fraction | int | str] = {"blocks[1].interval.seconds": Fraction(18)}


def order(value: int = 45, **changes: Any) -> BlockOrder:
    values: dict[str, Any] = {
        "threshold": threshold(value),
        "lowest_pct_mso": None,
        "highest_pct_mso": None,
        "ramp": None,
    }
    return BlockOrder(**(values | changes))


def frame(pulses: int, course: CoursePlan | None = None, **changes: Any) -> PrescriptionFrame:
    values: dict[str, Any] = {
        "uid": uid(1),
        "patient_uid": uid(7),
        "indication": "major depressive disorder",
        "course": course or CoursePlan((CoursePhase.weekly(6, 5),), 1, 0, pulses),
        "longest_pause_s": 600,
        "band": None,
    }
    return PrescriptionFrame(**(values | changes))


def test_a_prescription_has_the_protocols_pattern_at_the_patients_dose() -> None:
    made = prescribe_protocol(
        LIBRARY["hf10-dash"],
        DASH_CHOICES,
        [order(38, lowest_pct_mso=40, highest_pct_mso=48, ramp=Ramp(3, Fraction(4, 5)))],
        frame(3000, band=RemeasureBand(3, 50)),
    )
    (block,) = made.session.blocks
    assert (block.intensity_pct_mso, block.lowest_pct_mso, block.highest_pct_mso) == (46, 40, 48)
    assert block.pattern.interval == Interval(Fraction(18), Convention.NOMINAL)
    assert block.pattern.ramp == Ramp(3, Fraction(4, 5))
    assert (made.version, made.supersedes, made.prescription_uid) == (1, None, uid(1))
    assert made.session.protocol_id == "hf10-dash"
    assert Prescription.from_canonical(made.canonical()) == made


def test_without_bounds_the_technician_cannot_move_the_intensity() -> None:
    made = prescribe_protocol(LIBRARY["itbs-600"], {}, [order()], frame(600))
    (block,) = made.session.blocks
    assert (block.lowest_pct_mso, block.highest_pct_mso) == (54, 54)


@pytest.mark.parametrize("protocol", LIBRARY.values(), ids=lambda one: one.id)
def test_every_open_value_must_be_chosen_and_none_takes_its_default_in_silence(
    protocol: Any,
) -> None:
    missing = missing_choices(protocol, {})
    assert len(missing) == len(protocol.open_choices)
    for field, sentence in zip(protocol.open_choices, missing, strict=True):
        assert sentence.startswith(f"{field} is not chosen; the protocol allows ")
        assert ", and a rehearsal takes " in sentence


def test_a_missing_choice_is_named_with_its_range_and_default() -> None:
    with pytest.raises(
        ChoiceError,
        match=r"blocks\[1\].interval.seconds is not chosen; the protocol allows 11-25, and a "
        "rehearsal takes 11",
    ):
        prescribe_protocol(LIBRARY["hf10-dash"], {}, [order()], frame(3000))
    with pytest.raises(ChoiceError, match="H7, D-B80, and a rehearsal takes H7"):
        prescribe_protocol(LIBRARY["ocd-20hz"], {}, [order()], frame(2000))


def test_a_value_that_the_protocol_does_not_leave_open_cannot_be_chosen() -> None:
    with pytest.raises(ChoiceError, match="no choice of"):
        prescribe_protocol(LIBRARY["itbs-600"], {"blocks[1].trains": 30}, [order()], frame(600))
    with pytest.raises(ChoiceError, match="allowed: 11-25"):
        prescribe_protocol(
            LIBRARY["hf10-dash"], {"blocks[1].interval.seconds": 10}, [order()], frame(3000)
        )


def test_a_threshold_of_the_wrong_kind_is_refused() -> None:
    """120 % of a leg threshold on the hand area is another dose altogether."""
    leg = order(threshold=threshold(kind=ThresholdKind.RESTING_LEG))
    with pytest.raises(ContentError, match="resting hand threshold; a resting leg"):
        prescribe_protocol(LIBRARY["itbs-600"], {}, [leg], frame(600))


def test_each_block_has_its_own_order() -> None:
    with pytest.raises(ContentError, match="has 2 blocks; 1 are ordered"):
        prescribe_protocol(LIBRARY["bilateral-seq"], {}, [order()], frame(2100))
    right = order(50, threshold=threshold(50, 3, side=Side.RIGHT))
    made = prescribe_protocol(LIBRARY["bilateral-seq"], {}, [right, order(45)], frame(2100))
    assert [block.intensity_pct_mso for block in made.session.blocks] == [60, 54]


def test_a_dose_out_of_reach_is_refused_with_what_could_be_prescribed() -> None:
    with pytest.raises(NotDeliverable, match="119 %MT"):
        prescribe_protocol(LIBRARY["itbs-600"], {}, [order(84)], frame(600))


def test_a_depth_adjusted_protocol_is_prescribed_exactly() -> None:
    """45 + 3 x 2 = 51 %MSO, 90 % of it 45.9: 46 %MSO is what ten sessions a day deliver."""
    depth = DepthPlan(Fraction(17), Fraction(15), Fraction(3), Fraction(120))
    snt = LIBRARY["itbs-1800-snt"]
    course = proposed_course(snt, 1800)
    assert course == CoursePlan((CoursePhase(1, 5, 50),), 10, 50, 18_000)
    made = prescribe_protocol(snt, {}, [order(depth=depth)], frame(1800, course))
    (block,) = made.session.blocks
    assert (block.pct_mt, block.intensity_pct_mso) == (Fraction(102), 46)
    assert made.session.most_pulses_a_day == 18_000
    assert Prescription.from_canonical(made.canonical()).digest() == made.digest()


def test_leaving_out_the_depth_adjustment_must_be_said() -> None:
    snt = LIBRARY["itbs-1800-snt"]
    with pytest.raises(ChoiceError, match=r"blocks\[1\].depth is not chosen"):
        prescribe_protocol(snt, {}, [order()], frame(1800))
    made = prescribe_protocol(snt, {}, [order(depth_left_out=True)], frame(1800))
    assert made.session.blocks[0].intensity_pct_mso == 41


def test_a_coarse_device_step_is_kept() -> None:
    made = prescribe_protocol(LIBRARY["itbs-600"], {}, [order()], frame(600, device_step_pct_mso=5))
    assert made.session.blocks[0].intensity_pct_mso == 55


def test_a_ramp_across_the_first_days_is_part_of_the_prescription() -> None:
    made = prescribe_protocol(
        LIBRARY["itbs-600"],
        {},
        [order(first_sessions=FirstSessions(5, Fraction(80)))],
        frame(600),
    )
    assert made.today_range(1, 5) == (Fraction(80), Fraction(120))


@pytest.mark.parametrize(
    ("protocol", "sessions", "total", "phases"),
    [
        ("hf10-standard", None, 36, 4),
        ("h1-18hz", None, 44, 2),
        ("ocd-20hz", None, 29, 2),
        ("lf1-right", 12, 12, 2),
        ("lf1-right", 30, 30, 1),
        ("ctbs-600", 4, 4, 1),
    ],
)
def test_a_course_is_proposed_where_the_sources_state_one(
    protocol: str, sessions: int | None, total: int, phases: int
) -> None:
    course = proposed_course(LIBRARY[protocol], 600, sessions)
    assert course is not None
    assert (course.total_sessions, len(course.phases)) == (total, phases)
    assert (course.most_sessions_a_day, course.most_pulses_a_day) == (1, 600)


def test_no_course_is_proposed_where_the_sources_state_none() -> None:
    assert proposed_course(LIBRARY["ctbs-600"], 600) is None


@pytest.mark.parametrize("sessions", [None, 9, 31])
def test_a_range_of_sessions_must_be_decided(sessions: int | None) -> None:
    with pytest.raises(ChoiceError, match=r"course.sessions is .*allows 10-30"):
        proposed_course(LIBRARY["lf1-right"], 360, sessions)


def test_a_next_version_is_another_prescription_of_the_same_line() -> None:
    later = next_version(PRESCRIPTION, uid(2), indication="bipolar depression", band=None)
    assert (later.version, later.supersedes, later.prescription_uid) == (2, uid(1), uid(1))
    assert (later.indication, later.band) == ("bipolar depression", None)
    assert later.digest() != PRESCRIPTION.digest()
    third = next_version(later, uid(3))
    assert (third.version, third.supersedes, third.band) == (3, uid(2), None)


def test_a_new_threshold_proposes_a_version_that_shows_old_and_new_doses() -> None:
    """A newer threshold changes nothing by itself; this is what a physician is shown."""
    proposal = with_new_threshold(PRESCRIPTION, uid(2), {1: threshold(48, 5)})
    (change,) = proposal.changes
    assert str(change) == "block 1: threshold 45 -> 48 %MSO, intensity 54 -> 58 %MSO"
    first, second = proposal.prescription.session.blocks
    assert (first.lowest_pct_mso, first.intensity_pct_mso, first.highest_pct_mso) == (54, 58, 59)
    assert second == PRESCRIPTION.session.blocks[1]
    assert proposal.prescription.doses[0].threshold.value_pct_mso == 48
    assert proposal.prescription.version == 2
    assert proposal.prescription.band == PRESCRIPTION.band


def test_a_band_that_the_new_dose_would_leave_is_stated_anew() -> None:
    proposal = with_new_threshold(PRESCRIPTION, uid(2), {1: threshold(51, 5)})
    assert proposal.prescription.session.blocks[0].intensity_pct_mso == 61
    assert proposal.prescription.band is None


def test_a_new_threshold_out_of_reach_is_a_refusal_and_never_clipped() -> None:
    with pytest.raises(NotDeliverable, match="119 %MT"):
        with_new_threshold(PRESCRIPTION, uid(2), {1: threshold(84, 5)})


def test_a_new_threshold_of_another_kind_or_block_is_refused() -> None:
    leg = threshold(48, 5, kind=ThresholdKind.RESTING_LEG)
    with pytest.raises(ContentError, match="resting hand threshold, not to a resting leg"):
        with_new_threshold(PRESCRIPTION, uid(2), {1: leg})
    with pytest.raises(ContentError, match="block 3: there are 2 blocks"):
        with_new_threshold(PRESCRIPTION, uid(2), {3: threshold(48, 5)})


def test_a_bound_beyond_full_output_cannot_follow_from_a_new_threshold() -> None:
    session = replace(
        PRESCRIPTION.session,
        blocks=(
            replace(PRESCRIPTION.session.blocks[0], highest_pct_mso=60),
            PRESCRIPTION.session.blocks[1],
        ),
    )
    wide = replace(PRESCRIPTION, session=session, band=None)
    (first, _) = with_new_threshold(wide, uid(2), {1: threshold(80, 5)}).prescription.session.blocks
    assert (first.intensity_pct_mso, first.highest_pct_mso) == (96, 100)
