"""The Threshold page before a search: what must be true, what is looked for, two steps to start.

It shows a `FindingBefore` and reports what was pressed; the gate decides.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from protocols.canonical import ContentError
from protocols.finding_content import Aim, Seen
from protocols.terms import Side, ThresholdKind
from protocols.threshold import METHODS, MethodName
from tms_console.screens.finding import FindingBefore
from tms_console.ui.parts import Answer, Card, Fact, Finding, button, fill, words
from tms_console.ui.two_steps import TwoSteps

COILS = ("figure-8", "H1", "H4", "H7", "D-B80")


class FindingBeforePart(TwoSteps):
    """What must be true and what would be looked for."""

    aim_chosen = Signal(object)
    series_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Before the search", "What is looked for", parent)
        self.screen_now: FindingBefore | None = None
        titles = QVBoxLayout()
        titles.setSpacing(1)
        self.title = words("Find the motor threshold", "title")
        self.bounds = words("", "muted")
        titles.addWidget(self.title)
        titles.addWidget(self.bounds)
        self.head.addLayout(titles)
        self.beside.column.addWidget(self._aim_card())
        last = Card("The last threshold")
        self._last = QVBoxLayout()
        self._last.setSpacing(0)
        last.body.addLayout(self._last)
        self.beside.column.addWidget(last)
        earlier = Card("Searches on record")
        self._earlier = QVBoxLayout()
        earlier.body.addLayout(self._earlier)
        self.beside.column.addWidget(earlier)
        self.beside.column.addStretch(1)

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

    # What is shown

    @property
    def chosen_method(self) -> MethodName:
        """The method that stands there."""
        return MethodName(self.method.currentData())

    def show_screen(self, screen: FindingBefore) -> None:
        """Show this in place of the last; a changed one takes back a preparation."""
        last, self.screen_now = self.screen_now, screen
        self.bounds.setText(screen.bounds_words)
        if last is None or (last.patient_uid, last.aim) != (screen.patient_uid, screen.aim):
            self._show_aim(screen)
        self._look_at_method()
        facts: list[QWidget] = [Fact(*one) for one in screen.last]
        if not facts:
            facts = [words("No threshold is on record.", "muted")]
        due = [Finding(one, "warn") for one in screen.due if screen.last]
        fill(self._last, [*facts, *due])
        self._show_earlier(screen)
        self.show_step(screen.step)

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
        self.hold_back(False)

    def _show_earlier(self, screen: FindingBefore) -> None:
        made: list[QWidget] = []
        for uid, told in screen.earlier:
            made.append(button(told, partial(self.series_chosen.emit, uid), "row", f"Show {told}"))
        fill(self._earlier, made or [words("None so far.", "muted")])

    def _look_at_method(self) -> None:
        """Say what another method than the last one's means."""
        screen = self.screen_now
        told = "" if screen is None else screen.method_words
        if screen is not None and screen.same_method == self.chosen_method:
            told = ""
        self.method_words.setText(told)
        self.method_words.setVisible(bool(told))

    # What is pressed

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
            self.hold_back(True)
            return
        self.aim_answer.say("")
        self.hold_back(False)
        if aim != screen.aim:
            self.aim_chosen.emit(aim)


def _combo(name: str, choices: list[tuple[str, object]]) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(8)
    for text, value in choices:
        made.addItem(text, value)
    return made
