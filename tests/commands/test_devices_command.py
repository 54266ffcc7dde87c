"""`tms-console devices`: one row a port, the details folded, raw bytes where nobody answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers import serial_link
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import MADE_UP_CODE, VARIANTS
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.witness.emulator import WitnessEmulator
from tms_console.cli import app


@pytest.fixture(autouse=True)
def no_ports_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_link, "available_ports", list)


def told(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["devices", *words], env={"COLUMNS": "2000"})
    return result.exit_code, result.output


def test_a_port_is_one_row_and_its_steps_are_told_when_asked_for(tmp_path: Path) -> None:
    port = str(tmp_path / "p")
    with hosted_in_thread(Host(MagstimEmulator(VARIANTS["bistim2"]), PtyPort(tmp_path / "p"))):
        code, output = told("--port", port)
        (row,) = [line for line in output.splitlines() if port in line]
        assert code == 0
        assert row.endswith("found: Magstim BiStim², which does not tell its serial number.")
        assert "MagVenture" not in output

        code, output = told("--port", port, "--details")
        assert "failed  MagVenture MagPro: something answers, but not in this protocol" in output
        assert "ok  coil: a coil is connected; which one is not told" in output

        code, output = told("--port", port, "--json")
        mine = next(one for one in json.loads(output) if one["port"] == port)
    assert (mine["driver"], mine["model"]) == ("bistim2", "Magstim BiStim²")
    assert mine["verdict"].startswith("Magstim BiStim²")
    assert MADE_UP_CODE.secret.decode() not in output


def test_where_nobody_answers_the_failed_step_and_the_bytes_are_told(tmp_path: Path) -> None:
    code, output = told("--port", str(tmp_path / "nothing"))
    assert code == 1
    assert "failed: " in output
    assert "there is no such port" in output
    assert "bytes received: none" in output


def test_a_pulse_witness_is_named_as_one(tmp_path: Path) -> None:
    port = str(tmp_path / "w")
    with hosted_in_thread(Host(WitnessEmulator(), PtyPort(tmp_path / "w"))):
        code, output = told("--port", port)
        row, *after = output[output.index(port) :].splitlines()
        assert code == 0
        assert "found: Pulse witness, serial number SIM-W1: it sees pulses and gives none" in row
        assert not any("bytes received" in line for line in after[:1])
        code, output = told("--port", port, "--json")
        mine = next(one for one in json.loads(output) if one["port"] == port)
    assert (mine["witness"], mine["driver"], code) == ("SIM-W1", "", 0)
