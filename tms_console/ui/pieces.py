"""Long work of the window's own thread in short pieces, between which it hears keys and clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer, Slot


class Pieces(QObject):
    """Does one thing after another; what the window has to do otherwise comes first."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(0)  # whenever nothing else waits
        self._timer.timeout.connect(self._next)

    def run(
        self,
        pieces: Iterator[None],
        then: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Go through some pieces of work, one at each turn of the event loop.

        Args:
            pieces: Works from one `yield` to the next.
            then: Called after the last.
            failed: Gets what a piece raised instead; no other is done then.
        """
        self._pieces, self._then, self._failed = pieces, then, failed
        self._timer.start()

    def stop(self) -> None:
        """Do no more of it."""
        self._timer.stop()

    @Slot()
    def _next(self) -> None:
        try:
            next(self._pieces)
        except StopIteration:
            self._timer.stop()
            self._then()
        except Exception as error:  # noqa: BLE001 - whoever began it tells the person
            self._timer.stop()
            self._failed(error)
