"""What a session rests on: asked before the session, and again before every train.

A rehearsal rests on itself; a treatment on signatures, which `treatment` reads.  What the device
must be able to do is for `gate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from protocols.deliverable import Content
from protocols.prescription import SessionContent
from tms_console.delivery.gate import Answer, CheckResult, CoilStated
from tms_console.records.clinical import AddRecord
from tms_console.records.operations import SessionKind


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the session's row says of its authority.

    Attributes:
        kind: What the session is for.
        authority_uid: The authority.
        authority_digest: Its digest, as it was authorised.
        actor: Who starts it: a user's uid, or the built-in user of rehearsals.
        threshold_uid: The threshold that the first block's dose rests on, None in a rehearsal.
        technician_uid: The user who ordered it, None in a rehearsal.
    """

    kind: SessionKind
    authority_uid: str
    authority_digest: str
    actor: str
    threshold_uid: str | None = None
    technician_uid: str | None = None


class Authority(Protocol):
    """What a session rests on."""

    @property
    def on_record(self) -> OnRecord:
        """What the session's row says of it."""
        ...

    @property
    def content(self) -> Content:
        """What is delivered."""
        ...

    @property
    def pulses_before(self) -> int:
        """Pulses that count against the day's limit, given before this session and its chain."""
        ...

    @property
    def pulses_allowed(self) -> int:
        """Pulses that may be given on the day, those before this session among them."""
        ...

    @property
    def coil_stated(self) -> CoilStated | None:
        """Who stated which coil is connected, None if nobody did."""
        ...

    @property
    def newest_at(self) -> str:
        """The newest wall time of the record that counts; an earlier clock closes the gate."""
        ...

    def digest_now(self) -> str:
        """Return the digest of what is about to run, computed afresh; "" if it was changed."""
        ...

    def checks(self) -> tuple[CheckResult, ...]:
        """Return the answers about people, approval and patient, as found before the session."""
        ...

    def again(self) -> tuple[CheckResult, ...]:
        """Return the answers that may have changed since, before a train; looks at the record."""
        ...

    def opening(self) -> Sequence[AddRecord]:
        """Return what goes on record just before the session's row."""
        ...

    def closed(self) -> None:
        """Do what follows the session's last write."""
        ...

    def now(self) -> datetime:
        """Return the wall time in the time zone that says which day it is."""
        ...


class RehearsalAuthority:
    """A rehearsal: the content itself, with no patient and no signature, and the record says so."""

    pulses_before = 0
    coil_stated = None

    def __init__(self, content: SessionContent, on_record: OnRecord, newest_at: str) -> None:
        """Take what was ordered.

        Args:
            content: What is to be rehearsed.
            on_record: Its uid, its digest as it was ordered, and the built-in user.
            newest_at: The newest wall time of the record.
        """
        self.content = content
        self.on_record = on_record
        self.newest_at = newest_at
        self.pulses_allowed = content.pulses

    def digest_now(self) -> str:
        """Return the content's digest."""
        return self.content.digest()

    def checks(self) -> tuple[CheckResult, ...]:
        """Return that nothing of a patient applies."""
        return tuple(
            CheckResult(code, Answer.NOT_APPLICABLE, "not applicable: rehearsal")
            for code in ("login", "screening", "approval")
        )

    def again(self) -> tuple[CheckResult, ...]:
        """Return nothing: nobody can withdraw a rehearsal."""
        return ()

    def opening(self) -> Sequence[AddRecord]:
        """Return nothing."""
        return ()

    def closed(self) -> None:
        """Do nothing."""

    def now(self) -> datetime:
        """Return the computer's local time."""
        return datetime.now().astimezone()
