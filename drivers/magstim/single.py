"""A Magstim 200² or BiStim² as a `Stimulator`: single pulses, and pairs where the unit has them.

Common behaviour is in `driver`.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.errors import LinkFault, SettingsRefused
from drivers.interface import (
    Capabilities,
    Clock,
    DeviceIdentity,
    FrameLog,
    ReportKind,
    StartReceipt,
    TrainRunning,
    TrainSettings,
    TrainTiming,
)
from drivers.link import Link
from drivers.magstim.capability import pair_interval_ms, why_not_recharged, why_not_single
from drivers.magstim.dialect import Command, Dialect, Family, Instrument
from drivers.magstim.driver import ARMING_S, COIL, MagstimStimulator, Standing
from drivers.magstim.exchange import DEFAULT_DEADLINES, Deadlines
from drivers.magstim.replies import Answer
from drivers.magstim.requests import DISARM, Request, enable_remote, number
from drivers.magstim.tables import slew_ns
from protocols.pattern import Train

CHECKING_S = 0.6
"""Six requests of at most 60 ms."""
LOW_RESOLUTION = "2"
HIGH_RESOLUTION = "4"
"""The modes of a BiStim master (stimulators.md 1.6)."""
SETTLE_NS = 50_000_000
PAIR_MARGIN_NS = 15_000_000
"""A BiStim²'s first pulse comes 10 ± 1.5 ms after its command (stimulators.md 6)."""


class SingleStimulator(MagstimStimulator):
    """One 200² or BiStim² on one link."""

    def __init__(  # noqa: PLR0913 - as every driver, and the family
        self,
        link: Link,
        clock: Clock,
        family: Family,
        *,
        frame_log: FrameLog,
        stop_requested: Callable[[], bool],
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        self._family = family
        self._set_to: TrainSettings | None = None
        super().__init__(
            link,
            clock,
            Dialect(family),
            frame_log=frame_log,
            stop_requested=stop_requested,
            deadlines=deadlines,
        )

    def _open(self) -> Capabilities:
        reply = self._talk.say(enable_remote(self._talk.dialect))
        if not isinstance(reply, Answer) or Instrument.REMOTE not in reply.instrument:
            raise LinkFault(
                f"{self._port}: the unit did not give remote control (wrong port or cable, or the "
                "unit is off)"
            )
        if self._family is Family.BISTIM:
            self._leave_high_resolution()
        standing = self._look()
        family = self._family

        def refusal(train: Train, intensity_pct_mso: int) -> str | None:
            return why_not_single(family, train, intensity_pct_mso)

        return Capabilities(
            identity=self._identity,
            coil=COIL if Instrument.COIL in standing.instrument else "",
            train_timing=TrainTiming.HOST,
            reports=ReportKind.NONE,
            min_pct_mso=0,
            max_pct_mso=100,
            has_stimulus_counter=False,
            checking_s=CHECKING_S,
            arming_s=ARMING_S,
            refusal=refusal,
            names_coil=False,
            sequence_refusal=lambda trains: why_not_recharged(family, trains),
        )

    def _leave_high_resolution(self) -> None:
        """Let the interval be in whole milliseconds; in high resolution it reads back alike.

        Raises:
            LinkFault: It is no BiStim master, or stays in high resolution.
        """
        mode = self._talk.ask(Request(Command.SYSTEM_MODE)).letter
        if mode == HIGH_RESOLUTION:
            self._talk.say(DISARM)  # armed, it does not change it (1.6)
            self._talk.say(Request(Command.HIGH_RESOLUTION_OFF))
            mode = self._talk.ask(Request(Command.SYSTEM_MODE)).letter
            if mode == HIGH_RESOLUTION:
                raise LinkFault(f"{self._port}: the BiStim² stays in high resolution")
        if mode != LOW_RESOLUTION:
            raise LinkFault(f"{self._port}: the BiStim² is in mode {mode!r}, not BiStim master")

    @property
    def _identity(self) -> DeviceIdentity:
        return DeviceIdentity(f"Magstim {self._family}", "")

    def identify(self) -> DeviceIdentity:
        """Ask the unit once for a sign of life; it does not tell more than its family."""
        self._talk.ask(self._query, queries=1)
        return self._identity

    @property
    def _query(self) -> Request:
        return Request(Command.PARAMETERS)

    def _standing_of(self, answer: Answer) -> Standing:
        self._numbers = answer.numbers
        ends_ns = self._train_ends_ns
        in_pair = ends_ns is not None and self._talk.asked_ns < ends_ns + PAIR_MARGIN_NS
        return Standing(answer.instrument, None, answer.numbers[0], in_pair)

    @property
    def _program(self) -> tuple[int, ...]:
        """Power B and the interval in ms."""
        return self._numbers[1:]

    def _program_words(self, program: tuple[int, ...]) -> str:
        power_b, interval_ms = program
        return f"power B {power_b} %MSO and an interval of {interval_ms} ms"

    def configure(self, settings: TrainSettings) -> TrainSettings:
        """Set what differs, read everything back and compare; see `Stimulator.configure`."""
        refusal = why_not_single(self._family, settings.train, settings.intensity_pct_mso)
        if refusal is None and settings.timing is TrainTiming.DEVICE and settings.train.bursts > 1:
            refusal = f"{self._identity.model} cannot make trains by itself: single pulses only."
        if refusal is not None:
            raise SettingsRefused(refusal)
        self._set_to = self._power_set = None
        self._look()
        before = self._numbers
        wanted = self._wanted(settings)
        commands = (Command.POWER, Command.POWER_B, Command.PULSE_INTERVAL)
        for command, value, now in zip(commands, wanted, before, strict=True):
            if value != now and self._talk.dialect.knows(command):
                self._was_ready = False
                self._talk.say(number(self._talk.dialect, command, value))
        self._look()
        if self._numbers != wanted:
            raise SettingsRefused(
                f"{self._port}: set power A, power B and interval {wanted}, the unit reads back "
                f"{self._numbers}"
            )
        if self._armed and before[0] != wanted[0]:
            self._await_ready(slew_ns(before[0], wanted[0]))
        self._set_to, self._power_set = settings, settings.intensity_pct_mso
        self._program_set = self._program
        return settings

    def _wanted(self, settings: TrainSettings) -> tuple[int, int, int]:
        """Return power A, power B and interval in ms; without a pair B gives nothing."""
        pct = settings.intensity_pct_mso
        if self._family is Family.MAGSTIM_200:
            return pct, 0, 0
        interval_ms = pair_interval_ms(settings.train)
        if interval_ms is None:
            return pct, 0, self._numbers[2]
        return pct, pct, interval_ms

    def _await_ready(self, slew: int) -> None:
        """A change of power while armed takes its time to charge or to bleed (1.5)."""
        deadline_ns = self._clock.now_ns() + slew + self._deadlines.ready_ns
        while Instrument.READY not in self._look().instrument:
            if self._clock.now_ns() >= deadline_ns:
                raise SettingsRefused(f"{self._port}: the unit does not become ready at its power")
            self._rest(self._clock.now_ns() + SETTLE_NS)

    def _why_not_now(self, at_ns: int, *, train: bool) -> str:  # noqa: ARG002 - the unit judges
        if self._set_to is None:
            return "nothing was sent: nothing was set and read back"
        if not train and self._set_to.train.burst.pulses > 1:
            return "nothing was sent: the unit is set to pairs, and one pulse was asked for"
        return ""

    def _given(self, commanded_ns: int, *, train: bool) -> None:
        """The unit itself refuses until it is recharged."""

    def _given_by_others(self, until_ns: int) -> None:
        """No rule of a minute binds it."""

    def start_train(self, not_after_ns: int, due_ns: int | None = None) -> StartReceipt | None:
        """Give the pair once; see `Stimulator.start_train`.

        No status shows a pair.  It is taken to run from the trigger's acknowledgement for as long
        as its interval, which was read back, and to be over when the unit answers after that.
        """
        receipt = super().start_train(not_after_ns, due_ns)
        if receipt is None or self._set_to is None:
            return receipt
        lasts_ns = round(self._set_to.train.duration_s * 10**9)
        self._train_ends_ns = receipt.commanded_ns + lasts_ns
        self._talk.events.append(TrainRunning(receipt.commanded_ns))
        return receipt
