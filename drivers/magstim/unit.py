"""An emulated Magstim without its serial line: arming, charging, pulses, trains, watchdog, coil.

What its commands do is in `obedience`, bytes and broken links in `emulator`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from drivers.magstim import energy
from drivers.magstim.dialect import Extended, Family, Instrument, RapidState
from drivers.magstim.options import Options
from drivers.magstim.tables import (
    ARMING_NS,
    LOST_PULSE_NS,
    MAX_ENHANCED_PCT_MSO,
    MAX_PCT_MSO,
    TRAIN_LOCKOUT_NS,
    recharge_ns,
    slew_ns,
)
from drivers.simulator.agenda import Agenda, Appointment
from drivers.simulator.device import FiredPulse, Source
from drivers.simulator.faults import EXTRA_PULSE_AFTER_NS, FaultName, FaultPlan
from drivers.simulator.physics import Coil, Physics

MS = 1_000_000
S = 1_000_000_000
WATCHDOG_STANDBY_NS = 10 * S
WATCHDOG_ARMED_NS = S
IDLE_DISARM_NS = 60 * S
"""Armed and nothing fired for so long: disarmed (1.5)."""
HOT_C = 40.0
"""Above it the unit disarms and does not arm (1.5)."""
HOT_FAULT_C = 43.0
SENSOR_PERIOD_NS = S
FASTEST_ARMING_NS = 600 * MS
"""Arming takes up to `ARMING_NS`; how much less it may take is assumed."""
PULSE_LATENCY_NS = {
    Family.MAGSTIM_200: (3_900_000, 5_900_000),
    Family.BISTIM: (5_400_000, 8_400_000),
    Family.RAPID: (1_400_000, 2_900_000),
}
"""From the end of a fire command to its pulse: the published times less 3.1 ms of line (part 6)."""

_FAULTS = (
    FaultName.WRONG_INTENSITY,
    FaultName.EXTRA_PULSE,
    FaultName.COIL_HOT,
    FaultName.COIL_REMOVED,
    FaultName.INTERLOCK_OPEN,
    FaultName.PANEL_CHANGE,
)


class Phase(Enum):
    """How far it is from being able to fire."""

    STANDBY = 0
    CHARGING = 1
    READY = 2


@dataclass(frozen=True, slots=True)
class Damage:
    """A host broke the energy rules, which may damage a real unit."""

    at_ns: int
    sentence: str


class MagstimUnit:
    """The stimulator itself.

    Args:
        options: How it is built.
        faults: What will go wrong.
        on_fired: Gets every pulse.

    Attributes:
        remote: A host controls it.
        damage: What the host did that may damage a real unit.
    """

    def __init__(
        self, options: Options, faults: FaultPlan, on_fired: Callable[[FiredPulse], None]
    ) -> None:
        self.options = options
        self.rapid = options.rapid
        self.physics = Physics(options.coil, 0, options.seed, options.jitter)
        self.agenda = Agenda(self.physics.advance)
        self._faults = faults
        self._on_fired = on_fired
        self._random = random.Random(options.seed + 1)
        self.fired: list[FiredPulse] = []
        self.damage: list[Damage] = []
        self._energy: deque[tuple[int, Fraction]] = deque()
        self._energy_j = Fraction(0)
        self._may_train_ns = 0
        self._last_single_ns: int | None = None
        self.powered = True
        self._interlock_open = False
        self._wrong_by_pct = 0
        self._pending: list[Appointment] = []
        self._timers: dict[str, Appointment] = {}
        self._set_defaults()
        self.agenda.at(SENSOR_PERIOD_NS, self._look_at_sensor)

    def _set_defaults(self) -> None:
        """Set what holds after power-on (1.8; where that is silent, assumed)."""
        self.remote = False
        self.phase = Phase.STANDBY
        self.power_pct = self.power_b_pct = 30
        self.interval = 10
        self.high_resolution = False
        self.frequency_tenths = 10
        self.pulses = 1
        self.duration_tenths = 0
        self.enhanced = False
        self.interlock_ignored = False
        self.charge_delay_ms = 0
        self.delay_set = False
        self.error = 0
        self.train_running = self.waiting = False
        self._fed_ns = 0
        self._train_start_ns = self._train_given = 0

    # What it shows ----------------------------------------------------------------------------

    @property
    def armed(self) -> bool:
        """True if it charges or can fire."""
        return self.phase is not Phase.STANDBY

    @property
    def single_pulse(self) -> bool:
        """True unless it is a Rapid² in repetitive mode."""
        return self.duration_tenths == 0

    @property
    def max_power_pct(self) -> int:
        """The highest power it takes now."""
        return MAX_ENHANCED_PCT_MSO if self.enhanced else MAX_PCT_MSO

    @property
    def instrument(self) -> Instrument:
        """The instrument status byte."""
        shown = {
            Phase.STANDBY: Instrument.STANDBY,
            Phase.CHARGING: Instrument.ARMED,
            Phase.READY: Instrument.READY,
        }[self.phase]
        if self.physics.coil is not None:
            shown |= Instrument.COIL
        if self.error:
            shown |= Instrument.ERROR
        return shown | Instrument.REMOTE if self.remote else shown

    @property
    def rapid_state(self) -> RapidState:
        """The Rapid status byte."""
        flags = {
            RapidState.ENHANCED_POWER: self.enhanced,
            RapidState.TRAIN: self.train_running,
            RapidState.WAIT: self.waiting,
            RapidState.SINGLE_PULSE: self.single_pulse,
            RapidState.HV_SUPPLY: True,
            RapidState.COIL_READY: self.physics.coil is not None and not self.hot,
        }
        return RapidState(sum(flag for flag, holds in flags.items() if holds))

    @property
    def extended(self) -> Extended:
        """The low byte of the extended status."""
        plus = self.rapid is not None and "Plus" in self.rapid.name
        shown = Extended.PLUS1 if plus else Extended(0)
        return shown | Extended.CHARGE_DELAY if self.delay_set else shown

    @property
    def hot(self) -> bool:
        """True if its coil is over 40 °C."""
        return self.physics.temperature_c > HOT_C

    # Remote control ---------------------------------------------------------------------------

    def take_remote(self) -> None:
        """Give control to the host."""
        self.remote = True

    def release_remote(self) -> None:
        """Disarm and return control to the front."""
        self.disarm()
        self.remote = False
        self._cancel("watchdog")

    def feed(self) -> None:
        """A valid command came that returns status: the watchdog is content for now."""
        self._fed_ns = self.agenda.now_ns
        self._watch()

    def _watch(self) -> None:
        if self.remote:
            limit_ns = WATCHDOG_ARMED_NS if self.armed else WATCHDOG_STANDBY_NS
            self._timer("watchdog", self._fed_ns + limit_ns, self.release_remote)

    def _timer(self, name: str, at_ns: int, action: Callable[[], None]) -> None:
        self._cancel(name)
        self._timers[name] = self.agenda.at(at_ns, action)

    def _cancel(self, name: str) -> None:
        if name in self._timers:
            self._timers.pop(name).cancel()

    # Arming -----------------------------------------------------------------------------------

    @property
    def may_arm(self) -> bool:
        """True unless coil, heat, interlock or an error forbids it."""
        blocked = self._interlock_open and not self.interlock_ignored
        return self.physics.coil is not None and not (self.hot or blocked or self.error)

    def arm(self) -> None:
        """Begin to charge; the caller has asked `may_arm`."""
        arming_ns = self._random.randint(FASTEST_ARMING_NS, ARMING_NS)
        self._charge_until(self.agenda.now_ns + arming_ns)
        self._expect_use()

    def _expect_use(self) -> None:
        self._timer("idle", self.agenda.now_ns + IDLE_DISARM_NS, self.disarm)

    def _charge_until(self, at_ns: int) -> None:
        if self.phase is Phase.CHARGING and "ready" in self._timers:
            at_ns = max(at_ns, self._timers["ready"].due_ns)
        self.phase = Phase.CHARGING
        self._timer("ready", at_ns, self._become_ready)

    def _become_ready(self) -> None:
        if self.armed and not (self.train_running or self.waiting):
            self.phase = Phase.READY

    def disarm(self) -> None:
        """Discharge: nothing more is fired, a train ends after the pulse in hand."""
        was_armed, self.phase = self.armed, Phase.STANDBY
        for name in ("ready", "idle"):
            self._cancel(name)
        for appointment in self._pending:
            appointment.cancel()
        self._pending.clear()
        if self.train_running:
            self._end_train()
        if was_armed:
            self._watch()

    def set_power(self, pct: int) -> None:
        """Take a power; charging up or bleeding down takes its time while armed."""
        pct = max(0, min(self.max_power_pct, pct + self._wrong_by_pct))
        self._wrong_by_pct = 0
        before, self.power_pct = self.power_pct, pct
        if self.armed and before != pct:
            self._charge_until(self.agenda.now_ns + slew_ns(before, pct))
        if self.rapid is not None and pct <= MAX_PCT_MSO:
            highest = 10 * self.rapid.max_frequency_hz(pct)
            self.frequency_tenths = min(self.frequency_tenths, highest)

    # Stimulating ------------------------------------------------------------------------------

    def trigger(self, source: Source) -> None:
        """Fire what it is set to; the caller has seen that it is ready."""
        lowest, highest = PULSE_LATENCY_NS[self.options.family]
        first_ns = self.agenda.now_ns + self._random.randint(lowest, highest)
        self._expect_use()
        if self.rapid is None or self.single_pulse:
            self._fire_single(first_ns, source)
        else:
            self._start_train(first_ns, Source.TRAIN if source is Source.SERIAL else source)

    def _fire_single(self, at_ns: int, source: Source) -> None:
        now_ns, last_ns = self.agenda.now_ns, self._last_single_ns
        lost = self.rapid is not None and last_ns is not None and now_ns - last_ns < LOST_PULSE_NS
        if lost and source is Source.SERIAL:
            return  # acknowledged and never given (1.8)
        self._last_single_ns = now_ns
        charge_ns = self._recharge_ns() + self.charge_delay_ms * MS
        self._charge_until(at_ns + charge_ns)
        self._give_at(at_ns, self.power_pct, source)
        if self.options.family is Family.BISTIM:
            unit_ns = MS // 10 if self.high_resolution else MS
            self._give_at(at_ns + self.interval * unit_ns, self.power_b_pct, source)

    def _recharge_ns(self) -> int:
        if self.rapid is None or self.power_pct > MAX_PCT_MSO:
            return recharge_ns(self.options.family, self.power_pct)
        return S // self.rapid.max_frequency_hz(self.power_pct)

    def _give_at(self, at_ns: int, pct: int, source: Source) -> None:
        if pct:
            self._pending = [one for one in self._pending if not one.cancelled]
            self._pending.append(self.agenda.at(at_ns, lambda: self._give(pct, source)))

    def _start_train(self, first_ns: int, source: Source) -> None:
        if self.agenda.now_ns < self._may_train_ns:
            early_ms = (self._may_train_ns - self.agenda.now_ns) / MS
            self._damaged(f"a train was started {early_ms:.0f} ms before the wait after the last")
        self.train_running, self._train_start_ns, self._train_given = True, first_ns, 0
        self.phase = Phase.CHARGING
        self._cancel("ready")
        self._train_pulse(0, source)

    def _train_pulse(self, index: int, source: Source) -> None:
        due_ns = self._train_due_ns(index)
        if index == self.pulses and self.options.ends_at_last_pulse:
            due_ns = self._train_due_ns(index - 1) + MS
        if index < self.pulses:
            action = lambda: self._give_of_train(index, source)  # noqa: E731 - bound here
        else:
            action = self._end_train
        self._pending = [self.agenda.at(due_ns, action)]

    def _train_due_ns(self, index: int) -> int:
        rate = self.frequency_tenths
        return self._train_start_ns + (20 * S * index + rate) // (2 * rate)

    def _give_of_train(self, index: int, source: Source) -> None:
        self._train_given = index + 1
        self._train_pulse(index + 1, source)
        self._give(self.power_pct, source)

    def _end_train(self) -> None:
        """The train is over: lock-out, and the wait that the host owes."""
        self.train_running, self.waiting = False, True
        rate = Fraction(self.frequency_tenths, 10)
        wait_s = energy.wait_after_s(self._train_given, rate, min(self.power_pct, MAX_PCT_MSO))
        self._may_train_ns = self.agenda.now_ns + int(wait_s * S)
        self._timer("wait", self.agenda.now_ns + TRAIN_LOCKOUT_NS, self._end_wait)
        self._expect_use_if_armed()

    def _expect_use_if_armed(self) -> None:
        if self.armed:
            self._expect_use()

    def _end_wait(self) -> None:
        self.waiting = False
        if "ready" not in self._timers or self._timers["ready"].cancelled:
            self._become_ready()

    def _give(self, pct: int, source: Source) -> None:
        """Give one pulse, unless a fault drops it, and let happen what happens at it."""
        number = len(self.fired) + 1
        for fault in self._faults.take(number, FaultName.WRONG_INTENSITY):
            self.power_pct = max(0, min(self.max_power_pct, self.power_pct + fault.amount_pct_mso))
            pct = self.power_pct
        if self._faults.take(number, FaultName.DROP_PULSE) or self.physics.coil is None:
            return
        pulse = FiredPulse(number, self.agenda.now_ns, pct, self.physics.fire(pct), source)
        self.fired.append(pulse)
        self._spend(pct)
        self._on_fired(pulse)
        if self.powered:
            self.happen(number)

    def _spend(self, pct: int) -> None:
        now_ns, joules = self.agenda.now_ns, energy.pulse_energy_j(pct)
        self._energy.append((now_ns, joules))
        self._energy_j += joules
        while self._energy[0][0] <= now_ns - energy.MINUTE_S * S:
            self._energy_j -= self._energy.popleft()[1]
        if self.rapid is not None and self._energy_j > energy.MINUTE_J:
            self._damaged(f"{float(self._energy_j):.0f} J in one minute")

    def _damaged(self, sentence: str) -> None:
        if not self.damage or self.damage[-1].at_ns < self.agenda.now_ns - S:
            self.damage.append(Damage(self.agenda.now_ns, sentence))

    def _give_extra(self) -> None:
        if self.powered:
            self._give(self.power_pct, Source.FAULT)

    # What happens to it -----------------------------------------------------------------------

    def happen(self, number: int) -> None:
        """Let the faults of a pulse happen, 0 for those from the start, and stop a hot coil."""
        for fault in self._faults.take(number, *_FAULTS):
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
                    self.set_power(self.power_pct + fault.amount_pct_mso)
        if self.armed and self.hot:
            self.disarm()

    def plug_coil(self, coil: Coil | None) -> None:
        """Plug in a coil, or pull it out: either disarms."""
        self.physics.plug(coil)
        self.disarm()

    def set_interlock(self, *, is_open: bool) -> None:
        """Open the interlock, which disarms unless it is ignored, or close it."""
        self._interlock_open = is_open
        if is_open and not self.interlock_ignored:
            self.disarm()

    def lose_power(self) -> None:
        """Go dark: nothing is given until `regain_power`; the coil stays hot."""
        self.disarm()
        self.powered = False
        for name in list(self._timers):
            self._cancel(name)

    def regain_power(self) -> None:
        """Come back with default settings, in standby, the front in control."""
        self._set_defaults()
        self.powered = True

    def _look_at_sensor(self) -> None:
        self.agenda.at(self.agenda.now_ns + SENSOR_PERIOD_NS, self._look_at_sensor)
        if self.armed and self.hot:
            self.disarm()
