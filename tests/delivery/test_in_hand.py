"""The shot in hand: what was seen goes on record at once, and at the end no pulse is left over."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interface import PulseReceipt, PulseReport
from tests.delivery.plans import MS, ONE_HZ, TEN_HZ, THETA, S, pattern, plan
from tms_console.delivery.in_hand import CUT_MARGIN_NS, InHand, UnplannedNumbers
from tms_console.delivery.matching import ReportMode
from tms_console.delivery.outcomes import TrainEnd
from tms_console.records.operations import (
    Evidence,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    TrainCommanded,
    UnplannedPulse,
    new_uid,
)

UID = new_uid()
FAST, SLOW, BURSTS = plan(pattern(TEN_HZ)), plan(pattern(ONE_HZ)), plan(pattern(THETA))
COMMANDED_NS = 2 * MS
FIRST_NS = COMMANDED_NS + 6 * MS


class OnRecord:
    """Takes the writes of one shot."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def submit(self, operation: Operation) -> None:
        self.operations.append(operation)

    @property
    def results(self) -> dict[int, PulseResult]:
        """By number; a pulse that is settled twice fails."""
        found: dict[int, PulseResult] = {}
        for operation in self.operations:
            if isinstance(operation, PulsesFinal):
                for result in operation.results:
                    assert result.number not in found, "settled twice"
                    found[result.number] = result
        return found

    @property
    def unplanned(self) -> list[UnplannedPulse]:
        return [one for one in self.operations if isinstance(one, UnplannedPulse)]

    @property
    def outcomes(self) -> list[PulseOutcome]:
        return [result.outcome for _, result in sorted(self.results.items())]


def in_hand(of: object = None, shot: int = 0) -> tuple[InHand, OnRecord]:
    record, chosen = OnRecord(), FAST if of is None else of
    assert isinstance(chosen, type(FAST))
    hand = InHand(
        UID, chosen.shots[shot], 0, 60, record.submit, UnplannedNumbers(5), ReportMode.UNKNOWN
    )
    return hand, record


def running(reports: Sequence[int], of: object = None) -> tuple[InHand, OnRecord]:
    hand, record = in_hand(of)
    hand.command(COMMANDED_NS, COMMANDED_NS + 3 * MS)
    for index in reports:
        hand.report(PulseReport(FIRST_NS + hand.seen.offsets_ns[index], 90))
    return hand, record


def test_each_report_is_on_record_before_the_next_one_comes() -> None:
    """A crash a moment later must find it."""
    hand, record = in_hand()
    hand.command(COMMANDED_NS, COMMANDED_NS + 3 * MS)
    assert record.operations == [
        TrainCommanded(session_uid=UID, train_number=1, commanded_ns=COMMANDED_NS)
    ]
    for index in range(5):
        number = hand.report(PulseReport(FIRST_NS + index * 100 * MS, 90))
        assert number == index + 1
        assert hand.delivered == index + 1
        assert record.results[number] == PulseResult(
            number=number,
            outcome=PulseOutcome.DELIVERED,
            evidence=Evidence.REPORTED,
            commanded_ns=COMMANDED_NS,
            observed_ns=FIRST_NS + index * 100 * MS,
            realised_a_us=90,
        )
    tally = hand.settle(TrainEnd.RAN_OUT, None, 5)
    assert (tally.delivered, tally.unknown, tally.doubt) == (5, 0, "")
    assert tally.last_pulse_ns == FIRST_NS + 400 * MS
    assert len(record.results) == 5


def test_a_pulse_that_was_confirmed_is_on_record_with_its_evidence() -> None:
    for reported, evidence in ((True, Evidence.REPORTED), (False, Evidence.ACKNOWLEDGED)):
        hand, record = in_hand(SLOW, shot=2)
        hand.command(2 * S, 2 * S + MS)
        assert record.operations == []
        hand.confirm(PulseReceipt(2 * S, 2 * S + 5 * MS, reported, 90 if reported else None))
        (result,) = record.results.values()
        assert (result.number, result.evidence) == (3, evidence)
        assert (result.commanded_ns, result.observed_ns) == (2 * S, 2 * S + 5 * MS)
        assert hand.settle(TrainEnd.RAN_OUT, None, None).delivered == 1


def test_pulses_that_the_counter_shows_are_inferred_without_a_time() -> None:
    """A time that nobody saw is never filled in."""
    hand, record = running([0, 1, 3, 4])
    hand.settle(TrainEnd.RAN_OUT, None, 5)
    third = record.results[3]
    assert (third.outcome, third.evidence) == (PulseOutcome.DELIVERED, Evidence.INFERRED)
    assert (third.observed_ns, third.commanded_ns) == (None, COMMANDED_NS)


def test_pulses_that_nobody_saw_are_unknown_and_a_doubt() -> None:
    hand, record = running([0, 1])
    tally = hand.settle(TrainEnd.RAN_OUT, None, None)
    assert record.outcomes == [PulseOutcome.DELIVERED] * 2 + [PulseOutcome.UNKNOWN] * 3
    assert (tally.delivered, tally.unknown) == (2, 3)
    assert tally.doubt


def test_pulses_due_after_a_confirmed_disarm_were_not_delivered() -> None:
    """The margin covers the pulse in hand and the way of the confirmation."""
    hand, record = running([0, 1])
    cut_ns = COMMANDED_NS + 200 * MS - CUT_MARGIN_NS
    hand.settle(TrainEnd.CUT, cut_ns, None)
    assert record.outcomes[2:] == [PulseOutcome.UNKNOWN, *[PulseOutcome.NOT_DELIVERED] * 2]
    hand, record = running([0, 1])
    hand.settle(TrainEnd.CUT, cut_ns - 1, None)
    assert record.outcomes[2:] == [PulseOutcome.NOT_DELIVERED] * 3


def test_a_shot_that_was_never_commanded_was_not_delivered_or_refused() -> None:
    for refused, outcome in ((False, PulseOutcome.NOT_DELIVERED), (True, PulseOutcome.REFUSED)):
        hand, record = in_hand()
        hand.refused = refused
        tally = hand.settle(TrainEnd.LOST, None, None)
        assert record.outcomes == [outcome] * 5
        assert (tally.delivered, tally.unknown, tally.doubt) == (0, 0, "")
        assert all(one.commanded_ns is None for one in record.results.values())


def test_an_extra_report_becomes_an_unplanned_row_and_is_not_counted_as_the_trains() -> None:
    hand, record = running(range(5))
    hand.report(PulseReport(FIRST_NS + 430 * MS, 77))
    (extra,) = record.unplanned
    assert (extra.number, extra.train_number, extra.observed_ns, extra.realised_a_us) == (
        6, 1, FIRST_NS + 430 * MS, 77,
    )  # fmt: skip
    tally = hand.settle(TrainEnd.RAN_OUT, None, 6)
    assert record.outcomes == [PulseOutcome.DELIVERED] * 5
    assert len(record.unplanned) == 1
    assert tally.doubt == "1 pulses were reported that nobody commanded"


def test_a_stimulus_that_only_the_counter_shows_becomes_an_unplanned_row_without_a_time() -> None:
    hand, record = running(range(5))
    tally = hand.settle(TrainEnd.RAN_OUT, None, 7)
    assert [one.number for one in record.unplanned] == [6, 7]
    assert {(one.observed_ns, one.evidence) for one in record.unplanned} == {
        (None, Evidence.INFERRED)
    }
    assert "2 more stimuli" in tally.doubt


def test_what_a_device_reports_is_remembered_for_the_next_train() -> None:
    hand, _ = running([0, 3, 6], BURSTS)
    hand.settle(TrainEnd.RAN_OUT, None, 9)
    assert hand.mode is ReportMode.PER_BURST


def test_reports_before_any_command_are_a_bug() -> None:
    hand, _ = in_hand()
    with pytest.raises(RuntimeError, match="has not been commanded"):
        hand.report(PulseReport(0))


def test_rests_count_from_the_last_pulse_as_late_as_it_can_have_been() -> None:
    """Without reports the command's time and the plan say when the last pulse was at the latest."""
    hand, _ = running([])
    assert hand.settle(TrainEnd.RAN_OUT, None, 5).last_pulse_ns == COMMANDED_NS + 400 * MS


@given(
    st.sampled_from([FAST, BURSTS]),
    st.lists(st.integers(0, 900), max_size=14).map(sorted),
    st.sampled_from(TrainEnd),
    st.none() | st.integers(0, 900),
    st.none() | st.integers(0, 20),
)
def test_whatever_comes_every_pulse_is_settled_once_and_the_tally_agrees(
    of: object, times_ms: list[int], end: TrainEnd, cut_ms: int | None, counted: int | None
) -> None:
    hand, record = in_hand(of)
    hand.command(COMMANDED_NS, COMMANDED_NS + 3 * MS)
    for at_ms in times_ms:
        hand.report(PulseReport(FIRST_NS + at_ms * MS, 90))
    tally = hand.settle(end, None if cut_ms is None else cut_ms * MS, counted)
    assert sorted(record.results) == list(range(1, hand.shot.pulses + 1))
    assert tally.delivered == record.outcomes.count(PulseOutcome.DELIVERED)
    assert tally.unknown == record.outcomes.count(PulseOutcome.UNKNOWN)
    numbers = [one.number for one in record.unplanned]
    assert numbers == list(range(6, 6 + len(numbers)))
    for result in record.results.values():
        seen = result.evidence is Evidence.REPORTED
        assert (result.observed_ns is not None) == seen
