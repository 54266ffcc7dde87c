"""A computer that stands still for two seconds while a Magstim is armed: the unit's watchdog
disarms it, and the session ends recorded, explained and safe."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from drivers.magstim.emulator import State
from drivers.magstim.requests import ARM, FIRE
from protocols.pattern import Train
from tests.delivery.magstim_sessions import MagstimRehearsal, require_honest
from tests.delivery.sessions import content, rows, slow

FROZEN_NS = 2_000_000_000
WHEN: dict[str, Callable[[State, int], bool]] = {
    "charging": lambda state, fired: state.armed and not state.ready and not fired,
    "before the first train": lambda state, fired: state.ready and not fired,
    "in a train": lambda state, fired: state.running and fired >= 8,
    "between trains": lambda state, fired: state.ready and not state.running and fired >= 20,
}


def frozen_once(when: Callable[[State, int], bool]) -> Callable[[MagstimRehearsal, str], None]:
    """Return what stops the session's thread for two seconds, the first time that it is so."""
    done: list[int] = []

    def touched(it: MagstimRehearsal, _how: str) -> None:
        if not done and when(it.emulator.state(), len(it.emulator.fired)):
            done.append(it.clock.now_ns())
            it.clock.wait_until(it.clock.now_ns() + FROZEN_NS)

    return touched


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("variant", ["rapid2", "rapid2-v7"])
def test_a_frozen_computer_ends_in_a_recorded_explained_safe_stop(
    tmp_path: Path, variant: str, when: str
) -> None:
    done = MagstimRehearsal(
        content=content(Train(20, Fraction(10)), 3),
        database=tmp_path / "r.db",
        variant=variant,
        touched=frozen_once(WHEN[when]),
    ).run()
    assert done.state == "failed"
    told = ("disarmed", "does not answer", "has not answered", "not seen", "too early")
    assert any(words in done.result.reason for words in told), done.result.reason
    assert rows(done.database, "SELECT state, end_reason FROM session") == [
        ("failed", done.result.reason)
    ]
    assert len(done.frames_sent(ARM.frame)) == 1
    assert len(done.frames_sent(FIRE.frame)) == (0 if "first" in when or when == "charging" else 1)
    assert not done.emulator.state().remote or not done.emulator.state().armed
    if when == "in a train":
        assert done.count("unknown") > 0
        assert len(done.emulator.fired) < 20
    require_honest(done)


def test_a_frozen_computer_between_single_pulses_gives_no_more(tmp_path: Path) -> None:
    done = MagstimRehearsal(
        content=slow(6),
        database=tmp_path / "r.db",
        touched=frozen_once(lambda state, fired: state.ready and fired == 3),
    ).run()
    assert done.state == "failed"
    assert len(done.emulator.fired) == 3
    assert [one.outcome for one in done.pulses][:3] == ["delivered"] * 3
    require_honest(done)
