"""Stop in every place of the window, and when the window or the delivering process is gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QLineEdit, QMenu, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.treating import PATIENCE_MS, Treating, treating
from tms_console.records.live import said_of
from tms_console.records.queries import list_sessions
from tms_console.ui import link as links

pytestmark = pytest.mark.qt_log_ignore(  # what the offscreen platform says of every popup
    "This plugin does not support", extend=True
)


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        yield made


def _in_a_text_field(demo: Treating) -> QWidget:
    demo.page.during.note.setFocus()
    return demo.page.during.note


def _under_a_menu(demo: Treating) -> QWidget:
    menu = QMenu(demo.shell)
    menu.addAction("Something")
    menu.popup(demo.shell.mapToGlobal(QPoint(50, 50)))
    return menu


def _under_a_popup(demo: Treating) -> QWidget:
    box = QComboBox(demo.shell)
    box.addItems(["one", "two"])
    box.show()
    box.showPopup()
    popup = QApplication.activePopupWidget()
    return popup if popup is not None else box


def _under_a_dialog(demo: Treating) -> QWidget:
    dialog = QDialog(demo.shell)
    field = QLineEdit(dialog)
    dialog.open()
    field.setFocus()
    return field


def _on_another_page(demo: Treating) -> QWidget:
    demo.bridge.go("today")
    assert demo.shell.stop_button.isVisible()
    return demo.shell


def _on_the_locked_screen(demo: Treating) -> QWidget:
    demo.bridge.login.lock()
    demo.shell.look_at_lock()
    assert demo.shell.stop_button.isVisible()
    return demo.shell.focusWidget() or demo.shell


@pytest.mark.parametrize(
    "place",
    [
        _in_a_text_field,
        _under_a_menu,
        _under_a_popup,
        _under_a_dialog,
        _on_another_page,
        _on_the_locked_screen,
    ],
)
def test_esc_stops_wherever_the_focus_is(
    demo: Treating, place: Callable[[Treating], QWidget]
) -> None:
    demo.start()
    demo.wait("resting")
    where = place(demo)
    QTest.keyClick(where, Qt.Key.Key_Escape)
    demo.over()
    (line,) = list_sessions(demo.ready.station.database)
    assert (line.state, line.end_reason) == ("stopped", "Esc was pressed")
    for popup in demo.shell.findChildren(QMenu) + demo.shell.findChildren(QDialog):
        popup.close()
    if place is _under_a_popup:
        demo.shell.findChildren(QComboBox)[-1].hidePopup()


@pytest.mark.parametrize("state", ["starting", "delivering", "paused"])
def test_esc_stops_in_every_state(demo: Treating, state: str) -> None:
    demo.start()
    if state == "paused":
        demo.wait("resting")
        demo.press(demo.shell, Qt.Key.Key_F8)
    if state != "starting":
        demo.wait(state)
    demo.press(demo.shell, Qt.Key.Key_Escape)
    demo.over()
    assert demo.bridge.link.view.over.state == "stopped"
    demo.sees(demo.page.after)


def test_the_button_stops_when_it_goes_down_and_works_on_the_locked_screen(
    demo: Treating,
) -> None:
    demo.start()
    demo.wait("resting")
    demo.bridge.login.lock()
    demo.shell.look_at_lock()
    demo.click(demo.shell.stop_button)
    demo.over()
    assert demo.bridge.link.view.over.reason == "STOP was pressed"


def test_without_a_session_the_keys_are_what_qt_makes_them(demo: Treating) -> None:
    demo.sees(demo.page.before)
    menu = QMenu(demo.shell)
    menu.addAction("Something")
    menu.popup(demo.shell.mapToGlobal(QPoint(50, 50)))
    QTest.keyClick(menu, Qt.Key.Key_Escape)
    assert not menu.isVisible()


def test_a_window_that_does_not_answer_for_two_seconds_ends_the_session(demo: Treating) -> None:
    """A blocked thread hears no key: the heartbeat is its own, and stops with it."""
    demo.start()
    demo.wait("resting")
    time.sleep(3.0)
    demo.over()
    (line,) = list_sessions(demo.ready.station.database)
    assert line.state == "interrupted"
    assert "did not answer" in str(line.end_reason)
    demo.sees(demo.page.after)
    demo.idle()
    assert demo.page.after.headline.text() == "Interrupted"


def test_a_killed_delivering_process_is_followed_by_another_and_the_person_is_told(
    demo: Treating,
) -> None:
    demo.start()
    demo.wait("resting")
    link, uid = demo.bridge.link, demo.bridge.link.view.session_uid
    first = link._client.pid
    os.kill(first, signal.SIGKILL)
    demo.over()
    assert link._client.pid != first
    demo.sees(demo.page.after)
    demo.idle()
    assert "ended unexpectedly" in demo.shell.message_text.text()
    assert "own stop button" in demo.shell.message_text.text()
    after = demo.page.after
    demo.qtbot.waitUntil(lambda: after.headline.text() == "Interrupted", timeout=PATIENCE_MS)
    (line,) = list_sessions(demo.ready.station.database)
    assert (line.uid, line.state) == (uid, "interrupted")
    demo.qtbot.waitUntil(lambda: link.challenge is not None, timeout=PATIENCE_MS)


@pytest.mark.parametrize("press", [False, True], ids=["waiting", "stop pressed"])
def test_a_frozen_delivering_process_is_told_of_ended_and_followed_by_another(
    demo: Treating, press: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs hears no Stop: it is killed, and the next one disarms."""
    monkeypatch.setattr(links, "GIVEN_UP_AFTER_S", 600.0 if press else 3.0)
    demo.start()
    demo.wait("resting")
    link, first = demo.bridge.link, demo.bridge.link._client.pid
    told: list[str] = []
    link.view_changed.connect(lambda view: told.append(view.silent))
    os.kill(first, signal.SIGSTOP)
    demo.qtbot.waitUntil(lambda: any("has not answered" in one for one in told), timeout=10_000)
    assert "own stop button" in demo.shell.message_text.text()
    if press:
        assert link.running
        demo.click(demo.page.during.stop_button)
    demo.over()
    assert link._client.pid != first
    assert "did not answer for" in demo.shell.message_text.text()
    demo.sees(demo.page.after)
    demo.idle()
    demo.qtbot.waitUntil(
        lambda: demo.page.after.headline.text() == "Interrupted", timeout=PATIENCE_MS
    )
    (line,) = list_sessions(demo.ready.station.database)
    assert line.state == "interrupted"
    demo.qtbot.waitUntil(lambda: link.challenge is not None, timeout=PATIENCE_MS)


def test_a_remark_that_comes_too_late_is_put_on_record_by_the_window(demo: Treating) -> None:
    demo.start()
    demo.wait("resting")
    uid = demo.bridge.link.view.session_uid
    demo.click(demo.page.during.stop_button)
    demo.over()
    demo.page.session.put_note("said when it was over")
    demo.qtbot.waitUntil(
        lambda: any("said when" in one.detail for one in said_of(demo.ready.station.database, uid)),
        timeout=PATIENCE_MS,
    )
