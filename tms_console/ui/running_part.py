"""What is in view while something runs, of a treatment and of a search: STOP, steps, words.

No control has the focus when it comes up, none of it is a default button, and the focus never
falls from a button to its neighbour.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from tms_console.ui.icons import icon
from tms_console.ui.parts import button, set_state
from tms_console.ui.theme import Tokens

OWN_BUTTON = (
    "If this window does not answer, the session ends after 2 s. Do not wait: the stimulator has "
    "its own stop button."
)
STEP_PX = (56, 44)


class RunningPart(QWidget):
    """Something that runs."""

    stop_pressed = Signal()
    seizure_pressed = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.stop_button = button("STOP NOW   Esc", lambda: None, "stop", "STOP NOW (Esc)")
        self.stop_button.pressed.connect(self.stop_pressed)  # when it goes down, not up
        self.stop_button.setIconSize(QSize(22, 22))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the focus from every control, in the rail too."""
        super().showEvent(event)
        self._take_focus()

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        self.stop_button.setIcon(icon("stop", tokens, "on_stop"))

    def _take_focus(self) -> None:
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _allow(self, one: QPushButton, allowed: bool) -> None:
        """Let a button be used; the focus never falls from it to its neighbour."""
        if not allowed and one.hasFocus():
            self._take_focus()
        if one.isEnabled() != allowed:
            one.setEnabled(allowed)


def step_button(
    text: str, name: str, pressed: Callable[[], object], *, raises: bool
) -> QPushButton:
    """Return a button that moves the intensity; one that raises it never has the focus.

    A key that was meant for another button must not raise a dose.
    """
    made = button("", pressed, "step", name)
    made.setText(text)
    made.setFixedSize(*STEP_PX)
    made.setToolTip(name)
    policy = Qt.FocusPolicy
    made.setFocusPolicy(policy.NoFocus if raises else policy.TabFocus)
    return made


def say(label: QLabel | QPushButton, text: str, state: str | None = None) -> None:
    """Change a label only if it says something else: a repaint costs."""
    if label.text() != text:
        label.setText(text)
    if state is not None:
        set_state(label, state)
