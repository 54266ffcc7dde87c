"""`tms-console rehearse` and `devices` as QA uses them: arguments, output, exit status."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from drivers import serial_link
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.simulator.pulse_log import read_pulse_log
from tests.records.recording import begin_session, begin_train, new_database, record
from tms_console.cli import app
from tms_console.commands import devices
from tms_console.records.database import Purpose, create_database, open_database
from tms_console.records.operations import new_uid
from tms_console.records.queries import list_sessions, session_pulses

PROMISED = {
    "protocol", "simulated", "pulses_planned", "pulses_delivered", "pulses_unknown",
    "pulses_unplanned", "trains", "duration_planned_s", "duration_s", "intensity_pct_mso",
    "end_reason", "evidence", "lateness_us", "spacing_us", "database", "session_uid",
}  # fmt: skip


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def rehearse(*arguments: str | Path) -> tuple[int, dict[str, object]]:
    code, output = run("rehearse", *arguments, "--fast", "--json")
    values = json.loads(output)
    assert isinstance(values, dict)
    return code, values


def test_an_itbs_session_says_what_the_architecture_promises(tmp_path: Path) -> None:
    log = tmp_path / "fired"
    code, said = rehearse(
        "itbs-600", "--threshold", "45", "--database", tmp_path / "r.db", "--pulse-log", log
    )
    assert code == 0
    assert set(said) >= PROMISED
    assert said["simulated"] is True
    assert (said["pulses_planned"], said["pulses_delivered"]) == (600, 600)
    assert (said["pulses_unknown"], said["pulses_unplanned"]) == (0, 0)
    assert (said["trains"], said["intensity_pct_mso"]) == (20, 54)
    assert said["duration_planned_s"] == 191.84
    assert said["evidence"] == {"reported": 600}
    assert said["end_reason"] == "complete"
    assert set(said["lateness_us"]) == set(said["spacing_us"]) == {"p50", "p99", "max"}  # type: ignore[call-overload]
    pulses = session_pulses(open_database(tmp_path / "r.db"), str(said["session_uid"]))
    assert pulses.planned_ns[:4].tolist() == [0, 20_000_000, 40_000_000, 200_000_000]
    assert len(list(read_pulse_log(log))) == 600


@pytest.mark.parametrize(
    ("protocol", "planned_s"),
    [
        ("ctbs-600", 39.84),
        ("h1-18hz", 1189.944444),
    ],
)
def test_each_protocol_lasts_as_long_as_it_must(
    tmp_path: Path, protocol: str, planned_s: float
) -> None:
    """Two of them: every one, to the digit, is in tests/delivery/test_session_library.py."""
    code, said = rehearse(protocol, "--threshold", "45", "--database", tmp_path / "r.db")
    assert (code, said["duration_planned_s"], said["end_reason"]) == (0, planned_s, "complete")


def test_the_same_seed_gives_the_same_rows(tmp_path: Path) -> None:
    rows = []
    for name in ("a.db", "b.db"):
        _, said = rehearse(
            "ctbs-600", "--threshold", "45", "--seed", "7", "--database", tmp_path / name
        )
        pulses = session_pulses(open_database(tmp_path / name), str(said["session_uid"]))
        rows.append((pulses.observed_ns.tolist(), pulses.realised_a_us.tolist()))
    assert rows[0] == rows[1]


def test_a_dose_out_of_reach_is_refused_with_what_could_be_prescribed(tmp_path: Path) -> None:
    code, said = rehearse("itbs-600", "--threshold", "84", "--database", tmp_path / "r.db")
    assert code == 1
    assert "119" in str(said["refused"])
    assert not (tmp_path / "r.db").exists()


def test_a_stimulator_that_cannot_make_the_pattern_is_refused_before_arming(tmp_path: Path) -> None:
    code, said = rehearse(
        "itbs-600", "--threshold", "45", "--device", "magpro-r30", "--database", tmp_path / "r.db"
    )
    assert code == 1
    assert "burst" in str(said["refused"])
    assert list_sessions(open_database(tmp_path / "r.db")) == ()


def test_an_unknown_protocol_names_the_nearest(tmp_path: Path) -> None:
    code, said = rehearse("itbs600", "--threshold", "45", "--database", tmp_path / "r.db")
    assert code == 1
    assert "itbs-600" in str(said["refused"])


def test_a_database_that_is_not_for_rehearsals_is_refused(tmp_path: Path) -> None:
    create_database(tmp_path / "clinic.db", Purpose.CLINIC)
    code, said = rehearse("itbs-600", "--threshold", "45", "--database", tmp_path / "clinic.db")
    assert code == 1
    assert "clinic database" in str(said["refused"])


def test_a_session_that_ends_early_exits_with_one_and_says_why(tmp_path: Path) -> None:
    code, said = rehearse(
        "itbs-600",
        "--threshold",
        "45",
        "--fault",
        "drop_pulse@100",
        "--database",
        tmp_path / "r.db",
    )
    assert code == 1
    assert said["pulses_unknown"] == 1
    assert "29 stimuli where 30" in str(said["end_reason"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["itbs-600"],
        ["itbs-600", "--threshold", "0"],
        ["itbs-600", "--threshold", "101"],
        ["itbs-600", "--threshold", "forty"],
        ["itbs-600", "--threshold", "45", "--fault", "gremlin@3"],
        ["itbs-600", "--threshold", "45", "--fault", "hang"],
        ["itbs-600", "--threshold", "45", "--device", "toaster"],
        ["itbs-600", "--threshold", "45", "--port", "/dev/null", "--fast"],
        ["--threshold", "45"],
    ],
)
def test_wrong_usage_exits_with_two(arguments: list[str], tmp_path: Path) -> None:
    code, _ = run("rehearse", *arguments, "--database", tmp_path / "r.db")
    assert code == 2
    assert not (tmp_path / "r.db").exists()


def test_what_a_person_reads_says_simulated_and_where_the_record_is(tmp_path: Path) -> None:
    code, output = run(
        "rehearse", "ctbs-600", "--threshold", "45", "--fast", "--database", tmp_path / "r.db"
    )
    words = re.sub(r"\s+", " ", output)
    assert code == 0
    assert "SIMULATED" in words
    assert "600 delivered of 600 planned, 0 unknown, 0 unplanned" in words
    assert "r.db" in words
    assert "evidence reported 600" in words.lower()


def test_a_rehearsal_on_a_port_needs_the_proof_of_the_emulator_behind_it(tmp_path: Path) -> None:
    """With a stop after the first train: the proof, the port and the record are what is tested."""
    device = MagProEmulator(Options(mode_change_ns=100_000_000, serial=77))
    path = tmp_path / "magpro"
    with hosted_in_thread(Host(device, PtyPort(path))):
        (tmp_path / "magpro.control").rename(tmp_path / "hidden")
        code, output = run(
            "rehearse", "itbs-600", "--threshold", "45", "--port", path, "--json",
            "--database", tmp_path / "r.db",
        )  # fmt: skip
        (tmp_path / "hidden").rename(tmp_path / "magpro.control")
    assert code == 1
    assert "not proved simulated" in json.loads(output)["refused"]
    assert device.pulses_fired == 0
    assert list_sessions(open_database(tmp_path / "r.db")) == ()


@pytest.fixture
def no_ports_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_link, "available_ports", list)


@pytest.mark.usefixtures("no_ports_of_this_machine")
def test_devices_names_what_answers_on_a_port(tmp_path: Path) -> None:
    device = MagProEmulator(Options(serial=77))
    path = tmp_path / "magpro"
    with hosted_in_thread(Host(device, PtyPort(path))):
        code, output = run("devices", "--port", path, "--json")
        found = next(one for one in json.loads(output) if one["port"] == str(path))
        human_code, human = run("devices", "--port", path)
    assert (code, human_code) == (0, 0)
    assert (found["driver"], found["model"], found["serial"]) == ("magpro", "MagPro X100", "77")
    assert "MagPro X100" in human
    assert device.pulses_fired == 0


@pytest.mark.usefixtures("no_ports_of_this_machine")
def test_devices_says_which_step_failed_on_a_port_that_is_none(tmp_path: Path) -> None:
    code, output = run("devices", "--port", tmp_path / "nothing", "--json")
    found = next(one for one in json.loads(output) if one["port"].endswith("nothing"))
    assert code == 1
    assert found["steps"] == [
        {
            "name": "open",
            "passed": False,
            "sentence": f"{tmp_path}/nothing: there is no such port; check the cable and the name",
            "raw": "",
        }
    ]


def test_devices_shows_how_far_it_is_on_a_terminal(tmp_path: Path) -> None:
    """Each port that does not answer takes most of a second: somebody waits for it."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    ports = {str(tmp_path / "a"): "first", str(tmp_path / "b"): "second"}
    seen = [path for path, _ in devices._with_progress(console, ports, shown=True)]
    assert seen == list(ports)
    assert "looking at" in console.file.getvalue()  # type: ignore[attr-defined]
    assert list(devices._with_progress(console, ports, shown=False)) == list(ports.items())


def test_what_a_dead_session_left_is_shown_before_the_next_one(tmp_path: Path) -> None:
    """The next program on the database settles it, and a person is told exactly what is known."""
    database = new_database(tmp_path, "r.db")
    uid = new_uid()
    record(database, uid, [begin_session(uid), begin_train(uid)])
    code, output = run(
        "rehearse", "ctbs-600", "--threshold", "45", "--fast", "--database", tmp_path / "r.db"
    )
    assert code == 0
    assert "was cut off and is now interrupted" in re.sub(r"\s+", " ", output)
