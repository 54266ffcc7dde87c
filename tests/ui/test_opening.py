"""The window from its login page to the last of its pages: nothing is missing, nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.accounts.people import password_of
from tests.ui.conftest import no_flashes
from tests.ui.decisions import OFFSCREEN
from tests.ui.treating import PATIENCE_MS, practice
from tms_console import opening
from tms_console.accounts.errors import NotTrusted
from tms_console.records.database import Purpose
from tms_console.records.heads import head_path
from tms_console.ui.pages import page_classes
from tms_console.ui.pages.login import LoginPage
from tms_console.ui.pieces import Pieces
from tms_console.ui.shell import Shell

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


def instead_of_using_it(
    monkeypatch: pytest.MonkeyPatch, use: Callable[[Shell], None]
) -> list[Shell]:
    """Let a test use the window where a person would."""
    used: list[Shell] = []

    def loop(_application: QApplication) -> int:
        shells = [one for one in QApplication.topLevelWidgets() if isinstance(one, Shell)]
        (shell,) = [one for one in shells if one.isVisible()]
        used.append(shell)
        use(shell)
        return 0

    monkeypatch.setattr(QApplication, "exec", loop)
    return used


def test_who_logs_in_before_the_record_is_open_is_let_in_when_it_is(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login page is there long before the pages; nobody types a password twice."""
    ready = practice(tmp_path, Purpose.DEMO)

    def use(shell: Shell) -> None:
        page = shell.stack.currentWidget()
        assert isinstance(page, LoginPage)
        assert not page.bridge.opened
        assert shell.band.isVisible(), "the stimulator chosen at first is emulated"
        QTest.keyClicks(page.login_name, "technician")
        page.login_name.returnPressed.emit()
        assert page.answer.text() == "Opening the record ..."
        QTest.keyClicks(page.password, password_of("technician"))
        qtbot.waitUntil(lambda: page.bridge.login is not None, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: shell.stack.currentWidget() is not page, timeout=PATIENCE_MS)
        assert [*shell._pages] == [one.name for one in page_classes()]
        assert shell.rail.isVisible()
        assert shell.band.isVisible()

    used = instead_of_using_it(monkeypatch, use)
    with no_flashes():
        assert opening.open_window(ready.station.database.path) == 0
    assert used


def test_what_is_typed_while_the_pages_are_built_stays_where_it_is(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the text nor the focus may change under somebody's hands."""
    ready = practice(tmp_path, Purpose.DEMO)

    def use(shell: Shell) -> None:
        page = shell.stack.currentWidget()
        assert isinstance(page, LoginPage)
        QTest.keyClicks(page.login_name, "tech")
        page.password.setFocus()
        QTest.keyClicks(page.password, "half of it")
        qtbot.waitUntil(lambda: page.bridge.opened, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: "durable" in shell.status_left.text(), timeout=PATIENCE_MS)
        assert (page.login_name.text(), page.password.text()) == ("tech", "half of it")
        assert shell.focusWidget() is page.password
        assert shell.stack.currentWidget() is page
        assert not shell.rail.isVisible(), "nobody is logged in"

    assert instead_of_using_it(monkeypatch, use) == []
    assert opening.open_window(ready.station.database.path) == 0


def test_a_record_that_cannot_be_believed_ends_the_program_with_the_reason(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before the login page came first: no window stays on what nobody can trust."""
    ready = practice(tmp_path, Purpose.DEMO)
    path = ready.station.database.path
    monkeypatch.setenv("TMS_CONSOLE_CONFIG", str(tmp_path / "another console's"))
    assert head_path(ready.station.database.uid).exists()
    ended: list[bool] = []
    monkeypatch.setattr(QApplication, "quit", lambda *_: ended.append(True))

    def use(shell: Shell) -> None:
        qtbot.waitUntil(lambda: bool(ended), timeout=PATIENCE_MS)
        assert not shell._pages, "nothing is built on it"

    instead_of_using_it(monkeypatch, use)
    with pytest.raises(NotTrusted):
        opening.open_window(path)


def test_a_window_that_is_closed_before_it_is_whole_ends_without_a_word(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way is finished first, and no page is built after the end."""
    ready = practice(tmp_path, Purpose.DEMO)
    built: list[str] = []

    def use(shell: Shell) -> None:
        monkeypatch.setattr(shell, "add_page", lambda page: built.append(page.name))

    instead_of_using_it(monkeypatch, use)
    assert opening.open_window(ready.station.database.path) == 0
    qtbot.wait(1)
    assert not built


def test_what_is_fetched_beside_the_window_knows_nothing_of_qt() -> None:
    """Qt's modules are loaded in the thread of the window; what pages need is loaded before them.

    Else the login page would answer late: what is left over for the window's thread is short.
    """
    words = (
        "import sys\n"
        "import tms_console.delivery.recovery, tms_console.accounts.station\n"
        "from tms_console import opening\n"
        "opening._imported(opening.BEHIND_THE_PAGES)\n"
        "qt = {one for one in sys.modules if one.startswith(('PySide6', 'qtpy', 'pyqtgraph'))}\n"
        "assert not qt, qt\n"
        "known = set(sys.modules)\n"
        "import pyqtgraph, qtawesome, tms_console.ui.app, tms_console.ui.link\n"
        "import tms_console.ui.daily_check\n"
        "from tms_console.ui.pages import page_classes\n"
        "[*page_classes()]\n"
        "ours = ('tms_console.', 'protocols.', 'drivers.')\n"
        "new = {one for one in set(sys.modules) - known if one.startswith(ours)}\n"
        "print(*sorted(one for one in new if not one.startswith('tms_console.ui')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_pieces_are_done_one_at_a_turn_and_a_fault_ends_them(qtbot: QtBot) -> None:
    """Whoever began them hears of it, and what comes after is not done."""
    owner = QObject()
    done: list[int] = []
    failed: list[Exception] = []

    def pieces() -> Iterator[None]:
        for number in range(3):
            done.append(number)
            yield
        raise ValueError("the fourth")

    made = Pieces(owner)
    made.run(pieces(), lambda: done.append(99), failed.append)
    assert done == []
    qtbot.waitUntil(lambda: bool(failed), timeout=PATIENCE_MS)
    assert done == [0, 1, 2]
    assert str(failed[0]) == "the fourth"
