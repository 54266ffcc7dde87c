"""What comes after a Magstim session that ended early, and very long ones with a witness."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from drivers.witness.emulator import WitnessEmulator, WitnessOptions
from drivers.witness.lines import COUNTER_MODULUS
from protocols.pattern import Train
from tests.delivery.magstim_sessions import MagstimRehearsal, require_honest
from tests.delivery.sessions import content, pulses_on_record
from tests.delivery.test_witness_sessions import Witnessed
from tms_console.delivery.controls import Controls
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.database import open_database
from tms_console.records.lineage import session_chain
from tms_console.records.operations import SessionState

THREE = content(Train(20, Fraction(10)), 3)


def stopped_in_train(path: Path, number: int, pulses: int) -> MagstimRehearsal:
    """Run a session that somebody stops when so many pulses were given."""
    controls = Controls()
    run = MagstimRehearsal(content=THREE, database=path, controls=controls)

    def touched(it: MagstimRehearsal, _how: str) -> None:
        if len(it.emulator.fired) >= 20 * (number - 1) + pulses:
            controls.stop("stopped by the technician")

    run.touched = touched
    return run.run()


def test_a_session_stopped_in_a_train_goes_on_with_the_next_and_counts_every_pulse(
    tmp_path: Path,
) -> None:
    """Pulses that are inferred and those of which nobody knows count as given."""
    first = stopped_in_train(tmp_path / "r.db", 2, 9)
    require_honest(first)
    uid = first.result.session_uid
    given = first.count("delivered") + first.count("unknown")
    assert given >= len(first.emulator.fired) >= 29
    chain = session_chain(open_database(tmp_path / "r.db"), uid)
    assert len(chain[0].given) == given

    shown: list[Snapshot] = []
    second = MagstimRehearsal(
        content=THREE,
        database=tmp_path / "r.db",
        unit=first.emulator,
        publish=shown.append,
        order=lambda order: replace(order, resumes_uid=uid),
    ).run()
    assert second.state == "completed", second.result.reason
    assert [one.number for one in second.pulses] == list(range(41, 61))
    assert second.claims == {("delivered", "inferred")}
    assert shown[-1].planned == 20
    assert first.emulator.damage == ()


def test_what_somebody_else_set_off_counts_as_given_when_it_goes_on(tmp_path: Path) -> None:
    pressed: list[str] = []

    def touched(it: MagstimRehearsal, _how: str) -> None:
        fired, state = it.emulator.fired, it.emulator.state()
        quiet = fired and it.emulator.now_ns() - fired[-1].at_ns > 1_500_000_000
        if quiet and state.ready and not pressed:
            pressed.append("once")
            it.emulator.panel.press_foot_switch()

    done = MagstimRehearsal(content=THREE, database=tmp_path / "r.db", touched=touched).run()
    assert (done.state, done.count("unplanned")) == ("failed", 1)
    (past,) = session_chain(open_database(tmp_path / "r.db"), done.result.session_uid)
    assert len(past.given) == 21


@pytest.mark.parametrize("fault", ["unplug@25", "hang@25", "restart@25"])
def test_a_unit_that_was_lost_while_armed_serves_the_next_session(
    tmp_path: Path, fault: str
) -> None:
    """Its watchdog disarms it within a second; plugged in again it is found in standby.

    The unit's own count of pulses is never below what the record counts as given or doubtful.
    """
    lost = MagstimRehearsal(content=THREE, database=tmp_path / "r.db", faults=[fault]).run()
    assert lost.state == "failed"
    assert lost.count("delivered") <= len(lost.emulator.fired)
    assert lost.count("delivered") + lost.count("unknown") >= len(lost.emulator.fired)
    unit = lost.emulator
    unit.advance(2_000_000_000)
    assert not unit.state().armed
    before = len(unit.fired)
    unit.unplugged = unit.hung = False
    uid = lost.result.session_uid
    again = MagstimRehearsal(
        content=THREE,
        database=tmp_path / "r.db",
        unit=unit,
        order=lambda order: replace(order, resumes_uid=uid),
    ).run()
    assert again.state == "completed", again.result.reason
    assert unit.damage == ()
    assert len(unit.fired) - before == 20


def test_ten_minutes_with_a_witness_whose_clock_drifts_and_wraps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its counter is as wrong as a resonator's may be, and wraps in the middle of the session."""
    session = Witnessed(monkeypatch, tmp_path / "r.db")
    begins_us = COUNTER_MODULUS - 5 * 60 * 1_000_000
    session.eyes = WitnessEmulator(WitnessOptions(drift=-0.005, counter_us=begins_us))
    result = session.run(content(Train(5, Fraction(10)), 20, gap_s=30), "rapid2")
    assert result.state is SessionState.COMPLETED, result.reason
    pulses = pulses_on_record(session.database, result.session_uid)
    fired = session.device.fired if session.device else ()
    assert {(one.outcome, one.evidence) for one in pulses} == {("delivered", "witnessed")}
    away = [(one.observed_ns or 0) - fired[k].at_ns for k, one in enumerate(pulses)]
    assert max(away) - min(away) < 3_000_000
