"""What the operating system is asked to keep from others: no core dumps, private new files.

A dump would hold passwords and private keys.  What was achieved is returned in words for the
record; nothing here raises, and each process asks for itself when it starts.
"""

from __future__ import annotations

import os
import sys

PR_SET_DUMPABLE = 4
"""prctl(2); an exec sets the attribute again, so a child process must ask for itself."""

PRIVATE = 0o077
"""Nothing for the group, nothing for others: files are made 0600 and folders 0700."""


def forbid_core_dumps() -> str:
    """Have the system write no memory of this process to disk; returns what was achieved.

    On Linux the process is also closed to other programs of the same user (ptrace(2)): a dump by
    a handler (core(5), a pattern that begins with `|`) does not ask for the size limit.
    """
    return "; ".join((_limit_core_size(), _forbid_dumping()))


def private_files() -> str:
    """Have every file this process makes readable by its user only; returns what was achieved."""
    os.umask(PRIVATE)
    if os.name == "nt":
        return "new files have the permissions of their folder (Windows)"
    return "new files are private (umask 077)"


def _limit_core_size() -> str:
    try:
        import resource  # noqa: PLC0415 - not there on Windows
    except ImportError:
        return "no limit of core dumps on this system"
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        return f"core dumps not limited ({error})"
    return "core dumps limited to 0 bytes"


def _forbid_dumping() -> str:
    if sys.platform != "linux":
        return "dumping not forbidden (not asked for on this system)"
    import ctypes  # noqa: PLC0415 - 10 ms, and only here

    library = ctypes.CDLL(None, use_errno=True)
    try:
        answer = library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    except AttributeError:
        return "dumping not forbidden (no prctl)"
    if answer != 0:
        return f"dumping not forbidden ({os.strerror(ctypes.get_errno())})"
    return "dumping forbidden"
