"""What can go wrong with the record, classed by what the caller does next.

    RecordsError
    ├── DatabaseUnusable    this file cannot serve: show the sentence, choose another file
    ├── IllegalOperation    a write contradicts the record, a bug in the caller: nothing was written
    ├── WriteFailed         not known to be written: stop and disarm; the sentence is for a person
    ├── NotAsLeft           the file is not as this console left it: nothing of it is signed
    └── SessionLockTaken    another console holds a session on this file: wait or use that one

Every message is a sentence a technician can read; nothing here knows how to show one.
"""

from __future__ import annotations


class RecordsError(Exception):
    """Something is wrong with the record; the message names the file or the row."""


class DatabaseUnusable(RecordsError):
    """The file cannot be opened, created or used for this purpose."""


class CheckGivenUp(RecordsError):
    """A check of the file was not wanted any more; nothing is known of the file by it."""


class IllegalOperation(RecordsError):
    """A write that the rules of the record forbid; it was rolled back whole."""


class WriteFailed(RecordsError):
    """A write that is not known to have reached the disk."""


class NotAsLeft(RecordsError):
    """The chain does not stand where this console left it, or does not hold together."""


class SessionLockTaken(RecordsError):
    """Another process is running a session on this database."""
