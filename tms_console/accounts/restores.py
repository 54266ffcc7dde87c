"""Restores: an administrator says that another copy of the file is the database from now on.

Putting a file in place is `records.restore`'s affair.  Here a copy that is sound in itself is taken
for the record again, with all that is known to be missing said and signed; what of it may still be
delivered, only a physician says.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from tms_console.accounts.errors import AccountsRefused, NotTrusted
from tms_console.accounts.login import Login, require_password, sign
from tms_console.accounts.looking import read_trusted
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Meaning, Signed, ToSign
from tms_console.accounts.statements import statement
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.accounts.verification import verify_accounts
from tms_console.records.audit import AuditChain
from tms_console.records.canonical import Json
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.errors import WriteFailed
from tms_console.records.file_facts import facts_in
from tms_console.records.findings import Finding, Progress
from tms_console.records.heads import ChainHead, KeptHeads, keep_head, kept_heads
from tms_console.records.registry import registry_rows
from tms_console.records.session_lock import SessionLock
from tms_console.records.storing import store
from tms_console.records.tables import AUDIT
from tms_console.records.transactions import failure_sentence
from tms_console.records.values import new_uid
from tms_console.records.verify import verify

CUT = "cut"
"""It ends before the row that this console wrote last: an older copy, or its end was cut off."""
DIVERGED = "diverged"
"""An older copy that was written on: the row of that number is another."""
APPENDED = "appended"
"""It holds all that this console wrote, and rows that this console did not write."""
UNKNOWN = "unknown"
"""This console does not remember where the record ended."""

LOST = (
    "Whatever was recorded after that is not in this copy: accounts that were deactivated and "
    "passwords that were reset are as they were before, prescriptions that were withdrawn stand "
    "again, and sessions given, adverse events and holds are missing. Deactivate, reset and record "
    "them again, from paper and memory."
)
"""What an administrator is shown before a restore is recorded."""

BUSY_MS = 5_000
"""How long the restore's row waits for the write lock: no patient is waiting."""

MOST_FINDINGS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Unvouched:
    """An entry after the console's newest seal: nobody vouches that it is all, or unchanged."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class OtherCopy:
    """A file of this database that is sound in itself and not as this console left it.

    Attributes:
        code: `cut`, `diverged`, `appended` or `unknown`.
        present: Where its chain ends.
        newest_at: Wall time of that row.
        known: Where this console remembers the record to end, None if it does not.
        missing_from_seq: From where on rows of this console may be missing: the first that no seal
            vouches for, or the first after the end; None if none is known to be missing.
        sealed_seq: Up to where the console's newest seal in it vouches for it.
        unsealed_from_seq: The first row that no seal vouches for, None if there is none.
        unvouched: Records, credentials and sessions entered after the newest seal.
    """

    code: str
    present: ChainHead
    newest_at: str
    known: ChainHead | None
    missing_from_seq: int | None
    sealed_seq: int
    unsealed_from_seq: int | None
    unvouched: tuple[Unvouched, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What an administrator must know before recording a restore."""
        where = f"This copy ends at audit row {self.present.seq}, of {self.newest_at}."
        match self.code, self.known:
            case _, None:
                words = "This console does not remember where the record ended."
            case "cut", ChainHead(seq=seq):
                words = f"This console wrote up to row {seq}."
            case "appended", ChainHead(seq=seq):
                words = (
                    f"This console wrote up to row {seq}; the rows after it are somebody else's."
                )
            case "diverged", ChainHead(seq=seq):
                words = (
                    f"This console wrote another row {seq}: this is an older copy that was written "
                    "on, or rows were replaced."
                )
            case _:
                words = "What this console remembers of the record is incomplete."
        sentences = [where, words]
        if self.code != APPENDED:
            sentences.append(LOST)
        vouched = f"This console vouches for the copy up to row {self.sealed_seq}"
        if not self.unvouched:
            sentences.append(f"{vouched}; nothing was entered after it.")
        else:
            number = "one entry" if len(self.unvouched) == 1 else f"{len(self.unvouched)} entries"
            sentences.append(f"{vouched}; look at the {number} after it: nobody vouches for them.")
        return tuple(sentences)


def find_other_copy(station: Station) -> OtherCopy | None:
    """Return how the file differs from what this console left, None if it does not.

    Raises:
        AccountsRefused: It is not sound in itself, so that only a backup can be put back.
        RecordsError: The file, or what is kept of it, cannot be read.
    """
    kept = kept_heads(station.database.uid)
    with station.database.reading() as connection:
        facts = facts_in(connection, station.database.path)
        if kept is not None and kept.exact and facts.head in (kept.after, kept.before):
            return None
        trusted = _sound_in_itself(station, connection, facts.head)
        seal = trusted.records(RecordKind.SEAL)[-1]
        code = _standing(connection, facts.head, kept)
        unsealed = seal.seq + 1 if facts.head.seq > seal.seq else None
        unvouched = tuple(
            Unvouched(row.seq, row.at, row.actor, row.action, row.subject)
            for row in registry_rows(connection, facts.console_uid)
            if row.seq > seal.seq
        )
    return OtherCopy(
        code=code,
        present=facts.head,
        newest_at=facts.newest_at,
        known=None if kept is None else kept.after,
        missing_from_seq=(unsealed or facts.head.seq + 1) if code in (CUT, DIVERGED) else None,
        sealed_seq=trusted.sealed_seq,
        unsealed_from_seq=unsealed,
        unvouched=unvouched,
    )


def record_restore(  # noqa: PLR0913 - who, why, from what
    station: Station,
    login: Login,
    reason: str,
    password: str,
    *,
    backup_sha256: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> AddRecord:
    """Record that the copy in place is the database from now on, and let the console follow it.

    No real stimulator is armed with it until a physician has signed what is still in force.

    Args:
        station: This console.
        login: An administrator's.
        reason: In their words.
        password: Theirs.
        backup_sha256: Of the backup that was put back, None for a copy found in place.
        progress: Called while the copy is verified.

    Raises:
        NotPermitted: Only an administrator may.
        LoginRefused: The password is wrong.
        AccountsRefused: No reason was given, the file is as this console left it, or it is not
            sound in itself.
        SessionLockTaken: A session is running on it.
        WriteFailed: Not known to be written.
    """
    login.require(Permission.RESTORE_BACKUP)
    if not reason.strip():
        raise AccountsRefused("Say why the copy was put back; the reason goes on record.")
    require_password(station, login, password)
    with SessionLock.acquire(station.database.path):
        other = find_other_copy(station)
        if other is None:
            raise AccountsRefused(
                "The database is as this console left it: there is no restore to record."
            )
        _require_verified(station, other, progress)
        record = _statement(station, login, other, reason.strip(), backup_sha256)
        _write(station, record, other.present)
        station.seal("a restore was recorded")
    return record


def pending_restore(trusted: Trusted) -> StoredRecord | None:
    """Return the restore that no physician has signed yet, None if there is none.

    Until one has, no real stimulator is armed.
    """
    newest = newest_restore(trusted)
    return None if newest is None or _in_force(trusted, newest) is not None else newest


def still_in_force(trusted: Trusted) -> frozenset[str] | None:
    """Return what a physician signed to be still in force after the newest restore.

    What was approved before that restore and is not among it may not be delivered.

    Returns:
        Uids of prescriptions and policies; none while a restore waits for its signature; None if
        there never was a restore.
    """
    newest = newest_restore(trusted)
    if newest is None:
        return None
    signed = _in_force(trusted, newest)
    return frozenset() if signed is None else frozenset(signed.items)


def newest_restore(trusted: Trusted) -> StoredRecord | None:
    """Return the newest restore on record, None if there never was one."""
    restores = trusted.records(RecordKind.RESTORE)
    return restores[-1] if restores else None


def confirm_in_force(  # noqa: PLR0913 - who, what, with which password
    station: Station,
    login: Login,
    restore_uid: str,
    items: tuple[str, ...],
    password: str,
    *,
    login_name: str = "",
    comment: str = "",
) -> AddRecord:
    """Let a physician sign which prescriptions and policies are still in force after a restore.

    Args:
        station: This console.
        login: A physician's.
        restore_uid: The restore that was shown to them.
        items: Uids of the prescriptions (their versions) and the policy.
        password: Theirs.
        login_name: Asked for at the first signature of a login.
        comment: In their words.

    Raises:
        NotPermitted: Only a physician may.
        LoginRefused: Wrong password or name.
        AccountsRefused: It is not the newest restore, something is not on record here, or their
            key may not approve yet.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.CONFIRM_IN_FORCE)
    with station.trusting() as trusted:
        newest = newest_restore(trusted)
        for uid in items:
            kinds = (RecordKind.PRESCRIPTION, RecordKind.POLICY)
            if not any(trusted.record(kind, uid) for kind in kinds):
                raise AccountsRefused(f"There is no prescription or policy {uid} on record.")
    if newest is None or newest.uid != restore_uid:
        raise AccountsRefused(f"Restore {restore_uid} is not the newest one; look again.")
    to_sign = ToSign(
        Meaning.STILL_IN_FORCE, newest.uid, newest.digest, None, items=items, comment=comment
    )
    return sign(station, login, to_sign, password, login_name=login_name)


def _in_force(trusted: Trusted, restore: StoredRecord) -> Signed | None:
    """Return the newest signature on what is in force after a restore."""
    signed = [
        one for one in trusted.signatures(restore.uid) if one.meaning is Meaning.STILL_IN_FORCE
    ]
    return signed[-1] if signed else None


def _sound_in_itself(station: Station, connection: Connection, head: ChainHead) -> Trusted:
    """Read the file as if it ended where it should: seal, links, registry and every record."""
    try:
        trusted = read_trusted(
            connection, station.database, station.anchor.public, KeptHeads(head, head), head
        )
        for kind in RecordKind:
            trusted.records(kind)
    except NotTrusted as error:
        raise AccountsRefused(
            f"{station.database.path}: this file is not sound in itself and cannot be accepted; "
            f"put a backup back: {error}"
        ) from error
    return trusted


def _standing(connection: Connection, head: ChainHead, kept: KeptHeads | None) -> str:
    """Return how the chain stands to what is kept."""
    if kept is None or kept.before is None:
        return UNKNOWN
    if head.seq < kept.before.seq:
        return CUT
    there = connection.execute(
        select(AUDIT.c.hash).where(
            AUDIT.c.console_uid == head.console_uid, AUDIT.c.seq == kept.before.seq
        )
    ).scalar()
    return APPENDED if there == kept.before.hash else DIVERGED


def _require_verified(station: Station, other: OtherCopy, progress: Progress) -> None:
    path, heads = station.database.path, KeptHeads(other.present, other.present)
    findings: list[Finding] = [*verify(path, progress, heads=heads).findings]
    findings += verify_accounts(path, station.anchor.public).findings
    if findings:
        shown = "; ".join(f"{one.row}: {one.sentence}" for one in findings[:MOST_FINDINGS_SHOWN])
        more = len(findings) - MOST_FINDINGS_SHOWN
        raise AccountsRefused(
            f"{path}: this file is not sound and cannot be accepted; put a backup back: {shown}"
            + (f"; and {more} more" if more > 0 else "")
        )


def _statement(
    station: Station, login: Login, other: OtherCopy, reason: str, backup_sha256: str | None
) -> AddRecord:
    at, known = station.wall(), other.known
    content: dict[str, Json] = {
        "uid": new_uid(),
        "enrolment_uid": login.enrolment.uid,
        "code": other.code,
        "present_seq": other.present.seq,
        "present_hash": other.present.hash,
        "missing_from_seq": other.missing_from_seq,
        "known": None if known is None else {"seq": known.seq, "hash": known.hash},
        "unsealed_from_seq": other.unsealed_from_seq,
        "unvouched": [{"seq": one.seq, "subject": one.subject} for one in other.unvouched],
        "reason": reason,
        "backup_sha256": backup_sha256,
        "at": at,
    }
    return statement(RecordKind.RESTORE, content, login.key(), at=at, actor=login.user_uid)


def _write(station: Station, record: AddRecord, present: ChainHead) -> None:
    """Put the restore on record and follow the file from there on.

    What is kept names no row before the restore's own, so that dying in between leaves a file that
    is not believed, instead of one that is believed without its restore.
    """
    database = station.database
    try:
        with database.connect_writer(BUSY_MS) as connection, connection.begin():
            chain = AuditChain(connection, database.uid, database.console_uid, station.wall)
            if chain.head != present:
                raise AccountsRefused("Somebody wrote into the database meanwhile; try again.")
            store(connection, chain, record)
            keep_head(chain.head)
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error
