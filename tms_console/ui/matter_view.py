"""One matter on the page of approvals: what changes, the dose, the review, and the signature.

It reports what was entered; it decides nothing.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tms_console.screens.changes import ChangeRow
from tms_console.screens.deciding import FilledDecision, missing
from tms_console.screens.matters import Act, Ask, Kind, MatterScreen
from tms_console.ui.bridge import Bridge
from tms_console.ui.dose_plots import DosePlots
from tms_console.ui.parts import Card, Finding, button, clear, put, set_state, words
from tms_console.ui.scrolling import Scrolled, WordTable, breakable, settle
from tms_console.ui.theme import SPACE

SIDE_PX = 328
"""Width of the side column at 1280 px."""
NOTHING = ("", "\u2014")
"""What stands where no earlier value is in force."""


class MatterView(QWidget):
    """Shows a matter; a decision is told by `decided`."""

    decided = Signal(object)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._matter: MatterScreen | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        middle = Scrolled("What it is about")
        self.lead, self.changes, self.dose = Card(), Card("What changes"), Card("")
        self.dose.heading.setText("THE DOSE AS IT WILL BE DELIVERED")
        self.dose.heading.show()
        self.title = words("", "title")
        self._lead_words = QVBoxLayout()
        self.lead.add(self.title)
        self.lead.body.addLayout(self._lead_words)
        self.table = WordTable()
        self.new = words("Nothing is in force yet: all of it is new.", "muted")
        self.changes.add(self.new, self.table)
        self.plots = DosePlots(bridge)
        self.dose.add(self.plots)
        self.review, self.sign = Card("Safety review"), SignCard(bridge)
        for card in (self.lead, self.review, self.changes, self.dose):
            middle.column.addWidget(card)
        middle.column.addStretch(1)
        row.addWidget(middle, 1)
        side = Scrolled("Signature")
        side.setFixedWidth(SIDE_PX)
        self._findings = QVBoxLayout()
        self._findings.setSpacing(SPACE)
        self.review.body.addLayout(self._findings)
        self.bounds = Card("Bounds for the technician")
        self._bounds = words("", "muted")
        self.bounds.add(self._bounds)
        for card in (self.sign, self.bounds):
            side.column.addWidget(card)
        side.column.addStretch(1)
        row.addWidget(side)
        self.sign.decided.connect(self.decided)

    def forget(self) -> None:
        """Let the next matter begin anew, even if it is the same one."""
        self._matter = None

    def show_screen(self, screen: MatterScreen) -> None:
        """Show this matter; what was entered for the same one stays."""
        same = self._matter == screen
        self._matter = screen
        self.title.setText(breakable(screen.title))
        clear(self._lead_words)
        for sentence in screen.lead:
            put(self._lead_words, words(sentence))
        self.changes.setVisible(bool(screen.rows))
        self.changes.heading.setText(screen.heading.upper())
        policy = screen.kind is Kind.POLICY
        shares: tuple[int, ...] = (5, 3, 3, 7) if policy else (4, 5, 5, 5)
        named = len(screen.columns) == len(shares)
        old = named and any(row.in_force not in NOTHING for row in screen.rows)
        shares = shares if old else (shares[0], *shares[2:])
        columns = screen.columns if old or not named else (screen.columns[0], *screen.columns[2:])
        cells = [_cells(row, old=old) for row in screen.rows]
        self.table.show_rows(columns, cells, shares)
        self.new.setVisible(named and not old)
        self.dose.setVisible(bool(screen.strips))
        self.plots.show_strips(screen.strips)
        self.review.setVisible(bool(screen.findings))
        clear(self._findings)
        for note in screen.findings:
            put(self._findings, Finding(note.text, note.state, note.source))
        self.bounds.setVisible(bool(screen.bounds))
        self._bounds.setText(" ".join(screen.bounds))
        settle(self.table)
        if not same:
            self.sign.show_screen(screen)


def _cells(row: ChangeRow, *, old: bool) -> list[tuple[str, str, str]]:
    new = (row.proposed, "strong", "warn") if row.changed else (row.proposed, "", "")
    if row.proposed == "same":
        new = (row.proposed, "muted", "")
    told = f"▲ {row.published}" if row.departs else row.published
    published = (told, "", "warn") if row.departs else (told, "muted", "")
    before = [(row.in_force, "muted", "")] if old else []
    return [(row.parameter, "", ""), *before, new, published]


class SignCard(Card):
    """What is signed: acknowledgements, reasons, a comment, the password, and the buttons."""

    decided = Signal(object)

    def __init__(self, bridge: Bridge) -> None:
        super().__init__("Sign")
        self._bridge = bridge
        self._matter: MatterScreen | None = None
        self._asked: dict[tuple[str, int | None], AskRow] = {}
        self._marked: dict[str, QCheckBox] = {}
        self.answer = words("", "small", "bad")
        self.comment = QPlainTextEdit()
        self.password, self.login_name = QLineEdit(), QLineEdit()
        self._fields = QVBoxLayout()
        self._fields.setSpacing(SPACE)
        self.body.addLayout(self._fields)
        self.buttons: dict[Act, QPushButton] = {}

    def show_screen(self, screen: MatterScreen) -> None:
        """Ask for what this matter needs."""
        self._matter = screen
        self._asked, self._marked, self.buttons = {}, {}, {}
        clear(self._fields)  # what was in it is gone, also where nothing can be signed
        self.answer = words("", "small", "bad")
        self.comment = QPlainTextEdit()
        self.login_name, self.password = QLineEdit(), QLineEdit()
        if not screen.offers:
            self._fields.addWidget(words(screen.not_offered, "muted"))
            return
        expected = next((one for one in screen.offers if one.primary), screen.offers[0])
        self._fields.addWidget(words(f"“{expected.meaning}.”", "muted"))
        if screen.digest:
            told = words(f"Signed to content {screen.digest_words}", "small")
            told.setToolTip(screen.digest)
            self._fields.addWidget(told)
        for ask in screen.asks:
            row = AskRow(ask)
            self._asked[ask.code, ask.block] = row
            self._fields.addWidget(row)
        for choice in screen.choices:
            mark = _check(choice.text)
            self._marked[choice.uid] = mark.box
            self._fields.addWidget(mark)
        self.comment.setTabChangesFocus(True)
        self.comment.setFixedHeight(62)
        needed = all(one.needs_comment for one in screen.offers)
        self.comment.setPlaceholderText("Your reason" if needed else "Comment")
        self.comment.setAccessibleName("Comment or reason")
        self._fields.addWidget(self.comment)
        login = self._bridge.login
        if login is not None and not login.signed_before:
            self.login_name.setPlaceholderText("Login name (first signature)")
            self.login_name.setAccessibleName("Login name")
            self._fields.addWidget(self.login_name)
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText("Password")
        self.password.setAccessibleName("Password")
        self._fields.addWidget(self.password)
        self._fields.addWidget(self.answer)
        self.answer.hide()
        for offer in screen.offers:
            kind = "primary" if offer.primary else ""
            made = button(offer.label, partial(self._press, offer.act), kind)
            self.buttons[offer.act] = made
            self._fields.addWidget(made)
        if expected.primary:
            self.password.returnPressed.connect(partial(self._press, expected.act))

    def tell(self, sentence: str, state: str = "bad") -> None:
        """Say what happened, beside the fields."""
        set_state(self.answer, state)
        self.answer.setText(sentence)
        self.answer.setVisible(bool(sentence))
        self._enable(True)
        if state == "bad":
            self.password.clear()
            self.password.setFocus(Qt.FocusReason.OtherFocusReason)

    def _press(self, act: Act) -> None:
        matter = self._matter
        if matter is None or not self.password.isEnabled():
            return
        filled = FilledDecision(
            act=act,
            answers={key: row.reason() for key, row in self._asked.items() if row.given()},
            choices=tuple(uid for uid, box in self._marked.items() if box.isChecked()),
            comment=self.comment.toPlainText(),
            password=self.password.text(),
            login_name=self.login_name.text(),
        )
        sentence = missing(matter, filled)
        if sentence:
            set_state(self.answer, "bad")
            self.answer.setText(sentence)
            self.answer.show()
            return
        set_state(self.answer, "muted")
        self.answer.setText("Signing ...")
        self.answer.show()
        self._enable(False)
        self.decided.emit(filled)

    def _enable(self, on: bool) -> None:
        self.password.setEnabled(on)
        for one in self.buttons.values():
            one.setEnabled(on)


class AskRow(QWidget):
    """A mark that something is acknowledged, and a field for the reason where one is needed."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        place = "" if ask.block is None else f"Block {ask.block}: "
        verb = "Clear" if ask.optional else "I have weighed it"
        self.mark = _check(f"{place}{ask.text}", f"{verb}: {place}{ask.text}")
        column.addWidget(self.mark)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Reason")
        self.field.setAccessibleName(f"Reason: {place}{ask.text}")
        self.field.textEdited.connect(self._mark_it)
        column.addWidget(self.field)
        self.field.setVisible(ask.needs_reason)

    def given(self) -> bool:
        """Return whether it is marked."""
        return self.mark.box.isChecked()

    def reason(self) -> str:
        """Return the written reason, "" for a mere acknowledgement."""
        return self.field.text()

    def _mark_it(self, text: str) -> None:
        self.mark.box.setChecked(bool(text.strip()))


class _Mark(QWidget):
    """A check box beside words that wrap, which a check box's own do not."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        self.box = QCheckBox()
        self.box.setAccessibleName(name)
        row.addWidget(self.box, 0, Qt.AlignmentFlag.AlignTop)
        self.text: QLabel = words(text)
        row.addWidget(self.text, 1)


def _check(text: str, name: str = "") -> _Mark:
    return _Mark(text, name or text)
