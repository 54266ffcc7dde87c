"""Does what people signed hold?  Everything of a database that `records.verify` cannot know.

Every enrolment, signature, order and seal at its place in the chain; what each session rested on is
`session_binding`'s affair.  Nothing is repaired and nothing written, and how far the word of an
answer reaches is part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from tms_console.accounts.administrative import require_permitted
from tms_console.accounts.anchor import PublicAnchor
from tms_console.accounts.book import Book, read_book
from tms_console.accounts.errors import BadStatement
from tms_console.accounts.roles import Permission
from tms_console.accounts.session_binding import On, Signatures, unbound
from tms_console.accounts.signatures import SESSION, Signed, read_signature
from tms_console.accounts.start_orders import StartOrder, read_start_order
from tms_console.accounts.statements import require_signed, text_of
from tms_console.accounts.trust import OldSession
from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.connections import reading
from tms_console.records.database import Purpose, identify, require_ours
from tms_console.records.findings import Finding
from tms_console.records.registry import (
    Fold,
    RegistryRow,
    empty_fold,
    registry_rows,
    stored_records,
)
from tms_console.records.tables import AUDIT
from tms_console.records.verify import FIRST_WITH_RECORDS

_Read = TypeVar("_Read")

WITH_ANCHOR = (
    "Every enrolment leads to the first administrator's key and every seal to this console's, both "
    "kept outside the file: who can write the file but holds neither a person's password nor the "
    "console's key can forge no signature, enrolment, order or seal. What is not signed by a "
    "person (patients, thresholds, forms, events, sessions) is vouched for up to audit row {seq}, "
    "which the console sealed last."
)
WITHOUT_ANCHOR = (
    "The keys were taken from the file itself, for none were given and this console keeps none of "
    "it: the signatures agree with each other, and a whole file that somebody made up with keys "
    "of their own would not be noticed. Seals were not checked against the console's key. Give "
    "the console's public keys with --anchor (`tms-console records anchor` on the console that "
    "wrote the file)."
)


@dataclass(frozen=True, slots=True)
class AccountsVerification:
    """The answer.

    Attributes:
        findings: What does not hold, by record; empty if all does.
        statements: Signed statements checked: enrolments, signatures, orders, seals and others.
        bound: Sessions whose authority and order were checked.
        reach: What this answer covers and what not; "" for a file without accounts.
    """

    findings: tuple[Finding, ...] = ()
    statements: int = 0
    bound: int = 0
    reach: str = ""


def verify_accounts(path: Path, anchor: PublicAnchor | None) -> AccountsVerification:
    """Check everything that people and the console signed in a clinic's database.

    Where its chain must end is `records.verify`'s affair.

    Args:
        path: The file.
        anchor: What the console that wrote it keeps outside of it; None if it is not at hand.

    Raises:
        DatabaseUnusable: It is missing, not one of ours, or newer than this program.
    """
    with reading(path, "inspect") as connection:
        schema = require_ours(connection, path)
        database = identify(connection, path)
        if schema < FIRST_WITH_RECORDS or database.purpose is Purpose.REHEARSAL:
            return AccountsVerification()
        if anchor is not None and (database.uid, database.console_uid) != (
            anchor.database_uid,
            anchor.console_uid,
        ):
            words = f"it is database {database.uid}, and the anchor is that of another"
            return AccountsVerification((Finding("the file", words),))
        check = _Check(connection, database.console_uid, anchor)
        check.everything()
    last = max((_sealed(one) for one in check.records[RecordKind.SEAL].values()), default=0)
    return AccountsVerification(
        findings=tuple(dict.fromkeys(check.found)),
        statements=sum(len(check.records[kind]) for kind in RecordKind if kind.signed),
        bound=check.bound,
        reach=WITHOUT_ANCHOR if anchor is None else WITH_ANCHOR.format(seq=last),
    )


class _Check:
    """One verification of one state of a file."""

    def __init__(
        self, connection: Connection, console_uid: str, anchor: PublicAnchor | None
    ) -> None:
        self.found: list[Finding] = []
        self.bound = 0
        self._connection = connection
        self._console_uid = console_uid
        self._anchor = anchor
        self.records = {kind: self._readable(kind) for kind in RecordKind}
        self._rows = list(registry_rows(connection, console_uid))
        self._sessions_by_uid = sessions_in(self._rows)
        self._book = self._read_book()

    def everything(self) -> None:
        """Check all of it."""
        signed = self._each(RecordKind.SIGNATURE, self._signature)
        orders = self._each(RecordKind.START_ORDER, lambda one: read_start_order(one, self._book))
        self._each(RecordKind.RESTORE, self._restore)
        self._each(
            RecordKind.CLOCK_CORRECTION,
            lambda one: require_permitted(self._book, one, Permission.CORRECT_CLOCK),
        )
        self._seals()
        self._sessions(signed, orders)

    def _readable(self, kind: RecordKind) -> dict[str, StoredRecord]:
        """Return the records of a kind whose content can be read at all."""
        readable = {}
        for record in stored_records(self._connection, kind):
            try:
                record.values  # noqa: B018 - computed from the content, which may be broken
            except (ValueError, TypeError):
                self.found.append(Finding(f"{kind} {record.uid}", "its content cannot be read"))
            else:
                readable[record.uid] = record
        return readable

    def _read_book(self) -> Book:
        kinds = (RecordKind.ENROLMENT, RecordKind.ENROLMENT_END, RecordKind.KEY_CONFIRMATION)
        statements = [one for kind in kinds for one in self.records[kind].values()]
        users = self.records[RecordKind.USER]
        book = read_book(self._root_key(), users.values(), statements)
        self.found += [
            Finding(f"{one.kind} {one.uid}", _without_name(one.sentence)) for one in book.rejected
        ]
        enrolled = {one.user_uid for one in book.all()}
        self.found += [
            Finding(f"user {uid}", "no enrolment of this account holds")
            for uid in users
            if uid not in enrolled
        ]
        return book

    def _root_key(self) -> str:
        """Return the key that all must lead to; without an anchor the first that signs itself."""
        if self._anchor is not None:
            return self._anchor.first_administrator_key
        for record in sorted(self.records[RecordKind.ENROLMENT].values(), key=lambda one: one.seq):
            if record.values.get("signer_uid") == record.uid:
                return str(record.values.get("public_key"))
        return ""

    def _each(
        self, kind: RecordKind, read: Callable[[StoredRecord], _Read]
    ) -> tuple[On[_Read], ...]:
        """Read every statement of a kind, name those that do not hold, return those that do."""
        good = []
        for record in self.records[kind].values():
            try:
                good.append(On(record, read(record)))
            except (BadStatement, ValueError) as error:
                self._bad(record, error)
        return tuple(good)

    def _bad(self, record: StoredRecord, error: Exception) -> None:
        self.found.append(Finding(f"{record.kind} {record.uid}", _without_name(str(error))))

    def _signature(self, record: StoredRecord) -> Signed:
        kind, uid = text_of(record, "subject_kind"), text_of(record, "subject_uid")
        if kind == SESSION:
            session = self._sessions_by_uid.get(uid)
            closing = "" if session is None else session.closing_digest
            signed = read_signature(record, self._book, None, session_digest=closing)
        else:
            subject = self.records[RecordKind(kind)].get(uid)
            signed = read_signature(record, self._book, subject)
        if self._hash_at(signed.head_seq) != signed.head_hash:
            raise BadStatement(
                f"signature {record.uid}: audit row {signed.head_seq} is not the one that the "
                "signer saw: the chain before it was replaced"
            )
        return signed

    def _restore(self, record: StoredRecord) -> None:
        require_permitted(self._book, record, Permission.RESTORE_BACKUP)
        present = record.values.get("present_seq")
        if present != record.seq - 1 or self._hash_at(present) != text_of(record, "present_hash"):
            raise BadStatement(
                f"restore {record.uid}: the copy that it speaks of did not end at the row before it"
            )

    def _seals(self) -> None:
        """Check each seal against the row and the fold of the registry that it signs."""
        seals = sorted(self.records[RecordKind.SEAL].values(), key=lambda one: one.seq)
        fold, rows = empty_fold(self._console_uid), iter(self._rows)
        row = next(rows, None)
        for seal in seals:
            while row is not None and row.seq <= _sealed(seal):
                fold, row = fold.add(row.seq, row.hash), next(rows, None)
            try:
                self._require_seal(seal, fold)
            except (BadStatement, ValueError) as error:
                self._bad(seal, error)

    def _require_seal(self, seal: StoredRecord, fold: Fold) -> None:
        name = f"seal {seal.uid}"
        if self._anchor is not None:
            require_signed(seal, self._anchor.console_public_key)
            stated = (text_of(seal, "database_uid"), text_of(seal, "console_uid"))
            if stated != (self._anchor.database_uid, self._anchor.console_uid):
                raise BadStatement(f"{name}: it is of another database or console")
        if not 0 < _sealed(seal) < seal.seq:
            raise BadStatement(f"{name}: it signs a row that was not there when it was made")
        if self._hash_at(_sealed(seal)) != text_of(seal, "sealed_hash"):
            raise BadStatement(f"{name}: audit row {_sealed(seal)} is not the one that was signed")
        told = (seal.values.get("registry_rows"), seal.values.get("registry_digest"))
        if told != (fold.rows, fold.digest):
            raise BadStatement(
                f"{name}: what is entered up to audit row {_sealed(seal)} is not what the console "
                "signed: entries were removed, added or replaced"
            )

    def _hash_at(self, seq: object) -> str | None:
        found = self._connection.execute(
            select(AUDIT.c.hash).where(AUDIT.c.console_uid == self._console_uid, AUDIT.c.seq == seq)
        ).scalar()
        return None if found is None else str(found)

    def _sessions(self, signed: Iterable[On[Signed]], orders: Iterable[On[StartOrder]]) -> None:
        record = Signatures(
            book=self._book,
            authorities=self.records[RecordKind.PRESCRIPTION] | self.records[RecordKind.POLICY],
            restores=tuple(self.records[RecordKind.RESTORE].values()),
            signed=tuple(signed),
            orders={one.read.ordered.session_uid: one for one in orders},
        )
        for session in self._sessions_by_uid.values():
            if session.begun.get("kind") == "rehearsal":
                continue
            self.bound += 1
            self.found += [
                Finding(f"session {session.uid}", sentence) for sentence in unbound(session, record)
            ]


def sessions_in(rows: Iterable[RegistryRow]) -> dict[str, OldSession]:
    """Return every session by uid, as the registry states it."""
    found: dict[str, OldSession] = {}
    for row in rows:
        uid = row.subject.partition(":")[2]
        if row.action == "session.begin":
            found[uid] = OldSession(uid, row.seq, row.detail, None)
        elif row.action == "session.end" and uid in found:
            begun = found[uid]
            found[uid] = OldSession(uid, begun.seq, begun.begun, row.detail)
    return found


def _sealed(seal: StoredRecord) -> int:
    value = seal.values.get("sealed_seq")
    return value if isinstance(value, int) else 0


def _without_name(sentence: str) -> str:
    """Return a sentence about a statement without the statement's name, which stands before it."""
    name, colon, rest = sentence.partition(": ")
    return rest if colon and len(name.split()) == 2 else sentence  # noqa: PLR2004 - kind and uid
