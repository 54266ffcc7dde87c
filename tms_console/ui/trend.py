"""Paints a coil temperature over time: a line, its newest value, and the scale beside it.

It draws what it is given; no forecast and no limit is made up here.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from tms_console.screens.device import Temperature
from tms_console.ui.theme import Tokens

LEFT_PX, BOTTOM_PX, HIGH_PX = 44, 20, 150
LEAST_SPAN_S = 60.0
LEAST_SPAN_C = 6


class TemperatureTrend(QWidget):
    """The trend of one look."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._points: tuple[Temperature, ...] = ()
        self.setFixedHeight(HIGH_PX)
        self.setAccessibleName("Coil temperature over time: nothing yet")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what it would like to have."""
        return QSize(360, HIGH_PX)

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self._tokens = tokens
        self.update()

    def show_points(self, points: tuple[Temperature, ...]) -> None:
        """Show these temperatures in place of the last."""
        if points != self._points:
            self._points = points
            newest = f"{points[-1].celsius} °C" if points else "nothing yet"
            self.setAccessibleName(f"Coil temperature over time: {newest}")
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint scale and line."""
        del event
        painter = QPainter(self)
        values = [one.celsius for one in self._points] or [20]
        low = min(values) - 1
        high = max(max(values) + 1, low + LEAST_SPAN_C)
        first_s = self._points[0].at_s if self._points else 0.0
        last_s = self._points[-1].at_s if self._points else 0.0
        span_s = max(last_s - first_s, LEAST_SPAN_S)
        plot = QRectF(LEFT_PX, 8, self.width() - LEFT_PX - 8, self.height() - BOTTOM_PX - 8)
        font = painter.font()
        font.setPixelSize(12)
        painter.setFont(font)
        for celsius in (low, (low + high) // 2, high):
            y = plot.bottom() - (celsius - low) / (high - low) * plot.height()
            painter.setPen(QColor(self._tokens.line))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(self._tokens.muted))
            place = QRectF(0, y - 8, LEFT_PX - 6, 16)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(place, right, f"{celsius} °C")
        painter.setPen(QColor(self._tokens.muted))
        below = QRectF(plot.left(), plot.bottom() + 2, plot.width(), BOTTOM_PX - 2)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{span_s:.0f} s ago")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, "now")
        if self._points:
            line = QPolygonF(
                [
                    QPointF(
                        plot.right() - (last_s - one.at_s) / span_s * plot.width(),
                        plot.bottom() - (one.celsius - low) / (high - low) * plot.height(),
                    )
                    for one in self._points
                ]
            )
            painter.setPen(QPen(QColor(self._tokens.accent), 1))  # wider is slow: pitfalls.md 8
            painter.drawPolyline(line)
            painter.setBrush(QColor(self._tokens.accent))
            painter.drawEllipse(line.last(), 3, 3)
        painter.end()
