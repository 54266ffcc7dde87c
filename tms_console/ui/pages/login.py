"""Logging in, the locked screen, and the first password of one's own.

A running session goes on behind it, and Stop stays in the window's frame.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from tms_console.ui.page import Page
from tms_console.ui.parts import Answer, Card, button, clear, words
from tms_console.ui.theme import SPACE

if TYPE_CHECKING:
    from tms_console.accounts.login import Login
    from tms_console.accounts.own_key import Started
    from tms_console.ui.bridge import Bridge


class LoginPage(Page):
    """Who is there?"""

    name = "login"
    title = "TMS Console"

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self._waiting: Login | None = None
        self._asked_early = False
        self.card = Card()
        self.card.setFixedWidth(440)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.card, 0, Qt.AlignmentFlag.AlignVCenter)
        self.people = QVBoxLayout()
        row.addSpacing(4 * SPACE)
        self.people.setSpacing(SPACE)
        row.addLayout(self.people)
        row.addStretch(1)
        self.column.addStretch(1)
        self.column.addLayout(row)
        self.column.addStretch(1)
        self.login_name, self.password = QLineEdit(), _secret("Password")
        self.again = _secret("The same password again")
        self.login_name.setPlaceholderText("Name")
        self.login_name.setAccessibleName("Login name")
        self.answer = Answer()
        self.go = button("Log in", self._submit, "primary")
        for field in (self.login_name, self.password, self.again):
            field.returnPressed.connect(self._submit)

    def entered(self) -> None:
        """Ask who is there, or for the password of who locked the screen."""
        login = self.bridge.login
        if login is not None and login.must_change:
            self._waiting = login
            self._ask_first_password()
        elif login is not None and login.locked:
            self._ask_unlock(login)
        else:
            self._ask_login()

    def _ask(self, title: str, text: str, *rows: QWidget) -> None:
        body = self.card.body
        while body.count() > 1:
            taken = body.takeAt(1)
            widget = taken.widget() if taken is not None else None
            if widget is not None:
                widget.hide()  # a show that waits would make it a window
                widget.setParent(None)
        self.card.add(words(title, "title"), words(text, "muted"), *rows, self.answer, self.go)
        for row in (*rows, self.answer, self.go):
            row.show()
        self.answer.say("")
        self.go.setEnabled(True)
        self.password.clear()
        self.again.clear()

    def _ask_login(self) -> None:
        self.go.setText("Log in")
        self._ask("Log in", "Your own name and password.", self.login_name, self.password)
        self.login_name.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_people()

    def _ask_unlock(self, login: Login) -> None:
        self.go.setText("Unlock")
        running = self.bridge.running
        self._ask(
            f"Locked · {login.enrolment.name}",
            "A session is running; Stop (Esc) works." if running else "Your password opens it.",
            self.password,
        )
        self.password.setFocus(Qt.FocusReason.OtherFocusReason)
        clear(self.people)

    def _ask_first_password(self) -> None:
        self.go.setText("Set this password")
        self._ask(
            "A password of your own",
            f"Nobody else may know it; {_length_rule()}.",
            self.password,
            self.again,
        )
        self.password.setFocus(Qt.FocusReason.OtherFocusReason)
        clear(self.people)

    def begin(self) -> None:
        """Go on with what was pressed before the record was open."""
        if self._asked_early:
            self._asked_early = False
            self.go.setEnabled(True)
            self._submit()

    def _show_people(self) -> None:
        clear(self.people)
        demonstration = self.bridge.demonstration
        if demonstration is None:
            return
        self.people.addWidget(words("DEMONSTRATION: NOBODY HERE IS REAL", "label", wraps=False))
        for login, name, password in demonstration.people:
            made = button(
                f"{name}\n{login}  ·  {password}",
                partial(self._fill, login, password),
                "row",
                f"Fill in {name}",
            )
            self.people.addWidget(made)

    def _fill(self, login: str, password: str) -> None:
        self.login_name.setText(login)
        self.password.setText(password)
        self.go.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _submit(self) -> None:
        if not self.go.isEnabled():
            return
        if not self.bridge.opened:
            self._asked_early = True
            self._busy("Opening the record ...")
            return
        from tms_console.accounts.login import log_in, unlock  # noqa: PLC0415 - start-up

        password, login = self.password.text(), self.bridge.login
        if self._waiting is not None:
            self._set_first_password(self._waiting, password)
            return
        self._busy("Checking ...")
        station = self.bridge.station
        if login is not None and login.locked:
            self.bridge.worker.run(
                self, lambda: unlock(station, login, password), self._unlocked, self._refused
            )
            return
        name = self.login_name.text()
        self.bridge.worker.run(
            self, lambda: log_in(station, name, password), self._logged_in, self._refused
        )

    def _set_first_password(self, login: Login, password: str) -> None:
        if password != self.again.text():
            self._tell("The two passwords are not the same.")
            return
        from tms_console.accounts.own_key import set_own_password  # noqa: PLC0415 - start-up

        self._busy("Making your key ...")
        station = self.bridge.station
        self.bridge.worker.run(
            self,
            lambda: set_own_password(station, login, password),
            self._started,
            self._refused,
        )

    def _busy(self, text: str) -> None:
        self.go.setEnabled(False)
        self.answer.say(text, "muted")

    def _tell(self, text: str) -> None:
        self.answer.say(text)
        self.go.setEnabled(True)
        self.password.setFocus(Qt.FocusReason.OtherFocusReason)
        self.password.selectAll()

    def _refused(self, error: Exception) -> None:
        from tms_console.accounts.idle import LoginOver  # noqa: PLC0415 - start-up

        if isinstance(error, LoginOver):
            self.bridge.set_login(None)
        self._tell(str(error))

    def _logged_in(self, login: Login) -> None:
        if login.must_change:
            self._waiting = login
            self._ask_first_password()
            return
        self.bridge.set_login(login)

    def _unlocked(self, _: None) -> None:
        self.bridge.set_login(self.bridge.login)

    def _started(self, started: Started) -> None:
        """Show the recovery code once, and to nobody else."""
        self._waiting = None
        self.go.setText("I have written it down")
        self._ask(
            "Your recovery code",
            "Write it down and keep it away from this computer. It is shown only now. It confirms "
            "your new key if your password ever has to be reset.",
            words(started.recovery_code, "title"),
        )
        self.go.clicked.disconnect()
        self.go.clicked.connect(lambda _checked=False: self._finish(started))

    def _finish(self, started: Started) -> None:
        self.go.clicked.disconnect()
        self.go.clicked.connect(lambda _checked=False: self._submit())
        self.bridge.set_login(started.login)


def _length_rule() -> str:
    """Return how long a password must be, in words."""
    from tms_console.accounts.passwords import LENGTH_RULE  # noqa: PLC0415 - start-up

    return LENGTH_RULE


def _secret(placeholder: str) -> QLineEdit:
    field = QLineEdit()
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setPlaceholderText(placeholder)
    field.setAccessibleName(placeholder)
    return field
