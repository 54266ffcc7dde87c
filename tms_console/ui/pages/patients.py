"""Patients: searched as one types, changed by new versions, with all that is on record of one.

How that record looks is `patient_sheet`; here is who is chosen, and what is filled in and saved.
"""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from protocols.canonical import ContentError
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.patients import PossibleTwin, add_patient, edit_patient
from tms_console.screens.entry import Mistakes
from tms_console.screens.patient_entries import check, positioning_photo, put
from tms_console.screens.patient_forms import Entry, EntryScreen, entry_screen
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
from tms_console.ui.entry_form import EntryForm
from tms_console.ui.icons import icon
from tms_console.ui.page import Page
from tms_console.ui.parts import Card, Message, button, words
from tms_console.ui.patient_form import PatientForm
from tms_console.ui.patient_sheet import PatientSheet
from tms_console.ui.photo import PhotoPart, decoded
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
        self._in_view = False
        self._filling_user = ""
        self._changing: PatientScreen | None = None
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._list())
        self.right = QStackedWidget()
        self.message = Message("Choose a patient", "or search, or add one")
        self.sheet = PatientSheet(bridge)
        self.table, self.who_name, self.done = (
            self.sheet.table,
            self.sheet.who_name,
            self.sheet.done,
        )
        self.record_entry, self.correct = self.sheet.record_entry, self.sheet.correct
        self.take_back, self.change = self.sheet.take_back, self.sheet.change
        self.close_patient, self.reopen = self.sheet.close_patient, self.sheet.reopen
        self.nothing, self.show_section = self.sheet.nothing, self.sheet.show_section
        self.sheet.entry_pressed.connect(self.ask_entry)
        self.sheet.change_pressed.connect(self.ask_change)
        self.form = PatientForm()
        self.form.save_pressed.connect(self.save)
        self.form.cancel_pressed.connect(self.show_sheet)
        self.entry = EntryForm()
        self.entry.save_pressed.connect(self.save_entry)
        self.entry.cancel_pressed.connect(self.show_sheet)
        self.photo = PhotoPart()
        self.photo.closed.connect(self.show_sheet)
        self.sheet.photo_pressed.connect(self.ask_photo)
        for one in (self.message, self.sheet, self.form, self.entry, self.photo):
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
        self.closed = button("Closed patients", self.look, "row")
        self.closed.setCheckable(True)
        card.add(self.closed)
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

    @Slot()
    def _show_icons(self) -> None:
        self.add.setIcon(icon("add", self.bridge.tokens, "on_accent"))

    # Reading

    def entered(self) -> None:
        """Read the list and the chosen patient."""
        self._in_view = True
        if self.filling and self._filling_user != self._user():
            self.show_sheet()  # what somebody else had begun is not theirs to save
        self.add.setVisible(self.bridge.may(Permission.EDIT_PATIENT))
        self.look()

    def left(self) -> None:
        """Read no more, and let no photograph stand for the next person."""
        self._in_view = False
        if self.right.currentWidget() is self.photo:
            self.show_sheet()
        self.photo.forget()
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
        closed = self.closed.isChecked()

        def build(trusted: Trusted, wall: str) -> tuple[PatientList, PatientScreen | None]:
            shown = patient_screen(trusted, uid, wall) if uid else None
            return patient_list(trusted, text, closed=closed), shown

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
        kind = "closed" if found.closed else "current"
        self.say_subtitle(f"{number} found" if found.text.strip() else f"{number} {kind}")

    @Slot(object)
    def show_screen(self, screen: PatientScreen) -> None:
        """Display a patient in place of the last."""
        self._shown = screen
        self.sheet.show_screen(screen)
        if self.photo.patient_uid != screen.patient_uid:
            self.photo.forget()
        looked_at = self.right.currentWidget() is self.photo and self.photo.patient_uid
        if not self.filling and not looked_at:
            self.right.setCurrentWidget(self.sheet)

    @Slot()
    def show_sheet(self) -> None:
        """Show the record again in place of the form."""
        self._lock_list(locked=False)
        self.right.setCurrentWidget(self.message if self._shown is None else self.sheet)

    @Slot(str)
    def show_failure(self, sentence: str) -> None:
        """Say that nothing can be shown, and what to do."""
        text = f"{sentence} Nothing was changed; treat nobody before the record can be read."
        if self.filling:  # what was typed stays
            self._shown = None
            self.bridge.problem.emit(f"The patients cannot be shown. {text}")
            return
        failed = Message("The patients cannot be shown", text, button("Try again", self.look))
        old = self.message
        self.message = failed
        self.right.addWidget(failed)
        self.right.setCurrentWidget(failed)
        self.right.removeWidget(old)
        old.deleteLater()

    # What is pressed

    @property
    def filling(self) -> bool:
        """True while a form stands in place of the record."""
        return self.right.currentWidget() in (self.form, self.entry)

    def _user(self) -> str:
        return "" if self.bridge.login is None else self.bridge.login.user_uid

    def _begin(self, form: QWidget) -> None:
        self._filling_user = self._user()
        self._lock_list(locked=True)
        self.done.say("")
        self.right.setCurrentWidget(form)

    def _lock_list(self, *, locked: bool) -> None:
        """Nobody else can be chosen while a form is filled in: save or cancel it first."""
        for one in (self.found, self.add, self.closed, self.search):
            one.setEnabled(not locked)

    @Slot(object, str)
    def ask_entry(self, entry: Entry, corrects: str) -> None:
        """Ask for an entry of the patient in view, or for the correction of one."""
        shown = self._shown
        if shown is None:
            return
        uid = shown.patient_uid

        def build(trusted: Trusted, wall: str) -> EntryScreen:
            return entry_screen(trusted, entry, uid, wall, corrects)

        def show(screen: EntryScreen) -> None:
            same = self._shown is not None and self._shown.patient_uid == screen.patient_uid
            if same and not self.filling:  # else another form was begun meanwhile
                self._begin(self.entry)
                self.entry.ask(screen)

        self.bridge.read(self, build, show, self.done.say)

    @Slot(str)
    def ask_photo(self, uid: str) -> None:
        """Show the photograph of a positioning of the patient in view."""
        shown = self._shown
        if shown is None:
            return
        who = f"{shown.name}, {shown.details.birth_date}"

        def show(image: QImage) -> None:
            same = self._shown is not None and self._shown.patient_uid == shown.patient_uid
            if same and not self.filling:
                self.photo.show_photo(shown.patient_uid, who, image)
                self.right.setCurrentWidget(self.photo)

        self.bridge.act(
            self,
            lambda station, login: decoded(
                positioning_photo(station, login, shown.patient_uid, uid)
            ),
            show,
            self.done.say,
        )

    @Slot(object, object)
    def save_entry(self, screen: EntryScreen, texts: dict[str, str]) -> None:
        """Put what was typed on record, or say at which field it cannot be."""
        filled = check(screen, texts, self.bridge.station.wall())
        if isinstance(filled, Mistakes):
            self.entry.tell(dict(filled.problems))
            return

        def done(sentence: str) -> None:
            self.show_sheet()
            if screen.patient_uid == self.bridge.patient_uid:
                self.done.say(sentence, "good")
            else:  # somebody else was chosen meanwhile: say whose it is
                self.bridge.news.emit(f"{screen.title}: {sentence}")

        self.bridge.act(
            self,
            lambda station, login: put(station, login, screen, filled),
            done,
            lambda why: self.entry.tell({"": f"Nothing was written. {why}"}),
        )

    def _chosen(self) -> None:
        line = self.found.chosen
        if line is not None and line.key != self.bridge.patient_uid:
            self.right.setCurrentWidget(self.sheet if self._shown else self.message)
            self.bridge.set_patient(line.key)

    @Slot()
    def ask_new(self) -> None:
        """Ask for a new patient."""
        self._changing = None
        self._begin(self.form)
        self.form.ask("New patient", PatientFields())

    @Slot()
    def ask_change(self) -> None:
        """Ask what changes of the patient in view."""
        if self._shown is not None:
            self._changing = self._shown
            self._begin(self.form)
            self.form.ask(f"Change {self._shown.name}", fields_of(self._shown.details))

    @Slot(object, bool)
    def save(self, fields: PatientFields, another: bool) -> None:
        """Put what was typed on record as a new version."""
        changing, chosen = self._changing, self.bridge.patient_uid
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
            self._lock_list(locked=False)
            self.right.setCurrentWidget(self.sheet)
            if self.bridge.patient_uid == chosen:  # else somebody else was chosen meanwhile
                self.bridge.set_patient(result)

        self.bridge.act(self, do, done, lambda why: self.form.tell(f"Nothing was written. {why}"))
