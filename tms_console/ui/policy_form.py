"""The form for a version of the clinic's policy, as a part of a page.

It collects texts; what they may be is told in `screens.policy_form`, and nothing is approved here.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from protocols.canonical import ContentError
from tms_console.clinic.policies import propose_policy
from tms_console.screens.policy_form import PolicyFormScreen, policy_form, policy_of
from tms_console.ui.bridge import Bridge
from tms_console.ui.parts import Card, button, clear, words
from tms_console.ui.scrolling import Scrolled
from tms_console.ui.theme import SPACE

ROLE_WORDS = {
    "both": "physicians and technicians",
    "physician": "physicians alone",
    "technician": "technicians alone",
}


class PolicyForm(QWidget):
    """Every number with its source; `done` tells what happened."""

    done = Signal(str)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._screen: PolicyFormScreen | None = None
        self.numbers: dict[str, QLineEdit] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        area = Scrolled("A version of the clinic's policy")
        self.card = Card("Clinic policy")
        self.lead = words("", "muted")
        self.time_zone, self.roles = QLineEdit(), QComboBox()
        self.time_zone.setPlaceholderText("Europe/Berlin")
        self.time_zone.setAccessibleName("Time zone")
        self.roles.setAccessibleName("Who may look for a threshold")
        for key, text in ROLE_WORDS.items():
            self.roles.addItem(text, key)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * SPACE)
        for at, share in enumerate((5, 2, 6)):
            self._grid.setColumnStretch(at, share)
        top = QGridLayout()
        top.setHorizontalSpacing(2 * SPACE)
        for at, share in enumerate((5, 8)):
            top.setColumnStretch(at, share)
        top.addWidget(words("Time zone whose midnight begins a day"), 0, 0)
        top.addWidget(self.time_zone, 0, 1)
        top.addWidget(words("Who may look for a threshold"), 1, 0)
        top.addWidget(self.roles, 1, 1)
        self.card.add(self.lead)
        self.card.body.addLayout(top)
        self.card.body.addLayout(self._grid)
        area.column.addWidget(self.card)
        area.column.addStretch(1)
        column.addWidget(area, 1)
        self.answer = words("", "small", "bad")
        buttons = QHBoxLayout()
        buttons.addWidget(self.answer, 1)
        buttons.addWidget(button("Cancel", partial(self.done.emit, "")))
        self.propose_button = button("Propose this policy", self._propose, "primary")
        buttons.addWidget(self.propose_button)
        column.addLayout(buttons)

    def open(self) -> None:
        """Begin anew, from the newest version or from what is usual."""
        self.answer.setText("")
        self.propose_button.setEnabled(False)
        self._screen, self.numbers = None, {}
        clear(self._grid)
        self.lead.setText("Reading the record ...")
        self.time_zone.clear()
        for head in (self.time_zone, self.roles):
            head.setEnabled(False)  # what would be typed now is overwritten
        self._bridge.read(
            self,
            lambda trusted, _now: policy_form(trusted),
            self.show_screen,
            self.answer.setText,
        )

    def show_screen(self, screen: PolicyFormScreen) -> None:
        """Show the form."""
        self._screen = screen
        self.numbers = {}
        for head in (self.time_zone, self.roles):
            head.setEnabled(True)
        clear(self._grid)
        self.lead.setText(
            f"Version {screen.version}. The gate compares with these numbers; a physician signs "
            "them. Each has its source and how far that was checked."
        )
        self.time_zone.setText(screen.time_zone)
        self.roles.setCurrentIndex(self.roles.findData(screen.roles))
        for row, one in enumerate(screen.numbers):
            field = QLineEdit(one.value)
            field.setAccessibleName(one.label)
            self.numbers[one.name] = field
            self._grid.addWidget(words(one.label), row, 0)
            self._grid.addWidget(field, row, 1)
            self._grid.addWidget(words(one.source, "small"), row, 2)
        self.propose_button.setEnabled(True)
        if self.isVisible():  # while it was read only Cancel could take the focus
            self.time_zone.setFocus(Qt.FocusReason.OtherFocusReason)

    def _propose(self) -> None:
        if self._screen is None:
            return
        texts = {name: field.text() for name, field in self.numbers.items()}
        try:
            roles = str(self.roles.currentData())
            policy = policy_of(self._screen, self.time_zone.text(), roles, texts)
        except ContentError as error:
            self.answer.setText(f"{error}.")
            return
        self.propose_button.setEnabled(False)
        self._bridge.act(
            self,
            lambda station, login: propose_policy(station, login, policy),
            self._proposed,
            self._refused,
        )

    def _refused(self, sentence: str) -> None:
        self.answer.setText(sentence)
        self.propose_button.setEnabled(True)
        if self.isVisible():  # while it was read only Cancel could take the focus
            self.time_zone.setFocus(Qt.FocusReason.OtherFocusReason)

    def _proposed(self, _uid: str) -> None:
        self.done.emit("Proposed; it waits for a physician.")
