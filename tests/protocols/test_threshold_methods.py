"""Each method of finding a threshold: small series by hand, and what holds for every series."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.threshold import (
    METHODS,
    Answer,
    Finding,
    MethodName,
    Prior,
    Settings,
    Standing,
    Stimulus,
    WhyFinished,
)
from protocols.threshold.counting import FiveOfTen
from protocols.threshold.pest import likeliest_pct_mso
from protocols.threshold.posterior import SPREADS_OF_PEOPLE
from protocols.threshold.response import normal_cdf, thresholds
from protocols.threshold.samt import approximation

MOVED, STILL, UNCLEAR = Answer.MOVED, Answer.STILL, Answer.UNCLEAR
EVERY = pytest.mark.parametrize("name", list(MethodName))
GRIDS = (MethodName.BAYES, MethodName.BAYES_FIXED)
LONG = 400
answers = st.lists(st.sampled_from(Answer), max_size=30)
free = st.lists(
    st.builds(Stimulus, st.integers(0, 100), st.sampled_from(Answer)), min_size=1, max_size=25
)


def searched(
    by: Settings, answer: Callable[[int], Answer], most: int = LONG
) -> tuple[Sequence[Stimulus], Standing]:
    """Answer every stimulus until the method is finished."""
    method, series = METHODS[by.method], list[Stimulus]()
    standing = method.step(by, series)
    while standing.next_pct_mso is not None:
        assert len(series) < most
        series.append(Stimulus(standing.next_pct_mso, answer(standing.next_pct_mso)))
        standing = method.step(by, series)
    return series, standing


def given_in(series: Sequence[Stimulus]) -> list[int]:
    return [stimulus.intensity_pct_mso for stimulus in series]


# The likelihood -------------------------------------------------------------------------------


def test_the_normal_distribution_is_right_to_a_trillionth() -> None:
    z = np.concatenate([np.linspace(-7.9, 7.9, 4001), [0.0, -9.0, 9.0, 1 / 512]])
    exact = np.array([0.5 * math.erfc(-one / math.sqrt(2.0)) for one in z])
    assert np.abs(normal_cdf(z) - exact).max() < 2e-12


# Bayesian grid --------------------------------------------------------------------------------


def by_hand(series: Sequence[Stimulus], spreads: Sequence[tuple[float, float]]) -> float:
    """Return the posterior mean by threshold.md's formula, one threshold at a time."""
    total = weighted = 0.0
    for t in (2.0 + 0.2 * k for k in range(641)):
        for r, prior in spreads:
            weight = prior * math.exp(-0.5 * ((t - 65.8) / 20.0) ** 2)
            for stimulus in series:
                cdf = 0.5 * math.erfc((t - stimulus.intensity_pct_mso) / (r * t) / math.sqrt(2.0))
                p = 0.97 * cdf + 0.015
                weight *= p if stimulus.answer is MOVED else 1.0 - p
            total, weighted = total + weight, weighted + weight * t
    return weighted / total


@pytest.mark.parametrize(
    ("name", "spreads"),
    [
        (MethodName.BAYES_FIXED, [(0.07, 1.0)]),
        (
            MethodName.BAYES,
            list(zip(SPREADS_OF_PEOPLE.values, SPREADS_OF_PEOPLE.weights, strict=True)),
        ),
    ],
)
def test_the_grids_estimate_is_the_posterior_mean(
    name: MethodName, spreads: list[tuple[float, float]]
) -> None:
    series = [Stimulus(66, MOVED), Stimulus(51, STILL), Stimulus(60, MOVED), Stimulus(55, STILL)]
    standing = METHODS[name].step(Settings(method=name), series)
    assert standing.estimate_pct_mso == pytest.approx(by_hand(series, spreads), abs=0.005001)


def test_the_fixed_slopes_first_steps() -> None:
    by = Settings(method=MethodName.BAYES_FIXED, stop_half_width_per_mille=50)
    series, standing = searched(by, lambda x: MOVED if x >= 52 else STILL)
    assert given_in(series)[:6] == [66, 51, 60, 56, 53, 51]
    assert (len(series), standing.why_finished) == (16, WhyFinished.PRECISE)
    assert standing.acceptable
    assert standing.estimate_pct_mso == pytest.approx(51.3, abs=0.3)


def test_the_posterior_does_not_depend_on_the_order_of_the_answers() -> None:
    series = [Stimulus(40 + 3 * k, MOVED if k % 3 else STILL) for k in range(8)]
    seen = {
        METHODS[MethodName.BAYES].step(Settings(), (*order, series[-1])).estimate_pct_mso
        for order in itertools.islice(itertools.permutations(series[:-1]), 0, 5040, 501)
    }
    assert len(seen) == 1


def test_a_last_threshold_narrows_the_first_interval_and_is_the_first_intensity() -> None:
    by = Settings(prior=Prior.last_threshold(44))
    standing = METHODS[MethodName.BAYES].step(by, ())
    assert standing.next_pct_mso == 44
    assert standing.low == pytest.approx(44 - 1.96 * 6, abs=0.2)
    assert standing.high == pytest.approx(44 + 1.96 * 6, abs=0.2)


def test_a_prior_alone_is_never_precise_enough() -> None:
    """A narrow prior and a generous rule: it asks until somebody moved and somebody did not."""
    by = Settings(prior=Prior(50, 1), stop_half_width_per_mille=500)
    method = METHODS[MethodName.BAYES]
    assert method.step(by, ()).next_pct_mso == 50
    once = [Stimulus(50, MOVED)]
    assert not method.step(by, once).finished
    both = method.step(by, [*once, Stimulus(50, STILL)])
    assert (both.why_finished, both.acceptable) == (WhyFinished.PRECISE, True)


def test_fewer_stimuli_are_expected_after_each_and_the_expectation_is_about_right() -> None:
    finding, expected = Finding(Settings()), []
    while finding.next_intensity() is not None:
        expected.append(finding.standing.about_more)
        given = finding.next_intensity()
        assert given is not None
        finding = finding.record(MOVED if given >= 63 else STILL)
    assert finding.standing.about_more == 0
    off = [abs(len(expected) - k - (more or 0)) for k, more in enumerate(expected)]
    assert max(off) <= 8
    assert max(off[-4:]) <= 2


def test_the_curve_rises_inside_its_band_and_is_one_half_near_the_threshold() -> None:
    finding = Finding(Settings(stop_half_width_per_mille=None, most_stimuli=40))
    while (given := finding.next_intensity()) is not None:
        finding = finding.record(MOVED if given >= 57 else STILL)
    curve, estimate = finding.standing.curve, finding.standing.estimate_pct_mso
    assert curve is not None
    assert estimate is not None
    assert curve.intensities_pct_mso == tuple(range(1, 101))
    assert list(curve.probability) == sorted(curve.probability)
    assert all(
        low <= p <= high
        for low, p, high in zip(curve.low, curve.probability, curve.high, strict=True)
    )
    at = curve.probability[round(estimate) - 1]
    assert at == pytest.approx(0.5, abs=0.1)


# ML-PEST --------------------------------------------------------------------------------------


def test_ml_pests_first_answer_leaves_a_plateau_whose_middle_is_a_third() -> None:
    """The trap of threshold.md, and why the step is bounded."""
    assert 20 <= likeliest_pct_mso([Stimulus(66, MOVED)]) <= 30
    by = Settings(method=MethodName.ML_PEST, largest_step_pct_mso=12)
    assert METHODS[by.method].step(by, [Stimulus(66, MOVED)]).next_pct_mso == 54


def test_ml_pests_estimate_is_where_the_likelihood_is_greatest() -> None:
    series = [Stimulus(66, MOVED), Stimulus(46, STILL), Stimulus(55, MOVED), Stimulus(52, STILL)]
    series += [Stimulus(53, MOVED), Stimulus(51, MOVED), Stimulus(50, STILL)]

    def log_likelihood(t: float) -> float:
        total = 0.0
        for one in (*series, None):
            x, moved = (130, True) if one is None else (one.intensity_pct_mso, one.answer is MOVED)
            z = (x - t) / (0.07 * t)
            total += math.log(0.5 * math.erfc((-z if moved else z) / math.sqrt(2.0)))
        return total

    best = max((t for t in thresholds() if 40 < t < 80), key=log_likelihood)
    assert likeliest_pct_mso(series) == pytest.approx(best, abs=1e-9)


# Stochastic approximation ---------------------------------------------------------------------


def test_samt_takes_shrinking_steps() -> None:
    """66 - 4.2, - 4.2, + 4.2/2, - 4.2/3, - 4.2/3."""
    by = Settings(method=MethodName.SAMT, first_pct_mso=66)
    series: list[Stimulus] = []
    seen = []
    for answer in (MOVED, MOVED, STILL, MOVED, UNCLEAR, MOVED):
        standing = METHODS[by.method].step(by, series)
        assert standing.next_pct_mso is not None
        series.append(Stimulus(standing.next_pct_mso, answer))
        seen.append(round(approximation(by, series), 6))
    assert seen == [61.8, 57.6, 59.7, 58.3, 58.3, 56.9]
    assert given_in(series) == [66, 62, 58, 60, 58, 58]
    assert METHODS[by.method].step(by, series).estimate_pct_mso == 56.9


def test_samt_goes_on_from_where_somebody_else_chose() -> None:
    by = Settings(method=MethodName.SAMT, first_pct_mso=66)
    assert approximation(by, [Stimulus(40, MOVED)]) == pytest.approx(35.8)


@pytest.mark.parametrize(("name", "usual"), [(MethodName.ML_PEST, 20), (MethodName.SAMT, 25)])
def test_methods_of_fixed_length_end_after_it_or_after_what_is_asked(
    name: MethodName, usual: int
) -> None:
    series, standing = searched(Settings(method=name), lambda x: MOVED if x >= 50 else STILL)
    assert (len(series), standing.why_finished) == (usual, WhyFinished.COMPLETE)
    by = Settings(method=name, stop_half_width_per_mille=None, most_stimuli=31)
    assert len(searched(by, lambda x: MOVED if x >= 50 else STILL)[0]) == 31


# 5 of 10 --------------------------------------------------------------------------------------


def test_five_of_ten_goes_up_by_five_then_down_by_one_to_the_last_level_that_passes() -> None:
    """Sharp at 42: 35 and 40 still, 45 to 42 five movements each, 41 six misses."""
    by = Settings(method=MethodName.FIVE_OF_TEN)
    series, standing = searched(by, lambda x: MOVED if x >= 42 else STILL)
    assert given_in(series) == [35, 40, *[45] * 5, *[44] * 5, *[43] * 5, *[42] * 5, *[41] * 6]
    assert (standing.estimate_pct_mso, standing.why_finished) == (42.0, WhyFinished.COMPLETE)
    assert standing.acceptable


def test_a_level_passes_or_fails_by_what_comes_first() -> None:
    by = Settings(method=MethodName.FIVE_OF_TEN)
    start = [Stimulus(45, MOVED)] * 5
    level = [Stimulus(44, answer) for answer in (STILL, MOVED) * 4]
    assert FiveOfTen().step(by, start + level).next_pct_mso == 44
    assert FiveOfTen().step(by, [*start, *level, Stimulus(44, MOVED)]).next_pct_mso == 43
    missed = [*start, *level, Stimulus(44, STILL), Stimulus(44, STILL)]
    assert FiveOfTen().step(by, missed).why_finished is WhyFinished.COMPLETE
    assert FiveOfTen().step(by, missed).estimate_pct_mso == 45.0


# Mills-Nithi ----------------------------------------------------------------------------------


def test_mills_nithi_is_the_mean_of_ten_of_ten_and_none_of_ten() -> None:
    """Alternating between 44 and 46: 43 none of ten, 47 ten of ten."""
    by, turn = Settings(method=MethodName.MILLS_NITHI), itertools.count()

    def answer(x: int) -> Answer:
        if 44 <= x <= 46:
            return MOVED if next(turn) % 2 == 0 else STILL
        return MOVED if x > 46 else STILL

    series, standing = searched(by, answer)
    assert given_in(series)[:5] == [20, 30, 40, 50, 49]
    assert standing.estimate_pct_mso == 45.0
    assert standing.why_finished is WhyFinished.COMPLETE
    assert given_in(series).count(43) == given_in(series).count(47) == 10


# Stored series --------------------------------------------------------------------------------

STORED = tuple(
    Stimulus(intensity, answer)
    for intensity, answer in (
        (66, MOVED), (51, STILL), (60, MOVED), (56, UNCLEAR), (56, MOVED),
        (53, STILL), (55, MOVED), (54, STILL), (55, STILL), (56, MOVED),
    )
)  # fmt: skip
REPLAYED = {
    MethodName.BAYES: (55, 55.14, 51.01, 59.79),
    MethodName.BAYES_FIXED: (55, 55.13, 51.43, 59.17),
    MethodName.ML_PEST: (55, 54.8, 51.43, 59.17),
    MethodName.SAMT: (55, 54.96, 51.43, 59.17),
    MethodName.FIVE_OF_TEN: (66, None, 51.43, 59.17),
    MethodName.MILLS_NITHI: (65, None, 51.43, 59.17),
}


@EVERY
def test_a_stored_series_replays_to_the_numbers_of_the_day_it_was_stored(name: MethodName) -> None:
    """Whoever changes them gives the method a new name: thresholds in records rest on it."""
    standing = METHODS[name].standing(Settings(method=name), STORED)
    seen = (standing.next_pct_mso, standing.estimate_pct_mso, standing.low, standing.high)
    assert seen == REPLAYED[name]


# Every method ---------------------------------------------------------------------------------


@EVERY
def test_nobody_who_never_moves_gets_a_threshold(name: MethodName) -> None:
    by = Settings(method=name, highest_pct_mso=80, most_stimuli=LONG)
    series, standing = searched(by, lambda _: STILL)
    assert standing.why_finished is WhyFinished.ABOVE_RANGE
    assert not standing.acceptable
    assert max(given_in(series)) == 80


@EVERY
def test_nobody_who_always_moves_gets_a_threshold(name: MethodName) -> None:
    by = Settings(method=name, lowest_pct_mso=10, most_stimuli=1000)
    series, standing = searched(by, lambda _: MOVED, most=1000)
    assert not standing.acceptable
    assert min(given_in(series)) >= 10
    assert standing.finished


@EVERY
def test_only_unclear_answers_change_nothing_and_end_at_the_cap(name: MethodName) -> None:
    by = Settings(method=name, most_stimuli=15)
    series, standing = searched(by, lambda _: UNCLEAR)
    assert len(series) == 15
    assert len(set(given_in(series))) == 1
    assert standing.why_finished is WhyFinished.MOST_STIMULI
    assert not standing.acceptable


@EVERY
@given(given_answers=answers, step=st.integers(1, 30), lowest=st.integers(1, 45))
@settings(max_examples=15, deadline=None)
def test_steps_are_bounded_and_undoing_is_as_if_never_asked(
    name: MethodName, given_answers: list[Answer], step: int, lowest: int
) -> None:
    by = Settings(method=name, largest_step_pct_mso=step, lowest_pct_mso=lowest, highest_pct_mso=90)
    method, series = METHODS[name], list[Stimulus]()
    before: Standing | None = None
    for answer in given_answers:
        standing = method.step(by, series)
        assert standing == method.step(by, list(series)), "not deterministic"
        if standing.next_pct_mso is None:
            break
        assert lowest <= standing.next_pct_mso <= 90
        if series:
            assert abs(standing.next_pct_mso - series[-1].intensity_pct_mso) <= step
            assert method.step(by, series[:-1]) == before
        if standing.estimate_pct_mso is not None:
            assert standing.low <= standing.estimate_pct_mso <= standing.high
        before = standing
        series.append(Stimulus(standing.next_pct_mso, answer))


@pytest.mark.parametrize("name", sorted(set(MethodName) - {MethodName.BAYES}))
@given(series=free)
@settings(max_examples=20, deadline=None)
def test_one_more_movement_never_raises_the_estimate(
    name: MethodName, series: list[Stimulus]
) -> None:
    by = Settings(method=name)
    before = METHODS[name].step(by, series)
    given_next = before.next_pct_mso
    if given_next is None or before.estimate_pct_mso is None:
        return
    after = METHODS[name].step(by, [*series, Stimulus(given_next, MOVED)])
    assert after.estimate_pct_mso is not None
    assert after.estimate_pct_mso <= before.estimate_pct_mso + 1e-9


@given(given_answers=st.lists(st.booleans(), max_size=20))
@settings(max_examples=25, deadline=None)
def test_nor_does_it_with_an_unknown_slope_where_the_method_asked_for_it(
    given_answers: list[bool],
) -> None:
    """Of freely chosen stimuli it may: a movement far below says that the slope is flat."""
    by, method = Settings(stop_half_width_per_mille=None), METHODS[MethodName.BAYES]
    series: list[Stimulus] = []
    for moved in given_answers:
        now = method.step(by, series)
        if now.next_pct_mso is None or now.estimate_pct_mso is None:
            return
        lower = method.step(by, [*series, Stimulus(now.next_pct_mso, MOVED)]).estimate_pct_mso
        higher = method.step(by, [*series, Stimulus(now.next_pct_mso, STILL)]).estimate_pct_mso
        assert lower is not None
        assert higher is not None
        assert lower <= now.estimate_pct_mso <= higher
        series.append(Stimulus(now.next_pct_mso, MOVED if moved else STILL))


@EVERY
@given(series=free)
@settings(max_examples=10, deadline=None)
def test_any_series_has_a_whole_standing(name: MethodName, series: list[Stimulus]) -> None:
    """Whatever somebody gave, wherever; the step is what the standing says, with more."""
    by = Settings(method=name, lowest_pct_mso=20, highest_pct_mso=80)
    standing, step = METHODS[name].standing(by, series), METHODS[name].step(by, series)
    assert replace(standing, about_more=None, curve=None) == step
    assert standing.curve is not None
    assert all(0.0 <= p <= 1.0 for p in standing.curve.low + standing.curve.high)
    if standing.estimate_pct_mso is not None:
        assert standing.low <= standing.estimate_pct_mso <= standing.high
    assert standing.finished == (standing.next_pct_mso is None) == bool(standing.why_finished)
    if standing.finished:
        assert standing.about_more == 0
    if standing.next_pct_mso is not None:
        assert 20 <= standing.next_pct_mso <= 80
