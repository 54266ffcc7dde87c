"""When the last pulse of a past session may have been given."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from tests.records.recording import STARTED, begin_session, end_session, whole_train
from tms_console.records.database import Database
from tms_console.records.lineage import session_chain
from tms_console.records.operations import Evidence, UnplannedPulse, new_uid
from tms_console.records.reconcile import reconcile
from tms_console.records.transactions import write_now

BEGUN_NS = round(datetime.fromisoformat(STARTED).timestamp()) * 10**9


def somebody_elses_pulse(uid: str) -> UnplannedPulse:
    return UnplannedPulse(
        session_uid=uid,
        number=601,
        train_number=None,
        intensity_pct_mso=54,
        observed_ns=None,
        evidence=Evidence.INFERRED,
    )


@pytest.mark.parametrize(
    ("somebody_elses", "after_ns"), [(False, 302_123_456), (True, 192_000_000_000)]
)
def test_a_pulse_without_a_time_may_have_been_given_at_the_sessions_end(
    database: Database, somebody_elses: bool, after_ns: int
) -> None:
    """A session that goes on from it rests from there."""
    uid = new_uid()
    write_now(
        database,
        begin_session(uid),
        *whole_train(uid),
        *([somebody_elses_pulse(uid)] if somebody_elses else []),
        end_session(uid),
    )
    (past,) = session_chain(database, uid)
    assert past.last_given_unix_ns is not None
    assert past.last_given_unix_ns - BEGUN_NS == after_ns


def test_after_a_cut_off_session_a_pulse_without_a_time_may_have_been_given_just_now(
    database: Database,
) -> None:
    """Nobody saw its end; `resumption` takes a pulse of the future as given now."""
    uid = new_uid()
    write_now(database, begin_session(uid), *whole_train(uid), somebody_elses_pulse(uid))
    assert reconcile(database) is not None
    (past,) = session_chain(database, uid)
    assert past.state == "interrupted"
    assert past.last_given_unix_ns is not None
    assert past.last_given_unix_ns > time.time_ns()
