"""Approvals with real widgets on a real record: look, decide, propose."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from tests.clinic.prescribing import make_practice, secret, weighed
from tests.ui.decisions import OFFSCREEN, PATIENCE_MS, idle, keys, page_of, presses, types, unnamed
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.clinic.prescriptions import propose, versions
from tms_console.records.errors import RecordsError
from tms_console.screens.matters import Act
from tms_console.ui.pages.approvals import ApprovalsPage
from tms_console.ui.theme import LIGHT

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


def test_a_physician_weighs_signs_and_approves_by_keyboard(qtbot: QtBot, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = weighed(practice)
    propose(practice.station, practice.technician, made)
    practice.physician.signed_before = False
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        qtbot.waitUntil(lambda: page.stack.currentWidget() is page.view, timeout=PATIENCE_MS)
        assert not unnamed(page)
        sign = page.view.sign
        password, name = secret(practice.physician)
        sign.buttons[Act.APPROVE].click()
        assert sign.answer.text().startswith("Acknowledge first")
        for row in sign._asked.values():
            if row.field.isVisible():
                types(qtbot, row.field, "weighed")
                assert row.given()
            else:
                row.mark.box.setChecked(True)
        types(qtbot, sign.login_name, name)
        types(qtbot, sign.password, "wrong")
        presses(qtbot, sign.password, Qt.Key.Key_Return)
        qtbot.waitUntil(sign.password.isEnabled, timeout=PATIENCE_MS)
        assert sign.answer.property("state") == "bad"
        assert not practice.standing(made).in_force
        assert not sign.password.text()
        types(qtbot, sign.password, password)
        presses(qtbot, sign.password, Qt.Key.Key_Return)
        qtbot.waitUntil(page.told.isVisible, timeout=PATIENCE_MS)
        idle(qtbot, page)
        assert page.told.text() == "Approved and signed."
        assert practice.standing(made).in_force
        assert page.waiting_button.text() == "Waiting 0"
        page.held_button.click()
        idle(qtbot, page)
        assert page.view.sign.buttons.keys() == {Act.WITHDRAW}
        page.bridge.set_theme(LIGHT)


def test_a_proposal_is_returned_with_a_comment(qtbot: QtBot, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = practice.proposed()
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        qtbot.waitUntil(lambda: page.stack.currentWidget() is page.view, timeout=PATIENCE_MS)
        sign = page.view.sign
        password, name = secret(practice.physician)
        sign.login_name.setText(name)
        sign.password.setText(password)
        sign.buttons[Act.RETURN].click()
        assert sign.answer.text().startswith("Say why")
        sign.comment.setPlainText("lower it")
        sign.buttons[Act.RETURN].click()
        qtbot.waitUntil(page.told.isVisible, timeout=PATIENCE_MS)
        idle(qtbot, page)
        assert practice.standing(made).returned is not None


def test_an_empty_clinic_says_so_and_a_policy_is_proposed(qtbot: QtBot, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        assert not page.view.sign.buttons
        page.policy_button.click()
        idle(qtbot, page)
        assert page.stack.currentWidget() is page.policy
        page.policy.propose_button.click()
        assert "time_zone" in page.policy.answer.text()
        page.policy.time_zone.setText("Europe/Berlin")
        page.policy.propose_button.click()
        qtbot.waitUntil(page.told.isVisible, timeout=PATIENCE_MS)
        idle(qtbot, page)
        assert keys(page)[0].startswith("policy:")
        assert not unnamed(page)
        page.held_button.click()
        idle(qtbot, page)
        assert "Nothing is in force" in page.message.accessibleName()


def test_a_physician_prescribes_from_the_library(qtbot: QtBot, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        page.bridge.patient_uid = practice.patient_uid
        page.prescribe_button.click()
        idle(qtbot, page)
        part = page.prescribe
        assert part.patient.currentData() == practice.patient_uid
        part.protocol.setCurrentIndex(part.protocol.findData("hf10-dash"))
        part.protocol.activated.emit(part.protocol.currentIndex())
        qtbot.waitUntil(lambda: bool(part._fields), timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: part._draft is not None, timeout=PATIENCE_MS)
        qtbot.waitUntil(
            lambda: part._draft is not None and bool(part._draft.problems), timeout=PATIENCE_MS
        )
        assert not part.propose_button.isEnabled()
        box = part._fields["blocks[1].threshold"]
        box.setCurrentIndex(1)
        part._fields["blocks[1].interval.seconds"].setText("11")
        if "sessions" in part._fields:
            part._fields["sessions"].setText("30")
        part._later()
        qtbot.waitUntil(part.propose_button.isEnabled, timeout=PATIENCE_MS)
        assert not unnamed(page)
        part.propose_button.click()
        qtbot.waitUntil(page.told.isVisible, timeout=PATIENCE_MS)
        idle(qtbot, page)
        assert any(one.startswith("prescription:") for one in keys(page))


def test_a_form_that_is_left_proposes_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        page.open_prescribing()
        idle(qtbot, page)
        page.prescribe.propose_button.click()
        page.prescribe._propose()
        page.prescribe.done.emit("")
        idle(qtbot, page)
        assert page.waiting_button.text() == "Waiting 0"
        page.bridge.record_changed.emit()
        idle(qtbot, page)


def test_a_prescription_in_force_is_changed_as_a_new_version_and_compared_before(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    made = practice.approved()
    with page_of(practice, practice.technician, ApprovalsPage) as page:
        idle(qtbot, page)
        page.held_button.click()
        idle(qtbot, page)
        assert page.edit_button.isVisible()
        page.edit_button.click()
        form = page.prescribe
        qtbot.waitUntil(lambda: "blocks[1].highest" in form._fields, timeout=PATIENCE_MS)
        assert not form.patient.isEnabled()
        assert not form.protocol.isEnabled()
        qtbot.waitUntil(lambda: "Nothing differs" in told(form), timeout=PATIENCE_MS)
        assert not form.propose_button.isEnabled()
        assert not form.changes.isVisible()
        highest = form._fields["blocks[1].highest"]
        assert isinstance(highest, QLineEdit)
        assert highest.text() == "54"
        highest.setFocus()
        highest.selectAll()
        types(qtbot, highest, "60")
        qtbot.waitUntil(form.propose_button.isEnabled, timeout=PATIENCE_MS)
        assert form.changes.isVisible()
        assert "40 to 60" in told(form.changes)
        form.propose_button.click()
        qtbot.waitUntil(lambda: "waits for a physician" in page.told.text(), timeout=PATIENCE_MS)
        idle(qtbot, page)
        with practice.trusting() as trusted:
            newest = versions(trusted, made.prescription_uid)[-1].prescription
        assert (newest.version, newest.session.blocks[0].highest_pct_mso) == (2, 60)


def told(widget: QWidget) -> str:
    """Everything that a widget says."""
    return "\n".join(one.text() for one in widget.findChildren(QLabel)).replace("\u200b", "")


def fill_in(qtbot: QtBot, page: ApprovalsPage, patient_uid: str) -> None:
    """Fill in a prescription until it could be proposed."""
    page.bridge.patient_uid = patient_uid
    page.prescribe_button.click()
    idle(qtbot, page)
    part = page.prescribe
    part.protocol.setCurrentIndex(part.protocol.findData("hf10-dash"))
    part.protocol.activated.emit(part.protocol.currentIndex())
    qtbot.waitUntil(lambda: bool(part._fields), timeout=PATIENCE_MS)
    box, seconds = part._fields["blocks[1].threshold"], part._fields["blocks[1].interval.seconds"]
    assert isinstance(box, QComboBox)
    assert isinstance(seconds, QLineEdit)
    box.setCurrentIndex(1)
    seconds.setText("11")
    sessions = part._fields.get("sessions")
    if isinstance(sessions, QLineEdit):
        sessions.setText("30")
    part._later()
    qtbot.waitUntil(part.propose_button.isEnabled, timeout=PATIENCE_MS)


def test_what_was_filled_in_for_one_patient_is_not_proposed_under_anothers_name(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    details = PatientDetails("Zoe Other", "1990-01-02", Sex.MALE, "Z-9")
    other = add_patient(practice.station, practice.technician, details)
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        fill_in(qtbot, page, practice.patient_uid)
        part = page.prescribe
        for uid in (other, ""):
            part.patient.setCurrentIndex(part.patient.findData(uid))
            part.patient.activated.emit(part.patient.currentIndex())
            assert not part.propose_button.isEnabled()
            assert not part._fields
            part._propose()
        idle(qtbot, page)
        assert not part._fields  # the form of the patient who was chosen in between came late
        assert not any(one.startswith("prescription:") for one in keys(page))


def test_a_prescription_that_somebody_else_began_is_gone_for_the_next_user(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        fill_in(qtbot, page, practice.patient_uid)
        page.left()
        page.entered()
        idle(qtbot, page)
        assert page.stack.currentWidget() is page.prescribe
        assert page.prescribe.propose_button.isEnabled()
        page.left()
        page.bridge.login = practice.technician
        page.entered()
        assert page.stack.currentWidget() is page.message
        assert page.panel.isVisible()
        idle(qtbot, page)
        assert page.stack.currentWidget() is not page.prescribe


def test_what_somebody_else_weighed_and_typed_is_gone_for_the_next_user(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    practice.proposed()
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        qtbot.waitUntil(lambda: page.stack.currentWidget() is page.view, timeout=PATIENCE_MS)
        idle(qtbot, page)
        sign = page.view.sign
        sign.comment.setPlainText("lower it")
        sign.password.setText("half a passw")
        page.left()
        assert not sign.password.text()
        page.entered()
        idle(qtbot, page)
        assert sign.comment.toPlainText() == "lower it"
        page.left()
        second = copy.copy(practice.physician)
        second.enrolment = replace(second.enrolment, uid="another-physician")
        page.bridge.login = second
        page.entered()
        assert page.stack.currentWidget() is page.message
        idle(qtbot, page)
        assert page.stack.currentWidget() is page.view
        assert sign.comment.toPlainText() == ""


def test_a_record_that_cannot_be_read_takes_no_form_away(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        fill_in(qtbot, page, practice.patient_uid)

        def locked(*_: object) -> object:
            raise RecordsError("The database is locked.")

        with monkeypatch.context() as patched:
            patched.setattr("tms_console.ui.pages.approvals.approvals_screen", locked)
            with qtbot.waitSignal(page.bridge.problem, timeout=PATIENCE_MS) as told_of:
                page.bridge.record_changed.emit()
        assert told_of.args == ["The list could not be read. The database is locked."]
        idle(qtbot, page)
        assert page.stack.currentWidget() is page.prescribe
        assert page.prescribe.propose_button.isEnabled()


def test_a_prescription_asked_for_elsewhere_comes_up_to_be_changed(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = practice.approved()
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        page.bridge.prescription_wanted.emit(made.uid)
        idle(qtbot, page)
        assert page.stack.currentWidget() is page.prescribe
        assert page.prescribe._opened == made.uid
        with qtbot.waitSignal(page.bridge.problem, timeout=PATIENCE_MS) as told_of:
            page.bridge.prescription_wanted.emit("another")  # what is typed here stays
        assert "finish or cancel" in told_of.args[0]
        assert page.prescribe._opened == made.uid


def test_the_policy_form_shows_nothing_of_the_last_time_while_it_reads(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        idle(qtbot, page)
        page.open_policy()
        idle(qtbot, page)
        page.policy.time_zone.setText("Europe/Berlin")
        assert page.policy.numbers
        page.policy.open()
        assert page.policy.time_zone.text() == ""
        assert not page.policy.time_zone.isEnabled()
        assert not page.policy.numbers
        idle(qtbot, page)
        assert page.policy.numbers
        assert page.policy.time_zone.isEnabled()
        assert page.focusWidget() is page.policy.time_zone  # not Cancel


def test_a_page_whose_matter_offers_nothing_can_be_left_and_the_screen_locked(
    qtbot: QtBot, tmp_path: Path
) -> None:
    """Found by the monkey: the fields of the matter before were gone, and leaving touched them."""
    practice = make_practice(tmp_path)
    practice.policy()
    practice.proposed()
    with page_of(practice, practice.physician, ApprovalsPage) as page:
        qtbot.waitUntil(lambda: page.stack.currentWidget() is page.view, timeout=PATIENCE_MS)
        assert page._matter is not None
        page.view.sign.show_screen(replace(page._matter, offers=(), not_offered="Not yours."))
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        page.view.sign.tell("It was decided meanwhile.")
        page.left()
        assert not page.view.sign.password.text()
