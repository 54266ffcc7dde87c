"""Between Prepare and a session that begins, on both pages: nothing starts by mistake.

Each page asks for two identifiers, signs an order away from the window, and hands it over once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.accounts.people import as_new
from tests.ui.decisions import OFFSCREEN
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tms_console.accounts.login import Login
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.delivery.order import EmulatorOrder, SessionOrder
from tms_console.records.queries import list_sessions
from tms_console.ui.beginning import (
    ANOTHER_DEVICE,
    ANOTHER_PATIENT,
    GONE,
    NOT_READY,
    SIGNING,
    TAKEN_BACK,
)
from tms_console.ui.bridge import ChosenDevice
from tms_console.ui.delivering_page import DeliveringPage
from tms_console.ui.pages.threshold import ThresholdPage
from tms_console.ui.pages.treat import TreatPage
from tms_console.ui.two_steps import TwoSteps

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)
FAST = EmulatorOrder(name="magpro", virtual=True)
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


@pytest.fixture(params=["treat", "threshold"])
def starting(request: pytest.FixtureRequest, qtbot: QtBot, tmp_path: Path) -> Iterator[Starting]:
    with treating(qtbot, tmp_path) as demo:
        page = demo.shell._pages[request.param]
        assert isinstance(page, TreatPage | ThresholdPage)
        demo.shell.activateWindow()
        qtbot.waitUntil(demo.shell.isActiveWindow, timeout=PATIENCE_MS)
        yield Starting(demo, page)


def held_down(key: Qt.Key, times: int = 40) -> None:
    """Hold a key down: what a keyboard sends then, always to what has the focus just then."""
    for number in range(times):
        at = QApplication.focusWidget()
        assert at is not None
        text = "\r" if key == Qt.Key.Key_Return else " "
        kinds = (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)[: 1 if number == 0 else 2]
        for kind in reversed(kinds):
            sent = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, text, number > 0)
            QApplication.sendEvent(at, sent)
        QApplication.processEvents()
    at = QApplication.focusWidget()
    assert at is not None
    QApplication.sendEvent(
        at, QKeyEvent(QEvent.Type.KeyRelease, key, Qt.KeyboardModifier.NoModifier, text, False)
    )


def test_a_key_held_down_takes_one_step_and_ticks_nothing(starting: Starting) -> None:
    """Neither does the same key again and again: each of the two ticks must be somebody's act."""
    demo, before = starting.demo, starting.before
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Space):
        starting.listed()
        before.prepare_button.setFocus()
        held_down(key)
        assert QApplication.focusWidget() is before.start_card  # and on none of the neighbours
        demo.qtbot.waitUntil(lambda: before.prepared, timeout=PATIENCE_MS)
        held_down(key)
        for _ in range(5):  # pressed again and again by somebody impatient
            demo.press(QApplication.focusWidget() or demo.shell, key)
        demo.idle()
        assert demo.shell.stack.currentWidget() is starting.page
        assert before.prepared
        assert not any(one.isChecked() for one in before.ticks)
        assert not demo.bridge.link.running
        before.back()


def test_start_pressed_twice_or_held_gives_one_order(
    starting: Starting, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[SessionOrder] = []
    link = starting.demo.bridge.link
    begin = link.begin

    def count(order: SessionOrder) -> None:
        orders.append(order)
        begin(order)

    monkeypatch.setattr(link, "begin", count)
    starting.prepare()
    start = starting.before.start_button
    start.setFocus()
    starting.demo.press(start, Qt.Key.Key_Return)
    starting.before.name_tick.click()  # ticked again while it is signed
    starting.before.name_tick.click()
    assert not start.isEnabled()
    starting.demo.qtbot.mouseDClick(start, Qt.MouseButton.LeftButton)
    starting.page.start()
    held_down(Qt.Key.Key_Return)
    starting.running()
    starting.stop()
    assert len(orders) == 1
    assert len(list_sessions(starting.demo.ready.station.database)) == 1


def _lock(starting: Starting) -> None:
    starting.demo.shell._lock()


def _idle_lock(starting: Starting) -> None:
    login = starting.demo.bridge.login
    assert login is not None
    login.lock()  # before the frame has noticed


def _log_out(starting: Starting) -> None:
    starting.demo.shell._leave()


def _somebody_else(starting: Starting) -> None:
    starting.demo.shell._leave()
    starting.demo.bridge.set_login(starting.demo.ready.physician)
    starting.demo.bridge.go(starting.page.name)


def _another_patient(starting: Starting) -> None:
    details = PatientDetails("Other, Otto", "1990-01-02", Sex.MALE, "O-1")
    ready = starting.demo.ready
    starting.demo.bridge.set_patient(add_patient(ready.station, ready.physician, details))


def _another_patient_and_back(starting: Starting) -> None:
    bridge = starting.demo.bridge
    bridge.set_patient("somebody-else")
    bridge.set_patient(starting.demo.ready.patient_uid)


def _another_device(starting: Starting) -> None:
    starting.demo.bridge.set_device(ChosenDevice(FAST, "MagPro X100", simulated=True))


def _another_page_and_back(starting: Starting) -> None:
    starting.demo.bridge.go("records")
    starting.demo.bridge.go(starting.page.name)


def _back(starting: Starting) -> None:
    starting.demo.click(starting.before.back_button)


def _lost_process(starting: Starting) -> None:
    """Leave it last: there is no other challenge until another process is there."""
    starting.demo.bridge.link.challenge = None


LEAVES: dict[str, tuple[Callable[[Starting], None], str]] = {
    "lock": (_lock, ""),
    "idle": (_idle_lock, ""),
    "log out": (_log_out, ""),
    "somebody else": (_somebody_else, GONE),
    "patient and back": (_another_patient_and_back, TAKEN_BACK),
    "device": (_another_device, ANOTHER_DEVICE),
    "page and back": (_another_page_and_back, TAKEN_BACK),
    "back": (_back, TAKEN_BACK),
    "another patient": (_another_patient, ANOTHER_PATIENT),
    "process": (_lost_process, NOT_READY),
}


def test_what_happens_while_the_order_is_signed_takes_it_back(starting: Starting) -> None:
    technician = as_new(starting.demo.ready.technician)
    for happens, why in LEAVES.values():
        starting.press_start()
        happens(starting)
        starting.nothing_ordered(why)
        starting.log_in(technician)


def test_what_happens_between_the_steps_asks_for_the_identifiers_again(starting: Starting) -> None:
    technician = as_new(starting.demo.ready.technician)
    for what in ("lock", "log out", "device", "page and back", "patient and back"):
        starting.prepare()
        LEAVES[what][0](starting)
        assert not starting.before.prepared, what
        starting.page.start()
        starting.nothing_ordered("")
        starting.log_in(technician)


def test_what_happens_while_it_is_looked_once_more_shows_no_second_step(starting: Starting) -> None:
    technician = as_new(starting.demo.ready.technician)
    for what in ("device", "page and back", "patient and back", "lock"):
        starting.listed()
        starting.demo.click(starting.before.prepare_button)
        LEAVES[what][0](starting)
        starting.demo.idle()
        assert not starting.before.prepared, what
        assert starting.before.prepare_button.isEnabled(), what
        starting.log_in(technician)


def test_a_changed_identifier_takes_the_preparation_back(starting: Starting) -> None:
    """It was changed in another window, while somebody ticked the old one."""
    before = starting.before
    starting.listed()
    step = before.step
    assert step is not None
    for changed in (replace(step, name="Paula Another"), replace(step, birth="1 Jan 1970")):
        starting.prepare()
        before.show_step(step)
        assert before.identified  # read again, and nothing is otherwise
        before.show_step(changed)
        assert not before.prepared
        before.show_prepared()
        assert not any(one.isChecked() for one in before.ticks)
        assert before.identity.text() == changed.name
        assert before.birth.text() == f"born {changed.birth}"


def test_a_window_that_is_closed_while_the_order_is_signed_orders_nothing(
    starting: Starting,
) -> None:
    demo = starting.demo
    starting.press_start()
    demo.bridge.closing.set()  # what closing does first
    demo.idle()
    assert demo.bridge.link.view.order is None
    assert demo.shell.close()
    demo.window.close()
    assert demo.bridge.link.view.order is None
    assert list_sessions(demo.ready.station.database) == ()


def test_a_muscle_typed_over_the_second_step_is_not_ordered_as_the_old_one(
    qtbot: QtBot, tmp_path: Path
) -> None:
    """A click on Start first takes the focus from the field, which is when its text counts."""
    with treating(qtbot, tmp_path) as demo:
        page = demo.shell._pages["threshold"]
        assert isinstance(page, ThresholdPage)
        demo.shell.activateWindow()
        qtbot.waitUntil(demo.shell.isActiveWindow, timeout=PATIENCE_MS)
        starting = Starting(demo, page)
        starting.prepare()
        page.before.muscle.setFocus()
        page.before.muscle.setText("first dorsal interosseous")
        demo.click(page.before.start_button)
        assert not page.before.prepared
        demo.idle()
        assert page.before.step is not None
        assert "first dorsal" in page.before.step.second
        starting.prepare()
        page.before.muscle.setText("")
        page.before.muscle.editingFinished.emit()
        demo.idle()
        page.look()
        demo.idle()
        assert not page.before.prepare_button.isEnabled()
        assert not page.before.prepared
        starting.nothing_ordered("")
