"""`<database>.unsaved`: where a session goes when the database cannot be written, line by line.

It is made and pre-allocated when a session starts, so that it works on a full disk, and removed
when the session closed cleanly.  Reading it back into the database is `reconcile`'s affair.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self

from tms_console.records.errors import DatabaseUnusable, WriteFailed
from tms_console.records.heads import sync_folder
from tms_console.records.left_behind import UnsavedHeader, header_of, unsaved_path
from tms_console.records.operations import Operation, from_json, to_json

PREALLOCATED_BYTES = 4 * 2**20
"""Room for a session of 3,000 pulses with its frames: some 200 bytes each, five lines a pulse."""


class Envelope(Protocol):
    """Keeps the lines of a clinic's session private and unforgeable."""

    def close(self, line: bytes, session_uid: str) -> bytes:
        """Return a line as it is written, without a line break."""
        ...

    def open(self, line: bytes, session_uid: str) -> bytes:
        """Return a line as it was.

        Raises:
            ValueError: It was not written for this session by who holds the key.
        """
        ...


@dataclass(frozen=True, slots=True)
class UnsavedText:
    """What such a file holds.

    Attributes:
        header: Its first line; None if that was never finished.
        operations: What was not known to be committed, in order.
        problems: Lines that cannot be read, in words.
    """

    header: UnsavedHeader | None
    operations: tuple[Operation, ...]
    problems: tuple[str, ...]


class UnsavedFile:
    """The open file of a running session; one thread appends to it."""

    def __init__(
        self, path: Path, descriptor: int, session_uid: str = "", envelope: Envelope | None = None
    ) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self._length = 0
        self._session_uid = session_uid
        self._envelope = envelope

    @classmethod
    def create(
        cls,
        database: Path,
        header: UnsavedHeader,
        preallocated_bytes: int = PREALLOCATED_BYTES,
        envelope: Envelope | None = None,
    ) -> Self:
        """Make the file beside a database, with its header on disk and room for a session.

        Args:
            database: The database.
            header: Its first line, which is no secret: disarming comes before any key.
            preallocated_bytes: Room for the session.
            envelope: Seals every line after the header; None for a rehearsal.

        Raises:
            DatabaseUnusable: One is there already and must be reconciled first, or the disk has
                no room for it.
        """
        path = unsaved_path(database)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise DatabaseUnusable(
                f"{path}: an earlier session left this; it must be read in first"
            ) from error
        except OSError as error:
            raise DatabaseUnusable(f"{path}: it cannot be made: {error.strerror}") from error
        file = cls(path, descriptor, header.session_uid, envelope)
        try:
            file.append_lines([json.dumps(asdict(header)).encode()])
            _allocate(descriptor, preallocated_bytes)
            os.fsync(descriptor)
            sync_folder(path.parent)
        except (OSError, WriteFailed) as error:
            file.remove()
            raise DatabaseUnusable(
                f"{path}: the disk has no room to keep a session safe: {error}"
            ) from error
        return file

    def append(self, operations: Sequence[Operation]) -> None:
        """Add operations, one line each, and return when they are on disk.

        Raises:
            WriteFailed: They are not, or not all.
        """
        lines = [to_json(operation) for operation in operations]
        if self._envelope is not None:
            lines = [self._envelope.close(line, self._session_uid) for line in lines]
        self.append_lines(lines)

    def append_lines(self, lines: Sequence[bytes]) -> None:
        """Add lines of JSON, and return when they are on disk.

        Raises:
            WriteFailed: They are not, or not all.
        """
        if self._descriptor is None:
            raise WriteFailed(f"{self._path}: it is closed")
        left = memoryview(b"".join(line + b"\n" for line in lines))
        try:
            os.lseek(self._descriptor, self._length, os.SEEK_SET)
            while left:
                written = os.write(self._descriptor, left)
                self._length += written
                left = left[written:]
            os.fsync(self._descriptor)
        except OSError as error:
            raise WriteFailed(f"{self._path}: {error.strerror}") from error

    def keep(self) -> None:
        """Close the file and leave it, without the room that was not used, for the next start."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, self._length)
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Close and delete the file: everything is in the database."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._path.unlink(missing_ok=True)


def read_unsaved(database: Path, envelope: Envelope | None = None) -> UnsavedText | None:
    """Return what an earlier session left beside a database, or None if it left nothing.

    Lines that cannot be read are named, not raised: the others still count.

    Args:
        database: The database.
        envelope: What the lines after the header were sealed with; None for a rehearsal.

    Raises:
        DatabaseUnusable: The file is there and cannot be read at all.
    """
    path = unsaved_path(database)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatabaseUnusable(f"{path}: it cannot be read: {error.strerror}") from error
    lines = content.rstrip(b"\0").split(b"\n")
    if len(lines) == 1:  # cut off while it was made: no session had begun
        return UnsavedText(None, (), ())
    problems = []
    if lines[-1]:
        problems.append(f"{path}: the last line was cut off while it was written")
    header = None
    operations: list[Operation] = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            if number == 1:
                header = header_of(line)
            elif envelope is None:
                operations.append(from_json(line))
            else:
                uid = "" if header is None else header.session_uid
                operations.append(from_json(envelope.open(line, uid)))
        except ValueError as error:
            problems.append(f"{path}: line {number}: {error}")
    return UnsavedText(header, tuple(operations), tuple(problems))


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # pragma: no cover - Windows and macOS
        used = os.fstat(descriptor).st_size
        os.lseek(descriptor, used, os.SEEK_SET)
        os.write(descriptor, bytes(max(0, size - used)))
