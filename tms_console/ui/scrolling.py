"""A column that scrolls when the window is low, and a table of words that never cuts one.

They hold what they are given and know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from tms_console.ui.parts import clear, rule, words
from tms_console.ui.theme import SPACE


class Scrolled(QScrollArea):
    """A column inside a frameless scroll area, as wide as it is let be."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(name)
        inside = QWidget()
        inside.setProperty("ground", "window")
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(0, 0, SPACE, 0)
        self.column.setSpacing(2 * SPACE)
        self.setWidget(inside)


class WordTable(QWidget):
    """Rows of wrapped words under headings; a cell may carry a state."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2 * SPACE)
        self._grid.setVerticalSpacing(5)

    def show_rows(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[tuple[str, str, str]]],
        shares: Sequence[int],
    ) -> None:
        """Show these rows in place of the last.

        Args:
            headings: One for each column.
            rows: For each cell its text, its role and its state, as for `words`.
            shares: Of the width, one for each column.
        """
        clear(self._grid)
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 0)
        for column, share in enumerate(shares):
            self._grid.setColumnStretch(column, share)
        for column, heading in enumerate(headings):
            self._grid.addWidget(words(heading, "small"), 0, column)
        for number, row in enumerate(rows):
            self._grid.addWidget(rule(), 2 * number + 1, 0, 1, len(shares))
            for column, (text, role, state) in enumerate(row):
                cell = words(text, role, state)
                cell.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
                self._grid.addWidget(cell, 2 * number + 2, column)
