"""The form in which a patient is added or changed, beside the list and never over it.

It reports what was typed; whether that can be is the clinic's to say.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tms_console.clinic.patient_details import Sex
from tms_console.screens.patients import PatientFields
from tms_console.ui.parts import Card, Finding, button, fill, words
from tms_console.ui.theme import SPACE

BOX_PX = 78


class PatientForm(Card):
    """Name, birth date and everything else that a version of a patient says."""

    save_pressed = Signal(object, bool)
    """What was typed, and whether somebody said that it is another person than who is here."""
    cancel_pressed = Signal()

    def __init__(self) -> None:
        super().__init__("Patient")
        self.name, self.birth_date = _line("Name"), _line("Birth date")
        self.name.setPlaceholderText("Family name, given names")
        self.birth_date.setPlaceholderText("1984-02-29")
        self.record_number = _line("Record number")
        self.sex = QComboBox()
        self.sex.setAccessibleName("Sex")
        self.sex.addItems([one.value for one in Sex])
        self.allergies = _box("Allergies", "one a line")
        self.alerts = _box("Alerts", "what everybody must see first, one a line")
        self.medications = _box("Medications", "one a line: name; dose and how often")
        form = QFormLayout()
        form.setSpacing(SPACE)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, field in (
            ("Name", self.name),
            ("Born", self.birth_date),
            ("Record number", self.record_number),
            ("Sex", self.sex),
            ("Alerts", self.alerts),
            ("Allergies", self.allergies),
            ("Medications", self.medications),
        ):
            form.addRow(_label(label, field), field)
        self.body.addLayout(form)
        self.answers = QVBoxLayout()
        self.body.addLayout(self.answers)
        self.body.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.cancel = button("Cancel", self.cancel_pressed.emit, "quiet")
        self.another = button("This is another person: add them", lambda: self._save(another=True))
        self.save = button("Save", lambda: self._save(another=False), "primary")
        for one in (self.cancel, self.another, self.save):
            row.addWidget(one)
        self.body.addLayout(row)

    def ask(self, title: str, fields: PatientFields) -> None:
        """Show the form filled in."""
        self.heading.setText(title.upper())
        for field, text in (
            (self.name, fields.name),
            (self.birth_date, fields.birth_date),
            (self.record_number, fields.record_number),
        ):
            field.setText(text)
        self.sex.setCurrentText(fields.sex)
        self.alerts.setPlainText(fields.alerts)
        self.allergies.setPlainText(fields.allergies)
        self.medications.setPlainText(fields.medications)
        self.tell("")
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def fields(self) -> PatientFields:
        """What is typed now."""
        return PatientFields(
            self.name.text(),
            self.birth_date.text(),
            self.sex.currentText(),
            self.record_number.text(),
            self.allergies.toPlainText(),
            self.alerts.toPlainText(),
            self.medications.toPlainText(),
        )

    def tell(self, sentence: str, *, twins: bool = False) -> None:
        """Say why nothing was written, or nothing."""
        fill(self.answers, [Finding(sentence, "warn" if twins else "bad")] if sentence else [])
        self.another.setVisible(twins)
        self._enable(True)

    def _save(self, *, another: bool) -> None:
        self._enable(False)  # nobody can cancel what is being written
        self.save_pressed.emit(self.fields, another)

    def _enable(self, on: bool) -> None:
        for one in (self.cancel, self.another, self.save):
            one.setEnabled(on)


def _line(name: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(name)
    return field


def _box(name: str, hint: str) -> QPlainTextEdit:
    field = QPlainTextEdit()
    field.setAccessibleName(name)
    field.setPlaceholderText(hint)
    field.setTabChangesFocus(True)
    field.setFixedHeight(BOX_PX)
    return field


def _label(text: str, field: QWidget) -> QLabel:
    label = words(text, "muted", wraps=False)
    label.setBuddy(field)
    return label
