"""The Threshold page before a search: what must be true, what is looked for, two steps to start.

It shows a `FindingBefore` and reports what was pressed; the gate decides.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from protocols.canonical import ContentError
from protocols.finding_content import Aim, Seen
from protocols.terms import Side, ThresholdKind
from protocols.threshold import METHODS, MethodName
from tms_console.delivery.pipe import GateAnswer
from tms_console.screens.finding import FindingBefore
from tms_console.ui.parts import Answer, Card, Fact, Finding, button, clear, fill, rule, words
from tms_console.ui.scrolling import Scrolled
from tms_console.ui.theme import SPACE
from tms_console.ui.treat_before import SIDE_PX, ItemRow

COILS = ("figure-8", "H1", "H4", "H7", "D-B80")


class FindingBeforePart(QWidget):
    """What must be true and what would be looked for."""

    opened = Signal(str)
    aim_chosen = Signal(object)
    prepare_pressed = Signal()
    start_pressed = Signal()
    series_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.screen_now: FindingBefore | None = None
        self.rows: dict[str, ItemRow] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        row.addWidget(self._left(), 1)
        row.addWidget(self._right())

    def _left(self) -> QWidget:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        self.refusals = QVBoxLayout()
        column.addLayout(self.refusals)
        card = Card("Before the search")
        self.title = words("Find the motor threshold", "title")
        self.bounds = words("", "muted")
        card.add(self.title, self.bounds)
        area = Scrolled("What must be true")
        area.setProperty("inside", "card")
        self._items = area.column
        self._items.setSpacing(0)
        card.body.addWidget(area, 1)
        column.addWidget(card, 1)
        return left

    def _right(self) -> QWidget:
        right = QWidget()
        right.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        area = Scrolled("What is looked for")
        area.column.addWidget(self._aim_card())
        last = Card("The last threshold")
        self._last = QVBoxLayout()
        self._last.setSpacing(0)
        last.body.addLayout(self._last)
        area.column.addWidget(last)
        earlier = Card("Searches on record")
        self._earlier = QVBoxLayout()
        earlier.body.addLayout(self._earlier)
        area.column.addWidget(earlier)
        area.column.addStretch(1)
        column.addWidget(area, 1)
        column.addWidget(self._start_card())
        return right

    def _aim_card(self) -> Card:
        card = Card("What is looked for")
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self.kind = _combo("Kind of threshold", [(str(one), one) for one in ThresholdKind])
        self.side = _combo("Hemisphere", [(str(one), one) for one in (Side.LEFT, Side.RIGHT)])
        self.coil = _combo("Coil", [(one, one) for one in COILS])
        self.coil.setEditable(True)
        self.seen = _combo("Seen by", [(one, one) for one in (Seen.VISIBLE_TWITCH, Seen.EMG)])
        self.method = _combo("Method", [(one.title, name) for name, one in METHODS.items()])
        self.muscle = QLineEdit()
        self.muscle.setAccessibleName("Muscle")
        self.muscle.setMaxLength(60)
        for number, (label, field) in enumerate(
            (
                ("Kind", self.kind),
                ("Muscle", self.muscle),
                ("Hemisphere", self.side),
                ("Coil", self.coil),
                ("Seen by", self.seen),
                ("Method", self.method),
            )
        ):
            grid.addWidget(words(label, "muted", wraps=False), number, 0)
            grid.addWidget(field, number, 1)
        card.body.addLayout(grid)
        self.method_words = words("", "small", "warn")
        self.aim_answer = Answer()
        card.add(self.method_words, self.aim_answer)
        self.method.activated.connect(self._look_at_method)
        for box in (self.kind, self.side, self.coil, self.seen):
            box.activated.connect(self._choose)
        if (typed := self.coil.lineEdit()) is not None:
            typed.editingFinished.connect(self._choose)
        self.muscle.editingFinished.connect(self._choose)
        return card

    def _start_card(self) -> Card:
        card = Card()
        self.headline = words("", "title")
        self.hint = words("", "small")
        self.identity, self.birth = words("", "big"), words("", "title")
        self.name_tick = QCheckBox("The patient stated this name")
        self.birth_tick = QCheckBox("The patient stated this birth date")
        for tick in (self.name_tick, self.birth_tick):
            tick.setAccessibleName(tick.text())
            tick.toggled.connect(self._look_at_ticks)
        self.prepare_button = button("Prepare", self.prepare_pressed.emit, "primary")
        self.start_button = button("Start the search", self._start, "primary")
        self.back_button = button("Back", self.back)
        card.add(
            self.headline,
            self.hint,
            self.identity,
            self.birth,
            self.name_tick,
            self.birth_tick,
            self.prepare_button,
        )
        row = QHBoxLayout()
        row.addWidget(self.back_button)
        row.addWidget(self.start_button, 1)
        card.body.addLayout(row)
        return card

    # What is shown

    @property
    def chosen_method(self) -> MethodName:
        """The method that stands there."""
        return MethodName(self.method.currentData())

    def show_screen(self, screen: FindingBefore) -> None:
        """Show this in place of the last; a changed one takes back a preparation."""
        last, self.screen_now = self.screen_now, screen
        same = last is not None and (last.items, last.shown.aim, last.patient_uid) == (
            screen.items,
            screen.shown.aim,
            screen.patient_uid,
        )
        prepared = same and self.start_button.isVisible()
        self.bounds.setText(screen.bounds_words)
        if last is None or last.items != screen.items:
            self._show_items(screen)
        if last is None or (last.patient_uid, last.aim) != (screen.patient_uid, screen.aim):
            self._show_aim(screen)
        self._look_at_method()
        facts: list[QWidget] = [Fact(*one) for one in screen.last]
        if not facts:
            facts = [words("No threshold is on record.", "muted")]
        due = [Finding(one, "warn") for one in screen.due if screen.last]
        fill(self._last, [*facts, *due])
        self._show_earlier(screen)
        if not prepared:
            self.back()

    def _show_items(self, screen: FindingBefore) -> None:
        clear(self._items)
        self.rows = {}
        for number, item in enumerate(screen.items):
            if number:
                self._items.addWidget(rule())
            made = ItemRow(item)
            if made.action is not None:
                made.action.clicked.connect(partial(self._open, item.opens))
            self.rows[item.code] = made
            self._items.addWidget(made)
        self._items.addStretch(1)

    def _show_aim(self, screen: FindingBefore) -> None:
        aim = screen.aim
        for box, value in (
            (self.kind, aim.kind),
            (self.side, aim.side),
            (self.seen, aim.seen),
            (self.method, screen.method),
        ):
            box.setCurrentIndex(max(box.findData(value), 0))
        self.coil.setCurrentText(aim.coil)
        self.muscle.setText(aim.muscle)
        self.aim_answer.say("")

    def _show_earlier(self, screen: FindingBefore) -> None:
        made: list[QWidget] = []
        for uid, told in screen.earlier:
            made.append(button(told, partial(self.series_chosen.emit, uid), "row", f"Show {told}"))
        fill(self._earlier, made or [words("None so far.", "muted")])

    def show_refusal(
        self, sentence: str, checks: tuple[GateAnswer, ...], left_behind: tuple[str, ...] = ()
    ) -> None:
        """Say that nothing was started and why, above the list; "" takes it away."""
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

    def back(self) -> None:
        """Show the first of the two steps."""
        screen = self.screen_now
        ready = screen is not None and screen.ready
        self.headline.setText("" if screen is None else screen.headline)
        self.hint.setText(
            "First step of two: nothing starts yet." if ready else "The list says what and how."
        )
        self._show_step(prepared=False)
        self.prepare_button.setEnabled(ready)

    def show_prepared(self) -> None:
        """Show the second step: the two identifiers, and Start."""
        screen = self.screen_now
        if screen is None or not screen.ready:
            return
        self.headline.setText("Who is in the chair?")
        self.hint.setText(f"Ask openly. {screen.shown.aim}.")
        self.identity.setText(screen.name)
        self.birth.setText(f"born {screen.birth}")
        for tick in (self.name_tick, self.birth_tick):
            tick.setChecked(False)
        self._show_step(prepared=True)
        self.name_tick.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_step(self, *, prepared: bool) -> None:
        second = (
            self.identity,
            self.birth,
            self.name_tick,
            self.birth_tick,
            self.start_button,
            self.back_button,
        )
        for one in second:
            one.setVisible(prepared)
        self.prepare_button.setVisible(not prepared)
        self._look_at_ticks()

    def _look_at_method(self) -> None:
        """Say what another method than the last one's means."""
        screen = self.screen_now
        told = "" if screen is None else screen.method_words
        if screen is not None and screen.same_method == self.chosen_method:
            told = ""
        self.method_words.setText(told)
        self.method_words.setVisible(bool(told))

    def _look_at_ticks(self) -> None:
        self.start_button.setEnabled(self.name_tick.isChecked() and self.birth_tick.isChecked())

    def show_busy(self, sentence: str) -> None:
        """Say what is being done; nothing can be pressed meanwhile."""
        self.hint.setText(sentence)
        self.prepare_button.setEnabled(False)
        self.start_button.setEnabled(False)

    # What is pressed

    def _open(self, what: str, _checked: bool = False) -> None:
        self.opened.emit(what)

    def _start(self) -> None:
        if self.name_tick.isChecked() and self.birth_tick.isChecked():
            self.start_pressed.emit()

    def _choose(self) -> None:
        """Look for something else; what cannot be looked for is said."""
        screen = self.screen_now
        if screen is None:
            return
        try:
            aim = Aim(
                ThresholdKind(self.kind.currentData()),
                self.muscle.text().strip(),
                Side(self.side.currentData()),
                self.coil.currentText().strip(),
                str(self.seen.currentData()),
            )
        except ContentError as error:
            self.aim_answer.say(f"{error}.")
            self.prepare_button.setEnabled(False)
            return
        self.aim_answer.say("")
        if aim != screen.aim:
            self.aim_chosen.emit(aim)
        else:
            self.back()


def _combo(name: str, choices: list[tuple[str, object]]) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(8)
    for text, value in choices:
        made.addItem(text, value)
    return made
