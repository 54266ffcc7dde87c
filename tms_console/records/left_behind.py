"""Which stimulator an earlier session may have left armed: the first line of `<database>.unsaved`.

It opens neither database nor port and imports little, because disarming comes before all else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UnsavedHeader:
    """What the next start needs to know first: which session, and which port to disarm.

    Attributes:
        session_uid: The session that is starting.
        database_uid: The database it belongs to.
        console_uid: Whose chain it is recorded in.
        origin_wall: Wall time of the session's origin, RFC 3339 in UTC.
        port: The stimulator's port, as it was opened.
        driver: The name of its driver.
    """

    session_uid: str
    database_uid: str
    console_uid: str
    origin_wall: str
    port: str
    driver: str


def unsaved_path(database: Path) -> Path:
    """Return where the unsaved operations of a database are."""
    return database.with_name(database.name + ".unsaved")


def port_to_disarm(database: Path) -> UnsavedHeader | None:
    """Return where a session that was not closed drove its stimulator, None if there is none.

    A live session has such a file too: hold the session lock, or know that the session is dead.
    """
    try:
        with unsaved_path(database).open("rb") as file:
            return header_of(file.readline())
    except (OSError, ValueError):
        return None  # nothing, or cut off before the session began: nothing was armed


def header_of(line: bytes) -> UnsavedHeader:
    """Return the header that a first line states.

    Raises:
        ValueError: It states none.
    """
    try:
        header = UnsavedHeader(**json.loads(line))
    except TypeError as error:
        raise ValueError(f"not the header of unsaved operations: {error}") from error
    return header
