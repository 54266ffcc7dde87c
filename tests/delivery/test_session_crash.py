"""The short version of `make crash-test`: real processes, really killed."""

from __future__ import annotations

import pytest

from tests.crash import REAL_TIME, run_trials


@pytest.mark.crash
def test_a_session_killed_at_any_instant_leaves_every_fired_pulse_on_record() -> None:
    """Ten under the virtual clock, one in real time with an emulator that goes on by itself."""
    told = list(run_trials(range(11), seed=1, real=1))
    assert [one.violation for one in told if one.violation] == []
    assert len(told) == 11
    assert sum(one.killed for one in told) >= 8
    assert sum(one.fired for one in told) > 0
    assert [one.trial for one in told if one.where == REAL_TIME] == [0]
