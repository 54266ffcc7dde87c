"""This console at its database: reading what can be believed, and writing what is then sealed.

Every act of a person goes through it; who may act is asked of their login.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tms_console.accounts.anchor import Anchor, require_anchor
from tms_console.accounts.book import Book, read_book
from tms_console.accounts.followed import Followed
from tms_console.accounts.looking import trusting
from tms_console.accounts.passwords import CURRENT, Argon2id, Parameters, argon2id
from tms_console.accounts.trust import Trusted
from tms_console.records.audit import Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.database import Database, Purpose, open_database, require_purpose
from tms_console.records.operations import Operation
from tms_console.records.registry import stored_records
from tms_console.records.seals import write_seal
from tms_console.records.transactions import write_now


@dataclass(frozen=True, slots=True)
class Hashing:
    """How passwords are computed; tests count it and make it cheap.

    Attributes:
        argon2id: The computation.
        cost: What it costs for a new password.
    """

    argon2id: Argon2id = argon2id
    cost: Parameters = CURRENT


HASHING = Hashing()


@dataclass(frozen=True, slots=True)
class Station:
    """A clinic's database and what this console keeps outside of it.

    Attributes:
        database: The database.
        anchor: The console's key and the first administrator's public key.
        wall: Gives the wall time as RFC 3339 text in UTC.
        hashing: How passwords are computed.
        followed: Where what was read is kept, so that a look reads only what is new; None for a
            station of which every look reads all of it, as the delivering process's.
    """

    database: Database
    anchor: Anchor
    wall: Wall = utc_now_text
    hashing: Hashing = HASHING
    followed: Followed | None = None

    def following(self) -> Station:
        """Return this console with looks that follow what they know (`followed`)."""
        return replace(self, followed=Followed())

    @contextlib.contextmanager
    def trusting(self) -> Iterator[Trusted]:
        """Give one state of the database, checked; keep it short.

        Raises:
            NotTrusted: It is not what this console wrote.
            RecordsError: It cannot be read.
        """
        look = trusting if self.followed is None else self.followed.trusting
        with look(self.database, self.anchor.public) as trusted:
            yield trusted

    def raw_book(self) -> Book:
        """Return the enrolments as far as their own signatures carry, without trusting the file.

        For logging in to a file that cannot be trusted, so that an administrator can mend it; what
        was removed from the file is not noticed.
        """
        with self.database.reading() as connection:
            kinds = (
                RecordKind.ENROLMENT,
                RecordKind.ENROLMENT_END,
                RecordKind.KEY_CONFIRMATION,
            )
            statements = [one for kind in kinds for one in stored_records(connection, kind)]
            users = [one for one in stored_records(connection, RecordKind.USER) if _readable(one)]
        return read_book(self.anchor.public.first_administrator_key, users, statements)

    def write(self, *operations: Operation, seal: str = "") -> None:
        """Write in one transaction if few, and let the console sign the chain's head after it.

        Args:
            operations: What to write.
            seal: On which occasion the console signs; "" for none.

        Raises:
            IllegalOperation: It contradicts the record; nothing was written.
            WriteFailed: Not known to be written.
        """
        write_now(self.database, *operations, wall=self.wall)
        if seal:
            self.seal(seal)

    def seal(self, why: str) -> None:
        """Let the console sign the head of its chain and the registry.

        Raises:
            WriteFailed: Not known to be written.
        """
        write_seal(self.database, self.anchor, why, wall=self.wall)


def _readable(record: StoredRecord) -> bool:
    """Return whether a content can be read at all; in a file that was edited it may not be."""
    try:
        return bool(record.values)
    except ValueError:
        return False


def open_station(path: Path, wall: Wall = utc_now_text) -> Station:
    """Return this console at a clinic's database, or a demonstration's.

    Raises:
        DatabaseUnusable: It cannot be opened, or is for rehearsals.
        NotTrusted: This console keeps no anchor for it.
    """
    database = open_database(path)
    if database.purpose is not Purpose.DEMO:
        require_purpose(database, Purpose.CLINIC)
    return Station(database, require_anchor(database.uid), wall)
