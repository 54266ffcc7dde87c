"""What a version of a prescription changes: in force, proposed and published, side by side.

The table is complete: whatever differs and has no row of its own gets one from the canonical forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocols.differences import Departure, Difference
from protocols.dose_basis import DoseBasis
from protocols.exact import clock_text, decimal_text
from protocols.field_words import Topic
from protocols.pattern import BlockPattern
from protocols.prescription import Prescription
from protocols.protocol import Protocol, ProtocolBlock
from protocols.session_content import FixedBlock
from protocols.wording import as_sentence

SAME = "same"
NOTHING = "—"

_COVERED = re.compile(
    r"session\.blocks\[\d+\]\.(intensity_pct_mso|pct_mt|threshold_pct_mso|threshold_kind|"
    r"lowest_pct_mso|highest_pct_mso|target|coil|side|rate_hz|bursts|trains|burst\.pulses|"
    r"burst\.rate_hz|interval\.seconds)"
    r"|doses\[\d+\]\.(prescribed_pct_mt|threshold\.(value_pct_mso|measured_at|uid))"
)
"""Fields that a row of the table shows."""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One parameter.

    Attributes:
        parameter: What it is.
        in_force: Its value in the version in force, or nothing.
        proposed: Its value in the proposed version.
        published: What the published protocol says of it, or nothing.
        changed: It differs from the version in force.
        departs: It lies outside what the published protocol says.
    """

    parameter: str
    in_force: str
    proposed: str
    published: str
    changed: bool = False
    departs: bool = False


def change_rows(
    proposed: Prescription,
    in_force: Prescription | None,
    protocol: Protocol | None,
    differences: Sequence[Difference],
    from_protocol: Sequence[Difference],
) -> tuple[ChangeRow, ...]:
    """Return every parameter that a physician weighs, and everything else that differs."""
    rows = []
    for k in range(len(proposed.session.blocks)):
        rows += _block_rows(k, proposed, in_force, protocol, from_protocol)
    published = None if protocol is None else _course_text(protocol)
    rows.append(_row("Session length", _length, proposed, in_force))
    rows.append(_row("Sessions", _sessions, proposed, in_force, published))
    shown = {one.path for one in differences if _covered(one)}
    rows += [
        ChangeRow(as_sentence(one.words), one.old, one.new, NOTHING, changed=True)
        for one in differences
        if one.path not in shown and one.topic is not Topic.RECORD
    ]
    told = {one.path for one in differences}
    rows += [
        ChangeRow(
            as_sentence(one.words),
            NOTHING if in_force is None else SAME,
            one.new,
            one.old,
            departs=True,
        )
        for one in from_protocol
        if one.departure is Departure.DEPARTS and not _covered(one) and one.path not in told
    ]
    return tuple(rows)


def _covered(one: Difference) -> bool:
    return _COVERED.fullmatch(one.path) is not None


def _row(  # noqa: PLR0913 - one cell after another
    name: str,
    text: Callable[[Prescription], str],
    proposed: Prescription,
    before: Prescription | None,
    published: str | None = None,
    *,
    departs: bool = False,
) -> ChangeRow:
    new = text(proposed)
    old = NOTHING if before is None else text(before)
    return ChangeRow(
        name,
        old,
        SAME if before is not None and old == new else new,
        SAME if published == new else published or NOTHING,
        changed=before is not None and old != new,
        departs=departs,
    )


def _block_rows(
    k: int,
    proposed: Prescription,
    before: Prescription | None,
    protocol: Protocol | None,
    from_protocol: Sequence[Difference],
) -> list[ChangeRow]:
    if before is not None and len(before.session.blocks) <= k:
        before = None
    theirs = None
    if protocol is not None and len(protocol.blocks) > k:
        theirs = protocol.blocks[k]
    place = f"Block {k + 1} · " if len(proposed.session.blocks) > 1 else ""
    outside = {
        one.path.rpartition(".")[2]
        for one in from_protocol
        if one.departure is Departure.DEPARTS and f"[{k + 1}]" in one.path
    }

    def row(
        name: str,
        text: Callable[[FixedBlock, DoseBasis], str],
        published: Callable[[ProtocolBlock], str] | None = None,
        fields: Sequence[str] = (),
    ) -> ChangeRow:
        told = None if theirs is None or published is None else published(theirs)
        return _row(
            place + name,
            lambda one: text(one.session.blocks[k], one.doses[k]),
            proposed,
            before,
            told,
            departs=bool(outside & set(fields)),
        )

    return [
        row("Intensity", _pct_mt, _published_pct, ("prescribed_pct_mt",)),
        row("Threshold", lambda _, basis: threshold_text(basis)),
        row("Device output", lambda block, _: f"{block.intensity_pct_mso} %MSO"),
        row("Technician may set", lambda block, _: _bounds(block)),
        row("Pattern", lambda block, _: pattern_text(block.pattern), _published_pattern,
            ("rate_hz", "pulses")),
        row("Train · rest", lambda block, _: _train_rest(block.pattern), _published_rest,
            ("bursts", "seconds", "convention")),
        row("Trains · pulses", lambda block, _: _counts(block.pattern), _published_counts,
            ("trains",)),
        row("Target · coil", lambda block, _: f"{block.target}, {block.side} · {block.coil}",
            lambda block: f"{block.target}, {block.side} · {' or '.join(block.coils)}",
            ("target", "coil", "side")),
    ]  # fmt: skip


def _pct_mt(block: FixedBlock, basis: DoseBasis) -> str:
    return f"{decimal_text(basis.prescribed_pct_mt)} % {block.threshold_kind.short}"


def _published_pct(block: ProtocolBlock) -> str:
    return f"{block.pct_mt} % {block.threshold_kind.short}"


def threshold_text(basis: DoseBasis) -> str:
    """Return the threshold of a dose with the day on which it was measured."""
    one = basis.threshold
    return f"{one.value_pct_mso} %MSO · {one.measured_at[:10]}"


def _bounds(block: FixedBlock) -> str:
    return f"{block.lowest_pct_mso} to {block.highest_pct_mso} %MSO"


def pattern_text(pattern: BlockPattern) -> str:
    """Return the rate of a train: `10 Hz`, or `3 pulses 50 Hz, every 200 ms`."""
    train = pattern.train
    if train.burst.rate_hz is None:
        return f"{decimal_text(train.rate_hz)} Hz"
    every_ms = decimal_text(1000 / train.rate_hz, 1)
    return (
        f"{train.burst.pulses} pulses {decimal_text(train.burst.rate_hz)} Hz, every {every_ms} ms"
    )


def _published_pattern(block: ProtocolBlock) -> str:
    if block.burst.rate_hz is None:
        return f"{block.rate_hz} Hz"
    every = (
        f"every {decimal_text(1000 / block.rate_hz.lowest, 1)} ms"
        if block.rate_hz.fixed
        else f"at {block.rate_hz} Hz"
    )
    return f"{block.burst.pulses} pulses {decimal_text(block.burst.rate_hz)} Hz, {every}"


def _train_rest(pattern: BlockPattern) -> str:
    nominal = pattern.train.nominal_s
    if pattern.interval is None:
        return f"{decimal_text(nominal)} s, no rest"
    return f"{decimal_text(nominal)} s · {decimal_text(pattern.period_s - nominal)} s"


def _published_rest(block: ProtocolBlock) -> str:
    if not block.repeats.fixed or not block.rate_hz.fixed:
        repeats = f"{block.repeats} in a train"
        return repeats if block.interval_s is None else f"{repeats} · {block.interval_s} s"
    if block.interval_s is not None and not block.interval_s.fixed:
        lasts = decimal_text(block.repeats.lowest / block.rate_hz.lowest)
        return f"{lasts} s · {block.interval_s} s"
    lowest = None if block.interval_s is None else block.interval_s.lowest
    return _train_rest(block.pattern(block.rate_hz.lowest, block.repeats.lowest, 2, lowest)) if (
        lowest is not None
    ) else f"{decimal_text(block.repeats.lowest / block.rate_hz.lowest)} s, no rest"  # fmt: skip


def _counts(pattern: BlockPattern) -> str:
    return f"{pattern.trains} · {pattern.pulses:,}"


def _published_counts(block: ProtocolBlock) -> str:
    if block.trains.fixed and block.repeats.fixed:
        pulses = block.trains.lowest * block.repeats.lowest * block.burst.pulses
        return f"{block.trains} · {pulses:,}"
    return f"{block.trains}"


def _length(one: Prescription) -> str:
    return f"{clock_text(one.session.schedule().duration_s, 2)} to the last pulse"


def _sessions(one: Prescription) -> str:
    plan = ", then ".join(str(phase) for phase in one.course.phases)
    return f"{one.course.total_sessions} ({plan})"


def _course_text(protocol: Protocol) -> str | None:
    course = protocol.course
    total = None if course is None else course.total_sessions
    return None if total is None else str(total)
