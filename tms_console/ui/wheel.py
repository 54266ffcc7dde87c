"""Keeps the mouse wheel from changing a value: it scrolls the page, and nothing else.

A dose that changes under somebody who only wanted to see what stands below it is a wrong dose.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar

_VALUES = (QAbstractSpinBox, QComboBox, QAbstractSlider)


def keep_value(watched: QObject, event: QEvent) -> bool:
    """Return whether a turn of the wheel was taken from something that holds a value."""
    if not isinstance(watched, _VALUES) or isinstance(watched, QScrollBar):
        return False
    event.ignore()  # Qt then offers it to the parent, which scrolls
    return True
