"""What was written since a moment at which a record was checked whole.

The new rows must follow link by link, and the chain must end where this console left it; what is
in them, and whether it matters, is for whoever asks.
"""

from __future__ import annotations

from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.vouching import is_where_it_was_left, remembered
from tms_console.records.database import Database
from tms_console.records.heads import ChainHead
from tms_console.records.registry import BrokenChain, Links, read_links

MOST_TRIES = 20
"""How often it is looked again while others write between two looks."""


def written_since(database: Database, known: ChainHead) -> Links:
    """Return the rows of the registry that came after a head, and where the chain ends now.

    Args:
        database: Which.
        known: Where the chain ended when all of it was checked, or at the last look since.

    Raises:
        NotTrusted: The file was exchanged, cut, rewritten, or written by somebody else.
        DatabaseUnusable: It cannot be read.
    """
    for _ in range(MOST_TRIES):
        kept = remembered(database.uid)
        links = _links(database, known)
        head = ChainHead(known.database_uid, known.console_uid, links.seq, links.hash)
        if is_where_it_was_left(head, kept):
            return links
        if remembered(database.uid) == kept:
            raise NotTrusted(
                "appended",
                f"The record does not end where this console left it (audit row {head.seq}): it "
                "was exchanged, cut, or written by somebody else.",
            )
    raise NotTrusted("busy", "The record is being written all the time; try again.")


def _links(database: Database, known: ChainHead) -> Links:
    try:
        with database.reading() as connection:
            return read_links(connection, known.console_uid, known.seq, known.hash)
    except BrokenChain as error:
        raise NotTrusted(
            "exchanged",
            f"Audit row {error.seq} is not the one that the session began with, or does not follow "
            "from it: the record was exchanged, cut or rewritten.",
        ) from error
