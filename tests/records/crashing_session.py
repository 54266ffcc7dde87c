"""A session in a process of its own that is killed, by itself, at a chosen commit.

Run as `python -m tests.records.crashing_session DATABASE UID AT before|after`.  Every operation is
named on standard output once it is known to be committed: what was said must be on record.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from tests.records.recording import (
    begin_session,
    end_session,
    header_of,
    whole_train,
)
from tms_console.records.database import open_database
from tms_console.records.operations import Operation
from tms_console.records.session_lock import SessionLock
from tms_console.records.transactions import CommitHooks
from tms_console.records.writer import ThreadedWriter, WriterOptions


def main(path: str, uid: str, at: str, when: str) -> None:
    database = open_database(Path(path))
    commits = count()

    def die(_: Sequence[Operation]) -> None:
        if next(commits) == int(at):
            os.kill(os.getpid(), signal.SIGKILL)

    hooks = CommitHooks(before_commit=die) if when == "before" else CommitHooks(after_commit=die)
    operations = [
        begin_session(uid),
        *whole_train(uid),
        *whole_train(uid, 2, 5),
        end_session(uid),
    ]
    with (
        SessionLock.acquire(database.path),
        ThreadedWriter(
            database, header_of(database, uid), lambda _: None, WriterOptions(hooks=hooks)
        ) as writer,
    ):
        for number, operation in enumerate(operations):
            if writer.submit(operation).wait(10):
                os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main(*sys.argv[1:])
