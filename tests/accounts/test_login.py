"""One path and one sentence for whoever is refused; what a login may do, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.accounts.people import Clinic, first_password, password_of
from tests.accounts.ready import ready_clinic
from tests.accounts.sessions import prescribe, say
from tests.records.recording import rows
from tests.records.recording import tampering as hand
from tms_console.accounts.credentials import (
    LOGIN_FAILED,
    LOGIN_LOCKED,
    LOGIN_OK,
    NOBODY,
    new_credential,
)
from tms_console.accounts.errors import AccountsRefused, LoginRefused, NotPermitted, NotTrusted
from tms_console.accounts.idle import LoginOver
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.lockout import FAILURES_TO_LOCK, FIRST_DELAY
from tms_console.accounts.login import (
    REFUSED,
    Login,
    LoginLocked,
    log_in,
    require_current,
    sign,
    unlock,
)
from tms_console.accounts.roles import PERMISSIONS, Permission, Role
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.users import NewUser, add_user, deactivate, reset_password
from tms_console.records.clinical import RecordKind, content_digest
from tms_console.records.errors import WriteFailed
from tms_console.records.operations import new_uid

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME = "technician"
PASSWORD = password_of(NAME)
WRONG = "not the password at all"


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return ready_clinic(tmp_path, Role.TECHNICIAN, at=text(NOON))


@pytest.fixture
def whole(tmp_path: Path) -> Clinic:
    """With one person of each role."""
    return ready_clinic(tmp_path)


def tries(clinic: Clinic) -> list[tuple[str, str, str]]:
    """Return the log-ins on record since the clinic was made, as action, subject, occasion."""
    return [
        (action, subject, detail)
        for action, subject, detail in rows(
            clinic.path,
            "SELECT action, subject, detail ->> '$.text' FROM audit WHERE action GLOB 'login.*' "
            "ORDER BY seq",
        )
    ]


def refused(clinic: Clinic, name: str, password: str = WRONG) -> None:
    with pytest.raises(LoginRefused) as caught:
        log_in(clinic.station, name, password)
    assert str(caught.value) == REFUSED


def lock(clinic: Clinic, name: str = NAME) -> None:
    for _ in range(FAILURES_TO_LOCK):
        refused(clinic, name)


def _nobody(clinic: Clinic) -> str:
    del clinic
    return "nobody"


def _wrong(clinic: Clinic) -> str:
    del clinic
    return NAME


def _locked(clinic: Clinic) -> str:
    lock(clinic)
    return NAME


def _deactivated(clinic: Clinic) -> str:
    user_uid = clinic.people[Role.TECHNICIAN].user_uid
    deactivate(clinic.station, clinic.administrator, user_uid, "left")
    return NAME


def _credential_of_nonsense(clinic: Clinic) -> str:
    with hand(clinic.path) as connection:
        connection.execute("UPDATE credential SET parameters = '{}'")
    return NAME


def _key_of_another(clinic: Clinic) -> str:
    with hand(clinic.path) as connection:
        connection.execute("UPDATE credential SET sealed_key = replace(sealed_key, '0', '1')")
    return NAME


def _credential_made_for_another_key(clinic: Clinic) -> str:
    """With a password that somebody knows: by whoever can write, properly on the chain."""
    person = clinic.people[Role.TECHNICIAN]
    clinic.station.write(
        new_credential(
            clinic.station, person.user_uid, PASSWORD, PrivateKey.new(), by=person.user_uid
        )
    )
    return NAME


@pytest.mark.parametrize(
    ("prepare", "password", "action"),
    [
        (_nobody, WRONG, LOGIN_FAILED),
        (_wrong, WRONG, LOGIN_FAILED),
        (_locked, WRONG, LOGIN_LOCKED),
        (_locked, PASSWORD, LOGIN_LOCKED),
        (_deactivated, PASSWORD, LOGIN_FAILED),
        (_credential_of_nonsense, PASSWORD, LOGIN_FAILED),
        (_key_of_another, PASSWORD, LOGIN_FAILED),
        (_credential_made_for_another_key, PASSWORD, LOGIN_FAILED),
    ],
)
def test_whoever_is_refused_gets_one_sentence_one_computation_and_one_row(
    clinic: Clinic, prepare: Callable[[Clinic], str], password: str, action: str
) -> None:
    """Neither words nor cost nor the record's length tell a name that exists from one that does
    not, or a right password from a wrong one while the account is locked."""
    name = prepare(clinic)
    before, calls = tries(clinic), clinic.argon2id.calls

    refused(clinic, name, password)

    uid = clinic.people[Role.TECHNICIAN].user_uid
    subject = NOBODY if prepare is _nobody else f"user:{uid}"
    assert tries(clinic)[len(before) :] == [(action, subject, "log-in")]
    assert clinic.argon2id.calls == calls + 1


def test_a_right_password_costs_one_computation_and_is_on_record(clinic: Clinic) -> None:
    before, calls = tries(clinic), clinic.argon2id.calls

    login = log_in(clinic.station, f"  {NAME.upper()} ", PASSWORD)

    assert login.role is Role.TECHNICIAN
    assert clinic.argon2id.calls == calls + 1
    assert tries(clinic)[len(before) :] == [(LOGIN_OK, f"user:{login.user_uid}", "log-in")]


def test_what_was_typed_for_a_name_is_never_on_record(clinic: Clinic) -> None:
    """People type their password there."""
    refused(clinic, "my secret password")

    assert rows(clinic.path, "SELECT count(*) FROM audit WHERE detail LIKE '%my secret%'") == [(0,)]
    assert rows(clinic.path, "SELECT count(*) FROM audit WHERE subject LIKE '%my secret%'") == [
        (0,)
    ]


def test_the_right_password_opens_a_locked_account_after_the_delay(clinic: Clinic) -> None:
    lock(clinic)
    clinic.wall.set(text(NOON + FIRST_DELAY - timedelta(seconds=1)))
    refused(clinic, NAME, PASSWORD)
    clinic.wall.set(text(NOON + FIRST_DELAY))

    assert log_in(clinic.station, NAME, PASSWORD).role is Role.TECHNICIAN
    for _ in range(FAILURES_TO_LOCK - 1):
        refused(clinic, NAME)
    assert log_in(clinic.station, NAME, PASSWORD).role is Role.TECHNICIAN


def test_the_delay_grows_with_the_next_failure(clinic: Clinic) -> None:
    lock(clinic)
    clinic.wall.set(text(NOON + FIRST_DELAY))
    refused(clinic, NAME)
    clinic.wall.set(text(NOON + FIRST_DELAY * 3 - timedelta(seconds=1)))
    refused(clinic, NAME, PASSWORD)
    clinic.wall.set(text(NOON + FIRST_DELAY * 3))

    assert log_in(clinic.station, NAME, PASSWORD)


def test_a_clock_that_is_set_back_unlocks_nothing_and_locks_nobody_for_ever(
    clinic: Clinic,
) -> None:
    lock(clinic)
    back = NOON - timedelta(days=400)
    clinic.wall.set(text(back))
    refused(clinic, NAME, PASSWORD)
    clinic.wall.set(text(back + FIRST_DELAY))

    assert log_in(clinic.station, NAME, PASSWORD)


def test_a_lock_is_of_one_account_only(clinic: Clinic) -> None:
    lock(clinic)

    assert log_in(clinic.station, "administrator", password_of("administrator"))


def test_an_unlimited_number_of_unknown_names_locks_nobody(clinic: Clinic) -> None:
    lock(clinic, "nobody")

    assert log_in(clinic.station, NAME, PASSWORD)


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_a_try_that_cannot_be_recorded_is_answered_neither_way(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """Else a full disk would let anybody guess without limit."""

    def fail(*_operations: object, **_more: object) -> None:
        raise WriteFailed("the disk is full")

    monkeypatch.setattr("tms_console.accounts.station.write_now", fail)

    with pytest.raises(WriteFailed):
        log_in(clinic.station, NAME, password)


@dataclass
class Steady:
    """A steady clock that tests set, in nanoseconds."""

    now: int = 0

    def __call__(self) -> int:
        return self.now

    def go_on(self, **time: int) -> None:
        self.now += int(timedelta(**time).total_seconds()) * 10**9


@pytest.fixture
def steady() -> Steady:
    return Steady()


def test_a_locked_screen_holds_no_key_and_the_password_brings_it_back(
    clinic: Clinic, steady: Steady
) -> None:
    login = log_in(clinic.station, NAME, PASSWORD, now_ns=steady)
    key = login.key().public_hex
    steady.go_on(minutes=10)

    assert login.locked
    assert login._key is None
    with pytest.raises(LoginLocked):
        login.key()
    with pytest.raises(LoginLocked):
        login.require(Permission.DELIVER_SESSION)
    assert not login.may(Permission.DELIVER_SESSION)
    with pytest.raises(LoginRefused):
        unlock(clinic.station, login, WRONG)
    assert login.locked
    unlock(clinic.station, login, PASSWORD)
    assert login.key().public_hex == key
    assert [one[2] for one in tries(clinic)[-2:]] == ["unlock", "unlock"]


def test_who_does_something_stays_and_who_leaves_can_lock_at_once(
    clinic: Clinic, steady: Steady
) -> None:
    login = log_in(clinic.station, NAME, PASSWORD, now_ns=steady)
    for _ in range(3):
        steady.go_on(minutes=9)
        login.touch()
    assert not login.locked

    login.lock()

    assert login.locked
    assert login._key is None


def test_after_twelve_hours_only_a_new_login_helps(clinic: Clinic, steady: Steady) -> None:
    login = log_in(clinic.station, NAME, PASSWORD, now_ns=steady)
    steady.go_on(hours=12)

    assert login.locked
    with pytest.raises(LoginOver):
        unlock(clinic.station, login, PASSWORD)
    assert login.locked
    assert not log_in(clinic.station, NAME, PASSWORD, now_ns=steady).locked


def test_an_account_that_ended_cannot_be_unlocked(clinic: Clinic, steady: Steady) -> None:
    login = log_in(clinic.station, NAME, PASSWORD, now_ns=steady)
    reset_password(clinic.station, clinic.administrator, login.user_uid, first_password(NAME))
    login.lock()

    with pytest.raises(LoginRefused):
        unlock(clinic.station, login, PASSWORD)
    with pytest.raises(LoginRefused):
        unlock(clinic.station, login, first_password(NAME))


def test_a_login_never_shows_its_key(clinic: Clinic) -> None:
    login = log_in(clinic.station, NAME, PASSWORD)

    assert " _key=" not in repr(login)
    assert login.key().secret_seed().hex() not in repr(login)


def test_a_first_password_is_good_for_setting_an_own_one_only(clinic: Clinic) -> None:
    person = NewUser("newcomer", "New Comer", Role.TECHNICIAN)
    add_user(clinic.station, clinic.administrator, person, first_password("newcomer"))

    login = log_in(clinic.station, "newcomer", first_password("newcomer"))

    assert login.must_change
    for permission in Permission:
        assert not login.may(permission)
        with pytest.raises(NotPermitted, match="password of your own first"):
            login.require(permission)


@pytest.mark.parametrize("permission", list(Permission))
def test_every_permission_is_granted_to_its_roles_and_refused_to_every_other(
    logins: dict[Role, Login], permission: Permission
) -> None:
    for role, login in logins.items():
        if role in PERMISSIONS[permission]:
            login.require(permission)
            assert login.may(permission)
        else:
            with pytest.raises(NotPermitted):
                login.require(permission)
            assert not login.may(permission)


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Login]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMS_CONSOLE_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setenv("TMS_CONSOLE_CONFIG", str(tmp_path_factory.mktemp("config")))
        return ready_clinic(tmp_path_factory.mktemp("clinic")).people


def test_on_a_file_that_cannot_be_trusted_only_what_mends_it_is_permitted(whole: Clinic) -> None:
    """An administrator must be able to log in, or nobody could record a restore."""
    with hand(whole.path) as connection:
        connection.execute("DELETE FROM seal")
    permitted: dict[Role, set[Permission]] = {}
    for role in Role:
        login = log_in(whole.station, role.value, password_of(role.value))
        assert login.doubt
        permitted[role] = {one for one in Permission if login.may(one)}
        for permission in Permission:
            if permission in permitted[role]:
                login.require(permission)
            elif role in PERMISSIONS[permission]:
                with pytest.raises(NotTrusted):
                    login.require(permission)

    assert Permission.RESTORE_BACKUP in permitted[Role.ADMINISTRATOR]
    forbidden = {
        Permission.DELIVER_SESSION,
        Permission.SIGN_START_ORDER,
        Permission.APPROVE_PRESCRIPTION,
        Permission.MANAGE_USERS,
        Permission.EDIT_PATIENT,
        Permission.CONFIRM_IN_FORCE,
        Permission.CORRECT_CLOCK,
    }
    assert not forbidden & set().union(*permitted.values())


def test_a_user_row_of_rubbish_keeps_nobody_from_mending_the_file(whole: Clinic) -> None:
    with hand(whole.path) as connection:
        connection.execute(
            "CREATE TABLE people AS SELECT uid, seq, at, actor, content, login FROM user"
        )
        connection.execute("INSERT INTO people VALUES ('x', 99, '', '', 'rubbish', 'x')")
        connection.execute("DROP TABLE user")
        connection.execute("ALTER TABLE people RENAME TO user")

    login = log_in(whole.station, "administrator", password_of("administrator"))

    assert login.doubt
    login.require(Permission.RESTORE_BACKUP)


def test_the_role_in_a_forged_enrolment_gives_nothing_on_a_doubtful_file(whole: Clinic) -> None:
    """The book believes signatures only, also where nothing else is believed."""
    with hand(whole.path) as connection:
        connection.execute(
            "UPDATE enrolment SET content = replace(content, 'technician', 'administrator')"
        )

    refused(whole, "technician", password_of("technician"))


def _to_sign(clinic: Clinic) -> ToSign:
    made = prescribe(clinic, approved=False)
    return ToSign(
        Meaning.APPROVE_PRESCRIPTION,
        made.prescription.uid,
        content_digest(made.prescription.content),
        made.patient.uid,
    )


def test_the_first_signature_asks_for_name_and_password_and_later_ones_for_the_password(
    whole: Clinic,
) -> None:
    login = log_in(whole.station, "physician", password_of("physician"))
    to_sign = _to_sign(whole)
    calls = whole.argon2id.calls

    for name in ("", "technician"):
        with pytest.raises(LoginRefused, match="The name or the password"):
            sign(whole.station, login, to_sign, password_of("physician"), login_name=name)
    with pytest.raises(LoginRefused):
        sign(whole.station, login, to_sign, WRONG, login_name="physician")
    assert whole.argon2id.calls == calls + 3
    assert [one[0] for one in tries(whole)[-3:]] == [LOGIN_FAILED] * 3

    signed = sign(whole.station, login, to_sign, password_of("physician"), login_name=" Physician ")
    again = sign(whole.station, login, _to_sign(whole), password_of("physician"))

    with whole.station.trusting() as trusted:
        held = {one.uid for one in trusted.signed(Meaning.APPROVE_PRESCRIPTION)}
        assert held == {signed.uid, again.uid}
        assert trusted.sealed_seq >= trusted.records(RecordKind.SIGNATURE)[-1].seq
    assert [one[2] for one in tries(whole)[-2:]] == ["signature", "signature"]


def test_wrong_passwords_at_signatures_lock_the_account(whole: Clinic) -> None:
    """Else a signature would be the place to guess at."""
    login = log_in(whole.station, "physician", password_of("physician"))
    for _ in range(FAILURES_TO_LOCK):
        with pytest.raises(LoginRefused):
            sign(whole.station, login, _to_sign(whole), WRONG, login_name="physician")

    with pytest.raises(LoginRefused):
        sign(
            whole.station,
            login,
            _to_sign(whole),
            password_of("physician"),
            login_name="physician",
        )
    refused(whole, "physician", password_of("physician"))


@pytest.mark.parametrize(
    "changed",
    [
        {"subject_digest": "0" * 64},
        {"subject_uid": new_uid()},
        {"patient_uid": None},
        {"meaning": Meaning.APPROVE_POLICY},
    ],
)
def test_what_would_not_hold_is_not_signed(whole: Clinic, changed: dict[str, object]) -> None:
    login = log_in(whole.station, "physician", password_of("physician"))
    to_sign = replace(_to_sign(whole), **changed)  # type: ignore[arg-type]

    with pytest.raises(AccountsRefused, match="cannot be signed"):
        sign(whole.station, login, to_sign, password_of("physician"), login_name="physician")
    with whole.station.trusting() as trusted:
        assert trusted.records(RecordKind.SIGNATURE) == ()


def test_a_technician_signs_no_approval(whole: Clinic) -> None:
    login = log_in(whole.station, "technician", password_of("technician"))

    with pytest.raises(NotPermitted):
        sign(whole.station, login, _to_sign(whole), password_of("technician"))


def test_an_account_that_ended_meanwhile_signs_and_does_nothing(whole: Clinic) -> None:
    """A login outlives its account in another window."""
    to_sign = _to_sign(whole)
    login = log_in(whole.station, "physician", password_of("physician"))
    deactivate(whole.station, whole.administrator, login.user_uid, "left")

    with pytest.raises(LoginRefused):
        sign(whole.station, login, to_sign, password_of("physician"), login_name="physician")
    with whole.station.trusting() as trusted, pytest.raises(AccountsRefused, match="log in anew"):
        require_current(whole.station, trusted, login)


def test_an_account_that_ends_while_the_password_is_checked_signs_nothing(
    whole: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_sign = _to_sign(whole)
    login = log_in(whole.station, "physician", password_of("physician"))
    key = login.key()

    def ended_meanwhile(*_arguments: object, **_more: object) -> PrivateKey:
        deactivate(whole.station, whole.administrator, login.user_uid, "left")
        return key

    monkeypatch.setattr("tms_console.accounts.login._same_person", ended_meanwhile)

    with pytest.raises(AccountsRefused, match="log in anew"):
        sign(whole.station, login, to_sign, password_of("physician"), login_name="physician")


def test_a_signature_on_a_file_that_cannot_be_trusted_is_refused(whole: Clinic) -> None:
    to_sign = _to_sign(whole)
    login = log_in(whole.station, "physician", password_of("physician"))
    with hand(whole.path) as connection:
        connection.execute("DELETE FROM seal")

    with pytest.raises(NotTrusted):
        sign(whole.station, login, to_sign, password_of("physician"), login_name="physician")
    assert login.doubt


def test_a_signature_names_the_head_of_the_chain_it_was_given_on(whole: Clinic) -> None:
    made = prescribe(whole)

    with whole.station.trusting() as trusted:
        (signature,) = trusted.records(RecordKind.SIGNATURE)
        signed = trusted.require_signature(signature)
    assert signed.subject_uid == made.prescription.uid
    assert 0 < signed.head_seq < signature.seq


def test_a_withdrawal_can_be_signed_too(whole: Clinic) -> None:
    made = prescribe(whole)
    say(whole, Meaning.WITHDRAW_PRESCRIPTION, made.prescription, made.patient)

    with whole.station.trusting() as trusted:
        assert len(trusted.signatures(made.prescription.uid)) == 2
