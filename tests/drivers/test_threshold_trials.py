"""Trials of the methods on virtual subjects: what the numbers of README rest on."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from drivers.simulator.mep import Spread
from drivers.simulator.threshold_trials import (
    GROUP,
    Outcomes,
    Summary,
    Trial,
    groups,
    run_group,
    shared_by,
    summarise,
)
from protocols.threshold import MethodName, Settings

TWENTY = Settings(stop_half_width_per_mille=None, most_stimuli=20)
TRIAL = Trial(settings=TWENTY, spread=Spread.NARROW, subjects=200, seed=4)


def test_the_default_finds_thresholds_as_well_as_asked() -> None:
    """Far wider than the numbers of issue 6: 200 people tell a broken method, not a good one."""
    summary = summarise(TRIAL)
    assert summary.error_median_pct < 2.0
    assert summary.error_p95_pct < 6.0
    assert abs(summary.bias_pct) < 0.6
    assert summary.coverage_pct > 92
    assert summary.not_found <= 1
    assert (summary.subjects, summary.stimuli_mean) == (200, 20.0)


def test_the_stop_rule_ends_where_half_the_interval_is_what_was_asked() -> None:
    outcomes = run_group(groups(replace(TRIAL, settings=Settings(), subjects=100))[0])
    assert (0.5 * (outcomes.high - outcomes.low) <= 0.0601 * outcomes.estimate_pct_mso).all()
    assert 13 < outcomes.stimuli.mean() < 20


@pytest.mark.parametrize(
    ("method", "fewest", "most"),
    [
        (MethodName.FIVE_OF_TEN, 50, 80),
        (MethodName.MILLS_NITHI, 47, 80),
    ],
)
def test_the_old_methods_take_as_many_stimuli_as_they_are_known_for(
    method: MethodName, fewest: int, most: int
) -> None:
    settings = Settings(method=method, most_stimuli=300)
    summary = summarise(replace(TRIAL, settings=settings, subjects=30))
    assert fewest < summary.stimuli_mean < most
    assert summary.error_median_pct < 2.5


def test_mistaken_answers_cost_and_a_known_last_threshold_pays() -> None:
    few = replace(TRIAL, settings=replace(TWENTY, most_stimuli=8), subjects=200)
    plain, mistaken = summarise(few), summarise(replace(few, wrong=0.2))
    known = summarise(replace(few, last_as_prior=True))
    assert mistaken.error_p95_pct > 1.3 * plain.error_p95_pct
    assert known.error_p95_pct < 0.9 * plain.error_p95_pct


def test_the_numbers_do_not_depend_on_how_many_processes_share_the_work() -> None:
    small = replace(TRIAL, settings=replace(TWENTY, most_stimuli=3), subjects=2 * GROUP + 10)
    told: list[int] = []
    with shared_by(2) as mapper:
        shared = summarise(small, mapper, told.append)
    assert shared == summarise(small)
    assert told == [GROUP, GROUP, 10]
    assert shared != summarise(replace(small, seed=5))
    assert shared != summarise(replace(small, spread=Spread.WIDE))


def test_a_summary_counts_as_its_words_say() -> None:
    outcomes = Outcomes(
        truth_pct_mso=np.array([50.0, 50.0, 50.0, 60.0]),
        estimate_pct_mso=np.array([51.0, 49.0, 52.0, np.nan]),
        low=np.array([48.0, 48.0, 51.0, 0.0]),
        high=np.array([54.0, 50.0, 53.0, 99.0]),
        stimuli=np.array([10.0, 12.0, 14.0, 40.0]),
    )
    summary = Summary.of(outcomes)
    assert (summary.subjects, summary.not_found) == (4, 1)
    assert summary.error_median_pct == pytest.approx(2.0)
    assert summary.bias_pct == pytest.approx((2 - 2 + 4) / 3)
    assert summary.coverage_pct == pytest.approx(200 / 3)
    assert summary.stimuli_mean == 19.0
    assert summary.threshold_p50_pct_mso == 50.0
    assert summary.half_width_pct == pytest.approx(100 * (3 / 51 + 1 / 49 + 1 / 52) / 3)
    nobody = replace(outcomes, estimate_pct_mso=np.full(4, np.nan))
    with pytest.raises(ValueError, match="no acceptable threshold"):
        Summary.of(nobody)
    assert all(np.isfinite(value) for value in asdict(summary).values())
