"""What is asked for in a search for a threshold and is not done is told, in the whole window."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from protocols.finding_log import Answered, Decided, MethodBegun, Verdict
from protocols.threshold import Answer, Settings
from tests.ui.decisions import OFFSCREEN
from tests.ui.finders import Finder, finding
from tms_console.clinic.thresholds import thresholds_of

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def finder(qtbot: QtBot, tmp_path: Path) -> Iterator[Finder]:
    with finding(qtbot, tmp_path) as made:
        made.start()
        made.wait(lambda: made.screen.can_stimulate, "S")
        yield made


def told(finder: Finder) -> str:
    return finder.page.during.told.text()


def test_an_accept_that_is_refused_is_told_and_not_taken_for_accepted(finder: Finder) -> None:
    link, running = finder.demo.bridge.link, finder.page.running
    running.accepted = True
    link.say_in_finding(Decided(Verdict.ACCEPTED, 44), finder.demo.bridge.user_uid)
    finder.wait(lambda: told(finder) != "", "the sentence")
    assert told(finder).startswith("Refused Accept: the series has no result")
    assert not running.accepted
    assert finder.screen.can_stimulate


def test_an_order_of_which_nothing_came_is_told_and_can_be_given_again(
    finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = finder.page.running
    with monkeypatch.context() as lost:
        lost.setattr(finder.demo.bridge.link, "give_stimulus", lambda *_: True)
        finder.keys.press(Qt.Key.Key_S)
    assert running._ordered[0] == 1
    assert not finder.screen.can_stimulate
    running._ordered_at_s -= 10
    finder.wait(lambda: told(finder) != "", "the sentence")
    assert "Stimulus 1 at" in told(finder)
    assert "nothing came of it" in told(finder)
    finder.stimulate()
    assert told(finder) == ""
    assert len(running.log.given) == 1


def test_a_stimulus_that_was_given_up_too_early_is_counted_when_it_was_given(
    finder: Finder,
) -> None:
    running = finder.page.running
    finder.keys.press(Qt.Key.Key_S)
    running._ordered = (0, 0)
    finder.wait(lambda: len(running.log.given) == 1, "the stimulus")
    assert running.log.waits_for_answer


def test_an_order_that_the_session_refuses_is_told_at_once(finder: Finder) -> None:
    """It is not waited for, and the next one may be ordered."""
    running = finder.page.running
    link, set_to = finder.demo.bridge.link, finder.screen.set_to
    running._ordered = running._last_order = (1, set_to)
    running._ordered_at_s = time.monotonic() + 1000  # not over before the refusal is read
    link.give_stimulus(1, set_to + 1)
    finder.wait(lambda: told(finder) != "", "the sentence")
    assert told(finder).startswith(f"Refused stimulus 1 at {set_to + 1} %MSO: the next one is")
    assert running._ordered == (0, 0)
    assert finder.screen.can_stimulate


def test_an_answer_that_the_record_did_not_take_stops_the_search(finder: Finder) -> None:
    """What is shown and what is on record have come apart: nothing more is given."""
    link = finder.demo.bridge.link
    link.say_in_finding(Answered(1, Answer.MOVED), finder.demo.bridge.user_uid)
    finder.wait(lambda: told(finder) != "", "the sentence")
    assert "not what is on record: press STOP" in told(finder)
    assert not finder.screen.can_stimulate
    assert "begin another search" in finder.screen.hint
    assert finder.screen.can_decide


def test_what_nobody_hears_is_told_and_not_counted(
    finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder.stimulate()
    link, running = finder.demo.bridge.link, finder.page.running
    monkeypatch.setattr(link, "_send", lambda _command: False)
    finder.answer(Answer.MOVED)
    assert "did not hear this, and it is not done: the answer to stimulus 1" in told(finder)
    assert running.log.waits_for_answer


def test_an_answer_that_stop_overtook_is_told_afterwards(
    finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder.stimulate()
    link = finder.demo.bridge.link
    with monkeypatch.context() as late:
        late.setattr(link, "say_in_finding", lambda *_: True)  # it was on its way
        finder.answer(Answer.MOVED)
    finder.keys.press(Qt.Key.Key_Escape)
    finder.wait(lambda: finder.page.stack.currentWidget() is finder.page.after, "the end")
    finder.demo.idle()
    loud = finder.page._left_out
    assert loud == ("The answer to stimulus 1, moved, came too late and is not on record.",)


def test_a_delivering_process_that_freezes_is_told_and_so_is_the_answer_that_it_lost(
    finder: Finder,
) -> None:
    """The answer is in its pipe when it is ended: it is not on record, and nobody may think so."""
    finder.stimulate()
    demo, link, page = finder.demo, finder.demo.bridge.link, finder.page
    assert link._client is not None
    os.kill(link._client.pid, signal.SIGSTOP)
    finder.answer(Answer.MOVED)
    assert not page.running.log.waits_for_answer
    finder.wait(lambda: link.view.silent != "", "it says nothing")
    assert "Press the stimulator's own stop button" in demo.shell.message_text.text()
    finder.keys.press(Qt.Key.Key_Escape)
    finder.wait(lambda: page.stack.currentWidget() is page.after, "the end")
    demo.idle()
    finder.wait(lambda: page.after.title.text() == "Aborted: interrupted", "it is settled")
    assert page._left_out == (
        "The answer to stimulus 1, moved, came too late and is not on record.",
    )
    assert any("was ended during the session" in one for one in page._loud)


def test_an_accepted_series_that_was_not_recorded_is_recorded_once_afterwards(
    finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a window that died between Accept and its record; the button is pressed twice."""
    running, page, ready = finder.page.running, finder.page, finder.demo.ready
    by = Settings(highest_pct_mso=90, most_stimuli=2, first_pct_mso=50)
    finder.stimulate()
    finder.answer(Answer.STILL)
    finder.wait(lambda: finder.screen.can_begin, "the method")
    running._say(MethodBegun(by))
    for seen in (Answer.STILL, Answer.MOVED):
        finder.stimulate()
        finder.answer(seen)
    finder.wait(lambda: finder.screen.value is not None, "a value")
    with monkeypatch.context() as dead:
        dead.setattr(page, "record", page.look)
        running.accept()
        finder.wait(lambda: page.stack.currentWidget() is page.after, "the end")
        finder.demo.idle()
    assert page.after.screen_now is not None
    assert page.after.screen_now.recordable
    assert "not on record as a threshold yet" in page.after.screen_now.sentences[0]
    page.record()
    page.record()
    finder.demo.idle()
    finder.wait(lambda: not page.after.screen_now.recordable, "it is on record")
    with ready.trusting() as trusted:
        uids = [one.measured.session_uid for one in thresholds_of(trusted, ready.patient_uid)]
    assert uids.count(page.after.screen_now.session_uid) == 1
