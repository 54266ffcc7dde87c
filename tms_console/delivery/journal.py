"""A running session's own time and its way to the record: events, frames and every other write.

What is worth writing, and what it means, is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from drivers.interface import Clock, Frame
from tms_console.records.operations import (
    EventKind,
    Frames,
    Operation,
    SessionEvent,
    new_uid,
)

AUTHORITY = "authority "
"""So the event begins that states the content which was authorised, as canonical JSON."""


class Ticket(Protocol):
    """A write that was handed over."""

    def wait(self, timeout_s: float) -> bool:
        """Return True once it is committed, False if it is not within the time or cannot be."""
        ...


class Writer(Protocol):
    """Takes every write of a session, in order."""

    def submit(self, operation: Operation) -> Ticket:
        """Take a write; never waits for a disk."""
        ...

    def hold(self) -> None:
        """Begin no transaction until `release`: a stimulating command is due."""
        ...

    def release(self) -> None:
        """Write again."""
        ...


class FrameBuffer:
    """Where the driver logs frames; the session takes them from there."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []

    def __call__(self, frame: Frame) -> None:
        """Keep a frame."""
        self._frames.append(frame)

    def take(self) -> list[Frame]:
        """Return the frames that have come since the last call."""
        frames, self._frames = self._frames, []
        return frames


@dataclass(frozen=True, slots=True)
class Journal:
    """What a session is recorded with.

    Attributes:
        uid: The session's uid.
        origin_ns: The clock at its origin; every time on record counts from there.
        clock: Its clock.
        writer: Takes its writes.
        frames: Where its driver logs.
    """

    uid: str
    origin_ns: int
    clock: Clock
    writer: Writer
    frames: FrameBuffer

    def now_ns(self) -> int:
        """Return the time since the session's origin."""
        return self.clock.now_ns() - self.origin_ns

    def since_origin(self, at_ns: int) -> int:
        """Return a moment of the clock as an offset from the session's origin."""
        return at_ns - self.origin_ns

    def on_clock(self, offset_ns: int) -> int:
        """Return an offset from the session's origin as a moment of the clock."""
        return self.origin_ns + offset_ns

    def write(self, operation: Operation) -> Ticket:
        """Hand over a write."""
        return self.writer.submit(operation)

    def note(self, kind: EventKind, detail: str, actor: str = "console") -> Ticket:
        """Put an event on record, with the time as it is now."""
        return self.write(
            SessionEvent(
                uid=new_uid(),
                session_uid=self.uid,
                at_ns=self.now_ns(),
                kind=kind,
                detail=detail,
                actor=actor,
            )
        )

    def flush_frames(self) -> None:
        """Put the frames that have passed on record."""
        frames = self.frames.take()
        if frames:
            moved = tuple(
                Frame(self.since_origin(one.at_ns), one.direction, one.data) for one in frames
            )
            self.write(Frames(session_uid=self.uid, frames=moved))
