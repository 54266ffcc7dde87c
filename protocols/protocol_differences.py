"""How a prescription stands to the published protocol that it was made from.

Every value of the prescription is either compared here or is the patient's own; a test walks the
canonical form to see that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from protocols.canonical import JsonValue
from protocols.course import Span
from protocols.course_plan import CoursePlan
from protocols.differences import Departure, Difference, difference_at
from protocols.exact import ratio_text
from protocols.pattern import SINGLE_PULSE
from protocols.prescribing import proposed_course
from protocols.prescription import Prescription
from protocols.protocol import Protocol, ProtocolBlock

PATIENTS_OWN = frozenset(
    {
        "threshold_pct_mso",
        "step_pct_mso",
        "intensity_pct_mso",
        "lowest_pct_mso",
        "highest_pct_mso",
        "pct_mt",  # of the threshold as measured; the prescribed one is compared
    }
)
"""Fields of a block that no protocol states."""

_Path = tuple[str | int, ...]
_Allowed = JsonValue | Span[int] | Span[Fraction] | tuple[str, ...]


def protocol_differences(prescription: Prescription, protocol: Protocol) -> tuple[Difference, ...]:
    """Return where a prescription chose among a protocol's values or departs from them.

    The dose comes first.  A course that the sources do not state is no departure.
    """
    found = [
        difference
        for path, allowed, value in _compared(prescription, protocol)
        if (difference := _difference(path, allowed, value)) is not None
    ]
    return tuple(sorted(found, key=lambda one: one.topic.rank))


def _difference(path: _Path, allowed: _Allowed, value: JsonValue) -> Difference | None:
    """Return the difference of one value from what the protocol allows, None if there is none."""
    match allowed:
        case Span():
            number = Fraction(value) if isinstance(value, str | int) else None
            inside = number is not None and allowed.lowest <= number <= allowed.highest
            if inside and allowed.fixed:
                return None
            told: JsonValue = str(allowed)
        case tuple():
            inside = value in allowed
            if inside and len(allowed) == 1:
                return None
            told = " or ".join(allowed)
        case _:
            if value == allowed:
                return None
            inside, told = False, allowed
    departure = Departure.CHOSEN if inside else Departure.DEPARTS
    return difference_at(path, told, value, departure)


def _compared(
    prescription: Prescription, protocol: Protocol
) -> Iterator[tuple[_Path, _Allowed, JsonValue]]:
    """Yield every value with what the protocol allows for it."""
    values = prescription.canonical()
    session = prescription.session.canonical()
    course = protocol.course
    stated: dict[str, JsonValue] = {
        "protocol_id": protocol.id,
        "title": protocol.name,
        "most_sessions_a_day": 1 if course is None else course.sessions_a_day,
        "least_minutes_between": 0 if course is None else course.minutes_between,
        "pre_step": None if protocol.pre_step is None else protocol.pre_step.name,
        "longest_pause_s": protocol.longest_pause_s,
        "latest_host_pulse_us": protocol.latest_host_pulse_us,
    }
    yield ("indication",), protocol.indication, values["indication"]
    for name, allowed in stated.items():
        yield ("session", name), allowed, session[name]
    yield from _compared_blocks(prescription, protocol)
    total = None if course is None else course.total_sessions
    if total is not None:
        yield ("course", "total_sessions"), total, prescription.course.total_sessions
    if course is not None and (course.phases or course.days is not None):
        plan = proposed_course(protocol, prescription.session.pulses)
        yield ("course", "phases"), _phases(plan), _phases(prescription.course)


def _phases(plan: CoursePlan | None) -> JsonValue:
    return None if plan is None else ", then ".join(map(str, plan.phases))


def _compared_blocks(
    prescription: Prescription, protocol: Protocol
) -> Iterator[tuple[_Path, _Allowed, JsonValue]]:
    blocks = prescription.session.blocks
    yield ("session", "number of blocks"), len(protocol.blocks), len(blocks)
    for k, (theirs, block, basis) in enumerate(
        zip(protocol.blocks, blocks, prescription.doses, strict=False)
    ):
        values = _leaves(block.canonical())
        for name, allowed in _block_values(theirs).items():
            yield ("session", "blocks", k, *name.split(".")), allowed, values.pop(name, None)
        for name in sorted(set(values) - PATIENTS_OWN):  # a part that the protocol does not have
            yield ("session", "blocks", k, *name.split(".")), None, values[name]
        yield ("doses", k, "prescribed_pct_mt"), theirs.pct_mt, ratio_text(basis.prescribed_pct_mt)
        adjustment = theirs.depth_adjustment
        depth = None if basis.depth is None else basis.depth.canonical()
        for name in ("gradient_pct_mso_per_mm", "cap_pct_mt"):
            stated = None if adjustment is None else ratio_text(getattr(adjustment, name))
            yield ("doses", k, "depth", name), stated, None if depth is None else depth[name]


def _block_values(block: ProtocolBlock) -> Mapping[str, _Allowed]:
    """Return what a protocol's block allows, under the names of the canonical form."""
    values: dict[str, _Allowed] = {
        "label": block.label,
        "target": block.target,
        "side": block.side.value,
        "coil": block.coils,
        "threshold_kind": block.threshold_kind.value,
        "changeover_s": ratio_text(block.changeover_s),
        "rate_hz": block.rate_hz,
        "bursts": block.repeats,
        "trains": block.trains,
    }
    if block.burst != SINGLE_PULSE and block.burst.rate_hz is not None:
        values["burst.pulses"] = block.burst.pulses
        values["burst.rate_hz"] = ratio_text(block.burst.rate_hz)
    if block.interval_s is not None and block.convention is not None:
        values["interval.seconds"] = block.interval_s
        values["interval.convention"] = block.convention.value
    if block.ramp is not None:
        values["ramp.trains"] = block.ramp.trains
        values["ramp.start"] = ratio_text(block.ramp.start)
    return values


def _leaves(values: Mapping[str, JsonValue], place: str = "") -> dict[str, JsonValue]:
    """Return every value that is set, by its path inside the block."""
    leaves: dict[str, JsonValue] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            leaves |= _leaves(value, f"{place}{name}.")
        elif value is not None:
            leaves[place + name] = value
    return leaves
