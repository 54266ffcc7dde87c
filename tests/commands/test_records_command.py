"""`tms-console records` as a person and a machine see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.records.recording import new_database, record, rich_session, tampering
from tms_console.commands import record_answers
from tms_console.commands.records import app
from tms_console.records.database import Database
from tms_console.records.heads import STATE_VARIABLE
from tms_console.records.operations import new_uid

UID = new_uid()
run = CliRunner().invoke


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    made = new_database(tmp_path)
    record(made, UID, rich_session(UID))
    return made


@pytest.fixture
def spoiled(database: Database) -> Database:
    with tampering(database.path) as connection:
        connection.execute("UPDATE pulse SET observed_ns = observed_ns + 1 WHERE number = 2")
    return database


def test_a_sound_record_gives_status_0_and_says_what_was_checked(database: Database) -> None:
    answer = run(app, ["verify", str(database.path)])

    assert answer.exit_code == 0
    assert "Nothing was changed: 1 sessions, 2 trains, 7 pulses, 3 events" in answer.output
    assert "no key" in answer.output
    assert max(len(line) for line in answer.output.splitlines()) <= 80


def test_a_changed_pulse_gives_status_1_and_names_its_train(spoiled: Database) -> None:
    answer = run(app, ["verify", str(spoiled.path)])

    assert answer.exit_code == 1
    assert f"train {UID}/1: it or one of its pulses" in answer.output
    assert "2 things are wrong" in answer.output


def test_one_finding_is_told_in_the_singular(database: Database) -> None:
    with tampering(database.path) as connection:
        connection.execute("CREATE TABLE extra (a)")

    assert "1 thing is wrong" in run(app, ["verify", str(database.path)]).output


def test_a_machine_gets_json(spoiled: Database) -> None:
    answer = run(app, ["verify", str(spoiled.path), "--json"])

    found = json.loads(answer.stdout)
    assert answer.exit_code == 1
    assert found["sound"] is False
    assert found["findings"][0]["row"] == f"train {UID}/1"
    assert found["pulses"] == 7


def test_a_missing_head_is_noted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(database.path.parent / "elsewhere"))

    answer = run(app, ["verify", str(database.path)])

    assert answer.exit_code == 0
    assert "No head of the chain is kept on this machine" in answer.output


def test_sessions_are_listed_for_a_person(database: Database) -> None:
    answer = run(app, ["list", str(database.path)])

    assert answer.exit_code == 0
    assert "rehearsal database, 1 session" in answer.output
    assert "2026-03-01 09:00:00Z  rehearsal, failed: complete" in answer.output
    assert "4 of 7 pulses delivered, 2 trains, 1 unknown, 2 unplanned" in answer.output
    assert "simulated MagPro X100 4711" in answer.output
    assert UID in answer.output


def test_an_empty_database_lists_no_sessions(tmp_path: Path, database: Database) -> None:
    empty = new_database(tmp_path, "empty.db")

    assert "rehearsal database, 0 sessions" in run(app, ["list", str(empty.path)]).output
    assert database.path != empty.path


def test_sessions_are_listed_for_a_machine(database: Database) -> None:
    answer = run(app, ["list", str(database.path), "--json"])

    found = json.loads(answer.stdout)
    assert (found["purpose"], found["sessions"][0]["uid"]) == ("rehearsal", UID)


@pytest.mark.parametrize("name", ["verify", "list"])
def test_a_file_that_is_not_there_gives_status_1_and_a_sentence(tmp_path: Path, name: str) -> None:
    missing = str(tmp_path / "none.db")

    person = run(app, [name, missing])
    machine = run(app, [name, missing, "--json"])

    assert (person.exit_code, machine.exit_code) == (1, 1)
    assert "there is no such database" in person.output.replace("\n", " ")
    assert "there is no such database" in json.loads(machine.stdout)["error"]


def test_wrong_usage_gives_status_2() -> None:
    assert run(app, ["verify"]).exit_code == 2
    assert run(app, ["destroy", "x"]).exit_code == 2


@pytest.mark.parametrize("limit", ["BAR_AFTER_S", "BIG_FILE_BYTES"])
def test_on_a_terminal_a_long_check_shows_a_bar(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """After a second, or at once for a file so big that SQLite's own check takes that long."""
    from rich.console import Console  # noqa: PLC0415 - as the command does

    consoles: list[Console] = []

    def terminal(*, stderr: bool = False) -> Console:
        consoles.append(Console(force_terminal=True, stderr=stderr, width=80))
        return consoles[-1]

    monkeypatch.setattr(record_answers, "console_of", terminal)
    monkeypatch.setattr(record_answers, limit, -1)

    answer = run(app, ["verify", str(database.path)])

    assert answer.exit_code == 0
    assert "Checking" in answer.output


def test_nothing_heavy_is_imported_before_a_command_runs(
    in_a_fresh_process: Callable[[str], str],
) -> None:
    """`tms-console --version` stays fast because every command imports late."""
    loaded = in_a_fresh_process(
        "import sys, tms_console.commands.records\n"
        "print({'sqlmodel', 'sqlalchemy', 'numpy', 'rich.progress'} & set(sys.modules))"
    )

    assert loaded == "set()"


@pytest.fixture
def in_a_fresh_process() -> Callable[[str], str]:
    import subprocess  # noqa: PLC0415 - only here
    import sys  # noqa: PLC0415

    def execute(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        return done.stdout.decode().strip()

    return execute
