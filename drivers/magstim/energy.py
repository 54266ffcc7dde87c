"""The energy rules of a Rapid², a hard duty of the host: breaking them may damage the unit.

Numbers are exact; the rules are stimulators.md 1.9.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from protocols.pattern import Train

SUPPLY_W = 1050
"""What the supply can give for ever: a train above it is paid for by the wait after it."""
MINUTE_S = 60
MINUTE_J = SUPPLY_W * MINUTE_S
"""63,000 J in any minute."""
LEAST_WAIT_S = Fraction(1, 2)
CONTINUOUS_PULSES = 6000
FORGOTTEN_NS = MINUTE_S * 10**9
"""What was given longer ago neither counts nor is waited for."""

PUBLISHED_J = {
    50: Fraction(63),
    64: Fraction(1032, 10),
    73: Fraction(1342, 10),
    80: Fraction(1612, 10),
    100: Fraction(252),
}
"""Energy of a pulse as the maker's table has it, where it is quoted; elsewhere the formula, which
is never below it at these and differs by at most 0.21 J."""


def pulse_energy_j(pct_mso: int) -> Fraction:
    """Return the energy of one pulse in joules."""
    return PUBLISHED_J.get(pct_mso, Fraction(252 * pct_mso * pct_mso, 10_000))


def wait_after_s(pulses: int, rate_hz: Fraction, pct_mso: int) -> Fraction:
    """Return the shortest wait after a train, from its nominal end, in seconds."""
    power_w = rate_hz * pulse_energy_j(pct_mso)
    return max(LEAST_WAIT_S, pulses * (power_w - SUPPLY_W) / (SUPPLY_W * rate_hz))


def on_time_s(rate_hz: Fraction, pct_mso: int) -> Fraction | None:
    """Return the longest time of stimulation in any minute, None if there is no such limit."""
    power_w = rate_hz * pulse_energy_j(pct_mso)
    if power_w * MINUTE_S <= MINUTE_J:
        return None
    return MINUTE_J / power_w


def continuous_rate_hz(pct_mso: int) -> Fraction | None:
    """Return the highest rate that may go on without a wait, None at 0 %."""
    energy = pulse_energy_j(pct_mso)
    return SUPPLY_W / energy if energy else None


@dataclass(frozen=True, slots=True)
class _Given:
    """A train that was given: when its nominal time ended, and its pulses' energy in J."""

    begun_ns: int
    ended_ns: int
    energy_j: Fraction


class EnergyAccount:
    """What was given, and when the next train may begin.

    Attributes:
        known_from_ns: Nothing may be given before, because what was given in the minute before is
            not known; None if everything is.
    """

    def __init__(self) -> None:
        self._given: deque[_Given] = deque()
        self._free_ns: int | None = None
        self.known_from_ns: int | None = None

    def forget(self, until_ns: int) -> None:
        """Take it that as much as the rules allow was given up to then, by whomever.

        A minute later none of it counts, and no wait is longer: a minute's whole 63,000 J in one
        train at the power P owe 60 s - 63,000 J / P.
        """
        self.known_from_ns = max(self.known_from_ns or 0, until_ns + FORGOTTEN_NS)

    def note(self, begun_ns: int, train: Train, pct_mso: int) -> None:
        """Note a train that was started, as if all of it had been given."""
        ended_ns = begun_ns + round(train.nominal_s * 10**9)
        energy_j = train.pulses * pulse_energy_j(pct_mso)
        self._given.append(_Given(begun_ns, ended_ns, energy_j))
        wait_s = wait_after_s(train.pulses, train.rate_hz, pct_mso)
        self._free_ns = ended_ns + _ceil_ns(wait_s)

    def note_pulse(self, given_ns: int, pct_mso: int) -> None:
        """Note a single pulse; nothing need wait for it longer than for its share of a minute."""
        self._given.append(_Given(given_ns, given_ns, pulse_energy_j(pct_mso)))

    def earliest_ns(self, train: Train, pct_mso: int, now_ns: int) -> int:
        """Return the earliest time, at or after now, at which such a train may begin.

        The wait after the last train has passed by then, and no minute that ends with the new
        train holds more than 63,000 J.
        """
        energy_j = train.pulses * pulse_energy_j(pct_mso)
        return self._earliest_ns(energy_j, round(train.nominal_s * 10**9), now_ns)

    def earliest_pulses_ns(self, pct_mso: int, now_ns: int, pulses: int = 1) -> int:
        """Return the same of a single pulse, or of several as if they came at once."""
        return self._earliest_ns(pulses * pulse_energy_j(pct_mso), 0, now_ns)

    def copy(self) -> EnergyAccount:
        """Return an account of the same, to go on with by itself."""
        made = EnergyAccount()
        made._given, made._free_ns = self._given.copy(), self._free_ns
        made.known_from_ns = self.known_from_ns
        return made

    def _earliest_ns(self, energy_j: Fraction, length_ns: int, now_ns: int) -> int:
        begin_ns = max(now_ns, self._free_ns or now_ns, self.known_from_ns or now_ns)
        while self._given and self._given[0].ended_ns < now_ns - MINUTE_S * 10**9:
            self._given.popleft()
        total_j = energy_j + sum((one.energy_j for one in self._given), Fraction(0))
        for one in self._given:
            if total_j <= MINUTE_J:
                break
            begin_ns = max(begin_ns, one.ended_ns + MINUTE_S * 10**9 - length_ns)
            total_j -= one.energy_j
        return begin_ns


def _ceil_ns(seconds: Fraction) -> int:
    return -int(-seconds * 10**9 // 1)
