"""A short treatment in real time on a clinic's database, with the writer in a thread of its own."""

from __future__ import annotations

from pathlib import Path

from drivers.magpro.options import Options
from tests.delivery.refusing import found
from tests.delivery.sessions import require_rows_before_commands, rows
from tests.delivery.test_session_real_time import in_real_time
from tests.delivery.treatments import make_ready

REAL_TIME = True
"""The virtual clock writes in the session's own thread; only real time has two."""


def test_in_real_time_a_treatment_on_a_clinics_database_commits_before_it_commands(
    tmp_path: Path,
) -> None:
    """Encrypted, with the head kept inside every transaction, and a thread that writes."""
    ready = make_ready(tmp_path, short=True, trains=1)
    done = ready.treat(change=in_real_time, options=Options(mode_change_ns=100_000_000))
    assert done.state == "completed", done.result.reason
    require_rows_before_commands(done.passed, 1)
    assert done.outcomes == {"delivered": 6}
    assert found(done.database) == {}
    late_ns = rows(done.database, "SELECT max(commanded_ns - planned_ns) FROM pulse")[0][0]
    assert late_ns < 50_000_000
    with ready.trusting() as trusted:
        assert trusted.sealed_seq == trusted.head.seq - 1
