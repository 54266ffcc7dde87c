"""What the methods share: the bounded step to the next stimulus, rounding, and how a search ends.

What a method wants to give, and what it believes, is its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from protocols.threshold.series import Answer, Stimulus
from protocols.threshold.settings import Settings
from protocols.threshold.standing import Standing, WhyFinished


def whole_pct_mso(value: float) -> int:
    """Return the nearest step of the device, the higher of two equally near."""
    return math.floor(value + 0.5)


def hundredths(value: float) -> float:
    """Return a value rounded to 0.01 %MSO: finer bits differ between computers and mean nothing."""
    return math.floor(value * 100.0 + 0.5) / 100.0


def bounded(wanted_pct_mso: int, settings: Settings, series: Sequence[Stimulus]) -> int:
    """Return the nearest intensity to the wanted one that the settings allow after this series."""
    low, high = step_bounds(settings, series)
    return min(max(wanted_pct_mso, low), high)


def step_bounds(settings: Settings, series: Sequence[Stimulus]) -> tuple[int, int]:
    """Return the lowest and the highest intensity that may be proposed next.

    Within the largest step of the last stimulus and inside the range; the range wins where a
    stimulus was given far outside of it.
    """
    low, high = settings.lowest_pct_mso, settings.highest_pct_mso
    if series:
        last = series[-1].intensity_pct_mso
        low = min(max(low, last - settings.largest_step_pct_mso), high)
        high = max(min(high, last + settings.largest_step_pct_mso), low)
    return low, high


def both_seen(series: Sequence[Stimulus]) -> bool:
    """Return True if a movement and the absence of one were seen."""
    answers = {stimulus.answer for stimulus in series}
    return {Answer.MOVED, Answer.STILL} <= answers


def standing(  # noqa: PLR0913 - one argument for each thing a method finds out
    settings: Settings,
    series: Sequence[Stimulus],
    *,
    wanted_pct_mso: float,
    estimate_pct_mso: float | None,
    interval: tuple[float, float],
    why: WhyFinished | None,
) -> Standing:
    """Return the standing, its next stimulus bounded, its numbers rounded, the cap applied."""
    if why is None and len(series) >= settings.most_stimuli:
        why = WhyFinished.MOST_STIMULI
    estimate = None if estimate_pct_mso is None else hundredths(estimate_pct_mso)
    low, high = (hundredths(end) for end in interval)
    if estimate is not None:
        low, high = min(low, estimate), max(high, estimate)
    return Standing(
        next_pct_mso=(
            None if why is not None else bounded(whole_pct_mso(wanted_pct_mso), settings, series)
        ),
        estimate_pct_mso=estimate,
        low=low,
        high=high,
        finished=why is not None,
        why_finished=why,
        acceptable=(
            why in (WhyFinished.PRECISE, WhyFinished.COMPLETE, WhyFinished.MOST_STIMULI)
            and estimate is not None
            and settings.lowest_pct_mso <= estimate <= settings.highest_pct_mso
            and both_seen(series)
        ),
        about_more=None,
        curve=None,
    )
