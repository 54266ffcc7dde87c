"""Every protocol of the library as a whole session: numbers, times, and the emulator's own log."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from drivers.magpro.options import BurstReports, CounterUnit, Options
from protocols.prescription import SessionContent, rehearsal_content
from protocols.protocol import load_library
from tests.delivery.sessions import (
    REPORT_FRAME_NS,
    Rehearsal,
    bursts,
    require_honest,
    require_sound,
    rows,
    slow,
)
from tms_console.records.database import Purpose, create_database

S = 1_000_000_000


@dataclass(frozen=True)
class Block:
    """What clinical.md part 2 says of one block, as counts and exact ratios."""

    trains: int
    stimuli: int
    hz: int
    wait_s: int = 0
    burst: int = 1

    def due_s(self) -> list[Fraction]:
        """Due times from its first pulse; the wait follows the nominal train (part 1)."""
        cycle = Fraction(self.stimuli, self.hz) + self.wait_s
        return [
            train * cycle + Fraction(stimulus, self.hz) + Fraction(pulse, 50)
            for train in range(self.trains)
            for stimulus in range(self.stimuli)
            for pulse in range(self.burst)
        ]


ITBS = Block(20, 10, 5, 8, 3)
CTBS = Block(1, 200, 5, 0, 3)
LIBRARY: dict[str, tuple[list[Block], int, int | float]] = {
    # id: blocks, %MSO at a threshold of 45, seconds from the first to the last pulse
    "hf10-standard": ([Block(75, 40, 10, 26)], 54, 2223.9),
    "hf10-dash": ([Block(75, 40, 10, 11)], 54, 1113.9),
    "itbs-600": ([ITBS], 54, 191.84),
    "itbs-1800-snt": ([Block(60, 10, 5, 8, 3)], 41, 591.84),
    "lf1-right": ([Block(1, 360, 1)], 50, 359),
    "bilateral-seq": ([Block(1, 600, 1), Block(50, 30, 10, 30)], 54, 599 + 60 + 1619.9),
    "ctbs-600": ([CTBS], 36, 39.84),
    "bilateral-tbs": ([CTBS, ITBS], 54, 39.84 + 60 + 191.84),
    "h1-18hz": ([Block(55, 36, 18, 20)], 54, 1189.94),
    "ocd-20hz": ([Block(50, 40, 20, 20)], 45, 1079.95),
    "smoking-h4": ([Block(60, 30, 10, 15)], 54, 1064.9),
    "hf10-5s": ([Block(60, 50, 10, 25)], 50, 1774.9),
}
CHANGEOVER_S = 60
"""Between the blocks of the bilateral protocols; the library's own choice."""


def rounded_ns(seconds: Fraction) -> int:
    """Half up, as architecture.md says of every due time."""
    return int((seconds * 2 * S + 1) // 2)


def expected_ns(blocks: list[Block]) -> list[int]:
    due: list[Fraction] = []
    for block in blocks:
        start = due[-1] + CHANGEOVER_S if due else Fraction(0)
        due += [start + one for one in block.due_s()]
    return [rounded_ns(one) for one in due]


def test_these_are_all_the_protocols_there_are() -> None:
    assert set(LIBRARY) == set(load_library())


@pytest.mark.parametrize("protocol", LIBRARY)
def test_a_session_of_every_protocol_gives_exactly_its_pulses(
    tmp_path: Path, protocol: str
) -> None:
    """The emulator's own log equals the record one for one: time, intensity and di/dt."""
    blocks, intensity, duration_s = LIBRARY[protocol]
    expected = expected_ns(blocks)
    content = rehearsal_content(load_library()[protocol], 45)
    done = Rehearsal(content=content, database=tmp_path / "r.db").run()

    assert (done.state, done.result.reason) == ("completed", "complete")
    pulses = done.pulses
    assert [one.number for one in pulses] == list(range(1, len(expected) + 1))
    first = pulses[0].planned_ns
    assert first is not None
    assert [one.planned_ns - first for one in pulses if one.planned_ns is not None] == expected
    assert round(expected[-1] / S, 2) == duration_s
    trains = rows(done.database, "SELECT number, outcome FROM train ORDER BY number")
    assert trains == [(n, "completed") for n in range(1, sum(b.trains for b in blocks) + 1)]

    fired = done.emulator.fired
    assert [(one.intensity_pct_mso, one.realised_a_us) for one in pulses] == [
        (intensity, pulse.a_us) for pulse in fired
    ]
    assert {(one.outcome, one.evidence) for one in pulses} == {("delivered", "reported")}
    waits = [
        (one.observed_ns or 0) + done.origin_ns - pulse.at_ns - REPORT_FRAME_NS
        for one, pulse in zip(pulses, fired, strict=True)
    ]
    assert all(0 <= wait <= REPORT_FRAME_NS for wait in waits), "behind another frame at most"
    assert waits.count(0) >= 0.99 * len(waits)
    assert {pulse.intensity_pct_mso for pulse in fired} == {intensity}
    truth = require_honest(done)
    assert len(truth.fired) == len(expected)


def test_theta_burst_is_due_at_0_20_40_200_ms(tmp_path: Path) -> None:
    """The issue's own words, apart from every formula here."""
    content = rehearsal_content(load_library()["itbs-600"], 45)
    done = Rehearsal(content=content, database=tmp_path / "r.db").run()
    planned = [one.planned_ns or 0 for one in done.pulses]
    offsets_ms = [(one - planned[0]) / 1_000_000 for one in planned]
    assert offsets_ms[:7] == [0, 20, 40, 200, 220, 240, 400]
    assert offsets_ms[29:31] == [1840, 10_000]


@pytest.mark.parametrize("content", [bursts(), slow()], ids=["device timed", "host timed"])
def test_a_command_goes_out_when_it_is_due_and_the_pulse_follows_at_once(
    tmp_path: Path, content: SessionContent
) -> None:
    done = Rehearsal(content=content, database=tmp_path / "r.db").run()
    origin_ns = done.origin_ns
    for command in done.commands:
        mine = [one for one in done.pulses if one.commanded_ns == command.at_ns - origin_ns]
        assert mine[0].planned_ns == mine[0].commanded_ns, "late under a clock that cannot be"
        assert done.emulator.fired[mine[0].number - 1].at_ns == command.pulse_ns


@pytest.mark.parametrize("counter", CounterUnit)
def test_a_device_that_reports_once_per_burst_has_its_later_pulses_inferred(
    tmp_path: Path, counter: CounterUnit
) -> None:
    """One report stands for a burst: the first pulse was seen, the others were not."""
    options = Options(burst_reports=BurstReports.BURST, counter=counter)
    done = Rehearsal(content=bursts(), database=tmp_path / "r.db", options=options).run()
    assert done.state == "completed"
    for one in done.pulses:
        first = one.number % 3 == 1
        assert one.outcome == "delivered"
        assert one.evidence == ("reported" if first else "inferred")
        assert (one.observed_ns is None) == (one.realised_a_us is None) == (not first)
    require_honest(done)


@pytest.mark.parametrize("counter", CounterUnit)
@pytest.mark.parametrize("content", [bursts(), slow()], ids=["device timed", "host timed"])
def test_what_the_counter_counts_does_not_matter_while_all_goes_well(
    tmp_path: Path, counter: CounterUnit, content: SessionContent
) -> None:
    done = Rehearsal(
        content=content,
        database=tmp_path / "r.db",
        options=Options(counter=counter),
    ).run()
    assert done.state == "completed"
    assert {(one.outcome, one.evidence) for one in done.pulses} == {("delivered", "reported")}
    assert bool(done.events("counter")) == (counter is not CounterUnit.NONE)
    require_honest(done)


@pytest.mark.parametrize("clock_ppm", [-200, 0, 200])
def test_a_train_clock_that_runs_a_little_off_is_followed(tmp_path: Path, clock_ppm: int) -> None:
    """200 ppm of 39.84 s are 8 ms; the record says when each pulse was really seen."""
    content = rehearsal_content(load_library()["ctbs-600"], 45)
    options = Options(clock_ppm=clock_ppm)
    done = Rehearsal(content=content, database=tmp_path / "r.db", options=options).run()
    assert done.state == "completed"
    assert done.outcomes == {"delivered": 600}
    last = done.pulses[-1]
    assert last.observed_ns is not None
    assert last.observed_ns == done.emulator.fired[-1].at_ns + REPORT_FRAME_NS - done.origin_ns


@pytest.mark.parametrize("content", [bursts(), slow()], ids=["device timed", "host timed"])
def test_the_same_seed_gives_the_same_rows_and_another_seed_others(
    tmp_path: Path, content: SessionContent
) -> None:
    """A rehearsal that went wrong can be repeated to look at it."""

    def told(name: str, seed: int) -> list[object]:
        done = Rehearsal(
            content=content,
            database=tmp_path / name,
            options=Options(seed=seed),
            faults=["late_reply@2"],
        ).run()
        frames = rows(
            done.database,
            "SELECT at_ns, direction, bytes FROM device_frame WHERE session_id IS NOT NULL",
        )
        return [*done.pulses, *frames]

    one, two, other = told("one", 7), told("two", 7), told("three", 8)
    assert one == two
    assert one != other


def test_whoever_reads_in_the_middle_of_a_session_changes_nothing(tmp_path: Path) -> None:
    """QA opens the file with any tool while a session runs, and keeps a transaction open."""
    database = tmp_path / "r.db"
    seen: list[int] = []
    create_database(database, Purpose.REHEARSAL)
    with contextlib.closing(dbapi2.connect(str(tmp_path / "r.db"), isolation_level=None)) as held:
        look_on(database, held, seen)


def look_on(database: Path, held: dbapi2.Connection, seen: list[int]) -> None:
    def look(_snapshot: object) -> None:
        seen.append(int(rows(database, "SELECT count(*) FROM pulse")[0][0]))
        require_readable(database)
        if len(seen) == 1:
            held.execute("BEGIN")
            held.execute("SELECT count(*) FROM audit").fetchone()

    done = Rehearsal(content=bursts(), database=database, publish=look).run()
    quiet = Rehearsal(content=bursts(), database=database.with_name("quiet.db")).run()
    assert done.state == "completed"
    assert done.pulses == quiet.pulses
    assert 0 in seen
    assert 12 in seen
    assert sorted(seen) == seen
    require_sound(database)


def require_readable(database: Path) -> None:
    assert rows(database, "PRAGMA quick_check") == [("ok",)]
