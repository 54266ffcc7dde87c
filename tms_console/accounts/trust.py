"""What of a database this console can believe, and on which grounds.

The kept head says where the chain ends; the newest seal, signed by the console, says that all of
the registry up to it is what the console saw; the links say it of the rows since.  Records are
given out only if they are exactly what their audit row entered.  One thing that does not fit
refuses the whole.  How a state is looked for in a database is `looking`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from sqlalchemy import Connection

from tms_console.accounts.anchor import PublicAnchor
from tms_console.accounts.book import Book, read_book
from tms_console.accounts.errors import BadStatement, NotTrusted
from tms_console.accounts.signatures import SESSION, Meaning, Signed, read_signature
from tms_console.accounts.statements import text_of
from tms_console.accounts.vouching import (
    Vouched,
    passwords_in,
    require_credentials,
    vouched_since,
)
from tms_console.records.canonical import Json, canonical_text, digest
from tms_console.records.clinical import RECORD_ADD, RecordKind, StoredRecord
from tms_console.records.heads import ChainHead, KeptHeads
from tms_console.records.registry import RegistryRow, records_after, same_as_entered
from tms_console.records.rereading import records_of

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class OldSession:
    """A session as the chain states it.

    Attributes:
        uid: The session.
        seq: Where it began in the chain.
        begun: What its first row states.
        ended: What its closing entry states, None if it has none.
        closed_at: Wall time of its closing entry, "" if it has none; if nobody saw the end, long
            after it perhaps, and never before it.
    """

    uid: str
    seq: int
    begun: dict[str, Json]
    ended: dict[str, Json] | None
    closed_at: str = ""

    @property
    def closing_digest(self) -> str:
        """Digest of the closing entry, which a signature under the session names; "" if open."""
        return "" if self.ended is None else digest({"tag": "tms-closing-1", "entry": self.ended})


class Trusted:
    """One state of a database of this console, every part of it accounted for.

    Attributes:
        book: Whose key is which.
        sessions: What the chain says of every session, by uid, in order of the chain.
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
        self._connection: Connection | None = connection
        self._anchor = anchor
        self.demonstration = demonstration
        self._vouched = replace(vouched, rows=())  # what of them is needed is kept below
        self._passwords = passwords_in(vouched.rows)
        require_credentials(connection, self._passwords)
        self._entered: _Entered = defaultdict(dict)
        _enter(self._entered, vouched.rows)
        self._kinds: dict[RecordKind, dict[str, StoredRecord]] = {}
        self._found: dict[tuple[RecordKind, str], dict[_Key, list[StoredRecord]]] = {}
        self._signed: dict[str, Signed | None] = {}
        self._worked_out: dict[object, object] = {}
        self._of_patients: dict[str, dict[object, object]] = {}
        self._carried: dict[object, object] = {}
        self.sessions: dict[str, OldSession] = {}
        _add_sessions(self.sessions, vouched.rows)
        self.book = self._read_book()

    @property
    def head(self) -> ChainHead:
        """Where the chain ends."""
        return self._vouched.head

    @property
    def newest_at(self) -> str:
        """Wall time of the newest audit row."""
        return self._vouched.newest_at

    @property
    def sealed_seq(self) -> int:
        """Up to where the console has signed."""
        return self._vouched.sealed_seq

    def follow(self, connection: Connection, kept: KeptHeads | None, head: ChainHead) -> None:
        """Go on to a later state of the same file, reading what came since and nothing else.

        What was read before is believed as it was read: a record or an audit row of before that
        somebody edits in the file from now on is not seen here (`followed`).

        Args:
            connection: Inside one read transaction, from now on asked in place of the one before.
            kept: The heads kept outside while the transaction began.
            head: Where the chain ends in it.

        Raises:
            NotTrusted: It does not go on from what was read; this object is of no use any more.
        """
        self._connection = connection
        vouched = vouched_since(connection, self._anchor, kept, head, self._vouched)
        self._vouched, rows = replace(vouched, rows=()), vouched.rows
        self._passwords |= passwords_in(rows)
        require_credentials(connection, self._passwords)
        _enter(self._entered, rows)
        _add_sessions(self.sessions, rows)
        for kind in self._kinds:
            self._load_since(kind)
        if not rows:
            return
        self._worked_out.clear()
        for row in rows:
            self._forget_patient(row)
        new = {row.subject.partition(":")[0] for row in rows if row.action == RECORD_ADD}
        if new & _BOOK_KINDS:
            self.book = self._read_book()
            self._signed.clear()
            self._of_patients.clear()
        # one that did not hold, of a session without an end, may hold now
        self._signed = {uid: one for uid, one in self._signed.items() if one is not None}

    def leave(self) -> None:
        """Give back the connection; until the next `follow` only what was read can be asked."""
        self._connection = None

    def worked_out(self, key: Hashable, work_out: Callable[[], _T]) -> _T:
        """Return something computed from this state of the record, once for every state.

        Args:
            key: What it is; whoever asks with the same key gets the same object, to look at.
            work_out: Computes it, from this object and nothing else.
        """
        if key not in self._worked_out:
            self._worked_out[key] = work_out()
        return cast("_T", self._worked_out[key])

    def of_patient(self, patient_uid: str, key: Hashable, work_out: Callable[[], _T]) -> _T:
        """Return something computed from one patient's records, and the book of enrolments.

        It is computed again after anything new of this patient: a record that names them, a
        signature on one, a session that was ordered for them.

        Args:
            patient_uid: Whose.
            key: What it is; whoever asks with the same key gets the same object, to look at.
            work_out: Computes it, from nothing else, and not from the time.
        """
        of_theirs = self._of_patients.setdefault(patient_uid, {})
        if key not in of_theirs:
            of_theirs[key] = work_out()
        return cast("_T", of_theirs[key])

    def carried(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return an object that goes on from state to state, and keeps up with them itself."""
        if key not in self._carried:
            self._carried[key] = make()
        return cast("_T", self._carried[key])

    def _forget_patient(self, row: RegistryRow) -> None:
        """Forget what was computed of the patient whom a new row concerns, or of everybody."""
        named, _, uid = row.subject.partition(":")
        patients: set[Json] = set()
        if row.action == RECORD_ADD:
            kind = next((one for one in self._kinds if one.value == named), None)
            if kind is None or kind is RecordKind.SEAL:
                return  # nothing was computed from it
            patients = {self._kinds[kind][uid].member("patient_uid")}
        elif row.action in ("session.begin", "session.end"):
            orders = self.records(RecordKind.START_ORDER, session_uid=uid)
            patients = {one.member("patient_uid") for one in orders} or {None}
        if None in patients:
            self._of_patients.clear()
        for one in patients:
            self._of_patients.pop(str(one), None)

    def values_of(self, kind: RecordKind, name: str) -> tuple[str, ...]:
        """Return the texts that a member of a kind's contents has, each once, in no order."""
        return tuple(value for _, value in self._by(kind, name) if isinstance(value, str))

    def _read_book(self) -> Book:
        return read_book(
            self._anchor.first_administrator_key,
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
                found[_key(one.values.get(name))].append(one)  # read and not kept: there are many
            self._found[kind, name] = dict(found)
        return self._found[kind, name]

    def _compared(self, kind: RecordKind) -> dict[str, StoredRecord]:
        entered = self._entered[kind.value]
        records = self._checked(kind, records_of(self._reading(), kind))
        if gone := entered.keys() - records.keys():
            raise NotTrusted("deleted", f"{kind} {min(gone)} was entered and is not there.")
        entered.update(dict.fromkeys(records))
        return records

    def _load_since(self, kind: RecordKind) -> None:
        """Add the records that came since the kind was read, and to what they are found by."""
        known, entered = self._kinds[kind], self._entered[kind.value]
        last = next(reversed(known.values())).seq if known else 0
        new = self._checked(kind, records_after(self._reading(), kind, last))
        known |= new
        if len(known) != len(entered):  # each that is known was entered
            gone = min(entered.keys() - known.keys())
            raise NotTrusted("deleted", f"{kind} {gone} was entered and is not there.")
        entered.update(dict.fromkeys(new))
        for (of, name), found in self._found.items():
            if of is kind:
                for one in new.values():
                    found.setdefault(_key(one.values.get(name)), []).append(one)

    def _checked(self, kind: RecordKind, found: Iterable[StoredRecord]) -> dict[str, StoredRecord]:
        entered, records = self._entered[kind.value], {}
        for record in found:
            row = entered.get(record.uid)
            if row is None:
                raise NotTrusted("inserted", f"{kind} {record.uid} was never entered.")
            if not same_as_entered(record, row):
                raise NotTrusted("changed", f"{kind} {record.uid} is not what was entered.")
            records[record.uid] = record
        return records

    def _reading(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this state of the record was left: nothing more is read of it")
        return self._connection


_BOOK_KINDS = frozenset(
    kind.value
    for kind in (
        RecordKind.USER,
        RecordKind.ENROLMENT,
        RecordKind.ENROLMENT_END,
        RecordKind.KEY_CONFIRMATION,
    )
)
"""What the book of enrolments is folded from."""

_Entered = dict[str, dict[str, RegistryRow | None]]
"""The audit row of every record by kind and uid; None once the record was compared with it."""

_Key = tuple[type, object]


def _key(value: Json) -> _Key:
    """Return what records are found by; true is not 1."""
    plain = value is None or isinstance(value, str | int)
    return (type(value), value if plain else canonical_text(value))


def _enter(entered: _Entered, rows: tuple[RegistryRow, ...]) -> None:
    """Note the audit row of every record by kind and uid.

    Raises:
        NotTrusted: One was entered twice.
    """
    for row in rows:
        if row.action == RECORD_ADD:
            kind, _, uid = row.subject.partition(":")
            if uid in entered[kind]:
                raise NotTrusted("rewritten", f"Audit row {row.seq}: {row.subject} was there.")
            entered[kind][uid] = row


def _add_sessions(found: dict[str, OldSession], rows: tuple[RegistryRow, ...]) -> None:
    """Note what the chain says of every session; each begins once and ends once at most.

    Raises:
        NotTrusted: One began or ended twice: its rows were edited, and then closed once more.
    """
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
            found[uid] = OldSession(uid, before.seq, before.begun, row.detail, row.at)
