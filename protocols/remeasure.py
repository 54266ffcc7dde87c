"""What a prescription delivers today: at re-measured thresholds and at today's percentages.

It stays inside what was signed or says why not; a dose that needs a new signature is
`protocols.prescribing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from protocols.dose import HIGHEST_PCT_MSO
from protocols.exact import decimal_text
from protocols.measured import ThresholdReference
from protocols.prescription import Prescription, SessionContent


class OutsidePrescription(ValueError):
    """What is asked for lies outside what was signed; a physician signs a new version.

    Attributes:
        reasons: Why, a sentence each.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Today:
    """The percentages of one day inside the ramp across the first days.

    Attributes:
        session_number: Which session of the course it is, from 1.
        pct_mt: One percentage for each block, of what the prescribed one is of.
    """

    session_number: int
    pct_mt: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class DoseChange:
    """What a threshold makes of the dose of one block, before and after.

    Attributes:
        block: The block, from 1.
        old_threshold_pct_mso: The threshold that was signed.
        new_threshold_pct_mso: The threshold now.
        old_pct_mso: The intensity that was signed.
        new_pct_mso: The intensity that follows now.
    """

    block: int
    old_threshold_pct_mso: int
    new_threshold_pct_mso: int
    old_pct_mso: int
    new_pct_mso: int

    def __str__(self) -> str:
        """Return `block 1: threshold 45 -> 47 %MSO, intensity 54 -> 56 %MSO`."""
        return (
            f"block {self.block}: threshold {self.old_threshold_pct_mso} -> "
            f"{self.new_threshold_pct_mso} %MSO, intensity {self.old_pct_mso} -> "
            f"{self.new_pct_mso} %MSO"
        )


@dataclass(frozen=True, slots=True)
class BandAnswer:
    """Whether treatment may go on with a re-measured threshold, without a new signature.

    Attributes:
        inside: True if it may.
        blocks: The blocks that rest on a threshold like it, from 1.
        reasons: Why it may not, a sentence each; empty if it may.
        changes: What the doses of those blocks become; empty if it may not.
        session: What would be delivered, None if it may not.
    """

    inside: bool
    blocks: tuple[int, ...]
    reasons: tuple[str, ...] = ()
    changes: tuple[DoseChange, ...] = ()
    session: SessionContent | None = None


def within_band(prescription: Prescription, measured: ThresholdReference) -> BandAnswer:
    """Return whether the signed re-measure band holds a newly measured threshold.

    It is asked for every block that rests on a threshold of the same kind, muscle, side, coil and
    method; the others keep the threshold that was signed.
    """
    signed = [basis.threshold for basis in prescription.doses]
    blocks = tuple(number for number, old in enumerate(signed, 1) if not measured.unlike(old))
    if not blocks:
        return BandAnswer(False, (), _unlike_all(measured, signed))
    now = [measured if number in blocks else old for number, old in enumerate(signed, 1)]
    try:
        session = session_at(prescription, now)
    except OutsidePrescription as error:
        return BandAnswer(False, blocks, error.reasons)
    changes = dose_changes(prescription.session, session, blocks)
    return BandAnswer(True, blocks, (), changes, session)


def _unlike_all(
    measured: ThresholdReference, signed: Sequence[ThresholdReference]
) -> tuple[str, ...]:
    """Return why the measurement is like none of the signed ones, each reason once."""
    reasons = (
        f"Block {number} rests on another sort of threshold: {', '.join(measured.unlike(old))}."
        for number, old in enumerate(signed, 1)
    )
    return tuple(dict.fromkeys(reasons))


def dose_changes(
    old: SessionContent, new: SessionContent, blocks: Sequence[int]
) -> tuple[DoseChange, ...]:
    """Return thresholds and intensities of some blocks, from 1, before and after."""
    return tuple(
        DoseChange(
            number,
            old.blocks[number - 1].threshold_pct_mso,
            new.blocks[number - 1].threshold_pct_mso,
            old.blocks[number - 1].intensity_pct_mso,
            new.blocks[number - 1].intensity_pct_mso,
        )
        for number in blocks
    )


def session_at(
    prescription: Prescription,
    thresholds_now: Sequence[ThresholdReference] | None = None,
    today: Today | None = None,
) -> SessionContent:
    """Return what is delivered now; it follows from the signed numbers and these alone.

    With neither it is the session as signed.  How the technician's bounds move is told at
    `DoseBasis.block_at`: they never allow more, in % of the dose, than was signed, and on a
    re-measured threshold nothing above the band's highest intensity.

    Args:
        prescription: What was signed.
        thresholds_now: A threshold for each block, the signed one or one inside the band; None
            for the signed ones.
        today: Today's percentages; None for the prescribed ones.

    Raises:
        OutsidePrescription: A threshold or a percentage lies outside what was signed, or the dose
            that follows is out of reach.
    """
    signed = [basis.threshold for basis in prescription.doses]
    now = signed if thresholds_now is None else list(thresholds_now)
    reasons = [*_threshold_reasons(prescription, now), *_today_reasons(prescription, today)]
    if reasons:
        raise OutsidePrescription(reasons)
    blocks = []
    for number, (basis, block, threshold) in enumerate(
        zip(prescription.doses, prescription.session.blocks, now, strict=True), 1
    ):
        remeasured = threshold != basis.threshold
        band = prescription.band if remeasured else None
        highest = HIGHEST_PCT_MSO if band is None else band.highest_pct_mso
        pct_mt = None if today is None else today.pct_mt[number - 1]
        try:
            moved = basis.block_at(block, threshold.value_pct_mso, pct_mt, highest)
        except ValueError as error:
            raise OutsidePrescription([f"Block {number}: {error}"]) from error
        if moved.intensity_pct_mso > highest:
            reasons.append(
                f"Block {number}: a threshold of {threshold.value_pct_mso} %MSO asks for "
                f"{moved.intensity_pct_mso} %MSO; the band was signed up to {highest} %MSO."
            )
        blocks.append(moved)
    if reasons:
        raise OutsidePrescription(reasons)
    return replace(prescription.session, blocks=tuple(blocks))


def _threshold_reasons(prescription: Prescription, now: Sequence[ThresholdReference]) -> list[str]:
    """Return why these thresholds are not the signed ones or inside their band."""
    if len(now) != len(prescription.doses):
        return [f"{len(now)} thresholds for {len(prescription.doses)} blocks: each block has one."]
    reasons: list[str] = []
    replaced: dict[str, ThresholdReference] = {}
    for number, (basis, new) in enumerate(zip(prescription.doses, now, strict=True), 1):
        signed = basis.threshold
        if replaced.setdefault(signed.uid, new) != new:
            reasons.append(f"Block {number}: blocks signed on one threshold stay on one threshold.")
        if new != signed:
            reasons += [
                f"Block {number}: {why}" for why in _band_reasons(prescription, signed, new)
            ]
    return reasons


def _band_reasons(
    prescription: Prescription, signed: ThresholdReference, new: ThresholdReference
) -> list[str]:
    """Return why a threshold is not inside the band around the signed one."""
    if new.uid == signed.uid:
        return ["the threshold is not as it was when it was signed."]
    band = prescription.band
    if band is None:
        return ["no re-measure band was signed, so a new threshold needs a new version."]
    reasons = [f"{why}." for why in new.unlike(signed)]
    moved = abs(new.value_pct_mso - signed.value_pct_mso)
    if moved > band.plus_minus_pct_mso:
        reasons.append(
            f"{new.value_pct_mso} %MSO lies {moved} %MSO from the signed {signed.value_pct_mso} "
            f"%MSO; the band is {band.plus_minus_pct_mso} %MSO."
        )
    if not new.later_than(signed):
        reasons.append("it was not measured after the one that was signed.")
    return reasons


def _today_reasons(prescription: Prescription, today: Today | None) -> list[str]:
    """Return why today's percentages were not signed."""
    if today is None:
        return []
    total = prescription.course.total_sessions
    if not 1 <= today.session_number <= total:
        return [f"Session {today.session_number} is none of the {total} sessions of the course."]
    if len(today.pct_mt) != len(prescription.doses):
        return [f"{len(today.pct_mt)} percentages for {len(prescription.doses)} blocks."]
    reasons = []
    for number, pct_mt in enumerate(today.pct_mt, 1):
        low, high = prescription.today_range(number, today.session_number)
        if not low <= pct_mt <= high:
            told = decimal_text(low) + ("" if low == high else f" to {decimal_text(high)}")
            reasons.append(
                f"Block {number}: {decimal_text(pct_mt)} % in session {today.session_number}; "
                f"{told} % was signed."
            )
    return reasons
