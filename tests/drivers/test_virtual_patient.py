"""Virtual subjects against the published numbers, and the patient under an emulator's coil."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drivers.interface import TrainSettings, TrainTiming
from drivers.magpro.emulator import MagProEmulator
from drivers.registry import EMULATORS, build_emulator, driver_entry, driver_of_emulator
from drivers.simulator.device import FiredPulse, Observers, Source
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.mep import MOVEMENT_V, Population, Spread, draw_population
from drivers.simulator.patient import (
    GRID_CENTRE,
    CoilPlace,
    PatientUnderCoil,
    VirtualPatient,
    responses_in,
)
from drivers.simulator.patient_words import ask_patient, words_of
from drivers.simulator.proof import NotProved, control_address
from drivers.simulator.pulse_log import PulseLog
from protocols.pattern import Train
from tests.drivers.conformance import arm, deliver
from tms_console.clock import VirtualClock

ON_SPOT = 3


@pytest.fixture(scope="module", params=list(Spread))
def people(request: pytest.FixtureRequest) -> Population:
    return draw_population(3000, request.param, np.random.default_rng(11))


def pulse(number: int, intensity: int, source: Source = Source.SERIAL) -> FiredPulse:
    return FiredPulse(number, number * 1_000_000_000, intensity, 60, source)


# The population -------------------------------------------------------------------------------


def test_thresholds_are_distributed_as_published(people: Population) -> None:
    """66.8 ± 9.5, 5/50/95 %: 52.8/66.2/83.7 (threshold.md), within what 3,000 people can show."""
    found = people.thresholds_pct_mso
    assert len(found) == len(people) == 3000
    assert found.mean() == pytest.approx(66.8, abs=0.6)
    assert found.std() == pytest.approx(9.5, abs=0.5)
    assert np.percentile(found, (5, 50, 95)) == pytest.approx([52.8, 66.2, 83.7], abs=1.2)
    assert 30 < found.min() < found.max() < 100


def test_the_threshold_is_where_half_of_the_pulses_move(people: Population) -> None:
    """Counted, so the quadrature behind it is checked by another way."""
    random = np.random.default_rng(5)
    for shift, tail in ((0.0, 0.5), (-5.0, 0.16), (5.0, 0.84)):
        x = people.thresholds_pct_mso + shift
        counted = np.mean(
            [people.subjects.mep_v(x, random) >= MOVEMENT_V for _ in range(60)], axis=0
        )
        computed = people.subjects.boundaries().probability(x)
        assert counted.mean() == pytest.approx(computed.mean(), abs=0.005)
        assert computed.mean() == pytest.approx(tail, abs=0.03)


def test_the_spreads_differ_in_how_steep_people_are_and_in_nothing_else() -> None:
    steepness = {}
    for spread in Spread:
        people = draw_population(500, spread, np.random.default_rng(2))
        at = people.subjects.boundaries()
        t = people.thresholds_pct_mso
        steepness[spread] = np.log(at.probability(t + 0.5) - at.probability(t - 0.5)).std()
    assert steepness[Spread.NARROW] < 0.1
    assert steepness[Spread.WIDE] > 0.3


def test_meps_grow_from_background_to_millivolts(people: Population) -> None:
    random = np.random.default_rng(3)
    medians = [float(np.median(people.subjects.mep_v(x, random))) for x in (20.0, 66.0, 120.0)]
    assert 5e-6 < medians[0] < 20e-6
    assert 20e-6 < medians[1] < 200e-6
    assert 1e-3 < medians[2] < 30e-3


def test_the_same_seed_draws_the_same_people() -> None:
    one, two = (draw_population(40, Spread.WIDE, np.random.default_rng(9)) for _ in range(2))
    assert (one.thresholds_pct_mso == two.thresholds_pct_mso).all()


# One patient ----------------------------------------------------------------------------------


def test_what_a_pulse_evokes_depends_on_seed_number_intensity_and_place_alone() -> None:
    one, two = VirtualPatient(ON_SPOT), VirtualPatient(ON_SPOT)
    fired = [pulse(number, 70) for number in range(1, 30)]
    seen = [one.respond(each, GRID_CENTRE) for each in fired]
    assert seen == [two.respond(each, GRID_CENTRE) for each in reversed(fired)][::-1]
    assert len({each.mep_v for each in seen}) == len(seen)
    assert seen != [VirtualPatient(4).respond(each, GRID_CENTRE) for each in fired]


def test_the_patient_moves_half_of_the_time_at_the_threshold_of_where_the_coil_is() -> None:
    patient = VirtualPatient(ON_SPOT)
    far = CoilPlace(patient.hotspot.lateral_mm + 15.0, patient.hotspot.anterior_mm)
    for place in (patient.hotspot, far):
        at = round(patient.threshold_at(place))
        moved = [patient.respond(pulse(number, at), place).moved for number in range(600)]
        expected = patient._person.subjects.boundaries().probability(at * patient._effect(place))
        assert np.mean(moved) == pytest.approx(float(expected[0]), abs=0.07)
    assert patient.threshold_at(patient.hotspot) == patient.threshold_pct_mso
    assert patient.threshold_at(far) == pytest.approx(1.096 * patient.threshold_pct_mso, rel=1e-3)


def test_two_patients_do_not_share_their_chances() -> None:
    both = [VirtualPatient(seed) for seed in (ON_SPOT, 4)]
    one, two = (
        [
            each.respond(pulse(k, round(each.threshold_pct_mso)), each.hotspot).moved
            for k in range(60)
        ]
        for each in both
    )
    assert sum(a != b for a, b in zip(one, two, strict=True)) > 15


def test_a_train_evokes_nothing_since_the_model_is_of_single_pulses() -> None:
    under = PatientUnderCoil(VirtualPatient(1))
    for number, source in enumerate(Source, 1):
        under.write(pulse(number, 100, source))
    assert len(under.responses) == len(Source) - 1
    assert under.last == under.responses[-1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 201.0])
def test_a_coil_is_on_the_head(bad: float) -> None:
    with pytest.raises(ValueError, match="mm"):
        CoilPlace(bad, 0.0)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_patients_seed_has_63_bits(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        VirtualPatient(seed)


# Under an emulator ----------------------------------------------------------------------------


def fire_from_the_panel(device: MagProEmulator, intensity: int, pulses: int) -> None:
    device.panel.turn_knob(intensity)
    device.panel.press_enable(enabled=True)
    for _ in range(pulses):
        device.advance(5_000_000_000)
        device.panel.press_trigger()
        device.advance(1_000_000_000)


@pytest.mark.parametrize("name", sorted(EMULATORS))
def test_a_pulse_that_a_driver_fires_reaches_patient_and_log_of_every_emulator(
    name: str, tmp_path: Path
) -> None:
    """No driver knows of the patient, and what was seen follows from the log alone."""
    clock, under = VirtualClock(), PatientUnderCoil(VirtualPatient(ON_SPOT))
    device = build_emulator(name, pulse_log=tmp_path / "fired", patient=under)
    settings = TrainSettings(Train(1, Fraction(1)), 72, TrainTiming.HOST)
    driver = driver_entry(driver_of_emulator(name))
    with driver.open(MemoryLink(device, clock), clock, lambda _: None, lambda: False) as stimulator:
        stimulator.configure(settings)
        arm(stimulator, clock)
        deliver(stimulator, clock, settings)
    (response,) = under.responses
    assert response.intensity_pct_mso == device.fired[0].intensity_pct_mso == 72
    again = responses_in(tmp_path / "fired", VirtualPatient(ON_SPOT), GRID_CENTRE)
    assert tuple(again) == under.responses


def test_another_process_asks_over_the_control_socket_what_moved(tmp_path: Path) -> None:
    path, under = tmp_path / "magpro", PatientUnderCoil(VirtualPatient(ON_SPOT))
    log = PulseLog(tmp_path / "fired")
    device = MagProEmulator(pulse_log=Observers(log, under))
    fire_from_the_panel(device, 95, 2)
    control = control_address(str(path))
    with hosted_in_thread(Host(device, PtyPort(path), words_of(under))):
        assert ask_patient(control) == under.last
        assert ask_patient(control, CoilPlace(12.0, -3.5)) == under.last
        assert under.place == CoilPlace(12.0, -3.5)
    log.close()
    silent = PatientUnderCoil(VirtualPatient(1))
    with hosted_in_thread(Host(MagProEmulator(), PtyPort(path), words_of(silent))):
        assert ask_patient(control) is None


def test_without_a_patient_the_control_socket_says_so(tmp_path: Path) -> None:
    path = tmp_path / "magpro"
    with (
        hosted_in_thread(Host(MagProEmulator(), PtyPort(path))),
        pytest.raises(NotProved, match="no virtual patient"),
    ):
        ask_patient(control_address(str(path)))


@pytest.mark.parametrize("place", [[1.0], ["a", 2], [900, 0], None, {"x": 1}])
def test_a_place_off_the_head_leaves_the_coil_where_it_is(place: object) -> None:
    under = PatientUnderCoil(VirtualPatient(1), CoilPlace(1.0, 2.0))
    answer = words_of(under)["patient"]({"coil_mm": place})
    assert answer == {"refused": "coil_mm is two numbers of mm"}
    assert under.place == CoilPlace(1.0, 2.0)
