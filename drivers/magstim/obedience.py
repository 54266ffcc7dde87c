"""What an emulated Magstim does with each command of the table, whatever order they come in.

The table is stimulators.md 1.6, the states 1.4 and 1.5; where they are silent the choice is marked.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from drivers.magstim.codec import Malformed
from drivers.magstim.dialect import Command, Family, Part
from drivers.magstim.replies import Answer, BadData, Conflict, Reply, Unrecognised, Version
from drivers.magstim.requests import DISARM, Request
from drivers.magstim.tables import MAX_PCT_MSO, Mains
from drivers.magstim.unit import MagstimUnit, Phase
from drivers.simulator.device import Source

STOP_BIT, ARM_BIT, TRIGGER_BIT, ALWAYS_BIT = 0x01, 0x02, 0x08, 0x40
KNOWN_BITS = STOP_BIT | ARM_BIT | TRIGGER_BIT | ALWAYS_BIT
FINE_TENTHS = 300
"""Frequencies in steps of 0.1 Hz up to here, in tenths of Hz (1.8)."""
SINGLE_TENTHS = 10
"""Highest frequency in single-pulse mode, in tenths of Hz (1.8)."""
MAX_DELAY_MS = {9: 2000}
MAX_DELAY_FROM_10_MS = 10_000
ERROR_SOURCE = "E"

_QUERIES = frozenset(
    {
        Command.PARAMETERS,
        Command.TEMPERATURE,
        Command.SYSTEM_MODE,
        Command.VERSION,
        Command.RAPID_PARAMETERS,
        Command.ERROR_CODE,
        Command.SYSTEM_STATUS,
        Command.GET_CHARGE_DELAY,
    }
)
_ANY_TIME = _QUERIES | {Command.ENABLE_REMOTE, Command.RELEASE_REMOTE}
_TRAIN_SETTERS = frozenset(
    {Command.POWER, Command.FREQUENCY, Command.PULSES, Command.DURATION, Command.SET_CHARGE_DELAY}
)
"""What must not be changed during a train and the lock-out after it (1.8)."""


class Refused(Exception):
    """The unit answers with a refusal."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


class Obedience:
    """The command interpreter of one unit."""

    def __init__(self, unit: MagstimUnit) -> None:
        self._unit = unit
        self._dialect = unit.options.dialect

    def obey(self, heard: Request | Malformed) -> bytes | None:
        """Do what was heard and return what the unit answers, None if it stays silent."""
        if self._locked and not self._opens(heard):
            if heard == DISARM:
                self._unit.disarm()  # safe, and silent as everything else
            return None
        try:
            reply = self._reply(heard)
        except Refused as refusal:
            reply = refusal.reply
        return reply.frame(self._dialect) if isinstance(reply, Answer) else reply.frame

    @property
    def _locked(self) -> bool:
        return self._dialect.locked and not self._unit.remote

    def _opens(self, heard: Request | Malformed) -> bool:
        """Return True for what software 9 and above answers before it is unlocked."""
        if not isinstance(heard, Request):
            return False
        if heard.command is Command.VERSION:
            return not self._unit.options.silent_while_locked
        code = self._unit.options.code.secret
        return heard.command is Command.ENABLE_REMOTE and heard.data == code

    def _reply(self, heard: Request | Malformed) -> Reply:
        if isinstance(heard, Malformed):
            return Unrecognised() if heard.command is None else BadData(heard.command)
        command, unit = heard.command, self._unit
        if command is Command.VERSION:
            if heard.data != b"D":
                raise Refused(BadData(command))
            return Version(unit.options.version)
        effect = self._effect(heard)
        if command in {Command.ENABLE_REMOTE, Command.RELEASE_REMOTE}:
            effect()
            unit.feed()
            return self._answer(command)
        if command not in _ANY_TIME and heard != DISARM and not unit.remote:
            raise Refused(Conflict(command))
        answer = self._answer(command)  # the state before the command takes effect
        effect()
        unit.feed()
        return answer

    def _answer(self, command: Command) -> Answer:
        unit = self._unit
        parts = self._dialect.reply_parts(command)
        letter = ""
        numbers: tuple[int, ...] = ()
        if command in _QUERIES:
            letter, numbers = self._content(command)
        return Answer(
            command,
            unit.instrument,
            unit.rapid_state if Part.RAPID in parts else None,
            unit.extended if Part.EXTENDED in parts else None,
            letter,
            numbers,
        )

    def _content(self, command: Command) -> tuple[str, tuple[int, ...]]:
        """Return the letter and the numbers that a query is answered with."""
        unit = self._unit
        match command:
            case Command.PARAMETERS if unit.options.family is Family.MAGSTIM_200:
                return "", (unit.power_pct, 0, 0)
            case Command.PARAMETERS:
                return "", (unit.power_pct, unit.power_b_pct, unit.interval)
            case Command.TEMPERATURE:
                tenths = min(999, int(unit.physics.temperature_c * 10))
                return "", (tenths, tenths)
            case Command.SYSTEM_MODE:
                return ("4" if unit.high_resolution else "2"), ()
            case Command.RAPID_PARAMETERS:
                wait = 1 if unit.single_pulse else 5
                train = (unit.frequency_tenths, unit.pulses, unit.duration_tenths)
                return "", (unit.power_pct, *train, wait)
            case Command.ERROR_CODE:
                return ERROR_SOURCE, (unit.error,)
            case Command.GET_CHARGE_DELAY:
                return "", (unit.charge_delay_ms,)
            case _:
                return "", ()

    # Effects ----------------------------------------------------------------------------------

    def _effect(self, request: Request) -> Callable[[], None]:
        """Return what the command does.

        Raises:
            Refused: Its data are bad; whether its state is, is found out by the effect itself.
        """
        command, unit = request.command, self._unit
        if command in _QUERIES:
            return _nothing
        match command:
            case Command.ENABLE_REMOTE:
                return unit.take_remote
            case Command.RELEASE_REMOTE:
                return unit.release_remote
            case Command.MODE:
                return self._mode(request.data[0])
            case Command.HIGH_RESOLUTION_ON | Command.HIGH_RESOLUTION_OFF:
                return lambda: self._resolution(command)
            case Command.ENHANCED_POWER_ON | Command.ENHANCED_POWER_OFF:
                return lambda: self._enhance(command)
            case Command.IGNORE_INTERLOCK:
                return self._ignore_interlock
            case _:
                return self._setter(command, self._number(request))

    def _number(self, request: Request) -> int:
        if not request.data.isdigit():
            raise Refused(BadData(request.command))
        return int(request.data)

    def _mode(self, bits: int) -> Callable[[], None]:
        if bits & ~KNOWN_BITS or not bits & ALWAYS_BIT:
            raise Refused(BadData(Command.MODE))
        if bits & STOP_BIT:
            return self._unit.disarm
        if bits & TRIGGER_BIT:
            return self._fire
        return self._arm if bits & ARM_BIT else _nothing

    def _arm(self) -> None:
        if self._unit.armed or not self._unit.may_arm:
            raise Refused(Conflict(Command.MODE))
        self._unit.arm()

    def _fire(self) -> None:
        if self._unit.phase is not Phase.READY:
            raise Refused(Conflict(Command.MODE))
        self._unit.trigger(Source.SERIAL)

    def _resolution(self, command: Command) -> None:
        if self._unit.armed:
            raise Refused(Conflict(command))
        self._unit.high_resolution = command is Command.HIGH_RESOLUTION_ON
        self._unit.interval = 10  # 1.0 ms in tenths, or 10 ms

    def _enhance(self, command: Command) -> None:
        unit = self._unit
        if unit.armed or not unit.single_pulse:
            raise Refused(Conflict(command))
        unit.enhanced = command is Command.ENHANCED_POWER_ON
        unit.power_pct = min(unit.power_pct, unit.max_power_pct)

    def _ignore_interlock(self) -> None:
        self._unit.interlock_ignored = True

    def _setter(self, command: Command, value: int) -> Callable[[], None]:
        unit = self._unit
        takes, least, most = {
            Command.POWER: (unit.set_power, 0, unit.max_power_pct),
            Command.POWER_B: (self._set_power_b, 0, MAX_PCT_MSO),
            Command.PULSE_INTERVAL: (self._set_interval, 0, 999),
            Command.FREQUENCY: (self._set_frequency, 1, self._top_tenths),
            Command.PULSES: (self._set_pulses, 1, self._most_pulses),
            Command.DURATION: (self._set_duration, 0, self._longest_tenths),
            Command.SET_CHARGE_DELAY: (self._set_delay, 0, self._most_delay_ms),
        }[command]
        fine = command is not Command.FREQUENCY or value <= FINE_TENTHS or value % 10 == 0
        if not least <= value <= most or not fine:
            raise Refused(BadData(command))

        def take() -> None:
            if command in _TRAIN_SETTERS and (unit.train_running or unit.waiting):
                raise Refused(Conflict(command))
            takes(value)

        return take

    @property
    def _top_tenths(self) -> int:
        return 1000 if self._unit.options.mains is Mains.V240 else 600

    @property
    def _most_pulses(self) -> int:
        return self._unit.rapid.max_pulses if self._unit.rapid else 0

    @property
    def _longest_tenths(self) -> int:
        return self._unit.rapid.max_duration_tenths_s if self._unit.rapid else 0

    @property
    def _most_delay_ms(self) -> int:
        return MAX_DELAY_MS.get(self._dialect.software, MAX_DELAY_FROM_10_MS)

    def _set_power_b(self, pct: int) -> None:
        self._unit.power_b_pct = pct

    def _set_interval(self, value: int) -> None:
        self._unit.interval = value

    def _set_delay(self, delay_ms: int) -> None:
        self._unit.charge_delay_ms = delay_ms
        self._unit.delay_set = True

    def _set_frequency(self, tenths: int) -> None:
        unit = self._unit
        highest = self._highest_tenths()
        if tenths > (SINGLE_TENTHS if unit.single_pulse else highest):
            raise Refused(Conflict(Command.FREQUENCY))
        if not unit.single_pulse:
            self._link(Command.FREQUENCY, tenths, unit.duration_tenths)
        unit.frequency_tenths = tenths

    def _highest_tenths(self) -> int:
        unit = self._unit
        if unit.rapid is None or unit.power_pct > MAX_PCT_MSO:
            return 5
        return 10 * unit.rapid.max_frequency_hz(unit.power_pct)

    def _link(self, command: Command, frequency_tenths: int, duration_tenths: int) -> None:
        """Pulses follow frequency and duration (1.8 says that they are linked; how is assumed)."""
        pulses = frequency_tenths * duration_tenths // 100
        if not 1 <= pulses <= self._most_pulses:
            raise Refused(Conflict(command))
        self._unit.pulses = pulses

    def _set_pulses(self, pulses: int) -> None:
        """Duration follows pulses; under 0.1 s it drops to single-pulse mode (1.8)."""
        unit = self._unit
        if unit.single_pulse:
            unit.pulses = pulses
            return
        tenths = int(Fraction(100 * pulses, unit.frequency_tenths))
        if tenths > self._longest_tenths:
            raise Refused(Conflict(Command.PULSES))
        unit.pulses, unit.duration_tenths = pulses, tenths
        if not tenths:
            unit.frequency_tenths = min(unit.frequency_tenths, SINGLE_TENTHS)

    def _set_duration(self, tenths: int) -> None:
        unit = self._unit
        if tenths and unit.enhanced:
            raise Refused(Conflict(Command.DURATION))
        if tenths:
            self._link(Command.DURATION, unit.frequency_tenths, tenths)
        else:
            unit.pulses = 1
            unit.frequency_tenths = min(unit.frequency_tenths, SINGLE_TENTHS)
        unit.duration_tenths = tenths


def _nothing() -> None:
    """A query changes nothing."""
