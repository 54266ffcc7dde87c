"""What breaks while somebody treats: the patient is safe, the record true, the person told."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlcipher3
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from tests.clinic.sessions import Past, treated
from tests.delivery.treatments import FORMS, ago
from tests.ui.conftest import no_flashes
from tests.ui.decisions import OFFSCREEN
from tests.ui.treating import PATIENCE_MS, practice, treating
from tms_console import main, opening
from tms_console.delivery.order import PortOrder
from tms_console.records.database import Purpose
from tms_console.records.queries import list_sessions, session_pulses
from tms_console.ui.shell import Shell

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)

PATIENCE_S = PATIENCE_MS / 1000


@contextlib.contextmanager
def on_a_port(folder: Path) -> Iterator[tuple[MagProEmulator, Host, Path]]:
    """An emulated stimulator behind a port: it outlives whoever drives it."""
    device, path = MagProEmulator(Options(mode_change_ns=100_000_000)), folder / "magpro"
    with hosted_in_thread(host := Host(device, PtyPort(path))):
        yield device, host, path


def wait_for(met: Callable[[], bool], what: str) -> None:
    """Wait without a window.

    Raises:
        AssertionError: It did not come.
    """
    deadline_s = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline_s, what
        threading.Event().wait(0.02)


def armed(device: MagProEmulator) -> bool:
    return bool(device.state().status.info.enabled)


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the right to write, as another program would."""
    other = sqlcipher3.dbapi2.connect(str(database), timeout=PATIENCE_S, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


def test_a_killed_window_leaves_a_disarmed_stimulator_and_a_true_record(
    qtbot: QtBot, tmp_path: Path
) -> None:
    """The delivering process loses its pipe, disarms and ends; the next window shows what came."""
    ready = practice(tmp_path, Purpose.DEMO)
    database = ready.station.database
    with on_a_port(tmp_path) as (device, _, port):
        command = [sys.executable, "-m", "tests.ui.gone_window"]
        child = subprocess.Popen(
            [*command, str(database.path), ready.patient_uid, str(port)],
            stdout=subprocess.PIPE,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"given\n"
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
        wait_for(lambda: not armed(device), "the stimulator is still armed")
        wait_for(lambda: list_sessions(database)[0].state != "running", "it still runs")
        fired = len(device.fired)
    (line,) = list_sessions(database)
    assert line.state == "interrupted"
    assert line.delivered <= fired <= line.delivered + line.unknown
    with treating(qtbot, tmp_path, ready=ready) as window:
        after = window.page.after
        window.sees(after)
        window.idle()
        assert after.headline.text() == "Interrupted"


def test_a_lost_stimulator_ends_the_session_and_the_person_is_told(
    qtbot: QtBot, tmp_path: Path
) -> None:
    with on_a_port(tmp_path) as (device, host, port):
        order = PortOrder(driver="magpro", port=str(port))
        with treating(qtbot, tmp_path, device=order) as demo:
            demo.start()
            demo.wait("resting")
            host.stop()  # the plug is pulled
            demo.over()
            demo.sees(demo.page.after)
            demo.idle()
            assert demo.page.after.headline.text() != "Delivered as planned"
            told = " ".join(demo.page.after.screen_now.sentences)
            assert told
            (line,) = list_sessions(demo.ready.station.database)
            assert line.state == "failed"
            assert line.delivered <= len(device.fired) <= line.delivered + line.unknown
            outcomes = session_pulses(demo.ready.station.database, line.uid).outcome.tolist()
            assert "commanded" not in outcomes


def test_a_record_that_another_program_holds_ends_the_session_safely(
    qtbot: QtBot, tmp_path: Path
) -> None:
    """Nothing may be given that cannot be put on record; what was given is kept beside the file."""
    with on_a_port(tmp_path) as (device, _, port):
        order = PortOrder(driver="magpro", port=str(port))
        with treating(qtbot, tmp_path, device=order) as demo:
            database = demo.ready.station.database
            demo.start()
            demo.wait("resting")
            with locked(database.path):
                demo.over()
                assert not armed(device)
                over = demo.bridge.link.view.over
                assert over is not None
                assert over.state == "failed"
                assert not over.saved
            demo.sees(demo.page.after)
            demo.idle()
            main.recover_database(database.path)
            (line,) = list_sessions(database)
            assert line.state == "failed"
            assert line.delivered <= len(device.fired) <= line.delivered + line.unknown


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_a_full_disk_ends_the_session_safely_and_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    """The delivering process can make no file longer; the window still can, as after a tidying."""
    with on_a_port(tmp_path) as (device, _, port):
        order = PortOrder(driver="magpro", port=str(port))
        with treating(qtbot, tmp_path, device=order) as demo:
            database = demo.ready.station.database
            demo.start()
            demo.wait("resting")
            client = demo.bridge.link._client
            assert client is not None
            most = database.path.with_name(database.path.name + "-wal").stat().st_size
            resource.prlimit(client.pid, resource.RLIMIT_FSIZE, (most, most))
            demo.over()
            assert not armed(device)
            over = demo.bridge.link.view.over
            assert over is not None
            assert over.state == "failed"
            assert "record" in over.reason
            demo.sees(demo.page.after)
            demo.idle()
            assert demo.page._loud
            main.recover_database(database.path)
            (line,) = list_sessions(database)
            assert line.state in ("failed", "interrupted")
            assert line.delivered <= len(device.fired) <= line.delivered + line.unknown


def test_a_killed_delivering_process_is_followed_by_one_that_disarms_its_port(
    qtbot: QtBot, tmp_path: Path
) -> None:
    with on_a_port(tmp_path) as (device, _, port):
        order = PortOrder(driver="magpro", port=str(port))
        with treating(qtbot, tmp_path, device=order) as demo:
            demo.start()
            demo.wait("delivering")
            client = demo.bridge.link._client
            assert client is not None
            os.kill(client.pid, signal.SIGKILL)
            demo.over()
            qtbot.waitUntil(lambda: not armed(device), timeout=PATIENCE_MS)
            qtbot.waitUntil(
                lambda: any(str(port) in one for one in demo.bridge.link.view.lost),
                timeout=PATIENCE_MS,
            )
            assert "disarm" in demo.shell.message_text.text()
            assert "own stop button" in demo.shell.message_text.text()
            demo.sees(demo.page.after)
            demo.qtbot.waitUntil(
                lambda: demo.page.after.headline.text() == "Interrupted", timeout=PATIENCE_MS
            )
            (line,) = list_sessions(demo.ready.station.database)
            assert line.state == "interrupted"
            assert line.delivered <= len(device.fired) <= line.delivered + line.unknown


def test_a_record_that_is_held_for_a_moment_holds_up_no_window_and_loses_nothing(
    qtbot: QtBot, tmp_path: Path
) -> None:
    with treating(qtbot, tmp_path) as demo:
        page, ready = demo.page, demo.ready
        demo.sees(page.before)
        demo.idle()
        page.open_item("daily")
        demo.sees(page.form)
        ticks: list[int] = []
        timer = QTimer()
        timer.timeout.connect(lambda: ticks.append(1))
        with locked(ready.station.database.path):
            page.form.filled_in.emit("daily", FORMS["daily"])
            timer.start(10)
            qtbot.waitUntil(lambda: len(ticks) > 20, timeout=PATIENCE_MS)
            timer.stop()
            assert demo.bridge.worker._waiting
            assert page.stack.currentWidget() is page.form
        demo.qtbot.waitUntil(
            lambda: page.stack.currentWidget() is page.before or bool(page.form.answer.text()),
            timeout=PATIENCE_MS,
        )
        demo.idle()
        if page.stack.currentWidget() is page.form:  # it gave up: then it says so, and may again
            assert page.form.save_button.isEnabled()
            page.leave_form()
            demo.idle()


def test_what_an_earlier_program_left_is_dealt_with_and_said_before_anybody_logs_in(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that may be armed, and a session that was cut off."""
    ready = practice(tmp_path, Purpose.DEMO)
    path = ready.station.database.path
    uid = treated(ready.clinic, ready.made, Past(ago(minutes=3), None, open=True))
    seen: list[str] = []

    def look(_application: QApplication) -> int:
        (shell,) = [one for one in QApplication.topLevelWidgets() if isinstance(one, Shell)]
        qtbot.waitUntil(shell.message.isVisible, timeout=PATIENCE_MS)
        seen.append(shell.message_text.text())
        return 0

    monkeypatch.setattr(QApplication, "exec", look)
    with on_a_port(tmp_path) as (device, _, port):
        note = path.with_name(path.name + ".armed")
        note.write_text(json.dumps(["magpro", str(port)]), encoding="utf-8")
        with no_flashes():
            assert opening.open_window(path) == 0
        assert not note.exists()
        assert not armed(device)
    (said,) = seen
    assert str(port) in said
    assert "disarmed" in said
    assert "interrupted" in said or "cut off" in said, said
    lines = [one for one in list_sessions(ready.station.database) if one.uid == uid]
    assert [one.state for one in lines] == ["interrupted"]
