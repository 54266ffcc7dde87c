"""What each emulated MagPro takes and what it does not: models, options and their ranges.

The ranges are stimulators.md 2.4.  Which waveforms and modes a model has is not published there in
full; where it is silent the choice is marked.  Nothing here is used by the driver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivers.magpro.commands import Delays, SetSettings, SetTrain
from drivers.magpro.info import MAX_RATE_BY_CLASS, X100_FAST_CLASS, Caps
from drivers.magpro.tables import (
    BURST_IPI_TENTHS_MS,
    MODEL_NAMES,
    BurstIndex,
    Direction,
    Mode,
    Model,
    TimingControl,
    Waveform,
)
from drivers.simulator.physics import Coil

MAX_PULSES_BY_ONE = 1000
MAX_PULSES = 2000
MAX_TRAINS = 500
MAX_ITI_TENTHS_S = 1200
LONG_ITI_TENTHS_S = 3000
MAX_BURST_RATE_HZ = 20
MAX_EXTENDED_RATE_TENTHS_HZ = 200
PAIRED = frozenset({Mode.TWIN, Mode.DUAL})
_SLOW_PAIRS = frozenset({Waveform.MONOPHASIC})

COILS = {
    coil.type_id: coil
    for coil in (
        Coil(56, "Cool-B35", heating_c=0.05, cooling_s=120.0, needs_cooler=True),
        Coil(60, "Cool-B65", heating_c=0.05, cooling_s=120.0, needs_cooler=True),
        Coil(62, "MCF-B65", heating_c=0.03),
        Coil(63, "MCF-P-B65", heating_c=0.0),
        Coil(64, "Cool-B65 A/P", heating_c=0.05, cooling_s=120.0, needs_cooler=True),
        Coil(72, "C-B60"),
        Coil(73, "C-B70"),
        Coil(81, "MC-125"),
        Coil(82, "MC-B70"),
        Coil(86, "D-B80", heating_c=0.025),
    )
}
"""Coils by type byte.  Heating and cooling are illustrative; the MCF-P is a placebo coil."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One model with its options.

    Attributes:
        model: As the info byte tells it.
        rate_class: As the caps byte tells it; with the model it gives the highest rate.
        burst: It has the biphasic burst waveform.
        waveforms: Its other waveforms.
        modes: Its modes.
        pair_hz: Highest rate of biphasic Twin and Dual pairs.
        extended_rate: It has steps of 0.1 Hz up to 20 Hz, when timing control asks for them.
        max_iti_tenths_s: Longest interval between trains.
    """

    model: Model
    rate_class: int = 0
    burst: bool = False
    waveforms: frozenset[Waveform] = frozenset({Waveform.BIPHASIC})
    modes: frozenset[Mode] = frozenset({Mode.STANDARD})
    pair_hz: int = 0
    extended_rate: bool = False
    max_iti_tenths_s: int = MAX_ITI_TENTHS_S

    @property
    def name(self) -> str:
        """The maker's name."""
        return MODEL_NAMES[self.model]

    @property
    def caps(self) -> Caps:
        """The caps byte of id 9."""
        return Caps(self.model, self.rate_class, self.burst)

    @property
    def max_rate_hz(self) -> int:
        """Highest rate in Standard mode, in pulses a second."""
        return self.caps.max_rate_hz or MAX_RATE_BY_CLASS[0]

    @property
    def charge_full_ns(self) -> int:
        """Recharge time after 100 %MSO: nine tenths of the shortest period (illustrative)."""
        return 900_000_000 // self.max_rate_hz

    def takes_settings(self, wanted: SetSettings) -> bool:
        """Return True if the unit takes these settings; it ignores others in silence."""
        if wanted.model is not self.model or wanted.mode not in self.modes:
            return False
        if wanted.waveform is Waveform.BIPHASIC_BURST:
            return self.burst and wanted.mode is Mode.STANDARD
        return wanted.waveform in self.waveforms

    def highest_rate_hz(self, settings: SetSettings) -> int:
        """Return the highest rate of stimuli with these settings."""
        if settings.mode in PAIRED:
            slow = settings.waveform in _SLOW_PAIRS
            return min(5, self.pair_hz) if slow else self.pair_hz
        if settings.waveform is Waveform.BIPHASIC_BURST:
            return min(MAX_BURST_RATE_HZ, self.max_rate_hz)
        return self.max_rate_hz

    def takes_rate(self, rate_tenths_hz: int, settings: SetSettings, timing: TimingControl) -> bool:
        """Return True if the unit has this rate with these settings."""
        highest = 10 * self.highest_rate_hz(settings)
        only_whole = settings.mode in PAIRED or settings.waveform is Waveform.BIPHASIC_BURST
        lowest = 10 if only_whole else 1
        if not lowest <= rate_tenths_hz <= highest:
            return False
        extended = self.extended_rate and TimingControl.EXTENDED_RATE in timing
        if extended and rate_tenths_hz <= MAX_EXTENDED_RATE_TENTHS_HZ:
            return True
        return rate_tenths_hz <= 10 or rate_tenths_hz % 10 == 0  # noqa: PLR2004 - 1.0 Hz

    def takes_train(self, train: SetTrain, settings: SetSettings, timing: TimingControl) -> bool:
        """Return True if the unit takes this train with these settings."""
        pulses_ok = 1 <= train.pulses <= MAX_PULSES_BY_ONE or (
            train.pulses <= MAX_PULSES and train.pulses > 0 and train.pulses % 100 == 0
        )
        return (
            pulses_ok
            and 1 <= train.trains <= MAX_TRAINS
            and 1 <= train.iti_tenths_s <= self.max_iti_tenths_s
            and self.takes_rate(train.rate_tenths_hz, settings, timing)
        )

    def default_settings(self) -> SetSettings:
        """Return what it is set to after power-on (assumed)."""
        return SetSettings(
            self.model,
            Mode.STANDARD,
            Direction.NORMAL,
            Waveform.BIPHASIC,
            BurstIndex.THREE,
            BURST_IPI_TENTHS_MS[80],
        )


def takes_delays(delays: Delays, timing: TimingControl) -> bool:
    """Return True if a MagPro takes these delays (2.4); negative output only in Sequence timing."""
    into = delays.trigger_in_tenths_ms
    steps = (
        into <= 100  # noqa: PLR2004 - 0 to 10 ms by 0.1
        or (110 <= into <= 1000 and into % 10 == 0)  # noqa: PLR2004 - 11 to 100 ms by 1
        or (1100 <= into <= 65000 and into % 100 == 0)  # noqa: PLR2004 - 110 to 6500 ms by 10
    )
    sequence = timing & ~TimingControl.EXTENDED_RATE == TimingControl.SEQUENCE
    lowest = -1000 if sequence else 0
    return (
        steps and lowest <= delays.trigger_out_tenths_ms <= 1000 and delays.charge_ms <= 12_000  # noqa: PLR2004
    )


DEFAULT_TRAIN = SetTrain(rate_tenths_hz=10, pulses=1, trains=1, iti_tenths_s=10)
"""The train after power-on (assumed)."""

_ALL_WAVEFORMS = frozenset({Waveform.MONOPHASIC, Waveform.BIPHASIC, Waveform.HALF_SINE})
_ALL_MODES = frozenset(Mode)
_NO_POWER = frozenset({Mode.STANDARD, Mode.TWIN, Mode.DUAL})

VARIANTS = {
    "r30": Variant(Model.R30),
    "r30-burst": Variant(Model.R30, rate_class=3, burst=True),
    "x100": Variant(Model.X100, burst=True, waveforms=_ALL_WAVEFORMS),
    "r30-option": Variant(Model.R30_OPTION, modes=_NO_POWER, pair_hz=5),
    "x100-option": Variant(
        Model.X100_OPTION, burst=True, waveforms=_ALL_WAVEFORMS, modes=_ALL_MODES, pair_hz=50
    ),
    "r30-option-mono": Variant(
        Model.R30_OPTION_MONO,
        waveforms=frozenset({Waveform.MONOPHASIC, Waveform.BIPHASIC}),
        modes=_NO_POWER,
        pair_hz=5,
    ),
    "mst": Variant(Model.MST, rate_class=3),
}
"""The models one can ask for; `r30-burst` is the unit of the captured frame with caps 0x58."""


def with_options(
    variant: Variant,
    *,
    fast: bool = False,
    extended_rate: bool = False,
    long_iti: bool = False,
) -> Variant:
    """Return a variant with options: highest rate class, 0.1 Hz steps, intervals up to 300 s."""
    return replace(
        variant,
        rate_class=X100_FAST_CLASS if fast else variant.rate_class,
        extended_rate=extended_rate or variant.extended_rate,
        max_iti_tenths_s=LONG_ITI_TENTHS_S if long_iti else variant.max_iti_tenths_s,
    )
