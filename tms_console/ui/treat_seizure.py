"""The guided card for a seizure, inside the page: what to do, with the time since it began.

Nothing of it waits for anything: the session is stopped and the event on record before it opens.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from tms_console.clinic.adverse_event import What
from tms_console.screens.treat_event import (
    EMERGENCY_AFTER_S,
    SEIZURE_STEPS,
    SEVERE,
    SYNCOPE_HINT,
    EventEntry,
    card_description,
)
from tms_console.ui.event_form import EventForm
from tms_console.ui.parts import Answer, Card, Fact, button, fill, set_state, words
from tms_console.ui.scrolling import Scrolled
from tms_console.ui.theme import SPACE

TICK_MS = 500


class SeizurePart(QWidget):
    """Steps to do and tick, and what goes on record."""

    finished = Signal(object)
    later = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._began_s = 0.0
        self._facts_now: dict[str, str] = {}
        self._ticked: dict[str, str] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        self.card = Card("Seizure")
        self.clock = words("0:00", "huge", "bad", wraps=False)
        self.hint = words("since the button was pressed", "muted")
        self.card.add(self.clock, self.hint)
        self.card.body.setSpacing(14)
        self.steps: list[QCheckBox] = []
        for number, text in enumerate(SEIZURE_STEPS, 1):
            line = QHBoxLayout()
            tick = QCheckBox()
            tick.setAccessibleName(text)
            tick.clicked.connect(partial(self._tick, text, tick))
            line.addWidget(tick)
            line.addWidget(words(f"{number}. {text}", "title"), 1)
            self.steps.append(tick)
            self.card.body.addLayout(line)
        self.card.add(words(SYNCOPE_HINT, "muted"))
        self.card.add(
            words("No further TMS until a physician clears the patient: the patient is on hold.")
        )
        self.card.body.addStretch(1)
        row.addWidget(self.card, 1)
        side = Scrolled("What goes on record")
        side.setFixedWidth(420)
        record = Card("On record")
        self._facts = QVBoxLayout()
        self._facts.setSpacing(0)
        record.body.addLayout(self._facts)
        self.form = EventForm()
        self.answer = Answer()
        self.save_button = button("Put the card on record", self._save, "primary")
        record.add(
            self.form,
            self.answer,
            self.save_button,
            button("Later: the event itself is on record", self.later.emit),
        )
        side.column.addWidget(record)
        side.column.addStretch(1)
        row.addWidget(side)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._show_clock)

    def begin(self, facts: dict[str, str]) -> None:
        """Begin now, with what the console knows."""
        self._began_s = time.monotonic()
        self._ticked = {}
        for tick in self.steps:
            tick.setChecked(False)
        self.form.show_entry(EventEntry(What.SEIZURE, SEVERE))
        self.answer.say("")
        self.save_button.setEnabled(True)
        self.show_facts(facts)
        self._show_clock()
        self._timer.start()
        self.steps[0].setFocus()

    def show_facts(self, facts: dict[str, str]) -> None:
        """Show what the console knows."""
        self._facts_now = facts
        fill(self._facts, [Fact(*one) for one in facts.items()])

    def add_facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Show more of it, read since."""
        self.show_facts(self._facts_now | dict(facts))

    def end(self) -> None:
        """Stop the clock."""
        self._timer.stop()

    def tell(self, sentence: str) -> None:
        """Say what went wrong; the event itself is on record."""
        self.answer.say(sentence)
        self.save_button.setEnabled(True)

    def _elapsed(self) -> str:
        seconds = int(time.monotonic() - self._began_s)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _show_clock(self) -> None:
        self.clock.setText(self._elapsed())
        late = time.monotonic() - self._began_s >= EMERGENCY_AFTER_S
        self.hint.setText(
            "FIVE MINUTES: call the emergency services now"
            if late
            else "since the button was pressed"
        )
        set_state(self.hint, "bad" if late else "muted")

    def _tick(self, text: str, tick: QCheckBox, _checked: bool = False) -> None:
        if tick.isChecked():
            self._ticked[text] = self._elapsed()
        else:
            self._ticked.pop(text, None)

    def _save(self) -> None:
        self.save_button.setEnabled(False)
        entry = self.form.entry()
        told = card_description(self._facts_now, self._ticked, entry.description)
        self.finished.emit(replace(entry, description=told))
