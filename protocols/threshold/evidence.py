"""The interval and the curve of methods that have none of their own.

A staircase ends with one number.  What its series says about it is the same as for every method:
the posterior of `posterior`, its interval widened to the number where that lies outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protocols.threshold.choosing import standing
from protocols.threshold.posterior import ONE_SPREAD, TAIL, Posterior
from protocols.threshold.series import Stimulus
from protocols.threshold.settings import Settings
from protocols.threshold.standing import Standing, WhyFinished


def posterior_of(settings: Settings, series: Sequence[Stimulus]) -> Posterior:
    """Return what a series says of the threshold, whichever method chose its stimuli."""
    return Posterior.of(series, ONE_SPREAD, settings.lapse_per_mille, settings.prior)


def stepped(
    settings: Settings,
    series: Sequence[Stimulus],
    *,
    wanted_pct_mso: float,
    estimate_pct_mso: float | None,
    why: WhyFinished | None,
) -> Standing:
    """Return a standing with the interval that the series gives."""
    posterior = posterior_of(settings, series)
    return standing(
        settings,
        series,
        wanted_pct_mso=wanted_pct_mso,
        estimate_pct_mso=estimate_pct_mso,
        interval=(posterior.quantile(TAIL), posterior.quantile(1.0 - TAIL)),
        why=why,
    )


def completed(
    settings: Settings, series: Sequence[Stimulus], step: Standing, about_more: int | None
) -> Standing:
    """Return a step with its curve and how many stimuli are still expected."""
    return replace(
        step,
        about_more=0 if step.finished else about_more,
        curve=posterior_of(settings, series).curve(
            settings.lowest_pct_mso, settings.highest_pct_mso
        ),
    )


def out_of_range(settings: Settings, series: Sequence[Stimulus]) -> WhyFinished | None:
    """Return on which side of the range the whole 95 % interval lies, None if on neither."""
    posterior = posterior_of(settings, series)
    if posterior.quantile(TAIL) > settings.highest_pct_mso:
        return WhyFinished.ABOVE_RANGE
    if posterior.quantile(1.0 - TAIL) < settings.lowest_pct_mso:
        return WhyFinished.BELOW_RANGE
    return None


def all_given(settings: Settings, series: Sequence[Stimulus], usual: int) -> WhyFinished | None:
    """Return that a method of fixed length is at its end, None if it is not.

    The length is the usual one, or `most_stimuli` where the settings name no half width to stop at.
    """
    length = settings.most_stimuli if settings.stop_half_width_per_mille is None else usual
    return WhyFinished.COMPLETE if len(series) >= length else None


def left_of(settings: Settings, series: Sequence[Stimulus], usual: int) -> int:
    """Return how many stimuli a method of fixed length still asks for."""
    length = settings.most_stimuli if settings.stop_half_width_per_mille is None else usual
    return max(0, min(length, settings.most_stimuli) - len(series))
