"""A threshold found in the whole window by keyboard alone; a mistaken key, an aborted series."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from protocols.threshold import Answer, Finding
from tests.ui.decisions import OFFSCREEN
from tests.ui.finders import Finder, finding
from tms_console.clinic.series import read_series, series_of
from tms_console.clinic.thresholds import Threshold, thresholds_of
from tms_console.records.finding_rows import finding_log
from tms_console.ui.pages.patients import PatientsPage

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)

ANSWERS = {True: Answer.MOVED, False: Answer.STILL, None: Answer.UNCLEAR}


@pytest.fixture
def finder(qtbot: QtBot, tmp_path: Path) -> Iterator[Finder]:
    with finding(qtbot, tmp_path) as made:
        yield made


def newest(finder: Finder) -> Threshold:
    ready = finder.demo.ready
    with ready.trusting() as trusted:
        return thresholds_of(trusted, ready.patient_uid)[-1]


def test_a_whole_threshold_by_keyboard_alone_replays_bit_for_bit(finder: Finder) -> None:
    before = newest(finder)
    finder.start()
    running = finder.page.running
    while not any(one.answer is Answer.MOVED for one in running.log.given):
        finder.answer(finder.stimulate())
        finder.wait(lambda: finder.screen.can_move, "the search goes on")
        finder.keys.press(Qt.Key.Key_PageUp, held=Qt.KeyboardModifier.ControlModifier)
    finder.keys.press(Qt.Key.Key_Right, held=Qt.KeyboardModifier.AltModifier)
    finder.keys.press(Qt.Key.Key_Left, held=Qt.KeyboardModifier.AltModifier)
    finder.keys.work("Begin the threshold here")
    seen = finder.stimulate()
    wrong = Answer.STILL if seen is Answer.MOVED else Answer.MOVED
    finder.answer(wrong)  # a mistaken key
    finder.wait(lambda: finder.screen.can_take_back, "U")
    finder.keys.press(Qt.Key.Key_U)
    finder.wait(lambda: finder.screen.can_answer, "the answer again")
    finder.answer(seen)
    while running.standing is None or not running.standing.finished:
        finder.wait(
            lambda: (
                running.standing is not None
                and (running.standing.finished or finder.screen.can_stimulate)
            ),
            "the next one",
        )
        if running.standing is not None and running.standing.finished:
            break
        finder.answer(finder.stimulate())
    shown = running.standing
    assert shown is not None
    assert running.log.taken_back == 1
    finder.wait(lambda: finder.screen.value is not None, "a value")
    value = finder.screen.value
    finder.keys.work(f"Accept {value} %MSO")
    finder.wait(lambda: finder.page.stack.currentWidget() is finder.page.after, "the end")
    finder.demo.idle()
    finder.wait(lambda: not finder.page.after.record.isVisible(), "the record")
    found = newest(finder).measured
    assert found.session_uid is not None
    assert found.value_pct_mso == value
    assert newest(finder).uid != before.uid
    assert found.found is not None
    again = Finding(found.found.settings)
    for one in found.stimuli:
        again = again.record(ANSWERS[one.answered], one.intensity_pct_mso)
    told = (found.found.estimate, found.found.low, found.found.high)
    replayed = again.standing
    assert told == tuple(
        repr(one) for one in (replayed.estimate_pct_mso, replayed.low, replayed.high)
    )
    assert (shown.estimate_pct_mso, shown.low, shown.high) == (
        replayed.estimate_pct_mso,
        replayed.low,
        replayed.high,
    )
    ready = finder.demo.ready
    with ready.trusting() as trusted:
        series = read_series(trusted, ready.station.database, found.session_uid)
    assert series.log.series == running.log.series
    assert "than the last" in finder.page.after.change.text()


def test_a_search_that_esc_stopped_is_kept_and_marked(finder: Finder) -> None:
    finder.start()
    finder.answer(finder.stimulate())
    finder.wait(lambda: finder.screen.can_move, "the search goes on")
    finder.keys.press(Qt.Key.Key_Escape)
    finder.wait(lambda: finder.page.stack.currentWidget() is finder.page.after, "the end")
    finder.demo.idle()
    assert finder.page.after.title.text() == "Aborted: stopped"
    assert not finder.page.after.record.isVisible()
    ready = finder.demo.ready
    with ready.trusting() as trusted:
        (series,) = series_of(trusted, ready.station.database, ready.patient_uid)
    assert series.standing == "aborted (stopped)"
    assert len(series.log.given) == 1
    finder.keys.work("Done")
    finder.wait(lambda: finder.page.stack.currentWidget() is finder.page.before, "the list")
    assert "aborted (stopped)" in finder.page.before.screen_now.earlier[0][1]


def test_a_series_is_found_again_from_the_patients_history(finder: Finder) -> None:
    finder.start()
    finder.wait(lambda: finder.screen.can_move, "the search")
    finder.keys.press(Qt.Key.Key_Escape)
    finder.wait(lambda: finder.page.stack.currentWidget() is finder.page.after, "the end")
    finder.demo.idle()
    uid = finder.page.after.screen_now.session_uid
    finder.keys.work("Done")
    finder.demo.idle()
    finder.demo.bridge.go("patients")
    finder.demo.idle()
    patients = finder.demo.shell._pages["patients"]
    assert isinstance(patients, PatientsPage)
    sheet = patients.sheet
    finder.wait(lambda: sheet._shown is not None, "the patient")
    sheet.show_section("Sessions")
    lines = dict(sheet._shown.sections)["Sessions"].lines
    assert lines[0].key == uid
    assert lines[0].cells[1:3] == ("threshold search", "aborted (stopped)")
    sheet.table.selectRow(0)
    assert sheet.series.isEnabled()
    finder.keys.work("Show the chosen search for a threshold")
    finder.wait(lambda: finder.page.stack.currentWidget() is finder.page.after, "the series")
    assert finder.page.after.screen_now.session_uid == uid
    assert finder.page.after.title.text() == "Aborted: stopped"


def test_a_killed_delivering_process_leaves_a_series_that_says_so(finder: Finder) -> None:
    finder.start()
    finder.answer(finder.stimulate())
    finder.wait(lambda: finder.screen.can_move, "the search goes on")
    page, ready, client = finder.page, finder.demo.ready, finder.demo.bridge.link._client
    uid, database = finder.demo.bridge.link.view.session_uid, ready.station.database
    finder.wait(lambda: len(finding_log(database, uid).given) == 1, "the stimulus on disk")
    finder.wait(lambda: not finding_log(database, uid).waits_for_answer, "the answer on disk")
    assert client is not None
    os.kill(client.pid, signal.SIGKILL)
    finder.wait(lambda: page.stack.currentWidget() is page.after, "the end")
    finder.demo.idle()
    finder.wait(lambda: page.after.title.text() == "Aborted: interrupted", "it is settled")
    with ready.trusting() as trusted:
        (series,) = series_of(trusted, database, ready.patient_uid)
    assert series.standing == "aborted (interrupted)"
    assert series.log == page.running.log


def test_keys_do_nothing_while_the_screen_is_locked(finder: Finder) -> None:
    """Nobody who is not logged in gives a stimulus or an answer; Esc still stops."""
    finder.start()
    finder.wait(lambda: finder.screen.can_stimulate, "S")
    finder.keys.press(Qt.Key.Key_L, held=Qt.KeyboardModifier.ControlModifier)
    login = finder.demo.bridge.login
    assert login is not None
    finder.wait(lambda: login.locked, "the lock")
    finder.demo.idle()
    finder.keys.press(Qt.Key.Key_S)
    assert finder.page.running._ordered == (0, 0)
    finder.page.running.stimulate()
    assert finder.page.running._ordered == (0, 0)
    finder.keys.press(Qt.Key.Key_Escape)
    finder.wait(lambda: not finder.demo.bridge.link.running, "the end")
    finder.demo.idle()
    assert finder.page.running.log.given == ()
