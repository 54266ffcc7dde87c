"""What a session leaves over for the window: late remarks, a record left open, what is said loudly.

What a person closes and signs afterwards is `treat_settling`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject

from tms_console.clock import RealClock
from tms_console.delivery.aftermath import settle_left_open
from tms_console.screens.treat_after import put_doubtful, put_late
from tms_console.ui.bridge import Bridge
from tms_console.ui.link import SessionView


class LeftOver(QObject):
    """Puts on record what the delivering process could not."""

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._late = 0
        self._doubted = False

    def begin(self) -> None:
        """Another session begins: none of its remarks was late yet."""
        self._late = 0
        self._doubted = False

    def settle(self, then: Callable[[tuple[str, ...]], None]) -> None:
        """Bring a session that was left open on record to an honest end.

        Args:
            then: Gets what a person must be told, as sentences.
        """
        station = self._bridge.station
        self._bridge.worker.run(
            self,
            lambda: settle_left_open(station, RealClock()),
            then,
            lambda error: then((str(error),)),
        )

    def put_late(self, view: SessionView) -> None:
        """Put on record what came too late for the delivering process."""
        late, self._late = view.unrecorded[self._late :], len(view.unrecorded)
        station, uid = self._bridge.station, view.session_uid
        for remark in late:
            self._run(partial(put_late, station, uid, remark))
        if view.doubtful and not self._doubted:
            self._doubted = True
            for number, remark in enumerate(view.doubtful):
                same = view.doubtful[:number].count(remark)
                self._run(partial(put_doubtful, station, uid, remark, same))

    def _run(self, work: Callable[[], None]) -> None:
        self._bridge.worker.run(
            self,
            work,
            lambda _none: self._bridge.record_changed.emit(),
            lambda error: self._bridge.problem.emit(
                f"A remark on the session is not on record: {error} Write it down, and add "
                "it on this page."
            ),
        )


def said_loudly(view: SessionView) -> tuple[str, ...]:
    """Return what must be said of a session that is over, besides how it ended."""
    over = view.over
    if over is None:
        return view.lost
    unsaved = f"{over.lost} entries could be saved nowhere." if over.lost else ""
    beside = "" if over.saved else "Part of the record lies beside the database."
    return tuple(one for one in (*view.lost, unsaved, beside, *over.found) if one)
