"""What of a database this console can believe, and on which grounds.

The kept head says where the chain ends; the newest seal, signed by the console, says that all of
the registry up to it is what the console saw; the links say it of the rows since.  Records are
given out only if they are exactly what their audit row entered.  One thing that does not fit
refuses the whole.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from tms_console.accounts.anchor import PublicAnchor
from tms_console.accounts.book import Book, read_book
from tms_console.accounts.errors import BadStatement, NotTrusted
from tms_console.accounts.signatures import SESSION, Meaning, Signed, read_signature
from tms_console.accounts.statements import text_of
from tms_console.accounts.vouching import (
    Vouched,
    is_where_it_was_left,
    read_head,
    remembered,
    require_credentials,
    vouched_chain,
)
from tms_console.records.canonical import Json, canonical_text, digest
from tms_console.records.clinical import RECORD_ADD, RecordKind, StoredRecord
from tms_console.records.database import Database, Purpose
from tms_console.records.heads import ChainHead, KeptHeads
from tms_console.records.registry import RegistryRow, same_as_entered
from tms_console.records.rereading import records_of

MOST_TRIES = 20
"""How often a state is looked for while others write several times between two looks."""


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
        demonstration: Its first audit row says that it is a demonstration: nobody in it is real,
            no real stimulator is armed with it, and simulated sessions count for its courses.
    """

    def __init__(
        self,
        connection: Connection,
        anchor: PublicAnchor,
        vouched: Vouched,
        *,
        demonstration: bool = False,
    ) -> None:
        self._connection = connection
        self.demonstration = demonstration
        self.head = vouched.head
        self.newest_at = vouched.newest_at
        self.sealed_seq = vouched.sealed_seq
        self._entered = _entered(vouched.rows)
        self._kinds: dict[RecordKind, dict[str, StoredRecord]] = {}
        self._found: dict[tuple[RecordKind, str], dict[_Key, list[StoredRecord]]] = {}
        self._signed: dict[str, Signed | None] = {}
        self.sessions = _sessions(vouched.rows)
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
            members: Values that members of their contents must have; None also for no such member.

        Raises:
            NotTrusted: A record is not what was entered, is gone, or was never entered.
        """
        if not members:
            return tuple(self._load(kind).values())
        (name, value), *others = members.items()
        return tuple(
            one
            for one in self._by(kind, name).get(_key(value), ())
            if all(_key(one.member(other)) == _key(wanted) for other, wanted in others)
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

    def _by(self, kind: RecordKind, name: str) -> dict[_Key, list[StoredRecord]]:
        """Return the records of a kind by a member, read once: screens ask for each patient."""
        if (kind, name) not in self._found:
            found: dict[_Key, list[StoredRecord]] = defaultdict(list)
            for one in self._load(kind).values():
                found[_key(one.member(name))].append(one)
            self._found[kind, name] = dict(found)
        return self._found[kind, name]

    def _compared(self, kind: RecordKind) -> dict[str, StoredRecord]:
        entered, records = self._entered[kind.value], {}
        for record in records_of(self._connection, kind):
            row = entered.get(record.uid)
            if row is None:
                raise NotTrusted("inserted", f"{kind} {record.uid} was never entered.")
            if not same_as_entered(record, row):
                raise NotTrusted("changed", f"{kind} {record.uid} is not what was entered.")
            records[record.uid] = record
        if gone := entered.keys() - records.keys():
            raise NotTrusted("deleted", f"{kind} {min(gone)} was entered and is not there.")
        return records


@contextlib.contextmanager
def trusting(database: Database, anchor: PublicAnchor) -> Iterator[Trusted]:
    """Give one state of a database, checked; short, for its connection is held open.

    Raises:
        NotTrusted: It is not, or not whole, what this console wrote; the sentence names what.
        DatabaseUnusable: It cannot be read.
    """
    _require_anchored(database, anchor)
    for _ in range(MOST_TRIES):
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(database.reading())
            kept = remembered(database.uid)
            head = read_head(connection, database.uid, anchor.console_uid)  # one state from here on
            if not is_where_it_was_left(head, kept):
                before, kept = kept, remembered(database.uid)
                if kept != before and not is_where_it_was_left(head, kept):
                    continue  # others wrote more than once between the two looks
            yield read_trusted(connection, database, anchor, kept, head)
            return
    raise NotTrusted("busy", "The record is being written all the time; try again.")


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
    _require_anchored(database, anchor)
    head = head or read_head(connection, anchor.database_uid, anchor.console_uid)
    vouched = vouched_chain(connection, anchor, kept, head)
    require_credentials(connection, vouched.rows)
    demonstration = database.purpose is Purpose.DEMO
    return Trusted(connection, anchor, vouched, demonstration=demonstration)


def _require_anchored(database: Database, anchor: PublicAnchor) -> None:
    if (database.uid, database.console_uid) != (anchor.database_uid, anchor.console_uid):
        raise NotTrusted(
            "foreign", "This is not the database that this console keeps an anchor of."
        )
    if database.purpose.value != anchor.purpose:
        raise NotTrusted(
            "purpose",
            f"This database says that it is a {database.purpose} database, and was made as a "
            f"{anchor.purpose} one.",
        )


_Key = tuple[type, object]


def _key(value: Json) -> _Key:
    """Return what records are found by; true is not 1."""
    plain = value is None or isinstance(value, str | int)
    return (type(value), value if plain else canonical_text(value))


def _entered(rows: tuple[RegistryRow, ...]) -> dict[str, dict[str, RegistryRow]]:
    """Return the audit row of every record by kind and uid."""
    entered: dict[str, dict[str, RegistryRow]] = defaultdict(dict)
    for row in rows:
        if row.action == RECORD_ADD:
            kind, _, uid = row.subject.partition(":")
            if uid in entered[kind]:
                raise NotTrusted("rewritten", f"Audit row {row.seq}: {row.subject} was there.")
            entered[kind][uid] = row
    return entered


def _sessions(rows: tuple[RegistryRow, ...]) -> dict[str, OldSession]:
    """Return what the chain says of every session; each begins once and ends once at most.

    Raises:
        NotTrusted: One began or ended twice: its rows were edited, and then closed once more.
    """
    found: dict[str, OldSession] = {}
    for row in rows:
        uid = row.subject.partition(":")[2]
        before = found.get(uid)
        if row.action == "session.begin":
            if before is not None:
                raise NotTrusted("reopened", f"Session {uid} began twice.")
            found[uid] = OldSession(uid, row.seq, row.detail, None)
        elif row.action == "session.end":
            if before is None or before.ended is not None:
                raise NotTrusted("reopened", f"Session {uid} ended twice, or never began.")
            found[uid] = OldSession(uid, before.seq, before.begun, row.detail)
    return found
