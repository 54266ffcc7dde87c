"""A virtual patient under an emulated stimulator's coil: each single pulse makes an MEP, or none.

It watches the pulses that an emulator fires, off the serial line, as nature does it: no driver and
no protocol knows of it.  What a pulse evokes is a pure function of the patient's seed, the pulse's
number and intensity and where the coil is, so whoever has the emulator's pulse log and the seed can
say what was seen, in any process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivers.simulator.device import FiredPulse, Source
from drivers.simulator.mep import MOVEMENT_V, Population, Spread, draw_population
from drivers.simulator.pulse_log import read_pulse_log

HOTSPOT_SD_MM = 8.0
"""How far a hotspot lies from where the grid is centred, along each axis; illustrative."""
FALLOFF_MM = 35.0
"""Distance over which the effect of a pulse falls to exp(-1/2); illustrative, no source: 4 % less
at 10 mm, 15 % at 20 mm.  Never shown as a forecast for a person."""
FARTHEST_MM = 200.0
SEED_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class CoilPlace:
    """Where the coil's centre is on the scalp, from the centre of the search grid, in mm.

    Attributes:
        lateral_mm: Away from the midline.
        anterior_mm: Towards the nose.
    """

    lateral_mm: float = 0.0
    anterior_mm: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError unless it is a place on a head."""
        for value in (self.lateral_mm, self.anterior_mm):
            if not (math.isfinite(value) and abs(value) <= FARTHEST_MM):
                raise ValueError(f"{value} mm: a coil is within {FARTHEST_MM:.0f} mm of the grid")


GRID_CENTRE = CoilPlace()


@dataclass(frozen=True, slots=True)
class Response:
    """What one pulse evoked.

    Attributes:
        number: The pulse, as the stimulator counts.
        intensity_pct_mso: What the stimulator gave.
        mep_v: The motor evoked potential, peak to peak, in V.
    """

    number: int
    intensity_pct_mso: int
    mep_v: float

    @property
    def moved(self) -> bool:
        """True from 50 µV on: what an electromyograph calls a response, and an eye a twitch."""
        return self.mep_v >= MOVEMENT_V


class VirtualPatient:
    """One accepted subject of the population, with a hotspot of its own.

    Args:
        seed: Decides everything; the same patient whoever builds it.
        spread: Which published population it comes from.

    Raises:
        ValueError: The seed is negative or has more than 63 bits.
    """

    def __init__(self, seed: int, spread: Spread = Spread.NARROW) -> None:
        if not 0 <= seed < SEED_LIMIT:
            raise ValueError(f"{seed}: a patient's seed is 0 to {SEED_LIMIT - 1}")
        self.seed = seed
        random = np.random.default_rng((seed, 0))
        self._person: Population = draw_population(1, spread, random)
        lateral, anterior = HOTSPOT_SD_MM * random.standard_normal(2)
        self.hotspot = CoilPlace(float(lateral), float(anterior))

    @property
    def threshold_pct_mso(self) -> float:
        """The true threshold with the coil on the hotspot, in %MSO."""
        return float(self._person.thresholds_pct_mso[0])

    def threshold_at(self, place: CoilPlace) -> float:
        """Return the true threshold with the coil somewhere, in %MSO; may be above 100."""
        return self.threshold_pct_mso / self._effect(place)

    def _effect(self, place: CoilPlace) -> float:
        distance_mm = math.hypot(
            place.lateral_mm - self.hotspot.lateral_mm,
            place.anterior_mm - self.hotspot.anterior_mm,
        )
        return math.exp(-0.5 * (distance_mm / FALLOFF_MM) ** 2)

    def respond(self, pulse: FiredPulse, place: CoilPlace) -> Response:
        """Return what a single pulse evokes with the coil somewhere."""
        random = np.random.default_rng((self.seed, 1, pulse.number))
        arriving = pulse.intensity_pct_mso * self._effect(place)
        mep_v = float(self._person.subjects.mep_v(arriving, random)[0])
        return Response(pulse.number, pulse.intensity_pct_mso, mep_v)


class PatientUnderCoil:
    """A virtual patient with a coil on the head; a `PulseObserver`, for one emulator.

    The pulses of a train evoke nothing here: the model is one of single pulses at rest.
    The emulator's thread calls `write`; any thread may read and move the coil.
    """

    def __init__(self, patient: VirtualPatient, place: CoilPlace = GRID_CENTRE) -> None:
        self.patient = patient
        self.place = place
        self._responses: list[Response] = []

    def write(self, pulse: FiredPulse) -> None:
        """Take a pulse that was fired."""
        if pulse.source is not Source.TRAIN:
            self._responses.append(self.patient.respond(pulse, self.place))

    @property
    def responses(self) -> tuple[Response, ...]:
        """What the single pulses evoked so far."""
        return tuple(self._responses)

    @property
    def last(self) -> Response | None:
        """What the last single pulse evoked, None before the first."""
        return self._responses[-1] if self._responses else None


def responses_in(log: Path, patient: VirtualPatient, place: CoilPlace) -> Iterator[Response]:
    """Yield what the single pulses of an emulator's pulse log evoke, the coil in one place.

    For an emulator in another process that is not behind a control socket.

    Raises:
        ValueError: A line of the log is no pulse.
        OSError: The log cannot be read.
    """
    under = PatientUnderCoil(patient, place)
    for logged in read_pulse_log(log):
        under.write(logged.pulse)
    yield from under.responses
