"""A Magstim Rapid² as a `Stimulator`: trains timed by the unit, single pulses by the host.

Common behaviour is in `driver`; limits in `capability` and `energy`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from drivers.errors import (
    DeliveryUncertain,
    LinkFault,
    Locked,
    NotConnected,
    SettingsRefused,
    StopRequested,
)
from drivers.interface import (
    Capabilities,
    Clock,
    DeviceIdentity,
    FrameLog,
    ReportKind,
    StartReceipt,
    TrainSettings,
    TrainTiming,
)
from drivers.link import Link
from drivers.magstim.capability import why_not_in_sequence, why_not_rapid, why_not_timed
from drivers.magstim.dialect import LOCKED_FROM, Command, Dialect, Family, Instrument
from drivers.magstim.driver import (
    ARMING_S,
    BUSY_AFTER_NS,
    COIL,
    MagstimStimulator,
    Standing,
    describe,
)
from drivers.magstim.energy import EnergyAccount
from drivers.magstim.exchange import DEFAULT_DEADLINES, MILLISECOND, Deadlines
from drivers.magstim.replies import Answer, TrainParameters, Version
from drivers.magstim.requests import GET_VERSION, Request, UnlockCode, enable_remote, number
from drivers.magstim.tables import LOST_PULSE_NS, Mains, RapidModel, RapidUnit, slew_ns
from protocols.pattern import SINGLE_PULSE, Train

CHECKING_S = 1.2
"""Seven requests of at most 60 ms, and the lock-out of 0.5 s that may have to pass first."""
PULSE_MARGIN_NS = 100 * MILLISECOND
FIRST_DURATION_TENTHS = 10
"""What takes a unit from single pulses to trains (stimulators.md 1.8)."""
SETTLE_EVERY_NS = 50 * MILLISECOND
WHY_NOT_BEFORE = (
    "What this stimulator gave in the minute before it was opened is not known; its supply could "
    "be overloaded."
)
"""Other programs, its own front and the sessions before may have given trains (1.9)."""


class RapidStimulator(MagstimStimulator):
    """One Rapid² on one link.

    Args:
        link: To the unit.
        clock: The session's.
        model: From the unit's label: it decides how fast which power may be given.
        mains: From its label too.
        code: Unlocks software 9 and above.
        frame_log: Gets every frame, the code as stars.
        stop_requested: Asked in every wait.
        deadlines: How long to wait for what.
    """

    def __init__(  # noqa: PLR0913 - one unit, one label, one code
        self,
        link: Link,
        clock: Clock,
        *,
        model: RapidModel,
        mains: Mains,
        code: UnlockCode | None,
        frame_log: FrameLog,
        stop_requested: Callable[[], bool],
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        self._model, self._mains, self._code = model, mains, code
        self._energy = EnergyAccount()
        self._set_to: TrainSettings | None = None
        self._last_pulse_ns: int | None = None
        super().__init__(
            link,
            clock,
            Dialect(Family.RAPID, LOCKED_FROM),
            frame_log=frame_log,
            stop_requested=stop_requested,
            deadlines=deadlines,
        )

    def _open(self) -> Capabilities:
        """Take control.  Software 9 and above may be silent until it is unlocked."""
        version = self._talk.version(GET_VERSION)
        if version is not None:
            self._talk.dialect = self._dialect_of(version)
        self._take_control(told=version is not None)
        if version is None:
            version = self._talk.version(GET_VERSION)
        if version is None:
            raise LinkFault(f"{self._port}: the unit does not tell its software's version")
        self._talk.dialect = self._dialect_of(version)
        self._unit = RapidUnit(self._model, self._mains, self._talk.dialect)
        self._version = version.text
        standing = self._look()
        self._energy.forget(self._clock.now_ns())
        unit = self._unit

        def refusal(train: Train, intensity_pct_mso: int) -> str | None:
            return why_not_rapid(unit, train, intensity_pct_mso)

        return Capabilities(
            identity=DeviceIdentity(unit.name, "", version.text),
            coil=COIL if Instrument.COIL in standing.instrument else "",
            train_timing=TrainTiming.DEVICE,
            reports=ReportKind.NONE,
            min_pct_mso=0,
            max_pct_mso=100,
            has_stimulus_counter=False,
            checking_s=CHECKING_S,
            arming_s=ARMING_S,
            refusal=refusal,
            names_coil=False,
            sequence_refusal=lambda trains: why_not_in_sequence(unit, trains),
            not_before_ns=self._energy.known_from_ns or 0,
            why_not_before=WHY_NOT_BEFORE,
        )

    def _dialect_of(self, version: Version) -> Dialect:
        """Return how such software talks; 10 and above is one dialect as far as is known."""
        if version.major < 1:
            raise LinkFault(
                f"{self._port}: the unit calls its software {version.text}, of which nothing is "
                "known"
            )
        return Dialect(Family.RAPID, version.major)

    def _take_control(self, *, told: bool) -> None:
        """Take remote control; `told` if the unit has said which software it has."""
        dialect = self._talk.dialect
        if dialect.locked and self._code is None:
            words = "software 9 or above, which wants an unlock code, and none is stored"
            if told:
                raise Locked(f"{self._port}: {words}")
            raise LinkFault(f"{self._port}: no answer, or {words}")
        reply = self._talk.say(enable_remote(dialect, self._code if dialect.locked else None))
        if isinstance(reply, Answer) and Instrument.REMOTE in reply.instrument:
            return
        if dialect.locked and told:
            raise Locked(f"{self._port}: the unit answers and is locked: its unlock code is wrong")
        wrong = ", or the unlock code is wrong" if dialect.locked else ""
        raise LinkFault(
            f"{self._port}: the unit did not give remote control (wrong port or cable, or the "
            f"unit is off{wrong})"
        )

    def identify(self) -> DeviceIdentity:
        """Ask the unit once who it is; see `Stimulator.identify`."""
        version = self._talk.version(GET_VERSION)
        if version is None:
            raise LinkFault(f"{self._port}: the unit does not tell its software's version")
        return DeviceIdentity(self._unit.name, "", version.text)

    @property
    def _query(self) -> Request:
        return Request(Command.RAPID_PARAMETERS)

    def _standing_of(self, answer: Answer) -> Standing:
        self._parameters = TrainParameters.of(answer)
        return Standing(answer.instrument, answer.rapid, self._parameters.power_pct_mso)

    @property
    def _program(self) -> tuple[int, ...]:
        """Frequency, pulses and duration as the unit has them; () for single pulses."""
        now = self._parameters
        if now.duration_tenths_s == 0:
            return ()
        return now.frequency_tenths_hz, now.pulses, now.duration_tenths_s

    def _program_words(self, program: tuple[int, ...]) -> str:
        if not program:
            return "single pulses"
        frequency, pulses, duration = program
        return f"{pulses} pulses at {frequency / 10:g} Hz in {duration / 10:g} s"

    # Setting it -------------------------------------------------------------------------------

    def configure(self, settings: TrainSettings) -> TrainSettings:
        """Set what differs, read everything back and compare; see `Stimulator.configure`."""
        train, pct = settings.train, settings.intensity_pct_mso
        refusal = why_not_rapid(self._unit, train, pct)
        if refusal is None and settings.timing is TrainTiming.DEVICE:
            refusal = why_not_timed(self._unit, train, pct)
        if refusal is not None:
            raise SettingsRefused(refusal)
        self._set_to = self._power_set = None
        self._await_no_train()
        before = self._parameters
        if before.power_pct_mso != pct:
            self._set(Command.POWER, pct)
        if settings.timing is TrainTiming.DEVICE:
            self._set_train(train)
        elif before.duration_tenths_s:
            self._set(Command.DURATION, 0)
        found = self._read_back(settings)
        if self._armed and before.power_pct_mso != pct:
            self._await_ready(slew_ns(before.power_pct_mso, pct))
        self._set_to, self._power_set = settings, settings.intensity_pct_mso
        self._program_set = self._program
        return found

    def _await_no_train(self) -> None:
        """Nothing may be changed during a train and the lock-out after it (1.8)."""
        deadline_ns = self._clock.now_ns() + self._deadlines.wait_over_ns
        asked_ns = self._clock.now_ns()
        while (standing := self._look()).running or standing.waiting:
            if asked_ns >= deadline_ns:  # it said so after the time, not a host that was away
                does = "giving a train" if standing.running else "waiting after its last train"
                words = self._uncommanded or f"the unit is still {does}"
                raise SettingsRefused(f"{self._port}: {words}")
            self._rest(self._clock.now_ns() + SETTLE_EVERY_NS)
            asked_ns = self._clock.now_ns()

    def _await_ready(self, slew: int) -> None:
        """A change of power while armed takes its time to charge or to bleed (1.5)."""
        deadline_ns = self._clock.now_ns() + slew + self._deadlines.ready_ns
        while Instrument.READY not in self._look().instrument:
            if self._clock.now_ns() >= deadline_ns:
                raise SettingsRefused(f"{self._port}: the unit does not become ready at its power")
            self._rest(self._clock.now_ns() + SETTLE_EVERY_NS)

    def _set(self, command: Command, value: int) -> None:
        """Send a setting once; what came of it is read back."""
        self._was_ready = False
        self._talk.say(number(self._talk.dialect, command, value))

    def _set_train(self, train: Train) -> None:
        """Power is set: then mode, frequency, pulses, and the duration that belongs to them."""
        wanted = _parameters(train)
        self._look()
        if self._parameters.duration_tenths_s == 0:
            self._set(Command.DURATION, FIRST_DURATION_TENTHS)
        if self._parameters.frequency_tenths_hz != wanted[0]:
            self._set(Command.FREQUENCY, wanted[0])
        self._look()
        if self._parameters.pulses != wanted[1]:
            self._set(Command.PULSES, wanted[1])
        self._look()
        if self._parameters.duration_tenths_s != wanted[2]:
            self._set(Command.DURATION, wanted[2])

    def _read_back(self, settings: TrainSettings) -> TrainSettings:
        """Return what the unit is set to now.

        Raises:
            SettingsRefused: It is not what was asked for.
        """
        self._look()
        now = self._parameters
        single = now.duration_tenths_s == 0
        if now.power_pct_mso != settings.intensity_pct_mso:
            raise SettingsRefused(
                f"{self._port}: set {settings.intensity_pct_mso} %MSO, the unit reads back "
                f"{now.power_pct_mso} %MSO"
            )
        if settings.timing is TrainTiming.HOST:
            if not single:
                raise SettingsRefused(f"{self._port}: the unit stays set to trains")
            return settings
        wanted = _parameters(settings.train)
        if (now.frequency_tenths_hz, now.pulses, now.duration_tenths_s) != wanted:
            raise SettingsRefused(
                f"{self._port}: set {describe(settings.train, settings.intensity_pct_mso)}, the "
                f"unit reads back {now.pulses} pulses at {now.frequency_tenths_hz / 10:g} Hz in "
                f"{now.duration_tenths_s / 10:g} s"
            )
        rate = Fraction(now.frequency_tenths_hz, 10)
        return TrainSettings(
            Train(now.pulses, rate, SINGLE_PULSE), now.power_pct_mso, settings.timing
        )

    # Stimulating ------------------------------------------------------------------------------

    def _why_not_now(self, at_ns: int, *, train: bool) -> str:
        settings = self._set_to
        if settings is None or (settings.timing is TrainTiming.DEVICE) != train:
            is_set = "trains" if not train else "single pulses, or to nothing that was read back"
            return f"nothing was sent: the unit is set to {is_set}"
        known_ns = self._energy.known_from_ns or 0
        if at_ns < known_ns:
            wait_s = (known_ns - at_ns) / 1e9
            return (
                "nothing was sent: what the unit gave in the minute before is not known, and its "
                f"supply could be overloaded; the shortest wait is {wait_s:.2f} s more"
            )
        if not train:
            least_ns = LOST_PULSE_NS + PULSE_MARGIN_NS
            if self._last_pulse_ns is not None and at_ns - self._last_pulse_ns < least_ns:
                return "nothing was sent: single pulses closer than 0.6 s can be lost"
            earliest_ns = self._energy.earliest_pulses_ns(settings.intensity_pct_mso, at_ns)
            return "" if at_ns >= earliest_ns else _too_soon("a pulse", earliest_ns - at_ns)
        earliest_ns = self._energy.earliest_ns(settings.train, settings.intensity_pct_mso, at_ns)
        if at_ns < earliest_ns:
            what = describe(settings.train, settings.intensity_pct_mso)
            return _too_soon(what, earliest_ns - at_ns)
        return ""

    def _given(self, commanded_ns: int, *, train: bool) -> None:
        settings = self._set_to
        if not train:
            self._last_pulse_ns = commanded_ns
        if settings is None:
            return
        if not train:
            self._energy.note_pulse(commanded_ns, settings.intensity_pct_mso)
        else:
            self._train_ends_ns = commanded_ns + round(settings.train.duration_s * 10**9)
            nominal_ns = round(settings.train.nominal_s * 10**9)
            self._busy_until_ns = commanded_ns + nominal_ns + BUSY_AFTER_NS
            self._energy.note(commanded_ns, settings.train, settings.intensity_pct_mso)

    def _given_by_others(self, until_ns: int) -> None:
        self._energy.forget(until_ns)

    def start_train(self, not_after_ns: int, due_ns: int | None = None) -> StartReceipt | None:
        """Start the train once and see that it runs; see `Stimulator.start_train`."""
        receipt = super().start_train(not_after_ns, due_ns)
        if receipt is None or self._set_to is None:
            return receipt
        try:
            standing = self._look()
        except (LinkFault, NotConnected, StopRequested) as error:
            raise DeliveryUncertain(str(error), receipt.commanded_ns) from error
        if not standing.running and not standing.waiting:
            raise DeliveryUncertain(
                f"{self._port}: the unit took the start and says that no train runs",
                receipt.commanded_ns,
            )
        return receipt


def _parameters(train: Train) -> tuple[int, int, int]:
    """Return frequency in tenths of Hz, pulses, and duration in tenths of a second."""
    return int(train.rate_hz * 10), train.bursts, int(train.nominal_s * 10)


def _too_soon(what: str, wait_ns: int) -> str:
    return (
        f"nothing was sent: {what} so soon after the last train would overload the unit's supply; "
        f"the shortest wait is {wait_ns / 1e9:.2f} s more"
    )
