"""What may be claimed of a train's pulses: never more than was seen, never less than is certain.

The properties imagine a device that gave some of the pulses, and look at the claims from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.plans import MS
from tms_console.delivery.matching import ReportMode
from tms_console.delivery.outcomes import (
    COUNTER_MODULUS,
    MOST_UNCOMMANDED,
    Settled,
    TrainEnd,
    TrainSeen,
    counted_between,
    settle_train,
)
from tms_console.records.operations import Evidence, PulseOutcome

D, N, U = PulseOutcome.DELIVERED, PulseOutcome.NOT_DELIVERED, PulseOutcome.UNKNOWN
REPORTED, INFERRED = (D, Evidence.REPORTED), (D, Evidence.INFERRED)
UNKNOWN, NOT = (U, Evidence.NONE), (N, Evidence.NONE)
SHOWN = {REPORTED: "R", INFERRED: "i", UNKNOWN: "?", NOT: "-"}


def offsets(pulses: int, burst: int) -> list[int]:
    """Bursts of 20 ms every 200 ms; single pulses every 200 ms."""
    return [(index // burst) * 200 * MS + (index % burst) * 20 * MS for index in range(pulses)]


def seen(  # noqa: PLR0917 - a table's columns
    pulses: int = 4,
    burst: int = 1,
    matched: str = "",
    mode: ReportMode = ReportMode.PER_PULSE,
    end: TrainEnd = TrainEnd.RAN_OUT,
    cut_ms: int | None = None,
    counted: int | None = None,
) -> TrainSeen:
    """`matched` is a picture such as `R.R.`."""
    return TrainSeen(
        offsets(pulses, burst),
        burst,
        frozenset(index for index, mark in enumerate(matched) if mark == "R"),
        mode,
        end,
        None if cut_ms is None else cut_ms * MS,
        counted,
    )


def picture(settled: Settled) -> str:
    return "".join(SHOWN[outcome] for outcome in settled.outcomes)


# Every rule as a picture: R reported, i inferred, ? unknown, - not delivered ------------------

BURST, CUT = ReportMode.PER_BURST, TrainEnd.CUT
RULES: list[tuple[str, TrainSeen, str, bool, int]] = [
    ("all reported", seen(matched="RRRR"), "RRRR", False, 0),
    ("one missing, no counter", seen(matched="RR.R"), "RR?R", True, 0),
    ("one missing, counter says all", seen(matched="RR.R", counted=4), "RRiR", False, 0),
    ("one missing, counter says so", seen(matched="RR.R", counted=3), "RR?R", True, 0),
    ("nothing reported, counter says all", seen(counted=4), "iiii", False, 0),
    ("nothing at all", seen(counted=0), "????", True, 0),
    ("one more counted", seen(matched="RRRR", counted=5), "RRRR", True, 1),
    ("a counter that began anew", seen(matched="RRR.", counted=65_000), "RRR?", True, 0),
    ("began anew, all reported", seen(matched="RRRR", counted=65_000), "RRRR", True, 0),
    ("a report a burst", seen(6, 3, "R..R..", BURST), "RiiRii", False, 0),
    ("one burst missing", seen(6, 3, "R.....", BURST), "Rii???", True, 0),
    ("bursts counted", seen(6, 3, "R..R..", BURST, counted=2), "RiiRii", False, 0),
    ("bursts counted, pulses reported", seen(6, 3, "RRRR.R", counted=2), "RRRR?R", True, 0),
    ("pulses counted", seen(6, 3, "R..R..", BURST, counted=6), "RiiRii", False, 0),
    ("too few for either", seen(6, 3, "R..R..", BURST, counted=5), "R??R??", True, 0),
    ("two pulses given of six", seen(6, 3, "R..R..", counted=2), "R??R??", True, 0),
    ("a burst missing, bursts counted", seen(6, 3, "RRR...", counted=2), "RRR???", True, 0),
    ("vouched to the end", replace(seen(), vouched_ns=600 * MS), "iiii", False, 0),
    ("vouched for half", replace(seen(), vouched_ns=399 * MS), "ii??", True, 0),
    ("cut, vouched", replace(seen(end=CUT, cut_ms=450), vouched_ns=250 * MS), "ii?-", True, 0),
    ("cut, all vouched", replace(seen(end=CUT, cut_ms=250), vouched_ns=250 * MS), "ii--", False, 0),
    ("lost, vouched", replace(seen(end=TrainEnd.LOST), vouched_ns=250 * MS), "ii??", True, 0),
    ("lost", seen(matched="RR..", end=TrainEnd.LOST), "RR??", True, 0),
    ("lost, and a counter means nothing", seen(end=TrainEnd.LOST, counted=2), "????", True, 0),
    ("cut, no counter", seen(matched="RR..", end=CUT, cut_ms=450), "RR?-", True, 0),
    ("cut before anything else", seen(matched="RR..", end=CUT, cut_ms=390), "RR--", False, 0),
    ("cut, nobody knows when", seen(matched="RR..", end=TrainEnd.CUT), "RR??", True, 0),
    ("cut, counter agrees", seen(matched="RR..", end=CUT, cut_ms=450, counted=2), "RR--", False, 0),
    ("cut, one unreported", seen(matched="RR..", end=CUT, cut_ms=450, counted=3), "RRi-", False, 0),
    ("cut, one of two", seen(matched="RR..", end=CUT, cut_ms=650, counted=3), "RR??", True, 0),
    ("cut, one too many", seen(matched="RR..", end=CUT, cut_ms=450, counted=4), "RRi-", True, 1),
    ("cut, too few", seen(matched="RR..", end=CUT, cut_ms=450, counted=1), "RR?-", True, 0),
    (
        "cut in a burst, pulses counted",
        seen(6, 3, "RRRR..", end=CUT, cut_ms=300, counted=4),
        "RRRR--",
        False,
        0,
    ),
    (
        "cut in a burst, bursts counted",
        seen(6, 3, "RRRR..", end=CUT, cut_ms=300, counted=2),
        "RRRR??",
        True,
        0,
    ),
    (
        "cut, a report a burst, bursts counted",
        seen(9, 3, "R..R.....", BURST, CUT, 300, 2),
        "RiiR??---",
        True,
        0,
    ),
    (
        "cut, a report a burst, pulses counted",
        seen(9, 3, "R..R.....", BURST, CUT, 300, 6),
        "RiiRii---",
        False,
        0,
    ),
    (
        "cut in the first burst, either meaning",
        seen(6, 3, "R.....", ReportMode.UNKNOWN, CUT, 90, 1),
        "R??---",
        True,
        0,
    ),
    (
        "cut after whole bursts",
        seen(6, 3, "RRR...", end=CUT, cut_ms=120, counted=1),
        "RRR---",
        False,
        0,
    ),
]


@pytest.mark.parametrize(
    ("of", "shown", "doubtful", "uncommanded"),
    [row[1:] for row in RULES],
    ids=[r[0] for r in RULES],
)
def test_rule(of: TrainSeen, shown: str, doubtful: bool, uncommanded: int) -> None:
    settled = settle_train(of)
    assert picture(settled) == shown
    assert bool(settled.doubt) is doubtful
    assert settled.uncommanded == uncommanded


def test_doubts_say_numbers() -> None:
    few = settle_train(seen(matched="RR.R", counted=3))
    assert few.doubt == (
        "the stimulator counts 3 stimuli where 4 pulses were commanded; nobody knows whether 1 of "
        "4 pulses were given"
    )
    many = settle_train(seen(matched="RRRR", counted=6))
    assert many.doubt == "the stimulator counts 2 more stimuli than were commanded"
    anew = settle_train(seen(matched="RR.R", counted=9_999))
    assert anew.doubt == (
        "the stimulator counts 9999 stimuli, 4 were commanded: it began anew; nobody knows whether "
        "1 of 4 pulses were given"
    )


@given(st.integers(0, COUNTER_MODULUS - 1), st.integers(0, COUNTER_MODULUS - 1))
def test_a_counter_goes_round_at_65536(before: int, given_: int) -> None:
    after = (before + given_) % COUNTER_MODULUS
    assert counted_between(before, after) == given_
    assert counted_between(None, after) is None
    assert counted_between(before, None) is None


# Properties: a device that gave some of them -------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """What the device really did, and what was seen of it."""

    given: frozenset[int]
    of: TrainSeen


@st.composite
def truths(draw: st.DrawFn, *, ends: tuple[TrainEnd, ...] = tuple(TrainEnd)) -> Truth:
    """A truthful counter of pulses, or none; any lost reports; a cut at any point."""
    burst = draw(st.sampled_from([1, 1, 2, 3, 5]))
    pulses = burst * draw(st.integers(1, 6))
    due = offsets(pulses, burst)
    end = draw(st.sampled_from(ends))
    cut_ns: int | None = None
    possible = set(range(pulses))
    if end is TrainEnd.CUT and draw(st.booleans()):
        cut_ns = draw(st.integers(0, due[-1] + 100 * MS))
        possible = {index for index in possible if due[index] <= cut_ns}
    given_ = (
        frozenset(draw(st.sets(st.sampled_from(sorted(possible))))) if possible else frozenset()
    )
    matched = frozenset(draw(st.sets(st.sampled_from(sorted(given_))))) if given_ else frozenset()
    counted = len(given_) if draw(st.booleans()) else None
    mode = (
        ReportMode.PER_PULSE
        if burst == 1
        else draw(st.sampled_from([ReportMode.PER_PULSE, ReportMode.UNKNOWN]))
    )
    return Truth(given_, TrainSeen(due, burst, matched, mode, end, cut_ns, counted))


@given(truths())
def test_no_claim_contradicts_what_a_device_with_a_truthful_counter_did(truth: Truth) -> None:
    """The promise of the record: none lost, none invented."""
    for index, (outcome, evidence) in enumerate(settle_train(truth.of).outcomes):
        if outcome is D:
            assert index in truth.given
        if outcome is N:
            assert index not in truth.given
        assert (evidence is Evidence.REPORTED) == (index in truth.of.matched)
        assert (evidence is Evidence.NONE) == (outcome is not D)


@given(truths(ends=(TrainEnd.RAN_OUT,)))
def test_whatever_stays_unknown_after_a_whole_train_is_a_doubt(truth: Truth) -> None:
    """A session must not go on over a pulse of which nobody knows."""
    settled = settle_train(truth.of)
    assert bool(settled.doubt) == any(outcome is U for outcome, _ in settled.outcomes)
    assert settled.uncommanded == 0


@given(truths())
def test_a_lost_device_leaves_every_unreported_pulse_unknown(truth: Truth) -> None:
    of = replace(truth.of, end=TrainEnd.LOST)
    for index, outcome in enumerate(settle_train(of).outcomes):
        assert outcome == (REPORTED if index in of.matched else UNKNOWN)


@given(
    st.integers(1, 8),
    st.sampled_from([2, 3, 5]),
    st.data(),
    st.sampled_from([ReportMode.PER_BURST, ReportMode.PER_PULSE]),
)
def test_a_burst_counter_never_makes_a_given_pulse_not_delivered(
    bursts: int, burst: int, data: st.DataObject, mode: ReportMode
) -> None:
    """What the counter counts is published nowhere: a train that was cut must fit both meanings."""
    due = offsets(bursts * burst, burst)
    given_ = data.draw(st.integers(1, bursts * burst))
    reported = range(0, given_, burst) if mode is ReportMode.PER_BURST else range(given_)
    slack_ns = data.draw(st.integers(0, 60 * MS))
    of = TrainSeen(
        due, burst, frozenset(reported), mode, TrainEnd.CUT, due[given_ - 1] + slack_ns,
        -(-given_ // burst),
    )  # fmt: skip
    for index, (outcome, _) in enumerate(settle_train(of).outcomes):
        assert outcome is not N or index >= given_
        assert outcome is not D or index < given_


@given(truths(), st.integers(1, MOST_UNCOMMANDED))
def test_stimuli_beyond_the_train_are_counted_as_uncommanded(truth: Truth, more: int) -> None:
    total = len(truth.of.offsets_ns)
    of = replace(truth.of, end=TrainEnd.RAN_OUT, counted=total + more)
    settled = settle_train(of)
    assert settled.uncommanded == more
    assert settled.doubt


@given(truths(), st.integers(MOST_UNCOMMANDED + 1, COUNTER_MODULUS))
def test_a_counter_that_began_anew_invents_no_pulses(truth: Truth, more: int) -> None:
    """After a restart the difference of two readings can be tens of thousands."""
    of = replace(truth.of, counted=len(truth.of.offsets_ns) + more)
    settled = settle_train(of)
    assert settled.uncommanded == 0
    assert settled.outcomes == settle_train(replace(of, counted=None)).outcomes
    assert settled.doubt


@given(st.integers(1, 8), st.sampled_from([2, 3, 5]), st.data())
def test_a_count_of_bursts_never_vouches_for_a_pulse_of_a_device_that_reports_pulses(
    bursts: int, burst: int, data: st.DataObject
) -> None:
    """Every burst was given, and one pulse of it perhaps not: without a report nobody knows."""
    pulses = bursts * burst
    missing = data.draw(st.sets(st.integers(0, pulses - 1), min_size=1, max_size=3))
    of = TrainSeen(
        offsets(pulses, burst),
        burst,
        frozenset(range(pulses)) - missing,
        ReportMode.PER_PULSE,
        TrainEnd.RAN_OUT,
        counted=bursts,
    )
    settled = settle_train(of)
    assert settled.doubt
    assert [index for index, one in enumerate(settled.outcomes) if one == UNKNOWN] == sorted(
        missing
    )


def test_a_count_that_is_too_low_where_every_pulse_was_seen_leaves_none_of_them_unknown() -> None:
    settled = settle_train(seen(matched="RRRR", counted=3))
    assert picture(settled) == "RRRR"
    assert settled.doubt == "the stimulator counts 3 stimuli where 4 pulses were commanded"
