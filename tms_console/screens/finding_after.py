"""What the Threshold page says of a series that is over: what was found, how, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from protocols.canonical import moment_of
from protocols.finding_log import FindingLog, Verdict
from protocols.threshold import METHODS, Standing
from tms_console.accounts.trust import Trusted
from tms_console.clinic.patients import patient
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.series import Series, read_series
from tms_console.clinic.thresholds import thresholds_of
from tms_console.records.database import Database
from tms_console.screens.finding_during import ANSWERS, counted, place_words
from tms_console.screens.shell import moment_words
from tms_console.screens.tables import Line, Table


@dataclass(frozen=True, slots=True)
class FindingAfter:
    """A series that is over.

    Attributes:
        session_uid: The session.
        patient_uid: Whose.
        name: The patient.
        title: What was found, or that nothing was.
        state: `good`, `warn` or `bad`.
        sentences: What that means.
        change: Against the threshold before it, in words; "" if there is nothing to compare.
        facts: Label and value.
        stimuli: Every stimulus with its answer.
        log: The series, for the plot.
        standing: Where the method ended, None if it never began.
        recordable: It was accepted and is not on record as a threshold yet.
    """

    session_uid: str
    patient_uid: str
    name: str
    title: str
    state: str
    sentences: tuple[str, ...]
    change: str
    facts: tuple[tuple[str, str], ...]
    stimuli: Table
    log: FindingLog
    standing: Standing | None
    recordable: bool


def finding_after(
    trusted: Trusted, database: Database, wall: str, session_uid: str
) -> FindingAfter:
    """Return a series as the record holds it.

    Raises:
        ClinicRefused: There is no such series, or it cannot be read.
        NotTrusted: Its rows are not what was closed.
    """
    series = read_series(trusted, database, session_uid)
    held = policy_in_force(trusted, wall)
    zone = ZoneInfo("UTC") if held is None else held.policy.zone
    finding = series.log.finding
    standing = None if finding is None else finding.standing
    title, state, sentences = _outcome(series)
    return FindingAfter(
        session_uid=session_uid,
        patient_uid=series.patient_uid,
        name=patient(trusted, series.patient_uid).details.name,
        title=title,
        state=state,
        sentences=sentences,
        change=_change(trusted, series),
        facts=_facts(series, standing, wall, zone),
        stimuli=_stimuli(series.log),
        log=series.log,
        standing=standing,
        recordable=series.accepted and not series.threshold_uid,
    )


def left_out(said: FindingLog, screen: FindingAfter, *, accepted: bool) -> tuple[str, ...]:
    """Return what was said in the window and is not on record, in sentences.

    A process that died, or a STOP that overtook an answer, can leave it out.

    Args:
        said: The series as the window had it.
        screen: What the record has of the same session.
        accepted: Accept was pressed, and not refused.
    """
    kept = screen.log.given
    told = []
    for number, one in enumerate(said.given, 1):
        if number > len(kept):
            told.append(f"Stimulus {number} is not on record as given.")
        elif one.answer is not None and kept[number - 1].answer is None:
            told.append(
                f"The answer to stimulus {number}, {ANSWERS[one.answer]}, came too late and is not "
                "on record."
            )
        elif one.answer is not kept[number - 1].answer:
            told.append(f"The answer to stimulus {number} is on record otherwise than it was said.")
    if accepted and screen.log.decided is None:
        told.append("Accept came too late: no value is on record.")
    return tuple(told)


def _outcome(series: Series) -> tuple[str, str, tuple[str, ...]]:
    decided = series.decided
    if series.accepted and decided is not None:
        told = f"Threshold {decided.value_pct_mso} %MSO"
        if series.threshold_uid:
            return told, "good", ("It is on record, with every stimulus and answer.",)
        return told, "warn", ("It was accepted and is not on record as a threshold yet.",)
    kept = "The series is kept on record and gives no threshold."
    if decided is not None and decided.verdict is Verdict.REJECTED:
        return "Rejected", "warn", (f"Why: {decided.reason}", kept)
    if not series.state:
        return "Not over yet", "note", ("Its end is not on record.",)
    why = series.reason.rstrip(".")
    return f"Aborted: {series.state}", "bad", (f"Why it ended: {why}.", kept)


def _change(trusted: Trusted, series: Series) -> str:
    """Return how the value differs from the threshold before it, in words."""
    decided = series.decided
    if not series.accepted or decided is None or decided.value_pct_mso is None:
        return ""
    began = moment_of(series.started_at)
    before = [
        one
        for one in thresholds_of(trusted, series.patient_uid)
        if moment_of(one.measured.measured_at) < began
        and (one.measured.kind, one.measured.side) == (series.aim.kind, series.aim.side)
    ]
    if not before:
        return "It is the first of its kind on record."
    last = before[-1].measured
    moved = decided.value_pct_mso - last.value_pct_mso
    pct = abs(moved) * 100 / last.value_pct_mso
    how = (
        f"{abs(moved)} %MSO ({pct:.0f} %) {'higher' if moved > 0 else 'lower'} than the last, "
        f"{last.value_pct_mso} %MSO"
        if moved
        else f"The same as the last, {last.value_pct_mso} %MSO"
    )
    here = (series.aim.muscle, series.aim.coil, series.aim.seen)
    same = (last.muscle, last.coil, last.method.value) == here
    return f"{how}." if same else f"{how}, which was measured otherwise."


def _facts(
    series: Series, standing: Standing | None, wall: str, zone: ZoneInfo
) -> tuple[tuple[str, str], ...]:
    today = moment_of(wall).astimezone(zone).date()
    log, aim = series.log, series.aim
    facts = []
    if standing is not None and standing.estimate_pct_mso is not None:
        facts.append(("Estimate", f"{standing.estimate_pct_mso:.1f} %MSO"))
        facts.append(("95 % interval", f"{standing.low:.1f} to {standing.high:.1f} %MSO"))
    if log.settings is not None:
        facts.append(("Method", METHODS[log.settings.method].title))
        prior = log.settings.prior
        if prior is not None:
            facts.append(("Began from", f"{prior.mean_pct_mso} ± {prior.sd_pct_mso} %MSO"))
    facts += [
        ("On", f"{aim.kind}, {aim.muscle}"),
        ("Hemisphere", str(aim.side)),
        ("Coil", aim.coil),
        ("Seen by", aim.seen),
        ("Hotspot", place_words(log.place)),
        ("Given", counted(len(log.given))),
        ("Answers taken back", str(log.taken_back)),
        ("Looked for by", series.operator),
        ("When", moment_words(series.started_at, zone, today)),
    ]
    return tuple(facts)


def _stimuli(log: FindingLog) -> Table:
    lines = tuple(
        Line(
            str(number),
            (
                str(number),
                f"{one.intensity_pct_mso} %MSO",
                "no answer" if one.answer is None else ANSWERS[one.answer],
                "threshold" if one.of_method else f"hotspot, {place_words(one.place)}",
            ),
            "" if one.of_method else "muted",
        )
        for number, one in enumerate(log.given, 1)
    )
    return Table(
        ("No.", "Intensity", "Answer", "For"),
        lines,
        (50, 90, 110, 200),
        3,
        "No stimulus was given.",
    )
