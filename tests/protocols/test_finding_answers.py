"""What a physician answers when signing, and what is found in a whole prescription."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.course_plan import CoursePhase, CoursePlan
from protocols.dose_basis import DepthPlan
from protocols.limits import DeliverableLimits, Finding, FindingAnswer, Level, required_answers
from protocols.limits.answers import strangers, unanswered
from protocols.limits.prescription_review import review_prescription
from protocols.prescribing import prescribe_protocol
from protocols.prescription import Prescription, RemeasureBand
from protocols.protocol import load_library
from protocols.terms import Side
from tests.protocols.prescriptions import PRESCRIPTION, prescriptions, threshold
from tests.protocols.test_prescribing import frame, order

LIBRARY = load_library()


def finding(level: Level, code: str = "code", block: int | None = 1) -> Finding:
    return Finding(level, code, f"{level} of {code}", "", "", block)


def test_each_level_asks_for_its_own_answer() -> None:
    required = required_answers([finding(level, level.value) for level in Level])
    assert [(one.code, one.signable, one.needs_reason) for one in required] == [
        ("block", False, False),
        ("override", True, True),
        ("caution", True, False),
    ]


@pytest.mark.parametrize(
    ("level", "answer", "enough"),
    [
        (Level.CAUTION, FindingAnswer("code", 1), True),
        (Level.CAUTION, FindingAnswer("code", 2), False),
        (Level.CAUTION, FindingAnswer("other", 1), False),
        (Level.OVERRIDE, FindingAnswer("code", 1), False),
        (Level.OVERRIDE, FindingAnswer("code", 1, "  "), False),
        (Level.OVERRIDE, FindingAnswer("code", 1, "cleared for this coil"), True),
        (Level.BLOCK, FindingAnswer("code", 1, "I want to"), False),
    ],
)
def test_a_finding_is_answered_only_by_what_its_level_asks_for(
    level: Level, answer: FindingAnswer, enough: bool
) -> None:
    assert (unanswered([finding(level)], [answer]) == ()) is enough


def test_nothing_is_asked_for_a_note() -> None:
    assert unanswered([finding(Level.NOTE)], []) == ()


def test_findings_of_one_code_are_answered_together_at_the_gravest_level() -> None:
    """An acknowledgement of the lesser one must not slip the graver one through."""
    both = [finding(Level.CAUTION), finding(Level.OVERRIDE), finding(Level.CAUTION)]
    (required,) = required_answers(both)
    assert required.level is Level.OVERRIDE
    assert required.sentences == ("caution of code", "override of code")
    assert unanswered(both, [FindingAnswer("code", 1)]) == (required,)


def test_an_answer_to_what_was_not_found_is_a_stranger() -> None:
    """It shows that the answers were given to other content."""
    answers = [FindingAnswer("code", 1), FindingAnswer("code", None)]
    assert strangers([finding(Level.CAUTION)], answers) == (answers[1],)


findings = st.builds(
    finding, st.sampled_from(Level), st.sampled_from("abc"), st.none() | st.integers(1, 3)
)


@given(st.lists(findings))
def test_answering_everything_leaves_nothing_but_what_blocks(found: list[Finding]) -> None:
    answers = [FindingAnswer(one.code, one.block, "reason") for one in found]
    blocking = {(one.code, one.block) for one in found if one.level is Level.BLOCK}
    assert {(one.code, one.block) for one in unanswered(found, answers)} == blocking


def published(**changes: Any) -> Prescription:
    return prescribe_protocol(
        LIBRARY["hf10-standard"],
        {},
        [order(**changes)],
        frame(
            3000,
            CoursePlan(
                (
                    CoursePhase.weekly(6, 5),
                    CoursePhase.weekly(1, 3),
                    CoursePhase.weekly(1, 2),
                    CoursePhase.weekly(1, 1),
                ),
                1,
                0,
                3000,
            ),
        ),
    )


def codes(prescription: Prescription) -> dict[str, Level]:
    return {one.code: one.level for one in review_prescription(prescription)}


def test_a_published_prescription_asks_for_what_its_session_asks_for() -> None:
    """10 Hz, 4 s at 120 % is inside Wassermann and outside Chen: one acknowledgement."""
    (required,) = required_answers(review_prescription(published()))
    assert (required.code, required.needs_reason) == ("train-outside-chen", False)


def test_a_threshold_of_another_coil_or_side_is_told() -> None:
    """%MSO is a property of the coil: what is measured with one is no dose for another."""
    found = codes(published(threshold=threshold(coil="H1", side=Side.RIGHT)))
    assert found["threshold-coil"] is Level.OVERRIDE
    assert found["threshold-side"] is Level.CAUTION
    assert not {"threshold-coil", "threshold-side"} & set(codes(published()))


def test_a_depth_adjustment_is_told_and_its_cap_acknowledged() -> None:
    depth = DepthPlan(Fraction(17), Fraction(15), Fraction(3), Fraction(120))
    snt = LIBRARY["itbs-1800-snt"]
    course = CoursePlan((CoursePhase(1, 5, 50),), 10, 50, 18_000)
    inside = prescribe_protocol(snt, {}, [order(depth=depth)], frame(1800, course))
    (told,) = [one for one in review_prescription(inside) if one.code == "depth-adjusted"]
    assert told.level is Level.NOTE
    assert "the threshold is 51 instead of 45 %MSO; 90 % of it is 102 %" in told.sentence
    deep = replace(depth, target_depth_mm=Fraction(35))
    capped = prescribe_protocol(snt, {}, [order(depth=deep)], frame(1800, course))
    (told,) = [one for one in review_prescription(capped) if one.code == "depth-adjusted"]
    assert told.level is Level.CAUTION
    assert "held down by the cap to 120 %" in told.sentence


def test_leaving_out_the_depth_adjustment_is_acknowledged() -> None:
    snt = LIBRARY["itbs-1800-snt"]
    course = CoursePlan((CoursePhase(1, 5, 50),), 10, 50, 18_000)
    without = prescribe_protocol(snt, {}, [order(depth_left_out=True)], frame(1800, course))
    departures = [
        one.sentence
        for one in review_prescription(without)
        if one.code == "departs-from-protocol" and one.level is Level.CAUTION
    ]
    assert any("output per depth none instead of 3 %MSO/mm" in one for one in departures)


def test_more_pulses_a_day_than_published_need_a_written_reason() -> None:
    """safety.md: pulses a day above the approved protocol."""
    course = CoursePlan((CoursePhase.weekly(4, 10),), 2, 60, 6000)
    twice = prescribe_protocol(LIBRARY["hf10-standard"], {}, [order()], frame(3000, course))
    assert codes(twice)["pulses-a-day-protocol"] is Level.OVERRIDE
    assert "pulses-a-day-protocol" not in codes(published())


def test_a_prescription_of_no_known_protocol_is_acknowledged() -> None:
    found = review_prescription(published(), library={})
    assert ("protocol-unknown", Level.CAUTION) in [(one.code, one.level) for one in found]


def test_the_review_of_a_prescription_looks_at_the_device_too() -> None:
    limits = DeliverableLimits(1, 50, lambda *_: None)
    found = review_prescription(published(), limits)
    assert found[0].level is Level.BLOCK


def test_what_only_a_re_measured_threshold_would_bring_is_found_before_signing() -> None:
    """45 + 15 = 60, 90 % of it is 120 % of 45; at 42 it would be 122 %, theta burst above 120 %."""
    depth = DepthPlan(Fraction(20), Fraction(15), Fraction(3), Fraction(200))
    course = CoursePlan((CoursePhase(1, 5, 50),), 10, 50, 18_000)
    lower = prescribe_protocol(
        LIBRARY["itbs-1800-snt"],
        {},
        [order(45, depth=depth)],
        frame(1800, course, band=RemeasureBand(3, 90)),
    )
    assert "theta-burst-above-120" not in codes(replace(lower, band=None))
    found = {one.code: one for one in review_prescription(lower)}
    assert lower.session.blocks[0].pct_mt == 120
    told = found["theta-burst-above-120"]
    assert told.level is Level.OVERRIDE
    assert told.sentence.startswith("At a re-measured threshold of ")


@given(prescriptions())
def test_a_review_of_any_prescription_finds_and_never_fails(prescription: Prescription) -> None:
    found = review_prescription(prescription)
    assert [one.level.rank for one in found] == sorted(
        (one.level.rank for one in found), reverse=True
    )


def test_the_example_with_a_band_is_reviewed_over_the_whole_band() -> None:
    with_band = review_prescription(PRESCRIPTION)
    without = review_prescription(replace(PRESCRIPTION, band=None))
    assert {one.code for one in without} <= {one.code for one in with_band}
