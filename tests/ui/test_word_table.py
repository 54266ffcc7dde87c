"""Rows of words are as high as their words, from the first moment on."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout
from pytestqt.qtbot import QtBot

from tms_console.ui.parts import Card, put, words
from tms_console.ui.scrolling import Scrolled, WordTable, settle

HEADINGS = ("What", "In force", "Proposed", "Published")
SHARES = (4, 5, 5, 5)
ROOM = 500
"""Lower than the long matter and higher than the short one: the bar comes and goes."""


def rows(number: int, long: int) -> list[list[tuple[str, str, str]]]:
    """Return rows whose cells have so many words."""
    return [
        [
            (f"what {row}", "", ""),
            ("word " * long, "muted", ""),
            ("longer words here " * long, "strong", "warn"),
            ("where it was published " * long, "", "warn"),
        ]
        for row in range(number)
    ]


class Matter:
    """A table in a card in a column that scrolls, as on the page of approvals."""

    def __init__(self, qtbot: QtBot, width: int) -> None:
        self.area, self.card, self.table = Scrolled("Matter"), Card("What changes"), WordTable()
        self.new = words("Nothing is in force yet: all of it is new.", "muted")
        self.lead = QVBoxLayout()
        first = Card("Lead")
        first.body.addLayout(self.lead)
        self.card.add(self.new, self.table)
        for card in (first, self.card):
            self.area.column.addWidget(card)
        self.area.column.addStretch(1)
        qtbot.addWidget(self.area)
        self.area.resize(width, ROOM)
        self.area.show()
        QApplication.processEvents()

    def show(self, number: int, long: int) -> None:
        """Switch to another matter."""
        self.table.show_rows(HEADINGS, rows(number, long), SHARES)
        self.new.setVisible(number < 2)
        put(self.lead, words("One more sentence of what it is about. " * long))
        settle(self.table)

    @property
    def cut(self) -> list[str]:
        """The words that have less height than they need."""
        inside = self.area.widget()
        if inside.height() < inside.heightForWidth(inside.width()):
            return ["the column itself"]
        found = inside.findChildren(QLabel)
        return [
            one.text()
            for one in found
            if not one.isHidden() and one.height() < one.heightForWidth(one.width())
        ]


@pytest.mark.parametrize("width", [500, 640, 800, 1100])
def test_no_row_is_squeezed_after_another_matter_is_shown(qtbot: QtBot, width: int) -> None:
    matter = Matter(qtbot, width)
    for number, long in ((1, 1), (8, 12), (3, 2), (9, 7)):
        matter.show(number, long)
        assert matter.table.height() >= matter.table.heightForWidth(matter.table.width()) > 0
        assert matter.cut == []  # before anything is painted
        QApplication.processEvents()
        assert matter.cut == []
        matter.area.resize(width - 60, ROOM)
        assert matter.cut == []
        matter.area.resize(width, ROOM)
        assert matter.cut == []


def test_a_table_shown_while_it_is_hidden_is_right_when_it_comes_into_view(qtbot: QtBot) -> None:
    matter = Matter(qtbot, 640)
    matter.card.hide()
    matter.table.show_rows(HEADINGS, rows(8, 12), SHARES)
    matter.card.show()
    settle(matter.table)
    assert matter.table.height() >= matter.table.heightForWidth(matter.table.width()) > 0
    assert matter.cut == []
