"""An emulated MagPro without its serial port: settings, enabling, trains, pulses, coil and panel.

It takes parsed commands and pushes messages; bytes, reply latency and broken links are in
`emulator`, and ranges in `variants`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from drivers.magpro import replies
from drivers.magpro.commands import MAX_AMPLITUDE, Delays, SetSettings, SetTrain
from drivers.magpro.options import BurstReports, CounterUnit, Options
from drivers.magpro.replies import Info, Message
from drivers.magpro.stimulus import Run, Sequencer, stimulus_of
from drivers.magpro.tables import (
    NO_COOLER_C,
    Mode,
    Page,
    TimingControl,
    ba_index,
    ipi_index,
)
from drivers.magpro.variants import DEFAULT_TRAIN, takes_delays
from drivers.simulator.agenda import Agenda, Appointment
from drivers.simulator.device import FiredPulse, Source
from drivers.simulator.faults import EXTRA_PULSE_AFTER_NS, FaultName, FaultPlan
from drivers.simulator.physics import Coil, Physics

SENSOR_PERIOD_NS = 1_000_000_000
"""How often the unit looks at its coil's temperature (assumed)."""
TRIGGER_LATENCY_NS = 1_000_000
"""From a trigger to its pulse; not published for a MagPro, illustrative."""
START_LATENCY_NS = 3_000_000
"""From a start command to the first pulse; illustrative, long enough for the id-8 frame to have
left, so that the first report is not held up behind it."""
MAX_COUNT = 0x10000
MAX_REPORTED_A_US = 199
"""Highest di/dt the byte of id 2 is said to hold (2.3)."""
HOT_FAULT_C = 43.0

_UNIT_FAULTS = (
    FaultName.WRONG_INTENSITY,
    FaultName.EXTRA_PULSE,
    FaultName.COIL_HOT,
    FaultName.COIL_REMOVED,
    FaultName.INTERLOCK_OPEN,
    FaultName.PANEL_CHANGE,
)


class MagProUnit:
    """The stimulator itself; `push` gets what it says, `on_fired` every pulse before its report."""

    def __init__(
        self,
        options: Options,
        faults: FaultPlan,
        push: Callable[[Message], None],
        on_fired: Callable[[FiredPulse], None],
    ) -> None:
        self.options = options
        self.variant = variant = options.variant
        self.physics = Physics(options.coil, variant.charge_full_ns, options.seed, options.jitter)
        self.agenda = Agenda(self.physics.advance)
        self._faults = faults
        self._push = push
        self._on_fired = on_fired
        self._random = random.Random(options.seed + 1)
        self._sequencer = Sequencer(
            self.agenda, lambda: self.physics.ready, self._give, self._stop_stimulus
        )
        self._stimulus = StimulusSoFar(sends_first=False)
        self.fired: list[FiredPulse] = []
        self._wrong_by_pct = 0
        self._interlock_open = False
        self._set_defaults()
        self.powered = True
        self.agenda.at(self.agenda.now_ns + SENSOR_PERIOD_NS, self._look_at_sensor)

    def _set_defaults(self) -> None:
        self.a_pct = 0
        self.b_pct = 0
        self.enabled = False
        self.page = Page.MAIN
        self.settings = self.variant.default_settings()
        self.train = DEFAULT_TRAIN
        self.timing = TimingControl.SEQUENCE
        self.warn = False
        self.delays = Delays()
        self.stimulus_count = 0
        self.running = False
        self._changing: Appointment | None = None
        self._said_temperature_c = self.temperature_c

    # What it says -----------------------------------------------------------------------------

    @property
    def info(self) -> Info:
        """The info byte."""
        return Info(self.variant.model, self.enabled, self.settings.waveform, self.settings.mode)

    @property
    def coil_type(self) -> int:
        """The coil's type byte, 0 without one."""
        return self.physics.coil.type_id if self.physics.coil else 0

    @property
    def temperature_c(self) -> int:
        """The temperature it reports: whole degrees, 90 for a cooled coil without its cooler."""
        coil = self.physics.coil
        if coil is None:
            return 0
        if coil.needs_cooler and not coil.has_cooler:
            return NO_COOLER_C
        return min(255, int(self.physics.temperature_c))

    def status(self) -> replies.Status:
        """Return the answer to id 0."""
        return replies.Status(
            self.info,
            self.options.serial,
            self.temperature_c,
            self.coil_type,
            self.a_pct,
            self.b_pct,
        )

    def status2(self) -> replies.Status2:
        """Return the answer to id 5; the Protocol page's factors are always 100 %."""
        return replies.Status2(
            self.status(), self.a_pct, self.b_pct, 100, 100, self.page, self.running
        )

    def settings_reply(self) -> replies.Settings:
        """Return the answer to id 9, 00."""
        now = self.settings
        return replies.Settings(
            self.variant.caps,
            now.mode,
            now.direction,
            now.waveform,
            now.burst,
            ipi_index(now.mode, now.ipi_tenths_ms),
            ba_index(now.mode, now.ba_hundredths),
        )

    def train_reply(self) -> replies.TrainReply:
        """Return the answer to id 11, 00."""
        return replies.TrainReply(self.timing, self.train, int(self.warn))

    def amplitude_message(self) -> replies.Amplitude:
        """Return the id-1 frame of this moment."""
        return replies.Amplitude(self.a_pct, self.b_pct, self.info)

    def coil_message(self) -> replies.CoilState:
        """Return the id-3 frame of this moment."""
        self._said_temperature_c = self.temperature_c
        return replies.CoilState(self._said_temperature_c, self.coil_type, self.info)

    def say_enabled(self) -> None:
        """Push the three frames about being enabled or not: ids 1, 3, 1 (2.4)."""
        self._push(self.amplitude_message())
        self._push(self.coil_message())
        self._push(self.amplitude_message())

    def _say_page(self) -> None:
        self._push(replies.PageState(self.page, self.running, self.info))

    # What it takes ----------------------------------------------------------------------------

    @property
    def changing_mode(self) -> bool:
        """True while the capacitors are being reconfigured."""
        return self._changing is not None and not self._changing.cancelled

    def set_amplitude(self, a_pct: int, b_pct: int | None) -> bool:
        """Take amplitudes and return whether anything changed."""
        if self._wrong_by_pct:
            a_pct, self._wrong_by_pct = _clipped(a_pct + self._wrong_by_pct), 0
        before = self.a_pct, self.b_pct
        if self.settings.mode is Mode.TWIN:
            b_pct = _clipped((a_pct * self.settings.ba_hundredths + 50) // 100)
        elif self.settings.mode is not Mode.DUAL:
            b_pct = 0
        self.a_pct = a_pct
        self.b_pct = self.b_pct if b_pct is None else b_pct
        if self.enabled:
            self.physics.charge(before[0], a_pct)
        return before != (self.a_pct, self.b_pct)

    def set_enabled(self, enabled: bool) -> None:
        """Enable unless something forbids it, or disable: a train ends after the pulse in hand."""
        if not enabled:
            self._disable()
        elif not self.enabled and not self._forbidden():
            self.enabled = True
            self.physics.charge(0, self.a_pct)

    def _forbidden(self) -> bool:
        return (
            self.physics.coil is None
            or self.physics.too_hot
            or self._interlock_open
            or self.changing_mode
        )

    def _disable(self) -> None:
        self.enabled = False
        self.physics.discharge()
        self._stop_stimulus()

    def set_settings(self, wanted: SetSettings) -> None:
        """Take settings, or ignore them in silence; a change of mode or waveform takes time."""
        if self.running or self.changing_mode or not self.variant.takes_settings(wanted):
            return
        now = self.settings
        if (now.mode, now.waveform) == (wanted.mode, wanted.waveform):
            self._take_settings(wanted)
            return
        if self.enabled:
            self._disable()
            self.say_enabled()
        self._changing = self.agenda.at(
            self.agenda.now_ns + self.options.mode_change_ns, lambda: self._take_settings(wanted)
        )

    def _take_settings(self, wanted: SetSettings) -> None:
        self._changing = None
        self.settings = wanted
        b_pct = wanted.ba_hundredths // 100 if wanted.mode is Mode.DUAL else None
        self.set_amplitude(self.a_pct, b_pct)

    def set_train(self, train: SetTrain) -> None:
        """Take a train by command 6: only on page Timing, not while one runs, and in range."""
        if self.page is Page.TIMING:
            self.set_train_11(self.timing, train, self.warn)

    def set_train_11(self, timing: TimingControl, train: SetTrain, warn: bool) -> None:
        """Take a train by the undocumented command 11, or ignore it in silence."""
        if TimingControl.EXTENDED_RATE in timing and not self.variant.extended_rate:
            return
        if not self.running and self.variant.takes_train(train, self.settings, timing):
            self.timing, self.train, self.warn = timing, train, warn

    def set_delays(self, delays: Delays) -> None:
        """Take delays, or ignore them in silence."""
        if not self.running and takes_delays(delays, self.timing):
            self.delays = delays

    def set_page(self, page: Page) -> None:
        """Show a page, unless a train runs."""
        if self.running or page is self.page:
            return
        self.page = page
        self._say_page()
        if page is Page.PROTOCOL:
            self._push(replies.OriginalAmplitude(self.a_pct, self.b_pct, self.info))
            self._push(replies.AmplitudeFactor(100, 100, self.info))

    # What it does -----------------------------------------------------------------------------

    def trigger(self, source: Source, delay_ns: int = 0) -> None:
        """Give one stimulus; lost in silence if it is not enabled, not charged or busy."""
        if self.enabled and not self._sequencer.busy:
            start_ns = self.agenda.now_ns + TRIGGER_LATENCY_NS + delay_ns
            self._sequencer.begin(Run(start_ns, source, stimulus_of(self.settings)))

    def start_train(self, source: Source) -> None:
        """Start the train; ignored in silence where 2.2 and 2.4 do not allow it."""
        run = Run(
            self.agenda.now_ns + START_LATENCY_NS,
            Source.TRAIN if source is Source.SERIAL else source,
            stimulus_of(self.settings),
            self.train,
            self.options.clock_ppm,
        )
        host_may = self.timing & ~TimingControl.EXTENDED_RATE == TimingControl.SEQUENCE
        allowed = (
            self.enabled
            and (host_may or source is Source.TTL)
            and not self._sequencer.busy
            and self.physics.ready
            and self.page in {Page.TIMING, Page.PROTOCOL}
            and self.variant.takes_train(self.train, self.settings, self.timing)
            and run.possible
        )
        if allowed:
            self.running = True
            self._say_page()
            self._sequencer.begin(run)

    def _stop_stimulus(self) -> None:
        self._sequencer.cancel()
        if self.running:
            self.running = False
            self._say_page()

    def _give(self, run: Run, index: int) -> None:
        """Give a pulse of a stimulus, count it, report it, and let happen what happens at it."""
        if index == 0:
            self._stimulus = StimulusSoFar(sends_first=bool(self._random.getrandbits(1)))
        number = len(self.fired) + 1
        for fault in self._faults.take(number, FaultName.WRONG_INTENSITY):
            self.a_pct = _clipped(self.a_pct + fault.amount_pct_mso)
        if self._faults.take(number, FaultName.DROP_PULSE):
            return
        is_b = run.stimulus.paired and index == 1
        pulse = self._fire(self.b_pct if is_b else self.a_pct, run.source)
        if not self.powered:
            return
        if not self._stimulus.counted or self.options.counter is CounterUnit.PULSES:
            self.stimulus_count = (self.stimulus_count + 1) % MAX_COUNT
            self._stimulus.counted = True
        if run.stimulus.paired:
            self._report_pair(pulse.a_us, is_b)
        elif not self._stimulus.reported or self.options.burst_reports is BurstReports.PULSE:
            self._push(replies.StimulusReport(pulse.a_us, 0, self.info))
            self._stimulus.reported = True
        self.happen(number)

    def _report_pair(self, a_us: int, is_b: bool) -> None:
        if is_b:
            self._push(replies.StimulusReport(self._stimulus.a_us, a_us, self.info))
            return
        self._stimulus.a_us = a_us
        if self._stimulus.sends_first:
            self._push(replies.StimulusReport(a_us, 0, self.info))

    def _fire(self, intensity_pct: int, source: Source) -> FiredPulse:
        a_us = self.physics.fire(intensity_pct, self.delays.charge_ms * 1_000_000)
        pulse = FiredPulse(
            len(self.fired) + 1,
            self.agenda.now_ns,
            intensity_pct,
            min(MAX_REPORTED_A_US, a_us),
            source,
        )
        self.fired.append(pulse)
        self._on_fired(pulse)
        return pulse

    def _give_extra(self) -> None:
        if not self.powered or self.physics.coil is None:
            return
        pulse = self._fire(self.a_pct, Source.FAULT)
        if self.powered:
            self.stimulus_count = (self.stimulus_count + 1) % MAX_COUNT
            self._push(replies.StimulusReport(pulse.a_us, 0, self.info))
            self.happen(pulse.number)

    # What happens to it -----------------------------------------------------------------------

    def happen(self, number: int) -> None:
        """Let the faults of a pulse happen, 0 for those from the start, and stop a hot coil."""
        for fault in self._faults.take(number, *_UNIT_FAULTS):
            match fault.name:
                case FaultName.WRONG_INTENSITY:
                    self._wrong_by_pct = fault.amount_pct_mso
                case FaultName.EXTRA_PULSE:
                    self.agenda.at(self.agenda.now_ns + EXTRA_PULSE_AFTER_NS, self._give_extra)
                case FaultName.COIL_HOT:
                    self.physics.heat_to(HOT_FAULT_C)
                case FaultName.COIL_REMOVED:
                    self.plug_coil(None)
                case FaultName.INTERLOCK_OPEN:
                    self.set_interlock(is_open=True)
                case _:
                    self.turn_knob(fault.amount_pct_mso)
        if self.enabled and self.physics.too_hot:
            self._disarm()

    def _disarm(self) -> None:
        self._disable()
        self.say_enabled()

    def plug_coil(self, coil: Coil | None) -> None:
        """Plug in a coil, or pull it out: either disarms and is told."""
        self.physics.plug(coil)
        self._disarm()
        if coil is None:
            self._push(replies.Notice(replies.COIL_REMOVED))

    def set_interlock(self, *, is_open: bool) -> None:
        """Open the interlock, which disarms, or close it."""
        self._interlock_open = is_open
        if is_open:
            self._disarm()

    def turn_knob(self, by_pct_mso: int) -> None:
        """Change amplitude A at the panel or the coil; the unit says so."""
        b_pct = self.b_pct if self.settings.mode is Mode.DUAL else None
        if self.set_amplitude(_clipped(self.a_pct + by_pct_mso), b_pct):
            self._push(self.amplitude_message())

    def lose_power(self) -> None:
        """Go dark: nothing is given or said until `regain_power`; the coil stays hot."""
        self.powered = False
        self._disable()
        if self._changing is not None:
            self._changing.cancel()

    def regain_power(self) -> None:
        """Come back with default settings, disarmed, and say so."""
        self._set_defaults()
        self.powered = True
        self._push(replies.Notice(replies.POWER_ON))

    def _look_at_sensor(self) -> None:
        self.agenda.at(self.agenda.now_ns + SENSOR_PERIOD_NS, self._look_at_sensor)
        if self.powered and self.temperature_c != self._said_temperature_c:
            self._push(self.coil_message())


@dataclass(slots=True)
class StimulusSoFar:
    """What was counted and said of the stimulus in hand."""

    sends_first: bool
    counted: bool = False
    reported: bool = False
    a_us: int = 0


def _clipped(pct_mso: int) -> int:
    return max(0, min(MAX_AMPLITUDE, pct_mso))
