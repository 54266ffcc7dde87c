"""The rules of a session: `step(plan, state, event)` gives the next state and what to do about it.

Pure: nothing here waits, fires or writes.  Only `Armed` leads to `Deliver`, each shot is
delivered at most once and in order, and Stop is answered in every state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tms_console.delivery.plan import Lead, Plan
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
    Finished,
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
    RunningState,
    Settle,
    SetTo,
    ShotDoubtful,
    ShotOver,
    State,
    StimulusOrdered,
    StopPressed,
    Ticked,
)
from tms_console.records.operations import EventKind, SessionState

SHIFT_FROM_NS = 2_000_000
"""A train start later than this moves the rest of the session, so that no rest is shortened."""

WAITS = "waiting for the next stimulus to be ordered"
CHANGE_OVER = "coil change-over: move the coil to the next block's position"

Next = tuple[State, Sequence[Effect]]


def step(plan: Plan, state: State, event: Event) -> Next:
    """Return the next state and its effects, in the order in which they are to be done.

    Raises:
        IllegalEvent: The event cannot happen in this state; a bug, never a person's doing.
    """
    match state, event:
        case Ended(), StopPressed():
            return state, [Disarm()]
        case Ended(), _:
            return state, []  # an answer to something already on its way when the session ended
        case _, StopPressed(reason):
            return _end(SessionState.STOPPED, reason)
        case _, HostLost(sentence):
            return _end(SessionState.INTERRUPTED, sentence)
        case _, Faulted(sentence):
            return _end(SessionState.FAILED, sentence)
        case Idle(), Begun():
            intensities = tuple(block.intensity_pct_mso for block in plan.blocks)
            if plan.on_demand:
                return _await_order(plan, Progress(0, 0, intensities), 0)
            return Resting(Progress(0, 0, intensities)), []
        case (
            Idle(),
            PausePressed() | ResumePressed() | IntensityPressed() | StimulusOrdered() | Ticked(),
        ):
            return state, []
        case Idle(), _:
            raise IllegalEvent(f"{event} before the session began")
        case _:
            return _pressed(plan, state, event) or _go_on(plan, state, event)


def _pressed(plan: Plan, state: RunningState, event: Event) -> Next | None:
    """Return what follows from what somebody pressed, None if nobody pressed anything."""
    match event:
        case IntensityPressed(wanted) if plan.on_demand and not isinstance(state, Paused):
            # what was ordered is given at what whoever ordered it saw
            words = f"refused: {wanted} %MSO: a stimulus was ordered"
            return state, [Note(EventKind.INTENSITY, words, refuses=True)]
        case IntensityPressed():
            return _set_now(plan, *_move_intensity(plan, state, event))
        case Finished(reason) if plan.on_demand:
            return _end(SessionState.COMPLETED, reason)
        case StimulusOrdered():
            return _give_one(plan, state, event)
        case PausePressed(reason):
            return _ask_for_pause(state, reason)
        case ResumePressed() if plan.on_demand:
            return state, []  # it gives nothing but what is ordered one by one
        case ResumePressed(now_ns):
            return _resume(plan, state, now_ns)
        case _:
            return None


def _go_on(plan: Plan, state: RunningState, event: Event) -> Next:  # noqa: PLR0912 - one row each
    """Return what follows when nobody pressed anything and nothing went wrong outside."""
    match state, event:
        case Resting(progress), Ticked(now_ns):
            if now_ns < due_ns(plan, progress) - _lead(plan, progress).checking_ns:
                return state, []
            intensity = plan.intensity(progress.next, progress.intensities)
            return Checking(progress, intensity), [Check(progress.next, intensity)]
        case Paused(_, since_ns, why), Ticked(now_ns):
            if now_ns - since_ns <= plan.longest_pause_ns:
                return state, []
            longest_s = plan.longest_pause_ns // 1_000_000_000
            return _end(SessionState.STOPPED, f"the pause ({why}) lasted longer than {longest_s} s")
        case Checking(progress, intensity), Checked(now_ns):
            return _after_check(plan, progress, intensity, now_ns)
        case Checking(), Refused(sentence):
            return _end(SessionState.FAILED, sentence)
        case Arming(_, due), MadeReady():
            return Armed(state.progress, due, state.intensity_pct_mso), [AwaitDue(due)]
        case Arming(), Refused(sentence):
            return _end(SessionState.FAILED, sentence)
        case Armed(progress, due, intensity), CameDue():
            return Delivering(progress, intensity), [Deliver(progress.next, due)]
        case Delivering(progress), ShotOver(last_pulse_ns, late_ns):
            return _after_shot(plan, progress, last_pulse_ns, late_ns)
        case Delivering(), ShotDoubtful(sentence):
            return _end(SessionState.FAILED, sentence)
        case _, Ticked():
            return state, []
        case _:
            raise IllegalEvent(f"{event} while {state}")


def due_ns(plan: Plan, progress: Progress) -> int:
    """Return when the next shot is due, pauses counted, as an offset from the origin."""
    return plan.shots[progress.next].due_ns + progress.shift_ns


def _lead(plan: Plan, progress: Progress) -> Lead:
    """Return how long before the next shot its preparations begin; all of them after a pause."""
    return plan.lead if progress.paused else plan.lead_of(progress.next)


def _after_check(plan: Plan, progress: Progress, intensity: int, now_ns: int) -> Next:
    """Pause if that was asked for meanwhile; else commit the shot at a time that can be kept.

    The shot is given at the intensity that was checked and set, whatever was asked for since.
    """
    if progress.pause:
        return _pause(progress, now_ns, progress.pause)
    late_ns = max(0, now_ns + _lead(plan, progress).arming_ns - due_ns(plan, progress))
    progress = replace(progress, shift_ns=progress.shift_ns + late_ns)
    due = due_ns(plan, progress)
    effects: list[Effect] = [MakeReady(progress.next, due, intensity)]
    if late_ns:
        effects.insert(0, Note(EventKind.TIMING, _shift_words(late_ns, "the checks took longer")))
    return Arming(progress, due, intensity), effects


def _after_shot(plan: Plan, progress: Progress, last_pulse_ns: int, late_ns: int) -> Next:
    """Go on to the next shot, to a pause, or to the end."""
    following = progress.next + 1
    effects: list[Effect] = []
    if late_ns > SHIFT_FROM_NS:
        progress = replace(progress, shift_ns=progress.shift_ns + late_ns)
        effects.append(Note(EventKind.TIMING, _shift_words(late_ns, "the last command was late")))
    if following == len(plan.shots):
        finish = Finish(SessionState.COMPLETED, "complete")
        return Ended(finish.state, finish.reason), [*effects, Disarm(), Settle(), finish]
    moves = plan.shots[following].scheduled.block != plan.shots[progress.next].scheduled.block
    progress = replace(progress, next=following, last_pulse_ns=last_pulse_ns, paused=False)
    if plan.on_demand:
        state, waiting = _await_order(plan, progress, last_pulse_ns)
        return state, [*effects, *waiting]
    if progress.pause:
        state, pausing = _pause(progress, last_pulse_ns, progress.pause)
        return state, [*effects, *pausing]
    if moves and plan.waits_between_blocks:
        state, pausing = _pause(progress, last_pulse_ns, CHANGE_OVER)
        return state, [*effects, *pausing]
    if moves:  # nobody's coil is moved while the stimulator is armed
        return Resting(replace(progress, paused=True)), [*effects, Disarm()]
    return Resting(progress), effects


def _await_order(plan: Plan, progress: Progress, since_ns: int) -> Next:
    """Disarm, set what comes next and read it back; nothing is given until it is ordered."""
    early_ns = max(0, _allowed_ns(plan, progress) - due_ns(plan, progress))
    shift_ns = progress.shift_ns + early_ns
    waits = replace(progress, pause="", paused=True, shift_ns=shift_ns)
    intensity = plan.intensity(waits.next, waits.intensities)
    return Paused(waits, since_ns, WAITS), [Disarm(), SetTo(waits.next, intensity)]


def _set_now(plan: Plan, state: State, effects: Sequence[Effect]) -> Next:
    """While an order is waited for, an intensity that was moved is set and read back at once."""
    if not plan.on_demand or not isinstance(state, Paused):
        return state, effects
    intensity = plan.intensity(state.progress.next, state.progress.intensities)
    return state, [*effects, SetTo(state.progress.next, intensity)]


def _give_one(plan: Plan, state: RunningState, ordered: StimulusOrdered) -> Next:
    """Take the order for the next stimulus, if it is for that one, as it stands, and not too soon.

    One that comes too soon is refused and not kept: nobody is stimulated later than they pressed.
    """
    progress = state.progress
    number = plan.shots[progress.next].scheduled.number
    wanted = f"stimulus {ordered.stimulus} at {ordered.intensity_pct_mso} %MSO"
    stands = plan.intensity(progress.next, progress.intensities)
    why = ""
    if not plan.on_demand:
        why = "this session gives what was prescribed"
    elif not isinstance(state, Paused):
        why = "the one before is not over"
    elif progress.next + 1 == len(plan.shots):
        why = "the policy allows no more in one series"
    elif (ordered.stimulus, ordered.intensity_pct_mso) != (number, stands):
        why = f"the next one is stimulus {number} at {stands} %MSO"
    due = ordered.now_ns + _lead(plan, progress).checking_ns
    early_ns = _allowed_ns(plan, progress) - due
    if not why and early_ns > 0:
        why = f"{early_ns / 1e9:.1f} s too soon" + (" after the last one" * bool(progress.next))
    if why:
        return state, [Note(EventKind.GATE, f"refused {wanted}: {why}", refuses=True)]
    moved = replace(progress, shift_ns=progress.shift_ns + due - due_ns(plan, progress))
    return Resting(moved), [Note(EventKind.RESUME, f"{wanted} was ordered")]


def _allowed_ns(plan: Plan, progress: Progress) -> int:
    """Return when the next shot may be given at the earliest: its rest after the last pulse."""
    shots, last_ns = plan.shots, progress.last_pulse_ns
    if last_ns is None or not progress.next:
        return 0
    return last_ns + shots[progress.next].due_ns - shots[progress.next - 1].last_due_ns


def _ask_for_pause(state: RunningState, reason: str) -> Next:
    match state:
        case Resting(progress):
            since_ns = progress.last_pulse_ns or 0
            return _pause(progress, since_ns, reason)
        case Paused():
            return state, [Note(EventKind.PAUSE, f"asked again: {reason}")]
        case _:
            asked = replace(state.progress, pause=reason)
            words = f"asked for after this train: {reason}"
            return replace(state, progress=asked), [Note(EventKind.PAUSE, words)]


def _pause(progress: Progress, since_ns: int, why: str) -> Next:
    """Disarm and wait; the pause is counted from the last pulse."""
    return Paused(replace(progress, pause="", paused=True), since_ns, why), [
        Disarm(),
        Note(EventKind.PAUSE, why),
    ]


def _resume(plan: Plan, state: RunningState, now_ns: int) -> Next:
    """Go on no sooner than the prescribed rest after the last pulse."""
    match state:
        case Paused(progress, since_ns):
            if now_ns - since_ns > plan.longest_pause_ns:
                return _go_on(plan, state, Ticked(now_ns))
            earliest_ns = max(
                now_ns + _lead(plan, progress).checking_ns, _allowed_ns(plan, progress)
            )
            late_ns = max(0, earliest_ns - due_ns(plan, progress))
            moved = replace(progress, shift_ns=progress.shift_ns + late_ns)
            return Resting(moved), [Note(EventKind.RESUME, _shift_words(late_ns, "pause"))]
        case _ if state.progress.pause:
            kept = replace(state.progress, pause="")
            return replace(state, progress=kept), [
                Note(EventKind.RESUME, "the pause was withdrawn before it began")
            ]
        case _:
            return state, []


def _move_intensity(plan: Plan, state: RunningState, pressed: IntensityPressed) -> Next:
    """Take the new intensity from the next shot on, if it is inside the signed bounds.

    It is refused if the next shot is of another block than the one that was meant: between the
    press and its arrival the session may have gone on to the next.
    """
    progress, wanted = state.progress, pressed.intensity_pct_mso
    in_hand = isinstance(state, Checking | Arming | Armed | Delivering)  # set and read back already
    upcoming = progress.next + (1 if in_hand else 0)
    if upcoming == len(plan.shots):
        words = f"refused: {wanted} %MSO: no train is left"
        return state, [Note(EventKind.INTENSITY, words, refuses=True)]
    index = plan.shots[upcoming].scheduled.block - 1
    bounds, now = plan.blocks[index], progress.intensities[index]
    if pressed.block != index + 1:
        meant = f"{wanted} %MSO for block {pressed.block}: the next train is of block {index + 1}"
        words = f"refused: {meant}, which stays {now} %MSO"
        return state, [Note(EventKind.INTENSITY, words, refuses=True)]
    if not bounds.lowest_pct_mso <= wanted <= bounds.highest_pct_mso:
        allowed = f"allowed {bounds.lowest_pct_mso} to {bounds.highest_pct_mso} %MSO"
        words = f"refused: {wanted} %MSO: {allowed}; stays {now} %MSO"
        return state, [Note(EventKind.INTENSITY, words, refuses=True)]
    intensities = (*progress.intensities[:index], wanted, *progress.intensities[index + 1 :])
    moved = replace(state, progress=replace(progress, intensities=intensities))
    return moved, [
        Note(EventKind.INTENSITY, f"block {index + 1}: {now} to {wanted} %MSO, from the next")
    ]


def _end(state: SessionState, reason: str) -> Next:
    return Ended(state, reason), [Disarm(), Settle(), Finish(state, reason)]


def _shift_words(late_ns: int, why: str) -> str:
    return f"everything from here on is {late_ns / 1e9:.6f} s later than planned: {why}"
