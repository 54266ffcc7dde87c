"""From the start of `tms-console --demo` to the first key that its login page takes, and on.

`python -m tests.bench.first_key BEGUN_NS` runs the program itself in this process, with keys that
are due every 20 ms from the moment the login page is shown, and prints one line of JSON: the
seconds until the first of them was in the field, until the window was whole, and how late each
key was.  Nothing is imported here that the program would not import before its login page.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from unittest import mock

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

from tms_console import cli
from tms_console.ui.app import Window
from tms_console.ui.shell import Shell

KEY_EVERY_S = 0.02


class Typing(QObject):
    """Keys that are due at fixed times, and when they came into the field."""

    def __init__(self, begun_ns: int) -> None:
        super().__init__()
        self._begun_ns = begun_ns
        self._over = threading.Event()
        self._due_ns: list[int] = []
        self._hand = threading.Thread(target=self._type)
        self.first_key_s = self.whole_s = self.cpu_s = 0.0
        self.late_ms: list[float] = []

    def begin(self, shell: Shell) -> None:
        """The login page is shown."""
        field = shell.focusWidget()
        if not isinstance(field, QLineEdit):
            raise TypeError(f"no field has the keys, but {field}")
        self._field = field
        _x()  # the first makes Qt's keyboard, which is of this thread
        field.textEdited.connect(self._typed)
        self._hand.start()

    def _type(self) -> None:
        due_ns = time.monotonic_ns()
        while not self._over.wait(max(0.0, (due_ns - time.monotonic_ns()) / 1e9)):
            self._due_ns.append(due_ns)
            QCoreApplication.postEvent(self._field, _x())
            due_ns += round(KEY_EVERY_S * 1e9)

    def _typed(self, text: str) -> None:
        self._field.repaint()
        now_ns = time.monotonic_ns()
        if not self.first_key_s:
            self.first_key_s = (now_ns - self._begun_ns) / 1e9
            self.cpu_s = time.process_time()
        self.late_ms.append((now_ns - self._due_ns[len(text) - 1]) / 1e6)

    def end(self) -> None:
        """The window is whole."""
        self.whole_s = (time.monotonic_ns() - self._begun_ns) / 1e9
        self._over.set()
        self._hand.join()
        QCoreApplication.quit()


def _x() -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_X, Qt.KeyboardModifier.NoModifier, "x")


def main() -> None:
    """Run the program."""
    typing = Typing(int(sys.argv[1]))
    show, complete = Shell.show, Window.complete

    def shown(shell: Shell) -> None:
        show(shell)
        QTimer.singleShot(0, lambda: typing.begin(shell))

    def completed(window: Window) -> Iterator[None]:
        yield from complete(window)
        typing.end()

    mock.patch.object(Shell, "show", shown).start()
    mock.patch.object(Window, "complete", completed).start()
    sys.argv = ["tms-console", "--demo"]
    try:
        cli.main()
    except SystemExit as ended:
        if ended.code:
            raise
    told = {
        "s": typing.first_key_s,
        "cpu_s": typing.cpu_s,
        "whole_s": typing.whole_s,
        "late_ms": typing.late_ms,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
