"""Reviews a session's content against the limit tables, the device and the day.

It finds and explains; it permits nothing, and whether a finding was acknowledged is not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from protocols.dose import NotDeliverable, effective_pct_mt, percent_text
from protocols.exact import decimal_text
from protocols.limits.findings import DeliverableLimits, Finding, History, Level
from protocols.limits.tables import (
    ClearedPattern,
    TrainTable,
    Verdict,
    cleared_patterns,
    interval_table,
    train_table,
)
from protocols.pattern import SINGLE_PULSE, Burst
from protocols.prescription import FixedBlock, SessionContent

CONSOLE = "a rule of the console"
RULE = "no table of numbers; to be checked by a person"
"""The checking status of a finding that rests on a rule and no table of numbers."""
NO_TABLE = "no table to check"
"""The checking status of a finding that rests on the device or the prescription itself."""
THETA_BURST = (Burst(3, Fraction(50)), Fraction(5))
"""The burst and its rate in every published theta burst of the library (Huang 2005)."""
HIGHEST_THETA_BURST_PCT_MT = Fraction(120)
"""Theta burst above 120 % of the threshold needs a written reason (safety.md, levels)."""


def review(
    content: SessionContent,
    capabilities: DeliverableLimits | None = None,
    history: History | None = None,
) -> tuple[Finding, ...]:
    """Return what a physician and the gate should know of a session, gravest first.

    Args:
        content: The session.
        capabilities: What the device can give; None leaves the device out.
        history: What the patient has had today; None leaves the day out.
    """
    findings: list[Finding] = []
    for number, block in enumerate(content.blocks, 1):
        findings += _block_findings(number, block)
        if capabilities is not None:
            findings += _device_findings(number, block, capabilities)
    if history is not None:
        findings += _day_findings(content, history)
    return tuple(sorted(findings, key=lambda finding: (-finding.level.rank, finding.block or 0)))


def not_deliverable_finding(error: NotDeliverable, block: int | None = None) -> Finding:
    """Return the finding for a dose that could not even be prescribed."""
    return Finding(Level.BLOCK, "not-deliverable", str(error), "", NO_TABLE, block)


def reviewed_pct_mt(block: FixedBlock) -> Fraction:
    """Return the intensity the tables are read at, in %MT.

    It is the prescribed percentage, or more if the technician may go higher than the dose.
    """
    if block.highest_pct_mso == block.intensity_pct_mso:
        return block.pct_mt
    return max(block.pct_mt, effective_pct_mt(block.highest_pct_mso, block.threshold_pct_mso))


def rest_s(block: FixedBlock) -> Fraction | None:
    """Return the rest between nominal trains in seconds, None if there is one train.

    The nominal rest is the shorter of the possible readings, so the stricter one.
    """
    pattern = block.pattern
    return None if pattern.interval is None else pattern.period_s - pattern.train.nominal_s


def _block_findings(number: int, block: FixedBlock) -> Iterator[Finding]:
    pct_mt = reviewed_pct_mt(block)
    if block.pattern.train.burst == SINGLE_PULSE:
        for name in ("wassermann-1998", "chen-1997-trains"):
            yield from _train_finding(number, block, train_table(name))
        yield from _interval_findings(number, block, pct_mt)
        yield from _threshold_findings(number, block)
    else:
        yield from _theta_findings(number, block, pct_mt)
    if block.effective_pct_mt > block.pct_mt and block.effective_pct_mt > pct_mt:
        sentence = (
            f"Rounding to {block.intensity_pct_mso} %MSO delivers "
            f"{percent_text(block.effective_pct_mt)} of the threshold; the limits are read at the "
            f"prescribed {percent_text(block.pct_mt)}."
        )
        yield Finding(Level.NOTE, "rounded-up", sentence, "", NO_TABLE, number)


def _listed(block: FixedBlock) -> ClearedPattern | None:
    for listed in cleared_patterns():
        if listed.covers(
            block.pattern.train,
            reviewed_pct_mt(block),
            rest_s(block),
            block.coil,
            block.threshold_kind,
        ):
            return listed
    return None


def _train_finding(number: int, block: FixedBlock, table: TrainTable) -> Iterator[Finding]:
    train, pct_mt = block.pattern.train, reviewed_pct_mt(block)
    verdict, cell = table.reading(train, pct_mt)
    if verdict is Verdict.WITHIN:
        return
    told = (
        f"{decimal_text(train.nominal_s)} s ({train.pulses} pulses) at "
        f"{decimal_text(train.rate_hz)} Hz and {percent_text(pct_mt)}"
    )
    if cell is None:
        what = f"{table.name} has no data at this rate and intensity: {told}."
    else:
        most = f"{decimal_text(cell.seconds)} s"
        if cell.pulses is not None:
            most += f" or {cell.pulses} pulses"
        most += f" at {decimal_text(cell.rate_hz)} Hz and {cell.pct_mt} %"
        what = (
            f"Longer than {table.name} tested: {told}; the longest tested is {most}."
            if cell.tested_only
            else f"Outside the limit of {table.name}: {told}; at most {most}."
        )
    if verdict is Verdict.BEYOND:
        level, code = Level.NOTE, f"train-beyond-{table.name.lower()}"
    else:
        level, code = Level.CAUTION, f"train-outside-{table.name.lower()}"
        if table is train_table("wassermann-1998"):
            listed = _listed(block)
            if listed is None:
                level = Level.OVERRIDE
            else:
                what += f" It is cleared as {listed.name} ({listed.reference})."
    yield Finding(level, code, what, table.reference, table.checking, number)


def _interval_findings(number: int, block: FixedBlock, pct_mt: Fraction) -> Iterator[Finding]:
    table = interval_table()
    pattern = block.pattern
    rests = [(rest, "between trains") for rest in (rest_s(block),) if rest is not None]
    if block.changeover_s:
        rests.append((block.changeover_s, "since the block before"))
    for rest, where in rests:
        gap_s = rest + pattern.train.nominal_s - pattern.train.duration_s
        if pattern.train.rate_hz <= table.above_hz and gap_s * table.above_hz >= 1:
            continue  # nowhere faster than 1 Hz, where the table says nothing
        told = f"{decimal_text(rest)} s {where} at {percent_text(pct_mt)}"
        if rest <= table.unsafe_s:
            level, code = Level.OVERRIDE, "interval-unsafe"
            sentence = f"{told}: {decimal_text(table.unsafe_s)} s was found unsafe."
        elif rest < table.safe_s:
            level, code = Level.CAUTION, "interval-short"
            sentence = (
                f"{told}: {decimal_text(table.unsafe_s)} s was found unsafe and "
                f"{decimal_text(table.safe_s)} s safe; between them there is no data."
            )
        elif pct_mt > table.safe_up_to_pct_mt and where == "between trains":
            level, code = Level.NOTE, "interval-no-data"
            sentence = f"{told}: there is no data above {table.safe_up_to_pct_mt} %."
        else:
            continue
        yield Finding(level, code, sentence, table.reference, table.checking, number)


def _threshold_findings(number: int, block: FixedBlock) -> Iterator[Finding]:
    kind = block.threshold_kind
    if not kind.leg and not kind.active:
        return
    sentence = (
        f"The dose refers to a {kind} threshold; the tables were made with resting thresholds of "
        "the hand, so their intensities are not the same."
    )
    yield Finding(Level.NOTE, "threshold-kind", sentence, CONSOLE, RULE, number)


def _theta_findings(number: int, block: FixedBlock, pct_mt: Fraction) -> Iterator[Finding]:
    sentence = "No published table of train durations covers theta burst (no data)."
    yield Finding(Level.NOTE, "theta-burst-not-covered", sentence, CONSOLE, RULE, number)
    train = block.pattern.train
    if (train.burst, train.rate_hz) != THETA_BURST:
        sentence = (
            f"Bursts of {train.burst.pulses} pulses at {decimal_text(train.rate_hz)} Hz are not "
            "the theta burst of the literature (3 pulses at 50 Hz, bursts at 5 Hz): no reference "
            "covers them."
        )
        yield Finding(Level.OVERRIDE, "burst-unknown", sentence, CONSOLE, RULE, number)
    if pct_mt > HIGHEST_THETA_BURST_PCT_MT:
        sentence = (
            f"Theta burst at {percent_text(pct_mt)} is above "
            f"{percent_text(HIGHEST_THETA_BURST_PCT_MT)} of the threshold."
        )
        yield Finding(Level.OVERRIDE, "theta-burst-above-120", sentence, CONSOLE, RULE, number)


def _device_findings(
    number: int, block: FixedBlock, limits: DeliverableLimits
) -> Iterator[Finding]:
    ramp = block.pattern.ramp
    ramp_trains = 0 if ramp is None else ramp.trains
    planned = {block.intensity_of_train(train) for train in range(1, ramp_trains + 1)}
    planned.add(block.intensity_pct_mso)
    for intensity in sorted(planned):
        if reason := _refusal(block, intensity, limits):
            yield Finding(Level.BLOCK, "not-deliverable", reason, "", NO_TABLE, number)
    for bound in sorted({block.lowest_pct_mso, block.highest_pct_mso} - planned):
        if reason := _refusal(block, bound, limits):
            sentence = f"A bound for the technician is out of the device's reach. {reason}"
            yield Finding(Level.CAUTION, "bound-not-deliverable", sentence, "", NO_TABLE, number)


def _refusal(block: FixedBlock, intensity_pct_mso: int, limits: DeliverableLimits) -> str | None:
    if not limits.min_pct_mso <= intensity_pct_mso <= limits.max_pct_mso:
        return (
            f"The device gives {limits.min_pct_mso} to {limits.max_pct_mso} %MSO, "
            f"not {intensity_pct_mso} %MSO."
        )
    return limits.refusal(block.pattern.train, intensity_pct_mso)


def _day_findings(content: SessionContent, history: History) -> Iterator[Finding]:
    pulses = history.pulses_today + content.pulses
    if pulses > content.most_pulses_a_day:
        sentence = (
            f"With this session {pulses} pulses today, {history.pulses_today} of them before it: "
            f"more than the {content.most_pulses_a_day} a day of the approved protocol."
        )
        yield Finding(Level.OVERRIDE, "pulses-a-day", sentence, "the approved protocol", NO_TABLE)
