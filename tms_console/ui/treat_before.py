"""The Treat page before a session: what must be true, the dose, and two steps to start it.

It shows a `BeforeScreen` and reports what was pressed; the gate decides.
"""

from __future__ import annotations

import math
from fractions import Fraction

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from tms_console.screens.treat import BeforeScreen
from tms_console.screens.treat_dose import BlockDose
from tms_console.ui.bridge import Bridge
from tms_console.ui.dose_plots import DosePlots
from tms_console.ui.parts import Card, Fact, button, clear, fill, spin_box, words
from tms_console.ui.two_steps import TwoSteps


class BeforePart(TwoSteps):
    """What must be true and what would be given."""

    chosen = Signal(str)
    new_pressed = Signal()
    today_chosen = Signal(object)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__("Before the session", "The dose and the patient", parent)
        self._bridge = bridge
        self.screen_now: BeforeScreen | None = None
        self.today: dict[int, QSpinBox] = {}
        self._build_head()
        self._build_side()
        self.new_button = button("Start a new session instead", self.new_pressed.emit, "quiet")
        self.start_card.add(self.new_button)

    def _build_head(self) -> None:
        titles = QVBoxLayout()
        titles.setSpacing(1)
        self.title = words("", "title")
        self.session = words("", "muted")
        titles.addWidget(self.title)
        titles.addWidget(self.session)
        self.head.addLayout(titles, 1)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Prescription")
        self.choice.activated.connect(self._choose)
        self.head.addWidget(self.choice)

    def _build_side(self) -> None:
        self.dose_card = Card("The dose as it will be delivered")
        self._doses = QVBoxLayout()
        self.plots = DosePlots(self._bridge)
        self._facts = QVBoxLayout()
        self._facts.setSpacing(0)
        self._today = QVBoxLayout()
        self.dose_card.body.addLayout(self._doses)
        self.dose_card.body.addLayout(self._today)
        self.dose_card.add(self.plots)
        self.dose_card.body.addLayout(self._facts)
        self.changed_card = Card("Since the last session")
        self._changed = QVBoxLayout()
        self.changed_card.body.addLayout(self._changed)
        self.position_card = Card("Positioning")
        self._position = QVBoxLayout()
        self._position.setSpacing(0)
        self.position_card.body.addLayout(self._position)
        for card in (self.dose_card, self.changed_card, self.position_card):
            self.beside.column.addWidget(card)
        self.beside.column.addStretch(1)

    # What is shown

    def show_screen(self, screen: BeforeScreen) -> None:
        """Show this in place of the last; a changed one takes back a preparation."""
        last, self.screen_now = self.screen_now, screen
        self.title.setText(screen.title)
        going_on = " · goes on from where it ended" if screen.resumes else ""
        self.session.setText(f"{screen.session_words}{going_on}")
        chosen = screen.shown.prescription.uid
        if last is None or (last.choices, last.shown.prescription.uid) != (screen.choices, chosen):
            self._show_choices(screen)
        if last is None or (last.facts, last.strips) != (screen.facts, screen.strips):
            self._show_dose(screen)
        if last is None or last.ranges != screen.ranges or last.doses != screen.doses:
            self._show_today(screen)
        if last is None or last.changed != screen.changed:
            fill(self._changed, [words(one) for one in screen.changed])
        if last is None or last.position != screen.position:
            told = [Fact(*one) for one in screen.position]
            fill(self._position, told or [words("No positioning is on record.", "muted")])
        self.show_step(screen.step)

    def _show(self) -> None:
        super()._show()
        resumes = self.screen_now is not None and self.screen_now.resumes
        self.new_button.setVisible(resumes and not self.prepared)

    def _show_choices(self, screen: BeforeScreen) -> None:
        self.choice.setVisible(len(screen.choices) > 1)
        self.choice.clear()
        for uid, title in screen.choices:
            self.choice.addItem(title, uid)
        self.choice.setCurrentIndex(max(self.choice.findData(screen.shown.prescription.uid), 0))

    def _show_dose(self, screen: BeforeScreen) -> None:
        fill(self._doses, [_dose(one, len(screen.doses) > 1) for one in screen.doses])
        if not screen.doses:
            self._doses.addWidget(words("Nothing can be given now.", "strong", "bad"))
        self.plots.show_strips(screen.strips)
        fill(self._facts, [Fact(*one) for one in screen.facts])

    def _show_today(self, screen: BeforeScreen) -> None:
        """Show what may be chosen for today, inside the signed ramp over the first sessions."""
        clear(self._today)
        self.today = {}
        for one in screen.ranges:
            made = spin_box(
                f"Today's percentage of {one.label}",
                math.ceil(one.lowest),
                math.floor(one.highest),
                int(screen.today_pct_mt[one.block - 1]),
                "%MT",
            )
            made.setKeyboardTracking(False)
            made.valueChanged.connect(self._choose_today)
            row = QHBoxLayout()
            row.addWidget(words(f"Today, {one.lowest} to {one.highest} % was signed", "small"), 1)
            row.addWidget(made)
            self.today[one.block] = made
            self._today.addLayout(row)

    def _choose_today(self) -> None:
        if self.screen_now is not None:
            chosen = [
                Fraction(self.today[block].value()) if block in self.today else signed
                for block, signed in enumerate(self.screen_now.today_pct_mt, 1)
            ]
            self.back()  # at once: what stands there is not what is shown any more
            self.today_chosen.emit(tuple(chosen))

    # What is pressed

    def _choose(self) -> None:
        self.back()
        self.chosen.emit(str(self.choice.currentData()))


def _dose(one: BlockDose, several: bool) -> QWidget:
    """Return the dose of one block: the number to read from two metres, and where it is from."""
    made = QFrame()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 4)
    column.setSpacing(0)
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(words(str(one.intensity_pct_mso), "huge", wraps=False))
    unit = words("% MSO", "title", wraps=False)
    unit.setAlignment(Qt.AlignmentFlag.AlignBottom)
    unit.setContentsMargins(0, 0, 0, 9)
    row.addWidget(unit)
    row.addStretch(1)
    if several:
        column.addWidget(words(one.label, "strong"))
    column.addLayout(row)
    column.addWidget(words(one.words, "small"))
    if not several:
        column.addWidget(words(one.label, "small"))
    return made
