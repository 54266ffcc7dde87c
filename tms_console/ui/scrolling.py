"""A column that scrolls, a table and a list button of words that wrap and are never cut.

They hold what they are given and know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, Slot
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tms_console.ui.parts import clear, rule, words
from tms_console.ui.theme import SPACE

LONGEST_RUN = 16
"""So many signs without a blank fit into the narrowest column."""


def breakable(text: str) -> str:
    """Return a text in which paths and long words may be broken; it looks the same."""
    out, run = [], 0
    for sign in text:
        out.append(sign)
        run = 0 if sign.isspace() or sign == "-" else run + 1
        if sign in "/\\_.:" or run >= LONGEST_RUN:
            out.append("\u200b")
            run = 0
    return "".join(out)


class RowButton(QPushButton):
    """A line of a list as a button that can be chosen, whose words wrap.

    Attributes:
        key: What it stands for.
    """

    def __init__(self, key: str, name: str, lines: Sequence[tuple[str, str, str]]) -> None:
        """Show these lines, each a text, a role and a state as for `words`."""
        super().__init__()
        self.key = key
        self.setProperty("kind", "row")
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setToolTip(name)
        self.setAccessibleName(name)
        fits = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        fits.setHeightForWidth(True)
        self.setSizePolicy(fits)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 10, 12, 10)
        self._column.setSpacing(2)
        for text, role, state in lines:
            if text:
                made = words(breakable(text), role, state)
                made.setMinimumWidth(1)
                made.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
                self._column.addWidget(made)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what its words need."""
        return self._column.sizeHint()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Return that wrapped words need more height in less width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height that the words need."""
        return self._column.totalHeightForWidth(width)


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
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(2 * SPACE)
        self.setWidget(inside)
        self.verticalScrollBar().rangeChanged.connect(self._keep_apart)

    @Slot(int, int)
    def _keep_apart(self, _least: int, most: int) -> None:
        """Leave a gap beside the bar, and none where there is no bar."""
        self.column.setContentsMargins(0, 0, SPACE if most > 0 else 0, 0)

    def settle(self) -> None:
        """Lay the column out now, as high as its words are, before it is painted.

        Qt lays out one widget after another by events, and paints in between: rows were seen
        squeezed into the height of those before them.
        """
        self.column.activate()
        QCoreApplication.sendEvent(self, QEvent(QEvent.Type.LayoutRequest))


def settle(widget: QWidget) -> None:
    """Lay out a widget whose content changed, and what is around it, before it is painted."""
    at: QWidget | None = widget
    while at is not None and not isinstance(at, Scrolled):
        layout = at.layout()
        if layout is not None:
            layout.activate()
        at = at.parentWidget()
    if isinstance(at, Scrolled):
        at.settle()


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
            self._put(words(heading, "small"), 0, column)
        for number, row in enumerate(rows):
            self._put(rule(), 2 * number + 1, 0, len(shares))
            for column, (text, role, state) in enumerate(row):
                cell = words(breakable(text), role, state)
                cell.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
                self._put(cell, 2 * number + 2, column)
        settle(self)

    def _put(self, widget: QWidget, row: int, column: int, columns: int = 1) -> None:
        self._grid.addWidget(widget, row, column, 1, columns)
        widget.setVisible(True)  # Qt does it later, and until then it has no height
