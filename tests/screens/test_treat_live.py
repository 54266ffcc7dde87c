"""What is read of a running session a little at a time: the same as read at once, and bounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.records.live import NOT_KNOWN_NS, NewPulses
from tms_console.screens.treat_live import MOST_KEPT, Live, follow, raster, strokes

MS = 1_000_000


def pulses(count: int, *, train: int = 10, seen: bool = True, late_ns: int = 0) -> NewPulses:
    """Trains of pulses 20 ms apart, one train a second, each set off by one command."""
    number = np.arange(1, count + 1)
    of_train = (number - 1) // train
    planned = of_train * 1_000 * MS + (number - 1) % train * 20 * MS
    commanded = of_train * 1_000 * MS + late_ns
    observed = planned + late_ns + (number - 1) % 3 * 10_000
    nobody = np.full(count, NOT_KNOWN_NS)
    return NewPulses(
        number=number,
        train=of_train + 1,
        planned_ns=planned,
        commanded_ns=commanded,
        observed_ns=observed if seen else nobody,
        outcome=("delivered",) * count,
        evidence=("reported" if seen else "inferred",) * count,
    )


def part(rows: NewPulses, start: int, stop: int) -> NewPulses:
    arrays = {
        name: getattr(rows, name)[start:stop]
        for name in (*("number", "train", "planned_ns", "commanded_ns", "observed_ns"),)
    }
    return NewPulses(**arrays, outcome=rows.outcome[start:stop], evidence=rows.evidence[start:stop])


def told(live: Live) -> tuple[object, ...]:
    return (
        live.settled,
        live.delivered,
        live.unknown,
        sorted(live.evidence),
        live.late_us.tolist(),
        live.spacing_us.tolist(),
        live.drawn_ns.tolist(),
        live.drawn_us.tolist(),
    )


@given(st.integers(1, 60), st.lists(st.integers(1, 25), min_size=1, max_size=12), st.booleans())
def test_reading_a_little_at_a_time_tells_the_same_as_reading_at_once(
    count: int, steps: list[int], seen: bool
) -> None:
    rows = pulses(count, seen=seen, late_ns=30_000)
    whole, live, at, k = follow(Live(), rows, count), Live(), 0, 0
    while at < count:
        step = steps[k % len(steps)]
        live = follow(live, part(rows, at, at + step), count)
        at, k = at + step, k + 1
    assert told(live) == told(whole)
    assert live.delivered == count


def test_lateness_is_of_commands_and_spacing_of_seen_pulses() -> None:
    live = follow(Live(), pulses(20, late_ns=50_000), 20)
    assert live.late_us.tolist() == [50.0, 50.0]  # one command a train
    assert live.spacing_us.size == 18  # the first of each train is what the others are measured to
    assert live.spacing_us.max() == pytest.approx(20.0)
    assert live.late_p99_us == pytest.approx(50.0)
    assert live.evidence_words == "reported"


def test_pulses_that_nobody_saw_are_drawn_where_they_were_due_and_are_called_inferred() -> None:
    live = follow(Live(), pulses(10, seen=False, late_ns=5 * MS), 10)
    assert live.drawn_ns.tolist() == [k * 20 * MS + 5 * MS for k in range(10)]
    assert live.spacing_p99_us is None
    assert live.evidence_words == "inferred"


def test_a_commanded_pulse_waits_and_what_comes_behind_it_is_read_again() -> None:
    rows = pulses(10)
    rows = replace(rows, outcome=(*rows.outcome[:4], "commanded", *rows.outcome[5:]))
    live = follow(Live(), rows, 10)
    assert (live.settled, live.delivered) == (4, 4)
    assert told(follow(live, part(pulses(10), 4, 10), 10)) == told(follow(Live(), pulses(10), 10))


def test_unplanned_pulses_are_counted_once_however_often_they_are_read() -> None:
    """They are numbered behind the schedule's end, and trains may still come before them."""
    rows = pulses(3)
    rows = replace(
        rows, number=np.array([1, 2, 601]), outcome=("delivered", "delivered", "unplanned")
    )
    live = follow(Live(), rows, 600)
    assert (live.settled, live.delivered, live.unplanned) == (2, 2, 1)
    again = follow(live, part(rows, 2, 3), 600)
    assert (again.settled, again.delivered, again.unplanned) == (2, 2, 1)


def test_unknown_and_refused_pulses_are_not_called_given() -> None:
    rows = replace(pulses(3), outcome=("unknown", "refused", "delivered"))
    live = follow(Live(), rows, 3)
    assert (live.settled, live.delivered, live.unknown) == (3, 1, 1)


def test_what_is_kept_does_not_grow_with_the_session() -> None:
    live = Live()
    for first in range(0, 20_000, 500):
        live = follow(live, part(pulses(20_000), first, first + 500), 20_000)
    assert live.drawn_ns.size <= 12 * 10 + 1
    assert live.late_us.size <= MOST_KEPT
    assert live.spacing_us.size == MOST_KEPT


def test_the_window_shows_what_was_given_before_now_and_what_is_due_after() -> None:
    rows = pulses(100)
    live = follow(Live(), part(rows, 0, 50), 100)
    shown = raster(live, rows.planned_ns, 4_500 * MS, holds=False)
    assert shown.given.size == 50
    assert shown.given.max() == pytest.approx(-0.32, abs=1e-3)
    assert shown.due.min() == pytest.approx(0.5)
    assert shown.due.max() <= 4.0
    assert raster(live, rows.planned_ns, 4_500 * MS, holds=True).due.size == 0
    assert raster(live, rows.planned_ns, 60_000 * MS, holds=False).given.size == 0
    assert raster(Live(), rows.planned_ns, 0, holds=False).due.size == 40


def test_strokes_are_pairs_of_points() -> None:
    x, y = strokes(np.array([1.0, 2.0]), 0.0, 0.5)
    assert x.tolist() == [1.0, 1.0, 2.0, 2.0]
    assert y.tolist() == [0.0, 0.5, 0.0, 0.5]


def test_nothing_given_yet_says_so() -> None:
    live = Live()
    assert (live.evidence_words, live.late_p99_us) == ("none yet", None)
    mixed = replace(live, evidence=(("inferred", 2), ("reported", 1)))
    assert mixed.evidence_words == "2 inferred, 1 reported"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_the_99th_percentile_is_what_numpy_says(values: list[float]) -> None:
    """Without what numpy imports for it when it is first asked, in the middle of a session."""
    live = replace(Live(), late_us=np.array(values))
    assert live.late_p99_us == pytest.approx(np.percentile(values, 99), rel=1e-9, abs=1e-6)
