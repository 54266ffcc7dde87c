"""Words that change all the time, and a theme that changes: what is not done for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.treating import Treating, treating
from tms_console.ui.parts import Steady
from tms_console.ui.theme import LIGHT


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        yield made


class Layouts(QObject):
    """Counts how often a widget is laid out anew."""

    def __init__(self, of: QWidget) -> None:
        super().__init__(of)
        self.count = 0
        of.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Count."""
        self.count += event.type() == QEvent.Type.LayoutRequest
        return super().eventFilter(watched, event)


def page_with(label: QLabel) -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    row = QHBoxLayout()
    row.addWidget(label)
    row.addStretch(1)
    column.addLayout(row)
    return page


def test_a_steady_label_lays_out_its_page_only_when_it_needs_more_room(qtbot: QtBot) -> None:
    """A running clock that lays out the page ten times a second would take the thread's time."""
    label = Steady("huge")
    page = page_with(label)
    qtbot.addWidget(page)
    label.setText("12:00")
    page.resize(600, 200)
    page.show()
    qtbot.wait(1)
    layouts = Layouts(page)
    for second in range(11, 20):
        label.setText(f"11:{second}")
        QCoreApplication.processEvents()
    assert layouts.count == 0
    label.setText("1:12:00 and more")
    QCoreApplication.processEvents()
    assert layouts.count > 0
    wide = label.width()
    assert wide >= label.fontMetrics().horizontalAdvance("1:12:00 and more"), "nothing is cut"
    label.setText("0")
    QCoreApplication.processEvents()
    assert label.width() == wide, "it does not jump"


def test_after_a_change_of_theme_esc_is_seen_before_any_widget_again(demo: Treating) -> None:
    """The filter steps aside while the style sheet is put on every part, and must come back."""
    demo.bridge.set_theme(LIGHT)
    demo.start()
    demo.wait("delivering")
    QTest.keyClick(demo.page.during.note, Qt.Key.Key_Escape)
    demo.over()
    over = demo.bridge.link.view.over
    assert over is not None
    assert "Esc" in over.reason


def test_in_a_session_the_filter_of_esc_never_steps_aside(demo: Treating) -> None:
    """Not even for a theme: a key may come at any moment."""
    demo.start()
    demo.wait("delivering")
    with demo.shell.nobody_looks():
        QTest.keyClick(demo.page.during.note, Qt.Key.Key_Escape)
    demo.over()
    over = demo.bridge.link.view.over
    assert over is not None
    assert "Esc" in over.reason
