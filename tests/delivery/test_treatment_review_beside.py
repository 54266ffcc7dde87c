"""What a review attacked around a treatment's file: what it says it is for, what lies beside it.

Each test is one way to a stimulus that nobody should have got.  What was edited in the rows is in
`test_treatment_review`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.form_evaluation import form
from protocols.prescription import RemeasureBand
from protocols.screening import FormAnswers
from tests.accounts.people import password_of
from tests.accounts.tampering import copy_of, put_in_place, tampering
from tests.clinic.prescribing import secret
from tests.delivery.refusing import (
    found,
    refusals,
    require_harmless,
    require_named,
    require_refused,
)
from tests.delivery.sessions import Rehearsal, rows
from tests.delivery.treatments import FORMS, Ready, ago, make_ready, make_unrelated, run_as_real
from tms_console.accounts.errors import LoginRefused, NotTrusted
from tms_console.accounts.login import log_in
from tms_console.accounts.own_key import change_password
from tms_console.accounts.restores import confirm_in_force, record_restore
from tms_console.accounts.station import open_station
from tms_console.accounts.users import deactivate
from tms_console.clock import RealClock
from tms_console.delivery.recovery import recover
from tms_console.records.canonical import canonical_text, utc_now_text
from tms_console.records.clinical import AddRecord, RecordKind, SetCredential
from tms_console.records.connections import file_id, key_of, unkeyed_connection
from tms_console.records.database import Purpose, open_database
from tms_console.records.left_behind import UnsavedHeader, unsaved_path
from tms_console.records.operations import AuditNote, Operation
from tms_console.records.unsaved import UnsavedFile
from tms_console.records.values import new_uid

NOT_OURS = "this console did not write it"


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def require_not_begun(done: Rehearsal, *words: str) -> None:
    """Fail unless nothing was armed and no session begun on a file that is not believed."""
    assert done.result.state is None, done.result.reason
    for each in words:
        assert each in done.result.reason, done.result.reason
    require_harmless(done)
    assert refusals(done.database) == []


def set_purpose(path: Path, purpose: Purpose) -> None:
    """Make a file's first audit row name another purpose; nothing after it notices by itself."""
    with tampering(path) as hand:
        detail = json.loads(hand.rows("SELECT detail FROM audit WHERE seq = 1")[0][0])
        assert detail["purpose"] != purpose
        text = json.dumps(detail | {"purpose": purpose.value}, separators=(",", ":"))
        hand.execute("UPDATE audit SET detail = ? WHERE seq = 1", text)


def plant(ready: Ready, *operations: Operation) -> None:
    """Put lines in clear beside the database, as a program of the attacker's would."""
    database = ready.station.database
    header = UnsavedHeader(
        new_uid(), database.uid, database.console_uid, utc_now_text(), "memory", "magpro"
    )
    file = UnsavedFile.create(database.path, header, 4096)
    file.append(operations)
    file.keep()


def problems(path: Path) -> list[str]:
    """Return the lines that the audit trail names as not written by this console."""
    query = "SELECT detail FROM audit WHERE action = 'records.import'"
    entered = [json.loads(one) for (one,) in rows(path, query)]
    return [each for one in entered for each in one["problems"] if NOT_OURS in each]


# What the database is for -----------------------------------------------------------------------


def withdrawn(ready: Ready) -> None:
    ready.withdraw(ready.made)


def deactivated(ready: Ready) -> None:
    deactivate(ready.station, ready.clinic.administrator, ready.physician.user_uid, "left")


@pytest.mark.parametrize("take_back", [withdrawn, deactivated])
def test_an_older_copy_called_a_rehearsal_for_a_while_is_still_an_older_copy(
    ready: Ready, take_back: Callable[[Ready], None]
) -> None:
    """The head of a rehearsal follows its file; that of a clinic must not, whatever the file says.

    Every write of the program moves the kept head of a rehearsal, and afterwards the file is called
    a clinic's again.
    """
    path, run, victim = ready.station.database.path, ready.session(), ready.session()
    older = copy_of(path)
    take_back(ready)
    copy_of(path)
    put_in_place(path, older)
    set_purpose(path, Purpose.REHEARSAL)
    plant(ready)
    require_not_begun(run_as_real(victim), "this is a rehearsal database")
    set_purpose(path, Purpose.CLINIC)
    with pytest.raises((LoginRefused, NotTrusted)):
        log_in(ready.station, "nobody", "x")

    require_not_begun(run_as_real(run), "it was cut, or an older copy was put back")

    require_named(path, "the chain was cut")


@pytest.mark.parametrize("purpose", [Purpose.DEMO, Purpose.REHEARSAL])
def test_a_clinic_that_calls_itself_something_else_is_not_believed(
    ready: Ready, purpose: Purpose
) -> None:
    """In a demonstration simulated sessions count, and a rehearsal keeps no head."""
    path, run = ready.station.database.path, ready.session()
    set_purpose(path, purpose)
    require_not_begun(run_as_real(run))
    changed = replace(ready.station, database=open_database(path))
    words = f"says that it is a {purpose} database"
    with pytest.raises(NotTrusted, match=words) as caught, changed.trusting():
        pass
    assert caught.value.code == "purpose"
    require_named(path, "audit row 1: ")


def encrypt_like(path: Path, clinic: Path) -> None:
    """Encrypt a plain file with the key of the clinic's database, which the attacker has."""
    key, named, target = key_of(clinic), file_id(clinic), path.with_name("encrypted.db")
    copy_of(path)
    connection = unkeyed_connection(path)
    connection.isolation_level = None
    told = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version")
    }
    connection.execute(f"ATTACH DATABASE '{target}' AS made KEY \"x'{key.text()}{named}'\"")
    connection.execute("SELECT sqlcipher_export('made')").fetchone()
    for name, value in told.items():
        connection.execute(f"PRAGMA made.{name} = {value}")
    connection.execute("PRAGMA made.journal_mode = WAL").fetchone()
    connection.execute("DETACH DATABASE made")
    connection.close()
    put_in_place(path, target.read_bytes())


def test_a_demonstration_that_calls_itself_the_clinic_arms_nothing(
    ready: Ready, tmp_path: Path
) -> None:
    """Everybody's passwords in it are shown; its keys, its anchor and its seals are this console's.

    Only what this console keeps outside says that it was made as a demonstration.
    """
    demo = make_unrelated(tmp_path / "demo", Purpose.DEMO)
    path, run = demo.station.database.path, demo.session()
    set_purpose(path, Purpose.CLINIC)
    encrypt_like(path, ready.station.database.path)
    with pytest.raises(NotTrusted) as caught, open_station(path, demo.clinic.wall).trusting():
        pass
    assert caught.value.code == "purpose"
    require_not_begun(run_as_real(run))
    assert found(path)


def test_a_clinic_of_ones_own_in_the_place_of_this_consoles_arms_nothing(
    ready: Ready, tmp_path: Path
) -> None:
    """Started at this keyboard, so that its anchor is kept here too; only one clinic counts."""
    theirs = make_unrelated(tmp_path / "theirs")
    path = ready.station.database.path
    run = theirs.session(change=lambda order: replace(order, database=str(path)))
    require_not_begun(theirs.treat(), "This console's clinic is another database")
    copy_of(path)
    put_in_place(path, copy_of(theirs.station.database.path))
    require_not_begun(run_as_real(run), "This console's clinic is another database")


# What lies beside it -----------------------------------------------------------------------------


def answers(ready: Ready, form_id: str) -> AddRecord:
    """Answers that nobody gave, as a technician's record would hold them."""
    asked, at, uid = form(form_id), utc_now_text(), new_uid()
    content = FormAnswers(
        uid=uid,
        form_id=asked.id,
        form_version=asked.version,
        patient_uid=ready.patient_uid,
        session_uid=None,
        supersedes=None,
        answered_at=at,
        answers={item.id: FORMS[form_id].get(item.id) for item in asked.items},
    ).canonical_text()
    actor = ready.technician.user_uid
    return AddRecord(kind=RecordKind.FORM_ANSWERS, uid=uid, at=at, actor=actor, content=content)


def test_checks_that_nobody_made_are_not_read_in(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True, forms=())
    plant(ready, *(answers(ready, one) for one in FORMS))
    done = ready.treat()
    require_refused(done, "Screening before magnetic stimulation was not filled in")
    assert len(problems(done.database)) == len(FORMS)
    assert rows(done.database, "SELECT count(*) FROM form_answers") == [(0,)]


def test_lines_in_clear_read_in_while_it_calls_itself_a_rehearsal_are_somebody_elses(
    tmp_path: Path,
) -> None:
    """A rehearsal's lines are in clear: so the file says that it is one, until they are read in."""
    ready = make_ready(tmp_path, short=True, forms=())
    path, run = ready.station.database.path, ready.session()
    plant(ready, *(answers(ready, one) for one in FORMS))
    set_purpose(path, Purpose.REHEARSAL)
    recover(path, RealClock())
    set_purpose(path, Purpose.CLINIC)
    assert rows(path, "SELECT count(*) FROM form_answers") == [(len(FORMS),)]
    require_not_begun(run_as_real(run), "were not written by this console")
    require_named(path, "the rows after it are not its own")


def test_a_threshold_that_nobody_measured_moves_no_dose(tmp_path: Path) -> None:
    """Within a signed re-measure band a new threshold changes the dose without a physician."""
    ready = make_ready(tmp_path, RemeasureBand(3, 58), short=True)
    path, uid = ready.station.database.path, new_uid()
    true = rows(path, "SELECT content FROM threshold WHERE uid = ?", ready.threshold_uid)[0][0]
    forged = json.loads(true) | {"uid": uid, "value_pct_mso": 48, "measured_at": ago(seconds=1)}
    line = AddRecord(
        kind=RecordKind.THRESHOLD,
        uid=uid,
        at=utc_now_text(),
        actor=ready.technician.user_uid,
        content=canonical_text(forged),
    )
    plant(ready, line)
    assert any(NOT_OURS in one for one in recover(path, RealClock()).sentences)
    done = ready.treat()
    assert done.state == "completed", done.result.reason
    assert {one.intensity_pct_mso for one in done.pulses} == {54}


def test_an_approval_that_a_restore_left_out_is_not_brought_back_from_beside(
    ready: Ready,
) -> None:
    """True in every byte, and taken back since: it was lost with the restore, and stays lost."""
    path = ready.station.database.path
    ready.withdraw(ready.made)
    backup = copy_of(path)
    ready.approve(ready.made)
    query = "SELECT uid, at, actor, content, signature FROM signature ORDER BY seq DESC LIMIT 1"
    uid, at, actor, content, signature = rows(path, query)[0]
    ready.withdraw(ready.made)
    copy_of(path)
    put_in_place(path, backup)
    password, name = secret(ready.clinic.administrator)
    login = log_in(ready.station, name, password)
    restore = record_restore(ready.station, login, "disk", password)
    with ready.trusting() as trusted:
        items = (trusted.records(RecordKind.POLICY)[0].uid,)
    password, name = secret(ready.physician)
    confirm_in_force(ready.station, ready.physician, restore.uid, items, password, login_name=name)
    plant(
        ready,
        AddRecord(
            kind=RecordKind.SIGNATURE,
            uid=uid,
            at=at,
            actor=actor,
            content=content,
            signature=signature,
        ),
    )
    done = ready.treat()
    require_refused(done, "was withdrawn by")
    assert len(problems(path)) == 1
    assert rows(path, "SELECT count(*) FROM signature WHERE uid = ?", uid) == [(0,)]


def test_a_password_that_was_given_up_is_not_put_back_from_beside(ready: Ready) -> None:
    """With it, whoever learned the old password would sign as the physician."""
    station, physician = ready.station, ready.physician
    columns = "parameters, salt, verifier, sealed_key, public_key"
    query = f"SELECT {columns} FROM credential WHERE user_uid = ?"
    old = rows(station.database.path, query, physician.user_uid)[0]
    change_password(station, physician, password_of("physician"), "a wholly different lamp 93")
    values = dict(zip(columns.split(", "), old, strict=True))
    plant(
        ready,
        SetCredential(
            user_uid=physician.user_uid,
            must_change=False,
            set_at=utc_now_text(),
            actor=physician.user_uid,
            **values,
        ),
    )
    assert any(NOT_OURS in one for one in recover(station.database.path, RealClock()).sentences)
    with pytest.raises(LoginRefused):
        log_in(station, "physician", password_of("physician"))
    assert not log_in(station, "physician", "a wholly different lamp 93").doubt


def test_a_lock_out_is_not_ended_from_beside(ready: Ready) -> None:
    """The count of failures starts anew with a log-in on record: one that was never made."""
    station, user = ready.station, f"user:{ready.physician.user_uid}"
    for _ in range(6):
        with pytest.raises(LoginRefused):
            log_in(station, "physician", "wrong wrong wrong")
    note = AuditNote(
        uid=new_uid(),
        actor=ready.physician.user_uid,
        action="login.ok",
        subject=user,
        detail="log-in",
    )
    plant(ready, note)
    assert any(NOT_OURS in one for one in recover(station.database.path, RealClock()).sentences)
    with pytest.raises(LoginRefused):
        log_in(station, "physician", password_of("physician"))


def test_a_seal_planted_beside_keeps_nobody_from_treating(ready: Ready) -> None:
    """A seal that does not hold would close the gate for good, and no restore could mend it."""
    path, uid = ready.station.database.path, new_uid()
    true = json.loads(rows(path, "SELECT content FROM seal ORDER BY seq DESC LIMIT 1")[0][0])
    forged = canonical_text(true | {"uid": uid, "sealed_seq": true["sealed_seq"] + 1000})
    line = AddRecord(
        kind=RecordKind.SEAL,
        uid=uid,
        at=utc_now_text(),
        actor="console",
        content=forged,
        signature="0" * 128,
    )
    plant(ready, line)
    done = ready.treat()
    assert any(NOT_OURS in one for one in done.result.found)
    assert done.state == "completed", done.result.reason
    assert rows(path, "SELECT count(*) FROM seal WHERE uid = ?", uid) == [(0,)]
    assert found(path) == {}


@pytest.mark.parametrize("note", ["1", "[1, 2]", '["no such", "/dev/null"]', "not JSON"])
def test_a_malformed_note_of_a_disarm_stops_no_start(ready: Ready, note: str) -> None:
    """It is read first of all; dying there would keep everybody from treating and disarming."""
    path = ready.station.database.path
    path.with_name(f"{path.name}.armed").write_text(note, encoding="utf-8")
    assert ready.treat().state == "completed"


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "null",
        '{"session_uid":1,"database_uid":2,"console_uid":3,"origin_wall":4,"port":5,"driver":6}',
    ],
)
def test_a_malformed_header_beside_stops_no_start(ready: Ready, line: str) -> None:
    unsaved_path(ready.station.database.path).write_text(f"{line}\n", encoding="utf-8")
    done = ready.treat()
    assert done.result.found
    assert done.state == "completed", done.result.reason
