"""Magstim framing without I/O, both ways: no start byte, no length field, only known lengths.

What a message means is in `requests` and `replies`; waiting and deadlines belong to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from drivers.errors import ProtocolError
from drivers.magstim.dialect import Command, Dialect
from drivers.magstim.replies import (
    CONFLICT_BYTE,
    UNRECOGNISED_BYTE,
    BadData,
    Conflict,
    Reply,
    Unrecognised,
    Version,
    parse_answer,
)
from drivers.magstim.requests import MASK, Request, checksum, without_code

MAX_BUFFERED: Final = 4096
"""Bytes a decoder keeps for a caller that feeds without taking; the oldest go first."""
REFUSAL_LENGTH: Final = 3
MAX_VERSION_REPLY: Final = 32
"""Longest reply to the version query that is believed (assumed)."""
_VERSION = re.compile(rb"NV(\d{1,3}(?:\.[0-9A-Za-z]{1,8})*)\x00")
_BY_BYTE = {ord(command): command for command in Command}


class _Buffer:
    """Bytes that have come and are not yet a message."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def waiting(self) -> bool:
        """True if there are bytes that are not yet a message."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes as they arrive from the port."""
        self._buffer += data
        del self._buffer[: max(0, len(self._buffer) - MAX_BUFFERED)]

    def clear(self) -> bytes:
        """Forget what waits and return it."""
        dropped = bytes(self._buffer)
        self._buffer.clear()
        return dropped


class ReplyDecoder(_Buffer):
    """Split what a unit says into checked replies, however the stream was chopped up.

    After bytes that are no reply the search goes on one byte further, so no good reply behind them
    is lost.  A letter in noise can announce up to 32 bytes; the caller's deadline gives it up with
    `drop_start`.

    Attributes:
        dialect: Decides the lengths; changed when the version is known.
        awaited: Only replies to these commands are believed, to any if it is None.
        code_was_sent: An unlock code went out, and a wrong cable may echo it: in what is no reply,
            whatever could be part of a code is replaced by stars.
    """

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.dialect = dialect
        self.awaited: Collection[Command] | None = None
        self.code_was_sent = False

    def next_reply(self) -> tuple[bytes, Reply] | None:
        """Return the next reply with its bytes, or None if more are needed.

        Raises:
            ProtocolError: Bytes that are no reply; they are dropped, and the next call goes on
                after them.
        """
        buffer = self._buffer
        if not buffer:
            return None
        if buffer[0] == UNRECOGNISED_BYTE:
            del buffer[0]
            return bytes((UNRECOGNISED_BYTE,)), Unrecognised()
        command = self._believed(buffer[0])
        if command is None:
            raise self._garbage()
        size = self._size(command)
        if size is None or len(buffer) < size:
            return None
        frame = bytes(buffer[:size])
        if frame[-1] != checksum(frame[:-1]):
            raise self._bad(frame, f"its checksum is not {checksum(frame[:-1]):02X}")
        reply = self._parsed(command, frame)
        del buffer[:size]
        return frame, reply

    def drop_start(self) -> bytes:
        """Give up on the unfinished reply's first byte, and return it as it may be shown."""
        return self._dropped(1)

    def clear(self) -> bytes:
        """Forget what waits and return it as it may be shown."""
        return self._dropped(len(self._buffer))

    def _believed(self, byte: int) -> Command | None:
        command = _BY_BYTE.get(byte)
        if command is None or not self.dialect.knows(command):
            return None
        return command if self.awaited is None or command in self.awaited else None

    def _size(self, command: Command) -> int | None:
        """Return how long the reply at the front is, None as long as that is not known."""
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 - the letter and what tells a refusal
            return None
        if buffer[1] in {UNRECOGNISED_BYTE, CONFLICT_BYTE}:
            return REFUSAL_LENGTH
        if command is not Command.VERSION:
            return self.dialect.reply_length(command)
        end = buffer.find(0, 0, MAX_VERSION_REPLY)
        if end < 0:
            return MAX_VERSION_REPLY
        return end + 2

    def _parsed(self, command: Command, frame: bytes) -> Reply:
        if frame[1] == UNRECOGNISED_BYTE:
            return BadData(command)
        if frame[1] == CONFLICT_BYTE:
            return Conflict(command)
        if command is Command.VERSION:
            version = _VERSION.fullmatch(frame[:-1])
            if version is None:
                raise self._bad(frame, "it holds no version")
            return Version(version[1].decode("ascii"))
        try:
            return parse_answer(self.dialect, command, frame)
        except ProtocolError:
            raise self._bad(frame, "it holds something else than digits") from None

    def _garbage(self) -> ProtocolError:
        buffer = self._buffer
        stop = next(
            (
                at
                for at, byte in enumerate(buffer)
                if byte == UNRECOGNISED_BYTE or self._believed(byte) is not None
            ),
            len(buffer),
        )
        dropped = self._dropped(stop)
        return ProtocolError(f"{len(dropped)} bytes outside any reply: {_shown(dropped)}", dropped)

    def _bad(self, frame: bytes, reason: str) -> ProtocolError:
        shown = without_code(frame) if self.code_was_sent else frame
        reason = "its checksum is wrong" if self.code_was_sent else reason
        dropped = self._dropped(1)
        return ProtocolError(f"bad reply {_shown(shown)}: {reason}", dropped)

    def _dropped(self, count: int) -> bytes:
        dropped = bytes(self._buffer[:count])
        del self._buffer[:count]
        return without_code(dropped) if self.code_was_sent else dropped


@dataclass(frozen=True, slots=True)
class Malformed:
    """What a unit got and cannot obey; `command` is None if it does not even know the letter."""

    command: Command | None


class RequestDecoder(_Buffer):
    """Split what a host says into requests, as a unit of this dialect does."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.dialect = dialect

    def next_request(self) -> Request | Malformed | None:
        """Return the next request, what is wrong with it, or None if more bytes are needed."""
        buffer = self._buffer
        if not buffer:
            return None
        command = _BY_BYTE.get(buffer[0])
        if command is None or not self.dialect.knows(command):
            del buffer[0]
            return Malformed(None)
        size = 2 + self.dialect.data_length(command)
        if len(buffer) < size:
            return None
        frame = bytes(buffer[:size])
        del buffer[:size]
        if frame[-1] != checksum(frame[:-1]):
            return Malformed(command)
        return Request(command, frame[1:-1])


def _shown(raw: bytes) -> str:
    if MASK in raw:
        return repr(raw)
    return raw.hex(" ").upper()
