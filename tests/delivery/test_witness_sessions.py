"""Sessions with a pulse witness: what is on record is what came out of the trigger output."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest
from pydantic import JsonValue

from drivers import registry
from drivers.link import WriteTimes
from drivers.magpro.emulator import MagProEmulator
from drivers.magstim.requests import FIRE
from drivers.simulator.device import EmulatedDevice
from drivers.simulator.memory_link import MemoryLink
from drivers.witness.emulator import WitnessEmulator
from protocols.pattern import Train
from protocols.prescription import SessionContent
from tests.delivery.sessions import bursts, plain, pulses_on_record, rows, slow
from tests.delivery.sessions import content as content_of
from tms_console.delivery import place
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import EmulatorOrder, SessionOrder
from tms_console.delivery.session import run_session
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.records.operations import SessionState, new_uid
from tms_console.records.verify import verify


def seldom() -> SessionContent:
    """Pulses so far apart that a 200² can charge."""
    return content_of(Train(3, Fraction(1, 5)))


class Witnessed:
    """One witnessed session under the virtual clock, and what the emulators really did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, database: Path) -> None:
        self.database = database
        self.controls = Controls()
        self.eyes = WitnessEmulator()
        self.device: EmulatedDevice | None = None
        build = registry.build_emulator

        def built(*args: object, **named: object) -> EmulatedDevice:
            self.device = build(*args, **named)  # type: ignore[arg-type]
            return self.device

        monkeypatch.setattr(registry, "build_emulator", built)
        monkeypatch.setattr(place, "WitnessEmulator", lambda: self.eyes)

    def run(self, content: SessionContent, name: str, *faults: str) -> SessionResult:
        """Run it and check its record."""
        order = SessionOrder(
            kind="rehearsal",
            content=cast("JsonValue", content.canonical()),
            digest=content.digest(),
            authority_uid=new_uid(),
            database=str(self.database),
            device=EmulatorOrder(name=name, faults=faults, virtual=True, witness=True),
            actor="rehearsal",
        )
        around = Surroundings(self.controls, lambda _: None, "test")
        result = run_session(order, around)
        assert verify(self.database).sound
        return result


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Witnessed:
    return Witnessed(monkeypatch, tmp_path / "r.db")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bursts(), "magpro"),
        (plain(), "magpro"),
        (slow(), "magpro"),
        (plain(), "rapid2"),
        (slow(), "rapid2"),
        (seldom(), "magstim200"),
    ],
    ids=["bursts", "trains", "pulses", "rapid2 trains", "rapid2 pulses", "200²"],
)
def test_every_pulse_is_witnessed_at_its_time(
    session: Witnessed, content: SessionContent, name: str
) -> None:
    result = session.run(content, name)
    assert result.state is SessionState.COMPLETED, result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    assert {(one.outcome, one.evidence) for one in pulses} == {("delivered", "witnessed")}
    fired = session.device.fired if session.device else ()
    assert len(pulses) == len(fired) == content.pulses
    seen = [one.observed_ns or 0 for one in pulses]
    away = {seen[k] - fired[k].at_ns for k in range(len(fired))}
    assert max(away) - min(away) < 1_500_000
    assert all((one.commanded_ns or 0) <= (one.observed_ns or 0) for one in pulses)
    words = rows(session.database, "SELECT detail FROM session_event WHERE kind = 'device'")
    assert ("pulse witness SIM-W1 on memory sees every pulse",) in words


@pytest.mark.parametrize(
    ("content", "name", "pulse"),
    [(seldom(), "magstim200", 1), (seldom(), "magstim200", 3), (slow(), "rapid2", 8)],
    ids=["first", "last", "last of a Rapid²"],
)
def test_a_pulse_that_was_taken_and_not_seen_fails_the_session_the_last_one_too(
    session: Witnessed, content: SessionContent, name: str, pulse: int
) -> None:
    result = session.run(content, name, f"drop_pulse@{pulse}")
    assert result.state is SessionState.FAILED
    assert "the pulse witness saw none" in result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    given = [one.evidence for one in pulses if one.outcome == "delivered"]
    assert given == ["witnessed"] * (pulse - 1) + ["acknowledged"]
    assert {one.outcome for one in pulses} <= {"delivered", "not_delivered"}


@pytest.mark.parametrize("name", ["magpro", "rapid2"])
def test_a_pulse_that_did_not_come_is_missed_within_a_period(session: Witnessed, name: str) -> None:
    result = session.run(plain(2, 20), name, "drop_pulse@5")
    assert result.state is SessionState.FAILED
    assert "the pulse witness saw no pulse" in result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    assert [one.evidence for one in pulses[:4]] == ["witnessed"] * 4
    assert pulses[4].outcome == "unknown"
    fired = session.device.fired if session.device else ()
    assert len(fired) <= 7  # the sixth shows it; one more may be under way


@pytest.mark.parametrize(
    ("content", "name"),
    [(plain(2, 20), "magpro"), (plain(2, 20), "rapid2"), (slow(), "rapid2")],
    ids=["magpro", "rapid2", "pulse by pulse"],
)
def test_a_pulse_that_nobody_commanded_ends_the_session(
    session: Witnessed, content: SessionContent, name: str
) -> None:
    result = session.run(content, name, "extra_pulse@5")
    assert result.state is SessionState.FAILED
    assert "nobody commanded" in result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    unplanned = [one for one in pulses if one.outcome == "unplanned"]
    assert [one.evidence for one in unplanned] == ["witnessed"]
    given = [one for one in pulses if one.outcome in {"delivered", "unplanned", "unknown"}]
    assert len(given) >= len(session.device.fired if session.device else ())


@pytest.mark.parametrize("content", [plain(2, 20), slow()], ids=["trains", "pulses"])
def test_a_witness_off_its_cable_ends_the_session_and_invents_nothing(
    session: Witnessed, content: SessionContent
) -> None:
    session.eyes.deaf = True
    result = session.run(content, "magpro")
    assert result.state is SessionState.FAILED
    assert "witness" in result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    assert not [one for one in pulses if one.evidence == "witnessed" or one.outcome == "unplanned"]
    known = [one for one in pulses if one.outcome in {"delivered", "unknown"}]
    assert len(known) >= len(session.device.fired if session.device else ())


def test_a_silent_witness_ends_the_session(session: Witnessed) -> None:
    see = session.eyes._see_edge

    def last(at_ns: int) -> None:
        see(at_ns)
        session.eyes.silent = True

    session.eyes._see_edge = last  # type: ignore[method-assign]
    result = session.run(slow(), "rapid2")
    assert result.state is SessionState.FAILED
    assert "witness" in result.reason


@pytest.mark.parametrize("content", [plain(2, 20), slow()], ids=["trains", "pulses"])
def test_a_witness_that_is_pulled_out_ends_the_session_and_the_stimulator_is_disarmed(
    session: Witnessed, content: SessionContent
) -> None:
    see = session.eyes._see_edge

    def last(at_ns: int) -> None:
        see(at_ns)
        session.eyes.unplugged = session.eyes._edges == 4

    session.eyes._see_edge = last  # type: ignore[method-assign]
    result = session.run(content, "magpro")
    assert result.state is SessionState.FAILED
    assert "the pulse witness is gone" in result.reason
    assert "stimulator does not answer" not in result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    known = [one for one in pulses if one.outcome in {"delivered", "unknown"}]
    assert len(session.device.fired if session.device else ()) <= len(known) <= 8
    assert isinstance(session.device, MagProEmulator)
    assert not session.device.state().status.info.enabled


def test_a_lost_answer_is_no_doubt_where_the_witness_saw_the_pulse(session: Witnessed) -> None:
    result = session.run(slow(), "magpro", "swallow_reply@3")
    assert result.state is SessionState.COMPLETED, result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    assert [one.evidence for one in pulses] == ["witnessed"] * 8
    events = rows(session.database, "SELECT detail FROM session_event")
    assert any("the pulse witness saw the pulse" in detail for (detail,) in events)


@pytest.mark.parametrize("fault", ["late_reply@40", "late_reply@5", "swallow_reply@40"])
def test_a_report_that_a_stalled_line_held_up_is_of_no_further_pulse(
    session: Witnessed, fault: str
) -> None:
    """It comes 0.3 s after the edge that it is of, and the stimulator gave nothing more."""
    result = session.run(plain(2, 20), "magpro", fault)
    assert result.state is SessionState.COMPLETED, result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    fired = session.device.fired if session.device else ()
    assert len(pulses) == len(fired) == 40
    assert {(one.outcome, one.evidence) for one in pulses} == {("delivered", "witnessed")}
    assert not rows(session.database, "SELECT detail FROM session_event WHERE kind = 'fault'")


def test_a_real_witness_on_a_simulated_stimulator_is_refused(
    session: Witnessed, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = place._built_here

    def unproved(device: EmulatorOrder) -> place.Place:
        made = build(device)
        assert made.witness is not None
        return replace(made, witness=replace(made.witness, proof=lambda _: None))

    monkeypatch.setattr(place, "_built_here", unproved)
    result = session.run(plain(), "rapid2")
    assert "not proved" in result.reason
    assert not session.device.fired if session.device else False


def test_a_pulse_that_a_stop_overtakes_is_witnessed_and_not_unknown(
    session: Witnessed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop comes while the answer to the third pulse's command is under way."""
    fires = []

    class Stopping(MemoryLink):
        def write(self, data: bytes) -> WriteTimes:
            times = super().write(data)
            if data == FIRE.frame:
                fires.append(data)
                if len(fires) == 3:
                    session.controls.stop("now")
            return times

    monkeypatch.setattr(place, "MemoryLink", Stopping)
    result = session.run(slow(), "rapid2")
    assert result.state is SessionState.STOPPED
    assert len(session.device.fired if session.device else ()) == len(fires) == 3
    pulses = pulses_on_record(session.database, result.session_uid)
    assert [(one.outcome, one.evidence) for one in pulses] == [("delivered", "witnessed")] * 3
