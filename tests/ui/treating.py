"""A whole window on a demonstration in which one short session may be given, for tests."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.accounts.people import Wall
from tests.accounts.tampering import copy_of
from tests.delivery.treatments import FRESH_FOR_S, Ready, _read, _write, make_unrelated
from tms_console.accounts.idle import LockTimer
from tms_console.accounts.station import open_station
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.records.database import Purpose
from tms_console.ui.app import Window, application
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.pages.treat import TreatPage
from tms_console.ui.shell import Shell

PATIENCE_MS = 20_000


@dataclass
class Treating:
    """A window with a technician logged in, on the Treat page of the one patient."""

    window: Window
    ready: Ready
    qtbot: QtBot

    @property
    def bridge(self) -> Bridge:
        return self.window.bridge

    @property
    def shell(self) -> Shell:
        return self.window.shell

    @property
    def page(self) -> TreatPage:
        page = self.shell._pages["treat"]
        assert isinstance(page, TreatPage)
        return page

    @property
    def state(self) -> str:
        snapshot = self.bridge.link.view.snapshot
        return "" if snapshot is None else snapshot.state

    def idle(self) -> None:
        """Wait until nothing is read or written any more."""
        self.qtbot.waitUntil(lambda: self.bridge.worker._waiting == 0, timeout=PATIENCE_MS)

    def sees(self, part: QWidget) -> None:
        """Wait until a part of the page is in view."""
        self.qtbot.waitUntil(lambda: self.page.stack.currentWidget() is part, timeout=PATIENCE_MS)

    def wait(self, *states: str) -> None:
        """Wait for one of these states of the session."""
        self.qtbot.waitUntil(lambda: self.state in states, timeout=PATIENCE_MS)

    def over(self) -> None:
        """Wait for the end of the session, and for the page after it."""
        self.qtbot.waitUntil(lambda: not self.bridge.link.running, timeout=PATIENCE_MS)

    def click(self, widget: QWidget | None) -> None:
        assert widget is not None
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def press(self, widget: QWidget, key: Qt.Key) -> None:
        self.qtbot.keyClick(widget, key)

    def prepare(self) -> None:
        """Take the first step, and tick who is in the chair."""
        before = self.page.before
        self.sees(before)
        self.idle()
        self.click(before.prepare_button)
        self.qtbot.waitUntil(before.start_button.isVisible, timeout=PATIENCE_MS)
        assert not before.start_button.isEnabled()
        before.name_tick.click()
        before.birth_tick.click()

    def start(self) -> None:
        """Take both steps; the session is on record when it returns."""
        self.prepare()
        self.qtbot.waitUntil(lambda: self.bridge.link.challenge is not None, timeout=PATIENCE_MS)
        self.click(self.page.before.start_button)
        self.sees(self.page.during)
        self.qtbot.waitUntil(lambda: bool(self.bridge.link.view.session_uid), timeout=PATIENCE_MS)


_kept: dict[Purpose, tuple[float, Ready, dict[str, dict[str, bytes]]]] = {}


def practice(folder: Path, purpose: Purpose) -> Ready:
    """Return a copy of a practice in which one session may be given, in this test's own folders."""
    made_s, first, files = _kept.get(purpose, (-FRESH_FOR_S, None, {}))
    if first is None or time.monotonic() - made_s >= FRESH_FOR_S:
        first = make_unrelated(folder / "first", purpose)
        copy_of(first.station.database.path)  # moves the log into the file
        _kept[purpose] = (time.monotonic(), first, _read(folder / "first"))
        files = _kept[purpose][2]
    there = folder / "clinic"
    there.mkdir()
    _write(there, files)
    opened = open_station(there / "clinic.db", Wall())
    station = replace(opened, hashing=first.clinic.station.hashing)
    people = {role: copy.copy(login) for role, login in first.clinic.people.items()}
    for login in people.values():
        login.timer = LockTimer(login.now_ns())  # one that a test locked is no other's
    clinic = replace(first.clinic, station=station, people=people)
    ready = Ready(clinic, first.patient_uid, first.threshold_uid, copy.copy(first.second))
    ready.made = first.made
    return ready


@contextlib.contextmanager
def treating(
    qtbot: QtBot,
    folder: Path,
    *,
    purpose: Purpose = Purpose.DEMO,
    device: EmulatorOrder | PortOrder | None = None,
    ready: Ready | None = None,
) -> Iterator[Treating]:
    """Show the Treat page in a whole window, offscreen, with the delivering process."""
    application()
    ready = ready or practice(folder, purpose)
    chosen = ChosenDevice(device or EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
    window = Window(Bridge(ready.station, chosen))
    try:
        window.shell.resize(1280, 720)
        window.shell.show()
        made = Treating(window, ready, qtbot)
        window.bridge.set_login(ready.technician)
        window.bridge.set_patient(ready.patient_uid)
        window.bridge.go("treat")
        yield made
        qtbot.waitUntil(lambda: window.bridge.worker._waiting == 0, timeout=PATIENCE_MS)
    finally:
        window.close()
        window.deleteLater()
        window.bridge.deleteLater()
