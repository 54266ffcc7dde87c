"""One state of a record after another, checked whole once and then followed row by row.

For a program that looks at the record all the time, as the window does, and a session before each
of its trains: the cost of a look is that of what was written since.  The gate's own look at the
start of a session knows nothing from before, so it reads all of it.

What a followed look notices is all that `trust.trusting` notices of what is new: the chain's end
against what is kept outside, the schema, every new audit row by its link, the newest seal and its
signature over old and new rows, every new record against its audit row, all stored passwords.
What it cannot notice is an edit, in the file itself, of an audit row or record that was read
before; it goes on with what it read, which is what this console wrote.  Such an edit refuses the
next start of a session (the gate), the next whole look (the next start of the program, every
logout, every signature), and `records verify`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from tms_console.accounts.anchor import PublicAnchor
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.looking import one_state, read_trusted
from tms_console.accounts.trust import Trusted
from tms_console.records import rereading
from tms_console.records.database import Database


class Followed:
    """What is known of one database; looks of several threads wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = 0
        self._known: Trusted | None = None
        self.whole_looks = 0
        """How often all of it was read."""

    def forget(self) -> None:
        """Let the next look read all of it."""
        with self._lock:
            self._known = None

    @contextlib.contextmanager
    def trusting(self, database: Database, anchor: PublicAnchor) -> Iterator[Trusted]:
        """Give one state of the database; keep it short.

        A look inside a look of the same thread reads all of it: what the outer one was given must
        not change under it.

        Raises:
            NotTrusted: As for `trust.trusting`.
            DatabaseUnusable: It cannot be read.
        """
        if self._holder == threading.get_ident():
            with one_state(database, anchor) as (connection, kept, head):
                yield read_trusted(connection, database, anchor, kept, head)
            return
        with self._lock, one_state(database, anchor) as (connection, kept, head):
            self._holder = threading.get_ident()
            known, self._known = self._known, None  # kept again only if all goes well
            try:
                if known is not None:
                    try:
                        known.follow(connection, kept, head)
                    except NotTrusted:
                        known = None  # the whole look says what is wrong, or that nothing is
                if known is None:
                    self.whole_looks += 1
                    known = read_trusted(connection, database, anchor, kept, head)
                believed: Trusted | None = known
                try:
                    yield known
                except NotTrusted:
                    believed = None
                    raise
                finally:
                    known.leave()
                    self._known = believed
            finally:
                rereading.forget()
                self._holder = 0
