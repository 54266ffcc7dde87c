"""Paints a dose: one train, one session and one course as strips of bars under their labels.

What the bars are is told in `screens.dose_picture`; nothing is computed of a dose here.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from tms_console.screens.dose_picture import Strip
from tms_console.ui.bridge import Bridge
from tms_console.ui.parts import clear, words
from tms_console.ui.theme import Tokens

STRIP_PX = 38
LEAST_PX = 1.5
"""No bar is painted narrower: a pulse has no width."""


class StripPlot(QWidget):
    """The bars of one strip on a base line."""

    def __init__(self, strip: Strip, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._strip = strip
        self._tokens = tokens
        self.setFixedHeight(STRIP_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(strip.label)

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what it would like to have."""
        return QSize(400, STRIP_PX)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint bars and base line."""
        del event
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        width, base = self.width() - 2 * LEAST_PX, self.height() - 2
        any_done = any(bar.done for bar in self._strip.bars)
        open_colour = QColor(self._tokens.open if any_done else self._tokens.accent)
        done = QColor(self._tokens.done)
        for bar in self._strip.bars:
            left = LEAST_PX + bar.left * width
            thick = max((bar.right - bar.left) * width, LEAST_PX)
            high = max(bar.height * (base - 3), 2.0)
            painter.setBrush(done if bar.done else open_colour)
            painter.drawRect(QRectF(left, base - high, thick, high))
        painter.setBrush(QColor(self._tokens.line))
        painter.drawRect(QRectF(0, base, self.width(), 1))
        painter.end()


class DosePlots(QWidget):
    """All strips of a dose, each tight under its label."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._plots: list[StripPlot] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self.setAccessibleName("The dose as it will be delivered")
        bridge.theme_changed.connect(self.show_theme)

    def show_strips(self, strips: Sequence[Strip]) -> None:
        """Show these strips in place of the last."""
        clear(self._column)
        self._plots = [StripPlot(strip, self._bridge.tokens) for strip in strips]
        for number, plot in enumerate(self._plots):
            if number:
                self._column.addSpacing(8)
            self._column.addWidget(words(strips[number].label, "small"))
            self._column.addWidget(plot)

    @Slot()
    def show_theme(self) -> None:
        """Take the colours of the theme."""
        for plot in self._plots:
            plot.show_theme(self._bridge.tokens)
