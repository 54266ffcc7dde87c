"""What a session asks of the stimulator, and what no unit of a kind can make of it.

The gate asks the opened unit itself; whoever prepares a session asks before there is one.
"""

from __future__ import annotations

from drivers.interface import TimedTrain
from drivers.registry import driver_entry
from protocols.deliverable import Content
from protocols.finding_content import FindingContent
from protocols.pattern import Train


def loads_of(content: Content) -> list[tuple[Train, int]]:
    """Return each block's train at its first %MSO and at the highest that it may be moved to."""
    return [
        (block.pattern.train, intensity)
        for block in content.blocks
        for intensity in (block.intensity_of_train(1), block.highest_pct_mso)
    ]


def sequence_of(content: Content) -> list[TimedTrain]:
    """Return every train of the whole session, at the highest %MSO that it may be moved to.

    In the search for a threshold the stimulator is disarmed until the next stimulus is ordered.
    """
    on_demand = isinstance(content, FindingContent)
    block, sequence = 1, []
    for one in content.schedule().trains:
        highest = content.blocks[one.block - 1].highest_pct_mso
        moved, block = one.block != block, one.block
        sequence.append(TimedTrain(int(one.due_ns[0]), one.train, highest, moved or on_demand))
    return sequence


def why_no_unit(driver: str, content: Content) -> str:
    """Return why no unit of a driver can give this, "" if one perhaps can.

    Raises:
        UnknownName: There is no such driver.
    """
    at_best = driver_entry(driver).at_best
    if at_best is None:
        return ""
    alone = (at_best.refusal(train, intensity) for train, intensity in loads_of(content))
    why_not = next((one for one in alone if one is not None), None)
    return why_not or at_best.sequence_refusal(sequence_of(content)) or ""
