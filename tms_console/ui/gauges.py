"""Paints how far a session is: a ring of pulses and a strip of trains.

They paint what they are given, in the theme's colours; no number is made here.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from tms_console.ui.parts import words
from tms_console.ui.theme import Tokens

RING_PX, RING_WIDE_PX = 172, 13
STRIP_PX, NUMBERS_PX = 28, 16
NUMBER_APART_PX = 40
"""Numbers below the strip are no closer than this."""
_FULL = 360 * 16
_TOP = 90 * 16


class Ring(QWidget):
    """Pulses given of all pulses, as a ring around the number."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._share = 0.0
        self.setFixedSize(RING_PX, RING_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 18, 18, 18)
        column.setSpacing(0)
        column.addStretch(1)
        self.number = words("0", "huge", wraps=False)
        self.total = words("", "muted", wraps=False)
        self.doubt = words("", "small", "warn", wraps=False)
        for one in (self.number, self.total, self.doubt):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(one)
        column.addStretch(1)

    def show_pulses(self, given: int, total: int, doubt: str) -> None:
        """Show these in place of the last."""
        self.number.setText(f"{given:,}")
        self.total.setText(f"of {total:,} pulses")
        self.doubt.setText(doubt)
        self.doubt.setVisible(bool(doubt))
        self.setAccessibleName(f"{given} of {total} pulses {doubt}".strip())
        share = given / total if total else 0.0
        if share != self._share:
            self._share = share
            self.update()

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self._tokens = tokens
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the ring."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inset = RING_WIDE_PX / 2 + 1
        place = QRectF(inset, inset, RING_PX - 2 * inset, RING_PX - 2 * inset)
        pen = QPen(QColor(self._tokens.open), RING_WIDE_PX)
        painter.setPen(pen)
        painter.drawEllipse(place)
        if self._share > 0:
            pen.setColor(QColor(self._tokens.accent))
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawArc(place, _TOP, -round(_FULL * min(self._share, 1.0)))
        painter.end()


class SessionStrip(QWidget):
    """One cell for each train: given, in hand, to come."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._cells: tuple[str, ...] = ()
        self._share = 0.0
        self.setFixedHeight(STRIP_PX + NUMBERS_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what it would like to have."""
        return QSize(500, STRIP_PX + NUMBERS_PX)

    def show_cells(self, cells: Sequence[str], share: float) -> None:
        """Show these in place of the last; `share` is of the one in hand."""
        if (tuple(cells), share) != (self._cells, self._share):
            self._cells, self._share = tuple(cells), share
            done = sum(one == "done" for one in cells)
            self.setAccessibleName(f"{done} of {len(cells)} trains done")
            self.update()

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self._tokens = tokens
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the cells."""
        del event
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = {
            "done": QColor(self._tokens.done),
            "now": QColor(self._tokens.open),
            "open": QColor(self._tokens.open),
        }
        step = self.width() / max(len(self._cells), 1)
        gap = min(10.0, step * 0.28)
        round_px = min(5.0, step / 4)
        for number, cell in enumerate(self._cells):
            place = QRectF(number * step, 1, max(step - gap, 1.5), STRIP_PX - 2)
            painter.setBrush(colours[cell])
            painter.drawRoundedRect(place, round_px, round_px)
            if cell == "now":
                painter.setBrush(QColor(self._tokens.accent))
                filled = QRectF(place)
                filled.setWidth(max(place.width() * self._share, 3.0))
                painter.drawRoundedRect(filled, round_px, round_px)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(self._tokens.accent), 1))
                painter.drawRoundedRect(place, round_px, round_px)
                painter.setPen(Qt.PenStyle.NoPen)
        self._paint_numbers(painter, step, gap)
        painter.end()

    def _paint_numbers(self, painter: QPainter, step: float, gap: float) -> None:
        """Number the first train, every fifth or tenth one after it that has room, and the last."""
        count = len(self._cells)
        every = next((n for n in (1, 5, 10, 20, 50, 100) if n * step >= NUMBER_APART_PX), 500)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(self._tokens.muted))
        numbered = [n for n in range(1, count, every) if (count - n) * step >= NUMBER_APART_PX / 2]
        for number in (*numbered, *((count,) if count else ())):
            middle = (number - 1) * step + (step - gap) / 2
            place = QRectF(middle - 20, STRIP_PX, 40, NUMBERS_PX)
            place.moveLeft(min(max(place.left(), -20 + 4.0), self.width() - 40.0 + 20))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(number))
