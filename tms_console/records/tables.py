"""The tables of the record as SQLModel classes, to build statements with.

They create and validate nothing: schema/*.sql alone makes tables, `operations` checks values, and a
test compares these classes with what SQLite reports of the real tables.
"""

from __future__ import annotations

from sqlalchemy import BLOB, Column, Integer, Table, Text
from sqlmodel import Field, SQLModel


class SessionRow(SQLModel, table=True):
    """One delivery of one authority."""

    __tablename__ = "session"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=Text)
    console_uid: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    authority_uid: str | None = Field(default=None, sa_type=Text)
    authority_digest: str | None = Field(default=None, sa_type=Text)
    threshold_id: int | None = None
    resumes_uid: str | None = Field(default=None, sa_type=Text)
    technician_id: int | None = None
    device_model: str = Field(sa_type=Text)
    device_serial: str = Field(sa_type=Text)
    device_firmware: str = Field(sa_type=Text)
    simulated: int
    simulated_proof: str | None = Field(default=None, sa_type=Text)
    coil: str = Field(sa_type=Text)
    software_version: str = Field(sa_type=Text)
    realtime_priority: str = Field(sa_type=Text)
    started_at: str = Field(sa_type=Text)
    ended_at: str | None = Field(default=None, sa_type=Text)
    end_reason: str | None = Field(default=None, sa_type=Text)
    origin_wall: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)


class TrainRow(SQLModel, table=True):
    """One train of a session, as it was planned and what became of it."""

    __tablename__ = "train"

    id: int | None = Field(default=None, primary_key=True)
    session_id: int
    block: int
    number: int
    intensity_pct_mso: int
    planned_start_ns: int
    started_ns: int | None = None
    ended_ns: int | None = None
    outcome: str = Field(sa_type=Text)
    digest: str | None = Field(default=None, sa_type=Text)


class PulseRow(SQLModel, table=True):
    """One pulse the console commanded or saw, and what is known to have become of it."""

    __tablename__ = "pulse"

    session_id: int = Field(primary_key=True)
    number: int = Field(primary_key=True)
    train_id: int | None = None
    intensity_pct_mso: int | None = None
    planned_ns: int | None = None
    commanded_ns: int | None = None
    observed_ns: int | None = None
    realised_a_us: int | None = None
    outcome: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)


class EventRow(SQLModel, table=True):
    """Something that happened in a session besides its pulses."""

    __tablename__ = "session_event"

    id: int | None = Field(default=None, primary_key=True)
    session_id: int
    at_ns: int
    kind: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)


class AuditRow(SQLModel, table=True):
    """One link of a console's audit chain."""

    __tablename__ = "audit"

    console_uid: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(primary_key=True)
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    previous_hash: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)


FRAME = Table(
    "device_frame",
    SQLModel.metadata,
    Column("session_id", Integer),
    Column("at_ns", Integer, nullable=False),
    Column("direction", Text, nullable=False),
    Column("bytes", BLOB, nullable=False),
)
"""Every frame on the link; a plain table, because SQLModel classes need a primary key."""


def table_of(row: type[SQLModel]) -> Table:
    """Return the table that a class describes, to build Core statements with."""
    table: Table = row.__table__  # type: ignore[attr-defined] # set by SQLModel's metaclass
    return table


SESSION = table_of(SessionRow)
TRAIN = table_of(TrainRow)
PULSE = table_of(PulseRow)
EVENT = table_of(EventRow)
AUDIT = table_of(AuditRow)
