"""What a host may say to a Magstim, with the one secret among it: the unlock code.

Whether a given unit takes it in its present state is not decided here (stimulators.md 1.6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.magstim.dialect import Command, Dialect

PAD = b"@"
MASK = b"*"
_CODE = re.compile(r"[0-9a-fA-F]{4}-[0-9a-fA-F]{8}-[0-9a-fA-F]{2}")
_CODE_BYTES = re.compile(rb"[0-9a-fA-F-]")


class UnlockCode:
    """The code that unlocks a unit for a host; it never shows itself.

    Args:
        text: As Magstim wrote it, `xxxx-xxxxxxxx-xx` in hexadecimal digits.

    Raises:
        ValueError: It has another form; the message does not repeat it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if _CODE.fullmatch(text) is None:
            raise ValueError(
                f"an unlock code is 4, 8 and 2 hexadecimal digits with hyphens between them; this "
                f"has {len(text)} characters of another form (a 17th is a checksum: leave it out)"
            )
        self._text = text

    @property
    def secret(self) -> bytes:
        """The code itself, for the wire only."""
        return self._text.encode("ascii")

    def __eq__(self, other: object) -> bool:
        """Compare with another code."""
        return isinstance(other, UnlockCode) and other.secret == self.secret

    def __hash__(self) -> int:
        """Hash the code."""
        return hash(self._text)

    def __repr__(self) -> str:
        """Return stars in its place."""
        return f"UnlockCode({'*' * len(self._text)})"


def checksum(data: bytes) -> int:
    """Return the bitwise NOT of the low byte of the sum (1.2)."""
    return ~sum(data) & 0xFF


def with_checksum(data: bytes) -> bytes:
    """Return the bytes followed by their checksum."""
    return data + bytes((checksum(data),))


def without_code(data: bytes) -> bytes:
    """Return bytes in which everything that could be part of an unlock code is a star."""
    return _CODE_BYTES.sub(MASK, data)


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One command with its data; the data of an unlocking command are secret.

    Attributes:
        command: Which.
        data: Its characters, one of padding where it has no data.
    """

    command: Command
    data: bytes = PAD

    @property
    def frame(self) -> bytes:
        """What goes on the line."""
        return with_checksum(self.command.encode("ascii") + self.data)

    @property
    def secret(self) -> bool:
        """True if it carries an unlock code."""
        return self.command is Command.ENABLE_REMOTE and len(self.data) > 1

    @property
    def shown(self) -> bytes:
        """The same length for logs and records, code and checksum as stars."""
        if not self.secret:
            return self.frame
        return self.command.encode("ascii") + MASK * (len(self.data) + 1)

    def __repr__(self) -> str:
        """Show what may be shown."""
        return f"Request({self.shown!r})"

    def __str__(self) -> str:
        """Show what may be shown."""
        return repr(self)


DISARM = Request(Command.MODE, b"A")
ARM = Request(Command.MODE, b"B")
FIRE = Request(Command.MODE, b"H")
RELEASE_REMOTE = Request(Command.RELEASE_REMOTE)
GET_VERSION = Request(Command.VERSION, b"D")


def enable_remote(dialect: Dialect, code: UnlockCode | None = None) -> Request:
    """Return the request for remote control.

    Raises:
        ValueError: The unit's software wants an unlock code, or none, and it is the other way.
    """
    if dialect.locked != (code is not None):
        wants = "wants an unlock code" if dialect.locked else "takes no unlock code"
        raise ValueError(f"software {dialect.software} of a {dialect.family} {wants}")
    return Request(Command.ENABLE_REMOTE, PAD if code is None else code.secret)


def number(dialect: Dialect, command: Command, value: int) -> Request:
    """Return a request that sets a number, in the unit of the protocol.

    Raises:
        ValueError: The number does not fit its digits.
    """
    digits = dialect.data_length(command)
    if not 0 <= value < 10**digits:
        raise ValueError(f"command {command} takes 0 to {10**digits - 1}, not {value}")
    return Request(command, b"%0*d" % (digits, value))
