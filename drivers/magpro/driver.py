"""A MagVenture MagPro as a `Stimulator`: settings read back, frames matched by id, reports kept.

The wire's bytes are in `codec`, `commands` and `replies`; what a session means is not known here.
Behaviour and numbers are from stimulators.md part 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from types import TracebackType
from typing import Self

from drivers.errors import (
    DeliveryUncertain,
    LinkFault,
    NotConnected,
    PulseRefused,
    SettingsRefused,
    StimulatorError,
    StopRequested,
)
from drivers.interface import (
    Capabilities,
    Clock,
    DeviceEvent,
    DeviceIdentity,
    DeviceStatus,
    FrameLog,
    PulseReceipt,
    PulseReport,
    ReportKind,
    StartReceipt,
    TrainSettings,
    TrainTiming,
)
from drivers.link import Link
from drivers.magpro.capability import burst_ipi_tenths_ms, why_not, why_not_timed
from drivers.magpro.codec import encode_frame
from drivers.magpro.commands import (
    Command,
    GetSettings,
    GetStatus,
    GetStatus2,
    GetStimulusCount,
    GetTrain,
    SetAmplitude,
    SetEnabled,
    SetPage,
    SetSettings,
    SetTrain,
    SetTrain11,
    StartTrain,
    Trigger,
)
from drivers.magpro.exchange import (
    DEFAULT_DEADLINES,
    MILLISECOND,
    Deadlines,
    Exchange,
    coil_label,
)
from drivers.magpro.info import coil_shape
from drivers.magpro.replies import (
    Amplitude,
    Settings,
    Status,
    Status2,
    StimulusCount,
    TrainReply,
    model_name,
    serial_text,
)
from drivers.magpro.tables import (
    NO_COOLER_C,
    BurstIndex,
    Mode,
    Model,
    Page,
    TimingControl,
    Waveform,
)
from protocols.pattern import SINGLE_PULSE, Burst, Train

BAUD_RATE = 38_400
"""stimulators.md 2.1."""

BYTE_NS = 260_417
"""Line time of a byte: 10 bits at 38400 baud."""

REPORT_BYTES = 8
"""The frame that reports a stimulus (stimulators.md 2.3, id 2)."""

LINE_SLACK_NS = 300_000
"""For clocks and a line that are a little fast."""

DISARM_FRAME = encode_frame(SetEnabled(False).body)
"""What disarms a unit, whatever it is doing."""

SETTLE_NS = 300_000_000
"""Settings are not acknowledged: wait this long before reading back (stimulators.md 2.4)."""

ONE_TRAIN_ITI_TENTHS_S = 10
"""The interval of a single train is never used; the device wants 0.1 s or more."""

CHECKING_S = 1.6
"""Another page, train and amplitude, read back: eleven answers of 80 ms, two settlings of 0.3 s.
A change of waveform takes longer, and what comes after it is then later than planned."""
ARMING_S = 0.4
"""Enabling answers within one reply time; the rest is for the commit before it."""


class MagProStimulator:
    """One MagPro on one link, used by the thread that made it."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        *,
        frame_log: FrameLog,
        stop_requested: Callable[[], bool],
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        """Ask the unit who it is and what it can do; the link is closed if it does not answer.

        Raises:
            LinkFault: Nothing, or nothing usable, answers.
            NotConnected: The link is gone.
            StopRequested: A stop was asked for meanwhile.
        """
        self._clock = clock
        self._deadlines = deadlines
        self._port = link.name
        self._talk = Exchange(link, clock, frame_log, stop_requested, deadlines)
        self._closed = False
        try:
            self._capabilities = self._read_capabilities()
        except BaseException:
            self._closed = True
            link.close()
            raise

    # What it is -----------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """What this unit can do, read once after opening."""
        return self._capabilities

    def identify(self) -> DeviceIdentity:
        """Ask the unit once who it is; see `Stimulator.identify`."""
        status = self._talk.ask(GetStatus(), Status, queries=1)
        return _identity(status)

    def _read_capabilities(self) -> Capabilities:
        status = self._talk.ask(GetStatus(), Status)
        caps = self._talk.ask(GetSettings(), Settings).caps
        try:
            self._talk.ask(GetStimulusCount(), StimulusCount)
            counts = True
        except LinkFault:
            counts = False  # undocumented: some units do not answer (stimulators.md 2.2)
            self._talk.ask(GetStatus(), Status)  # or it has fallen silent altogether
        name = model_name(status.info.model)

        def refusal(train: Train, intensity_pct_mso: int) -> str | None:
            return why_not(name, status.info.model, caps, train, intensity_pct_mso)

        return Capabilities(
            identity=_identity(status),
            coil=coil_label(status.coil_type),
            coil_shape=coil_shape(status.coil_type),
            train_timing=TrainTiming.DEVICE,
            reports=ReportKind.PULSE_OR_BURST,
            min_pct_mso=0,
            max_pct_mso=100,
            has_stimulus_counter=counts,
            checking_s=CHECKING_S,
            arming_s=ARMING_S,
            refusal=refusal,
        )

    def status(self) -> DeviceStatus:
        """Ask the unit for its state; see `Stimulator.status`."""
        return _status_of(self._talk.ask(GetStatus2(), Status2), self._clock.now_ns())

    def stimulus_count(self) -> int | None:
        """Get the unit's own count of its stimuli, 0 to 65535 and round again, or None."""
        if not self._capabilities.has_stimulus_counter:
            return None
        return self._talk.ask(GetStimulusCount(), StimulusCount).count

    # Setting it -----------------------------------------------------------------------------

    def configure(self, settings: TrainSettings) -> TrainSettings:
        """Set what differs, read everything back and compare; see `Stimulator.configure`."""
        refusal = self._capabilities.refusal(settings.train, settings.intensity_pct_mso)
        if refusal is None and settings.timing is TrainTiming.DEVICE:
            refusal = why_not_timed(self._capabilities.identity.model, settings.train)
        if refusal is not None:
            raise SettingsRefused(refusal)
        self._set_waveform(settings.train.burst)
        if settings.timing is TrainTiming.DEVICE:
            self._set_page()
            self._set_train(settings.train)
        self._set_amplitude(settings.intensity_pct_mso)
        return self._read_back(settings)

    def _set_waveform(self, burst: Burst) -> None:
        now = self._talk.ask(GetSettings(), Settings)
        wanted = _wanted_settings(burst, now)
        if _same_settings(now, wanted):
            return
        self._make_disarmed()
        self._talk.send(wanted)
        deadline_ns = self._clock.now_ns() + self._deadlines.reconfigure_ns
        while not _same_settings(now, wanted):
            if self._clock.now_ns() >= deadline_ns:
                raise SettingsRefused(
                    f"{self._port}: the unit did not take mode, waveform or burst: wanted "
                    f"{wanted}, reads back {now}"
                )
            self._talk.wait(self._clock.now_ns() + SETTLE_NS)
            now = self._talk.ask(GetSettings(), Settings)

    def _set_page(self) -> None:
        if self._talk.ask(GetStatus2(), Status2).page == Page.TIMING:
            return
        self._talk.send(SetPage(Page.TIMING))
        self._talk.wait(self._clock.now_ns() + SETTLE_NS)
        page = self._talk.ask(GetStatus2(), Status2).page
        if page != Page.TIMING:
            raise SettingsRefused(f"{self._port}: the unit stays on page {page}, not Timing")

    def _set_train(self, train: Train) -> None:
        wanted = SetTrain(int(train.rate_hz * 10), train.bursts, 1, ONE_TRAIN_ITI_TENTHS_S)
        now = self._talk.ask(GetTrain(), TrainReply)
        if now.train == wanted and now.timing is TimingControl.SEQUENCE:
            return
        if now.timing is TimingControl.SEQUENCE:
            self._talk.send(wanted)
        else:
            self._talk.send(SetTrain11(TimingControl.SEQUENCE, wanted))
        self._talk.wait(self._clock.now_ns() + SETTLE_NS)
        now = self._talk.ask(GetTrain(), TrainReply)
        if now.train != wanted or now.timing is not TimingControl.SEQUENCE:
            raise SettingsRefused(
                f"{self._port}: the unit did not take the train: wanted {wanted}, reads back "
                f"{now.train}, timing control {now.timing_control}"
            )

    def _set_amplitude(self, intensity_pct_mso: int) -> None:
        if self._talk.ask(GetStatus2(), Status2).status.a_pct_mso == intensity_pct_mso:
            return
        self._talk.amplitude = intensity_pct_mso  # the unit's own message about it is no surprise
        self._talk.send(SetAmplitude(intensity_pct_mso))
        self._talk.wait_for(
            lambda message: (
                isinstance(message, Amplitude) and message.a_pct_mso == intensity_pct_mso
            ),
            self._deadlines.reply_ns,
        )

    def _read_back(self, settings: TrainSettings) -> TrainSettings:
        """Return what the unit is set to now.

        Raises:
            SettingsRefused: It is not what was asked for.
        """
        shape = self._talk.ask(GetSettings(), Settings)
        state = self._talk.ask(GetStatus2(), Status2)
        train = settings.train
        if settings.timing is TrainTiming.DEVICE:
            answer = self._talk.ask(GetTrain(), TrainReply)
            reply = answer.train
            by_host = answer.timing is TimingControl.SEQUENCE
            if not by_host or reply.trains != 1 or reply.rate_tenths_hz < 1 or reply.pulses < 1:
                raise SettingsRefused(f"{self._port}: the unit reads back {answer}")
            train = Train(reply.pulses, Fraction(reply.rate_tenths_hz, 10), _burst_of(shape))
            if state.page != Page.TIMING:
                raise SettingsRefused(f"{self._port}: the unit is on page {state.page}")
        found = TrainSettings(train, state.status.a_pct_mso, settings.timing)
        if not _same_settings(shape, _wanted_settings(train.burst, shape)):
            raise SettingsRefused(f"{self._port}: the unit reads back {shape}")
        if found != settings or _burst_of(shape) != settings.train.burst:
            raise SettingsRefused(
                f"{self._port}: set {_words(settings)}, the unit reads back {_words(found)}"
            )
        return found

    # Arming and firing ----------------------------------------------------------------------

    def arm(self) -> None:
        """Enable the unit; see `Stimulator.arm`.  The command is sent once."""
        self._talk.stop_if_requested()
        self._talk.info = None  # only what it says from now on counts
        self._talk.send(SetEnabled(True))
        if not self._talk.wait_for(lambda _: self._talk.enabled, self._deadlines.enable_ns):
            self._talk.ask(GetStatus2(), Status2)
        if not self._talk.enabled:
            raise PulseRefused(f"{self._port}: the unit stays disabled")

    def disarm(self) -> None:
        """Disable the unit, repeating until it says so; see `Stimulator.disarm`."""
        for _ in range(self._deadlines.queries):
            self._talk.info = None  # only what it says from now on counts
            self._talk.send(SetEnabled(False))
            if self._wait_disarmed(self._deadlines.reply_ns):
                return
        raise LinkFault(
            f"{self._port}: disarm was sent {self._deadlines.queries} times and the unit did "
            "not confirm it"
        )

    def _wait_disarmed(self, within_ns: int) -> bool:
        """Wait for the unit to say that it is disabled; a stop request does not disturb it."""
        deadline_ns = self._clock.now_ns() + within_ns
        while self._talk.info is None or self._talk.info.enabled:
            if self._clock.now_ns() >= deadline_ns:
                return False
            self._talk.receive(deadline_ns)
        return True

    def _make_disarmed(self) -> None:
        if self._talk.enabled:
            self.disarm()

    def fire(self, not_after_ns: int, due_ns: int | None = None) -> PulseReceipt | None:
        """Trigger one pulse; its report is the evidence.  See `Stimulator.fire`."""
        sent = self._command(Trigger(), not_after_ns, due_ns)
        if sent is None:
            return None
        commanded_ns, answers_from_ns = sent
        report = self._await_stimulus(commanded_ns, answers_from_ns)
        self._talk.events.remove(report)
        return PulseReceipt(commanded_ns, report.at_ns, True, report.realised_a_us)

    def start_train(self, not_after_ns: int, due_ns: int | None = None) -> StartReceipt | None:
        """Start the train once; see `Stimulator.start_train`."""
        self._talk.running = False
        sent = self._command(StartTrain(), not_after_ns, due_ns)
        if sent is None:
            return None
        commanded_ns, answers_from_ns = sent
        deadline_ns = commanded_ns + self._deadlines.start_ns
        while not self._talk.running and not self._first_report(answers_from_ns):
            if self._clock.now_ns() >= deadline_ns:
                return self._ask_whether_started(commanded_ns, answers_from_ns)
            self._receive_or_doubt(deadline_ns, commanded_ns, answers_from_ns)
        report = self._first_report(answers_from_ns)
        accepted_ns = self._clock.now_ns() if report is None else report.at_ns
        return StartReceipt(commanded_ns, accepted_ns, answers_from_ns)

    def _command(
        self, command: Command, not_after_ns: int, due_ns: int | None
    ) -> tuple[int, int] | None:
        """Write a stimulating command once, unless it is too late or a stop was asked for.

        Returns:
            When it was written, and the earliest time at which its report can be here: command
            and report take their time on the line, so a report before is of another stimulus.
        """
        times = self._talk.send_when_due(command, not_after_ns, due_ns)
        if times is None:
            return None
        on_the_line = len(encode_frame(command.body)) + REPORT_BYTES
        return times.before_ns, times.before_ns + on_the_line * BYTE_NS - LINE_SLACK_NS

    def _await_stimulus(self, commanded_ns: int, answers_from_ns: int) -> PulseReport:
        deadline_ns = commanded_ns + self._deadlines.start_ns
        while (report := self._first_report(answers_from_ns)) is None:
            if self._clock.now_ns() >= deadline_ns:
                raise DeliveryUncertain(
                    f"{self._port}: the pulse was triggered and the unit reported nothing within "
                    f"{self._deadlines.start_ns // MILLISECOND} ms",
                    commanded_ns,
                    answers_from_ns,
                )
            self._receive_or_doubt(deadline_ns, commanded_ns, answers_from_ns)
        return report

    def _receive_or_doubt(self, until_ns: int, commanded_ns: int, answers_from_ns: int) -> None:
        """Wait for bytes after a stimulating command; whatever goes wrong now is doubt."""
        try:
            self._talk.stop_if_requested()
            self._talk.receive(until_ns)
        except StopRequested as error:
            raise DeliveryUncertain(
                f"{self._port}: stopped before the unit answered", commanded_ns, answers_from_ns
            ) from error
        except NotConnected as error:
            raise DeliveryUncertain(str(error), commanded_ns, answers_from_ns) from error

    def _ask_whether_started(self, commanded_ns: int, answers_from_ns: int) -> StartReceipt:
        """The start was not confirmed: ask, and never send it again."""
        try:
            state = self._talk.ask(GetStatus2(), Status2)
        except (LinkFault, NotConnected, StopRequested) as error:
            raise DeliveryUncertain(str(error), commanded_ns, answers_from_ns) from error
        if state.running or self._first_report(answers_from_ns) is not None:
            return StartReceipt(commanded_ns, self._clock.now_ns(), answers_from_ns)
        raise DeliveryUncertain(
            f"{self._port}: the unit did not confirm the start and says that no train runs",
            commanded_ns,
            answers_from_ns,
        )

    def _first_report(self, since_ns: int) -> PulseReport | None:
        """Return the first report that came after the command; an older one is no answer to it."""
        reports = (one for one in self._talk.events if isinstance(one, PulseReport))
        return next((one for one in reports if one.at_ns >= since_ns), None)

    def poll(self, until_ns: int) -> Sequence[DeviceEvent]:
        """Return what the unit said so far; see `Stimulator.poll`."""
        while True:
            self._talk.stop_if_requested()
            if not self._talk.events:
                self._talk.receive(until_ns)
            if self._talk.events or self._clock.now_ns() >= until_ns:
                events = tuple(self._talk.events)
                self._talk.events.clear()
                return events

    # Closing --------------------------------------------------------------------------------

    def close(self) -> None:
        """Disarm and release the port; see `Stimulator.close`."""
        if self._closed:
            return
        self._closed = True
        try:
            self.disarm()
        except StimulatorError:
            pass  # nothing more can be done from here; the caller has been told of the fault
        finally:
            self._talk.link.close()

    def __enter__(self) -> Self:
        """Return the stimulator."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disarm, then close."""
        self.close()


def _status_of(reply: Status2, at_ns: int) -> DeviceStatus:
    status = reply.status
    cold = status.temperature_c == NO_COOLER_C
    return DeviceStatus(
        at_ns=at_ns,
        armed=status.info.enabled,
        running=reply.running,
        intensity_pct_mso=status.a_pct_mso,
        coil=coil_label(status.coil_type),
        coil_temperature_c=status.temperature_c,
        problem="No cooler is connected to the coil (it reports 90 °C)." if cold else "",
    )


def _identity(status: Status) -> DeviceIdentity:
    return DeviceIdentity(model_name(status.info.model), serial_text(status.serial))


def _burst_of(shape: Settings) -> Burst:
    """Return the burst that the settings stand for."""
    ipi = shape.ipi_tenths_ms
    if shape.waveform is not Waveform.BIPHASIC_BURST or not ipi:
        return SINGLE_PULSE
    return Burst(shape.burst.pulses, Fraction(10_000, ipi))


def _wanted_settings(burst: Burst, now: Settings) -> SetSettings:
    """Return the settings for this burst, the current's direction left as it is."""
    plain = burst.pulses == 1
    return SetSettings(
        Model(now.caps.model),
        Mode.STANDARD,
        now.direction,
        Waveform.BIPHASIC if plain else Waveform.BIPHASIC_BURST,
        now.burst if plain else BurstIndex.of(burst.pulses),
        200 if plain else burst_ipi_tenths_ms(burst),
    )


def _same_settings(now: Settings, wanted: SetSettings) -> bool:
    """Compare what matters for the waveform: burst and interval only where there is a burst."""
    same = now.mode is wanted.mode and now.waveform is wanted.waveform
    if wanted.waveform is not Waveform.BIPHASIC_BURST:
        return same
    return same and now.burst is wanted.burst and now.ipi_tenths_ms == wanted.ipi_tenths_ms


def _words(settings: TrainSettings) -> str:
    train = settings.train
    inner = (
        ""
        if train.burst.rate_hz is None
        else f" of {train.burst.pulses} pulses at " + (f"{float(train.burst.rate_hz):g} Hz")
    )
    return (
        f"{train.bursts} at {float(train.rate_hz):g} Hz{inner}, {settings.intensity_pct_mso} %MSO"
    )
