"""The record: sessions with their pulses, the audit trail, verification and backups."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tms_console.accounts.roles import Permission
from tms_console.accounts.trust import Trusted
from tms_console.screens.records import (
    OPEN,
    OUTCOME_COLUMN,
    SessionDetail,
    audit_table,
    backup_words,
    session_detail,
    sessions_table,
)
from tms_console.screens.tables import Table
from tms_console.ui.bridge import Bridge
from tms_console.ui.lateness import LatenessPlot
from tms_console.ui.page import Page
from tms_console.ui.parts import Card, Fact, Finding, Message, button, fill, words
from tms_console.ui.record_checks import RecordChecks
from tms_console.ui.record_export import RecordExport
from tms_console.ui.search import search_field
from tms_console.ui.tables import WordsView
from tms_console.ui.theme import SPACE

SESSIONS, AUDIT, CHECKS, EXPORT = "Sessions", "Audit trail", "Check and backup", "Export"
TABS = (SESSIONS, AUDIT, CHECKS, EXPORT)
TYPED_MS = 200
DETAIL_PX = 420


class RecordsPage(Page):
    """What was done, and whether the record of it is whole."""

    name = "records"
    title = "Records"
    icon = "records"
    needs = (Permission.READ_SESSIONS, Permission.VERIFY_RECORDS, Permission.MAKE_BACKUP)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self._in_view, self._tab, self._oldest = False, SESSIONS, 0
        self.tabs = QHBoxLayout()
        self.tabs.setSpacing(SPACE // 2)
        self._group = QButtonGroup(self)
        self._buttons = {}
        for name in TABS:
            made = button(name, partial(self.show_tab, name), "tab")
            made.setCheckable(True)
            self._group.addButton(made)
            self._buttons[name] = made
            self.tabs.addWidget(made)
        self.tabs.addStretch(1)
        self.search = search_field("Filter the sessions", "Filter: patient, day, state, device")
        self.search.setFixedWidth(300)
        self.tabs.addWidget(self.search)
        self.column.addLayout(self.tabs)
        self.failure = QVBoxLayout()
        self.column.addLayout(self.failure)
        self.pages = QStackedWidget()
        self.checks = RecordChecks(bridge)
        self.export = RecordExport(bridge)
        for one in (self._sessions(), self._audit(), self.checks, self.export):
            self.pages.addWidget(one)
        self.column.addWidget(self.pages, 1)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self._typed.timeout.connect(self.look)
        self.search.textChanged.connect(lambda _text: self._typed.start())
        bridge.record_changed.connect(self.look_if_shown)
        bridge.theme_changed.connect(self._show_theme)

    # Its parts

    def _sessions(self) -> QWidget:
        part = QWidget()
        row = QHBoxLayout(part)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        self.table = WordsView("Sessions", self.bridge.tokens)
        self.table.selectionModel().currentRowChanged.connect(self.read_session)
        row.addWidget(self.table, 3)
        self.detail = Card("Session")
        self.detail.setFixedWidth(DETAIL_PX)
        self.facts = QVBoxLayout()
        self.facts.setSpacing(0)
        self.plot = LatenessPlot(self.bridge.tokens)
        self.pulses = WordsView("Pulses of the session", self.bridge.tokens)
        self.events = WordsView("Events of the session", self.bridge.tokens)
        self.detail_tabs = QHBoxLayout()
        self.detail_pages = QStackedWidget()
        first = QWidget()
        column = QVBoxLayout(first)
        column.setContentsMargins(0, 0, 10, 0)  # beside the scroll bar
        column.addWidget(words("LATENESS OF EACH COMMAND, MS OVER S", "label"))
        column.addWidget(self.plot)
        column.addLayout(self.facts)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setProperty("inside", "card")
        area.setWidget(first)
        area.setAccessibleName("Numbers of the session")
        for one in (area, self.pulses, self.events):
            self.detail_pages.addWidget(one)
        group = QButtonGroup(self)
        for number, name in enumerate(("Numbers", "Pulses", "Events")):
            made = button(name, partial(self.detail_pages.setCurrentIndex, number), "tab")
            made.setCheckable(True)
            made.setChecked(number == 0)
            group.addButton(made)
            self.detail_tabs.addWidget(made)
        self.detail_tabs.addStretch(1)
        self.detail.body.addLayout(self.detail_tabs)
        self.detail.body.addWidget(self.detail_pages, 1)
        self.right = QStackedWidget()
        self.right.setFixedWidth(DETAIL_PX)
        self.right.addWidget(Message("Choose a session", "Its pulses and events are shown here."))
        self.right.addWidget(self.detail)
        row.addWidget(self.right, 2)
        return part

    def _audit(self) -> QWidget:
        part = Card()
        self.chain = WordsView("Audit trail", self.bridge.tokens)
        part.body.addWidget(self.chain, 1)
        row = QHBoxLayout()
        self.older = button("Older rows", lambda: self._read_audit(self._oldest))
        self.newest = button("Newest rows", lambda: self._read_audit(None))
        row.addWidget(words("Each row names the hash of the one before it.", "small"), 1)
        row.addWidget(self.newest)
        row.addWidget(self.older)
        part.body.addLayout(row)
        return part

    # Reading

    def entered(self) -> None:
        """Show the last tab that who is logged in may see."""
        self._in_view = True
        may_read = self.bridge.may(Permission.READ_SESSIONS)
        for name in (SESSIONS, EXPORT, AUDIT):
            self._buttons[name].setVisible(may_read)
        self.show_tab(self._tab if may_read else CHECKS)

    def left(self) -> None:
        """Read no more."""
        self._in_view = False
        self._typed.stop()

    @Slot(str)
    def show_tab(self, name: str) -> None:
        """Show one part of the page."""
        self._tab = name
        self._buttons[name].setChecked(True)
        self.pages.setCurrentIndex(TABS.index(name))
        self.search.setVisible(name == SESSIONS)
        self.say_subtitle("")  # what it said was of the other part
        self.look()

    @Slot()
    def look_if_shown(self) -> None:
        """Read again if somebody wrote something."""
        if self._in_view:
            self.look()

    @Slot()
    def look(self) -> None:
        """Read what the tab in view shows."""
        fill(self.failure, [])
        self.checks.integrity.take_doubt("")
        if self._tab == SESSIONS:
            self._read_sessions()
        elif self._tab == AUDIT:
            self._read_audit(None)
        elif self._tab == EXPORT:
            self._show_export()
        else:
            self._read_due()

    def _read_sessions(self) -> None:
        login, text = self.bridge.login, self.search.text()
        if login is None:
            return

        def build(trusted: Trusted, wall: str) -> Table:
            return sessions_table(trusted, wall, login.role, text)

        self.bridge.read(self, build, self.show_sessions, self.show_failure)

    def _show_export(self) -> None:
        line, lines = self.table.chosen, self.table.words.table.lines
        over = [one for one in lines if one.cells[OUTCOME_COLUMN] != OPEN]
        chosen = line.key if line is not None and line in over else ""
        self.export.open(chosen, [one.key for one in over])

    def _read_audit(self, before: int | None) -> None:
        database = self.bridge.station.database
        self.bridge.read(
            self,
            lambda trusted, wall: audit_table(trusted, database, wall, before),
            self.show_audit,
            self.show_failure,
        )

    def _read_due(self) -> None:
        database = self.bridge.station.database
        self.bridge.read(
            self,
            lambda trusted, wall: backup_words(trusted, database, wall),
            lambda told: self.checks.show_due(told[0], due=told[1]),
            self.show_failure,
        )

    @Slot()
    def read_session(self) -> None:
        """Read the session that was chosen."""
        line, database = self.table.chosen, self.bridge.station.database
        if line is None:
            return
        uid = line.key
        self.bridge.read(
            self,
            lambda trusted, wall: session_detail(trusted, database, uid, wall),
            self.show_session,
            self.show_failure,
        )

    # Showing

    @Slot(object)
    def show_sessions(self, table: Table) -> None:
        """Display the sessions."""
        self.table.selectionModel().blockSignals(True)
        self.table.show_table(table, self.bridge.tokens)
        self.table.selectionModel().blockSignals(False)
        number = len(table.lines)
        self.say_subtitle(f"{number:,} sessions" if number else table.empty)

    @Slot(object)
    def show_session(self, detail: SessionDetail) -> None:
        """Display one session, if it is still the chosen one."""
        line = self.table.chosen
        if line is None or line.key != detail.uid:
            return
        self.detail.heading.setText(detail.title.upper())
        self.detail.heading.show()
        made = []
        for label, value, state in detail.facts:
            one = Fact(label)
            one.show_value(value, state)
            made.append(one)
        fill(self.facts, made)
        self.plot.show_lateness(detail.lateness)
        self.pulses.show_table(detail.pulses, self.bridge.tokens)
        self.events.show_table(detail.events, self.bridge.tokens)
        self.right.setCurrentWidget(self.detail)

    @Slot(object)
    def show_audit(self, table: Table) -> None:
        """Display a page of the audit chain."""
        if not table.lines:
            return
        self._oldest = int(table.lines[-1].key)
        self.older.setEnabled(self._oldest > 1)
        self.chain.show_table(table, self.bridge.tokens)
        self.say_subtitle(f"rows {self._oldest:,} to {int(table.lines[0].key):,}")

    @Slot(str)
    def show_failure(self, sentence: str) -> None:
        """Say that the record cannot be shown, and what to do."""
        text = f"{sentence} Nothing was changed. Verify the record, and treat nobody meanwhile."
        fill(self.failure, [Finding(text, "bad")])
        self.checks.integrity.take_doubt(sentence)

    @Slot()
    def _show_theme(self) -> None:
        self.plot.show_theme(self.bridge.tokens)
