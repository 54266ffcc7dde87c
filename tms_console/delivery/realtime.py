"""The operating system's help with timing: priority, garbage collection, no sleep; best effort.

What the system granted is returned in words for the record; nothing here raises.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FIFO_PRIORITY = 10
"""Above every ordinary program, below the kernel's own threads."""

FIFO = "SCHED_FIFO"

SWITCH_INTERVAL_S = 0.0005
"""How soon a thread that asks for the interpreter gets it (pitfalls.md, "Host timing")."""


@contextmanager
def realtime_thread() -> Iterator[str]:
    """Run the calling thread with real-time priority where that is granted; yields what was.

    Threads started inside do not inherit it.
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    granted = _ask_for_fifo()
    try:
        yield granted
    finally:
        if granted == FIFO:
            _give_fifo_back()
        sys.setswitchinterval(before_s)


def _ask_for_fifo() -> str:
    if sys.platform != "linux":
        return "ordinary priority (not asked for on this system)"
    try:
        os.sched_setscheduler(
            0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(FIFO_PRIORITY)
        )
    except OSError as error:
        return f"ordinary priority ({error.strerror})"
    return FIFO


def _give_fifo_back() -> None:
    """Return to ordinary priority; without the flag an ordinary user may not (sched(7))."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Keep the garbage collector from running inside; what exists already is never examined."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


@contextmanager
def sleep_inhibited(why: str) -> Iterator[str]:
    """Keep the computer from going to sleep inside; yields what the system granted."""
    if sys.platform == "linux" and shutil.which("systemd-inhibit"):
        command = [
            "systemd-inhibit",
            "--what=sleep:idle:handle-lid-switch",
            "--who=TMS Console",
            f"--why={why}",
            "cat",
        ]
    elif sys.platform == "darwin":
        command = ["caffeinate", "-i", "cat"]
    else:
        yield "not inhibited (nothing to ask on this system)"
        return
    # `cat` ends by itself when this process dies, because its standard input closes then
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        yield f"not inhibited ({command[0]}: {error.strerror})"
        return
    with child:
        try:
            yield f"asked of {command[0]}"
        finally:
            child.terminate()
