"""The Treat page while a session runs: legible at two metres, STOP always at hand.

It shows a `DuringScreen` and reports what was pressed.  No button here is a default button, and
none has the focus when the page comes up.  The intensity is raised by the mouse, or by Ctrl+Up
and by no other key: its button never has the focus.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tms_console.clinic.adverse_event import What
from tms_console.screens.treat_during import DuringScreen, Intensity
from tms_console.screens.treat_live import Live, Raster
from tms_console.ui.bridge import Bridge
from tms_console.ui.gauges import Ring, SessionStrip
from tms_console.ui.icons import icon
from tms_console.ui.parts import Card, Fact, Steady, button, rule, words
from tms_console.ui.raster import FULL, RasterPlot
from tms_console.ui.running_part import OWN_BUTTON, RunningPart, say, step_button
from tms_console.ui.theme import Tokens

SIDE_PX = 324
FACTS_PX = 288
TAP_PX = 36

ONE_TAP = (
    (What.SCALP_DISCOMFORT, "Scalp discomfort"),
    (What.HEADACHE, "Headache"),
    (What.FACIAL_TWITCH, "Facial twitch"),
    (What.LIGHT_HEADEDNESS, "Light-headed"),
)
REPOSITIONED = "coil repositioned"
ASKED_TO_STOP = "the patient asked to stop"
COMFORTS = range(11)


class DuringPart(RunningPart):
    """A running session."""

    pause_pressed = Signal()
    resume_pressed = Signal()
    intensity_pressed = Signal(int)
    event_pressed = Signal(object)
    noted = Signal(str)
    comfort_pressed = Signal(int)
    asked_to_stop = Signal()

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__("Session in progress", parent)
        self._paused = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        left = QVBoxLayout()
        left.setSpacing(12)
        left.addWidget(self._numbers(bridge.tokens))
        left.addWidget(self._plan(bridge.tokens))
        left.addLayout(self._live(bridge.tokens), 1)
        row.addLayout(left, 1)
        row.addWidget(self._side())
        self.show_theme(bridge.tokens)

    def _numbers(self, tokens: Tokens) -> Card:
        """Time on the left, intensity on the right, line beside line."""
        card = Card()
        card.body.setContentsMargins(20, 10, 20, 10)
        row = QHBoxLayout()
        row.setSpacing(28)
        self.ring = Ring(tokens)
        row.addWidget(self.ring)
        self.word, self.left = words("", "state", wraps=False), Steady("huge")
        self.ends, self.train = Steady("muted"), Steady("title")
        self.train_next = Steady("muted")
        self.set_to = words("", "huge", wraps=False)
        number = QHBoxLayout()
        number.setSpacing(8)
        number.addWidget(self.set_to)
        unit = words("% MSO", "title", wraps=False)
        unit.setContentsMargins(0, 0, 0, 9)
        number.addWidget(unit, 0, Qt.AlignmentFlag.AlignBottom)
        number.addStretch(1)
        self.percent, self.dose = words("", "muted", wraps=False), words("", "title", wraps=False)
        self.allowed = words("", "muted", wraps=False)
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(1)
        intensity = words("INTENSITY", "label", wraps=False)
        lines: tuple[tuple[QWidget, QWidget | QHBoxLayout], ...] = (
            (self.word, intensity),
            (self.left, number),
            (self.ends, self.percent),
            (self.train, self.dose),
            (self.train_next, self.allowed),
        )
        grid.setRowStretch(0, 1)
        for at, (time, dose) in enumerate(lines, 1):
            grid.addWidget(time, at, 0, Qt.AlignmentFlag.AlignLeft)
            if isinstance(dose, QHBoxLayout):
                grid.addLayout(dose, at, 1)
            else:
                grid.addWidget(dose, at, 1)
        self.why = words("", "small")
        self.why.hide()
        grid.addWidget(self.why, len(lines) + 1, 0, 1, 2)
        grid.setRowStretch(len(lines) + 2, 1)
        grid.setRowMinimumHeight(4, 26)
        grid.setColumnStretch(0, 5)
        grid.setColumnStretch(1, 6)
        row.addLayout(grid, 1)
        card.body.addLayout(row)
        return card

    def _plan(self, tokens: Tokens) -> Card:
        card = Card()
        card.body.setContentsMargins(20, 10, 20, 8)
        card.body.setSpacing(6)
        self.block = words("", "label", wraps=False)
        self.strip = SessionStrip(tokens)
        card.add(self.block, self.strip)
        return card

    def _live(self, tokens: Tokens) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(12)
        plot = Card("Live pulses")
        plot.body.setContentsMargins(16, 10, 12, 8)
        plot.body.setSpacing(2)
        self.raster = RasterPlot(tokens)
        plot.heading.setText("LIVE PULSES · LAST 6 S, NEXT 4 S")
        plot.add(self.raster, words(FULL, "small"))
        row.addWidget(plot, 1)
        facts = Card("This session")
        facts.setFixedWidth(FACTS_PX)
        facts.body.setContentsMargins(16, 10, 16, 10)
        facts.body.setSpacing(1)
        self.on_disk = Fact("Pulses on disk", steady=True)
        self.evidence = Fact("Evidence")
        self.late = Fact("Train start late, p99", steady=True)
        self.spacing = Fact("Device spacing, p99", steady=True)
        self.coil = Fact("Coil")
        self.heard = Fact("Last device reply", steady=True)
        lines = (self.on_disk, self.evidence, self.late, self.spacing, self.coil, self.heard)
        for one in lines:
            facts.add(one)
            if one is not lines[-1]:
                facts.add(rule())
        facts.body.addStretch(1)
        facts.add(words(OWN_BUTTON, "small"))
        row.addWidget(facts)
        return row

    def _side(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._control())
        column.addWidget(self._patient(), 1)
        return side

    def _control(self) -> Card:
        card = Card()
        card.body.setContentsMargins(14, 12, 14, 10)
        self.pause_button = button("Pause after this train   F8", self._pause, "pause")
        self.less = self._step("Lower the intensity by one step", -1, "Ctrl+Down")
        self.more = self._step("Raise the intensity by one step", +1, "Ctrl+Up")
        self.wanted = words("", "strong", wraps=False)
        self.bounds = words("", "small")
        for one in (self.wanted, self.bounds):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.wanted)
        middle.addWidget(self.bounds)
        row = QHBoxLayout()
        row.addWidget(self.less)
        row.addLayout(middle, 1)
        row.addWidget(self.more)
        card.add(self.stop_button, self.pause_button)
        card.body.addLayout(row)
        return card

    def _step(self, name: str, step: int, keys: str) -> QPushButton:
        text = "\u2212" if step < 0 else "+"
        pressed = partial(self._move, step)
        made = step_button(text, f"{name} ({keys})", pressed, raises=step > 0)
        made.setShortcut(keys)
        return made

    def _patient(self) -> Card:
        card = Card("How is the patient?")
        card.body.setContentsMargins(14, 10, 14, 10)
        card.body.setSpacing(8)
        grid = QGridLayout()
        grid.setSpacing(6)
        taps = [_tap(text, partial(self.event_pressed.emit, what)) for what, text in ONE_TAP]
        taps.append(_tap("Repositioned", partial(self.noted.emit, REPOSITIONED)))
        taps.append(_tap("Asks to stop", self.asked_to_stop.emit))
        for number, made in enumerate(taps):
            grid.addWidget(made, number // 2, number % 2)
        card.body.addLayout(grid)
        card.body.addWidget(words("Comfort, 0 unbearable to 10 no discomfort", "small"))
        self._comfort = QButtonGroup(self)
        self._comfort.setExclusive(True)
        comforts = QGridLayout()
        comforts.setSpacing(4)
        for value in COMFORTS:
            made = _tap(str(value), partial(self.comfort_pressed.emit, value))
            made.setCheckable(True)
            made.setAccessibleName(f"Comfort {value}")
            self._comfort.addButton(made, value)
            comforts.addWidget(made, value // 6, value % 6)
        card.body.addLayout(comforts)
        self.note = QLineEdit()
        self.note.setPlaceholderText("Add a note, Enter")
        self.note.setAccessibleName("Add a note")
        self.note.setMaxLength(500)
        self.note.returnPressed.connect(self._note)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.note, 1)
        self.seizure = _tap("Seizure", self.seizure_pressed.emit)
        self.seizure.setProperty("kind", "tap-bad")
        self.seizure.setAccessibleName("Seizure: stop, and open the card")
        self.seizure.setMinimumSize(96, 40)
        row.addWidget(self.seizure)
        card.body.addLayout(row)
        self.told = words("", "small")
        card.body.addWidget(self.told)
        card.body.addStretch(1)
        return card

    # What is shown

    def begin(self) -> None:
        """Forget the last session; no control has the focus."""
        self._comfort.setExclusive(False)
        for one in self._comfort.buttons():
            one.setChecked(False)
        self._comfort.setExclusive(True)
        self.note.clear()
        self.told.setText("")
        self.show_live(Live(), 0)
        self.raster.clear()  # before the first snapshot nothing draws, and it was another patient's
        self._take_focus()

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        super().show_theme(tokens)
        for one in (self.ring, self.strip, self.raster):
            one.show_theme(tokens)
        self.pause_button.setIcon(icon("resume" if self._paused else "pause", tokens, "on_pause"))

    def show_screen(self, screen: DuringScreen, tokens: Tokens) -> None:
        """Show this moment in place of the last."""
        self.ring.show_pulses(screen.pulses, screen.total, screen.doubt)
        say(self.word, screen.word, screen.state)
        self.setAccessibleDescription(f"{screen.word}, {screen.train}")
        say(self.left, screen.left)
        say(self.ends, f"remaining · {screen.ends}")
        say(self.why, screen.reason)
        if self.why.isHidden() == bool(screen.reason):
            self.why.setVisible(bool(screen.reason))
        say(self.train, screen.train)
        say(self.train_next, screen.train_next)
        say(self.block, screen.block.upper())
        self.strip.show_cells(screen.cells, screen.share)
        self.coil.show_value(screen.coil, screen.coil_state)
        self.heard.show_value(screen.heard, screen.heard_state)
        self._show_intensity(screen.intensity)
        if screen.paused != self._paused:
            self._paused = screen.paused
            self.pause_button.setText("Go on" if screen.paused else "Pause after this train   F8")
            self.pause_button.setAccessibleName(self.pause_button.text())
            self.show_theme(tokens)

    def _show_intensity(self, shown: Intensity) -> None:
        say(self.set_to, str(shown.set_to))
        say(self.percent, shown.words)
        say(self.dose, shown.told, shown.state)
        say(self.allowed, f"prescribed {shown.prescribed} · allowed {shown.low} to {shown.high}")
        say(self.wanted, f"{shown.wanted} % MSO")
        say(self.bounds, f"allowed {shown.low} to {shown.high}, from the next train on")
        self._allow(self.less, shown.may_fall)
        self._allow(self.more, shown.may_rise)

    def show_live(self, live: Live, delivered: int) -> None:
        """Show what is on disk beside what the delivering process says."""
        behind = live.delivered < delivered
        self.on_disk.show_value(f"{live.delivered:,} / {delivered:,}", "note" if behind else "")
        self.evidence.show_value(live.evidence_words)
        self.late.show_value(_ms(live.late_p99_us))
        self.spacing.show_value(_ms(live.spacing_p99_us))

    def show_raster(self, shown: Raster) -> None:
        """Show a frame of the live plot."""
        self.raster.show_raster(shown)

    def say(self, sentence: str) -> None:
        """Say what was put on record."""
        self.told.setText(sentence)

    # What is pressed

    def _pause(self) -> None:
        (self.resume_pressed if self._paused else self.pause_pressed).emit()

    def _move(self, step: int) -> None:
        self.intensity_pressed.emit(step)

    def take_note(self) -> str:
        """Return what stands in the field, and empty it."""
        text = self.note.text().strip()
        self.note.clear()
        return text

    def _note(self) -> None:
        text = self.take_note()
        if text:
            self.noted.emit(text)


def _ms(microseconds: float | None) -> str:
    return "none yet" if microseconds is None else f"{microseconds / 1e3:.2f} ms"


def _tap(text: str, pressed: Callable[[], object]) -> QPushButton:
    made = QPushButton(text)
    made.setProperty("kind", "tap")
    made.setAccessibleName(text)
    made.setAutoDefault(False)
    made.setMinimumHeight(TAP_PX)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.clicked.connect(lambda _checked=False: pressed())
    return made
