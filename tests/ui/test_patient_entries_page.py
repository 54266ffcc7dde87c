"""Entries of a patient as widgets: nothing typed is lost, nobody else's data comes in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from protocols.canonical import ContentError
from protocols.terms import Side
from tests.delivery.treatments import Ready, make_ready
from tests.ui.decisions import OFFSCREEN, PATIENCE_MS, idle, page_of, types, unnamed
from tms_console.accounts.roles import Role
from tms_console.clinic.adverse_events import holds
from tms_console.clinic.attachments import attach_photo
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.clinic.positioning import Method, Positioning, record_positioning
from tms_console.records.errors import RecordsError
from tms_console.ui.pages.patients import PatientsPage
from tms_console.ui.photo import decoded

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


def picture() -> bytes:
    """Return a photograph wider than high."""
    image = QImage(300, 200, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.darkGreen)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def told(widget: QWidget) -> str:
    return "\n".join(one.text() for one in widget.findChildren(QLabel))


def line(page: PatientsPage, name: str) -> QLineEdit:
    widget = page.entry.rows[name].widget
    assert isinstance(widget, QLineEdit)
    return widget


def choose(page: PatientsPage, name: str, key: str) -> None:
    widget = page.entry.rows[name].widget
    assert isinstance(widget, QComboBox)
    widget.setCurrentIndex(widget.findData(key))


def open_section(qtbot: QtBot, page: PatientsPage, ready: Ready, section: str) -> None:
    page.bridge.set_patient(ready.patient_uid)
    idle(qtbot, page)
    page.show_section(section)


def shows_form(qtbot: QtBot, page: PatientsPage) -> None:
    qtbot.waitUntil(lambda: page.right.currentWidget() is page.entry, timeout=PATIENCE_MS)


def shows_sheet(qtbot: QtBot, page: PatientsPage) -> None:
    qtbot.waitUntil(lambda: page.right.currentWidget() is page.sheet, timeout=PATIENCE_MS)
    idle(qtbot, page)


def test_a_mistake_is_told_below_its_field_and_what_was_typed_stays(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        qtbot.mouseClick(page.record_entry, Qt.MouseButton.LeftButton)
        shows_form(qtbot, page)
        assert "PAULA EXAMPLE" in page.entry.heading.text()
        assert not unnamed(page)
        types(qtbot, line(page, "value"), "147")
        page.entry.save.click()
        assert "147 cannot be" in page.entry.rows["value"].mistake.text()
        focus = page.focusWidget()
        assert focus is line(page, "value"), focus.accessibleName() if focus else None
        assert line(page, "value").text() == "147"
        page.look()
        idle(qtbot, page)
        assert page.right.currentWidget() is page.entry
        line(page, "value").setText("47")
        assert page.entry.rows["value"].mistake.text() == ""
        page.entry.save.click()
        shows_sheet(qtbot, page)
        assert "47 %MSO is on record" in told(page.sheet)
        assert page.table.words.table.lines[0].cells[1] == "47 %MSO"


def test_a_refusal_by_the_clinic_keeps_the_form_as_it_is(qtbot: QtBot, ready: Ready) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        assert not page.correct.isEnabled()
        page.table.choose(ready.threshold_uid)
        page.correct.click()
        shows_form(qtbot, page)
        reason = page.entry.rows["reason"].widget
        assert isinstance(reason, QPlainTextEdit)
        reason.setPlainText("a slip")
        page.entry.save.click()
        qtbot.waitUntil(lambda: "Nothing was changed" in told(page.entry), timeout=PATIENCE_MS)
        assert reason.toPlainText() == "a slip"
        page.entry.cancel.click()
        assert page.right.currentWidget() is page.sheet


def test_nobody_else_can_be_chosen_while_a_form_is_filled_in(qtbot: QtBot, ready: Ready) -> None:
    """What was typed for one patient must not be saved for another."""
    other = add_patient(
        ready.station, ready.technician, PatientDetails("Zoe Other", "1990-01-02", Sex.MALE, "Z-9")
    )
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Adverse events")
        page.record_entry.click()
        shows_form(qtbot, page)
        assert not page.found.isEnabled()
        assert not page.add.isEnabled()
        for name, key in (
            ("what", "seizure"),
            ("severity", "3"),
            ("relatedness", "probable"),
            ("outcome", "recovered"),
        ):
            choose(page, name, key)
        page.bridge.set_patient(other)  # from another page
        idle(qtbot, page)
        assert page.right.currentWidget() is page.entry
        page.entry.save.click()
        shows_sheet(qtbot, page)
        assert page.found.isEnabled()
        with ready.trusting() as trusted:
            assert holds(trusted, ready.patient_uid)
            assert not holds(trusted, other)


def test_a_form_begun_by_somebody_else_is_gone_for_the_next_user(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        page.record_entry.click()
        shows_form(qtbot, page)
        page.left()
        page.bridge.login = ready.physician
        page.entered()
        shows_sheet(qtbot, page)


def test_a_patient_is_closed_found_among_the_closed_and_reopened(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        page.close_patient.click()
        shows_form(qtbot, page)
        reason = page.entry.rows["reason"].widget
        assert isinstance(reason, QPlainTextEdit)
        reason.setPlainText("entered twice")
        page.entry.save.click()
        shows_sheet(qtbot, page)
        assert not page.found.words.table.lines
        assert "No current patient: entered twice" in told(page.sheet)
        assert not page.record_entry.isVisible()
        page.show_section("Adverse events")
        assert page.record_entry.isVisible()  # nothing that happened is refused
        page.closed.click()
        idle(qtbot, page)
        assert len(page.found.words.table.lines) == 1
        page.reopen.click()
        shows_form(qtbot, page)
        page.entry.save.click()
        shows_sheet(qtbot, page)
        assert not page.reopen.isVisible()


def test_who_may_enter_nothing_is_offered_nothing(qtbot: QtBot, ready: Ready) -> None:
    with page_of(ready, ready.clinic.people[Role.QA], PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        for one in (page.record_entry, page.correct, page.take_back, page.close_patient):
            assert not one.isVisible()


def test_a_record_that_cannot_be_read_takes_no_form_away(
    qtbot: QtBot, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        page.record_entry.click()
        shows_form(qtbot, page)
        line(page, "value").setText("47")

        def locked(*_: object, **__: object) -> object:
            raise RecordsError("The database is locked.")

        with monkeypatch.context() as patched:
            patched.setattr("tms_console.ui.pages.patients.patient_list", locked)
            with qtbot.waitSignal(page.bridge.problem, timeout=PATIENCE_MS) as told_of:
                page.bridge.record_changed.emit()
            assert told_of.args is not None
            assert "The database is locked." in told_of.args[0]
            idle(qtbot, page)
            assert page.right.currentWidget() is page.entry
            assert line(page, "value").text() == "47"
            page.entry.cancel.click()
            page.look()
            idle(qtbot, page)
            assert page.right.currentWidget() is page.message


def test_a_save_that_comes_late_changes_no_choice_of_patient(qtbot: QtBot, ready: Ready) -> None:
    """Somebody saved, went on, and chose another patient before the disk answered."""
    other = add_patient(
        ready.station, ready.technician, PatientDetails("Zoe Other", "1990-01-02", Sex.MALE, "Z-9")
    )
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        page.ask_change()
        page.form.alerts.setPlainText("a pacemaker")
        page.form.save.click()
        assert not page.form.cancel.isEnabled()
        page.bridge.set_patient(other)  # from another page
        idle(qtbot, page)
        assert page.bridge.patient_uid == other
        shows_sheet(qtbot, page)
        assert "Zoe Other" in page.who_name.text()
        page.ask_change()
        assert page.form.cancel.isEnabled()


def test_an_entry_that_is_being_written_is_not_cancelled_nor_told_of_another_patient(
    qtbot: QtBot, ready: Ready
) -> None:
    other = add_patient(
        ready.station, ready.technician, PatientDetails("Zoe Other", "1990-01-02", Sex.MALE, "Z-9")
    )
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Thresholds")
        page.record_entry.click()
        shows_form(qtbot, page)
        line(page, "value").setText("47")
        page.entry.save.click()
        assert not page.entry.cancel.isEnabled()
        page.bridge.set_patient(other)
        shows_sheet(qtbot, page)
        assert "Zoe Other" in page.who_name.text()
        assert "47 %MSO is on record" not in told(page.sheet)


def test_treat_is_for_who_stands_on_the_sheet_and_not_for_who_was_chosen_since(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        page.bridge.set_patient(ready.patient_uid)
        shows_sheet(qtbot, page)
        wanted: list[str] = []
        page.bridge.page_wanted.connect(wanted.append)
        page.bridge.patient_uid = "another, still being read"
        page.sheet.treat.click()
        assert page.bridge.patient_uid == ready.patient_uid
        assert wanted == ["treat"]


def test_the_photograph_of_a_positioning_is_shown_and_gone_with_the_page(
    qtbot: QtBot, ready: Ready
) -> None:
    uid = attach_photo(ready.station, ready.technician, ready.patient_uid, picture())
    place = Positioning(
        ready.patient_uid, Method.NAVIGATION, "left DLPFC", Side.LEFT, photo_uid=uid
    )
    record_positioning(ready.station, ready.technician, place)
    with page_of(ready, ready.technician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Positioning")
        assert not page.sheet.photo.isEnabled()
        page.table.selectRow(0)
        assert page.sheet.photo.isEnabled()
        page.sheet.photo.click()
        qtbot.waitUntil(lambda: page.right.currentWidget() is page.photo, timeout=PATIENCE_MS)
        assert not unnamed(page)
        assert "Paula Example" in page.photo.whose.text()
        assert page.photo.picture.pixmap().width() >= 150
        page.look()  # another look takes it not away
        idle(qtbot, page)
        assert page.right.currentWidget() is page.photo
        page.photo.back.click()
        assert page.right.currentWidget() is page.sheet
        page.sheet.photo.click()
        qtbot.waitUntil(lambda: page.right.currentWidget() is page.photo, timeout=PATIENCE_MS)
        idle(qtbot, page)
        page.left()
        assert page.right.currentWidget() is page.sheet
        assert page.photo.picture.pixmap().isNull()


def test_bytes_that_are_no_picture_are_said_to_be_none() -> None:
    with pytest.raises(ContentError, match="cannot be shown"):
        decoded(b"\x89PNG\r\n\x1a\n and no more")


def test_a_prescription_is_changed_from_the_patients_sheet(qtbot: QtBot, ready: Ready) -> None:
    with page_of(ready, ready.physician, PatientsPage) as page:
        open_section(qtbot, page, ready, "Prescriptions")
        assert not page.sheet.edit.isEnabled()
        page.table.selectRow(0)
        with qtbot.waitSignal(page.bridge.prescription_wanted) as wanted:
            page.sheet.edit.click()
        assert wanted.args == [ready.made.uid]
        page.bridge.login = ready.clinic.people[Role.QA]
        page.look()
        idle(qtbot, page)
        assert not page.sheet.edit.isVisible()
