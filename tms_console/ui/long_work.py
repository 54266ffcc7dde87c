"""Work that takes long, one at a time: what is done, how far it is, and a way to give it up.

What is done is told by who starts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from tms_console.ui.bridge import Bridge
from tms_console.ui.parts import button, words

_STEPS = 1000
_T = TypeVar("_T")

Step = Callable[[int, int], None]
"""Called in the thread of the work with how much of how much is done; may raise `Cancelled`."""


class Cancelled(Exception):
    """Somebody does not want to wait any longer."""


class LongWork(QWidget):
    """A bar with a cancel button, visible while something is done."""

    busy_changed = Signal(bool)
    _moved = Signal(int, int)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._unwanted = bridge, False
        self.busy = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.doing = words("", "strong", wraps=False)
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setAccessibleName("Progress")
        self.cancel = button("Cancel", self._cancel)
        row.addWidget(self.doing)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        self._moved.connect(self._show_moved)
        self.hide()

    def start(
        self,
        doing: str,
        work: Callable[[Step], _T],
        then: Callable[[_T], None],
        failed: Callable[[str], None],
    ) -> None:
        """Do something away from the window's thread.

        Args:
            doing: It in words.
            work: Gets a function to call with how far it is; it touches no widget.
            then: Gets the result.
            failed: Gets why there is none.
        """
        self._unwanted = False
        self._show_busy(doing)

        def done(result: _T) -> None:
            self._show_busy("")
            then(result)

        def not_done(error: Exception) -> None:
            self._show_busy("")
            failed("It was cancelled." if isinstance(error, Cancelled) else str(error))

        self._bridge.long_work.run(self, lambda: work(self._step), done, not_done)

    def _step(self, done: int, total: int) -> None:
        """Called in the thread of the work."""
        if self._unwanted or self._bridge.closing.is_set():
            raise Cancelled
        self._moved.emit(done, total)

    @Slot(int, int)
    def _show_moved(self, done: int, total: int) -> None:
        self.bar.setValue(_STEPS * done // max(total, 1))

    def _cancel(self) -> None:
        self._unwanted = True
        self.doing.setText("Cancelling ...")

    def _show_busy(self, doing: str) -> None:
        self.busy = bool(doing)
        self.setVisible(self.busy)
        self.doing.setText(doing)
        self.bar.setValue(0)
        self.busy_changed.emit(self.busy)
