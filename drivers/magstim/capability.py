"""Which trains a Magstim can make, and in words why it cannot make one and what it could.

Numbers are in `tables` and `energy`.  A unit refuses much of this itself; asked first, nothing of
it reaches the unit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from drivers.interface import TimedTrain
from drivers.magstim import energy
from drivers.magstim.dialect import Family
from drivers.magstim.tables import MAX_PCT_MSO, RapidUnit, recharge_ns
from protocols.pattern import Train

FINE_STEPS_HZ = 30
"""Up to here frequencies go by 0.1 Hz, above by 1 Hz (1.8)."""
TENTH = Fraction(1, 10)
TENTH_NS = 100_000_000
START_SLACK_NS = 100_000_000
"""A train or pulse may come so late and the next on time: the wait between must hold even then."""
LONGEST_REST_NS = 55_000_000_000
"""Armed and nothing given for about 60 s, a unit disarms itself (1.5); the rest is for `about`."""
MOST_BY_PULSES = 62
"""At 1 Hz or slower a minute holds no more; a minute later nothing before the first one counts."""
MOST_IN_A_MINUTE = 130
"""Trains of at least 0.1 s with 0.5 s between: no more than these decide about one minute."""
LONGEST_WAIT_TENTHS = 620
"""After a minute without stimulation every train is allowed that is allowed by itself."""
MAX_PAIR_INTERVAL_MS = 999


def why_not_rapid(unit: RapidUnit, train: Train, pct_mso: int) -> str | None:
    """Return why a Rapid² cannot make the train at that intensity and what it could, or None."""
    refusal = _burst(unit.name, train) or _intensity(unit.name, pct_mso)
    if refusal or train.rate_hz <= 1:
        return refusal  # pulse by pulse, by the host
    return why_not_timed(unit, train, pct_mso)


def why_not_timed(unit: RapidUnit, train: Train, pct_mso: int) -> str | None:
    """Return why the unit itself cannot space this train, where the host still could, or None."""
    return _frequency(unit, train, pct_mso) or _length(unit, train) or _energy(unit, train, pct_mso)


def why_not_in_sequence(unit: RapidUnit, trains: Sequence[TimedTrain]) -> str | None:
    """Return why the trains of a session cannot follow each other as planned, or None.

    Each is held against the wait after the one before and against the energy of its minute, as the
    driver does when it is started.  The sentence names the shortest interval, last pulse of a train
    to first of the next, rounded up to tenths of a second; each train by itself is possible.
    """
    if (idle := why_idle(unit.name, trains)) is not None:
        return idle
    account = energy.EnergyAccount()
    for number, (before, one) in enumerate(pairwise(trains), 2):
        _note(account, before)
        if not _allowed(account, one):
            return _too_soon(unit, number, trains)
    return None


def _allowed(account: energy.EnergyAccount, one: TimedTrain) -> bool:
    """Return whether a train may be given when it is due, or a little before."""
    at_ns, pct = one.due_ns - START_SLACK_NS, one.intensity_pct_mso
    if not is_by_pulses(one.train):
        return account.earliest_ns(one.train, pct, at_ns) <= at_ns
    pulses = min(one.train.pulses, MOST_BY_PULSES)
    if account.earliest_pulses_ns(pct, at_ns, pulses) <= at_ns:
        return True  # even if all of them came at once
    account, period_ns = account.copy(), round(10**9 / one.train.rate_hz)
    for pulse in range(pulses):
        pulse_ns = at_ns + pulse * period_ns
        if account.earliest_pulses_ns(pct, pulse_ns) > pulse_ns:
            return False
        account.note_pulse(pulse_ns, pct)
    return True


def why_idle(name: str, trains: Sequence[TimedTrain]) -> str | None:
    """Return why a unit would disarm itself in a rest between two trains, or None (1.5)."""
    for number, (before, one) in enumerate(pairwise(trains), 2):
        last_ns = _last_ns(before)
        if not one.moved and one.due_ns - last_ns > LONGEST_REST_NS:
            rest_s = Fraction(one.due_ns - last_ns, 10**9)
            return (
                f"{name} cannot rest {_seconds(rest_s)} s before train {number}: it disarms itself "
                f"when it has given nothing for 60 s; rests of at most "
                f"{_seconds(Fraction(LONGEST_REST_NS, 10**9))} s could be prescribed."
            )
    return None


def why_not_recharged(family: Family, trains: Sequence[TimedTrain]) -> str | None:
    """Return why a 200² or BiStim² is not ready again for a pulse or pair, or None."""
    name = f"Magstim {family}"
    if (idle := why_idle(name, trains)) is not None:
        return idle
    for number, (before, one) in enumerate(pairwise(trains), 2):
        last_ns = _last_ns(before)
        least_ns = recharge_ns(family, before.intensity_pct_mso) + START_SLACK_NS
        if one.due_ns - last_ns < least_ns:
            return (
                f"{name} cannot give train {number} so soon: after up to "
                f"{before.intensity_pct_mso} %MSO it needs "
                f"{_seconds(Fraction(least_ns, 10**9))} s from the last pulse to the next, which "
                "could be prescribed."
            )
    return None


def is_by_pulses(train: Train) -> bool:
    """Return whether the host gives the train pulse by pulse (1 Hz or slower)."""
    return train.rate_hz <= 1


def _note(account: energy.EnergyAccount, one: TimedTrain) -> None:
    if not is_by_pulses(one.train):
        account.note(one.due_ns, one.train, one.intensity_pct_mso)
        return
    period_ns = round(10**9 / one.train.rate_hz)
    for pulse in range(one.train.pulses):
        account.note_pulse(one.due_ns + pulse * period_ns, one.intensity_pct_mso)


def _too_soon(unit: RapidUnit, number: int, trains: Sequence[TimedTrain]) -> str:
    """Return the refusal of train `number`, from 1."""
    before, one = trains[number - 2 : number]
    train, pct = one.train, one.intensity_pct_mso
    gap_s = Fraction(one.due_ns - _last_ns(before), 10**9)
    shortest_s = _shortest_s(number, trains)
    return (
        f"{unit.name} cannot give train {number}, {train.pulses} pulses at {_hz(train.rate_hz)} Hz "
        f"and up to {pct} %MSO, {_seconds(gap_s)} s after the last pulse before it (its supply "
        f"would be overloaded): the shortest such interval is {_seconds(shortest_s)} s."
    )


def _last_ns(one: TimedTrain) -> int:
    return one.due_ns + round(one.train.duration_s * 10**9)


def _shortest_s(number: int, trains: Sequence[TimedTrain]) -> Fraction:
    """Return the shortest gap, in whole tenths of a second, that lets train `number` pass.

    All trains like it that follow each other there are moved to that gap, from the second of them
    on, or from the first if that is the one; those before them stay where they are.
    """
    failing = number - 1
    one, first = trains[failing], failing
    kind = (one.train, one.intensity_pct_mso)
    while first and (trains[first - 1].train, trains[first - 1].intensity_pct_mso) == kind:
        first -= 1
    alike = sum((each.train, each.intensity_pct_mso) == kind for each in trains[first:])
    most = 1 if is_by_pulses(one.train) else MOST_IN_A_MINUTE

    def enough(gap: int) -> bool:
        gap_ns, account = gap * TENTH_NS, energy.EnergyAccount()
        at_ns = trains[first].due_ns
        if first == failing:
            at_ns = _last_ns(trains[failing - 1]) + gap_ns
        for before in trains[:first]:
            _note(account, before)
        for _ in range(max(failing - first + 1, min(alike, most))):
            now = TimedTrain(at_ns, one.train, one.intensity_pct_mso)
            if not _allowed(account, now):
                return False
            _note(account, now)
            at_ns = _last_ns(now) + gap_ns
        return True

    tenths = range(1, LONGEST_WAIT_TENTHS)
    return Fraction(tenths[bisect_left(tenths, True, key=enough)], 10)


def why_not_single(family: Family, train: Train, pct_mso: int) -> str | None:
    """Return why a 200² or BiStim² cannot make the train and what it could, or None."""
    name = f"Magstim {family}"
    refusal = _intensity(name, pct_mso) or _pair(family, name, train)
    if refusal or train.bursts == 1:
        return refusal
    period_s = Fraction(recharge_ns(family, pct_mso) + START_SLACK_NS, 10**9)
    if train.rate_hz * period_s <= 1:
        return None
    return (
        f"{name} cannot make {_hz(train.rate_hz)} Hz: at {pct_mso} %MSO it needs "
        f"{_seconds(period_s)} s between single pulses, which could be prescribed."
    )


def pair_interval_ms(train: Train) -> int | None:
    """Return the interval of a pair in whole milliseconds, None for single pulses.

    Raises:
        ValueError: It is no pair, or its interval is not 1 to 999 whole milliseconds.
    """
    burst = train.burst
    if burst.rate_hz is None:
        return None
    interval = 1000 / burst.rate_hz
    whole = interval.denominator == 1 and 1 <= interval <= MAX_PAIR_INTERVAL_MS
    if burst.pulses != 2 or not whole:  # noqa: PLR2004 - a pair
        raise ValueError(
            f"it makes pairs with an interval of 1 to {MAX_PAIR_INTERVAL_MS} ms in whole "
            "milliseconds"
        )
    return int(interval)


def _pair(family: Family, name: str, train: Train) -> str | None:
    if train.burst.rate_hz is None:
        return None
    if family is not Family.BISTIM:
        return f"{name} cannot make pairs or bursts: it makes single pulses only."
    try:
        pair_interval_ms(train)
    except ValueError as error:
        return (
            f"{name} cannot make {train.burst.pulses} pulses at {_hz(train.burst.rate_hz)} Hz in "
            f"one: {error}."
        )
    return None


def _burst(name: str, train: Train) -> str | None:
    if train.burst.rate_hz is None:
        return None
    return (
        f"{name} cannot make bursts such as theta burst over its serial line (there is no command "
        "for them, and its wait of 0.5 s after each train rules out making them of trains): the "
        "unit's own screen or a trigger box can set them off, without this program, or a MagPro "
        "with biphasic burst makes them."
    )


def _intensity(name: str, pct_mso: int) -> str | None:
    if 1 <= pct_mso <= MAX_PCT_MSO:
        return None
    return f"{name} cannot make {pct_mso} %MSO: 1 to {MAX_PCT_MSO} %MSO can be prescribed."


def _frequency(unit: RapidUnit, train: Train, pct_mso: int) -> str | None:
    rate = train.rate_hz
    step = TENTH if rate <= FINE_STEPS_HZ else Fraction(1)
    if rate % step:
        lower = step * (rate // step)
        return (
            f"{unit.name} cannot make {_hz(rate)} Hz: it goes in steps of 0.1 Hz to "
            f"{FINE_STEPS_HZ} Hz and of 1 Hz above; {_hz(max(step, lower))} Hz could be prescribed."
        )
    most = unit.max_frequency_hz(pct_mso)
    if rate <= most:
        return None
    power = unit.max_power_at(float(rate))
    or_power = f", or {_hz(rate)} Hz at up to {power} %MSO" if power else ""
    return (
        f"{unit.name} cannot make {_hz(rate)} Hz at {pct_mso} %MSO: at most {most} Hz could be "
        f"prescribed{or_power}."
    )


def _length(unit: RapidUnit, train: Train) -> str | None:
    if train.pulses > unit.max_pulses:
        return (
            f"{unit.name} cannot make {train.pulses} pulses in one train: at most "
            f"{unit.max_pulses} could be prescribed with its software."
        )
    tenths = train.nominal_s * 10
    if tenths > unit.max_duration_tenths_s:
        longest = int(Fraction(unit.max_duration_tenths_s, 10) * train.rate_hz)
        most = longest // _pulse_step(train.rate_hz) * _pulse_step(train.rate_hz)
        return (
            f"{unit.name} cannot make a train of {_seconds(train.nominal_s)} s: with its software "
            f"at most {_seconds(Fraction(unit.max_duration_tenths_s, 10))} s; {most} pulses at "
            f"{_hz(train.rate_hz)} Hz could be prescribed."
        )
    if tenths < 1 or tenths.denominator != 1:
        return _not_tenths(unit, train)
    return None


def _not_tenths(unit: RapidUnit, train: Train) -> str:
    """The unit holds the length in tenths of a second, so other lengths could not be read back."""
    step = _pulse_step(train.rate_hz)
    lower = max(step, train.pulses // step * step)
    return (
        f"{unit.name} cannot make {train.pulses} pulses at {_hz(train.rate_hz)} Hz exactly: pulses "
        "divided by frequency must be a whole number of tenths of a second, at least one; "
        f"{lower} pulses could be prescribed."
    )


def _energy(unit: RapidUnit, train: Train, pct_mso: int) -> str | None:
    longest_s = energy.on_time_s(train.rate_hz, pct_mso)
    if longest_s is None or train.nominal_s <= longest_s:
        return None
    step = _pulse_step(train.rate_hz)
    most = int(longest_s * train.rate_hz) // step * step
    return (
        f"{unit.name} cannot make {train.pulses} pulses at {_hz(train.rate_hz)} Hz and {pct_mso} "
        f"%MSO in one train (its supply would be overloaded): at most {most} pulses could be "
        "prescribed."
    )


def _pulse_step(rate_hz: Fraction) -> int:
    """Return the fewest pulses that take a whole number of tenths of a second at this rate."""
    return (rate_hz / 10).numerator


def _hz(rate: Fraction) -> str:
    return f"{float(rate):g}"


def _seconds(seconds: Fraction) -> str:
    return f"{float(seconds):g}"
