"""The public part of an anchor as a file, to verify a database on another machine.

It holds public keys and the newest head that the console remembers, and no secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tms_console.accounts.anchor import PublicAnchor, read_anchor, require_anchor
from tms_console.accounts.errors import AccountsRefused
from tms_console.accounts.keys import is_public_key
from tms_console.records.database import inspect_database
from tms_console.records.heads import ChainHead, KeptHeads, kept_heads

TAG = "tms-anchor-1"
"""What an exported anchor says it is."""


@dataclass(frozen=True, slots=True)
class ExportedAnchor:
    """What a verifier elsewhere is given.

    Attributes:
        public: The keys.
        head: The newest row that the console remembers, None if it remembers none.
    """

    public: PublicAnchor
    head: ChainHead | None

    @property
    def heads(self) -> KeptHeads | None:
        """The head as `records.verify` takes it: the chain may have gone on since."""
        return None if self.head is None else KeptHeads(self.head, None)

    def text(self) -> str:
        """Return it as JSON."""
        head = None if self.head is None else {"seq": self.head.seq, "hash": self.head.hash}
        return json.dumps(
            {
                "tag": TAG,
                "database_uid": self.public.database_uid,
                "console_uid": self.public.console_uid,
                "console_public_key": self.public.console_public_key,
                "first_administrator_key": self.public.first_administrator_key,
                "head": head,
            },
            indent=2,
        )


def export_anchor(path: Path) -> ExportedAnchor:
    """Return what this console keeps of a database, without its key.

    Raises:
        DatabaseUnusable: The file is missing, not one of ours, or cannot be opened.
        NotTrusted: This console keeps no anchor for it.
        RecordsError: What is kept cannot be read.
    """
    database = inspect_database(path)
    kept = kept_heads(database.uid)
    return ExportedAnchor(require_anchor(database.uid).public, None if kept is None else kept.after)


def own_anchor(path: Path) -> PublicAnchor | None:
    """Return the public part of what this console keeps of a database, None if nothing.

    Raises:
        DatabaseUnusable: The file is missing, not one of ours, or cannot be opened.
        NotTrusted: What is kept is damaged.
    """
    anchor = read_anchor(inspect_database(path).uid)
    return None if anchor is None else anchor.public


def read_exported(text: str) -> ExportedAnchor:
    """Return the anchor that an exported file holds.

    Raises:
        AccountsRefused: It holds none.
    """
    try:
        values = json.loads(text)
        if values["tag"] != TAG:
            raise AccountsRefused(f"This is {values['tag']!r}, and an exported anchor is {TAG!r}.")
        public = PublicAnchor(
            str(values["database_uid"]),
            str(values["console_uid"]),
            str(values["console_public_key"]),
            str(values["first_administrator_key"]),
        )
        head = values["head"]
        known = (
            None
            if head is None
            else ChainHead(
                public.database_uid, public.console_uid, int(head["seq"]), str(head["hash"])
            )
        )
    except (ValueError, KeyError, TypeError):
        raise AccountsRefused("This is no exported anchor, or it is damaged.") from None
    for key in (public.console_public_key, public.first_administrator_key):
        if not is_public_key(key):
            raise AccountsRefused(f"{key!r} in this exported anchor is no public key.")
    return ExportedAnchor(public, known)
