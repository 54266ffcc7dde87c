"""Signed statements: canonical content and an Ed25519 signature over its bytes.

Who may sign what is decided where the statements are read: `book` and `signatures`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tms_console.accounts.errors import BadStatement
from tms_console.accounts.keys import PrivateKey, verify_signature
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord


def statement(
    kind: RecordKind, content: Mapping[str, Json], key: PrivateKey, *, at: str, actor: str
) -> AddRecord:
    """Return the record that says this, signed.

    Args:
        kind: Which kind of statement; its tag is added to the content.
        content: What is said, with its `uid`.
        key: Whose word it is.
        at: Wall time.
        actor: The uid of the user, or "console".
    """
    text = canonical_text({"tag": kind.tag, **content})
    return AddRecord(
        kind=kind,
        uid=str(content["uid"]),
        at=at,
        actor=actor,
        content=text,
        signature=key.sign(text.encode()),
    )


def require_signed(record: StoredRecord, public_key: str) -> None:
    """Do nothing if the statement was signed by the key.

    Raises:
        BadStatement: It was not, or was changed since.
    """
    if not verify_signature(public_key, record.content.encode(), record.signature or ""):
        raise BadStatement(
            f"{record.kind} {record.uid}: its signature does not hold under the key it names"
        )


def text_of(record: StoredRecord, name: str) -> str:
    """Return a member of a statement that must be text.

    Raises:
        BadStatement: It is not.
    """
    value = record.member(name)
    if not isinstance(value, str):
        raise BadStatement(f"{record.kind} {record.uid}: {name} is {value!r}, not text")
    return value


def optional_text_of(record: StoredRecord, name: str) -> str | None:
    """Return a member of a statement that is text or null.

    Raises:
        BadStatement: It is neither.
    """
    return None if record.member(name) is None else text_of(record, name)


def truth_of(record: StoredRecord, name: str) -> bool:
    """Return a member of a statement that must be true or false.

    Raises:
        BadStatement: It is neither.
    """
    value = record.member(name)
    if not isinstance(value, bool):
        raise BadStatement(f"{record.kind} {record.uid}: {name} is {value!r}, not true or false")
    return value
