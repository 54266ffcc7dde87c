"""Whole sessions against what an adversary thought of: each of these was wrong once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from drivers.interface import Clock
from drivers.link import WriteTimes
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import BurstReports, CounterUnit, Options
from drivers.magpro.unit import TRIGGER_LATENCY_NS
from drivers.simulator.device import FiredPulse, Source
from drivers.simulator.memory_link import MemoryLink
from protocols.pattern import Train
from protocols.prescription import SessionContent
from tests.delivery.sessions import (
    MS,
    REPORT_FRAME_NS,
    Rehearsal,
    S,
    TracedLink,
    bursts,
    content,
    plain,
    require_honest,
    require_sound,
    rows,
    slow,
)
from tms_console.delivery.giving import Giver
from tms_console.delivery.journal import Ticket
from tms_console.delivery.order import SessionOrder
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.operations import TrainOutcome

ADAPTER_NS = 16 * MS
"""The default latency timer of a common USB adapter."""

MODES: dict[str, SessionContent] = {"1 Hz": slow(4), "10 Hz": plain(2, 4)}


@dataclass(slots=True, kw_only=True)
class OverLink(Rehearsal):
    """A rehearsal over a link of one's own.

    Attributes:
        link: Makes it.
        deaf: The stimulator does not get a disarm.
    """

    link: type[TracedLink] = TracedLink
    deaf: bool = False

    def _join(self, device: MagProEmulator, clock: Clock) -> MemoryLink:
        self._clock = clock
        return self.link(device, clock, self)


class ClumpingLink(TracedLink):
    """Hands over what has come only every 16 ms, as an adapter with a latency timer does."""

    def read(self, until_ns: int) -> bytes:
        self._rehearsal.touched("read")
        while True:
            next_ns = (self._own_clock.now_ns() // ADAPTER_NS + 1) * ADAPTER_NS
            if next_ns > until_ns:
                self._own_clock.rest_until(until_ns)
                self._catch_up()
                return b""
            self._own_clock.rest_until(next_ns)
            self._catch_up()
            if output := self._device.take_output():
                return output


class DeafLink(TracedLink):
    """Loses every disarm while its rehearsal says so."""

    def write(self, data: bytes) -> WriteTimes:
        rehearsal = self._rehearsal
        if isinstance(rehearsal, OverLink) and rehearsal.deaf and data[2:4] == b"\x02\x00":
            now_ns = self._own_clock.now_ns()
            return WriteTimes(now_ns, now_ns)
        return super().write(data)


def by_somebody_else(done: Rehearsal) -> list[FiredPulse]:
    ours = {Source.SERIAL, Source.TRAIN}
    return [one for one in done.emulator.fired if one.source not in ours]


# Evidence ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dropped", [2, 4, 14, 30])
def test_a_count_of_bursts_does_not_vouch_for_a_pulse_without_a_report(
    tmp_path: Path, dropped: int
) -> None:
    """The unit counts bursts and reports pulses: every burst was given, this pulse was not."""
    options = Options(burst_reports=BurstReports.PULSE, counter=CounterUnit.BURSTS)
    done = Rehearsal(
        content=bursts(1, 10),
        database=tmp_path / "r.db",
        options=options,
        faults=[f"drop_pulse@{dropped}"],
    ).run()
    require_honest(done)
    assert done.state == "failed"
    assert done.outcomes == {"delivered": 29, "unknown": 1}
    assert done.pulses[dropped - 1].outcome == "unknown"


CLUMPS = [
    *((plain(1, 6), pulse) for pulse in range(1, 7)),
    *((bursts(1, 3), pulse) for pulse in range(1, 10)),
    *((slow(3), pulse) for pulse in range(1, 4)),
]


@pytest.mark.parametrize(("made", "pulse"), CLUMPS)
def test_two_reports_handed_over_together_are_two_pulses(
    tmp_path: Path, made: SessionContent, pulse: int
) -> None:
    """Equal but for nothing, at the same time: still one of them is one too many."""
    done = OverLink(
        content=made,
        database=tmp_path / "r.db",
        link=ClumpingLink,
        faults=[f"extra_pulse@{pulse}"],
    ).run()
    (extra,) = by_somebody_else(done)
    assert extra.source is Source.FAULT
    assert done.state == "failed"
    delivered, unknown = done.outcomes.get("delivered", 0), done.outcomes.get("unknown", 0)
    unplanned = done.outcomes["unplanned"]
    fired = len(done.emulator.fired)
    assert delivered + unplanned <= fired <= delivered + unplanned + unknown
    # whose the second report is may stay open, and then its pulse is unknown
    assert 1 <= unplanned <= 1 + unknown
    require_sound(done.database)


@pytest.mark.parametrize("made", MODES.values(), ids=list(MODES))
def test_an_adapter_that_clumps_disturbs_no_session(tmp_path: Path, made: SessionContent) -> None:
    done = OverLink(content=made, database=tmp_path / "r.db", link=ClumpingLink).run()
    assert (done.state, done.result.reason) == ("completed", "complete")
    require_honest(done)


@cache
def second_command_ns(mode: str) -> int:
    """When the second command goes out if nobody presses anything: the clock is virtual."""
    with TemporaryDirectory() as folder:
        return (
            Rehearsal(content=MODES[mode], database=Path(folder) / "r.db").run().commands[1].at_ns
        )


def foot_switch_before(mode: str, folder: Path, before_ns: int) -> Rehearsal:
    """Press the foot switch so long before the second command is due."""
    at_ns = second_command_ns(mode) - before_ns
    done = Rehearsal(content=MODES[mode], database=folder / "r.db")
    pressed: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if len(done.commands) == 1 and snapshot.state == "armed" and not pressed:
            pressed.append(at_ns)
            press = done.emulator.panel.press_foot_switch
            done.emulator._unit.agenda.at(at_ns - TRIGGER_LATENCY_NS, press)

    done.publish = show
    done.run()
    assert len(pressed) == 1
    assert by_somebody_else(done)[0].at_ns == at_ns
    return done


@pytest.mark.parametrize("before_us", range(-1_000, 9_500, 500))
@pytest.mark.parametrize("mode", MODES)
def test_a_foot_switch_close_to_a_command_is_never_taken_for_what_was_commanded(
    tmp_path: Path, mode: str, before_us: int
) -> None:
    """Its report comes before the command's own can: both take their time on the line."""
    done = foot_switch_before(mode, tmp_path, before_us * 1_000)
    (foot,) = by_somebody_else(done)
    ours = len(done.emulator.fired) - 1
    assert foot.source is Source.FOOT_SWITCH
    assert done.state == "failed"
    assert done.outcomes["unplanned"] == 1
    assert done.outcomes["delivered"] <= ours
    assert done.outcomes["delivered"] + done.outcomes.get("unknown", 0) >= ours
    (unplanned,) = [one for one in done.pulses if one.outcome == "unplanned"]
    assert unplanned.observed_ns is not None
    seen_ns = unplanned.observed_ns + done.origin_ns
    assert 0 <= seen_ns - foot.at_ns - REPORT_FRAME_NS <= 10 * MS
    require_sound(done.database)


@pytest.mark.parametrize("mode", MODES)
def test_a_command_is_not_sent_when_somebody_elses_pulse_was_reported_before_it(
    tmp_path: Path, mode: str
) -> None:
    """The last look is 4 ms before: what came by then forbids the command."""
    done = foot_switch_before(mode, tmp_path, 8 * MS)
    assert len(done.commands) == 1
    assert done.outcomes["unplanned"] == 1
    assert "refused" in done.outcomes
    assert "just before the command, which was not sent" in done.result.reason
    require_honest(done)


@pytest.mark.parametrize(("missing", "extra"), [(2, 4), (3, 5), (4, 2), (5, 3), (2, 6), (7, 5)])
def test_one_report_missing_and_one_extra_are_not_paired_wrongly(
    tmp_path: Path, missing: int, extra: int
) -> None:
    """As many reports as pulses: counting alone would give the extra one to the missing one."""
    done = Rehearsal(
        content=plain(1, 8),
        database=tmp_path / "r.db",
        faults=[f"swallow_reply@{missing}", f"extra_pulse@{extra}"],
    ).run()
    assert done.state == "failed"
    truth = require_honest(done)
    (foreign,) = truth.extras
    for one in done.pulses:
        if one.outcome == "delivered" and one.evidence == "reported":
            assert one.observed_ns is not None
            away_ns = one.observed_ns + done.origin_ns - truth.fired[one.number].at_ns
            assert 0 <= away_ns <= 4 * MS, f"pulse {one.number} has another one's report"
    assert foreign.source is Source.FAULT


@pytest.mark.parametrize("restart_ns", [S // 10, S // 2, S, 2 * S])
@pytest.mark.parametrize("made", [plain(1, 40), slow(3)], ids=["4 s at 10 Hz", "1 Hz"])
def test_a_restart_after_the_first_pulse_does_not_make_that_pulse_not_delivered(
    tmp_path: Path, made: SessionContent, restart_ns: int
) -> None:
    """Its counter begins anew: what it counts then proves nothing about what was given."""
    done = Rehearsal(
        content=made,
        database=tmp_path / "r.db",
        options=Options(restart_ns=restart_ns),
        faults=["restart@1"],
    ).run()
    assert len(done.emulator.fired) == 1
    assert done.state == "failed"
    assert done.pulses[0].outcome in {"delivered", "unknown"}
    require_honest(done)


@pytest.mark.parametrize(
    ("clock_ppm", "state"),
    [(600_000, "failed"), (-50_000, "failed"), (50_000, "failed"), (900, "completed")],
)
def test_a_train_clock_with_another_rate_ends_the_session(
    tmp_path: Path, clock_ppm: int, state: str
) -> None:
    done = Rehearsal(
        content=plain(2, 40), database=tmp_path / "r.db", options=Options(clock_ppm=clock_ppm)
    ).run()
    assert done.state == state
    assert len(done.commands) == (1 if state == "failed" else 2)
    require_sound(done.database)


# Going on ------------------------------------------------------------------------------------


def test_a_resumed_session_keeps_the_rest_after_the_last_pulse(tmp_path: Path) -> None:
    """Stop and resume must not be a way around the prescribed rest of 26 s."""
    made = content(Train(4, Fraction(10)), 3, gap_s=26)
    first = Rehearsal(content=made, database=tmp_path / "r.db")

    def stop(snapshot: Snapshot) -> None:
        if snapshot.delivered == 4 and snapshot.state == "resting":
            first.controls.stop("enough")

    first.publish = stop
    first.run()
    assert first.state == "stopped"

    def resumed(order: SessionOrder) -> SessionOrder:
        values = {name: getattr(order, name) for name in type(order).__dataclass_fields__}
        return type(order)(**values | {"resumes_uid": first.result.session_uid})

    second = Rehearsal(content=made, database=tmp_path / "r.db", order=resumed).run()
    assert second.state == "completed"
    assert [one.number for one in second.pulses] == list(range(5, 13))
    # the wall clock went on a little between the two, under the virtual one nothing else did
    assert 24 * S <= second.commands[0].at_ns - second.wrote[0].at_ns <= 30 * S


def test_between_blocks_the_stimulator_is_disarmed_and_armed_again(tmp_path: Path) -> None:
    """The coil is moved to the other side: nobody does that with an armed stimulator."""
    made = content(Train(4, Fraction(10)), blocks=2)
    done = Rehearsal(content=made, database=tmp_path / "r.db").run()
    first, second = done.commands
    between = [one for one in done.wrote if first.at_ns < one.at_ns < second.at_ns]
    switched = ["disarm" if one.disarms else "arm" for one in between if one.disarms or one.arms]
    assert done.state == "completed"
    assert switched[0] == "disarm"
    assert switched[-1] == "arm"
    disarmed = next(one for one in between if one.disarms)
    assert disarmed.at_ns - first.pulse_ns < 2 * S, "at the end of the block, not before the next"
    require_honest(done)


# Ending --------------------------------------------------------------------------------------


def test_a_pause_whose_disarm_is_not_confirmed_ends_the_session(tmp_path: Path) -> None:
    """A paused session says that the coil may be moved: it must not say so over an armed coil."""
    done = OverLink(content=plain(3), database=tmp_path / "r.db", link=DeafLink)

    def show(snapshot: Snapshot) -> None:
        if snapshot.delivered == 6 and snapshot.state == "resting" and not done.deaf:
            done.deaf = True
            done.controls.pause("coil slipped")

    done.publish = show
    done.run()
    assert done.state == "failed"
    assert "the disarm was not confirmed" in done.result.reason
    assert "own stop button" in done.result.reason
    assert len(done.commands) == 1
    assert done.outcomes == {"delivered": 6}
    ended = [one.state for one in done.snapshots].index("failed")
    paused = [one for one in done.snapshots[:ended] if one.state == "paused"]
    assert len({one.at_ns for one in paused}) <= 1, "it never waits in a pause"
    require_sound(done.database)


def test_the_first_of_two_reasons_to_end_is_on_record(tmp_path: Path) -> None:
    done = Rehearsal(content=plain(), database=tmp_path / "r.db")

    def touched(_how: str) -> None:
        if len(done.emulator.fired) == 3 and not done.controls.halted:
            done.controls.stop("pressed")
            done.controls.lose_host("the window is gone")
            done.controls.fail("the disk is full")

    done.touched = touched
    done.run()
    assert (done.state, done.result.reason) == ("stopped", "pressed")
    query = "SELECT state, end_reason FROM session"
    assert rows(done.database, query) == [("stopped", "pressed")]
    require_honest(done)


def test_a_session_that_a_bug_left_open_is_not_said_to_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks must be told that the next start has something to settle."""

    def broken(_self: Giver, _outcome: TrainOutcome) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Giver, "settle_all", broken)
    done = Rehearsal(content=plain(), database=tmp_path / "r.db").run()
    assert done.result.saved is False
    assert rows(done.database, "SELECT state FROM session") == [("running",)]
    monkeypatch.undo()
    following = Rehearsal(content=plain(), database=tmp_path / "r.db").run()
    assert following.result.saved is True
    assert any("interrupted" in one for one in following.result.found)


class SlowTicket:
    """Is committed, and does not say so before a time."""

    def __init__(self, done: Rehearsal, ticket: Ticket, until_ns: int) -> None:
        self._done, self._ticket, self._until_ns = done, ticket, until_ns

    def wait(self, timeout_s: float) -> bool:
        return self._done.now_ns >= self._until_ns and self._ticket.wait(timeout_s)


def on_a_slow_disk(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Rehearsal], None] = lambda _: None,
) -> Rehearsal:
    """The rows of the second train take ten seconds."""
    done = Rehearsal(content=plain(), database=folder / "r.db")
    real = Giver._write_rows

    def slowly(self: Giver, shot: object, ready: object) -> object:
        ticket = real(self, shot, ready)  # type: ignore[arg-type]
        if not done.commands:
            return ticket
        meanwhile(done)
        return SlowTicket(done, ticket, done.now_ns + 10 * S)

    monkeypatch.setattr(Giver, "_write_rows", slowly)
    return done.run()


def test_a_disk_that_is_too_slow_for_the_next_train_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patient waits under an armed coil for a disk: that ends at the time it was due."""
    done = on_a_slow_disk(tmp_path, monkeypatch)
    assert done.state == "failed"
    assert "the record's disk was too slow" in done.result.reason
    assert len(done.commands) == 1
    assert done.outcomes == {"delivered": 6, "not_delivered": 6}
    last = next(one for one in reversed(done.wrote) if one.disarms)
    assert last.at_ns - done.commands[0].at_ns < 5 * S
    require_honest(done)


def test_a_pulse_at_the_panel_is_noticed_while_the_disk_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = on_a_slow_disk(
        tmp_path, monkeypatch, lambda done: done.emulator.panel.press_foot_switch()
    )
    assert done.state == "failed"
    assert "nobody commanded" in done.result.reason
    assert done.outcomes == {"delivered": 6, "not_delivered": 6, "unplanned": 1}
    require_honest(done)
