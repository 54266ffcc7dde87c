"""What a Magstim can make: every published number, and that each refusal names a way out."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interface import TimedTrain
from drivers.magstim import energy
from drivers.magstim.capability import (
    why_idle,
    why_not_in_sequence,
    why_not_rapid,
    why_not_single,
    why_not_timed,
)
from drivers.magstim.dialect import Dialect, Family
from drivers.magstim.tables import Mains, RapidModel, RapidUnit, recharge_ns, slew_ns
from protocols.pattern import Burst, Train

S = 1_000_000_000
V5, V7, V9 = (Dialect(Family.RAPID, major) for major in (5, 7, 9))
UNITS = [
    RapidUnit(model, mains, dialect)
    for model in RapidModel
    for mains in Mains
    for dialect in (V7, V9)
    if (model, mains) != (RapidModel.HORIZON, Mains.V115)
]
RAPID = RapidUnit(RapidModel.RAPID, Mains.V240, V9)
SUPER = RapidUnit(RapidModel.SUPER, Mains.V240, V9)
PLUS = RapidUnit(RapidModel.SUPER_PLUS, Mains.V240, V9)
THETA = Train(10, Fraction(5), Burst(3, Fraction(50)))


# Energy (1.9) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pct_mso", "joules"), [(50, 63.0), (64, 103.2), (73, 134.2), (80, 161.2), (100, 252.0), (0, 0)]
)
def test_the_energy_of_a_pulse_is_the_published_one(pct_mso: int, joules: float) -> None:
    assert float(energy.pulse_energy_j(pct_mso)) == pytest.approx(joules)


def test_the_energy_is_within_what_the_reference_checked_of_its_formula() -> None:
    differences = [252 * (pct / 100) ** 2 - float(energy.pulse_energy_j(pct)) for pct in range(101)]
    assert min(differences) > -1e-9
    assert max(differences) < 0.21


@pytest.mark.parametrize(
    ("pct_mso", "rate_hz", "pulses", "wait_s"),
    [(73, 25, 250, "21.95"), (60, 10, 40, "0.50"), (70, 10, 40, "0.70"), (80, 20, 40, "4.14")],
)
def test_the_wait_after_a_train_is_the_published_one(
    pct_mso: int, rate_hz: int, pulses: int, wait_s: str
) -> None:
    assert f"{float(energy.wait_after_s(pulses, Fraction(rate_hz), pct_mso)):.2f}" == wait_s


@pytest.mark.parametrize(
    ("pct_mso", "rate_hz", "on_time_s"), [(60, 10, None), (70, 10, "51.0"), (80, 20, "19.5")]
)
def test_the_time_of_stimulation_in_a_minute_is_the_published_one(
    pct_mso: int, rate_hz: int, on_time_s: str | None
) -> None:
    found = energy.on_time_s(Fraction(rate_hz), pct_mso)
    assert (found if found is None else f"{float(found):.1f}") == on_time_s


def test_what_may_go_on_for_ever_is_what_the_supply_can_give() -> None:
    assert energy.continuous_rate_hz(50) == Fraction(1050, 63)
    assert energy.continuous_rate_hz(0) is None
    assert energy.on_time_s(Fraction(1050, 63), 50) is None
    assert energy.on_time_s(Fraction(1050, 63) + Fraction(1, 10), 50) is not None


@pytest.mark.parametrize(
    ("train", "pct_mso", "rest_s"),
    [(Train(40, Fraction(10)), 60, 26), (Train(55, Fraction(18)), 60, 20)],
)
def test_ordinary_protocols_are_far_inside(train: Train, pct_mso: int, rest_s: int) -> None:
    assert energy.wait_after_s(train.pulses, train.rate_hz, pct_mso) < rest_s / 4


trains = st.builds(
    Train, st.integers(2, 400), st.integers(11, 600).map(lambda tenths: Fraction(tenths, 10))
)


@given(st.lists(st.tuples(trains, st.integers(20, 100), st.integers(0, 5 * S)), max_size=12))
def test_trains_at_their_earliest_times_never_take_more_than_the_supply_gives(
    planned: list[tuple[Train, int, int]],
) -> None:
    """Every wait is kept, and no minute that ends with a train holds more than 63,000 J."""
    account, now_ns = energy.EnergyAccount(), 0
    given: list[tuple[int, int, Fraction]] = []
    free_ns = Fraction(0)
    for train, pct_mso, rest_ns in planned:
        joules = train.pulses * energy.pulse_energy_j(pct_mso)
        if joules > energy.MINUTE_J:
            continue
        begin_ns = account.earliest_ns(train, pct_mso, now_ns + rest_ns)
        assert begin_ns >= free_ns
        account.note(begin_ns, train, pct_mso)
        now_ns = begin_ns + round(train.nominal_s * S)
        free_ns = now_ns + energy.wait_after_s(train.pulses, train.rate_hz, pct_mso) * S
        given.append((begin_ns, now_ns, joules))
        window = [one for one in given if one[1] > now_ns - 60 * S]
        assert sum(one[2] for one in window) <= energy.MINUTE_J


def test_a_new_account_lets_a_train_begin_at_once() -> None:
    account, train = energy.EnergyAccount(), Train(40, Fraction(20))
    assert account.earliest_ns(train, 80, 7) == 7
    account.note(7, train, 80)
    wait_ns = account.earliest_ns(train, 80, 8) - 7 - 2 * S
    assert f"{wait_ns / S:.2f}" == "4.14"


def test_a_wait_that_was_kept_is_not_kept_twice() -> None:
    account, train = energy.EnergyAccount(), Train(40, Fraction(10))
    account.note(0, train, 60)
    assert account.earliest_ns(train, 60, 5 * S) == 5 * S


# Frequency by power (1.10) --------------------------------------------------------------------

PUBLISHED = {
    (RapidModel.RAPID, Mains.V240): "50 37 30 25 20 18 17 15",
    (RapidModel.SUPER, Mains.V240): "100 75 50 45 40 35 30 25",
    (RapidModel.SUPER_PLUS, Mains.V240): "100 100 97 80 68 57 49 41",
    (RapidModel.RAPID, Mains.V115): "36 28 23 19 16 14 12 11",
    (RapidModel.SUPER, Mains.V115): "60 55 44 37 32 27 24 22",
    (RapidModel.SUPER_PLUS, Mains.V115): "60 60 58 47 40 34 30 25",
    (RapidModel.HORIZON, Mains.V240): "60 50 40 33 29 25 22 20",
}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_published_frequency_is_the_highest_at_its_power(unit: RapidUnit) -> None:
    found = [unit.max_frequency_hz(power) for power in range(30, 101, 10)]
    assert " ".join(map(str, found)) == PUBLISHED[unit.model, unit.mains]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_between_columns_the_next_higher_power_counts(unit: RapidUnit) -> None:
    for power in range(31, 100):
        column = -(-power // 10) * 10
        assert unit.max_frequency_hz(power) == unit.max_frequency_hz(column)
    assert {unit.max_frequency_hz(power) for power in range(31)} == {unit.max_frequency_hz(30)}
    with pytest.raises(ValueError, match="0 to 100"):
        unit.max_frequency_hz(101)


def test_the_super_rapid_keeps_below_its_exact_rule() -> None:
    """100 Hz to 30 %, then -2.5 Hz a percent to 50 %, then -0.5 Hz a percent (1.10)."""
    for power in range(101):
        exact = (
            100.0 if power <= 30 else 100 - 2.5 * (power - 30) if power <= 50 else 75 - power / 2
        )
        assert SUPER.max_frequency_hz(power) <= exact


def test_what_is_not_published_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="no limits are known"):
        RapidUnit(RapidModel.HORIZON, Mains.V115, V9)
    with pytest.raises(ValueError, match="no Rapid"):
        RapidUnit(RapidModel.RAPID, Mains.V240, Dialect(Family.BISTIM))


# Charging (1.5) -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "pct_mso", "seconds"),
    [
        *[(Family.MAGSTIM_200, pct, 2) for pct in (0, 49)],
        *[(Family.MAGSTIM_200, pct, 3) for pct in (50, 79)],
        *[(Family.MAGSTIM_200, pct, 4) for pct in (80, 100)],
        *[(Family.BISTIM, pct, 4) for pct in (1, 100)],
        *[(Family.RAPID, pct, 1) for pct in (1, 100)],
        *[(Family.RAPID, pct, 2) for pct in (101, 110)],
    ],
)
def test_the_shortest_distance_of_single_pulses(family: Family, pct_mso: int, seconds: int) -> None:
    assert recharge_ns(family, pct_mso) == seconds * S


def test_up_is_ten_milliseconds_a_percent_and_down_a_hundred() -> None:
    assert (slew_ns(30, 80), slew_ns(80, 30), slew_ns(30, 30)) == (S // 2, 5 * S, 0)


# Sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.parametrize("pct_mso", [1, 45, 100, 101])
def test_theta_burst_is_refused_in_one_sentence_that_says_why_and_what_would(
    unit: RapidUnit, pct_mso: int
) -> None:
    sentence = why_not_rapid(unit, THETA, pct_mso)
    assert sentence == (
        f"{unit.name} cannot make bursts such as theta burst over its serial line (there is no "
        "command for them, and its wait of 0.5 s after each train rules out making them of "
        "trains): the unit's own screen or a trigger box can set them off, without this program, "
        "or a MagPro with biphasic burst makes them."
    )


def in_sequence(train: Train, pct_mso: int, gap_s: Fraction, number: int = 20) -> list[TimedTrain]:
    period_ns = round((train.duration_s + gap_s) * S)
    return [TimedTrain(k * period_ns, train, pct_mso) for k in range(number)]


def test_trains_too_close_to_each_other_are_refused_with_the_shortest_interval() -> None:
    """80 %, 20 Hz, 40 pulses: 6.14 s from onset to onset by the published wait of 4.14 s (1.9)."""
    train = Train(40, Fraction(20))
    assert why_not_in_sequence(PLUS, in_sequence(train, 80, Fraction(305, 100))) == (
        "Magstim Super Rapid² Plus (240 V) cannot give train 2, 40 pulses at 20 Hz and up to 80 "
        "%MSO, 3.05 s after the last pulse before it (its supply would be overloaded): the "
        "shortest such interval is 4.8 s."
    )
    assert why_not_in_sequence(PLUS, in_sequence(train, 80, Fraction(48, 10))) is None
    assert why_not_in_sequence(PLUS, in_sequence(train, 80, Fraction(47, 10))) is not None
    assert why_not_in_sequence(PLUS, in_sequence(train, 80, Fraction(3), number=1)) is None


def test_a_rest_in_which_the_unit_would_disarm_itself_is_refused_unless_the_coil_is_moved() -> None:
    train = Train(40, Fraction(10))
    long = in_sequence(train, 50, Fraction(56))
    for sentence in (why_not_in_sequence(RAPID, long), why_idle("Magstim 200²", long)):
        assert sentence is not None
        assert "cannot rest 56 s before train 2" in sentence
        assert "rests of at most 55 s could be prescribed" in sentence
    assert why_idle("x", in_sequence(train, 50, Fraction(55))) is None
    moved = [long[0], replace(long[1], moved=True)]
    assert why_not_in_sequence(RAPID, moved) is None


def test_two_trains_of_different_blocks_count_too() -> None:
    hard, soft = Train(40, Fraction(20)), Train(40, Fraction(10))
    sentence = why_not_in_sequence(
        PLUS, [TimedTrain(0, hard, 80), TimedTrain(5 * S, soft, 54), TimedTrain(60 * S, hard, 80)]
    )
    assert sentence is not None
    assert "train 2, 40 pulses at 10 Hz and up to 54 %MSO, 3.05 s after" in sentence


def test_the_interval_that_is_named_counts_every_train_of_the_minute() -> None:
    """Two trains of 29,016 J and one of 9,072 J: the third must end a minute after the first."""
    hard, soft = Train(180, Fraction(20)), Train(100, Fraction(10))
    second = TimedTrain(28 * S, hard, 80)
    ends_ns = second.due_ns + round(hard.duration_s * S)

    def planned(gap_s: Fraction) -> list[TimedTrain]:
        third = TimedTrain(ends_ns + round(gap_s * S), soft, 60)
        return [TimedTrain(0, hard, 80), second, third]

    sentence = why_not_in_sequence(PLUS, planned(Fraction(20)))
    assert sentence is not None
    assert "train 3, 100 pulses at 10 Hz and up to 60 %MSO, 20 s after" in sentence
    assert sentence.endswith("the shortest such interval is 22.2 s.")
    assert why_not_in_sequence(PLUS, planned(Fraction(222, 10))) is None
    assert why_not_in_sequence(PLUS, planned(Fraction(221, 10))) is not None


BY_PULSES = Train(40, Fraction(1))


def test_pulses_one_by_one_keep_the_wait_after_a_train_too() -> None:
    hard = TimedTrain(0, Train(40, Fraction(20)), 80)  # its wait is over after 6.14 s
    assert why_not_in_sequence(PLUS, [hard, TimedTrain(7 * S, BY_PULSES, 100)]) is None
    sentence = why_not_in_sequence(PLUS, [hard, TimedTrain(6 * S, BY_PULSES, 100)])
    assert sentence is not None
    assert "train 2, 40 pulses at 1 Hz and up to 100 %MSO, 4.05 s after" in sentence
    assert sentence.endswith("the shortest such interval is 4.3 s.")
    late = replace(hard, due_ns=60 * S)
    assert why_not_in_sequence(PLUS, [TimedTrain(5 * S, BY_PULSES, 100), late]) is None


@given(st.integers(340, 390), st.integers(1, 120), st.integers(100, 900), st.integers(60, 100))
def test_pulses_one_by_one_after_a_heavy_train_are_held_against_its_minute(
    pulses: int, slow: int, tenths: int, pct_mso: int
) -> None:
    """340 to 390 pulses of 161.2 J are up to all of a minute's 63,000 J; by a count of its own."""
    heavy = Train(pulses // 2 * 2, Fraction(20))
    ends_ns = round(heavy.duration_s * S)
    due_ns = ends_ns + tenths * S // 10
    one = TimedTrain(due_ns, Train(slow, Fraction(1)), pct_mso, moved=True)
    sentence = why_not_in_sequence(PLUS, [TimedTrain(0, heavy, 80), one])
    given_j = [(k * S // 20, energy.pulse_energy_j(80)) for k in range(heavy.pulses)]
    given_j += [(one.due_ns + k * S, energy.pulse_energy_j(pct_mso)) for k in range(slow)]
    most_j = max(
        sum(j for other_ns, j in given_j[: at + 1] if other_ns > ns - 60 * S)
        for at, (ns, _) in enumerate(given_j)
        if at >= heavy.pulses
    )
    if most_j > energy.MINUTE_J:
        assert sentence is not None
    if sentence is not None:
        named = re.search(r"such interval is ([\d.]+) s", sentence)
        assert named is not None
        later = replace(one, due_ns=ends_ns + round(Fraction(named[1]) * S))
        assert why_not_in_sequence(PLUS, [TimedTrain(0, heavy, 80), later]) is None


HEAVY = st.builds(
    lambda rate, seconds: Train(rate * seconds, Fraction(rate)),
    st.sampled_from([5, 10, 15, 20, 25]),
    st.integers(1, 6),
)
"""Trains whose energy matters, in whole seconds."""


@given(st.sampled_from([SUPER, PLUS]), HEAVY, st.integers(40, 100), st.integers(5, 300))
def test_the_interval_that_a_refusal_names_is_allowed_and_a_tenth_less_is_not(
    unit: RapidUnit, train: Train, pct_mso: int, tenths: int
) -> None:
    if why_not_rapid(unit, train, pct_mso) is not None:
        return
    sentence = why_not_in_sequence(unit, in_sequence(train, pct_mso, Fraction(tenths, 10)))
    if sentence is None:
        return
    named = re.search(r"such interval is ([\d.]+) s", sentence)
    assert named is not None
    interval_s = Fraction(named[1])
    assert why_not_in_sequence(unit, in_sequence(train, pct_mso, interval_s)) is None
    less = in_sequence(train, pct_mso, interval_s - Fraction(1, 10))
    assert why_not_in_sequence(unit, less) is not None


@given(st.sampled_from([SUPER, PLUS]), HEAVY, st.integers(40, 100), st.integers(5, 100))
def test_no_minute_of_an_allowed_sequence_holds_more_than_the_supply_gives(
    unit: RapidUnit, train: Train, pct_mso: int, tenths: int
) -> None:
    """63,000 J, pulse by pulse, by a count of its own (1.9)."""
    if why_not_rapid(unit, train, pct_mso) is not None:
        return
    sequence = in_sequence(train, pct_mso, Fraction(tenths, 10), 30)
    if why_not_in_sequence(unit, sequence) is not None:
        return
    times = [one.due_ns + round(k * S / train.rate_hz) for one in sequence
             for k in range(train.pulses)]  # fmt: skip
    most = int(Fraction(63_000) / energy.pulse_energy_j(pct_mso))
    assert all(b - a >= 60 * S for a, b in zip(times, times[most + 1 :], strict=False))


CANNOT = [
    (RAPID, Train(5, Fraction(10)), 0, "1 to 100 %MSO can be prescribed"),
    (RAPID, Train(5, Fraction(10)), 101, "1 to 100 %MSO can be prescribed"),
    (RAPID, Train(20, Fraction(20)), 71, "at most 18 Hz could be prescribed, or 20 Hz at up to 70"),
    (RAPID, Train(60, Fraction(60)), 20, "at most 50 Hz could be prescribed."),
    (RAPID, Train(5, Fraction(25, 3)), 50, "8.3 Hz could be prescribed"),
    (SUPER, Train(61, Fraction(61, 2)), 50, "30 Hz could be prescribed"),
    (RAPID, Train(25, Fraction(18)), 50, "18 pulses could be prescribed"),
    (RAPID, Train(2, Fraction(50)), 20, "5 pulses could be prescribed"),
    (RAPID, Train(7000, Fraction(50)), 20, "at most 6000 could be prescribed"),
    (RAPID, Train(3000, Fraction(2)), 20, "at most 100 s; 200 pulses at 2 Hz could be prescribed"),
    (RapidUnit(RapidModel.RAPID, Mains.V240, V7), Train(200, Fraction(10)), 20, "100 pulses at 10"),
    (RapidUnit(RapidModel.SUPER, Mains.V240, V5), Train(1100, Fraction(50)), 20, "at most 1000"),
    (PLUS, Train(400, Fraction(20)), 80, "at most 390 pulses could be prescribed"),
]


@pytest.mark.parametrize(("unit", "train", "pct_mso", "words"), CANNOT)
def test_what_a_rapid_cannot_make_is_refused_with_what_it_could(
    unit: RapidUnit, train: Train, pct_mso: int, words: str
) -> None:
    sentence = why_not_rapid(unit, train, pct_mso)
    assert sentence is not None
    assert sentence.startswith(f"{unit.name} cannot make")
    assert words in sentence


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_trains_at_one_hertz_or_slower_are_a_matter_of_the_host(unit: RapidUnit) -> None:
    assert why_not_rapid(unit, Train(1800, Fraction(1)), 100) is None
    assert why_not_rapid(unit, Train(70_000, Fraction(1, 3)), 100) is None


def test_a_train_of_one_pulse_needs_a_length_that_the_unit_has_too() -> None:
    for judge in (why_not_rapid, why_not_timed):
        assert judge(RAPID, Train(1, Fraction(10)), 50) is None
        assert judge(RAPID, Train(1, Fraction(20)), 50) is not None


@given(st.sampled_from(UNITS), trains, st.integers(1, 100))
def test_the_count_that_a_refusal_names_could_be_made(
    unit: RapidUnit, train: Train, pct_mso: int
) -> None:
    """A refusal that leads to the next refusal wastes a physician's time."""
    for _ in range(4):
        sentence = why_not_rapid(unit, train, pct_mso)
        if sentence is None:
            return
        count = re.search(
            r"(\d+)(?: pulses)?(?: at [\d.]+ Hz)? could be prescribed|at most (\d+) could", sentence
        )
        rate = re.search(r"([\d.]+) Hz could be prescribed", sentence)
        if count is None:
            assert rate is not None
            train = Train(train.bursts, Fraction(rate[1]))
        else:
            fewer = int(count[1] or count[2])
            assert fewer != train.bursts
            train = Train(fewer, train.rate_hz)
        if train.rate_hz <= 1:
            return
    assert why_not_rapid(unit, train, pct_mso) is None


@pytest.mark.parametrize(
    ("family", "train", "pct_mso", "words"),
    [
        (Family.MAGSTIM_200, THETA, 50, "single pulses only"),
        (Family.MAGSTIM_200, Train(1, Fraction(1), Burst(2, Fraction(100))), 50, "single pulses"),
        (Family.MAGSTIM_200, Train(5, Fraction(1)), 49, "needs 2.1 s between single pulses"),
        (Family.MAGSTIM_200, Train(5, Fraction(1, 3)), 80, "needs 4.1 s between single pulses"),
        (Family.MAGSTIM_200, Train(1, Fraction(1)), 101, "1 to 100"),
        (Family.MAGSTIM_200, Train(5, Fraction(1, 2)), 49, "needs 2.1 s between single pulses"),
        (Family.BISTIM, Train(5, Fraction(1)), 20, "needs 4.1 s between single pulses"),
        (Family.BISTIM, THETA, 50, "pairs with an interval of 1 to 999 ms"),
        (Family.BISTIM, Train(1, Fraction(1), Burst(2, Fraction(2000, 5))), 50, "whole millisec"),
    ],
)
def test_what_a_single_pulse_unit_cannot_make_is_refused_with_what_it_could(
    family: Family, train: Train, pct_mso: int, words: str
) -> None:
    sentence = why_not_single(family, train, pct_mso)
    assert sentence is not None
    assert words in sentence


@pytest.mark.parametrize(
    ("family", "train", "pct_mso"),
    [
        (Family.MAGSTIM_200, Train(1, Fraction(10)), 100),
        (Family.MAGSTIM_200, Train(10, Fraction(10, 21)), 49),
        (Family.MAGSTIM_200, Train(10, Fraction(10, 41)), 100),
        (Family.BISTIM, Train(10, Fraction(10, 41)), 100),
        (Family.BISTIM, Train(1, Fraction(1), Burst(2, Fraction(1000, 3))), 100),
    ],
)
def test_what_a_single_pulse_unit_can_make_is_not_refused(
    family: Family, train: Train, pct_mso: int
) -> None:
    assert why_not_single(family, train, pct_mso) is None
