"""Approvals with real widgets on a real record: look, decide, propose."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from tests.clinic.prescribing import make_practice, secret, weighed
from tests.ui.decisions import OFFSCREEN, PATIENCE_MS, idle, keys, page_of, presses, types, unnamed
from tms_console.clinic.prescriptions import propose, versions
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
