"""The Threshold page while a threshold is looked for; it shows a screen and decides nothing.

One key each: S stimulates, M moved, N did not, C can't tell, U takes the last answer back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from protocols.finding_log import Placed
from protocols.threshold import Answer, Standing, Stimulus
from tms_console.screens.finding_during import FindingScreen, place_words
from tms_console.ui.bridge import Bridge
from tms_console.ui.finding_plot import CurvePlot, HotspotGrid
from tms_console.ui.parts import Card, Fact, button, rule, words
from tms_console.ui.running_part import OWN_BUTTON, RunningPart, say, step_button
from tms_console.ui.theme import Tokens

SIDE_PX = 320
STEPS = ((-5, "Ctrl+PgDown"), (-1, "Ctrl+Down"), (1, "Ctrl+Up"), (5, "Ctrl+PgUp"))
MOVES = (("Alt+Left", -1, 0), ("Alt+Right", 1, 0), ("Alt+Up", 0, 1), ("Alt+Down", 0, -1))


class FindingDuring(RunningPart):
    """A search that runs."""

    stimulate_pressed = Signal()
    answered = Signal(object)
    taken_back = Signal()
    intensity_pressed = Signal(int)
    place_chosen = Signal(object)
    begin_pressed = Signal()
    accept_pressed = Signal()
    rejected = Signal(str)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__("Search for a threshold in progress", parent)
        self.screen_now: FindingScreen | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        left = QVBoxLayout()
        left.setSpacing(12)
        left.addWidget(self._numbers())
        self.told = words("", "strong", "warn")
        self.told.setAccessibleName("What was not done")
        self.told.hide()
        left.addWidget(self.told)
        left.addWidget(self._pictures(bridge.tokens), 1)
        row.addLayout(left, 1)
        row.addWidget(self._side())
        self._keys()
        self.show_theme(bridge.tokens)

    # How it is built

    def _numbers(self) -> Card:
        """What to do on the left, the intensity on the right, where it stands below."""
        card = Card()
        card.body.setContentsMargins(20, 12, 20, 14)
        card.body.setSpacing(4)
        self.word = words("", "state", wraps=False)
        self.hint = words("", "muted")
        self.last = words("", "small", wraps=False)
        self.simulated = words("", "strong", "warn", wraps=False)
        self.set_to = words("", "huge", wraps=False)
        self.unit = words("% MSO", "title", wraps=False)
        self.unit.setContentsMargins(0, 0, 0, 9)
        self.set_words = words("", "muted", wraps=False)
        number = QHBoxLayout()
        number.setSpacing(8)
        number.addStretch(1)
        number.addWidget(self.set_to)
        number.addWidget(self.unit, 0, Qt.AlignmentFlag.AlignBottom)
        what = QVBoxLayout()
        what.setSpacing(3)
        what.addWidget(self.word)
        what.addWidget(self.hint)
        said = QHBoxLayout()
        said.setSpacing(16)
        said.addWidget(self.last)
        said.addWidget(self.simulated)
        said.addStretch(1)
        what.addLayout(said)
        what.addStretch(1)
        at = QVBoxLayout()
        at.setSpacing(0)
        at.addLayout(number)
        self.set_words.setAlignment(Qt.AlignmentFlag.AlignRight)
        at.addWidget(self.set_words)
        top = QHBoxLayout()
        top.addLayout(what, 1)
        top.addLayout(at)
        card.body.addLayout(top)
        card.add(rule())
        self.sentence = words("", "big", wraps=False)
        self.small = words("", "muted")
        card.add(self.sentence, self.small)
        return card

    def _pictures(self, tokens: Tokens) -> Card:
        card = Card()
        card.body.setContentsMargins(16, 10, 16, 10)
        card.body.setSpacing(4)
        self.picture_title = words("", "label", wraps=False)
        self.stimuli = words("", "small", wraps=False)
        head = QHBoxLayout()
        head.addWidget(self.picture_title, 1)
        head.addWidget(self.stimuli)
        card.body.addLayout(head)
        self.curve = CurvePlot(tokens)
        self.grid = HotspotGrid(tokens)
        self.grid.chosen.connect(self._choose_place)
        search = QWidget()
        row = QHBoxLayout(search)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(24)
        row.addWidget(self.grid, 1)
        row.addWidget(self._search_side())
        self.pictures = QStackedWidget()
        self.pictures.addWidget(search)
        self.pictures.addWidget(self.curve)
        card.body.addWidget(self.pictures, 1)
        self.legend = words(
            "● moved   ○ did not move   ✕ can't tell   │ estimate with its 95 % interval", "small"
        )
        card.add(self.legend, words(OWN_BUTTON, "small"))
        return card

    def _search_side(self) -> QWidget:
        """Intensity and place of the search for the hotspot."""
        side = QWidget()
        side.setFixedWidth(250)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(words("INTENSITY OF THE SEARCH", "label", wraps=False))
        row = QHBoxLayout()
        row.setSpacing(6)
        self.steps: dict[int, QPushButton] = {}
        for step, keys in STEPS:
            how = "Lower" if step < 0 else "Raise"
            name = f"{how} the intensity by {abs(step)} %MSO ({keys})"
            text = f"\u2212{-step}" if step < 0 else f"+{step}"
            pressed = partial(self.intensity_pressed.emit, step)
            made = step_button(text, name, pressed, raises=step > 0)
            made.setProperty("small", True)
            self.steps[step] = made
            row.addWidget(made)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(words("Ctrl with ↑ ↓ for 1, PgUp and PgDn for 5 %MSO", "small"))
        column.addSpacing(10)
        column.addWidget(words("COIL", "label", wraps=False))
        self.place = words("", "title")
        column.addWidget(self.place)
        column.addWidget(words("Alt with the arrow keys, or click on the grid", "small"))
        column.addSpacing(10)
        self.begin_button = button("Begin the threshold here", self.begin_pressed.emit, "primary")
        column.addWidget(self.begin_button)
        column.addStretch(1)
        return side

    def _side(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._control())
        column.addWidget(self._decision())
        column.addWidget(self._session(), 1)
        return side

    def _control(self) -> Card:
        card = Card()
        card.body.setContentsMargins(14, 12, 14, 12)
        self.stop_button.setMinimumHeight(64)
        self.stimulate = button(
            "Stimulate   S", self.stimulate_pressed.emit, "primary", "Stimulate (S)"
        )
        self.stimulate.setMinimumHeight(50)
        self.stimulate.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # by its own key, or the mouse
        self.wait = words("", "small", wraps=False)
        self.wait.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.moved = self._answer("It moved   M", "It moved (M)", Answer.MOVED)
        self.still = self._answer("It did not   N", "It did not move (N)", Answer.STILL)
        self.unclear = self._answer("Can't tell   C", "Can't tell (C)", Answer.UNCLEAR)
        self.back = button(
            "Take back   U", self.taken_back.emit, "", "Take the last answer back (U)"
        )
        grid = QGridLayout()
        grid.setSpacing(6)
        grid.addWidget(self.moved, 0, 0)
        grid.addWidget(self.still, 0, 1)
        grid.addWidget(self.unclear, 1, 0)
        grid.addWidget(self.back, 1, 1)
        card.add(self.stop_button, self.stimulate, self.wait)
        card.body.addLayout(grid)
        return card

    def _answer(self, text: str, name: str, seen: Answer) -> QPushButton:
        made = button(text, partial(self.answered.emit, seen), "", name)
        made.setMinimumHeight(40)
        return made

    def _decision(self) -> Card:
        self.decision = Card()
        self.decision.setAccessibleName("Finish")
        self.decision.body.setContentsMargins(14, 10, 14, 10)
        self.accept = button("Accept", self.accept_pressed.emit, "primary")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Why it is rejected")
        self.reason.setAccessibleName("Why the series is rejected")
        self.reason.setMaxLength(300)
        self.reason.textChanged.connect(self._look_at_reason)
        self.reject = button("Reject", self._reject, "", "Reject the series")
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.reason, 1)
        row.addWidget(self.reject)
        first = QHBoxLayout()
        first.setSpacing(6)
        self.seizure = button("Seizure", self.seizure_pressed.emit, "tap-bad", "Seizure: stop now")
        self.seizure.setFixedWidth(84)
        first.addWidget(self.accept, 1)
        first.addWidget(self.seizure)
        self.decision.body.addLayout(first)
        self.decision.body.addLayout(row)
        return self.decision

    def _session(self) -> Card:
        card = Card()
        card.setAccessibleName("This series")
        card.body.setContentsMargins(14, 8, 14, 8)
        card.body.setSpacing(1)
        self.aim, self.method = words("", "small"), Fact("Method")
        self.coil, self.heard = Fact("Coil"), Fact("Last device reply")
        card.add(self.aim, rule(), self.method, rule(), self.coil, rule(), self.heard)
        card.body.addStretch(1)
        return card

    def _keys(self) -> None:
        """One key each, at once; a key that is held down does it once."""
        pairs: tuple[tuple[str, Callable[[], object]], ...] = (
            ("S", self.stimulate.click),
            ("M", self.moved.click),
            ("N", self.still.click),
            ("C", self.unclear.click),
            ("U", self.back.click),
            *((keys, self.steps[step].click) for step, keys in STEPS),
            *((keys, partial(self._move_place, column, row)) for keys, column, row in MOVES),
        )
        self._shortcuts = []
        for keys, press in pairs:
            made = QShortcut(QKeySequence(keys), self)
            made.setAutoRepeat(False)
            made.activated.connect(press)
            self._shortcuts.append(made)

    # What is shown

    def begin(self, aim: str, method: str) -> None:
        """Forget the last search; no control has the focus."""
        self.aim.setText(aim)
        self.method.show_value(method)
        self.reason.clear()
        self.simulated.setText("")
        self.tell("")
        self.curve.show_series(None, ())
        self._take_focus()

    def tell(self, sentence: str) -> None:
        """Say what was asked for and not done, between the numbers and the picture; "" for none."""
        if self.told.text() != sentence:
            self.told.setText(sentence)
            self.told.setAccessibleDescription(sentence)
        self.told.setVisible(bool(sentence))

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        super().show_theme(tokens)
        self.curve.show_theme(tokens)
        self.grid.show_theme(tokens)

    def show_screen(self, screen: FindingScreen, heard: tuple[str, str]) -> None:
        """Show this moment in place of the last."""
        self.screen_now = screen
        say(self.word, screen.word, screen.state)
        self.setAccessibleDescription(f"{screen.word}. {screen.sentence}")
        say(self.hint, screen.hint)
        say(self.last, screen.last)
        say(self.set_to, str(screen.set_to) if screen.set_to else "\u2013")
        say(self.set_words, screen.set_words)
        say(self.sentence, screen.sentence)
        say(self.small, screen.small)
        say(self.stimuli, screen.stimuli)
        say(self.wait, screen.wait)
        say(self.place, place_words(screen.place).capitalize())
        self.coil.show_value(screen.coil)
        self.heard.show_value(*heard)
        if self.pictures.currentIndex() != (0 if screen.searching else 1):
            self.pictures.setCurrentIndex(0 if screen.searching else 1)
        say(self.picture_title, "HOTSPOT" if screen.searching else "THRESHOLD")
        self.legend.setVisible(not screen.searching)
        self.grid.show_marks(screen.place, screen.marks, place_words(screen.place))
        for one, allowed in (
            (self.stimulate, screen.can_stimulate),
            (self.moved, screen.can_answer),
            (self.still, screen.can_answer),
            (self.unclear, screen.can_answer),
            (self.back, screen.can_take_back),
            (self.begin_button, screen.can_begin),
            *((each, screen.can_move) for each in self.steps.values()),
            (self.accept, screen.value is not None),
        ):
            self._allow(one, allowed)
        say(self.accept, "Accept" if screen.value is None else f"Accept {screen.value} %MSO")
        self.accept.setAccessibleName(self.accept.text())
        self._look_at_reason()

    def show_curve(self, standing: Standing | None, series: tuple[Stimulus, ...]) -> None:
        """Show the curve and the answers."""
        told = "" if self.screen_now is None else self.screen_now.sentence
        self.curve.show_series(standing, series, told)

    # What is pressed

    def _look_at_reason(self) -> None:
        may = self.screen_now is not None and self.screen_now.can_decide
        self._allow(self.reject, may and bool(self.reason.text().strip()))

    def _reject(self) -> None:
        self.rejected.emit(self.reason.text().strip())

    def _choose_place(self, place: Placed) -> None:
        if self.screen_now is not None and self.screen_now.can_move:
            self.place_chosen.emit(place)

    def _move_place(self, column: int, row: int) -> None:
        shown = self.screen_now
        if shown is None or not shown.can_move:
            return
        at = shown.place
        try:
            self.place_chosen.emit(Placed(at.column + column, at.row + row))
        except ValueError:
            return  # the edge of the grid
