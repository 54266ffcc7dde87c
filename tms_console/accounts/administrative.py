"""Statements that an administrator makes about the file: whether one holds at its place.

Enrolments have rules of their own (`book`), and so have signatures (`signatures`).
"""

from __future__ import annotations

from tms_console.accounts.book import Book, Enrolment
from tms_console.accounts.errors import BadStatement
from tms_console.accounts.roles import Permission, allowed
from tms_console.accounts.statements import require_signed, text_of
from tms_console.records.clinical import StoredRecord


def require_permitted(book: Book, record: StoredRecord, permission: Permission) -> Enrolment:
    """Return who made a restore or a clock correction, if they might at its place in the chain.

    Raises:
        BadStatement: It does not hold; the sentence says why.
    """
    name = f"{record.kind} {record.uid}"
    signer = book.enrolment(text_of(record, "enrolment_uid"))
    if signer is None or not signer.may_sign_at(record.seq):
        raise BadStatement(f"{name}: the key was not enrolled, or no more, when it was signed")
    require_signed(record, signer.public_key)
    if not allowed(signer.role, permission):
        raise BadStatement(f"{name}: {signer.name} is {signer.role} and may not {permission}")
    return signer
