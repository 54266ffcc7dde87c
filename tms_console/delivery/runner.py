"""The session loop: the one thread that owns the stimulator, from first check to last write.

It does what `transitions` asks for and reports what became of it.  The rules are there, giving a
shot is in `giving`, listening in `listening`, the claims about pulses in `in_hand`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import LinkFault, NotConnected, StopRequested
from drivers.interface import Stimulator
from tms_console.delivery.authorised import Authorised
from tms_console.delivery.controls import (
    Controls,
    GiveOne,
    GoOn,
    NotTaken,
    Order,
    Remark,
    Report,
    Said,
)
from tms_console.delivery.giving import Giver, Outside
from tms_console.delivery.in_hand import UnplannedNumbers
from tms_console.delivery.journal import Journal
from tms_console.delivery.listening import Listener
from tms_console.delivery.snapshot import Counts, Snapshot, snapshot_of
from tms_console.delivery.states import (
    AwaitDue,
    Begun,
    Check,
    Deliver,
    Disarm,
    Effect,
    Ended,
    Event,
    Faulted,
    Finish,
    HostLost,
    Idle,
    MakeReady,
    Note,
    ResumePressed,
    Settle,
    State,
    StopPressed,
    Ticked,
)
from tms_console.delivery.transitions import step
from tms_console.delivery.wall import WallClock
from tms_console.records.operations import EndSession, EventKind, SessionState, TrainOutcome

LOGGER = logging.getLogger(__name__)

Asked = GiveOne | Said
"""Orders whose meaning depends on what was ordered before them and is not done yet."""

WATCH_NS = 100_000_000
"""How long the loop listens before it looks at the time again."""

SILENT_REMEDY = "Press its own stop button; then check its cable and power."
"""What to do about a stimulator that may go on with its train and cannot be told to stop."""

LAST_WRITE_S = 10.0
"""How long the end of a session waits for its own row to be on disk."""

_TRAIN_OUTCOMES = {
    SessionState.COMPLETED: TrainOutcome.COMPLETED,
    SessionState.STOPPED: TrainOutcome.STOPPED,
    SessionState.INTERRUPTED: TrainOutcome.INTERRUPTED,
    SessionState.FAILED: TrainOutcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class Joined:
    """What a session is joined to.

    Attributes:
        stimulator: Set for the first train and disarmed.
        journal: Its way to the record; its row is there.
        wall: Wall time beside its clock.
        controls: Where orders arrive.
        publish: Gets a snapshot after every step.
        not_taken: Gets what was asked for in a search for a threshold and is not done.
    """

    stimulator: Stimulator
    journal: Journal
    wall: WallClock
    controls: Controls
    publish: Callable[[Snapshot], None]
    not_taken: Callable[[NotTaken], None]


class SessionRunner:
    """Runs one session that is on record as running, to its end.

    Attributes:
        closed_on_record: The row that closes it is on disk.
    """

    def __init__(self, authorised: Authorised, joined: Joined) -> None:
        self._plan = authorised.plan
        self._stimulator = joined.stimulator
        self._journal = joined.journal
        self._wall = joined.wall
        self._controls = joined.controls
        self._publish = joined.publish
        self._state: State = Idle()
        self._shown = True
        self._got_to = 0
        self.closed_on_record = False
        unplanned = UnplannedNumbers(self._plan.numbered_to)
        self._listener = Listener(
            joined.stimulator, joined.journal, joined.wall, authorised.coil, unplanned
        )
        self._giver = Giver(
            authorised,
            joined.stimulator,
            joined.journal,
            self._listener,
            Outside(lambda: joined.controls.halted, self._show),
        )

    def run(self) -> Ended:
        """Deliver the session to its end, whatever that is, and close it on record.

        A bug of this program ends the session like a fault: disarmed, logged, on record.
        """
        try:
            self._deliver_all()
        except Exception as error:
            LOGGER.exception("the session met a bug in this program")
            self._end_by_bug(error)
        for left in self._orders():  # remarks that came at the very end
            self._understood(left)
        return self._ended()

    def _deliver_all(self) -> None:
        self._do(Begun())
        while not isinstance(self._state, Ended):
            fault = self._guarded(self._watch)
            happened = [] if fault is None else [fault]
            self._do(*happened, *self._orders())
            self._do(Ticked(self._journal.now_ns()))

    def _end_by_bug(self, error: Exception) -> None:
        """Disarm first; then close what can be closed.  The next start settles the rest."""
        self._controls.acknowledge()
        try:
            self._disarm()
        except Exception:  # the closing below must still be tried
            LOGGER.exception("the stimulator could not be disarmed because of a bug")
        words = f"a fault in this program ({type(error).__name__}: {error}); please report it"
        if isinstance(self._state, Ended):
            self._state = Ended(SessionState.FAILED, f"{self._state.reason}; then {words}")
        else:
            self._do(Faulted(words))

    def _do(self, *events: Event | Asked) -> None:
        """Take events through the engine, with everything that follows from them.

        What comes from outside meanwhile is taken before what follows, in the order in which it
        came; what ends the session is taken first.
        """
        orders, following = list(events), list[Event]()
        while (orders or following) and not isinstance(self._state, Ended):
            event = self._understood(orders.pop(0)) if orders else following.pop(0)
            if event is None:
                continue
            self._state, effects = step(self._plan, self._state, event)
            for effect in effects:
                follows = self._perform(effect)
                if follows is not None:
                    following.append(follows)
            self._show()
            came = self._orders()
            ending = [one for one in came if isinstance(one, StopPressed | HostLost | Faulted)]
            orders = [*ending, *orders, *(one for one in came if one not in ending)]
        for left in orders:
            self._understood(left)

    def _orders(self) -> list[Event | Asked]:
        """Return what came from outside; remarks go on record here."""
        events = (self._event_of(order) for order in self._controls.take())
        return [event for event in events if event is not None]

    def _event_of(self, order: Order) -> Event | Asked | None:
        match order:
            case GoOn():
                return ResumePressed(self._journal.now_ns())
            case Remark(kind, detail, actor):
                self._journal.note(kind, detail, actor)
                return None
            case Report(record, event):
                self._journal.write(record)
                words = f"{event}, adverse event {record.uid}"
                self._journal.note(EventKind.ADVERSE_EVENT, words, record.actor)
                return None
            case _:
                return order

    def _understood(self, asked: Event | Asked) -> Event | None:
        """Return what an order means now that its turn has come; None if it means nothing."""
        if isinstance(asked, GiveOne | Said):
            return None  # this is no search for a threshold
        return asked

    def _perform(self, effect: Effect) -> Event | None:
        """Do what the engine asks for; return what became of it, if that is an event."""
        match effect:
            case Check():
                return self._guarded(lambda: self._giver.check(effect))
            case MakeReady():
                return self._guarded(lambda: self._giver.make_ready(effect))
            case AwaitDue(due_ns):
                return self._guarded(lambda: self._giver.await_due(due_ns))
            case Deliver():
                return self._guarded(lambda: self._giver.deliver(effect))
            case Disarm():
                return self._disarm()
            case Settle():
                self._giver.settle_all(_TRAIN_OUTCOMES[self._ended().state])
            case Note(kind, detail):
                self._journal.note(kind, detail)
            case Finish(state, reason):
                self._finish(state, reason)
        return None

    def _guarded(self, act: Callable[[], Event | None]) -> Event | None:
        """Do something with the stimulator; what goes wrong with it becomes an event."""
        try:
            return act()
        except StopRequested:
            return None  # the order that stopped it is the next event
        except (LinkFault, NotConnected) as error:
            self._listener.lost = isinstance(error, NotConnected)
            return Faulted(f"the stimulator does not answer: {error}. {SILENT_REMEDY}")
        finally:
            if not isinstance(self._state, Ended):
                self._release_writer()

    def _release_writer(self) -> None:
        """Let the writer write again, unless the command it is held for comes next."""
        if self._giver.settler.hand is None or self._giver.settler.hand.commanded_ns is not None:
            self._journal.writer.release()

    def _watch(self) -> Event | None:
        until_ns = self._journal.now_ns() + WATCH_NS
        trouble = self._listener.watch(until_ns, may_ask=True)
        return Faulted(trouble) if trouble else None

    def _disarm(self) -> Event | None:
        """Disarm, whatever the state; a failure is put on record and ends the session."""
        if isinstance(self._state, Ended):
            self._controls.acknowledge()
            self._journal.writer.release()
        try:
            self._stimulator.disarm()
            self._listener.armed = False
        except (LinkFault, NotConnected) as error:
            self._listener.lost = True
            words = f"the disarm was not confirmed: {error}. {SILENT_REMEDY}"
            self._journal.note(EventKind.FAULT, words)
            return None if isinstance(self._state, Ended) else Faulted(words)
        except StopRequested:
            return None  # disarm has been written; the order that stopped it comes next
        return None

    def _finish(self, state: SessionState, reason: str) -> None:
        self._journal.flush_frames()
        ticket = self._journal.write(
            EndSession(
                session_uid=self._journal.uid,
                state=state,
                end_reason=reason,
                ended_at=self._wall.text(),
            )
        )
        self.closed_on_record = ticket.wait(LAST_WRITE_S)

    def _ended(self) -> Ended:
        if isinstance(self._state, Ended):
            return self._state
        raise RuntimeError(f"a session is settled only at its end, not while {self._state}")

    def _show(self) -> None:
        """Publish where the session stands."""
        giver, listener = self._giver, self._listener
        if not isinstance(self._state, Ended | Idle):
            self._got_to = self._state.progress.next
        in_hand = 0 if giver.settler.hand is None else giver.settler.hand.delivered
        counts = Counts(
            at_ns=self._journal.now_ns(),
            last_shot=self._got_to,
            delivered=giver.settler.delivered + in_hand,
            unknown=giver.settler.unknown,
            unplanned=listener.unplanned.count,
            intensity_pct_mso=listener.set_to or 0,
            coil_temperature_c=listener.temperature_c,
            heard_ns=listener.heard_ns,
        )
        try:
            self._publish(snapshot_of(self._plan, self._state, counts))
        except Exception:  # whoever looks on must not be able to end a session
            if self._shown:
                LOGGER.exception("a snapshot could not be shown; the session goes on")
            self._shown = False
