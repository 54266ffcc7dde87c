"""The device page follows what the delivering process says, and orders nothing that could reach
a real stimulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from drivers.registry import DRIVERS
from protocols.canonical import JsonValue
from protocols.prescription import SessionContent
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.delivery.probing import (
    DisarmTried,
    Found,
    LeftAlone,
    Port,
    PortsFound,
    Seen,
    Stepped,
)
from tms_console.screens.device import (
    MOST_TEMPERATURES,
    DeviceScreen,
    after,
    driver_words,
    drivers_of,
    emulator_choices,
    looking_at,
    port_choices,
    rehearsal,
    rehearsal_database,
    same_place,
    test_pulse,
    warmed,
    with_driver,
)

test_pulse.__test__ = False  # type: ignore[attr-defined]

SEEN = Seen(1.0, False, 30, "C-B60", 22, "")
FOUND = Found("MagPro X100", "1234", "", "C-B60", 1, 100, True, "")


def test_a_look_is_followed_from_its_first_step_to_its_end() -> None:
    choice = emulator_choices()[0]
    screen = looking_at(DeviceScreen(ports=()), choice, 1)
    assert screen.state_words == ("connecting ...", "muted")
    step = Stepped("Open the port", True, "open")
    for message in (step, FOUND, SEEN):
        screen = after(screen, message)
    assert screen.steps == (step,)
    assert screen.state_words == ("disarmed", "good")
    assert dict(screen.facts)["Is"] == "a real stimulator"
    assert dict(screen.facts)["Firmware"] == "not told"
    assert [one.celsius for one in screen.temperatures] == [22]
    screen = after(screen, LeftAlone("The connection was lost: unplugged"))
    assert screen.state_words == ("The connection was lost: unplugged", "bad")
    assert after(screen, LeftAlone()).state_words == ("not looked at", "muted")


def test_an_armed_stimulator_and_a_problem_are_said_before_all_else() -> None:
    screen = looking_at(DeviceScreen(), emulator_choices()[0], 1)
    assert after(screen, Seen(1.0, True, 30, "", None, "")).state_words == ("ARMED", "warn")
    hot = after(screen, Seen(1.0, False, 30, "", None, "the coil is hot"))
    assert hot.state_words == ("the coil is hot", "bad")
    assert not hot.temperatures


def test_ports_and_disarms_are_kept() -> None:
    screen = after(DeviceScreen(), PortsFound((Port("/dev/a", "an adapter"),)))
    assert screen.ports == (Port("/dev/a", "an adapter"),)
    tried = DisarmTried(False, "nobody there")
    assert after(screen, tried).disarm == tried


def test_a_trend_never_grows_without_end_and_begins_anew_with_a_session() -> None:
    screen = DeviceScreen()
    for second in range(MOST_TEMPERATURES + 10):
        screen = warmed(screen, float(second), 30)
    assert len(screen.temperatures) == MOST_TEMPERATURES
    assert warmed(screen, 5000.0, None) == screen
    assert warmed(screen, screen.temperatures[-1].at_s + 0.5, 31) == screen
    assert [one.celsius for one in warmed(screen, 0.0, 25).temperatures] == [25]


def test_what_the_program_builds_is_simulated_and_every_port_counts_as_real() -> None:
    """A path or a name proves nothing (architecture.md, "What counts as simulated")."""
    assert all(one.simulated for one in emulator_choices())
    assert len({one.title for one in emulator_choices()}) == len(emulator_choices())
    ports = port_choices((Port("/dev/pts/7", "emulator"),), " localhost:4000 ")
    assert list(dict.fromkeys(one.title for one in ports)) == ["localhost:4000", "/dev/pts/7"]
    assert len(ports) == 2, "one row a port, whoever is on it"
    assert not any(one.simulated for one in ports)
    assert ports[0].order == PortOrder(driver="", port="localhost:4000")
    assert port_choices(()) == ()


def test_a_test_pulse_is_one_pulse_and_a_rehearsal_beside_the_clinics_file() -> None:
    content = test_pulse(37)
    assert (content.pulses, content.blocks[0].intensity_pct_mso) == (1, 37)
    database = rehearsal_database(Path("/clinic/clinic.db"))
    assert database == Path("/clinic/clinic-rehearsals.db")
    order = rehearsal(content, EmulatorOrder(name="magpro"), database)
    assert order.kind == "rehearsal"
    assert order.start_order is None
    assert isinstance(order.device, EmulatorOrder)
    assert SessionContent.from_canonical(cast("JsonValue", order.content)).digest() == order.digest


@pytest.mark.parametrize("intensity", [0, 101])
def test_a_test_pulse_of_an_intensity_that_there_is_not_is_refused(intensity: int) -> None:
    with pytest.raises(ValueError, match=str(intensity)):
        test_pulse(intensity)


def test_who_answered_on_a_port_is_what_it_is_used_with_from_then_on() -> None:
    (port,) = port_choices((Port("/dev/a", "an adapter"),))
    screen = after(looking_at(DeviceScreen(), port, 1), replace(FOUND, driver="bistim2"))
    assert screen.choice is not None
    assert screen.choice.order == PortOrder(driver="bistim2", port="/dev/a")
    assert same_place(screen.choice, port)
    assert not same_place(port, emulator_choices()[0])
    built = emulator_choices()[0]
    assert after(looking_at(DeviceScreen(), built, 1), FOUND).choice == built


def test_a_person_chooses_what_the_label_says_and_is_told_what_follows() -> None:
    (port,) = port_choices((Port("/dev/a", "an adapter"),))
    offered = dict(drivers_of(port))
    assert list(offered) == ["", *DRIVERS]
    assert drivers_of(emulator_choices()[0]) == ()
    told = driver_words(with_driver(port, "super-rapid2"))
    assert "choose them as its label says" in told
    assert "has not been reviewed, so no real Magstim Super Rapid² (240 V) treats a patient" in told
    assert driver_words(with_driver(port, "magpro")) == driver_words(port) == ""


def test_a_model_that_the_unit_does_not_tell_is_said_to_be_chosen() -> None:
    told = replace(FOUND, driver="super-rapid2", model="Magstim Super Rapid² (240 V)")
    assert after(DeviceScreen(), told).facts[0][0] == "Model, as chosen"
    assert after(DeviceScreen(), replace(FOUND, driver="magpro")).facts[0][0] == "Model"


def test_what_an_earlier_look_still_says_is_not_of_this_stimulator() -> None:
    """Its temperature stood on the page of a port that is not there."""
    seen = Seen(
        1.0, armed=False, intensity_pct_mso=0, coil="C-B60", coil_temperature_c=22, problem=""
    )
    screen = looking_at(DeviceScreen(), emulator_choices()[0], 2)
    for late in (replace(FOUND, look=1), replace(seen, look=1), LeftAlone("gone", 1)):
        assert after(screen, late) == screen
    assert after(screen, replace(seen, look=2)).temperatures
    assert not after(screen, LeftAlone("gone", 2)).looking
