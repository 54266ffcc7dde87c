"""The checked words that every record is made of: uids, digests, wall times.

What they are put together to is in `operations` and `clinical`.
"""

from __future__ import annotations

from typing import Annotated

import uuid_utils
from pydantic import Field

Uid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
"""Ed25519, in lower-case hexadecimal."""
WallTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
Words = Annotated[str, Field(min_length=1)]


def new_uid() -> str:
    """Return a new UUIDv7 (RFC 9562), which sorts by the time it was made."""
    return str(uuid_utils.uuid7())
