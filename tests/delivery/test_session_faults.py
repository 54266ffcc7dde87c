"""Every named fault in a whole session: the end state, the words, and an honest record."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from drivers.magpro.options import BurstReports, Options
from drivers.simulator.faults import FaultName
from protocols.prescription import SessionContent, rehearsal_content
from protocols.protocol import load_library
from tests.delivery.sessions import (
    Rehearsal,
    bursts,
    plain,
    require_commanded_once,
    require_honest,
    require_sound,
    slow,
)

BURSTS, SLOW = 36, 8
"""Pulses of the two sessions used here."""


@dataclass(frozen=True)
class Words:
    """What the operator must be told: what happened and what to do.

    Whether a message or the answer to a query tells first is a matter of milliseconds; the words
    may differ by that, and are separated by a bar.
    """

    what: str
    remedy: str


SCREEN = "See what the stimulator's screen says"
LOST = Words("the stimulator does not answer", "Press its own stop button")
COUNTED = Words("the stimulator counts 11 stimuli where 12 pulses were commanded", SCREEN)
NOT_GIVEN = Words("the pulse was not given", SCREEN)
UNCOMMANDED = Words("nobody commanded", "Check its trigger input, foot switch and panel")
BEYOND = Words("nobody commanded", SCREEN)
TURNED = Words(
    "somebody turned the knob | stands at 65 %MSO", "Set nothing at the stimulator in a session"
)
WRONG = Words("stands at 50 %MSO and was set to 60 %MSO", "Set nothing at the stimulator")
REALISED = Words("belong to 60 %MSO", "Compare the intensity on its screen")
HOT = Words("The coil is at", "it must cool below 41 °C")
NO_COIL = Words("The coil is missing", "Connect the coil and start again")
DISARMED = Words("was disarmed by itself or at its panel", SCREEN)

ENDS: dict[FaultName, tuple[Words, Words, Words]] = {
    # device timed: at the first, the middle and the last pulse
    FaultName.DROP_PULSE: (COUNTED, COUNTED, COUNTED),
    FaultName.EXTRA_PULSE: (UNCOMMANDED, UNCOMMANDED, BEYOND),
    FaultName.WRONG_INTENSITY: (WRONG, REALISED, REALISED),
    FaultName.COIL_HOT: (HOT, HOT, HOT),
    FaultName.COIL_REMOVED: (NO_COIL, NO_COIL, NO_COIL),
    FaultName.INTERLOCK_OPEN: (DISARMED, DISARMED, DISARMED),
    FaultName.HANG: (LOST, LOST, LOST),
    FaultName.UNPLUG: (LOST, LOST, LOST),
    FaultName.RESTART: (LOST, LOST, LOST),
    FaultName.PANEL_CHANGE: (TURNED, TURNED, TURNED),
}
HOST_ENDS: dict[FaultName, tuple[Words, Words, Words | None]] = {
    # host timed; None where every pulse was given before it showed: the session is complete
    FaultName.DROP_PULSE: (NOT_GIVEN, NOT_GIVEN, NOT_GIVEN),
    FaultName.EXTRA_PULSE: (UNCOMMANDED, UNCOMMANDED, BEYOND),
    FaultName.WRONG_INTENSITY: (WRONG, REALISED, REALISED),
    FaultName.COIL_HOT: (HOT, HOT, None),
    FaultName.COIL_REMOVED: (NO_COIL, NO_COIL, None),
    FaultName.INTERLOCK_OPEN: (DISARMED, DISARMED, None),
    FaultName.HANG: (LOST, LOST, LOST),
    FaultName.UNPLUG: (LOST, LOST, LOST),
    FaultName.RESTART: (LOST, LOST, LOST),
    FaultName.PANEL_CHANGE: (TURNED, TURNED, None),
}
HARMLESS = frozenset({FaultName.SWALLOW_REPLY, FaultName.CORRUPT_REPLY, FaultName.LATE_REPLY})
"""A frame that is lost or late says nothing against the pulses: the counter tells."""

PLACES = ("first", "middle", "last")


def at(place: str, pulses: int) -> int:
    return {"first": 1, "middle": pulses // 2, "last": pulses}[place]


def test_every_fault_there_is_has_its_expectations_here() -> None:
    assert set(ENDS) | HARMLESS == set(HOST_ENDS) | HARMLESS == set(FaultName)
    assert len(FaultName) == 13


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", ENDS)
def test_a_fault_in_a_train_that_the_device_times(
    tmp_path: Path, fault: FaultName, place: str
) -> None:
    done = Rehearsal(
        content=bursts(), database=tmp_path / "r.db", faults=[f"{fault}@{at(place, BURSTS)}"]
    ).run()
    require_failed(done, ENDS[fault][PLACES.index(place)])
    require_nothing_after(done, fault, at(place, BURSTS))
    require_honest(done)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", HOST_ENDS)
def test_a_fault_in_a_train_that_the_host_times(
    tmp_path: Path, fault: FaultName, place: str
) -> None:
    pulse = at(place, SLOW)
    done = Rehearsal(content=slow(), database=tmp_path / "r.db", faults=[f"{fault}@{pulse}"]).run()
    words = HOST_ENDS[fault][PLACES.index(place)]
    if words is None:
        assert (done.state, done.outcomes) == ("completed", {"delivered": SLOW})
    else:
        require_failed(done, words)
    assert len(done.commands) == pulse
    require_honest(done)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", sorted(HARMLESS))
@pytest.mark.parametrize("content", [bursts(), slow()], ids=["device timed", "host timed"])
def test_a_lost_or_late_frame_costs_no_pulse_and_ends_nothing(
    tmp_path: Path, content: SessionContent, fault: FaultName, place: str
) -> None:
    pulses = content.pulses
    done = Rehearsal(
        content=content, database=tmp_path / "r.db", faults=[f"{fault}@{at(place, pulses)}"]
    ).run()
    assert (done.state, done.outcomes) == ("completed", {"delivered": pulses})
    evidence = Counter(one.evidence for one in done.pulses)
    assert evidence["inferred"] == (0 if fault is FaultName.LATE_REPLY else 1)
    require_honest(done)


@pytest.mark.parametrize("fault", ["coil_hot", "hang", "drop_pulse"])
def test_a_fault_in_the_middle_of_the_real_slow_protocol(tmp_path: Path, fault: str) -> None:
    content = rehearsal_content(load_library()["lf1-right"], 45)
    done = Rehearsal(content=content, database=tmp_path / "r.db", faults=[f"{fault}@180"]).run()
    assert done.state == "failed"
    assert len(done.commands) == 180
    assert done.outcomes["delivered"] == (180 if fault == "coil_hot" else 179)
    require_honest(done)


def require_failed(done: Rehearsal, words: Words) -> None:
    assert done.state == "failed"
    reason = done.result.reason.lower()
    assert any(what in reason for what in words.what.lower().split(" | "))
    assert words.remedy.lower() in reason
    if words is LOST:
        assert any("stop button" in event for event in done.events("fault"))


def require_nothing_after(done: Rehearsal, fault: FaultName, pulse: int) -> None:
    """No further train is started once a fault has shown."""
    assert len(done.commands) == (pulse - 1) // 12 + 1
    if fault in {FaultName.COIL_HOT, FaultName.COIL_REMOVED, FaultName.INTERLOCK_OPEN}:
        assert len(done.emulator.fired) == pulse, "the device's own interlock"


@pytest.mark.parametrize("fault", ["drop_pulse", "extra_pulse"])
@pytest.mark.parametrize("pulse", range(1, 13))
def test_a_missing_or_extra_pulse_is_told_at_every_place_of_a_train(
    tmp_path: Path, fault: str, pulse: int
) -> None:
    """The first pulse of a train is the hardest: the second's report looks like a late first."""
    done = Rehearsal(
        content=bursts(trains=1), database=tmp_path / "r.db", faults=[f"{fault}@{pulse}"]
    ).run()
    assert done.state == "failed"
    truth = require_honest(done)
    if fault == "drop_pulse":
        assert done.outcomes == {"delivered": 11, "unknown": 1}
        assert [one.number for one in done.pulses if one.outcome == "unknown"] == [pulse]
    else:
        assert len(truth.extras) == 1
        assert done.outcomes["unplanned"] == 1


def test_a_pulse_from_the_panel_while_the_session_ends_is_on_record(tmp_path: Path) -> None:
    """Between the last answer and the disarm the stimulator still obeys its foot switch."""
    done = Rehearsal(content=slow(3), database=tmp_path / "r.db")

    def touched(how: str) -> None:
        ending = len(done.commands) == 3 and how == "write" and len(done.emulator.fired) == 3
        if ending and done.wrote[-1].body[0] == 12 and done.snapshots[-1].state != "ended":
            done.emulator.panel.press_foot_switch()

    done.touched = touched
    done.run()
    assert len(done.emulator.fired) == 4
    assert done.outcomes == {"delivered": 3, "unplanned": 1}
    assert any("nobody commanded" in event for event in done.events("fault"))
    require_honest(done)


def test_a_report_that_comes_with_the_trouble_is_not_lost_and_not_entered_twice(
    tmp_path: Path,
) -> None:
    """A pulse that is on record already took the report of the next one as its own."""
    done = Rehearsal(
        content=slow(), database=tmp_path / "r.db", faults=["wrong_intensity@4", "extra_pulse@4"]
    ).run()
    assert done.result.saved
    assert done.outcomes == {"delivered": 4, "unplanned": 1}
    require_honest(done)


@pytest.mark.parametrize("made", [plain(1), bursts(1)], ids=["plain", "bursts"])
def test_another_intensity_in_the_only_train_is_no_complete_session(
    tmp_path: Path, made: SessionContent
) -> None:
    """From its first pulse on, so that its di/dt shows nothing; no next train would ask."""
    done = Rehearsal(content=made, database=tmp_path / "r.db", faults=["wrong_intensity@1"]).run()
    assert done.state == "failed"
    assert "after train 1: the stimulator stands at 50 %MSO" in done.result.reason
    require_honest(done)


def test_late_reports_of_a_train_that_was_cut_are_not_given_to_later_pulses(
    tmp_path: Path,
) -> None:
    """The line stalls at pulse 3, the unit disarms itself at pulse 4; the fifth was never given."""
    done = Rehearsal(
        content=plain(), database=tmp_path / "r.db", faults=["late_reply@3", "interlock_open@4"]
    ).run()
    assert done.state == "failed"
    require_honest(done)


# Two at once ---------------------------------------------------------------------------------

CONTENTS = {"bursts": (bursts(), BURSTS), "plain": (plain(), 12), "slow": (slow(), SLOW)}
SAMPLE = random.Random(2)


def pairs() -> Iterator[tuple[str, tuple[str, str], Options]]:
    """Every pair of faults once, each at random pulses of a random session."""
    for one, other in combinations_with_replacement(FaultName, 2):
        name = SAMPLE.choice(list(CONTENTS))
        pulses = CONTENTS[name][1]
        first = SAMPLE.randint(1, pulses)
        second = min(pulses, first + SAMPLE.choice((0, 1, 2, pulses // 2)))
        # without a count of pulses two faults can hide each other, and nothing could tell
        options = Options(
            seed=SAMPLE.randrange(100), burst_reports=SAMPLE.choice(list(BurstReports))
        )
        yield name, (f"{one}@{first}", f"{other}@{second}"), options


@pytest.mark.parametrize("shard", range(4))
def test_two_faults_at_once_lose_no_pulse_and_invent_none(tmp_path: Path, shard: int) -> None:
    """Pulse by pulse, or in number where two faults hide each other."""
    database = tmp_path / "r.db"
    for name, faults, options in list(pairs_once())[shard::4]:
        done = Rehearsal(
            content=CONTENTS[name][0], database=database, faults=faults, options=options
        ).run()
        words = f"{name} {faults} {options.burst_reports}"
        assert done.result.saved, words
        assert done.state in {"completed", "failed"}, words
        require_honest_in_number(done, words)
    require_sound(database)


PAIRS: list[tuple[str, tuple[str, str], Options]] = []


def pairs_once() -> list[tuple[str, tuple[str, str], Options]]:
    if not PAIRS:
        PAIRS.extend(pairs())
    return PAIRS


def require_honest_in_number(done: Rehearsal, words: str) -> None:
    """As many pulses as were fired are given or unknown, and no train claims more than it gave."""
    pulses = done.pulses
    assert all(one.outcome != "commanded" for one in pulses), words
    require_commanded_once(done, pulses)
    count = Counter(one.outcome for one in pulses)
    fired = len(done.emulator.fired)
    words = f"{words}: {count}, fired {fired}: {done.result.reason}"
    assert count["delivered"] + count["unplanned"] <= fired, words
    for number, given in fired_by_train(done).items():
        delivered = [one for one in pulses if one.train == number and one.outcome == "delivered"]
        assert len(delivered) <= given, f"{words}: train {number}"
    if "does not answer" in done.result.reason:
        return  # what it gave unasked since it was last heard, nobody can know
    assert count["delivered"] + count["unplanned"] + count["unknown"] >= fired, words
    assert not done.emulator.state().status.info.enabled, words


def fired_by_train(done: Rehearsal) -> dict[int, int]:
    """Pulses that were fired from the first command of each train to that of the next."""
    origin_ns = done.origin_ns
    begins: dict[int, int] = {}
    for one in done.pulses:
        if one.train is not None and one.commanded_ns is not None:
            begins.setdefault(one.train, one.commanded_ns + origin_ns)
    counts = dict.fromkeys(begins, 0)
    for pulse in done.emulator.fired:
        begun = [number for number, at_ns in begins.items() if at_ns <= pulse.at_ns]
        if begun:
            counts[max(begun)] += 1
    return counts
