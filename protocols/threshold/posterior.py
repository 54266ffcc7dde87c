"""What a series says of threshold and slope: the posterior on a grid, its interval and its curve.

Which stimulus comes next is the methods' choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from protocols.threshold.response import (
    LIKELIHOOD_UNIT,
    THRESHOLD_STEP_PCT_MSO,
    Floats,
    Integers,
    log_likelihood,
    probability,
    thresholds,
)
from protocols.threshold.series import Answer, Stimulus
from protocols.threshold.settings import Prior
from protocols.threshold.standing import Curve

PRIOR_MEAN_PCT_MSO = 65.8
PRIOR_SD_PCT_MSO = 20.0
"""The prior on the threshold of somebody of whom none is known (threshold.md)."""
TAIL = 0.025
"""Outside each end of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Spreads:
    """The relative spreads r that are compared, and how probable each is beforehand.

    Attributes:
        values: The spreads, as parts of the threshold.
        weights: Their prior probabilities.
    """

    values: tuple[float, ...]
    weights: tuple[float, ...]


def log_normal_spreads(median: float, sd_of_log: float, count: int) -> Spreads:
    """Return spreads in equal steps of their logarithm, two standard deviations to either side."""
    z = np.linspace(-2.0, 2.0, count)
    weights = np.exp(-0.5 * z * z)
    return Spreads(
        tuple(float(value) for value in median * np.exp(sd_of_log * z)),
        tuple(float(weight) for weight in weights / weights.sum()),
    )


ONE_SPREAD = Spreads((0.07,), (1.0,))
"""A slope taken as known (threshold.md, Bayesian grid)."""
SPREADS_OF_PEOPLE = log_normal_spreads(0.0745, 0.35, 7)
"""How steep people's response curves are: computed (c) from the virtual subjects of threshold.md
(`drivers.simulator.mep`), whose median is 0.0745 in both published spreads, the standard deviation
of its logarithm 0.14 in the narrow and 0.36 in the wide one.  The wider is taken: it costs nothing
where people differ less, and the interval keeps its word where they differ more."""


def log_likelihoods(
    series: Sequence[Stimulus], spreads: tuple[float, ...], lapse_per_mille: int
) -> Integers:
    """Return the series' log likelihood, in `LIKELIHOOD_UNIT`, spreads x thresholds."""
    total = np.zeros((len(spreads), len(thresholds())), dtype=np.int64)
    for stimulus in series:
        if stimulus.answer is not Answer.UNCLEAR:
            moved = stimulus.answer is Answer.MOVED
            total += log_likelihood(
                stimulus.intensity_pct_mso, spreads, lapse_per_mille, moved=moved
            )
    return total


@lru_cache(maxsize=256)
def _log_prior(prior: Prior | None, spreads: Spreads) -> Floats:
    mean, sd = PRIOR_MEAN_PCT_MSO, PRIOR_SD_PCT_MSO
    if prior is not None:
        mean, sd = float(prior.mean_pct_mso), float(prior.sd_pct_mso)
    z = (thresholds() - mean) / sd
    log_weights: Floats = np.log(np.array(spreads.weights))[:, np.newaxis] - 0.5 * z * z
    return log_weights


@dataclass(frozen=True, slots=True)
class Posterior:
    """Weights over spreads (rows) and thresholds (columns), of sum 1."""

    spreads: Spreads
    lapse_per_mille: int
    weights: Floats

    @classmethod
    def of(
        cls,
        series: Sequence[Stimulus],
        spreads: Spreads,
        lapse_per_mille: int,
        prior: Prior | None,
    ) -> Posterior:
        """Return the posterior after a series; the order of the stimuli does not matter to it."""
        log_weights = _log_prior(prior, spreads) + LIKELIHOOD_UNIT * log_likelihoods(
            series, spreads.values, lapse_per_mille
        )
        weights = np.exp(log_weights - log_weights.max())
        return cls(spreads, lapse_per_mille, weights / weights.sum())

    @property
    def of_thresholds(self) -> Floats:
        """The weight of each threshold, whatever the spread."""
        return np.asarray(self.weights.sum(axis=0))

    @property
    def mean(self) -> float:
        """The mean threshold, in %MSO."""
        return float(self.of_thresholds @ thresholds())

    @property
    def sd(self) -> float:
        """The standard deviation of the threshold, in %MSO."""
        weights, t = self.of_thresholds, thresholds()
        mean = weights @ t
        return float(np.sqrt(weights @ (t - mean) ** 2))

    def quantile(self, part: float) -> float:
        """Return the threshold below which this part of the weight lies, in %MSO."""
        weights, t = self.of_thresholds, thresholds()
        half = 0.5 * (t[1] - t[0])
        below = np.concatenate(([0.0], np.cumsum(weights)))
        return float(np.interp(part, below, np.concatenate((t - half, [t[-1] + half]))))

    def curve(self, lowest_pct_mso: int, highest_pct_mso: int) -> Curve:
        """Return the probability of a movement at each intensity, with its 95 % band.

        Thresholds are taken together five by five, 1 %MSO, for it.
        """
        table, order = _curve_table(
            self.spreads.values, self.lapse_per_mille, lowest_pct_mso, highest_pct_mso
        )
        spare = -self.weights.shape[1] % _TOGETHER
        padded = np.pad(self.weights, ((0, 0), (0, spare)))
        weights = padded.reshape(len(padded), -1, _TOGETHER).sum(axis=2).ravel()
        below = np.cumsum(weights[order], axis=1)
        rows = np.arange(len(table))
        mean = table @ weights
        low, high = (
            table[rows, order[rows, (below < part).sum(axis=1).clip(max=table.shape[1] - 1)]]
            for part in (TAIL, 1.0 - TAIL)
        )
        return Curve(
            tuple(range(lowest_pct_mso, highest_pct_mso + 1)),
            *(
                tuple(float(value) for value in values)
                for values in (mean, np.minimum(low, mean), np.maximum(high, mean))
            ),
        )


_TOGETHER = 5


@lru_cache(maxsize=4)
def _curve_table(
    spreads: tuple[float, ...], lapse_per_mille: int, lowest_pct_mso: int, highest_pct_mso: int
) -> tuple[Floats, Integers]:
    """Return p(moved), intensities x (spreads x thresholds five by five), and each row's order."""
    t = thresholds()[::_TOGETHER] + 0.5 * (_TOGETHER - 1) * THRESHOLD_STEP_PCT_MSO
    table = np.array(
        [
            probability(x, t, spreads, lapse_per_mille).ravel()
            for x in range(lowest_pct_mso, highest_pct_mso + 1)
        ]
    )
    return table, np.argsort(table, axis=1, kind="stable")
