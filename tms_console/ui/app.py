"""The application: fonts, style, the window and its pages, and a clean end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from tms_console.ui.bridge import Bridge
from tms_console.ui.fonts import find_marks, load_fonts
from tms_console.ui.page import Page
from tms_console.ui.pages import PAGES
from tms_console.ui.pages.login import LoginPage
from tms_console.ui.shell import Shell
from tms_console.ui.stop import StopKeys


def application(arguments: Sequence[str] = ()) -> QApplication:
    """Return the one application, with the program's fonts."""
    there = QApplication.instance()
    made = there if isinstance(there, QApplication) else QApplication([sys.argv[0], *arguments])
    made.setApplicationName("TMS Console")
    made.setStyle("Fusion")
    find_marks()
    made.setFont(load_fonts())
    return made


class Window(QObject):
    """The window with everything that keeps it going; closing it ends all of that.

    Attributes:
        shell: What a person sees.
    """

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self._keys = StopKeys(bridge.link, self)
        there = QApplication.instance()
        if there is not None:
            there.installEventFilter(self._keys)
        pages: list[Page] = [page(bridge) for page in PAGES]
        self.shell = Shell(bridge, LoginPage(bridge), pages)
        bridge.link.open()

    def close(self) -> None:
        """Take the window down: delivering process, worker, filter."""
        there = QApplication.instance()
        if there is not None:
            there.removeEventFilter(self._keys)
        page = self.shell.stack.currentWidget()
        if isinstance(page, Page):
            page.left()  # its timers would ask the worker for more
        self.bridge.close()
        self.shell.close()
        self.shell.deleteLater()
