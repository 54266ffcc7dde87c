"""`tms-console emulate rapid2 | bistim2 | magstim200`: another process, any client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.magstim.dialect import Command, Family
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import VARIANTS
from drivers.magstim.requests import ARM
from drivers.registry import driver_entry
from drivers.serial_link import SerialLink
from tests.drivers.magstim_bench import MS, Bench
from tms_console.clock import RealClock
from tms_console.commands.emulate import snapshot
from tms_console.commands.emulate_magstim import app

COMMAND = [sys.executable, "-c", "from tms_console.commands.emulate_magstim import app; app()"]


@pytest.mark.parametrize("name", ["rapid2", "bistim2", "magstim200"])
def test_it_says_where_it_is_and_our_driver_opens_it_there(name: str, tmp_path: Path) -> None:
    words = [*COMMAND, name, "--json", "--link", str(tmp_path / "port")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            about = json.loads(process.stdout.readline())
            assert (about["event"], about["serial"]) == ("listening", "")
            clock, entry = RealClock(), driver_entry(name)
            link = SerialLink(about["port"], entry.baud_rate, clock)
            with entry.open(link, clock, lambda _: None, lambda: False) as stimulator:
                assert stimulator.capabilities.identity.model == about["model"]
        finally:
            process.terminate()
        rows = [json.loads(line) for line in process.stdout]
    assert rows[-1] == {"event": "ended", "pulses_fired": 0}
    assert process.returncode == 0


def test_a_model_that_there_is_not_is_refused_with_those_there_are() -> None:
    result = CliRunner().invoke(app, ["rapid2", "--model", "bistim2"])
    assert result.exit_code == 2
    rapids = [name for name, options in VARIANTS.items() if options.family is Family.RAPID]
    said = result.output.replace("\n", " ")
    assert all(name.rpartition("-")[2] in said for name in rapids)


def test_the_state_line_says_how_far_it_is_from_firing() -> None:
    device = MagstimEmulator(VARIANTS["rapid2"])
    assert snapshot(device).sentence == (
        "standby, no remote control, 30 %MSO, coil connected 22 °C, 0 pulses"
    )
    bench = Bench("magstim200")
    bench.take_remote()
    bench.set(Command.POWER, 45)
    bench.answer(ARM)
    assert snapshot(bench.device).state == "armed, remote control"
    bench.hold(1100 * MS)
    assert snapshot(bench.device).sentence == (
        "ready, remote control, 45 %MSO, coil connected 22 °C, 0 pulses"
    )
    bench.device.panel.unplug_coil()
    bench.device.hang()
    now = snapshot(bench.device)
    assert (now.state, now.coil) == ("hung, standby, remote control", "none")
