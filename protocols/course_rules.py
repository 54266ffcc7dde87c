"""May another session of a course be given now?  Counts, days and pauses as they were signed.

Pure: what was given is handed in, unknown pulses counted as given; "today" is the policy's zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from protocols.course_plan import CoursePlan
from protocols.policy import Policy
from protocols.refusal import Refusal


@dataclass(frozen=True, slots=True)
class GivenSession:
    """One session that a patient has had; both rows of a resumed session are one.

    Attributes:
        started_at: When it began, with its time zone.
        ended_at: When it ended.
        pulses: Pulses given, unknown and unplanned ones included.
        of_course: It belongs to the course that is looked at.
    """

    started_at: datetime
    ended_at: datetime
    pulses: int
    of_course: bool


@dataclass(frozen=True, slots=True)
class NextSession:
    """The session that somebody wants to start.

    Attributes:
        pulses: Pulses that it would give.
        at: When, with its time zone.
        resumes: It goes on with a session that ended early, the last one given; such a session
            is counted already and asks for no pause.
    """

    pulses: int
    at: datetime
    resumes: bool = False


def course_refusals(
    course: CoursePlan, policy: Policy, given: Sequence[GivenSession], wanted: NextSession
) -> tuple[Refusal, ...]:
    """Return every reason why the course or the policy does not allow a session now.

    The stricter of course and policy counts.  The least time between sessions holds over midnight
    too.  Sessions of a stretch are counted back from today, those of earlier phases not.
    """
    refusals = list(_pulse_refusals(course, policy, given, wanted))
    last = max((one.ended_at for one in given), default=None)
    if last is not None and wanted.at < last:
        sentence = f"A session on record ended at {last:%Y-%m-%d %H:%M}, which is later than now."
        remedy = "Set the computer's clock; an administrator records the correction."
        refusals.append(Refusal("clock", sentence, remedy))
    elif not wanted.resumes:
        refusals += _time_refusals(course, policy, given, wanted)
    if not wanted.resumes:
        refusals += _count_refusals(course, policy, given, wanted)
    return tuple(refusals)


def _today(
    policy: Policy, given: Sequence[GivenSession], wanted: NextSession, days: int = 1
) -> list[GivenSession]:
    """Return what was given today and on the days before it, so many days in all."""
    first = wanted.at.astimezone(policy.zone).date() - timedelta(days=days - 1)
    return [one for one in given if one.started_at.astimezone(policy.zone).date() >= first]


def _pulse_refusals(
    course: CoursePlan, policy: Policy, given: Sequence[GivenSession], wanted: NextSession
) -> Iterator[Refusal]:
    before = sum(one.pulses for one in _today(policy, given, wanted))
    most = min(course.most_pulses_a_day, policy.most_pulses_a_day)
    if before + wanted.pulses > most:
        sentence = f"{before} pulses today and {wanted.pulses} more: at most {most} are allowed."
        yield Refusal("pulses-a-day", sentence, "Give it on another day.")


def _time_refusals(
    course: CoursePlan, policy: Policy, given: Sequence[GivenSession], wanted: NextSession
) -> Iterator[Refusal]:
    today = len(_today(policy, given, wanted))
    most = min(course.most_sessions_a_day, policy.most_sessions_a_day)
    if today >= most:
        had = "1 session was" if today == 1 else f"{today} sessions were"
        sentence = f"{had} given today: at most {most} {'is' if most == 1 else 'are'} allowed."
        yield Refusal("sessions-a-day", sentence, "Give it on another day.")
    if not given:
        return
    since = wanted.at - max(one.ended_at for one in given)
    least = timedelta(minutes=course.least_minutes_between)
    if since < least:
        until = (wanted.at + least - since).astimezone(policy.zone)
        sentence = (
            f"The last session ended {since // timedelta(minutes=1)} min ago: "
            f"{course.least_minutes_between} min between sessions were signed."
        )
        yield Refusal("interval", sentence, f"Wait until {until:%H:%M}.")


def _count_refusals(
    course: CoursePlan, policy: Policy, given: Sequence[GivenSession], wanted: NextSession
) -> Iterator[Refusal]:
    ours = sorted((one for one in given if one.of_course), key=lambda one: one.started_at)
    before = 0
    for phase in course.phases:  # two phases may be alike, so they are counted and not looked up
        if len(ours) < before + phase.total:
            break
        before += phase.total
    else:
        sentence = f"All {course.total_sessions} sessions of the course were given."
        yield Refusal("course-complete", sentence, "A physician prescribes more.")
        return
    recent = len(_today(policy, ours[before:], wanted, phase.days))
    if recent >= phase.sessions:
        sentence = (
            f"{recent} sessions were given within {phase.days} days: {phase.sessions} were signed."
        )
        remedy = "Wait, or ask a physician for another course."
        yield Refusal("sessions-a-stretch", sentence, remedy)
