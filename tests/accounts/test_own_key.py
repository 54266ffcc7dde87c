"""Everybody's own password and key, and how a key made after a reset comes to approve again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accounts.people import Clinic, first_password, password_of
from tests.accounts.ready import ready_clinic
from tests.accounts.sessions import prescribe, say
from tests.records.recording import rows
from tms_console.accounts.errors import AccountsRefused, LoginRefused, NotPermitted
from tms_console.accounts.login import Login, log_in
from tms_console.accounts.own_key import (
    change_password,
    confirm_key,
    confirm_own_key,
    set_own_password,
)
from tms_console.accounts.passwords import PasswordRefused
from tms_console.accounts.recovery import RecoveryCodeMistyped, new_recovery_code
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import Meaning
from tms_console.accounts.users import NewUser, add_user, deactivate, reset_password

NEW = "seven green kettles 81"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return ready_clinic(tmp_path, Role.PHYSICIAN, Role.TECHNICIAN)


def newcomer(clinic: Clinic, role: Role = Role.TECHNICIAN) -> Login:
    add_user(
        clinic.station,
        clinic.administrator,
        NewUser("newcomer", "New Comer", role),
        first_password("newcomer"),
    )
    return log_in(clinic.station, "newcomer", first_password("newcomer"))


def reset(clinic: Clinic, name: str = "physician") -> Login:
    """Reset a physician's password and let them set their own."""
    login = log_in(clinic.station, name, password_of(name))
    reset_password(clinic.station, clinic.administrator, login.user_uid, first_password(name))
    return clinic.settle(name)


def may_approve(clinic: Clinic, login: Login) -> bool:
    with clinic.station.trusting() as trusted:
        now = trusted.book.enrolment(login.enrolment.uid)
        return now is not None and now.may_approve_at(trusted.head.seq + 1)


def test_an_own_password_makes_an_own_key_and_a_recovery_code(clinic: Clinic) -> None:
    """The administrator knew the first password, and with it the provisional key."""
    provisional = newcomer(clinic)
    old_key = provisional.key().public_hex

    started = set_own_password(clinic.station, provisional, NEW)

    assert started.login.key().public_hex != old_key
    assert not started.login.must_change
    assert len(started.recovery_code) == 34
    assert started.recovery_code not in repr(started)
    with clinic.station.trusting() as trusted:
        assert trusted.book.current(provisional.user_uid, clinic.wall()) == started.login.enrolment
        assert not trusted.book.rejected


def test_the_first_password_is_no_own_password(clinic: Clinic) -> None:
    """Somebody else knows it."""
    login = newcomer(clinic)

    with pytest.raises(PasswordRefused, match="somebody else knows it"):
        set_own_password(clinic.station, login, first_password("newcomer"))
    with pytest.raises(PasswordRefused):
        set_own_password(clinic.station, login, "newcomer1")
    with pytest.raises(NotPermitted, match="in place of the first one"):
        change_password(clinic.station, login, first_password("newcomer"), NEW)


def test_a_first_password_serves_once(clinic: Clinic) -> None:
    """Two windows, one of them the administrator's who knows it too: the first to come wins."""
    one, two = newcomer(clinic), log_in(clinic.station, "newcomer", first_password("newcomer"))
    set_own_password(clinic.station, one, NEW)

    with pytest.raises(AccountsRefused, match="log in anew"):
        set_own_password(clinic.station, two, "eight brown kettles 92")
    assert log_in(clinic.station, "newcomer", NEW)


def test_who_has_an_own_password_changes_it_with_that(clinic: Clinic) -> None:
    login = log_in(clinic.station, "technician", password_of("technician"))
    key = login.key().public_hex
    with pytest.raises(NotPermitted, match="change it with the one you have"):
        set_own_password(clinic.station, login, NEW)
    with pytest.raises(LoginRefused):
        change_password(clinic.station, login, "wrong as it can be", NEW)
    with pytest.raises(PasswordRefused):
        change_password(clinic.station, login, password_of("technician"), "technician")

    change_password(clinic.station, login, password_of("technician"), NEW)

    again = log_in(clinic.station, "technician", NEW)
    assert again.key().public_hex == key
    with pytest.raises(LoginRefused):
        log_in(clinic.station, "technician", password_of("technician"))


def test_a_changed_password_leaves_one_credential_and_its_entry(clinic: Clinic) -> None:
    login = log_in(clinic.station, "technician", password_of("technician"))
    sealed = "SELECT sealed_key FROM credential WHERE user_uid = ?"
    before = rows(clinic.path, sealed, login.user_uid)

    change_password(clinic.station, login, password_of("technician"), NEW)

    after = rows(clinic.path, sealed, login.user_uid)
    assert len(after) == 1
    assert after != before


def test_an_account_that_ended_changes_no_password(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = log_in(clinic.station, "technician", password_of("technician"))
    from tms_console.accounts import own_key  # noqa: PLC0415 - to come in between

    def ended_meanwhile(*_: object) -> None:
        deactivate(clinic.station, clinic.administrator, login.user_uid, "left")

    monkeypatch.setattr(own_key, "require_password", ended_meanwhile)

    with pytest.raises(AccountsRefused, match="log in anew"):
        change_password(clinic.station, login, password_of("technician"), NEW)


def test_a_key_made_after_a_reset_does_not_approve(clinic: Clinic) -> None:
    """An administrator who resets a physician's password could otherwise sign in their name."""
    made = prescribe(clinic, approved=False)
    clinic.people[Role.PHYSICIAN] = reset(clinic)

    with pytest.raises(AccountsRefused, match="may not approve yet"):
        say(clinic, Meaning.APPROVE_PRESCRIPTION, made.prescription, made.patient)


def test_another_physician_confirms_it(clinic: Clinic) -> None:
    other = clinic.add("other", Role.PHYSICIAN)
    login = reset(clinic)

    confirm_key(clinic.station, other, login.enrolment.uid, password_of("other"))

    assert may_approve(clinic, login)
    clinic.people[Role.PHYSICIAN] = login  # the login of before the confirmation serves too
    made = prescribe(clinic)
    with clinic.station.trusting() as trusted:
        assert (
            trusted.signatures(made.prescription.uid)[0].enrolment.confirmed_by
            == other.enrolment.name
        )


def test_the_recovery_code_of_the_key_before_confirms_it(clinic: Clinic) -> None:
    code = clinic.codes["physician"]
    login = reset(clinic)

    confirm_own_key(clinic.station, login, code.lower().replace("-", " "))

    assert may_approve(clinic, login)
    with pytest.raises(AccountsRefused, match="waits to be confirmed"):
        confirm_own_key(clinic.station, login, code)


def test_the_code_given_after_the_reset_confirms_nothing(clinic: Clinic) -> None:
    """Whoever set the new password has it: also an administrator in the physician's name."""
    login = reset(clinic)

    for code in (clinic.codes["physician"], new_recovery_code(), clinic.codes["technician"]):
        with pytest.raises(AccountsRefused, match="not the recovery code of your earlier key"):
            confirm_own_key(clinic.station, login, code)
    with pytest.raises(RecoveryCodeMistyped):
        confirm_own_key(clinic.station, login, "XXXX")
    assert not may_approve(clinic, login)


def test_after_two_resets_the_code_of_the_last_confirmed_key_counts(clinic: Clinic) -> None:
    code = clinic.codes["physician"]
    reset(clinic)
    unconfirmed = clinic.codes["physician"]
    login = reset(clinic)

    with pytest.raises(AccountsRefused):
        confirm_own_key(clinic.station, login, unconfirmed)
    confirm_own_key(clinic.station, login, code)

    assert may_approve(clinic, login)


def test_only_a_physician_who_may_approve_confirms_and_never_their_own_key(
    clinic: Clinic,
) -> None:
    other = clinic.add("other", Role.PHYSICIAN)
    login = reset(clinic)
    uid = login.enrolment.uid
    technician = clinic.people[Role.TECHNICIAN]

    for person, name in ((technician, "technician"), (clinic.administrator, "administrator")):
        with pytest.raises(NotPermitted):
            confirm_key(clinic.station, person, uid, password_of(name))
    with pytest.raises(AccountsRefused, match="Nobody confirms their own key"):
        confirm_key(clinic.station, login, uid, password_of("physician"))
    with pytest.raises(LoginRefused):
        confirm_key(clinic.station, other, uid, "wrong as it can be")
    unconfirmed = reset(clinic, "other")
    with pytest.raises(AccountsRefused, match="Your own key was made after a reset"):
        confirm_key(clinic.station, unconfirmed, uid, password_of("other"))
    assert not may_approve(clinic, login)


@pytest.mark.parametrize("which", ["sound", "technician", "nobody"])
def test_only_a_key_that_waits_is_confirmed(clinic: Clinic, which: str) -> None:
    other = clinic.add("other", Role.PHYSICIAN)
    uid = {
        "sound": clinic.people[Role.PHYSICIAN].enrolment.uid,
        "technician": clinic.people[Role.TECHNICIAN].enrolment.uid,
        "nobody": "nobody",
    }[which]

    with pytest.raises(AccountsRefused, match="no key here that waits"):
        confirm_key(clinic.station, other, uid, password_of("other"))
