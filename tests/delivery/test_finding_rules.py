"""The rules of a session that waits for each of its orders, as pure steps."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.finding_content import FindingContent
from protocols.policy import FinderRole, ThresholdFinding
from tests.delivery.finding import AIM
from tests.delivery.sessions import bursts
from tms_console.delivery.plan import NotPlannable, Plan, plan_on_demand
from tms_console.delivery.states import (
    Begun,
    CameDue,
    Check,
    Checked,
    Deliver,
    Disarm,
    Effect,
    Ended,
    Event,
    Finished,
    Idle,
    IntensityPressed,
    MadeReady,
    MakeReady,
    Paused,
    PausePressed,
    ResumePressed,
    SetTo,
    ShotOver,
    State,
    StimulusOrdered,
    StopPressed,
    Ticked,
)
from tms_console.delivery.transitions import step

S = 1_000_000_000
BOUNDS = ThresholdFinding(90, Fraction(3), 5, (FinderRole.TECHNICIAN,))
PLAN = plan_on_demand(FindingContent(AIM, BOUNDS), arming_s=0.4)


class Session:
    """A session driven by hand: every effect is done at once, and time is told."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan, self.now_ns = plan, 0
        self.state: State = Idle()
        self.done: list[Effect] = []
        self.ordered = 0
        self.press(Begun())

    def press(self, event: Event) -> None:
        """Take an event through the rules with everything that follows from it."""
        waiting = [event]
        while waiting:
            self.state, effects = step(self.plan, self.state, waiting.pop(0))
            for effect in effects:
                self.done.append(effect)
                match effect:
                    case Check():
                        waiting.append(Checked(self.now_ns))
                    case MakeReady(_, due_ns):
                        self.due_ns = due_ns
                        waiting.append(MadeReady())
                    case Deliver(_, due_ns):
                        self.now_ns = due_ns
                        waiting.append(ShotOver(due_ns, 0))
                    case _:
                        pass
            if type(self.state).__name__ == "Armed":
                waiting.append(CameDue())

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * S)
        self.press(Ticked(self.now_ns))

    def order(self, stimulus: int, intensity: int) -> None:
        self.press(StimulusOrdered(stimulus, intensity, self.now_ns))

    @property
    def delivered(self) -> list[Deliver]:
        return [one for one in self.done if isinstance(one, Deliver)]


def test_it_begins_disarmed_set_and_waiting() -> None:
    session = Session()
    assert session.done == [Disarm(), SetTo(0, 1)]
    session.wait(60)
    assert session.delivered == []


def test_an_order_gives_one_stimulus_and_disarms_after_it() -> None:
    session = Session()
    session.press(IntensityPressed(50, 1))
    session.order(1, 50)
    session.wait(1)
    session.wait(30)
    assert len(session.delivered) == 1
    assert session.done[-2:] == [Disarm(), SetTo(1, 50)]


def test_an_order_that_comes_twice_gives_one() -> None:
    session = Session()
    session.press(IntensityPressed(50, 1))
    session.order(1, 50)
    session.order(1, 50)
    session.wait(1)
    session.order(1, 50)
    session.wait(30)
    assert len(session.delivered) == 1


def test_an_ordered_stimulus_is_given_at_what_was_seen_whatever_is_pressed_after_it() -> None:
    session = Session()
    session.press(IntensityPressed(50, 1))
    session.order(1, 50)
    session.press(IntensityPressed(60, 1))
    session.wait(1)
    (ready,) = (one for one in session.done if isinstance(one, MakeReady))
    assert ready.intensity_pct_mso == 50


def test_a_pause_takes_an_order_back() -> None:
    session = Session()
    session.press(IntensityPressed(50, 1))
    session.order(1, 50)
    session.press(PausePressed("F8 was pressed"))
    session.wait(30)
    assert session.delivered == []


def test_nobody_pressing_anything_ends_it_after_twenty_minutes() -> None:
    session = Session()
    session.wait(1199)
    assert not isinstance(session.state, Ended)
    session.wait(2)
    assert isinstance(session.state, Ended)


def test_only_single_pulses_can_be_given_on_demand() -> None:
    with pytest.raises(NotPlannable, match="single pulses"):
        plan_on_demand(bursts(), arming_s=0.4)


_EVENTS = st.one_of(
    st.builds(IntensityPressed, st.integers(0, 100), st.integers(1, 2)),
    st.just("the next one"),
    st.tuples(st.integers(1, 7), st.integers(1, 100)),
    st.builds(PausePressed, st.just("F8")),
    st.builds(ResumePressed, st.just(0)),
    st.builds(StopPressed, st.just("Esc")),
    st.builds(Finished, st.just("accepted")),
    st.floats(0.05, 10.0),
)


@given(st.lists(_EVENTS, max_size=40))
def test_whatever_is_pressed_each_stimulus_had_its_order_its_interval_and_its_bounds(
    pressed: list[object],
) -> None:
    """And never more than the policy allows; nothing follows the end."""
    session, orders = Session(), set()
    for one in pressed:
        if isinstance(one, float):
            session.wait(one)
        elif isinstance(one, str):
            if isinstance(session.state, Paused):
                progress = session.state.progress
                orders.add((progress.next + 1, progress.intensities[0]))
                session.order(progress.next + 1, progress.intensities[0])
        elif isinstance(one, tuple):
            orders.add(one)
            session.order(*one)
        else:
            session.press(one)  # type: ignore[arg-type]
    ready = [one for one in session.done if isinstance(one, MakeReady)]
    given_at = [(one.shot + 1, one.intensity_pct_mso) for one in ready]
    assert set(given_at) <= orders
    assert len({number for number, _ in given_at}) == len(given_at) <= BOUNDS.most_stimuli
    assert all(1 <= intensity <= BOUNDS.highest_pct_mso for _, intensity in given_at)
    dues = [one.due_ns for one in session.delivered]
    assert all(later - earlier >= 3 * S for earlier, later in pairwise(dues))
