"""What a review attacked in the rows of a treatment: the day's sessions, the patient, a restore.

Each test is one way to a stimulus that nobody should have got.  What a database says that it is
for, and what lies beside it, is in `test_treatment_review_beside`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.people import password_of
from tests.accounts.tampering import Hand, Kept, copy_of, put_in_place, tampering
from tests.clinic.prescribing import PATIENT
from tests.delivery.refusing import (
    found,
    refusals,
    require_harmless,
    require_named,
    require_refused,
)
from tests.delivery.sessions import Rehearsal, rows
from tests.delivery.treatments import Ready, make_ready, run_as_real
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.login import log_in
from tms_console.accounts.restores import confirm_in_force, record_restore
from tms_console.accounts.roles import Role
from tms_console.accounts.users import deactivate
from tms_console.clinic.patients import close_patient, edit_patient
from tms_console.clock import RealClock
from tms_console.delivery import treatment_facts
from tms_console.delivery.recovery import Recovery, recover
from tms_console.records.canonical import utc_now_text
from tms_console.records.clinical import RecordKind
from tms_console.records.digests import PULSE_COLUMNS, TRAIN_COLUMNS, train_digest
from tms_console.records.operations import EndSession, EndTrain, Operation
from tms_console.records.transactions import CommitHooks
from tms_console.records.values import new_uid
from tms_console.records.writer import WriterOptions

HIDE = (
    "UPDATE pulse SET outcome = 'not_delivered', evidence = 'none', observed_ns = NULL, "
    "realised_a_us = NULL"
)
REOPEN = "UPDATE session SET state = 'running', ended_at = NULL, end_reason = NULL"


class Died(BaseException):
    """The delivering process ends here; nothing of ours catches it."""


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def newest_row(path: Path) -> int:
    return int(rows(path, "SELECT max(seq) FROM audit")[0][0])


def session_uid(path: Path) -> str:
    return str(rows(path, "SELECT uid FROM session")[0][0])


def require_not_begun(done: Rehearsal, *words: str) -> None:
    """Fail unless nothing was armed and no session begun on a file that is not believed."""
    assert done.result.state is None, done.result.reason
    for each in words:
        assert each in done.result.reason, done.result.reason
    require_harmless(done)
    assert refusals(done.database) == []


# Sessions of the day, hidden --------------------------------------------------------------------


@pytest.mark.parametrize("more", ["", "UPDATE train SET digest = NULL WHERE number = 3"])
def test_a_closed_session_made_to_run_again_is_not_closed_once_more(
    ready: Ready, more: str
) -> None:
    """Our own reconciling would seal what was edited, and the day's dose could be given twice."""
    path = ready.station.database.path
    assert ready.treat().state == "completed"
    run = ready.session()
    with tampering(path) as hand:
        hand.execute(REOPEN)
        hand.execute(HIDE)
        if more:
            hand.execute(more)
    before = newest_row(path)

    (said,) = recover(path, RealClock()).sentences
    assert "was closed, and its row says that it runs" in said
    done = run_as_real(run)

    require_not_begun(done, f"Session {session_uid(path)} is not what was closed")
    assert newest_row(path) == before
    assert rows(path, "SELECT state FROM session") == [("running",)]
    require_named(path, f"session {session_uid(path)}: ")


@pytest.mark.parametrize("action", ["session.begin", "session.end"])
def test_a_session_that_the_chain_opens_or_closes_twice_is_refused(
    ready: Ready, action: str
) -> None:
    """Also with every hash right and the kept head edited: a session begins and ends once."""
    path = ready.station.database.path
    assert ready.treat().state == "completed"
    run = ready.session()
    with tampering(path) as hand:
        query = "SELECT subject, detail FROM audit WHERE action = ?"
        subject, detail = hand.rows(query, action)[0]
        hand.append(action, subject, json.loads(detail))
        hand.remember()
    times = "began twice" if action == "session.begin" else "ended twice"

    require_not_begun(run_as_real(run), times)

    with pytest.raises(NotTrusted) as caught, ready.station.trusting():
        pass
    assert caught.value.code == "reopened"
    require_named(path, f"'session:{session_uid(path)}' {times.removesuffix(' twice')} before")


def cut_off(ready: Ready, at: type[Operation]) -> Rehearsal:
    """Let the delivering process die before it could write this, and lose what lies beside."""

    def die(operations: Any) -> None:
        if any(isinstance(one, at) for one in operations):
            raise Died

    options = WriterOptions(hooks=CommitHooks(before_commit=die), inline_group=1)
    run = ready.session(writer_options=options)
    with pytest.raises(Died):
        run_as_real(run)
    path = ready.station.database.path
    path.with_name(f"{path.name}.unsaved").unlink()
    assert run.emulator.fired
    assert rows(path, "SELECT state FROM session") == [("running",)]
    return run


def test_pulses_of_finished_trains_hidden_after_a_crash_are_noticed(ready: Ready) -> None:
    """The trains are sealed, the session is not: it is closed from rows that do not hold."""
    path = ready.station.database.path
    cut_off(ready, EndSession)
    with tampering(path) as hand:
        hand.execute(HIDE)
    done = ready.treat()
    uid = session_uid(path)
    require_not_begun(done, f"Session {uid} is not what was closed: its train 1 was altered")
    require_named(path, f"train {uid}/1: ")


def test_pulses_of_the_last_train_deleted_after_a_crash_are_noticed(tmp_path: Path) -> None:
    """What the train began with is in the chain; what became of it is in its rows alone."""
    ready = make_ready(tmp_path, short=True, trains=1)
    cut_off(ready, EndTrain)
    with tampering(ready.station.database.path) as hand:
        hand.execute("DELETE FROM pulse")
    require_not_begun(ready.treat(), "its train 1 is not there, or not whole")


def test_pulses_of_the_last_train_hidden_after_a_crash_are_noticed(tmp_path: Path) -> None:
    """A protocol of one train could be given twice in a day: a kill and one edit are enough."""
    ready = make_ready(tmp_path, short=True, trains=1)
    path = ready.station.database.path
    cut_off(ready, EndTrain)
    with tampering(path) as hand:
        hand.execute(HIDE)
    done = ready.treat()
    uid = session_uid(path)
    require_not_begun(
        done, "its train 1 was altered: nobody ever stated that pulse 1 was not given"
    )
    require_named(path, f"train {uid}/1: ")


def test_pulses_hidden_after_a_crash_are_noticed_however_long_ago_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be one session of the course that nobody counts."""
    ready = make_ready(tmp_path, short=True, trains=1)
    monkeypatch.setattr(treatment_facts, "RECENT", timedelta(days=-1))
    cut_off(ready, EndTrain)
    with tampering(ready.station.database.path) as hand:
        hand.execute(HIDE)
    require_not_begun(ready.treat(), "its train 1 was altered")


def test_a_train_that_a_hand_sealed_after_a_crash_is_noticed(tmp_path: Path) -> None:
    """Its digest is right, for it needs no key; the chain has no end of it with that digest."""
    ready = make_ready(tmp_path, short=True, trains=1)
    path = ready.station.database.path
    cut_off(ready, EndTrain)
    uid = session_uid(path)
    with tampering(path) as hand:
        hand.execute(HIDE)
        hand.execute("UPDATE train SET outcome = 'interrupted'")
        train = hand.rows(f"SELECT {', '.join(TRAIN_COLUMNS)} FROM train")[0]
        pulses = hand.rows(f"SELECT {', '.join(PULSE_COLUMNS)} FROM pulse ORDER BY number")
        values = dict(zip(TRAIN_COLUMNS, train, strict=True))
        hand.execute("UPDATE train SET digest = ?", train_digest(uid, values, pulses))
    require_not_begun(ready.treat(), "its train 1 was altered")
    require_named(path, f"train {uid}/1: ")


def test_a_finished_train_that_was_sealed_anew_after_a_crash_is_noticed(ready: Ready) -> None:
    path = ready.station.database.path
    cut_off(ready, EndSession)
    uid = session_uid(path)
    with tampering(path) as hand:
        hand.execute(HIDE)
        for train in hand.rows(f"SELECT {', '.join(TRAIN_COLUMNS)}, id FROM train"):
            pulses = hand.rows(
                f"SELECT {', '.join(PULSE_COLUMNS)} FROM pulse WHERE train_id = ? ORDER BY number",
                train[-1],
            )
            values = dict(zip(TRAIN_COLUMNS, train[:-1], strict=True))
            sealed = train_digest(uid, values, pulses)
            hand.execute("UPDATE train SET digest = ? WHERE id = ?", sealed, train[-1])
    require_not_begun(ready.treat(), f"Session {uid} is not what was closed: its train 1")
    require_named(path, f"train {uid}/1: ")


def test_pulses_hidden_while_a_session_runs_are_noticed_at_the_next(ready: Ready) -> None:
    path, hidden = ready.station.database.path, []

    def hide(operations: Any) -> None:
        if any(isinstance(one, EndTrain) and one.train_number == 3 for one in operations):
            with tampering(path) as hand:
                hand.execute(HIDE)
            hidden.append(True)

    hooks = CommitHooks(after_commit=hide)
    assert ready.treat(writer_options=WriterOptions(hooks=hooks, inline_group=1)).was_opened
    assert hidden
    uid = session_uid(path)
    require_not_begun(ready.treat(), f"Session {uid} is not what was closed: its train 1")
    require_named(path, f"train {uid}/1: ", f"train {uid}/3: ")


def session_put_in(ready: Ready, hand: Hand) -> str:
    """A session row of which the chain knows nothing, with two of three trains behind it."""
    uid, now = new_uid(), utc_now_text()
    values = {
        "uid": uid,
        "console_uid": hand.console_uid,
        "kind": "treatment",
        "authority_uid": ready.made.uid,
        "authority_digest": ready.made.digest(),
        "device_model": "x",
        "device_serial": "",
        "device_firmware": "",
        "simulated": 0,
        "coil": "c",
        "software_version": "1",
        "realtime_priority": "n",
        "started_at": now,
        "ended_at": now,
        "end_reason": "x",
        "origin_wall": now,
        "state": "stopped",
    }
    marks = ", ".join("?" * len(values))
    hand.execute(f"INSERT INTO session ({', '.join(values)}) VALUES ({marks})", *values.values())
    session = hand.rows("SELECT id FROM session WHERE uid = ?", uid)[0][0]
    for number in (1, 2):
        hand.execute(
            "INSERT INTO train (session_id, block, number, intensity_pct_mso, planned_start_ns, "
            "outcome, digest) VALUES (?, 1, ?, 54, 0, 'completed', ?)",
            *(session, number, "0" * 64),
        )
    return uid


def test_a_session_row_put_in_by_hand_is_not_resumed(ready: Ready) -> None:
    """The treatment would begin in its middle, on the word of a row."""
    path = ready.station.database.path
    with tampering(path) as hand:
        uid = session_put_in(ready, hand)
    done = ready.treat(change=lambda order: replace(order, resumes_uid=uid))
    assert done.result.state is None
    assert f"There is no session {uid} on record to go on from." in done.result.reason
    require_harmless(done)
    require_named(path, f"session {uid}: ")


def test_after_a_removed_lock_file_and_another_start_no_further_train_is_given(
    ready: Ready,
) -> None:
    """Somebody else's start takes the session for dead and closes it: then it must end for real."""
    path = ready.station.database.path
    recovered: list[Recovery] = []

    def interfere(operations: Any) -> None:
        ended = any(isinstance(one, EndTrain) and one.train_number == 1 for one in operations)
        if ended and not recovered:
            path.with_name(f"{path.name}.session").unlink()
            recovered.append(recover(path, RealClock()))

    hooks = CommitHooks(after_commit=interfere)
    done = ready.treat(writer_options=WriterOptions(hooks=hooks, inline_group=1))
    assert recovered
    assert "the record cannot be written" in done.result.reason
    assert len(done.commands) == 1
    assert not done.emulator.state().status.info.enabled
    assert found(path) == {}


# Who lies there, and who said so ----------------------------------------------------------------


def patient_version(ready: Ready) -> str:
    query = "SELECT uid FROM patient ORDER BY seq DESC LIMIT 1"
    return str(rows(ready.station.database.path, query)[0][0])


@pytest.mark.parametrize(
    "changes", [{"name": "Quite Another"}, {"birth_date": "1950-01-01"}, {"record_number": "Z-99"}]
)
def test_a_prescription_of_one_patient_is_not_given_to_another(
    ready: Ready, changes: dict[str, Any]
) -> None:
    """A technician may edit a patient, and would make another person of the one approved."""
    other = replace(PATIENT, **changes)
    seen = patient_version(ready)
    edit_patient(ready.station, ready.technician, seen, other, another_person=True)
    require_refused(ready.treat(), "was changed after the prescription was approved")


def test_a_closed_patient_is_not_treated(ready: Ready) -> None:
    close_patient(ready.station, ready.technician, patient_version(ready), "died")
    require_refused(ready.treat(), "is no current patient any more: died")


def test_an_administrator_who_was_dismissed_arms_nothing_by_an_older_copy_alone(
    ready: Ready,
) -> None:
    """The limit of the promise: a restore, by whoever is administrator in it, needs a physician.

    That the copy brings an ended account back, and that an administrator can enrol somebody who
    does not exist, README.md says under Security; nothing hides that it happened.
    """
    former, path = ready.clinic.add("former", Role.ADMINISTRATOR), ready.station.database.path
    older = copy_of(path)
    deactivate(ready.station, ready.clinic.administrator, former.user_uid, "dismissed")
    ready.withdraw(ready.made)
    copy_of(path)
    put_in_place(path, older)
    doubtful = log_in(ready.station, "former", password_of("former"))
    assert "an older copy was put back" in doubtful.doubt
    restore = record_restore(ready.station, doubtful, "disk", password_of("former"))
    require_refused(ready.treat(), "no physician has signed which prescriptions are still in force")
    ready.clinic.administrator = log_in(ready.station, "former", password_of("former"))
    nobody = ready.clinic.add("nobody", Role.PHYSICIAN, "Nobody Real")
    with ready.trusting() as trusted:
        items = (trusted.records(RecordKind.POLICY)[0].uid, ready.made.uid)
    password = password_of("nobody")
    confirm_in_force(ready.station, nobody, restore.uid, items, password, login_name="nobody")

    assert ready.treat().state == "completed"

    with ready.trusting() as trusted:
        (kept,) = trusted.records(RecordKind.RESTORE)
        (signed,) = trusted.signatures(kept.uid)
    assert (kept.actor, signed.enrolment.name) == (former.user_uid, "Nobody Real")


def test_who_starts_the_program_with_other_folders_has_another_memory(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of the promise, as README.md says under Security: the environment is trusted."""
    path, run = ready.station.database.path, ready.session()
    older, kept = copy_of(path), Kept.copied(tmp_path)
    ready.withdraw(ready.made)
    copy_of(path)
    put_in_place(path, older)
    require_not_begun(run_as_real(run), "it was cut, or an older copy was put back")
    monkeypatch.setenv("TMS_CONSOLE_STATE", str(kept.state))
    assert run_as_real(run).state == "completed"
