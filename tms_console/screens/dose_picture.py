"""A dose as strips of bars: one train, one session, one course; what the plots of a dose paint.

Every bar comes from the schedule that is delivered; colours and pixels are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from protocols.course_plan import CoursePlan
from protocols.dose import ramp_intensity
from protocols.exact import clock_text, decimal_text
from protocols.schedule import ScheduledTrain
from protocols.session_content import SessionContent
from tms_console.delivery.preview import Goes

MOST_BARS = 400
"""More bars than that would touch on a screen: they are joined, and the label has the number."""

STRETCH_GAP = 0.8
"""Between two stretches of days, in widths of a session's bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a strip.

    Attributes:
        left: Where it begins, from 0 to 1 of the strip.
        right: Where it ends; the same as `left` for a single pulse.
        height: From 0 to 1.
        done: It is given already.
    """

    left: float
    right: float
    height: float = 1.0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """One strip with its label; the label says everything that the bars show."""

    label: str
    bars: tuple[Bar, ...]


def plural(number: int, noun: str) -> str:
    """Return `1 train` or `20 trains`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def dose_strips(
    session: SessionContent, course: CoursePlan, given: int, goes_on: Goes | None = None
) -> tuple[Strip, ...]:
    """Return one train of each block, the session, and the course.

    Args:
        session: What one session delivers.
        course: The series.
        given: How many of its sessions were given.
        goes_on: Where it goes on, if some of it is behind; None for a whole one.
    """
    schedule = session.schedule()
    firsts = [train for train in schedule.trains if train.number_in_block == 1]
    several = len(session.blocks) > 1
    trains = [
        _train(session, train, f"block {train.block} · " if several else "") for train in firsts
    ]
    return (*trains, _session(session, schedule.trains, goes_on), course_strip(course, given))


def _train(session: SessionContent, train: ScheduledTrain, place: str) -> Strip:
    whole_ns = max(train.end_ns - train.start_ns, 1)
    at = [(int(due) - train.start_ns) / whole_ns for due in train.due_ns]
    bars = (Bar(0.0, 1.0),) if len(at) > MOST_BARS else tuple(Bar(x, x) for x in at)
    pattern = session.blocks[train.block - 1].pattern
    lasts = decimal_text(pattern.train.nominal_s, 2)
    return Strip(f"{place}one train · {lasts} s · {plural(train.pulses, 'pulse')}", bars)


def _session(
    session: SessionContent, trains: tuple[ScheduledTrain, ...], goes_on: Goes | None
) -> Strip:
    whole_ns = max(trains[-1].end_ns, 1)
    highest = max(block.intensity_pct_mso for block in session.blocks)
    bars = [
        Bar(
            train.start_ns / whole_ns,
            train.end_ns / whole_ns,
            _intensity(session, train) / highest,
            goes_on is not None and train.number < goes_on.train,
        )
        for train in trains
    ]
    if len(bars) > MOST_BARS:
        bars = [Bar(0.0, 1.0)]
    if goes_on is not None and goes_on.train:
        rest = rest_of(session, goes_on)
        told = (
            f"rest · {clock_text(rest.lasts_s, 0)} min · {rest.trains} of "
            f"{plural(len(trains), 'train')} · {rest.pulses:,} of {plural(session.pulses, 'pulse')}"
        )
        return Strip(told, tuple(bars))
    lasts = clock_text(session.schedule().duration_s, 0)
    label = f"session · {lasts} min · {plural(len(trains), 'train')} · "
    return Strip(label + plural(session.pulses, "pulse"), tuple(bars))


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a session that ended early.

    Attributes:
        trains: Trains, one that goes on in its middle counted.
        pulses: Pulses.
        lasts_s: From its first to its last pulse, in seconds.
    """

    trains: int
    pulses: int
    lasts_s: Fraction


def rest_of(session: SessionContent, goes_on: Goes) -> Rest:
    """Return what is left of a session from where it goes on."""
    trains = session.schedule().trains
    first = trains[goes_on.train - 1]
    begins_ns = int(first.due_ns[goes_on.pulse - first.first_pulse])
    return Rest(
        len(trains) - goes_on.train + 1,
        session.pulses - goes_on.pulse + 1,
        Fraction(trains[-1].end_ns - begins_ns, 10**9),
    )


def _intensity(session: SessionContent, train: ScheduledTrain) -> int:
    block = session.blocks[train.block - 1]
    return ramp_intensity(
        block.intensity_pct_mso, block.pattern.ramp, train.number_in_block, block.step_pct_mso
    )


def course_strip(course: CoursePlan, given: int) -> Strip:
    """Return a course as a strip: a bar for each session, stretches of days apart."""
    stretches = [phase.sessions for phase in course.phases for _ in range(phase.times)]
    total = course.total_sessions
    gap = STRETCH_GAP if len(stretches) > 1 else 0.0
    width = 1 / (total + gap * (len(stretches) - 1))
    bars, left, number = [], 0.0, 0
    for sessions in stretches:
        for _ in range(sessions):
            number += 1
            bars.append(Bar(left + 0.08 * width, left + 0.92 * width, 1.0, number <= given))
            left += width
        left += gap * width
    told = f"course · {plural(total, 'session')}"
    if given:
        told += f", {given} given"
    plan = ", then ".join(str(phase) for phase in course.phases)
    return Strip(f"{told} · {plan}", tuple(bars) if total <= MOST_BARS else (Bar(0.0, 1.0),))
