"""What administrators do with accounts, and that nobody else does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.accounts.people import Clinic, first_password, password_of
from tests.accounts.ready import ready_clinic
from tests.accounts.sessions import prescribe
from tms_console.accounts.errors import AccountsRefused, LoginRefused, NotPermitted
from tms_console.accounts.login import Login, log_in
from tms_console.accounts.passwords import PasswordRefused
from tms_console.accounts.roles import Role
from tms_console.accounts.users import (
    NewUser,
    add_user,
    deactivate,
    list_users,
    reset_password,
)
from tms_console.records.clinical import RecordKind
from tms_console.records.errors import IllegalOperation

FIRST = first_password("newcomer")
NEWCOMER = NewUser("newcomer", "New Comer", Role.TECHNICIAN)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return ready_clinic(tmp_path)


def standing(clinic: Clinic, login: str) -> tuple[bool, str]:
    (line,) = [one for one in list_users(clinic.station) if one.login == login]
    return line.active, line.standing


def test_a_new_user_sets_their_own_password_and_is_active(clinic: Clinic) -> None:
    uid = add_user(clinic.station, clinic.administrator, NEWCOMER, FIRST)
    assert standing(clinic, "newcomer") == (
        False,
        "has not set a password of their own yet",
    )

    login = clinic.settle("newcomer")

    assert (login.user_uid, login.role) == (uid, Role.TECHNICIAN)
    assert standing(clinic, "newcomer") == (True, "active")
    with pytest.raises(LoginRefused):
        log_in(clinic.station, "newcomer", FIRST)


def test_the_list_shows_role_and_who_enrolled_the_key(clinic: Clinic) -> None:
    lines = {one.login: one for one in list_users(clinic.station)}

    assert [one.role for one in lines.values()] == [
        Role.ADMINISTRATOR,
        Role.PHYSICIAN,
        Role.TECHNICIAN,
        Role.QA,
    ]
    assert lines["physician"].enrolled_by == "Ada Ministra"
    assert lines["physician"].active


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (NewUser("physician", "Some One", Role.QA), "logins are never used again"),
        (NewUser(" PHYSICIAN ", "Some One", Role.QA), "logins are never used again"),
        (NewUser("x", "Some One", Role.QA), "cannot be a login"),
        (NewUser("two words", "Some One", Role.QA), "cannot be a login"),
        (NewUser("someone", " ", Role.QA), "printed name is needed"),
        (NewUser("someone", "Bell\x07", Role.QA), "printed name is needed"),
    ],
)
def test_a_login_or_name_that_cannot_be_used_is_refused(
    clinic: Clinic, user: NewUser, words: str
) -> None:
    with pytest.raises(AccountsRefused, match=words):
        add_user(clinic.station, clinic.administrator, user, FIRST)


def test_the_login_of_a_deactivated_user_is_never_used_again(clinic: Clinic) -> None:
    """The record must never name two people alike."""
    deactivate(clinic.station, clinic.administrator, clinic.people[Role.QA].user_uid, "left")

    with pytest.raises(AccountsRefused, match="is or was somebody's"):
        add_user(clinic.station, clinic.administrator, NewUser("qa", "Q A", Role.QA), FIRST)


def test_two_administrators_adding_one_login_at_once_make_one_user(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tms_console.accounts import users  # noqa: PLC0415 - to come in between

    provisional = users._provisional

    def another_first(*arguments: object, **more: object) -> object:
        monkeypatch.undo()
        add_user(clinic.station, clinic.administrator, NEWCOMER, FIRST)
        return provisional(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(users, "_provisional", another_first)

    with pytest.raises(IllegalOperation, match="already on record"):
        add_user(clinic.station, clinic.administrator, NEWCOMER, FIRST)
    assert [one.login for one in list_users(clinic.station)].count("newcomer") == 1
    clinic.settle("newcomer")


def test_an_unfit_first_password_is_refused(clinic: Clinic) -> None:
    with pytest.raises(PasswordRefused):
        add_user(clinic.station, clinic.administrator, NEWCOMER, "newcomer1")


def _add(clinic: Clinic, by: Login, of: str) -> object:
    del of
    return add_user(clinic.station, by, NEWCOMER, FIRST)


def _reset(clinic: Clinic, by: Login, of: str) -> None:
    reset_password(clinic.station, by, of, FIRST)


def _deactivate(clinic: Clinic, by: Login, of: str) -> None:
    deactivate(clinic.station, by, of, "because")


ACTS = pytest.mark.parametrize("act", [_add, _reset, _deactivate])


@ACTS
@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.TECHNICIAN, Role.QA])
def test_only_administrators_manage_users(
    clinic: Clinic, act: Callable[[Clinic, Login, str], object], role: Role
) -> None:
    other = clinic.add("other", Role.TECHNICIAN)

    with pytest.raises(NotPermitted, match="Only an administrator"):
        act(clinic, clinic.people[role], other.user_uid)


@ACTS
def test_an_administrator_who_was_deactivated_does_nothing_more(
    clinic: Clinic, act: Callable[[Clinic, Login, str], object]
) -> None:
    """Their login may still be open in another window."""
    second = clinic.add("second", Role.ADMINISTRATOR)
    other = clinic.add("other", Role.TECHNICIAN)
    deactivate(clinic.station, clinic.administrator, second.user_uid, "left")

    with pytest.raises(AccountsRefused, match="log in anew"):
        act(clinic, second, other.user_uid)
    with clinic.station.trusting() as trusted:
        assert not trusted.book.rejected
        assert trusted.book.active(other.user_uid, clinic.wall()) is not None


@pytest.mark.parametrize("act", [_reset, _deactivate])
def test_nobody_ends_or_resets_their_own_account_or_one_that_is_not_there(
    clinic: Clinic, act: Callable[[Clinic, Login, str], object]
) -> None:
    with pytest.raises(NotPermitted):
        act(clinic, clinic.administrator, clinic.administrator.user_uid)
    with pytest.raises(AccountsRefused, match="no such active user"):
        act(clinic, clinic.administrator, "nobody")


def test_a_deactivation_needs_a_reason_and_is_for_ever(clinic: Clinic) -> None:
    uid = clinic.people[Role.TECHNICIAN].user_uid
    with pytest.raises(AccountsRefused, match="Say why"):
        deactivate(clinic.station, clinic.administrator, uid, "  ")

    deactivate(clinic.station, clinic.administrator, uid, " moved away ")

    assert standing(clinic, "technician") == (False, "deactivated")
    with clinic.station.trusting() as trusted:
        (end,) = [
            one
            for one in trusted.records(RecordKind.ENROLMENT_END)
            if one.values["why"] == "deactivated"
        ]
        assert end.values["reason"] == "moved away"
        assert trusted.book.deactivated_at(uid) == end.seq
    for again in (_reset, _deactivate):
        with pytest.raises(AccountsRefused, match="no such active user"):
            again(clinic, clinic.administrator, uid)
    with pytest.raises(LoginRefused):
        log_in(clinic.station, "technician", password_of("technician"))


def test_a_newcomer_who_never_came_can_be_deactivated(clinic: Clinic) -> None:
    uid = add_user(clinic.station, clinic.administrator, NEWCOMER, FIRST)

    deactivate(clinic.station, clinic.administrator, uid, "never came")

    assert standing(clinic, "newcomer") == (False, "deactivated")


def test_a_first_password_that_was_forgotten_is_given_anew(clinic: Clinic) -> None:
    """Not after a reset of a key: there was none, so nothing needs to be confirmed."""
    uid = add_user(clinic.station, clinic.administrator, NEWCOMER, "another paper bridge 9")

    reset_password(clinic.station, clinic.administrator, uid, FIRST)

    login = clinic.settle("newcomer")
    assert not login.enrolment.after_reset
    assert standing(clinic, "newcomer") == (True, "active")


def test_a_reset_destroys_the_old_key_and_leaves_what_it_signed(clinic: Clinic) -> None:
    made = prescribe(clinic)
    uid = clinic.people[Role.PHYSICIAN].user_uid

    reset_password(clinic.station, clinic.administrator, uid, first_password("physician"))

    with pytest.raises(LoginRefused):
        log_in(clinic.station, "physician", password_of("physician"))
    login = clinic.settle("physician")
    assert login.enrolment.after_reset
    assert standing(clinic, "physician") == (
        True,
        "may not approve: the key made after a password reset is not confirmed",
    )
    with clinic.station.trusting() as trusted:
        assert len(trusted.signatures(made.prescription.uid)) == 1


def test_another_administrator_can_reset_an_administrators_password(clinic: Clinic) -> None:
    second = clinic.add("second", Role.ADMINISTRATOR)

    reset_password(
        clinic.station,
        second,
        clinic.administrator.user_uid,
        first_password("administrator"),
    )

    login = clinic.settle("administrator")
    clinic.administrator = login
    add_user(clinic.station, login, NEWCOMER, FIRST)
    with clinic.station.trusting() as trusted:
        assert not trusted.book.rejected


def test_a_user_without_an_enrolment_that_holds_is_shown_as_such(clinic: Clinic) -> None:
    from tms_console.accounts.enrolling import Person, user_record  # noqa: PLC0415 - only here
    from tms_console.records.operations import new_uid  # noqa: PLC0415

    person = Person(new_uid(), "ghost", "Nobody", Role.QA)
    clinic.station.write(user_record(person, clinic.wall(), "console"))

    assert standing(clinic, "ghost") == (False, "no enrolment that holds")
