"""Virtual subjects: how large an MEP a single pulse evokes, in a whole population at once.

The statistical model of motor evoked potentials after Goetz et al. (2014, 2019), with the numbers
of threshold.md, "Virtual subject".  It knows the resting hand muscle and single pulses; trains,
drugs and fatigue are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from protocols.threshold.response import normal_cdf

Floats = NDArray[np.float64]

MOVEMENT_V = 50e-6
"""A response is an MEP of at least this, peak to peak (threshold.md, first paragraph)."""
_MEANS = np.array([-5.081764824125, 4.532264929, 3.646550162125, 0.4263900355, 1.66648713475])
"""Of p1, p2, log10 p3, log10 p4, log10 p5; p1 is log10 of V, p5 is in %MSO."""
_COVARIANCE = np.zeros((5, 5))
_COVARIANCE[0, 0] = 0.003570541967
_COVARIANCE[1, 1] = 0.126168431583
_COVARIANCE[2:, 2:] = [
    [7.202738820058, 0.569742608764, -0.197461987887],
    [0.569742608764, 0.047425817251, -0.015113039713],
    [-0.197461987887, -0.015113039713, 0.007107112788],
]
_LOG_P6_MEAN, _LOG_P7_MEAN = -0.96453346025, 0.688273244
_UNIT_V = 1e-7
_LEAST_V = 1e-8
_LEAST_PCT_MSO = 1e-6
_MOST_SCALES = 150.0
_TRIED_PCT_MSO = np.arange(20.0, 121.0)
_QUIET_V, _LARGE_V, _LEAST_MEP_V, _MOST_MEP_V = 30e-6, 1e-3, 0.1e-6, 30e-3
_LOWEST_THRESHOLD_PCT_MSO, _HIGHEST_THRESHOLD_PCT_MSO = 30.0, 100.0
_FEW, _FEW_AT_ONCE, _AT_ONCE = 16, 16, 256
_HALF = 0.5
_BISECTIONS = 18
"""Of 130 %MSO: to 0.0005 %MSO."""


class Spread(StrEnum):
    """How much the two noises differ between people; published both ways, so both are tested."""

    NARROW = "narrow"
    WIDE = "wide"

    @property
    def sds(self) -> tuple[float, float]:
        """Standard deviations of log10 p6 and of log10 p7."""
        return (0.0228, 0.0237) if self is Spread.NARROW else (0.151, 0.154)


@dataclass(frozen=True, slots=True)
class Subjects:
    """People, one element of each array a person; names as in threshold.md.

    Attributes:
        p1: log10 of the location of the background, in V.
        p2: Height of the recruitment curve, log10 of 0.1 µV.
        p3: Its midpoint, in (%MSO)^p4.
        p4: Its steepness.
        p5: Its shift, in %MSO.
        p6: Standard deviation of the noise of size, log10 units.
        p7: Standard deviation of the noise of excitability, %MSO.
        p8: Scale of the background, V.
        p9: Shape of the background.
    """

    p1: Floats
    p2: Floats
    p3: Floats
    p4: Floats
    p5: Floats
    p6: Floats
    p7: Floats
    p8: Floats
    p9: Floats

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self.p1)

    def chosen(self, which: NDArray[np.bool_] | slice) -> Subjects:
        """Return some of them."""
        return Subjects(*(getattr(self, one.name)[which] for one in fields(self)))

    def size_log10(self, intensity_pct_mso: Floats) -> Floats:
        """Return p2 / (1 + p3 / x^p4) at the intensities over the shift, log10 of 0.1 µV."""
        x = np.maximum(intensity_pct_mso, _LEAST_PCT_MSO)
        exponent = np.minimum(np.log(self.p3) - self.p4 * np.log(x), 500.0)
        size: Floats = self.p2 / (1.0 + np.exp(exponent))
        return size

    def background_v(self, part: Floats) -> Floats:
        """Return the quantile of the background (generalised extreme value), in V."""
        most = 10.0**self.p1 + _MOST_SCALES * self.p8
        value = 10.0**self.p1 + self.p8 * ((-np.log(part)) ** -self.p9 - 1.0) / self.p9
        return np.minimum(value, most)

    def mep_v(self, intensity_pct_mso: Floats | float, random: np.random.Generator) -> Floats:
        """Give everybody one pulse and return the peak-to-peak MEPs, in V.

        Args:
            intensity_pct_mso: What reaches each of them at the hotspot.
            random: Three draws for each person are taken from it.
        """
        count = len(self)
        shift = self.p7 * random.standard_normal(count)
        size = self.p6 * random.standard_normal(count)
        background = self.background_v(np.clip(random.random(count), 1e-300, 1.0 - 1e-12))
        log_size = size + self.size_log10(intensity_pct_mso - self.p5 + shift)
        return np.maximum(_LEAST_V, background + _UNIT_V * 10.0**log_size)

    def boundaries(self) -> Boundaries:
        """Return where movements begin, for `probability` and `thresholds`."""
        nodes, weights = _hermite()
        parts = _parts()
        places = [
            self._needed_pct_mso(self.background_v(part), node) for node in nodes for part in parts
        ]
        return Boundaries(np.array(places), np.repeat(weights / len(parts), len(parts)), self.p7)

    def _needed_pct_mso(self, background_v: Floats, node: float) -> Floats:
        """Return the intensity above which an MEP is 50 µV without noise of excitability."""
        lacking_v = np.maximum(MOVEMENT_V - background_v, _LEAST_V)
        size = np.log10(lacking_v / _UNIT_V) - self.p6 * node
        reachable = (size > 0.0) & (size < self.p2)
        ratio = self.p2 / np.where(reachable, size, 0.5 * self.p2) - 1.0
        at = self.p5 + np.exp((np.log(self.p3) - np.log(ratio)) / self.p4)
        return np.where(reachable, at, np.where(size > 0.0, np.inf, -np.inf))


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where movements begin for each person, without the noise of excitability.

    An MEP grows with the intensity, so it is 50 µV from one intensity on that background and noise
    of size decide: Gauss-Hermite nodes of the one, equal parts of the other.  The noise of
    excitability shifts that intensity and is integrated in closed form.

    Attributes:
        pct_mso: The intensities, nodes x persons.
        weights: Of the nodes, of sum 1.
        sd_pct_mso: p7 of each person.
    """

    pct_mso: Floats
    weights: Floats
    sd_pct_mso: Floats

    def probability(self, intensity_pct_mso: Floats | float) -> Floats:
        """Return how probable an MEP of 50 µV is for each person at an intensity."""
        return np.asarray(
            self.weights @ normal_cdf((intensity_pct_mso - self.pct_mso) / self.sd_pct_mso)
        )

    def thresholds(self) -> Floats:
        """Return everybody's threshold: where an MEP of 50 µV has a probability of one half."""
        count = len(self.sd_pct_mso)
        low, high = np.zeros(count), np.full(count, _HIGHEST_THRESHOLD_PCT_MSO + 30.0)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            enough = self.probability(middle) >= _HALF
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.asarray(0.5 * (low + high))


@lru_cache(maxsize=1)
def _hermite() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    return nodes, weights / weights.sum()


@lru_cache(maxsize=1)
def _parts() -> Floats:
    return np.asarray((np.arange(8, dtype=np.float64) + 0.5) / 8.0)


@dataclass(frozen=True, slots=True)
class Population:
    """Accepted subjects with their true thresholds.

    Attributes:
        subjects: The subjects.
        thresholds_pct_mso: Where each has an MEP of 50 µV in half of the pulses, %MSO.
    """

    subjects: Subjects
    thresholds_pct_mso: Floats

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self.subjects)


def draw_population(count: int, spread: Spread, random: np.random.Generator) -> Population:
    """Return so many subjects that pass the acceptance rules of threshold.md, always the same ones.

    Over 20 to 120 %MSO in steps of 1, one pulse each: some MEP under 30 µV, some over 1 mV, all
    between 0.1 µV and 30 mV; and a threshold between 30 and 100 %MSO.
    """
    found: list[Subjects] = []
    thresholds: list[Floats] = []
    at_once = _FEW_AT_ONCE if count <= _FEW else _AT_ONCE
    while sum(map(len, thresholds)) < count:
        drawn = _drawn(at_once, spread, random)
        kept = drawn.chosen(_within_bounds(drawn, random))
        mine = kept.boundaries().thresholds()
        inside = (mine > _LOWEST_THRESHOLD_PCT_MSO) & (mine < _HIGHEST_THRESHOLD_PCT_MSO)
        found.append(kept.chosen(inside))
        thresholds.append(mine[inside])
    together = Subjects(
        *(np.concatenate([getattr(part, one.name) for part in found]) for one in fields(Subjects))
    )
    return Population(together.chosen(slice(count)), np.concatenate(thresholds)[:count])


def _drawn(count: int, spread: Spread, random: np.random.Generator) -> Subjects:
    p = random.multivariate_normal(_MEANS, _COVARIANCE, size=count, method="cholesky")
    sd6, sd7 = spread.sds
    log_p6 = _LOG_P6_MEAN + sd6 * random.standard_normal(count)
    log_p7 = _LOG_P7_MEAN + sd7 * random.standard_normal(count)
    return Subjects(
        p[:, 0],
        p[:, 1],
        10.0 ** p[:, 2],
        10.0 ** p[:, 3],
        10.0 ** p[:, 4],
        10.0**log_p6,
        10.0**log_p7,
        1.55e-6 * 1.5 ** random.standard_normal(count),
        0.14 * 2.0 ** random.standard_normal(count),
    )


def _within_bounds(subjects: Subjects, random: np.random.Generator) -> NDArray[np.bool_]:
    meps = np.array([subjects.mep_v(x, random) for x in _TRIED_PCT_MSO])
    return np.asarray(
        (meps < _QUIET_V).any(axis=0)
        & (meps > _LARGE_V).any(axis=0)
        & (meps > _LEAST_MEP_V).all(axis=0)
        & (meps < _MOST_MEP_V).all(axis=0)
    )
