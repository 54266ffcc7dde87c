"""Whole prescriptions and policies for tests: fixed examples and random ones."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

from hypothesis import assume
from hypothesis import strategies as st

from protocols.canonical import JsonValue
from protocols.dose import NotDeliverable
from protocols.dose_basis import DepthPlan, DoseBasis, FirstSessions
from protocols.measured import ThresholdReference
from protocols.pattern import BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.policy import Policy
from protocols.policy_proposal import proposed_policy
from protocols.prescription import (
    CoursePhase,
    CoursePlan,
    FixedBlock,
    Prescription,
    RemeasureBand,
    SessionContent,
)
from protocols.terms import Side, ThresholdKind
from tests.protocols.strategies import blocks, texts


def uid(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


def threshold(value: int = 45, number: int = 1, **changes: Any) -> ThresholdReference:
    values: dict[str, Any] = {
        "uid": uid(1000 + number),
        "value_pct_mso": value,
        "kind": ThresholdKind.RESTING_HAND,
        "muscle": "abductor pollicis brevis",
        "side": Side.LEFT,
        "coil": "figure-8",
        "method": "visible twitch, 5 of 10",
        "measured_at": f"2026-11-{number:02d}T09:00:00Z",
    }
    return ThresholdReference(**(values | changes))


PATTERN = BlockPattern(
    Train(10, Fraction(5), Burst(3, Fraction(50))),
    20,
    Interval(Fraction(8), Convention.NOMINAL),
    Ramp(4, Fraction(4, 5)),
)
BLOCK = FixedBlock(
    label="left iTBS",
    target="left DLPFC",
    side=Side.LEFT,
    coil="figure-8",
    threshold_kind=ThresholdKind.RESTING_HAND,
    threshold_pct_mso=45,
    pct_mt=Fraction(120),
    intensity_pct_mso=54,
    lowest_pct_mso=50,
    highest_pct_mso=56,
    pattern=PATTERN,
)
DEPTH = DepthPlan(Fraction(185, 10), Fraction(15), Fraction(3), Fraction(120))
# 40 + 3 x 3.5 = 50.5; 90 % of it is 45.45 %MSO, 113.625 % of 40
DEEP_BLOCK = replace(
    BLOCK,
    label="deep iTBS",
    threshold_pct_mso=40,
    pct_mt=Fraction(113625, 1000),
    intensity_pct_mso=45,
    lowest_pct_mso=40,
    highest_pct_mso=47,
    changeover_s=Fraction(60),
)
PRESCRIPTION = Prescription(
    uid=uid(1),
    prescription_uid=uid(1),
    version=1,
    supersedes=None,
    patient_uid=uid(7),
    indication="major depressive disorder",
    session=SessionContent(
        "itbs-600",
        "iTBS",
        (BLOCK, DEEP_BLOCK),
        most_sessions_a_day=2,
        least_minutes_between=50,
        pre_step="cues",
    ),
    doses=(
        DoseBasis(threshold(), Fraction(120), None, FirstSessions(3, Fraction(100))),
        DoseBasis(threshold(40, 2), Fraction(90), DEPTH),
    ),
    course=CoursePlan((CoursePhase.weekly(4, 5), CoursePhase(2, 14, 1)), 2, 50, 2400),
    band=RemeasureBand(3, 60),
)
SECOND = replace(PRESCRIPTION, uid=uid(2), version=2, supersedes=uid(1))
POLICY = proposed_policy(uid(30), "Europe/Berlin")
SECOND_POLICY: Policy = replace(POLICY, uid=uid(31), version=2, supersedes=uid(30))


JUNK = [True, 1.5, [], {}, "", "\ud800", -1, 2**60, None]
"""What a damaged or hostile record may hold in the place of any value."""


def leaves(value: JsonValue, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value in a canonical form."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for k, item in enumerate(value) for leaf in leaves(item, (*path, k))]
    return [path]


def value_at(values: JsonValue, path: tuple[str | int, ...]) -> Any:
    inner: Any = values
    for key in path:
        inner = inner[key]
    return inner


def with_value(values: JsonValue, path: tuple[str | int, ...], new: JsonValue) -> JsonValue:
    changed = json.loads(json.dumps(values))
    value_at(changed, path[:-1])[path[-1]] = new
    return cast("JsonValue", changed)


def turned(value: JsonValue) -> JsonValue:
    """The same JSON with the fields of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(item) for key, item in reversed(value.items())}
    return [turned(item) for item in value] if isinstance(value, list) else value


OTHER_WORDS = {
    "left": "right",
    "right": "left",
    "nominal": "gap",
    "gap": "cycle",
    "cycle": "gap",
    "resting hand": "active hand",
    "Europe/Berlin": "Europe/Paris",
    "technician": "physician",
    "physician": "technician",
}


def other_value(value: Any) -> JsonValue:
    """A value near this one that is likely to be allowed in its place."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case None:
            return "something"
        case str() if value in OTHER_WORDS:
            return OTHER_WORDS[value]
        case str() if value.count("/") == 1 and value.replace("/", "").isdigit():
            numerator, denominator = value.split("/")
            changed = Fraction(int(numerator), int(denominator)) + 1
            return f"{changed.numerator}/{changed.denominator}"
        case str() if value.endswith("Z") and value.startswith("20"):
            return value[:3] + ("0" if value[3] != "0" else "1") + value[4:]
        case str() if value.startswith("00000000-"):
            return value[:-1] + ("a" if value[-1] != "a" else "b")
    return f"{value}x"


hundredths = st.integers(1, 4000).map(lambda value: Fraction(value, 100))
uids = st.integers(0, 2**40).map(uid)


@st.composite
def thresholds(draw: st.DrawFn, value: int, kind: ThresholdKind, number: int) -> ThresholdReference:
    return ThresholdReference(
        uid=uid(2**43 + number),
        value_pct_mso=value,
        kind=kind,
        muscle=draw(texts),
        side=draw(st.sampled_from([Side.LEFT, Side.RIGHT])),
        coil=draw(texts),
        method=draw(texts),
        measured_at=f"20{draw(st.integers(10, 99))}-01-02T03:04:05Z",
    )


@st.composite
def dosed_blocks(draw: st.DrawFn, first: bool, sessions: int) -> tuple[FixedBlock, DoseBasis]:
    block = draw(blocks(first))
    signed = draw(thresholds(block.threshold_pct_mso, block.threshold_kind, int(first)))
    ramp = None
    if draw(st.booleans()):
        ramp = FirstSessions(
            draw(st.integers(1, sessions)), block.pct_mt * draw(st.integers(70, 99)) / 100
        )
    if draw(st.booleans()):
        return block, DoseBasis(signed, block.pct_mt, None, ramp)
    gradient = Fraction(draw(st.integers(1, 500)), 100)
    depth = DepthPlan(draw(hundredths), draw(hundredths), gradient, Fraction(120))
    basis = DoseBasis(signed, block.pct_mt, depth, ramp)
    try:
        dose = basis.intensity(block.step_pct_mso)
    except ValueError:
        assume(False)
        raise
    return (
        replace(
            block,
            pct_mt=basis.of_measured().pct_mt,
            intensity_pct_mso=dose,
            lowest_pct_mso=draw(st.integers(1, dose)),
            highest_pct_mso=dose,
        ),
        basis,
    )


@st.composite
def prescriptions(draw: st.DrawFn) -> Prescription:
    """A random prescription of one or two blocks, of any version."""
    phases = draw(
        st.lists(
            st.builds(CoursePhase, st.integers(1, 8), st.integers(1, 31), st.integers(1, 20)),
            min_size=1,
            max_size=3,
        )
    )
    sessions = sum(phase.total for phase in phases)
    a_day, minutes = draw(st.integers(1, 12)), draw(st.integers(0, 90))
    try:
        made = [draw(dosed_blocks(True, sessions))]
        if draw(st.booleans()):
            made.append(draw(dosed_blocks(False, sessions)))
        content = SessionContent(
            protocol_id=draw(texts),
            title=draw(texts),
            blocks=tuple(block for block, _ in made),
            most_sessions_a_day=a_day,
            least_minutes_between=minutes,
            pre_step=draw(st.none() | texts),
            longest_pause_s=draw(st.integers(0, 3600)),
            latest_host_pulse_us=draw(st.integers(1, 5000)),
        )
        highest = max(block.intensity_pct_mso for block in content.blocks)
        first, version = draw(uids), draw(st.integers(1, 3))
        mine, before = (first, None) if version == 1 else (uid(2**41 + version), first)
        return Prescription(
            uid=mine,
            prescription_uid=first,
            version=version,
            supersedes=before if version < 3 else uid(2**42),
            patient_uid=draw(uids),
            indication=draw(texts),
            session=content,
            doses=tuple(basis for _, basis in made),
            course=CoursePlan(
                tuple(phases),
                a_day,
                minutes,
                draw(st.integers(content.pulses, content.most_pulses_a_day)),
            ),
            band=draw(
                st.none() | st.builds(RemeasureBand, st.integers(1, 10), st.integers(highest, 100))
            ),
        )
    except NotDeliverable:  # a ramp that would begin at nothing
        assume(False)
        raise
