"""QA with the real delivering process: a run, its comparison, and the saved report."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.clinic.prescribing import make_practice
from tests.ui.decisions import OFFSCREEN, PATIENCE_MS, page_of, unnamed
from tms_console.accounts.roles import Role
from tms_console.records.queries import list_sessions
from tms_console.screens.qa_report import report_is_whole
from tms_console.ui.link import SessionView
from tms_console.ui.pages import qa as qa_page
from tms_console.ui.pages.qa import QaPage

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


def test_a_run_with_a_fault_is_compared_saved_and_kept_out_of_the_clinic(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    who = practice.clinic.people[Role.QA]
    with page_of(practice, who, QaPage, process=True) as page:
        assert not unnamed(page)
        page.protocol.setCurrentIndex(page.protocol.findData("itbs-600"))
        page.fault.setCurrentIndex(page.fault.findData("hang"))
        page._add_fault()
        page._drop_fault("hang@20")
        page.fault.setCurrentIndex(page.fault.findData("drop_pulse"))
        page._add_fault()
        page._add_fault()
        assert page._faults == ["drop_pulse@20"]
        page.run_button.click()
        qtbot.waitUntil(lambda: page.result is not None, timeout=PATIENCE_MS)
        assert page.result is not None
        assert page.result.passed, page.result.checks
        assert page.verdict.text() == "● As expected"
        page.report_button.click()
        qtbot.waitUntil(lambda: page.report is not None, timeout=PATIENCE_MS)
        assert page.report is not None
        assert report_is_whole(page.report.json_path.read_text("utf-8"))
        assert list_sessions(practice.station.database) == ()
        page._save()
        qtbot.waitUntil(lambda: "not saved" in page.report_told.text(), timeout=PATIENCE_MS)


def test_a_run_in_real_time_is_stopped(qtbot: QtBot, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.technician, QaPage, process=True) as page:
        page.protocol.setCurrentIndex(page.protocol.findData("hf10-dash"))
        page.virtual.setChecked(False)
        page.run_button.click()
        qtbot.waitUntil(
            lambda: page.stop_button.isVisible() and page.progress.value() > 0,
            timeout=PATIENCE_MS,
        )
        page._start()
        assert "QA waits" in page.told.text()
        page.stop_button.click()
        qtbot.waitUntil(lambda: page.result is not None, timeout=PATIENCE_MS)
        assert page.result is not None
        assert not page.result.passed
        assert page.verdict.text() == "✕ Not as expected"


def test_a_run_that_was_being_prepared_at_a_log_out_does_not_begin(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.technician, QaPage, process=True) as page:
        page.run_button.click()
        page.bridge.set_login(None)
        qtbot.waitUntil(lambda: page.bridge.worker._waiting == 0, timeout=PATIENCE_MS)
        assert not page.bridge.link.running
        assert "nothing was run" in page.told.text()
        assert page.run_button.isEnabled()


def test_what_cannot_be_run_or_read_is_told_beside_the_form(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.technician, QaPage) as page:
        page.threshold.setValue(100)
        page.run_button.click()
        qtbot.waitUntil(page.told.isVisible, timeout=PATIENCE_MS)
        assert page.told.text().startswith("It was not run:")
        assert page.run_button.isEnabled()
        page.threshold.setValue(45)

        def unreadable(*_: object) -> None:
            raise OSError("the disk is gone")

        monkeypatch.setattr(qa_page, "result_of", unreadable)
        page.run_button.click()
        qtbot.waitUntil(lambda: "could not be read" in page.told.text(), timeout=PATIENCE_MS)
        assert page.empty.isVisible()
        page._session(SessionView())
