"""The fields of an adverse event, inside a page.

It collects an `EventEntry`; whether it can be is told by who makes the event of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QWidget

from tms_console.clinic.adverse_event import Outcome, Relatedness, What
from tms_console.screens.treat_event import EventEntry, severity_words
from tms_console.ui.parts import words

LONGEST_TEXT = 1_000


class EventForm(QWidget):
    """What, severity, relatedness, duration, action, outcome and words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        self.what = self._box("What happened", [(one, str(one)) for one in What])
        self.severity = self._box("Severity", severity_words())
        self.relatedness = self._box("From the stimulation?", [(r, str(r)) for r in Relatedness])
        self.outcome = self._box("Outcome", [(one, str(one)) for one in Outcome])
        self.minutes = self._line("Duration in minutes", "empty if not over or not known")
        self.action = self._line("What was done", "")
        self.description = self._line("In words", "")
        rows = (
            self.what,
            self.severity,
            self.minutes,
            self.relatedness,
            self.action,
            self.outcome,
            self.description,
        )
        for number, field in enumerate(rows):
            grid.addWidget(words(field.accessibleName(), "muted"), number, 0)
            grid.addWidget(field, number, 1)

    def _box(self, name: str, choices: Sequence[tuple[object, str]]) -> QComboBox:
        made = QComboBox()
        made.setAccessibleName(name)
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        made.setMinimumContentsLength(10)
        for value, text in choices:
            made.addItem(text, value)
        return made

    def _line(self, name: str, hint: str) -> QLineEdit:
        made = QLineEdit()
        made.setAccessibleName(name)
        made.setPlaceholderText(hint)
        made.setMaxLength(LONGEST_TEXT)
        return made

    def show_entry(self, entry: EventEntry) -> None:
        """Begin with this."""
        self.what.setCurrentIndex(list(What).index(entry.what))
        self.severity.setCurrentIndex(entry.severity)
        self.relatedness.setCurrentIndex(list(Relatedness).index(entry.relatedness))
        self.outcome.setCurrentIndex(list(Outcome).index(entry.outcome))
        self.minutes.setText(entry.minutes)
        self.action.setText(entry.action)
        self.description.setText(entry.description)

    def entry(self) -> EventEntry:
        """Return what stands in the fields."""
        return EventEntry(
            list(What)[self.what.currentIndex()],
            self.severity.currentIndex(),
            list(Relatedness)[self.relatedness.currentIndex()],
            list(Outcome)[self.outcome.currentIndex()],
            self.minutes.text(),
            self.action.text(),
            self.description.text(),
        )
