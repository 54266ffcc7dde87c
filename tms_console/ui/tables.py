"""Tables of words for screens of many rows: a model over frozen rows, and a view that reads well.

What the rows say is made elsewhere; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QHeaderView, QTableView, QWidget

from tms_console.screens.tables import Line, Table
from tms_console.ui.theme import Tokens

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


class WordsView(QTableView):
    """A table to read: whole rows are chosen, nothing is edited."""

    def __init__(self, name: str, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = WordsModel(Table(("",), ()), tokens, self)
        self.setModel(self.words)
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
        self.verticalHeader().setDefaultSectionSize(34)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(True)

    def show_table(self, table: Table, tokens: Tokens) -> None:
        """Show a table; columns share the width as they ask for it."""
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
        """Share the width among the columns as they asked for it."""
        super().resizeEvent(event)
        self._share_width()

    def _share_width(self) -> None:
        wishes = self.words.table.widths
        if not wishes:
            return
        there, wanted = self.viewport().width(), sum(wishes)
        for column, wish in enumerate(wishes):
            self.setColumnWidth(column, wish * max(there, wanted * 3 // 4) // wanted)

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
