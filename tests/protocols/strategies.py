"""Random patterns, blocks and contents for property tests."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import assume
from hypothesis import strategies as st

from protocols.dose import NotDeliverable, prescribe
from protocols.pattern import SINGLE_PULSE, BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.prescription import FixedBlock, SessionContent
from protocols.terms import Side, ThresholdKind

ratios = st.builds(Fraction, st.integers(1, 400), st.integers(1, 30))
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)


@st.composite
def trains(draw: st.DrawFn) -> Train:
    rate_hz = draw(ratios)
    burst = SINGLE_PULSE
    if draw(st.booleans()):
        pulses = draw(st.integers(2, 5))
        burst = Burst(pulses, rate_hz * pulses * draw(st.integers(1, 7)))
    return Train(draw(st.integers(1, 40)), rate_hz, burst)


@st.composite
def patterns(draw: st.DrawFn) -> BlockPattern:
    train = draw(trains())
    count = draw(st.integers(1, 12))
    interval = ramp = None
    if count > 1:
        interval = Interval(draw(ratios), draw(st.sampled_from(Convention)))
        if draw(st.booleans()):
            ramp = Ramp(draw(st.integers(2, count)), Fraction(draw(st.integers(10, 99)), 100))
    return BlockPattern(train, count, interval, ramp)


@st.composite
def blocks(draw: st.DrawFn, first: bool = True) -> FixedBlock:
    threshold, pct_mt = draw(st.integers(20, 90)), Fraction(draw(st.integers(50, 140)))
    try:
        dose = prescribe(threshold, pct_mt).intensity_pct_mso
    except NotDeliverable:
        assume(False)
        raise
    return FixedBlock(
        label=draw(texts),
        target=draw(texts),
        side=draw(st.sampled_from(Side)),
        coil=draw(texts),
        threshold_kind=draw(st.sampled_from(ThresholdKind)),
        threshold_pct_mso=threshold,
        pct_mt=pct_mt,
        intensity_pct_mso=dose,
        lowest_pct_mso=draw(st.integers(1, dose)),
        highest_pct_mso=draw(st.integers(dose, 100)),
        pattern=draw(patterns()),
        changeover_s=Fraction(0) if first else draw(ratios),
    )


@st.composite
def contents(draw: st.DrawFn) -> SessionContent:
    later = draw(st.lists(blocks(first=False), max_size=2))
    return SessionContent(
        protocol_id=draw(texts),
        title=draw(texts),
        blocks=(draw(blocks()), *later),
        most_sessions_a_day=draw(st.integers(1, 12)),
        least_minutes_between=draw(st.integers(0, 90)),
        pre_step=draw(st.none() | texts),
        longest_pause_s=draw(st.integers(0, 3600)),
        latest_host_pulse_us=draw(st.integers(1, 5000)),
    )
