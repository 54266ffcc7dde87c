"""`verify` notices one changed bit anywhere, and names the row."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlcipher3 import dbapi2

from tests.records.recording import (
    begin_session,
    begin_train,
    end_session,
    event,
    header_of,
    new_database,
    record,
    rich_session,
    rows,
    tampering,
    wall_clock,
    whole_train,
)
from tests.records.test_schema import PROMISED
from tms_console.records.audit import row_hash
from tms_console.records.database import Database
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.heads import STATE_VARIABLE, head_path
from tms_console.records.operations import EventKind, new_uid
from tms_console.records.transactions import write_now
from tms_console.records.verify import NO_HEAD, Verification, verify
from tms_console.records.writer import InlineWriter

CHECKED = ("session", "train", "pulse", "session_event", "audit")
KEYS = {
    "session": "id",
    "train": "id",
    "pulse": "session_id * 1000 + number",
    "session_event": "id",
    "audit": "seq",
}
UIDS = (new_uid(), new_uid())


@dataclass(frozen=True)
class Template:
    """A closed database and its head outside, to be copied and tampered with."""

    database: Database
    state: Path


def make_template(folder: Path) -> Template:
    state = folder / "state"
    os.environ[STATE_VARIABLE] = str(state)
    try:
        database = new_database(folder)
        for uid in UIDS:
            assert record(database, uid, rich_session(uid)).failure is None
        late = event(UIDS[0], "a headache, told the next day", EventKind.ADVERSE_EVENT)
        write_now(database, late, wall=wall_clock())
    finally:
        del os.environ[STATE_VARIABLE]
    return Template(database, state)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def path(template: Template, tmp_path: Path, state_folder: Path) -> Path:
    """A copy of the template that a test may spoil."""
    shutil.copytree(template.state, state_folder)
    return Path(shutil.copy(template.database.path, tmp_path / "copy.db"))


def cells() -> Iterator[tuple[str, str]]:
    for table in CHECKED:
        for column in PROMISED[table].split():
            yield table, column


def flipped(value: Any) -> Any:
    """Return a value that differs in one bit, or something where nothing was."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value ^ 1
    return chr(ord(value[0]) ^ 1) + value[1:] if value else "x"


def names(answer: Verification) -> str:
    return "\n".join(f"{one.row}: {one.sentence}" for one in answer.findings)


def test_an_untouched_record_is_sound_and_says_how_far_that_reaches(path: Path) -> None:
    answer = verify(path)

    assert answer.findings == ()
    assert answer.sound
    assert (answer.sessions, answer.trains, answer.pulses, answer.events) == (2, 4, 14, 7)
    assert answer.notes == ()
    assert "no key" in answer.reach


@pytest.mark.parametrize(("table", "column"), list(cells()))
def test_every_changed_value_of_every_row_is_noticed_and_the_row_named(
    template: Template, path: Path, table: str, column: str
) -> None:
    """All rows, one after the other, each in a fresh copy of the file."""
    kind = rows(path, f"SELECT type FROM pragma_table_info('{table}') WHERE name = ?", column)
    for key, value in rows(path, f"SELECT {KEYS[table]}, {column} FROM {table}"):
        shutil.copy(template.database.path, path)
        new = 7 if value is None and kind == [("INTEGER",)] else flipped(value)
        if (table, column) in {("pulse", "number"), ("audit", "seq")} or (
            column in {"id", "session_id"} and table != "pulse"
        ):
            new = value + 1000
        change = f"UPDATE {table} SET {column} = ? WHERE {KEYS[table]} = ?"
        with tampering(path) as connection:
            connection.execute(change, (new, key))

        answer = verify(path)

        assert not answer.sound, (table, column, key, value, new)
        assert owner_is_named(template, table, key, names(answer)), names(answer)


def owner_is_named(template: Template, table: str, key: int, said: str) -> bool:
    """A pulse is named by its train, everything else by itself."""
    whole = template.database.path
    match table:
        case "session":
            return UIDS[key - 1] in said or f"session row {key}" in said
        case "train":
            return any(name in said for name in [train_name(whole, key), f"train row {key}"])
        case "pulse":
            train = rows(whole, f"SELECT train_id FROM pulse WHERE {KEYS['pulse']} = ?", key)[0][0]
            name = f"pulse {key % 1000}" if train is None else train_name(whole, train)
            return name in said
        case "session_event":
            return f"session_event row {key}" in said or "event " in said
        case _:
            return f"audit row {key}" in said


def train_name(database: Path, key: int) -> str:
    uid, number = rows(
        database,
        "SELECT uid, number FROM train JOIN session ON session.id = session_id WHERE train.id = ?",
        key,
    )[0]
    return f"train {uid}/{number}"


@pytest.mark.parametrize("table", CHECKED)
def test_every_deleted_row_is_noticed(template: Template, path: Path, table: str) -> None:
    for (key,) in rows(path, f"SELECT {KEYS[table]} FROM {table}"):
        shutil.copy(template.database.path, path)
        with tampering(path) as connection:
            connection.execute(f"DELETE FROM {table} WHERE {KEYS[table]} = ?", (key,))

        answer = verify(path) if (table, key) != ("audit", 1) else None

        if answer is not None:
            assert not answer.sound, (table, key)
            if table in {"pulse", "audit"}:
                assert owner_is_named(template, table, key, names(answer)), names(answer)


def test_a_chain_without_its_first_row_is_noticed(path: Path) -> None:
    with tampering(path) as connection:
        connection.execute("DELETE FROM audit WHERE seq = 1")

    assert "audit row 1" in names(verify(path))


@pytest.mark.parametrize(
    ("insert", "named"),
    [
        ("session SELECT id + 2, upper(uid), {rest} FROM session WHERE id = 1", "session row 3"),
        (
            "train SELECT id + 4, session_id, block, number + 2, intensity_pct_mso, "
            "planned_start_ns, started_ns, ended_ns, outcome, digest FROM train WHERE id = 1",
            "train row 5",
        ),
        ("pulse SELECT session_id, 50, {pulse} FROM pulse WHERE number = 1", "train"),
        ("pulse VALUES (1, 50, NULL, NULL, NULL, NULL, NULL, NULL, 'unplanned', 'inferred')", "50"),
        ("pulse VALUES (9, 50, 99, 5, 1, NULL, NULL, NULL, 'unknown', 'none')", "local session 9"),
        ("session_event SELECT id + 7, session_id, at_ns, kind, 'x' FROM session_event", "row 8"),
        (
            "audit SELECT seq + 1, console_uid, at, actor, action, subject, detail, hash, hash "
            "FROM audit ORDER BY seq DESC LIMIT 1",
            "audit row",
        ),
        (
            "audit SELECT 1, '00000000-0000-7000-8000-000000000000', at, actor, action, subject, "
            "detail, upper(hash), hash FROM audit WHERE seq = 5",
            "audit row 1",
        ),
    ],
)
def test_an_inserted_row_is_noticed(path: Path, insert: str, named: str) -> None:
    rest = ", ".join(PROMISED["session"].split()[2:])
    pulse = ", ".join(PROMISED["pulse"].split()[2:])
    with tampering(path) as connection:
        connection.execute(f"INSERT INTO {insert}".format(rest=rest, pulse=pulse))

    assert named in names(verify(path))


@pytest.mark.parametrize(
    ("table", "key", "one", "other"),
    [
        ("session", "id", 1, 2),
        ("train", "id", 1, 2),
        ("train", "id", 1, 3),
        ("train", "number", 1, 2),
        ("pulse", "number", 1, 2),
        ("pulse", "number", 4, 5),
        ("pulse", "number", 5, 100),
        ("pulse", "number", 100, 101),
        ("session_event", "id", 1, 2),
        ("session_event", "id", 3, 4),
        ("audit", "seq", 2, 3),
        ("audit", "seq", 5, 9),
    ],
)
def test_two_rows_that_changed_places_are_noticed(
    path: Path, table: str, key: str, one: int, other: int
) -> None:
    with tampering(path) as connection:
        for new, old in ((-1, one), (one, other), (other, -1)):
            connection.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (new, old))

    assert not verify(path).sound


def test_two_equal_looking_notes_that_changed_places_are_harmless(path: Path) -> None:
    """The same text at the same time: nothing of the record is different."""
    with tampering(path) as connection:
        connection.execute("UPDATE session_event SET detail = detail")

    assert verify(path).sound


@pytest.mark.parametrize("left", range(1, 24))
def test_a_tail_that_was_cut_off_is_noticed_at_every_point(path: Path, left: int) -> None:
    """With everything that the cut rows speak of, as if it had never happened."""
    assert rows(path, "SELECT max(seq) FROM audit") == [(24,)]
    with tampering(path) as connection:
        connection.execute("DELETE FROM audit WHERE seq > ?", (left,))
        said = [row[0] for row in connection.execute("SELECT subject FROM audit")]
        for uid in UIDS:
            if f"session:{uid}" not in said:
                local = "(SELECT id FROM session WHERE uid = ?)"
                for table in ("pulse", "device_frame", "session_event", "train"):
                    connection.execute(f"DELETE FROM {table} WHERE session_id = {local}", (uid,))
                connection.execute("DELETE FROM session WHERE uid = ?", (uid,))

    assert not verify(path).sound


def test_a_whole_session_cut_off_is_noticed_by_the_head_alone(path: Path) -> None:
    with tampering(path) as connection:
        cut = connection.execute(
            "SELECT seq FROM audit WHERE subject = ?", (f"session:{UIDS[1]}",)
        ).fetchone()[0]
        connection.execute("DELETE FROM audit WHERE seq >= ?", (cut,))
        for table in ("pulse", "device_frame", "session_event", "train"):
            connection.execute(f"DELETE FROM {table} WHERE session_id = 2")
        connection.execute("DELETE FROM session WHERE id = 2")
        connection.execute("DELETE FROM session_event WHERE id = 7")

    assert names(verify(path)).startswith(f"audit row {cut}: the chain was cut")


def test_without_a_head_the_answer_says_what_it_cannot_see(template: Template, path: Path) -> None:
    head_path(template.database.uid).unlink()

    assert verify(path).notes == (NO_HEAD,)


def test_a_head_that_is_not_one_is_a_finding(template: Template, path: Path) -> None:
    head_path(template.database.uid).write_text("?")

    assert "the head kept outside" in names(verify(path))


def test_a_chain_that_was_rewritten_with_its_hashes_is_noticed_by_the_head(
    template: Template, path: Path
) -> None:
    head = head_path(template.database.uid)
    text = head.read_text()
    head.write_text(text.replace(text.split('"hash": "')[1][:4], "0000"))

    assert "the chain was rewritten" in names(verify(path))


def test_a_replaced_row_with_a_right_hash_of_its_own_is_noticed(path: Path) -> None:
    """Whoever recomputes one hash must recompute all that follow."""
    names_ = PROMISED["audit"].split()
    row = dict(zip(names_, rows(path, "SELECT * FROM audit WHERE seq = 5")[0], strict=True)) | {
        "actor": "somebody else"
    }
    with tampering(path) as connection:
        connection.execute(
            "UPDATE audit SET actor = ?, hash = ? WHERE seq = 5",
            ("somebody else", row_hash(row)),
        )

    assert "audit row 6: it does not follow" in names(verify(path))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("DROP TRIGGER pulse_update", "trigger pulse_update: it was dropped"),
        ("DROP INDEX train_one_running", "index train_one_running: it was dropped"),
        ("ALTER TABLE pulse ADD COLUMN comment TEXT", "table pulse: it was altered"),
        ("CREATE TABLE extra (a)", "table extra: it does not belong here"),
    ],
)
def test_a_changed_schema_is_named(path: Path, change: str, named: str) -> None:
    connection = dbapi2.connect(str(path), isolation_level=None)
    connection.execute(change)
    connection.close()

    assert named in names(verify(path))


def test_a_dropped_column_is_a_finding_and_no_crash(path: Path) -> None:
    with tampering(path) as connection:
        connection.execute("DROP TRIGGER IF EXISTS session_event_insert")
        connection.execute("ALTER TABLE session_event RENAME COLUMN detail TO words")

    assert "session_event" in names(verify(path))


@pytest.mark.parametrize(
    "value", ["'7'", "7.5", "x'00ff'", "CAST(x'ff41' AS TEXT)", "9007199254740993", "'\u2028'"]
)
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("pulse", "observed_ns"),
        ("train", "ended_ns"),
        ("session_event", "detail"),
        ("audit", "detail"),
        ("session", "coil"),
    ],
)
def test_values_of_a_wrong_kind_are_findings_and_no_crash(
    path: Path, table: str, column: str, value: str
) -> None:
    """A table rebuilt without STRICT holds anything, even text that is no text."""
    with tampering(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = ?", (table,)
        )
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute(f"UPDATE {table} SET {column} = {value}")

    answer = verify(path)

    assert not answer.sound
    assert answer.sessions == 2
    names(answer).encode()


def test_a_flipped_bit_anywhere_in_the_file_is_noticed_or_changes_nothing(
    template: Template, path: Path
) -> None:
    """Not through SQL but on the disk: 300 bits of the pages, as a failing disk would."""
    whole = template.database.path.read_bytes()
    before = contents(template.database.path)
    chosen = random.Random(11)
    noticed = 0
    for _ in range(300):
        place, bit = chosen.randrange(100, len(whole)), chosen.randrange(8)
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << bit
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.write_bytes(spoiled)
        try:
            sound = verify(path).sound
        except DatabaseUnusable:
            sound = False
        if sound:
            assert contents(path) == before, (place, bit)
        noticed += not sound
    assert noticed > 30


def contents(database: Path) -> list[Any]:
    tables = [*CHECKED, "device_frame"]
    return [rows(database, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


def test_a_running_session_is_reported_as_running_and_not_as_damage(database: Database) -> None:
    uid = new_uid()
    with InlineWriter(database, header_of(database, uid), lambda _: None) as writer:
        for operation in (begin_session(uid), *whole_train(uid), begin_train(uid, 2, 5)):
            assert writer.submit(operation).wait(1)

        answer = verify(database.path)

    assert answer.findings == ()
    assert answer.running == (uid,)
    assert answer.notes == (f"Session {uid} is running, or was cut off.",)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE session SET end_reason = 'x'",
        "UPDATE session SET ended_at = '2026-01-01T00:00:00Z'",
        "UPDATE session SET state = 'completed'",
        "UPDATE train SET outcome = 'completed', digest = hex(zeroblob(32)) WHERE number = 2",
    ],
)
def test_a_running_session_that_was_tampered_with_is_noticed(
    database: Database, change: str
) -> None:
    uid = new_uid()
    record(database, uid, [begin_session(uid), *whole_train(uid), begin_train(uid, 2, 5)])
    with tampering(database.path) as connection:
        connection.execute(change)

    assert not verify(database.path).sound


def test_a_closed_session_stays_sound_when_notes_are_added(database: Database) -> None:
    uid = new_uid()
    record(database, uid, [begin_session(uid), event(uid, "one"), end_session(uid)])
    write_now(database, event(uid, "later"))

    assert verify(database.path).findings == ()


def test_the_progress_is_told_in_pulses(path: Path) -> None:
    seen: list[tuple[int, int]] = []

    verify(path, lambda done, total: seen.append((done, total)))

    assert seen == [(0, 14), (7, 14), (14, 14)]


def test_a_file_that_is_not_there_or_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="no such database"):
        verify(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("x" * 5000)
    with pytest.raises(DatabaseUnusable, match="not a database of TMS Console"):
        verify(tmp_path / "text.db")


def test_verifying_writes_nothing_into_the_file(path: Path) -> None:
    before = path.read_bytes()

    verify(path)

    assert path.read_bytes() == before
