"""The form for a prescription or its next version, as a part of a page; it approves nothing.

It collects texts and shows what follows from them; it fixes nothing itself.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from tms_console.clinic.prescriptions import propose
from tms_console.screens.prescribing import (
    Draft,
    Editing,
    Entered,
    Field,
    PrescribeScreen,
    StartScreen,
    draft,
    prescribe_screen,
    start_screen,
)
from tms_console.screens.prescription_edit import EditScreen, edit_screen
from tms_console.ui.bridge import Bridge
from tms_console.ui.dose_plots import DosePlots
from tms_console.ui.parts import Card, Finding, button, clear, set_state, words
from tms_console.ui.scrolling import Scrolled, WordTable
from tms_console.ui.theme import SPACE

SIDE_PX = 336
DRAFT_AFTER_MS = 250
CHOOSE = "choose ..."


class PrescribePart(QWidget):
    """Patient, protocol, every open value, and what follows; `done` tells what happened."""

    done = Signal(str)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._patient_uid = ""
        self._draft: Draft | None = None
        self._fields: dict[str, QLineEdit | QComboBox] = {}
        self._asked = self._wanted = 0
        self._editing: Editing | None = None
        self._opened = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        middle = Scrolled("New prescription")
        self.first = Card("New prescription")
        self.patient, self.protocol = QComboBox(), QComboBox()
        self.patient.setAccessibleName("Patient")
        self.protocol.setAccessibleName("Protocol")
        for box in (self.patient, self.protocol):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(20)
            box.activated.connect(self._chosen)
        self._lead = QVBoxLayout()
        self.first.add(self.patient, self.protocol)
        self.first.body.addLayout(self._lead)
        middle.column.addWidget(self.first)
        self._groups = QVBoxLayout()
        self._groups.setSpacing(2 * SPACE)
        middle.column.addLayout(self._groups)
        self.changes = Card("What changes")
        self.table = WordTable()
        self.changes.add(self.table)
        middle.column.addWidget(self.changes)
        middle.column.addStretch(1)
        row.addWidget(middle, 1)
        side = Scrolled("What follows")
        side.setFixedWidth(SIDE_PX)
        self.result = Card("What follows")
        self._problems, self._summary = QVBoxLayout(), QVBoxLayout()
        self.plots = DosePlots(bridge)
        self.answer = words("", "small", "bad")
        self.propose_button = button("Propose to a physician", self._propose, "primary")
        self.result.body.addLayout(self._summary)
        self.result.add(self.plots)
        self.result.body.addLayout(self._problems)
        self.result.add(
            self.answer,
            self.propose_button,
            button("Cancel", partial(self.done.emit, "")),
        )
        side.column.addWidget(self.result)
        side.column.addStretch(1)
        row.addWidget(side)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DRAFT_AFTER_MS)
        self._timer.timeout.connect(self._ask_draft)

    def open(self, patient_uid: str) -> None:
        """Begin anew, for this patient if there is one."""
        self._patient_uid, self._opened = patient_uid, ""
        self._wanted += 1
        self._edit(None)
        self._show_form(PrescribeScreen((), ()))
        self._bridge.read(
            self, lambda trusted, _now: start_screen(trusted), self._show_start, self._failed
        )

    def edit(self, version_uid: str) -> None:
        """Begin the next version of a prescription, filled in from this one."""
        self._opened = version_uid
        self._wanted += 1
        self._show_form(PrescribeScreen((), ()))
        self._bridge.read(
            self,
            lambda trusted, wall: (
                start_screen(trusted),
                edit_screen(trusted, version_uid, wall),
            ),
            self._show_edit,
            self._failed,
        )

    def _show_edit(self, read: tuple[StartScreen, EditScreen]) -> None:
        start, screen = read
        edited = screen.editing.edited
        if edited.uid != self._opened:
            return  # another form was opened meanwhile
        self._patient_uid = edited.patient_uid
        self._show_start(start)
        self.protocol.setCurrentIndex(self.protocol.findData(edited.session.protocol_id))
        self._edit(screen.editing)
        self._show_form(screen.form)
        for sentence in screen.notes:
            self._lead.addWidget(Finding(sentence, "warn"))

    def _edit(self, editing: Editing | None) -> None:
        """Show whose what is made; a next version stays with its patient and protocol."""
        self._editing = editing
        heading = "New prescription"
        if editing is not None:
            edited = editing.edited
            heading = f"Version {editing.newest_version + 1}, from version {edited.version}"
        self.first.heading.setText(heading.upper())
        for box in (self.patient, self.protocol):
            box.setEnabled(editing is None)

    def _failed(self, sentence: str) -> None:
        set_state(self.answer, "bad")
        self.answer.setText(sentence)
        self.propose_button.setEnabled(False)

    def _show_start(self, screen: StartScreen) -> None:
        for box, lines in ((self.patient, screen.patients), (self.protocol, screen.protocols)):
            box.clear()
            box.addItem(CHOOSE, "")
            for key, text in lines:
                box.addItem(text, key)
        self.patient.setItemText(0, "Patient ...")
        self.protocol.setItemText(0, "Protocol ...")
        self.patient.setCurrentIndex(max(self.patient.findData(self._patient_uid), 0))
        self.patient.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _chosen(self) -> None:
        patient, protocol = self.patient.currentData(), self.protocol.currentData()
        self._wanted += 1
        self._show_form(PrescribeScreen((), ()))  # the last was of another patient or protocol
        if not patient or not protocol:
            return
        self._bridge.read(
            self,
            lambda trusted, _now: prescribe_screen(trusted, patient, protocol),
            partial(self._show_wanted, self._wanted),
            self._failed,
        )

    def _show_wanted(self, wanted: int, screen: PrescribeScreen) -> None:
        if wanted == self._wanted:  # else somebody chose another meanwhile
            self._show_form(screen)

    def _show_form(self, screen: PrescribeScreen) -> None:
        clear(self._lead)
        clear(self._groups)
        self._fields = {}
        self._draft = None
        for number, sentence in enumerate(screen.lead):
            self._lead.addWidget(words(sentence, "" if number == 0 else "small"))
        if screen.obstacle:
            self._lead.addWidget(Finding(screen.obstacle, "warn"))
        for group in () if screen.obstacle else screen.groups:
            card = Card(group.heading)
            if group.lead:
                card.add(words(group.lead, "muted"))
            grid = QGridLayout()
            grid.setHorizontalSpacing(2 * SPACE)
            grid.setColumnStretch(1, 1)
            for row, field in enumerate(group.fields):
                grid.addWidget(words(field.label), row, 0)
                grid.addWidget(self._field(field), row, 1)
                grid.addWidget(words(field.hint, "small"), row, 2)
            grid.setColumnMinimumWidth(0, 200)
            card.body.addLayout(grid)
            self._groups.addWidget(card)
        self._timer.stop()
        self._asked += 1  # a draft that is under way is of the last form
        self._show_draft(self._asked, Draft(None))
        if self._fields:
            self._timer.start()

    def _field(self, field: Field) -> QLineEdit | QComboBox:
        made: QLineEdit | QComboBox
        if field.choices:
            made = QComboBox()
            made.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            made.setMinimumContentsLength(12)
            made.addItem(CHOOSE, "")
            for key, text in field.choices:
                made.addItem(text, key)
            made.setCurrentIndex(max(made.findData(field.value), 0) if field.value else 0)
            made.activated.connect(self._later)
        else:
            made = QLineEdit(field.value)
            made.textEdited.connect(self._later)
        made.setAccessibleName(field.label)
        self._fields[field.name] = made
        return made

    @Slot()
    def _later(self) -> None:
        self._draft = None
        self.propose_button.setEnabled(False)
        self._timer.start()

    def entered_texts(self) -> Entered:
        """Return what stands in the form."""
        texts = {
            name: str(one.currentData()) if isinstance(one, QComboBox) else one.text()
            for name, one in self._fields.items()
        }
        editing = self._editing
        if editing is not None:
            edited = editing.edited
            return Entered(edited.patient_uid, edited.session.protocol_id, texts, editing)
        return Entered(str(self.patient.currentData()), str(self.protocol.currentData()), texts)

    @Slot()
    def _ask_draft(self) -> None:
        if not self._fields:
            return
        self._asked += 1
        entered = self.entered_texts()
        self._bridge.read(
            self,
            lambda trusted, _now: draft(trusted, entered),
            partial(self._show_draft, self._asked),
            self._failed,
        )

    def _show_draft(self, asked: int, made: Draft) -> None:
        if asked != self._asked or self._timer.isActive():
            return
        self._draft = made
        clear(self._problems)
        clear(self._summary)
        self.answer.setText("")
        for sentence in made.summary:
            self._summary.addWidget(words(sentence, "strong"))
        self.plots.show_strips(made.strips)
        for sentence in made.problems:
            self._problems.addWidget(Finding(sentence, "warn"))
        for note in made.findings:
            self._problems.addWidget(Finding(note.text, note.state, note.source))
        for sentence in made.bounds:
            self._problems.addWidget(words(sentence, "small"))
        if not self._fields:
            self._problems.addWidget(words("Choose a patient and a protocol.", "muted"))
        self._show_changes(made)
        self.propose_button.setEnabled(made.prescription is not None and not made.problems)

    def _show_changes(self, made: Draft) -> None:
        """Show what differs from the version that is edited; all of it, before it is proposed."""
        changed = [row for row in made.rows if row.changed]
        self.changes.setVisible(self._editing is not None and bool(changed))
        if self._editing is None or not changed:
            return
        cells = [
            (
                (row.parameter, "muted", ""),
                (row.in_force, "", ""),
                (row.proposed, "strong", "warn" if row.departs else ""),
                (row.published, "small", ""),
            )
            for row in changed
        ]
        self.table.show_rows(self._editing.columns, cells, (4, 5, 5, 5))

    def _propose(self) -> None:
        made = None if self._draft is None else self._draft.prescription
        if made is None:
            return
        self.propose_button.setEnabled(False)
        self._bridge.act(
            self,
            lambda station, login: propose(station, login, made),
            self._proposed,
            self._failed,
        )

    def _proposed(self, _uid: str) -> None:
        self.done.emit("Proposed; it waits for a physician.")
