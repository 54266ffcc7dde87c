"""One look at a database of this console: a transaction, the kept heads, and what they vouch for.

What can be believed of a state that was found, and on which grounds, is `trust`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection

from tms_console.accounts.anchor import PublicAnchor
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.trust import Trusted
from tms_console.accounts.vouching import is_where_it_was_left, read_head, remembered, vouched_chain
from tms_console.records.database import Database, Purpose
from tms_console.records.heads import ChainHead, KeptHeads

MOST_TRIES = 20
"""How often a state is looked for while others write several times between two looks."""


@contextlib.contextmanager
def trusting(database: Database, anchor: PublicAnchor) -> Iterator[Trusted]:
    """Give one state of a database, checked; short, for its connection is held open.

    Raises:
        NotTrusted: It is not, or not whole, what this console wrote; the sentence names what.
        DatabaseUnusable: It cannot be read.
    """
    with one_state(database, anchor) as (connection, kept, head):
        yield read_trusted(connection, database, anchor, kept, head)


@contextlib.contextmanager
def one_state(
    database: Database, anchor: PublicAnchor
) -> Iterator[tuple[Connection, KeptHeads | None, ChainHead]]:
    """Give a read transaction, what is kept outside of the heads, and where the chain ends in it.

    Raises:
        NotTrusted: It is another database, has no chain, or is being written all the time.
        DatabaseUnusable: It cannot be read.
    """
    _require_anchored(database, anchor)
    for _ in range(MOST_TRIES):
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(database.reading())
            kept = remembered(database.uid)
            head = read_head(connection, database.uid, anchor.console_uid)  # one state from here on
            if not is_where_it_was_left(head, kept):
                before, kept = kept, remembered(database.uid)
                if kept != before and not is_where_it_was_left(head, kept):
                    continue  # others wrote more than once between the two looks
            yield connection, kept, head
            return
    raise NotTrusted("busy", "The record is being written all the time; try again.")


def read_trusted(
    connection: Connection,
    database: Database,
    anchor: PublicAnchor,
    kept: KeptHeads | None,
    head: ChainHead | None = None,
) -> Trusted:
    """Check one state of a database.

    Args:
        connection: Inside one read transaction.
        database: What it leads to.
        anchor: What this console keeps of it.
        kept: The heads kept outside while the transaction began.
        head: Where the chain ends in it, if that was read already.

    Raises:
        NotTrusted: As for `trusting`.
    """
    _require_anchored(database, anchor)
    head = head or read_head(connection, anchor.database_uid, anchor.console_uid)
    vouched = vouched_chain(connection, anchor, kept, head)
    demonstration = database.purpose is Purpose.DEMO
    return Trusted(connection, anchor, vouched, demonstration=demonstration)


def _require_anchored(database: Database, anchor: PublicAnchor) -> None:
    if (database.uid, database.console_uid) != (anchor.database_uid, anchor.console_uid):
        raise NotTrusted(
            "foreign", "This is not the database that this console keeps an anchor of."
        )
    if database.purpose.value != anchor.purpose:
        raise NotTrusted(
            "purpose",
            f"This database says that it is a {database.purpose} database, and was made as a "
            f"{anchor.purpose} one.",
        )
