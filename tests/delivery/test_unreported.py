"""Trains of a device that reports no pulse: what may be claimed, and what a session does then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.magstim.options import VARIANTS
from drivers.magstim.requests import FIRE
from protocols.pattern import Burst, Train
from protocols.prescription import rehearsal_content
from protocols.protocol import load_library
from tests.delivery.magstim_sessions import MagstimRehearsal, require_honest
from tests.delivery.sessions import WatchedControls, content, rows, slow
from tms_console.delivery.unreported import (
    FIRST_PULSE_NS,
    LOOK_NS,
    Judged,
    Watched,
    judge,
    vouched_while_running,
)
from tms_console.records.database import open_database
from tms_console.records.queries import summarise_session
from tms_console.screens.treat_after import _given_words

MS = 1_000_000
S = 1_000_000_000
TEN_HZ = tuple(k * 100 * MS for k in range(40))


def watched(running_ms: int | None, ended_ms: int | None) -> Judged:
    """Forty pulses at 10 Hz: the last due at 3.9 s, the program over at 4.0 s."""
    running = None if running_ms is None else running_ms * MS
    ended = None if ended_ms is None else ended_ms * MS
    return judge(Watched(TEN_HZ, 100 * MS, running, ended))


def known(judged: Judged) -> int:
    """How many of the forty are claimed."""
    return sum(judged.vouched_ns is not None and one <= judged.vouched_ns for one in TEN_HZ)


@pytest.mark.parametrize(
    ("running_ms", "ended_ms", "claimed", "words"),
    [
        (3980, 4030, 40, ""),
        (3850, 3920, 40, ""),  # a unit whose running bit falls with the last pulse
        (3801, 4260, 40, ""),  # one answer lost at the end
        (3980, 3899, 40, "ended 0.00 s too early"),
        (700, 1100, 7, "ended 2.80 s too early"),
        (None, 500, 0, "ended 3.40 s too early"),
        (3799, 3950, 38, "was not seen to run to its end"),
        (400, 4030, 4, "was not seen to run to its end"),
        (None, 4030, 0, "was not seen to run to its end"),
        (3980, 4270, 40, "was not seen to end at its time"),
        (3980, None, 40, "was not seen to end at its time"),
        (4090, None, 0, "was still running 0.07 s after its time"),
        (5000, 5050, 0, "was still running"),
    ],
)
def test_a_train_is_whole_only_if_it_ran_to_its_end_and_ended_then(
    running_ms: int | None, ended_ms: int | None, claimed: int, words: str
) -> None:
    judged = watched(running_ms, ended_ms)
    assert (bool(judged.doubt), known(judged)) == (bool(words), claimed)
    assert words in judged.doubt
    if judged.doubt:
        assert f"{claimed} of its 40 pulses" in judged.doubt


@pytest.mark.parametrize(("unseen_ms", "whole"), [(110, True), (249, True), (251, False)])
def test_a_slow_train_must_be_seen_near_its_end_too(unseen_ms: int, whole: bool) -> None:
    """At 2 Hz a unit that stopped 0.4 s early, both looks there lost, is not seen to be whole."""
    offsets = tuple(k * 500 * MS for k in range(20))
    last_ns = offsets[-1]
    judged = judge(Watched(offsets, 500 * MS, last_ns - unseen_ms * MS, last_ns + 10 * MS))
    assert (judged.doubt == "") is whole
    assert whole or "19 of its 20 pulses" in judged.doubt


def test_a_running_train_vouches_for_no_pulse_that_a_slow_clock_has_not_given() -> None:
    """A clock slow by 0.1 % is 50 ms behind after 50 s: one pulse of 20 a second."""
    given_ns = 50 * S * 1_000 // 1_001
    assert given_ns - 20 * MS < (vouched_while_running(50 * S) or 0) < given_ns


@given(
    pulses=st.integers(2, 60),
    hz=st.sampled_from([2, 10, 18, 20, 50, 100]),
    given_=st.integers(0, 60),
    bit_falls_at_last=st.booleans(),
    looks=st.lists(st.integers(1, 400), min_size=1, max_size=80),
)
def test_no_pulse_is_claimed_that_a_device_of_either_kind_did_not_give(
    pulses: int, hz: int, given_: int, bit_falls_at_last: bool, looks: list[int]
) -> None:
    """A device gives some of the pulses at the program's rate, then stops; looks come at any time.

    The one pulse too many that may be claimed is the resolution: a device whose bit falls a period
    after its last pulse and one whose bit falls with it look the same.
    """
    period_ns = S // hz
    offsets = [k * period_ns for k in range(pulses)]
    given_ = min(given_, pulses)
    over_ns = 6 * MS + max(0, given_ - 1) * period_ns
    over_ns += MS if bit_falls_at_last or not given_ else period_ns  # with none given it is over
    running = ended = None
    at_ns = 0
    for pause_ms in looks:
        at_ns += pause_ms * MS
        if at_ns < over_ns:
            running = at_ns
        else:
            ended = at_ns + LOOK_NS
            break
    seen = Watched(offsets, period_ns, running, ended)
    judged = judge(seen)
    claimed = sum(judged.vouched_ns is not None and one <= judged.vouched_ns for one in offsets)
    blind = -(-seen.resolution_ns // period_ns)
    assert claimed <= given_ + (blind if not judged.doubt else 1)
    if not judged.doubt:
        assert claimed == pulses
    if ended is None and running is None:
        assert claimed == 0


@given(
    pulses=st.integers(2, 200),
    hz=st.sampled_from([2, 10, 18, 20, 30, 50]),
    bit_falls_at_last=st.booleans(),
    phase_ms=st.integers(0, 40),
)
def test_a_device_that_gives_all_of_it_is_believed_when_it_is_looked_at_every_40_ms(
    pulses: int, hz: int, bit_falls_at_last: bool, phase_ms: int
) -> None:
    period_ns = S // hz
    offsets = [k * period_ns for k in range(pulses)]
    over_ns = 6 * MS + offsets[-1] + (MS if bit_falls_at_last else period_ns)
    asked_ns = phase_ms * MS
    running = None
    while asked_ns < over_ns:
        running, asked_ns = asked_ns, asked_ns + 40 * MS
    judged = judge(Watched(offsets, period_ns, running, asked_ns + 40 * MS))
    assert judged == Judged(offsets[-1], "")


# Whole sessions -------------------------------------------------------------------------------


def trains(number: int = 2, pulses: int = 40, hz: int = 10) -> MagstimRehearsal:
    made = content(Train(pulses, Fraction(hz)), number)
    return MagstimRehearsal(content=made, database=Path())


@pytest.mark.parametrize("at_last", [False, True], ids=["a period later", "at the last pulse"])
def test_whole_trains_are_inferred_wherever_the_running_bit_falls(
    tmp_path: Path, at_last: bool
) -> None:
    run = trains(3)
    run.database = tmp_path / "r.db"
    run.options = replace(VARIANTS["rapid2"], ends_at_last_pulse=at_last)
    done = run.run()
    assert (done.state, done.result.reason) == ("completed", "complete")
    assert done.claims == {("delivered", "inferred")}
    assert len(done.pulses) == len(done.emulator.fired) == 120
    starts = [one.commanded_ns for one in done.pulses[::40]]
    assert starts == [one.planned_ns for one in done.pulses[::40]]
    ended = rows(done.database, "SELECT ended_ns - started_ns FROM train")
    assert all(3900 * MS < one[0] < 4150 * MS for one in ended)
    require_honest(done)


@pytest.mark.parametrize("protocol", ["h1-18hz", "lf1-right"])
def test_a_protocol_of_the_library_is_given_with_what_can_be_known(
    tmp_path: Path, protocol: str
) -> None:
    made = rehearsal_content(load_library()[protocol], 45)
    done = MagstimRehearsal(content=made, database=tmp_path / "r.db", variant="super-rapid2").run()
    assert (done.state, done.result.reason) == ("completed", "complete")
    assert len(done.pulses) == made.pulses == len(done.emulator.fired)
    kind = "acknowledged" if protocol == "lf1-right" else "inferred"
    assert done.claims == {("delivered", kind)}
    lasted_s = summarise_session(open_database(done.database), done.result.session_uid).duration_s
    assert lasted_s == pytest.approx(float(made.schedule().duration_s), abs=0.02)
    require_honest(done)


@pytest.mark.parametrize("pulse", [1, 7, 39])
@pytest.mark.parametrize("fault", ["coil_hot", "coil_removed", "interlock_open"])
def test_a_train_that_ends_early_leaves_what_nobody_saw_unknown_and_the_rest_not_given(
    tmp_path: Path, fault: str, pulse: int
) -> None:
    run = trains(2)
    run.database, run.faults = tmp_path / "r.db", [f"{fault}@{pulse}"]
    done = run.run()
    assert done.state == "failed"
    assert done.count("unknown") >= 1
    assert {one.evidence for one in done.pulses if one.outcome == "delivered"} <= {"inferred"}
    assert len(done.frames_sent(FIRE.frame)) == 1
    assert len(done.emulator.fired) == pulse
    if pulse == 7:
        assert done.count("not_delivered") > 20
    require_honest(done)


def test_a_train_that_runs_on_after_its_time_is_believed_in_nothing(tmp_path: Path) -> None:
    """A unit that gives another program than was read back: slower, and as many pulses."""
    run = trains(2)
    run.database = tmp_path / "r.db"
    told = run.touched

    def slow_down(it: MagstimRehearsal, how: str) -> None:
        told(it, how)
        if it.emulator.state().running:
            it.emulator._unit.frequency_tenths = 90

    run.touched = slow_down
    done = run.run()
    assert done.state == "failed"
    assert "still running" in done.result.reason
    assert done.claims == {("unknown", "none")}
    assert len(done.frames_sent(FIRE.frame)) == 1


def test_a_train_that_ends_without_a_reason_is_not_believed_to_be_whole(tmp_path: Path) -> None:
    run = trains(2)
    run.database = tmp_path / "r.db"

    def hurry(it: MagstimRehearsal, _how: str) -> None:
        if it.emulator.state().running and len(it.emulator.fired) < 22:
            it.emulator._unit.pulses = 25

    run.touched = hurry
    done = run.run()
    assert done.state == "failed"
    assert "too early" in done.result.reason
    outcomes = [one.outcome for one in done.pulses]
    assert 19 <= outcomes.count("delivered") <= 25
    assert outcomes[24] in {"delivered", "unknown"}
    assert outcomes[39] == "not_delivered"
    require_honest(done)


@pytest.mark.parametrize("look", [25, 60, 110, 160, 220, 300])
def test_a_stop_in_a_train_keeps_what_was_seen_until_then(tmp_path: Path, look: int) -> None:
    controls = WatchedControls(look, lambda it: it.stop("somebody"))
    run = trains(1)
    run.database, run.controls = tmp_path / "r.db", controls
    done = run.run()
    assert done.state in {"stopped", "completed", "none"}
    if done.state == "none":
        assert done.emulator.fired == ()
        return
    require_honest(done)


def test_a_silent_unit_leaves_the_train_to_what_was_seen_before(tmp_path: Path) -> None:
    """The watchdog ends the train within a second; nobody is there to say when."""
    run = trains(1)
    run.database, run.faults = tmp_path / "r.db", ["hang@12"]
    done = run.run()
    assert done.state == "failed"
    assert "does not answer" in done.result.reason
    outcomes = [one.outcome for one in done.pulses]
    assert set(outcomes) == {"delivered", "unknown"}
    assert outcomes == sorted(outcomes), "first what was seen, then what was not"
    assert outcomes.count("delivered") <= 12
    assert len(done.emulator.fired) < 26


def test_pulses_at_1_hz_are_acknowledged_one_by_one(tmp_path: Path) -> None:
    done = MagstimRehearsal(content=slow(), database=tmp_path / "r.db").run()
    assert done.state == "completed"
    assert done.claims == {("delivered", "acknowledged")}
    require_honest(done)


def pressed_once(how: str, after_ns: int = 300 * MS) -> Callable[[MagstimRehearsal, str], None]:
    """Return what fires the unit from outside, once, in the rest after the first stimuli."""
    done: list[str] = []

    def touched(it: MagstimRehearsal, _how: str) -> None:
        state = it.emulator.state()
        unit = it.emulator._unit
        idle = state.ready and not (state.running or unit.waiting)
        if not done and idle and it.emulator.fired and _quiet(it, after_ns):
            done.append(how)
            getattr(it.emulator.panel, how)()

    return touched


def _quiet(it: MagstimRehearsal, for_ns: int) -> bool:
    return it.emulator.now_ns() - it.emulator.fired[-1].at_ns > for_ns


@pytest.mark.parametrize("how", ["press_foot_switch", "trigger_input", "press_trigger"])
def test_a_train_that_somebody_else_sets_off_ends_the_session(tmp_path: Path, how: str) -> None:
    run = trains(3, pulses=10)
    run.database, run.touched = tmp_path / "r.db", pressed_once(how)
    done = run.run()
    assert done.state == "failed"
    assert "gives a train that was not started here" in done.result.reason
    assert [(one.outcome, one.evidence, one.number) for one in done.pulses[10:]] == [
        ("unplanned", "inferred", 31)
    ]
    numbers = summarise_session(open_database(done.database), done.result.session_uid)
    assert _given_words(numbers, 30)[1].startswith("10 are inferred: their trains were seen to run")
    assert len(done.frames_sent(FIRE.frame)) == 1
    assert not done.emulator.state().armed


@pytest.mark.parametrize(
    ("variant", "rate_hz", "after_ms"),
    [("magstim200", Fraction(1, 6), 3500), ("rapid2", Fraction(1), 600)],
)
def test_a_unit_that_charges_unasked_is_given_nothing_more(
    tmp_path: Path, variant: str, rate_hz: Fraction, after_ms: int
) -> None:
    """A foot switch shows if a look falls into the charging.

    A Rapid² would then lose the session's next pulse, too close after that, and acknowledge it.
    """
    run = MagstimRehearsal(
        content=content(Train(4, rate_hz)),
        database=tmp_path / "r.db",
        variant=variant,
        touched=pressed_once("press_foot_switch", after_ms * MS),
    )
    done = run.run()
    assert done.state == "failed"
    assert "nothing was commanded" in done.result.reason
    assert len(done.frames_sent(FIRE.frame)) == done.count("delivered") < 4
    assert len(done.emulator.fired) == done.count("delivered") + 1
    assert done.count("unplanned") == 1
    assert done.claims >= {("unplanned", "inferred")}


PAIR = Train(1, Fraction(2), Burst(2, Fraction(100)))
"""Two pulses 10 ms apart, one command; a train of its own, since a unit spaces it."""


def test_a_paired_pulse_is_two_rows_and_one_command(tmp_path: Path) -> None:
    made = content(PAIR, 5, gap_s=5)
    done = MagstimRehearsal(content=made, database=tmp_path / "r.db", variant="bistim2").run()
    assert (done.state, done.result.reason) == ("completed", "complete")
    assert len(done.pulses) == len(done.emulator.fired) == 10
    assert len(done.frames_sent(FIRE.frame)) == 5
    assert done.claims == {("delivered", "inferred")}
    first, second = done.pulses[:2]
    assert (first.train, second.train) == (1, 1)
    assert first.commanded_ns == second.commanded_ns
    assert (second.planned_ns or 0) - (first.planned_ns or 0) == 10 * MS
    require_honest(done)


@pytest.mark.parametrize("fault", ["hang@1", "coil_removed@1", "interlock_open@1"])
def test_of_a_pair_whose_end_nobody_saw_no_more_is_claimed_than_was_seen(
    tmp_path: Path, fault: str
) -> None:
    made = content(Train(1, Fraction(2), Burst(2, Fraction(2))), 2, gap_s=5)
    done = MagstimRehearsal(
        content=made, database=tmp_path / "r.db", variant="bistim2", faults=[fault]
    ).run()
    assert done.state == "failed"
    assert done.count("delivered") <= len(done.emulator.fired)
    assert len(done.frames_sent(FIRE.frame)) == 1
    require_honest(done)


def test_pairs_are_not_asked_for_before_the_unit_is_charged_again(tmp_path: Path) -> None:
    made = content(PAIR, 5, gap_s=4)
    done = MagstimRehearsal(content=made, database=tmp_path / "r.db", variant="bistim2").run()
    assert done.state == "none"
    assert "it needs 4.1 s from the last pulse to the next" in done.result.reason


def test_the_first_pulse_allowance_covers_the_slowest_unit() -> None:
    """10 ± 1.5 ms for a BiStim² (stimulators.md 6)."""
    assert FIRST_PULSE_NS > 11_500_000


def test_a_look_that_shows_another_intensity_vouches_for_no_pulse(tmp_path: Path) -> None:
    """A pulse at 69 %MSO must not stand in the record as one given at 60."""
    done = MagstimRehearsal(
        content=content(Train(20, Fraction(10))),
        database=tmp_path / "r.db",
        faults=("panel_change:9@8",),
    ).run()
    assert "from 60 to 69 %MSO" in done.result.reason
    claimed = [one for one in done.pulses if one.outcome == "delivered"]
    assert claimed
    at = {one.number: one.intensity_pct_mso for one in done.emulator.fired}
    assert [at[one.number] for one in claimed] == [60] * len(claimed)
    known = [one for one in done.pulses if one.outcome in {"delivered", "unknown"}]
    assert len(known) >= len(at)
