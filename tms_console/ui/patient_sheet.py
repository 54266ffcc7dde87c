"""What is on record of one patient, part by part, and the buttons that ask for more of it.

Nothing is read or saved here: the Patients page does that, and shows the forms.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from tms_console.accounts.roles import Permission
from tms_console.screens.patient_forms import NEEDS, OF_SECTION, Entry
from tms_console.screens.patient_record import SEARCH, WITH_PHOTO
from tms_console.screens.patients import PatientScreen
from tms_console.ui.bridge import Bridge
from tms_console.ui.parts import Answer, Card, Finding, button, fill, put_whole, words
from tms_console.ui.tables import WordsView
from tms_console.ui.theme import SPACE, Tokens


class PatientSheet(QWidget):
    """One patient: who it is, and the parts of the record as tabs over a table."""

    entry_pressed = Signal(object, str)
    """An entry is wanted; with the uid of the record that it corrects, or ""."""
    change_pressed = Signal()
    photo_pressed = Signal(str)
    """The photograph of a positioning is wanted, by the positioning's uid."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self._shown: PatientScreen | None = None
        self._shown_to: tuple[str, Tokens] | None = None
        self._section = "Prescriptions"
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        self.who = Card()
        self.who_top = QHBoxLayout()
        self.who_name = words("", "title")
        self.who_top.addWidget(self.who_name, 1)
        self.close_patient = button("Close", partial(self._ask, Entry.CLOSE), "quiet")
        self.close_patient.setAccessibleName(Entry.CLOSE.value)
        self.reopen = button(Entry.REOPEN.value, partial(self._ask, Entry.REOPEN))
        self.change = button("Change", self.change_pressed.emit)
        self.find_button = button("Find the threshold", self._find)
        self.treat = button("Treat", self._treat, "primary")
        for one in (self.close_patient, self.reopen, self.change, self.find_button, self.treat):
            self.who_top.addWidget(one)
        self.who.body.addLayout(self.who_top)
        self.alerts = QVBoxLayout()
        self.who.body.addLayout(self.alerts)
        self.facts = QHBoxLayout()
        self.who.body.addLayout(self.facts)
        column.addWidget(self.who)
        record = Card()
        self.tabs = QHBoxLayout()
        record.body.addLayout(self.tabs)
        self.table = WordsView("Record of the patient", self.bridge.tokens)
        self.table.wrap_rows()
        record.body.addWidget(self.table, 1)
        self.nothing = words("", "muted")
        record.add(self.nothing)
        record.body.addLayout(self._entries())
        self.table.selectionModel().currentRowChanged.connect(self._show_entries)
        column.addWidget(record, 1)
        self.group = QButtonGroup(self)
        self.group.setExclusive(True)

    def _entries(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.done = Answer()
        self.record_entry = button("", self.ask_record, "primary", "Record")
        self.correct = button("Correct", self.ask_correction, "", "Correct the chosen record")
        self.take_back = button(
            Entry.TAKE_BACK.value,
            partial(self.ask_chosen, Entry.TAKE_BACK),
            "",
            "Take the chosen threshold back",
        )
        self.photo = button(
            "Photograph", self._ask_photo, "", "Show the photograph of the chosen positioning"
        )
        self.edit = button("Change", self._edit, "", "Change the chosen prescription")
        self.series = button(
            "Show the series", self._ask_series, "", "Show the chosen search for a threshold"
        )
        row.addWidget(self.done, 1)
        row.addStretch(0)
        for one in (
            self.photo,
            self.series,
            self.edit,
            self.take_back,
            self.correct,
            self.record_entry,
        ):
            row.addWidget(one)
        return row

    # What is shown

    @Slot(object)
    def _treat(self) -> None:
        """Treat who stands here, also while another patient who was chosen is still being read."""
        if self._shown is not None:
            self.bridge.set_patient(self._shown.patient_uid)
            self.bridge.go("treat")

    @Slot()
    def _find(self) -> None:
        """Look for the threshold of who stands here."""
        if self._shown is not None:
            self.bridge.set_patient(self._shown.patient_uid)
            self.bridge.go("threshold")

    def show_screen(self, screen: PatientScreen) -> None:
        """Display a patient in place of the last; the same one, to the same person, stays."""
        to = self.bridge.user_uid, self.bridge.tokens
        if (self._shown, self._shown_to) == (screen, to):
            return
        self._shown, self._shown_to = screen, to
        self.who_name.setText(screen.name)
        told = [Finding(one, "warn") for one in screen.alerts]
        if screen.closed:
            told.insert(0, Finding(f"No current patient: {screen.closed}", "bad"))
        fill(self.alerts, told)
        facts = QHBoxLayout()
        facts.setSpacing(4 * SPACE)
        for one in screen.facts:
            facts.addLayout(_stacked(one.label, one.value, one.state))
        facts.addStretch(1)
        put_whole(self.facts, facts)
        self.change.setVisible(self.bridge.may(Permission.EDIT_PATIENT) and not screen.closed)
        self.treat.setVisible(self.bridge.may(Permission.DELIVER_SESSION) and not screen.closed)
        self.find_button.setVisible(
            self.bridge.may(Permission.FIND_THRESHOLD) and not screen.closed
        )
        may = self.bridge.may(NEEDS[Entry.CLOSE])
        self.close_patient.setVisible(may and not screen.closed)
        self.reopen.setVisible(may and bool(screen.closed))
        self._show_tabs(screen)

    def _show_tabs(self, screen: PatientScreen) -> None:
        for old in self.group.buttons():
            self.group.removeButton(old)
        tabs = QHBoxLayout()
        tabs.setSpacing(SPACE // 2)
        for title, table in screen.sections:
            number = f"  {len(table.lines)}" if table.lines else ""
            made = button(f"{title}{number}", lambda: None, "tab", title)
            made.setCheckable(True)
            made.setChecked(title == self._section)
            made.clicked.connect(lambda _checked=False, one=title: self.show_section(one))
            self.group.addButton(made)
            tabs.addWidget(made)
        tabs.addStretch(1)
        put_whole(self.tabs, tabs)
        self.show_section(self._section)

    @Slot(str)
    def show_section(self, title: str) -> None:
        """Show one part of the record."""
        if self._shown is None:
            return
        self._section = title
        for tab in self.group.buttons():
            tab.setChecked(tab.accessibleName() == title)
        table = dict(self._shown.sections)[title]
        self.table.show_table(table, self.bridge.tokens)
        self.table.setAccessibleName(f"{title} of {self._shown.name}")
        self.table.setVisible(bool(table.lines))
        self.nothing.setText(table.empty)
        self.nothing.setVisible(not table.lines)
        self._show_entries()

    @Slot()
    def _show_entries(self) -> None:
        """Offer what can be entered here, and corrected of what is chosen."""
        entry, shown = OF_SECTION.get(self._section), self._shown
        may = entry is not None and self.bridge.may(NEEDS[entry]) and shown is not None
        open_ = shown is not None and (not shown.closed or entry is Entry.EVENT)
        self.record_entry.setVisible(may and open_)
        if entry is not None:
            self.record_entry.setText(entry.value)
            self.record_entry.setAccessibleName(entry.value)
        line = self.table.chosen
        stands = line is not None and line.state != "muted"
        self.correct.setVisible(may and open_)
        self.correct.setEnabled(stands)
        self.photo.setVisible(self._section == "Positioning")
        self.photo.setEnabled(line is not None and any(WITH_PHOTO in one for one in line.cells))
        searched = line is not None and SEARCH in line.cells
        may_find = self.bridge.may(Permission.FIND_THRESHOLD)
        self.series.setVisible(self._section == "Sessions" and may_find)
        self.series.setEnabled(searched)
        may_edit = self.bridge.may(Permission.PROPOSE_PRESCRIPTION)
        self.edit.setVisible(self._section == "Prescriptions" and may_edit and open_)
        self.edit.setEnabled(line is not None)
        self.take_back.setVisible(may and entry is Entry.THRESHOLD)
        self.take_back.setEnabled(stands)

    # What is pressed

    def _ask(self, entry: Entry, corrects: str = "") -> None:
        self.entry_pressed.emit(entry, corrects)

    def _ask_photo(self) -> None:
        if (line := self.table.chosen) is not None:
            self.photo_pressed.emit(line.key)

    def _ask_series(self) -> None:
        line, shown = self.table.chosen, self._shown
        if line is not None and shown is not None and SEARCH in line.cells:
            self.bridge.set_patient(shown.patient_uid)
            self.bridge.go("threshold")
            self.bridge.series_wanted.emit(line.key)

    def _edit(self) -> None:
        if (line := self.table.chosen) is not None:
            self.bridge.prescription_wanted.emit(line.key)

    @Slot()
    def ask_record(self) -> None:
        """Ask for what is entered in the part of the record in view."""
        if (entry := OF_SECTION.get(self._section)) is not None:
            self._ask(entry)

    @Slot()
    def ask_correction(self) -> None:
        """Ask for the correction of the record that is chosen."""
        if (entry := OF_SECTION.get(self._section)) is not None:
            self.ask_chosen(entry)

    def ask_chosen(self, entry: Entry) -> None:
        """Ask for an entry about the record that is chosen."""
        if (line := self.table.chosen) is not None:
            self._ask(entry, line.key)


def _stacked(label: str, value: str, state: str) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(2)
    column.addWidget(words(label, "small", wraps=False))
    told = words(value, "strong", state, wraps=False)
    told.setAccessibleName(f"{label}: {value}")
    column.addWidget(told)
    column.addStretch(1)
    return column
