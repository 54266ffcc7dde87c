"""What the clinic's acts refuse.

What accounts refuse (wrong password, wrong role, a database that cannot be trusted) is in
`accounts.errors` and passes through.
"""

from __future__ import annotations

from collections.abc import Sequence


class ClinicRefused(Exception):
    """The act cannot be done as it was asked; nothing was written.

    Attributes:
        reasons: Why, a sentence each, for a person.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons: Sequence[str] = reasons
