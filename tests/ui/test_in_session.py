"""The time of a session in the window: the newest snapshot, and this computer's clock since."""

from __future__ import annotations

import pytest

from tests.screens.test_treat_during import snapshot
from tms_console.ui.in_session import SessionClock

S = 1_000_000_000


def test_a_session_counts_from_its_own_newest_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000 * S]
    monkeypatch.setattr("time.perf_counter_ns", lambda: now[0])
    clock = SessionClock()
    first = snapshot(at_ns=40 * S)
    assert clock.take(first)
    now[0] += 3 * S
    assert clock.now_ns == 43 * S
    assert not clock.take(first)  # told again, it is no news and sets nothing back
    assert clock.now_ns == 43 * S
    assert not clock.take(None)
    assert clock.take(snapshot(at_ns=50 * S))
    assert clock.now_ns == 50 * S
    clock.begin()  # nothing of the last session's time stays
    now[0] += S
    assert clock.now_ns == S
