"""The dose of a session, what it rests on, and what is otherwise than in the last one.

Pure readings for the page before a session; nothing here says whether it may be given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from protocols.exact import clock_text, decimal_text
from protocols.policy import Policy
from protocols.prescription import Prescription, SessionContent
from tms_console.accounts.trust import Trusted
from tms_console.clinic import day as days
from tms_console.clinic.adverse_events import adverse_events_of
from tms_console.clinic.positioning import positionings_of
from tms_console.clinic.thresholds import Threshold, age, newest_like
from tms_console.delivery.preview import Preview
from tms_console.screens.dose_picture import plural, rest_of


@dataclass(frozen=True, slots=True)
class BlockDose:
    """What one block gives.

    Attributes:
        label: What the block is called.
        intensity_pct_mso: What the device is told.
        lowest_pct_mso: Lowest that a technician may set.
        highest_pct_mso: Highest that a technician may set.
        threshold_pct_mso: The threshold that it rests on.
        words: Percentage and threshold, in words.
    """

    label: str
    intensity_pct_mso: int
    lowest_pct_mso: int
    highest_pct_mso: int
    threshold_pct_mso: int
    words: str


@dataclass(frozen=True, slots=True)
class TodayRange:
    """What a technician may choose for today in the ramp over the first sessions, in %."""

    block: int
    label: str
    lowest: Fraction
    highest: Fraction


def block_doses(session: SessionContent, shown: Preview) -> tuple[BlockDose, ...]:
    """Return what each block gives."""
    found = []
    for block, threshold in zip(session.blocks, shown.dose.thresholds, strict=True):
        measured = threshold.measured_at[:10]
        found.append(
            BlockDose(
                f"{block.label} · {block.target}",
                block.intensity_pct_mso,
                block.lowest_pct_mso,
                block.highest_pct_mso,
                block.threshold_pct_mso,
                f"{decimal_text(block.pct_mt)} % of {threshold.value_pct_mso} %MSO, "
                f"{block.threshold_kind}, {measured}; given as "
                f"{decimal_text(block.effective_pct_mt, 1)} %MT",
            )
        )
    return tuple(found)


def dose_facts(
    trusted: Trusted, session: SessionContent, shown: Preview, wall: str
) -> tuple[tuple[str, str], ...]:
    """Return what else is worth reading of a session, as label and value."""
    schedule, block = session.schedule(), session.blocks[0]
    zone = "UTC" if shown.policy is None else shown.policy.time_zone
    threshold = newest_like(trusted, shown.dose.thresholds[0])
    lasts_s, pulses = schedule.duration_s, f"{session.pulses:,}"
    trains = plural(len(schedule.trains), "train")
    if shown.goes_on is not None and shown.goes_on.train:
        rest = rest_of(session, shown.goes_on)
        lasts_s, pulses = rest.lasts_s, f"the last {rest.pulses:,} of {session.pulses:,}"
        trains = f"{rest.trains} of {trains}"
    facts = [
        ("First to last pulse", f"{clock_text(lasts_s, 1)} min"),
        ("Pulses", f"{pulses} in {trains}"),
        ("Coil", " and ".join(dict.fromkeys(one.coil for one in session.blocks))),
        ("Technician's bounds", f"{block.lowest_pct_mso} to {block.highest_pct_mso} %MSO"),
        ("Longest pause", f"{session.longest_pause_s // 60} min"),
    ]
    if threshold is not None:
        facts.append(("Threshold", _threshold_words(trusted, threshold, wall, zone)))
    return tuple(facts)


def _threshold_words(trusted: Trusted, threshold: Threshold, wall: str, zone: str) -> str:
    old = age(trusted, threshold, wall, zone)
    measured = threshold.measured
    return (
        f"{measured.value_pct_mso} %MSO, {measured.method}, {plural(old.days, 'day')} and "
        f"{plural(old.sessions, 'session')} old"
    )


def given_so_far(shown: Preview) -> int:
    """Return how many sessions of the course were given."""
    return sum(one.of_course for one in shown.day.given)


def changed_since(trusted: Trusted, shown: Preview, wall: str) -> Iterator[str]:
    """Yield what is otherwise than in the last session, and what was said of it."""
    signed, zone = shown.prescription, _zone(shown.policy)
    changed = days.changed_since_last(
        trusted,
        days.Today(
            signed.patient_uid,
            signed.uid,
            shown.ordered.threshold_uids,
            shown.wanted.today_pct_mt,
        ),
        zone,
    )
    if changed.first:
        yield "This is the first session of the course."
    if changed.dose and not changed.first:
        yield "The dose is another than in the last session."
    if changed.threshold and not changed.first:
        yield "A block rests on another threshold than in the last session."
    if changed.medication and not changed.first:
        yield "Medication changed since, or was said to have changed."
    yield from (f"{one}." for one in map(str, shown.dose.changed))
    last = days.course(trusted, signed.prescription_uid, zone).last
    if last is not None:
        day = (days.local_day(wall, zone) - days.local_day(last.started_at, zone)).days
        when = {0: "today", 1: "yesterday"}.get(day, f"{day} days ago")
        yield f"The last session was {when}, with {last.pulses:,} pulses given."
        rows = {row.uid for row in last.rows}
        for event in adverse_events_of(trusted, signed.patient_uid):
            if event.event.session_uid in rows:
                yield f"In it: {event.event}."
    if not changed.anything:
        yield "Dose, threshold and medication are as they were."


def _zone(policy: Policy | None) -> str:
    return "UTC" if policy is None else policy.time_zone


def last_position(trusted: Trusted, patient_uid: str) -> tuple[tuple[str, str], ...]:
    """Return how the coil was put last, as label and value."""
    found = positionings_of(trusted, patient_uid)
    if not found:
        return ()
    newest = found[-1]
    told = newest.positioning
    facts = [
        ("Target", f"{told.target}, {told.side}"),
        ("Method", str(told.method)),
        ("Recorded", f"{newest.at[:10]} by {newest.by}"),
    ]
    if told.coil_angle_deg is not None:
        facts.insert(2, ("Coil angle", f"{told.coil_angle_deg}°"))
    if told.hotspot:
        facts.insert(2, ("Hotspot", told.hotspot))
    if told.note:
        facts.append(("Note", told.note))
    return tuple(facts)


def today_ranges(signed: Prescription, number: int) -> tuple[TodayRange, ...]:
    """Return what may be chosen for today, of the blocks where there is a choice."""
    found = []
    for block in range(1, len(signed.doses) + 1):
        low, high = signed.today_range(block, number)
        if low < high:
            label = signed.session.blocks[block - 1].label
            found.append(TodayRange(block, label, low, high))
    return tuple(found)
