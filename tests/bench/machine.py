"""The machine of a bench: what it is, how busy it is, real-time priority granted and refused.

Nothing is measured here.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PR_CAPBSET_DROP = 24
"""linux/prctl.h."""
CAP_SYS_NICE = 23
"""linux/capability.h: what allows real-time priority whatever RLIMIT_RTPRIO says."""

FIFO_PRIORITY = 10
"""As in tms_console.delivery.realtime, so that the bare loop has what the engine has."""

BURN = "while True: sum(range(1000))"


def load_average() -> str:
    """Return the load of the last 1, 5 and 15 minutes, "" where the system does not say."""
    if not hasattr(os, "getloadavg"):
        return ""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def describe(folder: Path) -> dict[str, str]:
    """Return what a reader of the numbers must know of the machine."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": f"{os.cpu_count()} cores, {_processor()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "database folder": f"{_file_system(folder)}",
        "real-time priority": "granted" if can_have_realtime() else "not granted",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def _file_system(folder: Path) -> str:
    """Return the type of the file system a folder is on; on `tmpfs` nothing is durable."""
    try:
        mounts = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return "unknown file system"
    places = [(Path(fields[1]), fields[2]) for fields in (line.split() for line in mounts)]
    holding = [one for one in places if folder.resolve().is_relative_to(one[0])]
    return max(holding, key=lambda one: len(one[0].parts))[1] if holding else "unknown"


def can_have_realtime() -> bool:
    """Return whether a process started from here gets real-time priority if it asks."""
    if sys.platform != "linux":
        return False
    asks = (
        "import os; os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, "
        f"os.sched_param({FIFO_PRIORITY}))"
    )
    return subprocess.run([sys.executable, "-c", asks], stderr=subprocess.DEVNULL).returncode == 0  # noqa: PLW1510


@contextmanager
def without_realtime() -> Iterator[None]:
    """Have processes started inside refused real-time priority; for a thread that then ends.

    The program asks the system and takes what it gets; so it is the system that is told to refuse.
    A dropped capability never comes back to the thread that dropped it.

    Raises:
        OSError: The system does not allow even that.
    """
    if sys.platform != "linux":
        yield
        return
    import resource  # noqa: PLC0415 - not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "the capability for real-time priority stays")
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (soft, hard))


def take_realtime() -> bool:
    """Give the calling thread real-time priority; return False if the system refuses."""
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(
            0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(FIFO_PRIORITY)
        )
    except OSError:
        return False
    return True


@contextmanager
def busy_core(burning: bool) -> Iterator[None]:
    """Have another Python process burn a core inside, if asked for."""
    if not burning:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", BURN]) as burner:
        try:
            yield
        finally:
            burner.kill()
