"""`tms-console emulate magpro`: what a person and a script meet."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.magpro.codec import encode_frame
from drivers.magpro.commands import GetStatus
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.panel_words import action_of
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.simulator.patient_words import ask_patient
from drivers.simulator.proof import NotProved, control_address
from drivers.simulator.pulse_log import read_pulse_log
from tms_console.commands.emulate import app, snapshot

COMMAND = [sys.executable, "-c", "from tms_console.commands.emulate import app; app()"]


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """An emulator in its own process, ended whatever happens."""
    process = subprocess.Popen(
        [*COMMAND, "magpro", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def ask(descriptor: int) -> bytes:
    os.write(descriptor, encode_frame(GetStatus().body))
    reply = b""
    while len(reply) < 13:
        reply += os.read(descriptor, 13 - len(reply))
    return reply


def test_a_virtual_patient_is_asked_over_the_control_socket(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    control = control_address(str(link))
    with running("--link", str(link), "--patient", "3") as process:
        assert "emulated" in first_line(process)
        assert ask_patient(control) is None
    with running("--link", str(link)) as process:
        assert "emulated" in first_line(process)
        with pytest.raises(NotProved, match="no virtual patient"):
            ask_patient(control)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_says_where_it_is_serves_and_ends_cleanly(
    tmp_path: Path, ending: signal.Signals
) -> None:
    link = tmp_path / "magpro"
    with running("--link", str(link), "--serial", "77") as process:
        assert first_line(process) == f"emulated MagPro X100, serial number 77, on {link}\n"
        client = os.open(link, os.O_RDWR | os.O_NOCTTY)
        assert ask(client)[4:7] == (77).to_bytes(3)
        os.close(client)
        process.send_signal(ending)
        output, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) == (0, "")
    assert output.splitlines()[-1] == "ended after 0 pulses"
    assert not os.path.lexists(link)
    assert not os.path.lexists(f"{link}.control")


def test_for_machines_every_line_is_json_and_the_panel_can_be_worked(tmp_path: Path) -> None:
    log = tmp_path / "pulses.jsonl"
    words = ["--json", "--panel", "--pulse-log", str(log), "--link", str(tmp_path / "magpro")]
    with running(*words, "--fault", "extra_pulse@1") as process:
        assert process.stdin is not None
        about = json.loads(first_line(process))
        assert about["event"] == "listening"
        assert about["control"] == about["port"] + ".control"
        assert Path(about["port"]).readlink() == Path(about["terminal"])
        process.stdin.write("enable\nknob +30\ndance\n")
        process.stdin.flush()
        time.sleep(0.5)
        process.stdin.write("trigger\n")
        process.stdin.close()
        end = time.monotonic() + 5
        while not log.exists() or len(read_pulse_log(log)) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(0.7)
        process.terminate()
        assert process.stdout is not None
        assert process.stderr is not None
        rows = [json.loads(line) for line in process.stdout]
        errors = process.stderr.read()
    assert rows[-1] == {"event": "ended", "pulses_fired": 2}
    assert {row["event"] for row in rows[:-1]} == {"state"}
    assert rows[-2]["intensity_pct_mso"] == 30
    assert "dance" in errors
    assert "interlock" in errors
    first, second = read_pulse_log(log)
    assert (first.pulse.source, second.pulse.source) == ("panel", "fault")
    assert first.monotonic_ns is not None


def test_it_listens_on_a_loopback_port() -> None:
    with running("--json", "--listen", "localhost:0") as process:
        about = json.loads(first_line(process))
        number = int(about["port"].removeprefix("localhost:"))
        assert about["control"] == f"localhost:{number + 1}"
        assert "terminal" not in about
        with socket.create_connection(("localhost", number)) as client:
            assert ask(client.fileno())[:2] == b"\xfe\x09"
        process.terminate()
        assert process.wait(5) == 0


def test_without_a_link_it_makes_a_private_one_of_its_own() -> None:
    with running() as process:
        where = Path(first_line(process).rsplit(" on ", 1)[1].strip())
        assert where.is_char_device()
        assert where.parent.stat().st_mode & 0o777 == 0o700
        process.terminate()
        assert process.wait(5) == 0
    assert not where.parent.exists()


def test_it_goes_on_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    """A script that waits for the first line may close its end."""
    link = tmp_path / "magpro"
    with running("--link", str(link), "--panel") as process:
        first_line(process)
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.close()
        process.stdout = None
        process.stdin.write("knob +7\n")
        process.stdin.flush()
        time.sleep(1.2)
        client = os.open(link, os.O_RDWR | os.O_NOCTTY)
        termios.tcflush(client, termios.TCIFLUSH)
        assert ask(client)[9] == 7
        os.close(client)
        process.terminate()
        _, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) == (0, "")


def test_on_a_terminal_it_shows_one_live_line(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "magpro", "--link", str(tmp_path / "magpro")], stdout=slave, stderr=slave
    )
    os.close(slave)
    shown = b""
    while b"0 pulses" not in shown:
        shown += os.read(master, 4096)
    process.terminate()
    assert process.wait(5) == 0
    os.close(master)
    assert b"no stimulator" in shown


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--fault", "explode@3"], "swallow_reply"),
        (["--fault", "hang"], "NAME@PULSE"),
        (["--model", "x999"], "r30-option-mono"),
        (["--coil", "5"], "C-B60"),
        (["--serial", "99999999"], "16777215"),
        (["--burst-reports", "sometimes"], "sometimes"),
        (["--counter", "sheep"], "sheep"),
        (["--listen", "0.0.0.0:5000"], "localhost:PORT only"),
        (["--listen", "example.org:5000"], "localhost:PORT only"),
        (["--listen", "localhost:65535"], "a port is 0 to 65534"),
        (["--listen", "localhost:-1"], "a port is 0 to 65534"),
        (["--listen", "localhost:0", "--link", "here"], "exclude each other"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_allowed(words: list[str], reason: str) -> None:
    result = CliRunner().invoke(app, ["magpro", *words], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert reason in " ".join(result.output.replace("│", " ").split())


def test_what_cannot_be_opened_is_status_1_and_a_sentence(tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    busy.write_text("precious")
    for words in (
        ["--link", str(busy)],
        ["--link", str(tmp_path / "nowhere" / "magpro")],
        ["--pulse-log", str(tmp_path / "nowhere" / "log")],
    ):
        result = CliRunner().invoke(app, ["magpro", *words])
        assert result.exit_code == 1
        assert str(tmp_path) in result.output
    assert busy.read_text() == "precious"


def test_two_emulators_cannot_share_a_link(tmp_path: Path) -> None:
    link = tmp_path / "magpro"
    with hosted_in_thread(Host(MagProEmulator(), PtyPort(link))):
        result = CliRunner().invoke(app, ["magpro", "--link", str(link)])
    assert result.exit_code == 1
    assert "running there already" in result.output


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("page timing", lambda device: device.state().page == 2),
        ("coil off", lambda device: device.state().status.coil_type == 0),
        ("coil 60", lambda device: device.state().status.coil_type == 60),
        ("knob -5", lambda device: device.state().status.a_pct_mso == 0),
        ("Enable", lambda device: device.state().status.info.enabled),
        ("disable", lambda device: not device.state().status.info.enabled),
        ("hang", lambda device: device.hung),
        ("unplug", lambda device: device.unplugged),
        ("restart", lambda device: not device._unit.powered),
        ("interlock open", lambda device: device._unit._interlock_open),
        ("interlock close", lambda device: not device._unit._interlock_open),
        ("trigger", lambda device: not device.fired),
        ("foot", lambda device: not device.fired),
        ("start", lambda device: not device.fired),
        ("ttl", lambda device: not device.fired),
    ],
)
def test_every_word_of_the_panel_does_what_it_says(words: str, changed) -> None:  # type: ignore[no-untyped-def]
    device = MagProEmulator()
    action_of(device, words)()
    assert changed(device)


@pytest.mark.parametrize("words", ["", "jump", "knob", "knob fast", "coil 5", "page 3", "hang on"])
def test_a_word_that_is_none_is_an_error_that_lists_them(words: str) -> None:
    with pytest.raises(ValueError, match=r"knob \+N"):
        action_of(MagProEmulator(), words)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["enable", "knob +9"], "enabled, 9 %MSO, page Main, coil C-B60 22 °C, 0 pulses"),
        (["hang"], "hung, disabled, 0 %MSO, page Main, coil C-B60 22 °C, 0 pulses"),
        (["unplug", "coil off"], "unplugged, disabled, 0 %MSO, page Main, coil none, 0 pulses"),
    ],
)
def test_the_state_line_says_what_a_person_wants_to_know(words: list[str], shown: str) -> None:
    device = MagProEmulator()
    for word in words:
        action_of(device, word)()
    assert snapshot(device).sentence == shown


def test_the_state_line_says_that_a_train_runs() -> None:
    row = replace(snapshot(MagProEmulator()), running=True)
    assert "disabled, train running" in row.sentence
