"""Real faults of disk and process: a full disk, and death between command and answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.records.recording import new_database, rows
from tms_console.records.database import Database, check_integrity
from tms_console.records.left_behind import port_to_disarm
from tms_console.records.operations import new_uid
from tms_console.records.reconcile import reconcile
from tms_console.records.unsaved import read_unsaved
from tms_console.records.verify import verify

COMMITS = 16
"""Of the crashing session: begin, two trains of seven, and the end."""


def crash(database: Database, uid: str, at: int, when: str) -> list[int]:
    """Run a session that kills itself; return what it said to be committed."""
    command = [sys.executable, "-m", "tests.records.crashing_session"]
    done = subprocess.run(
        [*command, str(database.path), uid, str(at), when],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == -9, done.stderr
    return [int(line) for line in done.stdout.split()]


@pytest.mark.crash
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [0, 1, 2, 4, 7, 9, 15])
def test_a_killed_session_is_on_record_as_far_as_it_was_said_to_be(
    database: Database, at: int, when: str
) -> None:
    """Killed inside a transaction, or after COMMIT and before anybody was told."""
    uid = new_uid()

    said = crash(database, uid, at, when)

    assert said == list(range(at))
    begun = at + (when == "after")
    trains = (begun >= 2) + (begun >= 9)
    assert rows(database.path, "SELECT count(*) FROM train") == [(trains,)]
    assert rows(database.path, "SELECT count(*) FROM pulse") == [(4 * trains,)]
    assert check_integrity(database) == ()
    assert verify(database.path).findings == ()
    assert port_to_disarm(database.path) is not None

    report = reconcile(database)

    assert report is not None
    assert verify(database.path).findings == ()
    states = {row[0] for row in rows(database.path, "SELECT state FROM session")}
    outcomes = {row[0] for row in rows(database.path, "SELECT outcome FROM pulse")}
    assert states <= {"interrupted", "completed"}
    assert outcomes <= {"delivered", "unknown"}
    assert bool(states) == (begun > 0)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.records.recording import begin_session, header_of, whole_train
from tms_console.records.database import open_database
from tms_console.records.writer import ThreadedWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = open_database(Path(sys.argv[1]))
uid, reasons = sys.argv[2], []
with ThreadedWriter(database, header_of(database, uid), reasons.append) as writer:
    assert writer.submit(begin_session(uid)).wait(10)
    size = database.path.with_name(database.path.name + "-wal").stat().st_size
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    committed = [writer.submit(one).wait(10) for one in whole_train(uid)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
print(committed.count(True), reasons)
"""


def test_on_a_full_disk_what_is_known_is_saved_beside_and_read_in_later(tmp_path: Path) -> None:
    """No file may grow any more: the room for what cannot be stored was taken beforehand."""
    database = new_database(tmp_path)
    uid = new_uid()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(database.path), uid],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert done.stdout.startswith("0 [")
    assert "the record cannot be written" in done.stdout
    beside = read_unsaved(database.path)
    assert beside is not None
    assert len(beside.operations) == 7
    report = reconcile(database)
    assert report is not None
    assert (report.imported, report.problems) == (7, ())
    assert rows(database.path, "SELECT outcome, count(*) FROM pulse GROUP BY 1") == [
        ("delivered", 4)
    ]
    assert verify(database.path).findings == ()
