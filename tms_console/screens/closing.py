"""Closing a session that ended early: a note beside it that says why nobody goes on with it."""

from __future__ import annotations

from collections.abc import Sequence

from tms_console.records.live import SaidOfSession

CLOSED = "closed without going on: "


def why_closed(said: Sequence[SaidOfSession]) -> str:
    """Return the reason for which a session was closed, "" if it was not."""
    found = [one.detail for one in said if one.kind == "note" and one.detail.startswith(CLOSED)]
    return found[-1].removeprefix(CLOSED) if found else ""
