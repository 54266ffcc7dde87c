"""New files that only their owner can read: whole and durable under their name, or not there.

What is in them is not known here; nothing here replaces or removes a file that has its name.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import platformdirs

from tms_console.records.heads import sync_folder

CONFIG_VARIABLE = "TMS_CONSOLE_CONFIG"
"""Environment variable that names another configuration folder, for servers and tests."""

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What a file system without hard links answers (FAT, some network shares)."""


def configuration_folder() -> Path:
    """Return the user's configuration folder, or the one that the environment names."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_config_dir("tms-console", False))


def private_folder(folder: Path) -> Path:
    """Return a folder after making it, and those above it, for its owner alone, if need be.

    Raises:
        OSError: It cannot be made.
    """
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
    return folder


def begin_private(path: Path) -> Path:
    """Return a new empty file beside `path`, mode 0600, to be filled and named with `name_new`.

    Raises:
        OSError: It cannot be made.
    """
    from tms_console.records.values import new_uid  # noqa: PLC0415 - start-up of the window

    fresh = path.with_name(f"{path.name}.{new_uid()}.new")
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return fresh


def name_new(fresh: Path, path: Path) -> None:
    """Give a finished file its name, durably; a file that has the name already stays.

    Raises:
        FileExistsError: Something has this name.
        OSError: The disk failed; the file may have its name or not.
    """
    sync_file(fresh)
    name_too(fresh, path)
    fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def name_too(path: Path, other: Path) -> None:
    """Give a file another name besides its own, durably; where that cannot be, instead of its own.

    Raises:
        FileExistsError: Something has the other name; it is not replaced.
        OSError: The disk failed.
    """
    try:
        os.link(path, other)  # unlike a rename, it does not replace what another made meanwhile
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if other.exists():
            raise FileExistsError(errno.EEXIST, "File exists", str(other)) from error
        path.rename(other)
    sync_folder(other.parent)


def write_private(path: Path, content: bytes) -> None:
    """Make a new 0600 file of this content, whole and durable.

    Raises:
        FileExistsError: Something has this name; it is not replaced.
        OSError: It could not be written.
    """
    fresh = begin_private(path)
    try:
        fresh.write_bytes(content)
        name_new(fresh, path)
    finally:
        drop(fresh)


def drop(fresh: Path) -> None:
    """Remove an unfinished file, and what SQLite put beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Make what is in a file durable; never of a database that this process has open.

    Closing any descriptor of a file ends this process's locks on it (POSIX), SQLite's too.

    Raises:
        OSError: The disk failed.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def permissions_fault(path: Path) -> str | None:
    """Return what is wrong with the permissions of a secret file, None if others cannot read it.

    Raises:
        OSError: There is no such file.
    """
    if os.name == "nt":  # pragma: no cover - Windows keeps no such bits
        return None
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return (
            f"{path}: others can read this secret (mode {mode:04o}); only 0600 is accepted: "
            f"chmod 600 {path}"
        )
    return None
