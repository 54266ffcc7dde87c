"""The composition root of the window: the login page first, then all that is behind it.

A login page takes a third of a second, what is behind it two: importing it, opening the record,
building the pages.  All of that is done while the login page is there: away from the window's
thread what knows nothing of Qt, the rest in pieces between which keys are heard.  Who logs in
before it is done waits for it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from tms_console.accounts.station import Station
    from tms_console.delivery.recovery import Recovery
    from tms_console.demonstration import Demonstration
    from tms_console.ui.app import Window
    from tms_console.ui.pieces import Pieces

BEHIND_THE_PAGES = (
    "tms_console.screens.today",
    "tms_console.screens.shell",
    "tms_console.screens.patients",
    "tms_console.screens.patient_entries",
    "tms_console.screens.finding",
    "tms_console.screens.finding_after",
    "tms_console.screens.finding_during",
    "tms_console.screens.typed_path",
    "tms_console.clinic.remeasuring",
    "tms_console.clinic.series",
    "tms_console.delivery.finding_order",
    "drivers.simulator.patient",
    "tms_console.screens.treat",
    "tms_console.screens.treat_after",
    "tms_console.screens.treat_during",
    "tms_console.screens.treat_event",
    "tms_console.screens.treat_form",
    "tms_console.screens.treat_live",
    "tms_console.screens.approvals",
    "tms_console.screens.deciding",
    "tms_console.screens.policy_form",
    "tms_console.screens.prescription_edit",
    "tms_console.screens.device",
    "tms_console.screens.records",
    "tms_console.screens.qa",
    "tms_console.screens.qa_report",
    "tms_console.screens.integrity",
    "tms_console.delivery.aftermath",
    "tms_console.delivery.client",
    "tms_console.clinic.exporting",
    "tms_console.records.backup",
)
"""What the pages need of the layers below them; nothing of it may touch Qt (a test looks)."""

QT_PARTS = (
    "qtpy.QtGui",
    "qtpy.QtWidgets",
    "tms_console.ui.icons",
    "tms_console.ui.link",
    "pyqtgraph",
)
"""What else they need, imported in the window's thread, in pieces."""

OFTEN_S = 0.0005
"""How long another thread may keep the window's waiting for the interpreter while it imports."""


def open_window(database: Path) -> int:
    """Open the window on a clinic's database; returns the exit status.

    What an earlier program left is dealt with before anything else is done with the record: a port
    that may be armed is disarmed, a session that was cut off is settled, and the window says both,
    before anybody logs in.

    Raises:
        AccountsError: This console keeps no anchor for the database.
        RecordsError: The database cannot be used.
    """
    from tms_console.ui.app import application  # noqa: PLC0415 - imports Qt

    opening = Opening(application(), database, None)
    opening.begin()
    return opening.run()


def open_demonstration() -> int:
    """Open the window on a throw-away clinic, made now unless today's is there already.

    Returns:
        The exit status.

    Raises:
        AccountsError: The demonstration cannot be made.
        RecordsError: The same.
    """
    from tms_console import demonstration_place as place  # noqa: PLC0415 - the window alone
    from tms_console.demonstration import PEOPLE, make_demonstration  # noqa: PLC0415
    from tms_console.records.errors import DatabaseUnusable  # noqa: PLC0415
    from tms_console.ui.app import application  # noqa: PLC0415 - imports Qt
    from tms_console.ui.making import Making, Progress  # noqa: PLC0415

    qt, database = application(), place.take_place()
    opening = Opening(qt, database, PEOPLE)

    def make(progress: Progress) -> None:
        place.throw_away(database)
        make_demonstration(database, progress)
        place.note_made(database)

    def show() -> None:
        opening.begin()
        making.hide()

    def tell(sentence: str) -> None:
        opening.fail(DatabaseUnusable(sentence) if sentence else None)

    making = Making(make)
    making.made.connect(show)
    making.failed.connect(tell)
    if place.is_made(database):
        opening.begin()
    else:
        making.show()
        making.start()
    try:
        return opening.run()
    finally:
        making.give_up()


class Opening:
    """A window on its way from the login page to the last of its pages."""

    def __init__(self, qt: QApplication, database: Path, people: Demonstration | None) -> None:
        self._qt, self._database, self._people = qt, database, people
        self._window: Window | None = None
        self._pieces: Pieces | None = None
        self._wrong: Exception | None = None
        self._over = False

    def begin(self) -> None:
        """Show the login page and go on with the rest while it is there."""
        from tms_console.ui.app import Window  # noqa: PLC0415 - imports Qt
        from tms_console.ui.bridge import Bridge  # noqa: PLC0415

        self._window = window = Window(Bridge(None, None, self._people))
        window.shell.show()
        database = self._database
        window.bridge.worker.run(
            window,
            lambda: _recovered_and_opened(database),
            lambda found: self._go_on(window, *found),
            self.fail,
        )

    def run(self) -> int:
        """Let the window be used until it is closed; returns the exit status.

        Raises:
            AccountsError: This console keeps no anchor for the database.
            RecordsError: The database cannot be used.
        """
        status = self._qt.exec()
        self._over = True  # what was still being fetched may come yet
        if self._pieces is not None:
            self._pieces.stop()
        if self._window is not None:
            self._window.close()
        if self._wrong is not None:
            raise self._wrong
        return int(status)

    def fail(self, error: Exception | None) -> None:
        """End the program, saying why; None if nobody wants it any more."""
        self._wrong = error
        self._qt.quit()

    def _go_on(self, window: Window, found: Recovery | None, station: Station) -> None:
        """The record is open: say what was found, and fetch what the pages need."""
        if found is not None and found.sentences:
            window.shell.show_problem(" ".join(found.sentences))
        window.bridge.worker.run(
            window,
            lambda: _imported(BEHIND_THE_PAGES),
            lambda _: self._complete(window, station),
            self.fail,
        )

    def _complete(self, window: Window, station: Station) -> None:
        """Build the pages in pieces and let people in, unless the window was closed meanwhile."""
        if self._over:
            return
        from tms_console.delivery.order import EmulatorOrder  # noqa: PLC0415 - start-up
        from tms_console.ui.bridge import ChosenDevice  # noqa: PLC0415
        from tms_console.ui.pieces import Pieces  # noqa: PLC0415

        emulator = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)

        def pieces() -> Iterator[None]:
            for name in QT_PARTS:
                importlib.import_module(name)
                yield
            window.bridge.open(station, emulator)
            yield from window.complete()

        self._pieces = Pieces(window)
        self._pieces.run(pieces(), _nothing_more, self.fail)


def _recovered_and_opened(database: Path) -> tuple[Recovery | None, Station]:
    """Deal with what was left behind, then open the record; away from the window's thread."""
    with _leaving_room():
        from tms_console.accounts.station import open_station  # noqa: PLC0415 - start-up
        from tms_console.clock import RealClock  # noqa: PLC0415
        from tms_console.delivery.recovery import recover  # noqa: PLC0415

        found = recover(database, RealClock()) if database.exists() else None
        return found, open_station(database)


def _imported(names: tuple[str, ...]) -> None:
    with _leaving_room():
        for name in names:
            importlib.import_module(name)


@contextmanager
def _leaving_room() -> Iterator[None]:
    """Let the window's thread have the interpreter whenever it wants it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(OFTEN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _nothing_more() -> None:
    """The window is whole."""
