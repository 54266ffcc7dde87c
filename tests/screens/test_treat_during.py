"""What is shown of a running session at one moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from protocols.prescription import rehearsal_content
from protocols.protocol import load_library
from tms_console.delivery.snapshot import Snapshot
from tms_console.screens.treat_dose import BlockDose
from tms_console.screens.treat_during import (
    MOST_CELLS,
    DuringScreen,
    Moment,
    Running,
    duration,
    during_screen,
    running,
)

S = 1_000_000_000
WALL = datetime(2026, 11, 23, 10, 40, tzinfo=UTC)


def session(name: str = "itbs-600") -> Running:
    content = rehearsal_content(load_library()[name], 35)
    doses = tuple(
        BlockDose(one.label, one.intensity_pct_mso, 34, 46, 35, "") for one in content.blocks
    )
    return running("uid", "Rivera, Ana M.", ("iTBS 600", "Session 12 of 36"), content, doses)


def snapshot(**changes: object) -> Snapshot:
    made = Snapshot(
        state="resting",
        reason="",
        at_ns=100 * S,
        ends_ns=round(191.84 * S),
        planned=600,
        delivered=330,
        unknown=0,
        unplanned=0,
        train=12,
        trains=20,
        block=1,
        intensity_pct_mso=42,
        next_due_ns=110 * S,
        coil_temperature_c=27,
        heard_ns=99 * S,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def shown(now: Snapshot | None = None, wanted: int = 42, **moment: object) -> DuringScreen:
    at = Moment(104 * S, WALL, (wanted,))
    return during_screen(session(), now or snapshot(), replace(at, **moment))  # type: ignore[arg-type]


def test_a_rest_says_what_is_left_when_it_ends_and_when_the_next_train_comes() -> None:
    screen = shown()
    assert (screen.word, screen.state) == ("RESTING", "good")
    assert (screen.pulses, screen.total) == (330, 600)
    assert (screen.left, screen.ends) == ("1:28", "ends about 10:41")
    assert (screen.train, screen.train_next) == ("Train 12 of 20", "next train in 6.0 s")
    assert screen.cells == ("done",) * 11 + ("now",) + ("open",) * 8
    assert screen.share == 0.0
    assert (screen.heard, screen.heard_state) == ("5.0 s ago", "warn")


def test_a_train_that_is_given_pulse_by_pulse_rests_for_no_pulse() -> None:
    of, at = session("lf1-right"), Moment(104 * S, WALL, (42,))
    amid = snapshot(planned=of.pulses, delivered=4, train=1, trains=1, next_due_ns=105 * S)
    screen = during_screen(of, amid, at)
    assert (screen.word, screen.train_next) == ("DELIVERING", "next pulse in 1.0 s")
    first = during_screen(of, replace(amid, delivered=0), at)
    assert (first.word, first.train_next) == ("RESTING", "next train in 1.0 s")
    assert during_screen(of, replace(amid, state="paused"), at).word == "PAUSED"


def test_before_the_first_snapshot_the_whole_session_is_to_come() -> None:
    screen = during_screen(session(), None, Moment(0, WALL, (42,)))
    assert (screen.word, screen.pulses, screen.left) == ("STARTING", 0, "3:12")
    assert set(screen.cells) == {"open"}


def test_a_pause_names_its_reason_and_how_long_it_may_last() -> None:
    now = snapshot(state="paused", reason="F8 was pressed")
    screen = shown(now, paused_since_ns=62 * S)
    assert screen.paused
    assert screen.reason == "F8 was pressed"
    assert screen.left == "1:22"  # from the next train on: a pause is no part of it
    assert screen.train_next == "for 0:42 of at most 10:00"
    assert shown(now).train_next == "for at most 10:00"


def test_while_the_stimulator_fires_nothing_is_counted_down() -> None:
    screen = shown(snapshot(state="delivering", delivered=345))
    assert screen.train_next == "the stimulator fires"
    assert screen.share == 0.5


def test_unknown_and_unplanned_pulses_are_told_beside_the_count() -> None:
    assert shown(snapshot(unknown=3, unplanned=1)).doubt == "3 unknown · 1 unplanned"
    assert shown().doubt == ""


@pytest.mark.parametrize(
    ("wanted", "told", "state"),
    [
        (42, "At prescribed dose", "good"),
        (40, "2 %MSO below the prescribed", "note"),
        (44, "2 %MSO above the prescribed", "warn"),
    ],
)
def test_the_intensity_is_compared_with_what_was_signed(wanted: int, told: str, state: str) -> None:
    intensity = shown(snapshot(intensity_pct_mso=wanted), wanted).intensity
    assert (intensity.told, intensity.state) == (told, state)
    assert (intensity.low, intensity.high, intensity.prescribed) == (34, 46, 42)
    assert intensity.may_fall
    assert intensity.may_rise


def test_an_intensity_that_was_moved_is_said_to_come_with_the_next_train() -> None:
    """The stimulator still stands at the old one: "below the prescribed" would be of neither."""
    intensity = shown(snapshot(intensity_pct_mso=42), 41).intensity
    assert (intensity.set_to, intensity.told) == (42, "41 %MSO from the next train")


def test_the_intensity_stops_at_the_signed_bounds() -> None:
    assert not shown(wanted=46).intensity.may_rise
    assert not shown(wanted=34).intensity.may_fall


def test_a_ramp_is_no_departure_from_the_dose() -> None:
    assert shown(snapshot(intensity_pct_mso=34)).intensity.told == "Ramp, then 42 %MSO"
    assert shown().intensity.words == "120 % of 35 %MSO"


def test_a_session_that_goes_on_counts_what_went_before() -> None:
    screen = shown(snapshot(planned=270, delivered=0))
    assert (screen.pulses, screen.total) == (330, 600)


def test_coil_and_silence_are_told_with_their_state() -> None:
    assert shown(coil_before_c=25).coil == "27 °C (+2), limit 41"
    assert shown(snapshot(coil_temperature_c=39)).coil_state == "warn"
    assert shown(snapshot(coil_temperature_c=41)).coil_state == "bad"
    assert shown(snapshot(coil_temperature_c=None)).coil == "not reported"
    assert shown(snapshot(heard_ns=103 * S)).heard_state == ""


def test_a_completed_session_leaves_nothing_open() -> None:
    assert set(shown(snapshot(state="completed", train=20)).cells) == {"done"}


def test_many_trains_are_joined_on_the_strip() -> None:
    of = session()
    of = replace(of, block=(1,) * 800, first_pulse=of.first_pulse * 40, host_timed=(False,) * 800)
    screen = during_screen(of, snapshot(train=401, trains=800), Moment(0, WALL, (42,)))
    assert len(screen.cells) == MOST_CELLS
    assert screen.cells.count("done") == MOST_CELLS // 2


def test_due_times_move_with_pauses_and_with_where_a_session_goes_on() -> None:
    of = session()
    assert np.array_equal(of.due_now(snapshot(ends_ns=int(of.due_ns[-1]))), of.due_ns)
    paused = of.due_now(snapshot(ends_ns=int(of.due_ns[-1]) + 5 * S))
    assert paused[0] == 5 * S


def test_behind_the_last_command_of_a_block_its_intensity_is_moved_no_more() -> None:
    """The next command would be another block's, and another intensity was signed for that."""
    of = session("bilateral-seq")
    assert len(of.doses) == 2
    assert of.movable(1, 300)
    assert not of.movable(1, of.end_of(1) - 3)
    assert of.movable(2, 700)
    last = len(of.block)
    assert of.movable(last, of.pulses - 10)  # no block follows whose dose it could be
    at = Moment(0, WALL, (42, 42))
    now = snapshot(train=1, trains=last, planned=of.pulses, delivered=of.end_of(1) - 2)
    intensity = during_screen(of, now, at).intensity
    assert not intensity.may_rise
    assert not intensity.may_fall


def test_durations_are_rounded_up() -> None:
    assert [duration(one) for one in (0, 0.01, 59.5, 60, 600)] == [
        "0:00",
        "0:01",
        "1:00",
        "1:00",
        "10:00",
    ]
