"""The session loop: the one thread that owns the stimulator, from first check to last write.

It does what `transitions` asks for and reports what became of it; the rules are there, the claims
about pulses in `in_hand`, the permission in `gate`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.errors import (
    DeliveryUncertain,
    LinkFault,
    NotConnected,
    PulseRefused,
    SettingsRefused,
    StopRequested,
)
from drivers.interface import (
    Capabilities,
    Clock,
    DeviceEvent,
    DeviceNotice,
    DeviceStatus,
    Frame,
    PulseReport,
    Stimulator,
    TrainEnded,
    TrainSettings,
    TrainTiming,
)
from protocols.prescription import SessionContent
from tms_console.delivery.controls import Controls, GoOn, Order, Remark
from tms_console.delivery.gate import GateRefused, TrainFacts, check_train, require
from tms_console.delivery.in_hand import InHand, Tally, UnplannedNumbers, unplanned_pulse
from tms_console.delivery.matching import ReportMode
from tms_console.delivery.notices import Weight, judge_notice, judge_status
from tms_console.delivery.outcomes import COUNTER_MODULUS, TrainEnd, counted_between
from tms_console.delivery.plan import Plan, Shot
from tms_console.delivery.realised import RealisedCheck
from tms_console.delivery.states import (
    AwaitDue,
    Begun,
    CameDue,
    Check,
    Checked,
    Deliver,
    Disarm,
    Effect,
    Ended,
    Event,
    Faulted,
    Finish,
    Idle,
    MadeReady,
    MakeReady,
    Note,
    Paused,
    Refused,
    ResumePressed,
    Settle,
    ShotDoubtful,
    ShotOver,
    State,
    Ticked,
)
from tms_console.delivery.transitions import step
from tms_console.delivery.wall import WallClock
from tms_console.records.operations import (
    BeginPulse,
    BeginTrain,
    EndSession,
    EndTrain,
    EventKind,
    Frames,
    Operation,
    SessionEvent,
    SessionState,
    TrainOutcome,
    new_uid,
)

LATEST_START_NS = 100_000_000
"""A train whose start would be later than this is not started: the host was not there in time."""

WATCH_NS = 100_000_000
"""How long the loop listens before it looks at the time again."""

SPIN_NS = 10_000_000
"""Before this the stimulator is listened to; then the thread only waits for the time."""

ASK_EVERY_NS = 1_000_000_000
"""How often the stimulator is asked how it stands while nothing else happens."""

SILENT_NS = 1_000_000_000
"""Beyond the longest gap of a train: no report for so long, and the stimulator is asked."""

END_GRACE_NS = 700_000_000
"""How long after its last pulse a train may take to say that it is over."""

DRAIN_NS = 200_000_000
"""How long late reports are listened for after a disarm, or after a train with reports missing."""

CLOCK_JUMP_S = 1.0
"""Wall and monotonic clock drifting apart by more than this end the session (architecture.md)."""


class Ticket(Protocol):
    """A write that was handed over."""

    def wait(self, timeout_s: float) -> bool:
        """Return True once it is committed, False if it is not within the time or cannot be."""
        ...


class Writer(Protocol):
    """Takes every write of a session, in order."""

    def submit(self, operation: Operation) -> Ticket:
        """Take a write; never waits for a disk."""
        ...

    def hold(self) -> None:
        """Begin no transaction until `release`: a stimulating command is due."""
        ...

    def release(self) -> None:
        """Write again."""
        ...


class FrameBuffer:
    """Where the driver logs frames; the session takes them from there."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []

    def __call__(self, frame: Frame) -> None:
        """Keep a frame."""
        self._frames.append(frame)

    def take(self) -> list[Frame]:
        """Return the frames that have come since the last call."""
        frames, self._frames = self._frames, []
        return frames


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a person is shown of a running session at one moment; numbers count pulses.

    Attributes:
        state: The engine's state, one word.
        reason: Why it is paused or ended, "" otherwise.
        at_ns: When, from the session's origin.
        ends_ns: When the last pulse is due as things stand.
        planned: Pulses in the session.
        delivered: Pulses known to be given.
        unknown: Pulses nobody knows of.
        unplanned: Pulses nobody commanded.
        train: The train in hand or next, from 1.
        trains: Trains in the session.
        block: Its block, from 1.
        intensity_pct_mso: What it is given at.
        next_due_ns: When the next command is due.
        coil_temperature_c: As the stimulator last said.
        heard_ns: When the stimulator last said anything.
    """

    state: str
    reason: str
    at_ns: int
    ends_ns: int
    planned: int
    delivered: int
    unknown: int
    unplanned: int
    train: int
    trains: int
    block: int
    intensity_pct_mso: int
    next_due_ns: int
    coil_temperature_c: int | None
    heard_ns: int


@dataclass(frozen=True, slots=True)
class Running:
    """What a session runs with.

    Attributes:
        uid: Its uid.
        content: What was authorised.
        signed_digest: The digest that was authorised.
        plan: The content cut into shots.
        capabilities: What the stimulator can do.
        coil: The coil the session began with.
        origin_ns: The clock at the session's origin.
        pulses_before: Pulses of the day before this session, unknown ones included.
        pulses_allowed: Pulses of the day that are authorised.
    """

    uid: str
    content: SessionContent
    signed_digest: str
    plan: Plan
    capabilities: Capabilities
    coil: str
    origin_ns: int
    pulses_before: int
    pulses_allowed: int


class SessionRunner:
    """Runs one session that is on record as running, to its end."""

    def __init__(  # noqa: PLR0913 - each is a thing of its own, made by the composition root
        self,
        running: Running,
        *,
        stimulator: Stimulator,
        writer: Writer,
        clock: Clock,
        wall: WallClock,
        controls: Controls,
        frames: FrameBuffer,
        publish: Callable[[Snapshot], None],
    ) -> None:
        self._session = running
        self._plan = running.plan
        self._stimulator = stimulator
        self._writer = writer
        self._clock = clock
        self._wall = wall
        self._controls = controls
        self._frames = frames
        self._publish = publish
        self._state: State = Idle()
        self._hand: InHand | None = None
        self._train: _OpenTrain | None = None
        self._mode = ReportMode.UNKNOWN
        self._unplanned = UnplannedNumbers(self._plan.pulses)
        self._realised = RealisedCheck()
        self._armed = False
        self._set_to: int | None = None
        self._warned = False
        self._lost = False
        self._ask_at_ns = 0
        self._delivered = self._unknown = 0
        self._heard_ns = 0
        self._temperature_c: int | None = None

    # The loop -------------------------------------------------------------------------------

    def run(self) -> Ended:
        """Deliver the session to its end, whatever that is, and close it on record."""
        self._do(Begun())
        while not isinstance(self._state, Ended):
            fault = self._guarded(lambda: self._watch(self._now() + WATCH_NS))
            happened = [] if fault is None else [fault]
            self._do(*happened, *self._orders(), Ticked(self._now()))
        return self._state

    def _do(self, *events: Event) -> None:
        """Take events through the engine, with everything that follows from them."""
        waiting = list(events)
        while waiting:
            self._state, effects = step(self._plan, self._state, waiting.pop(0))
            for effect in effects:
                follows = self._perform(effect)
                if follows is not None:
                    waiting.append(follows)
            self._show()
            waiting = [*self._orders(), *waiting]

    def _orders(self) -> list[Event]:
        """Return what came from outside as events; remarks go on record here."""
        events = []
        for order in self._controls.take():
            event = self._event_of(order)
            if event is not None:
                events.append(event)
        return events

    def _event_of(self, order: Order) -> Event | None:
        match order:
            case GoOn():
                return ResumePressed(self._now())
            case Remark(kind, detail, actor):
                self._note(kind, detail, actor)
                return None
            case _:
                return order

    def _perform(self, effect: Effect) -> Event | None:
        match effect:
            case Check():
                return self._guarded(lambda: self._check(effect))
            case MakeReady():
                return self._guarded(lambda: self._make_ready(effect))
            case AwaitDue(due_ns):
                return self._guarded(lambda: self._await_due(due_ns))
            case Deliver():
                return self._guarded(lambda: self._deliver(effect))
            case Disarm():
                self._disarm()
            case Settle():
                self._settle_all()
            case Note(kind, detail):
                self._note(kind, detail)
            case Finish(state, reason):
                self._finish(state, reason)
        return None

    def _guarded(self, act: Callable[[], Event | None]) -> Event | None:
        """Do something with the stimulator; what goes wrong becomes an event."""
        try:
            return act()
        except StopRequested:
            return None  # the order that stopped it is the next event
        except (LinkFault, NotConnected) as error:
            return self._gone(error)
        finally:
            self._writer.release()

    # Checking and arming --------------------------------------------------------------------

    def _check(self, check: Check) -> Event:
        """Ask the gate, set the stimulator and read it back."""
        shot = self._plan.shots[check.shot]
        status = self._ask_status()
        problem = judge_status(
            status,
            armed=self._armed,
            intensity_pct_mso=self._set_to,
            coil=self._session.coil,
        )
        if problem:
            return Refused(f"Before train {shot.scheduled.number}: {problem}")
        try:
            require(check_train(self._train_facts(shot, check.intensity_pct_mso, status)))
            if shot.opens_train or check.intensity_pct_mso != self._set_to:
                self._stimulator.configure(_settings(shot, check.intensity_pct_mso))
        except GateRefused as error:
            self._note(EventKind.GATE, f"train {shot.scheduled.number} refused: {error}")
            return Refused(str(error))
        except SettingsRefused as error:
            return Refused(f"Before train {shot.scheduled.number}: {error}")
        self._set_to = check.intensity_pct_mso
        if shot.opens_train:
            self._train = _OpenTrain(shot, self._stimulator.stimulus_count())
        self._flush_frames()
        return Checked(self._now())

    def _train_facts(self, shot: Shot, intensity_pct_mso: int, status: DeviceStatus) -> TrainFacts:
        session = self._session
        block = self._plan.blocks[shot.scheduled.block - 1]
        ramp = block.ramp is not None and shot.scheduled.number_in_block < block.ramp.trains
        given = self._delivered + self._unknown + self._unplanned.count
        return TrainFacts(
            signed_digest=session.signed_digest,
            content_digest=session.content.digest(),
            status=status,
            coil_at_start=session.coil,
            train=shot.scheduled.train,
            pulses=shot.pulses,
            intensity_pct_mso=intensity_pct_mso,
            lowest_pct_mso=1 if ramp else block.lowest_pct_mso,
            highest_pct_mso=block.highest_pct_mso,
            capabilities=session.capabilities,
            pulses_so_far=session.pulses_before + given,
            pulses_allowed=session.pulses_allowed,
        )

    def _make_ready(self, ready: MakeReady) -> Event | None:
        """Put the shot on disk as commanded; only then arm."""
        shot = self._plan.shots[ready.shot]
        self._hand = InHand(
            session_uid=self._session.uid,
            shot=shot,
            due_ns=ready.due_ns,
            intensity_pct_mso=ready.intensity_pct_mso,
            submit=self._writer.submit,
            unplanned=self._unplanned,
            mode=self._mode,
        )
        ticket = self._submit_rows(shot, ready)
        while not ticket.wait(0.005):
            if self._controls.halted:
                return None  # by a person, or by the writer that could not write
        if not self._armed:
            try:
                self._stimulator.arm()
            except PulseRefused as error:
                return Refused(str(error))
            self._armed = True
        self._flush_frames()
        return MadeReady()

    def _submit_rows(self, shot: Shot, ready: MakeReady) -> Ticket:
        uid, train = self._session.uid, shot.scheduled
        ticket: Ticket | None = None
        if shot.opens_train:
            offsets = () if shot.host_timed else tuple(shot.offsets_ns.tolist())
            ticket = self._writer.submit(
                BeginTrain(
                    session_uid=uid,
                    block=train.block,
                    number=train.number,
                    intensity_pct_mso=ready.intensity_pct_mso,
                    planned_start_ns=ready.due_ns,
                    first_pulse=train.first_pulse,
                    planned_ns=tuple(ready.due_ns + offset for offset in offsets),
                )
            )
            if self._train is not None:
                self._train.on_record = True
        if ticket is None or shot.host_timed:
            ticket = self._writer.submit(
                BeginPulse(
                    session_uid=uid,
                    train_number=train.number,
                    number=shot.first_pulse,
                    intensity_pct_mso=ready.intensity_pct_mso,
                    planned_ns=ready.due_ns,
                )
            )
        return ticket

    def _await_due(self, due_ns: int) -> Event:
        while self._now() < due_ns - SPIN_NS:
            fault = self._watch(due_ns - SPIN_NS)
            if fault is not None:
                return fault
        self._writer.hold()
        self._clock.wait_until(self._session.origin_ns + due_ns)
        return CameDue()

    # Delivering -----------------------------------------------------------------------------

    def _deliver(self, deliver: Deliver) -> Event | None:
        """Send the one command of this shot, unless a stop was asked for up to now."""
        hand = self._require_hand()
        if self._controls.halted:
            return None
        try:
            if hand.shot.host_timed:
                return self._fire(hand, deliver.due_ns)
            return self._start_train(hand, deliver.due_ns)
        except PulseRefused as error:
            hand.refused = True
            return ShotDoubtful(f"the stimulator refused: {error}")
        except DeliveryUncertain as error:
            hand.command(self._offset(error.commanded_ns), self._offset(error.commanded_ns))
            return self._resolve_doubt(hand, error)
        except NotConnected as error:
            # whether the port took some of it is not known: the pulses count as given
            hand.command(self._now(), self._now())
            return self._gone(error)

    def _fire(self, hand: InHand, due_ns: int) -> Event:
        limit_ns = self._session.origin_ns + due_ns + self._plan.latest_pulse_ns
        receipt = self._stimulator.fire(limit_ns)
        self._writer.release()
        if receipt is None:
            return self._too_late(due_ns, f"pulse {hand.shot.first_pulse}")
        commanded_ns, observed_ns = (
            self._offset(receipt.commanded_ns),
            self._offset(receipt.observed_ns),
        )
        hand.command(commanded_ns, observed_ns)
        hand.confirm(
            type(receipt)(commanded_ns, observed_ns, receipt.reported, receipt.realised_a_us)
        )
        self._heard_ns = observed_ns
        doubt = self._realised.doubt(
            hand.shot.first_pulse, hand.intensity_pct_mso, receipt.realised_a_us
        )
        self._flush_frames()
        return ShotDoubtful(doubt) if doubt else self._over(hand, TrainEnd.RAN_OUT)

    def _start_train(self, hand: InHand, due_ns: int) -> Event | None:
        limit_ns = self._session.origin_ns + due_ns + LATEST_START_NS
        receipt = self._stimulator.start_train(limit_ns)
        self._writer.release()
        if receipt is None:
            return self._too_late(due_ns, f"train {hand.shot.scheduled.number}")
        hand.command(self._offset(receipt.commanded_ns), self._offset(receipt.accepted_ns))
        if self._train is not None:
            self._train.started_ns = self._offset(receipt.accepted_ns)
        return self._follow(hand)

    def _too_late(self, due_ns: int, what: str) -> Event:
        late_ms = (self._now() - due_ns) / 1e6
        return ShotDoubtful(
            f"{what} would have been {late_ms:.1f} ms late and was not given; the computer was busy"
        )

    def _follow(self, hand: InHand) -> Event | None:
        """Put every report of a running train on record until the train is over."""
        seen = hand.seen
        longest_gap_ns = max(
            (b - a for a, b in zip(seen.offsets_ns, seen.offsets_ns[1:], strict=False)), default=0
        )
        ended_ns: int | None = None
        heard_ns = self._now()
        while True:
            over_ns = seen.expected_end_ns()
            if ended_ns is None:
                until_ns = over_ns + END_GRACE_NS
            else:
                until_ns = ended_ns if seen.complete else max(ended_ns, over_ns) + DRAIN_NS
            if self._now() >= until_ns:
                break
            silent_from_ns = heard_ns + longest_gap_ns + SILENT_NS
            events = self._poll(min(until_ns, silent_from_ns))
            for event in events:
                heard_ns = self._now()
                if isinstance(event, TrainEnded):
                    ended_ns = self._offset(event.at_ns)
                trouble = self._see_in_train(hand, event)
                if trouble:
                    return ShotDoubtful(trouble)
            if not events and self._now() >= silent_from_ns:
                self._ask_status()  # raises if it does not answer
                heard_ns = self._now()
        return self._after_train(hand, ended_ns)

    def _after_train(self, hand: InHand, ended_ns: int | None) -> Event | None:
        seen = hand.seen
        last_due_ns = (hand.commanded_ns or 0) + seen.offsets_ns[-1]
        if ended_ns is not None and ended_ns < last_due_ns and not seen.complete:
            return ShotDoubtful(
                f"train {hand.shot.scheduled.number} ended {(last_due_ns - ended_ns) / 1e9:.2f} s "
                "too early at the stimulator"
            )
        if ended_ns is None and self._ask_status().running:
            return ShotDoubtful(
                f"train {hand.shot.scheduled.number} goes on after its time at the stimulator"
            )
        if self._train is not None:
            self._train.ended_ns = self._now() if ended_ns is None else ended_ns
        return self._over(hand, TrainEnd.RAN_OUT)

    def _over(self, hand: InHand, end: TrainEnd) -> Event:
        """The shot is over as planned: settle it and say how it went."""
        late_ns = (hand.commanded_ns or 0) - hand.due_ns
        tally = self._settle_hand(end, None)
        if tally.doubt:
            return ShotDoubtful(f"train {hand.shot.scheduled.number}: {tally.doubt}")
        return ShotOver(tally.last_pulse_ns, late_ns)

    def _resolve_doubt(self, hand: InHand, error: DeliveryUncertain) -> Event | None:
        """A command went out and nothing came back: only the stimulator's counter can tell."""
        if self._controls.halted:
            return None
        self._note(EventKind.FAULT, str(error))
        if hand.shot.host_timed and self._counted() == 1:
            return self._over(hand, TrainEnd.RAN_OUT)
        return ShotDoubtful(str(error))

    def _see_in_train(self, hand: InHand, event: DeviceEvent) -> str:
        """Put on record what came during a train; return what forbids going on, or ""."""
        match event:
            case PulseReport(at_ns, a_us):
                before = hand.extras
                number = hand.report(PulseReport(self._offset(at_ns), a_us))
                if hand.extras > before:
                    return "the stimulator reported a pulse that nobody commanded"
                return self._realised.doubt(
                    hand.shot.first_pulse if number is None else number,
                    hand.intensity_pct_mso,
                    a_us,
                )
            case DeviceNotice():
                return self._weigh(event)
            case TrainEnded():
                return ""

    # Listening ------------------------------------------------------------------------------

    def _watch(self, until_ns: int) -> Event | None:
        """Listen to the stimulator between shots; ask it now and then; return a fault."""
        may_ask = not self._near_due()
        if may_ask:
            until_ns = min(until_ns, max(self._ask_at_ns, self._now()))
        for event in self._poll(until_ns):
            fault = self._see_outside(event)
            if fault is not None:
                return fault
        if may_ask and self._now() >= self._ask_at_ns:
            problem = (
                judge_status(
                    self._ask_status(),
                    armed=self._armed,
                    intensity_pct_mso=self._set_to,
                    coil=self._session.coil,
                )
                or self._clock_problem()
            )
            if problem:
                return Faulted(problem)
        return None

    def _near_due(self) -> bool:
        """True if a query now could still be under way when a command is due."""
        if isinstance(self._state, Paused | Ended | Idle):
            return False
        return self._hand is not None and self._hand.due_ns - self._now() < ASK_EVERY_NS

    def _see_outside(self, event: DeviceEvent) -> Event | None:
        match event:
            case PulseReport(at_ns, a_us):
                report = PulseReport(self._offset(at_ns), a_us)
                train = self._train.number if self._train and self._train.on_record else None
                self._writer.submit(
                    unplanned_pulse(self._session.uid, self._unplanned, report, train, self._set_to)
                )
                return Faulted("the stimulator reported a pulse that nobody commanded")
            case DeviceNotice():
                trouble = self._weigh(event)
                return Faulted(trouble) if trouble else None
            case TrainEnded():
                return None

    def _weigh(self, notice: DeviceNotice) -> str:
        """Put a message on record by its weight; return what forbids going on, or ""."""
        judgement = judge_notice(notice, armed=self._armed, warned=self._warned)
        if notice.status is not None:
            self._temperature_c = notice.status.coil_temperature_c
        match judgement.weight:
            case Weight.RECORD:
                self._warned = self._warned or notice.status is not None
                self._note(EventKind.DEVICE, judgement.sentence)
            case Weight.ASK:
                self._note(EventKind.DEVICE, judgement.sentence)
                return judge_status(
                    self._ask_status(),
                    armed=self._armed,
                    intensity_pct_mso=self._set_to,
                    coil=self._session.coil,
                )
            case Weight.END:
                return judgement.sentence
            case Weight.NOTHING:
                pass
        return ""

    def _poll(self, until_ns: int) -> tuple[DeviceEvent, ...]:
        events = tuple(self._stimulator.poll(self._session.origin_ns + until_ns))
        if events:
            self._heard_ns = self._now()
        self._flush_frames()
        return events

    def _ask_status(self) -> DeviceStatus:
        status = self._stimulator.status()
        self._heard_ns = self._offset(status.at_ns)
        self._temperature_c = status.coil_temperature_c
        self._ask_at_ns = self._now() + ASK_EVERY_NS
        return status

    def _clock_problem(self) -> str:
        jump_s = self._wall.drift_s()
        if abs(jump_s) <= CLOCK_JUMP_S:
            return ""
        return (
            f"the computer's clock moved by {jump_s:+.1f} s against the session's own: it was set, "
            "or the computer slept"
        )

    def _counted(self) -> int | None:
        """What the stimulator's counter says was given of the shot in hand."""
        if self._train is None or self._train.counter is None:
            return None
        counted = counted_between(self._train.counter, self._stimulator.stimulus_count())
        return None if counted is None else (counted - self._train.delivered) % COUNTER_MODULUS

    # Ending ---------------------------------------------------------------------------------

    def _disarm(self) -> None:
        """Disarm, whatever the state; a failure is put on record and points at the device."""
        if isinstance(self._state, Ended):
            self._controls.acknowledge()
        try:
            self._stimulator.disarm()
            self._armed = False
        except (LinkFault, NotConnected) as error:
            self._lost = True
            self._note(
                EventKind.FAULT,
                f"the disarm was not confirmed: {error}. Press the stimulator's own stop button.",
            )
        except StopRequested:
            self._controls.acknowledge()
            self._disarm()

    def _settle_all(self) -> None:
        """The session is ending: nothing stays `commanded`, no train stays open."""
        hand = self._hand
        if hand is not None:
            cut_ns = self._now()
            self._drain(hand)
            end = TrainEnd.LOST if self._lost else TrainEnd.CUT
            self._settle_hand(end, cut_ns)
        if self._train is not None and self._train.on_record:
            self._end_train(_TRAIN_OUTCOMES[self._ended().state])

    def _drain(self, hand: InHand) -> None:
        """Listen for reports of pulses that were given before the disarm took effect."""
        if self._lost or hand.commanded_ns is None:
            return
        until_ns = self._now() + DRAIN_NS
        try:
            while self._now() < until_ns:
                for event in self._poll(until_ns):
                    if isinstance(event, PulseReport):
                        at_ns = self._offset(event.at_ns)
                        hand.report(PulseReport(at_ns, event.realised_a_us))
        except NotConnected:
            self._lost = True

    def _settle_hand(self, end: TrainEnd, cut_ns: int | None) -> Tally:
        """Give every pulse of the shot in hand its outcome; end its train if it is the last."""
        hand, self._hand = self._require_hand(), None
        counted: int | None = None
        if end is not TrainEnd.LOST and hand.commanded_ns is not None:
            counted = self._read_counter(hand)
        tally = hand.settle(end, cut_ns, counted)
        self._mode = hand.mode
        self._delivered += tally.delivered
        self._unknown += tally.unknown
        if self._train is not None:
            self._train.add(hand, tally)
            if end is TrainEnd.RAN_OUT and hand.shot.closes_train:
                whole = not tally.unknown and not tally.doubt
                self._end_train(TrainOutcome.COMPLETED if whole else TrainOutcome.FAILED)
        return tally

    def _read_counter(self, hand: InHand) -> int | None:
        """Read the counter after a device-timed train, or when a host-timed pulse is in doubt."""
        if hand.shot.host_timed and hand.delivered:
            return None
        try:
            counted = self._counted()
        except (LinkFault, NotConnected, StopRequested) as error:
            self._note(EventKind.FAULT, f"the stimulator's counter was not read: {error}")
            return None
        if counted is not None and self._train is not None:
            self._note(
                EventKind.COUNTER,
                f"train {self._train.number}: {self._train.counter} before, {counted} stimuli since"
                f", {hand.shot.pulses} pulses commanded",
            )
        return counted

    def _end_train(self, outcome: TrainOutcome) -> None:
        train, self._train = self._train, None
        if train is None:
            return
        self._writer.submit(
            EndTrain(
                session_uid=self._session.uid,
                train_number=train.number,
                started_ns=train.started_ns,
                ended_ns=train.ended_ns,
                outcome=outcome,
            )
        )

    def _finish(self, state: SessionState, reason: str) -> None:
        self._flush_frames()
        ticket = self._writer.submit(
            EndSession(
                session_uid=self._session.uid,
                state=state,
                end_reason=reason,
                ended_at=self._wall.text(),
            )
        )
        ticket.wait(10.0)

    # Small things ---------------------------------------------------------------------------

    def _gone(self, error: Exception) -> Event:
        self._lost = isinstance(error, NotConnected)
        return Faulted(f"the stimulator does not answer: {error}")

    def _ended(self) -> Ended:
        if isinstance(self._state, Ended):
            return self._state
        raise RuntimeError(f"a session is settled only at its end, not while {self._state}")

    def _require_hand(self) -> InHand:
        if self._hand is None:
            raise RuntimeError("no shot is in hand")
        return self._hand

    def _now(self) -> int:
        return self._clock.now_ns() - self._session.origin_ns

    def _offset(self, at_ns: int) -> int:
        return at_ns - self._session.origin_ns

    def _note(self, kind: EventKind, detail: str, actor: str = "console") -> None:
        self._writer.submit(
            SessionEvent(
                uid=new_uid(),
                session_uid=self._session.uid,
                at_ns=self._now(),
                kind=kind,
                detail=detail,
                actor=actor,
            )
        )

    def _flush_frames(self) -> None:
        frames = self._frames.take()
        if frames:
            moved = tuple(Frame(self._offset(f.at_ns), f.direction, f.data) for f in frames)
            self._writer.submit(Frames(session_uid=self._session.uid, frames=moved))

    def _show(self) -> None:
        """Publish a snapshot of where the session stands."""
        state, plan = self._state, self._plan
        reason = state.reason if isinstance(state, Ended) else ""
        reason = state.why if isinstance(state, Paused) else reason
        progress = None if isinstance(state, Ended | Idle) else state.progress
        index = len(plan.shots) - 1 if progress is None else progress.next
        shift_ns = 0 if progress is None else progress.shift_ns
        shot = plan.shots[index]
        in_hand = 0 if self._hand is None else self._hand.delivered
        self._publish(
            Snapshot(
                state=state.state.value if isinstance(state, Ended) else _word(state),
                reason=reason,
                at_ns=self._now(),
                ends_ns=plan.shots[-1].last_due_ns + shift_ns,
                planned=plan.pulses,
                delivered=self._delivered + in_hand,
                unknown=self._unknown,
                unplanned=self._unplanned.count,
                train=shot.scheduled.number,
                trains=plan.shots[-1].scheduled.number,
                block=shot.scheduled.block,
                intensity_pct_mso=self._set_to or 0,
                next_due_ns=shot.due_ns + shift_ns,
                coil_temperature_c=self._temperature_c,
                heard_ns=self._heard_ns,
            )
        )


@dataclass(slots=True)
class _OpenTrain:
    """The train in hand, over all its shots."""

    shot: Shot
    counter: int | None
    on_record: bool = False
    started_ns: int | None = None
    ended_ns: int | None = None
    delivered: int = 0

    @property
    def number(self) -> int:
        return self.shot.scheduled.number

    def add(self, hand: InHand, tally: Tally) -> None:
        """Count a shot; a host-timed train starts and ends with its own pulses."""
        self.delivered += tally.delivered
        if hand.shot.host_timed and tally.delivered:
            if self.started_ns is None:
                self.started_ns = tally.last_pulse_ns
            self.ended_ns = tally.last_pulse_ns


_TRAIN_OUTCOMES = {
    SessionState.COMPLETED: TrainOutcome.COMPLETED,
    SessionState.STOPPED: TrainOutcome.STOPPED,
    SessionState.INTERRUPTED: TrainOutcome.INTERRUPTED,
    SessionState.FAILED: TrainOutcome.FAILED,
}


def _word(state: State) -> str:
    return type(state).__name__.lower()


def _settings(shot: Shot, intensity_pct_mso: int) -> TrainSettings:
    timing = TrainTiming.HOST if shot.host_timed else TrainTiming.DEVICE
    return TrainSettings(shot.scheduled.train, intensity_pct_mso, timing)
