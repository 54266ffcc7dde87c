"""The application: fonts, style, the window and its pages, and a clean end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget

from tms_console.ui.fonts import find_marks, load_fonts
from tms_console.ui.page import Page
from tms_console.ui.pages import page_classes
from tms_console.ui.pages.login import LoginPage
from tms_console.ui.shell import Shell
from tms_console.ui.stop import StopKeys

if TYPE_CHECKING:
    from tms_console.ui.bridge import Bridge


STYLED_AT_ONCE = 40
"""Parts of a page, some milliseconds together."""


def application(arguments: Sequence[str] = ()) -> QApplication:
    """Return the one application, with the program's fonts."""
    there = QApplication.instance()
    made = there if isinstance(there, QApplication) else QApplication([sys.argv[0], *arguments])
    made.setApplicationName("TMS Console")
    made.setStyle("Fusion")
    find_marks()
    made.setFont(load_fonts())
    return made


def _styled(page: Page) -> Iterator[None]:
    """Let the style sheet look at a page before it is shown, some of its parts at a time."""
    for number, part in enumerate(page.findChildren(QWidget)):
        part.ensurePolished()
        if number % STYLED_AT_ONCE == 0:
            yield


class Window(QObject):
    """The window with everything that keeps it going; closing it ends all of that.

    With a bridge whose record is open it is whole at once.  With another it shows the login page,
    and is whole after `complete`.

    Attributes:
        shell: What a person sees.
    """

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self._keys = StopKeys(bridge, self)
        there = QApplication.instance()
        if there is not None:
            there.installEventFilter(self._keys)
        self.shell = Shell(bridge, LoginPage(bridge))
        self.shell.nobody_looks = self._keys.aside
        if bridge.opened:
            for _ in self.complete():
                pass

    def complete(self) -> Iterator[None]:
        """Build the pages, one at each step, and then let people in; the record is open."""
        for page in page_classes():
            yield
            made = page(self.bridge)
            yield
            self.shell.add_page(made)
            yield from _styled(made)
        self.shell.begin()
        self.bridge.link.open()
        self.bridge.read_ahead()

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
