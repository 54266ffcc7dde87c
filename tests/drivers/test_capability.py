"""The driver's idea of what a MagPro can make, against the emulator's own: neither knows the other.

Whatever the driver says it can make must be taken and read back; a refusal must name a way out.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivers.errors import SettingsRefused
from drivers.interface import TrainSettings, TrainTiming
from drivers.magpro.capability import burst_ipi_tenths_ms, why_not, why_not_timed
from drivers.magpro.driver import MagProStimulator
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.info import Caps
from drivers.magpro.options import Options
from drivers.magpro.tables import BURST_IPI_TENTHS_MS, Model
from drivers.magpro.variants import VARIANTS, Variant, with_options
from drivers.simulator.memory_link import MemoryLink
from protocols.pattern import SINGLE_PULSE, Burst, Train
from tms_console.clock import VirtualClock

ALL = {**VARIANTS, "x100-fast": with_options(VARIANTS["x100"], fast=True)}


def opened(variant: Variant) -> MagProStimulator:
    clock = VirtualClock()
    device = MagProEmulator(replace(Options(), variant=variant, mode_change_ns=10**8))
    return MagProStimulator(
        MemoryLink(device, clock),
        clock,
        frame_log=lambda _: None,
        stop_requested=lambda: False,
    )


rates = (
    st.integers(1, 120).map(Fraction)
    | st.integers(1, 300).map(lambda tenths: Fraction(tenths, 10))
    | st.fractions(Fraction(1, 20), 120, max_denominator=30)
)
bursts = st.builds(
    lambda pulses, ipi: Burst(pulses, Fraction(10_000, ipi)),
    st.integers(2, 6),
    st.sampled_from(BURST_IPI_TENTHS_MS) | st.integers(1, 1100),
)


@st.composite
def trains(draw: st.DrawFn) -> Train:
    count = draw(st.integers(1, 60) | st.integers(900, 2100) | st.sampled_from([1100, 2000]))
    rate = draw(rates)
    burst = draw(st.just(SINGLE_PULSE) | bursts)
    if count > 1 and burst.duration_s >= 1 / rate:
        assume(False)
    return Train(count, rate, burst)


@settings(max_examples=150)
@given(st.sampled_from(sorted(ALL)), trains(), st.integers(0, 101))
def test_what_the_driver_allows_the_device_takes_and_reads_back(
    name: str, train: Train, intensity: int
) -> None:
    stimulator = opened(ALL[name])
    allowed = stimulator.capabilities.refusal(train, intensity) is None
    if not allowed:
        for timing in TrainTiming:
            with pytest.raises(SettingsRefused):
                stimulator.configure(TrainSettings(train, intensity, timing))
        return
    by_host = TrainSettings(train, intensity, TrainTiming.HOST)
    assert stimulator.configure(by_host) == by_host
    timed = TrainSettings(train, intensity, TrainTiming.DEVICE)
    if why_not_timed(name, train) is None:
        assert stimulator.configure(timed) == timed
    else:
        assert train.rate_hz <= 1, "the host gives these"
        with pytest.raises(SettingsRefused):
            stimulator.configure(timed)


@pytest.mark.parametrize("ipi", BURST_IPI_TENTHS_MS)
def test_every_interval_of_the_units_own_table_is_a_rate_inside_a_burst(ipi: int) -> None:
    assert burst_ipi_tenths_ms(Burst(2, Fraction(10_000, ipi))) == ipi


def test_an_interval_between_those_of_the_table_is_refused_with_its_length() -> None:
    with pytest.raises(ValueError, match=r"33\.3333 ms is not one of"):
        burst_ipi_tenths_ms(Burst(3, Fraction(30)))
    with pytest.raises(ValueError, match="no interval"):
        burst_ipi_tenths_ms(SINGLE_PULSE)


X100 = Caps(Model.X100, 0, burst=True)
R30 = Caps(Model.R30, 0, burst=False)


@pytest.mark.parametrize(
    ("model", "caps", "train", "pct", "words"),
    [
        (Model.X100, X100, Train(5, Fraction(10)), 0, "1 to 100 %MSO can be prescribed"),
        (Model.X100, X100, Train(5, Fraction(10)), 101, "1 to 100 %MSO can be prescribed"),
        (Model.X100, X100, Train(5, Fraction(101)), 50, "100 Hz could be prescribed"),
        (Model.X100, X100, Train(5, Fraction(25, 2)), 50, "12 Hz could be prescribed"),
        (Model.X100, X100, Train(5, Fraction(55, 100)), 50, "0.5 Hz could be prescribed"),
        (Model.X100, X100, Train(5, Fraction(1, 20)), 50, "0.1 Hz could be prescribed"),
        (Model.R30, R30, Train(5, Fraction(40)), 50, "30 Hz could be prescribed"),
        (Model.R30, R30, Train(5, Fraction(1, 2)), 50, "1 Hz could be prescribed"),
        (Model.R30, R30, Train(2, Fraction(5), Burst(3, Fraction(50))), 50, "no biphasic burst"),
        (Model.X100, X100, Train(2, Fraction(5), Burst(6, Fraction(50))), 50, "2 to 5 pulses"),
        (Model.X100, X100, Train(2, Fraction(21), Burst(2, Fraction(100))), 50, "at most 20"),
        (Model.X100, X100, Train(1001, Fraction(50)), 50, "1 to 1000, then by 100 to 2000"),
        (Model.X100, X100, Train(2100, Fraction(50)), 50, "then by 100 to 2000"),
        (7, replace(X100, model=7), Train(5, Fraction(10)), 50, "not a model that this program"),
        (Model.R30, Caps(0, 6, burst=False), Train(5, Fraction(10)), 50, "class 6"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_could_be_prescribed(
    model: int, caps: Caps, train: Train, pct: int, words: str
) -> None:
    refusal = why_not("A MagPro", model, caps, train, pct)
    assert refusal is not None
    assert words in refusal


@pytest.mark.parametrize("rate", [1, 100])
def test_the_ends_of_the_ranges_are_inside(rate: int) -> None:
    train = Train(1000, Fraction(rate))
    assert why_not("X", Model.X100, X100, train, 1) is None
    assert why_not("X", Model.X100, X100, train, 100) is None
    assert why_not("X", Model.X100, X100, Train(2000, Fraction(rate)), 100) is None


def test_a_slow_train_may_be_longer_than_the_units_own_counter() -> None:
    """The host gives it pulse by pulse: 1800 pulses at 1 Hz are an ordinary session."""
    assert why_not("X", Model.X100, X100, Train(1801, Fraction(1)), 60) is None
    assert why_not_timed("X", Train(1801, Fraction(1))) is not None
