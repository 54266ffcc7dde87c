"""Plots how late each command of a session was against when it was due.

It draws what it is given; 1 px opaque pens and no antialiasing, so that its cost stays small.
"""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tms_console.screens.records import Lateness
from tms_console.ui.theme import FAMILY, Tokens

HIGH_PX = 112


class LatenessPlot(QWidget):
    """Lateness over the session, in milliseconds."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.plot = pg.PlotWidget()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setFixedHeight(HIGH_PX)
        self.plot.getPlotItem().layout.setContentsMargins(0, 8, 0, 0)  # of the topmost number
        self.curve = self.plot.plot([], [])
        column.addWidget(self.plot)
        self.show_theme(tokens)

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self.plot.setBackground(tokens.panel)
        self.curve.setPen(pg.mkPen(tokens.good, width=1))
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(tokens.line)
            axis.setTextPen(tokens.muted)
            axis.enableAutoSIPrefix(False)
            font = self.font()
            font.setFamily(FAMILY)
            font.setPixelSize(11)
            axis.setStyle(tickFont=font)

    def show_lateness(self, lateness: Lateness) -> None:
        """Show this in place of the last."""
        self.curve.setData(lateness.due_s, lateness.late_ms)
        number = len(lateness.due_s)
        worst = f"{lateness.late_ms.max():.3f} ms" if number else "nothing was commanded"
        self.setAccessibleName(f"Lateness of {number} commands; latest: {worst}")
