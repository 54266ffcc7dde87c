"""When a threshold is due to be measured again: each reason alone, and none."""

from __future__ import annotations

import pytest

from protocols.policy_proposal import proposed_policy
from protocols.remeasure_due import Since, due_because

POLICY = proposed_policy("01a206b4-a379-7359-9c85-9780e601805f", "Europe/Berlin")
FRESH = Since(days=0, sessions=0)


def test_a_fresh_threshold_is_not_due() -> None:
    assert due_because(FRESH, POLICY) == ()


@pytest.mark.parametrize(
    ("since", "told"),
    [
        (Since(POLICY.threshold_prompt_days, 0), "days old"),
        (Since(0, POLICY.threshold_prompt_sessions), "sessions were given"),
        (Since(0, 0, medication_changed=True), "medication changed"),
        (Since(0, 0, other_coil="H1"), "another coil than H1"),
        (Since(0, 0, gap_days=POLICY.threshold_prompt_days), "last session was"),
    ],
    ids=["age", "sessions", "medication", "coil", "gap"],
)
def test_each_reason_is_told_by_itself(since: Since, told: str) -> None:
    (found,) = due_because(since, POLICY)
    assert told in found


def test_one_day_less_is_not_due() -> None:
    days, sessions = POLICY.threshold_prompt_days - 1, POLICY.threshold_prompt_sessions - 1
    assert due_because(Since(days, sessions, gap_days=days), POLICY) == ()
