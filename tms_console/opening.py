"""The composition root of the window: the login page first, then all that is behind it.

A login page takes a third of a second, what is behind it two: importing it, opening the record,
building the pages.  All of that is done while the login page is there, in short pieces between
which keys are heard; who logs in before it is done waits for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from tms_console.accounts.station import Station
    from tms_console.delivery.recovery import Recovery
    from tms_console.demonstration import Demonstration
    from tms_console.ui.app import Window
    from tms_console.ui.pieces import Pieces

NEEDED_FIRST = (
    "pydantic",
    "pydantic.main",
    "pydantic.type_adapter",
    "sqlalchemy.util",
    "sqlalchemy.sql.elements",
    "sqlalchemy.sql.selectable",
    "sqlalchemy.sql.compiler",
    "sqlalchemy.engine",
    "sqlalchemy.orm",
    "sqlmodel",
    "numpy",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "tms_console.records.tables",
    "tms_console.records.clinical_tables",
    "tms_console.records.database",
    "tms_console.records.reconcile",
    "tms_console.accounts.credentials",
    "tms_console.accounts.station",
    "protocols.prescription",
    "drivers.registry",
    "tms_console.delivery.recovery",
)
"""What dealing with the record's last session and opening the record need, in short pieces."""

NEEDED_THEN = (
    "tms_console.accounts.login",
    "protocols.field_words",
    "protocols.limits.prescription_review",
    "tms_console.clinic.prescriptions",
    "tms_console.clinic.approvals",
    "tms_console.delivery.states",
    "tms_console.delivery.probing",
    "tms_console.delivery.pipe",
    "tms_console.delivery.treatment",
    "tms_console.screens.today",
    "tms_console.screens.shell",
    "qtpy.QtGui",
    "qtpy.QtWidgets",
    "tms_console.ui.icons",
    "tms_console.ui.link",
    "pyqtgraph.functions",
    "pyqtgraph.graphicsItems.PlotItem",
    "pyqtgraph",
)
"""What the pages need."""


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

    def begin(self) -> None:
        """Show the login page and go on with the rest while it is there."""
        from tms_console.ui.app import Window  # noqa: PLC0415 - imports Qt
        from tms_console.ui.bridge import Bridge  # noqa: PLC0415
        from tms_console.ui.pieces import Pieces  # noqa: PLC0415

        bridge = Bridge(None, None, self._people)
        self._window = window = Window(bridge)
        self._pieces = pieces = Pieces(window)
        window.shell.show()
        pieces.run(_imports(NEEDED_FIRST), lambda: self._open(window, pieces), self.fail)

    def run(self) -> int:
        """Let the window be used until it is closed; returns the exit status.

        Raises:
            AccountsError: This console keeps no anchor for the database.
            RecordsError: The database cannot be used.
        """
        status = self._qt.exec()
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

    def _open(self, window: Window, pieces: Pieces) -> None:
        """Deal with what was left behind and open the record, away from the window's thread."""
        database = self._database
        window.bridge.worker.run(
            window,
            lambda: _recovered_and_opened(database),
            lambda found: self._go_on(window, pieces, *found),
            self.fail,
        )

    def _go_on(
        self, window: Window, pieces: Pieces, found: Recovery | None, station: Station
    ) -> None:
        from tms_console.delivery.order import EmulatorOrder  # noqa: PLC0415 - start-up
        from tms_console.ui.bridge import ChosenDevice  # noqa: PLC0415

        emulator = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
        if found is not None and found.sentences:
            window.shell.show_problem(" ".join(found.sentences))

        def rest() -> Iterator[None]:
            yield from _imports(NEEDED_THEN)
            window.bridge.open(station, emulator)
            yield from window.complete()

        pieces.run(rest(), _nothing_more, self.fail)


def _recovered_and_opened(database: Path) -> tuple[Recovery | None, Station]:
    from tms_console.accounts.station import open_station  # noqa: PLC0415 - start-up
    from tms_console.clock import RealClock  # noqa: PLC0415
    from tms_console.delivery.recovery import recover  # noqa: PLC0415

    found = recover(database, RealClock()) if database.exists() else None
    return found, open_station(database)


def _imports(names: tuple[str, ...]) -> Iterator[None]:
    """Import one module after another; one that is not there any more is left to who needs it."""
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
        yield


def _nothing_more() -> None:
    """The window is whole."""
