"""Reads the bytes of one attachment, which no other reading carries along.

Whether they are those that were attached is for the caller to compare.
"""

from __future__ import annotations

from sqlalchemy import select

from tms_console.records.clinical import RecordKind
from tms_console.records.clinical_tables import RECORDS
from tms_console.records.database import Database


def attached_bytes(database: Database, uid: str) -> bytes | None:
    """Return the bytes of an attachment, None if there is none of that uid.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    table = RECORDS[RecordKind.ATTACHMENT]
    with database.reading() as connection:
        found = connection.execute(select(table.c.data).where(table.c.uid == uid)).scalar()
    return None if found is None else bytes(found)
