"""Between Prepare and a session that begins, on both pages: nothing starts by mistake.

Each page asks for two identifiers, signs an order away from the window, and hands it over once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.accounts.people import as_new
from tests.ui.decisions import OFFSCREEN
from tests.ui.starting import Starting, starting_on
from tests.ui.treating import PATIENCE_MS
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.delivery.order import EmulatorOrder, SessionOrder
from tms_console.records.queries import list_sessions
from tms_console.ui.beginning import (
    ANOTHER_DEVICE,
    ANOTHER_PATIENT,
    GONE,
    NOT_READY,
    TAKEN_BACK,
)
from tms_console.ui.bridge import ChosenDevice
from tms_console.ui.pages.threshold import ThresholdPage

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)
FAST = EmulatorOrder(name="magpro", virtual=True)


@pytest.fixture(params=["treat", "threshold"])
def starting(request: pytest.FixtureRequest, qtbot: QtBot, tmp_path: Path) -> Iterator[Starting]:
    with starting_on(request.param, qtbot, tmp_path) as made:
        yield made


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
    with starting_on("threshold", qtbot, tmp_path) as starting:
        demo, page = starting.demo, starting.page
        assert isinstance(page, ThresholdPage)
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
