"""What the console asks of any stimulator: the vocabulary between the engine and the drivers.

It keeps out how any device does it, and everything that decides whether it may be done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from protocols.pattern import Train


class Clock(Protocol):
    """Monotonic time.  Real clocks wait; the virtual one moves."""

    @property
    def virtual(self) -> bool:
        """True if waiting costs no real time."""
        ...

    def now_ns(self) -> int:
        """Return nanoseconds on the monotonic clock."""
        ...

    def wait_until(self, deadline_ns: int) -> None:
        """Return once the clock shows at least the deadline; at once if it already does.

        As exact as the machine allows, and it keeps a core busy at the end.
        """
        ...

    def rest_until(self, deadline_ns: int) -> None:
        """The same without keeping a core busy; some 0.1 ms late."""
        ...


class TrainTiming(StrEnum):
    """Who spaces the pulses inside a train."""

    DEVICE = "device"
    HOST = "host"


class ReportKind(StrEnum):
    """What the device says about each pulse it gave."""

    EVERY_PULSE = "every_pulse"
    PULSE_OR_BURST = "pulse_or_burst"
    """One report per pulse or one per burst: the device does not say which beforehand."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Which unit this is, in its own words.

    Attributes:
        model: The maker's model name with options, such as `MagPro X100`.
        serial: Serial number as printed, or "" if the device has none to tell.
        firmware: Version, or "" if the device has none to tell.
    """

    model: str
    serial: str
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class TimedTrain:
    """One train of a session as it is planned.

    Attributes:
        due_ns: When its first pulse is due, from any origin.
        train: The train; pulse by pulse if the host times it.
        intensity_pct_mso: The highest intensity that it may be given at.
        moved: The coil may be moved before it, so the device is disarmed in the rest.
    """

    due_ns: int
    train: Train
    intensity_pct_mso: int
    moved: bool = False


def _any_sequence(_trains: Sequence[TimedTrain]) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this unit can do as it stands, read once after opening.

    Attributes:
        identity: Which unit.
        coil: Name of the coil that is plugged in, "" if none.
        train_timing: Who spaces the pulses inside a train.
        reports: What the device says about its pulses.
        min_pct_mso: Lowest intensity it takes.
        max_pct_mso: Highest intensity it takes.
        has_stimulus_counter: True if it answers with a count of its own stimuli.
        checking_s: Setting it for a train and reading everything back takes at most this long.
        arming_s: Making it able to fire takes at most this long.
        refusal: Says why the train cannot be made at that intensity and what could be, or None.
        coil_shape: What protocols call such a coil (`figure-8`), "" if its name is all there is.
        names_coil: False if it says that a coil is connected and not which: `coil` is no name then.
        sequence_refusal: Says why trains cannot follow each other as planned and how they could, or
            None.  Each train by itself is asked of `refusal`.
        witness: What sees every pulse on its trigger output, "" if nothing does.
        not_before_ns: Nothing may be set off before, on the clock that it was opened with.
        why_not_before: Why, in a sentence; "" if it may be used at once.
    """

    identity: DeviceIdentity
    coil: str
    train_timing: TrainTiming
    reports: ReportKind
    min_pct_mso: int
    max_pct_mso: int
    has_stimulus_counter: bool
    checking_s: float
    arming_s: float
    refusal: Callable[[Train, int], str | None] = field(repr=False, compare=False)
    coil_shape: str = ""
    names_coil: bool = True
    sequence_refusal: Callable[[Sequence[TimedTrain]], str | None] = field(
        default=_any_sequence, repr=False, compare=False
    )
    witness: str = ""
    not_before_ns: int = 0
    why_not_before: str = ""


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What the device said of itself at one moment.

    Attributes:
        at_ns: When the answer came.
        armed: It can fire.
        running: A train is in progress; None if the device does not say.
        intensity_pct_mso: The intensity it is set to.
        coil: Name of the coil, "" if none.
        coil_temperature_c: Coil surface in whole degrees, None if unknown.
        problem: A sentence if the device reports something that forbids stimulating, else "".
    """

    at_ns: int
    armed: bool
    running: bool | None
    intensity_pct_mso: int
    coil: str
    coil_temperature_c: int | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything the device must be told before a train.

    Attributes:
        train: The train; one pulse at a time if `timing` is HOST.
        intensity_pct_mso: What the device is set to.
        timing: Who spaces the pulses.
    """

    train: Train
    intensity_pct_mso: int
    timing: TrainTiming


@dataclass(frozen=True, slots=True)
class StartReceipt:
    """A train that the device started.

    Attributes:
        commanded_ns: When the command's bytes went to the port.
        accepted_ns: When the device was seen to have taken it (its acknowledgement, the report
            that the train runs, or the first pulse's own report).
        answers_from_ns: The earliest time at which a report of this train can have arrived; 0 if
            the line says nothing about it.
    """

    commanded_ns: int
    accepted_ns: int
    answers_from_ns: int = 0


@dataclass(frozen=True, slots=True)
class PulseReceipt:
    """One pulse that the device gave.

    Attributes:
        commanded_ns: When the command's bytes went to the port.
        observed_ns: When the device's acknowledgement or report had arrived.
        reported: True if the device reported this very pulse, False if it only took the trigger.
        realised_a_us: Its own di/dt in A/us, None if it does not say.
        witnessed: An independent input on the trigger output saw it, at `observed_ns`.
    """

    commanded_ns: int
    observed_ns: int
    reported: bool
    realised_a_us: int | None = None
    witnessed: bool = False


@dataclass(frozen=True, slots=True)
class PulseReport:
    """The device says that it gave a stimulus, however it was triggered, or a witness saw it.

    Attributes:
        at_ns: When the report had arrived; of a witness, when it saw the pulse.
        realised_a_us: Its own di/dt in A/us, None if it does not say.
        witnessed: An independent input on the trigger output saw it.
    """

    at_ns: int
    realised_a_us: int | None = None
    witnessed: bool = False


@dataclass(frozen=True, slots=True)
class TrainRunning:
    """A device that reports no pulses said that its train was running.

    Attributes:
        at_ns: When it was asked: it ran then, or later.
    """

    at_ns: int


@dataclass(frozen=True, slots=True)
class TrainEnded:
    """The device says that its train is over."""

    at_ns: int


class NoticeKind(StrEnum):
    """What an unasked-for message of the device is about."""

    INTENSITY = "intensity"
    ARMED = "armed"
    DISARMED = "disarmed"
    SETTINGS = "settings"
    COIL = "coil"
    TEMPERATURE = "temperature"
    LINK = "link"
    UNCOMMANDED = "uncommanded"
    """The device was set off, and not from here; how many pulses it gave is not known."""
    WITNESS = "witness"
    """The pulse witness cannot be believed any more, or contradicts the device."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class DeviceNotice:
    """Something else happened on the device: a knob, a coil, a temperature, a broken frame.

    Attributes:
        at_ns: When it was seen.
        kind: What it is about.
        sentence: It in words, with numbers and units.
        status: The state the message shows, where it shows one.
        pulses: It shows that somebody else had so many pulses given, at least, and no report of
            them comes.
    """

    at_ns: int
    kind: NoticeKind
    sentence: str
    status: DeviceStatus | None = None
    pulses: int = 0


DeviceEvent = PulseReport | TrainRunning | TrainEnded | DeviceNotice


class Direction(StrEnum):
    """Which way a frame went."""

    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame or run of raw bytes on the link; secret spans are already replaced by `*`."""

    at_ns: int
    direction: Direction
    data: bytes


FrameLog = Callable[[Frame], None]


class Stimulator(Protocol):
    """One stimulator, used as a context manager by one thread; leaving disarms, then closes.

    Opening raises or gives a usable device.  No call waits longer than 5 ms without asking the
    `stop_requested` callable given at construction; when it answers true, `disarm` is written at
    once and `StopRequested` is raised.  Only `disarm` and queries are ever repeated.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this unit can do, read once after opening."""
        ...

    def configure(self, settings: TrainSettings) -> TrainSettings:
        """Set the device and return what it says it is now set to.

        Raises:
            SettingsRefused: The device cannot, or reads back something else.
            LinkFault: No usable answer.
            NotConnected: The device is gone.
        """
        ...

    def arm(self) -> None:
        """Make the device able to fire.

        Raises:
            PulseRefused: It answered that it stays disarmed.
            LinkFault: No usable answer; disarm.
            NotConnected: The device is gone.
        """
        ...

    def disarm(self) -> None:
        """Make the device unable to fire; legal in every state, any number of times.

        Raises:
            LinkFault: Written, and not confirmed in time.
            NotConnected: The device is gone; nothing could be written.
        """
        ...

    def identify(self) -> DeviceIdentity:
        """Ask the device once who it is.

        Raises:
            LinkFault: No usable answer.
            NotConnected: The device is gone.
        """
        ...

    def fire(self, not_after_ns: int, due_ns: int | None = None) -> PulseReceipt | None:
        """Give one pulse, or return None if the clock is past `not_after_ns`; never twice.

        With `due_ns` the command is made ready, and written when the clock shows that time; a stop
        is looked for until then.  Without, it is written at once.

        Raises:
            PulseRefused: Nothing was delivered.
            DeliveryUncertain: The command was sent, and nobody knows.
            StopRequested: A stop was asked for before the command was sent.
            NotConnected: The device is gone; the command was not taken by the port.
        """
        ...

    def start_train(self, not_after_ns: int, due_ns: int | None = None) -> StartReceipt | None:
        """Start the configured train once, or return None if the clock is past `not_after_ns`.

        Returns when the start was accepted.  `due_ns` is as for `fire`.

        Raises:
            PulseRefused: Nothing was delivered.
            DeliveryUncertain: The command was sent, and nobody knows; also when a stop was asked
                for while the answer was awaited (`disarm` has been written then).
            StopRequested: A stop was asked for before the command was sent.
            NotConnected: The device is gone; the command was not taken by the port.
        """
        ...

    def poll(self, until_ns: int) -> Sequence[DeviceEvent]:
        """Return what the device said so far, waiting at most until then for something.

        Raises:
            NotConnected: The device is gone.
            StopRequested: A stop was asked for.
        """
        ...

    def status(self) -> DeviceStatus:
        """Ask the device for its state.

        Raises:
            LinkFault: No usable answer.
            NotConnected: The device is gone.
        """
        ...

    def stimulus_count(self) -> int | None:
        """Get the device's own count of its stimuli, None if it has none.

        Raises:
            LinkFault: No usable answer.
            NotConnected: The device is gone.
        """
        ...

    def close(self) -> None:
        """Disarm and release the port; any number of times, whatever happened before."""
        ...

    def __enter__(self) -> Self:
        """Return the device."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disarm, then close."""
        ...
