"""The operating-system lock beside a database: whoever holds it runs the session on that file.

It says nothing about who may read or write the database; SQLite's own locks do.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from tms_console.records.errors import DatabaseUnusable, SessionLockTaken

_HELD_HERE: set[Path] = set()
"""The lock files that this process holds."""


class SessionLock:
    """Held from before a session's row to after its last write; it dies with the process."""

    def __init__(self, lock: FileLock, path: Path) -> None:
        self._lock = lock
        self._path = path

    @classmethod
    def acquire(cls, database: Path) -> Self:
        """Take the lock of a database without waiting.

        Raises:
            SessionLockTaken: Another session is running on it, in this process or another.
            DatabaseUnusable: The lock file cannot be made beside the database.
        """
        path = lock_path(database)
        lock = FileLock(path, timeout=0, mode=0o600, thread_local=False, is_singleton=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise SessionLockTaken(
                f"{database}: a session is running on this database, in another window or program"
            ) from error
        except OSError as error:
            raise DatabaseUnusable(
                f"{path}: the session lock cannot be made there: {error.strerror or error}"
            ) from error
        _HELD_HERE.add(path.absolute())
        return cls(lock, path)

    @property
    def held(self) -> bool:
        """True until it is released."""
        return self._lock.is_locked

    def release(self) -> None:
        """Let others run sessions; any number of times."""
        if self.held:
            _HELD_HERE.discard(self._path.absolute())
        self._lock.release(force=True)

    def __enter__(self) -> Self:
        """Return the lock, which is held already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release it."""
        self.release()


def lock_path(database: Path) -> Path:
    """Return where the lock of a database is."""
    return database.with_name(database.name + ".session")


def held_here(database: Path) -> bool:
    """Return True if this very process holds the session lock of a database."""
    return lock_path(database).absolute() in _HELD_HERE


def session_is_running(database: Path) -> bool:
    """Return True if somebody holds the session lock at this moment."""
    try:
        SessionLock.acquire(database).release()
    except SessionLockTaken:
        return True
    return False
