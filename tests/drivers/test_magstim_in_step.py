"""Whatever is asked of the driver, and whatever happens to the unit: the two stay in step."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import NotConnected, StimulatorError
from drivers.interface import Stimulator, TrainSettings, TrainTiming
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import FIGURE_8
from drivers.magstim.requests import FIRE
from drivers.simulator.faults import FaultName
from protocols.pattern import Burst, Train
from tests.drivers.conformance import FOREVER_NS, MS
from tests.drivers.test_magstim_driver import Desk

DEVICE, HOST = TrainTiming.DEVICE, TrainTiming.HOST
ALL_SETTINGS = (
    TrainSettings(Train(1, Fraction(1)), 60, HOST),
    TrainSettings(Train(1, Fraction(1)), 45, HOST),
    TrainSettings(Train(5, Fraction(10)), 54, DEVICE),
    TrainSettings(Train(9, Fraction(18)), 40, DEVICE),
    TrainSettings(Train(1, Fraction(2), Burst(2, Fraction(100))), 50, DEVICE),
    TrainSettings(Train(40, Fraction(50)), 100, DEVICE),
)
Act: TypeAlias = tuple[str, int]
SET = st.tuples(st.just("configure"), st.integers(0, len(ALL_SETTINGS) - 1))
USE = st.tuples(st.sampled_from(["arm", "fire", "start_train"]), st.just(0))
ACTS = st.one_of(
    SET,
    USE,
    USE,
    st.tuples(st.sampled_from(["disarm", "status", "identify"]), st.just(0)),
    st.tuples(st.just("poll"), st.sampled_from([3, 40, 700, 2500])),
    st.tuples(st.just("away"), st.sampled_from([200, 1200, 11_000])),
    st.tuples(st.sampled_from(["stop button", "coil out", "coil in", "hot"]), st.just(0)),
    st.tuples(st.sampled_from(["swallow_reply", "corrupt_reply", "late_reply"]), st.just(0)),
)


def act(desk: Desk, stimulator: Stimulator, name: str, value: int) -> None:
    """Do one thing with the driver, or to the unit; the driver may refuse, in its own words."""
    device = desk.device
    match name:
        case "configure":
            stimulator.configure(ALL_SETTINGS[value])
        case "fire" | "start_train":
            getattr(stimulator, name)(FOREVER_NS)
        case "poll":
            stimulator.poll(desk.clock.now_ns() + value * MS)
        case "away":
            desk.clock.rest_until(desk.clock.now_ns() + value * MS)
        case "stop button":
            device.panel.press_stop()
        case "coil out":
            device.panel.unplug_coil()
        case "coil in":
            device.panel.plug_coil(FIGURE_8)
        case "hot":
            device._unit.physics.heat_to(39.99)
        case "swallow_reply" | "corrupt_reply" | "late_reply":
            device._frame_faults.append(FaultName(name))
        case _:
            getattr(stimulator, name)()


def require_in_step(desk: Desk, stimulator: Stimulator) -> bool:
    """Fail unless the driver says of the unit what is true; False if it says that it is gone."""
    device: MagstimEmulator = desk.device
    device._frame_faults.clear()
    with suppress(StimulatorError):
        desk.events(stimulator, 2000 * MS)  # what was late has come
    try:
        status = stimulator.status()
    except NotConnected:
        return False
    except StimulatorError:
        assert not device.state().remote, "a unit that would answer is said not to"
        return False
    now = device.state()
    assert status.armed in {now.armed, now.running or now.armed}
    assert status.intensity_pct_mso == now.power_pct_mso
    assert bool(status.coil) == now.has_coil
    set_to = stimulator._set_to  # type: ignore[attr-defined]
    if set_to is not None and now.remote:
        assert now.power_pct_mso == set_to.intensity_pct_mso
    return True


@pytest.mark.parametrize("variant", ["super-rapid2", "rapid2-v7", "bistim2", "magstim200"])
@settings(max_examples=25)
@given(acts=st.lists(ACTS, min_size=4, max_size=16))
def test_no_sequence_of_calls_and_mishaps_brings_driver_and_unit_out_of_step(
    variant: str, acts: list[Act]
) -> None:
    desk = Desk(variant)
    stimulator = desk.open()
    armed_by_us = False
    for name, value in acts:
        fired, sent = len(desk.device.fired), _fires(desk)
        was_ready = desk.device.state().ready
        with suppress(StimulatorError):
            act(desk, stimulator, name, value)
            armed_by_us = armed_by_us or name == "arm"
        assert _fires(desk) - sent <= (name in {"fire", "start_train"}), "fired without being asked"
        if len(desk.device.fired) > fired:
            assert armed_by_us
            assert _fires(desk), "a pulse without a command"
        if _fires(desk) > sent:
            assert was_ready or desk.device.fired[fired:] == (), "fired before it was ready"
    there = require_in_step(desk, stimulator)
    assert desk.device.damage == ()
    with suppress(StimulatorError):
        stimulator.disarm()
        assert not desk.device.state().armed
    stimulator.close()
    desk.clock.rest_until(desk.clock.now_ns() + 1100 * MS)
    assert not desk.device.state().armed, "its watchdog disarms what could not be told"
    assert there or not desk.device.state().remote


def _fires(desk: Desk) -> int:
    return sum(frame.data == FIRE.frame for frame in desk.frames)
