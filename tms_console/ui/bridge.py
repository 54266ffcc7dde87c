"""What pages may ask for: reading what can be believed, acts of who is logged in, the session.

It lives in the window's thread and so do all who listen to it.  It holds no widget and decides
nothing; reading and writing happen in its worker.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from tms_console.ui.theme import DARK, Tokens
from tms_console.ui.worker import Worker

if TYPE_CHECKING:
    from tms_console.accounts.login import Login
    from tms_console.accounts.roles import Permission
    from tms_console.accounts.station import Station
    from tms_console.accounts.trust import Trusted
    from tms_console.delivery.order import EmulatorOrder, PortOrder
    from tms_console.demonstration import Demonstration
    from tms_console.ui.daily_check import DailyCheck
    from tms_console.ui.link import DeliveryLink

LOGGER = logging.getLogger(__name__)

_T = TypeVar("_T")

AFTER_THE_WINDOW_MS = 100
"""The record is read ahead so long after the window is there: until then it would slow it down."""


@dataclass(frozen=True, slots=True)
class ChosenDevice:
    """The stimulator that a session would use.

    Attributes:
        order: How the delivering process gets to it.
        name: What the window calls it.
        simulated: It is an emulator that the delivering process builds itself; anything else
            counts as real until it is proved otherwise.
    """

    order: EmulatorOrder | PortOrder
    name: str
    simulated: bool


class Bridge(QObject):
    """The one object that pages share.

    It is there before the record is open (`opened` says), so that the login page can be shown at
    once; pages are built after that and always find a station, a link and a daily check.

    Attributes:
        station: The console at its database.  It reads what is new since its last look; the
            delivering process has its own, which reads all of the record before every session.
        link: The window's end of the delivering process.
        worker: Reads and writes the record.
        long_work: For what takes long, such as a verification: it never holds up reading.
        closing: Set when the window goes: long work asks it and gives up.
    """

    station: Station
    link: DeliveryLink
    daily_check: DailyCheck

    login_changed = Signal()
    patient_changed = Signal()
    device_changed = Signal()
    theme_changed = Signal()
    record_changed = Signal()
    """Somebody wrote something: pages read again."""
    page_wanted = Signal(str)
    prescription_wanted = Signal(str)
    """Somebody wants to change this version of a prescription."""
    series_wanted = Signal(str)
    """Somebody wants to see this search for a threshold, by its session, on its page."""
    subtitle_changed = Signal(str)
    """What the page in view says below its title, such as the day."""
    problem = Signal(str)
    news = Signal(str)
    """Something came to a good end after whoever asked for it had turned to something else."""

    def __init__(
        self,
        station: Station | None,
        device: ChosenDevice | None,
        demonstration: Demonstration | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.demonstration = demonstration
        self.opened = False
        self.worker = Worker(self)
        self.long_work = Worker(self)
        self.computing = Worker(self)
        """For what is computed while a person waits for it; it reads and writes no record."""
        self.closing = threading.Event()
        self.login: Login | None = None
        self.patient_uid = ""
        self.tokens: Tokens = DARK
        self._reading_ahead = QTimer(self)
        self._reading_ahead.setSingleShot(True)
        self._reading_ahead.setInterval(AFTER_THE_WINDOW_MS)
        self._reading_ahead.timeout.connect(self._read_all)
        if station is not None and device is not None:
            self.open(station, device)

    def open(self, station: Station, device: ChosenDevice) -> None:
        """Take the console at its database; what was left behind there was dealt with before.

        Args:
            station: The console.
            device: The stimulator chosen at first.
        """
        from tms_console.ui.daily_check import DailyCheck  # noqa: PLC0415 - start-up
        from tms_console.ui.link import DeliveryLink  # noqa: PLC0415

        self.station, self.device = station.following(), device
        self.link = DeliveryLink(self)
        self.daily_check = DailyCheck(self)
        self.opened = True

    def read_ahead(self) -> None:
        """Read the record soon, so that whoever logs in need not wait for it."""
        self._reading_ahead.start()

    @property
    def running(self) -> bool:
        """Whether a session was ordered here and has not ended."""
        return self.opened and self.link.running

    @Slot()
    def _read_all(self, *, anew: bool = False) -> None:
        """Read and check all of the record, so that whoever logs in next need not wait for it."""
        from tms_console.screens.today import today_screen  # noqa: PLC0415 - start-up

        station = self.station

        def look() -> None:
            if anew and station.followed is not None:
                station.followed.forget()  # here: it waits for a look that is under way
            with station.trusting() as trusted:
                today_screen(trusted, station.wall())  # reads most of what pages ask for
            gc.freeze()  # else a collection goes through all of the record, and the window waits

        def not_now(error: Exception) -> None:
            LOGGER.info("the record was not read in advance: %s", error)  # whoever asks is told

        self.worker.run(self, look, lambda _: None, not_now)

    def may(self, permission: Permission) -> bool:
        """Return whether who is logged in may do this; for what is shown."""
        return self.login is not None and self.login.may(permission)

    @property
    def user_uid(self) -> str:
        """Who is logged in, "" if nobody is."""
        return "" if self.login is None else self.login.user_uid

    def set_login(self, login: Login | None) -> None:
        """Somebody logged in or out; a running session goes on."""
        self.login = login
        self.login_changed.emit()
        if login is None:
            self._read_all(anew=True)

    def set_patient(self, patient_uid: str) -> None:
        """Choose whom the pages show."""
        if patient_uid != self.patient_uid:
            self.patient_uid = patient_uid
            self.patient_changed.emit()

    def set_device(self, device: ChosenDevice) -> None:
        """Choose the stimulator for the next session."""
        self.device = device
        self.device_changed.emit()

    def set_theme(self, tokens: Tokens) -> None:
        """Show another theme."""
        self.tokens = tokens
        self.theme_changed.emit()

    def go(self, page: str) -> None:
        """Ask for a page by its name."""
        self.page_wanted.emit(page)

    def say_subtitle(self, text: str) -> None:
        """Say something below the title of the page in view."""
        self.subtitle_changed.emit(text)

    def read(
        self,
        owner: QObject,
        build: Callable[[Trusted, str], _T],
        then: Callable[[_T], None],
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Build something from one state of the record that can be believed.

        Args:
            owner: Who wants it.
            build: Gets the record and the wall time; runs in the worker and touches no widget.
            then: Gets what was built.
            failed: Gets a sentence instead; the window's own message if None.
        """
        station, tell = self.station, self._failed(failed)

        def work() -> _T:
            with station.trusting() as trusted:
                return build(trusted, station.wall())

        def believed(result: _T) -> None:
            self.daily_check.take_doubt("")
            then(result)

        def doubted(error: Exception) -> None:
            self._look_at_doubt(error)
            tell(error)

        self.worker.run(owner, work, believed, doubted)

    def _look_at_doubt(self, error: Exception) -> None:
        """No page says that the record is sound while it cannot be read or believed."""
        from tms_console.accounts.errors import NotTrusted  # noqa: PLC0415 - start-up
        from tms_console.records.errors import RecordsError  # noqa: PLC0415

        if isinstance(error, NotTrusted | RecordsError):
            self.daily_check.take_doubt(str(error))

    def act(
        self,
        owner: QObject,
        do: Callable[[Station, Login], _T],
        then: Callable[[_T], None],
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Let who is logged in do something; what it writes is announced.

        Args:
            owner: Who wants it.
            do: Gets this console and the login; runs in the worker and touches no widget.
            then: Gets the result.
            failed: Gets a sentence instead; the window's own message if None.
        """
        station, login = self.station, self.login
        if login is None:
            self._failed(failed)(PermissionError("Nobody is logged in."))
            return
        login.touch()

        def finished(result: _T) -> None:
            then(result)
            self.record_changed.emit()

        self.worker.run(owner, lambda: do(station, login), finished, self._failed(failed))

    def _failed(self, failed: Callable[[str], None] | None) -> Callable[[Exception], None]:
        def tell(error: Exception) -> None:
            sentence = str(error) or type(error).__name__
            if not type(error).__module__.startswith(("tms_console", "protocols", "drivers")):
                LOGGER.error("the window met a bug", exc_info=error)
                sentence = f"Something went wrong in this program: {sentence}. Please report it."
            (failed or self.problem.emit)(sentence)

        return tell

    def close(self) -> None:
        """End the delivering process and the worker; before the application ends."""
        self.closing.set()
        self._reading_ahead.stop()
        if self.opened:
            self.daily_check.close()
            self.link.close()
        self.worker.close()
        self.long_work.close()
        self.computing.close()
