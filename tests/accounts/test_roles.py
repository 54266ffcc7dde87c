"""Each permission is granted and refused to whom the table says; README.md shows the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tms_console.accounts.errors import AccountsError, NotPermitted
from tms_console.accounts.roles import (
    PERMISSIONS,
    Permission,
    Role,
    allowed,
    may_hold,
    permission_table,
    require,
)

README = Path(__file__).parents[2] / "README.md"

T, P, Q, A = Role.TECHNICIAN, Role.PHYSICIAN, Role.QA, Role.ADMINISTRATOR

WHO_MAY = {
    Permission.READ_PATIENTS: {T, P},
    Permission.EDIT_PATIENT: {T, P},
    Permission.FILL_IN_FORM: {T, P},
    Permission.RECORD_THRESHOLD: {T, P},
    Permission.RECORD_POSITIONING: {T, P},
    Permission.RECORD_ADVERSE_EVENT: {T, P},
    Permission.PROPOSE_PRESCRIPTION: {T, P},
    Permission.APPROVE_PRESCRIPTION: {P},
    Permission.RETURN_PRESCRIPTION: {P},
    Permission.WITHDRAW_PRESCRIPTION: {P},
    Permission.PROPOSE_POLICY: {P, A},
    Permission.APPROVE_POLICY: {P},
    Permission.WITHDRAW_POLICY: {P},
    Permission.ACKNOWLEDGE_THRESHOLD: {P},
    Permission.CLEAR_SCREENING: {P},
    Permission.CLEAR_HOLD: {P},
    Permission.CONFIRM_KEY: {P},
    Permission.CONFIRM_IN_FORCE: {P},
    Permission.FIND_THRESHOLD: {T, P},
    Permission.DELIVER_SESSION: {T, P},
    Permission.SIGN_START_ORDER: {T, P},
    Permission.RESUME_SESSION: {T, P},
    Permission.SIGN_DELIVERY: {T, P},
    Permission.REHEARSE: {T, P, Q},
    Permission.READ_SESSIONS: {T, P, Q},
    Permission.VERIFY_RECORDS: {P, Q, A},
    Permission.MAKE_BACKUP: {T, P, A},
    Permission.RESTORE_BACKUP: {A},
    Permission.CORRECT_CLOCK: {A},
    Permission.KEEP_DATABASE_KEY: {A},
    Permission.MANAGE_USERS: {A},
    Permission.MANAGE_DEVICES: {A},
}
"""Written a second time on purpose: who may do what changes in two places, knowingly."""


@pytest.mark.parametrize("permission", Permission)
def test_a_permission_is_granted_to_each_role_that_may(permission: Permission) -> None:
    for role in WHO_MAY[permission]:
        assert allowed(role, permission)
        require(role, permission)


@pytest.mark.parametrize("permission", Permission)
def test_a_permission_is_refused_to_each_other_role_with_who_may(permission: Permission) -> None:
    others = set(Role) - WHO_MAY[permission]
    assert others
    for role in others:
        assert not allowed(role, permission)
        with pytest.raises(NotPermitted, match=r"^Only .+ may .+; this account is for .+\.$") as no:
            require(role, permission)
        assert str(permission) in str(no.value)


def test_the_sentence_names_everybody_who_may() -> None:
    with pytest.raises(NotPermitted) as no:
        require(Role.QA, Permission.DELIVER_SESSION)
    assert str(no.value) == (
        "Only a technician or a physician may deliver a session; this account is for QA."
    )
    assert isinstance(no.value, AccountsError)


def test_every_permission_has_an_entry_and_somebody_who_may() -> None:
    assert set(PERMISSIONS) == set(Permission) == set(WHO_MAY)
    assert all(PERMISSIONS.values())


def test_nobody_can_add_to_the_table_while_the_program_runs() -> None:
    with pytest.raises(TypeError):
        PERMISSIONS[Permission.APPROVE_PRESCRIPTION] = frozenset(Role)  # type: ignore[index]


def test_only_a_physician_approves_clears_or_confirms() -> None:
    """The product's main promise starts here."""
    for permission in Permission:
        name = permission.name
        if name.startswith(("APPROVE", "RETURN", "WITHDRAW", "CLEAR", "CONFIRM", "ACKNOWLEDGE")):
            assert PERMISSIONS[permission] == {Role.PHYSICIAN}, name


def test_an_administrator_sees_no_patient_and_delivers_nothing() -> None:
    assert {one for one in Permission if allowed(Role.ADMINISTRATOR, one)} == {
        Permission.PROPOSE_POLICY,
        Permission.VERIFY_RECORDS,
        Permission.MAKE_BACKUP,
        Permission.RESTORE_BACKUP,
        Permission.CORRECT_CLOCK,
        Permission.KEEP_DATABASE_KEY,
        Permission.MANAGE_USERS,
        Permission.MANAGE_DEVICES,
    }


def test_qa_rehearses_and_reads_and_nothing_else() -> None:
    assert {one for one in Permission if allowed(Role.QA, one)} == {
        Permission.REHEARSE,
        Permission.READ_SESSIONS,
        Permission.VERIFY_RECORDS,
    }


@pytest.mark.parametrize("first", Role)
@pytest.mark.parametrize("then", Role)
def test_an_account_keeps_its_first_role(first: Role, then: Role) -> None:
    """An administrator must not become the physician who approves, nor the other way round."""
    assert may_hold([], then)
    assert may_hold([first], then) == (first is then)
    assert may_hold({first, then}, then) == (first is then)


def test_roles_are_stored_by_their_words() -> None:
    """The words stand in signed enrolments: a changed one would void them."""
    assert [str(role) for role in Role] == ["technician", "physician", "qa", "administrator"]


def test_the_table_shows_every_permission_and_every_role() -> None:
    lines = permission_table().splitlines()
    assert lines[0] == "| May | Technician | Physician | QA | Administrator |"
    assert len(lines) == 2 + len(Permission)
    assert "| approve a prescription | - | yes | - | - |" in lines
    assert "| add and deactivate users and reset passwords | - | - | - | yes |" in lines


def test_readme_shows_the_table_as_it_is() -> None:
    """People read the README; it must not promise another table than the one that is asked."""
    assert permission_table() in README.read_text("utf-8")
