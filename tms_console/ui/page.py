"""What every page of the window is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from tms_console.ui.theme import SPACE

if TYPE_CHECKING:
    from tms_console.accounts.roles import Permission
    from tms_console.ui.bridge import Bridge


class Page(QWidget):
    """A page: it shows screens and reports what was pressed; it decides nothing.

    Attributes:
        name: By which it is asked for.
        title: In the rail and above the page.
        icon: Its icon's name.
        needs: It is in the rail of whoever may do one of these.
        of_patient: The banner shows the chosen patient's two identifiers in place of the title.
    """

    name = ""
    title = ""
    icon = ""
    needs: Sequence[Permission] = ()
    of_patient: bool = False

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.setProperty("ground", "window")
        self.setAccessibleName(self.title)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        self.column.setSpacing(2 * SPACE)

    def entered(self) -> None:
        """Called when the page is shown: read what it shows."""

    def say_subtitle(self, text: str) -> None:
        """Say something below the title; a page that another has replaced says nothing."""
        if not self.isHidden():
            self.bridge.say_subtitle(text)

    def left(self) -> None:
        """Called when another page takes its place: stop what costs time."""
