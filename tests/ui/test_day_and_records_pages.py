"""Today, Patients and Records as widgets: what is shown, pressed, typed, refused and cancelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.clinic.sessions import Past, treated
from tests.delivery.treatments import Ready, ago, make_ready
from tests.ui.decisions import OFFSCREEN, PATIENCE_MS, idle, page_of, types, unnamed
from tms_console.accounts.roles import Role
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.delivery.order import EmulatorOrder
from tms_console.demonstration import Demonstration
from tms_console.ui.app import Window
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.making import Making, Progress
from tms_console.ui.pages.patients import PatientsPage
from tms_console.ui.pages.records import AUDIT, CHECKS, EXPORT, SESSIONS, RecordsPage
from tms_console.ui.pages.today import DayRow, TodayPage
from tms_console.ui.record_checks import RecordChecks
from tms_console.ui.theme import LIGHT

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


def told(widget: QWidget) -> str:
    """Everything that a widget says."""
    return "\n".join(one.text() for one in widget.findChildren(QLabel))


def test_a_click_on_a_patient_of_the_day_leads_to_their_page(qtbot: QtBot, ready: Ready) -> None:
    with page_of(ready, ready.technician, TodayPage) as page:
        went: list[str] = []
        page.bridge.page_wanted.connect(went.append)
        idle(qtbot, page)
        (row,) = page.findChildren(DayRow)
        assert "Paula Example" in row.accessibleName()
        assert not unnamed(page)
        row.action.setFocus()
        qtbot.keyClick(row.action, Qt.Key.Key_Space)
        assert went == ["treat"]
        assert page.bridge.patient_uid == ready.patient_uid


def test_today_is_read_again_when_somebody_writes_and_only_while_it_is_in_view(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.technician, TodayPage) as page:
        idle(qtbot, page)
        add_patient(
            ready.station, ready.technician, PatientDetails("B", "1990-01-02", Sex.MALE, "9")
        )
        page.bridge.record_changed.emit()
        idle(qtbot, page)
        assert len(page.findChildren(DayRow)) == 2
        page.left()
        page.bridge.record_changed.emit()
        assert page.bridge.worker._waiting == 0
        page.entered()


def test_a_day_that_cannot_be_read_is_said_with_what_it_means(qtbot: QtBot, ready: Ready) -> None:
    with page_of(ready, ready.technician, TodayPage) as page:
        idle(qtbot, page)
        page.show_failure("The record is not what this console wrote.")
        assert "The day cannot be shown" in told(page)
        assert "Treat nobody from memory" in told(page)
        page.look()
        idle(qtbot, page)
        assert len(page.findChildren(DayRow)) == 1


def test_a_patient_is_found_by_typing_and_shown_with_their_record(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        idle(qtbot, page)
        types(qtbot, page.search, "zzz")
        qtbot.waitUntil(lambda: "zzz" in page.nobody.text(), timeout=PATIENCE_MS)
        page.search.clear()
        qtbot.waitUntil(lambda: len(page.found.words.table.lines) == 1, timeout=PATIENCE_MS)
        page.found.selectRow(0)
        idle(qtbot, page)
        assert page.who_name.text() == "Paula Example"
        assert not unnamed(page)
        page.show_section("Forms")
        assert len(page.table.words.table.lines) == 5
        page.show_section("Adverse events")
        assert page.nothing.text() == "Nothing was reported."


def test_a_patient_is_added_and_a_twin_only_when_somebody_says_so(
    qtbot: QtBot, ready: Ready
) -> None:
    """Two records of one person, or one of two, are both dangerous."""
    with page_of(ready, ready.technician, PatientsPage) as page:
        idle(qtbot, page)
        page.add.click()
        types(qtbot, page.form.name, "Paula Example")
        types(qtbot, page.form.birth_date, "1984-02-29")
        page.form.save.click()
        assert "the record number is empty" in told(page.form)
        types(qtbot, page.form.record_number, "B-2")
        page.form.save.click()
        idle(qtbot, page)
        assert page.form.another.isVisible()
        assert "is on record with the same name and birth date" in told(page.form)
        page.form.another.click()
        qtbot.waitUntil(lambda: page.right.currentWidget() is page.sheet, timeout=PATIENCE_MS)
        idle(qtbot, page)
        assert len(page.found.words.table.lines) == 2
        assert page.bridge.patient_uid != ready.patient_uid


def test_a_change_is_a_new_version_and_one_that_changes_nothing_is_refused(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        page.bridge.set_patient(ready.patient_uid)
        idle(qtbot, page)
        page.change.click()
        page.form.save.click()
        idle(qtbot, page)
        assert "Nothing was changed" in told(page.form)
        page.form.alerts.setPlainText("faints at the sight of needles")
        page.form.save.click()
        qtbot.waitUntil(lambda: page.right.currentWidget() is page.sheet, timeout=PATIENCE_MS)
        idle(qtbot, page)
        assert "faints at the sight of needles" in told(page.sheet)
        page.show_section("Changes")
        assert len(page.table.words.table.lines) == 2
        page.change.click()
        page.form.cancel.click()
        assert page.right.currentWidget() is page.sheet


def test_a_physician_without_the_right_to_edit_would_see_no_button_for_it(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.clinic.people[Role.QA], PatientsPage) as page:
        assert not page.add.isVisible()
        idle(qtbot, page)


def test_patients_that_cannot_be_read_are_said_so(qtbot: QtBot, ready: Ready) -> None:
    with page_of(ready, ready.technician, PatientsPage) as page:
        idle(qtbot, page)
        page.show_failure("It is damaged.")
        assert "The patients cannot be shown" in told(page)


def test_a_session_shows_its_numbers_plot_pulses_and_events(qtbot: QtBot, ready: Ready) -> None:
    treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20)))
    with page_of(ready, ready.technician, RecordsPage) as page:
        idle(qtbot, page)
        page.table.selectRow(0)
        idle(qtbot, page)
        assert page.right.currentWidget() is page.detail
        assert len(page.pulses.words.table.lines) == 4
        assert "2" not in page.plot.accessibleName()
        assert not unnamed(page)
        types(qtbot, page.search, "nobody at all")
        qtbot.waitUntil(lambda: not page.table.words.table.lines, timeout=PATIENCE_MS)
        page.bridge.set_theme(LIGHT)
        page.show_failure("It is damaged.")
        assert "Verify the record" in told(page)


def test_the_audit_trail_goes_back_to_its_first_row(qtbot: QtBot, ready: Ready) -> None:
    with page_of(ready, ready.technician, RecordsPage) as page:
        page.show_tab(AUDIT)
        idle(qtbot, page)
        assert page.chain.words.table.lines[-1].key == "1"
        assert not page.older.isEnabled()
        page.newest.click()
        idle(qtbot, page)


def test_the_record_is_verified_in_the_background_and_said_to_be_sound(
    qtbot: QtBot, ready: Ready
) -> None:
    with page_of(ready, ready.physician, RecordsPage) as page:
        page.show_tab(CHECKS)
        idle(qtbot, page)
        page.checks.verify.click()
        assert page.checks.progress.isVisible()
        assert not page.checks.verify.isEnabled()
        qtbot.waitUntil(lambda: "Sound: " in told(page.checks), timeout=PATIENCE_MS)
        assert not page.checks.progress.isVisible()
        assert page.checks.verify.isEnabled()


def test_a_verification_can_be_cancelled(qtbot: QtBot, ready: Ready) -> None:
    """The record of ten years takes minutes."""
    treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20)))
    with page_of(ready, ready.physician, RecordsPage) as page:
        checks = page.checks
        page.show_tab(CHECKS)
        idle(qtbot, page)
        checks.verify.click()
        checks.cancel.click()
        qtbot.waitUntil(lambda: "was cancelled" in told(checks), timeout=PATIENCE_MS)
        assert "Nothing was changed" in told(checks)


def test_a_backup_is_made_verified_and_noted(qtbot: QtBot, ready: Ready, tmp_path: Path) -> None:
    with page_of(ready, ready.technician, RecordsPage) as page:
        checks: RecordChecks = page.checks
        page.show_tab(CHECKS)
        idle(qtbot, page)
        assert "One is due" in checks.due.text()
        checks.folder.setText(str(tmp_path / "elsewhere"))
        checks.copy.click()
        qtbot.waitUntil(lambda: "A verified copy is at" in told(checks), timeout=PATIENCE_MS)
        assert len(list((tmp_path / "elsewhere").glob("*.db"))) == 1
        qtbot.waitUntil(lambda: "tomorrow" in checks.due.text(), timeout=PATIENCE_MS)


def test_a_backup_that_fails_says_that_the_record_is_untouched(
    qtbot: QtBot, ready: Ready, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("no folder")
    with page_of(ready, ready.technician, RecordsPage) as page:
        page.show_tab(CHECKS)
        idle(qtbot, page)
        page.checks.folder.setText(str(tmp_path / "a file"))
        page.checks.copy.click()
        qtbot.waitUntil(lambda: "no new backup" in told(page.checks), timeout=PATIENCE_MS)
        assert "untouched" in told(page.checks)


def test_sessions_are_exported_from_the_window_without_names_unless_asked(
    qtbot: QtBot, ready: Ready, tmp_path: Path
) -> None:
    treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20)))
    with page_of(ready, ready.technician, RecordsPage) as page:
        export = page.export
        idle(qtbot, page)
        page.show_tab(EXPORT)
        assert not unnamed(page)
        assert not export.one.isEnabled()
        assert export.listed.isChecked()
        export.target.setText(str(tmp_path / "out"))
        export.start.click()
        qtbot.waitUntil(lambda: "1 session, " in told(export), timeout=PATIENCE_MS)
        assert not (tmp_path / "out" / "patients.json").exists()
        assert (tmp_path / "out" / "manifest.sha256").exists()
        export.target.setText(str(tmp_path / "out"))
        export.start.click()
        qtbot.waitUntil(lambda: "is there already" in told(export), timeout=PATIENCE_MS)
        page.bridge.set_patient(ready.patient_uid)
        page.show_tab(SESSIONS)
        idle(qtbot, page)
        page.table.selectRow(0)
        page.show_tab(EXPORT)
        assert export.one.isEnabled()
        export.patients.setChecked(True)
        export.named.setChecked(True)
        export.target.setText(str(tmp_path / "named.zip"))
        export.start.click()
        qtbot.waitUntil(lambda: "named.zip" in told(export), timeout=PATIENCE_MS)
        idle(qtbot, page)


def test_the_frame_shows_the_patient_the_day_and_how_the_record_stands(
    qtbot: QtBot, ready: Ready
) -> None:
    device = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
    window = Window(Bridge(ready.station, device, Demonstration(())))
    bridge, shell = window.bridge, window.shell
    try:
        shell.show()
        bridge.set_login(ready.technician)
        qtbot.waitUntil(lambda: bridge.worker._waiting == 0, timeout=PATIENCE_MS)
        assert shell.title.text() == "Today"
        assert shell.subtitle.text().endswith("1 patient")
        assert "No backup yet" in told(shell)
        page = shell._pages["today"]
        page.of_patient = True
        bridge.set_patient(ready.patient_uid)
        qtbot.waitUntil(lambda: shell.title.text() == "Paula Example", timeout=PATIENCE_MS)
        assert "record number A-17" in shell.subtitle.text()
    finally:
        window.close()


def test_what_is_made_shows_its_progress_and_can_be_given_up(qtbot: QtBot) -> None:
    steps: list[int] = []

    def make(progress: Progress) -> None:
        for done in range(1, 4):
            steps.append(done)
            progress(done, 3)

    making = Making(make)
    qtbot.addWidget(making)
    making.show()
    try:
        with qtbot.waitSignal(making.made, timeout=PATIENCE_MS):
            making.start()
        qtbot.waitUntil(lambda: making.bar.value() == 3, timeout=PATIENCE_MS)
    finally:
        making.give_up()
    assert steps == [1, 2, 3]
    assert [one.accessibleName() for one in making.findChildren(QPushButton)] == ["Cancel"]


def test_what_goes_wrong_while_it_is_made_is_said_and_a_closed_window_says_nothing(
    qtbot: QtBot,
) -> None:
    def make(_progress: Progress) -> None:
        raise OSError("the disk is full")

    said: list[str] = []
    making = Making(make)
    qtbot.addWidget(making)
    making.failed.connect(said.append)
    making.start()
    qtbot.waitUntil(lambda: said == ["the disk is full"], timeout=PATIENCE_MS)
    making.give_up()
    given_up = Making(lambda progress: progress(1, 2))
    qtbot.addWidget(given_up)
    given_up.failed.connect(said.append)
    given_up._unwanted = True
    given_up.start()
    qtbot.waitUntil(lambda: said[1:] == [""], timeout=PATIENCE_MS)
    given_up.give_up()
