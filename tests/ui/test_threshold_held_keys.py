"""Keys held down, pressed twice or too early in a search: one stimulus, one answer each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from protocols.threshold import Answer
from tests.ui.decisions import OFFSCREEN
from tests.ui.finders import Finder, finding
from tms_console.delivery import pipe

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def finder(qtbot: QtBot, tmp_path: Path) -> Iterator[Finder]:
    with finding(qtbot, tmp_path) as made:
        made.start()
        made.wait(lambda: made.screen.can_stimulate, "S")
        yield made


@pytest.fixture
def sent(finder: Finder, monkeypatch: pytest.MonkeyPatch) -> list[pipe.Command]:
    """What the window says to the delivering process from here on, besides that it lives."""
    link, said = finder.demo.bridge.link, list[pipe.Command]()
    send = link._send

    def listening(command: pipe.Command) -> bool:
        if not isinstance(command, pipe.Beat | pipe.SetIntensity):
            said.append(command)
        return send(command)

    monkeypatch.setattr(link, "_send", listening)
    return said


def hold(key: Qt.Key, text: str, repeats: int = 8) -> None:
    """Press a key and keep it down, as the system tells of it: presses that repeat."""
    at = QApplication.focusWidget()
    assert at is not None
    no = Qt.KeyboardModifier.NoModifier
    QTest.simulateEvent(at, True, key.value, no, text, False, -1)
    for _ in range(repeats):
        QApplication.processEvents()
        at = QApplication.focusWidget() or at
        QTest.simulateEvent(at, True, key.value, no, text, True, -1)


def given_up(finder: Finder) -> None:
    finder.wait(lambda: finder.screen.can_answer, "the answer")


def test_s_held_down_orders_one_stimulus_and_none_after_it(
    finder: Finder, sent: list[pipe.Command]
) -> None:
    hold(Qt.Key.Key_S, "s")
    given_up(finder)
    hold(Qt.Key.Key_M, "m")
    finder.wait(lambda: finder.screen.can_stimulate, "S again")
    at = QApplication.focusWidget()
    assert at is not None
    for _ in range(8):  # still down
        QTest.simulateEvent(at, True, Qt.Key.Key_S.value, Qt.KeyboardModifier.NoModifier, "s", True)
    finder.demo.qtbot.waitUntil(lambda: finder.screen.can_stimulate)
    assert [type(one) for one in sent] == [pipe.GiveStimulus, pipe.SayInFinding]
    assert len(finder.page.running.log.given) == 1


def test_s_pressed_twice_before_anything_came_back_orders_one_stimulus(
    finder: Finder, sent: list[pipe.Command]
) -> None:
    finder.keys.press(Qt.Key.Key_S)
    finder.keys.press(Qt.Key.Key_S)
    given_up(finder)
    finder.keys.press(Qt.Key.Key_S)
    assert [type(one) for one in sent] == [pipe.GiveStimulus]


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_enter_or_space_held_down_on_a_clicked_button_orders_nothing(
    finder: Finder, sent: list[pipe.Command], key: Qt.Key
) -> None:
    """The mouse has just been on Stimulate: no other key may give the next one."""
    finder.demo.click(finder.page.during.stimulate)
    given_up(finder)
    finder.demo.click(finder.page.during.moved)
    finder.wait(lambda: finder.screen.can_stimulate, "S again")
    finder.page.during.setFocus()
    hold(key, "")
    assert [type(one) for one in sent] == [pipe.GiveStimulus, pipe.SayInFinding]


def test_u_held_down_takes_one_answer_back(finder: Finder, sent: list[pipe.Command]) -> None:
    for seen in (Answer.MOVED, Answer.STILL):
        finder.stimulate()
        finder.answer(seen)
        finder.wait(lambda: finder.screen.can_stimulate, "S again")
    sent.clear()
    hold(Qt.Key.Key_U, "u")
    log = finder.page.running.log
    assert [one.answer for one in log.given] == [Answer.MOVED, None]
    assert log.taken_back == len(sent) == 1


@pytest.mark.parametrize("key", [Qt.Key.Key_M, Qt.Key.Key_N, Qt.Key.Key_C, Qt.Key.Key_U])
def test_an_answer_before_the_stimulus_was_seen_to_be_given_counts_for_nothing(
    finder: Finder, sent: list[pipe.Command], key: Qt.Key
) -> None:
    finder.keys.press(Qt.Key.Key_S)
    finder.keys.press(key)
    given_up(finder)
    assert [type(one) for one in sent] == [pipe.GiveStimulus]
    assert finder.page.running.log.waits_for_answer


def test_an_answer_that_is_pressed_twice_is_said_once(
    finder: Finder, sent: list[pipe.Command]
) -> None:
    finder.keys.press(Qt.Key.Key_S)
    given_up(finder)
    finder.keys.press(Qt.Key.Key_M)
    finder.keys.press(Qt.Key.Key_N)
    (_, said) = sent
    assert isinstance(said, pipe.SayInFinding)
    assert finder.page.running.log.given[0].answer is Answer.MOVED
