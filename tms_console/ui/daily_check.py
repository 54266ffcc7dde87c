"""The daily check of the record's file: when it is due, away from the window's thread.

It also holds what else is known of whether the record is whole, so that every page says one thing
of it.  No check begins while a session runs, and one that begins meanwhile ends it unanswered.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from protocols.canonical import moment_of
from tms_console.records.database import check_integrity
from tms_console.records.errors import CheckGivenUp, RecordsError
from tms_console.records.session_lock import session_is_running
from tms_console.records.upkeep import integrity_due, record_integrity
from tms_console.screens.integrity import (
    CHECKING,
    GIVEN_UP,
    FileLook,
    IntegrityScreen,
    Known,
    Noted,
    Verified,
    failed_screen,
    integrity_screen,
)

if TYPE_CHECKING:
    from tms_console.ui.bridge import Bridge
    from tms_console.ui.link import SessionView

LOOK_EVERY_MS = 10 * 60 * 1000
"""How often it is asked whether the check is due."""


class DailyCheck(QObject):
    """Asks when somebody logs in, and then every ten minutes; checks if it is due.

    Attributes:
        screen: How the record stands.
    """

    changed = Signal(object)
    ended = Signal()
    """A check of this window is over: the record may say something new of its file."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self._bridge = bridge
        self._unwanted = threading.Event()
        self._asking = False
        self._known = Known()
        self.screen: IntegrityScreen = integrity_screen(self._known)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        bridge.login_changed.connect(self._login_changed)
        bridge.link.view_changed.connect(self._session_changed)

    def close(self) -> None:
        """Ask no more; before the application ends."""
        self._timer.stop()
        self._unwanted.set()

    @Slot()
    def _login_changed(self) -> None:
        if self._bridge.login is not None:
            self._timer.start()
            self.look()

    @Slot(object)
    def _session_changed(self, view: SessionView) -> None:
        if view.running:
            self._unwanted.set()

    @Slot()
    def look(self) -> None:
        """Ask whether the check is due, and begin it if it is."""
        bridge, station = self._bridge, self._bridge.station
        if self._asking or self.screen.busy or bridge.link.running:
            return
        self._asking = True
        self._unwanted.clear()

        def due() -> bool:
            database = station.database
            return not session_is_running(database.path) and integrity_due(
                database, moment_of(station.wall())
            )

        bridge.worker.run(self, due, self._begin, self._failed)

    def _begin(self, due: bool) -> None:
        self._asking = False
        if not due or self._bridge.link.running:
            return
        self._know(doing=CHECKING)
        self._bridge.long_work.run(self, self._check, self._checked, self._failed)

    def _check(self) -> FileLook | IntegrityScreen:
        """Check and put on record what was found; in the worker's thread."""
        station = self._bridge.station
        try:
            faults = tuple(check_integrity(station.database, self._give_up))
        except CheckGivenUp:
            return GIVEN_UP
        if self._give_up() and not faults:
            return GIVEN_UP  # nothing is written in a session; a fault is told all the same
        at = station.wall()
        try:
            record_integrity(station.database, faults, wall=station.wall)
        except RecordsError as error:
            return FileLook(at, faults, str(error))
        return FileLook(at, faults)

    def _give_up(self) -> bool:
        return self._unwanted.is_set() or self._bridge.closing.is_set()

    def _checked(self, found: FileLook | IntegrityScreen) -> None:
        if isinstance(found, FileLook):
            self._know(own=found, doing=None)
        else:
            self._know(doing=found)
        self.ended.emit()

    def _failed(self, error: Exception) -> None:
        self._asking = False
        self._know(doing=failed_screen(str(error)))

    # What else is known

    def take_noted(self, noted: Noted) -> None:
        """What the record says of its own file."""
        self._know(noted=noted)

    def take_verified(self, verified: Verified) -> None:
        """The whole record was verified."""
        self._know(verified=verified)

    def take_doubt(self, sentence: str) -> None:
        """Why the record cannot be read or believed just now, "" if it can."""
        if sentence != self._known.doubt:
            self._know(doubt=sentence)

    def doubted(self, sentence: str) -> IntegrityScreen:
        """Return how the record stands for a page that could not read or believe it."""
        return integrity_screen(replace(self._known, doubt=sentence))

    def _know(self, **changed: object) -> None:
        self._known = replace(self._known, **changed)  # type: ignore[arg-type]
        screen = integrity_screen(self._known)
        if screen != self.screen:
            self.screen = screen
            self.changed.emit(screen)
