"""The physics behind every emulated stimulator: a capacitor that charges and a coil that heats.

It knows no protocol and no clock but `advance`.  THE CONSTANTS ARE ILLUSTRATIVE: chosen so that
ordinary sessions pass and excessive ones do not; they forecast nothing about a real coil.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

AMBIENT_C = 22.0
"""Room temperature; illustrative."""
WARN_C = 38.0
STOP_C = 41.0
"""Coil surface, safety.md: warn at 38 degrees, stop at 41."""
FULL_A_US = 150.0
"""di/dt at 100 %MSO in A/us; illustrative, from the worked frame of 75 A/us at 50 %."""
JITTER = 0.005
"""Spread of di/dt from pulse to pulse, as a fraction; illustrative."""
RAISE_NS_PER_PCT = 3_000_000
LOWER_NS_PER_PCT = 10_000_000
"""Time to charge, and to bleed, by 1 %MSO; illustrative."""


@dataclass(frozen=True, slots=True)
class Coil:
    """A coil as the physics sees it.

    Attributes:
        type_id: The device's number for it.
        name: Its name.
        heating_c: How much one pulse at 100 %MSO heats it; less by the square of the intensity.
        cooling_s: Time constant of its cooling.
        full_a_us: di/dt at 100 %MSO.
        needs_cooler: It is cooled from outside.
        has_cooler: And that is connected.
    """

    type_id: int
    name: str
    heating_c: float = 0.02
    cooling_s: float = 900.0
    full_a_us: float = FULL_A_US
    needs_cooler: bool = False
    has_cooler: bool = True

    def without_cooler(self) -> Coil:
        """Return the same coil with its cooler unplugged: it cools as slowly as an uncooled one."""
        return replace(self, needs_cooler=True, has_cooler=False, cooling_s=900.0)


class Physics:
    """Capacitor and coil, advanced only by `advance`.

    Args:
        coil: What is plugged in, or None.
        charge_full_ns: Time to recharge after a pulse at 100 %MSO; less by the square of the
            intensity.
        seed: Seeds the jitter of di/dt.
        jitter: Spread of di/dt as a fraction; 0 switches it off.
    """

    def __init__(
        self, coil: Coil | None, charge_full_ns: int, seed: int = 0, jitter: float = JITTER
    ) -> None:
        self._coil = coil
        self._charge_full_ns = charge_full_ns
        self._random = random.Random(seed)
        self._jitter = jitter
        self._now_ns = 0
        self._temperature_c = AMBIENT_C
        self._temperature_at_ns = 0
        self._ready_at_ns: int | None = None

    def advance(self, dt_ns: int) -> None:
        """Let time pass."""
        self._now_ns += dt_ns

    @property
    def coil(self) -> Coil | None:
        """What is plugged in."""
        return self._coil

    @property
    def temperature_c(self) -> float:
        """The coil's temperature now; the room's if there is none."""
        elapsed_ns = self._now_ns - self._temperature_at_ns
        if elapsed_ns and self._coil is not None:
            above = self._temperature_c - AMBIENT_C
            kept = math.exp(-elapsed_ns / 1e9 / self._coil.cooling_s)
            self._temperature_c = AMBIENT_C + above * kept
        self._temperature_at_ns = self._now_ns
        return self._temperature_c

    @property
    def warm(self) -> bool:
        """True from 38 degrees on."""
        return self.temperature_c >= WARN_C

    @property
    def too_hot(self) -> bool:
        """True from 41 degrees on: no stimulation."""
        return self.temperature_c >= STOP_C

    @property
    def ready(self) -> bool:
        """True if the capacitor holds what the next pulse needs."""
        return self._ready_at_ns is not None and self._now_ns >= self._ready_at_ns

    def plug(self, coil: Coil | None) -> None:
        """Plug in a coil at room temperature, or pull it out."""
        self._coil = coil
        self._temperature_c = AMBIENT_C
        self._temperature_at_ns = self._now_ns

    def heat_to(self, temperature_c: float) -> None:
        """Make the coil at least that hot at once."""
        self._temperature_c = max(self.temperature_c, temperature_c)

    def charge(self, from_pct_mso: int, to_pct_mso: int, delay_ns: int = 0) -> None:
        """Bring the capacitor from one intensity to another, up or down; it takes its time."""
        change = to_pct_mso - from_pct_mso
        takes_ns = change * RAISE_NS_PER_PCT if change > 0 else -change * LOWER_NS_PER_PCT
        begin_ns = max(self._now_ns, self._ready_at_ns or 0)
        self._ready_at_ns = begin_ns + takes_ns + delay_ns

    def discharge(self) -> None:
        """Empty the capacitor: nothing is ready until it is charged again."""
        self._ready_at_ns = None

    def fire(self, intensity_pct_mso: int, charge_delay_ns: int = 0) -> int:
        """Let one pulse through the coil and return its di/dt in A/us.

        Whether it may be fired is the device's decision: a burst draws its later pulses from the
        reserve, and is paid for before the next stimulus.

        Raises:
            ValueError: There is no coil.
        """
        coil = self._coil
        if coil is None:
            raise ValueError("no pulse without a coil")
        power = (intensity_pct_mso / 100) ** 2
        self._temperature_c = self.temperature_c + coil.heating_c * power
        if self._ready_at_ns is not None:
            begin_ns = max(self._now_ns, self._ready_at_ns)
            self._ready_at_ns = begin_ns + round(self._charge_full_ns * power) + charge_delay_ns
        spread = 1 + self._jitter * self._random.uniform(-1, 1)
        return round(coil.full_a_us * intensity_pct_mso / 100 * spread)
