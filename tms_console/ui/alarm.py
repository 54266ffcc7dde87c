"""A line above every page that says what is wrong for everybody, and cannot be closed.

What it says is told to it.
"""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from tms_console.ui.parts import STATE_SHAPES, words
from tms_console.ui.theme import SPACE


class Alarm(QWidget):
    """Hidden while nothing is wrong."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * SPACE, SPACE, 2 * SPACE, 0)
        row.addWidget(words(STATE_SHAPES["bad"], "strong", "bad", wraps=False))
        self.text = words("", "strong", "bad")
        row.addWidget(self.text, 1)
        self.hide()

    def tell(self, sentence: str) -> None:
        """Show this, or nothing for ""."""
        self.text.setText(sentence)
        self.setAccessibleName(sentence)
        self.setVisible(bool(sentence))
