"""Every page by keyboard alone, for every role: where Tab leads, and what keys never do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.accounts.people import password_of
from tests.clinic.prescribing import weighed
from tests.delivery.treatments import FORMS
from tests.ui.conftest import no_flashes
from tests.ui.decisions import OFFSCREEN
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tests.ui.walking import Keyboard, controls, nameless, path_of, stops, usable
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Role
from tms_console.clinic.forms import newest_answers
from tms_console.clinic.patients import patients
from tms_console.clinic.prescriptions import propose
from tms_console.delivery.order import EmulatorOrder
from tms_console.records.queries import list_sessions
from tms_console.ui.bridge import ChosenDevice
from tms_console.ui.form_part import FormPart, Question
from tms_console.ui.pages.approvals import ApprovalsPage
from tms_console.ui.pages.patients import PatientsPage
from tms_console.ui.pages.qa import QaPage
from tms_console.ui.pages.records import RecordsPage
from tms_console.ui.pages.today import TodayPage

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)

ROLES = (Role.TECHNICIAN, Role.PHYSICIAN, Role.ADMINISTRATOR, Role.QA)
PAGES = ("today", "patients", "treat", "threshold", "approvals", "device", "records", "qa")


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        made.shell.activateWindow()
        qtbot.waitUntil(made.shell.isActiveWindow, timeout=PATIENCE_MS)
        yield made


def shown(demo: Treating) -> str:
    """Return the name of the page in view."""
    return str(getattr(demo.shell.stack.currentWidget(), "name", ""))


def settle(demo: Treating) -> None:
    demo.idle()
    QApplication.processEvents()


def login_of(demo: Treating, role: Role) -> Login:
    clinic = demo.ready.clinic
    if role is Role.ADMINISTRATOR:
        return clinic.administrator
    return clinic.people.get(role) or clinic.add(str(role), role)


def group_mates(one: QAbstractButton) -> list[QAbstractButton]:
    group = one.group()
    return group.buttons() if group is not None and group.exclusive() else [one]


def reached(found: Sequence[QWidget]) -> set[QWidget]:
    """Return what Tab stops at, and what the arrow keys reach from there."""
    mates = [group_mates(one) for one in found if isinstance(one, QAbstractButton)]
    return {*found, *(one for some in mates for one in some)}


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_tab_reaches_every_control_of_every_page_and_each_has_a_name(
    demo: Treating, role: Role
) -> None:
    """Also backwards; and no control has the focus when a page comes up."""
    propose(demo.ready.station, demo.ready.technician, weighed(demo.ready))
    demo.bridge.set_login(login_of(demo, role))
    walked = []
    for name in PAGES:
        with no_flashes():
            demo.bridge.go(name)
            settle(demo)
        if shown(demo) != name:
            continue
        walked.append(name)
        focus = QApplication.focusWidget()
        assert focus not in controls(demo.shell), f"{name}: the focus is on {path_of(focus)}"
        found = list(stops(demo.shell))
        missed = set(usable(demo.shell)) - reached(found)
        assert not missed, f"{name}: Tab never reaches {[path_of(one) for one in missed]}"
        assert not nameless(demo.shell), name
        back = list(stops(demo.shell, Qt.Key.Key_Backtab))
        assert set(back) == set(found), name
    assert len(walked) >= 2, walked


def test_forms_and_cards_have_names_too(demo: Treating) -> None:
    """What opens inside a page is part of its tree only when somebody opens it."""
    page = demo.page
    demo.sees(page.before)
    settle(demo)
    for form_id in FORMS:
        page.open_item(form_id)
        if page.stack.currentWidget() is page.form:
            assert not nameless(demo.shell), form_id
            assert not set(usable(page.form)) - reached(list(stops(demo.shell))), form_id
            page.form.cancelled.emit()
            settle(demo)
    page.open_item("threshold")
    assert not nameless(demo.shell)
    page.leave_form()
    demo.bridge.go("approvals")
    settle(demo)
    approvals = demo.shell.stack.currentWidget()
    assert isinstance(approvals, ApprovalsPage)
    approvals.open_prescribing()
    settle(demo)
    assert not nameless(demo.shell)
    demo.bridge.go("patients")
    settle(demo)
    people = demo.shell.stack.currentWidget()
    assert isinstance(people, PatientsPage)
    people.ask_new()
    settle(demo)
    assert not nameless(demo.shell)
    demo.bridge.go("treat")
    settle(demo)


def test_logging_in_looking_and_locking_need_no_mouse(demo: Treating) -> None:
    keys = Keyboard(demo.shell)
    with no_flashes():  # what is read for a page that was left must not take the keyboard
        keys.work("Log out")
        settle(demo)
    assert shown(demo) == "login"
    keys.type("technician")
    keys.press(Qt.Key.Key_Tab)
    keys.type(password_of("technician"))
    keys.press(Qt.Key.Key_Return)
    demo.qtbot.waitUntil(lambda: shown(demo) == "today", timeout=PATIENCE_MS)
    for number, name in enumerate(PAGES, 1):
        if not demo.shell._rail_buttons[name].isHidden():
            keys.page(number)
            demo.qtbot.waitUntil(lambda: shown(demo) == name, timeout=PATIENCE_MS)  # noqa: B023
            settle(demo)
    keys.press(Qt.Key.Key_L, held=Qt.KeyboardModifier.ControlModifier)
    demo.qtbot.waitUntil(lambda: shown(demo) == "login", timeout=PATIENCE_MS)
    keys.type(password_of("technician"))
    keys.work("Log in")  # the button's name stays; its word is Unlock
    demo.qtbot.waitUntil(lambda: shown(demo) != "login", timeout=PATIENCE_MS)


def answer(keys: Keyboard, form: FormPart, form_id: str) -> None:
    """Fill in a form with Tab, the arrow keys, Space and letters."""
    for _ in range(len(form.questions) * 3):
        if form.save_button.isEnabled():
            return
        keys.press(Qt.Key.Key_Tab)
        at: object = keys.focus
        while at is not None and not isinstance(at, Question):
            at = at.parentWidget()  # type: ignore[attr-defined]
        if at is None or at.answer is not None:
            continue
        wanted = FORMS[form_id][at.item.id]
        if isinstance(keys.focus, QLineEdit):
            keys.type(str(wanted))
            continue
        keys.press(*[Qt.Key.Key_Right] * at._values.index(wanted), Qt.Key.Key_Space)
    assert form.save_button.isEnabled(), form.answer.text()


def test_a_form_is_filled_in_by_keys(demo: Treating) -> None:
    keys, page = Keyboard(demo.shell), demo.page
    demo.sees(page.before)
    settle(demo)
    with demo.ready.trusting() as trusted:
        before = newest_answers(trusted, demo.ready.patient_uid, "daily")
    keys.work("Check of today: Fill in again", Qt.Key.Key_Space)
    demo.sees(page.form)
    answer(keys, page.form, "daily")
    keys.work("Put on record")
    demo.sees(page.before)
    settle(demo)
    with demo.ready.trusting() as trusted:
        after = newest_answers(trusted, demo.ready.patient_uid, "daily")
    assert before is not None
    assert after is not None
    assert after.uid != before.uid
    given = after.answers.answers
    assert {name: given[name] for name in FORMS["daily"]} == FORMS["daily"]


def test_a_start_takes_two_steps_and_two_marks_by_keys_too(demo: Treating) -> None:
    """One key held down, or pressed again, starts nothing."""
    fast = EmulatorOrder(name="magpro", virtual=True)
    demo.bridge.set_device(ChosenDevice(fast, "MagPro X100", simulated=True))
    keys, before = Keyboard(demo.shell), demo.page.before
    demo.sees(before)
    settle(demo)
    keys.work("Prepare")
    demo.qtbot.waitUntil(before.start_button.isVisible, timeout=PATIENCE_MS)
    keys.press(*[Qt.Key.Key_Return] * 3)
    assert not before.start_button.isEnabled()
    assert not demo.bridge.link.running
    keys.work("The patient stated this name", Qt.Key.Key_Space)
    keys.work("The patient stated this birth date", Qt.Key.Key_Space)
    demo.qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
    keys.work("Start the session")
    demo.sees(demo.page.after)
    demo.over()
    settle(demo)
    (line,) = list_sessions(demo.ready.station.database)
    assert line.state == "completed"


def test_a_physician_chooses_weighs_and_signs_by_keys(demo: Treating) -> None:
    made = weighed(demo.ready)
    propose(demo.ready.station, demo.ready.technician, made)
    demo.bridge.set_login(demo.ready.physician)
    keys = Keyboard(demo.shell)
    demo.bridge.go("approvals")
    settle(demo)
    page = demo.shell.stack.currentWidget()
    assert isinstance(page, ApprovalsPage)
    demo.qtbot.waitUntil(lambda: page.stack.currentWidget() is page.view, timeout=PATIENCE_MS)
    sign = page.view.sign
    for row in sign._asked.values():
        if row.field.isVisible():
            keys.to(row.field.accessibleName())
            keys.type("weighed")
        else:
            keys.work(row.mark.box.accessibleName(), Qt.Key.Key_Space)
    if sign.login_name.isVisible():
        keys.to("Login name")
        keys.type("physician")
    keys.to("Password")
    keys.type(password_of("physician"))
    keys.press(Qt.Key.Key_Return)
    demo.qtbot.waitUntil(page.told.isVisible, timeout=PATIENCE_MS)
    settle(demo)
    assert page.told.text() == "Approved and signed."


def test_a_patient_is_found_chosen_and_their_record_read_by_keys(demo: Treating) -> None:
    keys = Keyboard(demo.shell)
    demo.bridge.go("today")
    settle(demo)
    assert isinstance(demo.shell.stack.currentWidget(), TodayPage)
    keys.work("Prepare to treat")
    settle(demo)
    assert shown(demo) == "treat"
    demo.bridge.go("patients")
    settle(demo)
    page = demo.shell.stack.currentWidget()
    assert isinstance(page, PatientsPage)
    keys.to("Search for a patient")
    keys.type("paula")
    demo.qtbot.waitUntil(lambda: len(page.found.words.table.lines) == 1, timeout=PATIENCE_MS)
    keys.to("Patients found")
    keys.press(Qt.Key.Key_Down)
    settle(demo)
    assert page.who_name.text() == "Paula Example"
    tab = keys.to("Prescriptions")
    keys.press(Qt.Key.Key_Right)
    settle(demo)
    assert keys.focus is not tab
    assert keys.focus.accessibleName() == "Sessions"
    with demo.ready.trusting() as trusted:
        number = len(patients(trusted))
    keys.work("Add a patient")
    keys.type("Key, Board")
    for name, text in (("Birth date", "1990-01-02"), ("Record number", "K-1")):
        keys.to(name)
        keys.type(text)
    keys.work("Save")
    settle(demo)
    with demo.ready.trusting() as trusted:
        assert len(patients(trusted)) == number + 1
    demo.bridge.set_patient(demo.ready.patient_uid)


def test_a_rehearsal_is_run_and_a_session_is_read_by_keys(demo: Treating) -> None:
    keys = Keyboard(demo.shell)
    demo.bridge.go("qa")
    settle(demo)
    page = demo.shell.stack.currentWidget()
    assert isinstance(page, QaPage)
    assert page.virtual.isChecked()
    keys.work("Run")
    demo.qtbot.waitUntil(lambda: demo.bridge.link.running, timeout=PATIENCE_MS)
    demo.over()
    demo.qtbot.waitUntil(page.report_button.isVisible, timeout=PATIENCE_MS)
    settle(demo)
    demo.bridge.go("records")
    settle(demo)
    records = demo.shell.stack.currentWidget()
    assert isinstance(records, RecordsPage)
    tab = keys.to("Sessions")
    keys.press(Qt.Key.Key_Right)
    settle(demo)
    assert keys.focus is not tab
    assert isinstance(tab, QAbstractButton)
    assert keys.focus in group_mates(tab)
    keys.press(Qt.Key.Key_Left)
    settle(demo)
    assert isinstance(keys.focus, QPushButton)


def test_no_focus_stop_of_a_running_session_raises_the_intensity(demo: Treating) -> None:
    """Space and Enter on every stop that Tab leads to, except those that end or pause it."""
    during, keys = demo.page.during, Keyboard(demo.shell)
    demo.start()
    demo.wait("resting")
    for lower in ("53 % MSO", "52 % MSO"):
        keys.press(Qt.Key.Key_Down, held=Qt.KeyboardModifier.ControlModifier)
        demo.qtbot.waitUntil(lambda: during.wanted.text() == lower, timeout=PATIENCE_MS)  # noqa: B023
    demo.bridge.go("today")
    settle(demo)
    demo.bridge.go("treat")
    assert keys.focus not in controls(demo.shell)
    keys.press(Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Plus)
    ending = (during.stop_button, during.pause_button, during.seizure)
    for stop in list(stops(demo.shell)):
        assert stop is not during.more
        if (
            stop in (*ending, during.less)
            or not during.isAncestorOf(stop)
            or "stop" in stop.accessibleName()
        ):
            continue
        stop.setFocus()
        for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Up, Qt.Key.Key_Plus):
            keys.press(key)
    assert during.wanted.text() == "52 % MSO"
    demo.press(demo.shell, Qt.Key.Key_Escape)
    demo.over()
    demo.sees(demo.page.after)
    settle(demo)


def test_the_wheel_changes_no_value(demo: Treating) -> None:
    page = demo.page
    demo.sees(page.before)
    page.open_item("threshold")
    demo.sees(page.threshold)
    box = page.threshold.value
    box.setValue(45)
    box.setFocus()
    middle = QPointF(box.rect().center())
    for delta in (120, -120):
        event = QWheelEvent(
            middle,
            box.mapToGlobal(middle),
            QPoint(0, 0),
            QPoint(0, delta),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, event)
        assert box.value() == 45
    page.leave_form()
