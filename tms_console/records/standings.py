"""How sessions, trains and pulses can stand on record, and what an outcome can rest on.

The texts are in every file on disk; the operations that hold them are `operations`.
"""

from __future__ import annotations

from enum import StrEnum


class SessionKind(StrEnum):
    """What a session is for."""

    TREATMENT = "treatment"
    THRESHOLD = "threshold"
    TEST = "test"
    REHEARSAL = "rehearsal"


class SessionState(StrEnum):
    """How a session stands; all but the first are final."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class TrainOutcome(StrEnum):
    """How a train stands; all but the first are final."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class PulseOutcome(StrEnum):
    """What became of a pulse."""

    COMMANDED = "commanded"
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNPLANNED = "unplanned"


class Evidence(StrEnum):
    """What the outcome of a pulse rests on."""

    NONE = "none"
    ACKNOWLEDGED = "acknowledged"
    """The device accepted the trigger."""
    REPORTED = "reported"
    """The device reported this very pulse."""
    INFERRED = "inferred"
    """The device timed the train, and only its start and end were seen."""
    WITNESSED = "witnessed"
    """An independent input on the trigger output saw it."""


class EventKind(StrEnum):
    """What an event of a session is about."""

    STATE = "state"
    INTENSITY = "intensity"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    GATE = "gate"
    COUNTER = "counter"
    """The device's own stimulus counter, read before and after a train."""
    DEVICE = "device"
    FAULT = "fault"
    TIMING = "timing"
    ADVERSE_EVENT = "adverse_event"
    NOTE = "note"
    CORRECTION = "correction"


LATE_KINDS = frozenset({EventKind.ADVERSE_EVENT, EventKind.NOTE, EventKind.CORRECTION})
"""Events that may follow after the end of their session; the schema enforces it."""

UNSEEN = frozenset({Evidence.NONE, Evidence.INFERRED})
"""Evidence without a time at which this very pulse was seen."""


def require_evidence(
    number: int, outcome: PulseOutcome, evidence: Evidence, observed_ns: int | None
) -> None:
    """Do nothing if outcome, evidence and time of a pulse go together.

    Raises:
        ValueError: They contradict each other.
    """
    if (observed_ns is None) != (evidence in UNSEEN):
        raise ValueError(
            f"pulse {number}: evidence {evidence!s} and observed_ns {observed_ns} contradict each "
            "other: a time was seen exactly for acknowledged, reported and witnessed"
        )
    if outcome in {PulseOutcome.DELIVERED, PulseOutcome.UNPLANNED} and evidence is Evidence.NONE:
        raise ValueError(f"pulse {number}: {outcome!s} needs evidence")
