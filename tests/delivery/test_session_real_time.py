"""A short session in real time, with the writer in a thread of its own: rows before commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.delivery.sessions import (
    Rehearsal,
    require_rows_before_commands,
    require_sound,
    slow,
)
from tms_console.delivery.order import EmulatorOrder, SessionOrder

REAL_TIME = True
"""The virtual clock writes in the session's own thread; only real time has two."""


def in_real_time(order: SessionOrder) -> SessionOrder:
    device = order.device
    assert isinstance(device, EmulatorOrder)
    return replace(order, device=replace(device, virtual=False))


def test_with_a_writer_of_its_own_a_commit_still_returns_before_the_first_byte(
    tmp_path: Path,
) -> None:
    """The order in which COMMIT returned and bytes went out, as it really happened."""
    done = Rehearsal(content=slow(2), database=tmp_path / "r.db", order=in_real_time).run()
    assert done.state == "completed", done.result.reason
    require_rows_before_commands(done.passed, 2)
    assert done.outcomes == {"delivered": 2}
    assert len(done.emulator.fired) == 2
    require_sound(done.database)
