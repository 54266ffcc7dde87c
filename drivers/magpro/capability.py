"""Which trains a given MagPro can make, and in words why it cannot make one (stimulators.md 2.4).

The unit itself takes no part: what it does not take is not acknowledged, so the driver asks here
first and reads back afterwards.
"""

from __future__ import annotations

from fractions import Fraction

from drivers.magpro.replies import Caps
from drivers.magpro.tables import BURST_IPI_TENTHS_MS, MODEL_NAMES, Model
from protocols.pattern import Burst, Train

MOST_STIMULI_BY_ONE = 1000
MOST_STIMULI = 2000
"""1 to 1000, then 1100 to 2000 by 100."""

BURST_RATE_HZ = 20
"""Highest rate of bursts."""

LEAST_RATE_HZ = Fraction(1, 10)
R30_LEAST_RATE_HZ = Fraction(1)
R30_FAMILY = frozenset({Model.R30, Model.R30_OPTION, Model.R30_OPTION_MONO})
MOST_BURST_PULSES = 5


def burst_ipi_tenths_ms(burst: Burst) -> int:
    """Return the interval between a burst's pulses in tenths of milliseconds.

    Raises:
        ValueError: The unit has no such interval.
    """
    if burst.rate_hz is None:
        raise ValueError("a single pulse has no interval")
    ipi = 10_000 / burst.rate_hz
    if ipi.denominator != 1 or int(ipi) not in BURST_IPI_TENTHS_MS:
        raise ValueError(f"{float(ipi) / 10:g} ms is not one of the unit's burst intervals")
    return int(ipi)


def why_not(name: str, model: int, caps: Caps, train: Train, intensity_pct_mso: int) -> str | None:
    """Return why this unit cannot make the train at that intensity and what it could, or None."""
    return (
        _model_refusal(name, model)
        or _intensity_refusal(name, intensity_pct_mso)
        or _burst_refusal(name, caps, train)
        or _rate_refusal(name, model, caps, train)
        or _count_refusal(name, train)
    )


def why_not_timed(name: str, train: Train) -> str | None:
    """Return why the unit itself cannot space this train, where the host still could, or None."""
    if train.burst.pulses > 1 and train.rate_hz < 1:
        return f"{name} cannot make {float(train.rate_hz):g} bursts a second by itself: 1 or more."
    return _counted_refusal(name, train.bursts)


def _model_refusal(name: str, model: int) -> str | None:
    if model in MODEL_NAMES:
        return None
    return f"{name} is not a model that this program knows; nothing can be prescribed for it."


def _intensity_refusal(name: str, intensity_pct_mso: int) -> str | None:
    if 1 <= intensity_pct_mso <= 100:  # noqa: PLR2004 - percent
        return None
    return f"{name} cannot make {intensity_pct_mso} %MSO: 1 to 100 %MSO can be prescribed."


def _burst_refusal(name: str, caps: Caps, train: Train) -> str | None:
    burst = train.burst
    if burst.rate_hz is None:
        return None
    if not caps.burst:
        return f"{name} cannot make bursts: this unit has no biphasic burst."
    if burst.pulses > MOST_BURST_PULSES:
        return f"{name} makes bursts of 2 to 5 pulses, not {burst.pulses}."
    try:
        burst_ipi_tenths_ms(burst)
    except ValueError as error:
        return f"{name} cannot make bursts at {float(burst.rate_hz):g} Hz: {error}."
    if train.rate_hz > BURST_RATE_HZ:
        return (
            f"{name} cannot make {float(train.rate_hz):g} bursts a second: at most {BURST_RATE_HZ} "
            "can be prescribed."
        )
    return None


def _rate_refusal(name: str, model: int, caps: Caps, train: Train) -> str | None:
    rate = train.rate_hz
    least = R30_LEAST_RATE_HZ if model in R30_FAMILY else LEAST_RATE_HZ
    step = Fraction(1, 10) if rate < 1 else Fraction(1)
    most = caps.max_rate_hz
    if most is None:
        return f"{name} states no highest rate that is known (class {caps.rate_class})."
    if least <= rate <= most and rate % step == 0:
        return None
    low = max(least, step * (rate // step))
    nearest = min(Fraction(most), low)
    return (
        f"{name} cannot make {float(rate):g} Hz: it makes {float(least):g} to {most} Hz, below "
        f"1 Hz in steps of 0.1 Hz and above in whole Hz; {float(nearest):g} Hz could be prescribed."
    )


def _count_refusal(name: str, train: Train) -> str | None:
    """Trains at 1 Hz or slower are given pulse by pulse: their length is the host's affair."""
    return None if train.rate_hz <= 1 else _counted_refusal(name, train.bursts)


def _counted_refusal(name: str, count: int) -> str | None:
    if count <= MOST_STIMULI_BY_ONE or (count <= MOST_STIMULI and count % 100 == 0):
        return None
    return (
        f"{name} cannot make {count} stimuli in one train: 1 to {MOST_STIMULI_BY_ONE}, then by 100 "
        f"to {MOST_STIMULI}."
    )
