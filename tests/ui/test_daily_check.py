"""The daily check of the record's file: once a day, never in a session, told to everybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.delivery.treatments import Ready, make_ready
from tests.ui.decisions import OFFSCREEN, PATIENCE_MS
from tms_console.accounts.errors import NotTrusted
from tms_console.delivery.order import EmulatorOrder
from tms_console.demonstration import Demonstration
from tms_console.records.database import Database, check_integrity
from tms_console.records.errors import CheckGivenUp, WriteFailed
from tms_console.records.session_lock import SessionLock
from tms_console.records.upkeep import newest_integrity, record_integrity
from tms_console.screens.integrity import CHECKING, GIVEN_UP, WAITING, Verified
from tms_console.ui import daily_check
from tms_console.ui.app import Window
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.link import SessionView
from tms_console.ui.pages.records import CHECKS, RecordsPage
from tms_console.ui.pages.today import TodayPage

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)
DAMAGE = ("row 3 missing from index audit_chain",)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


@contextmanager
def window_of(ready: Ready) -> Iterator[Window]:
    device = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
    window = Window(Bridge(ready.station, device, Demonstration(())))
    window.shell.show()
    try:
        yield window
    finally:
        window.close()


def told(widget: QWidget) -> str:
    return "\n".join(one.text() for one in widget.findChildren(QLabel) if one.isVisible())


def settled(qtbot: QtBot, window: Window) -> None:
    bridge = window.bridge
    qtbot.waitUntil(
        lambda: bridge.worker._waiting == 0 and bridge.long_work._waiting == 0, timeout=PATIENCE_MS
    )


def finds(monkeypatch: pytest.MonkeyPatch, faults: tuple[str, ...]) -> list[str]:
    """Let the check find this; returns in which threads it was asked."""
    asked: list[str] = []

    def check(_database: Database, _give_up: Callable[[], bool]) -> tuple[str, ...]:
        asked.append(threading.current_thread().name)
        return faults

    monkeypatch.setattr(daily_check, "check_integrity", check)
    return asked


def test_it_is_done_once_at_the_first_login_of_a_day_and_put_on_record(
    qtbot: QtBot, ready: Ready
) -> None:
    with window_of(ready) as window:
        assert window.bridge.daily_check.screen is WAITING
        window.bridge.set_login(ready.technician)
        qtbot.waitUntil(
            lambda: window.bridge.daily_check.screen.state == "good", timeout=PATIENCE_MS
        )
        settled(qtbot, window)
        first = newest_integrity(ready.station.database)
        assert first is not None
        assert first.sound
        qtbot.waitUntil(lambda: "File checked" in told(window.shell), timeout=PATIENCE_MS)
        assert "and is sound." in told(window.shell)
        assert not window.shell.alarm.isVisible()
        window.bridge.daily_check.look()
        settled(qtbot, window)
        assert newest_integrity(ready.station.database) == first


def test_a_damaged_file_is_told_on_every_page_and_cannot_be_clicked_away(
    qtbot: QtBot, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = finds(monkeypatch, DAMAGE)
    with window_of(ready) as window:
        window.bridge.set_login(ready.technician)
        qtbot.waitUntil(window.shell.alarm.isVisible, timeout=PATIENCE_MS)
        settled(qtbot, window)
        assert threading.current_thread().name not in asked
        for page in ("today", "patients", "treat", "device", "records"):
            window.bridge.go(page)
            settled(qtbot, window)
            assert "THE FILE OF THE RECORD IS DAMAGED" in told(window.shell)
            assert DAMAGE[0] in told(window.shell)
    noted = newest_integrity(ready.station.database)
    assert noted is not None
    assert noted.faults == DAMAGE


def test_what_an_earlier_check_found_is_told_to_who_logs_in_later(
    qtbot: QtBot, ready: Ready
) -> None:
    record_integrity(ready.station.database, DAMAGE, wall=ready.station.wall)
    with window_of(ready) as window:
        window.bridge.set_login(ready.physician)
        qtbot.waitUntil(window.shell.alarm.isVisible, timeout=PATIENCE_MS)
        record_integrity(ready.station.database, (), wall=ready.station.wall)
        window.bridge.record_changed.emit()
        qtbot.waitUntil(lambda: not window.shell.alarm.isVisible(), timeout=PATIENCE_MS)


def test_today_and_records_say_one_thing_the_worse_one(qtbot: QtBot, ready: Ready) -> None:
    """This window's own check was sound, in green; then another found damage, or a verification."""
    with window_of(ready) as window:
        check, shell = window.bridge.daily_check, window.shell
        window.bridge.set_login(ready.technician)
        qtbot.waitUntil(lambda: check.screen.state == "good", timeout=PATIENCE_MS)
        settled(qtbot, window)
        at = ready.station.wall()
        check.take_verified(Verified(at, "1 thing not as written", sound=False))
        records = shell._pages["records"]
        assert isinstance(records, RecordsPage)
        records.show_tab(CHECKS)
        for page in ("today", "records"):
            window.bridge.go(page)
            settled(qtbot, window)
            assert "1 thing not as written" in told(shell)
            assert "and is sound." not in told(shell)
        check.take_verified(Verified(at, "Sound", sound=True))
        record_integrity(ready.station.database, DAMAGE, wall=ready.station.wall)
        window.bridge.record_changed.emit()
        qtbot.waitUntil(shell.alarm.isVisible, timeout=PATIENCE_MS)
        for page in ("today", "records"):
            window.bridge.go(page)
            settled(qtbot, window)
            assert "and is sound." not in told(shell)
            assert "✕ File damaged, found" in told(shell)


def test_no_page_says_sound_while_the_record_cannot_be_believed(qtbot: QtBot, ready: Ready) -> None:
    """A page told in red that the chain was cut, and in green above it that the file was sound."""

    def cut(_trusted: object, _wall: str) -> None:
        raise NotTrusted("head", "The record ends too early.")

    with window_of(ready) as window:
        bridge, check = window.bridge, window.bridge.daily_check
        bridge.set_login(ready.technician)
        qtbot.waitUntil(lambda: check.screen.state == "good", timeout=PATIENCE_MS)
        bridge.go("today")
        settled(qtbot, window)
        sentences: list[str] = []
        bridge.read(check, cut, lambda _none: None, sentences.append)
        settled(qtbot, window)
        assert sentences == ["The record ends too early."]
        assert "The record cannot be relied on: The record ends too early." in told(window.shell)
        assert "and is sound." not in told(window.shell)
        bridge.go("records")
        settled(qtbot, window)
        assert check.screen.state == "good"  # it was read again, and believed
        for name in ("today", "records"):
            page = window.shell._pages[name]
            assert isinstance(page, TodayPage | RecordsPage)
            if isinstance(page, RecordsPage):
                page.show_tab(CHECKS)
            bridge.go(name)
            settled(qtbot, window)
            assert "and is sound." in told(page)
            page.show_failure("It was not read.")
            check.changed.emit(check.screen)  # another page read it meanwhile
            assert "cannot be relied on: It was not read." in told(page)
            assert "and is sound." not in told(page)
            page.look()
            settled(qtbot, window)
            assert "and is sound." in told(page)


def test_damage_is_told_even_if_it_cannot_be_put_on_record(
    qtbot: QtBot, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WriteFailed("the disk is full")

    finds(monkeypatch, DAMAGE)
    monkeypatch.setattr(daily_check, "record_integrity", fail)
    with window_of(ready) as window:
        window.bridge.set_login(ready.technician)
        qtbot.waitUntil(
            lambda: window.bridge.daily_check.screen.state == "bad", timeout=PATIENCE_MS
        )
        assert "the disk is full" in window.bridge.daily_check.screen.alarm


def test_it_does_not_begin_while_a_session_runs_here_or_elsewhere(
    qtbot: QtBot, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = finds(monkeypatch, ())
    with window_of(ready) as window:
        window.bridge.link.view = SessionView(running=True)
        window.bridge.set_login(ready.technician)
        settled(qtbot, window)
        window.bridge.link.view = SessionView()
        with SessionLock.acquire(ready.station.database.path):
            window.bridge.daily_check.look()
            settled(qtbot, window)
        assert not asked
        assert window.bridge.daily_check.screen is WAITING
        window.bridge.daily_check.look()
        settled(qtbot, window)
        assert len(asked) == 1


def test_a_session_that_begins_meanwhile_ends_it_unanswered(
    qtbot: QtBot, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def check(_database: Database, give_up: Callable[[], bool]) -> tuple[str, ...]:
        begun.set()
        while not give_up():
            begun.wait()
        raise CheckGivenUp("given up")

    monkeypatch.setattr(daily_check, "check_integrity", check)
    with window_of(ready) as window:
        window.bridge.set_login(ready.technician)
        qtbot.waitUntil(begun.is_set, timeout=PATIENCE_MS)
        assert window.bridge.daily_check.screen is CHECKING
        window.bridge.daily_check._session_changed(SessionView(running=True))
        qtbot.waitUntil(lambda: window.bridge.daily_check.screen is GIVEN_UP, timeout=PATIENCE_MS)
        assert newest_integrity(ready.station.database) is None


def test_a_real_check_that_is_given_up_says_so_and_not_that_the_file_is_damaged(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tms_console.records.database.ASKED_EVERY", 1)
    with pytest.raises(CheckGivenUp):
        check_integrity(ready.station.database, lambda: True)
    assert check_integrity(ready.station.database) == ()
