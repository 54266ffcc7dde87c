"""Are the tables, indexes and triggers of a file those that the scripts of its schema make?

Somebody who can write a file can also give it other rules, which then act in our own transactions.
What the rows say is not looked at here.
"""

from __future__ import annotations

import functools

from sqlalchemy import Connection
from sqlcipher3 import dbapi2

from tms_console.records.database import schema_scripts
from tms_console.records.findings import Finding, shown

_SCHEMA = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'"


def schema_faults(connection: Connection, schema: int) -> tuple[Finding, ...]:
    """Return what was dropped, altered or added, by name; nothing if all is as it was made.

    Args:
        connection: Any connection.
        schema: Which schema the file is to have.
    """
    found = []
    wanted = _wanted_schema(schema)
    there = {name: (kind, sql) for kind, name, sql in connection.exec_driver_sql(_SCHEMA)}
    for name, (kind, sql) in wanted.items():
        if name not in there:
            found.append(Finding(f"{kind} {name}", "it was dropped"))
        elif there[name] != (kind, sql):
            found.append(Finding(f"{kind} {name}", "it was altered"))
    for name, (kind, _) in there.items():
        if name not in wanted:
            found.append(Finding(f"{kind} {shown(name)[1:-1]}", "it does not belong here"))
    return tuple(found)


@functools.cache
def _wanted_schema(schema: int) -> dict[str, tuple[str, str | None]]:
    fresh = dbapi2.connect(":memory:")
    try:
        fresh.executescript(schema_scripts(schema))
        return {name: (kind, sql) for kind, name, sql in fresh.execute(_SCHEMA)}
    finally:
        fresh.close()
