"""A technician with a keyboard who looks for a threshold in the whole window, for tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from protocols.threshold import DEFAULT, Answer
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tests.ui.walking import Keyboard
from tms_console.delivery.order import EmulatorOrder
from tms_console.ui.bridge import ChosenDevice
from tms_console.ui.pages.threshold import ThresholdPage

KEYS = {Answer.MOVED: Qt.Key.Key_M, Answer.STILL: Qt.Key.Key_N, Answer.UNCLEAR: Qt.Key.Key_C}


class Finder:
    """A technician with a keyboard on the Threshold page; the simulated patient answers."""

    def __init__(self, demo: Treating) -> None:
        self.demo = demo
        page = demo.shell._pages["threshold"]
        assert isinstance(page, ThresholdPage)
        self.page = page
        self.keys = Keyboard(demo.shell)

    def wait(self, true: object, _what: str) -> None:
        assert callable(true)
        self.demo.qtbot.waitUntil(true, timeout=PATIENCE_MS)

    def start(self) -> None:
        """Come from Patients, take both steps, and wait until the search runs."""
        demo, before = self.demo, self.page.before
        demo.bridge.go("patients")
        demo.idle()
        self.keys.work("Find the threshold")
        self.wait(lambda: self.page.stack.currentWidget() is before, "the list")
        demo.idle()
        self.keys.to("Method")
        self.keys.press(Qt.Key.Key_Home)
        assert before.chosen_method is DEFAULT
        self.keys.work("Prepare")
        self.wait(before.start_button.isVisible, "the second step")
        self.keys.work("The patient stated this name", Qt.Key.Key_Space)
        self.keys.work("The patient stated this birth date", Qt.Key.Key_Space)
        self.wait(lambda: demo.bridge.link.challenge is not None, "a challenge")
        self.keys.work("Start the search")
        self.wait(lambda: self.page.stack.currentWidget() is self.page.during, "the search")

    @property
    def screen(self):  # type: ignore[no-untyped-def]
        return self.page.running.screen_now

    def stimulate(self) -> Answer:
        """Give one stimulus and look at the simulated patient."""
        running = self.page.running
        given = len(running.log.given)
        self.wait(lambda: self.screen.can_stimulate, "S")
        self.keys.press(Qt.Key.Key_S)
        self.wait(lambda: len(running.log.given) == given + 1 and self.screen.can_answer, "answer")
        self.wait(lambda: running.seen is not None, "the simulated patient")
        assert running.seen is not None
        return running.seen

    def answer(self, seen: Answer) -> None:
        self.keys.press(KEYS[seen])


@contextlib.contextmanager
def finding(qtbot: QtBot, tmp_path: Path) -> Iterator[Finder]:
    """Give a technician in front of a window whose stimulator is emulated in virtual time."""
    fast = EmulatorOrder(name="magpro", virtual=True, seed=7)
    with treating(qtbot, tmp_path, device=fast) as demo:
        demo.bridge.set_device(ChosenDevice(fast, "MagPro X100", simulated=True))
        demo.shell.activateWindow()
        qtbot.waitUntil(demo.shell.isActiveWindow, timeout=PATIENCE_MS)
        yield Finder(demo)
