"""The words of a verification: what was found wrong with which row.

Finding is done elsewhere; here is only what all the checks share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the rows done and the rows there are."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        row: Which row: `session <uid>`, `train <session uid>/<number>`, `audit row <seq>`, ...
        sentence: What is wrong with it, for a person.
    """

    row: str
    sentence: str


def shown(value: object) -> str:
    """Return a value as a person may read it, however broken its text is."""
    return repr(value).encode("utf-8", "backslashreplace").decode()
