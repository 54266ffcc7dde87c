"""Esc and F8, caught before any widget, dialog, menu or popup sees them.

It asks for a stop or a pause and decides nothing; while there is no session both keys are what Qt
makes them.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent

from tms_console.ui.link import DeliveryLink

_KEYS = {QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride, QEvent.Type.KeyRelease}


class StopKeys(QObject):
    """An event filter of the application; install it once and keep it."""

    def __init__(self, link: DeliveryLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take Esc and F8 while a session exists."""
        del watched
        if event.type() not in _KEYS or not self._link.running:
            return False
        if not isinstance(event, QKeyEvent) or event.key() not in (
            Qt.Key.Key_Escape,
            Qt.Key.Key_F8,
        ):
            return False
        if event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
            if event.key() == Qt.Key.Key_Escape:
                self._link.stop("Esc was pressed")
            else:
                self._link.pause("F8 was pressed")
        event.accept()
        return True
