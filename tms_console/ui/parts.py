"""The parts that every page is made of: cards, chips, numbers, buttons, the simulated band."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tms_console.ui.theme import FAMILY, SPACE, Tokens

STATE_SHAPES = {"good": "●", "warn": "▲", "bad": "✕", "note": "◆", "muted": "○"}
"""A shape for each state, because colour alone says nothing to some eyes."""


def restyle(widget: QWidget) -> None:
    """Let the style sheet look at a widget's properties again."""
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def words(text: str, role: str = "", state: str = "", *, wraps: bool = True) -> QLabel:
    """Return a label.

    Args:
        text: Plain text; never mark-up, names may hold any sign.
        role: `huge`, `big`, `title`, `strong`, `small`, `muted` or `label`.
        state: `good`, `warn`, `bad`, `note` or `muted`.
        wraps: Break long text instead of cutting it.
    """
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wraps)
    if role:
        label.setProperty("role", role)
    if state:
        label.setProperty("state", state)
    return label


class Steady(QLabel):
    """A label whose words change all the time: it keeps its place, so nothing is laid out anew.

    Qt lays out a whole page for each new text of a label, some milliseconds each time.  This one
    has a fixed size, which grows when a text needs more and never shrinks.
    """

    def __init__(self, role: str = "", side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        if role:
            self.setProperty("role", role)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Show this in place of the last."""
        if text == self.text():
            return
        super().setText(text)
        self.ensurePolished()  # the style sheet's font decides what it needs
        wanted = super().sizeHint().expandedTo(self.minimumSize())
        if wanted != self.minimumSize():
            self.setFixedSize(wanted)


def set_state(label: QWidget, state: str) -> None:
    """Give a widget another state."""
    if label.property("state") != state:
        label.setProperty("state", state)
        restyle(label)


class Card(QFrame):
    """A panel with a heading; put what it holds into `body`."""

    def __init__(self, heading: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("ground", "panel")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        self.body.setSpacing(SPACE)
        self.heading = words(heading.upper(), "label", wraps=False)
        self.body.addWidget(self.heading)
        self.heading.setVisible(bool(heading))
        if heading:
            self.setAccessibleName(heading)

    def add(self, *widgets: QWidget) -> None:
        """Add widgets below each other."""
        for widget in widgets:
            self.body.addWidget(widget)


class Chip(QFrame):
    """A short fact with a shape for its state."""

    def __init__(self, text: str = "", state: str = "muted", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("chip", True)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(6)
        self._shape = words("", wraps=False)
        self._text = words("", wraps=False)
        row.addWidget(self._shape)
        row.addWidget(self._text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.show_text(text, state)

    def show_text(self, text: str, state: str = "muted", *, shape: bool = True) -> None:
        """Show this in place of the last."""
        self._text.setText(text)
        self._shape.setText(STATE_SHAPES.get(state, ""))
        self._shape.setVisible(shape and state != "muted")
        for widget in (self, self._shape, self._text):
            set_state(widget, state)
        self.setAccessibleName(text)
        if self.parentWidget() is not None or not text:  # without a parent it would be a window
            self.setVisible(bool(text))


class Alerts(QFrame):
    """What everybody must see first of a patient, in full; no place is kept for it while empty."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("alerts", True)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(10)
        self._shape = words("", wraps=False)
        self.text = words("", "strong")
        row.addWidget(self._shape, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        self.show_alerts("", "warn")

    def show_alerts(self, told: str, state: str) -> None:
        """Show these, one a line, in place of the last; "" for nothing."""
        self.text.setText("   ·   ".join(told.splitlines()))
        self._shape.setText(STATE_SHAPES.get(state, ""))
        for one in (self, self._shape):
            set_state(one, state)
        self.setAccessibleName(f"Alerts: {told}")
        self.setVisible(bool(told))


class Finding(QFrame):
    """A sentence with a coloured edge, a shape and its source below."""

    def __init__(self, text: str, state: str, source: str = "") -> None:
        super().__init__()
        self.setProperty("finding", True)
        self.setProperty("state", state)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 8, 10, 8)
        mark = words(STATE_SHAPES.get(state, ""), "", state, wraps=False)
        mark.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        mark.setFixedWidth(18)
        row.addWidget(mark)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(words(text))
        if source:
            column.addWidget(words(source, "small"))
        row.addLayout(column, 1)
        self.setAccessibleName(f"{state}: {text}")


class Answer(QLabel):
    """What came of something that was pressed, beside it; no place is kept for it while empty."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("role", "small")
        self.say("")

    def say(self, text: str, state: str = "bad") -> None:
        """Show this in place of the last; "" for nothing."""
        self.setText(text)
        set_state(self, state)
        self.setVisible(bool(text))


class Fact(QWidget):
    """A label and its value on one line; the value may change and does not jump."""

    def __init__(
        self, label: str, value: str = "", parent: QWidget | None = None, *, steady: bool = False
    ) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 2)
        row.addWidget(words(label, "muted", wraps=False))
        row.addStretch(1)
        right = Qt.AlignmentFlag.AlignRight
        self.value = Steady("strong", right) if steady else words(value, "strong")
        self.value.setAlignment(right | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.value, 0 if steady else 2)
        self._label = label
        self.show_value(value)

    def show_value(self, value: str, state: str = "") -> None:
        """Show this value in place of the last."""
        if self.value.text() != value:
            self.value.setText(value)
        set_state(self.value, state)
        self.setAccessibleName(f"{self._label}: {value}")


def button(text: str, pressed: Callable[[], object], kind: str = "", name: str = "") -> QPushButton:
    """Return a button.

    Args:
        text: What it says.
        pressed: Called when it is used.
        kind: `primary`, `pause`, `stop`, `danger`, `quiet` or `row`; "" for an ordinary one.
        name: Its accessible name, if that is not its text.
    """
    made = QPushButton(text)
    if kind:
        made.setProperty("kind", kind)
    made.setAccessibleName(name or text)
    made.setAutoDefault(False)
    made.setMinimumHeight(40)
    made.clicked.connect(lambda _checked=False: pressed())
    return made


def spin_box(name: str, low: int, high: int, value: int, unit: str = "") -> QSpinBox:
    """Return a field for a whole number.

    Args:
        name: Its accessible name.
        low: The least that can be entered.
        high: The most.
        value: What stands in it at first.
        unit: Shown behind the number.
    """
    made = QSpinBox()
    made.setAccessibleName(name)
    made.setRange(low, high)
    made.setValue(value)
    made.setSuffix(f" {unit}" if unit else "")
    made.lineEdit().setTextMargins(9, 0, 0, 0)  # the style sheet's padding does not reach it
    return made


def rule() -> QFrame:
    """Return a thin line."""
    line = QFrame()
    line.setProperty("rule", True)
    return line


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and drop it."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()  # a show that waits would make it a window
            widget.setParent(None)
            widget.deleteLater()
        elif (inner := item.layout()) is not None:
            clear(inner)


def put(layout: QLayout, *widgets: QWidget) -> None:
    """Add new widgets to the layout of a widget, so that they count at once.

    Qt shows what is added to a layout later, and until then a layout takes it for nothing.
    """
    for widget in widgets:
        layout.addWidget(widget)
        widget.setVisible(True)  # it has a parent now: no window of its own


def fill(layout: QLayout, widgets: Iterable[QWidget]) -> None:
    """Put these widgets into a layout in place of what is in it."""
    clear(layout)
    for widget in widgets:
        layout.addWidget(widget)


def put_whole(layout: QLayout, made: QLayout) -> None:
    """Put what was built into a layout in place of what is in it, as one widget.

    Qt lays a whole page out for each widget that is added to what is in view.
    """
    clear(layout)
    made.setContentsMargins(0, 0, 0, 0)
    holder = QWidget()
    holder.setLayout(made)
    put(layout, holder)


class Message(QWidget):
    """An empty, loading or error state in the middle of a page or card, with one thing to do."""

    def __init__(self, title: str, text: str = "", action: QPushButton | None = None) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.addStretch(1)
        for one in (words(title, "title"), words(text, "muted") if text else None):
            if one is not None:
                one.setAlignment(Qt.AlignmentFlag.AlignCenter)
                column.addWidget(one)
        if action is not None:
            column.addSpacing(SPACE)
            column.addWidget(action, 0, Qt.AlignmentFlag.AlignCenter)
        column.addStretch(1)
        self.setAccessibleName(f"{title} {text}".strip())


class SimulatedBand(QWidget):
    """A hatched band across the whole window that says SIMULATED; absent with a real stimulator."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self.setFixedHeight(30)
        self.setAccessibleName("SIMULATED: nobody is stimulated")

    def show_theme(self, tokens: Tokens) -> None:
        """Take the colours of another theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return what it would like to have."""
        return QSize(600, 30)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the hatching and the word."""
        del event
        painter = QPainter(self)
        yellow, black = QColor("#f3c04d"), QColor("#171200")
        painter.fillRect(self.rect(), black)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(yellow)
        height, step = self.height(), 34
        for left in range(-height, self.width() + step, step):
            stripe = [
                (left, height),
                (left + 17, height),
                (left + 17 + height, 0),
                (left + height, 0),
            ]
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in stripe]))
        font = painter.font()
        font.setFamily(FAMILY)
        font.setPixelSize(18)
        font.setBold(True)
        font.setLetterSpacing(font.SpacingType.AbsoluteSpacing, 3)
        painter.setFont(font)
        width = painter.fontMetrics().horizontalAdvance("SIMULATED") + 48
        plate = QRectF((self.width() - width) / 2, 0, width, height)
        painter.fillRect(plate, black)
        painter.setPen(yellow)
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, "SIMULATED")
        painter.end()
