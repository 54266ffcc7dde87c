"""An older copy, or one with foreign rows, becomes the record again only as said and signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accounts.people import Clinic, password_of
from tests.accounts.ready import ready_clinic
from tests.accounts.sessions import add_patient, deliver, order, prescribe, say
from tests.records.recording import tampering as hand
from tms_console.accounts import restores
from tms_console.accounts.errors import AccountsRefused, LoginRefused, NotPermitted, NotTrusted
from tms_console.accounts.login import Login, log_in
from tms_console.accounts.restores import (
    LOST,
    confirm_in_force,
    find_other_copy,
    newest_restore,
    pending_restore,
    record_restore,
    still_in_force,
)
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import Meaning
from tms_console.accounts.users import deactivate
from tms_console.accounts.whole_file import verify_whole
from tms_console.records.backup import copy_verified
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.errors import SessionLockTaken, WriteFailed
from tms_console.records.heads import ChainHead, head_path, keep_head
from tms_console.records.operations import new_uid
from tms_console.records.restore import put_back
from tms_console.records.session_lock import SessionLock

PASSWORD = password_of("administrator")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return ready_clinic(tmp_path, Role.PHYSICIAN, Role.TECHNICIAN)


def older_copy(clinic: Clinic) -> Path:
    """Return a copy of the database as it is now."""
    copy = clinic.path.with_name(f"copy-{new_uid()}.db")
    copy_verified(clinic.path, copy)
    return copy


def administrator(clinic: Clinic) -> Login:
    return log_in(clinic.station, "administrator", PASSWORD)


def accept(clinic: Clinic, reason: str = "the disk failed") -> AddRecord:
    return record_restore(clinic.station, administrator(clinic), reason, PASSWORD)


def code_of_distrust(clinic: Clinic) -> str:
    with pytest.raises(NotTrusted) as caught, clinic.station.trusting():
        pass
    return caught.value.code


def test_an_older_copy_is_believed_again_once_an_administrator_says_so(clinic: Clinic) -> None:
    copy = older_copy(clinic)
    go_on(clinic)
    done = put_back(copy, clinic.path)
    assert code_of_distrust(clinic) == "cut"
    other = find_other_copy(clinic.station)
    assert other is not None
    assert (other.code, other.present) == ("cut", done.database.head)
    assert LOST in other.sentences

    login = administrator(clinic)
    record = record_restore(
        clinic.station, login, " fire ", PASSWORD, backup_sha256=done.backup_sha256
    )

    with clinic.station.trusting() as trusted:
        (restore,) = trusted.records(RecordKind.RESTORE)
        assert restore.uid == record.uid
        assert restore.values["backup_sha256"] == done.backup_sha256
        assert restore.values["reason"] == "fire"
        assert restore.values["missing_from_seq"] == other.missing_from_seq
        assert trusted.sealed_seq >= restore.seq
        assert not trusted.book.rejected
    assert find_other_copy(clinic.station) is None
    assert verify_whole(clinic.path).findings == ()


def test_logging_in_to_an_older_copy_does_not_make_it_believed(clinic: Clinic) -> None:
    """Every write follows the chain; one into the wrong file must not move what is kept."""
    copy = older_copy(clinic)
    for _ in range(4):
        add_patient(clinic)
    put_back(copy, clinic.path)

    for _ in range(12):
        login = administrator(clinic)
        assert login.doubt
        code_of_distrust(clinic)

    other = find_other_copy(clinic.station)
    assert other is not None
    assert other.code == "diverged"
    accept(clinic)
    with clinic.station.trusting() as trusted:
        assert pending_restore(trusted) is not None


def test_a_restored_file_waits_for_a_physician(clinic: Clinic) -> None:
    """What was approved, withdrawn or lost in between, only a physician can say."""
    kept, dropped = prescribe(clinic), prescribe(clinic)
    with clinic.station.trusting() as trusted:
        assert newest_restore(trusted) is None
        assert pending_restore(trusted) is None
        assert still_in_force(trusted) is None
    copy = older_copy(clinic)
    say(clinic, Meaning.WITHDRAW_PRESCRIPTION, dropped.prescription, dropped.patient)
    put_back(copy, clinic.path)
    record = accept(clinic)
    with clinic.station.trusting() as trusted:
        waiting = pending_restore(trusted)
        assert waiting is not None
        assert waiting.uid == record.uid
        assert still_in_force(trusted) == frozenset()
    premature = deliver(clinic, kept)

    physician = log_in(clinic.station, "physician", password_of("physician"))
    clinic.people[Role.PHYSICIAN] = physician
    confirm_in_force(
        clinic.station,
        physician,
        record.uid,
        (kept.prescription.uid,),
        password_of("physician"),
        login_name="physician",
    )

    with clinic.station.trusting() as trusted:
        assert pending_restore(trusted) is None
        assert still_in_force(trusted) == frozenset({kept.prescription.uid})
    sound, unsound = deliver(clinic, kept), deliver(clinic, dropped)
    found = {one.row: one.sentence for one in verify_whole(clinic.path).findings}
    assert "no physician had signed" in found[f"session {premature}"]
    assert "was not among what was still in force" in found[f"session {unsound}"]
    assert f"session {sound}" not in found


def test_a_second_restore_waits_again(clinic: Clinic) -> None:
    treatment = prescribe(clinic)
    put_back_after_a_change(clinic)
    first = accept(clinic)
    sign_in_force(clinic, first, treatment.prescription.uid)
    put_back_after_a_change(clinic)
    second = accept(clinic)

    with clinic.station.trusting() as trusted:
        waiting = pending_restore(trusted)
        assert waiting is not None
        assert waiting.uid == second.uid
    with pytest.raises(AccountsRefused, match="not the newest"):
        sign_in_force(clinic, first, treatment.prescription.uid)


def put_back_after_a_change(clinic: Clinic) -> None:
    copy = older_copy(clinic)
    go_on(clinic)
    put_back(copy, clinic.path)


def go_on(clinic: Clinic) -> None:
    """Write twice: after a crash the chain may end before the last transaction, and nobody knows
    whether that was a crash."""
    for _ in range(2):
        add_patient(clinic)


def sign_in_force(clinic: Clinic, record: AddRecord, *items: str) -> None:
    login = log_in(clinic.station, "physician", password_of("physician"))
    confirm_in_force(
        clinic.station,
        login,
        record.uid,
        items,
        password_of("physician"),
        login_name="physician",
    )


def test_only_a_physician_signs_what_is_in_force_and_only_what_is_on_record(
    clinic: Clinic,
) -> None:
    put_back_after_a_change(clinic)
    record = accept(clinic)

    with pytest.raises(AccountsRefused, match="no prescription or policy"):
        sign_in_force(clinic, record, new_uid())
    for role in (Role.TECHNICIAN, Role.ADMINISTRATOR):
        name = role.value
        login = log_in(clinic.station, name, password_of(name))
        with pytest.raises(NotPermitted):
            confirm_in_force(clinic.station, login, record.uid, (), password_of(name))


def test_only_an_administrator_with_their_password_and_a_reason_records_a_restore(
    clinic: Clinic,
) -> None:
    put_back_after_a_change(clinic)
    station = clinic.station

    for role in (Role.PHYSICIAN, Role.TECHNICIAN):
        login = log_in(station, role.value, password_of(role.value))
        with pytest.raises(NotPermitted):
            record_restore(station, login, "because", password_of(role.value))
    with pytest.raises(AccountsRefused, match="Say why"):
        record_restore(station, administrator(clinic), " ", PASSWORD)
    with pytest.raises(LoginRefused):
        record_restore(station, administrator(clinic), "because", "wrong password here")
    assert code_of_distrust(clinic)


def test_a_database_that_is_as_it_was_left_has_no_restore_to_record(clinic: Clinic) -> None:
    with pytest.raises(AccountsRefused, match="no restore to record"):
        accept(clinic)


def test_a_restore_waits_for_the_end_of_a_session(clinic: Clinic) -> None:
    put_back_after_a_change(clinic)

    with SessionLock.acquire(clinic.path), pytest.raises(SessionLockTaken):
        accept(clinic)


def test_rows_that_this_console_did_not_write_are_listed_before_they_are_accepted(
    clinic: Clinic,
) -> None:
    """They may be all right (this console forgot) or not: an administrator looks at each one."""
    head = head_path(clinic.station.database.uid)
    kept = head.read_bytes()
    patient = add_patient(clinic)
    head.write_bytes(kept)
    assert code_of_distrust(clinic) == "appended"

    other = find_other_copy(clinic.station)

    assert other is not None
    assert (other.code, other.missing_from_seq) == ("appended", None)
    assert [one.subject for one in other.unvouched] == [f"patient:{patient.uid}"]
    assert LOST not in other.sentences
    assert "somebody else's" in " ".join(other.sentences)
    assert "look at the one entry after it" in " ".join(other.sentences)
    record = accept(clinic)
    assert f"patient:{patient.uid}" in record.content


@pytest.mark.parametrize("how", ["gone", "half"])
def test_a_console_that_does_not_remember_can_be_told(clinic: Clinic, how: str) -> None:
    """A machine set up anew, with its keyring but without its state; or one that died half way."""
    head = head_path(clinic.station.database.uid)
    if how == "gone":
        head.unlink()
    else:
        database = clinic.station.database
        keep_head(ChainHead(database.uid, database.console_uid, 999, "0" * 64))
        half = find_other_copy(clinic.station)
        assert half is not None
        assert "incomplete" in " ".join(half.sentences)
    assert code_of_distrust(clinic) == "unknown"
    other = find_other_copy(clinic.station)
    assert other is not None
    assert other.code == "unknown"
    assert other.missing_from_seq is None

    accept(clinic)

    with clinic.station.trusting() as trusted:
        assert pending_restore(trusted) is not None


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE audit SET actor = 'somebody' WHERE seq = 5",
        "DELETE FROM patient",
        "UPDATE patient SET content = json_set(content, '$.name', 'Other')",
        "DELETE FROM seal",
        "UPDATE seal SET signature = replace(signature, '0', '1')",
        "UPDATE train SET intensity_pct_mso = 99",
        "UPDATE session SET state = 'failed'",
        "UPDATE credential SET must_change = 1",
    ],
)
def test_a_copy_that_is_not_sound_in_itself_is_never_accepted(clinic: Clinic, edit: str) -> None:
    """Only a backup helps then; an administrator's word cannot mend what was tampered with."""
    deliver(clinic, prescribe(clinic))
    put_back_after_a_change(clinic)
    login = administrator(clinic)
    with hand(clinic.path) as connection:
        if "train" in edit:
            connection.execute(
                "INSERT INTO train (session_id, block, number, intensity_pct_mso, "
                "planned_start_ns, outcome) VALUES (1, 1, 1, 50, 0, 'running')"
            )
        connection.execute(edit)

    with pytest.raises(AccountsRefused, match="put a backup back"):
        record_restore(clinic.station, login, "because", PASSWORD)
    code_of_distrust(clinic)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("UPDATE threshold SET content = replace(content, '45', '54')", "is not what was entered"),
        ("DELETE FROM threshold", "was entered and is not there"),
    ],
)
def test_looking_at_a_copy_already_tells_that_it_is_not_sound(
    clinic: Clinic, edit: str, words: str
) -> None:
    prescribe(clinic)
    put_back_after_a_change(clinic)
    with hand(clinic.path) as connection:
        connection.execute(edit)

    with pytest.raises(AccountsRefused, match=words):
        find_other_copy(clinic.station)


def test_a_copy_in_which_a_session_rests_on_nothing_is_never_accepted(clinic: Clinic) -> None:
    deliver(clinic, prescribe(clinic, approved=False))
    deliver(clinic, prescribe(clinic, approved=False))
    put_back_after_a_change(clinic)

    with pytest.raises(AccountsRefused, match="was not approved when it began"):
        accept(clinic)


def test_more_findings_than_can_be_shown_are_counted(clinic: Clinic) -> None:
    for _ in range(4):
        deliver(clinic, prescribe(clinic, approved=False))
    put_back_after_a_change(clinic)

    with pytest.raises(AccountsRefused, match="and 1 more"):
        accept(clinic)


def test_another_write_in_between_refuses_the_restore(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back_after_a_change(clinic)
    login = administrator(clinic)
    statement_of = restores._statement

    def write_first(*arguments: object) -> AddRecord:
        add_patient(clinic)
        return statement_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(restores, "_statement", write_first)

    with pytest.raises(AccountsRefused, match="wrote into the database meanwhile"):
        record_restore(clinic.station, login, "because", PASSWORD)
    code_of_distrust(clinic)


@pytest.mark.parametrize("moment", ["before the commit", "before the seal"])
def test_dying_half_way_leaves_a_file_that_is_not_believed(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Else a restore that nobody signed could be had by killing the console in time."""
    put_back_after_a_change(clinic)
    login = administrator(clinic)

    class Died(Exception):
        pass

    def die(*_arguments: object, **_more: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        if moment == "before the commit":

            def keep_and_die(head: ChainHead) -> None:
                keep_head(head)
                raise Died

            patch.setattr(restores, "keep_head", keep_and_die)
        else:
            patch.setattr("tms_console.accounts.station.write_seal", die)
        with pytest.raises(Died):
            record_restore(clinic.station, login, "because", PASSWORD)

    assert code_of_distrust(clinic) == "unknown"
    if moment == "before the commit":
        accept(clinic)
    else:  # it is on record, and the next write makes what is kept whole
        administrator(clinic)
    with clinic.station.trusting() as trusted:
        assert pending_restore(trusted) is not None


def test_a_disk_that_fails_is_told(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    put_back_after_a_change(clinic)
    login = administrator(clinic)
    monkeypatch.setattr(restores, "BUSY_MS", 10)
    holder = clinic.station.database.connect_writer()
    statement_of = restores._statement

    def hold(*arguments: object) -> AddRecord:
        holder.begin()
        return statement_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(restores, "_statement", hold)
    try:
        with pytest.raises(WriteFailed, match="locked"):
            record_restore(clinic.station, login, "because", PASSWORD)
    finally:
        holder.close()


def test_what_happened_after_the_backup_is_lost_and_that_is_said(clinic: Clinic) -> None:
    """The reason for all of it: a physician who was deactivated can approve again."""
    physician = clinic.people[Role.PHYSICIAN]
    copy = older_copy(clinic)
    deactivate(clinic.station, clinic.administrator, physician.user_uid, "left")
    put_back(copy, clinic.path)
    accept(clinic)

    with clinic.station.trusting() as trusted:
        assert trusted.book.active(physician.user_uid, clinic.wall()) is not None
    assert "accounts that were deactivated" in LOST


def test_orders_of_a_lost_session_stay_lost(clinic: Clinic) -> None:
    """An order that is not in the copy orders nothing: it names a session uid and a nonce."""
    treatment, uid = prescribe(clinic), new_uid()
    copy = older_copy(clinic)
    order(clinic, treatment, uid)
    go_on(clinic)
    put_back(copy, clinic.path)
    accept(clinic)

    with clinic.station.trusting() as trusted:
        assert trusted.records(RecordKind.START_ORDER) == ()
