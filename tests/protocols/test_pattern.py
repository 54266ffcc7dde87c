"""Patterns as counts and exact ratios."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given

from protocols.pattern import BlockPattern, Burst, Convention, Interval, Ramp, Train
from tests.protocols.strategies import patterns

THETA = Burst(3, Fraction(50))
TRAIN = Train(10, Fraction(5), THETA)
INTERVAL = Interval(Fraction(8), Convention.NOMINAL)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Burst(0), "at least 1 pulse"),
        (lambda: Burst(3), "has a rate"),
        (lambda: Burst(1, Fraction(50)), "has none"),
        (lambda: Burst(3, Fraction(0)), "above 0 Hz"),
        (lambda: Train(0, Fraction(1)), "at least 1 burst"),
        (lambda: Train(1, Fraction(0)), "above 0 Hz"),
        (lambda: Train(2, Fraction(25), THETA), "before the next one begins"),
        (lambda: Interval(Fraction(0), Convention.GAP), "above 0 s"),
        (lambda: Ramp(1, Fraction(1, 2)), "at least 2 trains"),
        (lambda: Ramp(2, Fraction(1)), "below 1"),
        (lambda: Ramp(2, Fraction(0)), "above 0"),
        (lambda: BlockPattern(TRAIN, 0), "at least 1 train"),
        (lambda: BlockPattern(TRAIN, 1, INTERVAL), "one train has none"),
        (lambda: BlockPattern(TRAIN, 2), "have an interval"),
        (lambda: BlockPattern(TRAIN, 2, INTERVAL, Ramp(3, Fraction(1, 2))), "longer than"),
        (
            lambda: BlockPattern(
                Train(1, Fraction(100), Burst(3, Fraction(1))),
                2,
                Interval(Fraction(1), Convention.NOMINAL),
            ),
            "a train must end",
        ),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_the_theta_burst_train_lasts_1_84_s_and_nominally_2() -> None:
    assert TRAIN.pulses == 30
    assert TRAIN.duration_s == Fraction("1.84")
    assert TRAIN.nominal_s == 2


@pytest.mark.parametrize(
    ("convention", "period_s"),
    [(Convention.GAP, "9.84"), (Convention.NOMINAL, "10"), (Convention.CYCLE, "10")],
)
def test_the_period_follows_from_what_the_interval_means(
    convention: Convention, period_s: str
) -> None:
    """Cycle differs from nominal in the published session time only, not from train to train."""
    pattern = BlockPattern(TRAIN, 20, Interval(Fraction(8), convention))
    assert pattern.period_s == Fraction(period_s)


def test_one_train_has_its_nominal_length_as_period() -> None:
    assert BlockPattern(TRAIN).period_s == 2


def test_a_ramp_rises_evenly_and_its_last_train_is_at_full_intensity() -> None:
    ramp = Ramp(5, Fraction(4, 5))
    told = [ramp.fraction(train) for train in range(1, 7)]
    assert told == [Fraction(n, 20) for n in (16, 17, 18, 19, 20, 20)]


@given(patterns())
def test_trains_never_overlap(pattern: BlockPattern) -> None:
    if pattern.trains > 1:
        assert pattern.period_s > pattern.train.duration_s
