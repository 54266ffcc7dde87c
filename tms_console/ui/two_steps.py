"""What a page shows before a start: what must be true, and two steps with the two identifiers.

It shows a `StartStep` and reports what was pressed; the gate decides.  What else stands beside it,
such as the dose, is its subclass's.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from tms_console.delivery.pipe import GateAnswer
from tms_console.screens.start_step import Item, StartStep
from tms_console.ui.parts import STATE_SHAPES, Card, Finding, button, clear, rule, words
from tms_console.ui.scrolling import Scrolled, breakable
from tms_console.ui.theme import SPACE

SIDE_PX = 384
SCROLLED_PX = 20
"""The margin and the bar of a scrolled column."""
ACTION_PX = 150
NOT_READY = "The list says what and how."
WHO = "Who is in the chair?"


class ItemRow(QWidget):
    """One thing that must be true: shape, sentence and its one action."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 6, 0, 6)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(1, 1)
        for edge in (0, 3):
            grid.setRowStretch(edge, 1)
        mark = words(STATE_SHAPES[item.state], "", item.state, wraps=False)
        mark.setFixedWidth(18)
        grid.addWidget(mark, 1, 0)
        grid.addWidget(words(item.title, "strong", wraps=False), 1, 1)
        grid.addWidget(words(breakable(item.sentence), "small"), 2, 1)
        self.setAccessibleName(f"{item.title}: {item.sentence}")
        self.action = None
        if item.action:
            kind = "" if item.refuses or item.state == "warn" else "quiet"
            self.action = button(item.action, lambda: None, kind, f"{item.title}: {item.action}")
            self.action.setMinimumWidth(ACTION_PX)
            grid.addWidget(self.action, 0, 2, 4, 1, Qt.AlignmentFlag.AlignVCenter)


class TwoSteps(QWidget):
    """The list on the left, the two steps below what else there is on the right.

    Attributes:
        head: Above the list, for the subclass.
        beside: Above the two steps, for the subclass.
        prepared: The second step is in view: the identifiers are asked for.
    """

    opened = Signal(str)
    prepare_pressed = Signal()
    start_pressed = Signal()
    taken_back = Signal()
    """Whatever was prepared, is being looked at or is being signed is not wanted any more."""

    def __init__(self, heading: str, beside: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.step: StartStep | None = None
        self.prepared = False
        self._busy = self._held_back = False
        self.rows: dict[str, ItemRow] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        row.addWidget(self._left(heading), 1)
        row.addWidget(self._right(beside))

    def _left(self, heading: str) -> QWidget:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        self.refusals = QVBoxLayout()
        column.addLayout(self.refusals)
        self.list_card = Card(heading)
        self.head = QHBoxLayout()
        self.list_card.body.addLayout(self.head)
        area = Scrolled("What must be true")
        area.setProperty("inside", "card")
        self._items = area.column
        self._items.setSpacing(0)
        self.list_card.body.addWidget(area, 1)
        column.addWidget(self.list_card, 1)
        return left

    def _right(self, beside: str) -> QWidget:
        right = QWidget()
        right.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        self.beside = Scrolled(beside)
        column.addWidget(self.beside, 1)
        self._below = QVBoxLayout()
        self._below.addWidget(self._start_card())
        self.beside.verticalScrollBar().rangeChanged.connect(self._keep_width)
        column.addLayout(self._below)
        return right

    @Slot(int, int)
    def _keep_width(self, _least: int, most: int) -> None:
        """Keep the card below as wide as the cards above, whether these scroll or not."""
        self._below.setContentsMargins(0, 0, SCROLLED_PX if most > 0 else 0, 0)

    def _start_card(self) -> QWidget:
        self.start_card = Card()
        self.headline = words("", "title")
        self.hint = words("", "small")
        self.identity = words("", "big")
        self.birth = words("", "title")
        self.name_tick = QCheckBox("The patient stated this name")
        self.birth_tick = QCheckBox("The patient stated this birth date")
        self.ticks = (self.name_tick, self.birth_tick)
        for tick in self.ticks:
            tick.setAccessibleName(tick.text())
            tick.toggled.connect(self._look_at_ticks)
        self.prepare_button = button("Prepare", self._prepare, "primary")
        self.start_button = button("Start", self._start, "primary")
        self.back_button = button("Back", self.back)
        self.start_card.add(
            self.headline,
            self.hint,
            self.identity,
            self.birth,
            *self.ticks,
            self.prepare_button,
        )
        row = QHBoxLayout()
        row.addWidget(self.back_button)
        row.addWidget(self.start_button, 1)
        self.start_card.body.addLayout(row)
        return self.start_card

    # What is shown

    def show_step(self, step: StartStep) -> None:
        """Show this in place of the last; another one takes a preparation back."""
        last, self.step = self.step, step
        if last is None or last.items != step.items:  # else the focus stays where it is
            self._show_items(step.items)
        if last != step or not self.prepared or not self.isVisible():
            self.back()

    def _show_items(self, items: tuple[Item, ...]) -> None:
        clear(self._items)
        self.rows = {}
        for number, item in enumerate(items):
            if number:
                self._items.addWidget(rule())
            made = ItemRow(item)
            if made.action is not None:
                made.action.clicked.connect(partial(self._open, item.opens))
            self.rows[item.code] = made
            self._items.addWidget(made)
        self._items.addStretch(1)

    def show_refusal(
        self, sentence: str, checks: tuple[GateAnswer, ...], left_behind: tuple[str, ...] = ()
    ) -> None:
        """Say that nothing was started and why, above the list; "" takes it away.

        Args:
            sentence: Why.
            checks: What the gate said.
            left_behind: What was found of an earlier session, such as a port that may be armed.
        """
        clear(self.refusals)
        if not sentence:
            return
        refused = [one for one in checks if one.answer == "refused"]
        told = [f"{one.sentence} {one.remedy}".strip() for one in refused] or [sentence]
        self.refusals.addWidget(
            words("Nothing was started, and nothing was given.", "strong", "bad")
        )
        for one in (*left_behind, *told):
            self.refusals.addWidget(Finding(one, "bad"))

    @Slot()
    def back(self) -> None:
        """Show the first of the two steps; nothing that was prepared or pressed counts any more."""
        step = self.step
        ready = step is not None and step.ready
        self.headline.setText("" if step is None else step.headline)
        self.hint.setText(step.first if step is not None and ready else NOT_READY)
        self.prepared = self._busy = False
        self._show()
        self.taken_back.emit()

    def show_prepared(self) -> None:
        """Show the second step: the two identifiers, and Start."""
        step = self.step
        if step is None or not step.ready or self._held_back:
            return
        self.headline.setText(WHO)
        self.hint.setText(step.second)
        self.identity.setText(step.name)
        self.birth.setText(f"born {step.birth}")
        self.start_button.setText(step.start)
        self.start_button.setAccessibleName(step.start)
        self.prepared, self._busy = True, False
        self._show()

    def show_busy(self, sentence: str) -> None:
        """Say what is being done; nothing but Back can be pressed meanwhile."""
        self.hint.setText(sentence)
        self._busy = True
        self._allow()

    def hold_back(self, held: bool) -> None:
        """Let nothing be prepared while something that was entered cannot be ordered."""
        self._held_back = held
        self.back()

    def _show(self) -> None:
        """Show the step that counts, with the ticks of nobody yet."""
        second = (self.identity, self.birth, *self.ticks, self.start_button, self.back_button)
        self._leave(*((self.prepare_button,) if self.prepared else second))
        for tick in self.ticks:
            tick.setChecked(False)
        for one in second:
            one.setVisible(self.prepared)
        self.prepare_button.setVisible(not self.prepared)
        self._allow()

    def _allow(self) -> None:
        step = self.step
        ready = step is not None and step.ready and not self._held_back
        for one, allowed in (
            (self.prepare_button, ready and not self._busy),
            (self.name_tick, not self._busy),
            (self.birth_tick, not self._busy),
            (self.start_button, self.identified),
        ):
            if not allowed:
                self._leave(one)
            one.setEnabled(allowed)

    def _leave(self, *going: QWidget) -> None:
        """Take the focus from what goes; Qt would give it to a neighbour, for Enter to press."""
        if QApplication.focusWidget() in going:
            self.start_card.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def identified(self) -> bool:
        """True while somebody has ticked both identifiers, and nothing is being done about it."""
        return self.prepared and not self._busy and all(one.isChecked() for one in self.ticks)

    @Slot()
    def _look_at_ticks(self) -> None:
        self.start_button.setEnabled(self.identified)

    # What is pressed

    def _open(self, what: str, _checked: bool = False) -> None:
        self.back()
        self.opened.emit(what)

    def _prepare(self) -> None:
        self.prepare_pressed.emit()

    def _start(self) -> None:
        if self.identified:
            self.start_pressed.emit()
