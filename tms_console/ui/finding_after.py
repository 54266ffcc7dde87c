"""The Threshold page after a search: what was found, how, every stimulus, and what it means."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tms_console.screens.finding_after import FindingAfter
from tms_console.ui.bridge import Bridge
from tms_console.ui.finding_plot import CurvePlot
from tms_console.ui.parts import Answer, Card, Fact, Finding, button, fill, rule, set_state, words
from tms_console.ui.scrolling import Scrolled
from tms_console.ui.tables import WordsView
from tms_console.ui.theme import SPACE, Tokens
from tms_console.ui.two_steps import SIDE_PX


class FindingAfterPart(QWidget):
    """A series that is over."""

    record_pressed = Signal()
    done_pressed = Signal()
    treat_pressed = Signal()

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.screen_now: FindingAfter | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        left = QVBoxLayout()
        left.setSpacing(2 * SPACE)
        left.addWidget(self._outcome())
        self.picture = picture = Card("The series")
        self.curve = CurvePlot(bridge.tokens)
        picture.add(self.curve)
        left.addWidget(picture, 3)
        stimuli = Card("Every stimulus")
        self.table = WordsView("Stimuli of the series", bridge.tokens)
        self.nothing = words("", "muted")
        stimuli.body.addWidget(self.table, 1)
        stimuli.add(self.nothing)
        left.addWidget(stimuli, 2)
        row.addLayout(left, 1)
        row.addWidget(self._side())

    def _outcome(self) -> Card:
        card = Card()
        self.title = words("", "big")
        self.change = words("", "strong")
        self.loud = QVBoxLayout()
        self.sentences = words("", "muted")
        card.body.addLayout(self.loud)
        card.add(self.title, self.change, self.sentences)
        return card

    def _side(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        area = Scrolled("How it was found")
        card = Card("How it was found")
        self._facts = QVBoxLayout()
        self._facts.setSpacing(0)
        card.body.addLayout(self._facts)
        area.column.addWidget(card)
        area.column.addStretch(1)
        column.addWidget(area, 1)
        last = Card()
        self.answer = Answer()
        self.record = button("Put the threshold on record", self.record_pressed.emit, "primary")
        self.treat = button("Go to Treat", self.treat_pressed.emit)
        self.done = button("Done", self.done_pressed.emit)
        last.add(self.answer, self.record)
        row = QHBoxLayout()
        row.addWidget(self.treat, 1)
        row.addWidget(self.done, 1)
        last.body.addLayout(row)
        column.addWidget(last)
        return side

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self.curve.show_theme(tokens)

    def show_screen(self, screen: FindingAfter, *, may_record: bool) -> None:
        """Show this in place of the last."""
        self.screen_now = screen
        self.title.setText(screen.title)
        set_state(self.title, screen.state)
        self.change.setText(screen.change)
        self.change.setVisible(bool(screen.change))
        self.sentences.setText(" ".join(screen.sentences))
        lines: list[QWidget] = []
        for number, fact in enumerate(screen.facts):
            if number:
                lines.append(rule())
            lines.append(Fact(*fact))
        fill(self._facts, lines)
        self.table.show_table(screen.stimuli, self._bridge.tokens)
        self.table.setVisible(bool(screen.stimuli.lines))
        self.nothing.setText(screen.stimuli.empty)
        self.nothing.setVisible(not screen.stimuli.lines)
        self.curve.show_series(screen.standing, screen.log.series, screen.title)
        self.picture.setVisible(screen.standing is not None)
        self.record.setVisible(screen.recordable and may_record)
        self.record.setEnabled(True)
        self.answer.say("")

    def show_loud(self, sentences: tuple[str, ...]) -> None:
        """Say what somebody must be told, above everything."""
        fill(self.loud, [Finding(one, "bad") for one in sentences])

    def tell(self, sentence: str) -> None:
        """Say what went wrong; the threshold is not on record."""
        self.answer.say(sentence)
        self.record.setEnabled(True)
