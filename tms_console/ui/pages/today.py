"""The day list: each patient with a status and one thing to do next."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tms_console.accounts.roles import Permission
from tms_console.accounts.trust import Trusted
from tms_console.screens.today import TodayRow, TodayScreen, today_screen
from tms_console.ui.bridge import Bridge
from tms_console.ui.integrity_line import IntegrityLine
from tms_console.ui.page import Page
from tms_console.ui.parts import STATE_SHAPES, Chip, Finding, Message, button, fill, rule, words
from tms_console.ui.theme import SPACE

LOOK_EVERY_MS = 60_000
"""What is due changes with the time of day, even if nobody writes anything."""


class TodayPage(Page):
    """Who is treated today, and what each needs first."""

    name = "today"
    title = "Today"
    icon = "today"
    needs = (Permission.READ_PATIENTS,)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self.counters = QHBoxLayout()
        self.counters.setSpacing(SPACE)
        self.column.addLayout(self.counters)
        self.notice = QVBoxLayout()
        self.column.addLayout(self.notice)
        self.integrity = IntegrityLine(bridge.daily_check, self)
        self.column.addWidget(self.integrity)
        self.rows = QVBoxLayout()
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(0)
        self.list = QFrame()
        self.list.setProperty("ground", "panel")
        self.list.setLayout(self.rows)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.list)
        area.setAccessibleName("Patients of the day")
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.column.addWidget(area, 1)
        self._shown: TodayScreen | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        bridge.record_changed.connect(self.look_if_shown)
        fill(self.rows, [Message("Looking at the record ...")])

    def entered(self) -> None:
        """Read who is due, now and every minute."""
        self._timer.start()
        self._say_subtitle()
        self.look()

    def left(self) -> None:
        """Read no more."""
        self._timer.stop()

    @Slot()
    def look_if_shown(self) -> None:
        """Read again if somebody wrote something."""
        if self._timer.isActive():
            self.look()

    @Slot()
    def look(self) -> None:
        """Read who is due."""
        physician = self.bridge.may(Permission.APPROVE_PRESCRIPTION)
        running = self.bridge.link.treated_uid

        database = self.bridge.station.database

        def build(trusted: Trusted, wall: str) -> TodayScreen:
            return today_screen(
                trusted,
                wall,
                database=database,
                running_patient=running,
                physician=physician,
            )

        self.bridge.read(self, build, self.show_screen, self.show_failure)

    @Slot(object)
    def show_screen(self, screen: TodayScreen) -> None:
        """Display this in place of the last; what is the same stays as it is."""
        self.integrity.take_doubt("")
        if screen == self._shown:
            return
        self._shown = screen
        self._say_subtitle()
        chips = [Chip(text, state) for text, state in screen.counters()]
        fill(self.counters, chips)
        self.counters.addStretch(1)
        fill(self.notice, [Finding(screen.notice, "warn")] if screen.notice else [])
        if not screen.rows:
            add = button("Add a patient", lambda: self.bridge.go("patients"), "primary")
            fill(
                self.rows,
                [Message("Nobody is due", "There is no patient with a course in hand.", add)],
            )
            return
        fill(self.rows, [self._row(row) for row in screen.rows])
        self.rows.addStretch(1)

    @Slot(str)
    def show_failure(self, sentence: str) -> None:
        """Say that the day cannot be shown, and what to do."""
        self._shown = None
        self.integrity.take_doubt(sentence)
        fill(self.counters, [])
        again = button("Try again", self.look, "primary")
        text = f"{sentence} Nothing was changed. Treat nobody from memory: read the record first."
        fill(self.rows, [Message("The day cannot be shown", text, again)])

    def _say_subtitle(self) -> None:
        if self._shown is not None:
            self.say_subtitle(self._shown.subtitle)

    def _row(self, row: TodayRow) -> QWidget:
        made = DayRow(row)
        made.action.clicked.connect(partial(self._open, row))
        return made

    def _open(self, row: TodayRow, _checked: bool = False) -> None:
        self.bridge.set_patient(row.patient_uid)
        self.bridge.go(row.page)


class DayRow(QWidget):
    """One patient of the day."""

    def __init__(self, row: TodayRow) -> None:
        super().__init__()
        self.setAccessibleName(f"{row.name}, {row.course}: {row.status}")
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(0)
        columns = QHBoxLayout()
        columns.setContentsMargins(2 * SPACE, SPACE + 2, 2 * SPACE, SPACE + 2)
        columns.setSpacing(3 * SPACE)
        columns.addWidget(_pair(row.when or "open", row.last, "title"), 3)
        columns.addWidget(_pair(row.name, row.identity, "strong"), 5)
        columns.addLayout(_course(row), 8)
        status = words(f"{STATE_SHAPES.get(row.state, '')}  {row.status}", "", row.state)
        columns.addWidget(status, 4)
        self.action = button(
            row.action, lambda: None, "primary" if row.primary else "", f"{row.action}: {row.name}"
        )
        self.action.setFixedWidth(210)
        columns.addWidget(self.action)
        lines.addLayout(columns)
        lines.addWidget(rule())


def _pair(above: str, below: str, role: str) -> QWidget:
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addStretch(1)
    column.addWidget(_shrinking(words(above, role)))
    column.addWidget(_shrinking(words(below, "small")))
    column.addStretch(1)
    return made


def _shrinking(label: QLabel) -> QLabel:
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def _course(row: TodayRow) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(6)
    column.addStretch(1)
    column.addWidget(_shrinking(words(row.course)))
    if row.total:
        bar = QProgressBar()
        bar.setRange(0, row.total)
        bar.setValue(row.done)
        bar.setTextVisible(False)
        bar.setAccessibleName(f"{row.done} of {row.total} sessions given")
        column.addWidget(bar)
    column.addStretch(1)
    return column
