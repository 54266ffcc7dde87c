"""A technician's whole day through the window, without a mouse; a physician's answer to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.accounts.people import password_of
from tests.ui.decisions import OFFSCREEN
from tests.ui.test_keyboard import answer, settle, shown
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tests.ui.walking import Keyboard
from tms_console.accounts.signatures import Meaning
from tms_console.clinic.adverse_events import adverse_events_of
from tms_console.records.live import said_of
from tms_console.records.queries import list_sessions, session_pulses
from tms_console.ui.pages.approvals import ApprovalsPage
from tms_console.ui.pages.today import DayRow

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        made.shell.activateWindow()
        qtbot.waitUntil(made.shell.isActiveWindow, timeout=PATIENCE_MS)
        yield made


def log_in_as(demo: Treating, keys: Keyboard, who: str) -> None:
    demo.qtbot.waitUntil(lambda: shown(demo) == "login", timeout=PATIENCE_MS)
    keys.to("Login name")
    keys.type(who)
    keys.press(Qt.Key.Key_Tab)
    keys.type(password_of(who))
    keys.press(Qt.Key.Key_Return)
    demo.qtbot.waitUntil(lambda: shown(demo) not in ("", "login"), timeout=PATIENCE_MS)
    settle(demo)


def status(demo: Treating) -> str:
    """Return what Today says of the one patient."""
    demo.bridge.go("today")
    settle(demo)
    demo.qtbot.waitUntil(
        lambda: bool(demo.shell.findChildren(DayRow)) and demo.bridge.worker._waiting == 0,
        timeout=PATIENCE_MS,
    )
    (row,) = demo.shell.findChildren(DayRow)
    return str(row.accessibleName())


def test_a_technicians_whole_day(demo: Treating) -> None:  # noqa: PLR0915 - a day is long
    """Log in, screen, start, lower, pause, go on, an adverse event, finish, sign: keys alone."""
    page, during, after, qtbot = demo.page, demo.page.during, demo.page.after, demo.qtbot
    keys = Keyboard(demo.shell)
    demo.sees(page.before)
    settle(demo)
    keys.work("Log out")
    log_in_as(demo, keys, "technician")
    keys.work("Prepare to treat")
    qtbot.waitUntil(lambda: shown(demo) == "treat", timeout=PATIENCE_MS)
    demo.sees(page.before)
    settle(demo)
    keys.work("Screening: Fill in again")
    demo.sees(page.form)
    answer(keys, page.form, "screening")
    keys.work("Put on record")
    demo.sees(page.before)
    settle(demo)
    keys.work("Prepare")
    qtbot.waitUntil(page.before.start_button.isVisible, timeout=PATIENCE_MS)
    keys.work("The patient stated this name", Qt.Key.Key_Space)
    keys.work("The patient stated this birth date", Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
    keys.work("Start the session")
    demo.sees(during)
    demo.wait("resting")
    keys.press(Qt.Key.Key_Down, held=Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: during.wanted.text() == "53 % MSO", timeout=PATIENCE_MS)
    keys.work("Headache", Qt.Key.Key_Space)
    keys.press(Qt.Key.Key_F8)
    demo.wait("paused")
    qtbot.waitUntil(lambda: during.pause_button.text() == "Go on", timeout=PATIENCE_MS)
    keys.work("Go on")
    demo.over()
    demo.sees(after)
    settle(demo)
    assert after.headline.text() == "Delivered as planned"
    assert "not signed" in status(demo)
    demo.bridge.go("treat")
    demo.sees(after)
    settle(demo)
    keys.to("Your login name")
    keys.type("technician")
    keys.to("Password")
    keys.type(password_of("technician"))
    keys.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: after.content.text().startswith("Signed by"), timeout=PATIENCE_MS)
    assert "not signed" not in status(demo)
    database = demo.ready.station.database
    (line,) = list_sessions(database)
    assert (line.state, line.delivered, line.unknown) == ("completed", 18, 0)
    given = session_pulses(database, line.uid).intensity_pct_mso.tolist()
    assert set(given) <= {54, 53}
    assert given[-1] == 53
    kinds = {one.kind for one in said_of(database, line.uid)}
    assert {"intensity", "pause", "resume"} <= kinds
    with demo.ready.trusting() as trusted:
        (event,) = adverse_events_of(trusted, demo.ready.patient_uid)
        (signed,) = trusted.signatures(line.uid)
    assert str(event.event.what) == "headache"
    assert signed.meaning is Meaning.DELIVERED


def test_a_physician_returns_one_and_approves_the_next(demo: Treating) -> None:
    """A return leaves nothing in force; the technician sees it, and what was approved after it."""
    ready, keys = demo.ready, Keyboard(demo.shell)
    ready.withdraw(ready.made)
    proposed = ready.next_version(ready.made)
    assert "approval missing" in status(demo)
    keys.work("Log out")
    log_in_as(demo, keys, "physician")
    page = demo.shell._pages["approvals"]
    assert isinstance(page, ApprovalsPage)
    for press, wanted in (("Return", "Returned"), ("Sign and approve", "Approved")):
        demo.bridge.go("approvals")
        settle(demo)
        demo.qtbot.waitUntil(lambda: page.stack.currentWidget() is page.view, timeout=PATIENCE_MS)
        sign = page.view.sign
        for row in sign._asked.values():
            keys.work(row.mark.box.accessibleName(), Qt.Key.Key_Space)
            if row.field.isVisible():
                keys.press(Qt.Key.Key_Tab)
                keys.type("weighed")
        keys.to("Comment")
        keys.type("lower it")
        if sign.login_name.isVisible():
            keys.to("Login name")
            keys.type("physician")
        keys.to("Password")
        keys.type(password_of("physician"))
        keys.work(press)
        demo.qtbot.waitUntil(lambda: page.told.text().startswith(wanted), timeout=PATIENCE_MS)  # noqa: B023
        settle(demo)
        if press == "Return":
            assert "returned by a physician" in status(demo)
            ready.next_version(proposed)
            demo.bridge.record_changed.emit()
    assert "ready" in status(demo)
