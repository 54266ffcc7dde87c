"""Which pulse a report is about: never a wrong claim, whatever the line or the device does.

The reports come from an imagined device that fires some of the commanded pulses, reports some of
those it fired, now and then one more, over a line that keeps the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.interface import PulseReport
from protocols.pattern import SINGLE_PULSE, Burst, Train
from protocols.schedule import train_offsets_ns
from tests.delivery.plans import MS, S
from tms_console.delivery.matching import (
    MOST_MISSING,
    START_WINDOW_NS,
    ReportMatcher,
    ReportMode,
    Verdict,
    align,
)

COMMANDED_NS = 100 * S
ACCEPTED_NS = COMMANDED_NS + 4 * MS
"""A MagPro's frames take some milliseconds either way."""
FIRST_NS = ACCEPTED_NS + 3 * MS
"""The emulator's first pulse is reported that long after the start was."""


@dataclass(frozen=True)
class Sent:
    """A report as it left the device.

    Attributes:
        pulse: The commanded pulse it is about, None for one that nobody commanded.
        at_ns: When it would have arrived on an idle line without jitter.
    """

    pulse: int | None
    at_ns: int


def offsets_of(train: Train) -> list[int]:
    return [int(offset) for offset in train_offsets_ns(train)]


def matcher(train: Train, mode: ReportMode = ReportMode.UNKNOWN) -> ReportMatcher:
    return ReportMatcher(offsets_of(train), train.burst.pulses, COMMANDED_NS, ACCEPTED_NS, mode)


def sent_for(offsets: Sequence[int], pulses: Sequence[int]) -> list[Sent]:
    return [Sent(pulse, FIRST_NS + offsets[pulse]) for pulse in pulses]


def arrived(
    sent: Sequence[Sent], jitter_ns: Sequence[int] = (), stall: tuple[int, int] | None = None
) -> list[PulseReport]:
    """What the host sees: delayed by jitter, held by a stall, never overtaking.

    The di/dt carries the index of the report, so that a test can tell them apart.
    """
    reports: list[PulseReport] = []
    free_ns = 0
    for number, one in enumerate(sent):
        at_ns = one.at_ns + (jitter_ns[number % len(jitter_ns)] if jitter_ns else 0)
        if stall is not None and stall[0] <= at_ns < stall[0] + stall[1]:
            at_ns = stall[0] + stall[1]
        free_ns = max(free_ns, at_ns)
        reports.append(PulseReport(free_ns, number))
    return reports


@dataclass
class Told:
    """Everything a matcher said of a stream of reports."""

    at_once: dict[int, int]
    later: dict[int, int]
    extras: list[int]
    lost: int

    @property
    def pulses(self) -> dict[int, int]:
        """Report by pulse."""
        return {**self.at_once, **self.later}


def told(of: ReportMatcher, reports: Sequence[PulseReport], *, cut: bool = False) -> Told:
    at_once: dict[int, int] = {}
    extras: list[int] = []
    for report in reports:
        verdict, pulse = of.feed(report)
        number = report.realised_a_us
        assert number is not None
        assert (pulse is not None) == (verdict is Verdict.MATCHED)
        if pulse is not None:
            assert pulse not in at_once, "two reports to one pulse"
            at_once[pulse] = number
        elif verdict is Verdict.EXTRA:
            extras.append(number)
    resolved = of.resolve(cut=cut)
    later = {match.pulse: match.report.realised_a_us or 0 for match in resolved.matches}
    assert not set(later) & set(at_once), "two reports to one pulse"
    assert len(set(later)) == len(resolved.matches)
    extras += [report.realised_a_us or 0 for report in resolved.extras]
    lost = len(reports) - len(at_once) - len(later) - len(extras)
    assert of.matched == frozenset(at_once) | frozenset(later)
    return Told(at_once, later, extras, lost)


rates = st.sampled_from([Fraction(2), Fraction(5), Fraction(10), Fraction(18), Fraction(50, 3)])
plain_trains = st.builds(Train, st.integers(1, 25), rates, st.just(SINGLE_PULSE))
burst_trains = st.builds(
    Train,
    st.integers(2, 8),
    st.sampled_from([Fraction(5), Fraction(4)]),
    st.sampled_from([Burst(3, Fraction(50)), Burst(2, Fraction(40)), Burst(5, Fraction(50))]),
)
trains = plain_trains | burst_trains


def half_gap_ns(train: Train) -> int:
    offsets = offsets_of(train)
    gaps = [right - left for left, right in pairwise(offsets)]
    return min([START_WINDOW_NS, *(gap // 2 for gap in gaps)])


# What is as planned --------------------------------------------------------------------------


@given(trains)
def test_a_whole_train_is_matched_report_by_report_as_it_comes(train: Train) -> None:
    """Each pulse is on record at once: a crash then loses nothing that was seen."""
    of, offsets = matcher(train), offsets_of(train)
    result = told(of, arrived(sent_for(offsets, range(len(offsets)))))
    assert result.at_once == {pulse: pulse for pulse in range(len(offsets))}
    assert (result.extras, result.lost, of.complete) == ([], 0, True)
    assert of.mode is ReportMode.PER_PULSE


@given(burst_trains)
def test_one_report_a_burst_is_learnt_and_goes_to_the_first_pulse_of_each(train: Train) -> None:
    of, offsets = matcher(train), offsets_of(train)
    firsts = list(range(0, len(offsets), train.burst.pulses))
    result = told(of, arrived(sent_for(offsets, firsts)))
    assert list(result.at_once) == firsts
    assert of.mode is ReportMode.PER_BURST
    assert of.complete
    again = told(matcher(train, of.mode), arrived(sent_for(offsets, firsts)))
    assert list(again.at_once) == firsts


@given(trains, st.data())
def test_jitter_below_half_a_gap_changes_nothing(train: Train, data: st.DataObject) -> None:
    offsets = offsets_of(train)
    most_ns = half_gap_ns(train) - 4 * MS  # the first report's own way is part of it
    jitter = data.draw(st.lists(st.integers(0, most_ns), min_size=1, max_size=40))
    result = told(matcher(train), arrived(sent_for(offsets, range(len(offsets))), jitter))
    assert result.at_once == {pulse: pulse for pulse in range(len(offsets))}


@given(trains, st.integers(-200, 200))
def test_a_clock_that_is_off_by_some_ppm_changes_nothing(train: Train, ppm: int) -> None:
    offsets = offsets_of(train)
    sent = [
        Sent(pulse, FIRST_NS + offset * (1_000_000 + ppm) // 1_000_000)
        for pulse, offset in enumerate(offsets)
    ]
    result = told(matcher(train), arrived(sent))
    assert list(result.at_once) == list(range(len(offsets)))


# What goes wrong -----------------------------------------------------------------------------


@given(trains, st.data())
def test_lost_reports_leave_their_own_pulses_without_one(train: Train, data: st.DataObject) -> None:
    """With unambiguous times every report finds its own pulse, whichever are missing."""
    offsets = offsets_of(train)
    kept = data.draw(st.sets(st.sampled_from(range(len(offsets)))).map(sorted))
    result = told(matcher(train, ReportMode.PER_PULSE), arrived(sent_for(offsets, kept)))
    assert {pulse: kept[number] for pulse, number in result.pulses.items()} == {
        pulse: pulse for pulse in kept
    }
    assert result.extras == []


@given(burst_trains, st.data())
def test_once_a_burst_was_reported_pulse_by_pulse_no_unfired_pulse_gets_a_report(
    train: Train, data: st.DataObject
) -> None:
    """Two reports inside the first burst settle what the device reports."""
    offsets = offsets_of(train)
    kept = sorted({0, 1} | data.draw(st.sets(st.sampled_from(range(len(offsets))))))
    of = matcher(train)
    result = told(of, arrived(sent_for(offsets, kept)))
    assert of.mode is ReportMode.PER_PULSE
    assert {pulse: kept[number] for pulse, number in result.pulses.items()} == {
        pulse: pulse for pulse in kept
    }


@given(trains, st.integers(0, 3_000), st.integers(1, 900))
def test_a_stalled_line_moves_times_and_no_report(train: Train, from_ms: int, for_ms: int) -> None:
    """First in, first out: as many reports as pulses belong to them in order, or to nobody.

    Late reports that come just at other pulses' times are as good as one missing and one extra.
    """
    offsets = offsets_of(train)
    stall = (FIRST_NS + from_ms * MS, for_ms * MS)
    of = matcher(train, ReportMode.PER_PULSE)
    result = told(of, arrived(sent_for(offsets, range(len(offsets))), stall=stall))
    assert all(pulse == number for pulse, number in result.pulses.items())
    assert result.extras == []


@pytest.mark.parametrize(("from_ms", "for_ms"), [(50, 300), (950, 300), (1_010, 640), (2_000, 200)])
def test_a_stall_at_10_hz_costs_no_report(from_ms: int, for_ms: int) -> None:
    train = Train(40, Fraction(10))
    stall = (FIRST_NS + from_ms * MS, for_ms * MS)
    of = matcher(train, ReportMode.PER_PULSE)
    result = told(of, arrived(sent_for(offsets_of(train), range(40)), stall=stall))
    assert result.pulses == {pulse: pulse for pulse in range(40)}


@given(plain_trains, st.data())
def test_one_extra_pulse_leaves_every_commanded_pulse_with_one_report(
    train: Train, data: st.DataObject
) -> None:
    """Which of two neighbours is the extra one may be open; that there is one more is not."""
    offsets = offsets_of(train)
    after = data.draw(st.integers(0, len(offsets) - 1))
    away_ns = data.draw(st.integers(3 * MS, 60 * MS))
    sent = sent_for(offsets, range(len(offsets)))
    sent.append(Sent(None, sent[after].at_ns + away_ns))
    sent.sort(key=lambda one: one.at_ns)
    result = told(matcher(train), arrived(sent))
    assert len(result.extras) == 1
    assert set(result.pulses) == set(range(len(offsets)))
    assert result.lost == 0


@given(
    trains,
    st.sampled_from(ReportMode),
    st.lists(st.integers(-20 * MS, 4 * S), max_size=60),
)
def test_any_reports_are_counted_once_and_never_before_their_pulse_could_be(
    train: Train, mode: ReportMode, times: list[int]
) -> None:
    """Whatever comes: no report is used twice, none vanishes, none is about the future."""
    offsets = offsets_of(train)
    reports = [PulseReport(ACCEPTED_NS + at, number) for number, at in enumerate(sorted(times))]
    result = told(matcher(train, mode), reports)
    used = [*result.pulses.values(), *result.extras]
    assert len(used) == len(set(used))
    assert result.lost == 0 or not result.later
    for pulse, number in result.later.items():
        assert reports[number].at_ns >= COMMANDED_NS + offsets[pulse] * 999 // 1000 - 1 * MS


@given(plain_trains, st.data())
def test_a_train_that_was_cut_gets_no_report_for_a_pulse_after_the_cut(
    train: Train, data: st.DataObject
) -> None:
    offsets = offsets_of(train)
    given_ = data.draw(st.integers(1, len(offsets)))
    stall_ms = data.draw(st.integers(0, 200))
    stall = (FIRST_NS + offsets[given_ - 1] - 150 * MS, stall_ms * MS)
    reports = arrived(sent_for(offsets, range(given_)), stall=stall)
    result = told(matcher(train), reports, cut=True)
    assert set(result.pulses) <= set(range(given_))
    assert len(result.pulses) + len(result.extras) + result.lost == given_
    assert not result.later or result.lost == 0


def test_a_first_report_that_is_lost_does_not_shift_the_others() -> None:
    """At 50 Hz the second pulse's report comes soon after the start was accepted."""
    train = Train(10, Fraction(50))
    offsets = offsets_of(train)
    result = told(matcher(train), arrived(sent_for(offsets, range(1, 10))))
    assert sorted(result.pulses) == list(range(1, 10))


def test_a_report_far_too_late_for_the_first_pulse_is_not_taken_for_it_at_once() -> None:
    of = matcher(Train(1, Fraction(2)))
    assert of.feed(PulseReport(ACCEPTED_NS + START_WINDOW_NS)) == (Verdict.MATCHED, 0)
    late = matcher(Train(2, Fraction(1, 5)))
    assert late.feed(PulseReport(ACCEPTED_NS + START_WINDOW_NS + 1)) == (Verdict.HELD, None)
    assert (late.held, late.reports, late.complete) == (1, 1, False)


def test_a_report_after_the_whole_train_is_extra() -> None:
    of = matcher(Train(1, Fraction(2)))
    of.feed(PulseReport(FIRST_NS))
    assert of.feed(PulseReport(FIRST_NS + MS)) == (Verdict.EXTRA, None)


def test_a_mode_that_was_taken_wrongly_is_corrected_by_a_report_inside_a_burst() -> None:
    """Two lost reports in the first burst look like one report a burst."""
    train = Train(4, Fraction(5), Burst(3, Fraction(50)))
    kept = [0, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    of = matcher(train)
    result = told(of, arrived(sent_for(offsets_of(train), kept)))
    assert of.mode is ReportMode.PER_PULSE
    assert sorted(result.pulses) == kept


def test_an_extra_pulse_between_bursts_reported_as_bursts_is_extra() -> None:
    train = Train(4, Fraction(5), Burst(3, Fraction(50)))
    of = matcher(train, ReportMode.PER_BURST)
    of.feed(PulseReport(FIRST_NS))
    assert of.feed(PulseReport(FIRST_NS + 90 * MS)) == (Verdict.EXTRA, None)


def test_a_flood_of_reports_is_extra_beyond_the_pulses_there_are() -> None:
    train = Train(3, Fraction(5))
    flood = [PulseReport(FIRST_NS + S + number, number) for number in range(MOST_MISSING + 10)]
    result = told(matcher(train), flood)
    assert result.pulses == {}
    assert len(result.extras) == len(flood) - 3


def test_a_report_before_its_pulse_could_be_given_is_extra_even_if_the_numbers_agree() -> None:
    """An extra pulse and a lost report keep the count: pairing in order would claim pulse 2."""
    of = matcher(Train(4, Fraction(2)))
    reports = [PulseReport(FIRST_NS + ms * MS, n) for n, ms in enumerate((0, 760, 770, 1990))]
    result = told(of, reports)
    assert result.pulses == {0: 0, 1: 1, 3: 3}
    assert result.extras == [2]


def test_with_too_many_missing_nothing_is_guessed() -> None:
    train = Train(200, Fraction(50))
    of = matcher(train)
    of.feed(PulseReport(FIRST_NS + 4 * S, 0))
    resolved = of.resolve()
    assert (resolved.matches, resolved.extras) == ((), ())


def test_the_end_is_expected_by_the_first_report_when_there_is_one() -> None:
    train = Train(5, Fraction(10))
    of = matcher(train)
    assert of.expected_end_ns() == ACCEPTED_NS + 400 * MS + 50 * MS
    of.feed(PulseReport(FIRST_NS))
    assert of.expected_end_ns() == FIRST_NS + 400 * MS + 50 * MS


# align ---------------------------------------------------------------------------------------

times = st.lists(st.integers(0, 300), max_size=7).map(sorted)


def cost(due: Sequence[int], seen: Sequence[int], pairs: Sequence[tuple[int, int]]) -> int:
    return sum(abs(due[left] - seen[right]) for left, right in pairs)


def cheapest(due: Sequence[int], seen: Sequence[int]) -> int:
    """Every way to leave elements of the longer list out."""
    few, many = sorted((due, seen), key=len)
    return min(
        sum(abs(left - right) for left, right in zip(few, kept, strict=True))
        for kept in combinations(many, len(few))
    )


@given(times, times)
def test_align_is_as_good_as_trying_everything(due: list[int], seen: list[int]) -> None:
    pairs = align(due, seen)
    assert len(pairs) == min(len(due), len(seen))
    assert all(one[0] < two[0] and one[1] < two[1] for one, two in pairwise(pairs))
    assert cost(due, seen, pairs) == cheapest(due, seen)


@given(times)
def test_align_pairs_equal_numbers_first_with_first(due: list[int]) -> None:
    assert align(due, [at + 1000 for at in due]) == [(k, k) for k in range(len(due))]


@given(times, st.integers(1, 5))
def test_of_equally_good_pairs_the_later_elements_are_left_out(due: list[int], more: int) -> None:
    assume(due)
    same = [due[-1]] * more
    assert align([*due, *same], due) == [(k, k) for k in range(len(due))]
