"""A clinic of ten years in one file, for measuring: `python -m tests.records_10y --out FILE`.

It is a demonstration (its first audit row says so, and no real stimulator is armed with it), told
as `tms_console.demonstration_story` tells one, by the clinic's own acts, with a thousand patients:
admitted, screened, measured, prescribed, approved, treated on working days, closed.  Chain, seals,
heads and digests are what `records verify` expects.

What is special: only the newest fiftieth of the sessions has all of its pulses.  Every older one
has its row, all its trains and all its audit rows, but one single pulse, the first of its first
train; each of its closing entries and digests says exactly that, so nothing is claimed that is not
there, and the session still counts for its course.  The other trains are on record with no pulse.
Their rows are written without the operations' own checks (25,000 sessions would take hours), and
obey the file's triggers like any others.  Passwords are those of the demonstration.

The console's keys and the chain's heads lie beside the file, in `config` and `state`.
"""

from __future__ import annotations

import argparse
import os
import random
import time as clock
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Connection, insert, select

from protocols.terms import Side
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.clinic.adverse_event import Relatedness, What
from tms_console.clinic.patient_details import PatientDetails, Sex
from tms_console.clinic.patients import close_patient, patient
from tms_console.demonstration_people import (
    COURSES,
    SECOND_TECHNICIAN,
    TECHNICIAN,
    Course,
    Happened,
)
from tms_console.demonstration_sessions import PastSession, session_operations, wall_text
from tms_console.demonstration_story import Story
from tms_console.records.audit import AuditChain, row_hash
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.database import Database
from tms_console.records.digests import closing_entry, train_digest, train_subject
from tms_console.records.heads import STATE_VARIABLE
from tms_console.records.operations import (
    BeginSession,
    Operation,
    SessionEvent,
)
from tms_console.records.private_files import CONFIG_VARIABLE
from tms_console.records.stated import OUTCOMES_ARE_STATED
from tms_console.records.storing import needs_preparation, prepare, store
from tms_console.records.tables import AUDIT, SESSION
from tms_console.records.transactions import expect_head, keep_outside

SESSIONS, YEARS = 25_000, 10
FULL_IS_A = 50
"""Part of the sessions, the newest, that have all their pulses: 500."""
WORKING_DAYS = 250
"""In a year."""
OPEN_FOR_DAYS = 45
"""A patient is closed so long after the last session of the course, most of them."""

FAMILY = [
    "Abel",
    "Baum",
    "Castro",
    "Dahl",
    "Ekberg",
    "Farrell",
    "Gomez",
    "Haas",
    "Ibsen",
    "Jansen",
    "Keller",
    "Lund",
    "Moreau",
    "Nilsson",
    "Olsen",
    "Petrov",
    "Quist",
    "Rossi",
    "Santos",
    "Thorne",
    "Ueda",
    "Vogel",
    "Weiss",
    "Yilmaz",
    "Zeman",
]
GIVEN_NAMES = [
    "Ada",
    "Boris",
    "Clara",
    "Dario",
    "Elif",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Katja",
    "Leo",
    "Mila",
    "Nils",
    "Olga",
    "Paul",
    "Rosa",
    "Stefan",
    "Tilda",
    "Viktor",
]
MIX = ("itbs-600",) * 7 + ("lf1-right",) * 2 + ("hf10-5s",)
"""What is given, in proportion."""
LENGTHS = {"itbs-600": 30, "lf1-right": 15, "hf10-5s": 20}


def courses(sessions: int, chance: random.Random) -> list[Course]:
    """Return courses of so many sessions in all, the newest last, spread over the years."""
    days = round(365 * YEARS * sessions / SESSIONS) if sessions < SESSIONS else 365 * YEARS
    found: list[Course] = []
    left, number = sessions, 0
    while left > 0:
        protocol_id = MIX[number % len(MIX)]
        given = min(left, LENGTHS[protocol_id] - (chance.randint(1, 9) if number % 5 == 0 else 0))
        found.append(_course(number, protocol_id, given, chance))
        left, number = left - given, number + 1
    step = days / len(found)
    return [
        replace(one, over_for_days=1 + round(step * (len(found) - 1 - place)))
        for place, one in enumerate(found)
    ]


def _course(number: int, protocol_id: str, given: int, chance: random.Random) -> Course:
    sex = Sex.FEMALE if number % 2 else Sex.MALE
    born = f"{chance.randint(1940, 2004)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    name = f"{FAMILY[number % len(FAMILY)]}, {chance.choice(GIVEN_NAMES)} {number}"
    like = next(one for one in COURSES if one.protocol_id == protocol_id)
    happened = (
        Happened(
            3,
            What.HEADACHE,
            1,
            "band-like, evening",
            "paracetamol 500 mg at home",
            Relatedness.POSSIBLE,
        ),
    )
    minutes = 45 * (number % 12)
    return Course(
        PatientDetails(name, born, sex, f"{number + 1:06d}"),
        protocol_id,
        like.indication,
        LENGTHS[protocol_id] if like.sessions is not None else None,
        given,
        (8 + minutes // 60, minutes % 60),
        chance.randint(34, 46),
        moves=(1, -1, 1),
        re_measured=(11, 21) if given > 21 else (11,) if given > 11 else (),
        side=Side.RIGHT if protocol_id == "lf1-right" else Side.LEFT,
        target="right DLPFC" if protocol_id == "lf1-right" else "left DLPFC",
        choices={"blocks[1].pct_mt": Fraction(110), "blocks[1].pulses_per_train": 360}
        if protocol_id == "lf1-right"
        else {},
        happened=happened if number % 9 == 0 and given > 3 else (),
    )


class Decade(Story):
    """Ten years of a clinic."""

    def __init__(self, path: Path, now: datetime, sessions: int, seed: int) -> None:
        super().__init__(path, now, courses(sessions, random.Random(seed)))
        self._begun, self._thin = 0, sessions - sessions // FULL_IS_A

    def _acts_of(self, one: Any) -> Iterator[Any]:
        yield from super()._acts_of(one)
        number = int(one.course.details.record_number)
        if number % 10 and one.course.over_for_days > OPEN_FOR_DAYS:
            over = self._at(one.days[-1] + timedelta(days=OPEN_FOR_DAYS), 12)
            yield over, 5, lambda: self._close(one)

    def _head(self, number: int) -> tuple[int, int, int]:
        return super()._head(number % 20)

    def _close(self, one: Any) -> None:
        with self._station.trusting() as trusted:
            seen = patient(trusted, one.uid)
        close_patient(self._station, self._logins[TECHNICIAN.login], seen.uid, "the course is over")

    def _check(self, one: Any, session: int) -> None:
        """Nothing yet: it goes on record with the session, in one transaction."""

    def _write_session(self, one: Any, past: PastSession, order: Operation) -> None:
        self._begun += 1
        self._clock.at = past.started
        for login in self._logins.values():
            login.touch()  # making the file takes longer than an idle login lasts
        records = self._checks(one, one.sessions)
        if self._begun > self._thin:
            every = [*records, order, *session_operations(past, self._chance)]
            _write(self._station.database, every, self._clock)
        else:
            _write(self._station.database, [*records, order], self._clock, past)

    def _sign_delivered(self) -> None:
        wanted = [(one, uid) for one in self._patients for uid in one.unsigned]
        with self._station.trusting() as trusted:
            sessions = {uid: trusted.sessions[uid] for _, uid in wanted}
        signatures: list[Operation] = []
        people = {
            self._logins[who.login].user_uid: self._logins[who.login]
            for who in (TECHNICIAN, SECOND_TECHNICIAN)
        }
        for one, uid in wanted:
            by = people[str(sessions[uid].begun["technician_uid"])]
            to_sign = ToSign(Meaning.DELIVERED, uid, sessions[uid].closing_digest, one.uid)
            signatures.append(self._signed(by, to_sign))
            one.unsigned.clear()
        _write(self._station.database, signatures, self._clock)
        self._station.seal("the end of a day")


class _Bulk(AuditChain):
    """A chain whose rows are stored together."""

    def __init__(self, connection: Connection, database: Database, wall: Any) -> None:
        super().__init__(connection, database.uid, database.console_uid, wall)
        self.rows: list[dict[str, Json]] = []

    def append(self, action: str, subject: str, detail: Any, actor: str = "console") -> None:
        row: dict[str, Json] = {
            "seq": self.head.seq + 1,
            "console_uid": self.head.console_uid,
            "at": self._wall(),
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": canonical_text(detail),
            "previous_hash": self.head.hash,
        }
        row["hash"] = row_hash(row)
        self.rows.append(row)
        self.head = replace(self.head, seq=self.head.seq + 1, hash=str(row["hash"]))

    def flush(self) -> None:
        """Store what is waiting."""
        if self.rows:
            self._connection.execute(insert(AUDIT), self.rows)
            self.rows.clear()


def _write(
    database: Database, operations: list[Operation], wall: Any, thin: PastSession | None = None
) -> None:
    """Write operations and then, of an old session, what is kept of it: one transaction."""
    if not operations and thin is None:
        return
    with database.connect_writer() as connection:
        with connection.begin():
            chain = _Bulk(connection, database, wall)
            before = chain.head
            for one in operations:
                sealed = prepare(connection, one) if needs_preparation(one) else None
                store(connection, chain, one, sealed)
            if thin is not None:
                _thin_session(connection, chain, thin)
            chain.flush()
            chain.require_stored()
            expect_head(database, before, chain.head)
        keep_outside(database, chain.head)


def _thin_session(connection: Connection, chain: _Bulk, past: PastSession) -> None:
    """Write a session with all its trains, and one pulse."""
    uid = past.ordered.session_uid
    begin, armed, *_ = _opening(past)
    store(connection, chain, begin)
    store(connection, chain, armed)
    session = connection.execute(select(SESSION.c.id).where(SESSION.c.uid == uid)).scalar_one()
    run = connection.exec_driver_sql
    sealed, pulses = [], []
    for number, train in enumerate(past.trains, 1):
        start = int(train.start_ns - past.origin_ns)
        block = past.content.blocks[train.block - 1]
        values: dict[str, Json] = {
            "block": train.block,
            "number": number,
            "intensity_pct_mso": block.intensity_of_train(train.number_in_block),
            "planned_start_ns": start,
        }
        first = number == 1
        key = run(
            "INSERT INTO train (session_id, block, number, intensity_pct_mso, planned_start_ns, "
            "outcome) VALUES (?, ?, ?, ?, ?, 'running')",
            (session, *values.values()),
        ).lastrowid
        stated = {name: values[name] for name in values if name != "number"}
        subject = train_subject(uid, number)
        told = {"first_pulse": number, "pulses": int(first), OUTCOMES_ARE_STATED: True}
        chain.append("train.begin", subject, stated | told)
        seen, commanded = start + 6_400_000, start + 25_000
        rows = []
        if first:
            rows = [(1, values["intensity_pct_mso"], start, commanded, seen, 60, "delivered",
                     "reported")]  # fmt: skip
            run(
                "INSERT INTO pulse (session_id, number, train_id, intensity_pct_mso, planned_ns, "
                "outcome, evidence) VALUES (?, 1, ?, ?, ?, 'commanded', 'none')",
                (session, key, values["intensity_pct_mso"], start),
            )
            run(
                "UPDATE pulse SET commanded_ns = ?, observed_ns = ?, realised_a_us = 60, "
                "outcome = 'delivered', evidence = 'reported' WHERE session_id = ? AND number = 1",
                (commanded, seen, session),
            )
            pulses = rows
        ended: dict[str, Json] = {
            "started_ns": seen - 3_000_000,
            "ended_ns": int(train.end_ns - past.origin_ns) + 6_400_000,
            "outcome": "completed",
        }
        digest = train_digest(uid, values | ended, rows)
        run(
            "UPDATE train SET started_ns = ?, ended_ns = ?, outcome = 'completed', digest = ? "
            "WHERE id = ?",
            (ended["started_ns"], ended["ended_ns"], digest, key),
        )
        outcomes: Json = {"delivered": 1} if first else {}
        chain.append(
            "train.end", subject, ended | {"digest": digest, "pulses": int(first),
                                           "outcomes": outcomes}
        )  # fmt: skip
        sealed.append((number, digest))
    ending: dict[str, Json] = {
        "state": past.state.value,
        "end_reason": past.reason,
        "ended_at": wall_text(past.ended),
    }
    events = [(armed.at_ns, armed.kind.value, armed.detail)]
    contents = closing_entry(uid, sealed, pulses, events, [])
    run(
        "UPDATE session SET state = ?, end_reason = ?, ended_at = ? WHERE id = ?",
        (*ending.values(), session),
    )
    chain.append("session.end", f"session:{uid}", ending | contents)


def _opening(past: PastSession) -> tuple[BeginSession, SessionEvent]:
    first = session_operations(past, random.Random(0))
    begin, armed = next(first), next(first)
    if not isinstance(begin, BeginSession) or not isinstance(armed, SessionEvent):
        raise TypeError("a session begins with its row and the event that it was armed")
    return begin, armed


def keep_beside(path: Path) -> None:
    """Let this process keep keys and heads beside a file."""
    os.environ[CONFIG_VARIABLE] = str(path.parent / "config")
    os.environ[STATE_VARIABLE] = str(path.parent / "state")


def make(path: Path, sessions: int, seed: int, console: Console) -> None:
    """Make the file, in a folder of its own, with what the console keeps beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    keep_beside(path)
    quickly = mock.patch("os.fsync")  # of the heads: a file that is half made is thrown away
    with quickly, Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"{sessions} sessions")
        Decade(path, datetime.now(UTC), sessions, seed).tell(
            lambda done, total: progress.update(task, completed=done, total=total)
        )


def main() -> None:
    """Run the command line."""
    asked = argparse.ArgumentParser(prog="python -m tests.records_10y", description=__doc__)
    asked.add_argument("--sessions", type=int, default=SESSIONS)
    asked.add_argument("--out", type=Path, default=Path("out/records-10y/clinic.db"))
    asked.add_argument("--seed", type=int, default=0)
    options = asked.parse_args()
    if options.out.exists():
        raise SystemExit(f"{options.out} is there already; remove its folder first")
    console, begun_s = Console(highlight=False), clock.monotonic()
    make(options.out, options.sessions, options.seed, console)
    size = options.out.stat().st_size / 1e6
    console.print(
        f"{options.out}: {options.sessions} sessions, {size:,.0f} MB, "
        f"made in {clock.monotonic() - begun_s:.0f} s"
    )


if __name__ == "__main__":
    main()
