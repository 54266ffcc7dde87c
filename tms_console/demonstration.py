"""A throw-away clinic: staff, eight patients and months of history, none of it real.

What happened is `demonstration_story`; here is only where it lies and who may log in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tms_console.accounts.roles import Role
from tms_console.demonstration_staff import STAFF


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A throw-away clinic: who may log in, shown on the login page.

    Attributes:
        people: Login, printed name and password of each.
    """

    people: tuple[tuple[str, str, str], ...]


def _word(role: Role) -> str:
    return "QA" if role is Role.QA else role.value


PEOPLE = Demonstration(
    tuple((one.login, f"{one.name}, {_word(one.role)}", one.password) for one in STAFF)
)


def _nothing(_done: int, _total: int) -> None:
    """Show nothing."""


def make_demonstration(
    path: Path,
    progress: Callable[[int, int], None] = _nothing,
    now: datetime | None = None,
) -> Demonstration:
    """Make a demonstration's database with its whole past; no real stimulator is armed with it.

    Args:
        path: Where; nothing may be there.
        progress: Called with the acts of the story done and all there are.
        now: When it is, in UTC; the computer's time if None.

    Raises:
        AccountsRefused: Something is there already.
        RecordsError: The database cannot be made or written.
    """
    from tms_console.demonstration_story import Story  # noqa: PLC0415 - only when one is made

    Story(path, now or datetime.now(UTC)).tell(progress)
    return PEOPLE
