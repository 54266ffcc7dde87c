"""Everything on record besides sessions: one append-only shape for users, patients, signatures ...

What the content of each kind means is not known here; only that it is canonical, tagged and bound
to its uid, and whether a signature belongs beside it.
"""

from __future__ import annotations

import functools
import hashlib
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass as plain_dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, PlainSerializer
from pydantic.dataclasses import dataclass
from pydantic.functional_validators import BeforeValidator

from tms_console.records.canonical import Json, canonical_text
from tms_console.records.members import misfit
from tms_console.records.values import Digest, Signature, Uid, WallTime, Words

_CHECKED = ConfigDict(strict=True, extra="forbid")

CONSOLE_ACTOR = "console"
"""Who did what no person did."""


class RecordKind(StrEnum):
    """The kinds of records; each is the name of its table."""

    USER = "user"
    ENROLMENT = "enrolment"
    ENROLMENT_END = "enrolment_end"
    KEY_CONFIRMATION = "key_confirmation"
    SIGNATURE = "signature"
    START_ORDER = "start_order"
    RESTORE = "restore"
    CLOCK_CORRECTION = "clock_correction"
    SEAL = "seal"
    PATIENT = "patient"
    THRESHOLD = "threshold"
    POSITIONING = "positioning"
    PRESCRIPTION = "prescription"
    POLICY = "policy"
    FORM_ANSWERS = "form_answers"
    ADVERSE_EVENT = "adverse_event"
    ATTACHMENT = "attachment"

    @property
    def signed(self) -> bool:
        """True if a record of this kind is a statement: content and a signature over it."""
        return self in _SIGNED

    @property
    def tag(self) -> str:
        """What its content says it is."""
        return f"tms-{self.value}-1"

    def subject(self, uid: str) -> str:
        """Return how a record of this kind is named in the audit chain."""
        return f"{self.value}:{uid}"


_SIGNED = frozenset(
    {
        RecordKind.ENROLMENT,
        RecordKind.ENROLMENT_END,
        RecordKind.KEY_CONFIRMATION,
        RecordKind.SIGNATURE,
        RecordKind.START_ORDER,
        RecordKind.RESTORE,
        RecordKind.CLOCK_CORRECTION,
        RecordKind.SEAL,
    }
)

RECORD_ADD = "record.add"
"""The audit action of every record."""


def _bytes_from_json(value: object) -> object:
    return b64decode(value, validate=True) if isinstance(value, str) else value


_Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes_from_json),
    PlainSerializer(lambda data: b64encode(data).decode(), when_used="json"),
]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class AddRecord:
    """A new record; it is never changed, and a correction is another that names it.

    Attributes:
        uid: Its own uid, which its content holds too.
        at: Wall time at which it was made.
        actor: The uid of the user who made it, or "console".
        content: Its canonical JSON text.
        signature: Over the bytes of the content; None exactly where the kind has none.
        data: The bytes of an attachment; None for every other kind.
    """

    op: Literal["add_record"] = "add_record"
    kind: RecordKind
    uid: Uid
    at: WallTime
    actor: Words
    content: str
    signature: Signature | None = None
    data: _Bytes | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for content that does not belong to such a record."""
        name = f"{self.kind} {self.uid}"
        if self.kind.signed != (self.signature is not None):
            raise ValueError(f"{name}: {'a' if self.kind.signed else 'no'} signature belongs to it")
        if (self.kind is RecordKind.ATTACHMENT) != (self.data is not None):
            raise ValueError(f"{name}: bytes belong to an attachment, and only to one")
        check_content(self.kind, self.uid, self.content)
        if self.data is not None:
            stated = content_of(self.content).get("sha256")
            if stated != hashlib.sha256(self.data).hexdigest():
                raise ValueError(f"{name}: its bytes do not have the SHA-256 that it states")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED, repr=False)
class SetCredential:
    """A user's password verifier and sealed private key, in place of those before.

    No field of it is a password or a key in clear; all the same it is never shown or logged.
    """

    op: Literal["set_credential"] = "set_credential"
    user_uid: Uid
    parameters: str
    salt: str
    verifier: Digest
    sealed_key: str
    public_key: Digest
    must_change: bool
    set_at: WallTime
    actor: Words

    def __repr__(self) -> str:
        """Name the user and nothing else."""
        return f"SetCredential(user_uid={self.user_uid!r})"

    def row(self) -> dict[str, Json]:
        """Return the columns of the row."""
        return {
            "user_uid": self.user_uid,
            "parameters": self.parameters,
            "salt": self.salt,
            "verifier": self.verifier,
            "sealed_key": self.sealed_key,
            "public_key": self.public_key,
            "must_change": int(self.must_change),
            "set_at": self.set_at,
        }


@plain_dataclass(frozen=True)
class StoredRecord:
    """A record as it lies in its table.

    Attributes:
        kind: Which table.
        uid: Its uid.
        seq: Its place in the audit chain, which orders records.
        at: When it was made, as the computer said.
        actor: Who made it: a user's uid or "console".
        content: Its canonical JSON text.
        signature: Over the content, where the kind has one.
    """

    kind: RecordKind
    uid: str
    seq: int
    at: str
    actor: str
    content: str
    signature: str | None

    @property
    def values(self) -> dict[str, Json]:
        """The content as JSON values; a new object each time, for nobody may change another's.

        Raises:
            ValueError: It is no JSON object.
        """
        return content_of(self.content)

    def member(self, name: str) -> Json:
        """Return one member of the content, None if there is none; the content is read once.

        What is returned may be shared: it is only looked at.

        Raises:
            ValueError: The content is no JSON object.
        """
        return self._members.get(name)

    @functools.cached_property
    def _members(self) -> dict[str, Json]:
        return content_of(self.content)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return content_digest(self.content)


def content_of(content: str) -> dict[str, Json]:
    """Return the members of a content.

    Raises:
        ValueError: It is no JSON object.
    """
    try:
        values = json.loads(content)
    except RecursionError as error:
        raise ValueError("the content of a record is not nested so deeply") from error
    if not isinstance(values, dict):
        raise ValueError("the content of a record is a JSON object")  # noqa: TRY004 - malformed data
    return values


def content_digest(content: str) -> str:
    """Return the SHA-256 of a content, 64 hexadecimal digits."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def check_content(kind: RecordKind, uid: str, content: str) -> None:
    """Do nothing if the content can be that of a record of this kind and uid.

    Raises:
        ValueError: It is not canonical, or another kind's or another record's.
    """
    name = f"{kind} {uid}"
    values = content_of(content)
    if canonical_text(values) != content:
        raise ValueError(f"{name}: its content is not in canonical form (RFC 8785)")
    if values.get("tag") != kind.tag:
        raise ValueError(f"{name}: its tag is {values.get('tag')!r}, not {kind.tag!r}")
    if values.get("uid") != uid:
        raise ValueError(f"{name}: its content is that of {values.get('uid')!r}")
    wrong = misfit(kind, values)
    if wrong is not None:
        raise ValueError(f"{name}: {wrong}")
