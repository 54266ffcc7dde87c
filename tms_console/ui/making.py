"""A small window that shows how far the demonstration's clinic is made.

What is made is handed in; the window opens when that is done.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QApplication, QProgressBar, QVBoxLayout, QWidget

from tms_console.ui.parts import button, words
from tms_console.ui.theme import DARK, SPACE, style_sheet
from tms_console.ui.worker import Worker

Progress = Callable[[int, int], None]


class Unwanted(Exception):
    """Nobody waits for it any more."""


class Making(QWidget):
    """Progress of something that is made once."""

    made = Signal()
    failed = Signal(str)
    _moved = Signal(int, int)

    def __init__(self, make: Callable[[Progress], object]) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.setObjectName("window")
        self.setProperty("ground", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("TMS Console")
        self.setFixedSize(520, 190)
        there = QApplication.instance()
        if isinstance(there, QApplication):
            there.setStyleSheet(style_sheet(DARK))
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * SPACE, 3 * SPACE, 4 * SPACE, 3 * SPACE)
        self.title = words("Making a demonstration", "title")
        self.text = words("Eight patients who never lived, and months of history.", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.cancel = button("Cancel", self.close, "quiet")
        for one in (self.title, self.text, self.bar):
            column.addWidget(one)
        column.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignRight)
        self._make, self._worker, self._unwanted = make, Worker(self), False
        self._moved.connect(self._show_moved)

    def start(self) -> None:
        """Begin."""
        self._worker.run(self, lambda: self._make(self._step), self._done, self._not_done)

    def give_up(self) -> None:
        """Stop as soon as can be, and wait for that."""
        self._unwanted = True
        self._worker.close()

    def _step(self, done: int, total: int) -> None:
        if self._unwanted:
            raise Unwanted
        self._moved.emit(done, total)

    @Slot(int, int)
    def _show_moved(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _done(self, _result: object) -> None:
        self.made.emit()

    def _not_done(self, error: Exception) -> None:
        self.failed.emit("" if isinstance(error, Unwanted) else str(error) or repr(error))
