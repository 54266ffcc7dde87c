"""What of a database this console can believe, and on which grounds.

The kept head says where the chain ends; the newest seal, signed by the console, says that all of
the registry up to it is what the console saw; the links say it of the rows since.  Records are
given out only if they are exactly what their audit row entered.  One thing that does not fit
refuses the whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from tms_console.accounts.anchor import PublicAnchor
from tms_console.accounts.book import Book, read_book
from tms_console.accounts.errors import BadStatement, NotTrusted
from tms_console.accounts.signatures import SESSION, Meaning, Signed, read_signature
from tms_console.accounts.statements import require_signed, text_of
from tms_console.records.audit import row_hash
from tms_console.records.canonical import Json, digest
from tms_console.records.clinical import RECORD_ADD, RecordKind, StoredRecord, check_content
from tms_console.records.database import Database
from tms_console.records.heads import ChainHead, KeptHeads, kept_heads
from tms_console.records.registry import (
    RegistryRow,
    empty_fold,
    registry_rows,
    stored_records,
)
from tms_console.records.tables import AUDIT

MOST_TRIES = 20
"""How often a state is looked for that nobody writes meanwhile; a write takes milliseconds."""


@dataclass(frozen=True, slots=True)
class OldSession:
    """A session as the chain states it.

    Attributes:
        uid: The session.
        seq: Where it began in the chain.
        begun: What its first row states.
        ended: What its closing entry states, None if it has none.
    """

    uid: str
    seq: int
    begun: dict[str, Json]
    ended: dict[str, Json] | None

    @property
    def closing_digest(self) -> str:
        """Digest of the closing entry, which a signature under the session names; "" if open."""
        return "" if self.ended is None else digest({"tag": "tms-closing-1", "entry": self.ended})


class Trusted:
    """One state of a database of this console, every part of it accounted for.

    Attributes:
        head: Where the chain ends.
        newest_at: Wall time of the newest audit row.
        sealed_seq: Up to where the console has signed.
    """

    def __init__(
        self,
        connection: Connection,
        anchor: PublicAnchor,
        rows: list[RegistryRow],
        tail: tuple[ChainHead, str, int],
    ) -> None:
        self._connection = connection
        self._entered = {row.subject: row for row in rows if row.action == RECORD_ADD}
        self._rows = rows
        self.head, self.newest_at, self.sealed_seq = tail
        self._kinds: dict[RecordKind, dict[str, StoredRecord]] = {}
        self._signed: dict[str, Signed | None] = {}
        self.sessions = _sessions(rows)
        self.book: Book = read_book(
            anchor.first_administrator_key,
            self.records(RecordKind.USER),
            (
                *self.records(RecordKind.ENROLMENT),
                *self.records(RecordKind.ENROLMENT_END),
                *self.records(RecordKind.KEY_CONFIRMATION),
            ),
        )

    def records(self, kind: RecordKind, **members: Json) -> tuple[StoredRecord, ...]:
        """Return the records of a kind, in order of the chain.

        Args:
            kind: Which.
            members: Values that members of their contents must have.

        Raises:
            NotTrusted: A record is not what was entered, is gone, or was never entered.
        """
        found = self._load(kind).values()
        if not members:
            return tuple(found)
        return tuple(
            one
            for one in found
            if all(one.values.get(name) == value for name, value in members.items())
        )

    def record(self, kind: RecordKind, uid: str) -> StoredRecord | None:
        """Return one record, None if there is none of that uid.

        Raises:
            NotTrusted: As for `records`.
        """
        return self._load(kind).get(uid)

    def signatures(self, subject_uid: str) -> tuple[Signed, ...]:
        """Return the signatures on something that hold, in order of the chain."""
        found = (
            self.signature(one)
            for one in self.records(RecordKind.SIGNATURE, subject_uid=subject_uid)
        )
        return tuple(one for one in found if one is not None)

    def signed(self, meaning: Meaning) -> tuple[Signed, ...]:
        """Return the signatures of a meaning that hold, in order of the chain."""
        found = (
            self.signature(one) for one in self.records(RecordKind.SIGNATURE, meaning=meaning.value)
        )
        return tuple(one for one in found if one is not None)

    def signature(self, record: StoredRecord) -> Signed | None:
        """Return what a signature says, None if it does not hold."""
        if record.uid not in self._signed:
            try:
                self._signed[record.uid] = self.require_signature(record)
            except (BadStatement, ValueError):
                self._signed[record.uid] = None
        return self._signed[record.uid]

    def require_signature(self, record: StoredRecord) -> Signed:
        """Return what a signature says.

        Raises:
            BadStatement: It does not hold.
            ValueError: It says something that no signature says.
        """
        kind, uid = text_of(record, "subject_kind"), text_of(record, "subject_uid")
        if kind == SESSION:
            session = self.sessions.get(uid)
            closing = "" if session is None else session.closing_digest
            return read_signature(record, self.book, None, session_digest=closing)
        return read_signature(record, self.book, self.record(RecordKind(kind), uid))

    def _load(self, kind: RecordKind) -> dict[str, StoredRecord]:
        if kind not in self._kinds:
            self._kinds[kind] = self._compared(kind)
        return self._kinds[kind]

    def _compared(self, kind: RecordKind) -> dict[str, StoredRecord]:
        records = {}
        for record in stored_records(self._connection, kind):
            entered = self._entered.get(kind.subject(record.uid))
            if entered is None:
                raise NotTrusted("inserted", f"{kind} {record.uid} was never entered.")
            if not _same(record, entered):
                raise NotTrusted("changed", f"{kind} {record.uid} is not what was entered.")
            records[record.uid] = record
        wanted = {
            subject.partition(":")[2]
            for subject in self._entered
            if subject.partition(":")[0] == kind.value
        }
        if gone := wanted - records.keys():
            raise NotTrusted("deleted", f"{kind} {min(gone)} was entered and is not there.")
        return records


@contextlib.contextmanager
def trusting(database: Database, anchor: PublicAnchor) -> Iterator[Trusted]:
    """Give one state of a database, checked; short, for its connection is held open.

    Raises:
        NotTrusted: It is not, or not whole, what this console wrote; the sentence names what.
        DatabaseUnusable: It cannot be read.
        RecordsError: What is kept of its chain cannot be read.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_TRIES):
            kept = kept_heads(database.uid)
            connection = stack.enter_context(database.reading())
            head = _head(connection, database.console_uid)  # from here on, one state of the file
            if kept_heads(database.uid) == kept:
                break
            stack.pop_all().close()  # somebody wrote meanwhile
        else:
            raise NotTrusted("busy", "The record is being written all the time; try again.")
        yield read_trusted(connection, database, anchor, kept, head)


def read_trusted(
    connection: Connection,
    database: Database,
    anchor: PublicAnchor,
    kept: KeptHeads | None,
    head: ChainHead | None = None,
) -> Trusted:
    """Check one state of a database.

    Args:
        connection: Inside one read transaction.
        database: What it leads to.
        anchor: What this console keeps of it.
        kept: The heads kept outside while the transaction began.
        head: Where the chain ends in it, if that was read already.

    Raises:
        NotTrusted: As for `trusting`.
    """
    if (database.uid, database.console_uid) != (anchor.database_uid, anchor.console_uid):
        raise NotTrusted(
            "foreign", "This is not the database that this console keeps an anchor of."
        )
    head = head or _head(connection, anchor.console_uid)
    _require_kept(connection, head, kept)
    seal = _newest_seal(connection, anchor)
    newest_at = _require_links(connection, anchor, seal, head)
    rows = _require_registry(connection, anchor, seal)
    return Trusted(connection, anchor, rows, (head, newest_at, _number(seal, "sealed_seq")))


def _head(connection: Connection, console_uid: str) -> ChainHead:
    last = connection.execute(
        select(AUDIT.c.seq, AUDIT.c.hash)
        .where(AUDIT.c.console_uid == console_uid)
        .order_by(AUDIT.c.seq.desc())
        .limit(1)
    ).first()
    if last is None:
        raise NotTrusted("cut", "The audit chain of this console is gone.")
    return ChainHead("", console_uid, last.seq, last.hash)


def _require_kept(connection: Connection, head: ChainHead, kept: KeptHeads | None) -> None:
    """The chain must end where this console last wrote, at one of two rows after a crash."""
    if kept is None:
        raise NotTrusted(
            "unknown", "This console does not remember where the chain of this database ended."
        )
    if kept.before is None:
        raise NotTrusted("unknown", "What this console remembers of the chain is incomplete.")
    for known in (kept.after, kept.before):
        if (head.seq, head.hash) == (known.seq, known.hash):
            return
    if head.seq < kept.before.seq:
        raise NotTrusted(
            "cut",
            f"The record ends at audit row {head.seq}, and this console wrote row "
            f"{kept.before.seq}: it was cut, or an older copy was put back.",
        )
    hash_ = connection.execute(
        select(AUDIT.c.hash).where(
            AUDIT.c.console_uid == head.console_uid, AUDIT.c.seq == kept.before.seq
        )
    ).scalar()
    if hash_ != kept.before.hash:
        raise NotTrusted(
            "rewritten",
            f"Audit row {kept.before.seq} is not the one that this console wrote: the chain was "
            "rewritten.",
        )
    raise NotTrusted(
        "appended",
        f"The audit rows from {kept.before.seq + 1} on were not written by this console.",
    )


def _newest_seal(connection: Connection, anchor: PublicAnchor) -> StoredRecord:
    seals = stored_records(connection, RecordKind.SEAL)
    if not seals:
        raise NotTrusted("unsealed", "The console never signed this record.")
    seal = seals[-1]
    try:
        require_signed(seal, anchor.console_public_key)
        check_content(RecordKind.SEAL, seal.uid, seal.content)
        stated = (text_of(seal, "database_uid"), text_of(seal, "console_uid"))
    except (BadStatement, ValueError) as error:
        raise NotTrusted("seal", f"The console's newest seal does not hold: {error}") from error
    if stated != (anchor.database_uid, anchor.console_uid):
        raise NotTrusted("seal", "The console's newest seal is that of another database.")
    return seal


def _number(record: StoredRecord, name: str) -> int:
    value = record.values.get(name)
    if not isinstance(value, int):
        raise NotTrusted("seal", f"{record.kind} {record.uid}: {name} is {value!r}, not a number.")
    return value


def _require_links(
    connection: Connection, anchor: PublicAnchor, seal: StoredRecord, head: ChainHead
) -> str:
    """Verify the chain link by link from the row that was sealed; return the newest row's time."""
    sealed_seq = _number(seal, "sealed_seq")
    rows = connection.execute(
        select(AUDIT)
        .where(AUDIT.c.console_uid == anchor.console_uid, AUDIT.c.seq >= sealed_seq)
        .order_by(AUDIT.c.seq)
    ).mappings()
    expected, previous, newest = sealed_seq, "", ""
    for row in rows:
        try:
            sound = row_hash(dict(row)) == row["hash"]
        except ValueError:
            sound = False
        linked = (
            row["previous_hash"] == previous
            if previous
            else row["hash"] == seal.values.get("sealed_hash")
        )
        if not sound or not linked or row["seq"] != expected:
            raise NotTrusted("rewritten", f"Audit row {expected} is not what this console wrote.")
        expected, previous, newest = expected + 1, row["hash"], row["at"]
    if expected != head.seq + 1:
        raise NotTrusted("rewritten", f"Audit row {expected} is missing.")
    return newest


def _require_registry(
    connection: Connection, anchor: PublicAnchor, seal: StoredRecord
) -> list[RegistryRow]:
    """Return the registry, if up to the seal it is exactly what the console signed."""
    sealed_seq = _number(seal, "sealed_seq")
    fold, rows = empty_fold(anchor.console_uid), []
    for row in registry_rows(connection, anchor.console_uid):
        if not row.sound:
            raise NotTrusted("rewritten", f"Audit row {row.seq} is not what this console wrote.")
        if row.seq <= sealed_seq:
            fold = fold.add(row.seq, row.hash)
        rows.append(row)
    if (fold.rows, fold.digest) != (
        seal.values.get("registry_rows"),
        seal.values.get("registry_digest"),
    ):
        raise NotTrusted(
            "rewritten",
            f"The record up to audit row {sealed_seq} is not what this console signed: entries "
            "were removed, added or replaced.",
        )
    return rows


def _same(record: StoredRecord, entered: RegistryRow) -> bool:
    return (
        record.digest == entered.detail.get("digest")
        and record.seq == entered.seq
        and record.actor == entered.actor
        and record.at == entered.detail.get("at")
        and record.signature == entered.detail.get("signature")
    )


def _sessions(rows: list[RegistryRow]) -> dict[str, OldSession]:
    found: dict[str, OldSession] = {}
    for row in rows:
        uid = row.subject.partition(":")[2]
        if row.action == "session.begin":
            found[uid] = OldSession(uid, row.seq, row.detail, None)
        elif row.action == "session.end" and uid in found:
            begun = found[uid]
            found[uid] = OldSession(uid, begun.seq, begun.begun, row.detail)
    return found
