"""What must be true of every treatment that is refused, or ended by the gate between two trains."""

from __future__ import annotations

from pathlib import Path

from tests.delivery.sessions import Rehearsal, rows
from tms_console.accounts.whole_file import verify_whole

DISARM = b"\x02\x00"


def require_refused(done: Rehearsal, *words: str, believed: bool = True) -> None:
    """Fail unless nothing was armed and nothing begun, and the reason is said and on record.

    Args:
        done: What was tried.
        words: What the reason must say.
        believed: The file is what this console wrote, so that the refusal is entered in it.
    """
    assert done.result.state is None, done.result.reason
    for each in words:
        assert each in done.result.reason, done.result.reason
    require_harmless(done)
    assert rows(done.database, "SELECT count(*) FROM session") == [(0,)]
    audited = refusals(done.database)
    if believed:
        assert audited == [done.result.reason]
    else:
        assert audited == []


def require_harmless(done: Rehearsal) -> None:
    """Fail if anything that stimulates, or makes able to, went on the wire."""
    assert done.commands == []
    assert [one for one in done.wrote if one.arms] == []
    if done.was_opened:
        assert done.emulator.fired == ()
        assert not done.emulator.state().status.info.enabled


def require_ended_before(done: Rehearsal, train: int, *words: str) -> None:
    """Fail unless the session ended before this train, with that reason, disarmed."""
    assert done.state == "failed", done.result.reason
    assert done.result.reason.startswith(f"before train {train}: ")
    for each in words:
        assert each in done.result.reason, done.result.reason
    assert len(done.commands) == train - 1
    assert not done.emulator.state().status.info.enabled
    assert done.wrote[-1].disarms


def refusals(database: Path) -> list[str]:
    """Return what the audit trail says of refused starts."""
    query = "SELECT detail ->> '$.text' FROM audit WHERE action = 'gate.refused' ORDER BY seq"
    return [row[0] for row in rows(database, query)]


def found(path: Path) -> dict[str, str]:
    """Return what a verification on this console finds, by row."""
    return {one.row: one.sentence for one in verify_whole(path).findings}


def require_named(path: Path, *named: str) -> None:
    """Fail unless a verification on this console names each of these."""
    said = [f"{row}: {sentence}" for row, sentence in found(path).items()]
    for each in named:
        assert any(each in one for one in said), said
