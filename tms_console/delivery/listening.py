"""Listening to the stimulator: what it says unasked, how it stands, and what that forbids.

Whether and what it stimulates is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drivers.errors import LinkFault, NotConnected, StopRequested
from drivers.interface import (
    DeviceEvent,
    DeviceNotice,
    DeviceStatus,
    NoticeKind,
    PulseReport,
    Stimulator,
    TrainEnded,
    TrainRunning,
)
from protocols.wording import as_sentence
from tms_console.delivery.in_hand import UnplannedNumbers, unplanned_pulse
from tms_console.delivery.journal import Journal
from tms_console.delivery.notices import Weight, judge_notice, judge_status
from tms_console.delivery.wall import WallClock
from tms_console.records.operations import EventKind

ASK_EVERY_NS = 1_000_000_000
"""How often the stimulator is asked how it stands while nothing else happens."""

CLOCK_JUMP_S = 1.0
"""Wall and monotonic clock drifting apart by more than this end the session (architecture.md)."""

UNCOMMANDED = (
    "the stimulator gave a pulse that nobody commanded. Check its trigger input, foot switch and "
    "panel."
)


class Listener:
    """The session's ear, and what the session believes of the stimulator.

    Attributes:
        armed: The session has armed it and not disarmed it.
        set_to: The %MSO the session set it to, None if nothing yet.
        lost: It did not answer, or a disarm was not confirmed.
        temperature_c: Its coil, as it last said.
        heard_ns: When it last said anything.
        train_on_record: Number of the train whose row is open, None between trains.
        unplanned: Numbers for pulses that nobody commanded.
    """

    def __init__(
        self,
        stimulator: Stimulator,
        journal: Journal,
        wall: WallClock,
        coil: str,
        unplanned: UnplannedNumbers,
    ) -> None:
        self._stimulator = stimulator
        self._journal = journal
        self._wall = wall
        self._coil = coil
        self._warned = False
        self._kept: list[DeviceEvent] = []
        self._ask_at_ns = journal.now_ns()
        self.armed = False
        self.set_to: int | None = None
        self.lost = False
        self.temperature_c: int | None = None
        self.heard_ns = journal.now_ns()
        self.train_on_record: int | None = None
        self.unplanned = unplanned

    def poll(self, until_ns: int) -> tuple[DeviceEvent, ...]:
        """Return what it said, waiting at most until then; its frames go on record.

        Raises:
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        if self._kept:
            until_ns = self._journal.now_ns()
        events = (*self._kept, *self._stimulator.poll(self._journal.on_clock(until_ns)))
        self._kept.clear()
        if events:
            self.heard_ns = self._journal.now_ns()
        self._journal.flush_frames()
        return events

    def reports(self, until_ns: int) -> list[PulseReport]:
        """Return the pulses it reported, waiting at most until then; the rest is kept for `poll`.

        Raises:
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        before, self._kept = self._kept, []
        events = self.poll(until_ns)
        self.keep(before)
        self.keep(events)
        return [event for event in events if isinstance(event, PulseReport)]

    def keep(self, events: Iterable[DeviceEvent]) -> None:
        """Keep for the next `poll` what came together with reports and was not looked at."""
        self._kept += [event for event in events if not isinstance(event, PulseReport)]

    @property
    def told_of_knob(self) -> bool:
        """True if it said by itself that its intensity was changed, and nobody looked at it yet."""
        return any(
            isinstance(one, DeviceNotice) and one.kind is NoticeKind.INTENSITY for one in self._kept
        )

    def ask(self) -> DeviceStatus:
        """Ask it how it stands.

        Raises:
            LinkFault: No usable answer.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        status = self._stimulator.status()
        self.heard_ns = self._journal.since_origin(status.at_ns)
        self.temperature_c = status.coil_temperature_c
        self._ask_at_ns = self._journal.now_ns() + ASK_EVERY_NS
        return status

    def problem(self, status: DeviceStatus) -> str:
        """Return why the session cannot go on as the stimulator stands, "" if it can."""
        return judge_status(
            status, armed=self.armed, intensity_pct_mso=self.set_to, coil=self._coil
        )

    def watch(self, until_ns: int, *, may_ask: bool) -> str:
        """Listen between shots, and ask now and then; return what forbids going on, or "".

        Args:
            until_ns: Return by then.
            may_ask: False while the answer could still be under way when a command is due.

        Raises:
            LinkFault: No usable answer.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        if may_ask:
            until_ns = min(until_ns, max(self._ask_at_ns, self._journal.now_ns()))
        heard = [self._hear_outside(event) for event in self.poll(until_ns)]
        trouble = next(filter(None, heard), "")  # what came after it is on record as well
        if trouble:
            return trouble
        if may_ask and self._journal.now_ns() >= self._ask_at_ns:
            return self.problem(self.ask()) or self._clock_problem()
        return ""

    def last_words(self) -> None:
        """Put on record what it has said and nobody has heard; the session has ended.

        What was kept of it is here even if the stimulator is lost.

        Raises:
            LinkFault: No usable answer.
            NotConnected: It is gone.
        """
        while self._kept:
            self._last_word(self._kept.pop(0))
        if not self.lost:
            for event in self.poll(self._journal.now_ns()):
                self._last_word(event)

    def _last_word(self, event: DeviceEvent) -> None:
        trouble = self._hear_outside(event)
        if trouble:
            self._journal.note(EventKind.FAULT, trouble)

    def weigh(self, notice: DeviceNotice) -> str:
        """Put a message on record by its weight; return what forbids going on, or ""."""
        judgement = judge_notice(notice, armed=self.armed, warned=self._warned)
        if notice.status is not None:
            self.temperature_c = notice.status.coil_temperature_c
        for _ in range(notice.pulses):
            self._record_unplanned(None)
        match judgement.weight:
            case Weight.RECORD:
                self._warned = self._warned or notice.status is not None
                self._journal.note(EventKind.DEVICE, judgement.sentence)
            case Weight.ASK:
                self._journal.note(EventKind.DEVICE, judgement.sentence)
                return self.problem(self.ask())
            case Weight.END if notice.kind is NoticeKind.DISARMED:
                return self._why_disarmed(judgement.sentence)
            case Weight.END:
                return judgement.sentence
            case Weight.NOTHING:
                pass
        return ""

    def _why_disarmed(self, sentence: str) -> str:
        """It disarmed itself: make sure of that at once, then ask what it knows of the reason."""
        try:
            self._stimulator.disarm()
            self.armed = False
            why = self.problem(self.ask())
        except (LinkFault, NotConnected, StopRequested):
            return sentence
        return f"{sentence} {as_sentence(why)}" if why else sentence

    def _hear_outside(self, event: DeviceEvent) -> str:
        match event:
            case PulseReport(at_ns):
                self._record_unplanned(replace(event, at_ns=self._journal.since_origin(at_ns)))
                return UNCOMMANDED
            case DeviceNotice():
                return self.weigh(event)
            case TrainEnded() | TrainRunning():
                return ""

    def _record_unplanned(self, report: PulseReport | None) -> None:
        """Put a pulse on record that nobody commanded; without a report it is inferred."""
        self._journal.write(
            unplanned_pulse(
                self._journal.uid, self.unplanned, report, self.train_on_record, self.set_to
            )
        )

    def _clock_problem(self) -> str:
        jump_s = self._wall.drift_s()
        if abs(jump_s) <= CLOCK_JUMP_S:
            return ""
        return (
            f"the computer's clock moved by {jump_s:+.1f} s against the session's own: it was set, "
            "or the computer slept"
        )
