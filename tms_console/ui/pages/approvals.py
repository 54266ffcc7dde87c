"""Approvals: what waits for a physician, what is in force, and the decision on each.

It shows and asks; who may decide what is for the clinic's acts to say.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.screens.approvals import (
    ApprovalsScreen,
    QueueRow,
    approvals_screen,
    matter_screen,
)
from tms_console.screens.deciding import FilledDecision, decide
from tms_console.screens.matters import Kind, MatterScreen, Viewer
from tms_console.ui.bridge import Bridge
from tms_console.ui.matter_view import MatterView
from tms_console.ui.page import Page
from tms_console.ui.parts import Message, button, clear, set_state, words
from tms_console.ui.policy_form import PolicyForm
from tms_console.ui.prescribe import PrescribePart
from tms_console.ui.scrolling import RowButton, Scrolled
from tms_console.ui.theme import SPACE

LIST_PX = 264
SIGNS = {"bad": "✕", "warn": "▲", "note": "◆", "good": "●"}


class ApprovalsPage(Page):
    """The list on the left, the matter in the middle, the signature on the right."""

    name = "approvals"
    title = "Approvals"
    icon = "approvals"
    needs = (
        Permission.APPROVE_PRESCRIPTION,
        Permission.PROPOSE_PRESCRIPTION,
        Permission.PROPOSE_POLICY,
    )

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self._screen: ApprovalsScreen | None = None
        self._matter: MatterScreen | None = None
        self._key, self._held, self._shown = "", False, False
        self._login: Login | None = None
        self._user = ""
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._list())
        self.stack = QStackedWidget()
        self.view = MatterView(bridge)
        self.view.decided.connect(self._decided)
        self.message = Message("Reading ...")
        self.prescribe = PrescribePart(bridge)
        self.policy = PolicyForm(bridge)
        for part in (self.message, self.view, self.prescribe, self.policy):
            self.stack.addWidget(part)
        self.prescribe.done.connect(self._form_done)
        self.policy.done.connect(self._form_done)
        row.addWidget(self.stack, 1)
        self.column.addLayout(row, 1)
        bridge.record_changed.connect(self._read_again)
        bridge.prescription_wanted.connect(self.change_prescription)

    def _list(self) -> QWidget:
        self.panel = panel = QWidget()
        panel.setProperty("ground", "window")
        panel.setFixedWidth(LIST_PX)
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        switch = QHBoxLayout()
        switch.setSpacing(SPACE)
        self.waiting_button = button("Waiting", partial(self._show_list, held=False), "row")
        self.held_button = button("In force", partial(self._show_list, held=True), "row")
        for one in (self.waiting_button, self.held_button):
            one.setCheckable(True)
            switch.addWidget(one)
        self.waiting_button.setChecked(True)
        column.addLayout(switch)
        self.rows = Scrolled("What waits")
        self.rows.column.setSpacing(SPACE)
        column.addWidget(self.rows, 1)
        self.told = words("", "small", "good")
        self.told.hide()
        self.prescribe_button = button("New prescription", self.open_prescribing)
        self.policy_button = button("Propose a policy", self.open_policy)
        self.edit_button = button("Change as a new version", self.open_editing)
        self.edit_button.hide()
        for made in (self.told, self.edit_button, self.prescribe_button, self.policy_button):
            column.addWidget(made)
        self._group = QButtonGroup(self)
        self._built: tuple[QueueRow, ...] = ()
        return panel

    # Reading

    def entered(self) -> None:
        """Read what waits; what another person half entered is not theirs to sign or propose."""
        self._shown = True
        login, user = self.bridge.login, self.viewer().user_uid
        if login is not self._login:
            self.view.forget()
        if user != self._user or (login is not self._login and not self._filling):
            self.panel.show()
            self._message("Reading ...", "")
        self._login, self._user = login, user
        self.told.hide()
        self._read()

    def left(self) -> None:
        """Forget the password; a signature belongs to what is on the screen."""
        self._shown = False
        self.view.sign.password.clear()
        self._matter = None

    @Slot()
    def _read_again(self) -> None:
        if self._shown:
            self._read()

    def viewer(self) -> Viewer:
        """Return who looks, as the builders take it."""
        login = self.bridge.login
        return Viewer(
            frozenset(one for one in Permission if self.bridge.may(one)),
            login is not None and login.signed_before,
            "" if login is None else login.user_uid,
        )

    def _read(self) -> None:
        viewer = self.viewer()
        self.bridge.read(
            self,
            lambda trusted, now: approvals_screen(trusted, now, viewer),
            self.show_screen,
            self._failed,
        )

    @property
    def _filling(self) -> bool:
        return self.stack.currentWidget() in (self.prescribe, self.policy)

    def _failed(self, sentence: str) -> None:
        if self._filling:  # what was typed stays
            self.bridge.problem.emit(f"The list could not be read. {sentence}")
            return
        self._message("The list could not be read", sentence)

    def show_screen(self, screen: ApprovalsScreen) -> None:
        """Show the lists; what was chosen stays chosen."""
        self._screen = screen
        self.waiting_button.setText(f"Waiting {len(screen.waiting)}")
        self.held_button.setText(f"In force {len(screen.held)}")
        self.prescribe_button.setVisible(screen.may_prescribe)
        self.policy_button.setVisible(screen.may_propose_policy)
        if self._shown:
            self.say_subtitle(screen.headline)
        self._show_rows()

    def _show_list(self, *, held: bool) -> None:
        self._held = held
        if self._filling:
            self.stack.setCurrentWidget(self.message)
        self._key = ""
        self._show_rows()

    def _show_rows(self) -> None:
        screen = self._screen
        self.waiting_button.setChecked(not self._held)
        self.held_button.setChecked(self._held)
        if screen is None:
            return
        lines = screen.held if self._held else screen.waiting
        if lines != self._built:  # a hundred rows take a quarter of a second to build
            self._build_rows(lines)
        if self._filling:
            return
        chosen = next((line for line in lines if line.key == self._key), None)
        if chosen is None and lines:
            chosen = lines[0]
        if chosen is None:
            self._nothing()
        else:
            self._choose(chosen)

    def _build_rows(self, lines: tuple[QueueRow, ...]) -> None:
        for old in self._group.buttons():
            self._group.removeButton(old)
        clear(self.rows.column)
        for line in lines:
            made = _row_button(line)
            made.clicked.connect(partial(self._pressed, line))
            self._group.addButton(made)
            self.rows.column.addWidget(made)
            made.setChecked(line.key == self._key)
        self.rows.column.addStretch(1)
        self._built = lines

    def _nothing(self) -> None:
        if self._held:
            self._message("Nothing is in force", "Approve a prescription or the policy first.")
        else:
            self._message("Nothing waits", "Everything that needs a physician is decided.")

    def _message(self, title: str, text: str) -> None:
        made = Message(title, text)
        self.edit_button.hide()
        self.stack.addWidget(made)
        old, self.message = self.message, made
        self.stack.setCurrentWidget(made)
        self.stack.removeWidget(old)
        old.deleteLater()

    def _pressed(self, line: QueueRow, _checked: bool = False) -> None:
        self.told.hide()
        self._choose(line)

    def _choose(self, line: QueueRow, _checked: bool = False) -> None:
        self._key = line.key
        for made in self._group.buttons():
            if isinstance(made, RowButton):
                made.setChecked(made.key == line.key)
        viewer, zone = self.viewer(), "UTC" if self._screen is None else self._screen.zone
        self.bridge.read(
            self,
            lambda trusted, _now: matter_screen(trusted, line, viewer, zone),
            partial(self._show_matter, line.key),
            self._failed,
        )

    def _show_matter(self, key: str, screen: MatterScreen) -> None:
        if key != self._key:
            return
        self._matter = screen
        may = self.bridge.may(Permission.PROPOSE_PRESCRIPTION)
        self.edit_button.setVisible(may and screen.kind is Kind.PRESCRIPTION)
        self.view.show_screen(screen)
        self.stack.setCurrentWidget(self.view)

    # Deciding

    @Slot(object)
    def _decided(self, filled: FilledDecision) -> None:
        matter = self._matter
        if matter is None:
            return
        self.bridge.act(
            self,
            lambda station, login: decide(station, login, matter, filled),
            self._done,
            self.view.sign.tell,
        )

    def _done(self, sentence: str) -> None:
        self.told.setText(sentence)
        set_state(self.told, "good")
        self.told.show()
        self._key, self._matter = "", None

    # The two forms

    def open_editing(self) -> None:
        """Open the form for the next version of the prescription in view."""
        matter = self._matter
        if matter is not None and matter.kind is Kind.PRESCRIPTION:
            self._edit(matter.uid)

    @Slot(str)
    def change_prescription(self, version_uid: str) -> None:
        """Come into view with the form for the next version of a prescription."""
        self.bridge.go(self.name)
        if self._filling:
            self.bridge.problem.emit("A form is still open here: finish or cancel it first.")
        elif self._shown and self.bridge.may(Permission.PROPOSE_PRESCRIPTION):
            self._edit(version_uid)

    def _edit(self, version_uid: str) -> None:
        self._key = ""
        self.edit_button.hide()
        self.prescribe.edit(version_uid)
        self.stack.setCurrentWidget(self.prescribe)

    def open_prescribing(self) -> None:
        """Open the form for a new prescription."""
        self._key = ""
        self.edit_button.hide()
        self.prescribe.open(self.bridge.patient_uid)
        self._show_form(self.prescribe)

    def open_policy(self) -> None:
        """Open the form for a version of the policy."""
        self._key = ""
        self.edit_button.hide()
        self.policy.open()
        self._show_form(self.policy)

    def _show_form(self, form: QWidget) -> None:
        """Give a form the whole width: names, numbers and sources are long."""
        self.panel.hide()
        self.stack.setCurrentWidget(form)

    @Slot(str)
    def _form_done(self, sentence: str) -> None:
        self.panel.show()
        self.stack.setCurrentWidget(self.view)
        self.told.setText(sentence)
        self.told.setVisible(bool(sentence))
        self._held, self._key = False, ""
        self._read()


def _row_button(line: QueueRow) -> RowButton:
    name = f"{line.title}: {line.subtitle}. {line.state_words}. {line.since}".strip()
    lines = (
        (line.title, "strong", ""),
        (line.subtitle, "muted", ""),
        (f"{SIGNS[line.state]} {line.state_words}", "small", line.state),
        (line.since, "small", ""),
    )
    return RowButton(line.key, name, lines)
