"""The limit tables and what a review makes of them."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from fractions import Fraction
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dose import NotDeliverable, prescribe
from protocols.limits import (
    DeliverableLimits,
    Finding,
    History,
    Level,
    Verdict,
    not_deliverable_finding,
    review,
)
from protocols.limits.tables import Cell, cleared_patterns, interval_table, train_table
from protocols.pattern import BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.prescription import FixedBlock, SessionContent, rehearsal_content
from protocols.protocol import load_library
from protocols.terms import Side, ThresholdKind
from tests.protocols.strategies import contents

WASSERMANN = train_table("wassermann-1998")
CHEN = train_table("chen-1997-trains")
THETA = Burst(3, Fraction(50))


def session(
    train: Train,
    pct_mt: int | Fraction,
    rest_s: Fraction | None = Fraction(30),
    *,
    coil: str = "figure-8",
    kind: ThresholdKind = ThresholdKind.RESTING_HAND,
) -> SessionContent:
    """A session at a threshold of 40 %MSO, with so much rest between nominal trains."""
    interval = None if rest_s is None else Interval(rest_s, Convention.NOMINAL)
    dose = prescribe(40, Fraction(pct_mt)).intensity_pct_mso
    block = FixedBlock(
        label="block",
        target="target",
        side=Side.LEFT,
        coil=coil,
        threshold_kind=kind,
        threshold_pct_mso=40,
        pct_mt=Fraction(pct_mt),
        intensity_pct_mso=dose,
        lowest_pct_mso=1,
        highest_pct_mso=dose,
        pattern=BlockPattern(train, 1 if interval is None else 2, interval),
    )
    return SessionContent("test", "test", (block,))


def train_of(rate_hz: int, seconds: str) -> Train:
    pulses = Fraction(seconds) * rate_hz
    assert pulses.denominator == 1
    return Train(int(pulses), Fraction(rate_hz))


def levels(content: SessionContent) -> dict[str, Level]:
    return {finding.code: finding.level for finding in review(content)}


# the tables as they are shipped


@pytest.mark.parametrize(
    ("rate_hz", "cells"),
    [
        (1, ">1800 >1800 >1800 >360 >50 >50 >50 >50 27 11 11 8 7 6"),
        (5, ">10 >10 >10 >10 >10 7.6 5.2 3.6 2.6 2.4 1.6 1.4 1.6 1.2"),
        (10, ">5 >5 >5 4.2 2.9 1.3 0.8 0.9 0.8 0.5 0.6 0.4 0.3 0.3"),
        (20, "2.05 2.05 1.6 1.0 0.55 0.35 0.25 0.25 0.15 0.2 0.25 0.2 0.1 0.1"),
        (25, "1.28 1.28 0.84 0.4 0.24 0.2 0.24 0.2 0.12 0.08 0.12 0.12 0.08 0.08"),
    ],
)
def test_wassermanns_cells_are_those_of_the_reference(rate_hz: int, cells: str) -> None:
    (row,) = [row for row in WASSERMANN.rows if row[0].rate_hz == rate_hz]
    assert [cell.pct_mt for cell in row] == list(range(90, 221, 10))
    expected = [(Fraction(c.lstrip(">")), c.startswith(">")) for c in cells.split()]
    assert [(cell.seconds, cell.tested_only) for cell in row] == expected


@pytest.mark.parametrize(
    ("rate_hz", "cells"),
    [
        (1, ">270/270 >270/270 >180/180 50/50"),
        (5, "10/50 10/50 10/50 10/50"),
        (10, "5/50 5/50 3.2/32 2.2/22"),
        (20, "1.5/30 1.2/24 0.8/16 0.4/8"),
        (25, "1.0/25 0.7/17 0.3/7 0.2/5"),
    ],
)
def test_chens_cells_are_those_of_the_reference(rate_hz: int, cells: str) -> None:
    (row,) = [row for row in CHEN.rows if row[0].rate_hz == rate_hz]
    assert [cell.pct_mt for cell in row] == [100, 110, 120, 130]
    told = [f"{'>' * c.tested_only}{float(c.seconds):g}/{c.pulses}" for c in row]
    assert told == [c.replace("1.0/", "1/") for c in cells.split()]


def test_three_quarters_of_wassermann_reproduce_nine_of_ten_cells_of_chen() -> None:
    """Chen cut train durations by 25 %: a mistyped digit in either table breaks this."""
    found = {(c.rate_hz, c.pct_mt): c for row in WASSERMANN.rows for c in row if not c.tested_only}
    pairs = [
        (found[c.rate_hz, c.pct_mt].seconds * Fraction(3, 4), c)
        for row in CHEN.rows
        for c in row
        if (c.rate_hz, c.pct_mt) in found
    ]
    differing = [
        (int(chen.rate_hz), chen.pct_mt)
        for cut, chen in pairs
        if Fraction(int(cut * 10 + Fraction(1, 2)), 10) != chen.seconds
    ]
    assert len(pairs) == 10
    assert differing == [(25, 110)]


def test_wassermanns_table_is_not_monotonic_and_is_not_read_as_if_it_were() -> None:
    """Between 170 and 180 % at 20 Hz the lower intensity has the shorter limit."""
    train = train_of(20, "0.2")
    assert WASSERMANN.reading(train, Fraction(180))[0] is Verdict.WITHIN
    assert WASSERMANN.reading(train, Fraction(170))[0] is Verdict.OUTSIDE
    verdict, cell = WASSERMANN.reading(train, Fraction(175))
    assert verdict is Verdict.OUTSIDE
    assert cell is not None
    assert cell.pct_mt == 170


@pytest.mark.parametrize("name", ["wassermann-1998", "chen-1997-trains", "chen-1997-intervals"])
def test_every_table_states_in_its_file_that_a_person_must_check_it(name: str) -> None:
    text = (files("protocols.limits") / f"{name}.toml").read_text(encoding="utf-8")
    assert "recalled" in tomllib.loads(text)["checking"]
    assert "person" in tomllib.loads(text)["checking"]


# how they are read


@pytest.mark.parametrize(
    ("rate_hz", "seconds", "pct_mt", "wassermann", "chen"),
    [
        (10, "4", 120, Verdict.WITHIN, Verdict.OUTSIDE),  # the worked examples of safety.md
        (18, "2", 120, Verdict.OUTSIDE, Verdict.OUTSIDE),
        (20, "2", 100, Verdict.WITHIN, Verdict.OUTSIDE),
        (20, "1.6", 110, Verdict.WITHIN, Verdict.OUTSIDE),
        (10, "3.2", 120, Verdict.WITHIN, Verdict.WITHIN),
        (10, "4.2", 120, Verdict.WITHIN, Verdict.OUTSIDE),
        (10, "4.3", 120, Verdict.OUTSIDE, Verdict.OUTSIDE),
        (10, "5", 110, Verdict.WITHIN, Verdict.WITHIN),
        (10, "5.1", 110, Verdict.BEYOND, Verdict.OUTSIDE),
        (1, "360", 120, Verdict.WITHIN, Verdict.BEYOND),
        (1, "361", 120, Verdict.BEYOND, Verdict.BEYOND),
        (1, "51", 130, Verdict.BEYOND, Verdict.OUTSIDE),
        (10, "1", 140, Verdict.WITHIN, Verdict.BEYOND),  # Chen has no data above 130 %
        (30, "1", 100, Verdict.BEYOND, Verdict.BEYOND),  # nor anybody above 25 Hz
        (10, "1", 230, Verdict.BEYOND, Verdict.BEYOND),
        (10, "3", 50, Verdict.WITHIN, Verdict.WITHIN),  # below the first column it counts
        (15, "1", 125, Verdict.OUTSIDE, Verdict.OUTSIDE),  # 20 Hz and 130 % on the strict side
        (2, "10", 100, Verdict.WITHIN, Verdict.WITHIN),
    ],
)
def test_a_train_is_within_beyond_or_outside_each_reference(
    rate_hz: int, seconds: str, pct_mt: int, wassermann: Verdict, chen: Verdict
) -> None:
    train = train_of(rate_hz, seconds)
    assert WASSERMANN.reading(train, Fraction(pct_mt))[0] is wassermann
    assert CHEN.reading(train, Fraction(pct_mt))[0] is chen


def test_a_cell_with_pulses_limits_them_as_well_as_the_seconds() -> None:
    cell = Cell(Fraction(10), 100, Fraction(2), 5, tested_only=False)
    assert cell.verdict(Train(5, Fraction(10))) is Verdict.WITHIN
    assert cell.verdict(Train(6, Fraction(10))) is Verdict.OUTSIDE
    assert replace(cell, tested_only=True).verdict(Train(6, Fraction(10))) is Verdict.BEYOND


def test_a_rate_below_the_first_row_is_read_there() -> None:
    slow = Train(200, Fraction(1, 2))  # 400 s
    assert CHEN.reading(slow, Fraction(100))[0] is Verdict.BEYOND


@given(
    st.fractions(Fraction(1, 2), 25, max_denominator=4),
    st.fractions(60, 220, max_denominator=4),
    st.integers(1, 200),
)
def test_a_longer_train_is_never_judged_more_kindly(
    rate_hz: Fraction, pct_mt: Fraction, pulses: int
) -> None:
    for table in (WASSERMANN, CHEN):
        shorter, _ = table.reading(Train(pulses, rate_hz), pct_mt)
        longer, _ = table.reading(Train(pulses + 1, rate_hz), pct_mt)
        assert longer.rank >= shorter.rank


# what follows


def test_ten_hertz_for_four_seconds_at_120_percent_is_a_caution() -> None:
    found = levels(session(train_of(10, "4"), 120))
    assert found["train-outside-chen"] is Level.CAUTION
    assert "train-outside-wassermann" not in found
    assert Level.OVERRIDE not in found.values()


def test_eighteen_hertz_needs_a_reason_with_a_figure_8_coil_and_not_with_its_own() -> None:
    train = train_of(18, "2")
    figure_8 = levels(session(train, 120))
    own = levels(session(train, 120, coil="H1"))
    assert figure_8["train-outside-wassermann"] is Level.OVERRIDE
    assert own["train-outside-wassermann"] is Level.CAUTION
    assert own["train-outside-chen"] is figure_8["train-outside-chen"] is Level.CAUTION


@pytest.mark.parametrize(
    "content",
    [
        session(train_of(18, "3"), 120, coil="H1"),
        session(train_of(18, "2"), 130, coil="H1"),
        session(train_of(18, "2"), 120, Fraction(19), coil="H1"),
        session(train_of(18, "2"), 120, coil="H1", kind=ThresholdKind.RESTING_LEG),
        session(Train(38, Fraction(19)), 120, coil="H1"),
    ],
)
def test_a_pattern_stronger_than_the_cleared_one_is_not_covered_by_it(
    content: SessionContent,
) -> None:
    """The list compares numbers; carrying a cleared protocol's name is worth nothing."""
    assert levels(content)["train-outside-wassermann"] is Level.OVERRIDE


def test_a_cleared_pattern_given_as_one_train_is_still_that_pattern() -> None:
    found = levels(session(train_of(18, "2"), 120, None, coil="H1"))
    assert found["train-outside-wassermann"] is Level.CAUTION


def test_the_listed_cleared_patterns_agree_with_the_library() -> None:
    for protocol in load_library().values():
        listed = [c for c in cleared_patterns() if c.coils == protocol.blocks[0].coils]
        for entry in listed if protocol.regulatory.status == "cleared" else []:
            block = protocol.fix().blocks[0]
            if block.pattern.train.burst.pulses > 1:
                continue
            train = block.pattern.train
            rest_s = block.pattern.period_s - train.nominal_s
            assert entry.covers(train, block.pct_mt, rest_s, block.coil, block.threshold_kind)


def test_a_train_longer_than_was_tested_is_a_note() -> None:
    found = levels(session(train_of(1, "600"), 120, None))
    assert found == {"train-beyond-wassermann": Level.NOTE, "train-beyond-chen": Level.NOTE}


def test_a_train_without_any_data_is_a_note_that_says_so() -> None:
    findings = review(session(train_of(30, "1"), 100, None))
    assert all("has no data" in finding.sentence for finding in findings)
    assert {finding.level for finding in findings} == {Level.NOTE}


def test_theta_burst_is_noted_as_covered_by_no_table() -> None:
    train = Train(10, Fraction(5), THETA)
    assert levels(session(train, 120)) == {"theta-burst-not-covered": Level.NOTE}


def test_theta_burst_above_120_percent_needs_a_reason() -> None:
    train = Train(10, Fraction(5), THETA)
    assert levels(session(train, 121))["theta-burst-above-120"] is Level.OVERRIDE


def test_bounds_that_let_a_technician_exceed_120_percent_need_a_reason_too() -> None:
    """What may be delivered is reviewed, not only what is planned."""
    content = session(Train(10, Fraction(5), THETA), 120)  # 48 %MSO
    wider = replace(content, blocks=(replace(content.blocks[0], highest_pct_mso=50),))
    assert levels(wider)["theta-burst-above-120"] is Level.OVERRIDE


@pytest.mark.parametrize(
    "train",
    [
        Train(1, Fraction(1), Burst(40, Fraction(10000))),
        Train(10, Fraction(5), Burst(4, Fraction(50))),
        Train(10, Fraction(10), THETA),
    ],
)
def test_a_burst_that_is_not_theta_burst_cannot_slip_past_the_tables(train: Train) -> None:
    assert levels(session(train, 100))["burst-unknown"] is Level.OVERRIDE


@pytest.mark.parametrize(
    ("rest", "pct_mt", "code", "level"),
    [
        ("5", 110, None, None),
        ("4.9", 110, "interval-short", Level.CAUTION),
        ("1", 110, "interval-unsafe", Level.OVERRIDE),
        ("0.25", 90, "interval-unsafe", Level.OVERRIDE),
        ("1", 130, "interval-unsafe", Level.OVERRIDE),
        ("2", 120, "interval-short", Level.CAUTION),
        ("26", 111, "interval-no-data", Level.NOTE),
        ("26", 120, "interval-no-data", Level.NOTE),
    ],
)
def test_the_interval_between_trains_is_read_from_chens_part_a(
    rest: str, pct_mt: int, code: str | None, level: Level | None
) -> None:
    found = levels(session(train_of(10, "1"), pct_mt, Fraction(rest)))
    intervals = {code: level for code, level in found.items() if code.startswith("interval")}
    assert intervals == ({} if code is None else {code: level})


def test_the_interval_between_slow_trains_is_not_judged() -> None:
    assert "interval-unsafe" not in levels(session(train_of(1, "50"), 100, Fraction(1)))


def test_single_pulses_in_quick_trains_of_one_do_not_slip_past_the_interval_rule() -> None:
    """A train of one pulse at `1 Hz` every 50 ms is 20 Hz, whatever it calls itself."""
    content = session(Train(1, Fraction(1)), 100, Fraction(1))
    (block,) = content.blocks
    quick = replace(
        block,
        pattern=BlockPattern(Train(1, Fraction(1)), 40, Interval(Fraction(1, 20), Convention.GAP)),
    )
    found = levels(replace(content, blocks=(quick,)))
    assert found["interval-unsafe"] is Level.OVERRIDE


def test_a_block_that_follows_at_once_is_judged_like_a_train_that_does() -> None:
    content = session(train_of(10, "1"), 110)
    two = (content.blocks[0], replace(content.blocks[0], changeover_s=Fraction(1)))
    findings = review(replace(content, blocks=two))
    assert [(f.code, f.block) for f in findings] == [("interval-unsafe", 2)]


def test_a_dose_by_leg_or_active_threshold_is_noted_as_not_what_the_tables_mean() -> None:
    for kind in (ThresholdKind.RESTING_LEG, ThresholdKind.ACTIVE_HAND):
        assert levels(session(train_of(10, "1"), 100, kind=kind)) == {"threshold-kind": Level.NOTE}


def test_rounding_above_the_prescribed_percentage_is_noted() -> None:
    content = rehearsal_content(load_library()["hf10-standard"], 38)
    (finding,) = [f for f in review(content) if f.code == "rounded-up"]
    assert "46 %MSO delivers 121.05 %" in finding.sentence


# the device and the day


def refuses_theta(train: Train, intensity_pct_mso: int) -> str | None:
    if train.burst.pulses > 1 and intensity_pct_mso > 50:
        return f"no bursts at {intensity_pct_mso} %MSO"
    return None


def test_a_train_that_the_device_cannot_make_blocks() -> None:
    content = session(Train(10, Fraction(5), THETA), 130)  # 52 %MSO
    (first, *_) = review(content, DeliverableLimits(1, 100, refuses_theta))
    assert (first.level, first.code) == (Level.BLOCK, "not-deliverable")
    assert first.sentence == "no bursts at 52 %MSO"
    ok = review(
        session(Train(10, Fraction(5), THETA), 120), DeliverableLimits(1, 100, refuses_theta)
    )
    assert all(finding.level is not Level.BLOCK for finding in ok)


def test_an_intensity_out_of_the_devices_range_blocks_in_a_ramp_too() -> None:
    content = session(train_of(10, "1"), 100)  # 40 %MSO
    (block,) = content.blocks
    ramp = replace(block, pattern=replace(block.pattern, ramp=Ramp(2, Fraction(1, 4))))
    blocking = review(replace(content, blocks=(ramp,)), DeliverableLimits(11, 100, lambda *_: None))
    assert blocking[0].sentence == "The device gives 11 to 100 %MSO, not 10 %MSO."
    assert blocking[0].level is Level.BLOCK


def test_a_bound_out_of_the_devices_range_is_a_caution() -> None:
    findings = review(session(train_of(10, "1"), 100), DeliverableLimits(10, 60, lambda *_: None))
    assert [(f.level, f.code) for f in findings] == [(Level.CAUTION, "bound-not-deliverable")]


def test_more_pulses_a_day_than_the_protocol_needs_a_reason() -> None:
    content = rehearsal_content(load_library()["itbs-1800-snt"], 50)
    assert review(content, None, History(18_000 - 1800)) == review(content)
    (first, *_) = review(content, None, History(18_000 - 1799))
    assert (first.level, first.code) == (Level.OVERRIDE, "pulses-a-day")
    assert "18001 pulses today" in first.sentence


def test_a_dose_above_the_output_blocks_with_what_could_be_prescribed() -> None:
    with pytest.raises(NotDeliverable) as refused:
        prescribe(84, Fraction(120))
    finding = not_deliverable_finding(refused.value, 1)
    assert (finding.level, finding.block) == (Level.BLOCK, 1)
    assert "119 %MT" in finding.sentence


# findings in general


@given(contents())
def test_findings_come_gravest_first_and_each_says_how_far_it_was_checked(
    content: SessionContent,
) -> None:
    findings = review(content, DeliverableLimits(5, 90, refuses_theta), History(100_000))
    ranks = [finding.level.rank for finding in findings]
    assert ranks == sorted(ranks, reverse=True)
    for finding in findings:
        assert isinstance(finding, Finding)
        assert finding.sentence.endswith((".", "MSO"))
        assert finding.checking
        assert "safe to" not in finding.sentence


def test_a_finding_from_a_table_carries_its_reference_and_checking_status() -> None:
    findings = review(session(train_of(10, "4"), 120))
    (chen,) = [f for f in findings if f.code == "train-outside-chen"]
    assert chen.reference.startswith("Chen 1997")
    assert chen.checking == CHEN.checking
    (interval,) = [f for f in findings if f.code == "interval-no-data"]
    assert interval.checking == interval_table().checking
