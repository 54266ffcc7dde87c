"""Guards for tests of the window: nothing modal, and no window or timer outlives its test."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QWidget
from shiboken6 import isValid

from tms_console.ui.app import application


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application with the program's own fonts and style."""
    return application()


@pytest.fixture(autouse=True)
def nothing_modal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A modal dialog could cover STOP: `exec` fails the test, also of subclasses."""

    def refuse(dialog: QDialog) -> int:
        pytest.fail(f"{type(dialog).__name__} was shown modally")

    monkeypatch.setattr(QDialog, "exec", refuse)


@pytest.fixture(autouse=True)
def nothing_of_qt_outlives_a_test(qapp: QApplication) -> Iterator[None]:
    """A leaked widget or timer crashes a later test (pitfalls.md 14)."""
    before = {id(one) for one in _timers()}
    yield
    for _ in range(3):
        qapp.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    windows = [one for one in qapp.topLevelWidgets() if one.isVisible()]
    left = [type(one).__name__ for one in windows]
    for window in windows:
        window.close()
    ticking = [one for one in _timers() if id(one) not in before]
    left += [f"timer of {type(one.parent()).__name__}" for one in ticking]
    for one in ticking:
        one.stop()
    assert not left, f"outlive the test: {left}"


class _Flashes(QObject):
    """Sees every window that opens beside the program's own: a part that has no parent yet.

    For a moment it takes the keyboard from the person who types.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Note a plain window."""
        if event.type() != QEvent.Type.Show or not isinstance(watched, QWidget):
            return False
        plain = watched.isWindow() and watched.windowType() == Qt.WindowType.Window
        if plain and not isinstance(watched, QMainWindow):
            self.seen.append(type(watched).__name__)
        return False


@contextmanager
def no_flashes() -> Iterator[None]:
    """Fail if anything but the program's own window is shown as a window meanwhile."""
    flashes, application = _Flashes(), QApplication.instance()
    assert application is not None
    application.installEventFilter(flashes)
    try:
        yield
    finally:
        application.removeEventFilter(flashes)
    assert not flashes.seen, f"shown as windows of their own: {flashes.seen}"


def _timers() -> list[QTimer]:
    return [
        one for one in gc.get_objects() if type(one) is QTimer and isValid(one) and one.isActive()
    ]
