"""The conversation with one MagPro: frames in and out, answers matched, everything else kept.

What is said and when is the driver's business; what the bytes mean is in `replies`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from drivers.errors import (
    LinkFault,
    NotConnected,
    ProtocolError,
    PulseRefused,
    StopRequested,
)
from drivers.interface import (
    Clock,
    DeviceEvent,
    DeviceNotice,
    DeviceStatus,
    Direction,
    Frame,
    FrameLog,
    NoticeKind,
    PulseReport,
    TrainEnded,
)
from drivers.link import Link, WriteTimes
from drivers.magpro.codec import FrameDecoder, encode_frame
from drivers.magpro.commands import Command, SetEnabled
from drivers.magpro.replies import (
    Amplitude,
    CoilState,
    Info,
    Message,
    Notice,
    PageState,
    Settings,
    Status,
    Status2,
    StimulusCount,
    StimulusReport,
    TrainReply,
    Unknown,
    coil_name,
    parse_message,
)
from drivers.magpro.tables import Page

STOP_SLICE_NS = 5_000_000
"""No wait is longer without asking whether a stop was requested (house-style.md)."""

LAST_LOOK_NS = 2_500_000
"""So long before a command is due the wait becomes an exact one; a stop is looked for after it."""

MILLISECOND = 1_000_000
MESSAGES_KEPT = 4096
"""Reports nobody fetched; far more than a train has."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the driver waits for what, in nanoseconds.

    Attributes:
        reply_ns: For the answer to a query (20 to 80 ms are usual; stimulators.md 2.4).
        queries: How often a query is sent before its answer counts as lost.
        enable_ns: For the unit to say that it is enabled or disabled.
        start_ns: For the first sign that a train or pulse was started.
        reconfigure_ns: For a change of mode or waveform (one client waits 12 s).
        frame_ns: A frame that is not complete after this long is given up.
    """

    reply_ns: int = 250 * MILLISECOND
    queries: int = 3
    enable_ns: int = 500 * MILLISECOND
    start_ns: int = 500 * MILLISECOND
    reconfigure_ns: int = 15_000 * MILLISECOND
    frame_ns: int = 60 * MILLISECOND


DEFAULT_DEADLINES = Deadlines()
Reply = TypeVar("Reply", Status, Status2, Settings, TrainReply, StimulusCount)


class Exchange:
    """Frames on one link, in the thread that owns it.

    Attributes:
        events: What the unit said unasked, for `poll`.
        info: The newest info byte, None if none has come since it was last forgotten.
        amplitude: The newest amplitude A in %MSO, or the one that was just sent.
        running: The unit's newest word on whether a train runs.
    """

    def __init__(
        self,
        link: Link,
        clock: Clock,
        frame_log: FrameLog,
        stop_requested: Callable[[], bool],
        deadlines: Deadlines,
    ) -> None:
        self.link = link
        self._clock = clock
        self._log = frame_log
        self._stop_requested = stop_requested
        self._deadlines = deadlines
        self._decoder = FrameDecoder()
        self._incomplete_since_ns: int | None = None
        self._inbox: deque[tuple[int, Message]] = deque(maxlen=MESSAGES_KEPT)
        self.events: deque[DeviceEvent] = deque()
        self.info: Info | None = None
        self.amplitude: int | None = None
        self.running = False
        self._coil_type: int | None = None
        self._temperature_c: int | None = None

    @property
    def enabled(self) -> bool:
        """True if the newest word is that the unit can fire."""
        return self.info is not None and self.info.enabled

    def send(self, command: Command) -> WriteTimes:
        """Write a command once.

        Raises:
            NotConnected: The port did not take it.
        """
        return self._write(encode_frame(command.body))

    def _write(self, frame: bytes) -> WriteTimes:
        times = self.link.write(frame)
        self._log(Frame(times.before_ns, Direction.SENT, frame))
        return times

    def send_when_due(
        self, command: Command, not_after_ns: int, due_ns: int | None
    ) -> WriteTimes | None:
        """Write a stimulating command once when it is due; None if it is too late by then.

        The frame is made before the wait: after it every line of Python costs microseconds.

        Raises:
            PulseRefused: A stimulus that nobody commanded was reported meanwhile: not sent.
            NotConnected: The port did not take it.
            StopRequested: A stop was asked for; disarm has been written.
        """
        frame = encode_frame(command.body)
        if due_ns is not None:
            while (now_ns := self._clock.now_ns()) < due_ns - LAST_LOOK_NS:
                self.stop_if_requested()
                self._clock.rest_until(min(now_ns + STOP_SLICE_NS, due_ns - LAST_LOOK_NS))
            self.stop_if_requested()
            self._require_quiet()
            self._clock.wait_until(due_ns)
        self.stop_if_requested()
        if self._clock.now_ns() > not_after_ns:
            return None
        return self._write(frame)

    def _require_quiet(self) -> None:
        """Look once more at what has come: a stimulus by somebody else forbids ours."""
        before = self._reports()
        self.receive(self._clock.now_ns())
        if self._reports() > before:
            raise PulseRefused(
                f"{self.link.name}: the unit reported a stimulus that nobody commanded just before "
                "the command, which was not sent"
            )

    def _reports(self) -> int:
        return sum(isinstance(one, PulseReport) for one in self.events)

    def ask(self, command: Command, kind: type[Reply], *, queries: int | None = None) -> Reply:
        """Send a query, again if its answer does not come, and return the answer.

        Raises:
            LinkFault: No answer of this kind came.
        """
        attempts = self._deadlines.queries if queries is None else queries
        for _ in range(attempts):
            self.stop_if_requested()
            self.receive(self._clock.now_ns())  # whatever has come is older than this question
            self._inbox.clear()
            self.send(command)
            answer = self.wait_for(
                lambda message: isinstance(message, kind), self._deadlines.reply_ns
            )
            if isinstance(answer, kind):
                return answer
        raise LinkFault(
            f"{self.link.name}: no answer to {type(command).__name__} after {attempts} tries of "
            f"{self._deadlines.reply_ns // MILLISECOND} ms"
        )

    def wait_for(self, wanted: Callable[[Message], bool], within_ns: int) -> Message | None:
        """Return the first message that is wanted, None after the time; all make their events."""
        deadline_ns = self._clock.now_ns() + within_ns
        while True:
            while self._inbox:
                _, message = self._inbox.popleft()
                if wanted(message):
                    return message
            if self._clock.now_ns() >= deadline_ns:
                return None
            self.stop_if_requested()
            self.receive(deadline_ns)

    def wait(self, until_ns: int) -> None:
        """Take in whatever comes until then.

        Raises:
            NotConnected: The device is gone.
            StopRequested: A stop was asked for; disarm has been written.
        """
        while self._clock.now_ns() < until_ns:
            self.stop_if_requested()
            self.receive(until_ns)

    def receive(self, until_ns: int) -> None:
        """Take in what has arrived, waiting for it one slice at most."""
        if not self._clock.virtual:
            until_ns = min(until_ns, self._clock.now_ns() + STOP_SLICE_NS)
        data = self.link.read(until_ns)
        now_ns = self._clock.now_ns()
        if data:
            self._decoder.feed(data)
        elif self._incomplete_since_ns is None or not self._decoder.waiting:
            return
        elif now_ns - self._incomplete_since_ns > self._deadlines.frame_ns:
            self._complain(now_ns, self._decoder.drop_start(), "a frame was never finished")
            self._incomplete_since_ns = now_ns
        self._take_frames(now_ns)

    def _take_frames(self, now_ns: int) -> None:
        while True:
            try:
                body = self._decoder.next_frame()
                if body is None:
                    break
                self._log(Frame(now_ns, Direction.RECEIVED, encode_frame(body)))
                self._note(now_ns, parse_message(body))
            except ProtocolError as error:
                self._complain(now_ns, error.raw, str(error))
        if not self._decoder.waiting:
            self._incomplete_since_ns = None
        elif self._incomplete_since_ns is None:
            self._incomplete_since_ns = now_ns

    def _complain(self, now_ns: int, raw: bytes, sentence: str) -> None:
        if raw:
            self._log(Frame(now_ns, Direction.RECEIVED, raw))
        self.events.append(DeviceNotice(now_ns, NoticeKind.LINK, sentence))

    def stop_if_requested(self) -> None:
        """Do nothing, unless a stop was asked for.

        Raises:
            StopRequested: It was; disarm has been written.
        """
        if self._stop_requested():
            self._stop()

    def _stop(self) -> NoReturn:
        """Write disarm without waiting for anything, then say that a stop was asked for.

        Raises:
            StopRequested: Always.
        """
        try:
            self.send(SetEnabled(False))
        except NotConnected as error:
            raise StopRequested(f"stopped; disarm could not be written: {error}") from error
        raise StopRequested(f"{self.link.name}: stopped; disarm has been written")

    def _note(self, at_ns: int, message: Message) -> None:
        """Keep a message for whoever waits for it, and turn what was not asked for into events."""
        self._inbox.append((at_ns, message))
        match message:
            case StimulusReport(a_us):
                self.events.append(PulseReport(at_ns, a_us))
                self._note_info(at_ns, message.info)
            case PageState(page, running, info):
                self._note_info(at_ns, info)
                if self.running and not running:
                    self.events.append(TrainEnded(at_ns))
                self.running = running
                if page not in {Page.TIMING, Page.MAIN}:
                    words = f"the unit shows page {page}"
                    self.events.append(DeviceNotice(at_ns, NoticeKind.SETTINGS, words))
            case Amplitude(amplitude, _, info):
                self._note_info(at_ns, info)
                self._note_amplitude(at_ns, amplitude)
            case CoilState(temperature_c, coil_type, info):
                self._note_info(at_ns, info)
                self._note_coil(at_ns, temperature_c, coil_type)
            case Status() | Status2():
                self._note_status(message)
            case Notice() | Unknown():
                words = f"the unit sent {message.body.hex(' ').upper()}, whose meaning is unknown"
                self.events.append(DeviceNotice(at_ns, NoticeKind.OTHER, words))
            case _:
                pass  # answers; whoever asked takes them from the inbox

    def _note_info(self, at_ns: int, info: Info) -> None:
        was, self.info = self.info, info
        if was is not None and was.enabled and not info.enabled:
            words = "the unit was disarmed"
            self.events.append(DeviceNotice(at_ns, NoticeKind.DISARMED, words))

    def _note_amplitude(self, at_ns: int, amplitude: int) -> None:
        was, self.amplitude = self.amplitude, amplitude
        if was is not None and was != amplitude:
            words = f"the intensity was changed from {was} to {amplitude} %MSO on the unit"
            self.events.append(DeviceNotice(at_ns, NoticeKind.INTENSITY, words))

    def _note_coil(self, at_ns: int, temperature_c: int, coil_type: int) -> None:
        was, self._coil_type = self._coil_type, coil_type
        self._temperature_c = temperature_c
        if was is not None and was != coil_type:
            before, after = coil_label(was) or "none", coil_label(coil_type) or "none"
            words = f"the coil changed from {before} to {after}"
            self.events.append(DeviceNotice(at_ns, NoticeKind.COIL, words))
        words = f"the coil is at {temperature_c} °C"
        status = self._known_status(at_ns)
        self.events.append(DeviceNotice(at_ns, NoticeKind.TEMPERATURE, words, status))

    def _note_status(self, message: Status | Status2) -> None:
        status = message if isinstance(message, Status) else message.status
        self.info = status.info
        self.amplitude = status.a_pct_mso
        self._coil_type = status.coil_type
        self._temperature_c = status.temperature_c
        if isinstance(message, Status2):
            self.running = message.running

    def _known_status(self, at_ns: int) -> DeviceStatus:
        return DeviceStatus(
            at_ns=at_ns,
            armed=self.enabled,
            running=self.running,
            intensity_pct_mso=self.amplitude or 0,
            coil=coil_label(self._coil_type or 0),
            coil_temperature_c=self._temperature_c,
        )


def coil_label(coil_type: int) -> str:
    """Return the coil's name, "" for type 0, which is also what a unit without a coil says."""
    return coil_name(coil_type) if coil_type else ""
