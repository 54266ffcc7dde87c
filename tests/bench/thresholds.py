"""How well the methods find thresholds on virtual subjects, beside what issue 6 asks.

Each line is one number of a population, measured once for each of three seeds; the spreads are kept
apart, since which of them people have is not known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.simulator.mep import Spread
from drivers.simulator.threshold_trials import Mapper, Summary, Trial, shared_by, summarise
from protocols.threshold import Answer, Finding, MethodName, Settings
from tests.bench.figures import Goal, Line, Series

SEEDS = (1, 2, 3)
GROUP = "threshold finding, virtual subjects"
NEXT_GOAL = Goal("worst", 20.0)
_LONG = 300
_FEWER = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """One search that issue 6 puts numbers to.

    Attributes:
        words: It in words.
        settings: The method and its numbers.
        goals: Attribute of the summary, its words, and what is asked: narrow, wide (None: nothing).
        wrong: Probability of a mistaken answer.
        last_as_prior: The last threshold is known.
        fewer_by: A fraction of the subjects will do: a long search that nothing is asked of.
    """

    words: str
    settings: Settings
    goals: tuple[tuple[str, str, float | None, float | None], ...]
    wrong: float = 0.0
    last_as_prior: bool = False
    fewer_by: int = 1


def _fixed(method: MethodName, stimuli: int) -> Settings:
    return Settings(method=method, stop_half_width_per_mille=None, most_stimuli=stimuli)


def _stopping(method: MethodName, per_mille: int) -> Settings:
    return Settings(method=method, stop_half_width_per_mille=per_mille, most_stimuli=_LONG)


def _searches() -> Iterator[Asked]:
    for method, per_mille in ((MethodName.BAYES, 60), (MethodName.BAYES_FIXED, 50)):
        yield Asked(
            f"{method}, 20 stimuli",
            _fixed(method, 20),
            (
                ("error_median_pct", "error, median", 1.6, 1.6),
                ("error_p95_pct", "error, 95th percentile", 4.8, 5.5),
                ("missed_pct", "truth outside the 95 % interval", 8.0, 11.0),
            ),
        )
        yield Asked(
            f"{method}, until half the interval is {per_mille / 10:g} %",
            _stopping(method, per_mille),
            (
                ("stimuli_mean", "stimuli, mean", 16.5, 16.5),
                ("error_p95_pct", "error, 95th percentile", 5.6, 6.1),
                ("missed_pct", "truth outside the 95 % interval", 8.0, 11.0),
            ),
        )
        yield Asked(
            f"{method}, 20 stimuli, 5 % of the answers wrong",
            _fixed(method, 20),
            (("error_p99_pct", "error, 99th percentile", 8.5, 11.5),),
            wrong=0.05,
        )
        yield Asked(
            f"{method}, 10 stimuli, last threshold known",
            _fixed(method, 10),
            (("error_p95_pct", "error, 95th percentile", 6.0, 6.6),),
            last_as_prior=True,
        )
    for method in (
        MethodName.ML_PEST,
        MethodName.SAMT,
        MethodName.FIVE_OF_TEN,
        MethodName.MILLS_NITHI,
    ):
        yield Asked(
            f"{method}",
            Settings(method=method, most_stimuli=_LONG),
            (
                ("stimuli_mean", "stimuli, mean", None, None),
                ("error_median_pct", "error, median", None, None),
                ("error_p95_pct", "error, 95th percentile", None, None),
                ("bias_pct", "mean error with its sign", None, None),
            ),
            fewer_by=_FEWER,
        )


def _number(summary: Summary, name: str) -> float:
    if name == "missed_pct":
        return 100.0 - summary.coverage_pct
    return float(getattr(summary, name))


def measure_thresholds(subjects: int) -> Iterator[Line]:
    """Yield every number of every method, over so many subjects for each seed."""
    yield _next_intensity()
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    with shared_by(processes) as mapper:
        yield from _found(subjects, mapper)


def _found(subjects: int, mapper: Mapper) -> Iterator[Line]:
    note = (
        f"one value for each of {len(SEEDS)} seeds, {subjects} virtual subjects each, a fifth "
        "of them where nothing is asked"
    )
    for asked in _searches():
        for spread in Spread:
            summaries = [
                summarise(
                    Trial(
                        settings=asked.settings,
                        spread=spread,
                        subjects=max(1, subjects // asked.fewer_by),
                        seed=seed,
                        wrong=asked.wrong,
                        last_as_prior=asked.last_as_prior,
                    ),
                    mapper,
                )
                for seed in SEEDS
            ]
            for name, words, narrow, wide in asked.goals:
                most = narrow if spread is Spread.NARROW else wide
                yield Line(
                    GROUP,
                    f"{asked.words}, {spread}: {words}",
                    "" if name == "stimuli_mean" else "%",
                    Series.of(_number(summary, name) for summary in summaries),
                    None if most is None else Goal("p50", most),
                    note=note,
                )


def _next_intensity() -> Line:
    """Measure the whole standing, curve included, after each answer of a series of 30."""
    took_ms = []
    finding = Finding(_fixed(MethodName.BAYES, 30))
    while (intensity := finding.next_intensity()) is not None:
        finding = finding.record(Answer.MOVED if intensity > 50 else Answer.STILL)
        begun_s = time.thread_time()
        _ = finding.standing
        took_ms.append(1e3 * (time.thread_time() - begun_s))
    return Line(
        GROUP,
        "next intensity, estimate and curve after an answer, processor time",
        "ms",
        Series.of(took_ms),
        NEXT_GOAL,
    )
