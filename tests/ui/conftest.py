"""Guards for tests of the window: nothing modal, and no window or timer outlives its test."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication, QDialog
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


def _timers() -> list[QTimer]:
    return [
        one for one in gc.get_objects() if type(one) is QTimer and isValid(one) and one.isActive()
    ]
