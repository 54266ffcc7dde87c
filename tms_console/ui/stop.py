"""Esc and F8, caught before any widget, dialog, menu or popup sees them.

It asks for a stop or a pause and decides nothing; while there is no session both keys are what Qt
makes them.  There is one filter of the application, because each sees every event: what else must
come before the widgets, Enter and the wheel, is asked from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent

from tms_console.ui.enter import press_by_enter
from tms_console.ui.wheel import keep_value

if TYPE_CHECKING:
    from tms_console.ui.bridge import Bridge

_KEYS = {QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride, QEvent.Type.KeyRelease}


class StopKeys(QObject):
    """An event filter of the application; install it once and keep it."""

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let events pass unseen for a moment, while no session exists.

        A new style sheet sends each part of the window some forty events, none of them a key, and
        looking at each takes as long as the rest of it.
        """
        application = QCoreApplication.instance()
        if application is None or self._bridge.running:
            yield
            return
        application.removeEventFilter(self)
        try:
            yield
        finally:
            application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take Esc and F8 while a session exists."""
        kind = event.type()
        if kind in _KEYS and isinstance(event, QKeyEvent):
            if self._bridge.running and event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_F8):
                self._ask(event)
                event.accept()
                return True
            return kind == QEvent.Type.KeyPress and press_by_enter(watched, event)
        return kind == QEvent.Type.Wheel and keep_value(watched, event)

    def _ask(self, event: QKeyEvent) -> None:
        if event.type() != QEvent.Type.KeyPress or event.isAutoRepeat():
            return
        if event.key() == Qt.Key.Key_Escape:
            self._bridge.link.stop("Esc was pressed")
        else:
            self._bridge.link.pause("F8 was pressed")
