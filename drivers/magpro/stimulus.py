"""What one trigger of an emulated MagPro gives, and the train clock that sets triggers off.

It says when; whether a pulse can be given, and what it does, is the unit's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.magpro.commands import SetSettings, SetTrain
from drivers.magpro.tables import Waveform
from drivers.magpro.variants import PAIRED
from drivers.simulator.agenda import Agenda, Appointment
from drivers.simulator.device import Source

TENTH_MS_NS = 100_000
TENTH_S_NS = 100_000_000
PERIOD_OF_A_TENTH_HZ_NS = 10_000_000_000
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Stimulus:
    """What one trigger gives.

    Attributes:
        pulses: How many pulses.
        ipi_ns: Distance between them.
        paired: They are A and B of a pair, not a burst.
    """

    pulses: int = 1
    ipi_ns: int = 0
    paired: bool = False


def stimulus_of(settings: SetSettings) -> Stimulus:
    """Return what one trigger gives with these settings."""
    ipi_ns = settings.ipi_tenths_ms * TENTH_MS_NS
    if settings.mode in PAIRED:
        return Stimulus(2, ipi_ns, paired=True)
    if settings.waveform is Waveform.BIPHASIC_BURST:
        return Stimulus(settings.burst.pulses, ipi_ns)
    return Stimulus()


@dataclass(frozen=True, slots=True)
class Run:
    """Trains that were started, or one stimulus by itself.

    Attributes:
        start_ns: When its first pulse is due.
        source: What set it off.
        stimulus: What each trigger gives.
        train: Rate and counts, or None for one stimulus.
        clock_ppm: How much slower the unit's train clock runs, in parts per million.
    """

    start_ns: int
    source: Source
    stimulus: Stimulus
    train: SetTrain | None = None
    clock_ppm: int = 0

    @property
    def stimuli(self) -> int:
        """Stimuli in all its trains."""
        return 1 if self.train is None else self.train.pulses * self.train.trains

    @property
    def possible(self) -> bool:
        """True if each stimulus ends before the next is due, within and between trains."""
        if self.train is None:
            return True
        held_ns = (self.stimulus.pulses - 1) * self.stimulus.ipi_ns
        fits_rate = (
            self.train.pulses == 1 or held_ns * self.train.rate_tenths_hz < PERIOD_OF_A_TENTH_HZ_NS
        )
        fits_iti = self.train.trains == 1 or held_ns < self.train.iti_tenths_s * TENTH_S_NS
        return fits_rate and fits_iti

    def due_ns(self, number: int) -> int:
        """Return when a stimulus is due, counted from 0; exact, rounded half up once.

        The interval between trains runs from the last stimulus of one to the first of the next
        (2.4): a train takes (pulses - 1) / rate + ITI.
        """
        if self.train is None:
            return self.start_ns
        trains, stimuli = divmod(number, self.train.pulses)
        periods = trains * (self.train.pulses - 1) + stimuli
        rate = self.train.rate_tenths_hz
        nominal = (
            periods * PERIOD_OF_A_TENTH_HZ_NS + trains * self.train.iti_tenths_s * TENTH_S_NS * rate
        ) * (MILLION + self.clock_ppm)
        divisor = rate * MILLION
        return self.start_ns + (2 * nominal + divisor) // (2 * divisor)


class Sequencer:
    """Sets off the pulses of one run at a time, each at its exact time.

    Args:
        agenda: The unit's clock.
        ready: Says whether a stimulus can begin now; one that cannot is left out.
        give: Gives a pulse of a stimulus, numbered from 0.
        ended: Called when a run is over by itself.
    """

    def __init__(
        self,
        agenda: Agenda,
        ready: Callable[[], bool],
        give: Callable[[Run, int], None],
        ended: Callable[[], None],
    ) -> None:
        self._agenda = agenda
        self._ready = ready
        self._give = give
        self._ended = ended
        self._run: Run | None = None
        self._next: Appointment | None = None

    @property
    def busy(self) -> bool:
        """True from the trigger to the last pulse."""
        return self._run is not None

    def begin(self, run: Run) -> None:
        """Begin a run; the caller sees to it that none is in progress."""
        self._run = run
        self._next = self._agenda.at(run.due_ns(0), lambda: self._stimulus(run, 0))

    def cancel(self) -> None:
        """Give no further pulse; any number of times."""
        if self._next is not None:
            self._next.cancel()
        self._run = self._next = None

    def _stimulus(self, run: Run, number: int) -> None:
        if self._ready():
            self._pulse(run, number, 0)
        else:
            self._after(run, number)

    def _pulse(self, run: Run, number: int, index: int) -> None:
        self._give(run, index)
        if self._run is not run:
            return
        following = index + 1
        if following < run.stimulus.pulses:
            due_ns = run.due_ns(number) + following * run.stimulus.ipi_ns
            self._next = self._agenda.at(due_ns, lambda: self._pulse(run, number, following))
        else:
            self._after(run, number)

    def _after(self, run: Run, number: int) -> None:
        following = number + 1
        if following < run.stimuli:
            due_ns = run.due_ns(following)
            self._next = self._agenda.at(due_ns, lambda: self._stimulus(run, following))
        else:
            self.cancel()
            self._ended()
