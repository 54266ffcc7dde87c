"""Settling: every pulse of the shot in hand gets its outcome, every train its end.

It listens for late reports and asks the stimulator's counter; what may be claimed of them is in
`outcomes`, and nothing here stimulates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drivers.errors import LinkFault, NotConnected, StopRequested
from drivers.interface import DeviceEvent, PulseReport, Stimulator
from tms_console.delivery.in_hand import InHand, Tally
from tms_console.delivery.journal import Journal
from tms_console.delivery.listening import Listener
from tms_console.delivery.matching import ReportMode
from tms_console.delivery.outcomes import COUNTER_MODULUS, TrainEnd, counted_between
from tms_console.delivery.plan import Shot
from tms_console.records.operations import EndTrain, EventKind, TrainOutcome

DRAIN_NS = 200_000_000
"""How long late reports are listened for after a disarm, or after a train with reports missing."""


@dataclass(slots=True)
class OpenTrain:
    """The train in hand, over all its shots.

    Attributes:
        number: Its number in the session.
        counter: What the stimulator's counter said before it, None without one.
        on_record: Its row is on its way to the disk.
        started_ns: When the stimulator was seen to start it.
        ended_ns: When it was seen to be over.
        delivered: Pulses of its shots that are over.
    """

    number: int
    counter: int | None
    on_record: bool = False
    started_ns: int | None = None
    ended_ns: int | None = None
    delivered: int = 0

    def add(self, shot: Shot, tally: Tally) -> None:
        """Count a shot; a host-timed train starts and ends with its own pulses."""
        self.delivered += tally.delivered
        if shot.host_timed and tally.delivered:
            self.ended_ns = tally.last_pulse_ns
            if self.started_ns is None:
                self.started_ns = tally.last_pulse_ns


class Settler:
    """Settles the shots of one session, one at a time.

    Attributes:
        hand: The shot in hand, from its row to its outcome.
        train: The train in hand, None between trains.
        mode: What the stimulator reports, as learnt so far.
        delivered: Pulses known to be given, those of the shot in hand not counted.
        unknown: Pulses of which nobody knows.
        moved: Why the last shot may have had another intensity than it was set to, "" if not: it
            was found to stand otherwise, and had not said so.
    """

    def __init__(self, stimulator: Stimulator, journal: Journal, listener: Listener) -> None:
        self._stimulator = stimulator
        self._journal = journal
        self._listener = listener
        self.hand: InHand | None = None
        self.train: OpenTrain | None = None
        self.mode = ReportMode.UNKNOWN
        self.delivered = 0
        self.unknown = 0
        self.moved = ""

    def settle_all(self, outcome: TrainOutcome) -> None:
        """The session is ending: nothing stays `commanded`, no train stays open."""
        if self.hand is not None:
            cut_ns = self._journal.now_ns()
            self._drain(self.hand)
            self.settle(TrainEnd.LOST if self._listener.lost else TrainEnd.CUT, cut_ns)
        if self.train is not None and self.train.on_record:
            self._end_train(outcome)
        self._hear_last_words()

    def _hear_last_words(self) -> None:
        try:
            self._listener.last_words()
        except (LinkFault, NotConnected):
            self._listener.lost = True

    def _drain(self, hand: InHand) -> None:
        """Listen for reports of pulses that were given before the disarm took effect."""
        if self._listener.lost or hand.commanded_ns is None:
            return
        until_ns = self._journal.now_ns() + DRAIN_NS
        try:
            while self._journal.now_ns() < until_ns:
                self.rescue(hand, self._listener.reports(until_ns))
        except NotConnected:
            self._listener.lost = True

    def settle(self, end: TrainEnd, cut_ns: int | None) -> Tally:
        """Give every pulse of the shot in hand its outcome; end its train if it is the last."""
        hand, self.hand = self.require_hand(), None
        counted: int | None = None
        if end is not TrainEnd.LOST and hand.commanded_ns is not None:
            counted = self._read_counter(hand)
        tally = hand.settle(end, cut_ns, counted)
        self.mode = hand.mode
        self.delivered += tally.delivered
        self.unknown += tally.unknown
        self.open_train().add(hand.shot, tally)
        if end is TrainEnd.RAN_OUT and hand.shot.closes_train:
            whole = not tally.unknown and not tally.doubt
            self._end_train(TrainOutcome.COMPLETED if whole else TrainOutcome.FAILED)
        return tally

    def _read_counter(self, hand: InHand) -> int | None:
        """Read the counter after a device-timed train, or when a host-timed pulse is in doubt."""
        if hand.shot.host_timed and hand.delivered and not hand.shot.closes_train:
            return None
        train = self.open_train()
        try:
            counted = self.counted()
            # what it counts it has reported by now: an extra pulse is not to be entered twice
            self.rescue(hand, self._listener.reports(self._journal.now_ns()))
            if self._listener.told_of_knob:
                self.moved = ""  # it said when that was: after what it reported before
        except (LinkFault, NotConnected, StopRequested) as error:
            self._journal.note(EventKind.FAULT, f"the stimulator's counter was not read: {error}")
            return None
        if counted is not None:
            self._journal.note(
                EventKind.COUNTER,
                f"train {train.number}: the stimulator counted {counted} since "
                f"{(train.counter or 0) + train.delivered}, {hand.shot.pulses} were commanded",
            )
        return counted

    def counted(self) -> int | None:
        """What the stimulator's counter says was given of the shot in hand."""
        train = self.open_train()
        if train.counter is None:
            return None
        status, set_to = self._listener.ask(), self._listener.set_to
        if status.intensity_pct_mso != set_to:
            words = f"the stimulator is not at {set_to} %MSO any more: its counter proves nothing"
            self._journal.note(EventKind.FAULT, words)
            self.moved = self._listener.problem(status)
            return None  # it lost power and counts anew, or somebody used its panel
        counted = counted_between(train.counter, self._stimulator.stimulus_count())
        return None if counted is None else (counted - train.delivered) % COUNTER_MODULUS

    def _end_train(self, outcome: TrainOutcome) -> None:
        train, self.train = self.open_train(), None
        self._listener.train_on_record = None
        self._journal.write(
            EndTrain(
                session_uid=self._journal.uid,
                train_number=train.number,
                started_ns=train.started_ns,
                ended_ns=train.ended_ns,
                outcome=outcome,
            )
        )

    def open_train(self) -> OpenTrain:
        """Return the train in hand.

        Raises:
            RuntimeError: There is none.
        """
        if self.train is None:
            raise RuntimeError("no train is open")
        return self.train

    def require_hand(self) -> InHand:
        """Return the shot in hand.

        Raises:
            RuntimeError: There is none.
        """
        if self.hand is None:
            raise RuntimeError("no shot is in hand")
        return self.hand

    def rescue(self, hand: InHand, events: Sequence[DeviceEvent]) -> None:
        """Reports that came together with the trouble go on record all the same."""
        self._listener.keep(events)
        for event in events:
            if isinstance(event, PulseReport):
                hand.report(replace(event, at_ns=self._journal.since_origin(event.at_ns)))
