"""Some seconds of a monkey at the window; `make monkey` gives it minutes."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.monkey import Monkey, morning
from tests.ui.decisions import OFFSCREEN

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)

SECONDS = 20.0


@pytest.mark.timeout(180)
def test_a_monkey_breaks_nothing_and_starts_nothing(
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Exceptions and warnings of Qt fail the test by themselves; the emulator is the witness."""
    del qtbot
    monkeypatch.chdir(tmp_path)
    log = io.StringIO()
    with morning(tmp_path) as world:
        monkey = Monkey(world, seed=20, log=log)
        monkey.run(SECONDS)
        wrongs = world.wrongs()
    acts = [json.loads(line) for line in log.getvalue().splitlines()]
    assert not wrongs, acts[-40:]
    bad = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert not bad, (bad, acts[-40:])
    assert len(acts) > 20


def test_a_log_is_replayed_on_the_same_widgets(qtbot: QtBot, tmp_path: Path) -> None:
    """What a monkey found can be found again."""
    del qtbot
    acts: list[dict[str, object]] = [
        {"n": 1, "do": "log in", "who": 1},
        {"n": 2, "do": "click", "at": "Shell0/QWidget0/QWidget0/RailButton1"},
        {"n": 3, "do": "click", "at": "Shell0/QWidget0/no such widget0"},
    ]
    log = io.StringIO()
    with morning(tmp_path) as world:
        Monkey(world, seed=0, log=log).replay(acts)
        assert getattr(world.window.shell.stack.currentWidget(), "name", "") == "patients"
        assert not world.wrongs()
    done = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [one["do"] for one in done] == ["log in", "click", "click"]
    assert done[1]["name"] == "Patients"
