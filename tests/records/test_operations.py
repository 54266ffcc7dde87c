"""Operations are checked when they are made, and survive being written as JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.interface import Direction, Frame
from tests.records.recording import begin_session, begin_train, rich_session
from tms_console.records.canonical import Json, canonical_text, digest, utc_now_text
from tms_console.records.operations import (
    AuditNote,
    BeginTrain,
    EndSession,
    EndTrain,
    Evidence,
    Frames,
    Operation,
    PulseOutcome,
    PulseResult,
    SessionKind,
    SessionState,
    TrainOutcome,
    UnplannedPulse,
    from_json,
    new_uid,
    to_json,
)

UID = new_uid()
NOTE = AuditNote(uid=UID, actor="gate", action="gate.refused", subject="authority", detail="no")


@pytest.mark.parametrize("operation", [*rich_session(UID), NOTE], ids=lambda one: one.op)
def test_every_operation_is_the_same_after_json(operation: Operation) -> None:
    line = to_json(operation)

    assert b"\n" not in line
    assert from_json(line) == operation


@given(st.lists(st.tuples(st.integers(-(2**53) + 1, 2**53 - 1), st.binary(max_size=40))))
def test_frames_survive_json_whatever_their_bytes(sent: list[tuple[int, bytes]]) -> None:
    frames = Frames(
        session_uid=None,
        frames=tuple(Frame(at_ns, Direction.RECEIVED, data) for at_ns, data in sent),
    )

    assert from_json(to_json(frames)) == frames


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b"", ""),
        (b'{"op":"fire"}', "fire"),
        (b'{"op":"frames","session_uid":null,"frames":[[1,"sideways",""]]}', "frames"),
        (b'{"op":"frames","session_uid":null,"frames":[[1,"sent","xyz"]]}', "frames"),
        (b'{"op":"frames","session_uid":null,"frames":[7]}', "frames"),
        (b'{"op":"train_commanded","session_uid":"x","train_number":1,"commanded_ns":0}', "uid"),
    ],
)
def test_a_line_that_is_no_operation_is_refused_with_its_place(line: bytes, place: str) -> None:
    with pytest.raises(ValueError, match="not an operation of the record") as refused:
        from_json(line)

    assert place in str(refused.value)


def test_a_session_without_authority_is_refused_unless_it_is_a_rehearsal() -> None:
    """Nobody delivers an unapproved stimulus: such a session cannot even be written down."""
    with pytest.raises(ValidationError, match="rests on a signed authority"):
        begin_session(UID, kind=SessionKind.TREATMENT)

    with pytest.raises(ValidationError, match="or neither"):
        begin_session(UID, authority_uid=UID)


def test_a_rehearsal_on_a_real_stimulator_is_refused() -> None:
    with pytest.raises(ValidationError, match="proved simulated"):
        begin_session(UID, simulated_proof=None)


@pytest.mark.parametrize(
    ("outcome", "evidence", "observed_ns"),
    [
        (PulseOutcome.DELIVERED, Evidence.NONE, None),
        (PulseOutcome.DELIVERED, Evidence.REPORTED, None),
        (PulseOutcome.DELIVERED, Evidence.INFERRED, 5),
        (PulseOutcome.NOT_DELIVERED, Evidence.REPORTED, 5),
        (PulseOutcome.REFUSED, Evidence.INFERRED, None),
        (PulseOutcome.COMMANDED, Evidence.NONE, None),
        (PulseOutcome.UNPLANNED, Evidence.REPORTED, 5),
    ],
)
def test_a_result_that_claims_more_than_its_evidence_is_refused(
    outcome: PulseOutcome, evidence: Evidence, observed_ns: int | None
) -> None:
    with pytest.raises(ValidationError):
        PulseResult(number=1, outcome=outcome, evidence=evidence, observed_ns=observed_ns)


def test_an_unplanned_pulse_needs_evidence() -> None:
    with pytest.raises(ValidationError, match="needs evidence"):
        UnplannedPulse(
            session_uid=UID,
            number=9,
            train_number=None,
            intensity_pct_mso=None,
            observed_ns=None,
            evidence=Evidence.NONE,
        )


def test_due_times_of_a_train_must_rise() -> None:
    train = begin_train(UID)

    with pytest.raises(ValidationError, match="must rise"):
        BeginTrain(
            session_uid=UID,
            block=1,
            number=1,
            intensity_pct_mso=54,
            planned_start_ns=0,
            first_pulse=1,
            planned_ns=train.planned_ns[::-1],
        )


def test_running_is_no_end_of_a_train_or_a_session() -> None:
    with pytest.raises(ValidationError, match="not how a train ends"):
        EndTrain(
            session_uid=UID,
            train_number=1,
            started_ns=None,
            ended_ns=None,
            outcome=TrainOutcome.RUNNING,
        )
    with pytest.raises(ValidationError, match="not how a session ends"):
        EndSession(
            session_uid=UID, state=SessionState.RUNNING, end_reason="?", ended_at=utc_now_text()
        )


@pytest.mark.parametrize("action", ["session.end", "train.end", "database.create", "Refused", ""])
def test_a_note_cannot_pass_for_a_row_that_the_record_writes_itself(action: str) -> None:
    """Otherwise a note could stand in for a closing entry."""
    with pytest.raises(ValidationError):
        AuditNote(uid=UID, actor="x", action=action, subject="", detail="")


def test_numbers_that_cannot_be_hashed_are_refused_before_they_are_stored() -> None:
    with pytest.raises(ValidationError):
        begin_train(UID, number=2**53)


def test_the_canonical_text_is_that_of_rfc_8785() -> None:
    """Keys in order, no blanks, nothing escaped that need not be: other languages must agree."""
    value: Json = {"b": 1, "a": [True, None, "\u00e9\n\u20ac"], "tag": "tms-train-1"}

    assert canonical_text(value) == '{"a":[true,null,"\u00e9\\n\u20ac"],"b":1,"tag":"tms-train-1"}'


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800"])
def test_what_has_no_canonical_text_is_refused(value: int | str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        digest({"value": value})
