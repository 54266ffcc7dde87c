"""`tms-console records export` as a person and a machine see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.accounts.people import password_of
from tests.accounts.tampering import tampering
from tests.clinic.sessions import Past, treated
from tests.delivery.treatments import Ready, ago, make_ready
from tests.records.recording import new_database, record, rich_session
from tms_console.commands.records import app
from tms_console.records.database import Database
from tms_console.records.events import audit_page
from tms_console.records.export_folder import ExportFailed, ExportFolder
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


def test_rehearsals_are_exported_without_a_login_and_marked(
    database: Database, tmp_path: Path
) -> None:
    answer = run(app, ["export", str(database.path), str(tmp_path / "out"), "--json"])

    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert (found["sessions"], found["simulated"]) == (1, 1)
    assert "SIMULATED: every session" in (tmp_path / "out" / "README.txt").read_text()
    (folder,) = (one for one in (tmp_path / "out").iterdir() if one.is_dir())
    lines = (folder / "pulses-SIMULATED.csv").read_text().splitlines()
    assert len(lines) == 8
    newest = audit_page(database, None, 1)[0]
    assert (newest.action, newest.actor) == ("export.records", "console")


def test_one_session_is_named_and_an_unknown_one_refused(
    database: Database, tmp_path: Path
) -> None:
    target = str(tmp_path / "out.zip")
    answer = run(app, ["export", str(database.path), target, "--session", UID])
    assert answer.exit_code == 0
    assert "1 session, 1 of them SIMULATED" in answer.output
    again = run(app, ["export", str(database.path), target, "--session", UID])
    assert again.exit_code == 1
    assert "is there already" in again.output
    unknown = ["export", str(database.path), str(tmp_path / "x"), "--session", new_uid(), "--json"]
    answer = run(app, unknown)
    assert answer.exit_code == 1
    assert "there is no session" in json.loads(answer.stdout)["error"]


def test_patients_are_asked_for_only_where_there_are_some(
    database: Database, tmp_path: Path
) -> None:
    base = ["export", str(database.path), str(tmp_path / "out")]
    assert run(app, [*base, "--identity"]).exit_code == 1
    assert run(app, [*base, "--patient", UID, "--session", UID]).exit_code == 2


def test_a_clinic_asks_for_a_login_and_exports_all_of_a_patient(tmp_path: Path) -> None:
    ready: Ready = make_ready(tmp_path)
    treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20)))
    path, target = str(ready.station.database.path), tmp_path / "out"
    base = ["export", path, str(target), "--as", "technician", "--patient", ready.patient_uid]
    wrong = run(app, base, input="wrong\n")
    assert wrong.exit_code == 1
    assert not target.exists()
    answer = run(app, [*base, "--identity"], input=f"{password_of('technician')}\n")
    assert answer.exit_code == 0, answer.output
    assert "Paula Example" in (target / "patients.json").read_text()


def test_a_session_named_to_leave_the_folder_is_refused_and_leaves_nothing(
    database: Database, tmp_path: Path
) -> None:
    """A file of rehearsals is a plain one that anybody may have sent."""
    with tampering(database.path) as hand:
        hand.execute("UPDATE session SET started_at = ?", "/../../../")

    answer = run(app, ["export", str(database.path), str(tmp_path / "a" / "out")])

    assert answer.exit_code == 1, answer.output
    assert "its started_at were altered" in answer.output.replace("\n", " ")
    assert not list(tmp_path.rglob("session-SIMULATED.json"))


@pytest.mark.parametrize("name", ["../x.csv", "a/../../x.csv", "/x.csv", "a/b/c.csv", "..", ""])
def test_no_file_of_an_export_leaves_its_folder(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ExportFailed, match="no name of a file"),
        ExportFolder(tmp_path / "a" / "out") as folder,
    ):
        folder.add(name, b"x")
    assert not list(tmp_path.rglob("*.csv"))


def test_a_session_whose_pulses_were_edited_is_not_exported(
    database: Database, tmp_path: Path
) -> None:
    with tampering(database.path) as hand:
        hand.execute("UPDATE pulse SET intensity_pct_mso = 10 WHERE number = 1")
    answer = run(app, ["export", str(database.path), str(tmp_path / "out")])
    assert answer.exit_code == 1, answer.output
    assert "its train 1 was altered" in answer.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_simulated_session_whose_row_was_made_to_look_real_is_not_exported(
    database: Database, tmp_path: Path
) -> None:
    with tampering(database.path) as hand:
        hand.execute("UPDATE session SET simulated = 0, simulated_proof = NULL")

    answer = run(app, ["export", str(database.path), str(tmp_path / "out"), "--json"])

    assert answer.exit_code == 1, answer.output
    assert "simulated" in json.loads(answer.stdout)["error"]
    assert not (tmp_path / "out").exists()
