"""Small contents and plans for the tests of the pure modules."""

from __future__ import annotations

from fractions import Fraction

from protocols.pattern import SINGLE_PULSE, BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.prescription import FixedBlock, SessionContent
from protocols.terms import Side, ThresholdKind
from tms_console.delivery.plan import Plan, plan_session

MS = 1_000_000
S = 1_000_000_000

TEN_HZ = Train(5, Fraction(10))
ONE_HZ = Train(4, Fraction(1))
THETA = Train(3, Fraction(5), Burst(3, Fraction(50)))


def pattern(
    train: Train, trains: int = 1, gap_s: Fraction | int = 5, ramp: Ramp | None = None
) -> BlockPattern:
    interval = Interval(Fraction(gap_s), Convention.GAP) if trains > 1 else None
    return BlockPattern(train, trains, interval, ramp)


def block(of: BlockPattern, changeover_s: Fraction | int = 0) -> FixedBlock:
    """60 %MSO, of which 40 to 70 may be set."""
    return FixedBlock(
        label="a block",
        target="left DLPFC",
        side=Side.LEFT,
        coil="figure-8",
        threshold_kind=ThresholdKind.RESTING_HAND,
        threshold_pct_mso=50,
        pct_mt=Fraction(120),
        intensity_pct_mso=60,
        lowest_pct_mso=40,
        highest_pct_mso=70,
        pattern=of,
        changeover_s=Fraction(changeover_s),
    )


def content(*blocks: FixedBlock, longest_pause_s: int = 60) -> SessionContent:
    return SessionContent("short", "Short", blocks, longest_pause_s=longest_pause_s)


def plan(
    *patterns: BlockPattern,
    waits: bool = False,
    longest_pause_s: int = 60,
    checking_s: float = 1.0,
    arming_s: float = 0.4,
) -> Plan:
    """One block a pattern, 20 s apart."""
    blocks = [block(one, 0 if number == 0 else 20) for number, one in enumerate(patterns)]
    return plan_session(
        content(*blocks, longest_pause_s=longest_pause_s),
        waits_between_blocks=waits,
        checking_s=checking_s,
        arming_s=arming_s,
    )


SINGLE = Train(1, Fraction(1), SINGLE_PULSE)
