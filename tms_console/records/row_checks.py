"""Checks of sessions, trains, pulses and events against what the audit chain says of them.

Whether the chain itself is sound, and the file, is checked elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, text

from tms_console.records.canonical import Json
from tms_console.records.chain_checks import Claims, Detail
from tms_console.records.clinical import RecordKind
from tms_console.records.clinical_tables import RECORDS
from tms_console.records.digests import (
    BEGIN_COLUMNS,
    BEGIN_PEOPLE,
    END_COLUMNS,
    PULSE_COLUMNS,
    closing_entry,
    train_digest,
)
from tms_console.records.findings import Finding, Progress, shown
from tms_console.records.record_checks import has_records
from tms_console.records.sealing import EVENT_VALUES, PULSE_VALUES
from tms_console.records.stated import Stated, not_given
from tms_console.records.tables import EVENT, FRAME, PULSE, SESSION, TRAIN

_LOCAL_REFERENCES = (("threshold_id", RecordKind.THRESHOLD), ("technician_id", RecordKind.USER))


@dataclass(slots=True)
class RowTotals:
    """How much was checked."""

    sessions: int = 0
    trains: int = 0
    pulses: int = 0
    events: int = 0
    running: list[str] = field(default_factory=list)


def check_rows(
    connection: Connection, claims: Claims, found: list[Finding], progress: Progress
) -> RowTotals:
    """Compare every row with what the chain says, and add what differs to `found`."""
    totals = RowTotals()
    sessions = connection.execute(select(SESSION).order_by(SESSION.c.id)).mappings().all()
    uids: dict[int, str] = {row["id"]: row["uid"] for row in sessions}
    pulses = connection.execute(select(func.count()).select_from(PULSE)).scalar_one()
    progress(0, pulses)
    _check_order(
        "session",
        [(row["id"], row["uid"]) for row in sessions],
        [(f"session {uid}", uid) for uid in claims.sessions],
        found,
    )
    _check_order(
        "train",
        [
            (id_, (uids.get(session, f"local {session}"), number))
            for id_, session, number in connection.execute(
                select(TRAIN.c.id, TRAIN.c.session_id, TRAIN.c.number).order_by(TRAIN.c.id)
            )
        ],
        [(f"train {uid}/{number}", (uid, number)) for uid, number in claims.trains],
        found,
    )
    events = [
        (id_, (uids.get(session, f"local {session}"), *values))
        for id_, session, *values in connection.execute(
            select(EVENT.c.id, EVENT.c.session_id, *EVENT_VALUES).order_by(EVENT.c.id)
        )
    ]
    _check_order(
        "session_event", events, [(f"event {uid}", values) for uid, values in claims.events], found
    )
    for row in sessions:
        _SessionCheck(connection, claims, found, totals, row).check()
        progress(totals.pulses, pulses)
    _check_orphans(connection, found)
    totals.sessions, totals.events = len(sessions), len(events)
    return totals


def _check_order(
    table: str,
    rows: Sequence[tuple[int, Hashable]],
    claimed: Sequence[tuple[str, Hashable]],
    found: list[Finding],
) -> None:
    """Name the rows that were deleted, inserted, changed or put in another order.

    Local keys are given out in order and nothing is ever deleted, so they run from 1 without a gap.
    """
    for expected, (id_, value) in enumerate(rows, 1):
        if id_ != expected:
            sentence = f"its id is {shown(id_)} where {expected} follows: {shown(value)}"
            found.append(Finding(f"{table} row {shown(id_)}", sentence))
            break
    start = 0
    while start < min(len(rows), len(claimed)) and rows[start][1] == claimed[start][1]:
        start += 1
    odd_rows, odd_claims = rows[start:], claimed[start:]
    while odd_rows and odd_claims and odd_rows[-1][1] == odd_claims[-1][1]:
        odd_rows, odd_claims = odd_rows[:-1], odd_claims[:-1]
    unclaimed = Counter(value for _, value in odd_rows) - Counter(v for _, v in odd_claims)
    unseen = Counter(value for _, value in odd_claims) - Counter(v for _, v in odd_rows)
    for id_, value in odd_rows:
        sentence = (
            f"it is not what was entered, or was never entered: {shown(value)}"
            if unclaimed[value]
            else f"it is not where it was entered: {shown(value)}"
        )
        found.append(Finding(f"{table} row {shown(id_)}", sentence))
    for name, value in odd_claims:
        if unseen[value]:
            found.append(Finding(name, f"it was entered and is not there: {shown(value)}"))


def _check_orphans(connection: Connection, found: list[Finding]) -> None:
    """Name pulses that belong to no session, or to a train of another one."""
    for session, number, train in connection.execute(
        select(PULSE.c.session_id, PULSE.c.number, PULSE.c.train_id)
        .outerjoin(
            TRAIN, (TRAIN.c.id == PULSE.c.train_id) & (TRAIN.c.session_id == PULSE.c.session_id)
        )
        .where(PULSE.c.train_id.is_not(None), TRAIN.c.id.is_(None))
    ):
        found.append(
            Finding(
                f"pulse {shown(number)} of local session {shown(session)}",
                f"its train_id {shown(train)} is no train of its session",
            )
        )


class _SessionCheck:
    """One session and all it holds."""

    def __init__(
        self,
        connection: Connection,
        claims: Claims,
        found: list[Finding],
        totals: RowTotals,
        row: RowMapping,
    ) -> None:
        self._connection = connection
        self._claims = claims
        self._found = found
        self._totals = totals
        self._row = row
        self._uid: str = row["uid"]
        self._has_records = has_records(connection)

    def check(self) -> None:
        """Compare the session's row, its trains with their pulses, and its closing entry."""
        begun = self._claims.sessions.get(self._uid)
        if begun is not None:
            self._compare(f"session {self._uid}", self._row, begun, BEGIN_COLUMNS)
            self._check_people(begun)
        pulses = self._connection.execute(
            select(*PULSE_VALUES, PULSE.c.train_id)
            .where(PULSE.c.session_id == self._row["id"])
            .order_by(PULSE.c.number)
        ).all()
        self._totals.pulses += len(pulses)
        trains = (
            self._connection.execute(
                select(TRAIN).where(TRAIN.c.session_id == self._row["id"]).order_by(TRAIN.c.number)
            )
            .mappings()
            .all()
        )
        self._totals.trains += len(trains)
        of_train: dict[int | None, list[Sequence[Any]]] = {}
        for pulse in pulses:
            of_train.setdefault(pulse[-1], []).append(pulse)
        for train in trains:
            self._check_train(train, of_train.get(train["id"], []))
        self._check_strays(of_train.get(None, []))
        self._check_end(trains, pulses)

    def _check_people(self, begun: Detail) -> None:
        """Compare the local keys of threshold and technician with the uids that were entered."""
        for (column, kind), name in zip(_LOCAL_REFERENCES, BEGIN_PEOPLE, strict=True):
            id_, entered = self._row[column], begun.get(name)
            uid = None
            if id_ is not None and self._has_records:
                table = RECORDS[kind]
                uid = self._connection.execute(
                    select(table.c.uid).where(table.c.id == id_)
                ).scalar()
            if (id_ is None) != (uid is None) or uid != entered:
                self._add(
                    f"session {self._uid}",
                    f"{column} {shown(id_)} is {shown(uid)} and was entered as {shown(entered)}",
                )

    def _check_train(self, train: RowMapping, pulses: Sequence[Sequence[Any]]) -> None:
        key = (self._uid, train["number"])
        name = f"train {self._uid}/{shown(train['number'])}"
        begun, ended = self._claims.trains.get(key), self._claims.train_ends.get(key)
        if begun is not None:
            self._compare(name, train, begun, ("block", "intensity_pct_mso", "planned_start_ns"))
        if ended is None:
            if train["digest"] is not None or train["outcome"] != "running":
                self._add(name, "it is over, and no sound audit row says so")
            return
        self._compare(name, train, ended, ("started_ns", "ended_ns", "outcome", "digest"))
        if len(pulses) != ended["pulses"]:
            self._add(name, f"it has {len(pulses)} pulses and was sealed with {ended['pulses']}")
        try:
            sealed = train_digest(self._uid, dict(train), [pulse[:-1] for pulse in pulses])
        except ValueError:
            sealed = ""
        if sealed != ended["digest"]:
            self._add(name, "it or one of its pulses is not what it was sealed with")
        self._check_stated(name, train["number"], pulses)

    def _check_stated(self, name: str, number: int, pulses: Sequence[Sequence[Any]]) -> None:
        """Compare a train with what the chain stated of it before anybody sealed it."""
        stated = self._claims.stated.get(self._uid, Stated())
        if len(pulses) < (least := stated.at_least(number)):
            self._add(name, f"it has {len(pulses)} pulses, and {least} were begun")
        for pulse in stated.doubtful(number, not_given(pulses)):
            self._add(name, f"nobody ever stated that its pulse {pulse} was not given")

    def _check_strays(self, pulses: Sequence[Sequence[Any]]) -> None:
        """Compare the pulses outside any train with the audit rows that each of them has."""
        claimed = {
            number: detail
            for (uid, number), detail in self._claims.unplanned.items()
            if uid == self._uid and detail["train"] is None
        }
        for pulse in pulses:
            name = f"pulse {shown(pulse[0])} of session {self._uid}, outside any train"
            detail = claimed.pop(pulse[0], None)
            if detail is None:
                self._add(name, "it was never entered, or was taken out of its train")
            else:
                self._compare(
                    name, dict(zip(PULSE_COLUMNS, pulse, strict=False)), detail, PULSE_COLUMNS
                )
        for number in claimed:
            self._add(f"pulse {number} of session {self._uid}, outside any train", "it is gone")

    def _check_end(self, trains: Sequence[RowMapping], pulses: Sequence[Sequence[Any]]) -> None:
        name = f"session {self._uid}"
        ended = self._claims.endings.get(self._uid)
        if ended is None:
            if self._row["state"] == "running":
                self._totals.running.append(self._uid)
            else:
                self._add(name, f"it is {shown(self._row['state'])}, and has no closing entry")
            for column in ("ended_at", "end_reason"):
                if self._row["state"] == "running" and self._row[column] is not None:
                    self._add(name, f"{column} is {shown(self._row[column])} while it is running")
            return
        self._compare(name, self._row, ended, END_COLUMNS)
        try:
            contents = self._contents(trains, pulses, ended)
        except (ValueError, AttributeError) as error:
            self._add(name, f"it holds values that no record can hold: {shown(str(error))}")
            return
        for what in ("trains", "pulses", "events", "frames"):
            if contents[what] != ended[what]:
                self._add(name, f"it was closed with {ended[what]} {what} and has {contents[what]}")
            elif contents[f"{what}_digest"] != ended[f"{what}_digest"]:
                self._add(name, f"its {what} are not those it was closed with")
        if "outcomes" in ended and ended["outcomes"] != contents["outcomes"]:
            self._add(name, "the outcomes of its pulses are not those it was closed with")

    def _contents(
        self, trains: Sequence[RowMapping], pulses: Sequence[Sequence[Any]], ended: Detail
    ) -> dict[str, Json]:
        """Return the numbers and digests of what was there when the session was closed."""
        events = self._connection.execute(
            select(*EVENT_VALUES)
            .where(EVENT.c.session_id == self._row["id"])
            .order_by(EVENT.c.id)
            .limit(int(str(ended["events"])))
        ).all()
        frames = self._connection.execute(
            select(FRAME.c.at_ns, FRAME.c.direction, FRAME.c.bytes)
            .where(FRAME.c.session_id == self._row["id"])
            .order_by(text("device_frame.rowid"))
        ).all()
        return closing_entry(
            self._uid,
            [(train["number"], train["digest"]) for train in trains],
            [pulse[:-1] for pulse in pulses],
            events,
            frames,
        )

    def _compare(
        self, name: str, row: Mapping[Any, Any], claimed: Detail, columns: Sequence[str]
    ) -> None:
        for column in columns:
            if row[column] != claimed[column]:
                self._add(
                    name,
                    f"{column} is {shown(row[column])} and was entered as {shown(claimed[column])}",
                )

    def _add(self, row: str, sentence: str) -> None:
        self._found.append(Finding(shown(row)[1:-1], sentence))
