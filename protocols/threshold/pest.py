"""ML-PEST (Awiszus): each stimulus at the threshold that is likeliest by now.

Source: threshold.md, "ML-PEST".  The likelihood of `response` with r = 0.07 and without lapses, no
prior, a pseudo-answer "still" at 0 % and one "moved" at 130 %MSO; the estimate is the mean of all
thresholds t, in %MSO, at which the likelihood is greatest.  Φ is 1 in double precision from about
eight spreads on, so after a first movement the likelihood is flat from there down to 0 and its
middle is about a third of what was given: the largest step of the settings bounds the jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protocols.threshold.evidence import all_given, completed, left_of, out_of_range, stepped
from protocols.threshold.posterior import ONE_SPREAD, PRIOR_MEAN_PCT_MSO, log_likelihoods
from protocols.threshold.response import log_likelihood, thresholds
from protocols.threshold.series import Answer, Stimulus
from protocols.threshold.settings import MethodName, Settings
from protocols.threshold.standing import Standing

USUAL_STIMULI = 20
"""As measured in threshold.md, "What good looks like"."""
_PSEUDO_STILL_PCT_MSO, _PSEUDO_MOVED_PCT_MSO = 0, 130


def likeliest_pct_mso(series: Sequence[Stimulus]) -> float:
    """Return the mean of the thresholds at which the likelihood is greatest, in %MSO."""
    spreads = ONE_SPREAD.values
    total = (
        log_likelihoods(series, spreads, 0)
        + log_likelihood(_PSEUDO_STILL_PCT_MSO, spreads, 0, moved=False)
        + log_likelihood(_PSEUDO_MOVED_PCT_MSO, spreads, 0, moved=True)
    )[0]
    return float(thresholds()[np.flatnonzero(total == total.max())].mean())


@dataclass(frozen=True, slots=True)
class MaximumLikelihoodPest:
    """Estimate and next stimulus by maximum likelihood."""

    name: MethodName = MethodName.ML_PEST
    title: str = "ML-PEST"

    def step(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return where the search stands, without curve and `about_more`."""
        estimate = None
        wanted = PRIOR_MEAN_PCT_MSO if settings.prior is None else settings.prior.mean_pct_mso
        if settings.first_pct_mso is not None:
            wanted = settings.first_pct_mso
        if any(stimulus.answer is not Answer.UNCLEAR for stimulus in series):
            wanted = estimate = likeliest_pct_mso(series)
        return stepped(
            settings,
            series,
            wanted_pct_mso=wanted,
            estimate_pct_mso=estimate,
            why=out_of_range(settings, series) or all_given(settings, series, USUAL_STIMULI),
        )

    def standing(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return where the search stands."""
        step = self.step(settings, series)
        return completed(settings, series, step, left_of(settings, series, USUAL_STIMULI))
