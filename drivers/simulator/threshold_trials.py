"""A method of finding thresholds, tried on virtual subjects whose true thresholds are known.

The methods are the very ones that the clinic uses, asked step by step; nothing of them is sped up
for it.  Subjects come in fixed groups with seeds of their own, so that the numbers do not depend on
how many processors share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Protocol

import numpy as np

from drivers.simulator.mep import MOVEMENT_V, Floats, Population, Spread, draw_population
from protocols.threshold import METHODS, Answer, Prior, Settings, Standing, Stimulus

GROUP = 100
"""Subjects that share a seed."""
TRUE_CHANGE_SD = 0.05
"""Of a threshold since it was last found, as part of it (issue 6; clinical.md part 5)."""
_HIGHEST_PRIOR, _LOWEST_PRIOR = 100, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried.

    Attributes:
        settings: The method and its numbers; a `prior` in it is ignored.
        spread: Which of the two published populations.
        subjects: How many people.
        seed: Decides people, noises, mistakes and last thresholds.
        wrong: Probability that an answer is the opposite of what was seen.
        last_as_prior: The last threshold is known: the true one changed by 5 % (SD).
    """

    settings: Settings
    spread: Spread
    subjects: int
    seed: int
    wrong: float = 0.0
    last_as_prior: bool = False


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of a trial, one element a subject.

    Attributes:
        truth_pct_mso: The true threshold.
        estimate_pct_mso: What was found; NaN where nothing acceptable was.
        low: Lower end of the interval.
        high: Upper end.
        stimuli: How many were given.
    """

    truth_pct_mso: Floats
    estimate_pct_mso: Floats
    low: Floats
    high: Floats
    stimuli: Floats

    @classmethod
    def together(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """Return several groups as one."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("truth_pct_mso", "estimate_pct_mso", "low", "high", "stimuli")
            )
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of a trial; errors are of the acceptable estimates, in % of the true threshold.

    Attributes:
        subjects: How many people.
        not_found: People for whom nothing acceptable was found.
        error_median_pct: Median of the absolute error.
        error_p95_pct: What 95 of 100 absolute errors are not above.
        error_p99_pct: The same of 99.
        bias_pct: Mean error, with its sign.
        stimuli_mean: Stimuli, mean.
        stimuli_p95: Stimuli that 95 of 100 searches did not exceed.
        coverage_pct: How often the truth lay in the 95 % interval.
        half_width_pct: Mean half width of the interval, in % of the estimate.
        threshold_mean_pct_mso: Mean of the true thresholds of everybody.
        threshold_sd_pct_mso: Their standard deviation.
        threshold_p5_pct_mso: Their 5th percentile.
        threshold_p50_pct_mso: Their median.
        threshold_p95_pct_mso: Their 95th percentile.
    """

    subjects: int
    not_found: int
    error_median_pct: float
    error_p95_pct: float
    error_p99_pct: float
    bias_pct: float
    stimuli_mean: float
    stimuli_p95: float
    coverage_pct: float
    half_width_pct: float
    threshold_mean_pct_mso: float
    threshold_sd_pct_mso: float
    threshold_p5_pct_mso: float
    threshold_p50_pct_mso: float
    threshold_p95_pct_mso: float

    @classmethod
    def of(cls, outcomes: Outcomes) -> Summary:
        """Return the numbers of a trial.

        Raises:
            ValueError: Nothing acceptable was found for anybody.
        """
        found = np.isfinite(outcomes.estimate_pct_mso)
        if not found.any():
            raise ValueError("no acceptable threshold was found for anybody")
        truth, estimate = outcomes.truth_pct_mso[found], outcomes.estimate_pct_mso[found]
        low, high = outcomes.low[found], outcomes.high[found]
        error = 100.0 * (estimate / truth - 1.0)
        everybody = outcomes.truth_pct_mso
        t5, t50, t95 = np.percentile(everybody, (5, 50, 95))
        median, p95, p99 = np.percentile(np.abs(error), (50, 95, 99))
        return cls(
            subjects=len(found),
            not_found=int((~found).sum()),
            error_median_pct=float(median),
            error_p95_pct=float(p95),
            error_p99_pct=float(p99),
            bias_pct=float(error.mean()),
            stimuli_mean=float(outcomes.stimuli.mean()),
            stimuli_p95=float(np.percentile(outcomes.stimuli, 95)),
            coverage_pct=100.0 * float(((low <= truth) & (truth <= high)).mean()),
            half_width_pct=float((50.0 * (high - low) / estimate).mean()),
            threshold_mean_pct_mso=float(everybody.mean()),
            threshold_sd_pct_mso=float(everybody.std()),
            threshold_p5_pct_mso=float(t5),
            threshold_p50_pct_mso=float(t50),
            threshold_p95_pct_mso=float(t95),
        )


Part = tuple[Trial, int, int]
"""A trial, the number of a group of its people, and how many they are."""


class Mapper(Protocol):
    """`map`, or the same over several processes."""

    def __call__(
        self, run_one: Callable[[Part], Outcomes], parts: Iterable[Part], /
    ) -> Iterator[Outcomes]:
        """Yield what comes of each part, in their order."""
        ...


def groups(trial: Trial) -> list[Part]:
    """Return the parts of a trial that can be run apart."""
    whole, rest = divmod(trial.subjects, GROUP)
    sizes = [GROUP] * whole + ([rest] if rest else [])
    return [(trial, number, size) for number, size in enumerate(sizes)]


def run_group(part: Part) -> Outcomes:
    """Run one part; the same whichever process does it."""
    trial, number, size = part
    about_people, about_answers = np.random.SeedSequence(
        (trial.seed, list(Spread).index(trial.spread), number)
    ).spawn(2)
    people = draw_population(size, trial.spread, np.random.default_rng(about_people))
    return run(trial, people, np.random.default_rng(about_answers))


def run(trial: Trial, people: Population, random: np.random.Generator) -> Outcomes:
    """Find the threshold of every one of these people."""
    method = METHODS[trial.settings.method]
    settings = _settings(trial, people, random)
    series: list[list[Stimulus]] = [[] for _ in settings]
    standings: list[Standing] = [method.step(mine, ()) for mine in settings]
    while any(standing.next_pct_mso is not None for standing in standings):
        given = np.array([float(standing.next_pct_mso or 0) for standing in standings])
        moved = people.subjects.mep_v(given, random) >= MOVEMENT_V
        moved ^= random.random(len(people)) < trial.wrong
        for person, standing in enumerate(standings):
            if standing.next_pct_mso is not None:
                answer = Answer.MOVED if moved[person] else Answer.STILL
                series[person].append(Stimulus(standing.next_pct_mso, answer))
                standings[person] = method.step(settings[person], series[person])
    estimates = [
        standing.estimate_pct_mso
        if standing.acceptable and standing.estimate_pct_mso is not None
        else np.nan
        for standing in standings
    ]
    return Outcomes(
        people.thresholds_pct_mso,
        np.array(estimates),
        np.array([standing.low for standing in standings]),
        np.array([standing.high for standing in standings]),
        np.array([float(len(mine)) for mine in series]),
    )


def _settings(trial: Trial, people: Population, random: np.random.Generator) -> list[Settings]:
    if not trial.last_as_prior:
        return [replace(trial.settings, prior=None)] * len(people)
    change = 1.0 + TRUE_CHANGE_SD * random.standard_normal(len(people))
    last = np.clip(np.rint(people.thresholds_pct_mso / change), _LOWEST_PRIOR, _HIGHEST_PRIOR)
    return [replace(trial.settings, prior=Prior.last_threshold(int(value))) for value in last]


@contextmanager
def shared_by(processes: int) -> Iterator[Mapper]:
    """Yield what maps parts over so many processes, in their order; one needs no other process."""
    if processes <= 1:
        yield map
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield pool.map


def summarise(
    trial: Trial, mapper: Mapper = map, advance: Callable[[int], None] | None = None
) -> Summary:
    """Run a whole trial.

    Args:
        trial: What is tried.
        mapper: Runs its parts, `shared_by` several processes; the numbers do not depend on it.
        advance: Told how many people more are done.

    Raises:
        ValueError: Nothing acceptable was found for anybody.
    """
    done = []
    for outcomes in mapper(run_group, groups(trial)):
        done.append(outcomes)
        if advance is not None:
            advance(len(outcomes.stimuli))
    return Summary.of(Outcomes.together(done))
