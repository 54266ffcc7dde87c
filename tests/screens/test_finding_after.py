"""What the Threshold page says after a search of what the window had and the record has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from protocols.finding_log import Answered, Decided, FindingLog, Verdict
from protocols.threshold import Answer
from tms_console.screens.finding_after import FindingAfter, left_out

ONE = FindingLog().with_stimulus(50)
MOVED = ONE.with_entry(Answered(1, Answer.MOVED))
STILL = ONE.with_entry(Answered(1, Answer.STILL))
REJECTED = MOVED.with_entry(Decided(Verdict.REJECTED, None, "sneezing"))


@dataclass
class Kept:
    """All that is asked of what the page shows."""

    log: FindingLog


@pytest.mark.parametrize(
    ("said", "kept", "accepted", "words"),
    [
        (MOVED, MOVED, False, ()),
        (MOVED, REJECTED, True, ()),
        (ONE, MOVED, False, ("on record otherwise",)),
        (MOVED, STILL, False, ("on record otherwise",)),
        (MOVED, ONE, False, ("answer to stimulus 1, moved, came too late",)),
        (MOVED, FindingLog(), False, ("Stimulus 1 is not on record",)),
        (FindingLog(), ONE, False, ()),
        (MOVED, MOVED, True, ("Accept came too late",)),
    ],
)
def test_what_is_left_out_of_the_record_is_told(
    said: FindingLog, kept: FindingLog, accepted: bool, words: tuple[str, ...]
) -> None:
    told = left_out(said, cast("FindingAfter", Kept(kept)), accepted=accepted)
    assert len(told) == len(words)
    assert all(word in one for word, one in zip(words, told, strict=True))
