"""What every driver is tested with: its emulator, a link that can be spoilt, and all that passed.

A further driver joins by one more `Subject` in `SUBJECTS`; what is promised is in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from drivers import registry
from drivers.errors import StimulatorError
from drivers.interface import (
    Clock,
    Direction,
    Frame,
    FrameLog,
    PulseReport,
    Stimulator,
    TrainEnded,
    TrainSettings,
    TrainTiming,
)
from drivers.link import Link, WriteTimes
from drivers.magpro.emulator import MagProEmulator
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import VARIANTS
from drivers.magstim.requests import ARM, DISARM, FIRE
from drivers.simulator.device import EmulatedDevice
from drivers.simulator.memory_link import MemoryLink
from protocols.pattern import Burst, Train
from tms_console.clock import VirtualClock

MS = 1_000_000
S = 1_000_000_000
FOREVER_NS = 1 << 62


class Breakable(EmulatedDevice, Protocol):
    """An emulated device with the faults of its connection."""

    def hang(self) -> None:
        """Stop answering."""
        ...

    def unplug(self) -> None:
        """Pull the cable out."""
        ...

    def restart(self) -> None:
        """Lose power and come back."""
        ...


@dataclass(frozen=True)
class Standing:
    """How an emulated device really stands."""

    armed: bool
    running: bool
    intensity_pct_mso: int


@dataclass(frozen=True)
class Subject:
    """One driver with its emulator.

    Attributes:
        driver: Its name in the registry.
        build: Makes its emulator.
        standing: Looks into the emulator.
        possible: Settings that the device takes, device-timed and host-timed ones.
        impossible: Settings that it cannot take.
        stimulates: Says whether a frame sets a pulse off.
        arms: Says whether a frame makes it able to fire.
        disarms: Says whether a frame makes it unable to.
        reports: It reports its pulses.
        variant: Which of a driver's units, "" if there is one.
    """

    driver: str
    build: Callable[[], Breakable]
    standing: Callable[[EmulatedDevice], Standing]
    possible: tuple[TrainSettings, ...]
    impossible: tuple[TrainSettings, ...]
    stimulates: Callable[[bytes], bool]
    arms: Callable[[bytes], bool]
    disarms: Callable[[bytes], bool]
    reports: bool = True
    variant: str = ""

    def __str__(self) -> str:
        return self.variant or self.driver

    def settings_for(self, call: str) -> TrainSettings:
        """Settings for `fire` or `start_train`, where a device has both."""
        timing = _HOST if call == "fire" else _DEVICE
        fitting = (one for one in self.possible if one.timing is timing)
        return next(fitting, self.possible[0])

    def open(self, link: Link, clock: Clock, log: FrameLog, stop: Callable[[], bool]) -> Stimulator:
        """Open the driver as the program does."""
        return registry.driver_entry(self.driver).open(link, clock, log, stop)


def _magpro_standing(device: EmulatedDevice) -> Standing:
    assert isinstance(device, MagProEmulator)
    state = device.state()
    return Standing(state.status.info.enabled, state.running, state.status.a_pct_mso)


_DEVICE, _HOST = TrainTiming.DEVICE, TrainTiming.HOST
MAGPRO = Subject(
    "magpro",
    MagProEmulator,
    _magpro_standing,
    (
        TrainSettings(Train(5, Fraction(10)), 54, _DEVICE),
        TrainSettings(Train(1, Fraction(1)), 60, _HOST),
        TrainSettings(Train(3, Fraction(5), Burst(3, Fraction(50))), 40, _DEVICE),
    ),
    (
        TrainSettings(Train(5, Fraction(10)), 101, _DEVICE),
        TrainSettings(Train(5, Fraction(101)), 50, _DEVICE),
        TrainSettings(Train(5, Fraction(25, 2)), 50, _DEVICE),
        TrainSettings(Train(1001, Fraction(50)), 50, _DEVICE),
        TrainSettings(Train(70_000, Fraction(1)), 50, _DEVICE),
        TrainSettings(Train(2, Fraction(1, 2), Burst(3, Fraction(50))), 50, _DEVICE),
        TrainSettings(Train(3, Fraction(5), Burst(6, Fraction(50))), 50, _DEVICE),
        TrainSettings(Train(3, Fraction(5), Burst(3, Fraction(30))), 50, _DEVICE),
        TrainSettings(Train(3, Fraction(25), Burst(2, Fraction(100))), 50, _DEVICE),
    ),
    stimulates=lambda frame: frame[2] in {3, 4},
    arms=lambda frame: frame[2:4] == b"\x02\x01",
    disarms=lambda frame: frame[2:4] == b"\x02\x00",
)


def _magstim_standing(device: EmulatedDevice) -> Standing:
    assert isinstance(device, MagstimEmulator)
    state = device.state()
    return Standing(state.armed, state.running, state.power_pct_mso)


_ONE_PULSE = TrainSettings(Train(1, Fraction(1)), 60, _HOST)


def _rapid(name: str, variant: str) -> Subject:
    return Subject(
        name,
        lambda: MagstimEmulator(VARIANTS[variant]),
        _magstim_standing,
        (
            TrainSettings(Train(5, Fraction(10)), 54, _DEVICE),
            _ONE_PULSE,
            TrainSettings(Train(9, Fraction(18)), 40, _DEVICE),
        ),
        (
            TrainSettings(Train(5, Fraction(10)), 101, _DEVICE),
            TrainSettings(Train(5, Fraction(101)), 50, _DEVICE),
            TrainSettings(Train(5, Fraction(25, 3)), 50, _DEVICE),
            TrainSettings(Train(7, Fraction(18)), 50, _DEVICE),
            TrainSettings(Train(10, Fraction(5), Burst(3, Fraction(50))), 40, _DEVICE),
            TrainSettings(Train(4000, Fraction(20)), 60, _DEVICE),
        ),
        stimulates=lambda frame: frame == FIRE.frame,
        arms=lambda frame: frame == ARM.frame,
        disarms=lambda frame: frame == DISARM.frame,
        reports=False,
        variant=variant,
    )


def _single(name: str) -> Subject:
    return Subject(
        name,
        lambda: MagstimEmulator(VARIANTS[name]),
        _magstim_standing,
        (_ONE_PULSE, TrainSettings(Train(1, Fraction(1)), 45, _HOST)),
        (
            TrainSettings(Train(5, Fraction(10)), 50, _DEVICE),
            TrainSettings(Train(1, Fraction(1)), 101, _HOST),
            TrainSettings(Train(10, Fraction(5), Burst(3, Fraction(50))), 40, _DEVICE),
        ),
        stimulates=lambda frame: frame == FIRE.frame,
        arms=lambda frame: frame == ARM.frame,
        disarms=lambda frame: frame == DISARM.frame,
        reports=False,
        variant=name,
    )


SUBJECTS = (
    MAGPRO,
    _rapid("rapid2", "rapid2"),
    _rapid("rapid2", "rapid2-v7"),
    _single("bistim2"),
    _single("magstim200"),
)


class SlicedClock(VirtualClock):
    """A virtual clock that passes for a real one, so that the driver looks up every 5 ms."""

    virtual = False


class SpoiltLink:
    """A link that can lose, damage or delay what is read, and let something happen at a time.

    Attributes:
        spoil: How the read of each number, from 1, is spoilt: `swallow`, `corrupt` or `late`.
        reads: How often something was read.
    """

    LATE_NS = 300 * MS

    def __init__(self, inner: MemoryLink, clock: VirtualClock) -> None:
        self.inner = inner
        self.clock = clock
        self.spoil: dict[int, str] = {}
        self.reads = 0
        self.closed = 0
        self.at_ns = FOREVER_NS
        self.action: Callable[[], object] = int  # nothing happens
        self.injected = b""
        self._held, self._release_ns = b"", 0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def bytes_written(self) -> int:
        return self.inner.bytes_written

    def _let_happen(self) -> None:
        if self.clock.now_ns() >= self.at_ns:
            self.at_ns = FOREVER_NS
            with suppress(StimulatorError):
                self.inner.read(0)
            self.action()

    def write(self, data: bytes) -> WriteTimes:
        self._let_happen()
        return self.inner.write(data)

    def read(self, until_ns: int) -> bytes:
        self._let_happen()
        if self.injected:
            data, self.injected = self.injected, b""
            return data
        stops = [until_ns, max(self.at_ns, self.clock.now_ns())]
        stops += [self._release_ns] if self._held else []
        data = self.inner.read(min(stops))
        if data:
            self.reads += 1
            data = self._spoilt(data, self.spoil.get(self.reads))
        if self._held and self.clock.now_ns() >= self._release_ns:
            data, self._held = self._held + data, b""
        elif self._held:
            self._held, data = self._held + data, b""
        return data

    def _spoilt(self, data: bytes, how: str | None) -> bytes:
        match how:
            case "swallow":
                return b""
            case "corrupt":
                middle = len(data) // 2
                return data[:middle] + bytes((data[middle] ^ 0x10,)) + data[middle + 1 :]
            case "late":
                self._held, self._release_ns = data, self.clock.now_ns() + self.LATE_NS
                return b""
            case _:
                return data

    def close(self) -> None:
        self.closed += 1
        self.inner.close()


class Rig:
    """A driver's emulator on a spoilt link under a virtual clock, with everything that passed."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.clock = SlicedClock()
        self.device = subject.build()
        self.link = SpoiltLink(MemoryLink(self.device, self.clock), self.clock)
        self.frames: list[Frame] = []
        self.stop_at_ns = FOREVER_NS
        self._stimulator: Stimulator | None = None

    def open(self) -> Stimulator:
        self._stimulator = self.subject.open(
            self.link, self.clock, self.frames.append, self.stop_requested
        )
        return self._stimulator

    def stop_requested(self) -> bool:
        return self.clock.now_ns() >= self.stop_at_ns

    @property
    def standing(self) -> Standing:
        return self.subject.standing(self.device)

    def catch_up(self, ns: int = 2 * S) -> None:
        """Let time pass at the device, whatever its link does."""
        self.device.advance(ns)

    def sent(self, kind: Callable[[bytes], bool]) -> list[Frame]:
        sent = (frame for frame in self.frames if frame.direction is Direction.SENT)
        return [frame for frame in sent if kind(frame.data)]

    @property
    def stimulating(self) -> list[Frame]:
        return self.sent(self.subject.stimulates)

    def prepared(self, settings: TrainSettings | None = None) -> Stimulator:
        """Open, configure and arm."""
        stimulator = self.open()
        stimulator.configure(settings or self.subject.possible[0])
        arm(stimulator, self.clock)
        return stimulator


def arm(stimulator: Stimulator, clock: Clock) -> None:
    """Arm, and wait as long as the driver says that it takes until the device can fire."""
    begun_ns = clock.now_ns()
    stimulator.arm()
    clock.rest_until(begun_ns + round(stimulator.capabilities.arming_s * 1e9))


def deliver(stimulator: Stimulator, clock: Clock, settings: TrainSettings) -> int:
    """Give what was configured as the engine would; return how many reports came."""
    late_ns = clock.now_ns() + S
    if settings.timing is TrainTiming.HOST:
        receipt = stimulator.fire(late_ns)
        return int(receipt is not None and receipt.reported)
    if stimulator.start_train(late_ns) is None:
        return 0
    reports, end_ns = 0, clock.now_ns() + 4 * S
    while clock.now_ns() < end_ns:
        events = stimulator.poll(end_ns)
        reports += sum(isinstance(event, PulseReport) for event in events)
        if any(isinstance(event, TrainEnded) for event in events):
            return reports
    return reports
