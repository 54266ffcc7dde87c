"""The shot in hand: each report goes on record as it comes, and at the end every pulse is settled.

It turns what the stimulator says into rows; whether the session goes on is the engine's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.interface import PulseReceipt, PulseReport
from tms_console.delivery.matching import Match, ReportMatcher, ReportMode, Verdict
from tms_console.delivery.outcomes import TrainEnd, TrainSeen, settle_train
from tms_console.delivery.plan import Shot
from tms_console.delivery.unreported import Watched, vouched_while_running
from tms_console.records.operations import (
    Evidence,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    TrainCommanded,
    UnplannedPulse,
)

Submit = Callable[[Operation], object]

CUT_MARGIN_NS = 60_000_000
"""A pulse due up to this long after the stimulator confirmed a disarm may still have been given:
it ends after the pulse in hand (stimulators.md 2.4), and its confirmation takes time to arrive."""


class UnplannedNumbers:
    """Numbers for pulses that nobody commanded: on from the end of the schedule."""

    def __init__(self, planned: int) -> None:
        self._last = planned
        self.count = 0

    def take(self) -> int:
        """Return the next free number."""
        self._last += 1
        self.count += 1
        return self._last


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one shot, counted."""

    delivered: int
    unknown: int
    last_pulse_ns: int
    doubt: str


@dataclass(slots=True)
class InHand:
    """One shot from its row on.  All times are offsets from the session's origin.

    Attributes:
        session_uid: The session.
        shot: What it is.
        due_ns: When it is due, as it stands on record.
        intensity_pct_mso: What it is given at.
        submit: Takes a write.
        unplanned: Numbers for pulses that nobody commanded.
        mode: What the device reports, as learnt so far.
        watching: The device reports no pulses: its train's running is watched instead.
        running_ns: When its train was last known to run, on a device without reports.
        over_ns: When its train was seen to be over, on a device without reports.
        vouched_ns: Pulses due up to then after the first are inferred, on a device without reports.
    """

    session_uid: str
    shot: Shot
    due_ns: int
    intensity_pct_mso: int
    submit: Submit
    unplanned: UnplannedNumbers
    mode: ReportMode
    commanded_ns: int | None = None
    refused: bool = False
    extras: int = 0
    watching: bool = False
    running_ns: int | None = None
    over_ns: int | None = None
    vouched_ns: int | None = None
    _matcher: ReportMatcher | None = None
    _final: dict[int, PulseReport | None] = field(default_factory=dict)

    @property
    def seen(self) -> ReportMatcher:
        """What was reported of it.

        Raises:
            RuntimeError: It has not been commanded.
        """
        if self._matcher is None:
            raise RuntimeError("the shot has not been commanded")
        return self._matcher

    @property
    def delivered(self) -> int:
        """Pulses that are on record as delivered so far."""
        return len(self._final)

    def command(
        self, commanded_ns: int, accepted_ns: int, answers_from_ns: int | None = None
    ) -> None:
        """The command went out: put that on record and expect reports from here on.

        Args:
            commanded_ns: When.
            accepted_ns: When the stimulator was seen to have taken it.
            answers_from_ns: No report of it can have come before; None if that is not known.
        """
        self.commanded_ns = commanded_ns
        self._matcher = ReportMatcher(
            offsets_ns=self.shot.offsets_ns.tolist(),
            burst_pulses=1 if self.shot.host_timed else self.shot.scheduled.train.burst.pulses,
            commanded_ns=commanded_ns if answers_from_ns is None else answers_from_ns,
            accepted_ns=accepted_ns,
            mode=self.mode,
        )
        if not self.shot.host_timed:
            self.submit(
                TrainCommanded(
                    session_uid=self.session_uid,
                    train_number=self.shot.scheduled.number,
                    commanded_ns=commanded_ns,
                )
            )

    def confirm(self, receipt: PulseReceipt) -> None:
        """The driver saw this very pulse: it is on record as delivered."""
        seen = PulseReport(receipt.observed_ns, receipt.realised_a_us, receipt.witnessed)
        evidence = _evidence(seen) if receipt.reported or receipt.witnessed else _ACKNOWLEDGED
        self.seen.feed(seen)  # a later report is of another pulse
        self._final[0] = seen
        self._write([self._result(0, PulseOutcome.DELIVERED, evidence, seen)])

    def runs(self, at_ns: int) -> None:
        """Its train, of which no pulse is reported, was running at that time or later."""
        if self.watching and self.commanded_ns is not None and self.over_ns is None:
            self.running_ns = at_ns
            self.vouched_ns = vouched_while_running(at_ns - self.commanded_ns)

    def ends(self, at_ns: int) -> None:
        """Its train was seen to be over; only the first time counts."""
        self.over_ns = at_ns if self.over_ns is None else self.over_ns

    def watched(self) -> Watched:
        """Return how its train was seen, on a device without reports."""
        began_ns = self.commanded_ns or 0
        rate = self.shot.scheduled.train.rate_hz
        return Watched(
            self.seen.offsets_ns,
            round(10**9 / rate),
            None if self.running_ns is None else self.running_ns - began_ns,
            None if self.over_ns is None else self.over_ns - began_ns,
        )

    def report(self, report: PulseReport) -> int | None:
        """Put a report on record at once; return the number of its pulse if that is known.

        A report that belongs to no pulse is an unplanned one: `extras` counts it.
        """
        verdict, index = self.seen.feed(report)
        if verdict is Verdict.EXTRA:
            self.extras += 1
            self.record_unplanned(report, inside=True)
        if verdict is not Verdict.MATCHED or index is None:
            return None
        self._match([Match(index, report)])
        return self.shot.first_pulse + index

    def record_unplanned(self, report: PulseReport | None, *, inside: bool) -> None:
        """Put a pulse that nobody commanded on record; without a report the counter showed it."""
        self.submit(
            unplanned_pulse(
                self.session_uid,
                self.unplanned,
                report,
                self.shot.scheduled.number if inside else None,
                self.intensity_pct_mso,
            )
        )

    def settle(self, end: TrainEnd, cut_ns: int | None, counted: int | None) -> Tally:
        """Give every pulse that is still `commanded` its outcome.

        Args:
            end: How the shot ended; ignored if it was never commanded.
            cut_ns: For CUT, when the stimulator had confirmed that it is disarmed.
            counted: What its counter says was given since the shot was prepared, None without one.
        """
        if self.commanded_ns is None:
            return self._settle_uncommanded()
        resolved = self.seen.resolve(cut=end is TrainEnd.CUT)
        self._match(resolved.matches)
        for extra in resolved.extras:
            self.extras += 1
            self.record_unplanned(extra, inside=True)
        self.mode = self.seen.mode
        if cut_ns is not None and self.watching and self.over_ns is not None:
            cut_ns = min(cut_ns, self.over_ns)  # the device said that it gives nothing any more
        settled = settle_train(
            TrainSeen(
                offsets_ns=self.seen.offsets_ns,
                burst_pulses=self.seen.burst_pulses,
                matched=frozenset(self._final),
                mode=self.seen.mode,
                end=end,
                cut_after_ns=None if cut_ns is None else cut_ns - self.commanded_ns + CUT_MARGIN_NS,
                counted=None if counted is None else counted - self.extras,
                vouched_ns=self.vouched_ns,
            )
        )
        for _ in range(settled.uncommanded):
            self.record_unplanned(None, inside=True)
        rest = [index for index in range(self.shot.pulses) if index not in self._final]
        self._write([self._result(index, *settled.outcomes[index], None) for index in rest])
        given = [outcome for outcome, _ in settled.outcomes]
        beyond = f"{self.extras} pulses were reported that nobody commanded" if self.extras else ""
        return Tally(
            delivered=given.count(PulseOutcome.DELIVERED),
            unknown=given.count(PulseOutcome.UNKNOWN),
            last_pulse_ns=self._last_pulse_ns(),
            doubt=settled.doubt or beyond,
        )

    def _settle_uncommanded(self) -> Tally:
        outcome = PulseOutcome.REFUSED if self.refused else PulseOutcome.NOT_DELIVERED
        pulses = range(self.shot.pulses)
        self._write([self._result(index, outcome, Evidence.NONE, None) for index in pulses])
        return Tally(0, 0, self.due_ns, "")

    def _last_pulse_ns(self) -> int:
        """When the last pulse was given, as late as it can have been: rests count from here."""
        seen = [report.at_ns for report in self._final.values() if report is not None]
        planned_ns = (self.commanded_ns or self.due_ns) + self.seen.offsets_ns[-1]
        return max(planned_ns, *seen, planned_ns)

    def _match(self, matches: tuple[Match, ...] | list[Match]) -> None:
        self._final.update({match.pulse: match.report for match in matches})
        given = PulseOutcome.DELIVERED
        self._write(
            [self._result(one.pulse, given, _evidence(one.report), one.report) for one in matches]
        )

    def _result(
        self, index: int, outcome: PulseOutcome, evidence: Evidence, report: PulseReport | None
    ) -> PulseResult:
        return PulseResult(
            number=self.shot.first_pulse + index,
            outcome=outcome,
            evidence=evidence,
            commanded_ns=self.commanded_ns,
            observed_ns=None if report is None else report.at_ns,
            realised_a_us=None if report is None else report.realised_a_us,
        )

    def _write(self, results: list[PulseResult]) -> None:
        if results:
            self.submit(PulsesFinal(session_uid=self.session_uid, results=tuple(results)))


_ACKNOWLEDGED = Evidence.ACKNOWLEDGED


def _evidence(report: PulseReport) -> Evidence:
    return Evidence.WITNESSED if report.witnessed else Evidence.REPORTED


def unplanned_pulse(
    session_uid: str,
    numbers: UnplannedNumbers,
    report: PulseReport | None,
    train_number: int | None,
    intensity_pct_mso: int | None,
) -> UnplannedPulse:
    """Return the row of a pulse that nobody commanded; without a report the counter showed it."""
    return UnplannedPulse(
        session_uid=session_uid,
        number=numbers.take(),
        train_number=train_number,
        intensity_pct_mso=intensity_pct_mso,
        observed_ns=None if report is None else report.at_ns,
        realised_a_us=None if report is None else report.realised_a_us,
        evidence=Evidence.INFERRED if report is None else _evidence(report),
    )
