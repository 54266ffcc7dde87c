"""The one thread in which the window reads and writes the record; results come back by signal.

No slot of the window waits for a disk or for argon2id.  A result whose owner is gone is dropped.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

LOGGER = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A result on its way back to the window's thread."""

    owner: weakref.ref[QObject]
    give: Callable[[], None]


class Worker(QObject):
    """Runs what it is given, one after another, in a thread of its own."""

    _arrived = Signal(object)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="record")
        self._waiting = 0
        self._closed = False
        self._arrived.connect(self._give, Qt.ConnectionType.QueuedConnection)  # never inside `run`

    def run(
        self,
        owner: QObject,
        work: Callable[[], _T],
        then: Callable[[_T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Do something away from the window's thread; nothing once the window is closing.

        Args:
            owner: Who wants it; if that is gone when it is done, the result is dropped.
            work: What; it touches no widget.
            then: Gets the result, in the window's thread.
            failed: Gets what was raised, in the window's thread.
        """
        if self._closed:
            LOGGER.debug("%s asked for something after the end", type(owner).__name__)
            return
        self._waiting += 1
        if self._waiting == 1:
            self.busy_changed.emit(True)
        reference = weakref.ref(owner)

        def done(future: Future[_T]) -> None:
            error = future.exception()
            if error is None:
                result = future.result()
                self._arrived.emit(Parcel(reference, lambda: then(result)))
            elif isinstance(error, Exception):
                self._arrived.emit(Parcel(reference, lambda: failed(error)))

        self._pool.submit(work).add_done_callback(done)

    def close(self) -> None:
        """Finish what waits and end the thread."""
        self._closed = True
        self._pool.shutdown(wait=True)

    @Slot(object)
    def _give(self, parcel: Any) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self.busy_changed.emit(False)
        if parcel.owner() is None:
            return
        try:
            parcel.give()
        except RuntimeError as error:
            if "already deleted" not in str(error):  # the widget went away with its page
                raise
