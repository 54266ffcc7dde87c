"""The system's help with timing: whatever it grants, nothing raises and everything is put back."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tms_console.delivery.realtime import (
    FIFO,
    SWITCH_INTERVAL_S,
    garbage_kept,
    realtime_thread,
    sleep_inhibited,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
Schedule = Callable[[int, int, os.sched_param], None]


class System:
    """An operating system that grants or refuses, and remembers what it was asked."""

    def __init__(self, *refuses: int) -> None:
        self.refuses = refuses
        self.asked: list[int] = []

    def set(self, pid: int, policy: int, parameters: os.sched_param) -> None:
        assert pid == 0
        assert parameters.sched_priority == (10 if policy & 0xFF == os.SCHED_FIFO else 0)
        self.asked.append(policy)
        if policy in self.refuses:
            raise PermissionError(1, "Operation not permitted")


FIFO_POLICY = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK if sys.platform == "linux" else 0
ORDINARY = os.SCHED_OTHER | os.SCHED_RESET_ON_FORK if sys.platform == "linux" else 0


@linux
def test_what_is_granted_is_said_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving it back without the flag is refused to ordinary users (sched(7))."""
    system = System(os.SCHED_OTHER)
    monkeypatch.setattr(os, "sched_setscheduler", system.set)
    before_s = sys.getswitchinterval()
    with realtime_thread() as granted:
        assert granted == FIFO
        assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    assert system.asked == [FIFO_POLICY, ORDINARY]
    assert sys.getswitchinterval() == pytest.approx(before_s)


@linux
def test_what_is_refused_is_said_and_nothing_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(FIFO_POLICY)
    monkeypatch.setattr(os, "sched_setscheduler", system.set)
    with realtime_thread() as granted:
        assert granted == "ordinary priority (Operation not permitted)"
    assert system.asked == [FIFO_POLICY]


@linux
def test_a_system_that_does_not_take_it_back_ends_no_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_setscheduler", System(ORDINARY).set)
    with realtime_thread() as granted:
        assert granted == FIFO


@linux
def test_on_this_very_system_nothing_is_left_changed() -> None:
    before = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    with realtime_thread() as granted:
        during = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
        assert (during == os.SCHED_FIFO) == (granted == FIFO)
    assert os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == before


def test_a_fault_inside_puts_everything_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    before_s = sys.getswitchinterval()
    with contextlib.suppress(ZeroDivisionError), realtime_thread() as granted:
        assert granted == "ordinary priority (not asked for on this system)"
        raise ZeroDivisionError
    assert sys.getswitchinterval() == pytest.approx(before_s)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_sleeps_inside_and_is_afterwards_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with contextlib.suppress(ZeroDivisionError), garbage_kept():
            assert not gc.isenabled()
            assert gc.get_freeze_count() > 0
            raise ZeroDivisionError
        assert gc.isenabled() is enabled
        assert gc.get_freeze_count() == 0
    finally:
        (gc.enable if was else gc.disable)()


def test_where_nothing_can_be_asked_sleep_is_not_inhibited_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "platform", "linux")
    with sleep_inhibited("a session") as said:
        assert said == "not inhibited (nothing to ask on this system)"


@pytest.mark.parametrize(
    ("platform", "name"), [("linux", "systemd-inhibit"), ("darwin", "caffeinate")]
)
def test_the_system_is_asked_for_as_long_as_the_session_lasts(
    monkeypatch: pytest.MonkeyPatch, platform: str, name: str
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    commands: list[list[str]] = []
    popen = subprocess.Popen

    def start(command: list[str], **streams: int) -> subprocess.Popen[bytes]:
        commands.append(command)
        started.append(popen(["cat"], **streams))  # type: ignore[call-overload]
        return started[0]

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(shutil, "which", lambda found: f"/usr/bin/{found}")
    monkeypatch.setattr(subprocess, "Popen", start)
    with sleep_inhibited("a session") as said:
        assert said == f"asked of {name}"
        assert started[0].poll() is None
    assert started[0].poll() is not None
    assert (commands[0][0], commands[0][-1]) == (name, "cat")


def test_an_asker_that_cannot_be_started_is_no_reason_not_to_treat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "Popen", start)
    with sleep_inhibited("a session") as said:
        assert said == "not inhibited (caffeinate: Permission denied)"
