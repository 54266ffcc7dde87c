"""The minute before a Rapid² was opened: nobody knows what it gave, so nothing is given in it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from drivers.magstim import energy
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import VARIANTS
from drivers.magstim.requests import ARM, FIRE
from protocols.pattern import Train
from tests.delivery.magstim_sessions import MS, MagstimRehearsal
from tests.delivery.sessions import S, content, rows, slow
from tms_console.delivery.controls import Controls
from tms_console.delivery.snapshot import Snapshot

HEAVY = content(Train(690, Fraction(30)), bounds=(30, 60))
"""62,597 J of the 63,000 J that a minute may hold (stimulators.md 1.9)."""
MINUTE_NS = 60 * S


def session(path: Path, unit: MagstimEmulator) -> MagstimRehearsal:
    return MagstimRehearsal(content=HEAVY, database=path, variant="super-rapid2", unit=unit)


def test_three_sessions_one_after_another_never_overload_the_unit(tmp_path: Path) -> None:
    unit = MagstimEmulator(VARIANTS["super-rapid2"])
    for number in range(1, 4):
        done = session(tmp_path / "r.db", unit).run()
        assert done.state == "completed", done.result.reason
        assert len(unit.fired) == 690 * number
    assert unit.damage == ()


def test_pulses_by_hand_after_a_heavy_train_wait_as_well(tmp_path: Path) -> None:
    """They have no wait of their own, and count in the minute all the same."""
    unit = MagstimEmulator(VARIANTS["super-rapid2"])
    session(tmp_path / "r.db", unit).run()
    MagstimRehearsal(
        content=slow(8), database=tmp_path / "r.db", variant="super-rapid2", unit=unit
    ).run()
    assert len(unit.fired) == 698
    assert unit.damage == ()


def test_the_wait_is_shown_with_its_reason_and_a_true_countdown(tmp_path: Path) -> None:
    shown: list[Snapshot] = []
    done = MagstimRehearsal(content=slow(3), database=tmp_path / "r.db", publish=shown.append).run()
    first_ns = done.frames_sent(FIRE.frame)[0] - done.origin_ns
    waiting = [one for one in shown if one.state == "resting" and one.at_ns < -5 * S]
    assert waiting[0].at_ns < -55 * S
    assert all("minute before it was opened" in one.waits_for for one in waiting)
    assert {one.next_due_ns for one in waiting} == {0}
    assert abs(first_ns) < MS
    assert not any(one.waits_for for one in shown if one.at_ns >= 0)
    told = rows(done.database, "SELECT detail FROM session_event WHERE kind = 'timing'")
    assert any("the first pulse comes" in row[0] and "not known" in row[0] for row in told)


def test_nothing_is_armed_before_the_minute_is_nearly_over(tmp_path: Path) -> None:
    done = MagstimRehearsal(content=slow(3), database=tmp_path / "r.db").run()
    fired_ns, armed_ns = done.frames_sent(FIRE.frame)[0], done.frames_sent(ARM.frame)[0]
    assert fired_ns - done.sent[0][0] >= MINUTE_NS
    assert fired_ns - armed_ns < 3 * S


def test_a_stop_in_the_wait_ends_the_session_at_once(tmp_path: Path) -> None:
    controls = Controls()
    seen: list[int] = []

    def publish(snapshot: Snapshot) -> None:
        if snapshot.at_ns > -30 * S and not seen:
            seen.append(snapshot.at_ns)
            controls.stop("stopped by the technician")

    done = MagstimRehearsal(
        content=slow(3), database=tmp_path / "r.db", controls=controls, publish=publish
    ).run()
    assert (done.state, done.emulator.fired) == ("stopped", ())
    assert not done.frames_sent(ARM.frame)
    assert done.clock.now_ns() - done.origin_ns < -29 * S


def test_a_unit_without_the_rule_does_not_wait(tmp_path: Path) -> None:
    shown: list[Snapshot] = []
    done = MagstimRehearsal(
        content=content(Train(3, Fraction(1, 5))),
        database=tmp_path / "r.db",
        variant="bistim2",
        publish=shown.append,
    ).run()
    assert done.state == "completed"
    assert not any(one.waits_for for one in shown)
    assert done.frames_sent(FIRE.frame)[0] - done.sent[0][0] < 10 * S


def test_an_account_that_forgot_lets_nothing_begin_for_a_minute() -> None:
    account, train = energy.EnergyAccount(), Train(2, Fraction(10))
    account.forget(5 * S)
    assert account.earliest_ns(train, 20, 6 * S) == 65 * S
    assert account.earliest_ns(train, 20, 66 * S) == 66 * S
    account.forget(1 * S)
    assert account.known_from_ns == 65 * S
