"""`tms-console users` and the recorded restore: a clinic's whole life without a window."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from argon2 import low_level
from typer.testing import CliRunner, Result

from tests.accounts.people import CHEAP, Clinic, password_of
from tests.accounts.ready import ready_clinic
from tests.accounts.sessions import prescribe
from tms_console import secrecy
from tms_console.accounts.roles import Role
from tms_console.cli import app
from tms_console.commands import asking, users
from tms_console.records.escrow import recover_key
from tms_console.records.heads import head_path

ADA, DOC, NEW = "quiet harbour lantern 47", "window stone melon 33", "seven green kettles 81"
FIRST, ESCROW = "paper crane bridge 12", "an escrow passphrase that is long"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a password costs is tested elsewhere."""
    real = low_level.hash_secret_raw

    def cheap(secret: bytes, salt: bytes, **other: object) -> bytes:
        cost = {"time_cost": CHEAP.time_cost, "memory_cost": CHEAP.memory_kib, "parallelism": 1}
        return real(secret, salt, **(other | cost))  # type: ignore[arg-type]

    monkeypatch.setattr(low_level, "hash_secret_raw", cheap)


@pytest.fixture(autouse=True)
def asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a command asks of the operating system would outlive its test."""
    asked: list[str] = []
    for name in ("forbid_core_dumps", "private_files"):
        monkeypatch.setattr(secrecy, name, lambda name=name: asked.append(name))
    return asked


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "clinic" / "clinic.db"


def run(*words: str | Path, typed: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(
        app, [str(word) for word in words], input="".join(f"{line}\n" for line in typed)
    )


def first(database: Path) -> Result:
    return run(
        "users",
        "add",
        "ada",
        "--name",
        "Ada L",
        "--role",
        "administrator",
        "--database",
        database,
        typed=(ADA, ESCROW),
    )


def add(database: Path, login: str, role: str, *typed: str) -> Result:
    where = ("--name", f"{login.title()} Somebody", "--role", role, "--database", database)
    return run("users", "add", login, *where, typed=typed)


def listed(database: Path) -> dict[str, dict[str, object]]:
    answer = run("users", "list", "--database", database, "--json")
    assert answer.exit_code == 0
    return {one["login"]: one for one in json.loads(answer.stdout)["users"]}


def code_in(answer: Result) -> str:
    (line,) = [one for one in answer.stdout.splitlines() if one.startswith("Recovery code")]
    return line.rpartition(" ")[2]


def test_the_first_user_makes_the_clinic_and_an_escrow_copy_of_its_key(database: Path) -> None:
    answer = first(database)

    copy = database.with_name("clinic.db.escrow.json")
    assert answer.exit_code == 0
    assert len(code_in(answer)) == 34
    assert "Add a second administrator" in answer.stdout
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    assert recover_key(copy.read_bytes(), ESCROW)
    assert listed(database)["ada"]["role"] == "administrator"
    for secret in (ADA, ESCROW):
        assert secret not in answer.output


@pytest.mark.parametrize(
    ("role", "password", "passphrase", "words"),
    [
        ("physician", ADA, ESCROW, "first user is an administrator"),
        ("administrator", ADA, "short", "at least 15 characters"),
        ("administrator", "password1", ESCROW, "tried first"),
    ],
)
def test_a_first_start_that_is_refused_makes_no_database(
    database: Path, role: str, password: str, passphrase: str, words: str
) -> None:
    answer = add(database, "ada", role, password, passphrase)

    assert answer.exit_code == 1
    assert words in answer.output
    assert not database.exists()


def test_an_escrow_copy_replaces_no_file(database: Path, tmp_path: Path) -> None:
    there = tmp_path / "letter"
    there.write_text("dear")

    answer = run(
        "users",
        "add",
        "ada",
        "--name",
        "A",
        "--role",
        "administrator",
        "--database",
        database,
        "--escrow",
        there,
        typed=(ADA, ESCROW),
    )

    assert answer.exit_code == 1
    assert "there is already a file" in answer.output
    assert (there.read_text(), database.exists()) == ("dear", False)


def test_a_person_lives_through_their_account_on_the_command_line(database: Path) -> None:
    first(database)
    added = add(database, "doc", "physician", "ada", ADA, FIRST)
    assert "They must set a password of their own" in added.stdout
    own = run("users", "set-password", "doc", "--database", database, typed=(FIRST, DOC))
    code = code_in(own)
    assert own.exit_code == 0
    changed = run("users", "set-password", "doc", "--database", database, typed=(DOC, NEW))
    assert changed.exit_code == 0
    assert "Recovery code" not in changed.output
    reset = run(
        "users",
        "reset-password",
        "doc",
        "--as",
        "ada",
        "--database",
        database,
        typed=(ADA, FIRST),
    )
    assert "may not approve" in reset.stdout
    run("users", "set-password", "doc", "--database", database, typed=(FIRST, DOC))
    assert "is not confirmed" in str(listed(database)["doc"]["standing"])

    confirmed = run(
        "users", "confirm-key", "doc", "--recovery-code", "--database", database, typed=(DOC, code)
    )

    assert confirmed.exit_code == 0
    assert listed(database)["doc"]["standing"] == "active"
    for answer in (added, own, changed, reset, confirmed):
        for secret in (ADA, DOC, NEW, FIRST):
            assert secret not in answer.output
        assert answer is own or code not in answer.output


def test_another_physician_confirms_a_key(database: Path) -> None:
    first(database)
    for login, password in (("doc", DOC), ("eve", NEW)):
        add(database, login, "physician", "ada", ADA, FIRST)
        run("users", "set-password", login, "--database", database, typed=(FIRST, password))
    run("users", "reset-password", "doc", "--database", database, typed=("ada", ADA, FIRST))
    early = run("users", "confirm-key", "doc", "--database", database, typed=("eve", NEW))
    run("users", "set-password", "doc", "--database", database, typed=(FIRST, DOC))

    done = run("users", "confirm-key", "doc", "--as", "eve", "--database", database, typed=(NEW,))

    assert (early.exit_code, done.exit_code) == (1, 0)
    assert "no key that could be confirmed" in early.output
    assert listed(database)["doc"]["standing"] == "active"


def test_a_user_is_deactivated_after_what_rests_on_them_was_shown(tmp_path: Path) -> None:
    clinic = ready_clinic(tmp_path, Role.PHYSICIAN, Role.TECHNICIAN)

    answer = run(
        "users",
        "deactivate",
        "technician",
        "--reason",
        "left",
        "--database",
        clinic.path,
        typed=("administrator", password_of("administrator")),
    )

    assert answer.exit_code == 0
    assert "Nothing that is in force rests on" in answer.stdout
    assert listed(clinic.path)["technician"]["standing"] == "deactivated"


def test_prescriptions_that_need_another_signature_are_listed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which these are is the clinic's to say; here that they are shown."""
    from tms_console.clinic import approvals  # noqa: PLC0415 - to stand in for it
    from tms_console.records.clinical import RecordKind  # noqa: PLC0415

    clinic = ready_clinic(tmp_path, Role.PHYSICIAN)
    asked: list[str] = []

    def resting_on(_trusted: object, user_uid: str, _now: str) -> tuple[approvals.Resting, ...]:
        asked.append(user_uid)
        return tuple(
            approvals.Resting(kind, uid, patient, 2, title, "2026-03-01T09:00:00Z")
            for kind, uid, patient, title in (
                (RecordKind.PRESCRIPTION, "U1", "P1", "1 Hz right, depression"),
                (RecordKind.POLICY, "U2", None, "the clinic policy"),
            )
        )

    monkeypatch.setattr(approvals, "resting_on", resting_on)
    monkeypatch.setattr(users, "agreed", lambda _question: False)

    answer = run(
        "users",
        "deactivate",
        "physician",
        "--reason",
        "left",
        "--as",
        "administrator",
        "--database",
        clinic.path,
        typed=(password_of("administrator"),),
    )

    assert answer.exit_code == 1
    assert asked == [clinic.people[Role.PHYSICIAN].user_uid]
    assert "1 Hz right, depression, version 2 of patient P1 (U1)" in answer.stdout
    assert "the clinic policy, version 2 (U2)" in answer.stdout
    assert listed(clinic.path)["physician"]["active"] is True


def test_the_list_is_for_people_too(database: Path) -> None:
    first(database)

    answer = run("users", "list", "--database", database)

    assert "ada  Ada L, administrator: active" in answer.stdout
    assert "key enrolled by Ada L" in answer.stdout


@pytest.mark.parametrize(
    ("words", "typed", "told"),
    [
        (("set-password", "ada"), ("wrong as can be",), "The name or the password is wrong"),
        (("set-password", "nobody"), (ADA,), "The name or the password is wrong"),
        (("reset-password", "nobody"), ("ada", ADA), "Nobody has the login 'nobody'"),
        (("confirm-key", "nobody"), ("ada", ADA), "Nobody has the login 'nobody'"),
        (("deactivate", "ada", "--reason", "x"), ("ada", ADA), "Nobody deactivates themselves"),
        (("set-password", "ada"), (), "no more on standard input"),
    ],
)
def test_what_is_refused_gives_status_1_and_a_sentence(
    database: Path, words: tuple[str, ...], typed: tuple[str, ...], told: str
) -> None:
    first(database)

    typed_lines = (*typed, NEW) if typed and words[0] == "set-password" else typed
    answer = run("users", *words, "--database", database, typed=typed_lines)

    assert answer.exit_code == 1
    assert told in answer.output


def test_a_database_that_is_not_there_is_told_to_people_and_machines(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"

    person = run("users", "list", "--database", missing)
    machine = run("users", "list", "--database", missing, "--json")

    assert (person.exit_code, machine.exit_code) == (1, 1)
    assert "there is no such database" in person.output.replace("\n", " ")
    assert "there is no such database" in json.loads(machine.stdout)["error"]


def test_wrong_usage_gives_status_2(database: Path) -> None:
    assert add(database, "ada", "king").exit_code == 2
    assert run("users", "add", "ada").exit_code == 2
    assert run("records", "restore", database).exit_code == 2
    assert run("records", "restore", "--in-place", database, database).exit_code == 2


def test_nothing_typed_reaches_a_core_dump(database: Path, asked_of_the_system: list[str]) -> None:
    run("users", "list", "--database", database)

    assert asked_of_the_system == ["forbid_core_dumps", "private_files"]


def test_no_password_can_be_an_option() -> None:
    """It would be in the shell's history and in the list of processes."""
    for command in ("add", "deactivate", "reset-password", "set-password", "confirm-key"):
        offered = run("users", command, "--help").output
        assert "--password" not in offered
        assert "--passphrase" not in offered


def test_the_default_place_is_the_users_own_folder() -> None:
    assert users.default_database().name == "clinic.db"
    assert "tms-console" in str(users.default_database())


def test_on_a_terminal_a_new_secret_is_asked_for_twice_and_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def prompt(what: str, **more: object) -> str:
        asked.append((what, more))
        return "answer"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("typer.confirm", lambda _what, **_more: False)

    assert asking.ask_secret("Password", new=True) == "answer"
    assert asking.ask("Login") == "answer"
    assert not asking.agreed("Sure?")
    assert asked == [
        ("Password", {"hide_input": True, "confirmation_prompt": True, "err": True}),
        ("Login", {"err": True}),
    ]


@pytest.fixture
def restored(tmp_path: Path) -> tuple[Clinic, Path]:
    """A clinic and a backup of it from before something was recorded."""
    clinic = ready_clinic(tmp_path, Role.PHYSICIAN, Role.TECHNICIAN)
    backup = tmp_path / "backup.db"
    assert run("records", "backup", clinic.path, backup).exit_code == 0
    prescribe(clinic)
    return clinic, backup


def typed_by_the_administrator() -> tuple[str, ...]:
    return ("administrator", password_of("administrator"), "the disk failed")


def test_a_restore_is_put_in_place_and_recorded_in_one_go(restored: tuple[Clinic, Path]) -> None:
    clinic, backup = restored

    answer = run("records", "restore", backup, clinic.path, typed=typed_by_the_administrator())

    assert answer.exit_code == 0, answer.output
    assert "accounts that were deactivated" in answer.output
    assert "until a physician has signed" in answer.output
    assert password_of("administrator") not in answer.output
    verified = run("records", "verify", clinic.path)
    assert verified.exit_code == 0
    assert "Nothing was changed" in verified.output
    again = run("records", "restore", "--in-place", clinic.path)
    assert (again.exit_code, "nothing to record" in again.output) == (0, True)


def test_a_restore_whose_login_fails_is_recorded_later(restored: tuple[Clinic, Path]) -> None:
    """The file is in place and arms nothing; the sentence says how to go on."""
    clinic, backup = restored

    failed = run(
        "records",
        "restore",
        backup,
        clinic.path,
        typed=("administrator", "a wrong password"),
    )
    later = run(
        "records",
        "restore",
        "--in-place",
        clinic.path,
        "--as",
        "administrator",
        "--reason",
        "fire",
        "--json",
        typed=(password_of("administrator"),),
    )

    assert failed.exit_code == 1
    assert "--in-place" in failed.output
    told = json.loads(later.stdout)
    assert (later.exit_code, told["code"] != "") == (0, True)
    assert told["restore_uid"]
    assert any("deactivated" in one for one in told["sentences"])


def test_entries_that_nobody_vouches_for_are_listed(restored: tuple[Clinic, Path]) -> None:
    clinic, _ = restored
    head_path(clinic.station.database.uid).unlink()
    from tests.accounts.sessions import add_patient  # noqa: PLC0415 - after the head is gone

    patient = add_patient(clinic)

    answer = run(
        "records", "restore", "--in-place", clinic.path, typed=typed_by_the_administrator()
    )

    assert answer.exit_code == 0
    assert f"record.add patient:{patient.uid}" in answer.output
    assert "does not remember" in answer.output


def test_a_restore_of_another_consoles_database_cannot_be_recorded_here(
    restored: tuple[Clinic, Path], tmp_path: Path
) -> None:
    from tms_console.accounts.anchor import anchor_path  # noqa: PLC0415 - only here

    clinic, backup = restored
    anchor_path(clinic.station.database.uid).unlink()

    answer = run("records", "restore", backup, tmp_path / "new.db", "--json")

    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["restore_uid"], told["aside"]) == (0, None, None)
    assert "keeps no anchor of it" in told["sentences"][0]
    bare = run("records", "anchor", clinic.path)
    assert (bare.exit_code, "not made by this console" in bare.output) == (1, True)


def test_an_anchor_is_exported_and_verifies_elsewhere(
    restored: tuple[Clinic, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic, _ = restored
    exported = run("records", "anchor", clinic.path)
    path = tmp_path / "anchor.json"
    path.write_text(exported.stdout)
    monkeypatch.setenv("TMS_CONSOLE_STATE", str(tmp_path / "elsewhere"))

    answer = run("records", "verify", "--anchor", path, clinic.path, "--json")

    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["sound"]) == (0, True)
    assert told["statements"] > 10
    assert told["records"] > told["statements"]
    assert "both kept outside the file" in told["reach"]
    wrong = run("records", "verify", "--anchor", tmp_path / "none", clinic.path)
    assert (wrong.exit_code, "cannot be read" in wrong.output) == (1, True)
