"""Fixed values as canonical JSON, and back: each field once, of its type, none left over.

It knows nothing of doses; the classes that are hashed and signed say which fields there are.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from types import TracebackType
from typing import Self, TypeVar, cast

import rfc8785

from protocols.exact import parse_ratio, ratio_text

JsonValue = str | int | bool | None | Sequence["JsonValue"] | dict[str, "JsonValue"]
_Member = TypeVar("_Member", bound=StrEnum)
_BEYOND_PART = 10**15  # below 2^53, and what parse_ratio reads back
_LONGEST_TEXT = 10_000
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


class ContentError(ValueError):
    """Values that are no content of a session; the message names the field and what is allowed."""


def check_text(name: str, text: str) -> None:
    """Raise ContentError unless the text can be shown, stored and hashed."""
    if not text.strip() or len(text) > _LONGEST_TEXT:
        raise ContentError(f"{name} is a text of 1 to {_LONGEST_TEXT} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ContentError(f"{name} holds half a character (a lone surrogate)") from error


def check_ratio(name: str, value: Fraction) -> None:
    """Raise ContentError unless numerator and denominator have at most 15 digits."""
    if max(abs(value.numerator), value.denominator) >= _BEYOND_PART:
        raise ContentError(f"{name}: a ratio has at most 15 digits above and below the line")


def check_uid(name: str, uid: str) -> None:
    """Raise ContentError unless the text is a UUID in its usual small letters."""
    if _UID.fullmatch(uid) is None:
        raise ContentError(f"{name} is {uid[:40]!r}: it must be a UUID in small letters")


def check_moment(name: str, moment: str) -> None:
    """Raise ContentError unless the text is a time in UTC, such as `2026-11-22T09:30:00Z`."""
    try:
        if _MOMENT.fullmatch(moment) is None:
            raise ValueError(moment)  # noqa: TRY301 - one sentence for both
        moment_of(moment)
    except ValueError as error:
        raise ContentError(
            f"{name} is {moment[:40]!r}: it must be a time in UTC such as 2026-11-22T09:30:00Z"
        ) from error


def moment_of(moment: str) -> datetime:
    """Return the time that a checked text states."""
    return datetime.fromisoformat(moment)


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raise ContentError unless low <= value <= high."""
    if not low <= value <= high:
        raise ContentError(f"{name} is {value}: it is {low:,} to {high:,}")


def canonical_text(values: JsonValue) -> str:
    """Return RFC 8785 JSON: one text for equal values, whatever the order of their fields."""
    return rfc8785.dumps(cast("str", values)).decode()  # its own type has invariant containers


def digest_of(values: JsonValue) -> str:
    """Return the SHA-256 of the canonical text, as 64 hex digits."""
    return hashlib.sha256(canonical_text(values).encode()).hexdigest()


class Canonical(ABC):
    """What has one canonical form, by which it is stored, hashed and signed."""

    __slots__ = ()

    @abstractmethod
    def canonical(self) -> dict[str, JsonValue]:
        """Return it as JSON values."""

    def canonical_text(self) -> str:
        """Return the canonical form as RFC 8785 JSON: what is stored, hashed and signed."""
        return canonical_text(self.canonical())

    def digest(self) -> str:
        """Return the SHA-256 of the canonical text, as 64 hex digits."""
        return digest_of(self.canonical())


class Record:
    """One JSON object being read; leaving the `with` block refuses fields nobody asked for.

    Used as a context manager it turns a ValueError inside into a ContentError with the place.
    """

    def __init__(self, values: JsonValue, place: str = "") -> None:
        if not isinstance(values, dict):
            raise ContentError(f"{place or 'the content'} is an object, not {_kind(values)}")
        self._values = values
        self._place = place
        self._read: set[str] = set()

    def __enter__(self) -> Self:
        """Return the record."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Refuse unread fields; name the place of a ValueError."""
        if isinstance(error, ContentError):
            return
        if isinstance(error, ValueError):
            raise ContentError(f"{self._place or 'the content'}: {error}") from error
        if kind is None and (unread := set(self._values) - self._read):
            raise ContentError(f"{self._path(sorted(unread)[0])} is not a field of the content")

    def __contains__(self, name: str) -> bool:
        """Return True if the object has this field, be it null."""
        return name in self._values

    def text(self, name: str) -> str:
        """Get a text."""
        value = self._get(name)
        if not isinstance(value, str):
            raise ContentError(f"{self._path(name)} is a text, not {_kind(value)}")
        return value

    def optional_text(self, name: str) -> str | None:
        """Get a text or null."""
        return None if self._get(name) is None else self.text(name)

    def integer(self, name: str) -> int:
        """Get an integer; true and false are none."""
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ContentError(f"{self._path(name)} is an integer, not {_kind(value)}")
        return value

    def optional_integer(self, name: str) -> int | None:
        """Get an integer or null."""
        return None if self._get(name) is None else self.integer(name)

    def is_null(self, name: str) -> bool:
        """Return True if the field is there and null."""
        return name in self and self._get(name) is None

    def boolean(self, name: str) -> bool:
        """Get true or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise ContentError(f"{self._path(name)} is true or false, not {_kind(value)}")
        return value

    def tagged(self, tag: str) -> None:
        """Raise ContentError unless the object's `tag` is this one."""
        if self.text("tag") != tag:
            raise ContentError(
                f"{self._path('tag')} is {self.text('tag')[:40]!r}: it must be {tag!r}"
            )

    def ratio(self, name: str) -> Fraction:
        """Get an exact ratio, written in lowest terms with its denominator (`18/1`)."""
        text = self.text(name)
        try:
            value = parse_ratio(text)
        except ValueError as error:
            raise ContentError(f"{self._path(name)}: {error}") from error
        if ratio_text(value) != text:
            raise ContentError(f"{self._path(name)} is {text!r}: write {ratio_text(value)!r}")
        return value

    def member(self, name: str, members: type[_Member]) -> _Member:
        """Get one of a closed list of words."""
        text = self.text(name)
        try:
            return members(text)
        except ValueError as error:
            allowed = ", ".join(members)
            raise ContentError(
                f"{self._path(name)} is {text[:40]!r}: allowed are {allowed}"
            ) from error

    def optional(self, name: str) -> Record | None:
        """Get an object or null."""
        value = self._get(name)
        return None if value is None else Record(value, self._path(name))

    def record(self, name: str) -> Record:
        """Get an object."""
        return Record(self._get(name), self._path(name))

    def texts(self, name: str) -> list[str]:
        """Get a list of texts."""
        values = self._get(name)
        if not isinstance(values, list):
            raise ContentError(f"{self._path(name)} is a list, not {_kind(values)}")
        for number, value in enumerate(values, 1):
            if not isinstance(value, str):
                raise ContentError(f"{self._path(name)}[{number}] is a text, not {_kind(value)}")
        return values

    def values(self) -> dict[str, JsonValue]:
        """Get every field as it is, for an object whose names are the content's own."""
        self._read |= set(self._values)
        return dict(self._values)

    def items(self, name: str) -> list[JsonValue]:
        """Get a list of whatever it holds."""
        values = self._get(name)
        if not isinstance(values, list):
            raise ContentError(f"{self._path(name)} is a list, not {_kind(values)}")
        return list(values)

    def records(self, name: str) -> list[Record]:
        """Get a list of objects."""
        return [
            Record(value, f"{self._path(name)}[{k}]") for k, value in enumerate(self.items(name), 1)
        ]

    def _get(self, name: str) -> JsonValue:
        if name not in self._values:
            raise ContentError(f"{self._path(name)} is missing")
        self._read.add(name)
        return self._values[name]

    def _path(self, name: str) -> str:
        return f"{self._place}.{name[:60]}" if self._place else name[:60]


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"{value!r:.40}"
