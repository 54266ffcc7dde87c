"""Paints the curve of a search with its band and answers, and the grid of the hotspot search.

It draws what it is given: nothing here is computed but places on the screen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from protocols.finding_log import FARTHEST, Placed
from protocols.threshold import Answer, Standing, Stimulus
from tms_console.ui.theme import FAMILY, Tokens

LEFT_PX, BOTTOM_PX, TOP_PX, RIGHT_PX = 52, 26, 14, 14
DOT_PX = 5.0
NARROWEST_PCT = 30
"""So much of the intensities is shown at least, in %MSO."""
_PLACES = 2 * FARTHEST + 1


def _font(painter: QPainter, pixels: int, *, bold: bool = False) -> None:
    font = painter.font()
    font.setFamily(FAMILY)
    font.setPixelSize(pixels)
    font.setBold(bold)
    painter.setFont(font)


class CurvePlot(QWidget):
    """How probable a movement is at each intensity, with its band, the answers and the estimate."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._standing: Standing | None = None
        self._series: tuple[Stimulus, ...] = ()
        self.setMinimumHeight(170)
        self.setAccessibleName("Curve of the threshold: nothing yet")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what it would like to have."""
        return QSize(600, 240)

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self._tokens = tokens
        self.update()

    def show_series(
        self, standing: Standing | None, series: Sequence[Stimulus], words: str = ""
    ) -> None:
        """Show this in place of the last.

        Args:
            standing: With the curve; None for none.
            series: The answered stimuli.
            words: What it shows, for those who do not see it.
        """
        if standing is self._standing and tuple(series) == self._series:
            return
        self._standing, self._series = standing, tuple(series)
        self.setAccessibleName(f"Curve of the threshold: {words or 'nothing yet'}")
        self.update()

    def _range(self) -> tuple[float, float]:
        """Return the intensities to show."""
        found = [float(one.intensity_pct_mso) for one in self._series]
        if self._standing is not None and self._standing.estimate_pct_mso is not None:
            found += [self._standing.low, self._standing.high]
        low, high = (min(found), max(found)) if found else (35.0, 75.0)
        middle, half = (low + high) / 2, max((high - low) / 2 + 4, NARROWEST_PCT / 2)
        low = max(0.0, middle - half)
        return low, min(100.0, max(low + NARROWEST_PCT, middle + half))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint scale, band, curve, estimate and answers."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = QRectF(
            LEFT_PX,
            TOP_PX,
            self.width() - LEFT_PX - RIGHT_PX,
            self.height() - TOP_PX - BOTTOM_PX,
        )
        low, high = self._range()

        def at(pct: float, probability: float) -> QPointF:
            across = (pct - low) / (high - low)
            return QPointF(
                plot.left() + across * plot.width(), plot.bottom() - probability * plot.height()
            )

        self._paint_scale(painter, plot, low, high)
        painter.save()
        painter.setClipRect(plot.adjusted(-DOT_PX - 1, -DOT_PX - 1, DOT_PX + 1, DOT_PX + 1))
        if self._standing is not None and self._standing.curve is not None:
            self._paint_curve(painter, plot, at)
        self._paint_answers(painter, at)
        painter.restore()
        painter.end()

    def _paint_scale(self, painter: QPainter, plot: QRectF, low: float, high: float) -> None:
        tokens = self._tokens
        _font(painter, 12)
        for probability, word in ((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")):
            y = plot.bottom() - probability * plot.height()
            painter.setPen(QPen(QColor(tokens.line), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(tokens.muted))
            box = QRectF(0, y - 9, LEFT_PX - 10, 18)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, word)
        step = 5 if high - low <= 45 else 10  # noqa: PLR2004
        for pct in range(int(-(-low // step)) * step, int(high) + 1, step):
            x = plot.left() + (pct - low) / (high - low) * plot.width()
            painter.setPen(QPen(QColor(tokens.line), 1))
            painter.drawLine(QPointF(x, plot.bottom()), QPointF(x, plot.bottom() + 4))
            painter.setPen(QColor(tokens.muted))
            last = pct + step > high
            word = f"{pct} %MSO" if last else str(pct)
            box = QRectF(x - 50, plot.bottom() + 5, 100, 18)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, word)

    def _paint_curve(self, painter: QPainter, plot: QRectF, at) -> None:  # type: ignore[no-untyped-def]
        standing, tokens = self._standing, self._tokens
        if standing is None or standing.curve is None:
            return
        curve = standing.curve
        upper = [at(x, y) for x, y in zip(curve.intensities_pct_mso, curve.high, strict=True)]
        lower = [at(x, y) for x, y in zip(curve.intensities_pct_mso, curve.low, strict=True)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.accent_ground))
        painter.drawPolygon(QPolygonF([*upper, *reversed(lower)]))
        if standing.estimate_pct_mso is not None:
            self._paint_estimate(painter, plot, at, standing)
        mean = zip(curve.intensities_pct_mso, curve.probability, strict=True)
        painter.setPen(QPen(QColor(tokens.accent), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([at(x, y) for x, y in mean]))

    def _paint_estimate(self, painter: QPainter, plot: QRectF, at, standing: Standing) -> None:  # type: ignore[no-untyped-def]
        tokens, estimate = self._tokens, standing.estimate_pct_mso or 0.0
        x = at(estimate, 0.0).x()
        painter.setPen(QPen(QColor(tokens.text), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        y = at(0.0, 0.5).y()
        painter.setPen(QPen(QColor(tokens.text), 2))
        left, right = at(standing.low, 0.0).x(), at(standing.high, 0.0).x()
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        for end in (left, right):
            painter.drawLine(QPointF(end, y - 6), QPointF(end, y + 6))

    def _paint_answers(self, painter: QPainter, at) -> None:  # type: ignore[no-untyped-def]
        """Moved above, full; did not move below, open; can't tell in the middle, a cross."""
        tokens = self._tokens
        heaped: dict[tuple[int, Answer], int] = {}
        tallest = max(
            Counter((one.intensity_pct_mso, one.answer) for one in self._series).values(), default=1
        )
        room = 0.42 * (self.height() - TOP_PX - BOTTOM_PX)
        apart = min(2 * DOT_PX + 1, room / tallest)
        for number, one in enumerate(self._series, 1):
            key = (one.intensity_pct_mso, one.answer)
            heap, heaped[key] = heaped.get(key, 0), heaped.get(key, 0) + 1
            newest = number == len(self._series)
            middle = at(float(one.intensity_pct_mso), _HEIGHTS[one.answer])
            away = heap * apart
            middle += QPointF(0, away if one.answer is Answer.MOVED else -away)
            colour = QColor(tokens.good if one.answer is Answer.MOVED else tokens.note)
            painter.setPen(QPen(QColor(tokens.text) if newest else colour, 2))
            if one.answer is Answer.UNCLEAR:
                painter.setPen(QPen(QColor(tokens.warn), 2))
                for dx in (-DOT_PX, DOT_PX):
                    painter.drawLine(middle + QPointF(-dx, -DOT_PX), middle + QPointF(dx, DOT_PX))
                continue
            painter.setBrush(colour if one.answer is Answer.MOVED else QColor(tokens.panel))
            painter.drawEllipse(middle, DOT_PX, DOT_PX)


_HEIGHTS = {Answer.MOVED: 1.0, Answer.STILL: 0.0, Answer.UNCLEAR: 0.5}


class HotspotGrid(QWidget):
    """The places of the hotspot search, 1 cm apart, with what was seen at each."""

    chosen = Signal(object)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._place = Placed(0, 0)
        self._marks: tuple[tuple[Placed, int, int], ...] = ()
        self.setMinimumSize(240, 240)
        self.setAccessibleName("Grid of the hotspot search")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what it would like to have."""
        return QSize(320, 320)

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self._tokens = tokens
        self.update()

    def show_marks(
        self, place: Placed, marks: tuple[tuple[Placed, int, int], ...], words: str
    ) -> None:
        """Show where the coil is and what was seen, in place of the last."""
        if (place, marks) != (self._place, self._marks):
            self._place, self._marks = place, marks
            self.setAccessibleName(f"Grid of the hotspot search: the coil is {words}")
            self.update()

    def _cell(self) -> tuple[float, float, float]:
        """Return the side of a cell and where the grid begins."""
        side = min(self.width() - 36, self.height() - 36) / _PLACES
        return side, (self.width() - side * _PLACES) / 2, (self.height() - side * _PLACES) / 2

    def _box(self, place: Placed) -> QRectF:
        side, left, top = self._cell()
        column, row = place.column + FARTHEST, FARTHEST - place.row
        return QRectF(left + column * side, top + row * side, side, side).adjusted(2, 2, -2, -2)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose the place that was pressed."""
        side, left, top = self._cell()
        column = int((event.position().x() - left) // side) - FARTHEST
        row = FARTHEST - int((event.position().y() - top) // side)
        if abs(column) <= FARTHEST and abs(row) <= FARTHEST:
            self.chosen.emit(Placed(column, row))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the places, what was seen, and the coil."""
        del event
        tokens, painter = self._tokens, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        seen = {place: (moved, of_all) for place, moved, of_all in self._marks}
        for column in range(-FARTHEST, FARTHEST + 1):
            for row in range(-FARTHEST, FARTHEST + 1):
                place = Placed(column, row)
                box = self._box(place)
                moved, of_all = seen.get(place, (0, 0))
                painter.setPen(QPen(QColor(tokens.line), 1))
                painter.setBrush(QColor(tokens.raised))
                if of_all:
                    painter.setBrush(QColor(tokens.good_ground if moved else tokens.note_ground))
                    painter.setPen(QPen(QColor(tokens.good if moved else tokens.note), 1))
                painter.drawRoundedRect(box, 5, 5)
                if of_all:
                    painter.setPen(QColor(tokens.good if moved else tokens.note))
                    _font(painter, 12, bold=True)
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{moved}/{of_all}")
        here = self._box(self._place)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(tokens.accent), 3))
        painter.drawRoundedRect(here.adjusted(-1, -1, 1, 1), 6, 6)
        self._paint_sides(painter)
        painter.end()

    def _paint_sides(self, painter: QPainter) -> None:
        painter.setPen(QColor(self._tokens.muted))
        _font(painter, 11)
        top, bottom = self._box(Placed(0, FARTHEST)).top(), self._box(Placed(0, -FARTHEST)).bottom()
        left, right = self._box(Placed(-FARTHEST, 0)).left(), self._box(Placed(FARTHEST, 0)).right()
        middle = (left + right) / 2
        painter.drawText(
            QRectF(middle - 60, top - 18, 120, 16), Qt.AlignmentFlag.AlignCenter, "front"
        )
        painter.drawText(
            QRectF(middle - 60, bottom + 2, 120, 16),
            Qt.AlignmentFlag.AlignCenter,
            "back · 1 cm a place",
        )
        for x, word, turn in ((left - 4, "left", -90), (right + 4, "right", 90)):
            painter.save()
            painter.translate(x, (top + bottom) / 2)
            painter.rotate(turn)
            painter.drawText(QRectF(-40, -15, 80, 14), Qt.AlignmentFlag.AlignCenter, word)
            painter.restore()
