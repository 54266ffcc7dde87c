"""What is shown while a session runs: one value for each moment, from the newest snapshot.

Between two snapshots only the clock goes on; nothing is guessed of the stimulator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from protocols.dose import effective_pct_mt
from protocols.exact import decimal_text
from protocols.prescription import SessionContent
from tms_console.delivery.gate import COIL_STOP_C, COIL_WARN_C
from tms_console.delivery.plan import is_host_timed
from tms_console.delivery.snapshot import Snapshot
from tms_console.screens.treat_dose import BlockDose

STATES = {
    "idle": ("STARTING", "note"),
    "resting": ("RESTING", "good"),
    "checking": ("RESTING", "good"),
    "arming": ("RESTING", "good"),
    "armed": ("ARMED", "warn"),
    "delivering": ("DELIVERING", "good"),
    "paused": ("PAUSED", "warn"),
    "completed": ("COMPLETE", "good"),
    "stopped": ("STOPPED", "bad"),
    "interrupted": ("INTERRUPTED", "bad"),
    "failed": ("FAILED", "bad"),
}
BETWEEN_COMMANDS = ("resting", "checking", "arming", "armed")
SILENT_AFTER_S = 2.0
"""A stimulator that said nothing for so long is worth a look; the delivering process decides."""
NOT_HEARD = ("not yet", "")
NEAR_THE_END = 3
"""So many pulses before the end of a block its intensity is moved no more."""
MOST_CELLS = 80
"""More trains than that are joined on the strip of the session."""


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """What was known when the session was ordered.

    Attributes:
        patient_uid: Whose.
        name: The patient.
        title: What is given.
        session_words: Which session of the course.
        content: What is given, whole; one that goes on has the rest of it.
        doses: Of each block.
        due_ns: Due times of the whole schedule.
        first_pulse: Of each train, its first pulse's number, from 1.
        block: Of each train, its block, from 1.
        host_timed: Of each train, whether it is given pulse by pulse.
    """

    patient_uid: str
    name: str
    title: str
    session_words: str
    content: SessionContent
    doses: tuple[BlockDose, ...]
    due_ns: NDArray[np.int64]
    first_pulse: tuple[int, ...]
    block: tuple[int, ...]
    host_timed: tuple[bool, ...]

    @property
    def pulses(self) -> int:
        """Pulses of the whole schedule."""
        return int(self.due_ns.size)

    def end_of(self, train: int) -> int:
        """Return the number behind the last pulse of a train, from 1."""
        return (*self.first_pulse, self.pulses + 1)[train]

    def movable(self, train: int, given: int) -> bool:
        """Return whether a change of intensity still concerns the block in hand.

        It takes effect on the next command; behind the last one of a block that would be another
        block's, whose intensity is another.

        Args:
            train: The train in hand or next, from 1.
            given: Pulses given or unknown of the whole schedule.
        """
        if train >= len(self.block) or self.block[train] == self.block[train - 1]:
            return True
        return self.host_timed[train - 1] and self.end_of(train) - 1 - given > NEAR_THE_END

    def amid_train(self, snapshot: Snapshot) -> bool:
        """Return whether a train that is given pulse by pulse has begun: it rests for no pulse."""
        given = self.pulses - snapshot.planned + snapshot.delivered + snapshot.unknown
        here = snapshot.train - 1
        waits = snapshot.state in BETWEEN_COMMANDS
        return waits and self.host_timed[here] and given >= self.first_pulse[here]

    def due_now(self, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return when every pulse is due as things stand, pauses and what went before counted."""
        return self.due_ns + (snapshot.ends_ns - int(self.due_ns[-1]))


def running(
    patient_uid: str,
    name: str,
    words: tuple[str, str],
    content: SessionContent,
    doses: tuple[BlockDose, ...],
) -> Running:
    """Return what is known of a session when it is ordered.

    Args:
        patient_uid: Whose.
        name: The patient.
        words: What is given, and which session of the course it is.
        content: What is given.
        doses: Of each block.
    """
    trains = content.schedule().trains
    return Running(
        patient_uid,
        name,
        words[0],
        words[1],
        content,
        doses,
        np.concatenate([one.due_ns for one in trains]),
        tuple(one.first_pulse for one in trains),
        tuple(one.block for one in trains),
        tuple(is_host_timed(one.train) for one in trains),
    )


@dataclass(frozen=True, slots=True)
class Intensity:
    """The intensity of the block in hand.

    Attributes:
        set_to: What the stimulator is set to, in %MSO.
        wanted: What it is to be from the next train on.
        prescribed: What was signed.
        low: Lowest that may be set.
        high: Highest that may be set.
        words: It in % of the threshold.
        told: How it compares with what was prescribed.
        state: Of that.
        movable: A change would still concern this block.
    """

    set_to: int
    wanted: int
    prescribed: int
    low: int
    high: int
    words: str
    told: str
    state: str
    movable: bool = True

    @property
    def may_rise(self) -> bool:
        """True while a higher one is inside the bounds."""
        return self.movable and self.wanted < self.high

    @property
    def may_fall(self) -> bool:
        """True while a lower one is inside the bounds."""
        return self.movable and self.wanted > self.low


@dataclass(frozen=True, slots=True)
class DuringScreen:
    """The page while a session runs, at one moment.

    Attributes:
        word: The state in one word.
        state: Of that word.
        pulses: Given, of this session and what it goes on from.
        total: Of the whole session.
        doubt: Unknown and unplanned pulses in words, "" if there is none.
        left: Time left to the last pulse.
        ends: When that is.
        train: Which train.
        train_next: What comes next, and when.
        intensity: Of the block in hand.
        block: Which block, "" if there is but one.
        reason: Why it is paused, or waits before its first pulse.
        paused: It waits for somebody.
        coil: Its temperature with its trend.
        coil_state: Of that.
        heard: How long ago the stimulator said something.
        heard_state: Of that.
        cells: One word for each train of the strip: `done`, `now`, `open`.
        share: How much of the train in hand was given, from 0 to 1.
    """

    word: str
    state: str
    pulses: int
    total: int
    doubt: str
    left: str
    ends: str
    train: str
    train_next: str
    intensity: Intensity
    block: str
    reason: str
    paused: bool
    coil: str
    coil_state: str
    heard: str
    heard_state: str
    cells: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What the window itself knows at one moment.

    Attributes:
        now_ns: Now, from the session's origin.
        wall: Wall time, in the zone in which it is shown.
        wanted_pct_mso: What was asked for of each block.
        coil_before_c: The coil's temperature at the first look, None for none.
        paused_since_ns: The last pulse before the pause, None if it is not paused.
    """

    now_ns: int
    wall: datetime
    wanted_pct_mso: tuple[int, ...]
    coil_before_c: int | None = None
    paused_since_ns: int | None = None


def during_screen(of: Running, snapshot: Snapshot | None, moment: Moment) -> DuringScreen:
    """Return the page at one moment.

    Args:
        of: The session.
        snapshot: The newest one, None before the first.
        moment: When.
    """
    if snapshot is None:
        return _starting(of)
    word, state = STATES.get(snapshot.state, (snapshot.state.upper(), "note"))
    if of.amid_train(snapshot):
        word, state = STATES["delivering"]
    paused = snapshot.state == "paused"
    now_ns = moment.now_ns
    heard = heard_words(snapshot, now_ns)
    from_ns = snapshot.next_due_ns if paused else now_ns
    left_s = max(0.0, (snapshot.ends_ns - from_ns) / 1e9)
    before = of.pulses - snapshot.planned
    dose = of.doses[snapshot.block - 1]
    return DuringScreen(
        word=word,
        state=state,
        pulses=before + snapshot.delivered,
        total=of.pulses,
        doubt=_doubt(snapshot),
        left=duration(left_s),
        ends="when it goes on"
        if paused
        else f"ends about {moment.wall + timedelta(seconds=left_s):%H:%M}",
        train=f"Train {snapshot.train} of {snapshot.trains}",
        train_next=_next(of, snapshot, moment),
        intensity=replace(
            _intensity(dose, snapshot.intensity_pct_mso, moment.wanted_pct_mso[snapshot.block - 1]),
            movable=of.movable(snapshot.train, before + snapshot.delivered + snapshot.unknown),
        ),
        block=f"Block {snapshot.block}: {dose.label}" if len(of.doses) > 1 else dose.label,
        reason=snapshot.reason if paused else snapshot.waits_for,
        paused=paused,
        coil=_coil(snapshot.coil_temperature_c, moment.coil_before_c),
        coil_state=_coil_state(snapshot.coil_temperature_c),
        heard=heard[0],
        heard_state=heard[1],
        cells=_cells(snapshot),
        share=_share(of, before, snapshot),
    )


def _starting(of: Running) -> DuringScreen:
    dose = of.doses[0]
    return DuringScreen(
        word="STARTING",
        state="note",
        pulses=0,
        total=of.pulses,
        doubt="",
        left=duration(float(of.due_ns[-1]) / 1e9),
        ends="the gate is asked, the stimulator opened",
        train=f"Train 1 of {len(of.first_pulse)}",
        train_next="",
        intensity=_intensity(dose, dose.intensity_pct_mso, dose.intensity_pct_mso),
        block=dose.label,
        reason="",
        paused=False,
        coil="not read yet",
        coil_state="",
        heard=NOT_HEARD[0],
        heard_state=NOT_HEARD[1],
        cells=tuple("open" for _ in range(min(len(of.first_pulse), MOST_CELLS))),
        share=0.0,
    )


def heard_words(snapshot: Snapshot | None, now_ns: int) -> tuple[str, str]:
    """Return how long ago the stimulator said something, and the state of that."""
    if snapshot is None:
        return NOT_HEARD
    ago_s = max(0.0, (now_ns - snapshot.heard_ns) / 1e9)
    return f"{ago_s:.1f} s ago", "warn" if ago_s > SILENT_AFTER_S else ""


def duration(seconds: float) -> str:
    """Return a time as `1:24`, rounded up so that it is 0:00 only at the end."""
    whole = int(-(-seconds // 1))
    return f"{whole // 60}:{whole % 60:02d}"


def _doubt(snapshot: Snapshot) -> str:
    told = []
    if snapshot.unknown:
        told.append(f"{snapshot.unknown:,} unknown")
    if snapshot.unplanned:
        told.append(f"{snapshot.unplanned:,} unplanned")
    return " · ".join(told)


def _next(of: Running, snapshot: Snapshot, moment: Moment) -> str:
    """Return when the next command is due, or what happens."""
    if snapshot.state == "paused":
        longest = duration(of.content.longest_pause_s)
        if moment.paused_since_ns is None:
            return f"for at most {longest}"
        lasted = duration(max(0, moment.now_ns - moment.paused_since_ns) // 10**9)
        return f"for {lasted} of at most {longest}"
    if snapshot.state == "delivering":
        return "the stimulator fires"
    wait_s = (snapshot.next_due_ns - moment.now_ns) / 1e9
    what = "pulse" if of.amid_train(snapshot) else "train"
    return f"next {what} in {max(0.0, wait_s):.1f} s"


def _intensity(dose: BlockDose, set_to: int, wanted: int) -> Intensity:
    shown = set_to or wanted
    percent = decimal_text(effective_pct_mt(shown, dose.threshold_pct_mso), 1)
    off = wanted - dose.intensity_pct_mso
    told, state = "At prescribed dose", "good"
    if off:
        told = f"{abs(off)} %MSO {'below' if off < 0 else 'above'} the prescribed"
        if shown != wanted:
            told = f"{wanted} %MSO from the next train"
        state = "warn" if off > 0 else "note"
    elif shown != wanted:
        told, state = f"Ramp, then {wanted} %MSO", "note"
    return Intensity(
        set_to=shown,
        wanted=wanted,
        prescribed=dose.intensity_pct_mso,
        low=dose.lowest_pct_mso,
        high=dose.highest_pct_mso,
        words=f"{percent} % of {dose.threshold_pct_mso} %MSO",
        told=told,
        state=state,
    )


def _coil(now_c: int | None, before_c: int | None) -> str:
    if now_c is None:
        return "not reported"
    trend = "" if before_c is None else f" ({now_c - before_c:+d})"
    return f"{now_c} °C{trend}, limit {COIL_STOP_C}"


def _coil_state(now_c: int | None) -> str:
    if now_c is None or now_c < COIL_WARN_C:
        return ""
    return "bad" if now_c >= COIL_STOP_C else "warn"


def _cells(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the strip of the session: what is done, in hand and open."""
    number = min(snapshot.trains, MOST_CELLS)
    over = snapshot.state == "completed"
    at = number if over else (snapshot.train - 1) * number // snapshot.trains
    return tuple("done" if k < at else "now" if k == at else "open" for k in range(number))


def _share(of: Running, before: int, snapshot: Snapshot) -> float:
    """Return how much of the train in hand was given."""
    first = of.first_pulse[snapshot.train - 1]
    end = of.end_of(snapshot.train)
    given = before + snapshot.delivered + snapshot.unknown - (first - 1)
    return min(1.0, max(0.0, given / (end - first)))
