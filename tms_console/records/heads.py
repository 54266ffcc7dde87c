"""The newest link of each audit chain, kept outside the database so that a cut tail is noticed.

One small file per database in the user's state folder; it proves nothing against somebody who can
write there too.  For a clinic's database it is written inside each transaction, with the head
before and the head to come: after a crash the chain ends at one of the two, and any row that this
console did not write shows.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from tms_console.records.errors import RecordsError

STATE_VARIABLE = "TMS_CONSOLE_STATE"
"""Environment variable that names another state folder, for servers and tests."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last row of an audit chain as it was known at one moment.

    Attributes:
        database_uid: Which database.
        console_uid: Whose chain in it.
        seq: Number of its last row.
        hash: Hash of that row, hexadecimal.
    """

    database_uid: str
    console_uid: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class KeptHeads:
    """What is kept of a database's chain.

    Attributes:
        after: The newest head that was written, or was about to be.
        before: The head before that transaction; None where only the head after is kept.
    """

    after: ChainHead
    before: ChainHead | None

    @property
    def exact(self) -> bool:
        """True if the chain must end at one of the two."""
        return self.before is not None


def state_folder() -> Path:
    """Return the folder of the heads: the user's state folder, or what the environment names."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_state_dir("tms-console", False))


def head_path(database_uid: str) -> Path:
    """Return where the head of a database is kept."""
    return state_folder() / f"{database_uid}.head"


def keep_head(head: ChainHead, before: ChainHead | None = None) -> None:
    """Replace the kept head of a database, atomically and durably.

    Args:
        head: The newest head.
        before: The head before the transaction in hand, if this is called inside one.

    Raises:
        RecordsError: It could not be written; the old one is still there.
    """
    path = head_path(head.database_uid)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            kept = asdict(head) | ({} if before is None else {"before": asdict(before)})
            file.write(json.dumps(kept).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise RecordsError(
            f"{path}: the head of the audit chain could not be kept: {error.strerror or error}"
        ) from error


def kept_head(database_uid: str) -> ChainHead | None:
    """Return the newest kept head of a database, or None if none was ever kept here.

    Raises:
        RecordsError: The file is there and does not hold a head.
    """
    kept = kept_heads(database_uid)
    return None if kept is None else kept.after


def kept_heads(database_uid: str) -> KeptHeads | None:
    """Return what is kept of a database's chain, or None if nothing was ever kept here.

    Raises:
        RecordsError: The file is there and does not hold a head.
    """
    path = head_path(database_uid)
    try:
        values = json.loads(path.read_bytes())
        earlier = values.pop("before", None)
        kept = KeptHeads(ChainHead(**values), None if earlier is None else ChainHead(**earlier))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RecordsError(f"{path}: this is not the head of an audit chain: {error}") from error
    for head in (kept.after, kept.before or kept.after):
        if head.database_uid != database_uid or not isinstance(head.seq, int):
            raise RecordsError(f"{path}: this is not the head of the audit chain of {database_uid}")
    return kept


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can.

    Raises:
        OSError: The disk failed.
    """
    if os.name == "nt":  # pragma: no cover - Windows cannot open folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
