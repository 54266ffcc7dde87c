"""Lets Enter press the button that has the focus, as Space does; Qt does so in dialogs alone."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QPushButton, QToolButton

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_BARE = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)


def press_by_enter(watched: QObject, event: QKeyEvent) -> bool:
    """Press the button that got this key; return whether it was one.  A key held presses once."""
    if event.key() not in _ENTER or event.modifiers() not in _BARE:
        return False
    if not isinstance(watched, QPushButton | QToolButton) or not watched.hasFocus():
        return False
    if isinstance(watched.window(), QDialog):
        return False
    if not event.isAutoRepeat():
        watched.click()
    return True
