"""Keeps the mouse wheel from changing a value: it scrolls the page, and nothing else.

A dose that changes under somebody who only wanted to see what stands below it is a wrong dose.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar

_VALUES = (QAbstractSpinBox, QComboBox, QAbstractSlider)


class QuietWheel(QObject):
    """An event filter of the application; install it once and keep it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Let the wheel pass by everything that holds a value, on to what scrolls."""
        if event.type() != QEvent.Type.Wheel:
            return False
        if not isinstance(watched, _VALUES) or isinstance(watched, QScrollBar):
            return False
        event.ignore()  # Qt then offers it to the parent
        return True
