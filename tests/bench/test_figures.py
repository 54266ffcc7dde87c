"""The bench's own arithmetic: a wrong quantile or goal would make every number of it a lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.bare_loop import _due
from tests.bench.figures import Goal, Line, Series

VALUES = st.lists(st.integers(-1000, 1000), min_size=1, max_size=300)


@given(VALUES)
def test_at_most_one_value_in_a_hundred_is_beyond_the_p99(values: list[int]) -> None:
    series = Series.of(values)

    assert sum(value > series.p99 for value in values) <= len(values) / 100
    assert sum(value > series.p50 for value in values) <= len(values) / 2
    assert series.worst == max(values)


@given(st.lists(st.integers(), min_size=1, max_size=99))
def test_the_p99_of_fewer_than_a_hundred_values_is_their_worst(values: list[int]) -> None:
    """Anything milder would claim more than was seen."""
    assert Series.of(values).p99 == max(values)


def test_of_a_rate_the_worst_is_the_smallest() -> None:
    series = Series.of([3.0, 1.0, 2.0], more_is_better=True)

    assert (series.p50, series.worst) == (2.0, 1.0)


def test_nothing_measured_has_no_number() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        _ = Series.of([]).p50


@pytest.mark.parametrize(
    ("above_floor", "judged", "met"), [(True, 15.0, True), (False, 25.0, False)]
)
def test_only_a_goal_above_the_floor_is_judged_less_the_machines_noise(
    above_floor: bool, judged: float, met: bool
) -> None:
    goal = Goal("p99", 20.0, above_floor=above_floor)
    line = Line("group", "what", "µs", Series.of([5.0, 25.0]), goal, Series.of([1.0, 10.0]))

    assert line.judged == judged
    assert line.met is met


def test_a_line_without_a_goal_is_not_judged() -> None:
    line = Line("group", "what", "µs", Series.of([5.0]))

    assert line.judged is None
    assert line.met is None


def test_the_bare_loop_is_due_as_often_as_what_it_is_compared_with() -> None:
    """Two periods, merged in order, each with all its own times."""
    due = _due((3_000, 1_000), 0)
    times = [next(due) for _ in range(40)]

    assert times == sorted(times)
    assert sum(time % 1_000 == times[0] % 1_000 for time in times) in {10, 30, 40}
    assert times[-1] - times[0] == pytest.approx(40 / (1 / 3_000 + 1 / 1_000), rel=0.1)
