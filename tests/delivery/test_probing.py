"""Looking at a stimulator outside of a session: steps, state, disarm, giving way to a session."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import VARIANTS
from drivers.simulator.faults import parse_fault
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.witness.emulator import WitnessEmulator, WitnessOptions
from tms_console.delivery import probing
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.delivery.probing import (
    BUSY,
    DisarmPort,
    DisarmTried,
    Found,
    LeaveAlone,
    LeftAlone,
    ListPorts,
    LookAt,
    Port,
    PortsFound,
    ProbeMessage,
    Prober,
    Seen,
    Stepped,
)

PATIENCE_S = 10.0
BUILT = LookAt(EmulatorOrder(name="magpro"))


class Heard:
    """What a prober said, for the test's own thread."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[ProbeMessage] = queue.SimpleQueue()
        self.all: list[ProbeMessage] = []

    def until(self, wanted: Callable[[ProbeMessage], bool]) -> ProbeMessage:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            try:
                message = self.messages.get(timeout=0.2)
            except queue.Empty:
                continue
            self.all.append(message)
            if wanted(message):
                return message
        raise AssertionError(f"nothing like that was said: {self.all}")

    def a(self, kind: type[ProbeMessage]) -> ProbeMessage:
        return self.until(lambda one: isinstance(one, kind))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def prober(heard: Heard) -> Iterator[Prober]:
    made = Prober(heard.messages.put)
    yield made
    made.release()


def hosted(tmp_path: Path, *faults: str) -> Host:
    emulator = MagProEmulator(Options(), [parse_fault(text) for text in faults])
    return Host(emulator, PtyPort(tmp_path / "port"))


def test_a_look_goes_step_by_step_and_then_watches(heard: Heard, prober: Prober) -> None:
    prober.obey(BUILT)
    found = heard.a(Found)
    assert isinstance(found, Found)
    assert found.model.startswith("MagPro")
    assert found.proof
    first = heard.a(Seen)
    assert isinstance(first, Seen)
    assert not first.armed
    second = heard.a(Seen)
    assert isinstance(second, Seen)
    assert second.at_s > first.at_s
    names = [one.name for one in heard.all if isinstance(one, Stepped)]
    assert names == [
        "Open the port",
        "Ask for MagVenture MagPro",
        "Real or simulated",
        "Read its state",
    ]
    prober.obey(LeaveAlone())
    assert heard.a(LeftAlone) == LeftAlone("")


def test_an_emulator_on_a_port_proves_itself_and_a_mere_port_does_not(
    tmp_path: Path, heard: Heard, prober: Prober
) -> None:
    """What is not proved simulated is told to be a real stimulator."""
    with hosted_in_thread(hosted(tmp_path)):
        order = LookAt(PortOrder(driver="magpro", port=str(tmp_path / "port")))
        prober.obey(order)
        found = heard.a(Found)
        assert isinstance(found, Found)
        assert found.proof
        prober.obey(LeaveAlone())
        heard.until(lambda one: isinstance(one, LeftAlone))
        (tmp_path / "port.control").unlink(missing_ok=True)
        prober.obey(order)
        again = heard.a(Found)
        assert isinstance(again, Found)
        assert not again.proof
        prober.release()


def test_a_witness_beside_a_port_is_asked_who_it_is_first(
    tmp_path: Path, heard: Heard, prober: Prober
) -> None:
    """The stimulator is looked at whether or not the witness answers."""
    host = hosted(tmp_path)
    host.add(WitnessEmulator(WitnessOptions(serial="W-77")), PtyPort(tmp_path / "witness"))
    port, witness = str(tmp_path / "port"), str(tmp_path / "witness")
    with hosted_in_thread(host):
        prober.obey(LookAt(PortOrder(driver="magpro", port=port, witness=witness)))
        heard.a(Found)
        first = next(one for one in heard.all if isinstance(one, Stepped))
        assert (first.name, first.passed) == ("Ask the pulse witness", True)
        assert first.sentence == f"pulse witness W-77 on {witness} answers and tells its time"
        prober.obey(LookAt(PortOrder(driver="magpro", port=port, witness="/dev/nothing-here"), 2))
        found = heard.until(lambda one: isinstance(one, Found) and one.look == 2)
        assert isinstance(found, Found)
        missing = next(one for one in heard.all if isinstance(one, Stepped) and one.look == 2)
        assert (missing.name, missing.passed) == ("Ask the pulse witness", False)
        assert "there is no such port" in missing.sentence
        prober.obey(LookAt(PortOrder(driver="", port=witness), 3))
        over = heard.until(lambda one: isinstance(one, LeftAlone) and one.look == 3)
        assert isinstance(over, LeftAlone)
        assert over.why.startswith("Pulse witness, serial number W-77: it sees pulses and gives")
        prober.release()


def test_a_port_that_is_not_there_fails_at_its_first_step(heard: Heard, prober: Prober) -> None:
    prober.obey(LookAt(PortOrder(driver="magpro", port="/dev/nothing-here")))
    step = heard.a(Stepped)
    assert isinstance(step, Stepped)
    assert (step.name, step.passed, step.raw) == ("Open the port", False, "")
    assert "/dev/nothing-here" in step.sentence
    assert heard.a(LeftAlone) == LeftAlone("The port could not be opened.")


def test_who_is_on_a_port_is_found_out_before_it_is_looked_at(
    tmp_path: Path, heard: Heard, prober: Prober
) -> None:
    host = Host(MagstimEmulator(VARIANTS["bistim2"]), PtyPort(tmp_path / "port"))
    with hosted_in_thread(host):
        prober.obey(LookAt(PortOrder(driver="", port=str(tmp_path / "port"))))
        found = heard.a(Found)
        assert isinstance(found, Found)
        assert (found.driver, found.model) == ("bistim2", "Magstim BiStim²")
        first = next(one for one in heard.all if isinstance(one, Stepped))
        assert (first.name, first.passed) == ("Find out who answers", True)
        prober.release()
        heard.a(LeftAlone)
        prober.obey(DisarmPort("", str(tmp_path / "port")))
        done = heard.a(DisarmTried)
        assert isinstance(done, DisarmTried)
        assert done.confirmed


def test_a_port_on_which_nobody_answers_is_told_in_one_step_with_its_bytes(
    tmp_path: Path, heard: Heard, prober: Prober
) -> None:
    with hosted_in_thread(hosted(tmp_path, "hang@0")):
        prober.obey(LookAt(PortOrder(driver="", port=str(tmp_path / "port"))))
        (failed,) = [heard.a(Stepped)]
        assert isinstance(failed, Stepped)
        assert (failed.name, failed.passed) == ("Find out who answers", False)
        left = heard.a(LeftAlone)
        assert isinstance(left, LeftAlone)
        assert left.why.startswith("No stimulator answers")


def test_a_device_that_says_nothing_or_nonsense_fails_with_what_came(
    tmp_path: Path, heard: Heard, prober: Prober
) -> None:
    with hosted_in_thread(hosted(tmp_path, "hang@0")):
        prober.obey(LookAt(PortOrder(driver="magpro", port=str(tmp_path / "port"))))
        failed = heard.until(lambda one: isinstance(one, Stepped) and not one.passed)
        assert isinstance(failed, Stepped)
        assert "nothing answers" in failed.sentence
        heard.a(LeftAlone)


def test_a_driver_or_fault_of_no_such_name_is_told(heard: Heard, prober: Prober) -> None:
    prober.obey(LookAt(PortOrder(driver="toaster", port="/dev/x")))
    step = heard.a(Stepped)
    assert isinstance(step, Stepped)
    assert "toaster" in step.sentence
    heard.a(LeftAlone)


def test_a_session_gets_the_port_before_anything_else(heard: Heard, prober: Prober) -> None:
    """One thread owns a port: what looks at it lets go and is gone before a session opens it."""
    prober.obey(BUILT)
    heard.a(Seen)
    prober.release()
    assert heard.a(LeftAlone) == LeftAlone("")
    prober.refuse(BUILT)
    assert heard.a(LeftAlone) == LeftAlone(BUSY)
    prober.refuse(ListPorts())
    assert heard.a(LeftAlone) == LeftAlone(BUSY)
    prober.refuse(DisarmPort("magpro", "/dev/x"))
    assert heard.a(DisarmTried) == DisarmTried(False, BUSY)


def test_a_second_look_takes_the_place_of_the_first(heard: Heard, prober: Prober) -> None:
    prober.obey(BUILT)
    heard.a(Seen)
    prober.obey(BUILT)
    assert heard.a(LeftAlone) == LeftAlone("")
    heard.a(Found)


def test_a_port_is_disarmed_by_hand_and_the_answer_is_the_devices(
    tmp_path: Path, heard: Heard, prober: Prober
) -> None:
    prober.obey(DisarmPort("magpro", "/dev/nothing-here"))
    failed = heard.a(DisarmTried)
    assert isinstance(failed, DisarmTried)
    assert not failed.confirmed
    assert "own stop button" in failed.sentence
    with hosted_in_thread(hosted(tmp_path)):
        prober.obey(DisarmPort("magpro", str(tmp_path / "port")))
        done = heard.a(DisarmTried)
        assert isinstance(done, DisarmTried)
        assert done.confirmed


def test_the_ports_are_those_of_the_system(
    heard: Heard, prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drivers.serial_link import PortInfo  # noqa: PLC0415 - for this test alone

    monkeypatch.setattr(probing, "available_ports", lambda: (PortInfo("/dev/a", "adapter"),))
    prober.obey(ListPorts())
    assert heard.a(PortsFound) == PortsFound((Port("/dev/a", "adapter"),))


def test_a_stimulator_that_is_unplugged_ends_the_look_with_a_sentence(
    tmp_path: Path, heard: Heard, prober: Prober
) -> None:
    with hosted_in_thread(hosted(tmp_path)):
        prober.obey(LookAt(PortOrder(driver="magpro", port=str(tmp_path / "port"))))
        heard.a(Seen)
    lost = heard.until(lambda one: isinstance(one, LeftAlone))
    assert isinstance(lost, LeftAlone)
    assert lost.why.startswith("The connection was lost")
