"""Reviews a whole prescription: its session, the thresholds it rests on, its band and its course.

It finds and explains, as `protocols.limits.rules` does for one session; it permits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from protocols.dose import percent_text
from protocols.dose_basis import DoseBasis
from protocols.exact import decimal_text
from protocols.limits.findings import DeliverableLimits, Finding, Level
from protocols.limits.rules import CONSOLE, NO_TABLE, RULE, review
from protocols.prescription import Prescription
from protocols.protocol import Protocol
from protocols.session_content import FixedBlock
from protocols.terms import Side


def review_prescription(
    prescription: Prescription,
    capabilities: DeliverableLimits | None = None,
    protocol: Protocol | None = None,
) -> tuple[Finding, ...]:
    """Return what a physician should know before signing, gravest first.

    It is a function of its arguments alone, so that whoever checks a signature later finds what
    the physician found: for that leave `capabilities` out, which the gate asks about anyway.

    Args:
        prescription: The prescription.
        capabilities: What the device can give; None leaves the device out.
        protocol: The library protocol it was made from; None leaves the comparison out.
    """
    findings = list(review(prescription.session, capabilities))
    for number, basis in enumerate(prescription.doses, 1):
        block = prescription.session.blocks[number - 1]
        findings += _threshold_findings(number, basis, block)
        findings += _depth_findings(number, basis)
    findings += _band_findings(prescription, findings)
    if protocol is not None:
        findings += _protocol_findings(prescription, protocol)
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


def _protocol_findings(prescription: Prescription, protocol: Protocol) -> Iterator[Finding]:
    for number, (theirs, basis) in enumerate(
        zip(protocol.blocks, prescription.doses, strict=False), 1
    ):
        if theirs.depth_adjustment is not None and basis.depth is None:
            sentence = f"{protocol.id} adjusts the threshold for depth; this prescription does not."
            yield Finding(Level.CAUTION, "depth-left-out", sentence, CONSOLE, RULE, number)
    if protocol.id != prescription.session.protocol_id:
        sentence = (
            f"The prescription was made from {prescription.session.protocol_id}, "
            f"not from {protocol.id}."
        )
        yield Finding(Level.BLOCK, "protocol", sentence, "", NO_TABLE)
