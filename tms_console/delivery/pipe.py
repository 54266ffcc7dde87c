"""What passes between the window and the delivering process: length-prefixed JSON, both ways.

Codec and messages only; who reads and writes is in `process` and `client`.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tms_console.delivery.order import Challenge, SessionOrder
from tms_console.delivery.probing import ProbeCommand, ProbeMessage
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.operations import EventKind, SessionState

HEAD_BYTES = 4
MAX_MESSAGE = 4 * 1024 * 1024
"""An order with every value of a session is some kilobytes."""

_CHECKED = ConfigDict(extra="forbid")


class PipeBroken(Exception):
    """What came is no message: the other side is not ours, or out of step."""


# From the window --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Start:
    """Deliver this."""

    order: SessionOrder
    do: Literal["start"] = "start"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Beat:
    """The window's own thread is alive."""

    do: Literal["beat"] = "beat"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Pause:
    """Pause after the train in hand."""

    reason: str
    do: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Resume:
    """Go on."""

    do: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Stop:
    """End the session at once."""

    reason: str
    do: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class SetIntensity:
    """Move the intensity of a block from the next train on.

    Attributes:
        intensity_pct_mso: To what.
        block: The block that whoever pressed saw, from 1; it is refused for any other.
    """

    intensity_pct_mso: int
    block: int
    do: Literal["set_intensity"] = "set_intensity"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class GiveStimulus:
    """Give one stimulus of a search for a threshold.

    Attributes:
        stimulus: Which, from 1: an order that comes twice gives one.
        intensity_pct_mso: At what, as whoever pressed saw it.
    """

    stimulus: int
    intensity_pct_mso: int
    do: Literal["give_stimulus"] = "give_stimulus"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class SayInFinding:
    """Put on record what was said in a search for a threshold.

    Attributes:
        entry: It, as `protocols.finding_log.entry_json` makes it.
        actor: Who said it.
    """

    entry: JsonValue
    actor: str
    do: Literal["say_in_finding"] = "say_in_finding"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class PutOnRecord:
    """Put a note or an adverse event on record."""

    kind: Literal[EventKind.NOTE, EventKind.ADVERSE_EVENT]
    detail: str
    actor: str
    do: Literal["put_on_record"] = "put_on_record"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class PutAdverseEvent:
    """Put a structured adverse event on record; a grave one ends the session.

    Attributes:
        record: It, as `clinic.adverse_events.adverse_event_record` makes it.
    """

    record: AddRecord
    do: Literal["put_adverse_event"] = "put_adverse_event"

    def __post_init__(self) -> None:
        """Raise ValueError for a record of another kind."""
        if self.record.kind is not RecordKind.ADVERSE_EVENT:
            raise ValueError(f"{self.record.kind} {self.record.uid} is no adverse event")


ToRecord = PutOnRecord | PutAdverseEvent
Finding = GiveStimulus | SayInFinding
Command = Start | Beat | Pause | Resume | Stop | SetIntensity | Finding | ToRecord | ProbeCommand


# From the delivering process --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Ready:
    """The process is up.

    Attributes:
        pid: Its process id.
        version: Its software version; the window compares it with its own.
        disarmed: What came of the disarm it was started for, "" if it was not.
    """

    pid: int
    version: str
    disarmed: str
    say: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Alive:
    """Whoever takes commands still takes them; older ones are dropped if nobody reads them."""

    say: Literal["alive"] = "alive"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Challenged:
    """What the next start order must hold; each serves one start, whatever comes of it."""

    challenge: Challenge
    say: Literal["challenged"] = "challenged"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class GateAnswer:
    """One check of the gate."""

    code: str
    answer: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Began:
    """The session is on record."""

    session_uid: str
    checks: tuple[GateAnswer, ...]
    say: Literal["began"] = "began"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Stands:
    """Where the session stands; older ones are dropped if nobody reads them."""

    snapshot: Snapshot
    say: Literal["stands"] = "stands"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Over:
    """The order has ended.

    Attributes:
        session_uid: The session, "" if none began.
        state: How it ended, None if none began.
        reason: Why.
        checks: What the gate said.
        saved: The database has everything.
        lost: Operations that could be saved nowhere.
        planned_pulses: Pulses that the session was to give.
        planned_ns: From its first to its last pulse, as planned.
        found: What an earlier program had left behind and a person must be shown.
    """

    session_uid: str
    state: SessionState | None
    reason: str
    checks: tuple[GateAnswer, ...]
    saved: bool
    lost: int
    planned_pulses: int = 0
    planned_ns: int = 0
    found: tuple[str, ...] = ()
    say: Literal["over"] = "over"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class NotTaken:
    """Something that was asked for in a search for a threshold is not done (`controls.NotTaken`).

    Attributes:
        what: Which of the things that are asked for.
        stimulus: The number of a stimulus that is not given; 0 for anything else.
        words: What, and why.
    """

    what: Literal["stimulus", "intensity", "entry", "decision"]
    stimulus: int
    words: str
    say: Literal["not_taken"] = "not_taken"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Unrecorded:
    """A remark came that no session here can take: the window must put it on record.

    There is none open any more, or the adverse event is none of its patient and session.

    Attributes:
        remark: It as it came.
    """

    remark: Annotated[ToRecord, Field(discriminator="do")]
    say: Literal["unrecorded"] = "unrecorded"


Message = Ready | Alive | Challenged | Began | Stands | Over | NotTaken | Unrecorded | ProbeMessage

COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="do")])
MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="say")])

_T = TypeVar("_T")


def encode(adapter: TypeAdapter[_T], value: _T) -> bytes:
    """Return a value as it goes over the pipe.

    Raises:
        ValueError: It is longer than a message may be.
    """
    body = adapter.dump_json(value)
    if len(body) > MAX_MESSAGE:
        raise ValueError(f"a message has at most {MAX_MESSAGE} bytes, not {len(body)}")
    return len(body).to_bytes(HEAD_BYTES) + body


class PipeDecoder(Generic[_T]):
    """Splits a stream of bytes into messages of one kind, however it was chopped up."""

    def __init__(self, adapter: TypeAdapter[_T]) -> None:
        self._adapter = adapter
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes as they arrive."""
        self._buffer += data

    def next_value(self) -> _T | None:
        """Return the next message, or None if more bytes are needed.

        Raises:
            PipeBroken: The bytes are no message; nothing after them can be trusted.
        """
        if len(self._buffer) < HEAD_BYTES:
            return None
        size = int.from_bytes(self._buffer[:HEAD_BYTES])
        if size > MAX_MESSAGE:
            raise PipeBroken(f"a message of {size} bytes was announced; {MAX_MESSAGE} is the most")
        if len(self._buffer) < HEAD_BYTES + size:
            return None
        body = bytes(self._buffer[HEAD_BYTES : HEAD_BYTES + size])
        del self._buffer[: HEAD_BYTES + size]
        try:
            return self._adapter.validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise PipeBroken(f"not a message: {place}: {first['msg']}") from error
