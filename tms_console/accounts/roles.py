"""The four roles and what each may do: one table, asked by everything that people do.

It knows no accounts: who holds a role is read from an enrolment, never from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from tms_console.accounts.errors import NotPermitted


class Role(StrEnum):
    """What a person's account is for; an account has one role, for ever."""

    TECHNICIAN = "technician"
    PHYSICIAN = "physician"
    QA = "qa"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """Everything that takes a login, in words that follow "may"."""

    READ_PATIENTS = "read patients' records"
    EDIT_PATIENT = "add a patient or change a patient's record"
    FILL_IN_FORM = "fill in screening and pre-session forms"
    RECORD_THRESHOLD = "record a threshold"
    RECORD_POSITIONING = "record positioning"
    RECORD_ADVERSE_EVENT = "record an adverse event"

    PROPOSE_PRESCRIPTION = "propose a prescription"
    APPROVE_PRESCRIPTION = "approve a prescription"
    RETURN_PRESCRIPTION = "return a prescription with a comment"
    WITHDRAW_PRESCRIPTION = "withdraw a prescription"
    PROPOSE_POLICY = "propose a clinic policy"
    APPROVE_POLICY = "approve the clinic policy"
    WITHDRAW_POLICY = "withdraw the clinic policy"
    ACKNOWLEDGE_THRESHOLD = "acknowledge a new threshold inside its band"
    CLEAR_SCREENING = "clear screening answers"
    CLEAR_HOLD = "clear a patient on hold for treatment"
    CONFIRM_KEY = "confirm another physician's new key"
    CONFIRM_IN_FORCE = "sign which prescriptions are still in force after a restore"

    FIND_THRESHOLD = "deliver single stimuli to find a threshold"
    DELIVER_SESSION = "deliver a session"
    SIGN_START_ORDER = "sign a start order"
    RESUME_SESSION = "resume or close a session that ended early"
    SIGN_DELIVERY = "sign for a delivered session"
    REHEARSE = "rehearse on a simulated stimulator"

    READ_SESSIONS = "read session records"
    VERIFY_RECORDS = "verify the records"
    MAKE_BACKUP = "make a backup"
    RESTORE_BACKUP = "restore a backup, or record that one was restored"
    CORRECT_CLOCK = "record a correction of the clock"
    KEEP_DATABASE_KEY = "make and use the escrow copy of the database's key"
    MANAGE_USERS = "add and deactivate users and reset passwords"
    MANAGE_DEVICES = "add and change devices and coils"


_AT_THE_PATIENT = frozenset({Role.TECHNICIAN, Role.PHYSICIAN})
_PHYSICIAN = frozenset({Role.PHYSICIAN})
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_NOT_ADMINISTRATOR = frozenset(Role) - _ADMINISTRATOR
_NOT_TECHNICIAN = frozenset(Role) - {Role.TECHNICIAN}
_NOT_QA = frozenset(Role) - {Role.QA}

PERMISSIONS: Mapping[Permission, frozenset[Role]] = MappingProxyType(
    {
        Permission.READ_PATIENTS: _AT_THE_PATIENT,
        Permission.EDIT_PATIENT: _AT_THE_PATIENT,
        Permission.FILL_IN_FORM: _AT_THE_PATIENT,
        Permission.RECORD_THRESHOLD: _AT_THE_PATIENT,
        Permission.RECORD_POSITIONING: _AT_THE_PATIENT,
        Permission.RECORD_ADVERSE_EVENT: _AT_THE_PATIENT,
        Permission.PROPOSE_PRESCRIPTION: _AT_THE_PATIENT,
        Permission.APPROVE_PRESCRIPTION: _PHYSICIAN,
        Permission.RETURN_PRESCRIPTION: _PHYSICIAN,
        Permission.WITHDRAW_PRESCRIPTION: _PHYSICIAN,
        Permission.PROPOSE_POLICY: frozenset({Role.PHYSICIAN, Role.ADMINISTRATOR}),
        Permission.APPROVE_POLICY: _PHYSICIAN,
        Permission.WITHDRAW_POLICY: _PHYSICIAN,
        Permission.ACKNOWLEDGE_THRESHOLD: _PHYSICIAN,
        Permission.CLEAR_SCREENING: _PHYSICIAN,
        Permission.CLEAR_HOLD: _PHYSICIAN,
        Permission.CONFIRM_KEY: _PHYSICIAN,
        Permission.CONFIRM_IN_FORCE: _PHYSICIAN,
        Permission.FIND_THRESHOLD: _AT_THE_PATIENT,
        Permission.DELIVER_SESSION: _AT_THE_PATIENT,
        Permission.SIGN_START_ORDER: _AT_THE_PATIENT,
        Permission.RESUME_SESSION: _AT_THE_PATIENT,
        Permission.SIGN_DELIVERY: _AT_THE_PATIENT,
        Permission.REHEARSE: _NOT_ADMINISTRATOR,
        Permission.READ_SESSIONS: _NOT_ADMINISTRATOR,
        Permission.VERIFY_RECORDS: _NOT_TECHNICIAN,
        Permission.MAKE_BACKUP: _NOT_QA,
        Permission.RESTORE_BACKUP: _ADMINISTRATOR,
        Permission.CORRECT_CLOCK: _ADMINISTRATOR,
        Permission.KEEP_DATABASE_KEY: _ADMINISTRATOR,
        Permission.MANAGE_USERS: _ADMINISTRATOR,
        Permission.MANAGE_DEVICES: _ADMINISTRATOR,
    }
)
"""Who may do what (clinical.md 4): an administrator delivers and approves nothing, QA sees no
patients, and the physician of a practice without a technician may do a technician's work."""

_A_ROLE = {
    Role.TECHNICIAN: "a technician",
    Role.PHYSICIAN: "a physician",
    Role.QA: "QA",
    Role.ADMINISTRATOR: "an administrator",
}


def allowed(role: Role, permission: Permission) -> bool:
    """Return whether a role may do this."""
    return role in PERMISSIONS[permission]


def require(role: Role, permission: Permission) -> None:
    """Do nothing if a role may do this.

    Raises:
        NotPermitted: It may not; the sentence says who may.
    """
    if not allowed(role, permission):
        who = " or ".join(_A_ROLE[one] for one in Role if allowed(one, permission))
        raise NotPermitted(f"Only {who} may {permission}; this account is for {_A_ROLE[role]}.")


def may_hold(existing_roles: Iterable[Role], role: Role) -> bool:
    """Return whether an account that was ever enrolled in these roles may be enrolled in this one.

    An account keeps its first role, so administrator and physician are never one account, and
    nobody is made a physician by a change of role.
    """
    return set(existing_roles) <= {role}


def permission_table() -> str:
    """Return the whole table in Markdown, as README.md shows it."""
    lines = [
        "| May | Technician | Physician | QA | Administrator |",
        "|---|---|---|---|---|",
    ]
    for permission in Permission:
        marks = " | ".join("yes" if allowed(role, permission) else "-" for role in Role)
        lines.append(f"| {permission} | {marks} |")
    return "\n".join(lines)
