"""Does a database still say what was written into it?  Every row is checked and the bad ones named.

Nothing is repaired and nothing written.  How far its word reaches is part of every answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from tms_console.records.chain_checks import Claims, check_chain, check_head
from tms_console.records.database import (
    UNREADABLE,
    reading,
    reason_of,
    require_ours,
)
from tms_console.records.errors import DatabaseUnusable, RecordsError
from tms_console.records.findings import Finding, Progress, shown
from tms_console.records.heads import KeptHeads, kept_heads
from tms_console.records.record_checks import check_records
from tms_console.records.row_checks import RowTotals, check_rows
from tms_console.records.schema_checks import schema_faults

REACH = (
    "Every session, train, pulse, event and audit row is covered, and the frames of closed "
    "sessions; not yet covered are the pulses of a train still running, and frames outside "
    "sessions. The chain has no key: whoever can write this file and recompute the whole chain, "
    "and the head kept outside it, is not noticed."
)
NO_HEAD = (
    "No head of the chain is kept on this machine: a tail cut off together with the sessions it "
    "speaks of would not be noticed."
)
MOST_FAULTS_OF_THE_FILE = 20

FIRST_WITH_RECORDS = 2
"""The schema that added users, patients and everything else that is written as a record."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer.

    Attributes:
        path: The file.
        findings: What is wrong, by row; empty if the record is as it was written.
        notes: What a reader should know besides.
        sessions: Sessions checked.
        trains: Trains checked.
        pulses: Pulses checked.
        events: Events checked.
        audit_rows: Rows of the chain checked.
        running: Sessions that are not closed: running, or cut off and not yet reconciled.
        records: Records checked: users, patients, prescriptions, signatures and the others.
        reach: What this answer covers and what not.
    """

    path: Path
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    sessions: int
    trains: int
    pulses: int
    events: int
    audit_rows: int
    running: tuple[str, ...]
    records: int = 0
    reach: str = REACH

    @property
    def sound(self) -> bool:
        """True if nothing is wrong."""
        return not self.findings


def _no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


def verify(
    path: Path, progress: Progress = _no_progress, *, heads: KeptHeads | None = None
) -> Verification:
    """Check a whole database as it is at one moment, also while another program writes it.

    Args:
        path: The file.
        progress: Called as the pulses are checked.
        heads: Where its chain must end, for a copy; by default what is kept on this machine.

    Raises:
        DatabaseUnusable: It is missing, not one of ours, or newer than this program.
    """
    if not path.is_file():
        raise DatabaseUnusable(f"{path}: there is no such database")
    found: list[Finding] = []
    notes: list[str] = []
    claims, totals, records = Claims(), RowTotals(), 0
    head = _kept_head(path, found, notes) if heads is None else heads
    with reading(path, "inspect") as connection:
        schema = require_ours(connection, path)
        _guarded(found, lambda: _check_file(connection, found))
        _guarded(found, lambda: found.extend(schema_faults(connection, schema)))

        def check() -> None:
            nonlocal claims, totals, records
            claims = check_chain(connection, found)
            check_head(claims, head, found)
            totals = check_rows(connection, claims, found, progress)
            if schema >= FIRST_WITH_RECORDS:
                records = check_records(connection, claims, found)

        _guarded(found, check)
    notes += [f"Session {uid} is running, or was cut off." for uid in totals.running]
    return Verification(
        path,
        tuple(dict.fromkeys(found)),
        tuple(notes),
        totals.sessions,
        totals.trains,
        totals.pulses,
        totals.events,
        claims.rows,
        tuple(totals.running),
        records,
    )


def _guarded(found: list[Finding], check: Callable[[], None]) -> None:
    """Turn what SQLite cannot read at all into a finding, and go on."""
    try:
        check()
    except UNREADABLE as error:
        found.append(Finding("the file", f"it cannot be read: {reason_of(error)}"))


def _kept_head(path: Path, found: list[Finding], notes: list[str]) -> KeptHeads | None:
    """Return the head kept outside; read before the rows are, it can only be older than they."""
    uid = None
    with reading(path, "inspect") as connection:
        require_ours(connection, path)
        first = connection.exec_driver_sql("SELECT subject FROM audit WHERE seq = 1").scalar()
    if isinstance(first, str):
        uid = first.removeprefix("database:")
    if uid is None or not re.fullmatch("[0-9a-f-]{36}", uid):
        found.append(Finding("audit row 1", "it does not say which database this is"))
        return None
    try:
        head = kept_heads(uid)
    except RecordsError as error:
        found.append(Finding("the head kept outside", str(error)))
        return None
    if head is None:
        notes.append(NO_HEAD)
    return head


def _check_file(connection: Connection, found: list[Finding]) -> None:
    """Let SQLite check its pages, types, constraints and references."""
    faults = connection.exec_driver_sql(
        f"PRAGMA integrity_check({MOST_FAULTS_OF_THE_FILE:d})"
    ).scalars()
    found += [Finding("the file", shown(fault)) for fault in faults if fault != "ok"]
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        name = f"{table} row {row}" if row is not None else f"a row of {table}"
        found.append(Finding(name, f"it refers to a {parent} that does not exist"))
