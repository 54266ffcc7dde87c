"""What can have changed in the signed record while a session runs, asked before every stimulus.

Of a treatment and of a search for a threshold alike; what is asked anew is theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from tms_console.accounts.errors import AccountsError
from tms_console.accounts.following import written_since
from tms_console.accounts.start_orders import StartOrder
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.errors import ClinicRefused
from tms_console.delivery.gate_answers import Answer, CheckResult
from tms_console.records.clinical import RECORD_ADD, RecordKind
from tms_console.records.errors import RecordsError
from tms_console.records.heads import ChainHead
from tms_console.records.registry import RegistryRow

LOGGER = logging.getLogger(__name__)

NOT_LOOKED_AT = frozenset(
    {
        RecordKind.START_ORDER,
        RecordKind.SEAL,
        RecordKind.ATTACHMENT,
        RecordKind.PATIENT,
        RecordKind.POSITIONING,
        RecordKind.THRESHOLD,
        RecordKind.FORM_ANSWERS,
    }
)
"""Records that change nothing about a session that runs: whatever else is added, all is looked at
again.  A threshold or answers that come during a session count for the next one."""


class StillAllowed:
    """The answers of the gate that can change, asked anew whenever somebody wrote what matters."""

    def __init__(
        self,
        station: Station,
        seen: ChainHead,
        look: Callable[[], tuple[CheckResult, ...]],
        matters: Callable[[RegistryRow], bool],
    ) -> None:
        """Take what is asked.

        Args:
            station: This console.
            seen: Where the chain ended when the session was examined.
            look: Asks all of it on the record as it is now.
            matters: Tells whether a row that somebody wrote can change an answer.
        """
        self._station = station
        self._seen = seen
        self._look = look
        self._matters = matters
        self._answers: tuple[CheckResult, ...] = ()

    def again(self) -> tuple[CheckResult, ...]:
        """Return the answers; looked at again the first time, and if somebody wrote what matters.

        The station follows what the gate read: a Magstim that is armed cannot wait for more.
        """
        try:
            links = written_since(self._station.database, self._seen)
            if not self._answers or any(map(self._matters, links.registry)):
                self._answers = self._look()
            self._seen = replace(self._seen, seq=links.seq, hash=links.hash)
        except (AccountsError, ClinicRefused, RecordsError) as error:
            return (
                CheckResult(
                    "record", Answer.REFUSED, str(error), "Nothing more is given on this record."
                ),
            )
        return self._answers


def matters(row: RegistryRow) -> bool:
    """Return whether a row that somebody wrote can forbid the next train."""
    kind = row.subject.partition(":")[0]
    return row.action == RECORD_ADD and kind not in NOT_LOOKED_AT


def same_person(trusted: Trusted, order: StartOrder | None, now: str) -> CheckResult:
    """Who ordered the session must still be somebody; a locked screen is not a log-out."""
    active = order is not None and (trusted.book.active(order.technician.user_uid, now) is not None)
    if active:
        return CheckResult("order", Answer.PASSED, "Who ordered the session is active.")
    return CheckResult(
        "order",
        Answer.REFUSED,
        "Who ordered the session was deactivated.",
        "Somebody else orders it anew.",
    )


def same_policy(there: bool) -> CheckResult:
    """The policy must still be in force."""
    if there:
        return CheckResult("policy", Answer.PASSED, "The clinic's policy is in force.")
    return CheckResult(
        "policy",
        Answer.REFUSED,
        "The clinic's policy was withdrawn.",
        "A physician signs a policy; without one no real stimulator is armed.",
    )


def seal_end(station: Station, occasion: str) -> None:
    """Let the console sign the chain's head after a session's last write; a failure is logged."""
    try:
        station.seal(occasion)
    except RecordsError as error:
        LOGGER.warning("the console could not sign the session's end: %s", error)
