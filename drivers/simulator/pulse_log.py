"""The ground truth on disk: every pulse an emulator fires, written before its report leaves.

It survives a kill of the emulator or of its client; what the console recorded is not known here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.simulator.device import FiredPulse, Source


class PulseLog:
    """Appends one JSON line per pulse, each by one unbuffered write, to a file of mode 0600.

    Args:
        path: The file; it is appended to if it exists.
        monotonic_ns: The host's clock, for a device that runs in real time.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path, monotonic_ns: Callable[[], int] | None = None) -> None:
        self.path = path
        self._monotonic_ns = monotonic_ns
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, pulse: FiredPulse) -> None:
        """Append a pulse.

        Raises:
            OSError: The line was not written whole; an emulator without its log proves nothing.
        """
        clock = "null" if self._monotonic_ns is None else self._monotonic_ns()
        line = (
            f'{{"number":{pulse.number},"device_ns":{pulse.at_ns},"monotonic_ns":{clock},'
            f'"intensity_pct_mso":{pulse.intensity_pct_mso},"a_us":{pulse.a_us},'
            f'"source":"{pulse.source}"}}\n'
        ).encode()
        if (written := os.write(self._descriptor, line)) != len(line):
            raise OSError(f"{self.path}: only {written} of {len(line)} bytes of a pulse written")

    def close(self) -> None:
        """Close the file; any number of times."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True, slots=True)
class LoggedPulse:
    """A line of a pulse log.

    Attributes:
        pulse: The pulse.
        monotonic_ns: The host's clock when it was written, None under a virtual clock.
    """

    pulse: FiredPulse
    monotonic_ns: int | None


def read_pulse_log(path: Path) -> list[LoggedPulse]:
    """Return what a pulse log holds.

    Raises:
        ValueError: A line is no pulse; the message names the file and the line.
    """
    pulses = []
    for number, line in enumerate(path.read_text("ascii").splitlines(), 1):
        try:
            row = json.loads(line)
            pulse = FiredPulse(
                row["number"],
                row["device_ns"],
                row["intensity_pct_mso"],
                row["a_us"],
                Source(row["source"]),
            )
            pulses.append(LoggedPulse(pulse, row["monotonic_ns"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: not a pulse ({error})") from error
    return pulses
