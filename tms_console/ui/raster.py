"""Plots the pulses of the last seconds and those that are due, as strokes around now.

1 px opaque pens, no antialiasing and a fixed window (pitfalls.md 8 and 9): a frame costs the same
at the end of a session as at its beginning.
"""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tms_console.screens.treat_live import AFTER_S, BEFORE_S, SPACING_FULL_US, Raster, strokes
from tms_console.ui.theme import FAMILY, Tokens

PULSES = (0.42, 1.0)
SPACING = (0.0, 0.28)


class RasterPlot(QWidget):
    """The live plot of a session."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.plot = pg.PlotWidget()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setRange(xRange=(-BEFORE_S, AFTER_S), yRange=(-0.02, 1.06), padding=0)
        self.plot.disableAutoRange()
        self.plot.setMinimumHeight(120)
        left, bottom = self.plot.getAxis("left"), self.plot.getAxis("bottom")
        left.setTicks([[(0.14, "spacing"), (0.71, "pulses")]])
        left.setWidth(58)
        bottom.setTicks([[(second, f"{second} s") for second in range(-5, 4)]])
        self.now = pg.InfiniteLine(0.0, angle=90)
        self.plot.addItem(self.now)
        self.given = self._curve()
        self.due = self._curve()
        self.spacing = self._curve()
        column.addWidget(self.plot)
        self.setAccessibleName("Pulses of the last six seconds and of the next four")
        self.show_theme(tokens)

    def _curve(self) -> pg.PlotDataItem:
        made = self.plot.plot([], [], connect="pairs")
        made.setSkipFiniteCheck(True)
        return made

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self.plot.setBackground(tokens.panel)
        self.given.setPen(pg.mkPen(tokens.accent, width=1))
        self.due.setPen(pg.mkPen(tokens.muted, width=1))
        self.spacing.setPen(pg.mkPen(tokens.good, width=1))
        self.now.setPen(pg.mkPen(tokens.warn, width=1))
        font = self.font()
        font.setFamily(FAMILY)
        font.setPixelSize(11)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(tokens.line)
            axis.setTextPen(tokens.muted)
            axis.setStyle(tickFont=font)

    def clear(self) -> None:
        """Show no pulse."""
        for one in (self.given, self.due, self.spacing):
            one.clear()

    def show_raster(self, shown: Raster) -> None:
        """Show this in place of the last."""
        self.given.setData(*strokes(shown.given, *PULSES))
        self.due.setData(*strokes(shown.due, PULSES[0], PULSES[1] * 0.8))
        low, high = SPACING
        self.spacing.setData(*strokes(shown.spacing_at, low, low + shown.spacing * (high - low)))


FULL = f"Read from the record; a bar of spacing is full at {SPACING_FULL_US / 1e3:g} ms."
"""What the height of a bar means, for the label beside the plot."""
