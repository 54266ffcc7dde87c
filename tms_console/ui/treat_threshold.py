"""The entry of a re-measured threshold inside the Treat page.

It collects a number; what follows for the dose is told beside it and decided by the gate.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from tms_console.screens.treat_form import ThresholdEntry
from tms_console.ui.parts import Answer, Card, Fact, button, fill, words

WIDEST_PX = 640


class ThresholdPart(QWidget):
    """One value, as the threshold that the dose rests on was measured."""

    measured = Signal(object, int)
    cancelled = Signal()
    search_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[ThresholdEntry, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        card = Card("Re-measured threshold")
        card.setMaximumWidth(WIDEST_PX)
        column.addWidget(card)
        column.addStretch(1)
        self.which = QComboBox()
        self.which.setAccessibleName("Which threshold")
        self.which.activated.connect(self._show)
        self._facts = QVBoxLayout()
        self.value = QSpinBox()
        self.value.setAccessibleName("Threshold in %MSO")
        self.value.setRange(0, 100)
        self.value.setSpecialValueText("value")
        self.value.setSuffix(" %MSO")
        self.value.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.value.setFixedWidth(140)
        self.value.valueChanged.connect(self._look)
        self.note = words("", "muted")
        self.answer = Answer()
        self.save_button = button("Put on record", self._save, "primary")
        card.add(self.which)
        card.body.addLayout(self._facts)
        row = QHBoxLayout()
        row.addWidget(words("Measured now, in the same way", "strong", wraps=False))
        row.addWidget(self.value)
        row.addStretch(1)
        card.body.addLayout(row)
        card.add(self.note)
        row = QHBoxLayout()
        row.addWidget(self.answer, 8)
        row.addStretch(1)
        self.search = button("Find it on the stimulator", self.search_pressed.emit)
        row.addWidget(self.search)
        row.addWidget(button("Cancel", self.cancelled.emit))
        row.addWidget(self.save_button)
        card.body.addLayout(row)

    def open(self, entries: tuple[ThresholdEntry, ...]) -> None:
        """Begin with these."""
        self._entries = entries
        self.which.clear()
        for one in entries:
            self.which.addItem(f"{one.like.kind}, {one.like.muscle}, {one.like.side}")
        self.which.setVisible(len(entries) > 1)
        self.value.setValue(0)
        self.answer.say("")
        self._show()
        self.value.setFocus(Qt.FocusReason.OtherFocusReason)

    def tell(self, sentence: str) -> None:
        """Say what went wrong; nothing was put on record."""
        self.answer.say(sentence)
        self._look()

    def _show(self) -> None:
        one = self._entries[max(self.which.currentIndex(), 0)]
        facts = (
            ("Kind", str(one.like.kind)),
            ("Muscle, side", f"{one.like.muscle}, {one.like.side}"),
            ("Coil", one.like.coil),
            ("Method", one.like.method),
            ("Last value", f"{one.like.value_pct_mso} %MSO on {one.like.measured_at[:10]}"),
        )
        fill(self._facts, [Fact(*fact) for fact in facts])
        self.note.setText(one.note)
        self._look()

    def _look(self) -> None:
        self.save_button.setEnabled(bool(self._entries) and self.value.value() > 0)

    def _save(self) -> None:
        self.save_button.setEnabled(False)
        one = self._entries[max(self.which.currentIndex(), 0)]
        self.measured.emit(one, self.value.value())
