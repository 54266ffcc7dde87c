"""Following a train that the stimulator times, from its start to its end.

Every report goes on record as it comes; a device without reports is watched instead.  Nothing here
stimulates; what may be claimed of the pulses is in `outcomes` and `unreported`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from drivers.interface import DeviceEvent, DeviceNotice, PulseReport, TrainEnded, TrainRunning
from tms_console.delivery.in_hand import InHand
from tms_console.delivery.journal import Journal
from tms_console.delivery.listening import UNCOMMANDED, Listener
from tms_console.delivery.realised import RealisedCheck
from tms_console.delivery.settling import DRAIN_NS, Settler
from tms_console.delivery.unreported import judge

SILENT_NS = 1_000_000_000
"""Beyond the longest gap of a train: no report for so long, and the stimulator is asked."""

END_GRACE_NS = 700_000_000
"""How long after its last pulse a train may take to say that it is over."""

DEVICE_REMEDY = "See what the stimulator's screen says before anything else is given."

DOSE_REMEDY = "Compare the intensity on its screen with the prescription, and check the coil."


MISSED = "the pulse witness saw no pulse at the time of the next one, or one off its time"

WAY_NS = 50_000_000
"""What a witness saw is here so long after at the latest: its line, a USB adapter's 16 ms, and an
operating system that was busy."""


class Follower:
    """Follows the trains of one session, one at a time.

    Attributes:
        reports: The stimulator reports its pulses, or bursts.
        witnessed: A witness sees every pulse.
    """

    def __init__(  # noqa: PLR0913 - what a session has
        self,
        listener: Listener,
        journal: Journal,
        settler: Settler,
        realised: RealisedCheck,
        progressed: Callable[[], None],
        *,
        reports: bool,
        witnessed: bool = False,
    ) -> None:
        """Take what the session has.

        Args:
            listener: Its ear.
            journal: Its way to the record.
            settler: Holds the train in hand.
            realised: Compares di/dt.
            progressed: Called whenever something of the train has gone on record.
            reports: The stimulator reports its pulses, or bursts.
            witnessed: A witness sees every pulse.
        """
        self._listener = listener
        self._journal = journal
        self._settler = settler
        self._realised = realised
        self._progressed = progressed
        self.reports = reports
        self.witnessed = witnessed

    def follow(self, hand: InHand) -> str:
        """Follow the train to its end; return what forbids going on, with what to do, or "".

        Raises:
            LinkFault: The stimulator gave no usable answer.
            NotConnected: It is gone.
            StopRequested: A stop was asked for.
        """
        return self._by_reports(hand) if self.reports else self._by_watching(hand)

    def _by_reports(self, hand: InHand) -> str:
        """Put every report of a running train on record until the train is over."""
        seen = hand.seen
        quiet_ns = max((b - a for a, b in pairwise(seen.offsets_ns)), default=0) + SILENT_NS
        ended_ns: int | None = None
        heard_ns = self._journal.now_ns()
        while True:
            over_ns = seen.expected_end_ns()
            if ended_ns is None:
                until_ns = over_ns + END_GRACE_NS
            else:
                until_ns = ended_ns if seen.complete else max(ended_ns, over_ns) + DRAIN_NS
            if self._journal.now_ns() >= until_ns:
                return self._after_reports(hand, ended_ns)
            awaited = self.witnessed and not seen.complete
            missed_ns = seen.missed_ns() + WAY_NS if awaited else until_ns
            events = self._listener.poll(min(until_ns, missed_ns, heard_ns + quiet_ns))
            for position, event in enumerate(events, 1):
                if isinstance(event, TrainEnded):
                    ended_ns = self._journal.since_origin(event.at_ns)
                trouble = self._see(hand, event)
                if trouble:
                    self._settler.rescue(hand, events[position:])
                    return trouble
            if events:
                heard_ns = self._journal.now_ns()
                self._progressed()
            elif awaited and missed_ns <= self._journal.now_ns() < until_ns:
                return f"{MISSED}. {DEVICE_REMEDY}"
            elif self._journal.now_ns() >= heard_ns + quiet_ns:
                self._listener.ask()  # raises if it does not answer
                heard_ns = self._journal.now_ns()

    def _by_watching(self, hand: InHand) -> str:
        """Watch a train of which no pulse is reported until it is over, or should long be."""
        until_ns = (hand.commanded_ns or 0) + hand.watched().awaited_ns
        while hand.over_ns is None and self._journal.now_ns() < until_ns:
            events = self._listener.poll(until_ns)
            for position, event in enumerate(events, 1):
                trouble = self._see(hand, event)
                if trouble:
                    self._settler.rescue(hand, events[position:])
                    return trouble
            self._progressed()
        judged = judge(hand.watched())
        hand.vouched_ns = judged.vouched_ns
        if judged.doubt:
            return f"train {hand.shot.scheduled.number} {judged.doubt}. {DEVICE_REMEDY}"
        self._settler.open_train().ended_ns = hand.over_ns
        return ""

    def _see(self, hand: InHand, event: DeviceEvent) -> str:
        """Put on record what came during a train; return what forbids going on, or ""."""
        match event:
            case PulseReport():
                return self._see_pulse(hand, event)
            case DeviceNotice():
                return self._listener.weigh(event)
            case TrainRunning(at_ns):
                hand.runs(self._journal.since_origin(at_ns))
                return ""
            case TrainEnded(at_ns):
                hand.ends(self._journal.since_origin(at_ns))
                return ""

    def _see_pulse(self, hand: InHand, report: PulseReport) -> str:
        before = hand.extras
        report = replace(report, at_ns=self._journal.since_origin(report.at_ns))
        number = hand.report(report)
        if hand.extras > before:
            return UNCOMMANDED
        if report.witnessed and hand.seen.held:  # a witness's time is the pulse's own: no line
            return f"{MISSED}. {DEVICE_REMEDY}"  # that stalled can have put it off
        pulse = hand.shot.first_pulse if number is None else number
        doubt = self._realised.doubt(pulse, hand.intensity_pct_mso, report.realised_a_us)
        return f"{doubt}. {DOSE_REMEDY}" if doubt else ""

    def _after_reports(self, hand: InHand, ended_ns: int | None) -> str:
        number = hand.shot.scheduled.number
        last_due_ns = (hand.commanded_ns or 0) + hand.seen.offsets_ns[-1]
        if ended_ns is not None and ended_ns < last_due_ns and not hand.seen.complete:
            early_s = (last_due_ns - ended_ns) / 1e9
            return (
                f"train {number} ended {early_s:.2f} s too early at the stimulator. {DEVICE_REMEDY}"
            )
        if ended_ns is None and self._listener.ask().running:
            return f"train {number} goes on after its time at the stimulator. {DEVICE_REMEDY}"
        self._settler.open_train().ended_ns = (
            self._journal.now_ns() if ended_ns is None else ended_ns
        )
        return ""
