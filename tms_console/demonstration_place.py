"""Where a throw-away demonstration lies: a folder of its own in the system's temporary one.

Its keys and heads lie there too, so that nothing of it is left in anybody's own folders.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import MutableMapping
from datetime import date
from pathlib import Path

from tms_console import __version__
from tms_console.records.heads import STATE_VARIABLE
from tms_console.records.private_files import CONFIG_VARIABLE

NAME, MADE = "demonstration.db", "made"


def take_place(
    environment: MutableMapping[str, str] = os.environ, today: date | None = None
) -> Path:
    """Return where the demonstration's database is, and let this program keep its keys there.

    One of today and of this program version that was made whole is used again; anything else of
    ours is thrown away, for what is due in it would be of another day.

    Raises:
        PermissionError: The folder belongs to somebody else.
    """
    day = today or date.today()  # noqa: DTZ011 - the person's own day
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"tms-console-demonstration-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    told = folder.lstat()
    if folder.is_symlink() or (hasattr(os, "getuid") and told.st_uid != user):
        raise PermissionError(f"{folder} belongs to somebody else; remove it or ask them to.")
    folder.chmod(0o700)
    if _stamp(folder) != stamp(day):
        for one in folder.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
    environment[CONFIG_VARIABLE] = str(folder / "config")
    environment[STATE_VARIABLE] = str(folder / "state")
    return folder / NAME


def stamp(day: date) -> str:
    """Return what a demonstration says that was made whole on a day by this program."""
    return f"{__version__} {day.isoformat()}"


def is_made(path: Path) -> bool:
    """Return whether the demonstration was made whole."""
    return path.exists() and (path.parent / MADE).exists()


def note_made(path: Path, today: date | None = None) -> None:
    """Note that the demonstration was made whole."""
    day = today or date.today()  # noqa: DTZ011 - the person's own day
    (path.parent / MADE).write_text(stamp(day), encoding="utf-8")


def throw_away(path: Path) -> None:
    """Remove a demonstration with everything beside it, made whole or not."""
    for one in path.parent.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()


def _stamp(folder: Path) -> str:
    try:
        return (folder / MADE).read_text(encoding="utf-8")
    except OSError:
        return ""
