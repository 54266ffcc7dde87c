"""MagPro framing without I/O: `FE length body crc FF`, shared by the driver and the emulator.

What a body means is in `commands` and `replies`; waiting and deadlines belong to the caller.
"""

from __future__ import annotations

from typing import Final

from drivers.errors import ProtocolError

START: Final = 0xFE
END: Final = 0xFF
OVERHEAD: Final = 4
"""Start, length, checksum and end."""
MAX_BODY: Final = 255
MAX_BUFFERED: Final = 64 * 1024
"""Bytes a decoder keeps for a caller that feeds without taking frames; the oldest go first."""

_POLYNOMIAL = 0x8C


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_CRC_TABLE = bytes(_crc_of_byte(byte) for byte in range(256))


def crc8(body: bytes) -> int:
    """Return the CRC-8 Dallas/Maxim of the body (reflected 0x8C, start 0; stimulators.md 2.1)."""
    crc = 0
    for byte in body:
        crc = _CRC_TABLE[crc ^ byte]
    return crc


def encode_frame(body: bytes) -> bytes:
    """Return the frame that carries a body.

    Raises:
        ValueError: The body is empty or longer than 255 bytes.
    """
    if not 1 <= len(body) <= MAX_BODY:
        raise ValueError(f"a MagPro body has 1 to {MAX_BODY} bytes, not {len(body)}")
    return bytes((START, len(body), *body, crc8(body), END))


class FrameDecoder:
    """Split a byte stream into checked bodies, however the stream was chopped up.

    FE and FF may occur inside a body, so frames are cut by their length only.  After a bad frame
    the search goes on one byte further, so no good frame behind it is lost.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._overflowed = 0

    @property
    def waiting(self) -> bool:
        """True if there are bytes that are not yet a frame or an error."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes as they arrive from the port."""
        self._buffer += data
        excess = len(self._buffer) - MAX_BUFFERED
        if excess > 0:
            del self._buffer[:excess]
            self._overflowed += excess

    def next_frame(self) -> bytes | None:
        """Return the next frame's body, or None if more bytes are needed.

        Raises:
            ProtocolError: Bytes that are no frame, or a bad frame; they are dropped, and the next
                call goes on after them.
        """
        buffer = self._buffer
        if self._overflowed:
            lost, self._overflowed = self._overflowed, 0
            raise ProtocolError(f"{lost} bytes were dropped unread: over {MAX_BUFFERED} waited")
        if buffer and buffer[0] != START:
            raise self._garbage()
        if len(buffer) < 2:  # noqa: PLR2004 - start and length
            return None
        length = buffer[1]
        if not length:
            raise self._bad_frame(OVERHEAD, "its body is empty")
        size = length + OVERHEAD
        if len(buffer) < size:
            return None
        body = bytes(buffer[2 : 2 + length])
        if buffer[size - 1] != END:
            raise self._bad_frame(size, f"it ends in {buffer[size - 1]:02X}, not FF")
        if buffer[size - 2] != (crc := crc8(body)):
            raise self._bad_frame(size, f"its checksum is {buffer[size - 2]:02X}, not {crc:02X}")
        del buffer[:size]
        return body

    def drop_start(self) -> bytes:
        """Give up on an unfinished frame and return what was dropped of it, b"" if there is none.

        A start byte in noise can announce up to 255 bytes and hold up good frames behind it; the
        caller's deadline decides when to stop believing it.  The next start byte is tried next.
        """
        return self._drop_to_next_start()

    def _drop_to_next_start(self) -> bytes:
        at = self._buffer.find(START, 1)
        dropped = bytes(self._buffer if at < 0 else self._buffer[:at])
        del self._buffer[: len(dropped)]
        return dropped

    def _garbage(self) -> ProtocolError:
        dropped = self._drop_to_next_start()
        return ProtocolError(f"{len(dropped)} bytes outside any frame: {_shown(dropped)}", dropped)

    def _bad_frame(self, size: int, reason: str) -> ProtocolError:
        raw = bytes(self._buffer[:size])
        self._drop_to_next_start()
        return ProtocolError(f"bad frame {_shown(raw)}: {reason}", raw)


def _shown(raw: bytes) -> str:
    head = raw[:24].hex(" ").upper()
    return head if len(raw) <= 24 else f"{head} ... ({len(raw)} bytes)"  # noqa: PLR2004 - a line
