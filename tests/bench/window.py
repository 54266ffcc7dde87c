"""The window: from its start to its pages on a clinic of ten years, its thread, memory and Stop.

How it is measured from within is `in_window`; here are the goals, and what is made to measure on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.figures import Finding, Goal, Line, NotMeasured, Series
from tests.records_10y import make as make_years
from tms_console.demonstration import make_demonstration
from tms_console.records.heads import STATE_VARIABLE
from tms_console.records.private_files import CONFIG_VARIABLE

START_GROUP = "Window: from starting the program"
PAGES_GROUP = "Window: opening a page, until what it shows is read and painted"
SLOTS_GROUP = "Window: processor time of its thread for one event, in a session"
MEMORY_GROUP = "Window: memory over a simulated day of sessions"
STOP_GROUP = "Window: from a click on Stop to the disarm at the emulator"

OPEN_GOAL = Goal("p50", 1.5)
MADE_GOAL = Goal("worst", 15.0)
PAGE_GOAL = Goal("p50", 100.0)
SLOT_GOAL = Goal("p99", 5.0)
GROWTH_GOAL = Goal("worst", 5.0)
"""MB from the second session on: allocators breathe."""
STOP_GOAL = Goal("p99", 20.0)

TEN_YEARS = Path("out/records-10y/clinic.db")
SMALL_SESSIONS = 500
CHILD_S = 900.0


class _Failed(Exception):
    """A part did not do what it should; the message is what it said."""


def _child(part: str, file: Path, times: int) -> dict[str, Any]:
    around = os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        CONFIG_VARIABLE: str(file.parent / "config"),
        STATE_VARIABLE: str(file.parent / "state"),
    }
    command = [sys.executable, "-m", "tests.bench.in_window", part, str(file), str(times)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=around,
            timeout=CHILD_S,
        )
    except subprocess.TimeoutExpired as error:
        raise _Failed(f"{part}: it took longer than {CHILD_S:.0f} s") from error
    if done.returncode:
        raise _Failed(f"{part}: {done.stderr.strip()[-300:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _demonstration(folder: Path) -> Path:
    """Return a demonstration made afresh, with its keys beside it."""
    folder.mkdir()
    there = {name: os.environ.get(name) for name in (CONFIG_VARIABLE, STATE_VARIABLE)}
    os.environ[CONFIG_VARIABLE] = str(folder / "config")
    os.environ[STATE_VARIABLE] = str(folder / "state")
    try:
        make_demonstration(folder / "clinic.db")
    finally:
        for name, value in there.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return folder / "clinic.db"


def measure_start(times: int, folder: Path) -> Iterator[Finding]:
    """Yield how long making the demonstration takes, and opening the window on it."""
    place = folder / "temporary"
    place.mkdir()
    try:
        begun_ns, used_s = time.perf_counter_ns(), time.process_time()
        _demonstration(folder / "made")
        took_s, used_s = (time.perf_counter_ns() - begun_ns) / 1e9, time.process_time() - used_s
        yield Line(
            START_GROUP,
            "making the demonstration",
            "s",
            Series.of([took_s]),
            MADE_GOAL,
            note=f"of it {used_s:.1f} s processor time",
        )
        first, *opened = [_open(place) for _ in range(times + 1)]
        late_ms = [ms for one in opened for ms in one["late_ms"]]
        of_it_s = Series.of([one["cpu_s"] for one in opened])
        yield Line(
            START_GROUP, "to the first key on the login page, the demonstration made", "s",
            Series.of([one["s"] for one in opened]), OPEN_GOAL,
        )  # fmt: skip
        yield Line(START_GROUP, "  of it processor time", "s", of_it_s)
        whole_s = Series.of([one["whole_s"] for one in opened])
        yield Line(START_GROUP, "  until all pages are built, with keys every 20 ms", "s", whole_s)
        note = "what is imported and built meanwhile holds a key up; none is lost"
        yield Line(
            START_GROUP, "  from a key to its sign, meanwhile", "ms", Series.of(late_ms), note=note
        )
        yield Line(
            START_GROUP, "to the first key on the login page, making it first", "s",
            Series.of([first["s"]]),
        )  # fmt: skip
    except (_Failed, OSError) as error:
        yield NotMeasured(START_GROUP, str(error))


def _open(place: Path) -> dict[str, Any]:
    """Run the program up to its whole window; what it tells is in `first_key`."""
    around = os.environ | {"QT_QPA_PLATFORM": "offscreen", "TMPDIR": str(place)}
    command = [sys.executable, "-m", "tests.bench.first_key", str(time.monotonic_ns())]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=around, timeout=CHILD_S
    )
    if done.returncode:
        raise _Failed(f"first key: {done.stderr.strip()[-300:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def measure_pages(times: int, folder: Path) -> Iterator[Finding]:
    """Yield a line per page, on the clinic of ten years if `make records-10y` made it."""
    file, what = TEN_YEARS, "ten years"
    try:
        if not file.exists():
            file, what = folder / "years" / "clinic.db", f"{SMALL_SESSIONS} sessions"
            there = dict(os.environ)
            make_years(file, SMALL_SESSIONS, 0, Console(quiet=True))
            os.environ.update(there)
        told = _child("pages", file, times)
    except (_Failed, OSError) as error:
        yield NotMeasured(PAGES_GROUP, str(error))
        return
    note = (
        f"{what}; floor: how much longer 20 ms of work took there; "
        f"all of the record is read and checked once before, in {told['whole_s']:.1f} s "
        f"beside the login page; memory then {told['rss_mb']:.0f} MB; first openings: "
        + ", ".join(f"{name} {ms:.0f} ms" for name, ms in told["first_ms"].items())
    )
    for name, took_ms in told["ms"].items():
        series = Series.of(took_ms[1::2])
        yield Line(
            PAGES_GROUP,
            f"{name}; {what}",
            "ms",
            series,
            PAGE_GOAL,
            Series.of(told["noise_ms"]),
            note,
        )
        used = Series.of(told["used_ms"][name][1::2])
        yield Line(PAGES_GROUP, f"  {name}, processor time", "ms", used)
        yield Line(PAGES_GROUP, f"  {name} after a write", "ms", Series.of(took_ms[::2]))


def measure_thread(folder: Path) -> Iterator[Finding]:
    """Yield the cost of the events of the window's thread while it shows a session."""
    try:
        told = _child("slots", _demonstration(folder / "slots"), 0)
    except (_Failed, OSError) as error:
        yield NotMeasured(SLOTS_GROUP, str(error))
        return
    note = f"{told['delivered']} pulses were delivered; the dearest: " + ", ".join(told["worst"])
    note += "; most of the time went to " + ", ".join(told["most"])
    yield Line(SLOTS_GROUP, "receiver and event", "ms", Series.of(told["ms"]), SLOT_GOAL, note=note)


def measure_memory(sessions: int, folder: Path) -> Iterator[Finding]:
    """Yield how much the window and the delivering process grow from the second session on."""
    try:
        told = _child("memory", _demonstration(folder / "memory"), sessions)
    except (_Failed, OSError) as error:
        yield NotMeasured(MEMORY_GROUP, str(error))
        return
    for who in ("window", "delivering"):
        used: list[float] = told[f"{who}_mb"]
        grown = [max(0.0, one - used[1]) for one in used[2:]]
        note = f"{who}: " + " ".join(f"{one:.0f}" for one in used) + " MB after each session"
        yield Line(
            MEMORY_GROUP,
            f"{who}: growth since the second of {sessions}",
            "MB",
            Series.of(grown),
            GROWTH_GOAL,
            note=note,
        )


def measure_click(times: int, folder: Path) -> Iterator[Finding]:
    """Yield how long a click takes while plots run and a table of 10,000 rows is loaded."""
    try:
        told = _child("stops", _demonstration(folder / "stops"), times)
    except (_Failed, OSError) as error:
        yield NotMeasured(STOP_GROUP, str(error))
        return
    note = (
        f"the click is put into the queue from another thread at a random moment; meanwhile "
        f"{told['tables']} tables of 10,000 rows were shown and a plot ran at 30 Hz; "
        "half of the sessions at 1 Hz; the frame's line time (1.6 ms) comes on top"
    )
    series, noise = Series.of(told["ms"]), Series.of(told["noise_ms"])
    yield Line(STOP_GROUP, "plots and a table", "ms", series, STOP_GOAL, noise, note)
