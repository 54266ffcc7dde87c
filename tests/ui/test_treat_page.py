"""Whole sessions through the window: real widgets, delivering process, driver and emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.accounts.people import password_of
from tests.ui.decisions import unnamed
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tms_console.accounts.signatures import Meaning
from tms_console.clinic.adverse_events import adverse_events_of, holds
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.clinic.thresholds import thresholds_of
from tms_console.delivery.order import EmulatorOrder
from tms_console.records.database import Purpose
from tms_console.records.live import said_of
from tms_console.records.queries import list_sessions
from tms_console.ui.beginning import ANOTHER_PATIENT, NOT_READY
from tms_console.ui.bridge import ChosenDevice
from tms_console.ui.theme import LIGHT


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        yield made


def test_a_whole_session_is_prepared_delivered_borne_and_signed(demo: Treating) -> None:
    page, during, qtbot = demo.page, demo.page.during, demo.qtbot
    demo.start()
    assert page.has_stop
    assert not demo.shell.stop_button.isVisible()
    demo.wait("resting")
    demo.click(during.less)
    assert during.wanted.text() == "53 % MSO"
    taps = {one.text(): one for one in during.findChildren(type(during.less))}
    demo.click(taps["Headache"])
    demo.click(taps["8"])
    qtbot.keyClicks(during.note, "talks and laughs")
    demo.press(during.note, Qt.Key.Key_Return)
    demo.press(demo.shell, Qt.Key.Key_F8)
    demo.wait("paused")
    qtbot.waitUntil(lambda: during.word.text() == "PAUSED", timeout=PATIENCE_MS)
    assert "of at most" in during.train_next.text()
    demo.click(during.pause_button)
    demo.wait("resting", "delivering", "completed")
    qtbot.waitUntil(lambda: during.on_disk.value.text() == "12 / 12", timeout=PATIENCE_MS)
    assert during.evidence.value.text() == "reported"
    page.grab()
    demo.over()
    demo.sees(page.after)
    after = page.after
    assert after.headline.text() == "Delivered as planned"
    shown = after.screen_now
    assert shown is not None
    assert shown.sentences == ("18 of 18 pulses are known to have been given.",)
    assert shown.comfort == "8 of 10"
    assert any("talks and laughs" in one for one in shown.told)
    assert [str(one.event.what) for one in shown.events] == ["headache"]
    after.login_name.setText("technician")
    after.password.setText("not it")
    demo.click(after.sign_button)
    qtbot.waitUntil(lambda: "wrong" in after.answer.text(), timeout=PATIENCE_MS)
    after.password.setText(password_of("technician"))
    demo.press(after.password, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: after.content.text().startswith("Signed by"), timeout=PATIENCE_MS)
    assert not after.password.isVisible()
    with demo.ready.trusting() as trusted:
        (signed,) = trusted.signatures(shown.session_uid)
    assert signed.meaning is Meaning.DELIVERED
    demo.click(after.done_button)
    demo.sees(page.before)  # not due again today, and the list says so
    demo.idle()
    assert not page.before.prepare_button.isEnabled()
    assert page.before.rows["day"].action is None


def test_an_event_is_completed_and_another_added_after_the_session(demo: Treating) -> None:
    page, after, qtbot = demo.page, demo.page.after, demo.qtbot
    demo.start()
    demo.wait("resting")
    taps = {one.text(): one for one in page.during.findChildren(type(page.during.less))}
    demo.click(taps["Facial twitch"])
    demo.click(taps["Asks to stop"])
    demo.over()
    demo.sees(after)
    assert after.headline.text() == "Stopped before its end"
    assert "the patient asked to stop" in " ".join(after.screen_now.sentences)
    after._correct(after.screen_now.events[0])
    after.form.minutes.setText("soon")
    demo.click(after.save_button)
    qtbot.waitUntil(lambda: "number of minutes" in after.event_answer.text(), timeout=PATIENCE_MS)
    after.form.minutes.setText("1,5")
    demo.click(after.save_button)
    qtbot.waitUntil(lambda: after.screen_now.events[0].reason != "", timeout=PATIENCE_MS)
    assert after.screen_now.events[0].event.duration_s == 90
    demo.click(after.add_button)
    after.form.description.setText("left temple")
    demo.click(after.save_button)
    qtbot.waitUntil(lambda: len(after.screen_now.events) == 2, timeout=PATIENCE_MS)
    demo.click(after.close_button)
    qtbot.waitUntil(lambda: "Say why" in after.early_answer.text(), timeout=PATIENCE_MS)
    after.reason.setText("the patient went home")
    demo.click(after.close_button)
    qtbot.waitUntil(
        lambda: after.early_told.text() == "Closed: the patient went home", timeout=PATIENCE_MS
    )
    assert not after.resume_button.isVisible()


def test_a_stopped_session_is_gone_on_with_behind_what_was_given(demo: Treating) -> None:
    page = demo.page
    demo.start()
    demo.qtbot.waitUntil(
        lambda: (
            (v := demo.bridge.link.view.snapshot) is not None
            and v.delivered == 6
            and v.state == "resting"
        ),
        timeout=PATIENCE_MS,
    )
    demo.click(page.during.stop_button)
    demo.over()
    demo.sees(page.after)
    demo.click(page.after.resume_button)
    demo.sees(page.before)
    demo.idle()
    items = {one.code: one for one in page.before.screen_now.items}
    assert items["resume"].sentence == "It goes on with train 2, pulse 7."
    fast = EmulatorOrder(name="magpro", virtual=True)
    demo.bridge.set_device(ChosenDevice(fast, "MagPro X100", simulated=True))
    demo.idle()
    demo.start()
    assert page.session.of.pulses == 18
    demo.over()
    demo.sees(page.after)
    demo.idle()
    assert page.after.screen_now.sentences == ("12 of 12 pulses are known to have been given.",)
    first, second = list_sessions(demo.ready.station.database)
    assert (first.state, second.state) == ("stopped", "completed")


def test_the_seizure_button_stops_stamps_and_opens_the_card(demo: Treating) -> None:
    page, card, qtbot = demo.page, demo.page.seizure, demo.qtbot
    demo.start()
    demo.wait("resting")
    demo.click(page.during.seizure)
    assert page.stack.currentWidget() is card
    demo.over()
    demo.idle()
    assert page.stack.currentWidget() is card  # the end of the session does not take it away
    with demo.ready.trusting() as trusted:
        (event,) = adverse_events_of(trusted, demo.ready.patient_uid)
        assert holds(trusted, demo.ready.patient_uid)
    assert event.event.session_uid == demo.bridge.link.view.session_uid
    for tick in card.steps[:2]:
        tick.click()
    card.steps[1].click()
    card.form.description.setText("arms and legs")
    demo.click(card.save_button)
    demo.sees(page.after)
    demo.idle()
    with demo.ready.trusting() as trusted:
        (event,) = adverse_events_of(trusted, demo.ready.patient_uid)
    told = event.event.description
    assert "Pulses given" in told
    assert re.search(r"\d:\d\d: The session is stopped", told)
    assert "Call for help" not in told
    assert told.endswith("arms and legs.")
    assert "on hold" in page.after.early_told.text()
    assert not page.after.resume_button.isVisible()
    qtbot.waitUntil(lambda: "on hold" in page.after.next_due.text(), timeout=PATIENCE_MS)


def test_a_form_and_a_threshold_are_filled_in_on_the_page(demo: Treating) -> None:
    page, form = demo.page, demo.page.form
    demo.sees(page.before)
    demo.idle()
    demo.click(page.before.rows["daily"].action)
    demo.sees(form)
    assert form.answer.text() == "9 left to answer"
    assert not form.save_button.isEnabled()
    for name, choice in (
        ("metal_removed", 0),
        ("medication_change", 0),
        ("sleep", 0),
        ("alcohol", 0),
        ("drugs", 1),
        ("caffeine", 0),
        ("food", 0),
        ("anything_new", 1),
    ):
        form.questions[name]._group.button(choice).click()
    assert form.questions["medication_change_detail"].isVisible()
    demo.qtbot.keyClicks(form.questions["sleep_hours"].field, "99")
    assert "sleep_hours is 99" in form.answer.text()
    form.questions["sleep_hours"].field.clear()
    demo.qtbot.keyClicks(form.questions["sleep_hours"].field, "7")
    demo.qtbot.keyClicks(form.questions["medication_change_detail"].field, "stopped one")
    assert form.save_button.isEnabled()
    demo.click(form.save_button)
    demo.sees(page.before)
    demo.idle()
    daily = next(one for one in page.before.screen_now.items if one.code == "daily")
    assert daily.state == "note"  # a physician clears it, and nobody else can
    assert daily.action == "Go to Approvals"
    assert page.before.screen_now.items[0] == daily
    page.open_item("threshold")
    demo.sees(page.threshold)
    page.threshold.value.setValue(46)
    demo.click(page.threshold.save_button)
    demo.sees(page.before)
    demo.idle()
    with demo.ready.trusting() as trusted:
        newest = thresholds_of(trusted, demo.ready.patient_uid)[-1]
    assert newest.measured.value_pct_mso == 46
    assert not page.before.screen_now.doses  # no band was signed


def test_what_changes_between_the_two_steps_is_refused_by_the_gate_and_said(
    demo: Treating,
) -> None:
    """The page's answer is not the gate's: what is signed away meanwhile stops the start."""
    page = demo.page
    demo.prepare()
    demo.qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
    demo.ready.withdraw(demo.ready.made)
    demo.click(page.before.start_button)
    demo.qtbot.waitUntil(lambda: page.before.refusals.count() > 1, timeout=PATIENCE_MS)
    demo.idle()
    texts = [page.before.refusals.itemAt(n).widget() for n in range(page.before.refusals.count())]
    assert texts[0].text() == "Nothing was started, and nothing was given."
    assert any("withdrawn" in one.accessibleName() for one in texts[1:]), [
        one.accessibleName() for one in texts[1:]
    ]
    assert list_sessions(demo.ready.station.database) == ()


def said_of_refusal(demo: Treating) -> list[str]:
    column = demo.page.before.refusals
    return [column.itemAt(n).widget().accessibleName() for n in range(column.count())]


def test_a_preparation_starts_nothing_for_another_patient(demo: Treating) -> None:
    """Who was identified and who is chosen must be one, whatever happened between the steps."""
    demo.prepare()
    demo.qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
    demo.bridge.patient_uid = "somebody-else"
    demo.click(demo.page.before.start_button)
    assert any(ANOTHER_PATIENT in one for one in said_of_refusal(demo)), said_of_refusal(demo)
    assert not demo.page.before.start_button.isVisible()  # who is in the chair is asked again
    demo.idle()
    assert not demo.bridge.link.running
    assert list_sessions(demo.ready.station.database) == ()


def test_choosing_another_patient_takes_the_preparation_away(demo: Treating) -> None:
    details = PatientDetails("Other, Otto", "1990-01-02", Sex.MALE, "O-1")
    other = add_patient(demo.ready.station, demo.ready.technician, details)
    demo.prepare()
    demo.bridge.set_patient(other)
    assert demo.page.stack.currentWidget() is demo.page.message  # at once, before anything is read
    demo.idle()
    demo.bridge.set_patient(demo.ready.patient_uid)
    demo.sees(demo.page.before)
    assert not demo.page.before.start_button.isVisible()
    demo.idle()


def test_without_a_delivering_process_nothing_is_ordered(demo: Treating) -> None:
    demo.prepare()
    demo.bridge.link.challenge = None
    demo.click(demo.page.before.start_button)
    assert any(NOT_READY in one for one in said_of_refusal(demo)), said_of_refusal(demo)
    demo.idle()
    assert not demo.bridge.link.running
    assert list_sessions(demo.ready.station.database) == ()


def test_a_patients_record_takes_no_simulated_session(qtbot: QtBot, tmp_path: Path) -> None:
    with treating(qtbot, tmp_path, purpose=Purpose.CLINIC) as clinic:
        clinic.sees(clinic.page.before)
        clinic.idle()
        (refused,) = [one for one in clinic.page.before.screen_now.items if one.refuses]
        assert "takes no simulated session" in refused.sentence
        assert not clinic.page.before.prepare_button.isEnabled()
        clinic.page.before.show_prepared()
        assert not clinic.page.before.start_button.isVisible()


def test_nobody_chosen_and_nothing_prescribed_are_said(demo: Treating) -> None:
    demo.bridge.set_patient("")
    assert demo.page.stack.currentWidget() is demo.page.message
    demo.bridge.set_patient(demo.ready.patient_uid)
    demo.ready.withdraw(demo.ready.made)
    demo.page.look()
    demo.idle()
    assert demo.page.stack.currentWidget() is demo.page.message


def test_every_control_has_a_name_and_both_themes_are_taken(demo: Treating) -> None:
    demo.sees(demo.page.before)
    demo.page.seizure.begin({})
    assert not unnamed(demo.page)
    demo.bridge.set_theme(LIGHT)
    demo.page.seizure.end()


def test_no_key_raises_the_intensity_after_the_page_changed(demo: Treating) -> None:
    """The focus is on no control when the page comes up, nor does it fall onto one."""
    during = demo.page.during
    demo.start()
    demo.wait("resting")
    demo.click(during.less)
    demo.click(during.less)
    before = during.wanted.text()
    during.setFocus()
    demo.bridge.go("today")
    demo.bridge.go("treat")
    focus = demo.shell.focusWidget()
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Plus):
        QTest.keyClick(focus if focus is not None else demo.shell, key)
    assert during.wanted.text() == before
    assert demo.bridge.link.running
    for _ in range(20):
        demo.click(during.less)
    demo.qtbot.waitUntil(lambda: not during.less.isEnabled(), timeout=PATIENCE_MS)
    assert not during.more.hasFocus()
    assert during.wanted.text() == "40 % MSO"
    demo.click(during.stop_button)
    demo.over()
    demo.sees(demo.page.after)
    demo.idle()
    said = said_of(demo.ready.station.database, demo.bridge.link.view.session_uid)
    assert sum("refused" in one.detail for one in said if one.kind == "intensity") == 0
