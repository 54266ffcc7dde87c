"""Guard for the tests of delivery: none of them sleeps, because a virtual clock can wait for it."""

from __future__ import annotations

import sys
import threading
import time

import pytest

LONGEST_SLEEP_S = 0.001


@pytest.fixture(autouse=True)
def no_test_sleeps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that sleeps in its own thread fails, unless its module says `REAL_TIME = True`.

    Other threads and processes may sleep: their time is not the test's.  `subprocess` sleeps while
    it waits for a process to end, which no virtual clock can do for it.
    """
    if getattr(request.module, "REAL_TIME", False):
        return
    tester, sleep = threading.current_thread(), time.sleep

    def guarded(seconds: float) -> None:
        waits_for_process = sys._getframe(1).f_globals.get("__name__") == "subprocess"
        in_test = threading.current_thread() is tester and not waits_for_process
        if in_test and seconds > LONGEST_SLEEP_S:
            pytest.fail(f"the test slept for {seconds:g} s: let a virtual clock do that")
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", guarded)
