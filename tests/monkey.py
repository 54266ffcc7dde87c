"""A monkey at the window: it clicks and types at random, and must start nothing and break nothing.

`make monkey MINUTES=10 SEED=3` runs it alone; the suite runs it for some seconds.  Everything is
as on a morning: a signed prescription, a stimulator on its port, and one check of the day that was
answered in a way that does not do.  A stimulus is then one whole form of right answers, two steps
and two marks away; the emulator behind the port is the witness that none was given.

It logs what it does, one JSON object a line, and `--replay FILE` does the same again: the same
acts on the same widgets, each as soon as the window is idle.  Times are not replayed.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPoint, QPointF, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QTableView,
    QWidget,
)

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from tests.accounts.people import password_of
from tests.delivery.treatments import A_GOOD_DAY, Ready
from tests.ui.treating import practice
from tests.ui.walking import path_of, usable
from tms_console.accounts.idle import LockTimer
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Role
from tms_console.delivery.order import PortOrder
from tms_console.demonstration import Demonstration
from tms_console.records.database import Purpose
from tms_console.records.queries import list_sessions
from tms_console.ui.app import Window, application
from tms_console.ui.bridge import Bridge, ChosenDevice

LETTERS = "abcXYZ 0123456789.,-+:;%&<>\"'äß中 €\t"
"""No slash: what it types into a field for a path stays in the folder it runs in."""
KEYS = (
    *(Qt.Key.Key_Tab,) * 6,
    Qt.Key.Key_Backtab,
    *(Qt.Key.Key_Space,) * 5,
    *(Qt.Key.Key_Return,) * 5,
    *(Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right) * 2,
    Qt.Key.Key_Escape,
    Qt.Key.Key_F8,
    Qt.Key.Key_Delete,
    Qt.Key.Key_Backspace,
    Qt.Key.Key_Plus,
    Qt.Key.Key_Minus,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_F4,
)
CHORDS = (*(getattr(Qt.Key, f"Key_{n}") for n in range(1, 8)), Qt.Key.Key_L, Qt.Key.Key_A,
          Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_C, Qt.Key.Key_V, Qt.Key.Key_Z)  # fmt: skip
ACTS = ("click",) * 52 + ("key",) * 20 + ("chord",) * 4 + ("type",) * 10 + ("choose",) * 10 + (
    "point", "point", "wheel", "log in",
)  # fmt: skip
SETTLES_WITHIN_S = 20.0
STAYS_OUT = 12
"""Acts on the login page, or behind the lock, before somebody logs in again."""


@dataclass
class World:
    """A clinic on a morning, in a window.

    Attributes:
        window: The window.
        ready: The clinic.
        emulator: What is behind the port: the witness.
        people: Who may log in.
    """

    window: Window
    ready: Ready
    emulator: MagProEmulator
    people: tuple[Login, ...]

    def wrongs(self) -> list[str]:
        """Return what must not have happened and did."""
        fired = len(self.emulator.fired)
        sessions = list_sessions(self.ready.station.database)
        found = [f"the stimulator gave {fired} pulses"] if fired else []
        return found + [f"a session of treatment began: {one.uid}" for one in sessions]


@contextlib.contextmanager
def morning(folder: Path) -> Iterator[World]:
    """Show the window on such a clinic."""
    application()
    ready = practice(folder, Purpose.DEMO)
    ready.fill_in("daily", {**A_GOOD_DAY, "metal_removed": False})
    clinic = ready.clinic
    people = (*clinic.people.values(), clinic.administrator, clinic.add("qa", Role.QA))
    names = tuple((one.enrolment.login, password_of(one.enrolment.login)) for one in people)
    emulator = MagProEmulator(Options(mode_change_ns=100_000_000))
    port = folder / "magpro"
    with hosted_in_thread(Host(emulator, PtyPort(port))):
        device = ChosenDevice(PortOrder(driver="magpro", port=str(port)), "MagPro", simulated=False)
        shown = Demonstration(tuple((name, name, password) for name, password in names))
        window = Window(Bridge(ready.station, device, shown))
        try:
            window.shell.resize(1280, 720)
            window.shell.show()
            window.shell.activateWindow()
            window.bridge.set_patient(ready.patient_uid)
            yield World(window, ready, emulator, people)
            window.bridge.link.stop("the monkey goes home")
            _until(lambda: not window.bridge.link.running and _idle(window.bridge))
        finally:
            window.close()
            window.deleteLater()
            window.bridge.deleteLater()


def _idle(bridge: Bridge) -> bool:
    return bridge.worker._waiting == 0 and bridge.long_work._waiting == 0


def _until(met: object, within_s: float = SETTLES_WITHIN_S) -> None:
    deadline_s = time.monotonic() + within_s
    while not met() and time.monotonic() < deadline_s:  # type: ignore[operator]
        QTest.qWait(10)


@dataclass
class Monkey:
    """One monkey; the same seed and the same window make the same acts, as far as times allow."""

    world: World
    seed: int
    log: TextIO
    done: int = 0
    outside: int = 0
    slowest: tuple[float, str] = (0.0, "")
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Begin its luck."""
        self.chance = random.Random(self.seed)

    def run(self, seconds: float) -> None:
        """Act until the time is over."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            act = self._think()
            if act is not None:
                self._do(act)

    def replay(self, acts: list[dict[str, object]]) -> None:
        """Do what a log says."""
        for act in acts:
            _until(lambda: _idle(self.world.window.bridge))
            self._do(act)

    def _think(self) -> dict[str, object] | None:
        """Choose what to do next."""
        chance, login = self.chance, self.world.window.bridge.login
        out = login is None or login.locked
        self.outside = self.outside + 1 if out else 0
        what = "log in" if self.outside > STAYS_OUT else chance.choice(ACTS)
        there = [one for top in self._windows() for one in usable(top)]
        if not there:
            return {"do": "key", "key": int(Qt.Key.Key_Escape)}
        one = chance.choice(there)
        match what:
            case "log in":
                return {"do": what, "who": chance.randrange(len(self.world.people))}
            case "key":
                return {"do": what, "key": int(chance.choice(KEYS))}
            case "chord":
                return {"do": what, "key": int(chance.choice(CHORDS))}
            case "type":
                text = "".join(chance.choices(LETTERS, k=chance.choice((1, 3, 8, 40))))
                return {"do": what, "at": path_of(one), "text": text}
            case "point":
                return {"do": what, "x": chance.randrange(1280), "y": chance.randrange(720)}
            case "choose":
                holders = [each for each in there if isinstance(each, QComboBox | QTableView)]
                at = chance.choice(holders or there)
                return {"do": what, "at": path_of(at), "row": chance.randrange(20)}
            case "wheel":
                return {"do": what, "at": path_of(one), "up": chance.random() < 0.5}
            case _:
                buttons = [each for each in there if isinstance(each, QAbstractButton)]
                return {"do": "click", "at": path_of(chance.choice(buttons or there))}

    def _windows(self) -> list[QWidget]:
        popup = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if popup is not None:
            return [popup]
        return [one for one in QApplication.topLevelWidgets() if one.isVisible()]

    def _find(self, path: object) -> QWidget | None:
        tops = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
        every = (one for top in tops for one in (top, *top.findChildren(QWidget)))
        return next((one for one in every if one.isVisible() and path_of(one) == path), None)

    def _do(self, act: dict[str, object]) -> None:
        at = self._find(act["at"]) if "at" in act else None
        named = {} if at is None else {"name": at.accessibleName()}
        self.done += 1
        self.log.write(json.dumps({"n": self.done, **act, **named}, ensure_ascii=False) + "\n")
        self.log.flush()  # the last line is what broke it
        if "at" in act and at is None:
            return
        began_s = time.monotonic()
        self._act(act, at)
        QApplication.processEvents()
        took_s = time.monotonic() - began_s
        self.slowest = max(self.slowest, (took_s, json.dumps({**act, **named})))
        if self.chance.random() < 0.5:
            _until(lambda: _idle(self.world.window.bridge), 1.0)

    def _act(self, act: dict[str, object], at: QWidget | None) -> None:
        shell = self.world.window.shell
        focus = QApplication.focusWidget() or shell
        match act:
            case {"do": "log in", "who": int(who)}:
                login = copy.copy(self.world.people[who])
                login.timer = LockTimer(login.now_ns())
                self.world.window.bridge.set_login(login)
            case {"do": "key", "key": int(key)}:
                QTest.keyClick(focus, Qt.Key(key))
            case {"do": "chord", "key": int(key)}:
                QTest.keyClick(focus, Qt.Key(key), Qt.KeyboardModifier.ControlModifier)
            case {"do": "point", "x": int(x), "y": int(y)}:
                under = shell.childAt(x, y)
                if under is not None and QApplication.activePopupWidget() is None:
                    QTest.mouseClick(under, Qt.MouseButton.LeftButton)
            case {"do": "type", "text": str(text)} if at is not None:
                at.setFocus()
                _type(text)
            case {"do": "choose", "row": int(row)} if at is not None:
                _choose(at, row)
            case {"do": "wheel", "up": bool(up)} if at is not None:
                _turn(at, 120 if up else -120)
            case _ if at is not None:
                QTest.mouseClick(at, Qt.MouseButton.LeftButton)


def _type(text: str) -> None:
    for letter in text:
        at = QApplication.focusWidget()
        if at is None:
            return
        if letter.isascii():
            if letter == "\t":
                QTest.keyClick(at, Qt.Key.Key_Tab)
            else:
                QTest.keyClicks(at, letter)
        else:  # QTest has no key for it and aborts
            for kind in (QKeyEvent.Type.KeyPress, QKeyEvent.Type.KeyRelease):
                QApplication.sendEvent(
                    at, QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
                )


def _choose(at: QWidget, row: int) -> None:
    if isinstance(at, QComboBox) and at.count():
        at.setCurrentIndex(row % at.count())
        at.activated.emit(at.currentIndex())
    elif isinstance(at, QTableView) and at.model().rowCount():
        at.selectRow(row % at.model().rowCount())
    elif isinstance(at, QAbstractSpinBox):
        at.stepBy(row - 10)


def _turn(at: QWidget, angle: int) -> None:
    middle = QPointF(at.rect().center())
    event = QWheelEvent(
        middle,
        at.mapToGlobal(middle),
        QPoint(0, 0),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(at, event)


# Alone ------------------------------------------------------------------------------------------

EXPECTED = ("This plugin does not support", "propagateSizeHints")


class Complaints(logging.Handler):
    """Whatever says that something is wrong: exceptions, errors in the log, Qt's warnings."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take an error of the log."""
        self.found.append(self.format(record))

    def raised(
        self,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
    ) -> None:
        """Take an exception that nobody caught."""
        sys.__excepthook__(kind, error, traceback)
        self.found.append(f"{kind.__name__}: {error}")

    def qt_said(self, kind: QtMsgType, _context: object, text: str) -> None:
        """Take a warning of Qt."""
        bad = (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
        if kind in bad and not text.startswith(EXPECTED):
            self.found.append(f"Qt: {text}")


def main() -> int:
    """Let it loose, or replay a log; returns the exit status."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--log", type=Path, default=Path("out/monkey.jsonl"))
    asked.add_argument("--replay", type=Path)
    told = asked.parse_args()
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    sys.excepthook = complaints.raised
    qInstallMessageHandler(complaints.qt_said)
    acts = []
    if told.replay is not None:
        acts = [json.loads(line) for line in told.replay.read_text(encoding="utf-8").splitlines()]
    told.log.parent.mkdir(parents=True, exist_ok=True)
    log = told.log.resolve()
    with tempfile.TemporaryDirectory() as folder, log.open("w", encoding="utf-8") as written:
        os.environ["TMS_CONSOLE_CONFIG"] = f"{folder}/config"
        os.environ["TMS_CONSOLE_STATE"] = f"{folder}/state"
        os.chdir(folder)
        with morning(Path(folder)) as world:
            monkey = Monkey(world, told.seed, written)
            if acts:
                monkey.replay(acts)
            else:
                monkey.run(told.minutes * 60)
            wrongs = [*world.wrongs(), *complaints.found]
    print(f"seed {told.seed}: {monkey.done} acts, in {log}")  # noqa: T201
    print(f"slowest: {monkey.slowest[0] * 1e3:.0f} ms for {monkey.slowest[1]}")  # noqa: T201
    for one in wrongs:
        print(f"WRONG: {one}")  # noqa: T201
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
