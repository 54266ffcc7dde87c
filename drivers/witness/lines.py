"""The witness's line protocol: what a small serial timestamper says, as values.  No I/O.

A witness is any microcontroller with an input on the stimulator's trigger output and a free-running
32-bit counter of microseconds.  It speaks 115,200 baud, 8N1, in ASCII lines that end with a line
feed.  Each line is a letter, fields in decimal apart by one space, `*`, and two hexadecimal
digits: the exclusive-or of every byte before the `*`.

===================== ================================================================
`W tms-witness-1 SN`  who it is: protocol and serial number (1 to 32 of `A-Z a-z 0-9 _ -`);
                      sent when it starts, and on request
`E COUNT US`          an edge: its number since the start, from 1, and the counter at the edge
`A COUNT US`          it is alive: edges whose lines went before, and the counter now; every
                      500 ms
`T COUNT US`          the same, as the answer to `T`
===================== ================================================================

Both numbers are unsigned 32-bit and wrap.  The host writes `W` or `T`, each with a line feed, and
nothing else.  An edge's counter is latched at the edge; its line leaves up to 100 ms later, perhaps
behind one with a newer counter.  Edges closer than 500 us are one edge (contact bounce, ringing).
The format is this project's own: any firmware of some twenty lines does it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor

PROTOCOL = "tms-witness-1"
BAUD_RATE = 115_200
ALIVE_EVERY_NS = 500_000_000
DEAD_TIME_NS = 500_000
"""Edges closer than this are one."""
COUNTER_MODULUS = 1 << 32

ASK_IDENTITY = b"W\n"
ASK_TIME = b"T\n"

MOST_LINE = 80
"""No line is longer; more bytes without a line feed are no witness."""

_IDENTITY = re.compile(rb"W (?P<protocol>[!-~]{1,32}) (?P<serial>[A-Za-z0-9_-]{1,32})")
_COUNTED = re.compile(rb"(?P<letter>[EAT]) (?P<count>0|[1-9][0-9]{0,9}) (?P<us>0|[1-9][0-9]{0,9})")
_CHECKED = re.compile(rb"(?P<body>[ -)+-~]*)\*(?P<sum>[0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the witness is.

    Attributes:
        protocol: What it speaks.
        serial: Its serial number.
    """

    protocol: str
    serial: str


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """An edge on the trigger output.

    Attributes:
        count: Its number since the witness started, modulo 2^32.
        us: The counter at the edge, modulo 2^32.
    """

    count: int
    us: int


@dataclass(frozen=True, slots=True)
class AliveLine:
    """The witness lives.

    Attributes:
        count: Edges whose lines went before, modulo 2^32.
        us: The counter when the line began to leave, modulo 2^32.
        asked: It answers a question.
    """

    count: int
    us: int
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that are no line of the protocol.

    Attributes:
        data: The bytes, the line feed left out.
    """

    data: bytes


Line = Identity | EdgeLine | AliveLine | Broken


def encode_line(line: Identity | EdgeLine | AliveLine) -> bytes:
    """Return a line as it goes over the wire.

    Raises:
        ValueError: A number is outside 32 bits, or a name cannot be said.
    """
    match line:
        case Identity(protocol, serial):
            body = f"W {protocol} {serial}".encode("ascii")
            if _IDENTITY.fullmatch(body) is None:
                raise ValueError(f"a witness cannot be called {protocol!r} {serial!r}")
        case EdgeLine(count, us) | AliveLine(count, us):
            if not (0 <= count < COUNTER_MODULUS and 0 <= us < COUNTER_MODULUS):
                raise ValueError(f"count and counter have 32 bits, not {count} and {us}")
            alive = "T" if isinstance(line, AliveLine) and line.asked else "A"
            letter = "E" if isinstance(line, EdgeLine) else alive
            body = f"{letter} {count} {us}".encode("ascii")
    return b"%s*%02X\n" % (body, checksum(body))


def checksum(body: bytes) -> int:
    """Return the exclusive-or of all bytes."""
    return reduce(xor, body, 0)


def parse_line(data: bytes) -> Line:
    """Return what a line without its line feed says."""
    checked = _CHECKED.fullmatch(data)
    if checked is None or int(checked["sum"], 16) != checksum(checked["body"]):
        return Broken(data)
    if (named := _IDENTITY.fullmatch(checked["body"])) is not None:
        return Identity(named["protocol"].decode("ascii"), named["serial"].decode("ascii"))
    counted = _COUNTED.fullmatch(checked["body"])
    if counted is None:
        return Broken(data)
    count, us = int(counted["count"]), int(counted["us"])
    if count >= COUNTER_MODULUS or us >= COUNTER_MODULUS:
        return Broken(data)
    if counted["letter"] == b"E":
        return EdgeLine(count, us)
    return AliveLine(count, us, asked=counted["letter"] == b"T")


class LineDecoder:
    """Splits a stream of bytes into lines, however it was chopped up.

    What comes before the first line feed may be the rest of a line that began before the port was
    opened, so it is dropped unless it is whole.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._in_step = False

    def feed(self, data: bytes) -> None:
        """Add bytes as they arrive."""
        self._buffer += data

    def next_line(self) -> Line | None:
        """Return the next line, or None if more bytes are needed."""
        while True:
            at = self._buffer.find(b"\n")
            if at < 0 and len(self._buffer) <= MOST_LINE:
                return None
            end = MOST_LINE if at < 0 or at > MOST_LINE else at
            line = parse_line(bytes(self._buffer[:end]).removesuffix(b"\r"))
            del self._buffer[: end + (end == at)]
            in_step, self._in_step = self._in_step, True
            if in_step or not isinstance(line, Broken):
                return line
