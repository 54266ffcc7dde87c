"""Stochastic approximation (SAMT, the digital control sequence): steps that shrink at each change.

Source: threshold.md, "Stochastic approximation".  x(i+1) = x(i) - a·d(i) in %MSO, d = 1 after a
movement and -1 without one, a = 4.2/(k+1) %MSO after k changes of the response.  What is given is x
on the device's step; the estimate is the x that would come next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.threshold.choosing import whole_pct_mso
from protocols.threshold.evidence import all_given, completed, left_of, out_of_range, stepped
from protocols.threshold.posterior import PRIOR_MEAN_PCT_MSO
from protocols.threshold.series import Answer, Stimulus
from protocols.threshold.settings import MethodName, Settings
from protocols.threshold.standing import Standing

FIRST_STEP_PCT_MSO = 4.2
USUAL_STIMULI = 25


def approximation(settings: Settings, series: Sequence[Stimulus]) -> float:
    """Return x after a series, in %MSO, inside the range that may be given.

    A stimulus that was given elsewhere than at x, by somebody's choice or because the step was
    bounded, takes x with it.
    """
    x = PRIOR_MEAN_PCT_MSO if settings.prior is None else float(settings.prior.mean_pct_mso)
    if settings.first_pct_mso is not None:
        x = float(settings.first_pct_mso)
    x = min(max(x, settings.lowest_pct_mso), settings.highest_pct_mso)
    changes, before = 0, None
    for stimulus in series:
        if stimulus.intensity_pct_mso != whole_pct_mso(x):
            x = float(stimulus.intensity_pct_mso)
        if stimulus.answer is Answer.UNCLEAR:
            continue
        changes += before is not None and stimulus.answer is not before
        before = stimulus.answer
        step = FIRST_STEP_PCT_MSO / (changes + 1)
        x += -step if stimulus.answer is Answer.MOVED else step
        x = min(max(x, settings.lowest_pct_mso), settings.highest_pct_mso)
    return x


@dataclass(frozen=True, slots=True)
class StochasticApproximation:
    """Estimate and next stimulus by stochastic approximation."""

    name: MethodName = MethodName.SAMT
    title: str = "Stochastic approximation"

    def step(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return where the search stands, without curve and `about_more`."""
        x = approximation(settings, series)
        answered = any(stimulus.answer is not Answer.UNCLEAR for stimulus in series)
        return stepped(
            settings,
            series,
            wanted_pct_mso=x,
            estimate_pct_mso=x if answered else None,
            why=out_of_range(settings, series) or all_given(settings, series, USUAL_STIMULI),
        )

    def standing(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return where the search stands."""
        step = self.step(settings, series)
        return completed(settings, series, step, left_of(settings, series, USUAL_STIMULI))
