"""Somebody at the stimulator's own panel, or a computer that is too busy, while a session runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.magpro.tables import Page
from drivers.magpro.variants import COILS
from protocols.prescription import SessionContent
from tests.delivery.sessions import MS, Rehearsal, plain, require_honest, slow
from tms_console.delivery.snapshot import Snapshot

Act = Callable[[MagProEmulator], None]


def doing(
    database: Path, made: SessionContent, when: Callable[[Rehearsal], bool], act: Act
) -> Rehearsal:
    """Do something at the emulator once, at the first use of the link at which it is time."""
    done = Rehearsal(content=made, database=database)
    acted: list[int] = []

    def touched(_how: str) -> None:
        if not acted and when(done):
            acted.append(1)
            act(done.emulator)

    done.touched = touched
    done.run()
    assert acted
    return done


def in_the_rest(done: Rehearsal) -> bool:
    """Between the first and the second train."""
    return len(done.emulator.fired) == 6 and done.snapshots[-1].state == "resting"


def while_setting(done: Rehearsal) -> bool:
    """When the settings of the second train are being read back."""
    return (
        len(done.commands) == 1
        and done.snapshots[-1].state == "resting"
        and (done.wrote[-1].body[:2] == b"\x0b\x00")
    )


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda it: it.panel.turn_knob(-7), "Set nothing at the stimulator"),
        (lambda it: it.panel.unplug_coil(), "coil is missing"),
        (lambda it: it.panel.plug_coil(COILS[82]), "coil is MC-B70; the session began with"),
        (lambda it: it.panel.press_enable(enabled=False), "disarmed by itself or at its panel"),
        (lambda it: it.panel.show_page(Page.CONFIGURATION), "somebody used the panel"),
        (lambda it: it.panel.press_trigger(), "nobody commanded"),
        (lambda it: it.panel.press_foot_switch(), "nobody commanded"),
        (lambda it: it.panel.trigger_input(), "nobody commanded"),
        (lambda it: it.panel.press_start(), "nobody commanded"),
    ],
    ids=["knob", "no coil", "other coil", "disable", "page", "trigger", "foot", "TTL", "start"],
)
def test_whatever_is_done_at_the_panel_in_a_rest_ends_the_session(
    tmp_path: Path, act: Act, words: str
) -> None:
    """Pulses that somebody gave there are on record as unplanned; no second train is started."""
    done = doing(tmp_path / "r.db", plain(), in_the_rest, act)
    assert done.state == "failed"
    assert words in done.result.reason
    assert len(done.commands) == 1
    require_honest(done)


def test_a_knob_turned_while_settings_are_read_back_is_a_refusal(tmp_path: Path) -> None:
    done = doing(tmp_path / "r.db", plain(), while_setting, lambda it: it.panel.turn_knob(5))
    assert done.state == "failed"
    assert len(done.commands) == 1
    assert not any(one.arms for one in done.wrote[done.wrote.index(done.commands[0]) :])
    require_honest(done)


def test_an_interlock_that_opens_before_arming_is_a_refusal(tmp_path: Path) -> None:
    """The stimulator answers the arm command and stays disarmed: nothing was given."""

    def armed_next(done: Rehearsal) -> bool:
        return bool(done.snapshots) and done.snapshots[-1].state == "checking"

    done = doing(tmp_path / "r.db", slow(), armed_next, lambda it: it.panel.open_interlock())
    assert done.state == "failed"
    assert "stays disabled" in done.result.reason
    assert not done.commands
    assert set(done.outcomes) <= {"not_delivered", "refused"}
    require_honest(done)


def test_disabling_at_the_panel_in_a_train_leaves_its_rest_not_delivered(tmp_path: Path) -> None:
    done = doing(
        tmp_path / "r.db",
        plain(),
        lambda done: len(done.emulator.fired) == 3,
        lambda it: it.panel.press_enable(enabled=False),
    )
    assert done.state == "failed"
    assert done.outcomes == {"delivered": 3, "not_delivered": 3}
    require_honest(done)


@pytest.mark.parametrize(
    ("clock_ppm", "words"),
    [(800_000, "goes on after its time"), (-300_000, "nobody commanded")],
)
def test_a_train_clock_that_is_wildly_wrong_ends_the_session(
    tmp_path: Path, clock_ppm: int, words: str
) -> None:
    """Another rate than prescribed is another dose: too slow, or too fast."""
    done = Rehearsal(
        content=plain(2, 12), database=tmp_path / "r.db", options=Options(clock_ppm=clock_ppm)
    ).run()
    assert done.state == "failed"
    assert words in done.result.reason
    assert len(done.commands) == 1
    assert not done.emulator.state().running
    assert not done.emulator.state().status.info.enabled


@pytest.mark.parametrize(
    ("made", "busy_ns", "what"),
    [(plain(), 150 * MS, "train 1"), (slow(), 10 * MS, "pulse 1")],
    ids=["train", "pulse"],
)
def test_a_command_that_would_be_late_is_not_given(
    tmp_path: Path, made: SessionContent, busy_ns: int, what: str
) -> None:
    """The computer was away at the moment: after it the due time is past, and nothing is sent."""
    done = Rehearsal(content=made, database=tmp_path / "r.db")
    away: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.state == "armed" and not away:
            away.append(1)
            done.be_away(snapshot.next_due_ns - snapshot.at_ns + busy_ns)

    done.publish = show
    done.run()
    assert done.state == "failed"
    assert f"{what} would have been" in done.result.reason
    assert "the computer was busy" in done.result.reason
    assert not done.commands
    assert set(done.outcomes) == {"not_delivered"}
    require_honest(done)


def test_a_cable_pulled_just_as_the_command_goes_out_leaves_it_unknown(tmp_path: Path) -> None:
    """Whether the port took some of the bytes nobody knows: the pulses count as given."""

    done = Rehearsal(content=plain(), database=tmp_path / "r.db")
    due_ns: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.state == "armed" and not due_ns:
            due_ns.append(done.now_ns + snapshot.next_due_ns - snapshot.at_ns)

    def touched(how: str) -> None:
        if due_ns and done.now_ns >= due_ns[0] and how == "write":
            done.emulator.unplug()

    done.publish, done.touched = show, touched
    done.run()
    assert done.state == "failed"
    assert "Press its own stop button" in done.result.reason
    assert done.emulator.fired == ()
    assert done.outcomes == {"unknown": 6}
