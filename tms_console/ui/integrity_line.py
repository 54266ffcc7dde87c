"""The line of the daily check on a page: that it runs, and what came of it."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from tms_console.screens.integrity import IntegrityScreen
from tms_console.ui.daily_check import DailyCheck
from tms_console.ui.parts import set_state, words

BAR_PX = 160


class IntegrityLine(QWidget):
    """Shows how the check stands; an ordinary page only while there is something to say."""

    def __init__(self, check: DailyCheck, parent: QWidget, *, always: bool = False) -> None:
        super().__init__(parent)
        self._always, self._check, self._doubt = always, check, ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.text = words("", "small")
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)  # how long it takes is not known before
        self.bar.setFixedWidth(BAR_PX)
        self.bar.setAccessibleName("The file of the record is being checked")
        row.addWidget(self.text, 1)
        row.addWidget(self.bar)
        check.changed.connect(self.show_screen)
        self.show_screen(check.screen)

    def take_doubt(self, sentence: str) -> None:
        """Why the page cannot show the record, "" if it can: no green stands beside that."""
        if sentence != self._doubt:
            self._doubt = sentence
            self.show_screen(self._check.screen)

    @Slot(object)
    def show_screen(self, screen: IntegrityScreen) -> None:
        """Display this in place of the last."""
        if self._doubt:
            screen = self._check.doubted(self._doubt)
        self.text.setText(screen.text)
        set_state(self.text, screen.state)
        self.bar.setVisible(screen.busy)
        self.setVisible(self._always or screen.state != "muted")
