"""The attacker: somebody with the file, its key and any SQLite tool, but without the console's key.

`tampering` gives a hand on which no rule of the file holds; afterwards the rules are back as they
were, so that an altered schema is not what gives the attack away.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tms_console.accounts.keys import PrivateKey
from tms_console.records.audit import genesis_hash, row_hash
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import RecordKind, content_digest
from tms_console.records.connections import raw_connection
from tms_console.records.heads import ChainHead, keep_head, state_folder
from tms_console.records.private_files import configuration_folder
from tms_console.records.registry import REGISTRY_ACTIONS, empty_fold
from tms_console.records.values import new_uid

AT = "2026-03-01T09:00:00.000000Z"

_RECORD_TABLES = tuple(kind.value for kind in RecordKind)
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Forged:
    """A record that the attacker made."""

    kind: RecordKind
    uid: str
    seq: int


class Hand:
    """What a skilled attacker does to a file."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.console_uid: str = self.rows("SELECT console_uid FROM audit WHERE seq = 1")[0][0]
        self.database_uid: str = self.rows("SELECT subject FROM audit WHERE seq = 1")[0][0][9:]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.connection.execute(query, values)]

    def execute(self, statement: str, *values: object) -> None:
        """Change something, and see that something was changed."""
        assert self.connection.execute(statement, values).rowcount != 0, statement

    def newest(self) -> int:
        """Return the number of the newest audit row."""
        found = self.rows("SELECT max(seq) FROM audit WHERE console_uid = ?", self.console_uid)
        return int(found[0][0])

    def content(self, kind: RecordKind, uid: str) -> dict[str, Json]:
        found = self.rows(f"SELECT content FROM {kind} WHERE uid = ?", uid)
        return dict(json.loads(found[0][0]))

    def edit(self, kind: RecordKind, uid: str, **members: Json) -> None:
        """Change members of a record's content, and nothing else."""
        text = canonical_text(self.content(kind, uid) | members)
        self.execute(f"UPDATE {kind} SET content = ? WHERE uid = ?", text, uid)

    def sign(self, kind: RecordKind, uid: str, key: PrivateKey) -> None:
        """Sign a record's content with some key."""
        text = self.rows(f"SELECT content FROM {kind} WHERE uid = ?", uid)[0][0]
        self.execute(f"UPDATE {kind} SET signature = ? WHERE uid = ?", key.sign(text.encode()), uid)

    def enter_as_it_is(self, kind: RecordKind, uid: str) -> None:
        """Make the audit row of a record state what the record says now; hashes come later."""
        signed = "signature" if kind.signed else "NULL"
        content, at, actor, seq, signature = self.rows(
            f"SELECT content, at, actor, seq, {signed} FROM {kind} WHERE uid = ?", uid
        )[0]
        self._set_row(seq, _detail(content, at, signature), actor)

    def forge(
        self,
        kind: RecordKind,
        members: Mapping[str, Json],
        key: PrivateKey | None = None,
        *,
        actor: str = "console",
        data: bytes | None = None,
    ) -> Forged:
        """Add a record with its audit row at the end of the chain; hashes are right."""
        uid = str(members.get("uid") or new_uid())
        text = canonical_text({"tag": kind.tag, "uid": uid, **members})
        signature = None
        if kind.signed:
            signature = "0" * 128 if key is None else key.sign(text.encode())
        seq = self.append(
            "record.add", kind.subject(uid), _detail(text, AT, signature), actor=actor
        )
        row: dict[str, object] = {"uid": uid, "seq": seq, "at": AT, "actor": actor, "content": text}
        row |= {} if signature is None else {"signature": signature}
        row |= {} if data is None else {"data": data}
        marks = ", ".join("?" * len(row))
        self.execute(f"INSERT INTO {kind} ({', '.join(row)}) VALUES ({marks})", *row.values())
        return Forged(kind, uid, seq)

    def append(
        self, action: str, subject: str, detail: Mapping[str, Json], *, actor: str = "console"
    ) -> int:
        """Add an audit row whose hash is right, and return its number."""
        previous = self.rows(
            "SELECT seq, hash FROM audit WHERE console_uid = ? ORDER BY seq DESC LIMIT 1",
            self.console_uid,
        )[0]
        row: dict[str, Any] = {
            "seq": previous[0] + 1,
            "console_uid": self.console_uid,
            "at": AT,
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": canonical_text(detail),
            "previous_hash": previous[1],
        }
        row["hash"] = row_hash(row)
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self.execute(f"INSERT INTO audit ({names}) VALUES ({marks})", *row.values())
        return int(row["seq"])

    def delete_record(self, kind: RecordKind, uid: str) -> None:
        self.execute(f"DELETE FROM {kind} WHERE uid = ?", uid)

    def delete_entry(self, seq: int) -> None:
        """Remove one audit row and close the gap, as if it had never been written."""
        self.execute("DELETE FROM audit WHERE console_uid = ? AND seq = ?", self.console_uid, seq)
        for (later,) in self.rows("SELECT seq FROM audit WHERE seq > ? ORDER BY seq", seq):
            self.execute("UPDATE audit SET seq = seq - 1 WHERE seq = ?", later)
            for table in _RECORD_TABLES:
                self.connection.execute(f"UPDATE {table} SET seq = seq - 1 WHERE seq = ?", (later,))
        self.rehash()

    def cut(self, above: int) -> None:
        """Cut off the newest rows with the records that they entered."""
        self.execute("DELETE FROM audit WHERE seq > ?", above)
        for table in _RECORD_TABLES:
            self.connection.execute(f"DELETE FROM {table} WHERE seq > ?", (above,))

    def rehash(self, since: int = 1) -> ChainHead:
        """Compute every hash of the chain anew from a row on, and return its head."""
        previous = genesis_hash(self.console_uid)
        if since > 1:
            previous = self.rows("SELECT hash FROM audit WHERE seq = ?", since - 1)[0][0]
        cursor = self.connection.execute(
            "SELECT * FROM audit WHERE console_uid = ? AND seq >= ? ORDER BY seq",
            (self.console_uid, since),
        )
        names = [column[0] for column in cursor.description]
        for values in cursor.fetchall():
            row = dict(zip(names, values, strict=True)) | {"previous_hash": previous}
            hash_ = row_hash(row)
            self.connection.execute(
                "UPDATE audit SET previous_hash = ?, hash = ? WHERE console_uid = ? AND seq = ?",
                (previous, hash_, self.console_uid, row["seq"]),
            )
            previous = hash_
        return ChainHead(self.database_uid, self.console_uid, self.newest(), previous)

    def seal_as_it_is(self, key: PrivateKey) -> Forged:
        """Add a seal over everything as it is now, right in all but the key."""
        head = self.rehash()
        digest_, rows = _fold(self)
        return self.forge(
            RecordKind.SEAL,
            {
                "database_uid": self.database_uid,
                "console_uid": self.console_uid,
                "sealed_seq": head.seq,
                "sealed_hash": head.hash,
                "registry_rows": rows,
                "registry_digest": digest_,
                "why": "a signature",
                "at": AT,
            },
            key,
        )

    def remember(self) -> None:
        """Also change what this console remembers of the head: the state folder is open to all."""
        seq, hash_ = self.rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
        head = ChainHead(self.database_uid, self.console_uid, seq, hash_)
        keep_head(head, head)

    def _set_row(self, seq: int, detail: Mapping[str, Json], actor: str) -> None:
        self.execute(
            "UPDATE audit SET detail = ?, actor = ? WHERE console_uid = ? AND seq = ?",
            canonical_text(detail),
            actor,
            self.console_uid,
            seq,
        )


@contextmanager
def tampering(path: Path) -> Iterator[Hand]:
    """Give a hand on a file on which no rule of ours holds; the rules are back afterwards."""
    connection = raw_connection(path)
    connection.isolation_level = None
    try:
        for pragma in ("ignore_check_constraints = ON", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield Hand(connection)
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()


def copy_of(path: Path) -> bytes:
    """Return a whole copy of a file that nobody has open."""
    connection = raw_connection(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    return path.read_bytes()


def put_in_place(path: Path, copy: bytes) -> None:
    """Put another file in the place of a file."""
    for suffix in _BESIDE:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(copy)
    path.chmod(0o600)


@dataclass(frozen=True)
class Kept:
    """What a console keeps outside its databases, copied."""

    state: Path
    configuration: Path

    @classmethod
    def copied(cls, folder: Path) -> Kept:
        """Copy it as it is now."""
        kept = cls(folder / "kept state", folder / "kept configuration")
        shutil.copytree(state_folder(), kept.state)
        shutil.copytree(configuration_folder(), kept.configuration)
        return kept

    def put_back(self) -> None:
        """Make this test's folders as they were."""
        for there, folder in (
            (self.state, state_folder()),
            (self.configuration, configuration_folder()),
        ):
            shutil.copytree(there, folder, dirs_exist_ok=True, copy_function=shutil.copy2)
            for root, _, _ in os.walk(folder):
                Path(root).chmod(0o700)


def _detail(content: str, at: str, signature: str | None) -> dict[str, Json]:
    detail: dict[str, Json] = {"at": at, "digest": content_digest(content)}
    return detail if signature is None else detail | {"signature": signature}


def _fold(hand: Hand) -> tuple[str, int]:
    fold = empty_fold(hand.console_uid)
    for seq, action, hash_ in hand.rows("SELECT seq, action, hash FROM audit ORDER BY seq"):
        if action in REGISTRY_ACTIONS:
            fold = fold.add(seq, hash_)
    return fold.digest, fold.rows
