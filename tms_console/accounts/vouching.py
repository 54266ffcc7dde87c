"""How far this console vouches for a chain: where it left it, what it sealed, and the links since.

One thing that does not fit refuses the whole.  What the records of the chain say is for `trust`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from tms_console.accounts.anchor import PublicAnchor
from tms_console.accounts.errors import BadStatement, NotTrusted
from tms_console.accounts.statements import require_signed
from tms_console.records.audit import hash_at, newest_head
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.clinical_tables import CREDENTIAL
from tms_console.records.database import SCHEMA_VERSION
from tms_console.records.errors import RecordsError
from tms_console.records.heads import ChainHead, KeptHeads, kept_heads
from tms_console.records.registry import (
    BrokenChain,
    Fold,
    Links,
    RegistryRow,
    SealedState,
    newest_record,
    read_links,
    read_seal,
    same_as_entered,
)
from tms_console.records.rereading import sealed_registry
from tms_console.records.schema_checks import schema_faults
from tms_console.records.storing import credential_detail


@dataclass(frozen=True, slots=True)
class Vouched:
    """A chain that this console vouches for, as far as it must be read to say so.

    Attributes:
        head: Where it ends.
        newest_at: Wall time of the newest audit row.
        fold: The registry up to where the console has signed, as it signed it.
        seal: The audit row that entered the newest seal.
        unsealed: The rows of the registry after `fold`.
        rows: The rows of the registry that were not known before, in order: the whole of it, or
            those that came since.
    """

    head: ChainHead
    newest_at: str
    fold: Fold
    seal: RegistryRow
    unsealed: tuple[RegistryRow, ...]
    rows: tuple[RegistryRow, ...]

    @property
    def sealed_seq(self) -> int:
        """Up to where the console has signed."""
        return self.fold.seq


def remembered(database_uid: str) -> KeptHeads | None:
    """Return what this console remembers of where a chain ended.

    Raises:
        NotTrusted: What is kept cannot be read.
    """
    try:
        return kept_heads(database_uid)
    except RecordsError as error:
        raise NotTrusted("unknown", str(error)) from error


def read_head(connection: Connection, database_uid: str, console_uid: str) -> ChainHead:
    """Return where a console's chain ends.

    Raises:
        NotTrusted: There is no such chain.
    """
    head = newest_head(connection, database_uid, console_uid)
    if head is None:
        raise NotTrusted("cut", "The audit chain of this console is gone.")
    return head


def is_where_it_was_left(head: ChainHead, kept: KeptHeads | None) -> bool:
    """Return True if the chain ends where this console last wrote; after a crash, at one of two."""
    return kept is not None and kept.before is not None and head in (kept.after, kept.before)


def vouched_chain(
    connection: Connection, anchor: PublicAnchor, kept: KeptHeads | None, head: ChainHead
) -> Vouched:
    """Return the registry of a chain that is what this console wrote.

    Args:
        connection: Inside one read transaction.
        anchor: What this console keeps of the database.
        kept: What it remembers of the head.
        head: Where the chain ends in this transaction.

    Raises:
        NotTrusted: It is not; the sentence says what does not fit.
    """
    _require_left(connection, head, kept)
    _require_rules(connection)
    seal, sealed = _newest_seal(connection, anchor)
    links = _require_links(connection, anchor, sealed, head)
    rows = _require_registry(connection, anchor, sealed, links)
    entered = _require_newest(seal, rows)
    return Vouched(head, links.at, sealed.fold, entered, links.registry, rows)


def vouched_since(
    connection: Connection,
    anchor: PublicAnchor,
    kept: KeptHeads | None,
    head: ChainHead,
    known: Vouched,
) -> Vouched:
    """Return what came after a chain that was vouched for: the same questions, of the new rows.

    The rows up to `known.head` are not read again.  What was done to them since shows only in what
    builds on them: the known last row must stand as it did, each new row must follow, and a seal
    must sign what was known before together with the new rows.

    Args:
        connection: Inside one read transaction.
        anchor: What this console keeps of the database.
        kept: What it remembers of the head.
        head: Where the chain ends in this transaction.
        known: The same chain at an earlier look.

    Raises:
        NotTrusted: It is not what this console wrote, or does not go on from what was known.
    """
    _require_left(connection, head, kept)
    _require_rules(connection)
    seal, sealed = _newest_seal(connection, anchor)
    try:
        links = read_links(connection, anchor.console_uid, known.head.seq, known.head.hash)
    except BrokenChain as error:
        raise NotTrusted("rewritten", f"Audit row {error.seq} is not what was written.") from error
    if (links.seq, links.hash) != (head.seq, head.hash):
        raise NotTrusted("rewritten", f"Audit row {links.seq} is not where the record ends.")
    after, upto = known.unsealed + links.registry, sealed.fold.seq
    fold = known.fold.add_all((row for row in after if row.seq <= upto), upto)
    if fold != sealed.fold or hash_at(connection, anchor.console_uid, upto) != sealed.hash:
        raise NotTrusted(
            "rewritten",
            f"The record up to audit row {upto} is not what this console signed: entries were "
            "removed, added or replaced.",
        )
    entered = _require_newest(seal, (known.seal, *after))
    unsealed = tuple(row for row in after if row.seq > upto)
    return Vouched(head, links.at, fold, entered, unsealed, links.registry)


def passwords_in(rows: Iterable[RegistryRow]) -> dict[str, dict[str, Json]]:
    """Return what was entered last of every stored password and sealed key, by its user."""
    return {row.subject: row.detail for row in rows if row.action == "credential.set"}


def require_credentials(connection: Connection, passwords: Mapping[str, dict[str, Json]]) -> None:
    """Do nothing if every stored password and sealed key is the newest that was entered.

    An older one put back would open its owner's key with a password that was given up.

    Raises:
        NotTrusted: One is not, is gone, or was never entered.
    """
    entered = dict(passwords)
    for found in connection.execute(select(CREDENTIAL)).mappings():
        name = f"The password of user {found['user_uid']}"
        wanted = entered.pop(f"user:{found['user_uid']}", None)
        if wanted is None:
            raise NotTrusted("inserted", f"{name} was never entered.")
        if credential_detail(dict(found)) != wanted:
            raise NotTrusted("changed", f"{name} is not what was entered.")
    if entered:
        gone = min(entered).partition(":")[2]
        raise NotTrusted("deleted", f"The password of user {gone} was entered and is not there.")


def _require_left(connection: Connection, head: ChainHead, kept: KeptHeads | None) -> None:
    if is_where_it_was_left(head, kept):
        return
    if kept is None:
        raise NotTrusted(
            "unknown", "This console does not remember where the chain of this database ended."
        )
    if kept.before is None:
        raise NotTrusted("unknown", "What this console remembers of the chain is incomplete.")
    if head.seq < kept.before.seq:
        raise NotTrusted(
            "cut",
            f"The record ends at audit row {head.seq}, and this console wrote row "
            f"{kept.before.seq}: it was cut, or an older copy was put back.",
        )
    if hash_at(connection, head.console_uid, kept.before.seq) != kept.before.hash:
        raise NotTrusted(
            "rewritten",
            f"Audit row {kept.before.seq} is not the one that this console wrote: the chain was "
            "rewritten.",
        )
    raise NotTrusted(
        "appended",
        f"The audit rows from {kept.before.seq + 1} on were not written by this console.",
    )


def _require_rules(connection: Connection) -> None:
    faults = schema_faults(connection, SCHEMA_VERSION)
    if faults:
        raise NotTrusted(
            "schema",
            f"The rules of the file were altered: {faults[0].row}: {faults[0].sentence}.",
        )


def _newest_seal(connection: Connection, anchor: PublicAnchor) -> tuple[StoredRecord, SealedState]:
    seal = newest_record(connection, RecordKind.SEAL)
    if seal is None:
        raise NotTrusted("unsealed", "The console never signed this record.")
    try:
        require_signed(seal, anchor.console_public_key)
        sealed = read_seal(seal)
    except (BadStatement, ValueError) as error:
        raise NotTrusted("seal", f"The console's newest seal does not hold: {error}") from error
    if (sealed.database_uid, sealed.console_uid) != (anchor.database_uid, anchor.console_uid):
        raise NotTrusted("seal", "The console's newest seal is that of another database.")
    return seal, sealed


def _require_links(
    connection: Connection, anchor: PublicAnchor, sealed: SealedState, head: ChainHead
) -> Links:
    """Verify the chain link by link from the row that was sealed."""
    try:
        links = read_links(connection, anchor.console_uid, sealed.fold.seq, sealed.hash)
    except BrokenChain as error:
        raise NotTrusted("rewritten", f"Audit row {error.seq} is not what was written.") from error
    if (links.seq, links.hash) != (head.seq, head.hash):
        raise NotTrusted("rewritten", f"Audit row {links.seq} is not where the record ends.")
    return links


def _require_registry(
    connection: Connection, anchor: PublicAnchor, sealed: SealedState, links: Links
) -> tuple[RegistryRow, ...]:
    """Return the registry, if up to the seal it is exactly what the console signed."""
    try:
        rows, fold = sealed_registry(connection, anchor.console_uid, sealed.fold.seq)
    except BrokenChain as error:
        raise NotTrusted("rewritten", f"Audit row {error.seq} is not what was written.") from error
    if fold != sealed.fold:
        raise NotTrusted(
            "rewritten",
            f"The record up to audit row {sealed.fold.seq} is not what this console signed: "
            "entries were removed, added or replaced.",
        )
    return rows + links.registry


def _require_newest(seal: StoredRecord, rows: tuple[RegistryRow, ...]) -> RegistryRow:
    """The newest seal that was entered must be the one that was read: it covers the most."""
    prefix = RecordKind.SEAL.subject("")
    entered = next((row for row in reversed(rows) if row.subject.startswith(prefix)), None)
    if entered is None or not same_as_entered(seal, entered):
        raise NotTrusted("seal", "The console's newest seal was removed or replaced.")
    return entered
