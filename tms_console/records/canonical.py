"""The canonical text and the digests of records: RFC 8785 JSON with a tag, and SHA-256.

It knows no tables and no files; what goes into each digest is decided by those who call it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import rfc8785

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"
"""What is hashed: no floating-point numbers, so that every language writes the same text."""

MAX_INTEGER = 2**53 - 1
"""The largest integer in anything hashed (RFC 8785 builds on IEEE 754 doubles)."""


def canonical_text(value: Json) -> str:
    """Return the RFC 8785 text of a value.

    Raises:
        ValueError: An integer of 2^53 or more, or text that is not Unicode.
    """
    return rfc8785.dumps(value).decode()


def digest(value: Json) -> str:
    """Return the SHA-256 of the canonical text, as 64 lower-case hexadecimal digits.

    Raises:
        ValueError: The value has no canonical text.
    """
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
"""RFC 8785 for what `_is_plain` lets through; a test compares the two."""


def digest_of_rows(value: Mapping[str, Json], rows: Sequence[Sequence[Json]]) -> str:
    """Return the digest of an object with a list of rows in it; a fifth of the time of `digest`.

    Args:
        value: The object; its member names are ASCII, and its own members few.
        rows: What in it is long: rows of texts, integers, truths and None.

    Raises:
        ValueError: The value has no canonical text.
    """
    if not _is_plain(rows):
        return digest(value)
    return hashlib.sha256(_PLAIN.encode(value).encode()).hexdigest()


def _is_plain(rows: Sequence[Sequence[Json]]) -> bool:
    kinds = {type(one) for row in rows for one in row}
    if not kinds <= {str, int, bool, type(None)}:
        return False
    numbers = [one for row in rows for one in row if type(one) is int]
    return not numbers or (min(numbers) >= -MAX_INTEGER and max(numbers) <= MAX_INTEGER)


def utc_now_text() -> str:
    """Return the wall time as RFC 3339 text in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
