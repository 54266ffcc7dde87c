"""What all Magstims have in common as a `Stimulator`: control, arming, firing, keep-alive.

What is set and read back is in `single` and `rapid`; what a session means is not known here.
Behaviour and numbers are from stimulators.md part 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from drivers.errors import (
    DeliveryUncertain,
    LinkFault,
    NotConnected,
    PulseRefused,
    StimulatorError,
    StopRequested,
)
from drivers.interface import (
    Capabilities,
    Clock,
    DeviceEvent,
    DeviceIdentity,
    DeviceNotice,
    DeviceStatus,
    FrameLog,
    NoticeKind,
    PulseReceipt,
    StartReceipt,
    TrainEnded,
    TrainRunning,
    TrainSettings,
)
from drivers.link import Link
from drivers.magstim.dialect import Command, Dialect, Instrument, RapidState
from drivers.magstim.exchange import DEFAULT_DEADLINES, MILLISECOND, Deadlines, Exchange
from drivers.magstim.replies import Answer, BadData, Conflict, Reply, Unrecognised
from drivers.magstim.requests import ARM, DISARM, FIRE, RELEASE_REMOTE, Request
from protocols.pattern import Train

BAUD_RATE = 9600
"""stimulators.md 1.1."""
DISARM_FRAME = DISARM.frame
"""What disarms a unit, whatever it is doing."""
COIL = "one that is not named"
"""A Magstim says that a coil is there, and not which."""
QUERY_ROOM_NS = 80 * MILLISECOND
"""A keep-alive query and its answer take less; it is not begun closer to a command."""
FORCED_NS = 150 * MILLISECOND
"""A keep-alive that is overdue by this is sent even if the caller wants to be back sooner."""
BUSY_AFTER_NS = 2_000 * MILLISECOND
"""After its own train a unit waits 0.5 s at least (1.8); the rest is for its clock and a look."""
FORBIDDING = frozenset({NoticeKind.INTENSITY, NoticeKind.UNCOMMANDED, NoticeKind.DISARMED})
"""What was noticed since the last `poll` and lets no stimulating command out."""
READY_EVERY_NS = 50 * MILLISECOND
TRAIN_END_EVERY_NS = 40 * MILLISECOND
"""How often the end of a train is looked for, and from how long before its last pulse: whether all
of it was given is inferred from the unit's saying that it runs, and then that it is over."""
TRAIN_END_FROM_NS = 150 * MILLISECOND
ARMING_S = 1.2
"""From arming to ready takes up to 1 s; the rest is the query that shows it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the unit stands by its parameters' reply.

    Attributes:
        instrument: The instrument status.
        rapid: The Rapid status, None for the others.
        power_pct_mso: Power A.
        in_pair: A pair was set off and lasts until later by its interval; no status shows one.
    """

    instrument: Instrument
    rapid: RapidState | None
    power_pct_mso: int
    in_pair: bool = False

    @property
    def running(self) -> bool:
        """True while a train, or a pair, runs."""
        return self.in_pair or (self.rapid is not None and RapidState.TRAIN in self.rapid)

    @property
    def waiting(self) -> bool:
        """True in the lock-out after a train."""
        return self.rapid is not None and RapidState.WAIT in self.rapid

    @property
    def remote_and_armed(self) -> bool:
        """True if a host has control and the unit charges or can fire, or gives a train."""
        return Instrument.REMOTE in self.instrument and (self.instrument.armed or self.running)


class MagstimStimulator(ABC):
    """One Magstim on one link, used by the thread that made it."""

    def __init__(  # noqa: PLR0913 - as every driver, and the dialect
        self,
        link: Link,
        clock: Clock,
        dialect: Dialect,
        *,
        frame_log: FrameLog,
        stop_requested: Callable[[], bool],
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        """Take control of the unit; the link is closed if it does not answer.

        Raises:
            LinkFault: Nothing, or nothing usable, answers.
            NotConnected: The link is gone.
            StopRequested: A stop was asked for meanwhile.
        """
        self._clock = clock
        self._deadlines = deadlines
        self._port = link.name
        self._talk = Exchange(link, clock, frame_log, stop_requested, deadlines, dialect)
        self._closed = False
        self._armed = False
        self._in_control = False
        self._train_ends_ns: int | None = None
        """When the last pulse of the train that was started is due, None without one."""
        self._busy_until_ns = 0
        """Until then running and waiting are of a train that was started here."""
        self._uncommanded = ""
        """What shows that somebody else set the unit off, "" for nothing."""
        self._was_ready = False
        """It was ready, and nothing has been commanded since that could change that."""
        self._power_set: int | None = None
        self._program_set: tuple[int, ...] = ()
        self._heard_ns = clock.now_ns()
        try:
            self._talk.hush()
            self._capabilities = self._open()
        except BaseException:
            self._closed = True
            link.close()
            raise
        self._in_control = True
        self._talk.events.clear()  # a locked unit is silent until it is unlocked

    @property
    @abstractmethod
    def _program(self) -> tuple[int, ...]:
        """What the unit is set to besides power A, as it last said."""

    @abstractmethod
    def _program_words(self, program: tuple[int, ...]) -> str:
        """Say it to a person."""

    @abstractmethod
    def _open(self) -> Capabilities:
        """Take remote control and find out what the unit is."""

    @abstractmethod
    def configure(self, settings: TrainSettings) -> TrainSettings:
        """Set what differs, read everything back and compare; see `Stimulator.configure`."""

    @abstractmethod
    def identify(self) -> DeviceIdentity:
        """Ask the unit once who it is; see `Stimulator.identify`."""

    @property
    @abstractmethod
    def _query(self) -> Request:
        """The query whose answer shows parameters and status."""

    @abstractmethod
    def _standing_of(self, answer: Answer) -> Standing: ...

    @abstractmethod
    def _why_not_now(self, at_ns: int, *, train: bool) -> str:
        """Return why no stimulating command may go out at that time, "" if it may."""

    @abstractmethod
    def _given(self, commanded_ns: int, *, train: bool) -> None:
        """Remember that a stimulus was commanded, for what must come between two."""

    @abstractmethod
    def _given_by_others(self, until_ns: int) -> None:
        """Remember that nobody here knows what the unit gave up to then."""

    # What it is -----------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """What this unit can do, read once after opening."""
        return self._capabilities

    def status(self) -> DeviceStatus:
        """Ask the unit for its state; see `Stimulator.status`."""
        temperature = self._talk.ask(Request(Command.TEMPERATURE))
        standing = self._look()
        instrument = standing.instrument
        tenths = max(temperature.numbers)
        problem = ""
        if instrument & (Instrument.ERROR | Instrument.FATAL):
            problem = f"The stimulator reports {self._error()}; its manual says what that means."
        elif Instrument.REPLACE_COIL in instrument:
            problem = "The stimulator asks for another coil."
        return DeviceStatus(
            at_ns=self._clock.now_ns(),
            armed=instrument.armed,
            running=None if standing.rapid is None else standing.running,
            intensity_pct_mso=standing.power_pct_mso,
            coil=COIL if Instrument.COIL in instrument else "",
            coil_temperature_c=-(-tenths // 10),
            problem=problem,
        )

    def _error(self) -> str:
        """Ask which error there is; only a Rapid² has a word for it."""
        if not self._talk.dialect.knows(Command.ERROR_CODE):
            return "an error"
        answer = self._talk.ask(Request(Command.ERROR_CODE))
        return f"error {answer.letter}{answer.numbers[0]:02d}"

    def stimulus_count(self) -> int | None:
        """Return None: there is no counter."""
        return None

    def _look(self, *, heed_stop: bool = True) -> Standing:
        """Ask how the unit stands, and note what has changed."""
        answer = self._talk.ask(self._query, heed_stop=heed_stop)
        standing = self._standing_of(answer)
        self._heard_ns = self._clock.now_ns()
        self._note(standing)
        return standing

    def _note(self, standing: Standing) -> None:
        now_ns = self._clock.now_ns()
        if self._power_set is not None and standing.power_pct_mso != self._power_set:
            words = (
                f"the intensity was changed from {self._power_set} to {standing.power_pct_mso} "
                "%MSO on the unit"
            )
            self._power_set = standing.power_pct_mso
            self._was_ready = False  # that makes it charge too
            self._talk.events.append(DeviceNotice(now_ns, NoticeKind.INTENSITY, words))
        self._note_program(standing, now_ns)
        if self._train_ends_ns is not None:  # after that: such a train is not the one that was set
            if standing.running:
                self._talk.events.append(TrainRunning(self._talk.asked_ns))
            else:
                self._train_ends_ns = None
                self._talk.events.append(TrainEnded(now_ns))
        self._note_uncommanded(standing, now_ns)
        if self._armed and not standing.remote_and_armed:
            self._armed = False
            words = "the unit was disarmed"
            if Instrument.REMOTE not in standing.instrument:
                words = "the unit was disarmed: it left remote control (1 s without a command?)"
            self._talk.events.append(DeviceNotice(now_ns, NoticeKind.DISARMED, words))

    def _note_program(self, standing: Standing, now_ns: int) -> None:
        """Note, once, that something besides the power is otherwise than it was read back.

        In a train and the lock-out after it no reply is believed about what is set.
        """
        program = self._program
        if self._power_set is None or standing.running or standing.waiting:
            return
        if program != self._program_set:
            before, now = (self._program_words(one) for one in (self._program_set, program))
            self._program_set = program
            words = f"the unit was set to {before} and is set to {now} now"
            self._talk.events.append(DeviceNotice(now_ns, NoticeKind.SETTINGS, words))

    def _note_uncommanded(self, standing: Standing, now_ns: int) -> None:
        """Note what shows that somebody else set the unit off: foot switch, trigger input, panel.

        A train shows for at least its lock-out of 0.5 s, longer than two looks are apart; a single
        pulse only if a look falls into the time in which the unit charges again.  Before anything
        was set nothing is noted: what runs then was begun before the unit was opened.
        """
        late = self._talk.asked_ns > self._busy_until_ns
        if not self._armed:
            configured = standing.rapid is not None and self._power_set is not None
            if configured and standing.running and late:
                self._note_train(now_ns)
            return
        ready = Instrument.READY in standing.instrument
        over = self._train_ends_ns is None  # ours; what runs then is another
        if (standing.running and over) or (standing.waiting and late):
            self._note_train(now_ns)
        elif over and not standing.waiting:
            self._busy_until_ns = min(self._busy_until_ns, now_ns)
        charges = not ready and Instrument.ARMED in standing.instrument
        if self._was_ready and charges and not (standing.running or standing.waiting):
            words = (
                "the unit charges and nothing was commanded: a foot switch or its trigger input "
                "may have set it off"
            )
            notice = DeviceNotice(now_ns, NoticeKind.UNCOMMANDED, words, pulses=1)
            self._talk.events.append(notice)
        self._was_ready = ready

    def _note_train(self, now_ns: int) -> None:
        """Note, once, a train that was not started here; it gave one pulse at least."""
        self._given_by_others(now_ns)
        if not self._uncommanded:
            self._uncommanded = "the unit gives a train that was not started here"
            words = self._uncommanded
            notice = DeviceNotice(now_ns, NoticeKind.UNCOMMANDED, words, pulses=1)
            self._talk.events.append(notice)

    # Arming -----------------------------------------------------------------------------------

    def arm(self) -> None:
        """Arm and wait until the unit is ready; see `Stimulator.arm`.  It is sent once."""
        self._talk.say(ARM)  # whether it was taken is seen below
        deadline_ns = self._clock.now_ns() + self._deadlines.ready_ns
        standing = self._look()
        while Instrument.READY not in standing.instrument and not standing.running:
            if not standing.remote_and_armed:
                raise PulseRefused(f"{self._port}: the unit stays disarmed{_why(standing)}")
            if self._clock.now_ns() >= deadline_ns:
                raise PulseRefused(f"{self._port}: the unit is armed and does not become ready")
            self._rest(self._clock.now_ns() + READY_EVERY_NS)
            standing = self._look()
        self._armed = True

    def _rest(self, until_ns: int) -> None:
        while self._clock.now_ns() < until_ns:
            self._talk.wait(until_ns)

    def disarm(self) -> None:
        """Disarm, repeating until the unit shows it; see `Stimulator.disarm`."""
        self._armed = False
        self._train_ends_ns = None
        for _ in range(self._deadlines.queries):
            sent_ns = self._talk.send(DISARM).before_ns
            self._talk.reply(sent_ns, heed_stop=False)
            try:
                if not self._look(heed_stop=False).instrument.armed:
                    return
            except LinkFault:
                continue
        raise LinkFault(
            f"{self._port}: disarm was sent {self._deadlines.queries} times and the unit did "
            "not confirm it"
        )

    # Stimulating ------------------------------------------------------------------------------

    def fire(self, not_after_ns: int, due_ns: int | None = None) -> PulseReceipt | None:
        """Fire one pulse; the unit's acknowledgement is the evidence.  See `Stimulator.fire`."""
        sent = self._stimulate(not_after_ns, due_ns, train=False)
        if sent is None:
            return None
        return PulseReceipt(sent, self._clock.now_ns(), reported=False)

    def start_train(self, not_after_ns: int, due_ns: int | None = None) -> StartReceipt | None:
        """Start the train once; see `Stimulator.start_train`."""
        sent = self._stimulate(not_after_ns, due_ns, train=True)
        if sent is None:
            return None
        return StartReceipt(sent, self._clock.now_ns())

    def _stimulate(self, not_after_ns: int, due_ns: int | None, *, train: bool) -> int | None:
        """Send the one stimulating command and return when, or None if it would be too late.

        Raises:
            PulseRefused: The unit refused, or must not be asked.
            DeliveryUncertain: No usable answer came.
        """
        if self._closed:
            raise NotConnected(f"{self._port}: the port is closed")
        self._talk.stop_if_requested()
        at_ns = self._clock.now_ns() if due_ns is None else max(due_ns, self._clock.now_ns())
        if at_ns <= not_after_ns and (why := self._why_not_now(at_ns, train=train)):
            raise PulseRefused(f"{self._port}: {why}")
        self._refuse_if_forbidden()
        times = self._talk.write_when_due(FIRE, not_after_ns, due_ns, self._keep_alive_in_wait)
        if times is None:
            return None
        commanded_ns = times.before_ns
        self._was_ready = False
        self._given(commanded_ns, train=train)
        try:
            reply = self._talk.reply(commanded_ns)
        except (StopRequested, NotConnected) as error:
            raise DeliveryUncertain(str(error), commanded_ns) from error
        self._judge(reply, commanded_ns)
        return commanded_ns

    def _keep_alive_in_wait(self, until_ns: int) -> None:
        self._keep_alive(until_ns)
        self._refuse_if_forbidden()

    def _refuse_if_forbidden(self) -> None:
        """Do nothing, unless something that nobody was told yet forbids the command.

        Raises:
            PulseRefused: Intensity, program or arming are not what they were; nothing was sent.
        """
        for event in self._talk.events:
            if isinstance(event, DeviceNotice) and event.kind in FORBIDDING:
                raise PulseRefused(f"{self._port}: nothing was sent: {event.sentence}")

    def _judge(self, reply: Reply | None, commanded_ns: int) -> None:
        """Do nothing if the unit took the command while it was ready."""
        if isinstance(reply, Answer) and Instrument.READY in reply.instrument:
            return
        if isinstance(reply, Conflict | BadData | Unrecognised):
            raise PulseRefused(
                f"{self._port}: the unit refused to fire: it is not ready (its foot switch or "
                "trigger input may have set it off)",
                commanded_ns,
            )
        words = "did not answer" if reply is None else "took it and was not ready"
        raise DeliveryUncertain(f"{self._port}: fire was sent and the unit {words}", commanded_ns)

    # Listening --------------------------------------------------------------------------------

    def poll(self, until_ns: int) -> Sequence[DeviceEvent]:
        """Return what was found out, keeping the unit's watchdog content meanwhile.

        See `Stimulator.poll`.
        """
        while True:
            self._talk.stop_if_requested()
            self._keep_alive(until_ns)
            now_ns = self._clock.now_ns()
            if self._talk.events or now_ns >= until_ns:
                events = tuple(self._talk.events)
                self._talk.events.clear()
                return events
            self._talk.wait(min(until_ns, max(now_ns + MILLISECOND, self._next_query_ns())))

    def _next_query_ns(self) -> int:
        """Return when the next query is due: for the watchdog, or to see a train's end."""
        due_ns = self._talk.fed_ns + self._deadlines.keep_alive_ns
        if self._train_ends_ns is None:
            return due_ns
        from_ns = self._train_ends_ns - TRAIN_END_FROM_NS
        return min(due_ns, max(from_ns, self._talk.fed_ns + TRAIN_END_EVERY_NS))

    def _keep_alive(self, until_ns: int) -> None:
        """Send the query that is due, if there is time for it before `until_ns`.

        Raises:
            NotConnected: The unit has not answered for so long that it has disarmed itself.
            StopRequested: A stop was asked for.
        """
        now_ns = self._clock.now_ns()
        late_ns = now_ns - self._next_query_ns()
        if not self._in_control or late_ns < 0:
            return
        if until_ns - now_ns < QUERY_ROOM_NS and late_ns < FORCED_NS:
            return
        reply = self._talk.say(self._query)
        if isinstance(reply, Answer):
            self._heard_ns = self._clock.now_ns()
            self._note(self._standing_of(reply))
        elif self._clock.now_ns() - self._heard_ns > self._deadlines.gone_ns:
            silent_s = (self._clock.now_ns() - self._heard_ns) / 1e9
            raise NotConnected(f"{self._port}: the unit has not answered for {silent_s:.1f} s")

    # Closing ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Disarm, return control to the front and release the port; see `Stimulator.close`."""
        if self._closed:
            return
        self._closed = True
        try:
            self.disarm()
            sent_ns = self._talk.send(RELEASE_REMOTE).before_ns
            self._talk.reply(sent_ns, heed_stop=False)
        except StimulatorError:
            pass  # the unit's watchdog does it within a second; the caller knows of the fault
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


def _why(standing: Standing) -> str:
    if Instrument.REMOTE not in standing.instrument:
        return ": it is not under remote control"
    if Instrument.COIL not in standing.instrument:
        return ": no coil is connected"
    return " (coil too hot, interlock open, or an error)"


def describe(train: Train, pct_mso: int) -> str:
    """Return a train in words, for refusals."""
    return f"{train.pulses} pulses at {float(train.rate_hz):g} Hz, {pct_mso} %MSO"
