"""Giving one shot: check, put on record, arm, command once, follow it to its end.

The order of these steps is the engine's, what may be given is `authorised`; that each command goes
out at most once is kept here and in the drivers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.errors import DeliveryUncertain, NotConnected, PulseRefused, SettingsRefused
from drivers.interface import (
    ReportKind,
    Stimulator,
    TrainSettings,
    TrainTiming,
)
from tms_console.delivery.authorised import Authorised, train_facts
from tms_console.delivery.following import DEVICE_REMEDY, DOSE_REMEDY, Follower
from tms_console.delivery.gate import GateRefused, check_train, require
from tms_console.delivery.in_hand import InHand
from tms_console.delivery.journal import Journal, Ticket
from tms_console.delivery.listening import Listener
from tms_console.delivery.matching import ReportMode
from tms_console.delivery.outcomes import TrainEnd
from tms_console.delivery.plan import Shot
from tms_console.delivery.realised import RealisedCheck, rate_doubt
from tms_console.delivery.settling import OpenTrain, Settler
from tms_console.delivery.states import (
    CameDue,
    Check,
    Checked,
    Deliver,
    Event,
    Faulted,
    MadeReady,
    MakeReady,
    Refused,
    ShotDoubtful,
    ShotOver,
)
from tms_console.records.operations import BeginPulse, BeginTrain, EventKind, TrainOutcome

LATEST_START_NS = 100_000_000
"""A train whose start would be later than this is not started: the host was not there in time."""

QUIET_NS = 10_000_000
"""Before this the stimulator is listened to; then the driver only waits for the time."""

QUERY_NS = 1_000_000_000
"""No query is begun so close before a command; its repetitions could still be under way."""

NOBODY_KNOWS = "Nobody knows whether it was given, so it counts as given"


@dataclass(frozen=True, slots=True)
class Outside:
    """What a session asks and tells while it gives.

    Attributes:
        halted: True from the first order that ends the session on.
        progressed: Called whenever pulses of a running train have gone on record.
    """

    halted: Callable[[], bool]
    progressed: Callable[[], None]


class Giver:
    """Gives the shots of one session, one at a time.

    Attributes:
        settler: Holds the shot in hand and settles it.
    """

    def __init__(
        self,
        authorised: Authorised,
        stimulator: Stimulator,
        journal: Journal,
        listener: Listener,
        outside: Outside,
    ) -> None:
        self._halted = outside.halted
        self._may = authorised
        self._plan = authorised.plan
        self._stimulator = stimulator
        self._journal = journal
        self._listener = listener
        self._realised = RealisedCheck()
        self.settler = Settler(stimulator, journal, listener)
        reports = authorised.capabilities.reports is not ReportKind.NONE
        witnessed = bool(authorised.capabilities.witness)
        if witnessed:
            self.settler.mode = ReportMode.PER_PULSE
        self._follower = Follower(
            listener,
            journal,
            self.settler,
            self._realised,
            outside.progressed,
            reports=reports,
            witnessed=witnessed,
        )

    # Before the command ---------------------------------------------------------------------

    def check(self, check: Check) -> Event:
        """Ask the gate, set the stimulator and read it back.

        Raises:
            LinkFault: No usable answer.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        shot = self._plan.shots[check.shot]
        status = self._listener.ask()
        problem = self._listener.problem(status)
        if problem:
            return Refused(f"before train {shot.scheduled.number}: {problem}")
        try:
            given = self.settler.delivered + self.settler.unknown + self._listener.unplanned.count
            require(
                check_train(train_facts(self._may, shot, check.intensity_pct_mso, status, given))
            )
            changed = check.intensity_pct_mso != self._listener.set_to
            stands = self._plan.on_demand and not changed  # set and read back in the wait before
            if not stands and (shot.opens_train or changed or not self._listener.armed):
                timing = TrainTiming.HOST if shot.host_timed else TrainTiming.DEVICE
                train = shot.scheduled.train
                self._stimulator.configure(TrainSettings(train, check.intensity_pct_mso, timing))
        except GateRefused as error:
            words = f"before train {shot.scheduled.number}: {error}"
            self._journal.note(EventKind.GATE, f"refused {words}")
            return Refused(words)
        except SettingsRefused as error:
            return Refused(f"before train {shot.scheduled.number}: {error}")
        self._listener.set_to = check.intensity_pct_mso
        if shot.opens_train:
            counter = self._stimulator.stimulus_count()
            self.settler.train = OpenTrain(shot.scheduled.number, counter)
        self._journal.flush_frames()
        return Checked(self._journal.now_ns())

    def make_ready(self, ready: MakeReady) -> Event | None:
        """Put the shot on disk as commanded; only then arm.  None if a stop came in between.

        Raises:
            LinkFault: No usable answer.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        shot = self._plan.shots[ready.shot]
        self.settler.hand = InHand(
            session_uid=self._journal.uid,
            shot=shot,
            due_ns=ready.due_ns,
            intensity_pct_mso=ready.intensity_pct_mso,
            submit=self._journal.write,
            unplanned=self._listener.unplanned,
            mode=self.settler.mode,
            watching=not self._follower.reports,
        )
        ticket = self._write_rows(shot, ready)
        while not ticket.wait(0.002):
            if self._halted():
                return None  # by a person, or because the record cannot be written
            trouble = self._listener.watch(self._journal.now_ns() + 3_000_000, may_ask=False)
            if not trouble and self._journal.now_ns() > ready.due_ns:
                trouble = "the record's disk was too slow for the next pulse, which was not given"
            if trouble:
                return Faulted(trouble)
        if not self._listener.armed:
            try:
                self._stimulator.arm()
            except PulseRefused as error:
                return Refused(str(error))
            self._listener.armed = True
        self._journal.flush_frames()
        return MadeReady()

    def _write_rows(self, shot: Shot, ready: MakeReady) -> Ticket:
        uid, train = self._journal.uid, shot.scheduled
        ticket: Ticket | None = None
        if shot.opens_train:
            offsets = [] if shot.host_timed else shot.offsets_ns.tolist()
            ticket = self._journal.write(
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
            self.settler.open_train().on_record = True
            self._listener.train_on_record = train.number
        if ticket is None or shot.host_timed:
            ticket = self._journal.write(
                BeginPulse(
                    session_uid=uid,
                    train_number=train.number,
                    number=shot.first_pulse,
                    intensity_pct_mso=ready.intensity_pct_mso,
                    planned_ns=ready.due_ns,
                )
            )
        return ticket

    def await_due(self, due_ns: int) -> Event:
        """Listen until the command is all but due; `deliver` waits for the rest.

        Raises:
            LinkFault: No usable answer.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        while (now_ns := self._journal.now_ns()) < due_ns - QUIET_NS:
            may_ask = now_ns < due_ns - QUERY_NS
            until_ns = due_ns - (QUERY_NS if may_ask else QUIET_NS)
            trouble = self._listener.watch(until_ns, may_ask=may_ask)
            if trouble:
                return Faulted(trouble)
        self._journal.writer.hold()
        return CameDue()

    # The command ----------------------------------------------------------------------------

    def deliver(self, deliver: Deliver) -> Event | None:
        """Send the one command of this shot when it is due, unless a stop was asked for by then.

        The driver waits for the time, with the command made ready: an engine's step and a snapshot
        after the wait cost 150 µs, and even the way into the driver 25 (`make bench`).

        Raises:
            LinkFault: No usable answer while the train ran.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        hand = self.settler.require_hand()
        latest_ns = self._plan.latest_pulse_ns if hand.shot.host_timed else LATEST_START_NS
        due_ns = self._journal.on_clock(deliver.due_ns)
        limit_ns = due_ns + latest_ns
        if self._halted():
            return None
        try:
            give = self._fire if hand.shot.host_timed else self._start
            return give(hand, limit_ns, due_ns)
        except PulseRefused as error:
            hand.refused = True
            return ShotDoubtful(f"the stimulator refused: {error}. {DEVICE_REMEDY}")
        except DeliveryUncertain as error:
            commanded_ns = self._journal.since_origin(error.commanded_ns)
            answers_from_ns = self._journal.since_origin(error.answers_from_ns)
            hand.command(commanded_ns, commanded_ns, answers_from_ns)
            return self._resolve_doubt(hand, error)
        except NotConnected:
            if hand.commanded_ns is None:
                # whether the port took some of it is not known: the pulses count as given
                hand.command(self._journal.now_ns(), self._journal.now_ns())
            raise

    def _fire(self, hand: InHand, limit_ns: int, due_ns: int) -> Event:
        receipt = self._stimulator.fire(limit_ns, due_ns)
        self._journal.writer.release()
        if receipt is None:
            return self._too_late(hand, f"pulse {hand.shot.first_pulse}")
        receipt = replace(
            receipt,
            commanded_ns=self._journal.since_origin(receipt.commanded_ns),
            observed_ns=self._journal.since_origin(receipt.observed_ns),
        )
        hand.command(receipt.commanded_ns, receipt.observed_ns)
        hand.confirm(receipt)
        self._listener.heard_ns = receipt.observed_ns
        doubt = self._realised.doubt(
            hand.shot.first_pulse, hand.intensity_pct_mso, receipt.realised_a_us
        )
        self._journal.flush_frames()
        if doubt:
            return ShotDoubtful(f"{doubt}. {DOSE_REMEDY}")
        unseen = self._follower.witnessed and not receipt.witnessed
        if unseen and (trouble := self._listener.watch(self._journal.now_ns(), may_ask=False)):
            return ShotDoubtful(trouble)  # after the last pulse nobody would listen any more
        return self._over(hand)

    def _start(self, hand: InHand, limit_ns: int, due_ns: int) -> Event:
        receipt = self._stimulator.start_train(limit_ns, due_ns)
        self._journal.writer.release()
        if receipt is None:
            return self._too_late(hand, f"train {hand.shot.scheduled.number}")
        accepted_ns = self._journal.since_origin(receipt.accepted_ns)
        commanded_ns = self._journal.since_origin(receipt.commanded_ns)
        answers_from_ns = receipt.answers_from_ns or receipt.commanded_ns
        hand.command(commanded_ns, accepted_ns, self._journal.since_origin(answers_from_ns))
        self.settler.open_train().started_ns = accepted_ns
        trouble = self._follower.follow(hand)
        return ShotDoubtful(trouble) if trouble else self._over(hand)

    def _too_late(self, hand: InHand, what: str) -> Event:
        late_ms = (self._journal.now_ns() - hand.due_ns) / 1e6
        return ShotDoubtful(
            f"{what} would have been {late_ms:.1f} ms late and was not given; the computer was busy"
        )

    def _resolve_doubt(self, hand: InHand, error: DeliveryUncertain) -> Event | None:
        """A command went out and nothing came back: only the stimulator's counter can tell."""
        if self._halted():
            return None
        self._journal.note(EventKind.FAULT, str(error))
        counted = self.settler.counted() if hand.shot.host_timed else None
        if counted == 1:
            return self._over(hand)
        meaning = "It counts none: the pulse was not given" if counted == 0 else NOBODY_KNOWS
        return ShotDoubtful(f"{error}. {meaning}. {DEVICE_REMEDY}")

    # After the command ----------------------------------------------------------------------

    def _over(self, hand: InHand) -> Event:
        """The shot is over as planned: settle it and say how it went."""
        late_ns = (hand.commanded_ns or 0) - hand.due_ns
        tally = self.settler.settle(TrainEnd.RAN_OUT, None)
        drifted = "" if hand.shot.host_timed else rate_doubt(*hand.seen.sightings)
        if self.settler.moved:
            number = hand.shot.scheduled.number
            return ShotDoubtful(f"after train {number}: {self.settler.moved}")
        if drifted:
            return ShotDoubtful(f"train {hand.shot.scheduled.number}: {drifted}. {DEVICE_REMEDY}")
        if tally.doubt:
            number = hand.shot.scheduled.number
            return ShotDoubtful(f"train {number}: {tally.doubt}. {DEVICE_REMEDY}")
        return ShotOver(tally.last_pulse_ns, late_ns)

    def settle_all(self, outcome: TrainOutcome) -> None:
        """The session is ending: nothing stays `commanded`, no train stays open."""
        self.settler.settle_all(outcome)
