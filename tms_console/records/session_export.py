"""One session as files that are read alone: header, trains, pulses, events, gate, chain.

The columns are those of the record, unchanged; nothing is derived and no unknown time is filled
in.  SIMULATED stands in every file of a simulated session, and in its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, text

from tms_console.records.closed_rows import ClosedSession, altered
from tms_console.records.database import Database
from tms_console.records.digests import BEGIN_COLUMNS, BEGIN_PEOPLE, END_COLUMNS
from tms_console.records.errors import RecordsError
from tms_console.records.export_folder import csv_bytes, json_bytes
from tms_console.records.tables import AUDIT, EVENT, PULSE, SESSION, TRAIN

SIMULATED, REAL = "SIMULATED", "no"
MARK = "simulated"
"""First column of every table and first member of every JSON file: SIMULATED, or `no`."""

_TRAIN = (
    "number",
    "block",
    "intensity_pct_mso",
    "planned_start_ns",
    "started_ns",
    "ended_ns",
    "outcome",
    "digest",
)
_PULSE = (
    "intensity_pct_mso",
    "planned_ns",
    "commanded_ns",
    "observed_ns",
    "realised_a_us",
    "outcome",
    "evidence",
)
_EVENT = ("at_ns", "kind", "detail")
_AUDIT = ("seq", "at", "actor", "action", "subject", "detail", "previous_hash", "hash")

_ENDS = select(AUDIT).where(
    AUDIT.c.console_uid == text(":console"),
    text("action IN ('record.add', 'credential.set', 'session.begin', 'session.end')"),
    AUDIT.c.subject == text(":subject"),
)
"""With the words of the partial index audit_registry, so that it serves (schema/0002.sql)."""


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """One session that ended, as files.

    Attributes:
        uid: Which.
        simulated: It was given on a proved emulator.
        folder: Name of its folder in the export.
        header: What `session.json` says.
        files: Content of each file by its name.
    """

    uid: str
    simulated: bool
    folder: str
    header: Mapping[str, object]
    files: Mapping[str, bytes]


def marked(name: str, simulated: bool) -> str:
    """Return the name of a file of a session: `pulses.csv`, `pulses-SIMULATED.csv`."""
    stem, _, ending = name.rpartition(".")
    return f"{stem}-{SIMULATED}.{ending}" if simulated else name


def mark(simulated: bool) -> str:
    """Return what the column or member `simulated` says."""
    return SIMULATED if simulated else REAL


def session_table(
    uid: str, simulated: bool, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> bytes:
    """Return a table of a session as CSV: mark and session first.

    One of a simulated session has a further last column SIMULATED, so that the word stands in it
    even without a row.
    """
    more = (SIMULATED,) if simulated else ()
    yes = ("yes",) if simulated else ()
    lead = (mark(simulated), uid)
    return csv_bytes((MARK, "session_uid", *columns, *more), ((*lead, *one, *yes) for one in rows))


def session_files(database: Database, uid: str) -> SessionFiles:
    """Return a session as files, from one state of the database.

    Raises:
        RecordsError: There is no such session, it is still running, or its row and the chain do not
            agree whether it was simulated.
        DatabaseUnusable: The file cannot be read.
    """
    with database.reading() as connection:
        row = connection.execute(select(SESSION).where(SESSION.c.uid == uid)).mappings().first()
        if row is None:
            raise RecordsError(f"{database.path}: there is no session {uid}")
        if row["state"] == "running":
            raise RecordsError(
                f"Session {uid} is not over; it can be exported when it has ended, or was closed "
                "by the next start of the program."
            )
        return _files(connection, database, row)


def _files(connection: Connection, database: Database, row: RowMapping) -> SessionFiles:
    uid, simulated = str(row["uid"]), row["simulated"] == 1
    word = mark(simulated)
    chain = _chain(connection, database, uid)
    begun = next((one for one in chain if one["action"] == "session.begin"), None)
    said: dict[str, Any] = {} if begun is None else json.loads(begun["detail"])
    if said.get("simulated") not in (0, 1) or bool(said["simulated"]) != simulated:
        raise RecordsError(
            f"Session {uid} is not exported: its row and the audit chain do not agree whether it "
            "was simulated. Verify the record."
        )
    ended = next((one for one in chain if one["action"] == "session.end"), None)
    wrong = "the audit chain has no end of it"
    if begun is not None and ended is not None:
        entry = json.loads(ended["detail"])
        closed = ClosedSession(uid, database.console_uid, begun["seq"], said, entry)
        wrong = altered(connection, closed)
    if wrong:
        raise RecordsError(f"Session {uid} is not exported: {wrong}. Verify the record.")
    header: dict[str, object] = {
        MARK: word,
        "format": "tms-session-export-1",
        **{name: row[name] for name in (*BEGIN_COLUMNS, *END_COLUMNS) if name != "simulated"},
        **{name: said.get(name) for name in BEGIN_PEOPLE},
        "outcomes": _counts(connection, row["id"], "outcome"),
        "evidence": _counts(connection, row["id"], "evidence"),
    }
    events = connection.execute(
        select(*(EVENT.c[name] for name in _EVENT))
        .where(EVENT.c.session_id == row["id"])
        .order_by(EVENT.c.id)
    ).all()
    trains = connection.execute(
        select(*(TRAIN.c[name] for name in _TRAIN))
        .where(TRAIN.c.session_id == row["id"])
        .order_by(TRAIN.c.number)
    )
    pulses = connection.execute(
        select(PULSE.c.number, TRAIN.c.number, *(PULSE.c[name] for name in _PULSE))
        .outerjoin(TRAIN, TRAIN.c.id == PULSE.c.train_id)
        .where(PULSE.c.session_id == row["id"])
        .order_by(PULSE.c.number)
    )
    rows = [[one[name] for name in _AUDIT] for one in chain]
    made = {
        "session.json": json_bytes(header),
        "trains.csv": session_table(uid, simulated, _TRAIN, trains),
        "pulses.csv": session_table(uid, simulated, ("number", "train", *_PULSE), pulses),
        "events.csv": session_table(uid, simulated, _EVENT, events),
        "gate.json": json_bytes(_gate(word, uid, events)),
        "chain.csv": session_table(uid, simulated, _AUDIT, rows),
    }
    folder = f"session-{str(row['started_at'])[:10]}-{uid}"
    return SessionFiles(
        uid,
        simulated,
        f"{folder}-{SIMULATED}" if simulated else folder,
        header,
        {marked(name, simulated): content for name, content in made.items()},
    )


def _counts(connection: Connection, session: int, column: str) -> dict[str, int]:
    found = connection.execute(
        select(PULSE.c[column], func.count())
        .where(PULSE.c.session_id == session)
        .group_by(PULSE.c[column])
        .order_by(PULSE.c[column])
    )
    return {str(word): int(number) for word, number in found}


def _gate(word: str, uid: str, events: Any) -> dict[str, object]:
    """Return what the gate answered, its JSON taken apart where it is such."""
    answers = []
    for at_ns, kind, detail in events:
        if kind != "gate":
            continue
        what, _, rest = detail.partition(" ")
        try:
            content = json.loads(rest)
        except ValueError:
            what, content = "said", detail
        answers.append({"at_ns": at_ns, "what": what, "content": content})
    return {MARK: word, "session_uid": uid, "answers": answers}


def _chain(connection: Connection, database: Database, uid: str) -> list[RowMapping]:
    """Return the audit rows of the session and its trains, in order."""
    named = {"console": database.console_uid, "subject": f"session:{uid}"}
    ends = list(connection.execute(_ENDS, named).mappings())
    if not ends:
        return []
    first = min(one["seq"] for one in ends)
    last = max(one["seq"] for one in ends)
    between = (
        select(AUDIT)
        .where(
            AUDIT.c.console_uid == database.console_uid,
            AUDIT.c.seq.between(first, last),
            AUDIT.c.subject.startswith(f"train:{uid}/")
            | AUDIT.c.subject.startswith(f"pulse:{uid}/")
            | (AUDIT.c.subject == f"session:{uid}"),
        )
        .order_by(AUDIT.c.seq)
    )
    return list(connection.execute(between).mappings())
