"""A child process that does something and is killed in the midst of it, by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NoReturn


def die(*_: object, **__: object) -> NoReturn:
    """Die as by a power cut of this process: no handler, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(1)


def killed_while(act: Callable[[], object]) -> bool:
    """Do it in a child process; return True if that was killed, False if it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "the child failed by itself"
    return False
