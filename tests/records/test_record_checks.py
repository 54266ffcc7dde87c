"""`verify` notices one changed value of any record or credential, and names it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.records.contents import add, contents, credential, one_of_each, uids
from tests.records.recording import new_database, record, rich_session, rows, tampering
from tests.records.test_schema import PROMISED_OTHERS, PROMISED_RECORDS
from tms_console.records.audit import genesis_hash, row_hash
from tms_console.records.canonical import canonical_text
from tms_console.records.clinical import RecordKind
from tms_console.records.clinical_tables import RECORDS
from tms_console.records.connections import reading
from tms_console.records.database import Database
from tms_console.records.heads import STATE_VARIABLE, head_path
from tms_console.records.operations import new_uid
from tms_console.records.registry import registry_rows
from tms_console.records.transactions import write_now
from tms_console.records.verify import verify

KINDS = tuple(RecordKind)
CELLS = [
    (kind.value, column)
    for kind in KINDS
    for column in PROMISED_RECORDS[kind].split()
    if RECORDS[kind].c[column].computed is None
] + [("credential", column) for column in PROMISED_OTHERS["credential"].split()]


@dataclass(frozen=True)
class Template:
    """A database with three patients, one of everything else, a session, and its head outside."""

    database: Database
    state: Path
    of: dict[RecordKind, str]
    patients: tuple[str, str, str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(folder / "state"))
        database, of = new_database(folder), uids()
        others = (new_uid(), new_uid())
        write_now(database, *one_of_each(of).values(), credential(of[RecordKind.USER]))
        write_now(
            database,
            *(
                add(
                    RecordKind.PATIENT,
                    uid,
                    contents(of)[RecordKind.PATIENT] | {"patient_uid": uid},
                )
                for uid in others
            ),
        )
        session = new_uid()
        assert record(database, session, rich_session(session)).failure is None
        write_now(database, credential(of[RecordKind.USER], must_change=False))
    return Template(database, folder / "state", of, (of[RecordKind.PATIENT], *others))


@pytest.fixture
def path(template: Template, tmp_path: Path, state_folder: Path) -> Path:
    shutil.copytree(template.state, state_folder)
    return Path(shutil.copy(template.database.path, tmp_path / "copy.db"))


def said(path: Path) -> str:
    return "\n".join(f"{one.row}: {one.sentence}" for one in verify(path).findings)


def test_an_untouched_record_is_sound_and_counted(path: Path) -> None:
    answer = verify(path)

    assert answer.findings == ()
    assert answer.records == len(KINDS) + 2


def other_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, int):
        return value ^ 1 if value in (0, 1) else value + 1000
    if '"uid":"0' in value:
        return value.replace('"uid":"0', '"uid":"1', 1)  # the indexes refuse what is no JSON
    return value[:-2] + chr(ord(value[-2]) ^ 1) + value[-1]


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_every_changed_value_is_noticed_and_the_record_named(
    template: Template, path: Path, table: str, column: str
) -> None:
    key = "user_uid" if table == "credential" else "uid"
    for uid, value in rows(path, f"SELECT {key}, {column} FROM {table}"):
        shutil.copy(template.database.path, path)
        new = value + 1000 if column == "id" else other_value(value)
        with tampering(path) as connection:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (new, uid))

        name = f"{'credential of user' if table == 'credential' else table} {uid}"
        assert f"{name}: " in said(path), (value, new)


def test_every_bit_of_a_content_counts(template: Template, path: Path) -> None:
    """Also where the JSON says the same: what was signed is the text."""
    (uid,) = {template.of[RecordKind.POLICY]}
    text: str = rows(path, "SELECT content FROM policy")[0][0]
    for changed in (
        text + " ",
        text.replace(",", ", ", 1),
        text.replace('"version":1', '"version": 1'),
    ):
        shutil.copy(template.database.path, path)
        with tampering(path) as connection:
            connection.execute("UPDATE policy SET content = ?", (changed,))

        assert f"policy {uid}: its content is not what was entered" in said(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_deleted_record_is_noticed(template: Template, path: Path, kind: RecordKind) -> None:
    with tampering(path) as connection:
        connection.execute(f"DELETE FROM {kind} WHERE uid = ?", (template.of[kind],))

    assert f"{kind} {template.of[kind]}: it was entered and is not there" in said(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_inserted_record_is_noticed(template: Template, path: Path, kind: RecordKind) -> None:
    new = new_uid()
    stored = [
        one for one in PROMISED_RECORDS[kind].split() if RECORDS[kind].c[one].computed is None
    ]
    values = {"id": "id + 7", "uid": f"'{new}'", "seq": "seq + 900"} | {
        "content": f"replace(content, uid, '{new}')"
    }
    with tampering(path) as connection:
        unique = {"user": "login", "enrolment": "public_key"}.get(kind.value)
        if unique is not None:
            values["content"] = (
                f"replace({values['content']}, {unique}, substr({unique}, 2) || 'x')"
            )
        if kind in {RecordKind.ENROLMENT_END, RecordKind.KEY_CONFIRMATION}:
            values["content"] = f"replace({values['content']}, enrolment_uid, '{new_uid()}')"
        if kind is RecordKind.START_ORDER:
            values["content"] = (
                f"replace(replace({values['content']}, session_uid, '{new_uid()}'), nonce, "
                "'ef' || substr(nonce, 3))"
            )
        if kind in {RecordKind.POLICY, RecordKind.SEAL}:
            values["content"] = (
                f"replace(replace({values['content']}, ':1,', ':2,'), ':1}}', ':2}}')"
            )
        names = ", ".join(stored)
        taken = ", ".join(values.get(one, one) for one in stored)
        connection.execute(
            f"INSERT INTO {kind} ({names}) SELECT {taken} FROM {kind} WHERE uid = ?",
            (template.of[kind],),
        )

    assert f"{kind} {new}: it was never entered" in said(path)


@pytest.mark.parametrize("column", ["id", "uid", "seq", "content"])
def test_two_records_that_changed_places_are_noticed(
    template: Template, path: Path, column: str
) -> None:
    first, second, _ = template.patients
    (one,), (other,) = (
        rows(path, f"SELECT {column} FROM patient WHERE uid = ?", uid)[0] for uid in (first, second)
    )
    spare = "x" * 36 if column == "uid" else 999
    swaps = ((first, spare), (second, one), (first, other))
    with tampering(path) as connection:
        rowids = dict(rows(path, "SELECT uid, id FROM patient"))
        for uid, value in swaps[column == "content" :]:  # contents may be there twice meanwhile
            where = "uid = ?" if column == "id" else "id = ?"
            key = uid if column == "id" else rowids[uid]
            connection.execute(f"UPDATE patient SET {column} = ? WHERE {where}", (value, key))

    words = said(path)
    assert f"patient {first}: " in words or f"patient {second}: " in words


def test_a_credential_deleted_or_for_nobody_is_noticed(template: Template, path: Path) -> None:
    user, nobody = template.of[RecordKind.USER], new_uid()
    with tampering(path) as connection:
        connection.execute("UPDATE credential SET user_uid = ?", (nobody,))

    words = said(path)
    assert f"credential of user {nobody}: it was never entered" in words
    assert f"credential of user {user}: it was entered and is not there" in words


def test_an_older_credential_put_back_is_noticed(template: Template, path: Path) -> None:
    """It was entered once; what counts is the newest."""
    with tampering(path) as connection:
        connection.execute("UPDATE credential SET must_change = 1")

    user = template.of[RecordKind.USER]
    assert f"credential of user {user}: it is not what was entered" in said(path)


@pytest.mark.parametrize(
    ("action", "subject", "detail"),
    [
        ("record.add", "policy:{policy}", '{"at":"x","digest":"y"}'),
        ("record.add", "policy", "{}"),
        ("record.add", "policy:x", "[]"),
        ("record.add", "policy:x", "7"),
        ("record.add", "policy:x", "no JSON"),
        ("record.add", "policy:x", '{"a":' * 50_000),
        ("credential.set", "user:x", "null"),
        ("session.begin", "session:x", "{}"),
        ("session.end", "session:x", '{"state":"completed"}'),
        ("train.begin", "train:x/one", "{}"),
        ("train.end", "train:x/1", "{}"),
        ("train.begin", "train:x", '{"block":1,"intensity_pct_mso":1,"planned_start_ns":1}'),
        ("pulse.unplanned", "pulse:x/1", "{}"),
        ("event.add", "event:x", "{}"),
        ("event.add", "event:x", "[]"),
    ],
)
def test_a_row_with_a_right_hash_that_says_nonsense_is_a_finding_and_no_crash(
    template: Template, path: Path, action: str, subject: str, detail: str
) -> None:
    """Whoever can compute a hash must not be able to end the verification."""
    head_path(template.database.uid).unlink()
    with tampering(path) as connection:
        cursor = connection.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")
        names = [one[0] for one in cursor.description]
        last = dict(zip(names, cursor.fetchone(), strict=True))
        new = last | {
            "seq": last["seq"] + 1,
            "action": action,
            "subject": subject.format(policy=template.of[RecordKind.POLICY]),
            "detail": detail,
            "previous_hash": last["hash"],
        }
        new["hash"] = row_hash(new)
        marks = ", ".join("?" * len(names))
        connection.execute(f"INSERT INTO audit VALUES ({marks})", [new[name] for name in names])

    assert f"audit row {new['seq']}: " in said(path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (column, value)
        for column in ("content", "at", "actor")
        for value in ("7", "x'00ff'", "CAST(x'ff41' AS TEXT)", "'[]'", "'{\"a\":1}'")
        if column != "content" or "x'" not in value  # those the indexes refuse
    ],
)
def test_values_of_a_wrong_kind_are_findings_and_no_crash(
    template: Template, path: Path, column: str, value: str
) -> None:
    """A table rebuilt without STRICT and without its checks holds anything."""
    with tampering(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT', ''), ' NOT NULL', '') "
            "WHERE name = 'policy' AND type = 'table'"
        )
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute(f"UPDATE policy SET {column} = {value}")

    words = said(path)
    assert "table policy: it was altered" in words
    assert f"policy {template.of[RecordKind.POLICY]}" in words or "the file" in words
    words.encode()


@pytest.mark.parametrize(("detail", "sound"), [("no JSON", False), ("[]", True), ("{}", True)])
def test_a_row_of_the_registry_that_cannot_be_read_is_not_sound(
    template: Template, path: Path, detail: str, sound: bool
) -> None:
    with tampering(path) as connection:
        cursor = connection.execute("SELECT * FROM audit WHERE seq = 2")
        names = [one[0] for one in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True)) | {"detail": detail}
        connection.execute(
            "UPDATE audit SET detail = ?, hash = ? WHERE seq = 2", (detail, row_hash(row))
        )
    with reading(path) as connection:
        read = next(registry_rows(connection, template.database.console_uid))

    assert (read.seq, read.detail, read.sound) == (2, {}, sound)


def test_a_credential_that_holds_no_text_is_a_finding_and_no_crash(
    template: Template, path: Path
) -> None:
    with tampering(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT, ', '') WHERE name = 'credential'"
        )
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute("UPDATE credential SET salt = x'00ff'")

    user = template.of[RecordKind.USER]
    assert f"credential of user {user}: it is not what was entered" in said(path)


def test_the_chain_of_a_second_console_is_kept_beside_the_first(
    template: Template, path: Path
) -> None:
    """One day consoles are merged; a record entered by both would still be named."""
    other = new_uid()
    with tampering(path) as connection:
        cursor = connection.execute(
            "SELECT * FROM audit WHERE subject = ?", (f"policy:{template.of[RecordKind.POLICY]}",)
        )
        names = [one[0] for one in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True)) | {
            "seq": 1,
            "console_uid": other,
            "previous_hash": genesis_hash(other),
            "detail": canonical_text({"at": "x", "digest": "y"}),
        }
        row["hash"] = row_hash(row)
        marks = ", ".join("?" * len(names))
        connection.execute(f"INSERT INTO audit VALUES ({marks})", [row[name] for name in names])

    assert "was entered before" in said(path)
