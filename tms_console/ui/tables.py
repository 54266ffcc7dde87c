"""Tables of words for screens of many rows: a model over frozen rows, and a view that reads well.

What the rows say is made elsewhere; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QHeaderView, QTableView, QWidget

from tms_console.screens.tables import Line, Table
from tms_console.ui.theme import Tokens

WRAPPED_ROWS, MEASURED_ROWS = 120, 300
"""Rows of longer tables are all of one height; later rows of longer ones are not measured."""
READING = "Reading the record ..."
ROW_PX = 34
PAD_PX = 27
"""What a cell has beside its words, and a little, so that what fits is not wrapped."""

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class _Colours:
    """What the states of cells look like in a theme."""

    tokens: Tokens

    def of(self, state: str) -> QColor | None:
        """Return the colour of a state, None for the plain one."""
        return QColor(getattr(self.tokens, state)) if state else None


class WordsModel(QAbstractTableModel):
    """The rows of a table; a million of them cost no more than those in view."""

    def __init__(self, table: Table, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = table
        self._colours = _Colours(tokens)

    @property
    def muted(self) -> QColor:
        """The colour of what matters less."""
        return QColor(self._colours.tokens.muted)

    def show_table(self, table: Table, tokens: Tokens) -> None:
        """Show another table in place of the last."""
        self.beginResetModel()
        self.table, self._colours = table, _Colours(tokens)
        self.endResetModel()

    def rowCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.table.lines)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.table.columns)

    def headerData(  # noqa: N802 - Qt's name
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        """Return the name of a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return self.table.columns[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a cell says, or the colour of its row's state."""
        line = self.table.lines[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                return line.cells[index.column()]
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{self.table.columns[index.column()]}: {line.cells[index.column()]}"
            case Qt.ItemDataRole.ForegroundRole if index.column() == self.table.state_column:
                return self._colours.of(line.state)
            case _:
                return None


def shared(needed: Sequence[int], least: Sequence[int], there: int) -> list[int]:
    """Share a width among columns.

    Args:
        needed: What each needs for its longest words.
        least: What each needs for its heading.
        there: How wide the table is.

    Returns:
        A width for each: what it needs and its part of what is left over, or, where that is too
        much, no more than a common width that makes all of them fit; never less than `least`.
    """
    over = there - sum(needed)
    if over >= 0:
        more = [over * one // max(sum(needed), 1) for one in needed]
        return [one + part for one, part in zip(needed, more, strict=True)]
    low, high = 0, max(needed)
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(max(min(n, middle), b) for n, b in zip(needed, least, strict=True)) <= there
        low, high = (middle, high) if fits else (low, middle - 1)
    return [max(min(n, low), b) for n, b in zip(needed, least, strict=True)]


class WordsView(QTableView):
    """A table to read: whole rows are chosen, nothing is edited."""

    def __init__(self, name: str, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = WordsModel(Table(("",), (), empty=READING), tokens, self)
        self.setModel(self.words)
        self._shown: tuple[Table, Tokens] | None = None
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setCornerButtonEnabled(False)
        for corner in self.findChildren(QAbstractButton):
            corner.setAccessibleName("Corner of the table")
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(True)

    def show_table(self, table: Table, tokens: Tokens) -> None:
        """Show a table; columns share the width as they ask for it.  The same one stays."""
        if self._shown == (table, tokens):
            return
        self._shown = table, tokens
        chosen = self.chosen
        self.words.show_table(table, tokens)
        self._share_width()
        if chosen is not None:
            self.choose(chosen.key)

    def wrap_rows(self) -> None:
        """Let rows be as high as their words need; for short lists alone."""
        self.setWordWrap(True)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Share the width among the columns as they need it."""
        super().resizeEvent(event)
        self._share_width()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the table, or why there is nothing in it."""
        super().paintEvent(event)
        table = self.words.table
        if not table.lines and table.empty:
            painter = QPainter(self.viewport())
            painter.setPen(self.words.muted)
            place = self.viewport().rect().adjusted(2 * PAD_PX, 0, -2 * PAD_PX, 0)
            wraps = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(place, wraps, table.empty)
            painter.end()

    def _share_width(self) -> None:
        """Give each column what its words need; if that is too much, the widest wrap."""
        table = self.words.table
        if not table.widths:
            return
        there = self.viewport().width()
        needed = [self._needed(column) for column in range(len(table.columns))]
        least = [self._least(column) for column in range(len(table.columns))]
        got = shared(needed, least, there)
        for column, width in enumerate(got):
            self.setColumnWidth(column, width)
        if len(table.lines) <= WRAPPED_ROWS:
            self.setWordWrap(sum(got) < sum(needed))
            for row, line in enumerate(table.lines):
                self.setRowHeight(row, self._height(line, got))

    def sizeHintForRow(self, row: int) -> int:  # noqa: N802 - Qt's name
        """Return the height that a row needs, padding counted."""
        lines = self.words.table.lines
        if row >= len(lines) or not self.words.table.widths:
            return super().sizeHintForRow(row)
        widths = [self.columnWidth(one) for one in range(len(lines[row].cells))]
        return self._height(lines[row], widths)

    def _height(self, line: Line, widths: Sequence[int]) -> int:
        """Return the height of a row whose words wrap; Qt's own hint forgets the padding."""
        measure, wraps = self.fontMetrics(), Qt.TextFlag.TextWordWrap
        heights = (
            measure.boundingRect(0, 0, width - PAD_PX + 4, ROW_PX, wraps, text).height()
            for text, width in zip(line.cells, widths, strict=True)
        )
        return max(ROW_PX, max(heights) + ROW_PX - measure.height())

    def _least(self, column: int) -> int:
        """Return the width of the longest word of a column, its heading included."""
        measure = self.fontMetrics().horizontalAdvance
        lines = self.words.table.lines[:WRAPPED_ROWS]
        longest = max((measure(one) for it in lines for one in it.cells[column].split()), default=0)
        return max(longest + PAD_PX, self.horizontalHeader().sectionSizeHint(column))

    def _needed(self, column: int) -> int:
        """Return the width of the longest words of a column, of the rows that are measured."""
        measure = self.fontMetrics().horizontalAdvance
        lines = self.words.table.lines[:MEASURED_ROWS]
        texts = [one.cells[column] for one in lines]
        longest = max((measure(part) for text in texts for part in text.split("\n")), default=0)
        return max(longest + PAD_PX, self.horizontalHeader().sectionSizeHint(column))

    @property
    def chosen(self) -> Line | None:
        """The row that is chosen, None for none."""
        index = self.currentIndex()
        lines: Sequence[Line] = self.words.table.lines
        return lines[index.row()] if index.isValid() and index.row() < len(lines) else None

    def choose(self, key: str) -> None:
        """Choose the row of a key, if it is there."""
        for row, line in enumerate(self.words.table.lines):
            if line.key == key:
                self.selectRow(row)
                return
