"""What differs between versions and from the protocol: complete, in words, the dose first."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given

from protocols.canonical import JsonValue
from protocols.course_plan import CoursePhase, CoursePlan
from protocols.differences import (
    Departure,
    canonical_differences,
    differences,
    path_text,
    value_text,
    words_of,
)
from protocols.dose_basis import DepthPlan
from protocols.field_words import FIELD_WORDS, Topic
from protocols.limits import Level
from protocols.limits.prescription_review import review_prescription
from protocols.pattern import Ramp
from protocols.prescribing import prescribe_protocol, proposed_course, with_new_threshold
from protocols.prescription import Prescription
from protocols.protocol import load_library
from protocols.protocol_differences import PATIENTS_OWN, protocol_differences
from protocols.terms import Side
from tests.protocols.prescriptions import (
    POLICY,
    PRESCRIPTION,
    SECOND,
    SECOND_POLICY,
    leaves,
    other_value,
    prescriptions,
    threshold,
    uid,
    value_at,
    with_value,
)
from tests.protocols.test_prescribing import DASH_CHOICES, frame, order

LIBRARY = load_library()
FORMS = [PRESCRIPTION.canonical(), SECOND.canonical(), POLICY.canonical()]
PLACES = [(form, path) for form in FORMS for path in leaves(form)]


@pytest.mark.parametrize(("form", "path"), PLACES, ids=lambda one: str(one)[:60])
def test_every_changed_value_is_told_with_its_place(
    form: JsonValue, path: tuple[str | int, ...]
) -> None:
    """Every leaf of the canonical forms, found by walking them: no field can be forgotten."""
    old = value_at(form, path)
    (found,) = canonical_differences(form, with_value(form, path, other_value(old)))
    assert found.path == path_text(path)
    assert found.old != found.new
    assert found.topic is not Topic.OTHER


@pytest.mark.parametrize(("form", "path"), PLACES, ids=lambda one: str(one)[:60])
def test_every_field_has_words_and_every_ratio_a_unit(
    form: JsonValue, path: tuple[str | int, ...]
) -> None:
    """A ratio without a unit would be shown as `18/1`."""
    names = ".".join(str(part) for part in path if isinstance(part, str))
    assert any(names == known or names.endswith(f".{known}") for known in FIELD_WORDS)
    value = value_at(form, path)
    if isinstance(value, str) and value.replace("/", "").isdigit() and "/" in value:
        assert words_of(path).unit


@given(prescriptions(), prescriptions())
def test_nothing_differs_exactly_when_the_digests_are_equal(
    a: Prescription, b: Prescription
) -> None:
    assert (differences(a, b) == ()) == (a.digest() == b.digest())
    assert differences(a, a) == ()
    assert len(differences(a, b)) == len(differences(b, a))


def test_the_dose_comes_first_and_the_record_last() -> None:
    proposal = with_new_threshold(PRESCRIPTION, uid(2), {1: threshold(48, 5)})
    found = differences(PRESCRIPTION, proposal.prescription)
    told = [str(one) for one in found]
    assert "block 1: intensity: 54 %MSO -> 58 %MSO" in told[:4]
    assert "block 1: threshold named: 45 %MSO -> 48 %MSO" in told
    assert [one.topic.rank for one in found] == sorted(one.topic.rank for one in found)
    assert found[-1].topic is Topic.RECORD
    assert all(one.departure is None for one in found)


def test_a_part_that_is_new_or_gone_is_told_value_by_value() -> None:
    gone = replace(PRESCRIPTION, band=None)
    assert [str(one) for one in differences(PRESCRIPTION, gone)] == [
        "re-measure band, plus or minus: 3 %MSO -> none",
        "re-measure band, highest intensity: 60 %MSO -> none",
    ]
    assert [one.new for one in differences(gone, PRESCRIPTION)] == ["3 %MSO", "60 %MSO"]


def test_an_added_phase_is_told_with_all_its_values() -> None:
    course = replace(
        PRESCRIPTION.course, phases=(*PRESCRIPTION.course.phases, CoursePhase(3, 28, 1))
    )
    assert [
        str(one) for one in differences(PRESCRIPTION, replace(PRESCRIPTION, course=course))
    ] == [
        "course, phase 3: stretches of days: none -> 3",
        "course, phase 3: length of a stretch: none -> 28 days",
        "course, phase 3: sessions in a stretch: none -> 1",
    ]


def test_policies_are_compared_like_prescriptions() -> None:
    later = replace(
        SECOND_POLICY,
        screening_days=30,
        threshold_finding=replace(POLICY.threshold_finding, shortest_interval_s=Fraction(5, 2)),
    )
    told = [str(one) for one in differences(POLICY, later)]
    assert told[:2] == [
        "threshold finding: shortest time between stimuli: 3 s -> 2.5 s",
        "a screening older than this is refused: 60 days -> 30 days",
    ]
    assert len(told) == 5  # and uid, version, uid of the version before


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "none"),
        (True, "", "yes"),
        (False, "", "no"),
        (18000, "", "18,000"),
        ("909/8", "%", "113.625 %"),
        ("40000/3", "s", "40000/3 (about 13333.33) s"),
        ("12/x", "s", "12/x s"),
        ("figure-8", "", "figure-8"),
        (["a", 1], "", "a, 1"),
        ([], "", "none"),
    ],
)
def test_values_are_shown_exactly_and_with_their_unit(
    value: JsonValue, unit: str, text: str
) -> None:
    assert value_text(value, unit) == text


def test_values_that_look_alike_and_differ_are_shown_as_they_are() -> None:
    (found,) = canonical_differences({"label": "1"}, {"label": 1})
    assert (found.old, found.new) == ("'1'", "1")
    (found,) = canonical_differences({"nobody_knows": {}}, {"nobody_knows": None})
    assert (found.words, found.topic) == ("nobody knows", Topic.OTHER)
    (found,) = canonical_differences("a", "b")
    assert (found.path, found.words) == ("", "content")


def made(protocol: str, pulses: int, **changes: Any) -> Prescription:
    choices = DASH_CHOICES if protocol == "hf10-dash" else {}
    course = proposed_course(LIBRARY[protocol], pulses, changes.pop("sessions", None))
    return prescribe_protocol(LIBRARY[protocol], choices, [order(**changes)], frame(pulses, course))


def test_a_prescription_as_published_differs_in_nothing() -> None:
    assert protocol_differences(made("hf10-standard", 3000), LIBRARY["hf10-standard"]) == ()


def test_a_choice_inside_a_range_is_no_departure() -> None:
    (found,) = protocol_differences(made("hf10-dash", 3000), LIBRARY["hf10-dash"])
    assert str(found) == "block 1: interval between trains: 11-25 s -> 18 s"
    assert found.departure is Departure.CHOSEN


def test_departures_from_the_protocol_are_told_and_acknowledged() -> None:
    made_so = made("itbs-600", 600, sessions=20, ramp=Ramp(2, Fraction(1, 2)))
    changed = replace(
        made_so,
        indication="generalised anxiety disorder",
        doses=(replace(made_so.doses[0], prescribed_pct_mt=Fraction(100)),),
        session=replace(
            made_so.session,
            blocks=(
                replace(
                    made_so.session.blocks[0],
                    pct_mt=Fraction(100),
                    intensity_pct_mso=45,
                    lowest_pct_mso=45,
                    highest_pct_mso=45,
                    coil="double cone",
                ),
            ),
            longest_pause_s=60,
        ),
    )
    told = [str(one) for one in protocol_differences(changed, LIBRARY["itbs-600"])]
    assert told == [
        "block 1: start of the ramp: none -> 0.5 of the intensity",
        "block 1: trains of the ramp: none -> 2",
        "block 1: prescribed percentage of the threshold: 120 % -> 100 %",
        "longest pause: 600 s -> 60 s",
        "indication: major depressive disorder -> generalised anxiety disorder",
        "sessions in all: 20-30 -> 20",
        "block 1: coil: figure-8 -> double cone",
    ]
    findings = review_prescription(changed)
    departures = [one for one in findings if one.code == "departs-from-protocol"]
    assert len(departures) == 6  # the number of sessions is a choice
    assert all(one.level is Level.CAUTION for one in departures)


def test_every_value_of_a_block_is_compared_or_is_the_patients_own() -> None:
    """A field that is added to a block must be compared with the protocol or be listed."""
    base = made("itbs-600", 600, sessions=20, ramp=Ramp(2, Fraction(1, 2)))
    protocol = LIBRARY["itbs-600"]
    known = {one.path for one in protocol_differences(base, protocol)}
    for path in leaves(base.session.blocks[0].canonical()):
        name = str(path[-1])
        if name in PATIENTS_OWN or name in ("trains", "start"):
            continue
        other = replace(
            protocol, blocks=(replace(protocol.blocks[0], **_other_field(path, protocol)),)
        )
        found = {one.path for one in protocol_differences(base, other)} - known
        assert f"session.blocks[1].{path_text(path)}" in found, path


def _other_field(path: tuple[str | int, ...], protocol: Any) -> dict[str, Any]:
    """What to change in the protocol's block so that this value of the prescription departs."""
    block = protocol.blocks[0]
    two = replace(block.trains, lowest=2, highest=2, default=2)
    fast = replace(block.rate_hz, lowest=Fraction(7), highest=Fraction(7), default=Fraction(7))
    changes: dict[str, dict[str, Any]] = {
        "label": {"label": "other"},
        "target": {"target": "other"},
        "side": {"side": Side.RIGHT},
        "coil": {"coils": ("other",)},
        "threshold_kind": {"threshold_kind": "resting leg"},
        "changeover_s": {"changeover_s": Fraction(1)},
        "rate_hz": {"rate_hz": fast},
        "bursts": {"repeats": two},
        "trains": {"trains": two},
        "burst.pulses": {"burst": replace(block.burst, pulses=2)},
        "burst.rate_hz": {"burst": replace(block.burst, rate_hz=Fraction(60))},
        "interval.seconds": {"interval_s": fast},
        "interval.convention": {"convention": type(block.convention)("gap")},
    }
    change = changes[".".join(map(str, path))]
    if change.get("threshold_kind") == "resting leg":
        change["threshold_kind"] = type(block.threshold_kind)("resting leg")
    return change


def test_a_ramp_of_the_protocol_that_is_left_out_is_a_departure() -> None:
    protocol = LIBRARY["itbs-600"]
    ramped = replace(protocol, blocks=(replace(protocol.blocks[0], ramp=Ramp(3, Fraction(4, 5))),))
    base = made("itbs-600", 600, sessions=20)
    told = [str(one) for one in protocol_differences(base, ramped)]
    assert "block 1: trains of the ramp: 3 -> none" in told


def test_a_depth_adjustment_is_compared_with_the_protocols() -> None:
    depth = DepthPlan(Fraction(17), Fraction(15), Fraction(28, 10), Fraction(120))
    snt = LIBRARY["itbs-1800-snt"]
    (found,) = protocol_differences(made("itbs-1800-snt", 1800, depth=depth), snt)
    assert str(found) == "block 1: output per depth: 3 %MSO/mm -> 2.8 %MSO/mm"
    left_out = protocol_differences(made("itbs-1800-snt", 1800, depth_left_out=True), snt)
    assert [one.new for one in left_out] == ["none", "none"]


def test_another_course_than_the_published_is_a_departure() -> None:
    course = CoursePlan((CoursePhase.weekly(4, 5),), 2, 60, 6000)
    other = prescribe_protocol(LIBRARY["hf10-standard"], {}, [order()], frame(3000, course))
    told = [str(one) for one in protocol_differences(other, LIBRARY["hf10-standard"])]
    assert told[:3] == [
        "most sessions on one day: 1 -> 2",
        "least time between sessions: 0 min -> 60 min",
        "sessions in all: 36 -> 20",
    ]
    assert told[3].endswith("-> 5 sessions in 7 days, 4 times")


def test_a_block_too_many_is_a_departure() -> None:
    told = [str(one) for one in protocol_differences(PRESCRIPTION, LIBRARY["itbs-600"])]
    assert "number of blocks: 1 -> 2" in told
