"""A session cut into the pieces that one command each sets off."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.pattern import BlockPattern, Burst, Convention, Interval, Ramp, Train
from tests.delivery.plans import MS, ONE_HZ, TEN_HZ, THETA, S, block, content, pattern, plan
from tms_console.delivery.plan import (
    HOST_LEAD_NS,
    LONGEST_DEVICE_TRAIN_S,
    PULSE_LEAD,
    Lead,
    NotPlannable,
    is_host_timed,
    plan_session,
)


def test_a_fast_train_is_one_shot_and_a_slow_one_is_a_shot_a_pulse() -> None:
    """At 1 Hz or slower everything acts within one pulse (architecture.md, Two processes)."""
    both = plan(pattern(TEN_HZ, 2), pattern(ONE_HZ))
    fast, slow = both.shots[:2], both.shots[2:]
    assert [(shot.pulse, shot.pulses, shot.host_timed, shot.opens_train) for shot in fast] == [
        (None, 5, False, True)
    ] * 2
    assert [(shot.pulse, shot.pulses, shot.host_timed) for shot in slow] == [
        (number, 1, True) for number in range(4)
    ]
    assert [shot.opens_train for shot in slow] == [True, False, False, False]
    assert [shot.closes_train for shot in slow] == [False, False, False, True]
    assert [shot.first_pulse for shot in both.shots] == [1, 6, 11, 12, 13, 14]
    assert [shot.offsets_ns.tolist() for shot in slow] == [[0]] * 4
    assert fast[0].offsets_ns.tolist() == [k * 100 * MS for k in range(5)]
    assert (fast[1].due_ns, fast[1].last_due_ns) == (5_400 * MS, 5_800 * MS)
    assert slow[2].due_ns == slow[2].last_due_ns == 25_800 * MS + 2 * S
    assert both.pulses == 14


@pytest.mark.parametrize(
    ("rate_hz", "by_host"),
    [(Fraction(1), True), (Fraction(1, 2), True), (Fraction(11, 10), False), (Fraction(20), False)],
)
def test_the_border_is_one_hertz(rate_hz: Fraction, by_host: bool) -> None:
    assert is_host_timed(Train(3, rate_hz)) is by_host


@given(
    st.lists(st.sampled_from([TEN_HZ, ONE_HZ, THETA]), min_size=1, max_size=3), st.integers(1, 4)
)
def test_the_shots_give_every_pulse_of_the_schedule_once_at_its_time(
    trains: list[Train], repeats: int
) -> None:
    patterns = [pattern(train, repeats) for train in trains]
    blocks = [block(one, 0 if number == 0 else 20) for number, one in enumerate(patterns)]
    planned = plan(*patterns)
    due = np.concatenate([shot.due_ns + shot.offsets_ns for shot in planned.shots])
    scheduled = content(*blocks).schedule()
    assert due.tolist() == np.concatenate([one.due_ns for one in scheduled.trains]).tolist()
    assert planned.duration_ns == due[-1]
    numbers = [shot.first_pulse + k for shot in planned.shots for k in range(shot.pulses)]
    assert numbers == list(range(1, planned.pulses + 1))


def test_leads_are_what_the_device_takes_and_what_the_host_takes() -> None:
    one = plan(pattern(TEN_HZ), pattern(ONE_HZ), checking_s=1.0, arming_s=0.4)
    arming_ns = 400 * MS + HOST_LEAD_NS
    assert one.lead == Lead(S + arming_ns, arming_ns)
    assert one.lead_of(0) == one.lead_of(1) == one.lead
    assert one.lead_of(2) == PULSE_LEAD


def test_a_train_of_sixty_seconds_is_planned_and_a_longer_one_is_not() -> None:
    """One command sets off at most 60 s of stimulation, whoever dies meanwhile."""
    at_most = LONGEST_DEVICE_TRAIN_S * 2 + 1
    plan(pattern(Train(at_most, Fraction(2))))
    with pytest.raises(NotPlannable, match=r"train 1 lasts 60\.5 s; .* at most 60 s"):
        plan(pattern(Train(at_most + 1, Fraction(2))))


def test_a_slow_train_may_last_as_long_as_it_likes() -> None:
    assert plan(pattern(Train(360, Fraction(1)))).duration_ns == 359 * S


def test_a_rest_too_short_for_the_checks_is_refused_with_what_could_be_prescribed() -> None:
    """The checks before a train are never skipped to keep a time."""
    enough = Interval(Fraction(165, 100), Convention.GAP)
    plan_session(
        content(block(BlockPattern(TEN_HZ, 2, enough))),
        waits_between_blocks=False,
        checking_s=1.0,
        arming_s=0.4,
    )
    with pytest.raises(NotPlannable, match=r"rest of 1\.5 s before train 2 .* 1\.65 s .* at least"):
        plan(pattern(TEN_HZ, 2, Fraction(3, 2)))


@pytest.mark.parametrize("rate_hz", [Fraction(1), Fraction(1, 2)])
def test_bursts_at_one_hertz_or_slower_are_refused_in_a_sentence_of_their_own(
    rate_hz: Fraction,
) -> None:
    """Pulse by pulse is one pulse a command; a burst waveform would give three for each."""
    words = (
        rf"^train 1 has bursts at {float(rate_hz):g} Hz: .* only single pulses can be prescribed"
    )
    with pytest.raises(NotPlannable, match=words):
        plan(pattern(Train(3, rate_hz, Burst(3, Fraction(50)))))


def test_bursts_just_above_one_hertz_are_the_stimulators_to_time() -> None:
    one = plan(pattern(Train(3, Fraction(11, 10), Burst(3, Fraction(50)))))
    assert [(shot.pulses, shot.host_timed) for shot in one.shots] == [(9, False)]


def test_the_bounds_the_pause_and_the_latest_pulse_are_the_contents() -> None:
    one = plan(pattern(TEN_HZ), longest_pause_s=7, waits=True)
    bounds = one.blocks[0]
    assert (bounds.intensity_pct_mso, bounds.lowest_pct_mso, bounds.highest_pct_mso) == (60, 40, 70)
    assert (one.longest_pause_ns, one.latest_pulse_ns) == (7 * S, 2 * MS)
    assert one.waits_between_blocks


def test_a_ramp_is_of_the_intensity_that_is_chosen_now() -> None:
    one = plan(pattern(TEN_HZ, 3, ramp=Ramp(3, Fraction(4, 5))))
    assert [one.intensity(shot, (60,)) for shot in range(3)] == [48, 54, 60]
    assert [one.intensity(shot, (50,)) for shot in range(3)] == [40, 45, 50]
