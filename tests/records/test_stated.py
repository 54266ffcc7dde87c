"""What a killed program leaves open can be edited; what the chain stated of it cannot."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records.recording import (
    MS,
    begin_session,
    begin_train,
    header_of,
    rows,
    tampering,
    wall_clock,
    whole_train,
)
from tms_console.records.closed_rows import ClosedSession, altered
from tms_console.records.database import Database
from tms_console.records.operations import (
    BeginPulse,
    BeginTrain,
    Evidence,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    UnplannedPulse,
    new_uid,
)
from tms_console.records.reconcile import reconcile
from tms_console.records.stated import STATED_EVERY, Stated, numbers_in, spans_of
from tms_console.records.verify import verify
from tms_console.records.writer import InlineWriter

HIDE = "UPDATE pulse SET outcome = 'not_delivered', evidence = 'none', observed_ns = NULL"


def left_by_a_killed_program(database: Database, uid: str, *operations: Operation) -> None:
    writer = InlineWriter(database, header_of(database, uid), lambda _: None)
    for operation in (begin_session(uid), *operations):
        assert writer.submit(operation).wait(1)
    writer.close()
    path = database.path
    path.with_name(f"{path.name}.unsaved").unlink()


def closed_by_the_next(database: Database) -> ClosedSession:
    """Let the next start close the session, and return it as the chain states it."""
    report = reconcile(database, wall=wall_clock())
    assert report is not None
    [session] = report.sessions
    [(seq, begun)] = rows(
        database.path, "SELECT seq, detail FROM audit WHERE action = 'session.begin'"
    )
    [(ended,)] = rows(database.path, "SELECT detail FROM audit WHERE action = 'session.end'")
    console = database.console_uid
    return ClosedSession(session.uid, console, seq, json.loads(begun), json.loads(ended))


def wrong_in(database: Database, closed: ClosedSession) -> str:
    with database.reading() as connection:
        return altered(connection, closed)


def not_given(uid: str, *numbers: int) -> PulsesFinal:
    none = Evidence.NONE
    return PulsesFinal(
        session_uid=uid,
        results=tuple(
            PulseResult(number=number, outcome=PulseOutcome.NOT_DELIVERED, evidence=none)
            for number in numbers
        ),
    )


def pulse_by_pulse(uid: str, count: int) -> list[Operation]:
    begin = BeginTrain(
        session_uid=uid,
        block=1,
        number=1,
        intensity_pct_mso=54,
        planned_start_ns=0,
        first_pulse=1,
        planned_ns=(),
    )
    pulses: list[Operation] = [
        BeginPulse(
            session_uid=uid,
            train_number=1,
            number=number,
            intensity_pct_mso=54,
            planned_ns=number * 1_000 * MS,
        )
        for number in range(1, count + 1)
    ]
    return [begin, *pulses]


def named(path: Path) -> list[str]:
    return [f"{one.row}: {one.sentence}" for one in verify(path).findings]


def test_a_train_stopped_half_way_and_then_cut_off_is_sound(database: Database) -> None:
    uid = new_uid()
    left_by_a_killed_program(database, uid, begin_train(uid), not_given(uid, 3, 4))

    closed = closed_by_the_next(database)

    assert closed.ended["outcomes"] == {"not_delivered": 2, "unknown": 2}
    assert wrong_in(database, closed) == ""
    assert named(database.path) == []
    [(spans,)] = rows(database.path, "SELECT detail FROM audit WHERE action = 'pulses.not_given'")
    assert json.loads(spans) == {"numbers": [[3, 4]]}


@pytest.mark.parametrize("before", ["nothing", "one"])
def test_an_open_train_whose_pulses_were_hidden_is_named(database: Database, before: str) -> None:
    uid = new_uid()
    stated = [not_given(uid, 1)] if before == "one" else []
    left_by_a_killed_program(database, uid, begin_train(uid), *stated)
    with tampering(database.path) as hand:
        hand.execute(HIDE)
        hand.commit()

    closed = closed_by_the_next(database)

    first = 2 if stated else 1
    assert f"nobody ever stated that pulse {first} was not given" in wrong_in(database, closed)
    assert any(f"its pulse {first} was not given" in one for one in named(database.path))


def test_a_finished_train_says_nothing_of_pulses_that_were_given(database: Database) -> None:
    uid = new_uid()
    left_by_a_killed_program(database, uid, *whole_train(uid), begin_train(uid, 2, 5))
    assert rows(database.path, "SELECT 1 FROM audit WHERE action = 'pulses.not_given'") == []
    assert wrong_in(database, closed_by_the_next(database)) == ""
    assert named(database.path) == []


def test_pulses_given_one_by_one_cannot_be_deleted(database: Database) -> None:
    """Every tenth is stated: at most nine of them could be hidden."""
    uid, count = new_uid(), 2 * STATED_EVERY + 4
    left_by_a_killed_program(database, uid, *pulse_by_pulse(uid, count))
    with tampering(database.path) as hand:
        hand.execute("DELETE FROM pulse WHERE number > ?", (2 * STATED_EVERY - 1,))
        hand.commit()

    closed = closed_by_the_next(database)

    assert wrong_in(database, closed) == "its train 1 is not there, or not whole"
    least = 2 * STATED_EVERY
    assert f"train {uid}/1: it has {least - 1} pulses, and {least} were begun" in named(
        database.path
    )


def test_pulses_given_one_by_one_are_sound_wherever_they_are_cut_off(database: Database) -> None:
    uid = new_uid()
    left_by_a_killed_program(database, uid, *pulse_by_pulse(uid, STATED_EVERY + 3))
    assert wrong_in(database, closed_by_the_next(database)) == ""
    assert named(database.path) == []


def test_an_unplanned_pulse_of_an_open_train_cannot_be_deleted(database: Database) -> None:
    uid = new_uid()
    extra = UnplannedPulse(
        session_uid=uid,
        number=9,
        train_number=1,
        intensity_pct_mso=54,
        observed_ns=300 * MS,
        evidence=Evidence.REPORTED,
    )
    left_by_a_killed_program(database, uid, begin_train(uid), extra)
    with tampering(database.path) as hand:
        hand.execute("DELETE FROM pulse WHERE number = 9")
        hand.commit()
    assert wrong_in(database, closed_by_the_next(database)) == (
        "its train 1 is not there, or not whole"
    )


@given(st.sets(st.integers(1, 300)))
def test_spans_hold_exactly_the_numbers(numbers: set[int]) -> None:
    spans = list(spans_of(sorted(numbers)))
    assert numbers_in([[first, last] for first, last in spans]) == numbers
    assert all(later[0] > early[1] + 1 for early, later in pairwise(spans))


@pytest.mark.parametrize("spans", ["1-4", 3, None, [[1]], [[2, 1]], [[1, 10**9]], [["1", "2"]]])
def test_nonsense_is_no_span(spans: Any) -> None:
    with pytest.raises(ValueError, match="span"):
        numbers_in(spans)


def test_a_train_of_an_older_program_is_not_asked_for_statements() -> None:
    stated = Stated()
    begun = {"block": 1, "intensity_pct_mso": 54, "planned_start_ns": 0, "first_pulse": 1}
    stated.take("s", "train.begin", "train:s/1", begun | {"pulses": 4})
    assert stated.doubtful(1, [1, 2]) == []
    stated.take("s", "train.begin", "train:s/2", begun | {"pulses": 4, "not_given_is_stated": True})
    assert stated.doubtful(2, [1, 2]) == [1, 2]
    stated.take("other", "pulses.not_given", "session:s", {"numbers": [[1, 2]]})
    assert stated.doubtful(2, [1, 2]) == [1, 2]
