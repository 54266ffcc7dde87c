"""Whether a place on disk can hold a database: a folder that exists, on a disk of this machine.

It looks at paths and mounts only; what is inside a file is for `database` to judge.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tms_console.records.errors import DatabaseUnusable

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.davfs", "fuse.vmhgfs-fuse", "davfs"}
    | {"ncpfs", "lustre", "gfs", "gfs2", "ocfs2", "beegfs", "gpfs", "virtiofs", "vboxsf"}
)
"""File systems on which SQLite's locks or WAL's shared memory do not hold (sqlite.org/wal.html)."""

MOUNTS = Path("/proc/self/mounts")
"""Where Linux lists what is mounted; other systems have no such file and are not checked."""


def require_place(path: Path) -> None:
    """Do nothing if a database could be at this path.

    Raises:
        DatabaseUnusable: There is no such folder, the path is a folder, or it is on a network.
    """
    if not path.parent.is_dir():
        raise DatabaseUnusable(f"{path}: there is no folder {path.parent}")
    if path.is_dir():
        raise DatabaseUnusable(f"{path}: this is a folder, not a database file")
    kind = file_system_of(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise DatabaseUnusable(
            f"{path}: this is on a network file system ({kind}), where a record can be damaged; "
            "choose a folder on a disk of this machine"
        )


def file_system_of(path: Path) -> str:
    """Return the kind of file system a path is on, "" if the system does not say."""
    if str(path).startswith(("\\\\", "//")):
        return "smb"
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    place = path.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        words = line.split()
        mounted = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[1]))
        if place.is_relative_to(mounted) and len(mounted.parts) >= best:
            best, kind = len(mounted.parts), words[2]  # a later mount hides an earlier one
    return kind


def free_bytes(folder: Path) -> int:
    """Return the space left for this program on a folder's disk.

    Raises:
        DatabaseUnusable: The folder is gone.
    """
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise DatabaseUnusable(f"{folder}: its disk cannot be read: {error.strerror}") from error
