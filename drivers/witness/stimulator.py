"""A stimulator with a pulse witness on its trigger output: the same verbs, other evidence.

Every pulse that a session hears of is one that the witness saw; what the stimulator itself reports
is compared with that.  Neither how the stimulator is driven nor the witness's line is known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from drivers.errors import DeliveryUncertain, NotConnected, StimulatorError
from drivers.interface import (
    Capabilities,
    Clock,
    DeviceEvent,
    DeviceIdentity,
    DeviceNotice,
    DeviceStatus,
    NoticeKind,
    PulseReceipt,
    PulseReport,
    ReportKind,
    StartReceipt,
    Stimulator,
    TrainSettings,
)
from drivers.witness.reader import Edge, Witness, WitnessEvent

SLICE_NS = 2_000_000
"""Stimulator and witness are listened to in turn, so long each."""
VIRTUAL_SLICE_NS = 10_000_000
"""Under the virtual clock the edges keep their own times however late they are read."""
EDGE_WAIT_NS = 100_000_000
"""So long after a single pulse was commanded its edge may come: what the driver took to see it
taken, the pulse's own delay and the line (up to 18 ms over a USB adapter)."""
NEAR_NS = 120_000_000
"""An edge belongs to the device's own report if they are no further apart: reports take up to
80 ms (stimulators.md 2.4)."""
LATE_NS = 500_000_000
"""A report that a stalled line held up belongs to an edge so long before that has none yet; whoever
takes it for another pulse counts one that was not given."""
GRAIN_NS = 1_000_000
"""An edge may seem to come so long before its command: the time base is no better, and no device
fires so soon (stimulators.md 6)."""
EDGES_KEPT = 256

UNSEEN = (
    "the stimulator says that it gave a pulse, and the pulse witness saw none. Check the cable on "
    "its trigger output"
)


class WitnessedStimulator:
    """Joins a stimulator and a witness; satisfies `drivers.interface.Stimulator`.

    Args:
        stimulator: The opened stimulator; closed with this, and disarmed by that.
        witness: The opened witness; closed with this.
        clock: The clock of both.
        stop_requested: As for every driver.
    """

    def __init__(
        self,
        stimulator: Stimulator,
        witness: Witness,
        clock: Clock,
        stop_requested: Callable[[], bool],
    ) -> None:
        self._stimulator = stimulator
        self._witness = witness
        self._clock = clock
        self._stop_requested = stop_requested
        self._slice_ns = VIRTUAL_SLICE_NS if clock.virtual else SLICE_NS
        self._events: deque[DeviceEvent] = deque()
        self._edges: deque[int] = deque(maxlen=EDGES_KEPT)
        self._unreported: deque[int] = deque(maxlen=EDGES_KEPT)
        self._unmatched: deque[PulseReport] = deque()
        self._owed_from_ns: int | None = None
        self._gone = False

    @property
    def capabilities(self) -> Capabilities:
        """Those of the stimulator, with every pulse reported, by the witness."""
        return replace(
            self._stimulator.capabilities,
            reports=ReportKind.EVERY_PULSE,
            witness=self._witness.name,
        )

    def configure(self, settings: TrainSettings) -> TrainSettings:
        """As the stimulator does."""
        return self._stimulator.configure(settings)

    def arm(self) -> None:
        """As the stimulator does."""
        self._stimulator.arm()

    def disarm(self) -> None:
        """As the stimulator does."""
        self._stimulator.disarm()

    def identify(self) -> DeviceIdentity:
        """As the stimulator does."""
        return self._stimulator.identify()

    def status(self) -> DeviceStatus:
        """As the stimulator does."""
        return self._stimulator.status()

    def stimulus_count(self) -> int | None:
        """As the stimulator does."""
        return self._stimulator.stimulus_count()

    def fire(self, not_after_ns: int, due_ns: int | None = None) -> PulseReceipt | None:
        """Give one pulse as the stimulator does, and say when the witness saw it.

        A pulse that was taken and not seen is followed by a notice; one of which the stimulator
        said nothing, and that the witness saw, was given.
        """
        try:
            receipt = self._stimulator.fire(not_after_ns, due_ns)
        except DeliveryUncertain as error:
            seen_ns = self._edge_after(error.commanded_ns)
            if seen_ns is None:
                self._owed_from_ns = None  # its row says nothing yet: a late edge is its evidence
                raise
            words = f"{error}; the pulse witness saw the pulse"
            self._events.append(DeviceNotice(seen_ns, NoticeKind.LINK, words))
            return PulseReceipt(error.commanded_ns, seen_ns, reported=False, witnessed=True)
        if receipt is None:
            return None
        seen_ns = self._edge_after(receipt.commanded_ns)
        if seen_ns is None:
            if not self._stop_requested():
                self._events.append(DeviceNotice(self._clock.now_ns(), NoticeKind.WITNESS, UNSEEN))
            return receipt
        if receipt.reported:
            self._is_of_edge(seen_ns)
        return replace(receipt, observed_ns=seen_ns, witnessed=True)

    def start_train(self, not_after_ns: int, due_ns: int | None = None) -> StartReceipt | None:
        """Start the train as the stimulator does; an edge can come as soon as it is commanded."""
        receipt = self._stimulator.start_train(not_after_ns, due_ns)
        return None if receipt is None else replace(receipt, answers_from_ns=0)

    def poll(self, until_ns: int) -> Sequence[DeviceEvent]:
        """Return the pulses that the witness saw and what the stimulator said, in turn."""
        self._hear()
        while not self._events and (now_ns := self._clock.now_ns()) < until_ns:
            self._listen(min(until_ns, now_ns + self._slice_ns))
        events = tuple(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        """Close both, the stimulator first: it is disarmed by that."""
        try:
            self._stimulator.close()
        finally:
            self._witness.close()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disarm, then close."""
        self.close()

    # What the two say ---------------------------------------------------------------------------

    def _listen(self, until_ns: int) -> None:
        for event in self._stimulator.poll(until_ns):
            if isinstance(event, PulseReport):
                self._unmatched.append(event)
            elif isinstance(event, DeviceNotice) and event.pulses:
                self._events.append(replace(event, pulses=0))  # they are witnessed one by one
            else:
                self._events.append(event)
        self._hear()

    def _hear(self) -> None:
        """Take what the witness saw, and compare the device's own reports with it."""
        now_ns = self._clock.now_ns()
        for event in self._seen(now_ns):
            if isinstance(event, Edge):
                self._edges.append(event.at_ns)
                self._unreported.append(event.at_ns)
                if not self._is_owed(event.at_ns):
                    self._events.append(PulseReport(event.at_ns, witnessed=True))
            else:
                self._events.append(event)
        while self._unmatched and self._unmatched[0].at_ns <= now_ns - NEAR_NS:
            report = self._unmatched.popleft()
            if not self._is_of_edge(report.at_ns):
                self._events.append(report)
                self._events.append(DeviceNotice(now_ns, NoticeKind.WITNESS, UNSEEN))

    def _is_of_edge(self, at_ns: int) -> bool:
        """Return whether what the device reported then is a pulse that the witness saw.

        Of a burst there may be fewer reports than edges, or more than one beside one edge.
        """
        near = [edge_ns for edge_ns in self._unreported if abs(at_ns - edge_ns) <= NEAR_NS]
        late = [edge_ns for edge_ns in self._unreported if 0 <= at_ns - edge_ns <= LATE_NS]
        if near:
            self._unreported.remove(min(near, key=lambda edge_ns: abs(at_ns - edge_ns)))
        elif any(abs(at_ns - edge_ns) <= NEAR_NS for edge_ns in self._edges):
            return True
        elif late:
            self._unreported.remove(late[0])
        return bool(near or late)

    def _seen(self, now_ns: int) -> Sequence[WitnessEvent]:
        """Return what the witness saw; one that went away is a doubt and no lost stimulator."""
        if self._gone:
            return ()
        try:
            return self._witness.read(now_ns)
        except NotConnected as error:
            self._gone = True
            return (DeviceNotice(now_ns, NoticeKind.WITNESS, str(error)),)

    def _is_owed(self, at_ns: int) -> bool:
        """True, once, of the late edge of a single pulse that is on record without it."""
        owed_ns = self._owed_from_ns
        if owed_ns is None or not owed_ns - GRAIN_NS <= at_ns <= owed_ns + EDGE_WAIT_NS:
            return False
        self._owed_from_ns = None
        return True

    def _edge_after(self, commanded_ns: int) -> int | None:
        """Wait for the edge of a pulse that was just commanded; earlier ones stay for `poll`.

        A stop ends the waiting: the device is disarmed by whoever asked for it, and the edge is
        then known to be of this pulse when it comes.
        """
        self._owed_from_ns = None
        until_ns = commanded_ns + EDGE_WAIT_NS
        self._hear()
        while True:
            for event in self._events:
                seen = isinstance(event, PulseReport) and event.witnessed
                if seen and event.at_ns >= commanded_ns - GRAIN_NS:
                    self._events.remove(event)
                    return max(event.at_ns, commanded_ns)
            now_ns = self._clock.now_ns()
            if now_ns >= until_ns or self._stop_requested():
                self._owed_from_ns = commanded_ns
                return None
            try:
                self._listen(min(until_ns, now_ns + self._slice_ns))
            except StimulatorError:  # the next call meets it again; this pulse's row comes first
                self._owed_from_ns = commanded_ns
                return None
