"""Treat while somebody turns away, locks, logs out, presses twice, or loses the process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.accounts.people import password_of
from tests.ui.decisions import OFFSCREEN
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tms_console.clinic.adverse_events import adverse_events_of, holds
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.records.live import said_of
from tms_console.records.queries import list_sessions
from tms_console.ui.beginning import ANOTHER_PATIENT, GONE

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        yield made


def add_other(demo: Treating) -> str:
    details = PatientDetails("Other, Otto", "1990-01-02", Sex.MALE, "O-1")
    return add_patient(demo.ready.station, demo.ready.technician, details)


def press_start(demo: Treating) -> None:
    """Press Start; the order is still being signed when it returns."""
    demo.prepare()
    demo.qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
    demo.click(demo.page.before.start_button)


def stop(demo: Treating) -> None:
    demo.click(demo.page.during.stop_button)
    demo.over()
    demo.sees(demo.page.after)
    demo.idle()


def said(widget: QWidget) -> str:
    return " ".join(one.text() for one in widget.findChildren(QLabel))


def half_filled(demo: Treating) -> None:
    demo.sees(demo.page.before)
    demo.idle()
    demo.page.open_item("daily")
    demo.sees(demo.page.form)
    demo.page.form.questions["metal_removed"]._group.button(0).click()


@pytest.mark.parametrize("leave", ["log out", "lock"])
def test_nothing_starts_for_somebody_who_left_after_pressing_start(
    demo: Treating, leave: str
) -> None:
    """A session must not begin behind the login page."""
    press_start(demo)
    if leave == "lock":
        demo.shell._lock()
    else:
        demo.shell._leave()
    demo.idle()
    assert not demo.bridge.link.running
    assert list_sessions(demo.ready.station.database) == ()
    told = demo.page.before.refusals
    texts = [told.itemAt(at).widget().accessibleName() for at in range(told.count())]
    nobody = any(GONE in one or "logged" in one or "is locked" in one for one in texts)
    assert nobody, texts


def test_nothing_starts_for_a_patient_who_is_no_longer_chosen(demo: Treating) -> None:
    """Not for the old one either: the person at the window looks at another name."""
    other = add_other(demo)
    press_start(demo)
    demo.bridge.go("patients")
    demo.bridge.set_patient(other)
    demo.idle()
    assert not demo.bridge.link.running
    assert list_sessions(demo.ready.station.database) == ()
    assert "chosen meanwhile" in ANOTHER_PATIENT


def test_pressing_start_twice_starts_one_session(demo: Treating) -> None:
    press_start(demo)
    demo.qtbot.mouseDClick(demo.page.before.start_button, Qt.MouseButton.LeftButton)
    demo.page.start()
    demo.sees(demo.page.during)
    demo.wait("resting")
    stop(demo)
    assert len(list_sessions(demo.ready.station.database)) == 1


def test_a_form_that_arrives_late_is_not_shown_for_another_patient(demo: Treating) -> None:
    """It would stand under the other's name and be saved for the first."""
    other = add_other(demo)
    demo.sees(demo.page.before)
    demo.idle()
    demo.page.open_item("daily")
    demo.bridge.set_patient(other)
    demo.idle()
    assert demo.page.stack.currentWidget() is not demo.page.form


def test_a_form_that_arrives_late_does_not_cover_a_running_session(demo: Treating) -> None:
    press_start(demo)
    demo.page.open_item("daily")
    opened: list[QWidget] = []
    demo.page.filling.opened.connect(opened.append)
    demo.sees(demo.page.during)
    demo.idle()
    assert not opened
    demo.wait("resting")
    stop(demo)


def test_a_half_filled_form_outlives_a_lock_and_a_look_at_another_page(demo: Treating) -> None:
    half_filled(demo)
    demo.bridge.go("records")
    demo.idle()
    demo.bridge.go("treat")
    assert demo.page.stack.currentWidget() is demo.page.form
    demo.shell._lock()
    login_page = demo.shell._login_page
    login_page.password.setText(password_of("technician"))
    login_page._submit()
    demo.idle()
    assert demo.shell.stack.currentWidget() is demo.page  # back where it was locked
    assert demo.page.stack.currentWidget() is demo.page.form
    assert demo.page.form.answers()["metal_removed"] is True


def test_a_half_filled_form_is_gone_for_the_next_person(demo: Treating) -> None:
    half_filled(demo)
    demo.shell._leave()
    demo.bridge.set_login(demo.ready.physician)
    demo.bridge.go("treat")
    demo.idle()
    assert demo.page.stack.currentWidget() is demo.page.before


def test_what_one_person_typed_after_a_session_is_gone_for_the_next(demo: Treating) -> None:
    demo.start()
    demo.wait("resting")
    stop(demo)
    after = demo.page.after
    after.reason.setText("mine")
    after.login_name.setText("technician")
    demo.click(after.add_button)
    after.form.description.setText("half an event")
    demo.shell._leave()
    demo.bridge.set_login(demo.ready.physician)
    demo.bridge.go("treat")
    demo.sees(after)
    demo.idle()
    assert (after.reason.text(), after.login_name.text()) == ("", "")
    assert not after.form.isVisible()


def test_a_session_is_closed_once_however_often_it_is_pressed(demo: Treating) -> None:
    demo.start()
    demo.wait("resting")
    stop(demo)
    after = demo.page.after
    after.reason.setText("went home")
    demo.qtbot.mouseDClick(after.close_button, Qt.MouseButton.LeftButton)
    demo.click(after.close_button)
    demo.click(after.close_button)
    demo.idle()
    told = said_of(demo.ready.station.database, after.screen_now.session_uid)
    assert sum("went home" in one.detail for one in told) == 1


def test_a_note_without_enter_is_shown_when_the_session_ends(demo: Treating) -> None:
    demo.start()
    demo.wait("resting")
    demo.qtbot.keyClicks(demo.page.during.note, "looks pale")
    stop(demo)
    assert "looks pale" in said(demo.page.after)
    assert demo.page.during.note.text() == ""


def test_no_page_is_shown_on_a_locked_screen(demo: Treating) -> None:
    """A late answer may ask for a page."""
    demo.shell._lock()
    demo.bridge.go("patients")
    assert demo.shell.stack.currentWidget() is demo.shell._login_page


def test_a_seizure_told_to_a_process_that_hangs_is_on_record_and_holds(demo: Treating) -> None:
    """What a process took and never wrote is written by the window when it is dead."""
    demo.start()
    demo.wait("resting", "delivering")
    client = demo.bridge.link._client
    assert client is not None
    os.kill(client.pid, signal.SIGSTOP)
    demo.click(demo.page.during.seizure)
    card = demo.page.seizure
    demo.click(card.save_button)  # too early: what was typed stays, and why is said
    assert "still being ended" in said(card)
    demo.over()
    demo.idle()
    card.form.description.setText("arms and legs")
    demo.click(card.save_button)
    demo.sees(demo.page.after)
    demo.idle()
    with demo.ready.trusting() as trusted:
        (event,) = adverse_events_of(trusted, demo.ready.patient_uid)
        assert holds(trusted, demo.ready.patient_uid)
    assert event.event.description.endswith("arms and legs.")


def test_notes_of_a_process_that_died_are_on_record_once(demo: Treating) -> None:
    """Those that it wrote are not written again; equal ones are counted."""
    demo.start()
    demo.wait("resting", "delivering")
    uid, database = demo.bridge.link.view.session_uid, demo.ready.station.database
    demo.page.session.put_comfort(7)
    demo.qtbot.waitUntil(
        lambda: any("comfort 7" in one.detail for one in said_of(database, uid)),
        timeout=PATIENCE_MS,
    )
    client = demo.bridge.link._client
    assert client is not None
    os.kill(client.pid, signal.SIGSTOP)
    demo.page.session.put_comfort(7)
    demo.page.session.put_note("looks pale")
    os.kill(client.pid, signal.SIGKILL)
    demo.over()
    demo.sees(demo.page.after)
    demo.idle()
    notes = [one.detail for one in said_of(database, uid) if one.kind == "note"]
    assert sorted(notes) == ["comfort 7 of 10", "comfort 7 of 10", "looks pale"]
