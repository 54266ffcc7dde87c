"""Walking through a window by its keys and its tree: focus stops, names, paths of widgets."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDateTimeEdit,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QToolButton,
    QWidget,
)

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QDateTimeEdit,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
)
"""What a person can work."""
MOST_STOPS = 200
NONE_HELD = Qt.KeyboardModifier.NoModifier


def controls(of: QWidget) -> list[QWidget]:
    """Return every control that belongs to the program and not to the inside of another."""
    found = [one for kind in CONTROLS for one in of.findChildren(kind)]
    return [one for one in dict.fromkeys(found) if not _inside_another(one)]


def usable(of: QWidget) -> list[QWidget]:
    """Return the controls that are in view and not switched off."""
    return [one for one in controls(of) if one.isVisible() and one.isEnabled()]


def _inside_another(one: QWidget) -> bool:
    parent = one.parentWidget()
    while parent is not None:
        if isinstance(parent, QAbstractSpinBox | QComboBox | QAbstractItemView | QScrollBar):
            return True
        parent = parent.parentWidget()
    return isinstance(one, QToolButton) and one.objectName().startswith("qt_")


def nameless(of: QWidget) -> list[str]:
    """Return where a control is that says nothing to a screen reader, in view or not."""
    return [path_of(one) for one in controls(of) if not one.accessibleName().strip()]


def path_of(widget: QWidget) -> str:
    """Return where a widget is in its window, the same in every run."""
    steps: list[str] = []
    here: QWidget | None = widget
    while here is not None:
        parent = here.parentWidget()
        alike = (
            [] if parent is None else [one for one in parent.children() if type(one) is type(here)]
        )
        number = alike.index(here) if here in alike else 0
        steps.append(f"{type(here).__name__}{number}")
        here = None if here.isWindow() else parent
    return "/".join(reversed(steps))


def stops(window: QWidget, key: Qt.Key = Qt.Key.Key_Tab) -> Iterator[QWidget]:
    """Press Tab from where the focus is and yield each stop once, in order."""
    seen: list[QWidget] = []
    for _ in range(MOST_STOPS):
        at = QApplication.focusWidget() or window
        QTest.keyClick(at, key)
        stop = QApplication.focusWidget()
        if stop is None or stop in seen:
            return
        seen.append(stop)
        yield stop


class Keyboard:
    """Somebody who has no mouse: every key goes to what has the focus."""

    def __init__(self, window: QWidget) -> None:
        self.window = window

    @property
    def focus(self) -> QWidget:
        """What has the focus; the window if nothing has it."""
        return QApplication.focusWidget() or self.window

    def press(self, *pressed: Qt.Key, held: Qt.KeyboardModifier = NONE_HELD) -> None:
        """Press keys, one after another."""
        for key in pressed:
            QTest.keyClick(self.focus, key, held)

    def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        QTest.keyClicks(self.focus, text)

    def to(self, name: str) -> QWidget:
        """Go with Tab to the control whose name begins so.

        Raises:
            AssertionError: Tab does not lead there; it names every stop on the way.
        """
        passed: list[str] = []
        for _ in range(MOST_STOPS):
            if self.focus.accessibleName().startswith(name):
                return self.focus
            self.press(Qt.Key.Key_Tab)
            passed.append(self.focus.accessibleName())
        raise AssertionError(f"Tab does not lead to {name!r}, but to {list(dict.fromkeys(passed))}")

    def work(self, name: str, key: Qt.Key = Qt.Key.Key_Return) -> None:
        """Go to a control and press it."""
        self.to(name)
        self.press(key)

    def page(self, number: int) -> None:
        """Go to a page of the rail by its shortcut, from 1."""
        self.press(Qt.Key(Qt.Key.Key_0 + number), held=Qt.KeyboardModifier.ControlModifier)
