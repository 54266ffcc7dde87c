"""An emulated MagPro in a process of its own that stamps when a disarm frame reached it.

The product's emulator and host, with one thing added: a line of JSON for every disarm.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.magpro.driver import DISARM_FRAME
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.hosting import Host, PtyPort
from tests.bench.machine import take_realtime

if TYPE_CHECKING:
    from types import FrameType

MODE_CHANGE_NS = 200_000_000
"""A change of waveform takes a real unit seconds; no line of the bench depends on it."""

DEADLINE_S = 20.0


class _Stamping(MagProEmulator):
    """Says on standard output when it was told to disarm."""

    def receive(self, data: bytes) -> None:
        """Take bytes as the emulator does, and stamp a disarm among them."""
        now_ns = time.perf_counter_ns()
        super().receive(data)
        if DISARM_FRAME in data:
            os.write(1, b'{"disarm_ns": %d}\n' % now_ns)


class StampedEmulator:
    """The bench's end of such a process.

    Attributes:
        port: What a driver opens.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: Path) -> None:
        self._process = process
        self.port = str(port)
        self._stamps: list[int] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._news:
                self._stamps.append(json.loads(line)["disarm_ns"])
                self._news.notify_all()

    def disarmed_after(self, since_ns: int) -> int:
        """Return when the first disarm after a moment arrived, waiting for it.

        Raises:
            TimeoutError: None came.
        """
        deadline_s = time.monotonic() + DEADLINE_S
        with self._news:
            while True:
                later = [stamp for stamp in self._stamps if stamp >= since_ns]
                if later:
                    return later[0]
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not self._news.wait(left_s):
                    raise TimeoutError(f"no disarm reached the emulator within {DEADLINE_S:g} s")

    def end(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()


@contextmanager
def stamping_emulator(port: Path) -> Iterator[StampedEmulator]:
    """Run one behind a pseudo-terminal inside."""
    command = [sys.executable, "-m", "tests.bench.stamping_emulator", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        emulator = StampedEmulator(process, port)
        try:
            deadline_s = time.monotonic() + DEADLINE_S
            while not Path(f"{port}.control").exists():
                if time.monotonic() > deadline_s or process.poll() is not None:
                    raise TimeoutError("the emulator did not start")
                time.sleep(0.02)
            yield emulator
        finally:
            emulator.end()


def main() -> None:
    """Be the emulator until a termination signal.

    It asks for real-time priority: a stimulator has a processor of its own and does not wait for
    the console's.
    """
    take_realtime()
    device = _Stamping(Options(mode_change_ns=MODE_CHANGE_NS))
    with Host(device, PtyPort(Path(sys.argv[1]))) as host:

        def stop(_number: int, _frame: FrameType | None) -> None:
            host.stop()

        signal.signal(signal.SIGTERM, stop)
        host.serve()


if __name__ == "__main__":
    main()
