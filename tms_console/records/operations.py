"""Every write of a session as a frozen value, checked when it is made, that can also be JSON.

The same values go to the writer, through the pipe and into `<database>.unsaved`; how they become
rows is `storing`'s affair, and what kinds, states and outcomes there are is in `standings`.

Every `_ns` is an offset from the session's origin, in nanoseconds.  Pulses and trains are numbered
from 1 over the whole session; blocks from 1.  Sessions are named by their uid, never by local keys.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.functional_validators import BeforeValidator

from drivers.interface import Direction, Frame
from tms_console.records.canonical import MAX_INTEGER
from tms_console.records.clinical import AddRecord, SetCredential
from tms_console.records.standings import (
    LATE_KINDS,
    UNSEEN,
    EventKind,
    Evidence,
    PulseOutcome,
    SessionKind,
    SessionState,
    TrainOutcome,
    require_evidence,
)
from tms_console.records.values import Digest, Uid, WallTime, Words, new_uid

_CHECKED = ConfigDict(strict=True, extra="forbid")

OffsetNs = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Percent = Annotated[int, Field(ge=0, le=100)]
Number = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
AmpsPerMicrosecond = Annotated[int, Field(ge=0, le=65_535)]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class BeginSession:
    """A session starts: its row is on disk before anything else of it.

    Attributes:
        authority_uid: The signed prescription or policy; None only in a rehearsal.
        authority_digest: SHA-256 of the signed content; None exactly when the uid is.
        resumes_uid: The session that this one goes on with, if any.
        simulated_proof: How it was proved that the stimulator is simulated; None for a real one.
        realtime_priority: What the system granted, in words.
        threshold_uid: The threshold that the dose rests on; None where there is none.
        technician_uid: The user who ordered it; None in a rehearsal.
        started_at: Wall time, RFC 3339 in UTC.
        origin_wall: Wall time of the origin of every `_ns`, RFC 3339 in UTC.
        actor: Who starts it.
    """

    op: Literal["begin_session"] = "begin_session"
    uid: Uid
    kind: SessionKind
    authority_uid: Uid | None = None
    authority_digest: Digest | None = None
    resumes_uid: Uid | None = None
    threshold_uid: Uid | None = None
    technician_uid: Uid | None = None
    device_model: Words
    device_serial: str
    device_firmware: str
    simulated_proof: Words | None
    coil: str
    software_version: Words
    realtime_priority: Words
    started_at: WallTime
    origin_wall: WallTime
    actor: Words

    def __post_init__(self) -> None:
        """Raise ValueError for a session that may not exist."""
        if (self.authority_uid is None) != (self.authority_digest is None):
            raise ValueError("a session has the uid and the digest of its authority, or neither")
        if self.kind is not SessionKind.REHEARSAL and self.authority_uid is None:
            raise ValueError(f"a {self.kind} session rests on a signed authority; this has none")
        if self.kind is SessionKind.REHEARSAL and self.simulated_proof is None:
            raise ValueError("a rehearsal runs only on a stimulator that is proved simulated")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class BeginTrain:
    """A train and all its pulses, as commanded; committed before the first byte of arm or start.

    Attributes:
        number: The train's number in the session.
        planned_start_ns: Due time of the train, pauses included.
        first_pulse: The number of its first pulse; the others follow on.
        planned_ns: Due time of every pulse, rising; () for a train whose pulses are committed one
            by one with `BeginPulse`.
    """

    op: Literal["begin_train"] = "begin_train"
    session_uid: Uid
    block: Number
    number: Number
    intensity_pct_mso: Percent
    planned_start_ns: OffsetNs
    first_pulse: Number
    planned_ns: tuple[OffsetNs, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless the due times rise."""
        if any(late <= early for early, late in pairwise(self.planned_ns)):
            raise ValueError(f"train {self.number}: the due times of its pulses must rise")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class BeginPulse:
    """One host-timed pulse, as commanded; committed just before its own command."""

    op: Literal["begin_pulse"] = "begin_pulse"
    session_uid: Uid
    train_number: Number
    number: Number
    intensity_pct_mso: Percent
    planned_ns: OffsetNs


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class TrainCommanded:
    """The command that sets a train off went to the port: so did its pulses' that are open."""

    op: Literal["train_commanded"] = "train_commanded"
    session_uid: Uid
    train_number: Number
    commanded_ns: OffsetNs


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class PulseResult:
    """What is known to have become of one commanded pulse; it is final.

    Attributes:
        commanded_ns: When its command went out; None leaves what `TrainCommanded` said.
        observed_ns: When this very pulse was seen; None exactly for evidence `none` and `inferred`.
        realised_a_us: The device's own di/dt in A/us, if it reports one.
    """

    number: Number
    outcome: PulseOutcome
    evidence: Evidence
    commanded_ns: OffsetNs | None = None
    observed_ns: OffsetNs | None = None
    realised_a_us: AmpsPerMicrosecond | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a result that the record does not take."""
        if self.outcome in {PulseOutcome.COMMANDED, PulseOutcome.UNPLANNED}:
            raise ValueError(f"pulse {self.number}: {self.outcome} is not a result of a command")
        require_evidence(self.number, self.outcome, self.evidence, self.observed_ns)
        if self.outcome in {PulseOutcome.NOT_DELIVERED, PulseOutcome.REFUSED} and (
            self.evidence is not Evidence.NONE or self.realised_a_us is not None
        ):
            raise ValueError(f"pulse {self.number}: {self.outcome} comes without evidence of one")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class PulsesFinal:
    """Pulses that were commanded get their outcome, as it becomes known."""

    op: Literal["pulses_final"] = "pulses_final"
    session_uid: Uid
    results: tuple[PulseResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class UnplannedPulse:
    """A pulse that nobody commanded (panel, foot switch, TTL).

    Attributes:
        number: On from the end of the whole schedule.
        train_number: The train it fell into, while that is open; else None.
        intensity_pct_mso: What the device was set to, if known.
    """

    op: Literal["unplanned_pulse"] = "unplanned_pulse"
    session_uid: Uid
    number: Number
    train_number: Number | None
    intensity_pct_mso: Percent | None
    observed_ns: OffsetNs | None
    realised_a_us: AmpsPerMicrosecond | None = None
    evidence: Evidence

    def __post_init__(self) -> None:
        """Raise ValueError for evidence that the record does not take."""
        require_evidence(self.number, PulseOutcome.UNPLANNED, self.evidence, self.observed_ns)


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class EndTrain:
    """A train is over and all its pulses have their outcome; it gets its digest and is sealed.

    Attributes:
        started_ns: When the device was seen to start it; None if nobody saw.
        ended_ns: When it was seen to be over; None if nobody saw.
    """

    op: Literal["end_train"] = "end_train"
    session_uid: Uid
    train_number: Number
    started_ns: OffsetNs | None
    ended_ns: OffsetNs | None
    outcome: TrainOutcome

    def __post_init__(self) -> None:
        """Raise ValueError for an outcome that is not an end."""
        if self.outcome is TrainOutcome.RUNNING:
            raise ValueError(f"train {self.train_number}: running is not how a train ends")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class SessionEvent:
    """Something happened: a state, a pause and its reason, an adverse event, a fault, a note.

    Attributes:
        uid: Its own uid (`new_uid()`), by which the audit chain and corrections name it.
        actor: Who did or said it; the console itself if nobody.
    """

    op: Literal["session_event"] = "session_event"
    uid: Uid
    session_uid: Uid
    at_ns: OffsetNs
    kind: EventKind
    detail: str
    actor: Words = "console"


def _frame_from_json(value: object) -> object:
    match value:
        case [int(at_ns), str(direction), str(text)]:
            return Frame(at_ns, Direction(direction), bytes.fromhex(text))
    return value


def _frame_to_json(frame: Frame) -> tuple[int, str, str]:
    return frame.at_ns, frame.direction.value, frame.data.hex()


LoggedFrame = Annotated[
    Frame, BeforeValidator(_frame_from_json), PlainSerializer(_frame_to_json, when_used="json")
]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class Frames:
    """Frames of the link, in the order they passed.

    Attributes:
        session_uid: None outside a session.
        frames: Their `at_ns` are offsets from the session's origin like every other time here
            (Unix time in ns outside a session); secret spans are already `*`.
    """

    op: Literal["frames"] = "frames"
    session_uid: Uid | None
    frames: tuple[LoggedFrame, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class EndSession:
    """A session is over; its closing entry states the numbers and digests of all it holds.

    Attributes:
        ended_at: Wall time, RFC 3339 in UTC.
        end_reason: Why, in words for a person.
    """

    op: Literal["end_session"] = "end_session"
    session_uid: Uid
    state: SessionState
    end_reason: Words
    ended_at: WallTime
    actor: Words = "console"

    def __post_init__(self) -> None:
        """Raise ValueError for a state that is not an end."""
        if self.state is SessionState.RUNNING:
            raise ValueError("running is not how a session ends")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class AuditNote:
    """An audit row of its own, such as a start that the gate refused.

    Attributes:
        uid: Its own uid, so that it is never entered twice.
        action: Two words joined by a dot, such as `gate.refused`; those of the record itself
            (`OWN_ACTIONS`) are taken.
        subject: What it is about, such as `authority:<uid>`.
        detail: It in words.
    """

    op: Literal["audit_note"] = "audit_note"
    uid: Uid
    actor: Words
    action: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$")]
    subject: str
    detail: str

    def __post_init__(self) -> None:
        """Raise ValueError for an action that the record writes itself."""
        if self.action.split(".")[0] in OWN_ACTIONS:
            raise ValueError(f"the audit action {self.action!r} belongs to the record itself")


OWN_ACTIONS = frozenset(
    {"session", "train", "pulse", "event", "database", "records", "record", "credential"}
)
"""First words of the audit actions that the record writes itself."""

Operation: TypeAlias = (
    BeginSession
    | BeginTrain
    | BeginPulse
    | TrainCommanded
    | PulsesFinal
    | UnplannedPulse
    | EndTrain
    | SessionEvent
    | Frames
    | EndSession
    | AuditNote
    | AddRecord
    | SetCredential
)

_ADAPTER: TypeAdapter[Operation] = TypeAdapter(Annotated[Operation, Field(discriminator="op")])


def to_json(operation: Operation) -> bytes:
    """Return the operation as one line of JSON, without the line's end."""
    return _ADAPTER.dump_json(operation)


def from_json(line: bytes | str) -> Operation:
    """Return the operation that a line of JSON states.

    Raises:
        ValueError: The line is not the JSON of an operation; the message says which field.
    """
    try:
        return _ADAPTER.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"not an operation of the record: {place}: {first['msg']}") from error


__all__ = [
    "LATE_KINDS",
    "OWN_ACTIONS",
    "UNSEEN",
    "AddRecord",
    "AuditNote",
    "BeginPulse",
    "BeginSession",
    "BeginTrain",
    "Digest",
    "EndSession",
    "EndTrain",
    "EventKind",
    "Evidence",
    "Frames",
    "Operation",
    "PulseOutcome",
    "PulseResult",
    "PulsesFinal",
    "SessionEvent",
    "SessionKind",
    "SessionState",
    "SetCredential",
    "TrainCommanded",
    "TrainOutcome",
    "Uid",
    "UnplannedPulse",
    "WallTime",
    "Words",
    "from_json",
    "new_uid",
    "to_json",
]
