"""The whole answer to "is this file what was written?": its rows, and what people signed in them.

`records.verify` checks the first, `verification` the second; here they are asked together, with the
keys that are at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.public_anchors import ExportedAnchor, own_anchor
from tms_console.accounts.verification import AccountsVerification, verify_accounts
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.findings import Finding, Progress
from tms_console.records.verify import Verification, verify


@dataclass(frozen=True, slots=True)
class WholeVerification:
    """The answer.

    Attributes:
        records: About every row.
        accounts: About everything signed.
        unusable: What kept the second from being asked.
        clinic: What people's records say that others of them contradict.
    """

    records: Verification
    accounts: AccountsVerification
    unusable: tuple[Finding, ...] = ()
    clinic: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that is wrong."""
        asked = (self.records.findings, self.unusable, self.accounts.findings, self.clinic)
        return tuple(dict.fromkeys(one for found in asked for one in found))

    @property
    def sound(self) -> bool:
        """True if nothing is wrong."""
        return not self.findings

    @property
    def reach(self) -> str:
        """What the answer covers and what not."""
        return f"{self.records.reach} {self.accounts.reach}".strip()


def _no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


def verify_whole(
    path: Path, exported: ExportedAnchor | None = None, progress: Progress = _no_progress
) -> WholeVerification:
    """Check every row of a database and everything that was signed in it.

    Args:
        path: The file.
        exported: What the console that wrote it keeps outside of it; without it, what this console
            keeps, if that is the one.
        progress: Called as the pulses are checked.

    Raises:
        DatabaseUnusable: It is missing, not one of ours, or newer than this program.
    """
    rows = verify(path, progress, heads=None if exported is None else exported.heads)
    try:
        public = own_anchor(path) if exported is None else exported.public
        return WholeVerification(rows, verify_accounts(path, public))
    except NotTrusted as error:
        unusable = Finding("the anchor kept outside", str(error))
    except DatabaseUnusable as error:
        unusable = Finding("the file", str(error))
    return WholeVerification(rows, AccountsVerification(), (unusable,))
