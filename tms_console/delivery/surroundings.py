"""What a session is joined to, and how it ended: what `session` is given and gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tms_console.delivery.controls import Controls, NotTaken
from tms_console.delivery.gate import CheckResult
from tms_console.delivery.order import Challenge
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.operations import SessionState
from tms_console.records.writer import DEFAULTS, WriterOptions


@dataclass(frozen=True, slots=True)
class SessionResult:
    """How an order ended.

    Attributes:
        session_uid: The session, "" if none began.
        state: How it ended, None if none began.
        reason: Why it ended, or why none began, as a sentence.
        checks: What the gate said.
        saved: True if the database has everything; False if part of it lies beside it.
        lost: Operations that could be saved nowhere.
        planned_pulses: Pulses that this session was to give; 0 if none began.
        planned_ns: From its first to its last pulse, as planned.
        found: What an earlier program had left behind and a person must be shown.
    """

    session_uid: str
    state: SessionState | None
    reason: str
    checks: tuple[CheckResult, ...] = ()
    saved: bool = True
    lost: int = 0
    planned_pulses: int = 0
    planned_ns: int = 0
    found: tuple[str, ...] = ()


def _nobody_waits(uid: str, checks: tuple[CheckResult, ...]) -> None:
    """Called where nobody wants to know that a session began."""


def _nobody_asked(not_taken: NotTaken) -> None:
    """Called where nobody wants to know what was not done; the record has it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session is joined to.

    Attributes:
        controls: Where orders for the running session arrive.
        publish: Gets a snapshot after every step.
        software_version: For the record.
        challenge: What the start order of a treatment must hold; None where none was given out.
        began: Called once the session is on record, with its uid and the gate's answers.
        not_taken: Called with what was asked for in a search for a threshold and is not done.
        writer_options: For tests.
    """

    controls: Controls
    publish: Callable[[Snapshot], None]
    software_version: str
    challenge: Challenge | None = None
    began: Callable[[str, tuple[CheckResult, ...]], None] = _nobody_waits
    not_taken: Callable[[NotTaken], None] = _nobody_asked
    writer_options: WriterOptions = DEFAULTS
