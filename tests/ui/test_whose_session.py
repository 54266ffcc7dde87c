"""Whose session runs is said of that patient and of nobody else; a rehearsal is nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.ui.decisions import OFFSCREEN
from tests.ui.treating import PATIENCE_MS, Treating, treating
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.ui.pages.qa import QaPage
from tms_console.ui.pages.today import DayRow

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        yield made


def rows(demo: Treating) -> dict[str, str]:
    """Return what Today says of each patient."""
    demo.bridge.go("today")
    demo.idle()
    found = demo.shell.findChildren(DayRow)
    return {
        one.accessibleName(): " ".join(label.text() for label in one.findChildren(QLabel))
        for one in found
    }


def test_today_says_running_of_who_is_treated_and_not_of_who_is_looked_at(demo: Treating) -> None:
    details = PatientDetails("Other, Otto", "1990-01-02", Sex.MALE, "O-1")
    other = add_patient(demo.ready.station, demo.ready.technician, details)
    demo.start()
    demo.wait("resting")
    demo.bridge.go("patients")
    demo.bridge.set_patient(other)
    told = rows(demo)
    running = [name for name, text in told.items() if "running" in f"{name} {text}"]
    assert len(running) == 1
    assert "Paula Example" in running[0]
    demo.bridge.go("treat")
    assert demo.bridge.patient_uid == demo.ready.patient_uid
    demo.click(demo.page.during.stop_button)
    demo.over()
    demo.sees(demo.page.after)
    demo.idle()


def test_a_rehearsal_runs_for_nobody_and_treat_says_so(demo: Treating) -> None:
    """Also on the Treat page, which must not show a session of somebody who is not treated."""
    demo.sees(demo.page.before)
    demo.bridge.go("qa")
    demo.idle()
    page = demo.shell._pages["qa"]
    assert isinstance(page, QaPage)
    page.virtual.setChecked(False)
    demo.click(page.run_button)
    demo.qtbot.waitUntil(lambda: demo.bridge.link.running, timeout=PATIENCE_MS)
    assert not any("running" in f"{name} {text}" for name, text in rows(demo).items())
    demo.bridge.go("treat")
    assert demo.page.stack.currentWidget() is demo.page.message
    said = [one.text() for one in demo.page.message.findChildren(QLabel)]
    assert "A rehearsal is running" in said
    demo.bridge.link.stop("enough")
    demo.over()
    demo.sees(demo.page.before)
    demo.idle()


def test_a_running_session_is_left_neither_by_closing_nor_by_logging_out(demo: Treating) -> None:
    """Nor is the window drawn anew meanwhile: it would miss heartbeats.  Each says why not."""
    demo.start()
    demo.wait("resting")
    login, tokens, shell = demo.bridge.login, demo.bridge.tokens, demo.shell

    assert not shell.close()
    assert shell.isVisible()
    assert "Stop it before you close" in shell.message_text.text()
    demo.click(shell.leave_button)
    assert demo.bridge.login is login
    assert "lock the screen instead" in shell.message_text.text()
    demo.click(shell.theme_button)
    assert demo.bridge.tokens is tokens
    assert "when the session is over" in shell.message_text.text()
    assert demo.bridge.link.running

    demo.click(demo.page.during.stop_button)
    demo.over()
    demo.sees(demo.page.after)
    demo.idle()
