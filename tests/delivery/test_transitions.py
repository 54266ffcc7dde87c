"""The rules of a session, under any order of events: nothing unasked, nothing twice, Stop always.

The events come from an imagined shell that answers what the engine asks for, late or never, while
somebody presses buttons at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.pattern import Ramp, Train
from tests.delivery.plans import MS, ONE_HZ, TEN_HZ, THETA, S, pattern, plan
from tms_console.delivery.plan import Plan
from tms_console.delivery.states import (
    Armed,
    Arming,
    AwaitDue,
    Begun,
    CameDue,
    Check,
    Checked,
    Checking,
    Deliver,
    Delivering,
    Disarm,
    Effect,
    Ended,
    Event,
    Faulted,
    Finish,
    HostLost,
    Idle,
    IllegalEvent,
    IntensityPressed,
    MadeReady,
    MakeReady,
    Note,
    Paused,
    PausePressed,
    Progress,
    Refused,
    Resting,
    ResumePressed,
    Settle,
    ShotDoubtful,
    ShotOver,
    State,
    StopPressed,
    Ticked,
)
from tms_console.delivery.transitions import CHANGE_OVER, SHIFT_FROM_NS, due_ns, step
from tms_console.records.operations import EventKind, SessionState

TWO_TRAINS = plan(pattern(TEN_HZ, 2))
SLOW = plan(pattern(ONE_HZ))
MIXED = plan(pattern(THETA, 2), pattern(ONE_HZ), waits=True)
PLANS = (
    TWO_TRAINS,
    SLOW,
    MIXED,
    plan(pattern(TEN_HZ, 3, ramp=Ramp(3, Fraction(4, 5))), pattern(TEN_HZ, 2), longest_pause_s=3),
)


# An imagined shell ---------------------------------------------------------------------------


@dataclass
class Shell:
    """Takes events through the engine and remembers what it was asked for."""

    plan: Plan
    now_ns: int = -5 * S
    state: State = field(default_factory=Idle)
    asked: list[Effect] = field(default_factory=list)
    waiting: Effect | None = None
    last_pulse_ns: int | None = None
    commands: list[tuple[int, int]] = field(default_factory=list)
    """(shot, time of its command)"""

    def tell(self, event: Event) -> Sequence[Effect]:
        self.state, effects = step(self.plan, self.state, event)
        self.asked += effects
        for effect in effects:
            if isinstance(effect, Check | MakeReady | AwaitDue | Deliver):
                self.waiting = effect
            elif isinstance(effect, Disarm):
                self.waiting = None
        return effects

    def answer(self, late_ns: int = 0) -> None:
        """Do what was asked for, or let time pass until something is."""
        asked, self.waiting = self.waiting, None
        match asked:
            case Check(shot):
                whole = self.plan.shots[shot].opens_train or self.progress.paused
                self.now_ns += (300 if whole else 80) * MS + late_ns
                self.tell(Checked(self.now_ns))
            case MakeReady():
                self.now_ns += 50 * MS
                self.tell(MadeReady())
            case AwaitDue(due):
                self.now_ns = max(self.now_ns, due) + late_ns
                self.tell(CameDue())
            case Deliver(shot, due):
                self.commands.append((shot, self.now_ns))
                given = self.plan.shots[shot]
                self.last_pulse_ns = self.now_ns + given.last_due_ns - given.due_ns
                command_ns, self.now_ns = self.now_ns, self.last_pulse_ns + 10 * MS
                self.tell(ShotOver(self.last_pulse_ns, command_ns - due))
            case _:
                self.now_ns += 100 * MS
                self.tell(Ticked(self.now_ns))

    def run_until(self, kind: type[State], most: int = 5_000) -> None:
        for _ in range(most):
            if isinstance(self.state, kind):
                return
            self.answer()
        raise AssertionError(f"{kind.__name__} was never reached: {self.state}")

    @property
    def where(self) -> State:
        """The state, for a type checker that believes it cannot have changed."""
        return self.state

    @property
    def progress(self) -> Progress:
        assert not isinstance(self.state, Idle | Ended)
        return self.state.progress


def begun(of: Plan) -> Shell:
    shell = Shell(of)
    shell.tell(Begun())
    return shell


PRESSES = ("stop", "pause", "resume", "intensity", "host", "fault", "refuse", "doubt", "wait")
steps = st.lists(
    st.tuples(
        st.sampled_from(["answer"] * 12 + list(PRESSES[1:5]) * 2 + list(PRESSES)),
        st.integers(0, 110),
        st.sampled_from([0, 0, 0, 1, 3 * MS, 700 * MS]),
    ),
    max_size=80,
)


def press(shell: Shell, what: str, number: int) -> None:
    match what:
        case "stop":
            shell.tell(StopPressed("stopped"))
        case "pause":
            shell.tell(PausePressed("a cough"))
        case "resume":
            shell.tell(ResumePressed(shell.now_ns))
        case "intensity":
            shell.tell(IntensityPressed(number, 1 + number % 2))
        case "host":
            shell.tell(HostLost("gone"))
        case "fault":
            shell.tell(Faulted("broken"))
        case "refuse" if isinstance(shell.state, Checking | Arming):
            shell.tell(Refused("no"))
        case "doubt" if isinstance(shell.state, Delivering):
            shell.tell(ShotDoubtful("who knows"))
        case _:
            shell.now_ns += number * 50 * MS


def played(of: Plan, moves: list[tuple[str, int, int]]) -> Shell:
    shell = begun(of)
    for what, number, late_ns in moves:
        if what == "answer":
            shell.answer(late_ns)
        else:
            press(shell, what, number)
    return shell


sessions = st.builds(played, st.sampled_from(PLANS), steps)


# What holds under any events -----------------------------------------------------------------


@given(sessions)
def test_a_command_is_only_asked_for_after_its_own_shot_was_made_ready(shell: Shell) -> None:
    """Row before command: between MakeReady and Deliver of a shot nothing disarms."""
    ready: MakeReady | None = None
    for effect in shell.asked:
        match effect:
            case MakeReady():
                ready = effect
            case Deliver(shot, due):
                assert ready is not None
                assert (ready.shot, ready.due_ns) == (shot, due)
                ready = None
            case Disarm() | Check():
                ready = None


@given(sessions)
def test_each_shot_is_given_at_most_once_and_in_order(shell: Shell) -> None:
    shots = [effect.shot for effect in shell.asked if isinstance(effect, Deliver)]
    assert shots == list(range(len(shots)))


@given(sessions)
def test_a_session_ends_once_and_disarms_before_it_is_closed(shell: Shell) -> None:
    ends = [number for number, effect in enumerate(shell.asked) if isinstance(effect, Finish)]
    assert len(ends) == int(isinstance(shell.state, Ended))
    if ends:
        assert isinstance(shell.asked[ends[0] - 2], Disarm)
        assert isinstance(shell.asked[ends[0] - 1], Settle)
        assert all(isinstance(effect, Disarm) for effect in shell.asked[ends[0] + 1 :])


@given(sessions, st.sampled_from(["answer", *PRESSES]), st.integers(0, 100))
def test_after_the_end_nothing_is_asked_for_but_disarm(shell: Shell, what: str, late: int) -> None:
    """An answer that was on its way when the session ended is accepted and changes nothing."""
    shell.tell(StopPressed("enough"))
    ended = shell.state
    for event in (
        Checked(late), MadeReady(), CameDue(), ShotOver(late, 0), ShotDoubtful("?"), Refused("?"),
        Ticked(late), PausePressed("?"), ResumePressed(late), IntensityPressed(50, 1), Begun(),
        HostLost("?"), Faulted("?"),
    ):  # fmt: skip
        assert shell.tell(event) == []
    assert shell.tell(StopPressed(what)) == [Disarm()]
    assert shell.state is ended


@given(
    sessions,
    st.sampled_from(
        [
            (StopPressed("why"), SessionState.STOPPED),
            (HostLost("why"), SessionState.INTERRUPTED),
            (Faulted("why"), SessionState.FAILED),
        ]
    ),
)
def test_stop_a_lost_host_and_a_fault_end_every_state_and_disarm_first(
    shell: Shell, ending: tuple[Event, SessionState]
) -> None:
    event, state = ending
    if isinstance(shell.state, Ended):
        return
    assert shell.tell(event) == [Disarm(), Settle(), Finish(state, "why")]
    assert shell.where == Ended(state, "why")


@given(sessions)
def test_a_paused_session_asks_for_nothing_until_somebody_goes_on(shell: Shell) -> None:
    if not isinstance(shell.state, Paused):
        return
    for late_ns in (0, 1, S):
        now_ns = shell.state.since_ns + late_ns
        state, effects = step(shell.plan, shell.state, Ticked(now_ns))
        assert effects == []
        assert state is shell.state
        state, effects = step(shell.plan, shell.state, IntensityPressed(50, 1))
        assert isinstance(state, Paused)
        assert not any(isinstance(effect, Check | MakeReady | Deliver) for effect in effects)


@given(sessions)
def test_no_rest_is_ever_shorter_than_prescribed_by_more_than_is_moved_for(shell: Shell) -> None:
    """A train given late must not shorten the rest after it (safety: recovery between trains)."""
    shots = shell.plan.shots
    for (before, at_ns), (after, later_ns) in zip(shell.commands, shell.commands[1:], strict=False):
        rest_ns = shots[after].due_ns - shots[before].due_ns
        assert later_ns - at_ns >= rest_ns - SHIFT_FROM_NS


@given(sessions)
def test_intensities_stay_inside_the_signed_bounds(shell: Shell) -> None:
    for effect in shell.asked:
        if isinstance(effect, Check | MakeReady):
            scheduled = shell.plan.shots[effect.shot].scheduled
            bounds = shell.plan.blocks[scheduled.block - 1]
            ramp = bounds.ramp
            ramping = ramp is not None and scheduled.number_in_block < ramp.trains
            assert effect.intensity_pct_mso <= bounds.highest_pct_mso
            assert ramping or bounds.lowest_pct_mso <= effect.intensity_pct_mso


@given(sessions)
def test_what_goes_on_record_is_what_the_stimulator_was_set_to(shell: Shell) -> None:
    """A change of intensity that comes during the checks must not reach the row by itself."""
    checked: Check | None = None
    for effect in shell.asked:
        if isinstance(effect, Check):
            checked = effect
        elif isinstance(effect, MakeReady):
            assert checked is not None
            assert (effect.shot, effect.intensity_pct_mso) == (
                checked.shot,
                checked.intensity_pct_mso,
            )


# The session as a table ----------------------------------------------------------------------


FRESH = Progress(0, 0, (60,))
LAST = replace(FRESH, next=1, last_pulse_ns=400 * MS)
TABLE: list[tuple[str, State, Event, State, list[Effect]]] = [
    ("the row is on disk", Idle(), Begun(), Resting(FRESH), []),
    ("not yet time", Resting(FRESH), Ticked(-2 * S), Resting(FRESH), []),
    ("time to check", Resting(FRESH), Ticked(-S), Checking(FRESH, 60), [Check(0, 60)]),
    (
        "checked in time",
        Checking(FRESH, 60),
        Checked(-700 * MS),
        Arming(FRESH, 0, 60),
        [MakeReady(0, 0, 60)],
    ),
    ("ready", Arming(FRESH, 0, 60), MadeReady(), Armed(FRESH, 0, 60), [AwaitDue(0)]),
    ("due", Armed(FRESH, 0, 60), CameDue(), Delivering(FRESH, 60), [Deliver(0, 0)]),
    ("given", Delivering(FRESH, 60), ShotOver(400 * MS, 0), Resting(LAST), []),
    (
        "the last one given",
        Delivering(LAST, 60),
        ShotOver(6 * S, 0),
        Ended(SessionState.COMPLETED, "complete"),
        [Disarm(), Settle(), Finish(SessionState.COMPLETED, "complete")],
    ),
    (
        "refused by the gate",
        Checking(FRESH, 60),
        Refused("no coil"),
        Ended(SessionState.FAILED, "no coil"),
        [Disarm(), Settle(), Finish(SessionState.FAILED, "no coil")],
    ),
    (
        "refused when arming",
        Arming(FRESH, 0, 60),
        Refused("it stays disabled"),
        Ended(SessionState.FAILED, "it stays disabled"),
        [Disarm(), Settle(), Finish(SessionState.FAILED, "it stays disabled")],
    ),
    (
        "nobody knows",
        Delivering(FRESH, 60),
        ShotDoubtful("nobody knows"),
        Ended(SessionState.FAILED, "nobody knows"),
        [Disarm(), Settle(), Finish(SessionState.FAILED, "nobody knows")],
    ),
    ("buttons before the beginning", Idle(), PausePressed("early"), Idle(), []),
    ("time passes while armed", Armed(FRESH, 0, 60), Ticked(0), Armed(FRESH, 0, 60), []),
    (
        "a pause while resting begins at once",
        Resting(LAST),
        PausePressed("a cough"),
        Paused(replace(LAST, paused=True), 400 * MS, "a cough"),
        [Disarm(), Note(EventKind.PAUSE, "a cough")],
    ),
    (
        "a pause while paused",
        Paused(LAST, 0, "a cough"),
        PausePressed("a call"),
        Paused(LAST, 0, "a cough"),
        [Note(EventKind.PAUSE, "asked again: a call")],
    ),
    (
        "a pause is kept until the shot in hand is over",
        Armed(FRESH, 0, 60),
        PausePressed("a cough"),
        Armed(replace(FRESH, pause="a cough"), 0, 60),
        [Note(EventKind.PAUSE, "asked for after this train: a cough")],
    ),
    (
        "a pause withdrawn before it began",
        Armed(replace(FRESH, pause="a cough"), 0, 60),
        ResumePressed(0),
        Armed(FRESH, 0, 60),
        [Note(EventKind.RESUME, "the pause was withdrawn before it began")],
    ),
    ("nothing to resume", Resting(FRESH), ResumePressed(0), Resting(FRESH), []),
    (
        "an intensity above the bounds",
        Resting(FRESH),
        IntensityPressed(71, 1),
        Resting(FRESH),
        [
            Note(
                EventKind.INTENSITY,
                "refused: 71 %MSO: allowed 40 to 70 %MSO; stays 60 %MSO",
                refuses=True,
            )
        ],
    ),
    (
        "an intensity from the next train on",
        Delivering(FRESH, 60),
        IntensityPressed(55, 1),
        Delivering(replace(FRESH, intensities=(55,)), 60),
        [Note(EventKind.INTENSITY, "block 1: 60 to 55 %MSO, from the next")],
    ),
    (
        "an intensity during the checks of the last train",
        Checking(LAST, 60),
        IntensityPressed(55, 1),
        Checking(LAST, 60),
        [Note(EventKind.INTENSITY, "refused: 55 %MSO: no train is left", refuses=True)],
    ),
    (
        "an intensity with no train left",
        Delivering(LAST, 60),
        IntensityPressed(55, 1),
        Delivering(LAST, 60),
        [Note(EventKind.INTENSITY, "refused: 55 %MSO: no train is left", refuses=True)],
    ),
]


@pytest.mark.parametrize(
    ("state", "event", "following", "effects"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_one_step(state: State, event: Event, following: State, effects: list[Effect]) -> None:
    assert step(TWO_TRAINS, state, event) == (following, effects)


EVENTS_OF_THE_SHELL: list[Event] = [
    Begun(), Checked(0), Refused("?"), MadeReady(), CameDue(), ShotOver(0, 0), ShotDoubtful("?"),
]  # fmt: skip
LEGAL: dict[type[State], set[type[Event]]] = {
    Idle: {Begun},
    Resting: set(),
    Checking: {Checked, Refused},
    Arming: {MadeReady, Refused},
    Armed: {CameDue},
    Delivering: {ShotOver, ShotDoubtful},
    Paused: set(),
}
STATES: list[State] = [
    Idle(), Resting(FRESH), Checking(FRESH, 60), Arming(FRESH, 0, 60), Armed(FRESH, 0, 60),
    Delivering(FRESH, 60), Paused(FRESH, 0, "?"),
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
@pytest.mark.parametrize("event", EVENTS_OF_THE_SHELL, ids=lambda event: type(event).__name__)
def test_what_cannot_happen_in_a_state_is_a_bug_and_raises(state: State, event: Event) -> None:
    """Above all a second ShotOver, or a CameDue that was not waited for."""
    if type(event) in LEGAL[type(state)]:
        step(TWO_TRAINS, state, event)
        return
    with pytest.raises(IllegalEvent):
        step(TWO_TRAINS, state, event)


# Whole sessions ------------------------------------------------------------------------------


@pytest.mark.parametrize("of", PLANS, ids=["two trains", "slow", "mixed", "ramp"])
def test_an_undisturbed_session_keeps_every_planned_time(of: Plan) -> None:
    shell = begun(of)
    while not isinstance(shell.state, Ended):
        if isinstance(shell.state, Paused):
            shell.tell(ResumePressed(shell.now_ns))
        shell.answer()
    assert shell.state == Ended(SessionState.COMPLETED, "complete")
    assert shell.commands == [(number, shot.due_ns) for number, shot in enumerate(of.shots)]


def test_a_pause_during_a_slow_train_acts_within_one_pulse() -> None:
    shell = begun(SLOW)
    shell.run_until(Delivering)
    shell.tell(PausePressed("a cough"))
    shell.answer()
    assert isinstance(shell.state, Paused)
    assert shell.commands == [(0, 0)]
    assert shell.state.since_ns == 0


def test_a_resumed_session_keeps_the_rest_and_moves_everything_after_the_pause() -> None:
    shell = begun(TWO_TRAINS)
    shell.run_until(Delivering)
    shell.tell(PausePressed("a cough"))
    shell.run_until(Paused)
    shell.now_ns += 30 * S
    pressed_ns = shell.now_ns
    shell.tell(ResumePressed(pressed_ns))
    assert isinstance(shell.state, Resting)
    lead_ns = TWO_TRAINS.lead.checking_ns
    assert due_ns(TWO_TRAINS, shell.progress) == pressed_ns + lead_ns
    shell.run_until(Ended)
    assert [shot for shot, _ in shell.commands] == [0, 1]
    assert shell.commands[1][1] == pressed_ns + lead_ns


def test_a_short_pause_does_not_shorten_the_rest_and_moves_nothing() -> None:
    shell = begun(TWO_TRAINS)
    shell.run_until(Delivering)
    shell.tell(PausePressed("a cough"))
    shell.run_until(Paused)
    shell.tell(ResumePressed(shell.now_ns + 100 * MS))
    assert shell.progress.shift_ns == 0
    shell.run_until(Ended)
    assert shell.commands[1][1] == TWO_TRAINS.shots[1].due_ns


def test_the_rest_counts_from_the_last_pulse_as_it_was_given() -> None:
    """A last pulse that came late (a slow device clock) still gets its whole rest."""
    late_ns = 400 * MS + 3 * S
    state = Paused(replace(LAST, last_pulse_ns=late_ns), late_ns, "a cough")
    resumed, _ = step(TWO_TRAINS, state, ResumePressed(late_ns + S))
    assert isinstance(resumed, Resting)
    assert due_ns(TWO_TRAINS, resumed.progress) == late_ns + 5 * S


def test_after_a_pause_there_is_time_to_arm_again_even_between_slow_pulses() -> None:
    """Between its pulses a slow train stays armed; a pause disarms, and arming takes longer."""
    shell = begun(SLOW)
    shell.run_until(Delivering)
    shell.tell(PausePressed("a cough"))
    shell.answer()
    shell.now_ns += 10 * S
    shell.tell(ResumePressed(shell.now_ns))
    shell.run_until(Checking)
    checking_from_ns = shell.now_ns
    shell.answer()
    assert isinstance(shell.state, Arming)
    assert shell.state.due_ns - checking_from_ns >= SLOW.lead.checking_ns - 100 * MS
    assert shell.state.due_ns - shell.now_ns >= SLOW.lead.arming_ns
    shell.run_until(Ended)
    assert [shot for shot, _ in shell.commands] == [0, 1, 2, 3]
    assert shell.commands[3][1] - shell.commands[2][1] == S


def test_a_pause_longer_than_prescribed_ends_the_session() -> None:
    shell = begun(TWO_TRAINS)
    shell.run_until(Delivering)
    shell.tell(PausePressed("a cough"))
    shell.run_until(Paused)
    assert isinstance(shell.state, Paused)
    since_ns = shell.state.since_ns
    assert shell.tell(Ticked(since_ns + 60 * S)) == []
    shell.tell(Ticked(since_ns + 60 * S + 1))
    assert shell.where == Ended(SessionState.STOPPED, "the pause (a cough) lasted longer than 60 s")


def test_going_on_too_late_ends_the_session_too() -> None:
    paused = Paused(LAST, 400 * MS, "a cough")
    state, effects = step(TWO_TRAINS, paused, ResumePressed(61 * S))
    assert isinstance(state, Ended)
    assert effects[0] == Disarm()


def test_a_pause_asked_for_during_the_checks_comes_before_the_shot_is_armed() -> None:
    shell = begun(TWO_TRAINS)
    shell.run_until(Checking)
    shell.tell(PausePressed("a cough"))
    shell.answer()
    assert isinstance(shell.state, Paused)
    assert not any(isinstance(effect, MakeReady) for effect in shell.asked)


def test_blocks_are_changed_over_by_a_pause_when_somebody_must_move_the_coil() -> None:
    shell = begun(MIXED)
    shell.run_until(Paused)
    assert isinstance(shell.state, Paused)
    assert shell.state.why == CHANGE_OVER
    assert [shot for shot, _ in shell.commands] == [0, 1]
    without = begun(replace(MIXED, waits_between_blocks=False))
    without.run_until(Ended)
    assert not any(isinstance(effect, Note) for effect in without.asked)


def test_an_asked_for_pause_between_blocks_keeps_its_own_reason() -> None:
    shell = begun(MIXED)
    shell.run_until(Delivering)
    shell.answer()
    shell.run_until(Delivering)
    shell.tell(PausePressed("a cough"))
    shell.answer()
    assert isinstance(shell.state, Paused)
    assert shell.state.why == "a cough"


def test_checks_that_take_too_long_move_everything_and_say_so() -> None:
    checking = Checking(LAST, 60)
    due = TWO_TRAINS.shots[1].due_ns
    arming_ns = TWO_TRAINS.lead.arming_ns
    in_time, quiet = step(TWO_TRAINS, checking, Checked(due - arming_ns))
    assert in_time == Arming(LAST, due, 60)
    assert quiet == [MakeReady(1, due, 60)]
    late, effects = step(TWO_TRAINS, checking, Checked(due - arming_ns + 7))
    assert isinstance(late, Arming)
    assert (late.due_ns, late.progress.shift_ns) == (due + 7, 7)
    assert isinstance(effects[0], Note)
    assert effects[0].kind is EventKind.TIMING


@pytest.mark.parametrize(
    ("late_ns", "shift_ns"), [(SHIFT_FROM_NS, 0), (SHIFT_FROM_NS + 1, SHIFT_FROM_NS + 1)]
)
def test_a_late_command_moves_the_rest_of_the_session(late_ns: int, shift_ns: int) -> None:
    state, effects = step(TWO_TRAINS, Delivering(FRESH, 60), ShotOver(400 * MS + late_ns, late_ns))
    assert isinstance(state, Resting)
    assert state.progress.shift_ns == shift_ns
    assert len(effects) == (1 if shift_ns else 0)


def test_an_intensity_pressed_during_the_checks_holds_from_the_next_shot_on() -> None:
    """The stimulator has been set already: the row must say what it was set to."""
    shell = begun(TWO_TRAINS)
    shell.run_until(Checking)
    shell.tell(IntensityPressed(50, 1))
    shell.run_until(Ended)
    asked = [effect.intensity_pct_mso for effect in shell.asked if isinstance(effect, MakeReady)]
    assert asked == [60, 50]


def test_an_intensity_of_the_next_block_is_judged_by_its_own_bounds() -> None:
    """During the last train of a block the next shot belongs to the next block."""
    progress = Progress(1, 0, (60, 60))
    state, _ = step(MIXED, Delivering(progress, 60), IntensityPressed(45, 2))
    assert isinstance(state, Delivering)
    assert state.progress.intensities == (60, 45)


def test_an_intensity_for_another_block_than_the_next_shots_is_refused() -> None:
    """What was pressed for one block must never move the next one's, which has its own dose."""
    before = Delivering(Progress(1, 0, (60, 60)), 60)
    state, effects = step(MIXED, before, IntensityPressed(45, 1))
    assert state == before
    assert effects == [
        Note(
            EventKind.INTENSITY,
            "refused: 45 %MSO for block 1: the next train is of block 2, which stays 60 %MSO",
            refuses=True,
        )
    ]


def test_a_ramp_follows_a_change_of_intensity() -> None:
    ramped = plan(pattern(Train(5, Fraction(10)), 3, ramp=Ramp(3, Fraction(1, 2))))
    shell = begun(ramped)
    shell.run_until(Delivering)
    shell.tell(IntensityPressed(40, 1))
    shell.run_until(Ended)
    given = [effect.intensity_pct_mso for effect in shell.asked if isinstance(effect, MakeReady)]
    assert given == [30, 30, 40]
