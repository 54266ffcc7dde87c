"""What is told of a protocol: the same facts for people and, as JSON, for machines.

Every number comes from the schedule, the dose and the review; no layout is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from protocols.dose import NotDeliverable
from protocols.exact import clock_text, decimal_text, ratio_text
from protocols.limits import Finding, not_deliverable_finding, review
from protocols.pattern import Convention
from protocols.prescription import SessionContent, rehearsal_content
from protocols.protocol import ChosenBlock, Mistake, Protocol, ProtocolBlock
from protocols.schedule import block_duty, printed_times_s

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]

_ANY_THRESHOLD_PCT_MSO = 50
"""The tables are read in %MT; without a threshold any will do at which no dose is out of reach."""
_ABOUT_ROUNDING = "rounded-up"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A protocol at its defaults with what a review says.

    Attributes:
        content: The session at the given threshold; None without one, or out of reach.
        findings: What was found, gravest first.
        refusal: Why the dose cannot be delivered, None if it can.
    """

    content: SessionContent | None
    findings: tuple[Finding, ...]
    refusal: NotDeliverable | None = None


def reviewed(protocol: Protocol, threshold_pct_mso: int | None) -> Reviewed:
    """Return the review of a protocol at its defaults, at a threshold if one is given."""
    if threshold_pct_mso is None:
        try:
            findings = review(rehearsal_content(protocol, _ANY_THRESHOLD_PCT_MSO))
        except NotDeliverable:  # above 200 %MT: any lower threshold reads the same columns
            findings = review(rehearsal_content(protocol, _ANY_THRESHOLD_PCT_MSO // 2))
        return Reviewed(None, tuple(f for f in findings if f.code != _ABOUT_ROUNDING))
    try:
        content = rehearsal_content(protocol, threshold_pct_mso)
    except NotDeliverable as refusal:
        return Reviewed(None, (not_deliverable_finding(refusal),), refusal)
    return Reviewed(content, review(content))


def dose_text(block: ProtocolBlock) -> str:
    """Return a block's dose: `110-120 % rMT`."""
    return f"{block.pct_mt} % {block.threshold_kind.short}"


def pulses_span(protocol: Protocol) -> tuple[int, int]:
    """Return the fewest and the most pulses of a session within the protocol's ranges."""
    lowest = sum(b.repeats.lowest * b.burst.pulses * b.trains.lowest for b in protocol.blocks)
    highest = sum(b.repeats.highest * b.burst.pulses * b.trains.highest for b in protocol.blocks)
    return lowest, highest


def train_text(block: ChosenBlock) -> str:
    """Return the train in words: `40 pulses at 10 Hz`, `10 bursts of 3 pulses (50 Hz) at 5 Hz`."""
    train = block.pattern.train
    rate = f"at {decimal_text(train.rate_hz, 3)} Hz"
    if train.burst.rate_hz is None:
        return f"{train.pulses} pulses {rate}"
    inner = decimal_text(train.burst.rate_hz, 3)
    return f"{train.bursts} bursts of {train.burst.pulses} pulses ({inner} Hz) {rate}"


def interval_text(block: ChosenBlock) -> str:
    """Return the interval as printed and the period that results."""
    interval = block.pattern.interval
    if interval is None:
        return "none: one train"
    meaning = {
        Convention.GAP: "last pulse to first pulse",
        Convention.NOMINAL: "end of the nominal train to the first pulse",
        Convention.CYCLE: "end of the nominal train to the first pulse, the last one counted too",
    }[interval.convention]
    return (
        f"{decimal_text(interval.seconds, 3)} s as printed ({interval.convention}: {meaning}), "
        f"so a train every {decimal_text(block.pattern.period_s, 6)} s from onset to onset"
    )


def printed_text(block: ChosenBlock) -> str:
    """Return the block's printed time under each meaning of its interval."""
    if block.pattern.interval is None:
        return clock_text(block.pattern.train.duration_s, 2) + " first to last pulse"
    times = printed_times_s(block.pattern)
    return ", ".join(f"{convention} {clock_text(times[convention])}" for convention in Convention)


def course_text(protocol: Protocol) -> str:
    """Return the course in words, as far as the sources state it."""
    course = protocol.course
    if course is None:
        return "not stated"
    parts: list[str] = []
    if (total := course.total_sessions) is not None:
        parts.append(f"{total} sessions")
    if course.weeks is not None:
        parts.append(f"{course.weeks} weeks")
    parts += [
        f"{phase.weeks} week{'s' if phase.weeks > 1 else ''} of {phase.sessions_a_week}"
        + (f" [{phase.mark}]" if phase.mark != "read" else "")
        for phase in course.phases
    ]
    if course.sessions_a_day > 1:
        parts.append(
            f"{course.sessions_a_day} a day, {course.minutes_between} minutes between"
            + (f", on {course.days} days" if course.days else "")
        )
    if course.taper:
        parts.append(course.taper)
    return ", ".join(parts)


def marks_text(block: ProtocolBlock) -> str:
    """Return the fields that are not simply read in a source, by how they are marked."""
    groups: dict[str, list[str]] = {}
    for field, mark in block.marks.items():
        groups.setdefault(mark.value, []).append(field)
    order = [mark for mark in ("recalled", "computed", "ours") if mark in groups]
    told = [f"{mark}: {', '.join(groups[mark])}" for mark in order]
    return "; ".join([*told, "the rest read"]) if told else "all read"


def summary_json(protocol: Protocol) -> dict[str, Json]:
    """Return a protocol's line of the list."""
    schedule = protocol.fix().schedule()
    lowest, highest = pulses_span(protocol)
    return {
        "id": protocol.id,
        "name": protocol.name,
        "indication": protocol.indication,
        "dose": [dose_text(block) for block in protocol.blocks],
        "pulses": schedule.pulses,
        "pulses_lowest": lowest,
        "pulses_highest": highest,
        "trains": len(schedule.trains),
        "duration_planned_s": float(schedule.duration_s),
        "status": protocol.regulatory.status.value,
        "open_choices": list(protocol.open_choices),
    }


def detail_json(protocol: Protocol, result: Reviewed) -> dict[str, Json]:
    """Return everything that is told of a protocol."""
    fixed = protocol.fix()
    pre_step, course, standing = protocol.pre_step, protocol.course, protocol.regulatory
    total = None if course is None else course.total_sessions
    return summary_json(protocol) | {
        "regulatory": {
            "status": standing.status.value,
            "reference": standing.reference,
            "mark": standing.mark.value,
        },
        "duty": float(fixed.schedule().duty),
        "sources": [
            {"citation": s.citation, "supports": s.supports, "mark": s.mark.value}
            for s in protocol.sources
        ],
        "notes": list(protocol.notes),
        "course": course_text(protocol),
        "sessions": None if total is None else str(total),
        "sessions_a_day": fixed.sessions_a_day,
        "minutes_between": fixed.minutes_between,
        "pre_step": None
        if pre_step is None
        else {"name": pre_step.name, "instruction": pre_step.instruction},
        "blocks": [
            _block_json(block, chosen)
            for block, chosen in zip(protocol.blocks, fixed.blocks, strict=True)
        ],
        "intensity_pct_mso": None
        if result.content is None
        else [block.intensity_pct_mso for block in result.content.blocks],
        "effective_pct_mt": None
        if result.content is None
        else [ratio_text(block.effective_pct_mt) for block in result.content.blocks],
        "findings": [finding_json(finding) for finding in result.findings],
    }


def _block_json(block: ProtocolBlock, chosen: ChosenBlock) -> dict[str, Json]:
    train, interval = chosen.pattern.train, chosen.pattern.interval
    return {
        "label": block.label,
        "target": block.target,
        "side": block.side.value,
        "coils": list(block.coils),
        "threshold": block.threshold_kind.value,
        "pct_mt": ratio_text(chosen.pct_mt),
        "rate_hz": ratio_text(train.rate_hz),
        "burst": None
        if train.burst.rate_hz is None
        else {"pulses": train.burst.pulses, "rate_hz": ratio_text(train.burst.rate_hz)},
        block.repeats_field: train.bursts,
        "trains": chosen.pattern.trains,
        "interval": None
        if interval is None
        else {"seconds": ratio_text(interval.seconds), "convention": interval.convention.value},
        "period_s": ratio_text(chosen.pattern.period_s),
        "duty": float(block_duty(chosen.pattern)),
        "printed_times_s": {
            convention.value: float(seconds)
            for convention, seconds in printed_times_s(chosen.pattern).items()
        },
        "changeover_s": ratio_text(chosen.changeover_s),
        "marks": {field: mark.value for field, mark in block.marks.items()},
    }


def finding_json(finding: Finding) -> dict[str, Json]:
    """Return a finding's fields."""
    return {
        "level": finding.level.value,
        "code": finding.code,
        "sentence": finding.sentence,
        "reference": finding.reference,
        "checking": finding.checking,
        "block": finding.block,
    }


def percentage(share: Fraction) -> str:
    """Return a share as a percentage with one decimal: `13.3 %`."""
    return f"{decimal_text(share * 100, 1)} %"


def spread(lowest: int, highest: int) -> str:
    """Return one number or a range with thousands marked: `3,000`, `360-1,800`."""
    return f"{lowest:,}" if lowest == highest else f"{lowest:,}-{highest:,}"


def mistake_json(mistake: Mistake) -> dict[str, Json]:
    """Return a mistake's fields."""
    return {
        "file": mistake.file,
        "line": mistake.line,
        "field": mistake.field,
        "wrong": mistake.wrong,
        "allowed": mistake.allowed,
    }
