"""Who works in a demonstration, with their passwords; the login page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from tms_console.accounts.roles import Role


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works there; the password is shown on the login page."""

    login: str
    name: str
    role: Role
    password: str


ADMINISTRATOR = Staff("adler", "Anke Adler", Role.ADMINISTRATOR, "copper harbour 61")
PHYSICIAN = Staff("osei", "Dr K. Osei", Role.PHYSICIAN, "quiet meadow 47")
SECOND_PHYSICIAN = Staff("lindgren", "Dr S. Lindgren", Role.PHYSICIAN, "winter orchard 83")
TECHNICIAN = Staff("meyer", "J. Meyer", Role.TECHNICIAN, "paper lantern 29")
SECOND_TECHNICIAN = Staff("haddad", "N. Haddad", Role.TECHNICIAN, "silver bridge 54")
QA = Staff("tanaka", "R. Tanaka", Role.QA, "velvet compass 18")
STAFF = (TECHNICIAN, PHYSICIAN, SECOND_PHYSICIAN, SECOND_TECHNICIAN, QA, ADMINISTRATOR)
