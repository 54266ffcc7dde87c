"""Orders at every moment of a session: stop, pause, resume, intensity, remarks, a lost host."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from protocols.pattern import Ramp, Train
from protocols.prescription import SessionContent
from tests.delivery.sessions import (
    MS,
    Pressed,
    Rehearsal,
    WatchedControls,
    Wrote,
    bursts,
    content,
    plain,
    require_honest,
    require_sound,
    rows,
    slow,
)
from tms_console.delivery.controls import Controls
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.operations import EventKind

STOP_WITHIN_NS = 5 * MS
"""No wait is longer without a look for a stop (house-style.md)."""

WORDS = "stopped by the technician"
SHORT: dict[str, SessionContent] = {
    "theta burst": bursts(2, 2),
    "10 Hz": plain(2, 3),
    "1 Hz": slow(3),
}
SHARDS = 4


def pressing(
    made: SessionContent, database: Path, look: int, press: Callable[[Controls], None], **more: int
) -> Rehearsal:
    """A session in which something is pressed just before the n-th look for orders."""
    done = Rehearsal(content=made, database=database, slice_ns=more.get("slice_ns", 0))

    def pressed(controls: Controls) -> None:
        done.pressed()
        press(controls)

    done.controls = WatchedControls(look, pressed)
    return done


def looks(made: SessionContent, folder: Path, slice_ns: int = 0) -> int:
    """How often a session looks for orders when nobody gives any."""
    done = pressing(made, folder / "count.db", 0, lambda _: None, slice_ns=slice_ns).run()
    assert done.state == "completed"
    assert isinstance(done.controls, WatchedControls)
    return done.controls.looks


def stop(controls: Controls) -> None:
    controls.stop(WORDS)


def require_stopped(done: Rehearsal, within_ns: int | None = None) -> None:
    """After the press: disarm first, no arm, no command, nothing fired once it has arrived."""
    place = next(n for n, one in enumerate(done.passed) if isinstance(one, Pressed))
    pressed = done.passed[place]
    assert isinstance(pressed, Pressed)
    after = [one for one in done.passed[place:] if isinstance(one, Wrote)]
    assert after, "no disarm was sent"
    assert after[0].disarms
    assert not any(one.arms or one.stimulates for one in after)
    if within_ns is not None:
        assert after[0].at_ns - pressed.at_ns <= within_ns
    arrived_ns = 0
    for frame in done.wrote[: done.wrote.index(after[0]) + 1]:
        arrived_ns = max(arrived_ns, frame.at_ns) + frame.line_ns  # one behind the other
    assert all(pulse.at_ns <= arrived_ns for pulse in done.emulator.fired)
    assert not done.emulator.state().status.info.enabled


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", SHORT)
def test_stop_works_at_every_moment_there_is(tmp_path: Path, name: str, shard: int) -> None:
    """Pressed between any two looks: disarmed at once, nothing fires, the record is whole."""
    database = tmp_path / "r.db"
    total = looks(SHORT[name], tmp_path)
    ends = set()
    for look in range(1 + shard, total + 1, SHARDS):
        done = pressing(SHORT[name], database, look, stop).run()
        assert isinstance(done.controls, WatchedControls)
        if not any(isinstance(one, Pressed) for one in done.passed):
            continue
        if done.state == "completed":  # pressed when the last pulse was over
            assert done.outcomes == {"delivered": SHORT[name].pulses}
            continue
        ends.add(done.state)
        require_stopped(done)
        if done.state == "stopped":
            assert done.result.reason == WORDS
            require_honest(done, check=False)
        else:
            assert done.state == "none", "before the session began"
            assert not done.commands
    assert ends == {"stopped", "none"}
    require_sound(database)


@pytest.mark.parametrize("name", SHORT)
def test_disarm_is_on_the_wire_within_5_ms_of_a_stop(tmp_path: Path, name: str) -> None:
    """With a link that returns every 5 ms, as in real time; a sample of all moments."""
    total = looks(SHORT[name], tmp_path, STOP_WITHIN_NS)
    chosen = sorted(random.Random(name).sample(range(1, total + 1), 20))
    database = tmp_path / "r.db"
    for look in chosen:
        done = pressing(SHORT[name], database, look, stop, slice_ns=STOP_WITHIN_NS).run()
        if done.state == "stopped":
            require_stopped(done, STOP_WITHIN_NS)
            require_honest(done, check=False)
    require_sound(database)


def test_no_wait_of_a_session_is_longer_than_5_ms_without_a_look(tmp_path: Path) -> None:
    """The bound above holds only if the looks themselves are never further apart."""
    done = Rehearsal(content=bursts(2, 2), database=tmp_path / "r.db", slice_ns=STOP_WITHIN_NS)
    at_ns: list[int] = []

    class Timed(WatchedControls):
        def _looked(self) -> None:
            at_ns.append(done.now_ns)

    done.controls = Timed(0)
    done.run()
    first_command = done.commands[0].at_ns
    running = [one for one in at_ns if one >= done.origin_ns]
    gaps = [
        after - before for before, after in pairwise(running) if after < done.commands[-1].at_ns
    ]
    assert running[0] <= first_command
    assert max(gaps) <= STOP_WITHIN_NS


@pytest.mark.parametrize("name", SHORT)
def test_a_lost_host_ends_the_session_at_every_tenth_moment(tmp_path: Path, name: str) -> None:
    words = "the window has been silent for 2 s"
    database = tmp_path / "r.db"
    for look in range(5, looks(SHORT[name], tmp_path), 10):
        done = pressing(SHORT[name], database, look, lambda it: it.lose_host(words)).run()
        if done.state in {"none", "completed"}:
            continue
        assert (done.state, done.result.reason) == ("interrupted", words)
        require_stopped(done)
        require_honest(done, check=False)
    require_sound(database)


# Pause ---------------------------------------------------------------------------------------

PAUSE_NS = 7_000 * MS


def pausing(made: SessionContent, database: Path, look: int) -> Rehearsal:
    """Pause at a look; somebody goes on 7 s after the session says that it is paused."""
    done = pressing(made, database, look, lambda it: it.pause("the patient asked for it"))
    paused_ns: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.state != "paused":
            paused_ns.clear()
            return
        paused_ns.append(snapshot.at_ns)
        if paused_ns[-1] - paused_ns[0] >= PAUSE_NS:
            done.controls.resume()
            paused_ns.clear()

    done.publish = show
    return done


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", SHORT)
def test_a_pause_at_every_moment_keeps_every_rest_and_every_pulse(
    tmp_path: Path, name: str, shard: int
) -> None:
    """Disarmed while paused; the next train no sooner than its rest after the last pulse."""
    made, database = SHORT[name], tmp_path / "r.db"
    planned = [int(ns) for train in made.schedule().trains for ns in train.due_ns]
    paused = 0
    for look in range(1 + shard, looks(made, tmp_path), SHARDS * 5):
        done = pausing(made, database, look).run()
        assert (done.state, done.outcomes) == ("completed", {"delivered": made.pulses})
        if done.events("resume"):
            paused += 1
            require_disarmed_while_paused(done)
        fired = [pulse.at_ns for pulse in done.emulator.fired]
        for (one, other), (due, due_after) in zip(pairwise(fired), pairwise(planned), strict=True):
            assert other - one >= due_after - due - MS, "a rest was shortened"
        pulses = done.pulses
        shifts = [(row.planned_ns or 0) - due for row, due in zip(pulses, planned, strict=True)]
        assert shifts == sorted(shifts), "planned_ns is the due time with every pause so far"
        late = [abs((row.commanded_ns or 0) - (row.planned_ns or 0)) for row in pulses[:1]]
        assert late == [0]
        require_honest(done, check=False)
    assert paused
    require_sound(database)


def require_disarmed_while_paused(done: Rehearsal) -> None:
    """From a pause's note to its end the wire carries a disarm and no arm or command."""
    query = "SELECT at_ns, kind, detail FROM session_event WHERE session_id = " + (
        "(SELECT id FROM session WHERE uid = ?) AND kind IN ('pause', 'resume') ORDER BY id"
    )
    events = rows(done.database, query, done.result.session_uid)
    begun = [
        at_ns + done.origin_ns
        for at_ns, kind, detail in events
        if kind == "pause" and not detail.startswith("asked")
    ]
    ended = [at_ns + done.origin_ns for at_ns, kind, _ in events if kind == "resume"]
    for begin_ns, end_ns in zip(begun, ended, strict=True):
        before = [one for one in done.wrote if one.at_ns <= begin_ns and (one.arms or one.disarms)]
        assert before[-1].disarms, "paused and armed"
        during = [one for one in done.wrote if begin_ns < one.at_ns < end_ns]
        assert not any(one.arms or one.stimulates for one in during)
        assert not any(begin_ns < pulse.at_ns < end_ns for pulse in done.emulator.fired)


def test_after_a_pause_in_a_slow_train_everything_is_read_back_again(tmp_path: Path) -> None:
    """Somebody had time to turn every knob."""
    done = Rehearsal(content=slow(6), database=tmp_path / "r.db")
    pressed: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.delivered == 3 and snapshot.state == "resting" and not pressed:
            pressed.append(3)
            done.controls.pause("a telephone call")
        if snapshot.state == "paused":
            done.controls.resume()

    done.publish = show
    done.run()
    assert done.state == "completed"
    third, fourth = done.commands[2], done.commands[3]
    between = [one.body[:2] for one in done.wrote if third.at_ns < one.at_ns < fourth.at_ns]
    assert b"\x09\x00" in between, "the settings were not read back"
    assert between.index(b"\x02\x00") < between.index(b"\x09\x00") < between.index(b"\x02\x01")


def test_a_pause_that_lasts_too_long_ends_the_session(tmp_path: Path) -> None:
    made = replace(plain(2, 3), longest_pause_s=10)
    done = Rehearsal(content=made, database=tmp_path / "r.db")
    done.controls.pause("somebody went to fetch a doctor")
    done.run()
    assert done.state == "stopped"
    assert done.result.reason == (
        "the pause (somebody went to fetch a doctor) lasted longer than 10 s"
    )
    assert not done.commands
    require_honest(done)


# Intensity -----------------------------------------------------------------------------------


def at_train(number: int, act: Callable[[Controls], None], done: Rehearsal) -> None:
    """Do something once, while that train is delivered."""
    done_once: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.train == number and snapshot.state == "delivering" and not done_once:
            done_once.append(1)
            act(done.controls)

    done.publish = show


def test_an_intensity_inside_the_bounds_holds_from_the_next_train_on(tmp_path: Path) -> None:
    done = Rehearsal(content=plain(3, 4), database=tmp_path / "r.db")
    at_train(1, lambda it: it.set_intensity(50, 1), done)
    done.run()
    assert done.state == "completed"
    assert [pulse.intensity_pct_mso for pulse in done.emulator.fired] == [60] * 4 + [50] * 8
    assert [one.intensity_pct_mso for one in done.pulses] == [60] * 4 + [50] * 8
    assert done.events("intensity") == ["block 1: 60 to 50 %MSO, from the next"]
    require_honest(done)


def test_in_a_slow_train_an_intensity_holds_from_the_next_pulse_on(tmp_path: Path) -> None:
    done = Rehearsal(content=slow(5), database=tmp_path / "r.db")

    pressed: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.delivered == 2 and not pressed:
            pressed.append(40)
            done.controls.set_intensity(40, 1)

    done.publish = show
    done.run()
    assert done.state == "completed"
    given = [pulse.intensity_pct_mso for pulse in done.emulator.fired]
    assert given == sorted(given, reverse=True)
    assert given[:2] == [60, 60]
    assert given[-2:] == [40, 40]
    assert given == [one.intensity_pct_mso for one in done.pulses]
    require_honest(done)


@pytest.mark.parametrize("wanted", [29, 71, 100, 0, -5])
def test_an_intensity_outside_the_bounds_is_refused_and_nothing_is_clipped(
    tmp_path: Path, wanted: int
) -> None:
    done = Rehearsal(content=plain(2, 3), database=tmp_path / "r.db")
    at_train(1, lambda it: it.set_intensity(wanted, 1), done)
    done.run()
    assert done.state == "completed"
    assert {pulse.intensity_pct_mso for pulse in done.emulator.fired} == {60}
    assert done.events("intensity") == [
        f"refused: {wanted} %MSO: allowed 30 to 70 %MSO; stays 60 %MSO"
    ]
    require_honest(done)


def test_a_ramp_rises_to_the_intensity_that_was_chosen_meanwhile(tmp_path: Path) -> None:
    """70, 80, 90 and 100 % of 60 %MSO; at 50 from the third train on, 90 % of 50."""
    made = content(Train(3, Fraction(10)), 5, ramp=Ramp(4, Fraction(7, 10)))
    done = Rehearsal(content=made, database=tmp_path / "r.db")
    at_train(2, lambda it: it.set_intensity(50, 1), done)
    done.run()
    assert done.state == "completed"
    given = [pulse.intensity_pct_mso for pulse in done.emulator.fired][::3]
    assert given[:2] == [42, 48]
    assert given[2:] == [45, 50, 50]
    require_honest(done)


# Remarks -------------------------------------------------------------------------------------


def test_notes_and_adverse_events_are_on_record_with_who_said_them(tmp_path: Path) -> None:
    done = Rehearsal(content=plain(2, 3), database=tmp_path / "r.db")

    def say(controls: Controls) -> None:
        controls.remark(EventKind.NOTE, "the coil was held by hand", "a technician")
        controls.remark(EventKind.ADVERSE_EVENT, "tingling of the scalp", "a technician")

    at_train(1, say, done)
    done.run()
    assert done.state == "completed"
    assert done.events("note") == ["the coil was held by hand"]
    assert done.events("adverse_event") == ["tingling of the scalp"]
    actors = rows(done.database, "SELECT actor FROM audit WHERE detail LIKE '%tingling%'")
    assert actors == [("a technician",)]
    require_honest(done)
