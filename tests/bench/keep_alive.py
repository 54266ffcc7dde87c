"""How long a Rapid² hears nothing from an armed session, which disarms itself after 1 s of silence.

The emulator is a process of its own behind a pseudo-terminal and is as impatient as the device; a
core burns, and this process, where the window would be, is kept busy.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from drivers.magstim.requests import ARM
from tests.bench.delivering import NoSession, delivery, plain_trains
from tests.bench.figures import Finding, Goal, Line, NotMeasured, Series
from tests.bench.machine import busy_core
from tms_console.delivery.order import PortOrder
from tms_console.records.database import open_database, reading
from tms_console.records.queries import session_pulses

GROUP = "Keep-alive of an armed Rapid² (distance of two commands), a core and the window busy"
GAP_GOAL = Goal("worst", 700.0)
LATE_GOAL = Goal("p99", 5.0)
"""Issue 5."""

PERIOD_S = 30
"""hf10-standard: 4 s of stimulation, 26 s of rest."""
LONGEST_BUSY_S = 0.05
RESTING_S = 0.02

_FRAMES = """SELECT at_ns, bytes FROM device_frame WHERE direction = 'sent'
    AND session_id = (SELECT id FROM session WHERE uid = ?) ORDER BY at_ns"""


def measure_keep_alive(seconds: int, folder: Path) -> Iterator[Finding]:
    """Run one rehearsal of so many seconds in real time and yield its lines."""
    trains = max(2, seconds // PERIOD_S)
    path = folder / "keep-alive.db"
    try:
        with ExitStack() as stack:
            port, emulator = stack.enter_context(_emulated(folder / "rapid2"))
            delivered = stack.enter_context(delivery(realtime=True))
            stack.enter_context(busy_core(True))
            stack.enter_context(_busy_here())
            device = PortOrder(driver="super-rapid2", port=port)
            delivered.start(plain_trains(trains, PERIOD_S), path, device)
            over = delivered.over(trains * PERIOD_S + 120)
            ended = emulator.poll()
    except (NoSession, TimeoutError, OSError) as error:
        yield NotMeasured(GROUP, str(error))
        return
    if over.reason != "complete":
        why = "" if ended is None else f" (the emulator had ended with status {ended})"
        yield NotMeasured(GROUP, f"the session ended early: {over.reason}{why}")
        return
    with reading(path) as connection:
        rows = connection.exec_driver_sql(_FRAMES, (over.session_uid,)).all()
    armed_ns = next(at_ns for at_ns, data in rows if data == ARM.frame)
    times = [at_ns for at_ns, _ in rows if at_ns >= armed_ns]
    gaps = [(after - before) / 1e6 for before, after in pairwise(times)]
    note = f"{trains} trains in {trains * PERIOD_S / 60:.1f} minutes"
    yield Line(GROUP, "between two commands", "ms", Series.of(gaps), GAP_GOAL, note=note)
    pulses = session_pulses(open_database(path), over.session_uid)
    late = {
        train: (commanded - planned) / 1e6
        for train, planned, commanded in reversed(
            list(
                zip(
                    pulses.train.tolist(),
                    pulses.planned_ns.tolist(),
                    pulses.commanded_ns.tolist(),
                    strict=True,
                )
            )
        )
    }
    yield Line(GROUP, "train start after its due time", "ms", Series.of(late.values()), LATE_GOAL)


@contextmanager
def _emulated(link: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `tms-console emulate rapid2` inside; yields its port and its process."""
    start = "from tms_console.cli import main; main()"
    words = [sys.executable, "-c", start, "emulate", "rapid2", "--model", "super-rapid2"]
    with subprocess.Popen(
        [*words, "--json", "--link", str(link)], stdout=subprocess.PIPE, text=True
    ) as process:
        reader: threading.Thread | None = None
        try:
            if process.stdout is None or not (line := process.stdout.readline()):
                raise NoSession("the emulator says nothing")
            reader = threading.Thread(target=process.stdout.read)
            reader.start()
            yield str(json.loads(line)["port"]), process
        finally:
            process.terminate()
            if reader is not None:
                reader.join()


@contextmanager
def _busy_here() -> Iterator[None]:
    """Keep this process's interpreter busy, as a window that plots and reads does."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(RESTING_S):
            until_s = time.monotonic() + LONGEST_BUSY_S
            while time.monotonic() < until_s:
                sum(range(2000))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
