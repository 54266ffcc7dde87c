"""Checks of records and credentials against what the audit chain says of them.

What a record means, and whether who signed it might, is checked by the accounts.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, Row, select

from tms_console.records.chain_checks import Claims
from tms_console.records.clinical import RecordKind, check_content, content_digest, content_of
from tms_console.records.clinical_tables import CREDENTIAL, RECORDS
from tms_console.records.findings import Finding, shown
from tms_console.records.storing import credential_detail


def has_records(connection: Connection) -> bool:
    """Return True for a file of schema 2 or later; schema 1 knew sessions only."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one()) >= 2  # noqa: PLR2004


def check_records(connection: Connection, claims: Claims, found: list[Finding]) -> int:
    """Compare every record with its audit row, name what differs, and return how many there are."""
    if not has_records(connection):
        return 0
    seen: set[str] = set()
    for kind in RecordKind:
        expected, before = 1, 0  # rows are never deleted, so their ids have no gaps
        for row in connection.execute(select(RECORDS[kind]).order_by(RECORDS[kind].c.id)):
            seen.add(kind.subject(row.uid))
            wrong = _wrong(kind, row, claims)
            if row.id != expected or not _follows(before, row.seq):
                wrong.append(f"its id is {shown(row.id)}, which is not where it was entered")
            expected, before = row.id + 1, row.seq
            found += [Finding(f"{kind} {shown(row.uid)[1:-1]}", sentence) for sentence in wrong]
    for subject in sorted(claims.records.keys() - seen):
        kind_, _, uid = subject.partition(":")
        found.append(Finding(f"{kind_} {uid}", "it was entered and is not there"))
    _check_credentials(connection, claims, found)
    return len(seen)


def _wrong(kind: RecordKind, row: Row[Any], claims: Claims) -> list[str]:
    """Return what is wrong with a record."""
    entered = claims.records.get(kind.subject(row.uid))
    if entered is None:
        return ["it was never entered"]
    seq, actor, detail = entered
    wrong = []
    if not isinstance(row.content, str) or content_digest(row.content) != detail.get("digest"):
        wrong.append("its content is not what was entered")
    for name, value in (("seq", seq), ("actor", actor), ("at", detail.get("at"))):
        if getattr(row, name) != value:
            wrong.append(f"{name} is {shown(getattr(row, name))} and was entered as {shown(value)}")
    if kind.signed and row.signature != detail.get("signature"):
        wrong.append("its signature is not the one that was entered")
    try:
        check_content(kind, row.uid, row.content)
        if kind is RecordKind.ATTACHMENT:
            stated = content_of(row.content).get("sha256")
            if hashlib.sha256(row.data).hexdigest() != stated:
                wrong.append("its bytes are not those that were entered")
    except (ValueError, TypeError) as error:  # also of bytes and numbers, without STRICT
        wrong.append(f"it holds what no record can hold: {shown(str(error))}")
    return wrong


def _follows(before: object, seq: object) -> bool:
    """Return True if a row's place in the chain is after that of the row before it."""
    return isinstance(before, int) and isinstance(seq, int) and before < seq


def _check_credentials(connection: Connection, claims: Claims, found: list[Finding]) -> None:
    seen: set[str] = set()
    for row in connection.execute(select(CREDENTIAL)).mappings():
        uid = row["user_uid"]
        seen.add(uid)
        entered = claims.credentials.get(uid)
        name = f"credential of user {shown(uid)[1:-1]}"
        if entered is None:
            found.append(Finding(name, "it was never entered"))
            continue
        try:
            same = credential_detail(dict(row)) == entered
        except ValueError:
            same = False
        if not same:
            found.append(Finding(name, "it is not what was entered"))
    for uid in sorted(claims.credentials.keys() - seen):
        found.append(Finding(f"credential of user {uid}", "it was entered and is not there"))
