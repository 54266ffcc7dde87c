"""How long until the stimulator is told to disarm: after a Stop, and after the process's death.

The emulator runs in a process of its own behind a pseudo-terminal and stamps the frame's arrival.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.delivering import Delivery, NoSession, delivery, slow_pulses, theta_trains
from tests.bench.figures import Finding, Goal, Line, NotMeasured, Series
from tests.bench.machine import busy_core
from tests.bench.stamping_emulator import StampedEmulator, stamping_emulator
from tms_console.delivery import pipe
from tms_console.delivery.client import disarm_after_death
from tms_console.delivery.order import PortOrder

STOP_GROUP = "Stop: from the message into the pipe to the disarm at the emulator"
DEATH_GROUP = "Death of the delivering process to the disarm at the emulator"

STOP_GOAL = Goal("p99", 10.0)
"""Issue 2."""
DEATH_GOAL = Goal("worst", 1.0)
"""architecture.md, "Two processes"."""

SIDE_BY_SIDE = 4
"""Sessions at a time; the longest part of a trial is to open the device and read it back."""

LINE_NOTE = "the frame's line time (6 bytes at 38400 baud: 1.6 ms) comes on top"

TRAINS = theta_trains(4, bursts=6, period_s=4)
PULSES = slow_pulses(20)

MOMENTS = ("in a train", "in a rest", "armed and waiting", "at 1 Hz")


@dataclass(frozen=True, slots=True)
class _Stop:
    moment: str
    took_ms: float


class _Lane:
    """One delivering process with its own emulator, in which one session follows another."""

    def __init__(self, number: int, folder: Path, delivered: Delivery, emulator: StampedEmulator):
        self._random = random.Random(number)
        self._database = folder / f"stop-{number}.db"
        self._delivery = delivered
        self._emulator = emulator
        self._number = number

    def stops(self, trials: int) -> list[_Stop]:
        """Stop so many sessions, each at another kind of moment.

        Raises:
            NoSession: One did not run or did not stop.
            TimeoutError: No disarm came.
        """
        return [
            self._stop(MOMENTS[(self._number + trial) % len(MOMENTS)]) for trial in range(trials)
        ]

    def _stop(self, moment: str) -> _Stop:
        content = PULSES if moment == MOMENTS[3] else TRAINS
        device = PortOrder(driver="magpro", port=self._emulator.port)
        self._delivery.start(content, self._database, device)
        match moment:
            case "in a train":
                self._delivery.snapshot_in("delivering")
                longest_s = 0.8
            case "armed and waiting":
                self._delivery.snapshot_in("armed")
                longest_s = 0.4
            case "in a rest":
                self._delivery.snapshot_in("delivering")
                self._delivery.snapshot_in("resting")
                longest_s = 0.3
            case _:
                self._delivery.snapshot_in("armed")
                longest_s = 3.0
        time.sleep(self._random.uniform(0.0, longest_s))
        command = pipe.Stop("the bench stops it")
        since_ns = time.perf_counter_ns()
        self._delivery.client.send(command)
        arrived_ns = self._emulator.disarmed_after(since_ns)
        over = self._delivery.over()
        if over.reason != command.reason:
            raise NoSession(f"{moment}: {over.reason}")
        return _Stop(moment, (arrived_ns - since_ns) / 1e6)


def measure_stop(trials: int, folder: Path, *, busy: bool) -> Iterator[Finding]:
    """Stop sessions at random moments and yield a line per kind of moment and one of all."""
    load = "one core busy" if busy else "idle"
    try:
        stops = _stop_all(trials, folder, busy=busy)
    except (NoSession, TimeoutError, OSError) as error:
        yield NotMeasured(STOP_GROUP, f"{load}: {error}")
        return
    yield Line(
        STOP_GROUP,
        f"at any moment; {load}",
        "ms",
        Series.of(one.took_ms for one in stops),
        STOP_GOAL,
        note=LINE_NOTE,
    )
    for moment in MOMENTS:
        series = Series.of(one.took_ms for one in stops if one.moment == moment)
        if series.values:
            yield Line(STOP_GROUP, f"  {moment}; {load}", "ms", series)


def _stop_all(trials: int, folder: Path, *, busy: bool) -> list[_Stop]:
    with ExitStack() as stack:
        lanes = []
        for number in range(SIDE_BY_SIDE):
            port = folder / f"stop-{number}-{int(busy)}"
            emulator = stack.enter_context(stamping_emulator(port))
            delivered = stack.enter_context(delivery(realtime=True))
            lanes.append(_Lane(number, folder, delivered, emulator))
        stack.enter_context(busy_core(busy))
        pool = stack.enter_context(ThreadPoolExecutor(SIDE_BY_SIDE))
        each = -(-trials // SIDE_BY_SIDE)
        found = [pool.submit(lane.stops, each) for lane in lanes]
        return [stop for future in found for stop in future.result()]


def measure_death(trials: int, folder: Path) -> Iterator[Finding]:
    """Kill delivering processes in the middle of a train; another one disarms."""
    try:
        took_s = [_die(number, folder) for number in range(trials)]
    except (NoSession, TimeoutError, OSError) as error:
        yield NotMeasured(DEATH_GROUP, str(error))
        return
    yield Line(
        DEATH_GROUP,
        "SIGKILL in a session; idle",
        "s",
        Series.of(took_s),
        DEATH_GOAL,
        note=LINE_NOTE,
    )


def _die(number: int, folder: Path) -> float:
    with (
        stamping_emulator(folder / f"death-{number}") as emulator,
        delivery(realtime=True) as delivered,
    ):
        device = PortOrder(driver="magpro", port=emulator.port)
        delivered.start(TRAINS, folder / f"death-{number}.db", device)
        delivered.snapshot_in("armed")
        since_ns = time.perf_counter_ns()
        os.kill(delivered.client.pid, signal.SIGKILL)
        delivered.died.wait()
        said = disarm_after_death(device.driver, device.port)
        if "is disarmed" not in said:
            raise NoSession(said)
        return (emulator.disarmed_after(since_ns) - since_ns) / 1e9
