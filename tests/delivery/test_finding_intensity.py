"""A stimulus that was given at another intensity than was ordered stops the search."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.magpro.driver import MagProStimulator
from protocols.threshold import Answer
from tests.delivery.finding import Act, answer, give, search, set_to
from tests.delivery.treatments import Ready, make_ready
from tms_console.clinic.series import read_series

THREE: list[Act] = [
    *(set_to(50), give, answer(Answer.MOVED)),
    *(set_to(45), give, answer(Answer.MOVED)),
    *(set_to(44), give, answer(Answer.STILL)),
    *(set_to(47), give),
]


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("amount", ["+15", "-10", "+1"])
def test_an_intensity_that_changes_with_a_stimulus_is_read_back_after_it(
    ready: Ready, number: int, amount: str
) -> None:
    """The unit says nothing of it unasked, and its di/dt has no measure to be held against yet."""
    run = search(ready, list(THREE), faults=(f"wrong_intensity:{amount}@{number}",))
    assert run.state == "failed"
    assert len(run.commands) == number
    assert "was set to" in run.result.reason or "A/µs" in run.result.reason
    with ready.trusting() as trusted:
        series = read_series(trusted, ready.station.database, run.result.session_uid)
    assert series.standing == "aborted (failed)"
    assert len(series.log.given) == number


@pytest.mark.parametrize("number", [1, 3])
def test_it_is_read_back_on_a_unit_that_counts_nothing_too(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Where there is a counter its reading finds it first."""
    monkeypatch.setattr(MagProStimulator, "stimulus_count", lambda _self: None)
    run = search(ready, list(THREE), faults=(f"wrong_intensity:+3@{number}",))
    assert run.state == "failed"
    assert len(run.commands) == number
    assert f"after stimulus {number}: the stimulator stands at" in run.result.reason


@pytest.mark.parametrize("number", [1, 2])
def test_a_knob_that_is_turned_ends_the_search(ready: Ready, number: int) -> None:
    """The unit says so itself; nothing is given at what somebody chose at its panel."""
    run = search(ready, list(THREE), faults=(f"panel_change:-1@{number}",))
    assert run.state == "failed"
    assert len(run.commands) == number
    assert "Set nothing at the stimulator" in run.result.reason


def test_an_intensity_that_is_not_taken_gives_no_stimulus(ready: Ready) -> None:
    run = search(ready, list(THREE), faults=("wrong_intensity@0",))
    assert run.result.state is None
    assert "reads back" in run.result.reason
    assert not run.commands
