"""Checks of the audit chain itself, and what its sound rows say about all the others.

A row that does not match its own hash is named and says nothing; comparing what the others say
with the tables is `row_checks`' affair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import Connection, RowMapping, select

from tms_console.records.audit import genesis_hash, row_hash
from tms_console.records.canonical import Json
from tms_console.records.digests import BEGIN_COLUMNS, END_COLUMNS, PULSE_COLUMNS
from tms_console.records.findings import Finding, shown
from tms_console.records.heads import KeptHeads
from tms_console.records.stated import STATEMENTS, Stated
from tms_console.records.tables import AUDIT

Detail: TypeAlias = Mapping[str, Json]
EventValues: TypeAlias = tuple[Json, Json, Json, Json]
"""Session uid, at_ns, kind, detail."""


_SEALED = {
    name for what in ("trains", "pulses", "events", "frames") for name in (what, f"{what}_digest")
}
_MEMBERS: Mapping[str, set[str]] = {
    "session.begin": set(BEGIN_COLUMNS),
    "session.end": set(END_COLUMNS) | _SEALED,
    "train.begin": {"block", "intensity_pct_mso", "planned_start_ns", "first_pulse", "pulses"},
    "train.end": {"started_ns", "ended_ns", "outcome", "digest", "pulses"},
    "train.pulses": {"begun_to"},
    "pulses.not_given": {"numbers"},
    "pulse.unplanned": {*PULSE_COLUMNS, "train"},
    "event.add": {"session", "at_ns", "kind", "detail"},
    "record.add": {"at", "digest"},
    "credential.set": {"public_key", "must_change", "set_at", "digest"},
}
"""What the rows of each action state at least; the other checks rely on it."""


@dataclass(slots=True)
class Claims:
    """What the sound rows of the chain say is on record, in the order they said it.

    Attributes:
        database_uid: From the first row, "" if that does not say.
        sessions: By uid, how each began.
        endings: By uid, the closing entry of each that ended.
        trains: By session uid and number, how each began.
        train_ends: By session uid and number, how each was sealed.
        events: Uid of each event and its values.
        unplanned: By session uid and number, each pulse that nobody commanded.
        stated: By session uid, what was stated of its pulses while its trains were open.
        records: By subject, in the order they were entered, seq, actor and detail of each record.
        credentials: By user uid, the newest detail of each credential.
        rows: How many rows the chain has, sound or not.
        heads: By console uid, the last row.
        hashes: By console uid and seq, the hash each row carries.
    """

    database_uid: str = ""
    sessions: dict[str, Detail] = field(default_factory=dict)
    endings: dict[str, Detail] = field(default_factory=dict)
    trains: dict[tuple[str, int], Detail] = field(default_factory=dict)
    train_ends: dict[tuple[str, int], Detail] = field(default_factory=dict)
    events: list[tuple[str, EventValues]] = field(default_factory=list)
    unplanned: dict[tuple[str, int], Detail] = field(default_factory=dict)
    stated: dict[str, Stated] = field(default_factory=dict)
    records: dict[str, tuple[int, str, Detail]] = field(default_factory=dict)
    credentials: dict[str, Detail] = field(default_factory=dict)
    rows: int = 0
    heads: dict[str, int] = field(default_factory=dict)
    hashes: dict[tuple[str, int], str] = field(default_factory=dict)


def check_chain(connection: Connection, found: list[Finding]) -> Claims:
    """Read the whole chain, add what is wrong with it to `found`, and return what it says."""
    claims = Claims()
    before: RowMapping | None = None
    before_is_sound = False
    for row in connection.execute(
        select(AUDIT).order_by(AUDIT.c.console_uid, AUDIT.c.seq)
    ).mappings():
        if before is not None and before["console_uid"] != row["console_uid"]:
            before = None
        sound = _is_sound(row)
        if not sound:
            found.append(Finding(_name(row), "its content is not what its hash was made of"))
        _check_link(row, before, sound and (before is None or before_is_sound), found)
        claims.rows += 1
        claims.heads[row["console_uid"]] = row["seq"]
        claims.hashes[row["console_uid"], row["seq"]] = row["hash"]
        if sound:
            _take(claims, row, found)
        before, before_is_sound = row, sound
    return claims


def check_head(claims: Claims, kept: KeptHeads | None, found: list[Finding]) -> None:
    """Compare the chain with its head as it was last kept outside the file."""
    if kept is None:
        return
    head = kept.after
    newest = claims.heads.get(head.console_uid, 0)
    if kept.before is not None and newest == kept.before.seq:
        head = kept.before  # the transaction after it was never committed
    if newest < head.seq:
        found.append(
            Finding(
                f"audit row {newest + 1}",
                f"the chain was cut: it ends at row {newest}, and row {head.seq} is known to have "
                "been written",
            )
        )
    elif claims.hashes.get((head.console_uid, head.seq)) != head.hash:
        found.append(
            Finding(
                f"audit row {head.seq}",
                "its hash is not the one that was kept outside the file: the chain was rewritten",
            )
        )
    elif kept.exact and newest > head.seq:
        found.append(
            Finding(
                f"audit row {head.seq + 1}",
                f"this console wrote up to row {head.seq}; the rows after it are not its own",
            )
        )


def _name(row: RowMapping) -> str:
    return f"audit row {row['seq']}"


def _is_sound(row: RowMapping) -> bool:
    try:
        return bool(row_hash(dict(row)) == row["hash"])
    except ValueError:
        return False


def _check_link(
    row: RowMapping, before: RowMapping | None, sound: bool, found: list[Finding]
) -> None:
    expected = 1 if before is None else before["seq"] + 1
    if row["seq"] != expected:
        gap = f"audit row {expected}"
        if row["seq"] - 1 > expected:
            gap += f" to {row['seq'] - 1}"
        found.append(Finding(gap, f"missing from the chain of console {row['console_uid']}"))
        return
    previous = genesis_hash(row["console_uid"]) if before is None else before["hash"]
    if sound and row["previous_hash"] != previous:
        found.append(
            Finding(_name(row), "it does not follow from the row before it: one was replaced")
        )


def _take(claims: Claims, row: RowMapping, found: list[Finding]) -> None:
    """Note what a sound row says; whoever can compute a hash can also write nonsense."""
    try:
        detail = json.loads(row["detail"])
        said = detail.keys() >= _MEMBERS.get(row["action"], set())
        if said:
            _note(claims, row, detail, found)
    except (ValueError, TypeError, AttributeError, RecursionError):
        said = False
    if not said:
        found.append(Finding(_name(row), "it does not say what such a row says"))


def _note(claims: Claims, row: RowMapping, detail: dict[str, Json], found: list[Finding]) -> None:
    subject: str = row["subject"]
    kind, _, name = subject.partition(":")
    uid, _, number = name.partition("/")
    if row["action"] in STATEMENTS:
        claims.stated.setdefault(uid, Stated()).take(uid, row["action"], subject, detail)
    match row["action"]:
        case "database.create" if kind == "database":
            claims.database_uid = claims.database_uid or uid
        case "session.begin":
            _require_first(row, uid in claims.sessions, "began", found)
            claims.sessions[uid] = detail
        case "session.end":
            _require_first(row, uid in claims.endings, "ended", found)
            claims.endings[uid] = detail
        case "train.begin":
            claims.trains[uid, int(number)] = detail
        case "train.end":
            claims.train_ends[uid, int(number)] = detail
        case "pulse.unplanned":
            claims.unplanned[uid, int(number)] = detail
        case "event.add":
            values = (detail["session"], detail["at_ns"], detail["kind"], detail["detail"])
            claims.events.append((uid, values))
        case "record.add":
            if subject in claims.records:
                found.append(Finding(_name(row), f"{shown(subject)} was entered before"))
            claims.records[subject] = (row["seq"], row["actor"], detail)
        case "credential.set":
            claims.credentials[uid] = detail


def _require_first(row: RowMapping, before: bool, what: str, found: list[Finding]) -> None:
    """Add it to `found` if a session begins or ends a second time."""
    if before:
        found.append(Finding(_name(row), f"{shown(row['subject'])} {what} before"))
