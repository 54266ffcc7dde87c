"""The clinic of ten years, a fiftieth of it: what is measured on is a record like any other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from tests.records_10y import FULL_IS_A, make
from tms_console.accounts.station import open_station
from tms_console.accounts.verification import verify_accounts
from tms_console.clinic.day import sittings
from tms_console.clinic.patients import patients
from tms_console.records.clinical import RecordKind
from tms_console.records.heads import STATE_VARIABLE
from tms_console.records.private_files import CONFIG_VARIABLE
from tms_console.records.queries import list_sessions
from tms_console.records.verify import verify

SESSIONS = 500


@pytest.mark.timeout(300)
def test_a_fiftieth_of_ten_years_is_verified_and_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chain, seals, heads, digests and signatures; and every session counts for its course."""
    path = tmp_path / "years" / "clinic.db"
    monkeypatch.setenv(CONFIG_VARIABLE, "")  # put back afterwards, whatever `make` sets
    monkeypatch.setenv(STATE_VARIABLE, "")
    make(path, SESSIONS, 0, Console(quiet=True))

    assert verify(path).findings == ()
    station = open_station(path)
    assert verify_accounts(path, station.anchor.public).findings == ()
    lines = list_sessions(station.database)
    assert len(lines) == SESSIONS
    assert sum(one.pulses > 1 for one in lines) == SESSIONS // FULL_IS_A
    assert all(one.delivered for one in lines)
    assert all(one.started_at <= datetime.now(UTC).isoformat() for one in lines)
    with station.trusting() as trusted:
        for kind in RecordKind:
            trusted.records(kind)
        everybody = (*patients(trusted), *patients(trusted, closed=True))
        counted = [sittings(trusted, one.patient_uid) for one in everybody]
    assert sum(map(len, counted)) == SESSIONS
    assert all(one.counts for each in counted for one in each)
