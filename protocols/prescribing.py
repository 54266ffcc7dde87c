"""Makes prescriptions: from a library protocol, as a next version, for a new threshold.

Whatever is open must be given: nothing takes a default in silence.  Nothing here is approved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypedDict, Unpack

from protocols.canonical import ContentError
from protocols.course import Span
from protocols.course_plan import CoursePhase, CoursePlan
from protocols.dose_basis import DepthPlan, DoseBasis, FirstSessions
from protocols.exact import decimal_text
from protocols.measured import ThresholdReference
from protocols.pattern import Ramp
from protocols.prescription import Prescription, RemeasureBand
from protocols.protocol import ChoiceError, ChosenBlock, Protocol, ProtocolBlock
from protocols.remeasure import DoseChange, dose_changes
from protocols.session_content import FixedBlock, SessionContent


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """What a physician states for one block beside the protocol's own values.

    Attributes:
        threshold: The measured threshold.
        lowest_pct_mso: Lowest intensity a technician may set; None: the dose itself.
        highest_pct_mso: Highest intensity a technician may set; None: the dose itself.
        ramp: How the first trains of a session rise; None: they do not.
        depth: How the threshold is adjusted for depth; None: it is not.
        depth_left_out: Must be true to leave out an adjustment that the protocol asks for.
        first_sessions: The ramp across the first days; None: there is none.
    """

    threshold: ThresholdReference
    lowest_pct_mso: int | None
    highest_pct_mso: int | None
    ramp: Ramp | None
    depth: DepthPlan | None = None
    depth_left_out: bool = False
    first_sessions: FirstSessions | None = None


@dataclass(frozen=True, slots=True)
class PrescriptionFrame:
    """What a physician states for the whole prescription.

    Attributes:
        uid: Of the new prescription's first version.
        patient_uid: Whose it is.
        indication: What it is given for.
        course: The planned series of sessions; `proposed_course` proposes one.
        longest_pause_s: A pause longer than this ends the session.
        band: The re-measure band; None: none.
        device_step_pct_mso: The intensity step of the stimulator.
    """

    uid: str
    patient_uid: str
    indication: str
    course: CoursePlan
    longest_pause_s: int
    band: RemeasureBand | None
    device_step_pct_mso: int = 1


def missing_choices(
    protocol: Protocol, choices: Mapping[str, Fraction | int | str]
) -> tuple[str, ...]:
    """Return a sentence for every open value of the protocol that nobody has chosen."""
    return tuple(
        f"{field} is not chosen; the protocol allows {_allowed(protocol, field)}"
        for field in protocol.open_choices
        if field not in choices
    )


def _allowed(protocol: Protocol, field: str) -> str:
    number, _, name = field.removeprefix("blocks[").partition("].")
    block = protocol.blocks[int(number) - 1]
    if name == "coil":
        return f"{', '.join(block.coils)}, and a rehearsal takes {block.coils[0]}"
    spans: Mapping[str, Span[int] | Span[Fraction] | None] = {
        "pct_mt": block.pct_mt,
        "rate_hz": block.rate_hz,
        block.repeats_field: block.repeats,
        "trains": block.trains,
        "interval.seconds": block.interval_s,
    }
    span = spans[name]
    if span is None:
        raise ValueError(f"{field} leaves no choice")
    return f"{span}, and a rehearsal takes {decimal_text(Fraction(span.default), 3)}"


def proposed_course(
    protocol: Protocol, session_pulses: int, sessions: int | None = None
) -> CoursePlan | None:
    """Return the course as far as the protocol's sources state it, for a physician to look at.

    Args:
        protocol: The protocol.
        session_pulses: Pulses in one session.
        sessions: How many sessions, where the sources leave a choice; they are then proposed
            as five a week with the rest in a week of its own.

    Returns:
        The plan; None where the sources state no course and `sessions` is not given.

    Raises:
        ChoiceError: The sources give a range of sessions, and none or another is chosen.
    """
    course = protocol.course
    a_day = 1 if course is None else course.sessions_a_day
    minutes = 0 if course is None else course.minutes_between
    if course is not None and course.phases:
        phases = [CoursePhase.weekly(one.weeks, one.sessions_a_week) for one in course.phases]
    elif course is not None and course.days is not None:
        phases = [CoursePhase(1, course.days, course.days * a_day)]
    else:
        span = None if course is None else course.total_sessions
        if span is not None:
            sessions = span.lowest if span.fixed and sessions is None else sessions
            if sessions is None or not span.lowest <= sessions <= span.highest:
                told = "not chosen" if sessions is None else str(sessions)
                raise ChoiceError(
                    f"course.sessions is {told}; the protocol allows {span}, and a rehearsal "
                    f"takes {span.default}"
                )
        if sessions is None:
            return None
        phases = _five_a_week(sessions)
    return CoursePlan(tuple(phases), a_day, minutes, session_pulses * a_day)


def _five_a_week(sessions: int) -> list[CoursePhase]:
    weeks, rest = divmod(sessions, 5)
    phases = [CoursePhase.weekly(weeks, 5)] if weeks else []
    return [*phases, CoursePhase.weekly(1, rest)] if rest else phases


def prescribe_protocol(
    protocol: Protocol,
    choices: Mapping[str, Fraction | int | str],
    blocks: Sequence[BlockOrder],
    frame: PrescriptionFrame,
) -> Prescription:
    """Return the first version of a prescription, made from a library protocol.

    Args:
        protocol: The protocol.
        choices: A value for every field that the protocol leaves open, as for `Protocol.fix`.
        blocks: What is stated for each block, in their order.
        frame: What is stated for the whole.

    Raises:
        ChoiceError: An open value is not chosen, or one is chosen that is not open.
        ContentError: The parts contradict each other (a threshold of the wrong kind, for one).
        NotDeliverable: A dose is out of reach, with what could be prescribed instead.
    """
    if missing := missing_choices(protocol, choices):
        raise ChoiceError(f"{protocol.id}: " + "; ".join(missing))
    fixed = protocol.fix(choices)
    if len(blocks) != len(fixed.blocks):
        raise ContentError(
            f"{protocol.id} has {len(fixed.blocks)} blocks; {len(blocks)} are ordered"
        )
    made = [
        _ordered(f"blocks[{number}]", theirs, chosen, order, frame.device_step_pct_mso)
        for number, (theirs, chosen, order) in enumerate(
            zip(protocol.blocks, fixed.blocks, blocks, strict=True), 1
        )
    ]
    session = SessionContent(
        protocol_id=protocol.id,
        title=protocol.name,
        blocks=tuple(block for block, _ in made),
        most_sessions_a_day=frame.course.most_sessions_a_day,
        least_minutes_between=frame.course.least_minutes_between,
        pre_step=fixed.pre_step,
        longest_pause_s=frame.longest_pause_s,
        latest_host_pulse_us=fixed.latest_host_pulse_us,
    )
    return Prescription(
        uid=frame.uid,
        prescription_uid=frame.uid,
        version=1,
        supersedes=None,
        patient_uid=frame.patient_uid,
        indication=frame.indication,
        session=session,
        doses=tuple(basis for _, basis in made),
        course=frame.course,
        band=frame.band,
    )


def _ordered(
    place: str, theirs: ProtocolBlock, chosen: ChosenBlock, order: BlockOrder, step: int
) -> tuple[FixedBlock, DoseBasis]:
    """Return one block with its dose, and what the dose follows from."""
    if order.threshold.kind is not chosen.threshold_kind:
        raise ContentError(
            f"{place}: the percentage is of a {chosen.threshold_kind} threshold; a "
            f"{order.threshold.kind} threshold is named"
        )
    if theirs.depth_adjustment is not None and order.depth is None and not order.depth_left_out:
        raise ChoiceError(
            f"{place}.depth is not chosen; the protocol adjusts the threshold for depth: give the "
            "depths, or say that it is left out"
        )
    basis = DoseBasis(order.threshold, chosen.pct_mt, order.depth, order.first_sessions)
    dose = basis.intensity(step)
    block = FixedBlock(
        label=chosen.label,
        target=chosen.target,
        side=chosen.side,
        coil=chosen.coil,
        threshold_kind=chosen.threshold_kind,
        threshold_pct_mso=order.threshold.value_pct_mso,
        pct_mt=basis.of_measured().pct_mt,
        intensity_pct_mso=dose,
        lowest_pct_mso=dose if order.lowest_pct_mso is None else order.lowest_pct_mso,
        highest_pct_mso=dose if order.highest_pct_mso is None else order.highest_pct_mso,
        pattern=replace(chosen.pattern, ramp=order.ramp),
        changeover_s=chosen.changeover_s,
        step_pct_mso=step,
    )
    return block, basis


class Changes(TypedDict, total=False):
    """What a next version may change; what is left out stays as it is."""

    indication: str
    session: SessionContent
    doses: tuple[DoseBasis, ...]
    course: CoursePlan
    band: RemeasureBand | None


def next_version(prescription: Prescription, uid: str, **changes: Unpack[Changes]) -> Prescription:
    """Return the next version of a prescription, unapproved, with these changes.

    Raises:
        ContentError: The changed parts contradict each other.
        NotDeliverable: A dose is out of reach.
    """
    return replace(
        prescription,
        uid=uid,
        version=prescription.version + 1,
        supersedes=prescription.uid,
        **changes,
    )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pre-filled next version for new thresholds, for a physician to look at.

    Attributes:
        prescription: The next version, unapproved.
        changes: Old and new thresholds and intensities of the blocks concerned.
    """

    prescription: Prescription
    changes: tuple[DoseChange, ...]


def with_new_threshold(
    prescription: Prescription, uid: str, thresholds: Mapping[int, ThresholdReference]
) -> Proposal:
    """Return the next version at newly measured thresholds; percentages stay as prescribed.

    The technician's bounds move as told at `DoseBasis.block_at`.  A re-measure band that the new
    dose would leave is proposed no longer: a physician states it anew.

    Args:
        prescription: The version that is in force.
        uid: Of the next version.
        thresholds: The new threshold of each block that gets one, by block, from 1.

    Raises:
        ContentError: There is no such block, or a threshold is of the wrong kind.
        NotDeliverable: A dose is out of reach, with what could be prescribed instead.
    """
    doses, blocks = list(prescription.doses), list(prescription.session.blocks)
    for number, threshold in sorted(thresholds.items()):
        if not 1 <= number <= len(blocks):
            raise ContentError(f"block {number}: there are {len(blocks)} blocks, counted from 1")
        basis, block = doses[number - 1], blocks[number - 1]
        if threshold.kind is not basis.threshold.kind:
            raise ContentError(
                f"block {number}: the dose refers to a {basis.threshold.kind} threshold, not to a "
                f"{threshold.kind} one"
            )
        blocks[number - 1] = basis.block_at(block, threshold.value_pct_mso)
        doses[number - 1] = replace(basis, threshold=threshold)
    session = replace(prescription.session, blocks=tuple(blocks))
    band = prescription.band
    if band is not None and band.highest_pct_mso < max(b.intensity_pct_mso for b in blocks):
        band = None
    proposed = next_version(prescription, uid, session=session, doses=tuple(doses), band=band)
    changes = dose_changes(prescription.session, session, sorted(thresholds))
    return Proposal(proposed, changes)
