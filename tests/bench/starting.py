"""How long whole commands take, from starting the program to its end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.figures import Finding, Goal, Line, NotMeasured, Series

GROUP = "Whole commands"

VERSION_GOAL = Goal("p99", 0.4)
FAST_GOAL = Goal("p99", 4.0)
"""Issue 2."""

HF10, ITBS = "hf10-standard", "itbs-600"


class _Failed(Exception):
    """A command did not do what it should; the message is what it said."""


def _seconds(*arguments: str) -> float:
    program = Path(sys.executable).with_name("tms-console")
    begun_ns = time.perf_counter_ns()
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    took_ns = time.perf_counter_ns() - begun_ns
    if done.returncode:
        raise _Failed(f"tms-console {' '.join(arguments)}: {done.stderr.strip()[-300:]}")
    return took_ns / 1e9


def rehearse(protocol: str, database: Path) -> float:
    """Rehearse a protocol under the virtual clock; return how long the whole command took."""
    return _seconds(
        "rehearse", protocol, "--threshold", "45", "--fast", "--json", "--database", str(database)
    )


def fast_database(folder: Path, protocol: str, number: int = 0) -> Path:
    """Return where a rehearsal of a protocol is recorded."""
    return folder / f"fast-{protocol}-{number}.db"


def measure_commands(versions: int, rehearsals: int, folder: Path) -> Iterator[Finding]:
    """Yield the lines of `--version` and of rehearsals of 3,000 pulses."""
    try:
        yield Line(
            GROUP,
            "tms-console --version",
            "s",
            Series.of([_seconds("--version") for _ in range(versions)]),
            VERSION_GOAL,
        )
        took_s = [rehearse(HF10, fast_database(folder, HF10, n)) for n in range(rehearsals)]
        rehearse(ITBS, fast_database(folder, ITBS))
        what = f"tms-console rehearse {HF10} --fast (3,000 pulses)"
        yield Line(GROUP, what, "s", Series.of(took_s), FAST_GOAL)
    except (_Failed, OSError) as error:
        yield NotMeasured(GROUP, str(error))


def protocols_on_disk() -> Sequence[str]:
    """Return the protocols whose records `measure_commands` leaves behind."""
    return (HF10, ITBS)
