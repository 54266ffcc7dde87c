"""`python -m tests.bench`: measures, prints a table with the goals, and judges nothing else.

Exit status 1 only if something could not be measured; a missed goal is a number, not a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from tests.bench.figures import Finding, Line, NotMeasured
from tests.bench.finding import measure_finding
from tests.bench.keep_alive import measure_keep_alive
from tests.bench.lateness import Round, measure_lateness
from tests.bench.machine import can_have_realtime, describe, load_average
from tests.bench.recording import measure_bytes, measure_durable
from tests.bench.starting import fast_database, measure_commands, protocols_on_disk
from tests.bench.stopping import measure_death, measure_stop
from tests.bench.thresholds import measure_thresholds
from tests.bench.window import (
    measure_click,
    measure_memory,
    measure_pages,
    measure_start,
    measure_thread,
)

EXPLANATION = """\
Every number is of this run on this machine.  The p99 of fewer than 100 values is their worst.
"floor" is the machine's own noise: a bare sleep-then-spin loop in a process of its own, with the
same times and the same priority, running beside the very same sessions; such a line's goal is for
its p99 less the floor's p99.  Four sessions run side by side (trains and 1 Hz, the emulator in the
same process and behind a pseudo-terminal), also for the stops: "idle" means that nothing else of
ours runs.  1 Hz pulses are given here however late they are; a session does not give those later
than its protocol allows (2 ms).  "met" shows the judged number."""

PIPED_WIDTH = 170
"""Columns of the table where there is no terminal to ask."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        lateness_s: How long each session of a round stimulates.
        stops: Sessions that are stopped, under each load.
        deaths: Delivering processes that are killed.
        trains: Trains that are committed.
        pulses: Pulses that are committed one by one.
        versions: Calls of `--version`.
        rehearsals: Sessions of 3,000 pulses under the virtual clock.
        openings: Times that the window, and each of its pages, is opened.
        day: Sessions of a simulated day.
        clicks: Sessions that are stopped by a click.
        keep_alive_s: How long a Rapid² is rehearsed on in real time.
        subjects: Virtual subjects, for each seed, that a threshold is found of.
        every_condition: Also without real-time priority, and stops with a core busy.
    """

    lateness_s: int
    stops: int
    deaths: int
    trains: int
    pulses: int
    versions: int
    rehearsals: int
    every_condition: bool
    openings: int
    day: int
    clicks: int
    keep_alive_s: int
    subjects: int


FULL = Sizes(
    lateness_s=33,
    stops=24,
    deaths=4,
    trains=300,
    pulses=1_000,
    versions=20,
    rehearsals=3,
    every_condition=True,
    openings=10,
    day=16,
    clicks=24,
    keep_alive_s=2_400,
    subjects=500,
)
QUICK = Sizes(
    lateness_s=6,
    stops=4,
    deaths=1,
    trains=50,
    pulses=100,
    versions=3,
    rehearsals=1,
    every_condition=False,
    openings=2,
    day=4,
    clicks=4,
    keep_alive_s=300,
    subjects=100,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bench.

    Attributes:
        what: What it measures, for the progress line.
        about_s: How long it takes, roughly.
        measure: Does it.
    """

    what: str
    about_s: float
    measure: Callable[[], Iterator[Finding]]


def parts(sizes: Sizes, folder: Path) -> Sequence[Part]:
    """Return what is measured, in order."""
    granted = can_have_realtime()
    priorities = (True, False) if granted and sizes.every_condition else (granted,)
    rounds = [
        Round(realtime, busy, sizes.lateness_s) for realtime in priorities for busy in (False, True)
    ]
    return (
        Part(
            "whole commands",
            sizes.versions * 0.2 + sizes.rehearsals * 3 + 3,
            lambda: measure_commands(sizes.versions, sizes.rehearsals, folder),
        ),
        Part("threshold finding", 40, measure_finding),
        Part("bytes on disk", 0.1, lambda: _bytes(folder)),
        Part(
            "durable pulses",
            (sizes.trains + sizes.pulses) * 0.005,
            lambda: measure_durable(sizes.trains, sizes.pulses, folder),
        ),
        *(
            Part(
                f"lateness, {one.words}",
                sizes.lateness_s + 9,
                partial(measure_lateness, one, folder),
            )
            for one in rounds
        ),
        *(
            Part(
                f"stop, {'one core busy' if busy else 'idle'}",
                sizes.stops * 1.4 + 5,
                partial(measure_stop, sizes.stops, folder, busy=busy),
            )
            for busy in ((False, True) if sizes.every_condition else (False,))
        ),
        Part("death", sizes.deaths * 8.0, lambda: measure_death(sizes.deaths, folder)),
        Part(
            "the window's start",
            25 + sizes.openings * 2,
            lambda: measure_start(sizes.openings, folder),
        ),
        Part(
            "the window's pages",
            30 + sizes.openings * 2,
            lambda: measure_pages(2 * sizes.openings, folder),
        ),
        Part("the window's thread", 50, lambda: measure_thread(folder)),
        Part("the window's memory", 15 + sizes.day * 3, lambda: measure_memory(sizes.day, folder)),
        Part(
            "keep-alive of a Rapid²",
            sizes.keep_alive_s + 15,
            lambda: measure_keep_alive(sizes.keep_alive_s, folder),
        ),
        Part(
            "threshold finding",
            2 + sizes.subjects * 0.15,
            lambda: measure_thresholds(sizes.subjects),
        ),
        Part("clicks on Stop", 15 + sizes.clicks * 5, lambda: measure_click(sizes.clicks, folder)),
    )


def _bytes(folder: Path) -> Iterator[Finding]:
    for protocol in protocols_on_disk():
        yield from measure_bytes(protocol, fast_database(folder, protocol))


def run(sizes: Sizes, folder: Path, console: Console, only: str = "") -> list[Finding]:
    """Measure everything under a progress line with the time left."""
    every = [part for part in parts(sizes, folder) if only in part.what]
    found: list[Finding] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), _TimeLeft())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(part.about_s for part in every))
        for part in every:
            progress.update(task, description=part.what, since_s=time.monotonic(), part=part)
            found += part.measure()
            progress.advance(task, part.about_s)
    return found


class _TimeLeft(ProgressColumn):
    """What is left of the parts' own estimates; a part that takes longer stands still."""

    def render(self, task: Task) -> Text:
        part = task.fields.get("part")
        if not isinstance(part, Part) or task.total is None:
            return Text("")
        spent_s = min(time.monotonic() - task.fields["since_s"], part.about_s)
        return Text(f"about {task.total - task.completed - spent_s:.0f} s left")


def table_of(found: Sequence[Finding]) -> Table:
    """Return the table of everything that was measured."""
    table = Table(title=None, pad_edge=False, header_style="bold")
    table.add_column("what", overflow="fold", min_width=40)
    for name in ("n", "p50", "p99", "worst", "floor p50", "p99", "worst", "goal", "met"):
        table.add_column(name, justify="right", no_wrap=name != "goal")
    group = ""
    for finding in found:
        if finding.group != group:
            group = finding.group
            table.add_section()
            table.add_row(f"[bold]{group}[/]")
        if isinstance(finding, Line):
            table.add_row(*_cells(finding))
        else:
            table.add_row(f"[red]not measured: {finding.why}[/]")
    return table


def _cells(line: Line) -> list[str]:
    series, floor = line.series, line.floor
    cells = [line.what, str(len(series.values))]
    cells += [_number(value) for value in (series.p50, series.p99, series.worst)]
    cells[-1] += f" {line.unit}"
    cells += (
        [""] * 3
        if floor is None
        else [_number(value) for value in (floor.p50, floor.p99, floor.worst)]
    )
    if line.goal is None or line.judged is None:
        return [*cells, "", ""]
    over = " above floor" if line.goal.above_floor else ""
    goal = f"{line.goal.of}{over} {_number(line.goal.most)} or less"
    colour = "green" if line.met else "red"
    return [*cells, goal, f"[{colour}]{'yes' if line.met else 'no'} ({_number(line.judged)})[/]"]


def _number(value: float) -> str:
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def notes_of(found: Sequence[Finding]) -> list[str]:
    """Return the lines' notes, each once."""
    lines = [finding for finding in found if isinstance(finding, Line) and finding.note]
    words: dict[str, str] = {}
    for line in lines:
        words.setdefault(f"{line.group}: {line.note}", "")
    return list(words)


def main() -> int:
    """Run the command line of the bench."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="a few minutes, fewer repetitions")
    asked.add_argument("--json", action="store_true", help="numbers for machines")
    asked.add_argument("--only", default="", help="parts whose names have this in them")
    asked.add_argument(
        "--keep-alive", type=int, metavar="MINUTES", help="how long a Rapid² is rehearsed on"
    )
    asked.add_argument("--folder", type=Path, help="where its databases lie for the time being")
    asked.add_argument("--subjects", type=int, help="virtual subjects of threshold finding")
    options = asked.parse_args()
    sizes = QUICK if options.quick else FULL
    if options.subjects is not None:
        sizes = replace(sizes, subjects=options.subjects)
    console = Console(stderr=options.json, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=options.json, highlight=False, width=PIPED_WIDTH)
    begun_s, load_before = time.monotonic(), load_average()
    with tempfile.TemporaryDirectory(prefix="tms-bench-", dir=options.folder) as name:
        folder = Path(name)
        os.environ["TMS_CONSOLE_STATE"] = str(folder / "state")
        machine = describe(folder)
        if options.keep_alive is not None:
            sizes = replace(sizes, keep_alive_s=60 * options.keep_alive)
        found = run(sizes, folder, console, options.only)
    machine |= {
        "load average before": load_before,
        "load average after": load_average(),
        "took": f"{time.monotonic() - begun_s:.0f} s",
    }
    failed = [finding for finding in found if isinstance(finding, NotMeasured)]
    if options.json:
        json.dump(
            {
                "machine": machine,
                "lines": [line.as_json() for line in found if isinstance(line, Line)],
                "not_measured": [f"{one.group}: {one.why}" for one in failed],
            },
            sys.stdout,
            indent=2,
        )
    else:
        for key, value in machine.items():
            console.print(f"{key}: {value}", markup=False)
        console.print(table_of(found))
        console.print(EXPLANATION, markup=False)
        for note in notes_of(found):
            console.print(note, markup=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
