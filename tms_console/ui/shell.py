"""The frame around every page: simulated band, rail, banner, status line, and Stop.

Which pages there are is told to it; what they show is theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tms_console.ui.alarm import Alarm
from tms_console.ui.page import Page
from tms_console.ui.parts import Alerts, Chip, SimulatedBand, button, fill, set_state, words
from tms_console.ui.tab_order import next_stop
from tms_console.ui.theme import SPACE, THEMES, style_sheet

if TYPE_CHECKING:
    from tms_console.delivery.pipe import Over
    from tms_console.screens.integrity import IntegrityScreen, Noted
    from tms_console.screens.shell import Banner, RecordFact
    from tms_console.ui.bridge import Bridge
    from tms_console.ui.link import SessionView
    from tms_console.ui.pages.login import LoginPage

LOOK_EVERY_MS = 1000
"""How often the window looks whether the login has gone idle."""


class Shell(QMainWindow):
    """The window: at first the login page in its frame, then pages are added, then `begin`."""

    closed = Signal()

    def __init__(self, bridge: Bridge, login_page: LoginPage) -> None:
        super().__init__()
        self._bridge = bridge
        self._over: Over | None = None
        self._locked_on = ("", "")
        self._facts: tuple[RecordFact, ...] = ()
        self.nobody_looks: Callable[[], AbstractContextManager[object]] = nullcontext
        self._login_page = login_page
        self._pages: dict[str, Page] = {}
        self.setWindowTitle("TMS Console")
        self.setMinimumSize(1280, 720)
        self.stack = QStackedWidget()
        self.stack.addWidget(login_page)
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look_at_lock)
        self.status_left.setText("Opening the record ...")
        self._take_style()
        self.show_login()

    def add_page(self, page: Page) -> None:
        """Add a page below those of the rail; nobody is logged in yet."""
        self._pages[page.name] = page
        self.stack.addWidget(page)
        self._add_rail_button(page)

    def begin(self) -> None:
        """Go on with an open record and all pages, and with whoever pressed Log in already."""
        bridge = self._bridge
        bridge.login_changed.connect(self.show_login)
        bridge.page_wanted.connect(self.show_page)
        bridge.device_changed.connect(self.show_device)
        bridge.theme_changed.connect(self.show_theme)
        bridge.problem.connect(self.show_problem)
        bridge.news.connect(self.show_news)
        bridge.subtitle_changed.connect(self.show_subtitle)
        bridge.patient_changed.connect(self.show_patient)
        bridge.record_changed.connect(self.look_at_record)
        bridge.record_changed.connect(self.show_patient)
        bridge.link.view_changed.connect(self.show_session)
        bridge.daily_check.changed.connect(self.show_integrity)
        bridge.daily_check.ended.connect(self.look_at_record)
        self._timer.start()
        self._take_icons()
        self.show_device()
        if bridge.login is not None:
            self.show_login()
        self._login_page.begin()

    def _build(self) -> None:
        window = QWidget()
        window.setObjectName("window")
        rows = QVBoxLayout(window)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        self.band = SimulatedBand(self._bridge.tokens)
        rows.addWidget(self.band)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._rail())
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(self._banner())
        self.alarm = Alarm()
        column.addWidget(self.alarm)
        column.addWidget(self._message_line())
        column.addLayout(self._alert_line())
        column.addWidget(self.stack, 1)
        column.addWidget(self._status_line())
        middle.addLayout(column, 1)
        rows.addLayout(middle, 1)
        self.setCentralWidget(window)

    def _rail(self) -> QWidget:
        self.rail = QWidget()
        self.rail.setProperty("ground", "rail")
        self.rail.setFixedWidth(84)
        column = self._rail_column = QVBoxLayout(self.rail)
        column.setContentsMargins(SPACE, 2 * SPACE, SPACE, SPACE)
        column.setSpacing(SPACE // 2)
        self._rail_buttons: dict[str, QToolButton] = {}
        column.addStretch(1)
        self.theme_button = button("", self._toggle_theme, "quiet", "Change the theme")
        self.theme_button.setToolTip("Dark or light")
        self.leave_button = button("", self._leave, "quiet", "Log out")
        self.leave_button.setToolTip("Log out")
        self.lock_button = button("", self._lock, "quiet", "Lock the screen (Ctrl+L)")
        self.lock_button.setShortcut("Ctrl+L")
        self.lock_button.setToolTip("Lock the screen (Ctrl+L)")
        for one in (self.theme_button, self.lock_button, self.leave_button):
            one.setIconSize(QSize(20, 20))
            column.addWidget(one)
        return self.rail

    def _add_rail_button(self, page: Page) -> None:
        made, place = RailButton(page.title), len(self._rail_buttons)
        made.clicked.connect(lambda _checked=False, name=page.name: self.show_page(name))
        made.setShortcut(f"Ctrl+{place + 1}")
        made.setToolTip(f"{page.title} (Ctrl+{place + 1})")
        self._rail_buttons[page.name] = made
        self._rail_column.insertWidget(place, made)

    def _banner(self) -> QWidget:
        banner = QWidget()
        banner.setProperty("ground", "window")
        row = QHBoxLayout(banner)
        row.setContentsMargins(2 * SPACE, SPACE, 2 * SPACE, 0)
        row.setSpacing(SPACE)
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addStretch(1)
        self.title = words("", "title", wraps=False)
        self.subtitle = words("", "small", wraps=False)
        column.addWidget(self.title)
        column.addWidget(self.subtitle)
        column.addStretch(1)
        row.addLayout(column, 1)
        self.device_chip, self.coil_chip, self.user_chip = Chip(), Chip(), Chip()
        for chip in (self.device_chip, self.coil_chip, self.user_chip):
            row.addWidget(chip)
        self.stop_button = button(
            "STOP  Esc", lambda: None, "stop-frame", "Stop the session now (Esc)"
        )
        self.stop_button.pressed.connect(self._stop)  # when it goes down, not up
        self.stop_button.setMinimumHeight(48)
        self.stop_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.stop_button.hide()
        row.addWidget(self.stop_button)
        banner.setMinimumHeight(62)
        return banner

    def _alert_line(self) -> QVBoxLayout:
        place = QVBoxLayout()
        place.setContentsMargins(2 * SPACE, 0, 2 * SPACE, 0)
        self.alerts = Alerts()
        place.addWidget(self.alerts)
        return place

    def _message_line(self) -> QWidget:
        self.message = QWidget()
        place = QHBoxLayout(self.message)
        place.setContentsMargins(2 * SPACE, 0, 2 * SPACE, SPACE)
        told = self._message_frame = QFrame()
        told.setProperty("alerts", True)
        told.setProperty("state", "bad")
        place.addWidget(told)
        row = QHBoxLayout(told)
        row.setContentsMargins(12, 4, 4, 4)
        self.message_text = words("", "strong", "bad")
        row.addWidget(self.message_text, 1)
        row.addWidget(button("Understood", self.message.hide, "quiet", "Close this message"))
        self.message.hide()
        return self.message

    def _status_line(self) -> QWidget:
        line = QWidget()
        line.setProperty("ground", "rail")
        row = QHBoxLayout(line)
        row.setContentsMargins(2 * SPACE, 6, 2 * SPACE, 6)
        self.status_left = words("", "small", wraps=False)
        self.status_right = words("", "small", wraps=False)
        row.addWidget(self.status_left)
        self.facts = QHBoxLayout()
        self.facts.setSpacing(3 * SPACE)
        row.addSpacing(3 * SPACE)
        row.addLayout(self.facts)
        row.addStretch(1)
        row.addWidget(self.status_right)
        return line

    # What is shown

    @Slot()
    def show_login(self) -> None:
        """Show the pages of who is logged in, or the login page."""
        login = self._bridge.login
        self.rail.setVisible(login is not None)
        for page in self._pages.values():
            allowed = login is not None and any(self._bridge.may(one) for one in page.needs)
            self._rail_buttons[page.name].setVisible(allowed)
        if login is None:
            self._locked_on = ("", "")
            self.user_chip.show_text("")
            self._facts = ()  # they are of the login that ended
            fill(self.facts, [])
            self._show(self._login_page)
            return
        who = login.enrolment
        self.user_chip.show_text(f"{who.name} · {who.role}")
        self.look_at_record()
        if self.stack.currentWidget() is self._login_page:
            first = next((n for n, b in self._rail_buttons.items() if not b.isHidden()), "")
            who_locked, where = self._locked_on
            if first:
                self.show_page(where if who_locked == login.user_uid and where else first)

    @Slot(str)
    def show_page(self, name: str) -> None:
        """Show a page, if who is logged in may see it."""
        page = self._pages.get(name)
        login = self._bridge.login
        if page is None or login is None or login.locked or self._rail_buttons[name].isHidden():
            return
        for other, made in self._rail_buttons.items():
            made.setChecked(other == name)
        self._show(page)

    def _show(self, page: Page) -> None:
        before = self.stack.currentWidget()
        if isinstance(before, Page) and before is not page:
            before.left()
        self.stack.setCurrentWidget(page)
        if before is not page:
            page.setFocus(Qt.FocusReason.OtherFocusReason)  # on no control: no key does anything
        self.alerts.show_alerts("", "warn")
        self.show_title(page.title, "")
        self.show_patient()
        page.entered()
        self._show_stop()

    def show_title(self, title: str, subtitle: str) -> None:
        """Show what the page is about: its name, or the patient's two identifiers."""
        self.title.setText(title)
        self.subtitle.setText(subtitle)
        self.subtitle.setVisible(bool(subtitle))

    @Slot(str)
    def show_subtitle(self, subtitle: str) -> None:
        """Show what the page in view says below its title."""
        if not self._page_of_patient():
            self.show_title(self.title.text(), subtitle)

    def _page_of_patient(self) -> bool:
        page = self.stack.currentWidget()
        return isinstance(page, Page) and page.of_patient and bool(self._bridge.patient_uid)

    @Slot()
    def show_patient(self) -> None:
        """Show the chosen patient's two identifiers and alerts, on pages about patients."""
        uid = self._bridge.patient_uid
        if self._page_of_patient() and self._bridge.login is not None:
            from tms_console.screens.shell import banner  # noqa: PLC0415 - start-up

            self._bridge.read(
                self, lambda trusted, wall: banner(trusted, uid, wall), self.show_banner
            )

    @Slot(object)
    def show_banner(self, shown: Banner) -> None:
        """Show a patient above the page, if it is still theirs."""
        if not self._page_of_patient() or shown.patient_uid != self._bridge.patient_uid:
            return
        self.show_title(shown.title, shown.subtitle)
        self.alerts.show_alerts(shown.every_alert, shown.state)

    @Slot()
    def look_at_record(self) -> None:
        """Read what the status line says of the record."""
        if self._bridge.login is not None:
            from tms_console.screens.integrity import file_noted  # noqa: PLC0415 - start-up
            from tms_console.screens.shell import record_facts  # noqa: PLC0415

            database = self._bridge.station.database
            self._bridge.read(
                self,
                lambda trusted, wall: (
                    record_facts(trusted, database, wall),
                    file_noted(trusted, database, wall),
                ),
                self._take_facts,
                self._take_no_facts,
            )

    def _take_facts(self, read: tuple[tuple[RecordFact, ...], Noted]) -> None:
        self._facts, noted = read
        self._bridge.daily_check.take_noted(noted)
        self.show_facts()

    def _take_no_facts(self, sentence: str) -> None:
        from tms_console.screens.shell import RecordFact  # noqa: PLC0415 - start-up

        self._facts = (RecordFact(sentence, "bad"),)
        self.show_facts()

    def show_facts(self) -> None:
        """Show when the record was sealed, backed up and checked last, to who is logged in."""
        screen, made = self._bridge.daily_check.screen, []
        if self._bridge.login is not None:
            made = [words(*one.words, wraps=False) for one in self._facts]
            state = "bad" if screen.state == "bad" else ""
            made.append(words(screen.short, "small", state, wraps=False))
        fill(self.facts, made)

    @Slot(object)
    def show_integrity(self, screen: IntegrityScreen) -> None:
        """Tell everybody at once if the file of the record is found to be damaged."""
        self.alarm.tell(screen.alarm)
        self.show_facts()

    @Slot()
    def show_device(self) -> None:
        """Show which stimulator a session would use, and whether it is simulated."""
        from tms_console.records.database import Purpose  # noqa: PLC0415 - start-up

        device = self._bridge.device
        made_up = self._bridge.station.database.purpose is not Purpose.CLINIC
        self.band.setVisible(device.simulated or made_up)  # no real one is ever armed with it
        word = "simulated" if device.simulated else "REAL"
        self.device_chip.show_text(
            f"{device.name} · {word}", "warn" if device.simulated else "good"
        )
        self.status_right.setText(f"{device.name}, {word}")
        kind = "Demonstration in" if self._bridge.demonstration else "Recording to"
        path = self._bridge.station.database.path
        self.status_left.setText(f"●  {kind} {path.name} · all writes durable")

    @Slot(object)
    def show_session(self, view: SessionView) -> None:
        """Show Stop while a session exists, and say loudly what went wrong."""
        self._show_stop()
        snapshot = view.snapshot
        warm = None if snapshot is None or not view.running else snapshot.coil_temperature_c
        self.coil_chip.show_text("" if warm is None else f"Coil {warm} °C")
        if view.over is not None and view.over is not self._over:
            self.look_at_record()  # its end was sealed
            self.show_patient()  # an event in it may have put the patient on hold
        self._over = view.over
        if view.silent or view.lost:
            self.show_problem(view.silent or " ".join(view.lost))

    def _show_stop(self) -> None:
        page = self.stack.currentWidget()
        own = getattr(page, "has_stop", False)
        self.stop_button.setVisible(self._bridge.running and not own)

    @Slot(str)
    def show_problem(self, sentence: str) -> None:
        """Say what happened, above the page; nothing modal."""
        self._say(sentence, "bad")

    @Slot(str)
    def show_news(self, sentence: str) -> None:
        """Say what came to a good end; it takes no place of a problem that nobody has closed."""
        if self.message.isHidden() or self._message_frame.property("state") == "good":
            self._say(sentence, "good")

    def _say(self, sentence: str, state: str) -> None:
        for one in (self._message_frame, self.message_text):
            set_state(one, state)
        self.message_text.setText(sentence)
        self.message.show()

    @Slot()
    def show_theme(self) -> None:
        """Take the colours of the theme."""
        self._take_style()
        self._take_icons()

    def _take_style(self) -> None:
        tokens = self._bridge.tokens
        application = QApplication.instance()
        if isinstance(application, QApplication):
            with self.nobody_looks():
                application.setStyleSheet(style_sheet(tokens))
        self.band.show_theme(tokens)

    def _take_icons(self) -> None:
        from tms_console.ui.icons import icon  # noqa: PLC0415 - start-up

        tokens = self._bridge.tokens
        for page in self._pages.values():
            self._rail_buttons[page.name].setIcon(icon(page.icon, tokens))
        self.theme_button.setIcon(icon("theme", tokens))
        self.leave_button.setIcon(icon("log_out", tokens))
        self.lock_button.setIcon(icon("lock", tokens))
        self.stop_button.setIcon(icon("stop", tokens, "on_stop"))

    @Slot()
    def look_at_lock(self) -> None:
        """Lock after ten minutes without activity; a running session goes on, Stop stays."""
        login = self._bridge.login
        if login is not None and login.locked:
            self._show_locked()

    def _show_locked(self) -> None:
        self.rail.hide()
        page = self.stack.currentWidget()
        if page is not self._login_page:
            if isinstance(page, Page):  # unlocking goes back to it
                self._locked_on = (self._bridge.user_uid, page.name)
            self._show(self._login_page)

    # What is pressed

    @Slot()
    def _stop(self) -> None:
        self._bridge.link.stop("STOP was pressed")

    def _lock(self) -> None:
        if self._bridge.login is not None:
            self._bridge.login.lock()
            self._show_locked()

    def _leave(self) -> None:
        if self._bridge.running:
            self.show_problem("A session is running; lock the screen instead, or stop it first.")
            return
        self._bridge.set_login(None)

    def _toggle_theme(self) -> None:
        if self._bridge.running:  # every widget is drawn anew: the heartbeat would miss beats
            self.show_problem("The colours can be changed when the session is over.")
            return
        other = next(one for one in THEMES.values() if one is not self._bridge.tokens)
        self._bridge.set_theme(other)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802 - Qt's name
        """Go where Tab leads, in the order in which things stand."""
        stop = next_stop(self, QApplication.focusWidget(), forward=forward)
        if stop is None:
            return False
        reason = Qt.FocusReason
        stop.setFocus(reason.TabFocusReason if forward else reason.BacktabFocusReason)
        return True

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Refuse to close while a session runs."""
        if self._bridge.running:
            self.show_problem("A session is running. Stop it before you close the window.")
            event.ignore()
            return
        self.closed.emit()
        event.accept()


class RailButton(QToolButton):
    """A button of the rail: the icon above the word."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setProperty("kind", "rail")
        self.setText(text)
        self.setCheckable(True)
        self.setAccessibleName(text)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(22, 22))
        self.setFixedSize(68, 60)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
