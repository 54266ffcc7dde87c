"""How probable a movement is at an intensity, given a threshold and a slope: the likelihood.

p(moved | x, t, r) = (1 - λ)·Φ((x - t) / (r·t)) + λ/2, with the intensity x and the threshold t in
%MSO, the relative spread r (0.07 in threshold.md, "Bayesian grid") and the lapse rate λ.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

THRESHOLD_STEP_PCT_MSO = 0.2
"""Distance of the thresholds that are compared (threshold.md)."""
LOWEST_THRESHOLD_PCT_MSO = 2.0
HIGHEST_THRESHOLD_PCT_MSO = 130.0
"""Where ML-PEST puts its pseudo-answer "yes" (threshold.md); nothing above is told apart."""
LIKELIHOOD_UNIT = 2.0**-32
"""Logarithms of likelihoods are whole multiples of this: their sum is exact in any order."""
_LEAST_PROBABILITY = 1e-12
_EDGE = 8.0
_NODES_PER_UNIT = 256


def _nodes() -> tuple[Floats, Floats]:
    at = np.linspace(-_EDGE, _EDGE, int(2 * _EDGE * _NODES_PER_UNIT) + 1)
    values = np.array([0.5 * math.erfc(-z / math.sqrt(2.0)) for z in at])
    slopes = np.exp(-0.5 * at * at) / math.sqrt(2.0 * math.pi) / _NODES_PER_UNIT
    return values, slopes


_VALUES, _SLOPES = _nodes()


def normal_cdf(z: Floats) -> Floats:
    """Return Φ(z) to 1e-12, element by element; 0 below -8 and 1 above 8 to that accuracy.

    Cubic Hermite interpolation between exact values 1/256 apart: numpy has no error function.
    """
    place = (np.clip(z, -_EDGE, _EDGE) + _EDGE) * _NODES_PER_UNIT
    left = np.minimum(place.astype(np.int64), len(_VALUES) - 2)
    u = place - left
    v = 1.0 - u
    return np.asarray(
        _VALUES[left] * (1.0 + 2.0 * u) * v * v
        + _SLOPES[left] * u * v * v
        + _VALUES[left + 1] * (3.0 - 2.0 * u) * u * u
        - _SLOPES[left + 1] * u * u * v
    )


@lru_cache(maxsize=1)
def thresholds() -> Floats:
    """Return the thresholds that are compared, rising, in %MSO."""
    steps = (HIGHEST_THRESHOLD_PCT_MSO - LOWEST_THRESHOLD_PCT_MSO) / THRESHOLD_STEP_PCT_MSO
    answer: Floats = LOWEST_THRESHOLD_PCT_MSO + THRESHOLD_STEP_PCT_MSO * np.arange(
        round(steps) + 1, dtype=np.float64
    )
    answer.setflags(write=False)
    return answer


def probability(
    intensity_pct_mso: int, t: Floats, spreads: tuple[float, ...], lapse_per_mille: int
) -> Floats:
    """Return p(moved) at one intensity for each spread (rows) and threshold t (columns)."""
    r = np.array(spreads)[:, np.newaxis]
    lapse = lapse_per_mille / 1000.0
    answer: Floats = (1.0 - lapse) * normal_cdf((intensity_pct_mso - t) / (r * t)) + 0.5 * lapse
    return answer


@lru_cache(maxsize=4096)
def log_likelihood(
    intensity_pct_mso: int, spreads: tuple[float, ...], lapse_per_mille: int, *, moved: bool
) -> Integers:
    """Return log p(answer), in `LIKELIHOOD_UNIT`, spreads x `thresholds`."""
    p = probability(intensity_pct_mso, thresholds(), spreads, lapse_per_mille)
    likely = np.maximum(p if moved else 1.0 - p, _LEAST_PROBABILITY)
    answer = np.rint(np.log(likely) / LIKELIHOOD_UNIT).astype(np.int64)
    answer.setflags(write=False)
    return answer
