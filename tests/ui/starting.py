"""A technician before one of the two pages that start something, for tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytestqt.qtbot import QtBot

from tests.accounts.people import as_new
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tms_console.accounts.login import Login
from tms_console.delivery.order import EmulatorOrder
from tms_console.records.queries import list_sessions
from tms_console.ui.beginning import SIGNING
from tms_console.ui.bridge import ChosenDevice
from tms_console.ui.delivering_page import DeliveringPage
from tms_console.ui.pages.threshold import ThresholdPage
from tms_console.ui.pages.treat import TreatPage
from tms_console.ui.two_steps import TwoSteps

SLOW = EmulatorOrder(name="magpro")


@dataclass
class Starting:
    """A technician before one of the two pages."""

    demo: Treating
    page: DeliveringPage

    def log_in(self, login: Login) -> None:
        """Log somebody in on the page, as if nothing had happened before."""
        bridge = self.demo.bridge
        bridge.set_login(as_new(login))
        bridge.set_device(ChosenDevice(SLOW, "MagPro X100", simulated=True))
        bridge.set_patient(self.demo.ready.patient_uid)
        bridge.go(self.page.name)

    @property
    def before(self) -> TwoSteps:
        return self.page.before

    def listed(self) -> None:
        """Wait for the list; Prepare can be pressed."""
        demo, before = self.demo, self.before
        demo.bridge.go(self.page.name)
        demo.qtbot.waitUntil(lambda: self.page.stack.currentWidget() is before, timeout=PATIENCE_MS)
        demo.idle()
        assert before.prepare_button.isEnabled()

    def prepare(self) -> None:
        """Take the first step, and tick both identifiers; an order can be taken."""
        demo, before = self.demo, self.before
        self.listed()
        demo.click(before.prepare_button)
        demo.qtbot.waitUntil(lambda: before.prepared, timeout=PATIENCE_MS)
        demo.qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
        before.name_tick.click()
        before.birth_tick.click()

    def press_start(self) -> None:
        """Press Start; the order is still being signed when it returns."""
        self.prepare()
        self.demo.click(self.before.start_button)
        assert self.before.hint.text() == SIGNING

    def running(self) -> None:
        self.demo.qtbot.waitUntil(
            lambda: self.page.stack.currentWidget() is self.page.during, timeout=PATIENCE_MS
        )
        self.demo.qtbot.waitUntil(
            lambda: bool(self.demo.bridge.link.view.session_uid), timeout=PATIENCE_MS
        )

    def nothing_ordered(self, why: str) -> None:
        """Check that nothing began, that it is told why, and that who it is is asked anew."""
        self.demo.idle()
        assert not self.demo.bridge.link.running
        assert self.demo.bridge.link.view.order is None
        assert list_sessions(self.demo.ready.station.database) == ()
        assert not self.before.prepared
        assert not any(one.isChecked() for one in self.before.ticks)
        assert why in " ".join(self.told)

    @property
    def told(self) -> list[str]:
        column = self.before.refusals
        found = [column.itemAt(at).widget() for at in range(column.count())]
        return [one.accessibleName() for one in found if one is not None]

    def stop(self) -> None:
        self.demo.bridge.link.stop("enough")
        self.demo.over()
        self.demo.idle()


@contextlib.contextmanager
def starting_on(name: str, qtbot: QtBot, folder: Path) -> Iterator[Starting]:
    """Show the whole window on Treat or on Threshold."""
    with treating(qtbot, folder) as demo:
        page = demo.shell._pages[name]
        assert isinstance(page, TreatPage | ThresholdPage)
        demo.shell.activateWindow()
        qtbot.waitUntil(demo.shell.isActiveWindow, timeout=PATIENCE_MS)
        yield Starting(demo, page)
