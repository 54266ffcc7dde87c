"""The engine's vocabulary: where a session can stand, what can happen to it, what it asks for.

All times are nanoseconds from the session's origin.  Values only; `transitions` has the rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from tms_console.records.operations import EventKind, SessionState

# Where a session can stand -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """What every state of a running session carries.

    Attributes:
        next: The shot that comes next, or is in hand; an index into the plan.
        shift_ns: How much later than planned everything from here on is due (pauses).
        intensities: The %MSO that each block stands at now.
        last_pulse_ns: When the last pulse was given, None before the first.
        pause: Why a pause was asked for that has not begun yet, "" if none was.
        paused: There was a pause since the last shot: the stimulator has been disarmed.
    """

    next: int
    shift_ns: int
    intensities: tuple[int, ...]
    last_pulse_ns: int | None = None
    pause: str = ""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing has begun."""


@dataclass(frozen=True, slots=True)
class Resting:
    """Waiting until it is time to check for the next shot."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class Checking:
    """The gate is being asked and the stimulator set to this %MSO, for the next shot."""

    progress: Progress
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class Arming:
    """The shot is being put on record, then the stimulator armed."""

    progress: Progress
    due_ns: int
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class Armed:
    """On record and armed; the command waits for its time."""

    progress: Progress
    due_ns: int
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class Delivering:
    """The command has been or is being sent; the stimulator fires."""

    progress: Progress
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Disarmed, between two shots, until somebody says go on."""

    progress: Progress
    since_ns: int
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Over; nothing stimulates from here on."""

    state: SessionState
    reason: str


State = Idle | Resting | Checking | Arming | Armed | Delivering | Paused | Ended
RunningState = Resting | Checking | Arming | Armed | Delivering | Paused


# What can happen ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """The session row is on disk."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""

    now_ns: int


@dataclass(frozen=True, slots=True)
class Checked:
    """The gate allowed the next shot and the settings were read back as they should be."""

    now_ns: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate or the stimulator refused the next shot; nothing was delivered by it."""

    sentence: str


@dataclass(frozen=True, slots=True)
class MadeReady:
    """The shot is on disk as commanded and the stimulator is armed."""


@dataclass(frozen=True, slots=True)
class CameDue:
    """It is time for the command."""


@dataclass(frozen=True, slots=True)
class ShotOver:
    """The shot in hand is finished and every pulse of it has its outcome.

    Attributes:
        last_pulse_ns: When its last pulse was given.
        late_ns: How much later than planned its command went out.
    """

    last_pulse_ns: int
    late_ns: int


@dataclass(frozen=True, slots=True)
class ShotDoubtful:
    """The shot in hand is finished, and something about it forbids going on."""

    sentence: str


@dataclass(frozen=True, slots=True)
class PausePressed:
    """Somebody wants a pause after the shot in hand."""

    reason: str


@dataclass(frozen=True, slots=True)
class ResumePressed:
    """Somebody wants to go on."""

    now_ns: int


@dataclass(frozen=True, slots=True)
class StopPressed:
    """Somebody wants an end, now."""

    reason: str


@dataclass(frozen=True, slots=True)
class IntensityPressed:
    """Somebody wants a block at this %MSO from the next shot on.

    Attributes:
        intensity_pct_mso: What.
        block: The block they saw and meant, from 1; if the next shot is of another, it is refused.
    """

    intensity_pct_mso: int
    block: int


@dataclass(frozen=True, slots=True)
class StimulusOrdered:
    """Somebody wants one stimulus now, in a session that waits for each.

    Attributes:
        stimulus: Which one, from 1; so that one order never gives two.
        intensity_pct_mso: What they saw that it would be given at.
        now_ns: When.
    """

    stimulus: int
    intensity_pct_mso: int
    now_ns: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Somebody decided that a session which waits for each of its orders is at its end."""

    reason: str


@dataclass(frozen=True, slots=True)
class Faulted:
    """The stimulator, the record or the clock does not allow the session to go on."""

    sentence: str


@dataclass(frozen=True, slots=True)
class HostLost:
    """The window that watches over the session has gone silent."""

    sentence: str


Event = (
    Begun
    | Ticked
    | Checked
    | Refused
    | MadeReady
    | CameDue
    | ShotOver
    | ShotDoubtful
    | PausePressed
    | ResumePressed
    | StopPressed
    | IntensityPressed
    | StimulusOrdered
    | Finished
    | Faulted
    | HostLost
)


# What the engine asks for ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Check:
    """Ask the gate, set the stimulator and read it back."""

    shot: int
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class SetTo:
    """Set the stimulator, disarmed, to what the next shot would be given at, and read it back."""

    shot: int
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class MakeReady:
    """Put the shot on disk as commanded, then arm."""

    shot: int
    due_ns: int
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class AwaitDue:
    """Wait until the command is due, watching the stimulator."""

    due_ns: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send the one stimulating command of this shot, and see what becomes of it."""

    shot: int
    due_ns: int


@dataclass(frozen=True, slots=True)
class Disarm:
    """Make the stimulator unable to fire."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Give every pulse that is still `commanded` the outcome that is known, and end its train."""


@dataclass(frozen=True, slots=True)
class Note:
    """Put an event on record.

    Attributes:
        kind: Of which kind.
        detail: It in words.
        refuses: Something that somebody asked for is not done, and they are to be told.
    """

    kind: EventKind
    detail: str
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Close the session on record."""

    state: SessionState
    reason: str


Effect = Check | SetTo | MakeReady | AwaitDue | Deliver | Disarm | Settle | Note | Finish


class IllegalEvent(Exception):
    """The shell reported something that cannot happen in this state: a bug in this program."""
