"""Due times, totals and the printed session times."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import schedule as schedule_module
from protocols.exact import clock_text
from protocols.pattern import SINGLE_PULSE, BlockPattern, Burst, Convention, Interval, Train
from protocols.schedule import (
    MOST_PULSES,
    ScheduleTooLong,
    block_duty,
    printed_session_s,
    printed_times_s,
    schedule_session,
    train_offsets_ns,
)
from tests.protocols.strategies import patterns, ratios, trains

THETA = Train(10, Fraction(5), Burst(3, Fraction(50)))
ITBS = BlockPattern(THETA, 20, Interval(Fraction(8), Convention.NOMINAL))


def plain(rate_hz: int, pulses: int) -> Train:
    return Train(pulses, Fraction(rate_hz))


PRINTED = [  # train, interval, trains; gap, nominal, cycle (clinical.md part 1, every cell)
    (plain(10, 40), 26, 75, ("36:56.5", "37:04", "37:30")),
    (plain(10, 40), 11, 75, ("18:26.5", "18:34", "18:45")),
    (THETA, 8, 20, ("3:08.8", "3:12", "3:20")),
    (THETA, 8, 60, ("9:42.4", "9:52", "10:00")),
    (plain(18, 36), 20, 55, ("19:46.9", "19:50", "20:10")),
    (plain(20, 40), 20, 50, ("17:57.5", "18:00", "18:20")),
]


@pytest.mark.parametrize(("train", "interval", "count", "printed"), PRINTED)
def test_the_three_conventions_give_the_printed_session_times(
    train: Train, interval: int, count: int, printed: tuple[str, str, str]
) -> None:
    pattern = BlockPattern(train, count, Interval(Fraction(interval), Convention.GAP))
    times = printed_times_s(pattern)
    assert tuple(clock_text(times[convention]) for convention in Convention) == printed


def test_the_gap_time_is_the_scheduled_duration_when_the_interval_is_a_gap() -> None:
    pattern = BlockPattern(plain(18, 36), 55, Interval(Fraction(20), Convention.GAP))
    assert schedule_session([(pattern, Fraction(0))]).duration_s == printed_session_s(
        pattern.train, 55, Fraction(20), Convention.GAP
    )


def test_a_single_train_is_printed_without_any_interval() -> None:
    times = printed_times_s(BlockPattern(plain(1, 360)))
    assert times[Convention.GAP] == 359
    assert times[Convention.NOMINAL] == times[Convention.CYCLE] == 360


def test_intermittent_theta_burst_begins_at_0_20_40_200_ms() -> None:
    schedule = schedule_session([(ITBS, Fraction(0))])
    ms = 1_000_000
    first = [0, 20 * ms, 40 * ms, 200 * ms, 220 * ms, 240 * ms]
    assert schedule.trains[0].due_ns[:6].tolist() == first
    assert schedule.trains[0].due_ns[-1] == 1840 * ms
    assert schedule.trains[1].start_ns == 10_000 * ms
    assert (schedule.pulses, len(schedule.trains)) == (600, 20)
    assert schedule.duration_s == Fraction("191.84")
    assert schedule.duration_ns == 191_840_000_000


def test_eighteen_hertz_is_rounded_half_up_from_each_pulse_number() -> None:
    """Adding a rounded period of 55,555,556 ns would be 8 ns late at the 36th pulse."""
    offsets = train_offsets_ns(plain(18, 36))
    assert offsets[1] == 55_555_556
    assert offsets[2] == 111_111_111
    assert offsets[35] == 1_944_444_444
    assert offsets.dtype == np.int64


def test_a_due_time_of_half_a_nanosecond_is_rounded_up() -> None:
    train = Train(4, Fraction(400_000_000))
    assert train_offsets_ns(train).tolist() == [0, 3, 5, 8]  # 2.5 and 7.5 ns


@given(st.lists(st.tuples(patterns(), ratios), min_size=1, max_size=3))
def test_every_due_time_is_the_exact_one_rounded_half_up_once(
    drawn: list[tuple[BlockPattern, Fraction]],
) -> None:
    blocks = [(pattern, Fraction(0) if k == 0 else s) for k, (pattern, s) in enumerate(drawn)]
    schedule = schedule_session(blocks)
    exact: list[Fraction] = []
    for pattern, changeover_s in blocks:
        origin = exact[-1] + changeover_s if exact else Fraction(0)
        train = pattern.train
        exact += [
            origin
            + k * pattern.period_s
            + b / train.rate_hz
            + i / (train.burst.rate_hz or Fraction(1))
            for k in range(pattern.trains)
            for b in range(train.bursts)
            for i in range(train.burst.pulses)
        ]
    due = np.concatenate([train.due_ns for train in schedule.trains]).tolist()
    assert due == [(s * 10**9 + Fraction(1, 2)).__floor__() for s in exact]
    assert schedule.duration_s == exact[-1]
    assert schedule.duration_ns == due[-1]
    assert schedule.pulses == len(due) == sum(pattern.pulses for pattern, _ in blocks)


@given(st.lists(patterns(), min_size=1, max_size=3))
def test_due_times_rise_and_pulses_and_trains_are_numbered_through(
    drawn: list[BlockPattern],
) -> None:
    schedule = schedule_session([(p, Fraction(k and 1)) for k, p in enumerate(drawn)])
    due = np.concatenate([train.due_ns for train in schedule.trains])
    assert (np.diff(due) > 0).all()
    assert [train.number for train in schedule.trains] == list(range(1, len(schedule.trains) + 1))
    expected = 1
    for train in schedule.trains:
        assert train.first_pulse == expected
        assert train.pulses == len(train.due_ns)
        assert train.end_ns >= train.start_ns
        expected += train.pulses
    for block, pattern in enumerate(drawn, 1):
        numbers = [t.number_in_block for t in schedule.trains if t.block == block]
        assert numbers == list(range(1, pattern.trains + 1))
    assert 0 <= schedule.duty <= 1


@given(trains())
def test_a_train_alone_is_a_session_of_one_train(train: Train) -> None:
    (only,) = schedule_session([(BlockPattern(train), Fraction(0))]).trains
    assert only.due_ns.tolist() == train_offsets_ns(train).tolist()


def test_due_times_cannot_be_changed_by_whoever_reads_them() -> None:
    offsets = train_offsets_ns(THETA)
    with pytest.raises(ValueError, match="read-only"):
        offsets[0] = 1


def test_duty_is_the_share_of_the_period_and_of_the_session() -> None:
    assert block_duty(ITBS) == Fraction(1, 5)
    assert block_duty(BlockPattern(plain(1, 360))) == 1
    assert schedule_session([(ITBS, Fraction(0))]).duty == Fraction("36.8") / Fraction("191.84")


def test_one_single_pulse_is_a_session_without_duration() -> None:
    schedule = schedule_session([(BlockPattern(Train(1, Fraction(1))), Fraction(0))])
    assert (schedule.pulses, schedule.duration_ns) == (1, 0)
    assert schedule.duty == 0


def test_the_second_block_begins_a_changeover_after_the_last_pulse_of_the_first() -> None:
    right, left = BlockPattern(plain(1, 600)), ITBS
    schedule = schedule_session([(right, Fraction(0)), (left, Fraction(60))])
    assert schedule.trains[1].start_ns == (599 + 60) * 10**9
    assert (schedule.trains[1].block, schedule.trains[1].number_in_block) == (2, 1)


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        ([], "at least one block"),
        ([(ITBS, Fraction(1))], "block 1"),
        ([(ITBS, Fraction(0)), (ITBS, Fraction(-1))], "block 2"),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    blocks: list[tuple[BlockPattern, Fraction]], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        schedule_session(blocks)


def test_too_many_pulses_are_refused_before_any_memory_is_taken() -> None:
    huge = Train(10**12, Fraction(1))
    with pytest.raises(ScheduleTooLong, match="at most"):
        train_offsets_ns(huge)
    with pytest.raises(ScheduleTooLong, match="at most"):
        schedule_session([(BlockPattern(Train(MOST_PULSES + 1, Fraction(1))), Fraction(0))])


def test_times_beyond_64_bits_are_refused_and_the_last_ones_within_are_exact() -> None:
    with pytest.raises(ScheduleTooLong, match="292 years"):
        train_offsets_ns(Train(2, Fraction(1, 10**10)))
    assert train_offsets_ns(Train(2, Fraction(1, 9 * 10**9)))[1] == 9 * 10**18


def test_pulses_closer_than_a_nanosecond_are_refused() -> None:
    with pytest.raises(ScheduleTooLong, match="closer than 1 ns"):
        train_offsets_ns(Train(3, Fraction(10**12)))


def test_a_burst_of_one_pulse_needs_no_rate_of_its_own() -> None:
    assert Train(3, Fraction(10), SINGLE_PULSE).burst.duration_s == 0
    assert schedule_module.NS_PER_S == 10**9
