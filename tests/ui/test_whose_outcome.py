"""What came of a session is seen as its own patient's, whoever was chosen while it ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.clinic.prescribing import PATIENT
from tests.ui.decisions import OFFSCREEN
from tests.ui.starting import Starting, starting_on
from tests.ui.treating import PATIENCE_MS
from tms_console.clinic.patients import add_patient
from tms_console.delivery.order import SessionOrder
from tms_console.ui.link import SessionView
from tms_console.ui.pages.threshold import ThresholdPage
from tms_console.ui.pages.treat import TreatPage

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture(params=["treat", "threshold"])
def starting(request: pytest.FixtureRequest, qtbot: QtBot, tmp_path: Path) -> Iterator[Starting]:
    with starting_on(request.param, qtbot, tmp_path) as made:
        yield made


def another_patient(starting: Starting) -> str:
    ready = starting.demo.ready
    details = replace(PATIENT, name="Another Person", record_number="another")
    return add_patient(ready.station, ready.technician, details)


def shows(starting: Starting, part: object) -> None:
    starting.demo.qtbot.waitUntil(
        lambda: starting.page.stack.currentWidget() is part, timeout=PATIENCE_MS
    )


def test_what_came_of_a_session_is_shown_as_its_own_patients(starting: Starting) -> None:
    demo, page, bridge = starting.demo, starting.page, starting.demo.bridge
    assert isinstance(page, TreatPage | ThresholdPage)
    another = another_patient(starting)
    starting.press_start()
    starting.running()
    uid = bridge.link.view.session_uid
    bridge.go("patients")
    bridge.set_patient(another)
    starting.stop()
    assert bridge.patient_uid == another
    bridge.go(page.name)
    shows(starting, page.after)
    assert bridge.patient_uid == demo.ready.patient_uid
    assert page.after.screen_now is not None
    assert page.after.screen_now.session_uid == uid
    bridge.set_patient(another)
    demo.idle()
    assert page.stack.currentWidget() is not page.after  # nothing of it stays with another
    bridge.go("patients")
    bridge.go(page.name)
    demo.idle()
    assert bridge.patient_uid == another  # it was seen: nobody is brought back to it again


def test_why_nothing_was_started_is_told_with_its_own_patient(
    starting: Starting, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, page, link = starting.demo, starting.page, starting.demo.bridge.link
    another, begin = another_patient(starting), link.begin

    def otherwise(order: SessionOrder) -> None:
        begin(replace(order, digest="0" * 64))

    def leave(view: SessionView) -> None:
        if view.running and demo.bridge.patient_uid != another:
            demo.bridge.go("patients")
            demo.bridge.set_patient(another)

    monkeypatch.setattr(link, "begin", otherwise)
    link.view_changed.connect(leave)
    starting.press_start()
    demo.qtbot.waitUntil(lambda: link.view.over is not None, timeout=PATIENCE_MS)
    link.view_changed.disconnect(leave)
    demo.idle()
    assert link.view.session_uid == ""
    assert demo.bridge.patient_uid == another
    demo.bridge.go(page.name)
    shows(starting, page.before)
    assert demo.bridge.patient_uid == demo.ready.patient_uid
    assert "does not hold" in " ".join(starting.told)
    demo.bridge.set_patient(another)
    demo.idle()
    assert starting.told == []
