"""The Treat page before a session: what must be true, the dose, and two steps to start it.

It shows a `BeforeScreen` and reports what was pressed; the gate decides.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tms_console.delivery.pipe import GateAnswer
from tms_console.screens.treat import BeforeScreen, Item
from tms_console.screens.treat_dose import BlockDose
from tms_console.ui.bridge import Bridge
from tms_console.ui.dose_plots import DosePlots
from tms_console.ui.parts import (
    STATE_SHAPES,
    Card,
    Fact,
    Finding,
    button,
    clear,
    fill,
    rule,
    spin_box,
    words,
)
from tms_console.ui.scrolling import Scrolled, breakable
from tms_console.ui.theme import SPACE

SIDE_PX = 384
SCROLLED_PX = 20
"""The margin and the bar of a scrolled column."""
ACTION_PX = 150


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


class BeforePart(QWidget):
    """What must be true and what would be given."""

    opened = Signal(str)
    prepare_pressed = Signal()
    start_pressed = Signal()
    chosen = Signal(str)
    new_pressed = Signal()
    today_chosen = Signal(object)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.screen_now: BeforeScreen | None = None
        self.rows: dict[str, ItemRow] = {}
        self.today: dict[int, QSpinBox] = {}
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
        self.list_card = Card("Before the session")
        head = QHBoxLayout()
        titles = QVBoxLayout()
        titles.setSpacing(1)
        self.title = words("", "title")
        self.session = words("", "muted")
        titles.addWidget(self.title)
        titles.addWidget(self.session)
        head.addLayout(titles, 1)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Prescription")
        self.choice.activated.connect(self._choose)
        head.addWidget(self.choice)
        self.list_card.body.addLayout(head)
        area = Scrolled("What must be true")
        area.setProperty("inside", "card")
        self._items = area.column
        self._items.setSpacing(0)
        self.list_card.body.addWidget(area, 1)
        column.addWidget(self.list_card, 1)
        return left

    def _right(self) -> QWidget:
        right = QWidget()
        right.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        area = Scrolled("The dose and the patient")
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
            area.column.addWidget(card)
        area.column.addStretch(1)
        column.addWidget(area, 1)
        self._below = QVBoxLayout()
        self._below.addWidget(self._start_card())
        area.verticalScrollBar().rangeChanged.connect(self._keep_width)
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
        for tick in (self.name_tick, self.birth_tick):
            tick.setAccessibleName(tick.text())
            tick.toggled.connect(self._look_at_ticks)
        self.prepare_button = button("Prepare", self._prepare, "primary")
        self.start_button = button("Start the session", self._start, "primary")
        self.back_button = button("Back", self.back)
        self.new_button = button("Start a new session instead", self.new_pressed.emit, "quiet")
        self.start_card.add(
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
        self.start_card.body.addLayout(row)
        self.start_card.add(self.new_button)
        return self.start_card

    # What is shown

    def show_screen(self, screen: BeforeScreen) -> None:
        """Show this in place of the last; a changed one takes back a preparation."""
        last, self.screen_now = self.screen_now, screen
        same = last is not None and _identified(screen) == _identified(last)
        prepared = same and self.start_button.isVisible()
        self.title.setText(screen.title)
        going_on = " · goes on from where it ended" if screen.resumes else ""
        self.session.setText(f"{screen.session_words}{going_on}")
        self._show_choices(screen)
        if last is None or last.items != screen.items:  # else the focus stays where it is
            self._show_items(screen)
        if last is None or (last.facts, last.strips) != (screen.facts, screen.strips):
            self._show_dose(screen)
        if last is None or last.ranges != screen.ranges or last.doses != screen.doses:
            self._show_today(screen)
        fill(self._changed, [words(one) for one in screen.changed])
        told = [Fact(*one) for one in screen.position]
        fill(self._position, told or [words("No positioning is on record.", "muted")])
        if not prepared:
            self.back()

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
            self.today_chosen.emit(tuple(chosen))

    def _show_items(self, screen: BeforeScreen) -> None:
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

    def back(self) -> None:
        """Show the first of the two steps."""
        screen = self.screen_now
        ready = screen is not None and screen.ready
        self.headline.setText("" if screen is None else screen.headline)
        verb = "goes on" if screen is not None and screen.resumes else "starts"
        self.hint.setText(
            f"First step of two: nothing {verb} yet." if ready else "The list says what and how."
        )
        self._show_step(prepared=False)
        self.prepare_button.setEnabled(ready)

    def show_prepared(self) -> None:
        """Show the second step: the two identifiers, and Start."""
        screen = self.screen_now
        if screen is None or not screen.ready:
            return
        dose = " then ".join(f"{one.intensity_pct_mso} %MSO" for one in screen.doses)
        self.headline.setText("Who is in the chair?")
        self.hint.setText(f"Ask openly. {screen.title}, {screen.session_words.lower()}, {dose}.")
        self.identity.setText(screen.name)
        self.birth.setText(f"born {screen.birth}")
        for tick in (self.name_tick, self.birth_tick):
            tick.setChecked(False)
        self.start_button.setText(
            "Go on with the session" if screen.resumes else "Start the session"
        )
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
        resumes = self.screen_now is not None and self.screen_now.resumes
        self.new_button.setVisible(resumes and not prepared)
        self._look_at_ticks()

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

    def _prepare(self) -> None:
        self.prepare_pressed.emit()

    def _start(self) -> None:
        if self.name_tick.isChecked() and self.birth_tick.isChecked():
            self.start_pressed.emit()

    def _choose(self) -> None:
        self.chosen.emit(str(self.choice.currentData()))


def _identified(screen: BeforeScreen) -> tuple[object, ...]:
    """Return what the two identifiers were asked for; if it changes they are asked for again."""
    who = (screen.patient_uid, screen.name, screen.birth)
    return (*who, screen.shown.prescription.uid, screen.items, screen.doses)


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
