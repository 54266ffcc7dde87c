"""What the Threshold page says while a threshold is looked for, at one moment.

Pure: from the newest snapshot, the series as it was said, and where the method stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.finding_content import Aim
from protocols.finding_log import FindingLog, Placed, marks, value_of
from protocols.policy import Policy
from protocols.threshold import Answer, Finding, MethodName, Standing, WhyFinished
from tms_console.delivery.snapshot import Snapshot

WHY_FINISHED = {
    WhyFinished.PRECISE: "It is as precise as asked for.",
    WhyFinished.COMPLETE: "The method is at its end.",
    WhyFinished.MOST_STIMULI: "As many stimuli as allowed were given.",
    WhyFinished.ABOVE_RANGE: "The threshold lies above the highest intensity that is allowed.",
    WhyFinished.BELOW_RANGE: "The threshold lies below the lowest intensity.",
}
ANSWERS = {Answer.MOVED: "moved", Answer.STILL: "did not move", Answer.UNCLEAR: "can't tell"}
UNDER_WAY = ("resting", "checking", "arming", "armed", "delivering")


@dataclass(frozen=True, slots=True)
class Searching:
    """What was known when the search was ordered.

    Attributes:
        patient_uid: Whose.
        name: The patient.
        aim: Which threshold.
        policy: The policy's bounds hold.
        method: The method that was chosen.
        last_value: The last comparable threshold, the prior; None for none.
    """

    patient_uid: str
    name: str
    aim: Aim
    policy: Policy
    method: MethodName
    last_value: int | None


@dataclass(frozen=True, slots=True)
class Now:
    """What is known at one moment.

    Attributes:
        snapshot: The newest, None before the first.
        log: The series as it was said here.
        standing: Where the method stands after exactly this series; None while that is computed.
        now_ns: Now, from the session's origin.
        wanted_pct_mso: What was asked to be set.
        ordered: The number of a stimulus that was ordered and is not over, 0 for none.
        apart: Something was said here that the record did not take: nothing more may be given.
    """

    snapshot: Snapshot | None
    log: FindingLog
    standing: Standing | None
    now_ns: int
    wanted_pct_mso: int
    ordered: int = 0
    apart: bool = False


@dataclass(frozen=True, slots=True)
class FindingScreen:
    """The page while a threshold is looked for, at one moment.

    Attributes:
        word: The state in one word.
        state: Of that word.
        hint: What to do now.
        set_to: What the stimulator is set to and was read back, in %MSO.
        set_words: How that compares with what is wanted.
        sentence: Where it stands, plainly.
        small: What else is to be said of that.
        stimuli: How many were given.
        wait: How long until the next stimulus may be ordered, "" if it may.
        searching: The hotspot is searched; else the method asks.
        can_stimulate: The next stimulus may be ordered.
        can_answer: The last one waits for its answer.
        can_take_back: The last one has an answer.
        can_move: The intensity and the place may be chosen.
        can_begin: The method may begin here.
        can_decide: Nothing is under way: the series may be rejected.
        value: What would be accepted, None if nothing can be.
        place: Where the coil is.
        marks: Of each place, how many stimuli moved the muscle, of how many.
        coil: Its temperature.
        last: What was seen after the last stimulus.
    """

    word: str
    state: str
    hint: str
    set_to: int
    set_words: str
    sentence: str
    small: str
    stimuli: str
    wait: str
    searching: bool
    can_stimulate: bool
    can_answer: bool
    can_take_back: bool
    can_move: bool
    can_begin: bool
    can_decide: bool
    value: int | None
    place: Placed
    marks: tuple[tuple[Placed, int, int], ...]
    coil: str
    last: str


def finding_screen(of: Searching, now: Now) -> FindingScreen:
    """Return the page at one moment."""
    log, snapshot, standing = now.log, now.snapshot, now.standing
    searching = log.settings is None
    waits = snapshot is not None and snapshot.state == "paused"
    idle = waits and now.ordered == 0
    free = idle and not now.apart
    answer_due = log.waits_for_answer
    finished = standing is not None and standing.finished
    wanted = _wanted(now)
    set_to = 0 if snapshot is None else snapshot.intensity_pct_mso
    stands = wanted is not None and set_to == wanted and set_to > 1
    wait_s = 0.0 if snapshot is None else max(0.0, (snapshot.order_from_ns - now.now_ns) / 1e9)
    most = of.policy.threshold_finding.most_stimuli
    room = len(log.given) < most
    can_stimulate = free and not answer_due and not finished and stands and room and wait_s <= 0
    word, state = _word(snapshot, log, finished=finished, ready=can_stimulate)
    return FindingScreen(
        word=word,
        state=state,
        hint=_hint(now, free=idle, finished=finished, ready=can_stimulate, room=room),
        set_to=set_to if set_to > 1 else 0,
        set_words=_set_words(set_to, wanted, finished=finished),
        sentence=_sentence(log, standing),
        small=_small(of, log, standing),
        stimuli=f"{len(log.given)} of at most {most} stimuli",
        wait=f"next in {wait_s:.1f} s" if wait_s > 0 and not finished else "",
        searching=searching,
        can_stimulate=can_stimulate,
        can_answer=free and answer_due,
        can_take_back=free and bool(log.given) and not answer_due,
        can_move=free and searching and not answer_due,
        can_begin=free and searching and not answer_due and bool(log.given),
        can_decide=idle and not answer_due,
        value=_value(log, standing) if free and not answer_due else None,
        place=log.place,
        marks=tuple((place, *counts) for place, counts in marks(log).items()),
        coil=_coil(snapshot),
        last=_last(log),
    )


def _wanted(now: Now) -> int | None:
    """Return what the next stimulus is to be given at, None if nobody can say yet."""
    if now.log.settings is None:
        return now.wanted_pct_mso
    return None if now.standing is None else now.standing.next_pct_mso


def _word(
    snapshot: Snapshot | None, log: FindingLog, *, finished: bool, ready: bool
) -> tuple[str, str]:
    if snapshot is None or snapshot.state == "idle":
        return "STARTING", "note"
    if snapshot.state in UNDER_WAY:
        return "STIMULUS COMES", "warn"
    if snapshot.state != "paused":
        return snapshot.state.upper(), "note"
    if log.waits_for_answer:
        return "DID IT MOVE?", "warn"
    if finished:
        return "FOUND", "good"
    return ("READY", "good") if ready else ("WAITING", "note")


def _hint(now: Now, *, free: bool, finished: bool, ready: bool, room: bool) -> str:
    log = now.log
    if now.snapshot is None:
        return "The gate is asked, and the stimulator opened."
    if now.apart:
        return "Nothing more can be given: press STOP, and begin another search."
    if not free:
        return "It comes a second after the key. F8 takes it back, Esc stops."
    if log.waits_for_answer:
        return "M it moved, N it did not, C you can't tell."
    if finished:
        return "Accept the value, or reject the series with a reason."
    if not room:
        return "The policy allows no more stimuli in one series."
    if now.snapshot.waits_for:
        return now.snapshot.waits_for
    if ready:
        return "S gives one stimulus. U takes the last answer back."
    if log.settings is None and now.wanted_pct_mso <= 1:
        return "Choose an intensity for the search of the hotspot."
    return "The stimulator is being set and read back."


def _set_words(set_to: int, wanted: int | None, *, finished: bool) -> str:
    if finished:
        return "no further stimulus"
    if wanted is None:
        return "the next one is being computed"
    if set_to != wanted:
        return f"being set to {wanted}"
    return "set and read back" if set_to > 1 else "nothing is set yet"


def _sentence(log: FindingLog, standing: Standing | None) -> str:
    if log.settings is None:
        return _search_words(log)
    if standing is None:
        return "Computing ..."
    if standing.estimate_pct_mso is None:
        return "No estimate yet."
    told = f"{standing.estimate_pct_mso:.0f} %MSO, between {standing.low:.0f} and "
    told += f"{standing.high:.0f}"
    if standing.finished:
        return told
    if standing.about_more is None:
        return told
    return f"{told}; about {standing.about_more} more"


def _search_words(log: FindingLog) -> str:
    found = marks(log)
    if not found:
        return "Search the hotspot: where the muscle answers best."
    best = max(found, key=lambda place: (found[place][0] / found[place][1], found[place][0]))
    moved, of_all = found[best]
    if not moved:
        return "No answer yet: move the coil, or raise the intensity."
    return f"Best so far {place_words(best)}: {moved} of {of_all} moved."


def place_words(place: Placed) -> str:
    """Return a place of the grid in words: `1 cm front, 2 cm left of the middle`."""
    told = []
    if place.row:
        told.append(f"{abs(place.row)} cm {'front' if place.row > 0 else 'back'}")
    if place.column:
        told.append(f"{abs(place.column)} cm {'right' if place.column > 0 else 'left'}")
    return ", ".join(told) or "in the middle"


def _small(of: Searching, log: FindingLog, standing: Standing | None) -> str:
    if log.settings is None:
        return "Mark what you see at each place, then begin the threshold on the best one."
    if standing is not None and standing.why_finished is not None:
        why = WHY_FINISHED.get(standing.why_finished, "")
        return why if standing.acceptable else f"{why} This is no threshold that can be accepted."
    if of.last_value is not None:
        return f"It begins from the last threshold, {of.last_value} %MSO. Interval of 95 %."
    return "Interval of 95 %."


def _value(log: FindingLog, standing: Standing | None) -> int | None:
    finding = log.finding
    if finding is None or standing is None or not standing.acceptable:
        return None
    return value_of_standing(finding, standing)


def value_of_standing(finding: Finding, standing: Standing) -> int | None:
    """Return what an acceptable standing gives in whole %MSO, without computing it again."""
    if standing.estimate_pct_mso is None:
        return value_of(finding)
    return int(standing.estimate_pct_mso + 0.5)


def _coil(snapshot: Snapshot | None) -> str:
    if snapshot is None or snapshot.coil_temperature_c is None:
        return "not reported"
    return f"{snapshot.coil_temperature_c} °C"


def _last(log: FindingLog) -> str:
    if not log.given:
        return "no stimulus yet"
    one, number = log.given[-1], len(log.given)
    seen = "no answer yet" if one.answer is None else ANSWERS[one.answer]
    return f"stimulus {number} at {one.intensity_pct_mso} %MSO: {seen}"


def counted(number: int) -> str:
    """Return a number of stimuli in words."""
    return "1 stimulus" if number == 1 else f"{number} stimuli"
