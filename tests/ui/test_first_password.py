"""Somebody's first log-in: a password of their own, and the recovery code shown this once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.accounts.people import first_password, password_of
from tests.ui.decisions import OFFSCREEN
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tms_console.accounts.login import log_in
from tms_console.accounts.roles import Role
from tms_console.accounts.users import NewUser, add_user
from tms_console.ui.pages.login import LoginPage

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)
NEW = "newcomer"


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        made.idle()
        station, administrator = made.ready.station, made.ready.clinic.administrator
        add_user(
            station, administrator, NewUser(NEW, "Nora New", Role.TECHNICIAN), first_password(NEW)
        )
        made.bridge.set_login(None)
        yield made
        made.idle()


def login_page(demo: Treating) -> LoginPage:
    page = demo.shell._login_page
    assert isinstance(page, LoginPage)
    return page


def texts(page: LoginPage) -> list[str]:
    return [one.text() for one in page.card.findChildren(QLabel) if one.isVisible()]


def ask_own_password(demo: Treating) -> LoginPage:
    """Log in with the first password; the page then asks for one of their own."""
    page = login_page(demo)
    page.login_name.setText(NEW)
    page.password.setText(first_password(NEW))
    demo.click(page.go)
    demo.qtbot.waitUntil(lambda: "A password of your own" in texts(page), timeout=PATIENCE_MS)
    assert demo.bridge.login is None  # nobody works with a password that somebody else knows
    return page


def test_the_first_log_in_sets_an_own_password_and_shows_the_recovery_code_once(
    demo: Treating,
) -> None:
    page = ask_own_password(demo)
    assert page.password.text() == ""
    page.password.setText(password_of(NEW))
    page.again.setText(password_of(NEW))
    demo.press(page.again, Qt.Key.Key_Return)
    demo.qtbot.waitUntil(lambda: "Your recovery code" in texts(page), timeout=PATIENCE_MS)
    (code,) = [one for one in texts(page) if one.count("-") > 2]
    assert demo.bridge.login is None  # not before the code was written down
    assert page.password.text() == page.again.text() == ""

    demo.click(page.go)
    assert demo.bridge.login is not None
    assert demo.bridge.login.enrolment.name == "Nora New"
    assert not log_in(demo.ready.station, NEW, password_of(NEW)).must_change

    demo.bridge.set_login(None)
    demo.qtbot.waitUntil(lambda: "Log in" in texts(page), timeout=PATIENCE_MS)
    assert code not in texts(page)
    page.login_name.setText(NEW)
    page.password.setText(password_of(NEW))
    demo.click(page.go)
    demo.qtbot.waitUntil(lambda: demo.bridge.login is not None, timeout=PATIENCE_MS)


def test_two_passwords_that_differ_set_none(demo: Treating) -> None:
    page = ask_own_password(demo)
    page.password.setText(password_of(NEW))
    page.again.setText(password_of(NEW) + "x")
    demo.click(page.go)
    assert page.answer.text() == "The two passwords are not the same."
    assert page.go.isEnabled()
    demo.idle()
    assert log_in(demo.ready.station, NEW, first_password(NEW)).must_change


def test_a_password_that_is_too_short_is_refused_and_asked_again(demo: Treating) -> None:
    page = ask_own_password(demo)
    page.password.setText("short")
    page.again.setText("short")
    demo.click(page.go)
    demo.qtbot.waitUntil(page.go.isEnabled, timeout=PATIENCE_MS)
    assert "short" in page.answer.text() or "characters" in page.answer.text()
    assert demo.bridge.login is None
    assert log_in(demo.ready.station, NEW, first_password(NEW)).must_change
