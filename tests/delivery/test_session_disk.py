"""A sync that the operating system reports as failed, injected below SQLite, in a real process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.simulator.pulse_log import read_pulse_log
from tms_console.records.database import open_database
from tms_console.records.queries import list_sessions, session_pulses
from tms_console.records.reconcile import reconcile
from tms_console.records.verify import verify

REAL_TIME = True  # a process of its own is waited for

STRACE = shutil.which("strace")


@pytest.mark.skipif(STRACE is None, reason="strace is not installed (.ci/run installs it)")
@pytest.mark.parametrize("failing", [12, 31, 60])
def test_a_failing_sync_ends_the_session_and_nothing_is_claimed(
    tmp_path: Path, failing: int
) -> None:
    """After a failed fsync nobody knows what is on the disk: the session must not go on."""
    database, log = tmp_path / "r.db", tmp_path / "fired"
    inject = [
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        f"inject=fsync,fdatasync:error=EIO:when={failing}",
    ]
    command = [sys.executable, "-P", "-m", "tms_console.cli", "rehearse", "itbs-600", "--fast"]
    options = ["--threshold", "45", "--json", "--database", str(database), "--pulse-log", str(log)]
    trace = tmp_path / "trace"
    done = subprocess.run(
        [str(STRACE), "-f", "-qq", *inject, "-o", str(trace), *command, *options],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    injected = trace.read_text().count("(INJECTED)")
    if not injected and "ptrace" in done.stderr:
        pytest.skip("this machine does not let strace trace")
    assert injected == 1
    assert done.returncode == 1
    said = json.loads(done.stdout)
    fired = len(list(read_pulse_log(log))) if log.exists() else 0
    assert fired < 600
    if "refused" in said:  # not even the head or the session's own row could be kept
        assert "could not be" in said["refused"]
        assert fired == 0
        if not database.exists():  # it was not even made
            return
    else:
        assert said["saved"] is False
        assert "the record cannot be written" in said["end_reason"]
    report = reconcile(open_database(database))
    assert report is not None
    for line in list_sessions(open_database(database)):
        pulses = session_pulses(open_database(database), line.uid)
        assert line.state in {"failed", "interrupted"}
        assert line.delivered <= fired <= line.delivered + line.unknown
        assert "commanded" not in pulses.outcome.tolist()
    assert verify(database).sound
