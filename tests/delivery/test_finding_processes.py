"""A search through the two processes, attacked in each of its phases, on a port taken for real.

Whatever dies or freezes, and when: nothing is given twice, nothing stays armed, and the record has
what was given, with the answers that reached it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from pydantic import JsonValue

from protocols.finding_log import (
    Answered,
    Decided,
    Entry,
    FindingLog,
    MethodBegun,
    Verdict,
    entry_json,
    value_of,
)
from protocols.threshold import Answer, Settings
from tests.delivery.finding import search_order
from tests.delivery.test_process import PATIENCE_S, Window, window
from tests.delivery.test_treatment_processes import Listened, a_real_one, challenged
from tests.delivery.treatments import Ready, make_ready
from tms_console.clinic.series import Series, read_series
from tms_console.clock import RealClock
from tms_console.delivery import pipe
from tms_console.delivery.client import disarm_after_death
from tms_console.delivery.order import PortOrder
from tms_console.delivery.recovery import recover
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.operations import SessionState

AT = 40


@dataclass
class Search:
    """A search that runs in a process of its own, seen from its window."""

    ready: Ready
    seen: Window
    device: Listened
    port: PortOrder
    uid: str
    given: int = 0

    def say(self, entry: Entry) -> None:
        values = cast("JsonValue", entry_json(entry))
        assert self.seen.client.send(pipe.SayInFinding(values, self.ready.technician.user_uid))

    def order(self, intensity: int = AT) -> None:
        assert self.seen.client.send(pipe.GiveStimulus(self.given + 1, intensity))

    def stands(self, true: Callable[[Snapshot], bool]) -> Snapshot:
        said = self.seen.until(lambda one: isinstance(one, pipe.Stands) and true(one.snapshot))
        assert isinstance(said, pipe.Stands)
        return said.snapshot

    def set_to(self, intensity: int) -> None:
        """Set the intensity, and wait until the next stimulus may be ordered."""
        assert self.seen.client.send(pipe.SetIntensity(intensity, 1))
        self.stands(
            lambda one: one.intensity_pct_mso == intensity and one.at_ns > one.order_from_ns
        )

    def give(self, answer: Answer) -> None:
        self.order()
        self.given += 1
        self.stands(lambda one: one.state == "paused" and one.train == self.given + 1)
        self.say(Answered(self.given, answer))

    @property
    def triggers(self) -> int:
        """How often the port was told to stimulate."""
        return sum(one[0] in {3, 4} for one in self.device.bodies)

    def series(self) -> Series:
        with self.ready.trusting() as trusted:
            return read_series(trusted, self.ready.station.database, self.uid)


TWO = MethodBegun(Settings(highest_pct_mso=90, most_stimuli=2, first_pct_mso=AT))


def accepted_value() -> int:
    """Return what two stimuli give, one that did not move and one that did."""
    log = FindingLog().with_entry(TWO)
    log = log.with_stimulus(AT).with_entry(Answered(1, Answer.STILL))
    log = log.with_stimulus(AT + 1).with_entry(Answered(2, Answer.MOVED))
    assert log.finding is not None
    return value_of(log.finding) or 0


def begin(ready: Ready, seen: Window, device: Listened, port: PortOrder) -> Search:
    challenge = challenged(seen)
    seen.client.send(pipe.Start(search_order(ready, challenge, port)))
    made = Search(ready, seen, device, port, challenge.session_uid)
    made.set_to(AT)
    return made


# How far it is when it happens -----------------------------------------------------------------


def ordered(search: Search) -> None:
    search.order()


def armed(search: Search) -> None:
    search.order()
    search.stands(lambda one: one.state in {"arming", "armed"})


def given(search: Search) -> None:
    search.order()
    search.given += 1
    search.stands(lambda one: one.state == "paused" and one.train == 2)


def answered(search: Search) -> None:
    given(search)
    search.say(Answered(1, Answer.MOVED))


PHASES = [ordered, armed, given, answered]


@pytest.mark.parametrize("phase", PHASES)
def test_a_delivering_process_that_is_killed_gives_nothing_more_and_loses_no_stimulus(
    tmp_path: Path, phase: Callable[[Search], None]
) -> None:
    ready = make_ready(tmp_path, short=True)
    with a_real_one(tmp_path) as (device, port), window() as seen:
        search = begin(ready, seen, device, port)
        phase(search)
        os.kill(seen.client.pid, signal.SIGKILL)
        assert seen.deaths.get(timeout=PATIENCE_S) == -signal.SIGKILL
        assert "is disarmed" in disarm_after_death("magpro", port.port)
        assert not device.armed
        fired = device.pulses_fired
        assert search.triggers == fired <= 1
    recovered = recover(ready.station.database.path, RealClock())
    assert recovered.report is not None
    (session,) = recovered.report.sessions
    assert session.state == "interrupted"
    assert session.delivered <= fired <= session.delivered + session.unknown
    series = search.series()
    assert series.standing == "aborted (interrupted)"
    assert fired <= len(series.log.given) <= 1
    assert series.log.given == () or series.log.given[0].intensity_pct_mso == AT


@pytest.mark.parametrize("phase", PHASES)
def test_a_window_that_goes_away_ends_the_search_at_once(
    tmp_path: Path, phase: Callable[[Search], None]
) -> None:
    """What it had said before is on record: the pipe is read to its end."""
    ready = make_ready(tmp_path, short=True)
    with a_real_one(tmp_path) as (device, port):
        with window() as seen:
            search = begin(ready, seen, device, port)
            phase(search)
        assert not device.armed
        assert search.triggers == device.pulses_fired <= 1
        if phase in (given, answered):
            assert device.pulses_fired == 1
    series = search.series()
    assert series.standing == "aborted (interrupted)"
    assert series.reason == "the window closed its connection"
    assert len(series.log.given) == device.pulses_fired
    if phase is given:
        assert series.log.waits_for_answer


@pytest.mark.parametrize("phase", [armed, answered])
def test_a_window_that_freezes_ends_the_search_within_two_seconds(
    tmp_path: Path, phase: Callable[[Search], None]
) -> None:
    ready = make_ready(tmp_path, short=True)
    with a_real_one(tmp_path) as (device, port), window() as seen:
        search = begin(ready, seen, device, port)
        phase(search)
        over = seen.over(beat=False)
        assert not device.armed
        assert search.triggers == device.pulses_fired == 1  # ordered before it froze
    assert over.state is SessionState.INTERRUPTED
    assert "did not answer" in over.reason
    log = search.series().log
    assert len(log.given) == 1
    assert log.waits_for_answer is (phase is armed)


def test_a_delivering_process_that_freezes_while_armed_gives_nothing_when_it_goes_on(
    tmp_path: Path,
) -> None:
    ready = make_ready(tmp_path, short=True)
    with a_real_one(tmp_path) as (device, port), window() as seen:
        search = begin(ready, seen, device, port)
        armed(search)
        os.kill(seen.client.pid, signal.SIGSTOP)
        try:
            frozen_s = time.monotonic()
            while time.monotonic() < frozen_s + 1.5:
                seen.client.beat()
                threading.Event().wait(0.1)
        finally:
            os.kill(seen.client.pid, signal.SIGCONT)
        over = seen.over()
        assert not device.armed
        assert device.pulses_fired == search.triggers == 0
    assert over.state is SessionState.FAILED
    assert "late" in over.reason
    assert search.series().log.given == ()


@pytest.mark.parametrize("attack", ["killed", "window gone"])
def test_an_accept_is_on_record_whole_or_not_at_all(tmp_path: Path, attack: str) -> None:
    """It was pressed, and at once something dies: the record says the one or the other."""
    ready = make_ready(tmp_path, short=True)
    with a_real_one(tmp_path) as (device, port):
        with window() as seen:
            search = begin(ready, seen, device, port)
            search.say(TWO)
            search.give(Answer.STILL)
            search.set_to(AT + 1)
            search.order(AT + 1)
            search.given += 1
            search.stands(lambda one: one.state == "paused" and one.train == 3)
            search.say(Answered(2, Answer.MOVED))
            search.say(Decided(Verdict.ACCEPTED, accepted_value()))
            if attack == "killed":
                os.kill(seen.client.pid, signal.SIGKILL)
                seen.deaths.get(timeout=PATIENCE_S)
        if attack == "killed":
            disarm_after_death("magpro", port.port)
            recover(ready.station.database.path, RealClock())
        assert not device.armed
        assert device.pulses_fired == search.triggers == 2
    series = search.series()
    assert len(series.log.given) == 2
    assert series.accepted is (series.state == SessionState.COMPLETED)
    assert series.state in (SessionState.COMPLETED, SessionState.INTERRUPTED)
