"""Patients: searched as one types, changed by new versions, with all that is on record of one."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from protocols.canonical import ContentError
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.patients import PossibleTwin, add_patient, edit_patient
from tms_console.screens.patients import (
    PatientFields,
    PatientList,
    PatientScreen,
    details_from,
    fields_of,
    patient_list,
    patient_screen,
)
from tms_console.screens.tables import Line, Table
from tms_console.ui.bridge import Bridge
from tms_console.ui.icons import icon
from tms_console.ui.page import Page
from tms_console.ui.parts import Card, Finding, Message, button, clear, fill, words
from tms_console.ui.patient_form import PatientForm
from tms_console.ui.search import search_field
from tms_console.ui.tables import WordsView
from tms_console.ui.theme import SPACE

TYPED_MS = 150
"""A search waits for the typing to pause this long."""
LIST_PX = 300


class PatientsPage(Page):
    """Who they are, and what is on record of them."""

    name = "patients"
    title = "Patients"
    icon = "patients"
    needs = (Permission.READ_PATIENTS,)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self._shown: PatientScreen | None = None
        self._section = "Prescriptions"
        self._in_view = False
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._list())
        self.right = QStackedWidget()
        self.message = Message("Choose a patient", "or search, or add one")
        self.sheet = self._sheet()
        self.form = PatientForm()
        self.form.save_pressed.connect(self.save)
        self.form.cancel_pressed.connect(self.show_sheet)
        for one in (self.message, self.sheet, self.form):
            self.right.addWidget(one)
        row.addWidget(self.right, 1)
        self.column.addLayout(row, 1)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self._typed.timeout.connect(self.look)
        self.search.textChanged.connect(lambda _text: self._typed.start())
        bridge.record_changed.connect(self.look_if_shown)
        bridge.patient_changed.connect(self.look_if_shown)
        bridge.theme_changed.connect(self._show_icons)
        self._show_icons()

    # Its parts

    def _list(self) -> QWidget:
        card = Card()
        card.setFixedWidth(LIST_PX)
        self.search = search_field("Search for a patient", "Name, record number or birth date")
        card.add(self.search)
        self.found = WordsView("Patients found", self.bridge.tokens)
        self.found.horizontalHeader().hide()
        self.found.wrap_rows()
        self.found.selectionModel().currentRowChanged.connect(self._chosen)
        card.body.addWidget(self.found, 1)
        self.nobody = words("", "muted")
        card.add(self.nobody)
        self.add = button("Add a patient", self.ask_new, "primary")
        card.add(self.add)
        return card

    def _sheet(self) -> QWidget:
        sheet = QWidget()
        column = QVBoxLayout(sheet)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        self.who = Card()
        self.who_top = QHBoxLayout()
        self.who_name = words("", "title")
        self.who_top.addWidget(self.who_name, 1)
        self.change = button("Change", self.ask_change)
        self.treat = button("Treat", lambda: self.bridge.go("treat"), "primary")
        for one in (self.change, self.treat):
            self.who_top.addWidget(one)
        self.who.body.addLayout(self.who_top)
        self.alerts = QVBoxLayout()
        self.who.body.addLayout(self.alerts)
        self.facts = QHBoxLayout()
        self.facts.setSpacing(4 * SPACE)
        self.who.body.addLayout(self.facts)
        column.addWidget(self.who)
        record = Card()
        self.tabs = QHBoxLayout()
        self.tabs.setSpacing(SPACE // 2)
        record.body.addLayout(self.tabs)
        self.table = WordsView("Record of the patient", self.bridge.tokens)
        record.body.addWidget(self.table, 1)
        self.nothing = words("", "muted")
        record.add(self.nothing)
        column.addWidget(record, 1)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        return sheet

    @Slot()
    def _show_icons(self) -> None:
        self.add.setIcon(icon("add", self.bridge.tokens, "on_accent"))

    # Reading

    def entered(self) -> None:
        """Read the list and the chosen patient."""
        self._in_view = True
        self.add.setVisible(self.bridge.may(Permission.EDIT_PATIENT))
        self.look()

    def left(self) -> None:
        """Read no more."""
        self._in_view = False
        self._typed.stop()

    @Slot()
    def look_if_shown(self) -> None:
        """Read again if somebody wrote something or chose another patient."""
        if self._in_view:
            self.look()

    @Slot()
    def look(self) -> None:
        """Read the list, and whoever is chosen."""
        text, uid = self.search.text(), self.bridge.patient_uid

        def build(trusted: Trusted, wall: str) -> tuple[PatientList, PatientScreen | None]:
            shown = patient_screen(trusted, uid, wall) if uid else None
            return patient_list(trusted, text), shown

        self.bridge.read(self, build, self._show, self.show_failure)

    def _show(self, read: tuple[PatientList, PatientScreen | None]) -> None:
        self.show_list(read[0])
        if read[1] is not None and read[1].patient_uid == self.bridge.patient_uid:
            self.show_screen(read[1])

    @Slot(object)
    def show_list(self, found: PatientList) -> None:
        """Display who was found."""
        lines = tuple(
            Line(one.patient_uid, (f"{one.name}\n{one.identity}",)) for one in found.lines
        )
        self.found.selectionModel().blockSignals(True)
        self.found.show_table(Table(("Patient",), lines), self.bridge.tokens)
        self.found.choose(self.bridge.patient_uid)
        self.found.selectionModel().blockSignals(False)
        self.nobody.setText("" if lines else found.empty)
        self.nobody.setVisible(not lines)
        number = len(lines)
        self.bridge.say_subtitle(f"{number} found" if found.text.strip() else f"{number} current")

    @Slot(object)
    def show_screen(self, screen: PatientScreen) -> None:
        """Display a patient in place of the last."""
        self._shown = screen
        self.who_name.setText(screen.name)
        told = [Finding(one, "warn") for one in screen.alerts]
        if screen.closed:
            told.insert(0, Finding(f"No current patient: {screen.closed}", "bad"))
        fill(self.alerts, told)
        clear(self.facts)
        for one in screen.facts:
            self.facts.addLayout(_stacked(one.label, one.value, one.state))
        self.facts.addStretch(1)
        self.change.setVisible(self.bridge.may(Permission.EDIT_PATIENT) and not screen.closed)
        self.treat.setVisible(self.bridge.may(Permission.DELIVER_SESSION) and not screen.closed)
        self._show_tabs(screen)
        if self.right.currentWidget() is not self.form:
            self.right.setCurrentWidget(self.sheet)

    @Slot()
    def show_sheet(self) -> None:
        """Show the record again in place of the form."""
        self.right.setCurrentWidget(self.message if self._shown is None else self.sheet)

    @Slot(str)
    def show_failure(self, sentence: str) -> None:
        """Say that nothing can be shown, and what to do."""
        text = f"{sentence} Nothing was changed; treat nobody before the record can be read."
        failed = Message("The patients cannot be shown", text, button("Try again", self.look))
        old = self.message
        self.message = failed
        self.right.addWidget(failed)
        self.right.setCurrentWidget(failed)
        self.right.removeWidget(old)
        old.deleteLater()

    def _show_tabs(self, screen: PatientScreen) -> None:
        for old in self._group.buttons():
            self._group.removeButton(old)
        clear(self.tabs)
        for title, table in screen.sections:
            number = f"  {len(table.lines)}" if table.lines else ""
            made = button(f"{title}{number}", lambda: None, "tab", title)
            made.setCheckable(True)
            made.setChecked(title == self._section)
            made.clicked.connect(lambda _checked=False, one=title: self.show_section(one))
            self._group.addButton(made)
            self.tabs.addWidget(made)
        self.tabs.addStretch(1)
        self.show_section(self._section)

    @Slot(str)
    def show_section(self, title: str) -> None:
        """Show one part of the record."""
        if self._shown is None:
            return
        self._section = title
        table = dict(self._shown.sections)[title]
        self.table.show_table(table, self.bridge.tokens)
        self.table.setAccessibleName(f"{title} of {self._shown.name}")
        self.table.setVisible(bool(table.lines))
        self.nothing.setText(table.empty)
        self.nothing.setVisible(not table.lines)

    # What is pressed

    def _chosen(self) -> None:
        line = self.found.chosen
        if line is not None and line.key != self.bridge.patient_uid:
            self.right.setCurrentWidget(self.sheet if self._shown else self.message)
            self.bridge.set_patient(line.key)

    @Slot()
    def ask_new(self) -> None:
        """Ask for a new patient."""
        self._changing = None
        self.form.ask("New patient", PatientFields())
        self.right.setCurrentWidget(self.form)

    @Slot()
    def ask_change(self) -> None:
        """Ask what changes of the patient in view."""
        if self._shown is not None:
            self._changing = self._shown
            self.form.ask(f"Change {self._shown.name}", fields_of(self._shown.details))
            self.right.setCurrentWidget(self.form)

    _changing: PatientScreen | None = None

    @Slot(object, bool)
    def save(self, fields: PatientFields, another: bool) -> None:
        """Put what was typed on record as a new version."""
        changing = self._changing
        try:
            photo = None if changing is None else changing.details.photo_uid
            details = details_from(fields, photo)
        except ContentError as error:
            self.form.tell(f"Nothing was written: {error}.")
            return

        def do(station: Station, login: Login) -> str | PossibleTwin:
            try:
                if changing is None:
                    return add_patient(station, login, details, another_person=another)
                edit_patient(station, login, changing.version_uid, details, another_person=another)
            except PossibleTwin as twin:
                return twin
            return changing.patient_uid

        def done(result: str | PossibleTwin) -> None:
            if isinstance(result, PossibleTwin):
                self.form.tell(f"Nothing was written. {result}", twins=True)
                return
            self.right.setCurrentWidget(self.sheet)
            self.bridge.set_patient(result)

        self.bridge.act(self, do, done, lambda why: self.form.tell(f"Nothing was written. {why}"))


def _stacked(label: str, value: str, state: str) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(2)
    column.addWidget(words(label, "small", wraps=False))
    told = words(value, "strong", state, wraps=False)
    told.setAccessibleName(f"{label}: {value}")
    column.addWidget(told)
    column.addStretch(1)
    return column
