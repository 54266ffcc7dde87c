"""The statements that make and end an account, as they are written.

Whether they hold is judged where they are read, in `book`; who may ask for them, in `users`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tms_console.accounts.book import Enrolment
from tms_console.accounts.errors import AccountsRefused
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.roles import Role
from tms_console.accounts.statements import statement
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.values import new_uid

LOGIN_RULE = "2 to 64 letters a to z, digits, dots, hyphens or underscores, beginning with a letter"
_LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Person:
    """Who an account is for."""

    user_uid: str
    login: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class NewEnrolment:
    """What an enrolment says."""

    uid: str
    person: Person
    grade: str
    public_key: str
    recovery_key: str | None
    signer_uid: str
    after_reset: bool
    until: str | None = None

    def signed(self, key: PrivateKey, at: str, actor: str) -> AddRecord:
        """Return the record, signed with the signer's key."""
        content: dict[str, Json] = {
            "uid": self.uid,
            "user_uid": self.person.user_uid,
            "login": self.person.login,
            "name": self.person.name,
            "role": self.person.role.value,
            "grade": self.grade,
            "public_key": self.public_key,
            "recovery_key": self.recovery_key,
            "signer_uid": self.signer_uid,
            "after_reset": self.after_reset,
            "from": at,
            "until": self.until,
        }
        return statement(RecordKind.ENROLMENT, content, key, at=at, actor=actor)


def user_record(person: Person, at: str, actor: str) -> AddRecord:
    """Return the record of an account."""
    content = canonical_text(
        {
            "tag": RecordKind.USER.tag,
            "uid": person.user_uid,
            "login": person.login,
            "name": person.name,
        }
    )
    return AddRecord(kind=RecordKind.USER, uid=person.user_uid, at=at, actor=actor, content=content)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why enrolments end.

    Attributes:
        why: One of the words of `book`.
        reason: In the words of who ends them, "" if none is asked for.
    """

    why: str
    reason: str = ""

    def of(self, ended: Enrolment, signer: Enrolment, key: PrivateKey, at: str) -> AddRecord:
        """Return the record that ends one enrolment, signed by another or by itself."""
        content: dict[str, Json] = {
            "uid": new_uid(),
            "enrolment_uid": ended.uid,
            "signer_uid": signer.uid,
            "why": self.why,
            "reason": self.reason,
            "at": at,
        }
        return statement(RecordKind.ENROLMENT_END, content, key, at=at, actor=signer.user_uid)


def fit_login(login: str) -> str:
    """Return a login as it is kept.

    Raises:
        AccountsRefused: It cannot be one; the sentence says what can.
    """
    fit = login.strip().lower()
    if not _LOGIN.fullmatch(fit):
        raise AccountsRefused(f"{login.strip()!r} cannot be a login: {LOGIN_RULE}.")
    return fit


def fit_name(name: str) -> str:
    """Return a printed name as it is kept.

    Raises:
        AccountsRefused: There is none.
    """
    if not name.strip() or not name.strip().isprintable():
        raise AccountsRefused("A printed name is needed: it stands beside every signature.")
    return name.strip()
