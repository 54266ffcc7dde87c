"""The administrator's part of `tms-console records restore`: asking, showing, recording.

What may be accepted is decided in `tms_console.accounts.restores`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tms_console.commands.asking import ask, ask_secret

if TYPE_CHECKING:
    from tms_console.records.restore import PutBack

NOTHING_MISSING = "The database is as this console left it: nothing is missing, nothing to record."
NO_ANCHOR = (
    "An older copy arms no real stimulator until an administrator has recorded this restore and a "
    "physician has signed which prescriptions are still in force. That is done at the console that "
    "made this database: this one keeps no anchor of it."
)
PHYSICIAN_NEXT = (
    "The restore is recorded. No real stimulator is armed until a physician has signed which "
    "prescriptions are still in force."
)
NOT_YET = "The copy is in place and not recorded yet; do it with: tms-console records restore"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded.

    Attributes:
        restore_uid: The record; None if there was nothing to record, or not here.
        code: How the copy stood to what the console kept; "" without a record.
        sentences: What was shown.
    """

    restore_uid: str | None
    code: str
    sentences: tuple[str, ...]


def record_here(
    database: Path,
    *,
    own: str | None,
    reason: str | None,
    backup_sha256: str | None,
    show: Callable[[str], None],
) -> Recorded:
    """Ask an administrator, and record that the copy in place is the database from now on.

    Args:
        database: What is in place.
        own: Their login, None to ask for it.
        reason: Theirs, None to ask for it.
        backup_sha256: Of the backup that was put back, None for a copy found in place.
        show: Takes every sentence as it comes.

    Raises:
        AccountsError: They may not, or the copy cannot be accepted.
        RecordsError: It cannot be read or written.
    """
    from tms_console.accounts.login import log_in  # noqa: PLC0415 - start-up
    from tms_console.accounts.public_anchors import own_anchor  # noqa: PLC0415
    from tms_console.accounts.restores import find_other_copy, record_restore  # noqa: PLC0415
    from tms_console.accounts.station import open_station  # noqa: PLC0415

    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        show(sentence)

    if own_anchor(database) is None:
        tell(NO_ANCHOR)
        return Recorded(None, "", tuple(told))
    station = open_station(database)
    other = find_other_copy(station)
    if other is None:
        tell(NOTHING_MISSING)
        return Recorded(None, "", tuple(told))
    for sentence in other.sentences:
        tell(sentence)
    for one in other.unvouched:
        tell(f"  row {one.seq}, {one.at}: {one.action} {one.subject}")
    name = own or ask("Administrator's login")
    password = ask_secret(f"Password of {name}")
    login = log_in(station, name, password)
    why = reason or ask("Why was this copy put back")
    record = record_restore(station, login, why, password, backup_sha256=backup_sha256)
    tell(PHYSICIAN_NEXT)
    return Recorded(record.uid, other.code, tuple(told))


def restore_json(
    place: Path, backup: Path, done: PutBack | None, recorded: Recorded
) -> dict[str, object]:
    """Return what a machine is told of a restore."""
    found: dict[str, object] = {
        "database": str(place),
        "restore_uid": recorded.restore_uid,
        "code": recorded.code,
        "sentences": list(recorded.sentences),
    }
    if done is not None:
        found |= {
            "database_uid": done.database.database_uid,
            "backup": str(backup),
            "backup_sha256": done.backup_sha256,
            "seq": done.database.head.seq,
            "hash": done.database.head.hash,
            "newest_at": done.database.newest_at,
            "replaced_seq": None if done.replaced is None else done.replaced.head.seq,
            "aside": None if done.aside is None else str(done.aside),
        }
    return found
