"""A bug of this program in the middle of a session: disarmed, logged, ended, on record."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from protocols.prescription import rehearsal_content
from protocols.protocol import load_library
from tests.records.recording import rows
from tms_console import main
from tms_console.delivery.controls import Controls
from tms_console.delivery.giving import Giver
from tms_console.delivery.in_hand import InHand
from tms_console.delivery.order import EmulatorOrder, SessionOrder
from tms_console.delivery.session import run_session
from tms_console.delivery.snapshot import Snapshot
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.records.database import open_database
from tms_console.records.operations import EventKind, SessionState
from tms_console.records.queries import list_sessions, summarise_session
from tms_console.records.verify import verify


def order(folder: Path) -> SessionOrder:
    content = rehearsal_content(load_library()["itbs-600"], 45)
    device = EmulatorOrder(name="magpro", virtual=True, pulse_log=str(folder / "fired"))
    return main.rehearsal_order(content, folder / "r.db", device)


def run(folder: Path, around: Surroundings) -> SessionResult:
    return run_session(order(folder), around)


def ignore(_: Snapshot) -> None:
    """Nobody looks on."""


def test_a_bug_before_a_train_disarms_and_ends_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, calls = Giver.check, []

    def broken(self: Giver, check: object) -> object:
        calls.append(check)
        if len(calls) == 3:
            raise ZeroDivisionError("a bug")
        return real(self, check)  # type: ignore[arg-type]

    monkeypatch.setattr(Giver, "check", broken)
    result = run(tmp_path, Surroundings(Controls(), ignore, "test"))
    assert result.state is SessionState.FAILED
    assert "ZeroDivisionError" in result.reason
    (line,) = list_sessions(open_database(tmp_path / "r.db"))
    assert (line.state, line.delivered) == ("failed", 60)
    assert verify(tmp_path / "r.db").sound
    assert "Traceback" in caplog.text
    assert _last_frames_disarm(tmp_path / "r.db", result.session_uid)


def test_a_bug_in_the_middle_of_a_train_leaves_no_pulse_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = InHand.report, []

    def broken(self: InHand, report: object) -> object:
        calls.append(report)
        if len(calls) == 40:
            raise KeyError("a bug")
        return real(self, report)  # type: ignore[arg-type]

    monkeypatch.setattr(InHand, "report", broken)
    result = run(tmp_path, Surroundings(Controls(), ignore, "test"))
    assert result.state is SessionState.FAILED
    summary = summarise_session(open_database(tmp_path / "r.db"), result.session_uid)
    fired = len((tmp_path / "fired").read_text().splitlines())
    assert "commanded" not in summary.outcomes
    given = summary.outcomes["delivered"] + summary.outcomes.get("unknown", 0)
    assert fired <= given
    assert verify(tmp_path / "r.db").sound


def test_a_bug_while_a_session_is_settled_is_left_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even then it is disarmed, and nothing on record claims more than is known."""
    real = Giver.settle_all

    def broken(self: Giver, outcome: object) -> None:
        del self, outcome
        raise RuntimeError("a bug")

    controls = Controls()

    def stop_soon(snapshot: Snapshot) -> None:
        if snapshot.delivered >= 31 and not controls.halted:
            controls.stop("enough")

    monkeypatch.setattr(Giver, "settle_all", broken)
    result = run(tmp_path, Surroundings(controls, stop_soon, "test"))
    monkeypatch.setattr(Giver, "settle_all", real)
    assert "enough" in result.reason
    assert "please report it" in result.reason
    again = run(tmp_path, Surroundings(Controls(), ignore, "test"))
    assert again.state is SessionState.COMPLETED
    states = [one.state for one in list_sessions(open_database(tmp_path / "r.db"))]
    assert states == ["interrupted", "completed"]
    assert verify(tmp_path / "r.db").sound


def test_whoever_looks_on_cannot_end_a_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise OSError("the screen is gone")

    result = run(tmp_path, Surroundings(Controls(), broken, "test", began=broken))
    assert (result.state, result.reason) == (SessionState.COMPLETED, "complete")
    shown = [one for one in caplog.records if "snapshot" in one.message]
    assert len(shown) == 1
    assert shown[0].levelno == logging.ERROR


def test_stop_held_down_ends_once(tmp_path: Path) -> None:
    controls = Controls()

    def press(snapshot: Snapshot) -> None:
        if snapshot.delivered >= 31:
            controls.stop("held down")
            controls.remark(EventKind.ADVERSE_EVENT, f"headache {snapshot.state}", "J. Meyer")

    result = run(tmp_path, Surroundings(controls, press, "test"))
    assert (result.state, result.reason) == (SessionState.STOPPED, "held down")
    written = rows(
        tmp_path / "r.db", "SELECT detail FROM session_event WHERE kind = 'adverse_event'"
    )
    assert ("headache stopped",) in written


def _last_frames_disarm(path: Path, uid: str) -> bool:
    sent = rows(
        path,
        "SELECT hex(bytes) FROM device_frame WHERE direction = 'sent' AND session_id = "
        "(SELECT id FROM session WHERE uid = ?) ORDER BY rowid DESC LIMIT 3",
        uid,
    )
    return any(frame == "FE02020091FF" for (frame,) in sent)
