"""Databases as earlier versions made them, built by their own scripts."""

from __future__ import annotations

import os
from pathlib import Path

from tests.records.recording import wall_clock
from tms_console.records.audit import AuditChain
from tms_console.records.connections import begin_encrypted, connect_for_writing
from tms_console.records.database import APPLICATION_ID, Database, Purpose, schema_scripts
from tms_console.records.encryption import DatabaseKey, new_file_id
from tms_console.records.heads import keep_head
from tms_console.records.key_sources import key_sources
from tms_console.records.operations import new_uid


def schema_1_database(path: Path, purpose: Purpose = Purpose.REHEARSAL) -> Database:
    """Make a database as the first version did; a clinic's is encrypted like today's."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if purpose is Purpose.CLINIC:
        named, key = new_file_id(), DatabaseKey.new()
        key_sources()[0].store(named, key)
        begin_encrypted(path, named, key)
    database = Database(path, new_uid(), new_uid(), purpose)
    with connect_for_writing(path) as connection:
        connection.connection.driver_connection.executescript(  # type: ignore[union-attr]
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = 1;\n{schema_scripts(1)}\nCOMMIT;"
        )
        with connection.begin():
            chain = AuditChain(connection, database.uid, database.console_uid, wall_clock())
            chain.append(
                "database.create",
                f"database:{database.uid}",
                {"purpose": purpose.value, "schema": 1},
            )
    keep_head(chain.head)
    return database
