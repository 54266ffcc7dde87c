"""A form to fill in inside a page: one row for each question, asked as its answers ask for it.

It collects answers and reports them; what they ask for is told elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from protocols.screening import AnswerValue, Item, ItemKind
from tms_console.screens.treat_form import FormScreen, choices_of, form_state, kept_answers
from tms_console.ui.parts import Card, button, rule, set_state, words
from tms_console.ui.scrolling import Scrolled
from tms_console.ui.theme import SPACE

NARROW_CHOICES = 2
"""More choices than that stand below the question."""
LONGEST_NUMBER = 6
"""Digits; no item asks for a longer one."""


class Question(QWidget):
    """One question with its answers."""

    def __init__(self, item: Item, given: AnswerValue, answered: Callable[[], None]) -> None:
        super().__init__()
        self.item = item
        self.line = rule()
        self._answered = answered
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._values: list[AnswerValue] = []
        self.field: QLineEdit | None = None
        choices = choices_of(item)
        beside = 0 < len(choices) <= NARROW_CHOICES
        outer = QHBoxLayout() if beside else QVBoxLayout()
        outer.setContentsMargins(0, 6, 0, 6)
        outer.setSpacing(SPACE)
        told = QVBoxLayout()
        told.setSpacing(1)
        told.addWidget(words(item.text))
        if item.explanation:
            told.addWidget(words(item.explanation, "small"))
        outer.addLayout(told, 1)
        self.setLayout(outer)
        if choices:
            outer.addLayout(self._choices(choices, given))
        else:
            outer.addLayout(self._text(given))

    def _choices(
        self, choices: tuple[tuple[AnswerValue, str], ...], given: AnswerValue
    ) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE // 2)
        for value, text in choices:
            made = QPushButton(text)
            made.setProperty("kind", "choice")
            made.setCheckable(True)
            made.setAutoDefault(False)
            made.setMinimumHeight(36)
            made.setAccessibleName(f"{self.item.text} {text}")
            made.setChecked(given is not None and value == given)
            made.clicked.connect(self._changed)
            self._group.addButton(made, len(self._values))
            self._values.append(value)
            row.addWidget(made)
        row.addStretch(1)
        return row

    def _text(self, given: AnswerValue) -> QHBoxLayout:
        row = QHBoxLayout()
        self.field = QLineEdit("" if given is None else str(given))
        self.field.setAccessibleName(self.item.text)
        self.field.textEdited.connect(self._changed)
        if self.item.kind is ItemKind.NUMBER:
            self.field.setFixedWidth(110)
            self.field.setPlaceholderText(f"{self.item.lowest} to {self.item.highest}")
            row.addWidget(self.field)
            row.addWidget(words(self.item.unit, "muted", wraps=False))
            row.addStretch(1)
        else:
            row.addWidget(self.field)
        return row

    def _changed(self) -> None:
        self._answered()

    @property
    def answer(self) -> AnswerValue:
        """What was answered, None for nothing."""
        if self.field is None:
            chosen = self._group.checkedId()
            return None if chosen < 0 else self._values[chosen]
        text = self.field.text().strip()
        if not text:
            return None
        if self.item.kind is ItemKind.NUMBER:
            return (
                int(text)
                if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
                else text
            )
        return text


class FormPart(QWidget):
    """A whole form with Save and Cancel."""

    filled_in = Signal(str, object)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._screen: FormScreen | None = None
        self.questions: dict[str, Question] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.card = Card()
        column.addWidget(self.card, 1)
        self.title = words("", "title")
        self.lead = words("", "muted")
        area = Scrolled("Questions")
        area.setProperty("inside", "card")
        self._rows = area.column
        self._rows.setSpacing(0)
        self.answer = words("", "small", "bad")
        self.save_button = button("Put on record", self._save, "primary")
        self.card.add(self.title, self.lead)
        self.card.body.addWidget(area, 1)
        row = QHBoxLayout()
        row.addWidget(self.answer, 1)
        row.addWidget(button("Cancel", self.cancelled.emit))
        row.addWidget(self.save_button)
        self.card.body.addLayout(row)

    def open(self, screen: FormScreen) -> None:
        """Begin with this form."""
        self._screen = screen
        self.title.setText(screen.form.name)
        self.lead.setText(screen.lead)
        self.lead.setVisible(bool(screen.lead))
        while (taken := self._rows.takeAt(0)) is not None:
            if (widget := taken.widget()) is not None:
                widget.hide()  # a show that waits would make it a window
                widget.setParent(None)
                widget.deleteLater()
        self.questions = {}
        for item in screen.form.items:
            made = Question(item, screen.answers.get(item.id), self._look)
            self.questions[item.id] = made
            self._rows.addWidget(made)
            self._rows.addWidget(made.line)
        self._rows.addStretch(1)
        self._look()
        first = next(iter(self.questions.values()))
        focus = first.findChild(QPushButton) or first.field
        if focus is not None:
            focus.setFocus(Qt.FocusReason.OtherFocusReason)

    def answers(self) -> dict[str, AnswerValue]:
        """Return what was answered."""
        return {name: one.answer for name, one in self.questions.items()}

    def tell(self, sentence: str) -> None:
        """Say what went wrong; nothing was put on record."""
        self.answer.setText(sentence)
        set_state(self.answer, "bad")
        self.save_button.setEnabled(True)

    def _look(self) -> None:
        """Show what is asked after these answers, and how much is left."""
        if self._screen is None:
            return
        stands = form_state(self._screen.form, self.answers())
        asked = {item.id for item in stands.asked}
        for name, one in self.questions.items():
            one.setVisible(name in asked)
            one.line.setVisible(name in asked)
        wrong = next((one for one in stands.mistakes if "is not answered" not in one), "")
        left = f"{stands.missing} left to answer" if stands.missing else ""
        self.answer.setText(wrong or left)
        set_state(self.answer, "bad" if wrong else "muted")
        self.save_button.setEnabled(stands.complete)

    def _save(self) -> None:
        if self._screen is not None:
            self.save_button.setEnabled(False)
            self.answer.setText("Putting it on record ...")
            form = self._screen.form
            self.filled_in.emit(form.id, kept_answers(form, self.answers()))
