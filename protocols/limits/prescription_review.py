"""Reviews a whole prescription: its session, the thresholds it rests on, its band and its course.

It finds and explains, as `protocols.limits.rules` does for one session; it permits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from protocols.differences import Departure
from protocols.dose import percent_text
from protocols.dose_basis import DoseBasis
from protocols.exact import decimal_text
from protocols.field_words import Topic
from protocols.limits.findings import DeliverableLimits, Finding, Level
from protocols.limits.rules import CONSOLE, RULE, review
from protocols.prescription import Prescription
from protocols.protocol import Protocol, load_library
from protocols.protocol_differences import protocol_differences
from protocols.session_content import FixedBlock
from protocols.terms import Side

_WEIGHED = (Topic.DOSE, Topic.PATTERN, Topic.LIMITS, Topic.COURSE, Topic.PLACE)
"""What a physician acknowledges departing in; names and the record are not weighed."""


def review_prescription(
    prescription: Prescription,
    capabilities: DeliverableLimits | None = None,
    library: Mapping[str, Protocol] | None = None,
) -> tuple[Finding, ...]:
    """Return what a physician should know before signing, gravest first.

    Args:
        prescription: The prescription.
        capabilities: What the device can give; None leaves the device out.
        library: The protocols by id; None for the shipped ones.
    """
    findings = list(review(prescription.session, capabilities))
    for number, basis in enumerate(prescription.doses, 1):
        block = prescription.session.blocks[number - 1]
        findings += _threshold_findings(number, basis, block)
        findings += _depth_findings(number, basis)
    findings += _band_findings(prescription, findings)
    known = load_library() if library is None else library
    findings += _protocol_findings(prescription, known.get(prescription.session.protocol_id))
    return tuple(sorted(findings, key=lambda finding: (-finding.level.rank, finding.block or 0)))


def _threshold_findings(number: int, basis: DoseBasis, block: FixedBlock) -> Iterator[Finding]:
    threshold = basis.threshold
    if threshold.coil != block.coil:
        sentence = (
            f"The threshold was measured with the coil {threshold.coil}; the block is given with "
            f"{block.coil}, whose output at the same %MSO is another."
        )
        yield Finding(Level.OVERRIDE, "threshold-coil", sentence, CONSOLE, RULE, number)
    if block.side in (Side.LEFT, Side.RIGHT) and threshold.side is not block.side:
        sentence = (
            f"The threshold is that of the {threshold.side} hemisphere; the block is given on the "
            f"{block.side}."
        )
        yield Finding(Level.CAUTION, "threshold-side", sentence, CONSOLE, RULE, number)


def _depth_findings(number: int, basis: DoseBasis) -> Iterator[Finding]:
    if basis.depth is None:
        return
    measured = basis.of_measured()
    adjusted = basis.depth.adjusted_threshold(basis.threshold.value_pct_mso)
    sentence = (
        f"Adjusted for depth the threshold is {decimal_text(adjusted)} instead of "
        f"{basis.threshold.value_pct_mso} %MSO; {percent_text(basis.prescribed_pct_mt)} of it is "
        f"{percent_text(measured.wanted_pct_mt)} of the threshold as measured"
    )
    if measured.capped:
        sentence += f", held down by the cap to {percent_text(measured.pct_mt)}"
    level = Level.CAUTION if measured.capped else Level.NOTE
    yield Finding(level, "depth-adjusted", f"{sentence}.", CONSOLE, RULE, number)


def _band_findings(prescription: Prescription, known: list[Finding]) -> Iterator[Finding]:
    """Yield what would be found at some threshold inside the band and is not found already."""
    band = prescription.band
    if band is None:
        return
    worst = {(one.code, one.block): one.level.rank for one in known}
    for offset in range(-band.plus_minus_pct_mso, band.plus_minus_pct_mso + 1):
        for number, basis in enumerate(prescription.doses, 1):
            value = basis.threshold.value_pct_mso + offset
            try:
                block = basis.block_at(
                    prescription.session.blocks[number - 1], value, None, band.highest_pct_mso
                )
            except ValueError:
                continue  # out of reach: refused when it is measured
            if block.intensity_pct_mso > band.highest_pct_mso:
                continue
            blocks = list(prescription.session.blocks)
            blocks[number - 1] = block
            for finding in review(replace(prescription.session, blocks=tuple(blocks))):
                key = finding.code, finding.block
                if finding.level.rank > worst.get(key, -1):
                    worst[key] = finding.level.rank
                    told = f"At a re-measured threshold of {value} %MSO: {finding.sentence}"
                    yield replace(finding, sentence=told)


def _protocol_findings(prescription: Prescription, protocol: Protocol | None) -> Iterator[Finding]:
    """Yield where the prescription leaves the published protocol; choices inside it are none."""
    if protocol is None:
        sentence = (
            f"{prescription.session.protocol_id} is no protocol of the library, so no published "
            "values stand beside the prescription's."
        )
        yield Finding(Level.CAUTION, "protocol-unknown", sentence, CONSOLE, RULE)
        return
    reference = "; ".join(source.citation for source in protocol.sources)
    for difference in protocol_differences(prescription, protocol):
        if difference.departure is Departure.DEPARTS and difference.topic in _WEIGHED:
            sentence = f"It departs from {protocol.name}: {difference.words} {difference.new}"
            sentence += f" instead of {difference.old}."
            yield Finding(Level.CAUTION, "departs-from-protocol", sentence, reference, RULE)
    a_day = 1 if protocol.course is None else protocol.course.sessions_a_day
    most = a_day * sum(
        block.trains.highest * block.repeats.highest * block.burst.pulses
        for block in protocol.blocks
    )
    if prescription.course.most_pulses_a_day > most:
        sentence = (
            f"Up to {prescription.course.most_pulses_a_day} pulses on one day; {protocol.name} "
            f"has at most {most}."
        )
        yield Finding(Level.OVERRIDE, "pulses-a-day-protocol", sentence, reference, RULE)
