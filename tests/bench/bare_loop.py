"""The machine's own noise: a bare loop that sleeps, spins and notes how late it came; own process.

Nothing of the program runs in it, so whatever it is late by, the program is not the cause.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.bench.machine import take_realtime

SPIN_NS = 2_000_000
"""Sleep until this long before, then spin: pitfalls.md, "Host timing, measured"."""

FIRST_AFTER_NS = 500_000_000


class BareLoop:
    """A running loop and what it saw."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.lateness_us: tuple[float, ...] = ()

    def end(self) -> None:
        """Stop it and read what it saw."""
        said, _ = self._process.communicate(timeout=30)
        self.lateness_us = tuple(json.loads(said))


@contextmanager
def bare_loop(periods_ns: Sequence[int], *, realtime: bool) -> Iterator[BareLoop]:
    """Run a loop beside whatever is inside, due at every multiple of every period."""
    priority = "realtime" if realtime else "ordinary"
    command = [sys.executable, "-m", "tests.bench.bare_loop", priority, *map(str, periods_ns)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        loop = BareLoop(process)
        try:
            yield loop
            loop.end()
        finally:
            process.kill()


def _due(periods_ns: Sequence[int], begun_ns: int) -> Iterator[int]:
    """Yield the due times of all periods, merged, each period with a phase of its own."""
    following = [
        begun_ns + FIRST_AFTER_NS + period * number // len(periods_ns)
        for number, period in enumerate(periods_ns)
    ]
    while True:
        first = following.index(min(following))
        yield following[first]
        following[first] += periods_ns[first]


def _loop(periods_ns: Sequence[int], over: threading.Event, late_ns: list[int]) -> None:
    for due_ns in _due(periods_ns, time.perf_counter_ns()):
        while (left_ns := due_ns - time.perf_counter_ns()) > 0:
            if left_ns > SPIN_NS:
                time.sleep((left_ns - SPIN_NS) / 1e9)
        late_ns.append(time.perf_counter_ns() - due_ns)
        if over.is_set():
            return


def main() -> None:
    """Loop in a thread like the session's until standard input is closed, then say how late."""
    realtime, periods_ns = sys.argv[1] == "realtime", [int(text) for text in sys.argv[2:]]
    over, late_ns = threading.Event(), list[int]()

    def run() -> None:
        if realtime and not take_realtime():
            sys.stderr.write("bare loop: real-time priority was refused\n")
        _loop(periods_ns, over, late_ns)

    gc.freeze()
    gc.disable()
    sys.setswitchinterval(0.0005)
    thread = threading.Thread(target=run)
    thread.start()
    sys.stdin.buffer.read()
    over.set()
    thread.join()
    json.dump([value / 1e3 for value in late_ns], sys.stdout)


if __name__ == "__main__":
    main()
