"""A console in a process of its own that writes, and may be killed by itself at a chosen moment.

Run as `python -m tests.accounts.dying_station DATABASE MOMENT`; every write that is known to be
committed is said on standard output.  Moments: `never`, `write before`, `write after`,
`write settling`, `seal before`, `seal after`, `seal settling`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.accounts.people import Wall
from tests.accounts.worlds import patient
from tms_console.accounts.station import Station, open_station
from tms_console.records import seals, transactions
from tms_console.records.canonical import canonical_text
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.values import new_uid


def die(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def arrange(module: Any, moment: str) -> None:
    """Make the process die in the next transaction that a module writes."""
    if moment == "before":
        real = module.expect_head

        def keep_and_die(*args: Any, **kwargs: Any) -> None:
            real(*args, **kwargs)
            die()

        module.expect_head = keep_and_die
    elif moment == "after":
        module.keep_outside = die
    elif moment == "settling":
        transactions_ = vars(transactions)
        transactions_["_settle"] = die


def write(station: Station, number: int) -> None:
    uid = new_uid()
    content = canonical_text(
        {"tag": "tms-patient-1", "uid": uid, "patient_uid": uid} | patient(f"D-{number}")
    )
    station.write(
        AddRecord(
            kind=RecordKind.PATIENT,
            uid=uid,
            at="2026-03-01T09:00:00Z",
            actor="console",
            content=content,
        )
    )
    os.write(1, f"{uid}\n".encode())


def main(path: str, what: str, moment: str = "") -> None:
    station = open_station(Path(path), Wall())
    if what == "never":
        for number in range(10_000):
            write(station, number)
            if number % 3 == 0:
                station.seal("a test")
    write(station, 1)
    arrange(seals if what == "seal" else transactions, moment)
    if what == "seal":
        station.seal("a test")
    write(station, 2)


if __name__ == "__main__":
    main(sys.argv[1], *sys.argv[2].split())
