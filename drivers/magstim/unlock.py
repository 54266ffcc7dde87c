"""Where a clinic keeps the unlock code of its Rapid²: a file that only its user can read.

The code is a secret: no message here repeats it, and it goes nowhere but to the unit.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from drivers.errors import NotConnected
from drivers.magstim.options import MADE_UP_CODE
from drivers.magstim.requests import UnlockCode

VARIABLE: Final = "TMS_CONSOLE_MAGSTIM_UNLOCK_FILE"
"""Names the file."""
MAX_BYTES: Final = 256
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def stored_code() -> UnlockCode:
    """Return the code in the file that the environment names, the emulators' own without one.

    The emulators' code is made up and opens no real unit.

    Raises:
        NotConnected: There is no such file, others may read it, or it holds no code.
    """
    named = os.environ.get(VARIABLE)
    return read_code(Path(named)) if named else MADE_UP_CODE


def read_code(path: Path) -> UnlockCode:
    """Return the code in a file.

    Raises:
        NotConnected: There is no such file, others may read it, or it holds no code.
    """
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS:
                raise NotConnected(
                    f"{path} holds an unlock code and others may read it: make it private (0600)"
                )
            text = file.read(MAX_BYTES).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise NotConnected(f"the unlock code's file {path} cannot be read: {error}") from error
    try:
        return UnlockCode(text)
    except ValueError as error:
        raise NotConnected(f"{path}: {error}") from error
