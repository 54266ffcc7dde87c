"""What the record says of a session: counts, times and distances, with nothing filled in."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from tests.records.recording import (
    MS,
    begin_session,
    begin_train,
    delivered,
    end_session,
    end_train,
    record,
    rich_session,
    whole_train,
)
from tms_console.records.database import Database
from tms_console.records.errors import RecordsError
from tms_console.records.operations import (
    BeginPulse,
    Evidence,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    TrainCommanded,
    new_uid,
)
from tms_console.records.queries import (
    Spread,
    list_sessions,
    newest_audit_time,
    session_pulses,
    summarise_session,
)
from tms_console.records.transactions import write_now


def test_sessions_are_listed_with_their_counts_the_oldest_first(database: Database) -> None:
    uids = [new_uid(), new_uid()]
    record(database, uids[0], rich_session(uids[0]))
    record(database, uids[1], [begin_session(uids[1])])

    first, second = list_sessions(database)

    assert (first.uid, first.state, first.simulated) == (uids[0], "failed", True)
    assert (first.trains, first.pulses, first.delivered) == (2, 7, 4)
    assert (first.unknown, first.unplanned, first.device) == (1, 2, "MagPro X100 4711")
    assert (second.uid, second.state, second.pulses, second.ended_at) == (
        uids[1],
        "running",
        0,
        None,
    )


def test_a_summary_counts_outcomes_and_evidence(database: Database) -> None:
    uid = new_uid()
    record(database, uid, rich_session(uid))

    summary = summarise_session(database, uid)

    assert summary.outcomes == {"delivered": 4, "unknown": 1, "unplanned": 2}
    assert summary.evidence == {"none": 1, "reported": 5, "inferred": 1}
    assert summary.intensities_pct_mso == (54, 60)
    assert summary.planned_s == 20.0
    assert summary.duration_s == pytest.approx(20.499993)


def test_lateness_counts_each_command_once_by_its_first_pulse(database: Database) -> None:
    """A train that one command set off is late once; a host-timed pulse by itself."""
    uid = new_uid()
    hosted = [
        PulsesFinal(
            session_uid=uid,
            results=(delivered(5 + k, None, commanded_ns=10_000 * MS + k * 100 * MS + late),),
        )
        for k, late in enumerate((1_000, 2_000, 3_000, 4_000))
    ]
    record(
        database,
        uid,
        [begin_session(uid), *whole_train(uid), begin_train(uid, 2, 5), *hosted, end_train(uid, 2)],
    )

    summary = summarise_session(database, uid)

    assert asdict_of(summary.lateness_us) == pytest.approx({"p50": 3.0, "p99": 6.88, "max": 7.0})


def test_spacing_is_relative_to_the_first_seen_pulse_of_the_train(database: Database) -> None:
    """A constant delay of the reports is no jitter of the pulses; it cancels, and nothing else."""
    uid = new_uid()
    begin = begin_train(uid)
    seen = [
        due + 2_000_000 + off
        for due, off in zip(begin.planned_ns, (0, 3_000, -5_000, 0), strict=True)
    ]
    results = [delivered(number, at) for number, at in enumerate(seen, 1)]
    results[3] = delivered(4, None)
    record(
        database,
        uid,
        [
            begin_session(uid),
            begin,
            TrainCommanded(session_uid=uid, train_number=1, commanded_ns=0),
            PulsesFinal(session_uid=uid, results=tuple(results)),
            end_train(uid),
            end_session(uid),
        ],
    )

    spacing = summarise_session(database, uid).spacing_us

    assert asdict_of(spacing) == pytest.approx({"p50": 4.0, "p99": 4.98, "max": 5.0})


def asdict_of(spread: Spread | None) -> dict[str, float]:
    assert spread is not None
    return asdict(spread)


def test_a_time_that_nobody_saw_stays_masked(database: Database) -> None:
    uid = new_uid()
    record(database, uid, rich_session(uid))

    pulses = session_pulses(database, uid)

    assert pulses.number.tolist() == [1, 2, 3, 4, 5, 100, 101]
    assert pulses.train.tolist() == [1, 1, 1, 1, 2, 2, 0]
    assert np.ma.getmaskarray(pulses.observed_ns).tolist() == [False] * 4 + [True, False, True]
    assert np.ma.getmaskarray(pulses.planned_ns).tolist() == [False] * 5 + [True] * 2
    assert pulses.intensity_pct_mso.tolist() == [54, 54, 54, 54, 60, 60, None]
    assert pulses.realised_a_us.tolist() == [130] * 4 + [None] * 3
    assert pulses.outcome.tolist()[-2:] == ["unplanned", "unplanned"]
    assert pulses.evidence.tolist()[-1] == "inferred"


def test_a_session_without_pulses_has_no_distributions(database: Database) -> None:
    uid = new_uid()
    record(database, uid, [begin_session(uid), end_session(uid)])

    summary = summarise_session(database, uid)

    assert (summary.lateness_us, summary.spacing_us, summary.duration_s) == (None, None, None)
    assert (summary.planned_s, summary.outcomes) == (0.0, {})
    assert session_pulses(database, uid).number.size == 0


def test_a_duration_needs_no_reports(database: Database) -> None:
    uid = new_uid()
    pulse = BeginPulse(session_uid=uid, train_number=1, number=1, intensity_pct_mso=5, planned_ns=0)
    result = PulsesFinal(session_uid=uid, results=(delivered(1, None, commanded_ns=40),))
    write_now(database, begin_session(uid), begin_train(uid, pulses=0), pulse, result)

    assert summarise_session(database, uid).duration_s == 0.0


def test_the_last_train_counts_in_a_duration_whose_pulses_nobody_saw(database: Database) -> None:
    """Four pulses at 10 Hz from a start command at 40 ns; of the fourth nobody knows."""
    uid = new_uid()
    sent = TrainCommanded(session_uid=uid, train_number=1, commanded_ns=40)
    lost = PulseResult(number=4, outcome=PulseOutcome.UNKNOWN, evidence=Evidence.NONE)
    results = (*(delivered(number, None) for number in (1, 2, 3)), lost)
    final = PulsesFinal(session_uid=uid, results=results)
    write_now(database, begin_session(uid), begin_train(uid), sent, final)

    assert summarise_session(database, uid).duration_s == 0.2


def test_a_session_that_is_not_there_is_named(database: Database) -> None:
    with pytest.raises(RecordsError, match="there is no session x"):
        summarise_session(database, "x")


def test_the_newest_audit_time_is_known(database: Database) -> None:
    uid = new_uid()
    record(database, uid, [begin_session(uid)])

    assert newest_audit_time(database).startswith("2026-03-01T09:00:0")
